"""Traces of matrices that are known by their products only, with standard errors."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from netbp.analysis.operators import as_operator
from netbp.types import Matrix


class Estimate(NamedTuple):
    """A random estimate, its standard error, and how many products it took."""

    value: float
    error: float
    products: int

    def __str__(self) -> str:
        return f"{self.value:.5g} +- {self.error:.1g} ({self.products} products)"


def trace(matrix: Any, products: int = 100, rng: Any = 0) -> Estimate:
    """Hutchinson's estimate: the mean of v^T A v over vectors of random signs (Commun. Statist. 18, 1989).

    matrix: (s, s), symmetric. Its variance per product is 2 (||A||_F^2 - sum_i a_ii^2). Raises ValueError below 2 products.
    """
    operator = as_operator(matrix)
    if products < 2:
        raise ValueError(f"a trace with its error needs at least 2 products, but {products} were asked for")
    signs = _signs(np.random.default_rng(rng), operator.shape[0], products)
    values = np.array([v @ operator.matvec(v) for v in signs.T])
    return Estimate(float(values.mean()), float(values.std(ddof=1) / np.sqrt(products)), products)


def trace_plus_plus(matrix: Any, products: int = 99, rng: Any = 0) -> Estimate:
    """Hutch++: the trace on a space Q that holds most of A, and Hutchinson's estimate of the rest (Meyer et al., SOSA 2021).

    matrix: (s, s), symmetric and not indefinite, such as `gauss_newton`, for which m products give an error of order 1/m instead
    of 1/sqrt(m). With a matrix whose rank is at most a third of the products it is exact but for rounding. Raises ValueError for
    fewer than 6 products.
    """
    operator = as_operator(matrix)
    if products < 6:
        raise ValueError(f"Hutch++ needs at least 6 products, but {products} were asked for")
    generator, s = np.random.default_rng(rng), operator.shape[0]
    k = min(products // 3, s)
    sketch = np.stack([operator.matvec(v) for v in _signs(generator, s, k).T], axis=1)
    Q, R = np.linalg.qr(sketch)
    inside = float(sum(q @ operator.matvec(q) for q in Q.T))
    if k == s:
        return Estimate(inside, 0.0, 2 * k)
    rest = max(2, products - 2 * k)
    values = np.empty(rest)
    for i, v in enumerate(_signs(generator, s, rest).T):
        w = v - Q @ (Q.T @ v)
        values[i] = w @ operator.matvec(w)
    return Estimate(inside + float(values.mean()), float(values.std(ddof=1) / np.sqrt(rest)), 2 * k + rest)


def _signs(generator: np.random.Generator, rows: int, columns: int) -> Matrix:
    return np.asarray(generator.choice([-1.0, 1.0], (rows, columns)))
