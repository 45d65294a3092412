"""Kernels of any size against the reference engine: the same function, its derivatives and the same steps."""

from __future__ import annotations

import json

import numpy as np
import pytest

import netbp as nb
from netbp.engines import Choices, Memory, Update
from netbp.engines.compiled import wide_advance
from netbp.engines.compiled.bound import BoundCompiled
from netbp.engines.reference import Reference
from netbp.rules import constants_of

EPS = np.finfo(float).eps

softplus = nb.Activation(
    "softplus",
    lambda z: np.log(1.0 + np.exp(z)),
    lambda z, a: 1.0 / (1.0 + np.exp(-z)),
    lambda z, a: np.exp(-z) / (1.0 + np.exp(-z)) ** 2,
)
swish = nb.Activation(
    "swish",
    lambda z: z / (1.0 + np.exp(-z)),
    lambda z, a: (1.0 + np.exp(-z) * (1.0 + z)) / (1.0 + np.exp(-z)) ** 2,
    lambda z, a: np.exp(-z) * (2.0 - z + np.exp(-z) * (2.0 + z)) / (1.0 + np.exp(-z)) ** 3,
)


def own_rule(p, g, u, v, eta, t, c=0.5):
    u = c * u + g
    return p - eta * u / t, u, v + 1.0


CHAINS = {
    "ten points": ((2, 2, 3, 2), nb.sigmoid),
    "one neuron": ((3, 1), nb.tanh),
    "one point's worth of depth": ((2, *[3] * 12, 2), nb.tanh),
    "by BLAS": ((40, 60, 50, 30, 7), nb.sigmoid),
    "every activation": ((5, 20, 20, 20, 20, 20, 3), (nb.relu, nb.leaky_relu, nb.tanh, nb.identity, nb.sigmoid, nb.identity)),
    "step": ((4, 9, 3), (nb.step, nb.sigmoid)),
    "own": ((4, 30, 30, 3), (softplus, swish, softplus)),
}


def problem_of(chain, cost, weighted, penalty, N=70):
    sizes, activation = CHAINS[chain]
    if sizes[-1] == 1 and cost is nb.softmax_log_loss:
        pytest.skip("one output has no categories")
    rng = np.random.default_rng(len(chain))
    network = nb.Network.dense(*sizes, activation=activation)
    x, y = rng.standard_normal((N, sizes[0])), rng.random((N, sizes[-1]))
    x[rng.random(x.shape) < 0.3] = 0.0  # zeros take a shorter way
    data = nb.Data(x, y, rng.random(N) if weighted else None)
    problem = nb.Problem(network, cost, data, penalty=penalty, engine=Reference())
    return problem, BoundCompiled(problem.bound.objective), network.draw(rng, nb.glorot), rng


def assert_close(ours, reference, multiple):
    """To a multiple of eps, relatively to the largest entry."""
    assert np.shape(ours) == np.shape(reference)
    size = np.abs(reference).max(initial=0.0)
    assert np.abs(np.subtract(ours, reference)).max(initial=0.0) <= multiple * EPS * size + 1e-300


@pytest.mark.parametrize("penalty", [0.0, 0.3])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("cost", [nb.quadratic, nb.softmax_log_loss], ids=repr)
@pytest.mark.parametrize("chain", CHAINS)
def test_function_and_derivatives_are_those_of_the_reference(chain, cost, weighted, penalty):
    problem, bound, p, rng = problem_of(chain, cost, weighted, penalty)
    v = rng.standard_normal(problem.size)
    # sums of 70 points and up to 60 inputs, over up to 13 layers, each rounded in another order: some hundred eps
    assert_close(bound.forward(p, problem.data.x), problem.output(p, problem.data.x), 500)
    assert_close(bound.value(p), problem.value(p), 500)
    assert_close(bound.gradient(p), problem.gradient(p), 500)
    assert bound.value_and_gradient(p)[0] == pytest.approx(bound.value(p), rel=100 * EPS)
    assert_close(bound.residual(p), problem.bound.residual(p), 500)
    assert_close(bound.jacobian(p), problem.bound.jacobian(p), 500)
    assert_close(bound.hvp(p, v), problem.hvp(p, v), 2000)


@pytest.mark.parametrize("N", [1, 31, 32, 513, 1025])
def test_blocks_of_points_change_nothing(N):
    problem, bound, p, rng = problem_of("every activation", nb.quadratic, True, 0.1, N)
    assert_close(bound.value(p), problem.value(p), 500)
    assert_close(bound.gradient(p), problem.gradient(p), 500)
    assert_close(bound.jacobian(p), problem.bound.jacobian(p), 500)
    assert_close(bound.hvp(p, p), problem.hvp(p, p), 2000)


def choices_of(rng, mode, N):
    offsets = np.array([0, 5, 10, 11, 43, 53, 653, 660])  # ragged, one batch of 600 that takes several blocks
    rates = 0.1 * rng.random(7)
    if mode == "full":
        return Choices(None, np.arange(8), rates)
    return Choices(rng.integers(0, N, (3, 660) if mode == "many" else 660), offsets, rates)


@pytest.mark.parametrize("rule", [nb.sgd, nb.momentum, nb.nesterov, nb.adagrad, nb.rmsprop, nb.adam, own_rule])
@pytest.mark.parametrize("mode", ["full", "batches", "many"])
@pytest.mark.parametrize(("chain", "cost"), [("by BLAS", nb.quadratic), ("own", nb.softmax_log_loss)], ids=["blas", "own"])
@pytest.mark.parametrize("plain", [True, False])
def test_advance_takes_the_steps_of_the_reference(chain, cost, mode, rule, plain):
    problem, bound, p, rng = problem_of(chain, cost, not plain, 0.0 if plain else 0.3)
    p = np.stack([p, 2 * p, 0.5 * p]) if mode == "many" else p
    factors = (None, None) if plain else (rng.random(problem.size), 0.1 * rng.random(problem.size))
    update = Update(rule, constants_of(rule), *factors)
    arguments = (p, Memory(0.1 + 0 * p, 0.2 + 0 * p), 3, choices_of(rng, mode, problem.N), update, 2, True)
    ours, reference = wide_advance.advance(bound, *arguments), problem.bound.advance(*arguments)
    # a rule may divide by the root of a small mean square, which magnifies the gradient's rounding
    for a, b in zip((ours.p, *ours.memory[:2], *ours[2:4]), (reference.p, *reference.memory[:2], *reference[2:4]), strict=True):
        assert_close(a, b, 10_000)


@pytest.mark.parametrize("mode", ["full", "batches", "many"])
def test_splitting_changes_no_bit_and_many_move_as_one(mode):
    problem, bound, p, rng = problem_of("by BLAS", nb.quadratic, True, 0.1, 600)
    p = np.stack([p, 2 * p, 0.5 * p]) if mode == "many" else p
    choices, update = choices_of(rng, mode, 600), Update(nb.adam, constants_of(nb.adam))
    memory = Memory(np.zeros_like(p), np.zeros_like(p))
    whole = wide_advance.advance(bound, p, memory, 0, choices, update, 1, True)
    first = choices._replace(offsets=choices.offsets[:5], rates=choices.rates[:4])
    second = choices._replace(offsets=choices.offsets[4:], rates=choices.rates[4:])
    half = wide_advance.advance(bound, p, memory, 0, first, update, 1, True)
    rest = wide_advance.advance(bound, half.p, half.memory, 4, second, update, 1, True)
    np.testing.assert_array_equal(rest.p, whole.p)
    np.testing.assert_array_equal(rest.memory.v, whole.memory.v)
    np.testing.assert_array_equal(np.concatenate([half.costs, rest.costs]), whole.costs)
    np.testing.assert_array_equal(np.concatenate([half.batch_costs, rest.batch_costs]), whole.batch_costs)
    if mode == "many":
        one = choices._replace(indices=choices.indices[1])
        alone = wide_advance.advance(bound, p[1], Memory(memory.u[1], memory.v[1]), 0, one, update, 1, True)
        np.testing.assert_array_equal(alone.p, whole.p[1])
        np.testing.assert_array_equal(alone.costs, whole.costs[:, 1])


def test_nothing_given_is_changed_and_read_only_arrays_are_taken():
    problem, bound, p, rng = problem_of("ten points", nb.quadratic, True, 0.1)
    before, zeros = p.copy(), np.zeros_like(p)
    for array in (p, zeros):
        array.flags.writeable = False
    choices = choices_of(rng, "batches", problem.N)
    wide_advance.advance(bound, p, Memory(zeros, zeros), 0, choices, Update(nb.adam, constants_of(nb.adam)), 0, False)
    bound.gradient(p)
    bound.hvp(p, p)
    np.testing.assert_array_equal(p, before)
    assert not zeros.any()


def test_what_cannot_be_compiled_is_refused_with_the_remedy():
    bad = nb.Activation("bad", lambda z: json.loads(str(z)), lambda z, a: z, lambda z, a: z)
    problem = nb.Problem(nb.Network.dense(2, 3, 2, activation=bad), nb.quadratic, nb.data.ten_points(), engine=Reference())
    with pytest.raises(ValueError, match="engine=Reference"):
        _ = BoundCompiled(problem.bound.objective).prepared


def test_an_index_that_is_no_point_is_refused():
    problem, bound, p, rng = problem_of("ten points", nb.quadratic, False, 0.0)
    choices = Choices(np.array([70]), np.array([0, 1]), np.array([0.1]))
    with pytest.raises(IndexError, match="70"):
        wide_advance.advance(bound, p, Memory(0 * p, 0 * p), 0, choices, Update(nb.sgd), 0, False)
