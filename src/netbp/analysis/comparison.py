"""`compare(problem, methods, starts)`: every method from the same starts, against the work and against the time that it takes."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from netbp.analysis.counting import Counting
from netbp.analysis.profiles import Profile, performance_profile
from netbp.analysis.tables import aligned
from netbp.frames import Library, frame
from netbp.methods import Method
from netbp.methods.streams import restored, state_of, streams_from
from netbp.problem import Problem
from netbp.streaming import checked_start
from netbp.types import Matrix, State, Vector

GROWTH = 0.03
"""How much longer each piece of a run is than the last: the work to a level is known to that, relatively."""


class Trace(NamedTuple):
    """One method from one start. work: in gradients of all N points. seconds: of the method alone. costs: Cost. (n,) each.

    steps: the method's own. ended: why it took no further step, or nothing where the level or the budget ended it.
    """

    work: Vector
    seconds: Vector
    costs: Vector
    steps: Vector
    ended: str

    def first(self, level: float) -> int | None:
        """The first entry with a cost of at most `level`, or None."""
        below = np.flatnonzero(self.costs <= level)
        return int(below[0]) if len(below) else None


@dataclass(frozen=True, eq=False)
class Comparison:
    """What `compare` found; prints as a table.

    names: (M,). traces: [m][i], of method m from start i. levels: costs that count as reached, descending. budget: the most work.
    """

    names: tuple[str, ...]
    traces: tuple[tuple[Trace, ...], ...]
    levels: tuple[float, ...]
    budget: float

    def effort(self, level: float, by: str = "work") -> Matrix:
        """The work, or the "seconds", that each method needed from each start to a cost of at most `level`: (M, n), or infinity."""
        if by not in ("work", "seconds"):
            raise ValueError(f'an effort is counted in "work" or "seconds", but {by!r} was asked for')
        out = np.full((len(self.names), len(self.traces[0])), np.inf)
        for m, row in enumerate(self.traces):
            for i, trace in enumerate(row):
                k = trace.first(level)
                if k is not None:
                    out[m, i] = max(getattr(trace, by)[k], 1e-9)
        return out

    def profile(self, level: float | None = None, by: str = "work") -> Profile:
        """Dolan & More's performance profile over the starts, for the lowest level or another."""
        return performance_profile(self.names, self.effort(self.levels[-1] if level is None else level, by))

    def frame(self, library: Library = "pandas") -> Any:
        """One row for each method, start (from 0) and level.

        work, in gradients of all points, and seconds: infinite where the level was not reached.
        """
        rows = [(m, i, level) for m in range(len(self.names)) for i in range(len(self.traces[0])) for level in self.levels]
        work = {level: self.effort(level) for level in self.levels}
        seconds = {level: self.effort(level, "seconds") for level in self.levels}
        return frame(
            {
                "method": [self.names[m] for m, _, _ in rows],
                "start": [i for _, i, _ in rows],
                "level": [level for _, _, level in rows],
                "work": [work[level][m, i] for m, i, level in rows],
                "seconds": [seconds[level][m, i] for m, i, level in rows],
            },
            library,
        )

    def __str__(self) -> str:
        n = len(self.traces[0])
        head = ["method", *(f"{level:g}" for level in self.levels), "reached", "seconds", "lowest cost"]
        rows = []
        for m, name in enumerate(self.names):
            medians = [_median(self.effort(level)[m]) for level in self.levels]
            last = self.levels[-1]
            reached = np.isfinite(self.effort(last)[m]).sum()
            lowest = np.median([trace.costs.min() for trace in self.traces[m]])
            seconds = _median(self.effort(last, "seconds")[m])
            rows.append([name, *map(_shown, medians), f"{reached}/{n}", _shown(seconds), f"{lowest:.1e}"])
        return "\n".join(
            [
                f"median work from {n} starts to each cost, in gradients of all points, at most {self.budget:g};",
                f"starts that reached {self.levels[-1]:g}, the median time to it, and the median of the lowest costs",
                aligned(head, rows),
            ]
        )


def compare(
    problem: Problem,
    methods: Mapping[str, Method] | Sequence[Method],
    starts: int | ArrayLike = 10,
    levels: Sequence[float] = (1e-1, 1e-2, 1e-3, 1e-4),
    budget: float = 10_000.0,
    rng: Any = 0,
    scale: Any = 0.5,
    progress: Any = None,
) -> Comparison:
    """Run every method from the same starts until it reaches the lowest level, ends by itself or has used the budget.

    methods: by name, or a sequence. starts: how many are drawn by `network.draw(stream, scale)`, or the starts (n, s). Each start
    has a random stream of its own, which every method begins with in the same state. budget: in gradients of all N points, as
    `netbp.analysis.counting` counts. The time is that of the method's steps in this process, without looking at the cost, after a
    first piece that is not timed. Raises ValueError for no method, no start, levels or a budget not above 0.
    """
    named = dict(methods) if isinstance(methods, Mapping) else {_name(method): method for method in methods}
    if not named or (not isinstance(methods, Mapping) and len(named) < len(methods)):
        raise ValueError("compare needs at least one method, and different names for them: give {'name': method, ...}")
    descending = tuple(sorted((float(level) for level in levels), reverse=True))
    if not descending or descending[-1] <= 0.0 or not budget > 0.0:
        raise ValueError(f"levels and budget must be above 0, but they are {tuple(levels)!r} and {budget!r}")
    points, streams = _starts(problem, starts, rng, scale)
    rows: list[tuple[Trace, ...]] = []
    total = len(named) * len(points)
    for name, method in named.items():
        _trace(problem, method, points[0], state_of(streams[0]), 1.0, 0.0)  # compiles, loads and fills the caches
        row: list[Trace] = []
        for p, stream in zip(points, streams, strict=True):
            row.append(_trace(problem, method, p, state_of(stream), budget, descending[-1]))
            if progress is not None:
                progress(len(rows) * len(points) + len(row), total, name)
        rows.append(tuple(row))
    return Comparison(tuple(named), tuple(rows), descending, float(budget))


def _trace(problem: Problem, method: Method, p: Vector, stream: Any, budget: float, level: float) -> Trace:
    assert problem.engine is not None
    engine = Counting(problem.engine)
    counted, state, reason = problem.on(engine), State(p, 0, {}, stream), None
    limit = getattr(method, "limit", None)
    session = method.session(counted, state, restored(stream), 0)
    rows, seconds = [(0.0, 0.0, problem.value(p), 0)], 0.0
    try:
        while reason is None and rows[-1][2] > level and engine.work.total < budget * problem.N:
            piece = max(1, int(GROWTH * state.step))
            each = engine.work.total / max(state.step, 1) or 1.0
            piece = min(piece, max(1, int((budget * problem.N - engine.work.total) / each)))
            if limit is not None:
                piece = min(piece, limit - state.step)
                if piece < 1:
                    reason = f"it took all the {limit} steps allowed"
                    break
            before = time.perf_counter()
            chunk = session.advance(piece)
            seconds += time.perf_counter() - before
            state, reason = chunk.state, chunk.reason
            with np.errstate(all="ignore"):
                cost = problem.value(state.p) if np.isfinite(state.p).all() else float("inf")
            rows.append((engine.work.total / problem.N, seconds, cost if np.isfinite(cost) else float("inf"), state.step))
            if not np.isfinite(cost):
                reason = "it diverged"
    finally:
        session.close()
    work, times, costs, steps = (np.array(column) for column in zip(*rows, strict=True))
    return Trace(work, times, costs, steps, reason or "")


def _starts(problem: Problem, starts: int | ArrayLike, rng: Any, scale: Any) -> tuple[Matrix, list[Any]]:
    if isinstance(starts, int | np.integer):
        if starts < 1:
            raise ValueError(f"starts must be a whole number of at least 1, or an array (n, s), but it is {starts!r}")
        streams = streams_from(rng, int(starts))
        return checked_start(problem, np.array([problem.network.draw(stream, scale) for stream in streams])), streams
    points = np.atleast_2d(checked_start(problem, starts))
    return points, streams_from(rng, len(points))


def _name(method: Method) -> str:
    rate, rule = getattr(method, "rate", None), getattr(method, "rule", None)
    parts = [type(method).__name__, *([rule.__name__] if rule is not None and rule.__name__ != "sgd" else [])]
    return " ".join([*parts, *([f"{rate:g}"] if isinstance(rate, float) else [])])


def _median(efforts: Vector) -> float:
    return float(np.quantile(efforts, 0.5, method="inverted_cdf"))


def _shown(value: float) -> str:
    return "-" if not np.isfinite(value) else f"{value:,.0f}" if value >= 100 else f"{value:.2g}"
