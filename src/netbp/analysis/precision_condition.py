"""Condition: how far outputs and gradient move, entry by entry, when every parameter moves relatively by a little."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from netbp.engines.reference.passes import outputs_by_parameters
from netbp.problem import Problem
from netbp.types import Array, Vector

EXACT = 10_000_000
"""Numbers in a Jacobian or Hessian that is built whole."""
DRAWS = 8


def output_moves(problem: Problem, p: Vector) -> Array:
    """sum_j |da_i/dp_j p_j| for each output of each point, (N, n_L); divided by |a_i| the componentwise condition numbers.

    problem: on the reference engine. Where the Jacobian is too large, an estimate: see `by_signs`.
    """
    x = np.asarray(problem.data.x, dtype=float)
    if len(x) * problem.network.sizes[-1] * problem.size <= EXACT:
        return np.asarray(np.abs(outputs_by_parameters(problem.network, p, x)[1]) @ np.abs(p))
    return by_signs(lambda q: problem.output(q, x), p)


def gradient_moves(problem: Problem, p: Vector) -> Vector:
    """sum_j |H_ij p_j| for each entry of the gradient, (s,), with the Hessian H; an estimate for more than 300 parameters."""
    if problem.size > 300:
        return by_signs(problem.gradient, p)
    moves = np.zeros(problem.size)
    for j, unit in enumerate(np.eye(problem.size)):
        moves += np.abs(problem.hvp(p, unit)) * abs(p[j])
    return moves


def by_signs(f: Callable[[Vector], Array], p: Vector, draws: int = DRAWS) -> Array:
    """An estimate from random signs: the sum over some draws of |f(p (1 + d s)) - f(p)|/d, d = 1e-7."""
    rng, d, here = np.random.default_rng(99), 1e-7, np.asarray(f(p))
    total = np.zeros(here.shape)
    for _ in range(draws):
        total += np.abs(np.asarray(f(p * (1.0 + d * rng.choice([-1.0, 1.0], p.shape)))) - here) / d
    return total
