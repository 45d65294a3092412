"""Checks of exercise 3: Lemma 1, against the reference engine."""

from __future__ import annotations

import numpy as np

from netbp.costs import quadratic
from netbp.engines.reference import Reference
from netbp.exercises.asking import Asking, WrongError
from netbp.exercises.forward import SIZES, listing, matrices
from netbp.network import Network
from netbp.problem import Problem
from netbp.types import Data, Vector


def check(asking: Asking, rng: np.random.Generator) -> None:
    """Random networks, and all points at the start of Listing 6.1."""
    for sizes in SIZES:
        network = Network.dense(*sizes)
        x, y = rng.random(sizes[0]), rng.random(sizes[-1])
        problem = Problem(network, quadratic, Data(x[None], y[None]), engine=Reference())
        at_one_point(asking, problem, network.draw(rng, scale=1.0), x, y, f"a {'-'.join(map(str, sizes))} network, random weights")
    problem, p = listing()
    X, Y = np.asarray(problem.data.x), np.asarray(problem.data.y)
    for k in (0, 6):
        at_one_point(asking, problem, p, X[k], Y[k], f"point {k + 1} of ten, at the start of Listing 6.1")


def at_one_point(asking: Asking, problem: Problem, p: Vector, x: Vector, y: Vector, where: str) -> None:
    """The errors, and the derivatives by weights and biases."""
    W, b = matrices(problem.network, p)
    found, L = problem.explain(p, x, y), len(W) + 1
    hints = "(22): D[L] times a[L] - y, in this order", "(23) has W[l+1] transposed, and D[l] of layer l itself"
    names = [f"delta[{l}]" for l in range(2, L + 1)]
    came = asking.ask("deltas", f"deltas(W, b, x, y) for {where}", W, b, x, y)
    if isinstance(came, list | tuple) and len(came) == L - 1:
        asking.same(came[-1], found.delta[-1], hints[0], names[-1])
    asking.same_list(came, found.delta, hints[1], names)
    came = asking.ask("gradients", f"gradients(W, b, x, y) for {where}", W, b, x, y)
    if not isinstance(came, list | tuple) or len(came) != 2:
        raise WrongError(asking.asked, f"{type(came).__name__}", "a pair of lists: derivatives by the weights, then by the biases")
    by_weights = [f"dC/dW[{l}]" for l in range(2, L + 1)]
    asking.same_list(came[0], found.dW, "(25) is an outer product: rows as delta[l], columns as a[l-1]", by_weights)
    asking.same_list(
        came[1], found.db, "(24): the derivatives by the biases are the deltas", [f"dC/db[{l}]" for l in range(2, L + 1)]
    )
