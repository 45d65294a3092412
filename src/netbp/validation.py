"""What is looked at beside the training: the cost of the held-out points, and how many of them are put into the wrong category."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from netbp.costs import Cost
from netbp.engines import TOP, Bound
from netbp.problem import Problem
from netbp.types import Array, Indices, Matrix

BUFFERS = "buffers."
NOTHING: Mapping[str, Array] = {}


def bound_at(bound: Bound, memory: Mapping[str, Array], m: int | None = None) -> Any:
    """The bound engine with the buffers that a state's memory keeps, of M networks those of network m; itself without any."""
    found = {name: array for name, array in memory.items() if name.startswith(BUFFERS)}
    if not found:
        return bound
    told: Any = bound
    return told.at({name.removeprefix(BUFFERS): array if m is None else array[m] for name, array in found.items()})


def held_out_of(problem: Problem, p: Array, memory: Mapping[str, Array] = NOTHING) -> dict[str, Any]:
    """Cost and error shares of the held-out points, in evaluation mode, by one forward pass.

    p: (s,), giving numbers, or (M, s), giving (M,) each. memory: the state's, whose buffers are used. By name: "held_out", the cost
    (9) without penalty; where the targets are categories also "held_out_top1" and, with more than five of them, "held_out_top5",
    the share of the points whose category is not at the first, and not among the first five outputs. Infinite or NaN without a
    warning.
    """
    assert problem.held_out is not None
    x, y = np.asarray(problem.held_out.x), np.asarray(problem.held_out.y)
    weight = None if problem.held_out.weight is None else np.asarray(problem.held_out.weight)
    numbers = categories(problem.cost, y)
    with np.errstate(all="ignore"):
        each = [
            _seen(problem.cost, bound_at(problem.held_out_bound, memory, None if p.ndim == 1 else m), one, x, y, weight, numbers)
            for m, one in enumerate(np.atleast_2d(p))
        ]
    return {name: each[0][name] if p.ndim == 1 else np.array([seen[name] for seen in each]) for name in each[0]}


def categories(cost: Cost, y: Matrix) -> Indices | None:
    """The category of each target, (N,), or None where y (N, n_L) holds none.

    It is the place of a target's largest entry, where the cost compares categories or every target is a unit vector, as in (5).
    """
    if y.shape[1] < 2 or not (cost.categories or ((np.count_nonzero(y, axis=1) == 1).all() and (y.max(axis=1) == 1.0).all())):
        return None
    return np.asarray(y.argmax(axis=1))


def ranks(a: Matrix, numbers: Indices) -> Indices:
    """How many outputs stand before the one of its category for each point, (N,); of equal ones the first stands before.

    a: (N, n_L), the outputs; numbers: (N,), the categories. Outputs that are not numbers stand last.
    """
    own = np.take_along_axis(a, numbers[:, None], axis=1)
    earlier = np.arange(a.shape[1]) < numbers[:, None]
    before = (a > own) | ((a == own) & earlier)
    return np.where(np.isnan(own[:, 0]), a.shape[1], before.sum(axis=1))


def error_shares(a: Matrix, numbers: Indices) -> tuple[float, float]:
    """The share of the points whose category is not at the first, and not among the first five outputs; see `ranks`."""
    places = ranks(a, numbers)
    return float(np.mean(places >= 1)), float(np.mean(places >= TOP))


def _seen(
    cost: Cost, bound: Bound, p: Array, x: Matrix, y: Matrix, weight: Array | None, numbers: Indices | None
) -> dict[str, Any]:
    if numbers is None:
        return {"held_out": float(bound.value(p))}
    a = np.asarray(bound.forward(p, x), dtype=float)  # x itself, which the engine has already
    shares = 1.0 if weight is None else weight * (len(x) / weight.sum())
    top1, top5 = error_shares(a, numbers)
    seen = {"held_out": float((shares * cost.value(a, y)).mean()), "held_out_top1": top1}
    return seen | {"held_out_top5": top5} if y.shape[1] > TOP else seen
