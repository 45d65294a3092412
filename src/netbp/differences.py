"""Derivatives from values alone: difference quotients with their uncertainty, observed orders, the complex step."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from netbp.plain import plain
from netbp.problem import Problem
from netbp.types import Vector

HALVING = 10**-0.5  # h shrinks by this factor, so that a remainder of second order loses one digit each time
STEPS = 18
LARGEST = 0.1  # the first h: a tenth of the parameters' own size
CLEAR = 100.0  # how many times above rounding a difference has to lie to count
WINDOW = 5  # slopes are fitted to so many values of h, the smallest that are clear of rounding


def observed_slope(h: Vector, values: Vector, noise: float) -> float | None:
    """The slope of log(values) over log(h), (k,) each, by least squares over the smallest h clear of the noise.

    None when fewer than three values lie clear of it.
    """
    order = np.argsort(h)
    clear = order[values[order] > CLEAR * noise][:WINDOW]
    if len(clear) < 3:
        return None
    return float(np.polyfit(np.log(h[clear]), np.log(values[clear]), 1)[0])


def cost_along(problem: Problem, p: Vector, d: Vector, h: float) -> float:
    """Cost(p + h d)."""
    return problem.value(p + h * d)


def eps_of(problem: Problem) -> float:
    """The unit of rounding of the problem's engine."""
    assert problem.engine is not None
    return float(np.finfo(problem.engine.dtype).eps)


def noise_of(problem: Problem, cost: Callable[[float], float]) -> float:
    """Rounding in Cost: second differences over steps so short that nothing but rounding is left of them."""
    eps, here = eps_of(problem), cost(0.0)
    steps = eps**0.75 * 2.0 ** np.arange(6)
    return max(eps * abs(here), float(np.finfo(float).tiny), *(abs(cost(h) - 2.0 * here + cost(-h)) for h in steps))


def best_difference(differences: Vector, rounding: Vector) -> tuple[float, float]:
    """The central difference with the least uncertainty, and that: rounding, and the change from one h to the next."""
    uncertainty = rounding[1:] + np.abs(np.diff(differences))
    best = int(uncertainty.argmin())
    return float(differences[best + 1]), float(uncertainty[best])


def complex_step(problem: Problem, p: Vector, d: Vector) -> float | None:
    """Im Cost(p + ihd)/h: no difference, so no cancellation, and h may be as small as 1e-20 (Squire & Trapp, SIREV 40, 1998)."""
    from netbp.engines.reference import Reference

    if not (problem.cost.analytic and all(sigma.analytic for sigma in problem.network.activations)):
        return None
    if Reference().refusal(problem.network, problem.cost) is not None:  # a torch.nn.Module
        return None
    h = 1e-20
    value: Any = problem.on(Reference()).bound.value(p + 1j * h * d)
    return float(value.imag / h)


class EntryCheck(NamedTuple):
    """One entry of the gradient beside its central difference.

    derivative: by back propagation. difference: (Cost(p + h e) - Cost(p - h e))/(2h) for the h of least uncertainty. bound: of the
    difference's error, from rounding and from its change with h. relative: |difference - derivative| by the larger of the two.
    """

    derivative: float
    difference: float
    h: float
    bound: float

    @property
    def error(self) -> float:
        """|difference - derivative|."""
        return abs(self.difference - self.derivative)

    @property
    def relative(self) -> float:
        """The error relative to the larger of the two; 0 where both are 0."""
        return self.error / (max(abs(self.difference), abs(self.derivative)) or 1.0)

    @property
    def agree(self) -> bool:
        """Whether the difference is as near as its own uncertainty lets it be."""
        return self.error <= self.bound


def check_entry(problem: Problem, p: ArrayLike, index: int) -> EntryCheck:
    """The gradient's entry `index` at p, (s,), beside its central difference. Raises IndexError when p has no such entry."""
    vector = plain(p, "p", along="entry")
    derivative = float(problem.gradient(vector)[index])
    e = np.zeros(problem.size)
    e[index] = 1.0
    cost = partial(cost_along, problem, vector, e)
    h = LARGEST * max(1.0, abs(float(vector[index]))) * HALVING ** np.arange(STEPS)
    differences = np.array([(cost(s) - cost(-s)) / (2 * s) for s in h])
    difference, uncertainty = best_difference(differences, noise_of(problem, cost) / h)
    best = int(np.flatnonzero(differences == difference)[-1])
    return EntryCheck(derivative, difference, float(h[best]), 10.0 * uncertainty)
