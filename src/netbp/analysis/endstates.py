"""End states, sorted into classes: by what the network says of the data, or, where minima are isolated, up to symmetries.

Without penalty the infimum of the cost is not attained when outputs have to saturate, and solutions are not isolated: two ends are
one class when all their outputs at the data agree within a tolerance. What such a network tells apart is a partition of the
points; one that gives each part its mean target has the cost (1/N) sum_i |y_i - mean of its part|^2/2, the level of the partition.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from netbp.analysis.minima import Stationary
from netbp.analysis.symmetry import LARGEST, canonical, nearest, symmetries
from netbp.network import Network
from netbp.problem import Problem
from netbp.types import Array, Indices, Matrix, Vector

SAME_COST = 1e-9
"""Relative difference of costs, beyond 1e-15, within which converged minima can be one."""

SAME_PLACE = 1e-5
"""Distance, relatively to 1 + |p|, within which canonical forms of converged minima are one."""


class Partition(NamedTuple):
    """What a network tells apart. parts: tuples of numbers of points, from 1, in ascending order. level: the cost of the means."""

    parts: tuple[tuple[int, ...], ...]
    level: float

    def __str__(self) -> str:
        return " | ".join(ranges(part) for part in self.parts)


def ranges(numbers: tuple[int, ...]) -> str:
    """Ascending whole numbers with hyphens: "1-5 9" of 1, 2, 3, 4, 5, 9."""
    out: list[list[int]] = []
    for n in numbers:
        if out and n == out[-1][-1] + 1:
            out[-1] = [out[-1][0], n]
        else:
            out.append([n])
    return " ".join("-".join(map(str, run)) for run in out)


def leaders(values: Matrix, tolerance: float) -> Indices:
    """The class of each row: that of the first row before it that began a class and is nowhere further than the tolerance.

    values: (M, n), giving (M,), classes counted from 0 in order of appearance.
    """
    out, first = np.full(len(values), -1, dtype=np.int64), 0
    heads: list[int] = []
    while first < len(values):
        free = np.flatnonzero(out < 0)
        if not len(free):
            break
        head = int(free[0])
        near = np.abs(values[free] - values[head]).max(axis=1) <= tolerance
        out[free[near]] = len(heads)
        out[head] = len(heads)
        heads.append(head)
        first = head + 1
    return out


def partition(problem: Problem, outputs: Matrix, tolerance: float) -> Partition:
    """Which points get the same outputs, (N, n_L), and the level that goes with it; weights of points count."""
    labels = leaders(outputs, tolerance)
    y = np.asarray(problem.data.y)
    w = np.ones(len(y)) if problem.data.weight is None else np.asarray(problem.data.weight)
    level, parts = 0.0, []
    for k in range(int(labels.max()) + 1):
        own = np.flatnonzero(labels == k)
        parts.append(tuple((own + 1).tolist()))
        mean = (w[own, None] * y[own]).sum(axis=0) / max(float(w[own].sum()), 1e-300)
        level += 0.5 * float((w[own, None] * (y[own] - mean) ** 2).sum())
    return Partition(tuple(parts), level / float(w.sum()))


def outputs_of(problem: Problem, p: Matrix) -> Array:
    """The outputs at the training points of M networks (M, s): (M, N, n_L)."""
    x = np.asarray(problem.data.x)
    if hasattr(problem.bound, "outputs"):
        return np.asarray(problem.bound.outputs(p, x))
    return np.array([problem.output(row, x) for row in p])


def by_orbit(network: Network, found: list[Stationary], outputs: Matrix, tolerance: float) -> Indices:
    """The class of each stationary point, (M,): equal costs first, then equal canonical forms, or images by search.

    What is not an isolated minimum is classified by kind and by its outputs at the data, (M, N n_L), instead.
    """
    costs = np.array([at.cost for at in found])
    order = np.argsort(costs, kind="stable")
    gap = np.diff(costs[order]) > 1e-15 + SAME_COST * np.abs(costs[order][1:])
    level = np.empty(len(costs), dtype=np.int64)
    level[order] = np.concatenate([[0], np.cumsum(gap)])
    kinds = np.array([at.kind for at in found])
    out, count = np.full(len(costs), -1, dtype=np.int64), 0
    for k in np.unique(level):
        for kind in np.unique(kinds[level == k]):
            own = np.flatnonzero((level == k) & (kinds == kind))
            if kind == "minimum":
                p = np.array([found[i].p for i in own])
                labels = _merged(network, p, leaders(canonical(network, p), SAME_PLACE * (1.0 + float(np.abs(p).max()))))
            else:
                labels = leaders(outputs[own], tolerance)
            out[own] = count + labels
            count += int(labels.max()) + 1
    return out


def _merged(network: Network, p: Matrix, labels: Indices) -> Indices:
    """Classes whose first members are images of one another made one, where the group can be gone through."""
    if symmetries(network).order > LARGEST:
        return labels
    heads: list[Vector] = []
    out = np.empty_like(labels)
    for k in range(int(labels.max()) + 1):
        own = labels == k
        q = p[own][0]
        at = next(
            (j for j, head in enumerate(heads) if nearest(network, head, q)[1] < 2 * SAME_PLACE * (1 + np.abs(q).max())), None
        )
        if at is None:
            heads.append(q)
            at = len(heads) - 1
        out[own] = at
    return out
