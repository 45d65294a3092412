"""Lanczos' process: the extreme eigenvalues of a symmetric matrix that is known by its products, with error bounds.

From a unit vector v_1, m products give an orthonormal V and a tridiagonal T with A V = V T + beta_m v_(m+1) e_m^T. For an eigenpair
T s = theta s, the vector V s has the residual beta_m |s_m|: so close to theta there is an eigenvalue of A (Parlett, The Symmetric
Eigenvalue Problem, 1980, section 13.2). V is orthogonalised in full, twice, which costs 4 s m^2 operations and leaves no ghosts.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from netbp.analysis.operators import as_operator
from netbp.frames import Library, frame
from netbp.types import Matrix, Vector

EPS = float(np.finfo(float).eps)
CHECK = 5  # products between two looks at the error bounds


class Tridiagonal(NamedTuple):
    """T of Lanczos' process: alpha (m,) on the diagonal, beta (m,) beside it, the last of them left over; V, (m, s)."""

    alpha: Vector
    beta: Vector
    V: Matrix

    @property
    def T(self) -> Matrix:
        """The tridiagonal matrix, (m, m)."""
        return np.diag(self.alpha) + np.diag(self.beta[:-1], 1) + np.diag(self.beta[:-1], -1)

    def ritz(self) -> tuple[Vector, Matrix]:
        """The eigenvalues (m,) of T, ascending, and its eigenvectors as columns (m, m)."""
        from scipy.linalg import eigh_tridiagonal

        if len(self.alpha) == 1:
            return self.alpha.copy(), np.ones((1, 1))
        values, vectors = eigh_tridiagonal(self.alpha, self.beta[:-1])
        return values, vectors


class Eigenvalues(NamedTuple):
    """Eigenvalues of a symmetric matrix with their errors.

    values: (k,), ascending. errors: (k,), within which of each value an eigenvalue lies, for certain but for rounding. vectors:
    (s, k). products: how many it took.
    """

    values: Vector
    errors: Vector
    vectors: Matrix
    products: int

    def frame(self, library: Library = "pandas") -> Any:
        """One row for each eigenvalue, ascending: value, error (within which one lies)."""
        return frame({"value": self.values, "error": self.errors}, library)

    def __str__(self) -> str:
        rows = [f"  {value:>13.6e}  within {error:.1e}" for value, error in zip(self.values, self.errors, strict=True)]
        return "\n".join([f"eigenvalues, from {self.products} products", *rows])


def lanczos(matrix: Any, steps: int, start: Vector) -> Tridiagonal:
    """At most `steps` steps of Lanczos' process from `start`, (s,); fewer where V spans an invariant space.

    matrix: (s, s), symmetric, a LinearOperator or an array. Raises ValueError for a start that is zero or not finite.
    """
    operator = as_operator(matrix)
    process = _Process(operator, start, min(steps, operator.shape[0]))
    while process.step():
        pass
    return process.result()


class _Process:
    """Lanczos' process, one product at a time."""

    def __init__(self, operator: Any, start: Vector, most: int) -> None:
        norm = float(np.linalg.norm(start))
        if not (np.isfinite(norm) and norm > 0.0):
            raise ValueError(f"Lanczos' process starts from a finite vector other than 0, but its norm is {norm}")
        if most < 1:
            raise ValueError(f"Lanczos' process needs at least 1 step, but {most} were asked for")
        self.operator, self.most, self.m, self.scale = operator, most, 0, 0.0
        self.V = np.empty((most, len(start)))
        self.V[0] = start / norm
        self.alpha, self.beta = np.zeros(most), np.zeros(most)

    def step(self) -> bool:
        """One product; whether another can follow."""
        m, V = self.m, self.V
        w = np.array(self.operator.matvec(V[m]), dtype=float)
        self.alpha[m] = V[m] @ w
        for _ in range(2):  # twice is enough (Parlett, section 6.9)
            w -= V[: m + 1].T @ (V[: m + 1] @ w)
        self.beta[m] = np.linalg.norm(w)
        self.scale = max(self.scale, abs(self.alpha[m]) + self.beta[m])
        self.m += 1
        if self.beta[m] <= 10.0 * EPS * self.scale:
            self.beta[m] = 0.0
            return False
        if self.m == self.most:
            return False
        V[m + 1] = w / self.beta[m]
        return True

    def result(self) -> Tridiagonal:
        return Tridiagonal(self.alpha[: self.m], self.beta[: self.m], self.V[: self.m])


def extreme_eigenvalues(
    matrix: Any, lowest: int = 1, highest: int = 1, tolerance: float = 1e-8, products: int = 200, rng: Any = 0
) -> Eigenvalues:
    """The lowest and the highest eigenvalues of a symmetric matrix by Lanczos' process, with error bounds.

    matrix: (s, s), a LinearOperator (`hessian`, `gauss_newton`) or an array. tolerance: it stops when every error is at most this
    times the largest |eigenvalue|; products: or after so many. Eigenvalues of multiplicity above 1 are found once, and a
    direction to which the random start is orthogonal is missed, which has probability 0. Raises ValueError for counts that do not
    fit.
    """
    operator = as_operator(matrix)
    s = operator.shape[0]
    if lowest < 0 or highest < 0 or not 1 <= lowest + highest <= s:
        raise ValueError(f"a matrix with {s} rows has no {lowest} lowest and {highest} highest eigenvalues")
    start = np.random.default_rng(rng).standard_normal(s)
    process = _Process(operator, start, min(s, max(products, lowest + highest)))
    more = True
    while more:
        more = process.step()
        if more and process.m % CHECK == 0 and process.m >= lowest + highest and _wanted(process, lowest, highest, tolerance):
            break
    done = process.result()
    theta, S = done.ritz()
    m = len(theta)
    lowest, highest = min(lowest, m), min(highest, m - min(lowest, m))
    picked = np.r_[0:lowest, m - highest : m]
    # Rounding in the products and in V: a few roundings of the largest eigenvalue, in the precision of the products.
    rounding = max(EPS, getattr(matrix, "rounding", 0.0)) * np.abs(theta).max() * np.sqrt(m)
    errors = done.beta[-1] * np.abs(S[-1, picked]) + rounding
    return Eigenvalues(theta[picked], errors, done.V.T @ S[:, picked], m)


def _wanted(process: _Process, lowest: int, highest: int, tolerance: float) -> bool:
    theta, S = process.result().ritz()
    m = len(theta)
    picked = np.r_[0:lowest, m - highest : m]
    return bool((process.beta[m - 1] * np.abs(S[-1, picked])).max() <= tolerance * np.abs(theta).max())
