"""`generalisation_curve`: training and held-out error against a setting, with replicates and intervals.

A replicate draws the training points, the held-out points and the start anew. Replicate r draws them from the same random streams
at every value of the setting, so that two values are compared in pairs, and the difference of their errors is known better than
either of them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from netbp.analysis.regression import Interval
from netbp.analysis.tables import Library, aligned, frame
from netbp.methods import Method
from netbp.problem import Problem
from netbp.streaming import count_of
from netbp.sweep import ended
from netbp.types import Data, Matrix, Vector
from netbp.validation import categories, error_shares

Measure = Literal["cost", "held_out", "error", "held_out_error"]
MEASURES: tuple[Measure, ...] = ("cost", "held_out", "error", "held_out_error")
"""What is measured at the end of each run: costs (9) without penalty, and shares of points in the wrong category."""

WORDS = {"cost": "training cost", "held_out": "held-out cost", "error": "wrong (%)", "held_out_error": "held out, wrong (%)"}


def mean_interval(values: Vector, confidence: float = 0.95) -> Interval:
    """The mean of independent numbers with Student's interval; an infinite one for a single number, NaN for none."""
    from scipy.stats import t as student

    n = len(values)
    if n == 0:
        return Interval(np.nan, np.nan, np.nan)
    mean = float(np.mean(values))
    if n == 1:
        return Interval(mean, -np.inf, np.inf)
    reach = float(student.ppf(0.5 + 0.5 * confidence, n - 1) * np.std(values, ddof=1) / np.sqrt(n))
    return Interval(mean, mean - reach, mean + reach)


def median_interval(values: Vector, confidence: float = 0.95) -> Interval:
    """The median of independent numbers with an interval between two of them, which needs no law of theirs (signs, binomial).

    Six numbers are the fewest for 95 %; with fewer the interval is infinite.
    """
    from scipy.stats import binom

    x, n = np.sort(values), len(values)
    if n == 0:
        return Interval(np.nan, np.nan, np.nan)
    k = int(binom.ppf(0.5 * (1.0 - confidence), n, 0.5))  # P(fewer than k below the median) stays below half of what is left
    low, high = (float(x[k - 1]), float(x[n - k])) if k > 0 else (-np.inf, np.inf)
    return Interval(float(np.median(x)), low, high)


class Setting(NamedTuple):
    """One value of the setting. value: as given; label: in words. size: parameters s. points: N, of the first replicate."""

    value: Any
    label: str
    size: int
    points: int


@dataclass(frozen=True, eq=False)
class GeneralisationCurve:
    """Errors against a setting; prints as a table.

    vary: the setting's name. settings: its values. numbers: by measure, (values, replicates); a run that diverged has no finite
    cost, and a measure that has no meaning is NaN. Means are of the finite numbers.
    """

    vary: str
    settings: tuple[Setting, ...]
    numbers: dict[str, Matrix]

    @property
    def replicates(self) -> int:
        """How many replicates there are at each value."""
        return int(self.numbers["cost"].shape[1])

    @property
    def diverged(self) -> Vector:
        """How many runs have no finite cost, (values,)."""
        return np.asarray((~np.isfinite(self.numbers["held_out"])).sum(axis=1))

    def intervals(self, measure: Measure = "held_out", of: Literal["mean", "median"] = "mean") -> list[Interval]:
        """The mean, or the median, of a measure at each value, with its interval of 95 %."""
        made = mean_interval if of == "mean" else median_interval
        return [made(row[np.isfinite(row)]) for row in self.numbers[measure]]

    def best(self, measure: Measure = "held_out", of: Literal["mean", "median"] = "mean") -> int:
        """The number of the value with the lowest mean, or median."""
        values = [at.value for at in self.intervals(measure, of)]
        return int(np.nanargmin(values))

    def difference(self, i: int, j: int, measure: Measure = "held_out") -> Interval:
        """By how much value number i is above value number j, replicate by replicate, in the mean."""
        gap = self.numbers[measure][i] - self.numbers[measure][j]
        return mean_interval(gap[np.isfinite(gap)])

    def frame(self, library: Library = "pandas") -> Any:
        """One row for each value and replicate.

        The setting's value under its name, size (s), points (N), replicate; cost, held_out, error and held_out_error at the end.
        """
        R = self.replicates
        columns: dict[str, Any] = {
            self.vary: [at.value for at in self.settings for _ in range(R)],
            "size": [at.size for at in self.settings for _ in range(R)],
            "points": [at.points for at in self.settings for _ in range(R)],
            "replicate": list(range(R)) * len(self.settings),
        }
        return frame(columns | {name: values.ravel() for name, values in self.numbers.items()}, library)

    def __str__(self) -> str:
        shown = [name for name in MEASURES if np.isfinite(self.numbers[name]).any()]
        columns = {name: self.intervals(name) for name in shown}
        medians = self.intervals("held_out", "median")
        rows = []
        for k, at in enumerate(self.settings):
            cells = [_with_error(columns[name][k], 100.0 if "error" in name else 1.0) for name in shown]
            rows.append([at.label, str(at.size), str(at.points), *cells, f"{medians[k].value:.3g}"])
        head = [self.vary, "s", "N", *(WORDS[name] for name in shown), "median held out"]
        best = self.settings[self.best()].label if np.isfinite(self.numbers["held_out"]).any() else "none"
        lines = [
            f"mean ± half of its 95 % interval over {self.replicates} replicates of data and start",
            aligned(head, rows),
            f"lowest mean held-out cost at {self.vary} {best}",
        ]
        if self.diverged.any():
            told = ", ".join(f"{n} at {at.label}" for n, at in zip(self.diverged, self.settings, strict=True) if n)
            lines.append(f"without a finite cost, and left out: {told}")
        return "\n".join(lines)


def _with_error(at: Interval, factor: float) -> str:
    if np.isinf(at.high):
        return f"{factor * at.value:.3g}"
    return f"{factor * at.value:.3g} ± {factor * (at.high - at.value):.2g}"


def generalisation_curve(
    make: Callable[[Any, Any], Problem],
    values: Sequence[Any],
    method: Method | Callable[[Problem], Method],
    replicates: int = 20,
    steps: int | None = None,
    rng: int = 0,
    scale: Any = 0.5,
    vary: str = "value",
    workers: int | None = None,
    progress: Any = None,
) -> GeneralisationCurve:
    """Train `replicates` independent draws of data and start at each value of a setting, and measure.

    make: (value, numpy.random.Generator) -> a Problem with held-out points, all drawn from that stream, as `Family.problem` is.
    method: or a function of the problem that gives it. scale: of the start, as `Network.draw` has it. workers: threads, None for
    one per core; the numbers do not depend on it. Raises ValueError for no value, fewer than one replicate, and where a
    problem has no held-out points.
    """
    values = list(values)
    if not values or replicates < 1:
        raise ValueError(f"a curve needs a value and a replicate, but got {len(values)} values and {replicates} replicates")

    def one(k: int, r: int) -> tuple[Setting, tuple[float, ...]]:
        data, start = streams_of(rng, r)
        problem = make(values[k], data)
        if problem.held_out is None:
            raise ValueError("the problem has no held-out data: let `make` give Problem(..., held_out=Data(x, y))")
        chosen = method(problem) if callable(method) else method
        p = trained(problem, chosen, problem.network.draw(start, scale), start, steps)
        return Setting(values[k], _label(values[k]), problem.size, problem.N), measured(problem, p)

    jobs = [(k, r) for k in range(len(values)) for r in range(replicates)]
    found = {}
    for job, outcome in zip(jobs, in_threads(lambda job: one(*job), jobs, workers), strict=True):
        found[job] = outcome
        if progress is not None:
            progress(len(found), len(jobs), outcome[1][1])
    numbers: dict[str, Matrix] = {
        name: np.array([[found[k, r][1][i] for r in range(replicates)] for k in range(len(values))])
        for i, name in enumerate(MEASURES)
    }
    return GeneralisationCurve(vary, tuple(found[k, 0][0] for k in range(len(values))), numbers)


def streams_of(rng: int, r: int) -> tuple[Any, Any]:
    """The streams of replicate r, for its data and for its start: made anew each time, since spawning from a stream changes it."""
    data, start = (np.random.default_rng(np.random.SeedSequence(rng, spawn_key=(r, part))) for part in (0, 1))
    return data, start


def in_threads(work: Callable[[Any], Any], jobs: Sequence[Any], workers: int | None = None) -> Any:
    """The outcomes in the order of the jobs; the engines release Python's lock."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    workers = cores if workers is None else workers
    if workers < 1:
        raise ValueError(f"workers must be at least 1, but it is {workers}")
    if workers == 1:
        yield from map(work, jobs)
        return
    pool = ThreadPoolExecutor(workers)
    try:
        yield from pool.map(work, jobs)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def trained(problem: Problem, method: Method, p: Vector, stream: Any, steps: int | None = None) -> Vector:
    """Where the method arrives from p, (s,), after `steps` steps or its own limit."""
    state, _ = ended(problem, method, p, stream, count_of(method, steps))
    return np.asarray(state.p, dtype=float)


def measured(problem: Problem, p: Vector) -> tuple[float, float, float, float]:
    """The MEASURES at p: costs without penalty of the training and of the held-out points, then shares of wrong categories."""
    assert problem.held_out is not None
    (cost, error), (held, held_error) = (_seen(problem, data, p) for data in (problem.data, problem.held_out))
    return cost, held, error, held_error


def _seen(problem: Problem, data: Data, p: Vector) -> tuple[float, float]:
    y = np.asarray(data.y)
    with np.errstate(all="ignore"):
        a = np.asarray(problem.bound.forward(p, np.asarray(data.x)), dtype=float)
        cost = float(np.average(problem.cost.value(a, y), weights=None if data.weight is None else np.asarray(data.weight)))
    numbers = categories(problem.cost, y)
    if not np.isfinite(cost):
        return np.inf, np.nan
    return cost, np.nan if numbers is None else error_shares(a, numbers)[0]


def _label(value: Any) -> str:
    if isinstance(value, tuple | list):
        return "-".join(str(entry) for entry in value)
    return f"{value:g}" if isinstance(value, float) else str(value)
