"""Learning rates: the range test, the stability limit, and the largest rate that in fact works."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from netbp.analysis.lanczos import extreme_eigenvalues
from netbp.analysis.operators import LARGEST, hessian
from netbp.frames import Library, frame
from netbp.methods.stochastic import SteepestDescent, StochasticGradient
from netbp.problem import Problem
from netbp.streaming import checked_start, opened
from netbp.types import State, Vector

BLOWN = 4.0  # times the lowest cost so far: the test ends
DOUBLINGS = 60


class RateRange(NamedTuple):
    """What a range test found. rates, costs, smoothed: (n,), up to where the cost blew up.

    steepest: the rate at which the smoothed log cost falls fastest by log rate. lowest: the rate at which the smoothed cost is
    lowest. largest: the rate at which the cost exceeds its start or four times its lowest, or None up to the last one tried.
    """

    rates: Vector
    costs: Vector
    smoothed: Vector
    steepest: float
    lowest: float
    largest: float | None

    @property
    def suggested(self) -> float:
        """A rate to begin with: the lowest cost's divided by 3, or the steepest fall's if that is smaller."""
        return min(self.steepest, self.lowest / 3.0)

    def frame(self, library: Library = "pandas") -> Any:
        """One row for each rate that was looked at: rate, cost, smoothed (cost)."""
        return frame({"rate": self.rates, "cost": self.costs, "smoothed": self.smoothed}, library)

    def __str__(self) -> str:
        end = f"no rate up to {self.rates[-1]:.3g} is too large" if self.largest is None else f"too large from {self.largest:.3g}"
        return (
            f"learning-rate range test over {len(self.rates)} rates from {self.rates[0]:.3g}\n"
            f"  fastest fall at          {self.steepest:.3g}\n  lowest cost at           {self.lowest:.3g}\n"
            f"  {end}\n  suggested                {self.suggested:.3g}"
        )


def rate_range_test(
    problem: Problem,
    method: StochasticGradient | SteepestDescent | None = None,
    lowest: float = 1e-3,
    highest: float = 1e3,
    steps: int = 2000,
    start: ArrayLike | None = None,
    rng: Any = 0,
    smoothing: float = 0.95,
) -> RateRange:
    """Raise the rate from `lowest` to `highest`, by the same factor each step, and watch the cost (Smith, WACV 2017).

    method: whose rule and batches are used, StochasticGradient() if None. Cost (9) of all points is looked at up to 500 times on
    the way, and smoothed in log by a moving average with that many steps' memory: 1/(1 - smoothing) looks. The numbers depend on
    `steps`: in few steps no rate can leave a plateau. Raises ValueError for rates, steps or a smoothing out of range.
    """
    method = StochasticGradient() if method is None else method
    if not 0.0 < lowest < highest < np.inf:
        raise ValueError(f"the rates must satisfy 0 < lowest < highest, but they are {lowest!r} and {highest!r}")
    if steps < 10 or not 0.0 <= smoothing < 1.0:
        raise ValueError(f"a range test needs at least 10 steps and 0 <= smoothing < 1, but got {steps!r} and {smoothing!r}")
    rates = lowest * (highest / lowest) ** (np.arange(steps) / (steps - 1))
    state, generator = opened(problem, start, rng, None)
    if state.p.ndim != 1:
        raise ValueError(f"a range test moves one network, but the start has shape {state.p.shape}: give one row of it")
    every = max(1, steps // 500)
    session = replace(method, rate=tuple(rates.tolist())).session(problem, state, generator, every)
    initial, at, costs = problem.value(state.p), [], []
    try:
        for _ in range(steps // every):
            chunk = session.advance(every)
            if not (len(chunk.costs) and np.isfinite(chunk.costs).all()):
                break
            at.append(rates[chunk.steps[-1] - 1])
            costs.append(float(chunk.costs[-1]))
            if costs[-1] > max(BLOWN * min(costs), 2.0 * initial):
                break
    finally:
        session.close()
    if len(costs) < 3:
        raise ValueError(f"the cost blows up within 3 looks at it from the rate {lowest:g} on: give a lower rate to begin with")
    return _found(np.array(at), np.array(costs), initial, smoothing)


def _found(rates: Vector, costs: Vector, initial: float, smoothing: float) -> RateRange:
    logs, mean = np.empty(len(costs)), np.log(initial)
    for k, cost in enumerate(np.log(np.maximum(costs, 1e-300))):  # the start is the average's own first value
        mean = smoothing * mean + (1.0 - smoothing) * cost
        logs[k] = mean
    best = int(np.argmin(logs))
    falls = np.gradient(logs, np.log(rates))[: best + 1]
    beyond = np.flatnonzero((costs > np.minimum(initial, BLOWN * np.exp(logs[best]))) & (np.arange(len(costs)) > best))
    largest = float(rates[beyond[0]]) if len(beyond) else None
    return RateRange(rates, costs, np.exp(logs), float(rates[int(np.argmin(falls))]), float(rates[best]), largest)


class Bracket(NamedTuple):
    """A rate that works and one that does not, as near as asked: infinite where none was found that does not."""

    works: float
    fails: float

    def __str__(self) -> str:
        return f"{self.works:.5g}" if np.isfinite(self.fails) else f"above {self.works:.3g}"


class StabilityLimits(NamedTuple):
    """Steepest descent's limits from p. highest: lambda_max of the Hessian at p. limit: 2/lambda_max.

    monotone: the largest rate with which the cost falls in each of the `steps` steps. works: the largest with which it ends below
    `level`. Neither set of rates need be an interval: each number is an end of one.
    """

    highest: float
    limit: float
    monotone: Bracket
    works: Bracket
    steps: int
    level: float

    def __str__(self) -> str:
        return (
            f"lambda_max of the Hessian           {self.highest:.5g}\n"
            f"stability limit 2/lambda_max        {self.limit:.5g}\n"
            f"largest rate, cost falls each step  {self.monotone}   over {self.steps:,} steps\n"
            f"largest rate, cost ends lower       {self.works}   (below {self.level:.4g} after {self.steps:,} steps)"
        )


def stability_limits(
    problem: Problem, p: ArrayLike, steps: int = 1000, level: float | None = None, tolerance: float = 1e-3
) -> StabilityLimits:
    """2/lambda_max at p beside the largest rates that in fact work for steepest descent (12) from p, found by bisection.

    level: the cost that it has to end below, that at p if None. tolerance: of the rates, relatively. Raises ValueError for a p of
    another shape, at a stationary point, and where no rate works.
    """
    vector = checked_start(problem, p)
    H = hessian(problem, vector)
    small = H.shape[0] <= min(200, LARGEST)
    highest = float(np.linalg.eigvalsh(H.dense())[-1]) if small else float(extreme_eigenvalues(H, 0, 1).values[0])
    initial = problem.value(vector)
    goal = initial if level is None else float(level)
    if not np.any(problem.gradient(vector)):
        raise ValueError("p is a stationary point, from which steepest descent does not move: give a start beside it")
    limit = 2.0 / highest if highest > 0.0 else float("inf")
    assert problem.engine is not None
    rounding = 50.0 * float(np.finfo(problem.engine.dtype).eps)

    def costs(rate: float) -> Vector:
        session = SteepestDescent(rate=rate).session(problem, State(vector), np.random.default_rng(0), 1)
        return np.concatenate([[initial], session.advance(steps).costs])

    def falls(rate: float) -> bool:
        c = costs(rate)
        # A step that is too short to change the cost beyond rounding is no rise.
        return bool(np.isfinite(c).all() and (np.diff(c) <= rounding * np.abs(c[:-1])).all())

    def ends_lower(rate: float) -> bool:
        last = costs(rate)[-1]
        return bool(np.isfinite(last) and last < goal)

    begin = limit if np.isfinite(limit) else 1.0
    return StabilityLimits(highest, limit, _bisected(falls, begin, tolerance), _bisected(ends_lower, begin, tolerance), steps, goal)


def _bisected(works: Any, begin: float, tolerance: float) -> Bracket:
    """The end of an interval of rates that work: doubling or halving from `begin`, then bisection in log."""
    low, high = begin, begin
    if works(begin):
        for _ in range(DOUBLINGS):
            high = 2.0 * low
            if not works(high):
                break
            low = high
        else:
            return Bracket(low, float("inf"))
    else:
        for _ in range(DOUBLINGS):
            low = 0.5 * high
            if works(low):
                break
            high = low
        else:
            raise ValueError(f"no rate from {begin:.3g} down to {low:.3g} works: take more steps or a higher level")
    while high > (1.0 + tolerance) * low:
        middle = float(np.sqrt(low * high))
        low, high = (middle, high) if works(middle) else (low, middle)
    return Bracket(low, high)
