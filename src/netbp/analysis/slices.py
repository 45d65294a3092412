"""The cost on lines and planes: random, normalised by filters, through given points, or along a path's principal directions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from netbp.analysis.tables import aligned
from netbp.frames import Library, frame
from netbp.network import Network
from netbp.plain import plain
from netbp.problem import Problem
from netbp.types import Array, Matrix, Vector


@dataclass(frozen=True, eq=False)
class Slice:
    """Cost(centre + sum_k t_k d_k) on a line or a plane; prints its extremes.

    centre: (s,). directions: d_k, (1 or 2, s). axes: the values of each t_k. costs: (n,), or (n_1, n_2) for [t_1, t_2]. path: the
    coordinates of given points, (m, 1 or 2). explained: which share of the points' variance lies along each direction, or None.
    off: how far each given point is from the line or plane, (m,).
    """

    centre: Vector
    directions: Matrix
    axes: tuple[Vector, ...]
    costs: Array
    path: Matrix | None = None
    explained: Vector | None = None
    off: Vector | None = None

    def frame(self, library: Library = "pandas") -> Any:
        """One row for each place: its coordinates t1 (and t2), and the cost there."""
        grids = np.meshgrid(*self.axes, indexing="ij")
        return frame({f"t{k + 1}": grid.ravel() for k, grid in enumerate(grids)} | {"cost": self.costs.ravel()}, library)

    def __str__(self) -> str:
        low = np.unravel_index(int(np.argmin(self.costs)), self.costs.shape)
        high = np.unravel_index(int(np.argmax(self.costs)), self.costs.shape)
        where = [", ".join(f"{axis[i]:.4g}" for axis, i in zip(self.axes, at, strict=True)) for at in (low, high)]
        rows = [["lowest", f"{self.costs[low]:.6g}", where[0]], ["highest", f"{self.costs[high]:.6g}", where[1]]]
        text = aligned([" x ".join(str(len(axis)) for axis in self.axes) + " places", "cost", "at"], rows)
        if self.explained is not None:
            shares = ", ".join(f"{100 * x:.1f} %" for x in self.explained)
            text += f"\nvariance of the path along the directions: {shares}, together {100 * self.explained.sum():.1f} %"
        if self.off is not None and len(self.off):
            text += f"\nthe given points are up to {self.off.max():.3g} away from it"
        return text


def slice_line(problem: Problem, centre: ArrayLike, direction: ArrayLike, t: ArrayLike | None = None) -> Slice:
    """The cost on the line centre + t d. t: (n,), 201 values from -1 to 1 if None. See `toward` for a line through two points."""
    times = np.linspace(-1.0, 1.0, 201) if t is None else np.asarray(t, dtype=float)
    return _sliced(problem, centre, np.atleast_2d(np.asarray(direction, dtype=float)), (times,))


def toward(problem: Problem, p: ArrayLike, q: ArrayLike, t: ArrayLike | None = None) -> Slice:
    """The cost on the line (1 - t) p + t q. t: (n,), 201 values from -1/2 to 3/2 if None."""
    a, b = _vector(problem, p), _vector(problem, q)
    return slice_line(problem, a, b - a, np.linspace(-0.5, 1.5, 201) if t is None else t)


def slice_plane(
    problem: Problem,
    centre: ArrayLike,
    directions: ArrayLike,
    extent: tuple[float, float, float, float] = (-1, 1, -1, 1),
    n: int = 51,
) -> Slice:
    """The cost on the plane centre + t_1 d_1 + t_2 d_2. directions: (2, s). extent: t_1 and t_2 from and to. n: places a side."""
    axes = (np.linspace(*extent[:2], n), np.linspace(*extent[2:], n))
    return _sliced(problem, centre, np.asarray(directions, dtype=float), axes)


def plane_through(problem: Problem, points: ArrayLike, n: int = 51, margin: float = 0.3) -> Slice:
    """The cost on the plane through three points (3, s), in orthonormal coordinates from the first; path: where they lie.

    margin: how far it goes beyond them, relatively. Raises ValueError for another shape and for points on one line.
    """
    P = np.asarray(points, dtype=float)
    if P.shape != (3, problem.size):
        raise ValueError(f"a plane goes through three points (3, {problem.size}), but their shape is {P.shape}")
    Q, R = np.linalg.qr((P[1:] - P[0]).T)
    if abs(R[1, 1]) <= 1e-12 * abs(R[0, 0]) or R[0, 0] == 0.0:
        raise ValueError("the three points lie on one line, within rounding: give another third point")
    return _around(problem, P[0], (Q * np.sign(np.diag(R))).T, P, None, n, margin)


def plane_of_path(problem: Problem, points: ArrayLike, n: int = 51, margin: float = 0.3, centre: ArrayLike | None = None) -> Slice:
    """The cost on the plane through a path's last point along the path's two principal directions.

    points: (m, s), m at least 3. The directions are the leading right singular vectors of the points less `centre`, the last point
    if None (Li, Xu, Taylor, Studer & Goldstein, NeurIPS 2018); explained: their shares of the sum of squares. A random walk, too,
    has most of its variance along two directions (Antognini & Sohl-Dickstein, NeurIPS 2018): a high share alone says little.
    """
    P = np.asarray(points, dtype=float)
    if P.ndim != 2 or len(P) < 3 or P.shape[1] != problem.size:
        raise ValueError(f"a path's plane needs at least 3 points (m, {problem.size}), but their shape is {P.shape}")
    middle = P[-1] if centre is None else _vector(problem, centre)
    _, singular, V = np.linalg.svd(P - middle, full_matrices=False)
    total = float((singular**2).sum())
    if total == 0.0:
        raise ValueError("the path does not move: there are no principal directions")
    D = V[:2] * np.where(((P[0] - middle) @ V[:2].T) < 0.0, -1.0, 1.0)[:, None]
    return _around(problem, middle, D, P, singular[:2] ** 2 / total, n, margin)


def random_directions(network: Network, p: ArrayLike, count: int = 2, normalised: bool = True, rng: Any = 0) -> Matrix:
    """Random directions, (count, s), of standard normal numbers.

    normalised: whether each neuron's numbers (w, b), in a convolution each filter's, get the norm that they have in p, so that
    pictures of different networks can be compared (Li et al., NeurIPS 2018, who leave biases out); otherwise each has length 1.
    """
    D = np.random.default_rng(rng).standard_normal((count, network.size))
    if not normalised:
        return np.asarray(D / np.linalg.norm(D, axis=1, keepdims=True))
    for (W, b), (V, c) in zip(network.views(D), network.views(plain(p, "p", along="entry")), strict=True):
        size = np.sqrt((V.reshape(len(V), -1) ** 2).sum(axis=1) + c * c)
        own = np.sqrt((W.reshape(count, len(V), -1) ** 2).sum(axis=2) + b * b)
        factor = size / own
        W *= factor.reshape(*factor.shape, *[1] * (W.ndim - 2))
        b *= factor
    return D


def located(centre: ArrayLike, directions: Matrix, points: ArrayLike) -> tuple[Matrix, Vector]:
    """Where points (m, s) lie on the plane of any two directions: coordinates by least squares, (m, 2), and distances, (m,)."""
    moved = np.asarray(points, dtype=float) - np.asarray(centre, dtype=float)
    coordinates = np.linalg.lstsq(directions.T, moved.T, rcond=None)[0].T
    return coordinates, np.linalg.norm(moved - coordinates @ directions, axis=1)


def costs_at(problem: Problem, points: Matrix) -> Vector:
    """Cost at many points (m, s), (m,), together where the engine can."""
    if hasattr(problem.bound, "values"):
        return np.asarray(problem.bound.values(np.ascontiguousarray(points)))
    return np.array([problem.value(p) for p in points])


def _around(problem: Problem, centre: Vector, D: Matrix, P: Matrix, explained: Vector | None, n: int, margin: float) -> Slice:
    path = (P - centre) @ D.T
    axes = []
    for column in path.T:
        low, high = float(column.min()), float(column.max())
        more = margin * (high - low or 1.0)
        axes.append(np.linspace(low - more, high + more, n))
    off = np.linalg.norm(P - centre - path @ D, axis=1)
    return _sliced(problem, centre, D, tuple(axes), path, explained, off)


def _sliced(
    problem: Problem,
    centre: ArrayLike,
    directions: Matrix,
    axes: tuple[Vector, ...],
    path: Matrix | None = None,
    explained: Vector | None = None,
    off: Vector | None = None,
) -> Slice:
    p = _vector(problem, centre)
    if directions.shape != (len(axes), problem.size):
        raise ValueError(f"{len(axes)} directions must have shape ({len(axes)}, {problem.size}), but it is {directions.shape}")
    t = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    rows = t.reshape(-1, len(axes))
    step = max(1, 10**6 // problem.size)
    with np.errstate(all="ignore"):
        costs = [costs_at(problem, p + rows[i : i + step] @ directions) for i in range(0, len(rows), step)]
    return Slice(p, directions, axes, np.concatenate(costs).reshape(t.shape[:-1]), path, explained, off)


def _vector(problem: Problem, p: ArrayLike) -> Vector:
    vector = plain(p, "p", along="entry")
    if vector.shape != (problem.size,):
        raise ValueError(f"{problem.network.title} has {problem.size} parameters, but a point has shape {vector.shape}")
    return vector
