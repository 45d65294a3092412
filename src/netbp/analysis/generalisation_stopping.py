"""Early stopping beside the penalty of (33) on any network: the same data and starts, two ways not to fit the noise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from netbp.analysis.generalisation import (
    MEASURES,
    GeneralisationCurve,
    Setting,
    generalisation_curve,
    in_threads,
    mean_interval,
    measured,
    streams_of,
)
from netbp.analysis.path import visited
from netbp.analysis.regression import Interval
from netbp.methods import Method
from netbp.methods.least_squares import LevenbergMarquardt
from netbp.methods.stochastic import SteepestDescent
from netbp.problem import Problem
from netbp.types import Matrix


@dataclass(frozen=True, eq=False)
class StoppingAndPenalty:
    """Errors along steepest descent and against the penalty, of the same replicates; prints as two tables.

    stopping: against t = eta k. penalty: against lambda of (33).
    """

    stopping: GeneralisationCurve
    penalty: GeneralisationCurve

    @property
    def gained_by_stopping(self) -> Interval:
        """The held-out cost at the last time less that at the best, in the mean."""
        return self.stopping.difference(len(self.stopping.settings) - 1, self.stopping.best())

    @property
    def gained_by_penalty(self) -> Interval:
        """The held-out cost with the smallest penalty less that with the best, in the mean."""
        smallest = int(np.argmin([at.value for at in self.penalty.settings]))
        return self.penalty.difference(smallest, self.penalty.best())

    @property
    def difference(self) -> Interval:
        """The held-out cost of the best time less that of the best penalty, in the mean: below 0 where stopping is better.

        Time and penalty are those of the lowest means, chosen with the same replicates: each is too good by a little.
        """
        gap = self.stopping.numbers["held_out"][self.stopping.best()] - self.penalty.numbers["held_out"][self.penalty.best()]
        return mean_interval(gap[np.isfinite(gap)])

    def __str__(self) -> str:
        return "\n".join(
            [
                str(self.stopping),
                str(self.penalty),
                f"gained by stopping: {self.gained_by_stopping}; by the penalty: {self.gained_by_penalty}",
                f"best stopped less best penalised held-out cost: {self.difference}",
            ]
        )


def stopping_and_penalty(
    make: Callable[[Any, Any], Problem],
    times: Sequence[float],
    penalties: Sequence[float],
    rate: float = 0.1,
    method: Method | None = None,
    replicates: int = 20,
    rng: int = 0,
    scale: Any = 0.5,
    workers: int | None = None,
    progress: Any = None,
) -> StoppingAndPenalty:
    """Steepest descent (12) from each start, looked at after t = eta k, and the ends of a method with each penalty.

    make: (lambda, numpy.random.Generator) -> a Problem with held-out points. method: for the penalties, None takes
    Levenberg-Marquardt. The rest is as in `generalisation_curve`. Raises ValueError as that does, and for times below eta/2.
    """
    steps = [round(t / rate) for t in times]
    if not steps or sorted(set(steps)) != steps or steps[0] < 1:
        raise ValueError(f"times must be ascending and apart by at least the rate {rate:g}, but got {list(times)}")

    def one(r: int) -> tuple[Problem, list[tuple[float, ...]]]:
        data, start = streams_of(rng, r)
        problem = make(0.0, data)
        p = problem.network.draw(start, scale)
        return problem, [measured(problem, q) for _, q in visited(problem, SteepestDescent(rate=rate), steps, p, start)]

    total = replicates * (1 + len(penalties))
    found: list[list[tuple[float, ...]]] = []
    problem: Any = None
    for problem, seen in in_threads(one, range(replicates), workers):  # noqa: B007, the last one is asked for its size
        found.append(seen)
        if progress is not None:
            progress(len(found), total, seen[-1][1])
    numbers: dict[str, Matrix] = {
        name: np.array([[seen[k][i] for seen in found] for k in range(len(steps))]) for i, name in enumerate(MEASURES)
    }
    settings = tuple(Setting(rate * k, f"{rate * k:.3g}", problem.size, problem.N) for k in steps)
    later = None if progress is None else lambda done, _, cost: progress(replicates + done, total, cost)
    method = LevenbergMarquardt(iterations=500) if method is None else method
    ridge = generalisation_curve(make, list(penalties), method, replicates, None, rng, scale, "penalty", workers, later)
    return StoppingAndPenalty(GeneralisationCurve("t", settings, numbers), ridge)
