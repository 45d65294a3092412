"""The public API: every name of the contract exists and works as the design's example has it."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import netbp as nb

NAMES = [
    *["Network", "Problem", "Data", "State", "Activation", "Cost", "data", "glorot", "he", "check_gradient"],
    *["sigmoid", "relu", "leaky_relu", "step", "tanh", "identity", "quadratic", "softmax_log_loss"],
    *["sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "MatlabRandom"],
    *["train", "stream", "Run", "Snapshot", "multistart"],
    *["StochasticGradient", "SteepestDescent", "LevenbergMarquardt", "LBFGS", "NewtonCG", "TrustRegion", "NelderMead"],
]


@pytest.mark.parametrize("name", NAMES)
def test_every_name_of_the_contract_exists_and_says_what_it_is(name):
    thing = getattr(nb, name)
    assert inspect.getdoc(thing)


@pytest.mark.parametrize(
    "name", ["value", "gradient", "residual", "jacobian", "predict", "classify", "explain", "hvp", "held_out_value"]
)
def test_every_method_of_a_problem_says_what_it_is(name):
    assert inspect.getdoc(getattr(nb.Problem, name))


def test_signatures_are_those_of_the_contract():
    def parameters(f):
        return list(inspect.signature(f).parameters)

    assert parameters(nb.train)[:8] == ["problem", "method", "steps", "start", "rng", "record", "until", "save"]
    assert parameters(nb.stream)[:4] == ["problem", "method", "steps", "every"]
    assert parameters(nb.Problem) == ["network", "cost", "data", "held_out", "penalty", "engine"]
    assert parameters(nb.Data) == ["x", "y", "weight"]
    assert {"rule", "rate", "batch", "sampling", "constants"} <= set(parameters(nb.StochasticGradient))
    assert "residual" in parameters(nb.LevenbergMarquardt)
    assert parameters(nb.check_gradient) == ["problem", "p", "rng"]


def test_the_designs_example_runs():
    network = nb.Network.dense(2, 2, 3, 2, activation=nb.sigmoid)
    problem = nb.Problem(network, nb.quadratic, nb.data.ten_points())
    run = nb.train(problem, nb.StochasticGradient(rate=0.05), steps=1000, rng=nb.MatlabRandom(5000), record=1)
    assert network.size == 23
    assert run.costs.shape == (1000,)
    assert run.costs.dtype == np.float64
    assert run.p.shape == (23,)
    # The table's numbers are 20 x Cost (9); 1e-12 since a relative change of 1e-14 in the start moves them by 2e-14.
    assert 20 * run.initial_cost == pytest.approx(5.32881696990138, rel=1e-12)
    assert 20 * run.costs[[0, 9, 99, 999]] == pytest.approx(
        [5.32431031504514, 5.29368084387954, 5.1169224518665, 4.98551007566451], rel=1e-12
    )
    assert run.costs[-1] == pytest.approx(problem.value(run.p), rel=1e-13)


def test_the_points_are_those_of_figures_1_and_5():
    ten, eleven = nb.data.ten_points(), nb.data.eleven_points()
    assert ten.x[:, 0].tolist() == [0.1, 0.3, 0.1, 0.6, 0.4, 0.6, 0.5, 0.9, 0.4, 0.7]
    assert ten.x[:, 1].tolist() == [0.1, 0.4, 0.5, 0.9, 0.2, 0.3, 0.6, 0.2, 0.4, 0.6]
    assert ten.y.tolist() == [[1, 0]] * 5 + [[0, 1]] * 5
    assert eleven.x[10].tolist() == [0.3, 0.7]
    assert eleven.y[10].tolist() == [0, 1]
    assert np.array_equal(eleven.x[:10], ten.x)
    assert np.array_equal(eleven.y[:10], ten.y)
