"""The noise of the stochastic gradient: its covariance Sigma, by a factor of as many rows as there are points.

With c_i the points' shares (1 without weights) and g_i = c_i grad C_i, a batch of m points drawn with replacement has a gradient
with the mean g = (1/N) sum_i g_i, that of Cost without penalty, and the covariance Sigma/m,

    Sigma = (1/N) sum_i (g_i - g)(g_i - g)^T = F^T F,    F = (g_i - g)/sqrt(N),

whose rank is at most N - 1, and that vanishes where every point is fitted.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from netbp.analysis.operators import as_operator
from netbp.analysis.sampled import restricted
from netbp.plain import plain
from netbp.problem import Problem
from netbp.types import Data, Matrix, Vector

ENTRIES = 2 * 10**7
"""Numbers in a Jacobian up to which it is made at once; beyond, gradients come point by point or in small groups."""

MOST = 4 * 10**9
"""Bytes that the gradients of all points may take."""

PRODUCTS = 100
"""Products with a matrix that a random estimate takes."""


class GradientNoise(NamedTuple):
    """The noise of single points' gradients. factor: F, (N, s), Sigma = F^T F. mean: g, (s,)."""

    factor: Matrix
    mean: Vector

    @property
    def eigenvalues(self) -> Vector:
        """The eigenvalues of Sigma that can differ from 0, descending, (min(N, s),)."""
        if self.factor.size <= ENTRIES:
            return np.asarray(np.linalg.svd(self.factor, compute_uv=False) ** 2, dtype=float)
        F = self.factor if len(self.factor) <= self.factor.shape[1] else self.factor.T
        return np.asarray(np.maximum(np.linalg.eigvalsh((F @ F.T).astype(float))[::-1], 0.0))

    @property
    def trace(self) -> float:
        """The trace of Sigma: the mean square distance of a point's gradient from the mean."""
        return float(np.einsum("is,is->i", self.factor, self.factor).sum(dtype=float))

    @property
    def norm(self) -> float:
        """The Frobenius norm of Sigma."""
        return float(np.linalg.norm(self.eigenvalues))

    @property
    def rank(self) -> int:
        """How many eigenvalues exceed 1e-12 times the largest, 1e-6 in single precision; at most N - 1."""
        values, least = self.eigenvalues, 1e-12 if self.factor.dtype == np.float64 else 1e-6
        return int(np.count_nonzero(values > least * values.max(initial=0.0)))

    @property
    def effective_rank(self) -> float:
        """(trace)^2/||Sigma||_F^2: the number of equal eigenvalues that would be as spread; 0 without noise."""
        return effective_rank(self.eigenvalues)

    def along(self, direction: Vector) -> float:
        """The share of the noise's variance along a direction, (s,): 1/s for noise alike in all directions."""
        return float(((self.factor @ direction) ** 2).sum() / (direction @ direction) / self.trace) if self.trace else 0.0

    def alignment(self, matrix: Any) -> float:
        """The cosine of the angle between Sigma and a symmetric matrix A (s, s), trace(A Sigma)/(||A||_F ||Sigma||_F).

        Exact for an array, and for a matrix that has `dense()` and up to 500 rows. Otherwise ||A||_F is estimated from 100 products
        with random signs, and so is the trace, by 100 more, for more than 100 points.
        """
        operator = as_operator(matrix)
        if not self.trace:
            return 0.0
        if isinstance(matrix, np.ndarray):
            return float(np.sum((self.factor @ matrix) * self.factor) / (np.linalg.norm(matrix) * self.norm))
        if hasattr(matrix, "dense") and operator.shape[0] <= 500:
            return self.alignment(matrix.dense())
        generator, (N, s) = np.random.default_rng(0), self.factor.shape
        if N <= PRODUCTS:
            product = sum(float(row @ operator.matvec(row)) for row in self.factor)
        else:  # trace(F A F^T) is the mean of w^T A w with w = F^T z, z random signs
            w = generator.choice([-1.0, 1.0], (PRODUCTS, N)) @ self.factor
            product = float(np.mean([row @ operator.matvec(row) for row in w]))
        squares = np.mean([np.sum(operator.matvec(generator.choice([-1.0, 1.0], s)) ** 2) for _ in range(PRODUCTS)])
        return product / float(np.sqrt(squares) * self.norm)


def gradient_noise(problem: Problem, p: ArrayLike, points: int | None = None, rng: Any = 0) -> GradientNoise:
    """The noise of the stochastic gradient at p, (s,), from the gradients of all N points, N s numbers.

    points: so many of them, drawn at random without replacement, stand for all; N in the results is then their number. In the
    engine's precision where there are many numbers. Raises ValueError, with the size, for more than 4 GB of them.
    """
    if points is not None and points < problem.N:
        if points < 2:
            raise ValueError(f"the noise of gradients needs at least 2 points, but {points} were asked for")
        problem = restricted(problem, np.sort(np.random.default_rng(rng).permutation(problem.N)[:points]))
    g = point_gradients(problem, p)
    mean = g.mean(axis=0, dtype=float)
    g -= mean
    g /= np.sqrt(len(g))
    return GradientNoise(g, mean)


def point_gradients(problem: Problem, p: ArrayLike) -> Matrix:
    """c_i grad C_i for each point, (N, s), without penalty: their mean is the gradient of Cost (14). Raises as `gradient_noise`."""
    vector = plain(p, "p", along="entry")
    if vector.shape != (problem.size,):
        raise ValueError(f"{problem.network.title} has {problem.size} parameters, but p has shape {vector.shape}")
    x, y, weight = (None if part is None else np.asarray(part) for part in problem.data)
    assert x is not None
    assert y is not None
    many = problem.N * problem.size > ENTRIES
    precision = np.dtype(getattr(problem.engine, "dtype", float) if many else float)
    size = problem.N * problem.size * precision.itemsize
    if size > MOST:
        raise ValueError(
            f"the gradients of {problem.N:,} points by {problem.size:,} parameters would take {size / 1e9:,.1f} GB, above "
            f"the limit of {MOST / 1e9:g} GB: take a sample of at most {MOST // (problem.size * precision.itemsize):,}, points="
        )
    shares = np.ones(len(x)) if weight is None else weight * len(x) / weight.sum()
    bare = replace(problem, data=Data(x, y), held_out=None, penalty=0.0)
    together = getattr(bare.bound, "point_gradients", None)
    if y.size * problem.size <= ENTRIES and problem.network.is_dense:
        return _by_jacobian(bare, vector, x, y, shares)
    if together is not None:
        rows = np.asarray(together(bare._vector(vector)), dtype=precision)
    else:
        rows = np.empty((len(x), problem.size), dtype=precision)
        for i in range(len(x)):
            rows[i] = replace(bare, data=Data(x[i : i + 1], y[i : i + 1])).gradient(vector)
    rows *= shares[:, None].astype(precision)
    return rows


def _by_jacobian(problem: Problem, p: Vector, x: Matrix, y: Matrix, shares: Vector) -> Matrix:
    slope = np.asarray(problem.cost.slope(problem.output(p, x), y), dtype=float)
    J = np.asarray(problem.bound.jacobian(problem._vector(p)), dtype=float).reshape(*slope.shape, problem.size)  # of y - a
    return np.asarray(-np.einsum("i,ik,iks->is", shares, slope, J))


def effective_rank(eigenvalues: Vector) -> float:
    """(sum of the eigenvalues)^2/(sum of their squares), for eigenvalues of at least 0."""
    squares = float((eigenvalues**2).sum())
    return float(eigenvalues.sum()) ** 2 / squares if squares > 0.0 else 0.0
