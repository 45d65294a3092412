"""Ratios of successive costs: how one step changes the cost, and how little that says about the decay."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from netbp.types import Vector

UNITY = 1e-6
"""Section 6: "within around 1e-6 of unity"."""


class Ratios(NamedTuple):
    """The ratios C_t/C_(t-1) of a stretch of a run, per step.

    first, last: the stretch. within: the share with |ratio - 1| < 1e-6. typical: the geometric mean of |ratio - 1|, without ratios
    of exactly 1. up: the share above 1. net: the mean of log ratio, which is the net decay per step. deviation: the standard
    deviation of log ratio. few: the smallest share of the steps that makes up half of all the change, up or down. every: the
    steps between two records, which the ratios are reduced to one step by: 1 where they are single steps' own.
    """

    first: int
    last: int
    within: float
    typical: float
    up: float
    net: float
    deviation: float
    few: float
    every: int


def logarithms(steps: Vector, costs: Vector) -> Vector:
    """log(C_t/C_(t-1)), per step, (n - 1,), from costs (n,) recorded after these steps (n,)."""
    return np.asarray(np.diff(np.log(costs)) / np.diff(steps))


def ratios(steps: Vector, costs: Vector) -> Ratios:
    """The ratios' statistics. Raises ValueError for fewer than two records."""
    if len(costs) < 2:
        raise ValueError(f"a ratio needs two recorded costs, but there is {len(costs)}: record more often")
    logs = logarithms(steps, costs)
    away = np.abs(np.expm1(logs))
    moved = away[away > 0.0]
    sizes = np.sort(np.abs(logs))[::-1]
    half = int(np.searchsorted(np.cumsum(sizes), 0.5 * sizes.sum())) + 1
    return Ratios(
        int(steps[0]),
        int(steps[-1]),
        float(np.mean(away < UNITY)),
        float(np.exp(np.mean(np.log(moved)))) if len(moved) else 0.0,
        float(np.mean(logs > 0.0)),
        float((np.log(costs[-1]) - np.log(costs[0])) / (steps[-1] - steps[0])),
        float(logs.std()),
        half / len(logs),
        round(float(steps[-1] - steps[0]) / len(logs)),
    )
