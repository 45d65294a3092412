"""The compiled engine's kernels as plain Python: the same laws on tiny cases, so that coverage counts their lines.

These run with NUMBA_DISABLE_JIT=1 and only when asked for, as `make coverage` does; the machine code has its own contract test.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest

import netbp as nb
from conftest import EPS, agree
from netbp.engines import Choices, LeastSquares, Memory, Update
from netbp.engines.compiled import Compiled, lockstep_fit
from netbp.engines.reference import Reference
from netbp.rules import constants_of

pytestmark = pytest.mark.kernels

# Tiny networks move for a few steps only, so that errors of rounding are not amplified: a hundred roundings, relatively.
TOLERANCE = 100 * EPS


def own_rule(p, g, u, v, eta, t, mu=0.5):
    u = mu * u + g
    return p - eta * u / t**0.5, u, v


def softplus(z):
    return np.log(1.0 + np.exp(z))


own = nb.Activation("softplus", softplus, lambda z, a: 1.0 - np.exp(-a), lambda z, a: (1.0 - np.exp(-a)) * np.exp(-a))

ALL = [nb.tanh, nb.relu, nb.leaky_relu, nb.identity, nb.step, nb.sigmoid]
NETWORKS = {
    "small": nb.Network.dense(2, 2, 3, 2),
    "small, mixed": nb.Network.dense(
        2, 3, 2, 2, 2, 2, 2, activation=[nb.tanh, nb.relu, nb.leaky_relu, nb.identity, nb.step, nb.sigmoid]
    ),
    "wide": nb.Network.dense(2, 40, 2),
    "wide, mixed": nb.Network.dense(
        2, 36, 2, 2, 2, 2, 2, activation=[nb.tanh, nb.relu, nb.leaky_relu, nb.identity, nb.step, nb.sigmoid]
    ),
    "own activation": nb.Network.dense(2, 3, 2, activation=[own, nb.sigmoid]),
    "wide, own activation": nb.Network.dense(2, 40, 2, activation=[own, nb.sigmoid]),
}
RULES = [nb.sgd, nb.momentum, nb.nesterov, nb.adagrad, nb.rmsprop, nb.adam, own_rule]


def test_the_jit_is_disabled() -> None:
    assert os.environ.get("NUMBA_DISABLE_JIT") == "1", "run these with NUMBA_DISABLE_JIT=1, as `make coverage` does"


def both(network: nb.Network, cost: nb.Cost = nb.quadratic, weighted: bool = False, penalty: float = 0.0) -> tuple[Any, Any]:
    """The compiled and the reference engine on the first points of figure 1."""
    x, y = (np.asarray(part)[3:7] for part in nb.data.ten_points()[:2])
    weight = np.array([1.0, 0.5, 2.0, 0.0]) if weighted else None
    problem = nb.Problem(network, cost, nb.Data(x, y, weight), penalty=penalty, engine=Compiled())
    return problem.bound, problem.on(Reference()).bound


@pytest.mark.parametrize("cost", [nb.quadratic, nb.softmax_log_loss], ids=str)
@pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
@pytest.mark.parametrize("name", NETWORKS)
def test_derivatives(name: str, cost: nb.Cost, weighted: bool) -> None:
    network = NETWORKS[name]
    asked, reference = both(network, cost, weighted, penalty=0.1 if weighted else 0.0)
    p, v = network.draw(1), np.random.default_rng(2).standard_normal(network.size)
    agree(asked.value(p), reference.value, p, 64)
    agree(asked.gradient(p), reference.gradient, p, 64)
    agree(asked.residual(p), reference.residual, p, 64)
    agree(asked.jacobian(p), reference.jacobian, p, 64)
    agree(asked.hvp(p, v), lambda q: reference.hvp(q, v), p, 64)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("name", NETWORKS)
def test_steps(name: str, rule: Any) -> None:
    network = NETWORKS[name]
    engines = both(network, [nb.quadratic, nb.softmax_log_loss][RULES.index(rule) % 2], weighted=True, penalty=0.01)
    multiplier, decay = network.spread(1.0, 2.0), network.spread(0.01, 0.0)
    update = Update(rule, constants_of(rule), multiplier, decay) if rule is not nb.sgd else Update(rule)
    one = Choices(np.array([0, 1, 2, 0, 3, 1]), np.array([0, 1, 3, 6]), np.array([0.1, 0.2, 0.1]))
    every = Choices(None, np.zeros(4, dtype=np.int64), np.full(3, 0.1))
    many = one._replace(indices=np.stack([one.indices, one.indices[::-1], (one.indices + 1) % 4]))
    for choices, shape in ((one, ()), (every, ()), (many, (3,)), (every, (3,))):
        p = network.draw(1) * np.ones((*shape, 1))
        memory = Memory(np.zeros_like(p), np.zeros_like(p))
        out, expected = (
            engine.advance(p, memory, 0, choices, update, record=2, batch_costs=choices is not every) for engine in engines
        )
        size = np.abs(expected.p).max()
        np.testing.assert_allclose(out.p, expected.p, rtol=TOLERANCE, atol=TOLERANCE * size)
        np.testing.assert_allclose(out.costs, expected.costs, rtol=TOLERANCE)
        np.testing.assert_allclose(out.batch_costs, expected.batch_costs, rtol=TOLERANCE)


@pytest.mark.parametrize("norms", [False, True], ids=["components", "norms"])
@pytest.mark.parametrize("penalty", [0.0, 0.1])
@pytest.mark.parametrize("name", ["small", "small, all for itself", "own activation"])
def test_least_squares(name: str, norms: bool, penalty: float, monkeypatch: pytest.MonkeyPatch) -> None:
    network = NETWORKS["small" if "itself" in name else name]
    if "itself" in name:  # by the kernel for large problems
        monkeypatch.setattr(lockstep_fit, "MOST_ENTRIES", 0)
    asked, reference = both(network, weighted=penalty > 0, penalty=penalty)
    fits = [engine.least_squares(network.draw(1), LeastSquares(norms=norms), 5, 20) for engine in (asked, reference)]
    assert fits[0].reason == fits[1].reason
    # Five solutions of normal equations whose condition is up to 1/damping of the squares: up to 1e4 roundings each.
    np.testing.assert_allclose(fits[0].costs, fits[1].costs, rtol=1e5 * EPS)
