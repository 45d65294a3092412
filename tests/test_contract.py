"""The engine contract: every engine computes what the protocol says, compared with the reference engine and with itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import netbp as nb
from conftest import agree
from netbp.engines import (
    DAMPING,
    DECREASE,
    EVALUATIONS,
    GRADIENT,
    NOT_FINITE,
    RUNNING,
    STEP,
    Choices,
    LeastSquares,
    Memory,
    Update,
)
from netbp.engines.compiled import Compiled
from netbp.engines.reference import Reference
from netbp.engines.tensor import Tensor
from netbp.rules import constants_of

ENGINES = [Reference(), Compiled(), Tensor(precision="float64", compile=False)]
ACTIVATIONS = [nb.sigmoid, nb.tanh, nb.identity, nb.relu, nb.leaky_relu, nb.step]
RULES = [nb.sgd, nb.momentum, nb.nesterov, nb.adagrad, nb.rmsprop, nb.adam]

# Every network: widths from 1 to 300, depths from 2 to 12, every activation alone and in mixtures.
NETWORKS = {
    "1-1": nb.Network.dense(1, 1),
    "1-1 identity": nb.Network.dense(1, 1, activation=nb.identity),
    **{f"2-2-3-2 {sigma}": nb.Network.dense(2, 2, 3, 2, activation=sigma) for sigma in ACTIVATIONS},
    "4-3-4-5-2 mixed": nb.Network.dense(4, 3, 4, 5, 2, activation=[nb.relu, nb.tanh, nb.leaky_relu, nb.sigmoid]),
    "2-5-1 mixed": nb.Network.dense(2, 5, 1, activation=[nb.tanh, nb.identity]),
    "3-40-20-4": nb.Network.dense(3, 40, 20, 4),
    "3-40-20-4 mixed": nb.Network.dense(3, 40, 20, 4, activation=[nb.relu, nb.tanh, nb.identity]),
    "2-[3]*10-2 tanh": nb.Network.dense(2, *[3] * 10, 2, activation=nb.tanh),
    "2-[3]*10-2": nb.Network.dense(2, *[3] * 10, 2),
    "3-300-2": nb.Network.dense(3, 300, 2),
    "1-1-1-1 leaky": nb.Network.dense(1, 1, 1, 1, activation=nb.leaky_relu),
}
WEIGHTS = ("none", "random", "zeros")

# Rounding in a pass of L layers of widths up to n is below (n + 2) L roundings; these are mostly independent, and their
# observed multiple of eps x condition is below 8 on all of these networks.
ROUNDINGS = 64.0


def problem_on(engine: Any, network: nb.Network, cost: nb.Cost, weights: str, penalty: float, N: int = 7) -> nb.Problem:
    rng = np.random.default_rng(N + network.size)
    x, y = rng.uniform(-1, 1, (N, network.sizes[0])), rng.uniform(0, 1, (N, network.sizes[-1]))
    if cost is nb.softmax_log_loss:
        y = np.eye(network.sizes[-1])[rng.integers(network.sizes[-1], size=N)]
    weight = {"none": None, "random": rng.uniform(0.5, 2.0, N), "zeros": rng.integers(0, 3, N).astype(float)}[weights]
    return nb.Problem(network, cost, nb.Data(x, y, weight), penalty=penalty, engine=engine)


def pairs(engine: Any, network: nb.Network, cost: nb.Cost, weights: str, penalty: float, N: int = 7) -> tuple[Any, Any]:
    """The engine's and the reference's bound objective."""
    refusal = engine.refusal(network, cost)
    assert refusal is None, refusal
    asked = problem_on(engine, network, cost, weights, penalty, N)
    return asked.bound, asked.on(Reference()).bound


def sampled() -> list[Any]:
    """Every network with both costs; weights and penalties in turn, so that all pairs of settings occur."""
    out = []
    for i, (name, network) in enumerate(NETWORKS.items()):
        for j, cost in enumerate((nb.quadratic, nb.softmax_log_loss)[: 1 + (network.sizes[-1] > 1)]):  # one output: no categories
            settings = (network, cost, WEIGHTS[(i + j) % 3], (0.0, 0.1)[(i + i // 3 + j) % 2])
            out.append(pytest.param(*settings, id=f"{name}, {cost}, {settings[2]}, {settings[3]}"))
    return out


def at(network: nb.Network, seed: int = 3) -> np.ndarray:
    """A start whose weighted inputs stay of size 1 in wide layers too: saturated neurons would hide everything behind them."""
    widths = [min(0.7, 1.5 / np.sqrt(layer.inputs)) for layer in network.layers]
    return network.draw(seed, scale=1.0) * network.spread(widths, 0.7)


@pytest.mark.parametrize("engine", ENGINES, ids=lambda e: e.name)
@pytest.mark.parametrize(("network", "cost", "weights", "penalty"), sampled())
def test_the_function_and_its_derivatives_agree_with_the_reference(engine, network, cost, weights, penalty):
    bound, reference = pairs(engine, network, cost, weights, penalty)
    p = at(network)
    before, v = p.copy(), np.random.default_rng(1).standard_normal(network.size)
    value, gradient = bound.value_and_gradient(p)
    agree(bound.value(p), reference.value, p, ROUNDINGS)
    agree(value, reference.value, p, ROUNDINGS)
    agree(gradient, reference.gradient, p, ROUNDINGS)
    agree(bound.gradient(p), reference.gradient, p, ROUNDINGS)
    x = np.random.default_rng(2).uniform(-2, 2, (5, network.sizes[0]))
    agree(bound.forward(p, x), lambda q: reference.forward(q, x), p, ROUNDINGS)
    agree(bound.hvp(p, v), lambda q: reference.hvp(q, v), p, ROUNDINGS)
    if cost.least_squares:
        agree(bound.residual(p), reference.residual, p, ROUNDINGS)
        agree(bound.jacobian(p), reference.jacobian, p, ROUNDINGS)
    assert np.array_equal(p, before)
    assert isinstance(bound.value(p), float)


@pytest.mark.parametrize("engine", ENGINES, ids=lambda e: e.name)
@pytest.mark.parametrize("cost", [nb.quadratic, nb.softmax_log_loss], ids=repr)
@pytest.mark.parametrize("scale", [1e-300, 1e3, 1e150])
def test_saturated_and_tiny_parameters_give_finite_results_without_warnings(engine, cost, scale):
    network = nb.Network.dense(2, 2, 3, 2)
    bound, reference = pairs(engine, network, cost, "none", 0.0)
    p = scale * at(network)
    value, gradient = bound.value_and_gradient(p)
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()
    assert np.isfinite(bound.hvp(p, np.ones(network.size))).all()
    np.testing.assert_allclose(value, reference.value(p), rtol=1e-13)  # sigmoids are 0, 1/2 or 1 to rounding here
    np.testing.assert_allclose(gradient, reference.gradient(p), rtol=1e-10, atol=1e-15)


# -- advance ---------------------------------------------------------------------------------------------------------------


def advance_on(bound: Any, p: np.ndarray, batches: Any, rule: Any, t: int = 0, memory: Any = None, **more: Any) -> Any:
    record, batch_costs = more.pop("record", 0), more.pop("batch_costs", False)
    memory = memory or Memory(np.zeros_like(p), np.zeros_like(p))
    return bound.advance(p, memory, t, batches, Update(rule, constants_of(rule), **more), record, batch_costs)


def batches_of(N: int, kind: str, K: int = 24, M: int = 0) -> Choices:
    """K steps: one point each, all N points each, or mini-batches of 3, 1, 4, 2, ... points."""
    rng = np.random.default_rng(K)
    sizes = {"one": np.ones(K, int), "full": np.full(K, N), "ragged": np.resize([3, 1, 4, 2, N], K)}[kind]
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    rates = np.geomspace(0.05, 0.01, K)  # with momentum 0.9 still short of chaos, which would magnify rounding
    if kind == "full":
        return Choices(None, offsets, rates)
    return Choices(rng.integers(N, size=(M, offsets[-1]) if M else offsets[-1]), offsets, rates)


# Each compiled network and rule is compiled once, which takes a second: so each rule once, and each further network once.
ADVANCES = [
    *[("2-2-3-2 sigmoid", rule, nb.quadratic) for rule in RULES],
    ("1-1", nb.sgd, nb.quadratic),
    ("2-2-3-2 relu", nb.momentum, nb.softmax_log_loss),
    ("4-3-4-5-2 mixed", nb.sgd, nb.quadratic),
    ("2-[3]*10-2 tanh", nb.adam, nb.quadratic),
    ("3-40-20-4 mixed", nb.nesterov, nb.softmax_log_loss),
    ("3-300-2", nb.sgd, nb.quadratic),
]
NAMED = [pytest.param(NETWORKS[n], rule, cost, id=f"{n}, {rule.__name__}, {cost}") for n, rule, cost in ADVANCES]


@pytest.mark.parametrize("engine", ENGINES, ids=lambda e: e.name)
@pytest.mark.parametrize(("network", "rule", "cost"), NAMED)
@pytest.mark.parametrize(("kind", "weights", "penalty"), [("one", "none", 0.0), ("ragged", "random", 0.1), ("full", "zeros", 0.1)])
def test_advance_agrees_with_the_reference(engine, network, rule, cost, kind, weights, penalty):
    bound, reference = pairs(engine, network, cost, weights, penalty)
    choices, p = batches_of(7, kind), at(network)
    more: dict[str, Any] = {"record": 5, "batch_costs": True}
    if penalty:
        more |= {"multiplier": network.spread(0.5, 1.5), "decay": network.spread(0.02, 0.01)}
    asked = advance_on(bound, p, choices, rule, t=2, **more)
    assert asked.costs.shape == (5,)  # after steps 5, 10, ..., 25 of the steps 3 to 26
    assert asked.batch_costs.shape == (24,)
    everything = np.concatenate(flat(asked))
    agree(everything, lambda q: np.concatenate(flat(advance_on(reference, q, choices, rule, t=2, **more))), p, 8 * ROUNDINGS)


@pytest.mark.parametrize("engine", ENGINES, ids=lambda e: e.name)
@pytest.mark.parametrize(("network", "rule", "cost"), NAMED)
def test_splitting_repeating_and_batching_networks_change_no_bit(engine, network, rule, cost):
    bound, _ = pairs(engine, network, cost, "random", 0.1)
    for kind in ("one", "ragged", "full"):
        choices, M = batches_of(7, kind, M=3), 3
        single = choices if kind == "full" else choices._replace(indices=choices.indices[0])
        starts = np.stack([at(network, seed) for seed in range(M)])
        before, more = starts.copy(), {"record": 4, "batch_costs": True}
        whole = advance_on(bound, starts[0], single, rule, **more)
        again = advance_on(bound, starts[0], single, rule, **more)
        first = advance_on(bound, starts[0], cut(single, 0, 9), rule, **more)
        second = advance_on(bound, first.p, cut(single, 9, 24), rule, t=9, memory=first.memory, **more)
        joined = (
            second.p,
            *second.memory[:2],
            np.append(first.costs, second.costs),
            np.append(first.batch_costs, second.batch_costs),
        )
        for one, other, pieces in zip(flat(whole), flat(again), joined, strict=True):
            assert np.array_equal(one, other)
            assert np.array_equal(one, pieces)
        many = advance_on(bound, starts, choices, rule, **more)
        for m in range(M):
            alone = choices if kind == "full" else choices._replace(indices=choices.indices[m])
            one = advance_on(bound, starts[m], alone, rule, **more)
            ensemble = (many.p[m], many.memory.u[m], many.memory.v[m], many.costs[:, m], many.batch_costs[:, m])
            for a, b in zip(flat(one), ensemble, strict=True):
                assert np.array_equal(a, b)
        assert np.array_equal(starts, before)


def cut(choices: Choices, k: int, j: int) -> Choices:
    """Steps k, ..., j - 1."""
    o = choices.offsets
    indices = None if choices.indices is None else choices.indices[..., o[k] : o[j]]
    return Choices(indices, o[k : j + 1] - o[k], choices.rates[k:j])


def flat(advanced: Any) -> tuple[np.ndarray, ...]:
    return (advanced.p, *advanced.memory[:2], advanced.costs, advanced.batch_costs)


@pytest.mark.parametrize("engine", ENGINES, ids=lambda e: e.name)
def test_nothing_is_recorded_unless_asked_for(engine):
    bound, _ = pairs(engine, NETWORKS["2-2-3-2 sigmoid"], nb.quadratic, "none", 0.0)
    p = at(NETWORKS["2-2-3-2 sigmoid"])
    quiet = advance_on(bound, p, batches_of(7, "one"), nb.sgd)
    loud = advance_on(bound, p, batches_of(7, "one"), nb.sgd, record=1, batch_costs=True)
    assert quiet.costs.size == quiet.batch_costs.size == 0
    assert loud.costs.shape == loud.batch_costs.shape == (24,)
    assert np.array_equal(quiet.p, loud.p)  # looking changes nothing
    np.testing.assert_allclose(loud.costs[-1], bound.value(quiet.p), rtol=1e-14)


@pytest.mark.parametrize("engine", ENGINES, ids=lambda e: e.name)
def test_a_rule_of_ones_own_is_treated_like_ours(engine):
    def signed(p, g, u, v, eta, t, damp=0.5):  # sign-like and uses t, u, v and a constant
        u = damp * u + g / (g * g + 0.01) ** 0.5
        v = v + t * g
        return p - eta * u, u, v

    bound, reference = pairs(engine, NETWORKS["2-2-3-2 sigmoid"], nb.quadratic, "none", 0.0)
    p, choices = at(NETWORKS["2-2-3-2 sigmoid"]), batches_of(7, "ragged")
    for part in (lambda a: a.p, lambda a: a.memory.u, lambda a: a.memory.v):
        agree(part(advance_on(bound, p, choices, signed)), lambda q, f=part: f(advance_on(reference, q, choices, signed)), p, 512.0)


# -- least squares -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ENGINES, ids=lambda e: e.name)
@pytest.mark.parametrize("norms", [False, True], ids=["components", "norms"])
@pytest.mark.parametrize("name", ["1-1", "2-2-3-2 sigmoid", "2-2-3-2 tanh", "4-3-4-5-2 mixed", "2-5-1 mixed", "2-[3]*10-2 tanh"])
@pytest.mark.parametrize(("weights", "penalty"), [("none", 0.0), ("random", 0.1), ("zeros", 0.0)])
def test_least_squares_agrees_with_the_reference(engine, name, norms, weights, penalty):
    network = NETWORKS[name]
    bound, reference = pairs(engine, network, nb.quadratic, weights, penalty)
    p, settings = at(network), LeastSquares(norms=norms)
    asked = bound.least_squares(p, settings, 4, 100)
    expected = reference.least_squares(p, settings, 4, 100)
    assert (asked.reason, asked.iterations, asked.evaluations) == (expected.reason, expected.iterations, expected.evaluations)
    assert asked.damping == pytest.approx(expected.damping, rel=1e-12)
    # J^T J + mu I has a condition up to ||J||^2/mu, 1e5 here, which the solve may lose of p; the costs at p lose less.
    for part in ("p", "costs", "gradient_norm", "scale"):
        a, e = getattr(asked, part), getattr(expected, part)
        np.testing.assert_allclose(a, e, rtol=1e-8, atol=1e-10, err_msg=part)
    assert asked.costs[-1] < bound.value(p)
    split = bound.least_squares(p, settings, 2, 100)
    rest = settings._replace(damping=split.damping)
    second = bound.least_squares(split.p, rest, 2, 100, split.scale)
    assert np.array_equal(second.p, asked.p)  # splitting changes no bit
    assert np.array_equal(np.append(split.costs, second.costs), asked.costs)


@pytest.mark.parametrize("engine", ENGINES, ids=lambda e: e.name)
@pytest.mark.parametrize("norms", [False, True], ids=["components", "norms"])
def test_least_squares_stops_for_each_reason(engine, norms):
    network = nb.Network.dense(1, 1, activation=nb.identity)
    x = np.array([[0.0], [1.0], [2.0]])
    exact = nb.Problem(network, nb.quadratic, nb.Data(x, 3 * x - 1), engine=engine).bound
    settings = LeastSquares(norms=norms)
    start = np.array([0.5, 0.25])
    fitted = exact.least_squares(start, settings, 100, 1000)
    np.testing.assert_allclose(fitted.p, [3.0, -1.0], atol=1e-6)
    assert fitted.reason == GRADIENT
    assert exact.least_squares(start, settings, 1, 1000).reason == RUNNING
    assert exact.least_squares(start, settings, 100, 2).reason == EVALUATIONS
    assert exact.least_squares(np.array([np.inf, 0.0]), settings, 9, 99).reason == NOT_FINITE
    solved = exact.least_squares(np.array([3.0, -1.0]), settings, 9, 99)  # the norms' 0/0 taken as a zero row
    assert solved.reason == GRADIENT
    assert solved.iterations == 0


@pytest.mark.parametrize("engine", ENGINES, ids=lambda e: e.name)
@pytest.mark.parametrize("norms", [False, True], ids=["components", "norms"])
@pytest.mark.parametrize(
    ("tolerances", "reason"),
    [
        ({"function_tolerance": 1e-3, "step_tolerance": 0.0}, DECREASE),
        ({"function_tolerance": 0.0, "step_tolerance": 1e-6}, STEP),
        ({"function_tolerance": 0.0, "step_tolerance": 0.0}, DAMPING),
    ],
    ids=["decrease", "step", "damping"],
)
def test_least_squares_stops_where_no_fit_is_exact(engine, norms, tolerances, reason):
    points = nb.Data([[0.0], [1.0], [2.0], [3.0]], [0.2, 0.9, 0.3, 0.8])
    bound = nb.Problem(nb.Network.dense(1, 1), nb.quadratic, points, engine=engine).bound
    fitted = bound.least_squares(np.array([0.5, 0.25]), LeastSquares(norms=norms, **tolerances), 400, 4000)
    assert fitted.reason == reason
    assert bool(np.all(np.diff(fitted.costs) < 0))  # an iteration ends with a reduction, always
    assert fitted.iterations == len(fitted.costs)
    assert np.abs(bound.gradient(fitted.p)).max() < 1e-3
    overdamped = bound.least_squares(fitted.p, LeastSquares(norms=norms, damping=1e17, function_tolerance=0.0), 9, 99)
    assert (overdamped.reason, overdamped.evaluations, overdamped.iterations) == (DAMPING, 1, 0)
