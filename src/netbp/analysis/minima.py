"""Stationary points: found by Newton's method, and told apart by the eigenvalues of the exact Hessian."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from netbp.analysis.operators import check_whole, hessian
from netbp.plain import plain
from netbp.problem import Problem
from netbp.types import Vector

MARGIN = 1e-9
"""Of the highest eigenvalue: one nearer to 0 has no sign here. Rounding is some hundred times below."""

FLAT = 1e-10  # of the highest eigenvalue, below which a direction is not stepped along
NEAR = 1e-6  # the length of a step, relatively to 1 + |p|, below which the cost's decrease is lost in rounding
ENOUGH = 1e-9  # the longest last Newton step, relatively to 1 + |p|, of a point that counts as converged


class Stationary(NamedTuple):
    """Where Newton's method arrived from one start.

    p: (s,). cost: Cost(p). gradient: the norm of its gradient. step: the length of the Newton step that would come next, without
    directions in which the Hessian is flat. lowest, highest: the Hessian's eigenvalues at its ends. kind: "minimum", isolated,
    all eigenvalues above 0; "saddle", one below; "degenerate", neither, such as a neuron that no output sees and whose bias is
    free; or "unfinished", where the steps have not become short. iterations: taken.
    """

    p: Vector
    cost: float
    gradient: float
    step: float
    lowest: float
    highest: float
    kind: str
    iterations: int


def newton(problem: Problem, p: ArrayLike, iterations: int = 100) -> Stationary:
    """Newton's method from p (s,), with |lambda| for lambda and halved steps until the cost falls, so that it leaves saddles.

    Each iteration makes the whole Hessian and its eigenvalues. Close to the end full steps are taken as long as each halves the
    gradient. Raises ValueError above 5,000 parameters.
    """
    check_whole(problem.size)
    q = plain(p, "p", along="entry").copy()
    value, g = problem.value_and_gradient(q)
    lam, Q = np.linalg.eigh(hessian(problem, q).dense())
    taken = 0
    while taken < iterations:
        d = _direction(lam, Q, g)
        length = float(np.linalg.norm(d))
        if not np.isfinite(length):
            break
        if length < NEAR * (1.0 + float(np.linalg.norm(q))):  # here rounding hides the decrease, and the gradient decides
            trial = q + d
            if not np.linalg.norm(problem.gradient(trial)) < 0.5 * np.linalg.norm(g):
                break
        else:
            trial, fell = _shorter(problem, q, value, d, float(g @ d))
            if not fell:
                break
        q, taken = trial, taken + 1
        value, g = problem.value_and_gradient(q)
        lam, Q = np.linalg.eigh(hessian(problem, q).dense())
    step = float(np.linalg.norm(_direction(lam, Q, g)))
    return Stationary(q, value, float(np.linalg.norm(g)), step, float(lam[0]), float(lam[-1]), _kind(lam, step, q), taken)


def _shorter(problem: Problem, q: Vector, value: float, d: Vector, slope: float) -> tuple[Vector, bool]:
    """The first of q + d, q + d/2, ... where the cost falls enough, and whether one did."""
    t = 1.0
    for _ in range(40):
        if problem.value(q + t * d) <= value + 1e-4 * t * slope:
            return q + t * d, True
        t *= 0.5
    return q, False


def _direction(lam: Vector, Q: Vector, g: Vector) -> Vector:
    size = np.abs(lam)
    along = Q.T @ g
    safe = size > FLAT * size.max(initial=1e-300)
    return -(Q @ np.where(safe, along / np.where(safe, size, 1.0), 0.0))


def _kind(lam: Vector, step: float, q: Vector) -> str:
    margin = MARGIN * float(np.abs(lam).max())
    if not step < ENOUGH * (1.0 + float(np.linalg.norm(q))):
        return "unfinished"
    return "minimum" if lam[0] > margin else "saddle" if lam[0] < -margin else "degenerate"
