"""Small pictures of every neuron at once: what each sees of the plane, for the circles of the network."""

from __future__ import annotations

import numpy as np

from netbp.analysis.regions import Extent, grid_activations
from netbp.problem import Problem
from netbp.types import Array, Vector

LARGEST_MAP = 64
"""The most grid points a side of a neuron's map."""


def maps(problem: Problem, p: Vector, points: int, extent: Extent) -> dict[str, Array]:
    """Section "maps": a_j^[l] over the plane, (n_1 + ... + n_L, points, points), layer after layer; "means": of each over the grid.

    Raises ValueError for a grid that is too coarse or too fine.
    """
    if not 2 <= points <= LARGEST_MAP:
        raise ValueError(f"a map has 2 to {LARGEST_MAP} points a side, but {points} were asked for")
    a = np.concatenate(grid_activations(problem.network, p, points, extent))
    with np.errstate(all="ignore"):
        return {"maps": a.astype(np.float32), "means": a.mean(axis=(1, 2)).astype(np.float32)}
