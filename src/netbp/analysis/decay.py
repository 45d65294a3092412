"""How a cost decays: linear, algebraic or superlinear, by one family of curves in which all three are nested.

The question must not depend on where time begins, so the law that is fitted is autonomous: the rate is a power of the cost,

    -d(log C)/dt = k C^gamma.

gamma = 0 is linear convergence; gamma > 0 gives C = const (t - t_0)^(-1/gamma), algebraic; gamma < 0 is faster than linear. With
kappa the rate in the tail's middle t_m, and u = t - t_m,

    log C(t) = a - log(1 + gamma kappa u)/gamma,

which is smooth at gamma = 0. Along the gradient flow, gamma = 2 theta - 1 with the exponent theta of Lojasiewicz's inequality
|grad C| >= c C^theta.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from netbp.analysis.regression import Batches, Interval, batches, correlation, interval, line
from netbp.types import Matrix, Vector

LINEAR, ALGEBRAIC, SUPERLINEAR, STALLED, GROWING, UNDECIDED = (
    "linear",
    "algebraic",
    "superlinear",
    "stalled",
    "growing",
    "undecided",
)
SMALL = 0.1  # |gamma| below it is linear for all purposes: an exponent above 10
WIDE = 0.5  # an interval of gamma that reaches from linear to here tells nothing
LEAST = 8  # records in a tail


class Decay(NamedTuple):
    """How the cost decays in a tail.

    kind: "linear", "algebraic", "superlinear", "stalled", "growing" or "undecided". rate: -d(log C)/dt per step, from a straight
    line in t. slope: d(log C)/d(log t), from a straight line in log t. gamma: of the family above. exponent: 1/gamma with the
    time `origin` t_0, where the decay is algebraic. middle, level, kappa: t_m, a and kappa of the fitted curve. rho: the
    correlation that is left between batches of `length` records.
    """

    kind: str
    rate: Interval
    slope: Interval
    gamma: Interval
    exponent: Interval | None
    origin: float | None
    middle: float
    level: float
    kappa: float
    rho: float
    length: int

    def curve(self, steps: Vector) -> Vector:
        """The fitted cost at these steps (n,); infinite before the origin of an algebraic decay."""
        x = self.kappa * (np.asarray(steps, dtype=float) - self.middle)
        return np.exp(_family(x, self.level, self.gamma.value)[0])


def decay(steps: Vector, costs: Vector, confidence: float = 0.95) -> Decay:
    """Fit the family to costs, (n,), positive, after these steps, (n,). Raises ValueError for fewer than 8 of them."""
    if len(costs) < LEAST:
        raise ValueError(f"a decay is fitted to at least {LEAST} recorded costs, but there are {len(costs)}: record more often")
    t, y = np.asarray(steps, dtype=float), np.log(costs)
    means = batches(t, y)
    nodes, _, values, length = means
    rate = line(means.mean(nodes), values, confidence)[0].scaled(-1.0)
    slope = line(means.mean(np.log(np.maximum(nodes, 0.5))), values, confidence)[0]
    middle, width = float(nodes.mean()), float(nodes.max() - nodes.min())
    if rate.low <= 0.0:
        kind = GROWING if rate.high < 0.0 else STALLED
        nothing = Interval(float("nan"), float("-inf"), float("inf"))
        return Decay(kind, rate, slope, nothing, None, None, middle, float(values.mean()), rate.value, 0.0, length)
    a, kappa, gamma, design, residual = _fit(means._replace(nodes=(nodes - middle) / width), rate.value * width)
    found = interval(gamma, design, residual, 2, confidence)
    kind = _kind(found)
    exponent = origin = None
    if kind == ALGEBRAIC:
        exponent = Interval(1.0 / gamma, 1.0 / found.high, 1.0 / found.low)
        origin = middle - width / (gamma * kappa)
    return Decay(kind, rate, slope, found, exponent, origin, middle, a, kappa / width, correlation(residual), length)


def _kind(gamma: Interval) -> str:
    if gamma.low > SMALL:
        return ALGEBRAIC
    if gamma.high < -SMALL:
        return SUPERLINEAR
    return LINEAR if gamma.low > -WIDE and gamma.high < WIDE else UNDECIDED


def _family(x: Matrix, a: float, gamma: float) -> tuple[Matrix, Matrix, Matrix]:
    """a - log(1 + gamma x)/gamma, and its derivatives by x and by gamma."""
    inside = 1.0 + gamma * x
    with np.errstate(invalid="ignore", divide="ignore"):
        safe = np.maximum(inside, 1e-300)
        by_x = -1.0 / safe
        if abs(gamma) * np.max(np.abs(x)) < 1e-3:  # the series, whose next terms are below 1e-9
            return a - x + gamma * x**2 / 2.0 - gamma**2 * x**3 / 3.0, by_x, x**2 / 2.0 - 2.0 * gamma * x**3 / 3.0
        value = np.where(inside > 0.0, a - np.log(safe) / gamma, np.inf * np.sign(gamma))
        return value, by_x, np.log(safe) / gamma**2 - x / (gamma * safe)


def _fit(means: Batches, kappa: float) -> tuple[float, float, float, Matrix, Vector]:
    """a, kappa and gamma by Gauss-Newton with halved steps from gamma = 0; the design (B, 3) and the residual (B,) there.

    The batches' nodes are times of which the middle is 0 and the whole length 1.
    """
    u, values = means.nodes, means.values

    def at(theta: Vector) -> tuple[Vector, Matrix]:
        value, by_x, by_gamma = _family(theta[1] * u, theta[0], theta[2])
        parts = [np.ones(len(u)), means.mean(by_x * u), means.mean(by_gamma)]
        return values - means.mean(value), np.stack(parts, axis=1)

    def allowed(theta: Vector) -> bool:
        return bool(theta[1] > 0.0 and np.min(1.0 + theta[2] * theta[1] * u) > 1e-9)

    theta = np.array([values.mean(), kappa, 0.0])
    residual, design = at(theta)
    for _ in range(200):
        step, length = np.linalg.lstsq(design, residual, rcond=None)[0], 1.0
        while length > 1e-10:
            trial = theta + length * step
            if allowed(trial) and (new := at(trial))[0] @ new[0] < residual @ residual:
                break
            length /= 2.0
        else:
            break
        gained = residual @ residual - new[0] @ new[0]
        theta, (residual, design) = trial, new
        if gained <= 1e-13 * (residual @ residual):
            break
    return float(theta[0]), float(theta[1]), float(theta[2]), design, residual
