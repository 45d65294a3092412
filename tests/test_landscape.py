"""Laws of the landscape: symmetries, canonical forms, end states, isolated minima, slices, curves between minima."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy.stats import binomtest

import netbp as nb
from netbp.analysis.atlas import atlas
from netbp.analysis.endstates import leaders, partition, ranges
from netbp.analysis.minima import newton
from netbp.analysis.modes import bezier, connect
from netbp.analysis.reliability import reliability
from netbp.analysis.shares import share
from netbp.analysis.slices import plane_of_path, plane_through, random_directions, slice_line, slice_plane, toward
from netbp.analysis.symmetry import acted, canonical, drawn, nearest, orbit, symmetries
from netbp.engines.compiled import Compiled
from netbp.engines.reference import Reference

EPS = float(np.finfo(float).eps)
ENGINES = {"reference": Reference(), "compiled": Compiled()}
NETWORKS = {
    "paper": nb.Network.dense(2, 2, 3, 2),
    "tanh": nb.Network.dense(2, 3, 2, 2, activation=nb.tanh),
    "relu": nb.Network.dense(2, 4, 3, 2, activation=nb.relu),
    "mixed": nb.Network.dense(2, 3, 2, 3, 1, activation=[nb.sigmoid, nb.leaky_relu, nb.tanh, nb.identity]),
    "linear": nb.Network.dense(3, 2, activation=nb.identity),
    "step": nb.Network.dense(2, 3, 2, activation=[nb.step, nb.sigmoid]),
}
ORDERS = {"paper": 384, "tanh": 6 * 8 * 2 * 4, "relu": 24 * 6, "mixed": 6 * 8 * 2 * 6 * 8, "linear": 1, "step": 6}


def point(network, seed=0):
    return network.draw(np.random.default_rng(seed), 1.5)


def outputs(network, p):
    data = nb.Data(np.random.default_rng(1).uniform(-1, 1, (7, network.sizes[0])), np.zeros((7, network.sizes[-1])))
    return nb.Problem(network, nb.quadratic, data, engine=Reference()).output(p, data.x)


@pytest.fixture(scope="module")
def ten():
    return nb.Problem(NETWORKS["paper"], nb.quadratic, nb.data.ten_points(), engine=Compiled())


@pytest.fixture(scope="module")
def penalised(ten):
    return dataclasses.replace(ten, penalty=1e-3)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_group_changes_p_but_no_output_and_canonical_forms_undo_it(name):
    network = NETWORKS[name]
    p = point(network)
    assert symmetries(network).order == ORDERS[name]
    # Rounding: a few flips and scalings by at most 4, each with relative error eps, of numbers up to ~10.
    close = 1e3 * EPS
    for seed in range(20):
        q = drawn(network, p, seed)
        assert np.abs(outputs(network, q) - outputs(network, p)).max() < close
        assert np.abs(canonical(network, q) - canonical(network, p)).max() < close
    c = canonical(network, p)
    assert np.abs(outputs(network, c) - outputs(network, p)).max() < close
    assert np.abs(canonical(network, c) - c).max() < close  # idempotent
    many = np.array([drawn(network, p, seed) for seed in range(5)])
    np.testing.assert_array_equal(canonical(network, many), [canonical(network, q) for q in many])
    if symmetries(network).layers:
        assert any(np.abs(drawn(network, p, seed) - p).max() > 0.1 for seed in range(5))
        other = p.copy()
        other[0] += 1e-3
        assert np.abs(canonical(network, other) - canonical(network, p)).max() > 1e-5  # it tells different networks apart


@pytest.mark.parametrize("name", ["paper", "tanh", "step"])
def test_an_orbit_holds_each_image_once(name):
    network = NETWORKS[name]
    p = point(network)
    images = orbit(network, p)
    assert len(images) == symmetries(network).order == len(np.unique(images.round(9), axis=0))
    np.testing.assert_array_equal(images[0], p)
    q, distance = nearest(network, p, drawn(network, p, 3))
    assert distance < 1e3 * EPS
    assert np.abs(q - p).max() <= distance


@pytest.mark.parametrize("penalty", [0.0, 0.3])
def test_costs_with_the_penalty_keep_the_finite_group(penalty):
    problem = nb.Problem(NETWORKS["paper"], nb.quadratic, nb.data.ten_points(), penalty=penalty, engine=Reference())
    p = point(problem.network)
    values = [problem.value(q) for q in orbit(problem.network, p)]
    assert np.ptp(values) < 100 * EPS * values[0]
    relu = nb.Problem(NETWORKS["relu"], nb.quadratic, nb.data.ten_points(), penalty=penalty, engine=Reference())
    q = acted(relu.network, point(relu.network), 2, scale=[2.0, 1.0, 1.0, 1.0])
    same = abs(relu.value(q) - relu.value(point(relu.network))) < 1e-12
    assert same == (penalty == 0.0)


def test_what_is_no_symmetry_is_refused():
    chain = nb.Network.chain((1, 4, 4), nb.Conv(2, 3), nb.relu, nb.Dense(2))
    with pytest.raises(ValueError, match="dense networks"):
        symmetries(chain)
    with pytest.raises(ValueError, match="no flip"):
        acted(NETWORKS["relu"], point(NETWORKS["relu"]), 2, signs=[-1, 1, 1, 1])
    with pytest.raises(ValueError, match="no scaling"):
        acted(NETWORKS["paper"], point(NETWORKS["paper"]), 2, scale=[2.0, 1.0])
    with pytest.raises(ValueError, match="not a hidden layer"):
        acted(NETWORKS["paper"], point(NETWORKS["paper"]), 4)
    big = nb.Network.dense(2, 9, 2)
    with pytest.raises(ValueError, match="above the limit"):
        orbit(big, point(big))


@pytest.mark.parametrize(("count", "trials"), [(0, 10), (3, 10), (10, 10), (9812, 10_000)])
def test_shares_have_wilsons_interval(count, trials):
    ours, theirs = share(count, trials), binomtest(count, trials).proportion_ci(0.95, method="wilson")
    assert ours.value == count / trials
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)
    with pytest.raises(ValueError, match="a share needs"):
        share(2, 1)


def test_leaders_and_partitions(ten):
    values = np.array([[0.0, 0.0], [0.05, 0.0], [0.9, 0.9], [0.0, 0.11]])
    np.testing.assert_array_equal(leaders(values, 0.1), [0, 0, 1, 2])
    assert ranges((1, 2, 3, 5, 9, 10)) == "1-3 5 9-10"
    a = np.repeat([[1.0, 0.0], [0.0, 1.0]], 5, axis=0)
    a[3] = [0.0, 1.0]  # the fourth point with category B: 1 of 6 there is wrong, and the mean costs (1 * 5/6)/10
    found = partition(ten, a, 0.1)
    assert str(found) == "1-3 5 | 4 6-10"
    assert found.level == pytest.approx(1 / 12, rel=1e-14)
    # A point of weight 2 is a point twice.
    x, y, _ = nb.data.ten_points()
    weighed = nb.Problem(ten.network, nb.quadratic, nb.Data(x, y, np.r_[np.ones(3), 2.0, np.ones(6)]))
    twice = nb.Problem(ten.network, nb.quadratic, nb.Data(np.r_[x, x[3:4]], np.r_[y, y[3:4]]))
    assert partition(weighed, a, 0.1).level == pytest.approx(partition(twice, np.r_[a, a[3:4]], 0.1).level, rel=1e-14)


def test_newton_finds_minima_that_gradients_and_eigenvalues_certify(penalised):
    many = nb.multistart(penalised, nb.LevenbergMarquardt(), 12, rng=3, scale=1.0, workers=1)
    kinds = set()
    for p in many.p:
        at = newton(penalised, p)
        kinds.add(at.kind)
        assert at.cost <= penalised.value(p) + 1e-14
        if at.kind == "unfinished":
            continue
        # |g| <= lambda_max |step| and the step is within 1e-9 of p: the test of a zero.
        assert np.abs(penalised.gradient(at.p)).max() < 1e-10
        H = np.array([penalised.hvp(at.p, e) for e in np.eye(23)])
        lowest = np.linalg.eigvalsh(H)[0]
        assert lowest == pytest.approx(at.lowest, abs=1e-14)
        assert (at.kind == "minimum") == (lowest > 1e-9 * at.highest)
        if at.kind == "minimum":  # around it the cost is higher in every direction tried
            around = at.p + 1e-3 * random_directions(penalised.network, at.p, 50, normalised=False, rng=1)
            assert min(penalised.value(q) for q in around) > at.cost
    assert "minimum" in kinds
    # At p = 0 the gradient of all weights vanishes by symmetry: Newton has to say that it did not find a minimum.
    assert newton(penalised, np.zeros(23)).kind != "minimum"


@pytest.mark.parametrize("engine", ENGINES)
def test_an_atlas_counts_every_start_once_and_knows_the_levels(ten, engine):
    found = atlas(ten.on(ENGINES[engine]), nb.LevenbergMarquardt(), 300 if engine == "compiled" else 6, rng=1, workers=1)
    members = np.concatenate([at.members for at in found.states])
    np.testing.assert_array_equal(np.sort(members), np.arange(len(found.costs)))
    assert sum(at.share.value for at in found.states) == pytest.approx(1.0)
    assert found.success.value == np.mean(found.costs <= found.level)
    right = sum(at.starts for at in found.states if at.wrong == ())
    assert found.all_right is not None
    assert abs(right / len(found.costs) - found.all_right.value) < 0.02  # wrong points are those of a class's median member
    for at in found.states:
        assert at.costs[0] == found.costs[at.members].min()
        # No outputs that are equal in each part of a partition cost less than the means; outputs are equal within 0.1.
        assert at.costs[1] > at.partition.level - 0.02
    assert "384 copies" in str(found)
    assert len(found.frame()) == len(found.states)


def test_with_the_penalty_there_is_one_minimum_up_to_symmetries(penalised):
    found = atlas(penalised, nb.LevenbergMarquardt(), 60, rng=3, scale=1.0, workers=1)
    assert found.refined
    assert len(found.minima) == 1
    best = found.minima[0]
    assert best.minimum is not None
    assert best.minimum.cost == pytest.approx(0.0470565218504297, rel=1e-10)  # golden, by this project's own Newton
    assert best.costs[2] - best.costs[0] < 1e-14
    assert best.share.value > 0.6  # 0.808 of 400 starts, so 4 standard errors below for 60
    images = canonical(penalised.network, orbit(penalised.network, best.p))
    assert np.abs(images - images[0]).max() < 1e-12
    # Starts moved by the group lead to the same minimum.
    again = newton(penalised, drawn(penalised.network, best.p, 5))
    assert nearest(penalised.network, best.p, again.p)[1] < 1e-6
    assert "minimum" in str(found)


def test_an_atlas_refuses_what_it_cannot_sort(ten):
    with pytest.raises(ValueError, match="tolerance"):
        atlas(ten, nb.LevenbergMarquardt(), 3, tolerance=0.0)
    hot = atlas(ten, nb.SteepestDescent(rate=1e300), 3, steps=3, workers=1)
    assert hot.diverged + sum(at.starts for at in hot.states) == 3


def test_reliability_counts_as_multistart_does(ten):
    eleven = dataclasses.replace(ten, data=nb.data.eleven_points())
    methods = {"LM": (nb.LevenbergMarquardt(), None, 50), "SG": (nb.StochasticGradient(rate=1.0), 2000, 20)}
    found = reliability({"ten": ten, "eleven": eleven}, methods, (0.5, 2.0), workers=1)
    assert len(found.trials) == 8
    for trial in found.trials:
        problem = ten if trial.problem == "ten" else eleven
        method, steps, starts = methods[trial.method]
        many = nb.multistart(problem, method, starts, steps, 0, trial.scale, found.level, 1)
        assert trial.success.value == pytest.approx(many.success)
        assert trial.all_right is not None
        assert trial.all_right.value == pytest.approx(many.all_right)
        assert trial.success.low <= trial.success.value <= trial.success.high
    assert [at.scale for at in found.of("ten", "SG")] == [0.5, 2.0]
    assert len(found.frame()) == 8
    assert "eleven, LM" in str(found)


@pytest.mark.parametrize("engine", ENGINES)
def test_slices_are_the_cost_where_they_say(ten, engine):
    problem = ten.on(ENGINES[engine])
    p, q, r = (point(problem.network, k) for k in range(3))
    line = toward(problem, p, q, np.array([0.0, 0.3, 1.0]))
    expected = [problem.value((1 - t) * p + t * q) for t in (0.0, 0.3, 1.0)]
    np.testing.assert_allclose(line.costs, expected, rtol=1e-13)
    plane = plane_through(problem, [p, q, r], n=5)
    assert np.abs(plane.directions @ plane.directions.T - np.eye(2)).max() < 1e-14
    assert plane.off is not None
    assert plane.off.max() < 1e-13
    np.testing.assert_allclose(plane.centre + plane.path @ plane.directions, [p, q, r], atol=1e-13)
    assert (np.diag(plane.path[1:]) > 0).all()
    i, j = 1, 3
    there = plane.centre + plane.axes[0][i] * plane.directions[0] + plane.axes[1][j] * plane.directions[1]
    assert plane.costs[i, j] == pytest.approx(problem.value(there), rel=1e-13)
    with pytest.raises(ValueError, match="one line"):
        plane_through(problem, [p, q, 0.5 * (p + q)])
    with pytest.raises(ValueError, match="shape"):
        slice_line(problem, p, q[:5])
    assert len(plane.frame()) == 25


def test_a_line_along_the_gradient_starts_with_its_slope(ten):
    p = point(ten.network)
    g = ten.gradient(p)
    h = 1e-5
    line = slice_line(ten, p, g, np.array([-h, h]))
    slope = (line.costs[1] - line.costs[0]) / (2 * h)
    assert slope == pytest.approx(g @ g, rel=1e-6)  # a central difference: h^2, and rounding eps/h


@pytest.mark.parametrize("name", ["paper", "relu"])
def test_random_directions_have_each_neurons_size(name):
    network = NETWORKS[name]
    p = point(network)
    D = random_directions(network, p, 3)
    for (W, b), (V, c) in zip(network.views(D), network.views(p), strict=True):
        np.testing.assert_allclose((W**2).sum(axis=2) + b**2, np.tile((V**2).sum(axis=1) + c**2, (3, 1)), rtol=1e-12)
    assert np.linalg.norm(random_directions(network, p, 3, normalised=False), axis=1) == pytest.approx(1.0)
    chain = nb.Network.chain((1, 6, 6), nb.Conv(3, 3), nb.relu, nb.Dense(2))
    q = point(chain)
    E = random_directions(chain, q, 2)
    W, V = chain.views(E)[0][0], chain.views(q)[0][0]
    ratio = (W**2).reshape(2, 3, -1).sum(axis=2) / (V**2).reshape(3, -1).sum(axis=1)
    assert (ratio < 3.0).all()


def test_a_paths_plane_explains_the_variance_that_lies_in_it(ten):
    rng = np.random.default_rng(0)
    p, D = point(ten.network), np.linalg.qr(rng.standard_normal((23, 23)))[0]
    t = np.linspace(1.0, 0.0, 40)
    flat = p + 5 * t[:, None] * D[:, 0] + np.sin(6 * t)[:, None] * D[:, 1]
    plane = plane_of_path(ten, flat, n=5)
    assert plane.explained is not None
    assert plane.explained.sum() == pytest.approx(1.0, abs=1e-12)
    assert plane.path is not None
    np.testing.assert_allclose(plane.path[-1], 0.0, atol=1e-12)
    bent = flat + 0.7 * (t * (1 - t))[:, None] * D[:, 2]
    shares = plane_of_path(ten, bent, n=5).explained
    X = bent - bent[-1]
    lam = np.sort(np.linalg.eigvalsh(X.T @ X))[::-1]
    np.testing.assert_allclose(shares, lam[:2] / lam.sum(), rtol=1e-10)
    with pytest.raises(ValueError, match="at least 3"):
        plane_of_path(ten, flat[:2])
    with pytest.raises(ValueError, match="does not move"):
        plane_of_path(ten, np.tile(p, (4, 1)))


def test_a_curve_between_minima_goes_through_its_ends_and_lower_than_the_segment(ten):
    many = nb.multistart(ten, nb.LevenbergMarquardt(), 2, workers=1)
    p, q = many.p
    found = connect(ten, p, q, steps=3000, rate=0.05)
    np.testing.assert_array_equal(found.at([0.0, 1.0]), [p, q])
    assert found.curve[0] == pytest.approx(ten.value(p), rel=1e-12)
    assert found.barrier(found.curve) < 0.8 * found.barrier(found.straight)  # 0.53 of it was seen after 2,000 steps
    assert found.history[-10:].mean() < found.history[:10].mean()
    near = connect(ten, p, q, align=True, steps=300)
    assert near.before is not None
    np.testing.assert_allclose(near.before, found.straight)
    assert near.barrier(near.straight) < 1e-3  # up to symmetries these two solutions lie in one valley
    assert np.abs(ten.output(near.q, ten.data.x) - ten.output(q, ten.data.x)).max() < 1e-12
    assert "nearest image" in str(near)
    with pytest.raises(ValueError, match="shapes"):
        connect(ten, p, q[:3])


def test_the_training_follows_the_gradient_of_the_paths_integral(ten):
    """The bend's gradient, 2 t (1 - t) grad Cost, against a difference of the integral."""
    p, bend, q, d = (point(ten.network, k) for k in range(4))
    t, w = np.polynomial.legendre.leggauss(30)
    t, w = 0.5 * (t + 1), 0.5 * w

    def integral(bend):
        return sum(v * ten.value(x) for v, x in zip(w, bezier(p, bend, q, t), strict=True))

    exact = sum(v * 2 * s * (1 - s) * (ten.gradient(x) @ d) for v, s, x in zip(w, t, bezier(p, bend, q, t), strict=True))
    assert (integral(bend + 1e-5 * d) - integral(bend - 1e-5 * d)) / 2e-5 == pytest.approx(exact, rel=1e-6)


def test_a_plane_of_random_directions_has_the_centre_in_its_middle(ten):
    p = point(ten.network)
    plane = slice_plane(ten, p, random_directions(ten.network, p), n=5)
    assert plane.costs[2, 2] == pytest.approx(ten.value(p), rel=1e-13)
    assert "5 x 5" in str(plane)
