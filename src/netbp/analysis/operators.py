"""The Hessian and the Gauss-Newton matrix of Cost at p, as SciPy's LinearOperator: products for all networks, whole for small ones.

With outputs a(p) and their Jacobian J,

    H = G + sum_i (dC_i/da) d^2 a_i/dp^2,    G = (1/N) sum_i J_i^T (d^2 C_i/da^2) J_i,

the penalty's part in both. The Gauss-Newton matrix is the Hessian of another problem at the same p, in which the targets are what
the network says: there the second term of H vanishes. So an engine that has `hvp` has G v too, and no engine needs to know.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse.linalg import LinearOperator

from netbp.costs import quadratic, softmax, softmax_log_loss
from netbp.plain import plain
from netbp.problem import Problem
from netbp.types import Data, Indices, Matrix, Vector

LARGEST = 5000
"""Parameters up to which a whole matrix is made: 200 MB."""


class Curvature(LinearOperator):  # type: ignore[misc]
    """A symmetric matrix (s, s) that is known by its products, (s,) -> (s,); `products` counts them.

    rounding: the engine's, to which the products are right. told: called with the number of each, or None.
    """

    told: Callable[[int], None] | None = None

    def __init__(self, problem: Problem, p: Vector, where: Indices | None, title: str) -> None:
        self.problem, self.p, self.where, self.title, self.products = problem, p, where, title, 0
        size = problem.size if where is None else len(where)
        self.rounding = float(np.finfo(getattr(problem.engine, "dtype", float)).eps)
        super().__init__(np.dtype(float), (size, size))

    def _matvec(self, v: Vector) -> Vector:
        self.products += 1
        if self.told is not None:
            self.told(self.products)
        v, where = np.asarray(v, dtype=float).reshape(-1), self.where
        if where is None:
            return np.asarray(self.problem.hvp(self.p, v), dtype=float)
        whole = np.zeros(self.problem.size)
        whole[where] = v
        return np.asarray(self.problem.hvp(self.p, whole)[where], dtype=float)

    def _adjoint(self) -> Curvature:
        return self

    def dense(self) -> Matrix:
        """The whole matrix, (s, s), symmetric to the last bit, from s products. Raises ValueError above 5,000 parameters."""
        n = self.shape[0]
        check_whole(n, self.title)
        H = np.empty((n, n))
        for j in range(n):
            e = np.zeros(n)
            e[j] = 1.0
            H[j] = self._matvec(e)
        return 0.5 * (H + H.T)

    def __repr__(self) -> str:
        return f"<{self.title}, {self.shape[0]} by {self.shape[0]}>"


def check_whole(n: int, title: str = "Hessian") -> None:
    """Refuse, before any work, a whole matrix of more than 5,000 rows."""
    if n > LARGEST:
        raise ValueError(
            f"the whole {title} would have {n:,} rows, above the limit of {LARGEST:,}: use its products, one layer "
            "of it (layer=), extreme_eigenvalues, trace or spectral_density"
        )


def hessian(problem: Problem, p: ArrayLike, layer: int | None = None) -> Curvature:
    """The Hessian of Cost at p as a LinearOperator, (s, s); `.dense()` is the whole matrix of a small network.

    p: (s,). layer: l = 2, ..., L for the block of one layer's weights and biases, or None for all. A product is exact (Pearlmutter
    1994), not a difference. Raises ValueError for a p of another shape and for a layer that has no parameters.
    """
    vector, where = _at(problem, p, layer)
    return Curvature(problem, vector, where, "Hessian" if layer is None else f"Hessian of layer {layer}")


def gauss_newton(problem: Problem, p: ArrayLike, layer: int | None = None) -> Curvature:
    """The Gauss-Newton matrix of Cost at p as a LinearOperator, (s, s): J^T J/N for the quadratic cost, never indefinite.

    As in `hessian`. Raises ValueError, too, for a cost of your own, whose matching targets netbp does not know.
    """
    vector, where = _at(problem, p, layer)
    title = "Gauss-Newton matrix" if layer is None else f"Gauss-Newton matrix of layer {layer}"
    return Curvature(matched(problem, vector), vector, where, title)


def matched(problem: Problem, p: Vector) -> Problem:
    """The problem whose targets are what the network says at p, so that no point's slope dC/da is left there."""
    x, y = np.asarray(problem.data.x), np.asarray(problem.data.y)
    a = np.asarray(problem.output(p, x), dtype=float)
    if problem.cost is quadratic:
        targets = a
    elif problem.cost is softmax_log_loss:
        targets = softmax(a) * y.sum(axis=1, keepdims=True)
    else:
        raise ValueError(
            f"the Gauss-Newton matrix is known for the costs quadratic and softmax_log_loss, but the cost is {problem.cost!r}: "
            "use hessian"
        )
    return replace(problem, data=Data(x, targets, problem.data.weight), held_out=None)


def layers_of(problem: Problem) -> tuple[int, ...]:
    """The numbers l = 2, ..., L of the layers that have parameters."""
    return tuple(l for l, layer in enumerate(problem.network.layers, start=2) if layer.size)


def entries(problem: Problem, layer: int) -> Indices:
    """Where the weights and biases of layer l lie in p. Raises ValueError for a layer without parameters."""
    known = layers_of(problem)
    if layer not in known:
        raise ValueError(
            f"layer {layer!r} of {problem.network.title} has no parameters: those that do are {', '.join(map(str, known))}"
        )
    return np.concatenate([np.r_[part] for part in problem.network.slices[known.index(layer)]])


def _at(problem: Problem, p: ArrayLike, layer: int | None) -> tuple[Vector, Indices | None]:
    vector = plain(p, "p", along="entry")
    if vector.shape != (problem.size,) or not np.isfinite(vector).all():
        raise ValueError(
            f"{problem.network.title} has {problem.size} parameters, but p has shape {vector.shape} with "
            f"{np.count_nonzero(~np.isfinite(vector))} entries that are not finite: give one finite vector, such as run.p"
        )
    return vector, None if layer is None else entries(problem, layer)


def as_operator(matrix: Any) -> LinearOperator:
    """A symmetric matrix or LinearOperator as a LinearOperator. Raises ValueError when it is not square."""
    from scipy.sparse.linalg import aslinearoperator

    operator = aslinearoperator(matrix)
    if operator.shape[0] != operator.shape[1]:
        raise ValueError(f"a symmetric matrix is needed, but its shape is {operator.shape}")
    return operator
