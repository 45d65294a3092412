"""Saturation: outputs that stand at 0 or 1 on the wrong side, where the slope of sigma, and so the gradient, is almost nothing."""

from __future__ import annotations

import numpy as np

from netbp.problem import Problem
from netbp.types import Array

POINTS = 1000  # the most points looked at
FLAT = 1e-3  # a slope below it is flat
WRONG = 0.5  # an output further than this from its target is wrong
SHARE = 0.05  # of the outputs that are flat and wrong, from which on it is told


def saturation(problem: Problem, p: Array) -> str | None:
    """What to tell of a run that ends at p with outputs both flat and wrong, or None.

    Reported when at least 5 % of the outputs (of up to 1,000 points) differ from their targets by more than 1/2 where
    |sigma'| < 0.001, while the gradient's norm is below a hundredth of the cost: sigmoid outputs bound Cost (9), so that too
    large a rate ends there instead of overflowing.
    """
    sigmas = problem.network.activations  # none of a torch.nn.Module
    if p.ndim != 1 or not sigmas or sigmas[-1].name not in ("sigmoid", "tanh"):
        return None
    sigma = sigmas[-1]
    x, y = np.asarray(problem.data.x)[:POINTS], np.asarray(problem.data.y)[:POINTS]
    a = problem.bound.forward(p, np.ascontiguousarray(x))
    stuck = (np.abs(sigma.slope(a, a)) < FLAT) & (np.abs(y - a) > WRONG)
    if stuck.mean() < SHARE:
        return None
    cost, gradient = problem.bound.value_and_gradient(p)
    norm = float(np.linalg.norm(gradient))
    if norm > 0.01 * cost:
        return None
    return (
        f"it is saturated: {100 * stuck.mean():.0f} % of the outputs are wrong where {sigma.name} is flat, and the gradient's norm "
        f"is {norm:.1e} at a cost of {cost:.3g}; try a smaller start, or a smaller rate where the method has one"
    )
