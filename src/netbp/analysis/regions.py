"""The plane as a network sees it: outputs, margins, categories and single neurons on a grid of points."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from netbp.network import Network
from netbp.plain import plain
from netbp.problem import Problem
from netbp.types import Array, Matrix, Vector

UNIT = (0.0, 1.0, 0.0, 1.0)
Extent = tuple[float, float, float, float]
"""(left, right, bottom, top): x_1 from and to, x_2 from and to."""


def grid(network: Network, points: int, extent: Extent = UNIT) -> tuple[Vector, Vector, Matrix]:
    """A grid with its ends on the extent's edges: x_1 (points,), x_2 (points,), and all points (points^2, 2), x_1 running first.

    Raises ValueError when the network has not two inputs, or for fewer than 2 points a side.
    """
    n = network.sizes[0]
    if n != 2:
        raise ValueError(f"a region of the plane needs a network with 2 inputs, but {network.title} has {n}")
    if points < 2:
        raise ValueError(f"the grid needs at least 2 points a side, but {points} were asked for")
    return _grid(points, *(float(edge) for edge in extent))


@lru_cache(maxsize=4)
def _grid(points: int, left: float, right: float, bottom: float, top: float) -> tuple[Vector, Vector, Matrix]:
    """The same picture is asked for again and again while a network trains."""
    x1, x2 = np.linspace(left, right, points), np.linspace(bottom, top, points)
    rows = np.stack(np.meshgrid(x1, x2), axis=-1).reshape(-1, 2)
    for array in (x1, x2, rows):
        array.flags.writeable = False
    return x1, x2, rows


def grid_outputs(problem: Problem, p: ArrayLike, points: int = 501, extent: Extent = UNIT) -> tuple[Vector, Vector, Array]:
    """The network's outputs on a grid, in one go: x_1 (points,), x_2 (points,) and F (points, points, n_L), F[row of x_2, x_1].

    Raises ValueError as `grid` does.
    """
    x1, x2, rows = grid(problem.network, points, extent)
    return x1, x2, problem.predict(p, rows).reshape(points, points, -1)


def margin(outputs: Array, category: int = 0) -> Array:
    """By how much F_category exceeds the other outputs, (..., n_L) -> (...): for two, F_1 - F_2; for one, against 1/2."""
    if outputs.shape[-1] == 1:
        return (0.5 - outputs[..., 0]) if category == 0 else (outputs[..., 0] - 0.5)
    if outputs.shape[-1] == 2:
        return np.asarray(outputs[..., category] - outputs[..., 1 - category])
    others = np.delete(outputs, category, axis=-1)
    return np.asarray(outputs[..., category] - others.max(axis=-1))


def lead(outputs: Array) -> Array:
    """By how much the largest output exceeds the second largest, (..., n_L) -> (...): how sure the category is."""
    ordered = np.sort(outputs, axis=-1)
    return np.asarray(ordered[..., -1] - ordered[..., -2])


def grid_neuron(network: Network, p: ArrayLike, l: int, j: int, points: int = 501, extent: Extent = UNIT) -> Matrix:
    """a_j^[l] on the grid of `grid_outputs`, (points, points); l = 1, ..., L and j = 1, ..., n_l.

    Raises ValueError as `grid` does, and when the network has no such neuron.
    """
    from netbp.engines.reference.passes import forward

    sizes = network.sizes
    if not (1 <= l <= len(sizes) and 1 <= j <= sizes[l - 1]):
        raise ValueError(f"{network.title} has layers 1 to {len(sizes)}, and no neuron {j} in layer {l}")
    with np.errstate(all="ignore"):
        a = forward(network, plain(p, "p", along="entry"), grid(network, points, extent)[2]).a[l - 1]
    return np.asarray(a[:, j - 1].reshape(points, points))


def grid_activations(network: Network, p: ArrayLike, points: int = 501, extent: Extent = UNIT) -> list[Array]:
    """a^[l] of every layer on the grid of `grid_outputs`: for l = 1, ..., L an array (n_l, points, points), neuron by neuron.

    Raises ValueError as `grid` does.
    """
    from netbp.engines.reference.passes import forward

    with np.errstate(all="ignore"):
        layers = forward(network, plain(p, "p", along="entry"), grid(network, points, extent)[2]).a
    return [np.ascontiguousarray(a.T).reshape(-1, points, points) for a in layers]
