"""The spectral density of a matrix that is known by its products, by stochastic Lanczos quadrature, with standard errors.

For a unit vector v the measure mu_v = sum_i (q_i^T v)^2 delta(lambda_i) has the mean (1/s) sum_i delta(lambda_i) over random v. m
steps of Lanczos' process from v give mu_v's Gauss quadrature: nodes, the eigenvalues of T, and weights, the squares of the first
entries of its eigenvectors, exact for polynomials of degree up to 2 m - 1 (Golub & Meurant, 2010; Ubaru, Chen & Saad,
SIMAX 38, 2017).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from netbp.analysis.lanczos import lanczos
from netbp.analysis.operators import as_operator
from netbp.analysis.trace import Estimate
from netbp.frames import Library, frame
from netbp.types import Matrix, Vector


class SpectralDensity(NamedTuple):
    """The eigenvalues' distribution. size: s. nodes, weights: (probes, m), each row of weights with the sum 1. products: taken."""

    size: int
    nodes: Matrix
    weights: Matrix
    products: int

    def mean(self, f: Callable[[Matrix], Matrix]) -> Estimate:
        """(1/s) sum_i f(lambda_i), with its standard error over the probes; f takes and gives arrays."""
        each = (self.weights * np.asarray(f(self.nodes), dtype=float)).sum(axis=1)
        return self._estimate(each, 1.0)

    def moment(self, k: int) -> Estimate:
        """(1/s) trace A^k."""
        return self.mean(lambda x: x**k)

    def number(self, low: float = -np.inf, high: float = np.inf) -> Estimate:
        """How many eigenvalues lie in [low, high]; its error is that over the probes, not the quadrature's own."""
        each = (self.weights * ((self.nodes >= low) & (self.nodes <= high))).sum(axis=1)
        return self._estimate(each, float(self.size))

    def curve(self, grid: Vector, width: float) -> tuple[Vector, Vector]:
        """The density, smoothed by normal curves of standard deviation `width`, on the grid (n,), and its error (n,)."""
        if not width > 0.0:
            raise ValueError(f"the width of smoothing must be above 0, but it is {width!r}")
        z = (np.asarray(grid)[:, None, None] - self.nodes) / width
        each = (self.weights * np.exp(-0.5 * z * z)).sum(axis=2) / (width * np.sqrt(2.0 * np.pi))
        return each.mean(axis=1), each.std(axis=1, ddof=1) / np.sqrt(each.shape[1])

    def frame(self, library: Library = "pandas") -> Any:
        """One row for each node of each probe's quadrature: probe (from 1), node (an eigenvalue), weight."""
        probes = np.repeat(np.arange(1, len(self.nodes) + 1), self.nodes.shape[1])
        return frame({"probe": probes, "node": self.nodes.ravel(), "weight": self.weights.ravel()}, library)

    def _estimate(self, each: Vector, factor: float) -> Estimate:
        return Estimate(factor * float(each.mean()), factor * float(each.std(ddof=1) / np.sqrt(len(each))), self.products)

    def __str__(self) -> str:
        lowest, highest = self.nodes[self.weights > 0].min(), self.nodes[self.weights > 0].max()
        return f"spectral density of {self.size:,} eigenvalues from {lowest:.4g} to {highest:.4g}, {self.products} products"


def spectral_density(matrix: Any, probes: int = 10, steps: int = 50, rng: Any = 0) -> SpectralDensity:
    """The spectral density of a symmetric matrix (s, s), from `probes` random vectors with `steps` products each.

    Raises ValueError for fewer than 2 probes, which give no error, or no step.
    """
    operator = as_operator(matrix)
    if probes < 2 or steps < 1:
        raise ValueError(f"a density with its error needs at least 2 probes and 1 step, but got {probes} and {steps}")
    s = operator.shape[0]
    generator, m = np.random.default_rng(rng), min(steps, s)
    nodes, weights, products = np.zeros((probes, m)), np.zeros((probes, m)), 0
    for row in range(probes):
        theta, S = (done := lanczos(operator, m, generator.choice([-1.0, 1.0], s))).ritz()
        products += len(done.alpha)
        nodes[row, : len(theta)], weights[row, : len(theta)] = theta, S[0] ** 2
        nodes[row, len(theta) :] = theta[-1]  # nodes of weight 0, where an invariant space was found
    return SpectralDensity(s, nodes, weights, products)
