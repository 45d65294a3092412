"""Problem: the laws that tie Cost, residual, Jacobian and Hessian together, on every engine; and what it refuses."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

import netbp as nb
from conftest import EPS, agree
from netbp.engines.compiled import Compiled
from netbp.engines.reference import Reference

SIGMAS = {
    "sigmoid": nb.sigmoid,
    "tanh-sigmoid-identity": [nb.tanh, nb.sigmoid, nb.identity],
    "leaky-relu-sigmoid": [nb.leaky_relu, nb.relu, nb.sigmoid],
}
COSTS = [nb.quadratic, nb.softmax_log_loss]


@pytest.fixture(params=[Reference(), Compiled()], ids=lambda e: e.name)
def engine(request) -> Any:
    return request.param


@pytest.fixture(params=SIGMAS)
def net(request) -> nb.Network:
    return nb.Network.dense(2, 5, 4, 3, activation=SIGMAS[request.param])


def data(N: int = 6, weight: Any = None) -> nb.Data:
    rng = np.random.default_rng(4)
    return nb.Data(rng.uniform(-1, 1, (N, 2)), rng.uniform(0, 1, (N, 3)), weight)


WEIGHT = np.array([0.5, 2.0, 1.0, 0.0, 3.0, 0.25])


# -- laws of the least squares problem -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["alike", "weighted"])
def test_value_is_the_residuals_square_and_gradient_its_jacobian_times_it(engine, net, weight):
    problem = nb.Problem(net, nb.quadratic, data(weight=weight), engine=engine)
    p, N = net.draw(1), problem.N
    r, J = problem.residual(p), problem.jacobian(p)
    assert r.shape == (N * 3,)
    assert J.shape == (N * 3, net.size)
    assert problem.value(p) == pytest.approx(r @ r / (2 * N), rel=64 * EPS)  # 18 squares are summed in another order
    # sums of 18 products each; their absolute sum bounds what cancels
    np.testing.assert_allclose(problem.gradient(p), J.T @ r / N, rtol=0, atol=64 * EPS * (np.abs(J.T) @ np.abs(r) / N).max())


def test_the_residual_is_target_less_output_point_by_point(engine, net):
    points = data()
    problem = nb.Problem(net, nb.quadratic, points, engine=engine)
    p = net.draw(1)
    expected = (np.asarray(points.y) - problem.predict(p, points.x)).ravel()
    np.testing.assert_allclose(problem.residual(p), expected, atol=8 * EPS)


def test_the_jacobian_is_the_residuals_derivative(engine, net):
    problem = nb.Problem(net, nb.quadratic, data(weight=WEIGHT), engine=engine)
    p, v, h = net.draw(1), np.random.default_rng(3).standard_normal(net.size), 1e-5
    difference = (problem.residual(p + h * v) - problem.residual(p - h * v)) / (2 * h)
    # h^2/6 times a third derivative of up to |v|^3, and eps/h
    np.testing.assert_allclose(problem.jacobian(p) @ v, difference, atol=100 * h**2 + 32 * EPS / h)


# -- second derivatives --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cost", COSTS, ids=repr)
@pytest.mark.parametrize("penalty", [0.0, 0.1])
def test_hvp_is_symmetric_linear_and_the_gradients_derivative(engine, net, cost, penalty):
    problem = nb.Problem(net, cost, data(weight=WEIGHT), penalty=penalty, engine=engine)
    p = net.draw(1)
    v, w = np.random.default_rng(3).standard_normal((2, net.size))
    Hv, Hw = problem.hvp(p, v), problem.hvp(p, w)
    scale = np.abs(v) @ np.abs(Hw) + np.abs(w) @ np.abs(Hv)
    assert w @ Hv == pytest.approx(v @ Hw, abs=64 * EPS * scale)
    np.testing.assert_allclose(problem.hvp(p, 2.0 * v - w), 2 * Hv - Hw, atol=64 * EPS * np.abs(Hv).max() * 4)
    h = 1e-5
    difference = (problem.gradient(p + h * v) - problem.gradient(p - h * v)) / (2 * h)
    # h^2/6 times a fourth derivative of up to |v|^3 ~ 400, and eps/h
    np.testing.assert_allclose(Hv, difference, atol=400 * h**2 + 32 * EPS / h)


def test_the_hessian_is_gauss_newton_plus_the_residuals_curvature(engine):
    # With targets equal to the outputs the residual, hence its curvature's part, is zero: H = J^T J/N.
    net = nb.Network.dense(2, 5, 4, 3)
    p, x = net.draw(1), np.random.default_rng(0).uniform(-1, 1, (6, 2))
    outputs = nb.Problem(net, nb.quadratic, nb.Data(x, np.zeros((6, 3))), engine=engine).predict(p, x)
    problem = nb.Problem(net, nb.quadratic, nb.Data(x, outputs), engine=engine)
    J, v = problem.jacobian(p), np.random.default_rng(3).standard_normal(net.size)
    np.testing.assert_allclose(problem.hvp(p, v), J.T @ (J @ v) / 6, atol=256 * EPS * np.abs(J).max() ** 2 * np.abs(v).sum())
    # Away from that the difference is linear in the residual: twice the residual, twice the curvature's part.
    parts = []
    for shift in (0.1, 0.2):
        moved = nb.Problem(net, nb.quadratic, nb.Data(x, outputs + shift), engine=engine)
        parts.append(moved.hvp(p, v) - J.T @ (J @ v) / 6)
    assert np.abs(parts[0]).max() > 1e-4
    np.testing.assert_allclose(2 * parts[0], parts[1], atol=1e-14)


# -- point weights and the penalty -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cost", COSTS, ids=repr)
@pytest.mark.parametrize("penalty", [0.0, 0.1])
def test_whole_weights_are_repeated_points(engine, net, cost, penalty):
    counts, points = np.array([1, 3, 0, 2, 1, 1]), data()
    repeated = nb.Data(np.repeat(points.x, counts, axis=0), np.repeat(points.y, counts, axis=0))
    weighted = nb.Problem(net, cost, points._replace(weight=counts), penalty=penalty, engine=engine)
    copies = nb.Problem(net, cost, repeated, penalty=penalty, engine=engine)
    p, v = net.draw(1), net.draw(2)
    agree(weighted.value(p), copies.value, p, 64)
    agree(weighted.gradient(p), copies.gradient, p, 64)
    agree(weighted.hvp(p, v), lambda q: copies.hvp(q, v), p, 64)


@pytest.mark.parametrize("cost", COSTS, ids=repr)
def test_only_the_weights_proportions_matter_and_ones_are_none(engine, net, cost):
    p = net.draw(1)
    one, other = (nb.Problem(net, cost, data(weight=w), engine=engine) for w in (WEIGHT, 8.0 * WEIGHT))
    assert one.value(p) == other.value(p)  # a power of two rounds nothing
    ones, none = (nb.Problem(net, cost, data(weight=w), penalty=0.1, engine=engine) for w in (np.ones(6), None))
    agree(ones.value(p), none.value, p, 8)
    agree(ones.gradient(p), none.gradient, p, 8)


def test_the_penalty_is_33_on_weights_and_not_on_biases(engine, net):
    lam, p, v = 0.3, net.draw(1), net.draw(2)
    plain, penalised = (nb.Problem(net, nb.quadratic, data(), penalty=c, engine=engine) for c in (0.0, lam))
    squares = sum(np.sum(W**2) for W, _ in net.views(p))
    assert penalised.value(p) - plain.value(p) == pytest.approx(lam / 6 * squares, rel=1e-12)
    difference = penalised.gradient(p) - plain.gradient(p)
    for (dW, db), (W, _) in zip(net.views(difference), net.views(p), strict=True):
        np.testing.assert_allclose(dW, 2 * lam / 6 * W, atol=16 * EPS)
        assert np.all(db == 0.0)
    more = penalised.hvp(p, v) - plain.hvp(p, v)
    np.testing.assert_allclose(more, 2 * lam / 6 * net.spread(1, 0) * v, atol=64 * EPS)


# -- symmetries ------------------------------------------------------------------------------------------------------------------


def test_exchanging_hidden_neurons_leaves_the_cost_and_permutes_the_gradient(engine, net):
    problem = nb.Problem(net, nb.quadratic, data(), engine=engine)
    p, order = net.draw(1), np.array([3, 0, 4, 1, 2])

    def exchanged(q):
        out = q.copy()
        (W2, b2), (W3, _), _ = net.views(out)
        W2[...], b2[...], W3[...] = W2[order].copy(), b2[order].copy(), W3[:, order].copy()
        return out

    assert problem.value(exchanged(p)) == pytest.approx(problem.value(p), rel=32 * EPS)
    np.testing.assert_allclose(problem.gradient(exchanged(p)), exchanged(problem.gradient(p)), rtol=1e-13, atol=16 * EPS)


@pytest.mark.parametrize("cost", COSTS, ids=repr)
def test_the_order_of_the_points_does_not_matter(engine, net, cost):
    points, order = data(), np.random.default_rng(0).permutation(6)
    one = nb.Problem(net, cost, points, engine=engine)
    other = nb.Problem(net, cost, nb.Data(np.asarray(points.x)[order], np.asarray(points.y)[order]), engine=engine)
    p = net.draw(1)
    agree(other.value(p), one.value, p, 16)
    agree(other.gradient(p), one.gradient, p, 16)


def test_tanh_networks_are_odd_in_each_hidden_neuron(engine):
    net = nb.Network.dense(2, 4, 2, activation=[nb.tanh, nb.identity])
    problem = nb.Problem(net, nb.quadratic, nb.data.ten_points(), engine=engine)
    p = net.draw(1)
    q = p.copy()
    (W2, b2), (W3, _) = net.views(q)
    W2[1], b2[1], W3[:, 1] = -W2[1], -b2[1], -W3[:, 1]
    assert problem.value(q) == pytest.approx(problem.value(p), rel=16 * EPS)


# -- what the network says -------------------------------------------------------------------------------------------------------


def test_predict_gives_outputs_or_probabilities_for_rows_and_single_points(engine, net):
    p, x = net.draw(1), np.random.default_rng(2).uniform(-1, 1, (5, 2))
    quadratic, softmax = (nb.Problem(net, cost, data(), engine=engine) for cost in COSTS)
    assert np.array_equal(quadratic.predict(p, x), quadratic.output(p, x))
    probabilities = softmax.predict(p, x)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, rtol=8 * EPS)
    assert np.all(probabilities > 0)
    for problem in (quadratic, softmax):
        assert problem.predict(p, x).shape == (5, 3)
        np.testing.assert_allclose(problem.predict(p, x[0]), problem.predict(p, x)[0], rtol=8 * EPS)
        assert problem.classify(p, x).tolist() == problem.predict(p, x).argmax(axis=1).tolist()
        assert int(problem.classify(p, x[0])) == problem.classify(p, x)[0]
    with pytest.raises(ValueError, match="Network expects 2 inputs but the data has shape"):
        quadratic.predict(p, np.ones((4, 3)))


def test_ties_go_to_the_first_and_one_output_to_above_one_half(engine):
    two = nb.Problem(nb.Network.dense(2, 2), nb.quadratic, nb.data.ten_points(), engine=engine)
    assert two.classify(np.zeros(6), [[0.1, 0.2], [3.0, 4.0]]).tolist() == [0, 0]
    net = nb.Network.dense(1, 1)
    one = nb.Problem(net, nb.quadratic, nb.Data([[0.0], [1.0]], [0.0, 1.0]), engine=engine)
    assert one.classify(np.array([1.0, 0.0]), [[-1.0], [0.0], [1.0]]).tolist() == [0, 0, 1]  # exactly 1/2 is category 0


def test_held_out_data_are_only_looked_at(engine, net):
    held = nb.Data([[0.2, 0.3]], [[1.0, 0.0, 0.0]])
    problem = nb.Problem(net, nb.quadratic, data(), held_out=held, penalty=0.2, engine=engine)
    alone = nb.Problem(net, nb.quadratic, held, engine=engine)
    p = net.draw(1)
    assert problem.held_out_value(p) == alone.value(p)  # without the penalty
    without = nb.Problem(net, nb.quadratic, data(), penalty=0.2, engine=engine)
    assert problem.value(p) == without.value(p)
    with pytest.raises(ValueError, match="no held-out data: give Problem"):
        without.held_out_value(p)


def test_without_targets_the_inputs_are_the_targets(engine):
    net, x = nb.Network.dense(2, 1, 2), np.random.default_rng(0).uniform(0, 1, (5, 2))
    p = net.draw(0)
    assert nb.Problem(net, nb.quadratic, nb.Data(x), engine=engine).value(p) == nb.Problem(
        net, nb.quadratic, nb.Data(x, x), engine=engine
    ).value(p)


# -- values, travel and refusals -------------------------------------------------------------------------------------------------


def test_the_engine_is_chosen_visibly_and_can_be_given(net):
    chosen = nb.Problem(net, nb.quadratic, data())
    assert chosen.engine == (Compiled() if Compiled().refusal(net, nb.quadratic) is None else Reference())
    assert chosen.on(Reference()).engine == Reference()


def test_a_problem_travels_to_other_processes(engine, net):
    problem = nb.Problem(net, nb.quadratic, data(weight=WEIGHT), penalty=0.1, engine=engine)
    p = net.draw(1)
    value = problem.value(p)
    assert pickle.loads(pickle.dumps(problem)).value(p) == value


def test_the_data_are_not_changed_and_lists_serve(engine):
    net = nb.Network.dense(2, 1)
    problem = nb.Problem(net, nb.quadratic, nb.Data([[0, 1], [1, 0]], [0, 1]), engine=engine)
    assert problem.N == 2
    assert problem.size == 3
    assert np.isfinite(problem.value([0, 0, 0]))


@pytest.mark.parametrize("cost", COSTS, ids=repr)
def test_one_point_one_class_duplicates_and_points_far_away_are_accepted(engine, cost):
    net = nb.Network.dense(2, 3, 2)
    for x, y in (
        ([[0.5, 0.5]], [[1, 0]]),
        ([[0.5, 0.5]] * 3, [[1, 0]] * 3),
        ([[0.5, 0.5]] * 2, [[1, 0], [0, 1]]),
        ([[1e6, -1e6], [5.0, 7.0]], [[1, 0], [0, 1]]),
    ):
        value, gradient = nb.Problem(net, cost, nb.Data(x, y), engine=engine).value_and_gradient(net.draw(0))
        assert np.isfinite(value)
        assert np.isfinite(gradient).all()


X, Y = np.ones((3, 2)), np.ones((3, 2))
BAD_DATA = {
    "columns": (nb.Data(np.ones((3, 3)), Y), r"Network expects 2 inputs but the data has 3 columns: use Network.dense\(3, ...\)"),
    "no points": (nb.Data(np.ones((0, 2)), np.ones((0, 2))), "holds no points: give at least one row"),
    "one dimension": (nb.Data(np.ones(2), Y), "must have one point per row"),
    "targets": (nb.Data(X, np.ones((3, 1))), r"Network gives 2 outputs for 3 points, so the data's y must have shape \(3, 2\)"),
    "rows": (nb.Data(X, np.ones((2, 2))), r"must have shape \(3, 2\), but it has shape \(2, 2\)"),
    "nan": (nb.Data([[1, 2], [3, np.nan]], np.ones((2, 2))), "x has 1 entries that are not finite, the first in row 1, column 1"),
    "inf": (nb.Data(X, [[1, 2], [np.inf, 1], [1, 1]]), "y has 1 entries that are not finite, the first in row 1, column 0"),
    "ragged": (nb.Data([[1, 2], [3]], Y), "x must be an array of numbers"),
    "text": (nb.Data([["a", "b"]], [[1, 0]]), "x must be an array of numbers"),
    "weights": (nb.Data(X, Y, [1, 2]), r"weight must have shape \(3,\)"),
    "negative": (nb.Data(X, Y, [1, -2, 1]), "weights must be at least 0 and not all 0"),
    "all zero": (nb.Data(X, Y, [0, 0, 0]), "weights must be at least 0 and not all 0"),
    "nan weight": (nb.Data(X, Y, [0, np.nan, 1]), "weight has 1 entries that are not finite, the first in row 1"),
}


@pytest.mark.parametrize("name", BAD_DATA)
def test_data_that_do_not_fit_are_refused_with_the_place_and_the_remedy(name):
    points, message = BAD_DATA[name]
    net = nb.Network.dense(2, 2, 3, 2)
    with pytest.raises(ValueError, match=message):
        nb.Problem(net, nb.quadratic, points)
    with pytest.raises(ValueError, match="held-out"):
        nb.Problem(net, nb.quadratic, nb.data.ten_points(), held_out=points)


@pytest.mark.parametrize("penalty", [-0.1, np.nan, np.inf])
def test_an_impossible_penalty_is_refused(net, penalty):
    with pytest.raises(ValueError, match="penalty lambda of \\(33\\) must be a finite number, at least 0"):
        nb.Problem(net, nb.quadratic, data(), penalty=penalty)


def test_a_p_of_another_length_is_refused_and_residuals_need_squares(engine, net):
    problem = nb.Problem(net, nb.softmax_log_loss, data(), engine=engine)
    for call in (
        problem.value,
        problem.gradient,
        problem.value_and_gradient,
        lambda p: problem.hvp(p, p),
        lambda p: problem.predict(p, [0, 0]),
    ):
        with pytest.raises(ValueError, match="parameters, but p has shape"):
            call(np.zeros(net.size + 1))
    with pytest.raises(ValueError, match="parameters, but v has shape"):
        problem.hvp(net.draw(0), np.zeros(2))
    for call in (problem.residual, problem.jacobian):
        with pytest.raises(ValueError, match=r"a sum of squares, but the cost is softmax_log_loss: use nb\.quadratic"):
            call(net.draw(0))
