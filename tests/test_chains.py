"""Networks of any layers on the reference engine: derivatives, training mode, errors counted, and what must not change."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

import netbp as nb
from conftest import EPS, agree
from netbp.costs import missed
from netbp.engines import Choices, Memory, Update
from netbp.engines.masks import flips, keys, threshold, words
from netbp.engines.reference import Reference
from netbp.engines.reference.maps import Choice
from netbp.engines.reference.passes import forward
from netbp.kinks import distances_to_kinks, reach
from netbp.rules import constants_of
from netbp.saturation import saturation

SMOOTH = [nb.tanh, nb.sigmoid]

# One network for each kind of layer, behind and in front of layers with parameters, smooth or with kinks; the last has them all.
CHAINS = {
    "dense on an image": nb.Network.chain((2, 3, 4), nb.Dense(5, nb.tanh), nb.Dense(3)),
    "conv": nb.Network.chain((2, 5, 5), nb.Conv(3, 3, stride=2, pad=((1, 0), (0, 2)), activation=nb.tanh), nb.Dense(3)),
    "conv on conv": nb.Network.chain((2, 5, 4), nb.Conv(3, 2, activation=nb.sigmoid), nb.Conv(2, (3, 2), pad=1), nb.tanh),
    "conv on a signal": nb.Network.chain((2, 9), nb.Conv(3, 4, 2, 1, activation=nb.tanh), nb.Dense(3)),
    "max": nb.Network.chain((2, 5, 5), nb.Conv(3, 2, pad=1), nb.Pool(3, 2, ((0, 1), (0, 1))), nb.tanh, nb.Dense(3)),
    "max on a signal": nb.Network.chain((1, 12), nb.Conv(3, 3), nb.Pool(2), nb.sigmoid, nb.Dense(3)),
    "average": nb.Network.chain((2, 5, 5), nb.Conv(3, 2, pad=1), nb.tanh, nb.Pool(3, 2, 1, "average"), nb.Dense(3)),
    "average on a signal": nb.Network.chain((2, 9), nb.Pool(3, 2, 1, "average"), nb.Conv(2, 2, activation=nb.tanh), nb.Dense(3)),
    "flatten": nb.Network.chain((2, 3, 3), nb.Conv(2, 2), nb.Flatten(), nb.tanh, nb.Dense(3)),
    "flip": nb.Network.chain((2, 3, 3), nb.Flip(), nb.Conv(2, 2, activation=nb.tanh), nb.Flip(), nb.Dense(3)),
    "dropout": nb.Network.chain(6, nb.Dropout(0.2), nb.Dense(5, nb.tanh), nb.Dropout(0.4, "evaluation"), nb.Dense(3)),
    "relu": nb.Network.chain((2, 5, 5), nb.Conv(3, 2), nb.Pool(2, kind="max"), nb.relu, nb.Dropout(0.3), nb.Dense(3)),
    "relu before max": nb.Network.chain((2, 5, 5), nb.Conv(3, 2, activation=nb.relu), nb.Pool(2), nb.Dense(3)),
    "all": nb.Network.chain(
        (3, 8, 8),
        nb.Flip(),
        nb.Conv(4, 3, pad=1),
        nb.Pool(3, 2, pad=((0, 1), (0, 1))),
        nb.relu,
        nb.Conv(4, 3, pad=1, activation=nb.leaky_relu),
        nb.Pool(3, 2, pad=((0, 1), (0, 1)), kind="average"),
        nb.Dropout(0.15),
        nb.Conv(5, 2, activation=nb.relu),
        nb.Flatten(),
        nb.Dense(4, nb.tanh),
        nb.Dropout(0.35, "evaluation"),
        nb.Dense(3),
    ),
}
NAMED = [pytest.param(network, id=name) for name, network in CHAINS.items()]
COSTS = [nb.quadratic, nb.softmax_log_loss]


def problem_on(network: nb.Network, cost: nb.Cost = nb.quadratic, penalty: float = 0.0, N: int = 6, **more: Any) -> nb.Problem:
    rng = np.random.default_rng(N)
    x, y = rng.standard_normal((N, network.sizes[0])), np.eye(network.sizes[-1])[rng.integers(network.sizes[-1], size=N)]
    weight = rng.uniform(0.5, 2.0, N) if penalty else None
    return nb.Problem(network, cost, nb.Data(x, y, weight), penalty=penalty, engine=Reference(), **more)


def start(network: nb.Network) -> np.ndarray:
    return network.draw(5, scale=nb.he) + network.spread(0.0, 1.0) * 0.1 * network.draw(6)


# -- derivatives -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("network", NAMED)
@pytest.mark.parametrize("cost", COSTS, ids=repr)
def test_every_layers_gradient_has_taylor_slopes_one_and_two(network, cost):
    check = nb.check_gradient(problem_on(network, cost, penalty=0.1), start(network))
    assert check.passed, str(check)
    assert [entry.layer for entry in check.layers] == [l for l, layer in enumerate(network.layers, start=2) if layer.size]
    assert [entry.parameters for entry in check.layers] == [layer.size for layer in network.weighted]
    for entry in (*check.layers, check.total):
        assert entry.first == pytest.approx(1.0, abs=0.05)
        assert entry.second is None or entry.second == pytest.approx(2.0, abs=0.1)
        assert entry.complex_step is None or entry.complex_step < 1e-13


@pytest.mark.parametrize("network", NAMED)
@pytest.mark.parametrize("cost", COSTS, ids=repr)
def test_the_hessian_is_the_gradients_derivative_and_symmetric(network, cost):
    problem, p = problem_on(network, cost, penalty=0.1), start(network)
    rng = np.random.default_rng(1)
    u, v = rng.standard_normal((2, network.size))
    Hu, Hv = problem.hvp(p, u), problem.hvp(p, v)
    assert abs(u @ Hv - v @ Hu) <= 1e3 * EPS * (np.abs(u) @ np.abs(Hv) + np.abs(v) @ np.abs(Hu))
    x = np.asarray(problem.data.x)
    h = reach(network, p, v, x, 1e-5)
    assert h > 1e-7  # the start lies away from kinks
    central = (problem.gradient(p + h * v) - problem.gradient(p - h * v)) / (2 * h)
    assert np.linalg.norm(Hv - central) <= 1e-7 * np.linalg.norm(Hv)  # h^2 times third derivatives, eps/h


@pytest.mark.parametrize("network", NAMED)
def test_the_jacobian_is_the_residuals_derivative_and_makes_the_gradient(network):
    problem, p = problem_on(network), start(network)
    r, J = problem.residual(p), problem.jacobian(p)
    agree(J.T @ r / problem.N, problem.gradient, p, 64.0)
    v = np.random.default_rng(1).standard_normal(network.size)
    h = reach(network, p, v, np.asarray(problem.data.x), 1e-4)
    np.testing.assert_allclose(J @ v, (problem.residual(p + h * v) - problem.residual(p - h * v)) / (2 * h), rtol=1e-5, atol=1e-6)
    weighted = problem_on(network, penalty=1.0)
    assert weighted.value(p) == pytest.approx(
        (weighted.residual(p) @ weighted.residual(p)) / (2 * problem.N)
        + (network.spread(1, 0) * p * p).sum() / np.sum(weighted.data.weight)
    )


@pytest.mark.parametrize("shape", [(2, 7), (2, 4, 5)], ids=["signal", "image"])
@pytest.mark.parametrize(("window", "stride", "pad"), [(2, 1, 0), (3, 2, 1), (3, 2, 2)])
def test_a_convolution_is_a_dense_layer_whose_weights_are_shared(shape, window, stride, pad):
    conv = nb.Network.chain(shape, nb.Conv(3, window, stride, pad, nb.tanh), nb.Dense(2))
    p = start(conv)
    (W, b), (V, c) = conv.views(p)
    A, places = nb.convolution_matrix(W, shape, stride, pad).toarray(), conv.layers[0].outputs // 3
    dense = nb.Network.dense(conv.sizes[0], conv.sizes[1], 2, activation=[nb.tanh, nb.identity])
    q = np.empty(dense.size)
    for (to, bias), (given, given_bias) in zip(dense.views(q), [(A, np.repeat(b, places)), (V, c)], strict=True):
        to[...], bias[...] = given, given_bias
    ours = problem_on(conv)
    theirs = nb.Problem(dense, nb.quadratic, ours.data, engine=Reference())
    assert ours.value(p) == pytest.approx(theirs.value(q), rel=1e-14)
    (gW, gb), (gV, gc) = conv.views(ours.gradient(p))
    (dA, db), (dV, dc) = dense.views(theirs.gradient(q))
    np.testing.assert_allclose(gV, dV, atol=1e-14)
    np.testing.assert_allclose(gc, dc, atol=1e-14)
    np.testing.assert_allclose(gb, db.reshape(3, -1).sum(axis=1), atol=1e-14)
    for k in np.ndindex(*W.shape):  # the slope by one weight is the sum over the places where the matrix has it
        one = np.zeros(W.shape)
        one[k] = 1.0
        assert gW[k] == pytest.approx((nb.convolution_matrix(one, shape, stride, pad).toarray() * dA).sum(), abs=1e-13)


# -- kinks -------------------------------------------------------------------------------------------------------------------


def test_windows_with_two_largest_entries_are_kinks_and_their_points_set_aside():
    network = nb.Network.chain((1, 4), nb.Conv(2, 1), nb.Pool(2), nb.Dense(2))
    x = np.random.default_rng(0).standard_normal((6, 4))
    x[2, 1] = x[2, 0]  # two entries that are equal whatever the weights are: they move as one, which is no kink
    problem = nb.Problem(network, nb.quadratic, nb.Data(x, np.zeros((6, 2))), engine=Reference())
    check = nb.check_gradient(problem, start(network))
    assert check.passed
    assert check.note == ""
    flat = start(network)
    network.views(flat)[0][0][:] = 0.0  # all entries are the bias, and part as soon as a weight moves
    check = nb.check_gradient(problem, flat)
    assert check.total.verdict == "kink"
    assert "a window with two largest entries" in str(check)
    x[3:] = x[3:, :1]  # constant signals have no such kink
    some = nb.Problem(network, nb.quadratic, nb.Data(x, np.zeros((6, 2))), engine=Reference())
    assert "3 of 6 points" in nb.check_gradient(some, flat).note


def test_the_distance_to_a_tie_is_where_another_entry_takes_over():
    network = nb.Network.chain((2, 3), nb.Conv(1, 1), nb.Pool(3))
    p, d = np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0])  # z = x_1 + h x_2
    x = np.array([[3.0, 1.0, 0.0, 0.0, 1.0, 10.0], [3.0, 1.0, 0.0, 0.0, 0.0, 0.0]])
    assert distances_to_kinks(network, p, d, x).tolist() == [0.3, np.inf]
    assert reach(network, p, d, x, 10.0) == 0.15


CURVED = nb.Network.chain((1, 3), nb.Conv(2, 1, activation=nb.tanh), nb.Conv(1, 1), nb.Pool(3), nb.Dense(1))
FEW = nb.Network.chain(2, nb.Dense(2, nb.tanh), nb.Dense(2, nb.relu))


@pytest.mark.parametrize("network", [CURVED, FEW, CHAINS["relu before max"]], ids=["max", "relu", "both"])
def test_nothing_crosses_a_kink_within_reach(network):
    for seed in range(50):
        rng = np.random.default_rng(seed)
        (p, d), x = rng.standard_normal((2, network.size)), rng.standard_normal((3, network.sizes[0]))
        h = reach(network, p, d, x, 10.0)  # long steps, in which the first order is far off
        here = forward(network, p, x)
        for sign in (-1.0, 1.0):
            there = forward(network, p + sign * h * d, x)
            for A, B in zip(here.A, there.A, strict=True):
                assert not isinstance(A, Choice) or np.array_equal(A.chosen, B.chosen)
            for sigma, z, w in zip(network.activations, here.z, there.z, strict=True):
                assert not sigma.kinks or np.array_equal(z > 0.0, w > 0.0)


# -- evaluation and training ---------------------------------------------------------------------------------------------------


def test_evaluation_multiplies_for_one_scaling_of_dropout_only_and_never_flips():
    x, y = np.random.default_rng(0).standard_normal((5, 6)), np.zeros((5, 6))
    for layer, factor in ((nb.Dropout(0.3), 1.0), (nb.Dropout(0.3, "evaluation"), 0.7), (nb.Flip(1.0), 1.0)):
        network = nb.Network.chain((2, 3), layer)
        problem = nb.Problem(network, nb.quadratic, nb.Data(x, y), engine=Reference())
        assert network.size == 0
        assert np.array_equal(problem.output(np.empty(0), x), factor * x)


def one_step(problem: nb.Problem, p: np.ndarray, seed: Any, t: int = 0, points: Any = None) -> Any:
    indices = np.arange(problem.N) if points is None else np.asarray(points)
    choices = Choices(indices, np.array([0, indices.shape[-1]]), np.array([1.0]), seed)
    return problem.bound.advance(p, Memory(np.zeros_like(p), np.zeros_like(p)), t, choices, Update(nb.sgd), 0, True)


@pytest.mark.parametrize("scaling", ["training", "evaluation"])
@pytest.mark.parametrize(("seed", "t"), [(1, 0), (1, 7), (2**63 - 1, 10**9)])
def test_a_training_step_deletes_what_the_masks_say(scaling, seed, t):
    rate, points = 0.4, [3, 3, 0, 5, 1]  # the same point twice has two masks
    network = nb.Network.chain(4, nb.Dropout(rate, scaling), nb.Dense(3, nb.tanh), nb.Dropout(rate, scaling), nb.Dense(2))
    plain = nb.Network.dense(4, 3, 2, activation=[nb.tanh, nb.identity])
    problem, p = problem_on(network), start(network)
    x, y = np.asarray(problem.data.x)[points], np.asarray(problem.data.y)[points]

    def factor(l: int, neurons: int) -> np.ndarray:
        index = np.arange(5)[:, None] * neurons + np.arange(neurons)
        kept = words(index, *keys(seed, t + 1, l)) >= threshold(rate)
        return kept / (1 - rate if scaling == "training" else 1)

    # point by point: deleting a hidden neuron is the plain network with that row of W[3] scaled
    gradient = np.zeros(network.size)
    cost = 0.0
    first, second = factor(2, 4), factor(4, 3)
    for i in range(5):
        q = p.copy()
        plain.views(q)[1][0][:] *= second[i]
        single = nb.Problem(plain, nb.quadratic, nb.Data(first[i : i + 1] * x[i : i + 1], y[i : i + 1]), engine=Reference())
        g = single.gradient(q)
        plain.views(g)[1][0][:] *= second[i]
        gradient, cost = gradient + g / 5, cost + single.value(q) / 5
    step = one_step(problem, p, seed, t, points)
    np.testing.assert_allclose(p - step.p, gradient, atol=1e-14)
    assert step.batch_costs[0] == pytest.approx(cost, rel=1e-14)


@pytest.mark.parametrize("shape", [(2, 3), (2, 2, 3)], ids=["signal", "image"])
def test_a_batch_is_mirrored_when_the_coin_says_so(shape):
    network = nb.Network.chain(shape, nb.Flip(0.3), nb.Dense(2))
    plain = nb.Network.chain(shape, nb.Dense(2))
    problem, p = problem_on(network), start(network)
    mirrored = np.asarray(problem.data.x).reshape(-1, *shape)[..., ::-1].reshape(6, -1)
    seen = []
    for t in range(20):
        coin = flips(3, t + 1, 2, 0.3)
        data = nb.Data(mirrored if coin else problem.data.x, problem.data.y)
        expected = nb.Problem(plain, nb.quadratic, data, engine=Reference()).gradient(p)
        np.testing.assert_allclose(p - one_step(problem, p, 3, t).p, expected, atol=1e-14)
        seen.append(coin)
    assert 0 < sum(seen) < 20


def test_both_scalings_of_dropout_are_one_network_when_the_next_weights_are_scaled():
    rate = 0.35
    ours, theirs = (
        nb.Network.chain(5, nb.Dense(8, nb.tanh), nb.Dropout(rate, scaling), nb.Dense(2)) for scaling in ("training", "evaluation")
    )
    p = start(ours)
    q = p.copy()
    theirs.views(q)[1][0][:] /= 1 - rate
    one, other = problem_on(ours), problem_on(theirs)
    assert one.value(p) == pytest.approx(other.value(q), rel=1e-14)
    assert one_step(one, p, 9).batch_costs[0] == pytest.approx(one_step(other, q, 9).batch_costs[0], rel=1e-14)


@pytest.mark.parametrize("scaling", ["training", "evaluation"])
def test_dropout_keeps_the_mean_of_the_next_layers_weighted_input(scaling):
    rate, steps = 0.3, 4000
    network = nb.Network.chain(6, nb.Dropout(rate, scaling), nb.Dense(1))
    linear = nb.Cost("linear", lambda a, y: a[..., 0], lambda a, y: 0 * a + 1, lambda a, y, v: 0 * a, lambda a: a)
    problem, p = problem_on(network, linear, N=1), start(network)
    choices = Choices(None, np.arange(steps + 1), np.zeros(steps), 4)
    costs = problem.bound.advance(p, Memory(0 * p, 0 * p), 0, choices, Update(nb.sgd), 0, True).batch_costs  # the output itself
    error = costs.std() / np.sqrt(steps)
    assert abs(costs.mean() - problem.value(p)) < 4 * error
    assert costs.std() > 0.05


@pytest.mark.parametrize("network", NAMED)
def test_splitting_repeating_and_batching_networks_change_no_bit(network):
    problem = problem_on(network, nb.softmax_log_loss, penalty=0.1)
    rng, M, K = np.random.default_rng(0), 3, 8
    offsets = np.concatenate([[0], np.cumsum(np.resize([3, 1, 4], K))])
    choices = Choices(rng.integers(6, size=(M, offsets[-1])), offsets, np.full(K, 0.05), rng.integers(2**63, size=M))
    starts = np.stack([start(network) * s for s in (1.0, 0.9, 1.1)])
    update = Update(nb.momentum, constants_of(nb.momentum), network.spread(1.0, 2.0), network.spread(0.01, 0.01))

    def advance(p: np.ndarray, choices: Choices, t: int = 0, memory: Any = None) -> Any:
        return problem.bound.advance(p, memory or Memory(0 * p, 0 * p), t, choices, update, 3, True)

    many = advance(starts, choices)
    assert many.costs.shape == (2, M)
    assert many.batch_costs.shape == (K, M)
    assert many.batch_errors.shape == (K, M, 2)
    for m in range(M):
        alone = Choices(choices.indices[m], offsets, choices.rates, int(choices.seed[m]))
        whole = advance(starts[m], alone)
        first = advance(starts[m], Choices(alone.indices[: offsets[5]], offsets[:6], alone.rates[:5], alone.seed))
        rest = Choices(alone.indices[offsets[5] :], offsets[5:] - offsets[5], alone.rates[5:], alone.seed)
        second = advance(first.p, rest, 5, first.memory)
        for part in ("p", "costs", "batch_costs", "batch_errors"):
            ensemble = getattr(many, part)[m] if part == "p" else getattr(many, part)[:, m]
            assert np.array_equal(getattr(whole, part), ensemble), part
            joined = [getattr(first, part), getattr(second, part)]
            assert np.array_equal(getattr(whole, part), joined[1] if part == "p" else np.concatenate(joined)), part
    if network.random:
        others = advance(starts[0], choices._replace(indices=choices.indices[0], seed=int(choices.seed[0]) ^ 1))
        assert not np.array_equal(many.p[0], others.p)


def test_training_without_a_seed_is_refused_where_layers_draw():
    with pytest.raises(ValueError, match=r"Dropout.* has random layers, so that training steps need choices\.seed"):
        one_step(problem_on(CHAINS["dropout"]), start(CHAINS["dropout"]), None)
    one_step(problem_on(CHAINS["conv"]), start(CHAINS["conv"]), None)


# -- errors in categories ------------------------------------------------------------------------------------------------------


def test_missed_counts_as_classify_answers():
    network = nb.Network.dense(3, 7, activation=nb.identity)
    problem = nb.Problem(network, nb.softmax_log_loss, nb.Data(np.ones((1, 3)), np.eye(7)[:1]), engine=Reference())
    rng = np.random.default_rng(0)
    for levels in (2, 3, 100):  # few levels make many ties
        a = rng.integers(levels, size=(500, 7)).astype(float)
        label = rng.integers(7, size=500)
        errors = missed(a, np.eye(7)[label])
        assert np.array_equal(errors[:, 0], a.argmax(axis=1) != label)
        order = np.argsort(-a, axis=1, kind="stable")  # equal outputs in their order
        assert np.array_equal(errors[:, 1], ~(order[:, :5] == label[:, None]).any(axis=1))
    p = network.draw(0)
    x = rng.standard_normal((50, 3))
    assert np.array_equal(missed(problem.output(p, x), np.eye(7)[[2] * 50])[:, 0], problem.classify(p, x) != 2)


def test_what_is_not_a_number_is_no_answer_and_few_categories_are_all_among_the_first_five():
    a = np.full((1, 6), np.nan)
    assert all(missed(a, np.eye(6)[[k]]).all() for k in range(6))
    assert not missed(np.arange(5.0)[None], np.eye(5)[:1])[:, 1].any()


@pytest.mark.parametrize("name", ["conv", "all"])
def test_batch_errors_are_those_of_the_outputs_before_the_update(name):
    network = CHAINS[name]
    for cost in COSTS:
        problem, p = problem_on(network, cost), start(network)
        seeds = 5 if network.random else None
        step = one_step(problem, p, seeds, points=[0, 1, 1, 4])
        if cost.categories:
            assert step.batch_errors.shape == (1, 2)
            assert step.batch_errors[0, 1] == 0.0
            if not network.random:
                expected = missed(
                    problem.output(p, np.asarray(problem.data.x)[[0, 1, 1, 4]]), np.asarray(problem.data.y)[[0, 1, 1, 4]]
                )
                assert np.array_equal(step.batch_errors[0], expected.mean(axis=0))
        else:
            assert step.batch_errors.shape == (0, 2)


# -- the rest ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["float32", "uint8"])
def test_compact_inputs_give_what_their_values_in_double_precision_give(kind):
    network, p = CHAINS["all"], start(CHAINS["all"])
    x = np.random.default_rng(0).integers(0, 255, (5, network.sizes[0])).astype(kind)
    y = np.eye(3)[[0, 1, 2, 0, 1]]
    compact, double = (
        nb.Problem(network, nb.softmax_log_loss, nb.Data(given, y), engine=Reference()) for given in (x, x.astype(float))
    )
    assert compact.value(p) == double.value(p)
    assert np.array_equal(compact.gradient(p), double.gradient(p))
    assert np.array_equal(compact.bound.forward(p, x), double.bound.forward(p, x.astype(float)))


def test_explain_is_for_dense_networks_and_says_so():
    network = CHAINS["conv"]
    with pytest.raises(NotImplementedError, match=r"Lemma 1.* the network has Conv\(3, 3, .*problem\.gradient"):
        problem_on(network).explain(start(network), np.zeros(network.sizes[0]), np.zeros(3))


def test_layers_of_ones_own_are_refused():
    class Double(nb.Flatten):
        pass

    class Strange(nb.layers.Layer):
        pass

    for own, refused in ((Double(), False), (Strange(), True)):
        network = nb.Network.chain((2, 3), own, nb.Dense(1))
        refusal = Reference().refusal(network, nb.quadratic)
        assert (refusal is not None) == refused
    assert "netbp's own layers only, but this network has Strange()" in str(refusal)


@pytest.mark.parametrize(("rate", "sigma"), list(product([0.0, 0.5], SMOOTH)))
def test_divergence_is_a_result_and_no_warning(rate, sigma):
    network = nb.Network.chain((1, 4, 4), nb.Conv(2, 3, activation=sigma), nb.Dropout(rate), nb.Pool(2), nb.Dense(2))
    problem, p = problem_on(network, nb.softmax_log_loss), start(network)
    assert not np.isfinite(problem.value(1e308 * np.ones_like(p) * np.sign(p)))
    one_step(problem, np.full_like(p, np.inf), 1)


def test_of_many_points_a_few_are_checked_and_the_note_says_so(monkeypatch):
    monkeypatch.setattr("netbp.check.NEURONS", 300)
    network = CHAINS["conv"]
    for penalty in (0.0, 0.1):  # without and with point weights
        check = nb.check_gradient(problem_on(network, N=50, penalty=penalty), start(network))
        assert check.passed
        assert check.note == f"On the first {300 // sum(network.sizes)} of 50 points."
    dense = nb.Network.dense(2, 200, 2)
    assert nb.check_gradient(problem_on(dense, N=50), dense.draw(0)).note == ""


@pytest.mark.parametrize("kind", ["float64", "uint8"])
def test_saturation_is_found_behind_an_activation_by_itself(kind):
    network = nb.Network.chain((1, 4, 4), nb.Conv(2, 3), nb.Flatten(), nb.Dense(2), nb.sigmoid)
    x, y = np.random.default_rng(0).integers(1, 9, (6, 16)).astype(kind), np.eye(2)[[0, 1] * 3]
    problem = nb.Problem(network, nb.quadratic, nb.Data(x, y), engine=Reference())
    p = np.zeros(network.size)
    assert saturation(problem, p) is None
    network.views(p)[1][1][:] = 50.0  # both outputs are 1, and one of them is wrong
    assert "50 % of the outputs are wrong where sigmoid is flat" in str(saturation(problem, p))
