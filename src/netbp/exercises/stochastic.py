"""Checks of exercise 4: steps in a given order, Listing 6.1's first thousand, and how orders are drawn."""

from __future__ import annotations

from functools import cache

import numpy as np

from netbp.costs import quadratic
from netbp.engines.reference import Reference
from netbp.exercises.asking import Asking
from netbp.exercises.forward import listing, matrices
from netbp.matlab import MatlabRandom
from netbp.network import Network
from netbp.problem import Problem
from netbp.types import Data, Indices, Vector

STEPS = 1000
OLD = "every derivative of a step is taken at the old weights: compute all deltas first, then change W and b"


def check(asking: Asking, rng: np.random.Generator) -> None:
    """A small network first, then the listing, then the orders."""
    network = Network.dense(2, 3, 1)
    X, Y = rng.random((4, 2)), rng.random((4, 1))
    p, order = network.draw(rng, scale=1.0), rng.integers(4, size=6)
    problem = Problem(network, quadratic, Data(X, Y), engine=Reference())
    asked(asking, problem, p, 0.7, order, expected_costs(problem, p, 0.7, order), "a 2-3-1 network, 4 points and 6 steps")
    problem, start = listing()
    order, expected = paper()
    asked(asking, problem, start, 0.05, order, expected, f"the first {STEPS:,} steps of Listing 6.1")
    orders(asking, rng)


@cache
def paper() -> tuple[Indices, list[float]]:
    """The points of Listing 6.1's first steps, as MATLAB draws them after the start, and its costs."""
    problem, start = listing()
    numbers = MatlabRandom(5000)
    numbers.randn(start.size, 1)  # what the start took of the stream
    order = np.asarray(numbers.randi(10, STEPS, 1), dtype=np.int64).ravel() - 1
    return order, expected_costs(problem, start, 0.05, order)


def expected_costs(problem: Problem, p: Vector, eta: float, order: Indices) -> list[float]:
    """sum_i ||y_i - a_i||^2 after each step."""
    costs = []
    for k in order:
        p = p - eta * problem.explain(p, np.asarray(problem.data.x)[k], np.asarray(problem.data.y)[k]).gradient
        costs.append(2 * problem.N * problem.value(p))
    return costs


def asked(asking: Asking, problem: Problem, p: Vector, eta: float, order: Indices, expected: list[float], what: str) -> None:
    """The costs after each step: a wrong one is explained by the first that is wrong."""
    W, b = matrices(problem.network, p)
    words = f"costs(W, b, X, Y, {eta:g}, order) for {what}"
    came = asking.ask("costs", words, W, b, np.array(problem.data.x), np.array(problem.data.y), eta, order)
    got = asking.numbers(came, (len(order),), "the array of costs")
    asking.same(got[0], expected[0], f"the sum over all points has no factor 1/2 and no 1/N; {OLD}", "the cost after step 1")
    wrong = np.flatnonzero(np.abs(got - expected) > 1e-10 * np.abs(expected))
    if len(wrong):
        first = int(wrong[0])
        asking.same(got[first], expected[first], OLD, f"the cost after step {first + 1:,}", relative=1e-10)


def orders(asking: Asking, rng: np.random.Generator) -> None:
    """Orders are whole numbers in their range; with replacement all pairs occur, and every epoch is a new permutation."""
    N, steps = 5, 4000
    came = asking.ask("with_replacement", f"with_replacement({N}, {steps}, rng)", N, steps, rng)
    k = asking.numbers(came, (steps,), "the order")
    asking.holds(bool(np.isin(k, range(N)).all()), f"numbers from {k.min():g} to {k.max():g}", f"whole numbers 0 to {N - 1}")
    counts = np.bincount(k.astype(int), minlength=N)
    # Six standard deviations: it happens to one right answer in a hundred million.
    fair = np.abs(counts - steps / N).max() < 6 * np.sqrt(steps / N * (1 - 1 / N))
    asking.holds(bool(fair), f"the numbers occur {counts.tolist()} times", f"each about {steps // N} times", "draw each from all N")
    repeats = int((k[1:] == k[:-1]).sum())
    often = abs(repeats - steps / N) < 6 * np.sqrt(steps / N * (1 - 1 / N))
    asking.holds(bool(often), f"{repeats} repeat the one before", f"about {steps // N}", "a point may come twice in a row")
    epochs = 200
    came = asking.ask("by_epochs", f"by_epochs({N}, {epochs}, rng)", N, epochs, rng)
    rows = asking.numbers(came, (N * epochs,), "the order").reshape(epochs, N)
    whole = bool((np.sort(rows, axis=1) == np.arange(N)).all())
    asking.holds(
        whole, f"an epoch {next((r for r in rows if sorted(r) != list(range(N))), rows[0])}", "each point once in an epoch"
    )
    different = len({tuple(row) for row in rows})
    asking.holds(different > epochs // 4, f"{different} different orders in {epochs} epochs", "a new one each time", "permute anew")
    first = len(set(rows[:, 0]))
    asking.holds(first == N, f"epochs begin with {first} different points", f"all {N} points come first now and then")
