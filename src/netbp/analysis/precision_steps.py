"""Steps in two precisions from one start with the same choices: when they part, and how the difference grows."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from netbp.analysis.precision_engine import InPrecision
from netbp.analysis.precision_numbers import DOUBLE, SINGLE, Precision, distance
from netbp.methods.streams import restored
from netbp.problem import Problem
from netbp.types import Array, Indices, State, Vector

LOOKS, KEPT = 4_000, 5_000_000
"""Steps looked at, and numbers of a path that are kept; where there are more, it is looked at less often."""


class Trajectory(NamedTuple):
    """Where the steps led. steps: (n,), those looked at. points: (n, s), in the engine's own type."""

    name: str
    precision: Precision
    steps: Indices
    points: Array


class Parting(NamedTuple):
    """Two trajectories beside each other.

    ulps: of the narrower precision. bit, far: the first of the steps looked at where a parameter, rounded to the narrower
    precision, differs in any bit, and where one differs by more than `beyond` ulps; None where that does not happen. complete:
    whether every step was looked at. steps: (n,). relative: (n,), the largest difference over the largest parameter.
    """

    names: tuple[str, str]
    ulps: float
    bit: int | None
    far: int | None
    beyond: float
    complete: bool
    steps: Indices
    relative: Vector

    @property
    def words(self) -> tuple[str, ...]:
        """A row of the table."""
        first, far = (f"{step:,}" if step is not None else "-" for step in (self.bit, self.far))
        return " / ".join(self.names), f"{self.steps[-1]:,}", first, far, f"{self.ulps:.3g}", f"{self.relative[-1]:.2e}"


def engine_precision(engine: Any) -> Precision:
    """The precision that an engine's parameters are in."""
    if isinstance(engine, InPrecision):
        return engine.arithmetic
    return SINGLE if engine.dtype == np.float32 else DOUBLE


def name_of(engine: Any) -> str:
    """Engine and precision: "tensor, single"."""
    return f"{'reference' if isinstance(engine, InPrecision) else engine.name}, {engine_precision(engine)}"


def looks(steps: int, size: int) -> Indices:
    """The steps to look at: all, where that many points may be kept; else the first ones and then ever fewer."""
    most = max(20, min(LOOKS, KEPT // size))
    if steps <= most:
        return np.arange(1, steps + 1)
    later = np.geomspace(most // 2, steps, most // 2).round()
    return np.unique(np.concatenate([np.arange(1, most // 2), later])).astype(np.int64)


def trajectory(problem: Problem, method: Any, start: Vector, stream: Any, steps: int) -> Trajectory:
    """Take the steps on the problem's engine, from a random stream in this state."""
    engine: Any = problem.engine
    precision = engine_precision(engine)
    session = method.session(problem, State(precision.cast(start)), restored(stream), 0)
    at, points, before = looks(steps, problem.size), [], 0
    try:
        for step in at.tolist():
            points.append(session.advance(step - before).state.p)
            before = step
    finally:
        session.close()
    return Trajectory(name_of(engine), precision, at, np.stack(points))


def parting(one: Trajectory, other: Trajectory, beyond: float) -> Parting:
    """Compare two trajectories over the steps that both were looked at."""
    narrow, wide = (one, other) if one.precision.bits <= other.precision.bits else (other, one)
    steps, i, j = np.intersect1d(narrow.steps, wide.steps, assume_unique=True, return_indices=True)
    a, b = narrow.points[i], wide.points[j]
    difference = distance(a, b)
    ulps = (difference / narrow.precision.ulp(b)).max(axis=1)
    bits = (a != narrow.precision.cast(b)).any(axis=1)
    relative = difference.max(axis=1) / np.abs(b).max(axis=1).astype(float)
    first, far = (_first(steps, where) for where in (bits, ulps > beyond))
    complete = len(steps) == steps[-1]
    return Parting((one.name, other.name), float(ulps[-1]), first, far, beyond, complete, steps, relative)


def _first(steps: Indices, where: Array) -> int | None:
    found = np.flatnonzero(where)
    return int(steps[found[0]]) if len(found) else None
