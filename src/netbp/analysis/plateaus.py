"""Plateaus: where the cost hardly falls although it falls much faster just before or after."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from netbp.types import Vector

CELLS = 400  # of equal length in log t
FLAT = 0.3  # |d log C/d log t| at most: a decay like t^-0.3 or slower
CONTRAST = 5.0  # how many times faster the cost falls beside the plateau than on it
SHARE = 0.01  # of the run that a plateau must last


class Plateau(NamedTuple):
    """From the step `start` to the step `end` the cost stays near `level`, the geometric mean."""

    start: int
    end: int
    level: float


def plateaus(
    steps: Vector, costs: Vector, flat: float = FLAT, contrast: float = CONTRAST, share: float = SHARE
) -> tuple[Plateau, ...]:
    """The plateaus of costs (n,), positive, recorded after these steps (n,), in order.

    The geometric means of the cost over cells of equal length in log t are looked at. A plateau is a longest stretch of cells in
    which |d log C/d log t| is at most `flat`, that lasts `share` of the run, and beside which log C falls at least `contrast`
    times as fast per step as on it: so neither an exponential nor a power of t has any.
    """
    t, y = cells(np.asarray(steps, dtype=float), np.log(costs))
    if len(t) < 8:
        return ()
    slopes = local_slopes(np.log(np.maximum(t, 0.5)), y)
    rates = -local_slopes(t, y)
    found = []
    for first, last in stretches(np.abs(slopes) <= flat):
        long = t[last] - t[first]
        if last == first or long < share * t[-1]:
            continue
        own = max((y[first] - y[last]) / long, 0.0)
        near = 0.5 * long  # how far to look beside it
        beside = rates[((t > t[last]) & (t <= t[last] + near)) | ((t < t[first]) & (t >= t[first] - near))]
        if len(beside) and beside.max() > contrast * own and beside.max() * long > flat:
            inside = (steps >= t[first]) & (steps <= t[last])
            found.append(Plateau(int(t[first]), int(t[last]), float(np.exp(np.log(costs[inside]).mean()))))
    return tuple(found)


def cells(t: Vector, y: Vector, count: int = CELLS) -> tuple[Vector, Vector]:
    """Means of t and y, (n,) each, over cells of equal length in log t, at most `count`; empty ones are left out."""
    if len(t) <= count:
        return t, y
    edges = np.unique(np.searchsorted(t, np.geomspace(max(t[0], 1.0), t[-1], count + 1)))
    edges = np.unique(np.concatenate([[0], edges, [len(t)]]))
    sizes = np.diff(edges)
    return np.add.reduceat(t, edges[:-1]) / sizes, np.add.reduceat(y, edges[:-1]) / sizes


def local_slopes(x: Vector, y: Vector, reach: int = 5) -> Vector:
    """dy/dx by a straight line through each entry and `reach` neighbours on both sides, (m,)."""
    out = np.empty(len(x))
    for k in range(len(x)):
        near = slice(max(0, k - reach), k + reach + 1)
        dx = x[near] - x[near].mean()
        out[k] = (dx @ y[near]) / (dx @ dx)
    return out


def stretches(true: Vector) -> list[tuple[int, int]]:
    """The first and the last index of each longest run of true entries."""
    padded = np.concatenate([[False], np.asarray(true, dtype=bool), [False]]).astype(np.int8)
    change = np.diff(padded)
    return [(int(a), int(b) - 1) for a, b in zip(np.flatnonzero(change == 1), np.flatnonzero(change == -1), strict=True)]
