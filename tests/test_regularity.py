"""Laws of regularity: random labels, algorithmic stability, saturation, dropout as an ensemble, calibration."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import netbp as nb
from made_up import EXPERIMENT, made_up_images, made_up_run
from netbp.analysis.calibration import calibration
from netbp.analysis.margins import layer_norm, margins, network_scale
from netbp.analysis.noise import point_gradients
from netbp.analysis.operators import hessian
from netbp.analysis.random_labels import random_labels, with_random_labels
from netbp.analysis.saturated import flatness, saturation_along, steepest
from netbp.analysis.stability import Constants, gap_bound, log10_distance_bound, logistic_constants, seen_constants, twin_runs
from netbp.analysis.uncertainty import dropout_ensemble, entropy, every_mask, with_masks, without_flips
from netbp.convolution import convolution_matrix
from netbp.engines.compiled import Compiled
from netbp.engines.reference import Reference
from netbp.experiments.analysis_dropout import DropoutEnsembleExperiment
from netbp.experiments.analysis_regularity import (
    RandomLabelsExperiment,
    SaturationExperiment,
    StabilityExperiment,
    drawn_points,
)

EPS = float(np.finfo(float).eps)
ENGINES = {"reference": Reference(), "compiled": Compiled()}
ACTIVATIONS = (nb.sigmoid, nb.tanh, nb.relu, nb.leaky_relu, nb.identity, nb.step)


def logistic(N=30, engine=None):
    network = nb.Network.dense(2, 3, activation=nb.identity)
    x = np.random.default_rng(1).standard_normal((N + 40, 2))
    y = np.eye(3)[np.random.default_rng(2).integers(0, 3, N + 40)]
    problem = nb.Problem(network, nb.softmax_log_loss, nb.Data(x[:N], y[:N]), engine=engine or Reference())
    return problem, nb.Data(x[N:], y[N:])


# -- stability ---------------------------------------------------------------------------------------------------------


def test_the_constants_of_logistic_regression_hold_everywhere_and_are_attained():
    problem, spare = logistic()
    known = logistic_constants(problem, spare.x)
    rng = np.random.default_rng(0)
    steep = curved = 0.0
    every = replace(problem, data=nb.Data(*(np.concatenate(parts) for parts in zip(problem.data[:2], spare[:2], strict=True))))
    far = int(np.argmax((np.asarray(every.data.x) ** 2).sum(axis=1)))
    alone = replace(problem, data=nb.Data(every.data.x[far : far + 1], every.data.y[far : far + 1]))
    for scale in (0.0, 0.1, 1.0, 10.0, 100.0):
        p = scale * rng.standard_normal(problem.size)
        steep = max(steep, float(np.linalg.norm(point_gradients(every, p), axis=1).max()))
        curved = max(curved, float(np.linalg.eigvalsh(hessian(alone, p).dense()).max()))
    assert steep <= known.lipschitz * (1 + 10 * EPS)
    assert curved <= known.smoothness * (1 + 10 * EPS)
    assert steep > 0.95 * known.lipschitz  # far away, a wrong point has s - y of length sqrt(2)
    W = np.zeros((3, 2))
    b = np.array([50.0, 50.0, 0.0])  # s = (1/2, 1/2, 0) at every point
    p = np.concatenate([W.ravel(order="F"), b])
    assert np.linalg.eigvalsh(hessian(alone, p).dense()).max() == pytest.approx(known.smoothness, rel=1e-12)


@pytest.mark.parametrize("engine", ENGINES)
def test_twins_of_logistic_regression_keep_within_the_bound_one_by_one(engine):
    """Not only in the mean: |p - p'| <= 2 L times the sum of the rates of the steps that drew the point."""
    problem, spare = logistic(engine=ENGINES[engine])
    known = logistic_constants(problem, spare.x)
    found = twin_runs(problem, spare, 1.9 / known.smoothness, [1, 5, 40, 200], twins=30, rng=3)
    assert (found.distances <= 2 * known.lipschitz * found.drawn * (1 + 1e-12)).all()
    assert ((found.distances > 0) == (found.drawn > 0)).all()  # together until the point is drawn
    bound = 10.0 ** found.column("bound")
    assert (found.column("distance") < bound).all()
    np.testing.assert_allclose(bound, 2 * known.lipschitz * 1.9 / known.smoothness * np.array([1, 5, 40, 200]) / problem.N)
    assert "pairs" in str(found)
    assert len(found.frame()) == 4


def test_a_step_at_a_common_point_brings_no_two_runs_further_apart_up_to_two_over_beta():
    """Lemma 3.6 of the theorem, and that 2/beta is the limit: at p = 0 the curvature of the furthest point is beta."""
    network = nb.Network.dense(2, 2, activation=nb.identity)
    point = nb.Data([[1.5, -2.0]], [[1.0, 0.0]])
    problem = nb.Problem(network, nb.softmax_log_loss, point, engine=Reference())
    beta = logistic_constants(problem).smoothness
    rng = np.random.default_rng(0)
    for _ in range(50):
        p, q = 3 * rng.standard_normal((2, problem.size))
        for share in (0.1, 1.0, 2.0):
            apart = np.linalg.norm(p - q - share / beta * (problem.gradient(p) - problem.gradient(q)))
            assert apart <= np.linalg.norm(p - q) * (1 + 10 * EPS)
    values, vectors = np.linalg.eigh(hessian(problem, np.zeros(problem.size)).dense())
    assert values[-1] == pytest.approx(beta)
    p = 1e-3 * vectors[:, -1]
    apart = np.linalg.norm(2 * p - 2.5 / beta * (problem.gradient(p) - problem.gradient(-p)))
    assert apart == pytest.approx(1.5 * np.linalg.norm(2 * p), rel=1e-4)
    known = Constants(1.0, beta, 1.0, True, True)
    assert (
        log10_distance_bound(known, 10, np.full(100, 2.5 / beta))[-1]
        > 10 + log10_distance_bound(known, 10, np.full(100, 2 / beta))[-1]
    )


def test_a_twin_is_the_run_on_the_data_with_that_point_replaced():
    problem, spare = logistic(12)
    found = twin_runs(problem, nb.Data(spare.x[:1], spare.y[:1]), 0.1, [50], twins=3, rng=5)
    generator = np.random.default_rng(5)
    replaced = generator.integers(0, 12, 3)
    generator.integers(0, 1, 3)
    starts = [problem.network.draw(generator, 0.5) for _ in range(3)]
    indices = generator.integers(0, 12, (3, 50))
    np.testing.assert_array_equal(found.replaced, replaced)
    for m in range(3):
        x, y = np.array(problem.data.x), np.array(problem.data.y)
        x[replaced[m]], y[replaced[m]] = spare.x[0], spare.y[0]
        for data, end in ((problem.data, found.p[m]), (nb.Data(x, y), found.twin[m])):
            p = starts[m]
            for i in indices[m]:
                p = p - 0.1 * point_gradients(replace(problem, data=nb.Data(data.x[i : i + 1], data.y[i : i + 1])), p)[0]
            np.testing.assert_allclose(end, p, rtol=0, atol=1e-12)


@pytest.mark.parametrize("convex", [False, True])
@pytest.mark.parametrize("rates", [np.full(60, 0.3), 0.3 / np.arange(1, 61), np.linspace(0.0, 0.5, 60)])
def test_bounds_in_logarithms_are_the_recursion(convex, rates):
    known, n = Constants(1.7, 2.0, 1.0, convex, True), 9
    delta, expected = 0.0, []
    for eta in rates:
        growth = 1.0 if convex else 1 / n + (1 - 1 / n) * (1 + eta * known.smoothness)
        delta = growth * delta + 2 * known.lipschitz * eta / n
        expected.append(delta)
    found = log10_distance_bound(known, n, rates)
    np.testing.assert_allclose(10.0**found, expected, rtol=1e-12)
    vast = log10_distance_bound(replace_constants(known), n, np.full(10**5, 0.05))
    assert np.isfinite(vast).all()
    assert vast[-1] > 300  # beyond any number, but not beyond its logarithm


def replace_constants(known):
    return known._replace(convex=False)


def test_the_gap_of_theorem_3_12_is_the_least_over_the_first_step_that_may_part_twins():
    known, n, c, T = Constants(0.8, 0.5, 1.0, False, False), 50, 2.0, 10_000
    bc = known.smoothness * c
    t0 = np.linspace(1, T, 200_000)
    # eps <= t0/n + 2 L^2/(beta (n - 1)) (T/t0)^(beta c); theirs bounds 1/n by 1/(n - 1) and takes the best t0 without its constant.
    least = (t0 / (n - 1) + 2 * known.lipschitz**2 / (known.smoothness * (n - 1)) * (T / t0) ** bc).min()
    best = (2 * c * known.lipschitz**2) ** (1 / (bc + 1)) * T ** (bc / (bc + 1))
    at_best = best / (n - 1) + 2 * known.lipschitz**2 / (known.smoothness * (n - 1)) * (T / best) ** bc
    assert gap_bound(known, n, c, T) == pytest.approx(at_best, rel=1e-9)
    assert gap_bound(known, n, c, T) == pytest.approx(least, rel=1e-6)
    assert gap_bound(known._replace(largest=2.0, lipschitz=1.6, smoothness=1.0), n, c / 2, T) == pytest.approx(2 * least, rel=1e-6)


def test_constants_seen_are_those_of_the_points_looked_at():
    problem = nb.Problem(nb.Network.dense(2, 2, 2), nb.quadratic, nb.data.ten_points(), engine=Reference())
    p = problem.network.draw(0)
    seen = seen_constants(problem, p)
    assert seen.lipschitz == pytest.approx(np.linalg.norm(point_gradients(problem, p), axis=1).max())
    assert not seen.exact
    x, y, _ = problem.data
    alone = [replace(problem, data=nb.Data(x[i : i + 1], y[i : i + 1])) for i in range(10)]
    assert seen.smoothness == pytest.approx(max(np.linalg.norm(hessian(one, p).dense(), 2) for one in alone))
    assert seen_constants(problem, np.array([p, 2 * p])).smoothness >= seen.smoothness


def test_stability_refuses_what_it_cannot_do():
    problem, spare = logistic()
    network = nb.Problem(nb.Network.dense(2, 3, 3), nb.softmax_log_loss, problem.data, engine=Reference())
    with pytest.raises(ValueError, match="seen_constants"):
        logistic_constants(network)
    with pytest.raises(ValueError, match="ascend"):
        twin_runs(problem, spare, 0.1, [5, 5])
    weighted = replace(problem, data=problem.data._replace(weight=np.ones(30)))
    with pytest.raises(ValueError, match="weights"):
        twin_runs(weighted, spare, 0.1, [5])
    with pytest.raises(ValueError, match="need a pair"):
        twin_runs(problem, spare, 0.1, [5], twins=0)


# -- random labels -----------------------------------------------------------------------------------------------------


def test_random_labels_change_what_they_should():
    _, spare = logistic(3000)
    data = nb.Data(np.zeros((6000, 1)), np.tile(np.eye(3), (2000, 1)))
    for share in (0.0, 0.3, 1.0):
        new, changed = with_random_labels(data, share, 0)
        moved = (np.asarray(new.y).argmax(axis=1) != np.asarray(data.y).argmax(axis=1)).mean()
        assert moved == changed
        assert abs(changed - share * 2 / 3) < 4 * np.sqrt(0.25 / 6000)  # of three categories a third stays by chance
        np.testing.assert_array_equal(np.asarray(new.y).sum(axis=1), 1.0)
    with pytest.raises(ValueError, match="from 0 to 1"):
        with_random_labels(data, 1.5)
    with pytest.raises(ValueError, match="categories"):
        with_random_labels(nb.Data(spare.x, np.ones((len(spare.x), 2)) / 2), 0.5)


def test_a_network_fits_true_and_random_labels_and_random_ones_take_longer():
    x, new = np.random.default_rng(0).random((16, 2)), np.random.default_rng(1).random((500, 2))
    true, held_out = (nb.Data(at, np.eye(2)[(at[:, 0] > 0.5).astype(int)]) for at in (x, new))
    network = nb.Network.dense(2, 100, 100, 2, activation=[nb.relu, nb.relu, nb.identity])
    problem = nb.Problem(network, nb.softmax_log_loss, true, held_out, engine=Reference())
    method = nb.StochasticGradient(nb.adam, 0.005, 8, sampling="epochs")
    found = random_labels(problem, method, 6000, 2, (0.0, 1.0), 2, nb.he, rng=1)
    assert all(fit.fitted and fit.error == 0.0 and fit.margins[0] > 0 for fit in found.fits)
    assert found.mean(0.0, "unseen")[0] < 0.3 < found.mean(1.0, "unseen")[0]
    assert found.mean(1.0, "steps")[0] > found.mean(0.0, "steps")[0]
    assert found.mean(1.0, "moved")[0] > found.mean(0.0, "moved")[0]
    assert found.chance == 0.5
    for k in range(2):
        assert found.of(0.0)[k].replicate == found.of(1.0)[k].replicate == k
    for fit, curve in zip(found.fits, found.curves, strict=True):
        assert curve.steps[-1] == fit.steps
        np.testing.assert_allclose(np.quantile(curve.margins, 0.5) * fit.scale, fit.margins[1])
    assert len(found.frame()) == 4
    assert "guessing" in str(found)
    with pytest.raises(ValueError, match="unseen"):
        random_labels(replace(problem, held_out=None), method, 10, 1)


def test_margins_are_positive_where_points_are_right():
    rng = np.random.default_rng(0)
    a, numbers = rng.standard_normal((50, 4)), rng.integers(0, 4, 50)
    assert ((margins(a, numbers) > 0) == (a.argmax(axis=1) == numbers)).all()
    np.testing.assert_allclose(margins(3 * a + 7, numbers), 3 * margins(a, numbers))


def test_a_networks_scale_is_that_of_its_matrices():
    network = nb.Network.chain((2, 6, 5), nb.Conv(3, 3, pad=1, stride=2), nb.relu, nb.Dense(4))
    p = network.draw(0)
    (W, _), (V, _) = network.views(p)
    A = convolution_matrix(W, (2, 6, 5), 2, 1).toarray()
    # 100 products bring power iteration to 1e-4 at least; singular values of random filters lie apart.
    assert layer_norm(network.weighted[0], W) == pytest.approx(np.linalg.norm(A, 2), rel=1e-4)
    assert network_scale(network, p) == pytest.approx(np.linalg.norm(A, 2) * np.linalg.norm(V, 2), rel=1e-4)
    assert network_scale(network, 2 * p) == pytest.approx(4 * network_scale(network, p))


# -- saturation --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sigma", ACTIVATIONS, ids=repr)
def test_neurons_are_flat_where_the_slope_says_so(sigma):
    network = nb.Network.dense(2, 5, 4, 2, activation=sigma)
    p, x = 6.0 * network.draw(1), np.random.default_rng(0).standard_normal((230, 2))
    found = flatness(network, p, x)
    a = x
    for row, (W, b) in zip(found, network.views(p), strict=True):
        z = a @ W.T + b
        a = sigma(z)
        slope = np.broadcast_to(np.abs(sigma.slope(z, a)), z.shape)
        low = (slope < 0.01 * steepest(sigma) - 1e-9) | (slope == 0)
        assert row.flat == pytest.approx(low.mean())
        assert row.dead == pytest.approx(low.all(axis=0).mean())
        assert row.activation == sigma.name
    expected = {"step": 1.0, "identity": 0.0, "leaky_relu": 0.0}
    if sigma.name in expected:
        assert {row.flat for row in found} == {expected[sigma.name]}


def test_a_dead_relu_has_no_gradient_and_stays_dead():
    network = nb.Network.dense(2, 8, 2, activation=[nb.relu, nb.identity])
    data = nb.data.ten_points()
    p = network.draw(0)
    (W, b), _ = network.views(p)
    W[:3], b[:3] = -np.abs(W[:3]), -0.1  # all points lie in the first quadrant
    problem = nb.Problem(network, nb.quadratic, data, engine=Reference())
    assert flatness(network, p, data.x)[0].dead >= 3 / 8
    gW, gb = network.views(problem.gradient(p))[0]
    assert (gW[:3] == 0).all()
    assert (gb[:3] == 0).all()
    run = saturation_along(problem, nb.StochasticGradient(rate=0.05), [0, 10, 500], p, rng=0)
    assert (np.diff(run.dead[:, 0, 0]) >= 0).all()  # with one hidden layer, none comes back
    assert run.layers == (2,)


@pytest.mark.parametrize("engine", ENGINES)
def test_saturation_is_looked_at_along_the_run_that_train_takes(engine):
    problem = nb.Problem(nb.Network.dense(2, 4, 2), nb.quadratic, nb.data.ten_points(), engine=ENGINES[engine])
    starts = np.array([problem.network.draw(k, 5.0) for k in range(3)])
    method = nb.StochasticGradient(rate=0.1)
    found = saturation_along(problem, method, [0, 7, 60], starts, rng=4)
    for k, step in enumerate((0, 7, 60)):
        run = nb.train(problem, method, step, start=starts, rng=4)
        np.testing.assert_allclose(found.costs[k], run.final_cost, rtol=1e-14)
        for m in range(3):
            assert found.flat[k, :, m].tolist() == [row.flat for row in flatness(problem.network, run.p[m], problem.data.x)]
    assert found.flat.max() > 0
    assert len(found.frame()) == 3 * 2 * 3
    assert "sigmoid" in str(found)
    with pytest.raises(ValueError, match="ascending"):
        saturation_along(problem, method, [5, 5], starts)
    with pytest.raises(ValueError, match="share of the largest"):
        flatness(problem.network, starts[0], problem.data.x, 1.0)


def test_filters_are_dead_where_all_their_places_are():
    network = nb.Network.chain((1, 4, 4), nb.Conv(3, 3), nb.relu, nb.Dense(2))
    p = network.draw(0)
    W, b = network.views(p)[0]
    W[0], b[0] = 0.0, -1.0
    W[1], b[1] = 0.0, 1.0
    x = np.random.default_rng(0).random((120, 16))
    (row,) = flatness(network, p, x)
    third = flatness(network, p, x)[0].flat - 1 / 3
    assert row.dead in (1 / 3, 2 / 3)
    assert 0 <= third <= 1 / 3
    assert row.layer == 3


def test_a_run_that_diverges_has_no_shares():
    problem = nb.Problem(nb.Network.dense(2, 3, 2, activation=nb.identity), nb.quadratic, nb.data.ten_points(), engine=Reference())
    found = saturation_along(problem, nb.StochasticGradient(rate=50.0), [0, 300], 3.0 * problem.network.draw(0))
    assert np.isfinite(found.flat[0]).all()
    assert np.isnan(found.flat[1]).all()


# -- dropout as an ensemble --------------------------------------------------------------------------------------------


def dropped(*layers, cost=nb.softmax_log_loss, engine=None):
    return nb.Problem(nb.Network.chain(2, *layers), cost, nb.data.ten_points(), engine=engine or Reference())


@pytest.mark.parametrize("scaling", ["training", "evaluation"])
@pytest.mark.parametrize("rate", [0.2, 0.5])
def test_scaled_weights_are_the_geometric_mean_of_all_members_behind_the_last_layer(scaling, rate):
    problem = dropped(nb.Dense(6, nb.relu), nb.Dropout(rate, scaling), nb.Dense(2))
    p, x = 3.0 * problem.network.draw(0), np.random.default_rng(0).standard_normal((20, 2))
    found = every_mask(problem, p, x)
    assert found.weights.sum() == pytest.approx(1.0)
    np.testing.assert_allclose(found.geometric, found.scaled, rtol=0, atol=100 * EPS)
    assert np.abs(found.arithmetic - found.scaled).max() > 1e-3  # but the mean is another
    deeper = dropped(nb.Dense(4, nb.relu), nb.Dropout(rate, scaling), nb.Dense(3, nb.tanh), nb.Dense(2))
    apart = every_mask(deeper, 3.0 * deeper.network.draw(0), x)
    assert np.abs(apart.geometric - apart.scaled).max() > 1e-3  # with a nonlinearity behind, neither


def test_passes_have_the_mean_and_the_spread_of_all_members():
    problem = dropped(nb.Dense(5, nb.relu), nb.Dropout(0.3), nb.Dense(4, nb.tanh), nb.Dropout(0.5), nb.Dense(2))
    p, x = 2.0 * problem.network.draw(1), np.random.default_rng(0).standard_normal((15, 2))
    all_, T = every_mask(problem, p, x), 4000
    found = dropout_ensemble(problem, p, x, T, seed=3)
    spread = np.sqrt(np.einsum("k,kij->ij", all_.weights, all_.probabilities**2) - all_.arithmetic**2)
    assert (np.abs(found.mean - all_.arithmetic) < 4.5 * spread / np.sqrt(T)).all()
    np.testing.assert_allclose(found.deviation, spread, rtol=0.1)
    np.testing.assert_allclose(found.scaled, problem.predict(p, x))
    assert (found.information >= 0).all()
    np.testing.assert_allclose(found.entropy, found.information + found.expected_entropy, atol=1e-12)
    assert "wrong" in found.by_unsureness(np.eye(2)[np.zeros(15, int)])


@pytest.mark.parametrize("flipped", [False, True])
def test_engines_draw_the_same_members_and_flips_stay_off(flipped):
    flips = [nb.Flip(1.0)] if flipped else []
    network = nb.Network.chain(
        (2, 6, 6), *flips, nb.Conv(3, 3), nb.relu, nb.Dropout(0.4), nb.Dense(5, nb.tanh), nb.Dropout(0.2, "evaluation"), nb.Dense(3)
    )
    rng = np.random.default_rng(0)
    x = rng.standard_normal((11, 72))
    data = nb.Data(x, np.eye(3)[rng.integers(0, 3, 11)])
    p = network.draw(0)
    engines = (Reference(), nb.Tensor(precision="float64", compile=False))
    passes = [dropout_ensemble(nb.Problem(network, nb.softmax_log_loss, data, engine=e), p, x, 3, 7).passes for e in engines]
    np.testing.assert_allclose(passes[0], passes[1], rtol=0, atol=1000 * EPS)
    assert np.abs(passes[0][0] - passes[0][1]).max() > 1e-3
    if flipped:
        assert without_flips(network).layers[0].probability == 0.0


def test_given_masks_of_one_are_evaluation():
    problem = dropped(nb.Dense(5, nb.relu), nb.Dropout(0.3), nb.Dense(2))
    p, x = problem.network.draw(1), np.random.default_rng(0).standard_normal((7, 2))
    np.testing.assert_allclose(with_masks(problem.network, p, x, {3: np.ones(5)}), problem.output(p, x))
    silent = with_masks(problem.network, p, x, {3: np.zeros(5)})
    np.testing.assert_allclose(silent, np.broadcast_to(problem.network.views(p)[1][1], (7, 2)))


def test_ensembles_are_refused_where_there_is_none():
    problem = nb.Problem(nb.Network.dense(2, 3, 2), nb.softmax_log_loss, nb.data.ten_points(), engine=Reference())
    x = np.zeros((2, 2))
    with pytest.raises(ValueError, match="no dropout"):
        dropout_ensemble(problem, problem.network.draw(0), x)
    with pytest.raises(ValueError, match="1 to 16 neurons"):
        every_mask(problem, problem.network.draw(0), x)
    wide = dropped(nb.Dense(30, nb.relu), nb.Dropout(0.3), nb.Dense(2))
    with pytest.raises(ValueError, match="1 to 16 neurons"):
        every_mask(wide, wide.network.draw(0), x)
    with pytest.raises(ValueError, match="two passes"):
        dropout_ensemble(wide, wide.network.draw(0), x, 1)


def test_entropy_is_least_when_sure_and_log_n_when_not():
    assert entropy(np.array([1.0, 0.0, 0.0])) == 0.0
    assert entropy(np.full(4, 0.25)) == pytest.approx(np.log(4))


# -- calibration -------------------------------------------------------------------------------------------------------


def test_answers_drawn_from_the_probabilities_are_calibrated_and_sharper_ones_are_not():
    rng = np.random.default_rng(0)
    a = 2.0 * rng.standard_normal((4000, 5))
    P = np.exp(a) / np.exp(a).sum(axis=1, keepdims=True)
    y = np.eye(5)[(rng.random(4000)[:, None] > P.cumsum(axis=1)).sum(axis=1)]
    fair = calibration(P, y)
    assert fair.ece < 1.5 * fair.by_chance[1]
    inside = [at.least <= at.right <= at.most for at in fair.bins]
    assert np.mean(inside) > 0.75
    Q = P**3 / (P**3).sum(axis=1, keepdims=True)
    sure = calibration(Q, y)
    assert sure.ece > 5 * sure.by_chance[1]
    assert sure.right == fair.right  # the same answers, only surer
    assert sure.log_loss > fair.log_loss
    assert sure.brier > fair.brier


def test_the_ece_is_the_weighted_sum_over_the_bins():
    rng = np.random.default_rng(1)
    P = rng.dirichlet(np.ones(3), 300)
    y = np.eye(3)[rng.integers(0, 3, 300)]
    found = calibration(P, y, bins=7, name="made up")
    assert sum(at.points for at in found.bins) == found.N == 300
    by_hand = sum(at.points / 300 * abs(at.right - at.confidence) for at in found.bins)
    assert found.ece == pytest.approx(by_hand, rel=1e-12)
    assert found.right == pytest.approx(sum(at.points * at.right for at in found.bins) / 300)
    for at in found.bins:
        assert at.low < at.confidence <= at.high
    assert calibration(y, y).ece == 0.0
    assert len(found.frame()) == len(found.bins)
    assert "made up" in str(found)


@pytest.mark.parametrize(
    ("P", "y", "words"),
    [
        (np.ones((3, 2)), np.eye(2)[[0, 1, 0]], "probabilities"),
        (np.ones((3, 2)) / 2, np.eye(3), "one shape"),
        (np.ones((0, 2)), np.ones((0, 2)), "one shape"),
    ],
)
def test_calibration_refuses_what_are_no_probabilities(P, y, words):
    with pytest.raises(ValueError, match=words):
        calibration(P, y)


# -- experiments and figures -------------------------------------------------------------------------------------------

SMALL = [
    RandomLabelsExperiment(N=12, shares="0,0.5,1", replicates=2, epochs=30, width=10, held_out=50),
    RandomLabelsExperiment(data="spirals", N=10, shares="0,1", replicates=1, epochs=5, width=5, held_out=50),
    StabilityExperiment(N=4, twins=2, steps=30, layers="2-2-2"),
    SaturationExperiment(layers="2-3-2", steps=100, starts=2),
    SaturationExperiment(layers="2-3-2", steps=100, starts=1),
    DropoutEnsembleExperiment(N=20, width=8, epochs=5, passes=4),
]


@pytest.mark.parametrize("experiment", SMALL, ids=lambda e: e.name)
def test_experiments_tell_and_draw_what_they_find(experiment):
    told = []
    result = experiment.run(progress=lambda *at: told.append(at))
    assert told
    assert len(str(result).splitlines()) > 2
    figure = experiment.draw(result)
    assert all(ax.lines or ax.collections or not ax.axison for ax in figure.axes)


def test_random_labels_and_ensembles_of_images(tmp_path, monkeypatch):
    import netbp.data.cifar
    import netbp.engines.tensor

    images = made_up_images()
    monkeypatch.setattr(netbp.data.cifar, "cifar10", lambda: images)
    monkeypatch.setattr(netbp.engines.tensor.Tensor, "compile", False)
    runs = []
    for k, dropout in enumerate((True, False)):
        experiment = replace(EXPERIMENT, dropout=dropout)
        runs.append(tmp_path / f"{k}.npz")
        made_up_run(experiment).save(runs[-1])
    found = DropoutEnsembleExperiment(run_=runs[0], plain=runs[1], images=12, passes=3)
    result = found.run()
    assert result.ensemble.passes.shape == (3, 12, 10)
    assert [one.name for one in result.calibrations] == ["no dropout", "weights scaled", "mean of passes"]
    assert len(found.draw(result).axes) == 2
    alone = replace(found, plain=None).run()
    assert len(alone.calibrations) == 2


def test_sets_and_shares_that_are_not_there_are_refused():
    with pytest.raises(ValueError, match="points or spirals"):
        drawn_points("moons", 3, 0.1, 0)
    with pytest.raises(ValueError, match="shares are numbers"):
        RandomLabelsExperiment(N=10, shares="half").run()
