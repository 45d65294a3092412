"""`curvature(problem, p)`: the eigenvalues of the Hessian and of the Gauss-Newton matrix, of all parameters and layer by layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from netbp.analysis.density import spectral_density
from netbp.analysis.lanczos import extreme_eigenvalues
from netbp.analysis.noise import effective_rank
from netbp.analysis.operators import Curvature, check_whole, gauss_newton, hessian, layers_of
from netbp.analysis.tables import aligned
from netbp.analysis.trace import Estimate, trace, trace_plus_plus
from netbp.frames import Library, frame
from netbp.problem import Problem
from netbp.types import Vector

EXACT = 500
"""Parameters up to which all eigenvalues are computed by dense linear algebra."""

EPS = float(np.finfo(float).eps)
RANK = 1e-12  # of the largest eigenvalue: what is below counts as 0 in a rank


class Spectrum(NamedTuple):
    """The eigenvalues of one matrix.

    matrix: "Hessian" or "Gauss-Newton". layer: l, or None for all parameters. size: rows. lowest, highest: its ends, each with
    the error within which an eigenvalue lies. negative: how many are below 0. trace: their sum. effective_rank: (trace)^2 by the
    sum of squares, for the Gauss-Newton matrix. rank: relative to 1e-12, where it is exact, otherwise None. values: (s,),
    ascending, where exact, otherwise None. products: with the matrix, altogether.
    """

    matrix: str
    layer: int | None
    size: int
    lowest: Estimate
    highest: Estimate
    negative: Estimate
    trace: Estimate
    effective_rank: float
    rank: int | None
    values: Vector | None
    products: int

    @property
    def exact(self) -> bool:
        """Whether all eigenvalues were computed."""
        return self.values is not None


@dataclass(frozen=True, eq=False)
class CurvatureReport:
    """The spectra at one p; prints as a table. cost: Cost(p). gradient: the norm of its gradient. rate: eta, or None."""

    spectra: tuple[Spectrum, ...]
    cost: float
    gradient: float
    rate: float | None = None

    @property
    def hessian(self) -> Spectrum:
        """The Hessian's, of all parameters."""
        return self.spectra[0]

    @property
    def gauss_newton(self) -> Spectrum:
        """The Gauss-Newton matrix's, of all parameters."""
        return self.spectra[1]

    @property
    def stability_limit(self) -> float:
        """2/lambda_max: the largest rate at which steepest descent on the quadratic model is stable, or infinity."""
        top = self.hessian.highest.value
        return 2.0 / top if top > 0.0 else float("inf")

    def frame(self, library: Library = "pandas") -> Any:
        """One row for each matrix and layer, no layer for all parameters.

        size, lowest and highest eigenvalue, how many are negative, and the trace, each with its error; effective_rank, rank, and
        how many products it took.
        """
        columns: dict[str, list[Any]] = {"matrix": [s.matrix for s in self.spectra], "layer": [s.layer for s in self.spectra]}
        columns["size"] = [s.size for s in self.spectra]
        for name in ("lowest", "highest", "negative", "trace"):
            columns[name] = [getattr(s, name).value for s in self.spectra]
            columns[f"{name}_error"] = [getattr(s, name).error for s in self.spectra]
        for name in ("effective_rank", "rank", "products"):
            columns[name] = [getattr(s, name) for s in self.spectra]
        return frame(columns, library)

    def __str__(self) -> str:
        head = ["matrix", "layer", "size", "lowest", "highest", "below 0", "trace", "eff. rank", "rank"]
        rows = [
            [
                s.matrix,
                "all" if s.layer is None else str(s.layer),
                f"{s.size:,}",
                _told(s.lowest, 4),
                _told(s.highest, 4),
                f"{s.negative.value:.0f}" if s.exact else f"{s.negative.value:.3g}+-{s.negative.error:.1g}",
                _told(s.trace, 3),
                "" if np.isnan(s.effective_rank) else f"{s.effective_rank:.2f}",
                "" if s.rank is None else str(s.rank),
            ]
            for s in self.spectra
        ]
        top = self.hessian.highest.value
        lines = [f"cost {self.cost:.6g}, norm of the gradient {self.gradient:.4g}", aligned(head, rows)]
        lines.append(f"stability limit 2/lambda_max = {self.stability_limit:.4g}")
        if self.rate is not None:
            lines[-1] += f"; eta lambda_max = {self.rate * top:.2g} at eta = {self.rate:g}"
        return "\n".join(lines)


def curvature(
    problem: Problem,
    p: ArrayLike,
    rate: float | None = None,
    by_layer: bool = True,
    exact: bool | None = None,
    products: int = 100,
    rng: Any = 0,
) -> CurvatureReport:
    """The spectra of the Hessian and of the Gauss-Newton matrix of Cost at p, (s,), by layer too.

    rate: eta, to tell eta lambda_max. exact: all eigenvalues by dense linear algebra, or estimates by Lanczos' process,
    Hutchinson's and stochastic Lanczos quadrature; None chooses by the size, up to 500 exactly. products: with each matrix, for
    each kind of estimate. Raises ValueError as `hessian` and `gauss_newton` do.
    """
    if exact:
        check_whole(problem.size)
    value, g = problem.value_and_gradient(p)
    layers = (None, *layers_of(problem)) if by_layer else (None,)
    matrices = [(make, l) for l in layers for make in (hessian, gauss_newton)]
    spectra = [_spectrum(make(problem, p, l), l, make is gauss_newton, exact, products, rng) for make, l in matrices]
    return CurvatureReport(tuple(spectra), value, float(np.linalg.norm(g)), rate)


def _spectrum(matrix: Curvature, layer: int | None, definite: bool, exact: bool | None, products: int, rng: Any) -> Spectrum:
    size, name = matrix.shape[0], "Gauss-Newton" if definite else "Hessian"
    if exact or (exact is None and size <= EXACT):
        values = np.linalg.eigvalsh(matrix.dense())
        largest = float(np.abs(values).max())
        error = EPS * largest * size
        lowest, highest = (Estimate(float(values[k]), error, size) for k in (0, -1))
        negative = Estimate(float(np.count_nonzero(values < -error)), 0.0, size)
        total = Estimate(float(values.sum()), error, size)
        rank = int(np.count_nonzero(np.abs(values) > RANK * largest))
        spread = effective_rank(np.maximum(values, 0.0)) if definite else float("nan")
        return Spectrum(name, layer, size, lowest, highest, negative, total, spread, rank, values, matrix.products)
    found = extreme_eigenvalues(matrix, tolerance=1e-6, products=products, rng=rng)
    lowest, highest = (Estimate(float(found.values[k]), float(found.errors[k]), found.products) for k in (0, -1))
    total = (trace_plus_plus if definite else trace)(matrix, products, rng)
    density = spectral_density(matrix, probes=max(2, products // 25), steps=min(25, size), rng=rng)
    # An eigenvalue within the error of 0 has no sign.
    negative = density.number(high=-1e-9 * float(np.abs(found.values).max()))
    spread = float("nan")
    if definite:
        second = density.moment(2).value
        spread = total.value**2 / (size * second) if second > 0.0 else 0.0
    return Spectrum(name, layer, size, lowest, highest, negative, total, spread, None, None, matrix.products)


def _told(estimate: Estimate, digits: int) -> str:
    """The number, with its error where that reaches the digits shown."""
    number = f"{estimate.value:.{digits - 1}e}"
    return number if estimate.error < 10.0**-digits * abs(estimate.value) else f"{number}+-{estimate.error:.0e}"
