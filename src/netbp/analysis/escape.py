"""How long the stochastic gradient takes to leave a poor minimum, against eta/m."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from netbp.analysis.diffusion import descend_at_random
from netbp.analysis.flow import descended
from netbp.analysis.noise import gradient_noise
from netbp.analysis.regression import Interval
from netbp.analysis.slices import costs_at
from netbp.analysis.tables import aligned
from netbp.frames import Library, fields_of, frame
from netbp.plain import plain
from netbp.problem import Problem
from netbp.types import Vector


class Escape(NamedTuple):
    """First passages for one rate and batch. Times are t = k eta after k steps, as in the gradient flow.

    rate, batch: eta and m. times: (M,), infinite where it stayed. left: how many left. horizon: until when they were watched. mean:
    the mean time with its 95 % interval, as of an exponential law, from the time watched by the number that left.
    """

    rate: float
    batch: int
    times: Vector
    left: int
    horizon: float
    mean: Interval

    @property
    def noise(self) -> float:
        """eta/m, the noise's strength."""
        return self.rate / self.batch

    @property
    def median(self) -> float:
        """The time by which half of the networks had left, or infinity."""
        return float(np.quantile(self.times, 0.5, method="inverted_cdf"))

    @property
    def spread(self) -> float:
        """The standard deviation by the mean of the times of those that left: 1 for an exponential law that all obey."""
        times = self.times[np.isfinite(self.times)]
        return float(times.std(ddof=1) / times.mean()) if len(times) > 1 else float("nan")


@dataclass(frozen=True, eq=False)
class Escapes:
    """What `escape_times` found; prints as a table. level: the cost below which a network has left. noise: trace of Sigma at p."""

    escapes: tuple[Escape, ...]
    cost: float
    level: float
    noise: float

    def frame(self, library: Library = "pandas") -> Any:
        """One row for each rate and batch.

        noise: eta/m. networks: how many were watched, and left how many of them left. Times are t = k eta: horizon, median, mean
        with its 95 % interval low and high; spread: deviation by mean.
        """
        columns = fields_of(self.escapes, ("rate", "batch", "noise", "left", "horizon", "median", "spread"))
        mean = fields_of([at.mean for at in self.escapes], ("value", "low", "high"))
        columns |= {"mean": mean["value"], "low": mean["low"], "high": mean["high"]}
        return frame(columns | {"networks": [len(at.times) for at in self.escapes]}, library)

    def __str__(self) -> str:
        head = ["rate", "batch", "eta/m", "left", "median time", "mean, if exponential (95 %)", "deviation by mean"]
        rows = []
        for at in self.escapes:
            told = "none left" if not at.left else f"{at.mean.value:.4g} ({at.mean.low:.4g}-{at.mean.high:.4g})"
            median = f"{at.median:.4g}" if np.isfinite(at.median) else "-"
            spread = "" if np.isnan(at.spread) else f"{at.spread:.2f}"
            rows.append([f"{at.rate:g}", str(at.batch), f"{at.noise:.3g}", f"{at.left}/{len(at.times)}", median, told, spread])
        first = f"from cost {self.cost:.4g} to below {self.level:.4g}; trace of Sigma at the start {self.noise:.3g}"
        return f"{first}\n{aligned(head, rows)}"


def escape_times(
    problem: Problem,
    p: ArrayLike,
    level: float,
    settings: Sequence[tuple[float, int]],
    horizon: float,
    M: int = 200,
    every: float = 10.0,
    quench: tuple[float, int] = (0.0, 0),
    rng: Any = 0,
    progress: Any = None,
) -> Escapes:
    """First passages of Cost below a level, by M networks from p (s,), for pairs (eta, m) of rate and batch.

    level: between the cost of the minimum at p and the one beyond the barrier. horizon: the time t = k eta until which they are
    watched. every: the time between two looks. quench: rate and steps of steepest descent that a copy takes before its cost is
    looked at, so that a network has left when descent no longer leads it back; without it, the noise in p hides low costs.

    The mean is the maximum likelihood estimate for exponential times seen until the horizon, with its chi-squared interval; whether
    the law is exponential `spread` tells. No formula for the mean is assumed: Kramers' law needs noise that does not depend on p,
    and here Sigma vanishes where all points are fitted. Raises ValueError when p is below the level.
    """
    p0 = plain(p, "p", along="entry")
    cost = problem.value(p0)
    if not cost > level:
        raise ValueError(f"the start has the cost {cost:.6g}, which is below the level {level:.6g} already: give a lower level")
    rows = []
    for k, (rate, batch) in enumerate(settings):
        generator = np.random.default_rng([int(rng), k])
        rows.append(_watched(problem, p0, level, float(rate), int(batch), horizon, M, every, quench, generator))
        if progress is not None:
            progress(k + 1, len(settings), rows[-1].mean.value)
    return Escapes(tuple(rows), cost, float(level), gradient_noise(problem, p0).trace)


def _watched(
    problem: Problem,
    p0: Vector,
    level: float,
    rate: float,
    batch: int,
    horizon: float,
    M: int,
    every: float,
    quench: Any,
    generator: Any,
) -> Escape:
    total, done = max(1, int(np.ceil(horizon / rate))), 0
    p, alive, times = np.tile(p0, (M, 1)), np.arange(M), np.full(M, np.inf)
    while done < total and len(alive):
        steps = min(max(1, round(every / rate)), total - done)
        p = descend_at_random(problem, p, rate, batch, steps, generator)
        done += steps
        with np.errstate(all="ignore"):
            gone = costs_at(problem, descended(problem, p, *quench) if quench[1] else p) < level
        times[alive[gone]] = done * rate
        p, alive = p[~gone], alive[~gone]
    left, watched = M - len(alive), float(np.where(np.isfinite(times), times, done * rate).sum())
    return Escape(rate, batch, times, left, done * rate, _mean(watched, left))


def _mean(watched: float, left: int) -> Interval:
    from scipy.special import chdtri

    low = 2.0 * watched / float(chdtri(2 * left + 2, 0.025))
    high = 2.0 * watched / float(chdtri(2 * left, 0.975)) if left else float("inf")
    return Interval(watched / left if left else float("inf"), low, high)
