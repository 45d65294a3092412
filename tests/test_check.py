"""check_gradient: right gradients pass with slopes 1 and 2, wrong ones of any size are found, and kinks and steps are named."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

import netbp as nb
from netbp.differences import observed_slope
from netbp.engines.compiled import Compiled
from netbp.engines.reference import Reference

SMOOTH = [nb.sigmoid, nb.tanh, nb.identity]
KINKED = [nb.relu, nb.leaky_relu]


def problem_of(network: nb.Network, cost: nb.Cost = nb.quadratic, engine: Any = None, **more: Any) -> nb.Problem:
    rng = np.random.default_rng(0)
    x, y = rng.uniform(-1, 1, (12, network.sizes[0])), np.eye(network.sizes[-1])[rng.integers(network.sizes[-1], size=12)]
    return nb.Problem(network, cost, nb.Data(x, y), engine=engine or Reference(), **more)


@dataclass(frozen=True)
class Wrong:
    """The reference engine with the gradient's entries changed by `spoil`."""

    spoil: Any
    name = "wrong"
    dtype = np.float64

    def refusal(self, network: Any, cost: Any) -> None:
        return None

    def bind(self, objective: Any) -> Any:
        bound = Reference().bind(objective)
        right = bound.gradient
        bound.gradient = lambda p: self.spoil(objective.network, right(p))
        return bound


@pytest.mark.parametrize("engine", [Reference(), Compiled()], ids=lambda e: e.name)
@pytest.mark.parametrize("cost", [nb.quadratic, nb.softmax_log_loss], ids=repr)
@pytest.mark.parametrize("sigma", [*SMOOTH, *KINKED], ids=repr)
def test_right_gradients_pass_with_slopes_one_and_two(engine, cost, sigma):
    network = nb.Network.dense(3, 6, 5, 4, activation=sigma)
    check = nb.check_gradient(problem_of(network, cost, engine, penalty=0.1), network.draw(2))
    assert check.passed, str(check)
    assert [entry.layer for entry in check.layers] == [2, 3, 4]
    assert [entry.parameters for entry in check.layers] == [24, 35, 24]
    assert check.total.parameters == network.size
    for entry in (*check.layers, check.total):
        assert entry.first == pytest.approx(1.0, abs=0.05)
        assert entry.second == pytest.approx(2.0, abs=0.1)
        assert entry.central < 1e-6
        assert (entry.complex_step is None) == (sigma in KINKED)
        assert entry.complex_step is None or entry.complex_step < 1e-13


def scaled(factor: float) -> Any:
    return lambda network, g: g * factor


def one_entry(k: int, by: float) -> Any:
    def spoil(network: Any, g: np.ndarray) -> np.ndarray:
        out = g.copy()
        out[k] += by
        return out

    return spoil


def without_bias_of_layer_3(network: Any, g: np.ndarray) -> np.ndarray:
    out = g.copy()
    network.views(out)[1][1][:] = 0.0
    return out


def rows_for_columns(network: Any, g: np.ndarray) -> np.ndarray:
    out = g.copy()
    W = network.views(out)[1][0]
    W[...] = np.ravel(W, order="F").reshape(W.shape)
    return out


@pytest.mark.parametrize("sigma", [nb.sigmoid, nb.leaky_relu], ids=repr)
@pytest.mark.parametrize(
    ("spoil", "layers"),
    [
        (scaled(0.0), {2, 3, 4}),
        (scaled(-1.0), {2, 3, 4}),
        (scaled(1.0 + 1e-3), {2, 3, 4}),
        (one_entry(0, 1e-4), {2}),
        (one_entry(-1, 1e-4), {4}),
        (without_bias_of_layer_3, {3}),
        (rows_for_columns, {3}),
    ],
    ids=["zero", "sign", "a thousandth", "first entry", "last entry", "bias forgotten", "rows for columns"],
)
def test_wrong_gradients_are_found_in_the_layer_where_they_are(sigma, spoil, layers):
    network = nb.Network.dense(3, 6, 5, 4, activation=sigma)
    for seed in range(3):
        check = nb.check_gradient(problem_of(network, engine=Wrong(spoil)), network.draw(2), rng=seed)
        assert not check.passed
        assert {entry.layer for entry in check.layers if not entry.passed} == layers
        assert check.total.verdict == "failed"
        assert "the gradient is wrong" in check.total.reason
        assert "did not pass" in str(check)


def test_a_wrong_gradient_has_taylor_slope_one():
    network = nb.Network.dense(3, 6, 5, 4, activation=nb.leaky_relu)  # no complex step, so the Taylor test must find it
    check = nb.check_gradient(problem_of(network, engine=Wrong(scaled(0.5))), network.draw(2))
    assert check.total.second == pytest.approx(1.0, abs=0.05)
    assert "falls like h^1.0" in check.total.reason


def test_a_forgotten_penalty_is_found():
    network = nb.Network.dense(3, 6, 4)
    penalty = 1e-3

    def spoil(network: Any, g: np.ndarray) -> np.ndarray:
        return g - 2 * penalty / 12 * network.spread(1, 0) * network.draw(2)

    assert nb.check_gradient(problem_of(network, penalty=penalty), network.draw(2)).passed
    assert not nb.check_gradient(problem_of(network, engine=Wrong(spoil), penalty=penalty), network.draw(2)).passed


# -- the special cases -----------------------------------------------------------------------------------------------------------


def test_a_remainder_at_rounding_level_is_exact():
    network = nb.Network.dense(2, 3, 2, activation=nb.identity)
    p = network.draw(0)
    network.views(p)[1][0][:] = 0.0  # W[3] = 0: the cost does not depend on layer 2
    check = nb.check_gradient(problem_of(network), p)
    assert check.passed
    assert check.layers[0].verdict == "exact"
    assert check.layers[0].second is None
    assert "does not depend on these parameters" in check.layers[0].reason
    assert check.layers[1].verdict == "passed"


def test_a_linear_cost_is_exact_with_a_gradient_that_is_not_zero():
    linear = nb.Cost("linear", lambda a, y: a.sum(axis=-1), lambda a, y: 0 * a + 1, lambda a, y, v: 0 * a, lambda a: a)
    network = nb.Network.dense(2, 1, activation=nb.identity)
    check = nb.check_gradient(problem_of(network, linear), network.draw(0))
    assert check.passed
    assert check.total.verdict == "exact"
    assert check.total.first == pytest.approx(1.0, abs=1e-6)
    assert check.total.complex_step is None  # a cost of one's own does not say that it is analytic
    assert check.total.derivative != 0.0
    spoiled = nb.check_gradient(problem_of(network, linear, Wrong(scaled(1.001))), network.draw(0))
    assert not spoiled.passed


@pytest.mark.parametrize(("place", "layers"), [(0, [2]), (1, [2, 3]), (2, [2, 3, 4])])
def test_the_step_is_untrainable_and_the_reason_names_its_layer(place, layers):
    sigmas = [nb.sigmoid] * 3
    sigmas[place] = nb.step
    network = nb.Network.dense(2, 5, 5, 2, activation=sigmas)
    check = nb.check_gradient(problem_of(network), network.draw(1))
    assert not check.passed
    assert [entry.layer for entry in check.layers if entry.verdict == "untrainable"] == layers
    assert f"step of layer {place + 2} has slope 0" in check.layers[0].reason
    assert "although the cost moves" in check.layers[0].reason
    assert all(entry.passed for entry in check.layers if entry.layer not in layers)


def test_relus_that_are_off_are_exact_and_said_to_be_off():
    network = nb.Network.dense(2, 3, 2, activation=nb.relu)
    p = network.draw(0)
    network.views(p)[0][1][:] = -10.0  # no point reaches layer 2
    check = nb.check_gradient(problem_of(network), p)
    assert check.passed
    assert check.layers[0].verdict == "exact"
    assert "off or saturated" in check.layers[0].reason


def test_a_stationary_point_is_named():
    network = nb.Network.dense(1, 1, activation=nb.identity)
    problem = nb.Problem(network, nb.quadratic, nb.Data([[0.0], [1.0]], [0.0, 2.0]), engine=Reference())
    check = nb.check_gradient(problem, [2.0, 0.0])
    assert check.passed
    assert check.total.first == pytest.approx(2.0, abs=0.01)
    assert "stationary" in check.total.reason


def test_a_p_on_a_kink_is_said_to_be_there():
    network = nb.Network.dense(2, 3, 2, activation=nb.relu)
    check = nb.check_gradient(problem_of(network), np.zeros(network.size))
    assert not check.passed
    assert check.total.verdict == "kink"
    assert "p sits on a kink: 12 of 12 points" in str(check)


def test_points_on_a_kink_are_set_aside_and_counted():
    network = nb.Network.dense(2, 6, 2, activation=nb.leaky_relu)
    x = np.random.default_rng(0).uniform(-1, 1, (8, 2))
    x[3] = 0.0  # with zero biases, this point's weighted inputs of layer 2 are 0
    problem = nb.Problem(network, nb.quadratic, nb.Data(x, np.eye(2)[[0, 1] * 4]), engine=Reference())
    check = nb.check_gradient(problem, network.draw(1, scale=nb.he))
    assert check.passed
    assert "1 of 8 points, on a kink" in check.note
    assert "1 of 8 points have a weighted input on a kink, the first is point 3 (from 0)." in check.note


def test_vanishing_gradients_are_still_checked_by_the_complex_step():
    network = nb.Network.dense(2, *[3] * 10, 2)
    p = network.draw(1)
    assert nb.check_gradient(problem_of(network), p).passed
    wrong = nb.check_gradient(problem_of(network, engine=Wrong(one_entry(0, 1e-13))), p)
    assert not wrong.layers[0].passed


@pytest.mark.parametrize("scale", [1e-6, 1e-2, 1.0, 30.0])
def test_parameters_of_every_size_pass(scale):
    network = nb.Network.dense(2, 4, 3, 2)
    for seed in range(5):
        check = nb.check_gradient(problem_of(network), scale * network.draw(seed))
        assert check.passed, str(check)


# -- the result ------------------------------------------------------------------------------------------------------------------


def test_the_result_depends_on_rng_alone():
    network = nb.Network.dense(2, 4, 2)
    problem, p = problem_of(network), network.draw(0)
    assert nb.check_gradient(problem, p) == nb.check_gradient(problem, p)
    assert nb.check_gradient(problem, p, rng=1) != nb.check_gradient(problem, p)
    assert nb.check_gradient(problem, p, rng=1) == nb.check_gradient(problem, p, rng=np.random.default_rng(1))
    assert nb.check_gradient(problem, p, rng=nb.MatlabRandom(1)).passed


def test_it_prints_a_row_per_layer_and_the_verdict():
    network = nb.Network.dense(2, 4, 2)
    check = nb.check_gradient(problem_of(network), network.draw(0))
    lines = str(check).splitlines()
    assert (
        lines[0] == "Gradient check: Network.dense(2, 4, 2, activation=sigmoid), quadratic cost, 12 points, on the reference engine"
    )
    assert [line.split()[0] for line in lines[1:]] == ["layer", "2", "3", "all", "The"]
    assert "The gradient passed." in lines[-1]
    assert len({len(line.split()) for line in lines[2:-1]}) == 1
    assert "did not pass" in str(replace(check, total=replace(check.total, verdict="failed")))


@pytest.mark.parametrize("p", [np.zeros(3), np.zeros((22, 1))], ids=["short", "matrix"])
def test_a_p_that_does_not_fit_is_refused(p):
    network = nb.Network.dense(2, 4, 2)
    with pytest.raises(ValueError, match="check_gradient needs p as 22 finite numbers"):
        nb.check_gradient(problem_of(network), p)


@pytest.mark.parametrize("power", [1.0, 2.0, 3.0])
def test_slopes_are_those_of_powers_and_ignore_what_is_in_the_noise(power):
    h = 10.0 ** -np.arange(10)
    values = 3.0 * h**power
    assert observed_slope(h, values, 0.0) == pytest.approx(power, rel=1e-12)
    noisy = np.maximum(values, 1e-9)
    assert observed_slope(h, noisy, 1e-9) == pytest.approx(power, rel=1e-12)
    assert observed_slope(h, 0 * h + 1e-9, 1e-9) is None
