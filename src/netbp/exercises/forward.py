"""Checks of exercise 2: the forward pass and the cost, against the reference engine."""

from __future__ import annotations

from typing import Any

import numpy as np

from netbp.costs import quadratic
from netbp.data import ten_points
from netbp.engines.reference import Reference
from netbp.exercises.asking import Asking
from netbp.matlab import MatlabRandom
from netbp.network import Network
from netbp.problem import Problem
from netbp.types import Data, Vector

SIZES = ((2, 2, 3, 2), (3, 1), (1, 4, 2), (4, 3, 5, 2, 3))


def matrices(network: Network, p: Vector) -> tuple[list[Any], list[Any]]:
    """The lists W[2], ..., W[L] and b[2], ..., b[L] of p."""
    views = network.views(p)
    return [np.array(W) for W, _ in views], [np.array(b) for _, b in views]


def listing() -> tuple[Problem, Vector]:
    """The paper's problem and the start of Listing 6.1."""
    network = Network.dense(2, 2, 3, 2)
    return Problem(network, quadratic, ten_points(), engine=Reference()), network.draw(MatlabRandom(5000))


def check(asking: Asking, rng: np.random.Generator) -> None:
    """Random networks of several sizes; then Listing 6.1."""
    for sizes in SIZES:
        network = Network.dense(*sizes)
        p = network.draw(rng, scale=1.0)
        W, b = matrices(network, p)
        x, X, Y = rng.random(sizes[0]), rng.random((5, sizes[0])), rng.random((5, sizes[-1]))
        problem = Problem(network, quadratic, Data(X, Y), engine=Reference())
        name = f"a {'-'.join(map(str, sizes))} network"
        a = problem.explain(p, x, np.zeros(sizes[-1])).a
        names = [f"a[{l}]" for l in range(1, len(sizes) + 1)]
        came = asking.ask("forward", f"forward(W, b, x) for {name} with random weights", W, b, x)
        asking.same_list(came, a, "a[l] is sigma of W[l] a[l-1] + b[l]; layer 1 is x itself, without sigma", names)
        came = asking.ask("cost", f"cost(W, b, X, Y) for {name} and 5 points", W, b, X, Y)
        asking.same(came, problem.value(p), "(9) is a mean over the points, with a factor 1/2")
    problem, p = listing()
    W, b = matrices(problem.network, p)
    came = asking.ask("cost", "cost(W, b, X, Y) at the start of Listing 6.1", W, b, problem.data.x, problem.data.y)
    asking.same(came, problem.value(p), "20 times the cost is the paper's 5.3")
