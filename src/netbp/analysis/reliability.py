"""How often a method finds an acceptable solution: shares of random starts, by problem, method and scale of the start."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from netbp.analysis.regression import Interval
from netbp.analysis.shares import percent, share
from netbp.analysis.tables import aligned
from netbp.frames import Library, frame
from netbp.methods import Method
from netbp.problem import Problem
from netbp.sweep import multistart


class Trial(NamedTuple):
    """One method on one problem from `starts` starts of one scale.

    success: the share with a cost of at most the level. all_right: the share with all points right, or None where targets are no
    categories. lower, median, upper: quartiles of the final costs.
    """

    problem: str
    method: str
    scale: float
    starts: int
    success: Interval
    all_right: Interval | None
    lower: float
    median: float
    upper: float


@dataclass(frozen=True, eq=False)
class Reliability:
    """What `reliability` found; prints as a table. level: the cost that counts as success."""

    trials: tuple[Trial, ...]
    level: float

    def of(self, problem: str, method: str) -> tuple[Trial, ...]:
        """The trials of one method on one problem, by ascending scale."""
        found = [at for at in self.trials if (at.problem, at.method) == (problem, method)]
        return tuple(sorted(found, key=lambda at: at.scale))

    def frame(self, library: Library = "pandas") -> Any:
        """One row for each trial.

        problem, method, scale, starts; quartiles of the final cost (lower, median, upper); the shares success and all_right, each
        with its 95 % interval (_low, _high).
        """
        columns: dict[str, list[Any]] = {
            name: [getattr(at, name) for at in self.trials]
            for name in ("problem", "method", "scale", "starts", "lower", "median", "upper")
        }
        for name in ("success", "all_right"):
            for end in ("value", "low", "high"):
                key = name if end == "value" else f"{name}_{end}"
                columns[key] = [getattr(getattr(at, name), end, float("nan")) for at in self.trials]
        return frame(columns, library)

    def __str__(self) -> str:
        head = ["problem, method", "scale", "starts", f"cost <= {self.level:g} (%)", "all right (%)", "quartiles of the cost"]
        rows = [
            [
                f"{at.problem}, {at.method}",
                f"{at.scale:g}",
                f"{at.starts:,}",
                percent(at.success),
                "" if at.all_right is None else percent(at.all_right),
                f"{at.lower:.2g}, {at.median:.2g}, {at.upper:.2g}",
            ]
            for at in self.trials
        ]
        return aligned(head, rows)


def reliability(
    problems: Mapping[str, Problem],
    methods: Mapping[str, tuple[Method, int | None, int]],
    scales: Sequence[float] = (0.5,),
    level: float = 1e-3,
    rng: Any = 0,
    workers: int | None = None,
    progress: Any = None,
) -> Reliability:
    """Run every method on every problem from starts of every scale, and count.

    problems: by name. methods: name -> (method, steps or None, starts). scales: of the normal numbers at the start. The starts
    of one scale are the same for all methods, as far as each has them. Raises ValueError as `multistart` does.
    """
    trials: list[Trial] = []
    total = len(problems) * len(methods) * len(scales)
    for name, problem in problems.items():
        for title, (method, steps, starts) in methods.items():
            for scale in scales:
                many = multistart(problem, method, starts, steps, rng, float(scale), level, workers)
                right = None if np.isnan(many.all_right) else share(round(many.all_right * starts), starts)
                quartiles = [float(np.quantile(many.costs, q, method="inverted_cdf")) for q in (0.25, 0.5, 0.75)]
                success = share(round(many.success * starts), starts)
                trials.append(Trial(name, title, float(scale), starts, success, right, *quartiles))
                if progress is not None:
                    progress(len(trials), total, many.success)
    return Reliability(tuple(trials), level)
