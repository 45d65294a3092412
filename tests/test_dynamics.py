"""Laws of dynamics: the gradient flow and its discretisations, the diffusion, weak orders, first passages."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import expm
from scipy.optimize import minimize

import netbp as nb
from netbp.analysis.diffusion import descend_at_random, ensemble, ensemble_gradients, penalty_gradient
from netbp.analysis.escape import escape_times
from netbp.analysis.flow import descended, euler_order, gradient_flow
from netbp.analysis.noise import gradient_noise, point_gradients
from netbp.analysis.operators import gauss_newton, hessian
from netbp.analysis.timesteps import trust_steps
from netbp.analysis.weak import _affine, _generator, _moments, linear_orders, weak_errors
from netbp.engines.compiled import Compiled
from netbp.engines.reference import Reference

EPS = float(np.finfo(float).eps)
ENGINES = {"reference": Reference(), "compiled": Compiled()}
START = np.array([1.0, -1.0, 0.5])


@pytest.fixture(scope="module")
def ten():
    return nb.Problem(nb.Network.dense(2, 2, 3, 2), nb.quadratic, nb.data.ten_points(), engine=Compiled())


@pytest.fixture(scope="module")
def start(ten):
    return ten.network.draw(nb.MatlabRandom(5000))


@pytest.fixture(scope="module")
def linear():
    x, y, _ = nb.data.ten_points()
    network = nb.Network.dense(2, 1, activation=nb.identity)
    return nb.Problem(network, nb.quadratic, nb.Data(x, y[:, :1]), penalty=0.1, engine=Reference())


def minimum_of(linear):
    H = hessian(linear, START).dense()
    return START - np.linalg.solve(H, linear.gradient(START)), H


@pytest.mark.parametrize("integrator", ["LSODA", "Radau", "BDF", "RK45", "DOP853"])
def test_on_a_quadratic_the_flow_is_the_matrix_exponential(linear, integrator):
    best, H = minimum_of(linear)
    tolerance = 1e-8
    found = gradient_flow(linear, START, np.linspace(0.0, 20.0, 9), integrator, tolerance)
    exact = np.array([best + expm(-t * H) @ (START - best) for t in found.t])
    # The global error is a modest multiple of the local tolerance: 300 covers BDF, the loosest.
    assert np.abs(found.p - exact).max() < 300 * tolerance
    assert (found.jacobians > 0) == (integrator in ("LSODA", "Radau", "BDF")) or integrator == "LSODA"
    assert integrator in str(found)


@pytest.mark.parametrize("integrator", ["LSODA", "Radau", "RK45"])
def test_the_cost_falls_along_the_flow_as_the_gradient_says(ten, start, integrator):
    t = np.linspace(0.0, 60.0, 1201)
    found = gradient_flow(ten, start, t, integrator, 1e-9)
    assert (np.diff(found.costs) < 0.0).all()
    lost = np.sum(0.5 * (found.gradients[1:] ** 2 + found.gradients[:-1] ** 2) * np.diff(t))
    assert found.costs[0] - found.costs[-1] == pytest.approx(lost, rel=1e-4)  # the trapezium rule's error
    np.testing.assert_allclose(found.costs, [ten.value(p) for p in found.p], rtol=1e-14)
    assert len(found.frame()) == len(t)


def test_stiff_and_nonstiff_integrators_agree(ten, start):
    ends = [gradient_flow(ten, start, [500.0], name, 1e-9).p[-1] for name in ("LSODA", "Radau", "DOP853")]
    for end in ends[1:]:
        assert np.linalg.norm(end - ends[0]) < 1e-4 * np.linalg.norm(ends[0])


def test_a_flow_that_cannot_be_is_refused(ten, start):
    for wrong, words in (({"t": [3.0, 1.0]}, "ascend"), ({"t": 1.0, "integrator": "Euler"}, "integrator")):
        with pytest.raises(ValueError, match=words):
            gradient_flow(ten, start, **wrong)
    with pytest.raises(ValueError, match="parameters"):
        gradient_flow(ten, start[:4], 1.0)
    wide = nb.Problem(nb.Network.dense(2, 2000, 2), nb.quadratic, nb.data.ten_points())
    with pytest.raises(ValueError, match="above the limit"):
        gradient_flow(wide, wide.network.draw(0), 1.0, "Radau")


@pytest.mark.parametrize("engine", ENGINES)
def test_steepest_descent_has_order_one_and_follows_the_modified_flow_to_order_two(ten, start, engine):
    found = euler_order(ten.on(ENGINES[engine]), start, 8.0, [1.0, 0.5, 0.25])
    for at in found.errors[1:]:
        assert at.order == pytest.approx(1.0, abs=0.05)
        assert at.modified_order == pytest.approx(2.0, abs=0.1)
    run = nb.train(ten, nb.SteepestDescent(rate=0.5), 16, start=start, record=0)
    np.testing.assert_allclose(descended(ten, start, 0.5, 16), run.p, rtol=1e-14)
    with pytest.raises(ValueError, match="does not divide"):
        euler_order(ten, start, 8.0, [3.0])
    assert "order" in str(found)


@pytest.mark.parametrize("matrix", ["Hessian", "Gauss-Newton"])
def test_trust_region_steps_are_implicit_euler_steps(ten, start, matrix):
    found = trust_steps(ten, start, steps=25, matrix=matrix, followed=5.0)
    make = hessian if matrix == "Hessian" else gauss_newton
    for p, q, at in zip(found.p[:-1], found.p[1:], found.steps, strict=True):
        A = make(ten, p).dense()
        # (I + h A) d = -h g: the residual is rounding, times h |A| where steps have become long.
        left = (q - p) + at.length * (A @ (q - p) + ten.gradient(p))
        size = np.linalg.norm(q) + at.length * np.linalg.norm(ten.gradient(p))
        assert np.linalg.norm(left) < 1e-12 * (1 + at.length * np.linalg.norm(A)) * size
    costs = found.column("cost")
    assert (np.diff(np.concatenate([[ten.value(start)], costs])) < 1e-15).all()
    np.testing.assert_allclose(found.column("time"), np.cumsum(found.column("length")))
    assert found.steps[0].off < 0.1
    assert len(found.frame()) == len(found.steps)
    with pytest.raises(ValueError, match="matrix"):
        trust_steps(ten, start, matrix="identity")


def test_short_trust_region_steps_stay_with_the_flow_to_first_order(ten, start):
    """One implicit Euler step from the start: its local error is h^2/2 |H g|, and falls by 4 when h is halved."""
    off = [trust_steps(ten, start, first=h, steps=1, followed=h).steps[0].off for h in (0.5, 0.25)]
    assert off[0] / off[1] == pytest.approx(4.0, rel=0.1)


def test_trust_regions_end_at_a_minimum_that_scipy_finds_too(linear):
    best, _ = minimum_of(linear)
    found = trust_steps(linear, START, gradient=1e-12)
    assert np.linalg.norm(found.p[-1] - best) < 1e-9
    assert found.ended.startswith("the gradient")
    theirs = minimize(linear.value, START, jac=linear.gradient, method="BFGS", options={"gtol": 1e-10})
    assert np.linalg.norm(found.p[-1] - theirs.x) < 1e-7


@pytest.mark.parametrize("sizes", [(2, 2, 3, 2), (2, 4, 2)])
@pytest.mark.parametrize("cost", [nb.quadratic, nb.softmax_log_loss])
@pytest.mark.parametrize("weighted", [False, True])
def test_an_ensembles_point_gradients_are_each_networks_own(sizes, cost, weighted):
    x, y, _ = nb.data.ten_points()
    weight = np.linspace(0.5, 2.0, 10) if weighted else None
    network = nb.Network.dense(*sizes, activation=[nb.tanh] * (len(sizes) - 2) + [nb.identity])
    problem = nb.Problem(network, cost, nb.Data(x, y, weight), penalty=0.2, engine=Reference())
    p = np.array([network.draw(k) for k in range(4)])
    each = ensemble_gradients(problem, p)
    scale = np.abs(each).max()
    for m in range(4):
        assert np.abs(each[m] - point_gradients(problem, p[m])).max() < 100 * EPS * scale
        whole = each[m].mean(axis=0) + penalty_gradient(problem, p[m : m + 1])[0]
        assert np.abs(whole - problem.gradient(p[m])).max() < 100 * EPS * scale


@pytest.mark.parametrize("batch", [1, 3])
def test_the_moments_recurrence_is_that_of_all_draws(linear, batch):
    """One step from a point: E and Cov over all N draws, enumerated, for batches of 1; Cov/m for batches of m."""
    A, b = _affine(linear)
    eta = 0.3
    z = np.concatenate([[1.0], START, np.outer(START, START).ravel()])
    mean, covariance = _moments((np.eye(13) + eta * _generator(A, b, 0.0, eta / batch, eta)) @ z, 3)
    ends = np.array([START - eta * (A[i] @ START - b[i]) for i in range(10)])
    np.testing.assert_allclose(mean, ends.mean(axis=0), atol=1e-14)
    np.testing.assert_allclose(covariance, np.cov(ends.T, bias=True) / batch, atol=1e-14)
    noise = gradient_noise(linear, START).factor
    np.testing.assert_allclose(covariance, eta**2 / batch * noise.T @ noise, atol=1e-14)


@pytest.mark.parametrize("batch", [1, 2])
def test_weak_orders_on_linear_least_squares(linear, batch):
    found = linear_orders(linear, START, 4.0, [0.0625, 0.03125, 0.015625, 0.0078125], batch)
    # Theory (Li, Tai & E 2019): 1, 1 and 2 for the means; the covariance is itself of size eta, which the flow has not at all.
    for model, mean, covariance in (("flow", 1, 1), ("diffusion", 1, 2), ("modified", 2, 2)):
        last = found.of(model)[-1]
        assert last.mean_order == pytest.approx(mean, abs=0.1)
        assert last.covariance_order == pytest.approx(covariance, abs=0.1)
    assert found.of("modified")[-1].mean < 0.1 * found.of("diffusion")[-1].mean
    assert "modified" in str(found)
    assert len(found.frame()) == 12


def test_weak_orders_refuse_what_is_not_linear(ten, start, linear):
    with pytest.raises(ValueError, match="not linear"):
        linear_orders(ten, start, 1.0, [0.1])
    with pytest.raises(ValueError, match="does not divide"):
        linear_orders(linear, START, 1.0, [0.3])


@pytest.mark.parametrize("process", ["stochastic gradient", "diffusion", "modified"])
def test_ensembles_have_the_moments_of_theory(linear, process):
    """Means within 5 standard errors, and covariances within 5 of theirs: one false alarm in a million."""
    M, eta, T = 4000, 0.125, 2.0
    A, b = _affine(linear)
    z0 = np.concatenate([[1.0], START, np.outer(START, START).ravel()])
    if process == "stochastic gradient":
        z = np.linalg.matrix_power(np.eye(13) + eta * _generator(A, b, 0.0, eta, eta), 16) @ z0
    else:
        z = expm(T * _generator(A, b, eta if process == "modified" else 0.0, eta, 0.0)) @ z0
    mean, covariance = _moments(z, 3)
    p = ensemble(linear, START, eta, [T], M, process=process, rng=7).p[-1]
    assert (np.abs(p.mean(axis=0) - mean) < 5 * np.sqrt(np.diag(covariance) / M)).all()
    centred = p - p.mean(axis=0)
    products = centred[:, :, None] * centred[:, None, :]
    allowed = 5 * products.std(axis=0) / np.sqrt(M) + 0.02 * np.abs(covariance)  # and the time step's own error, O(eta h)
    assert (np.abs(products.mean(axis=0) - covariance) < allowed).all()


def test_an_ensemble_of_the_method_is_that_of_train(ten, start):
    """The same law by another stream: mean costs agree within 5 standard errors of their difference."""
    ours = ensemble(ten, start, 2.0, [20.0, 100.0], 500, rng=1)
    assert ours.p.shape == (2, 500, 23)
    run = nb.train(ten, nb.StochasticGradient(rate=2.0), 50, start=np.tile(start, (500, 1)), rng=2, record=50)
    costs = np.array([ten.value(p) for p in ours.p[-1]])
    spread = np.sqrt((costs.var() + run.costs[-1].var()) / 500)
    assert abs(costs.mean() - run.costs[-1].mean()) < 5 * spread
    with pytest.raises(ValueError, match="multiples"):
        ensemble(ten, start, 2.0, [3.0])
    with pytest.raises(ValueError, match="process"):
        ensemble(ten, start, 2.0, [4.0], process="Brownian")


def test_without_noise_nothing_spreads(ten, start):
    """Where all points have one gradient, Sigma = 0, and every network of an ensemble moves alike."""
    x, y, _ = nb.data.ten_points()
    one = nb.Problem(ten.network, nb.quadratic, nb.Data(np.repeat(x[:1], 4, axis=0), np.repeat(y[:1], 4, axis=0)))
    assert gradient_noise(one, start).trace < 1e-30
    for process in ("stochastic gradient", "diffusion"):
        p = ensemble(one, start, 0.5, [5.0], 5, process=process).p[-1]
        assert np.abs(p - p[0]).max() < 1e-13


def test_weak_errors_on_the_network_shrink_with_the_rate(ten, start):
    found = weak_errors(ten, start, 40.0, [10.0, 5.0], M=1500, rng=3)
    first, second = found.of("flow")
    assert abs(second.error) + second.within < abs(first.error)  # order 1: half of it
    for at in found.of("diffusion"):
        assert abs(at.error) < 0.3 * abs(found.of("flow")[0].error) + 2.5 * at.within
    order, error = found.order("flow")
    assert abs(order - 1.0) < 0.35 + 3 * error  # not asymptotic yet at these rates
    assert "observed orders" in str(found)
    assert len(found.frame()) == 6


def test_first_passages_are_the_first(ten, start):
    level = 0.2
    found = escape_times(ten, start, level, [(5.0, 1), (5.0, 4)], 4000.0, M=30, every=5.0, rng=5)
    for at in found.escapes:
        assert at.left == np.isfinite(at.times).sum()
        assert at.mean.low <= at.mean.value <= at.mean.high
        watched = np.where(np.isfinite(at.times), at.times, at.horizon).sum()
        assert at.mean.value == pytest.approx(watched / at.left)
    # By hand, one step after the other from the same stream of draws.
    generator = np.random.default_rng([5, 0])
    p, alive, times = np.tile(start, (30, 1)), np.arange(30), np.full(30, np.inf)
    for k in range(1, 40):
        p = descend_at_random(ten, p, 5.0, 1, 1, generator)
        gone = np.array([ten.value(q) < level for q in p])
        times[alive[gone]] = 5.0 * k
        p, alive = p[~gone], alive[~gone]
    same = times < np.inf
    np.testing.assert_array_equal(found.escapes[0].times[same], times[same])
    assert "eta/m" in str(found)
    # The flow leaves the plateau by t = 900: after a descent as long as 2,000 most have left at the first look.
    calm = escape_times(ten, start, level, [(5.0, 1)], 50.0, M=30, every=50.0, quench=(1.0, 2000), rng=5).escapes[0]
    assert calm.left > 15
    assert (calm.times[np.isfinite(calm.times)] == 50.0).all()
    with pytest.raises(ValueError, match="below the level"):
        escape_times(ten, start, 1.0, [(1.0, 1)], 10.0)


def test_the_mean_of_exponential_times_is_covered(ten):
    from netbp.analysis.escape import _mean

    generator, covered = np.random.default_rng(0), 0
    for _ in range(400):
        times = generator.exponential(3.0, 20)
        seen = np.minimum(times, 4.0)
        interval = _mean(float(seen.sum()), int((times < 4.0).sum()))
        covered += interval.low <= 3.0 <= interval.high
    assert 0.91 < covered / 400 < 0.995  # 95 %, with 4 standard errors, and censoring makes it wider
    assert _mean(10.0, 0).high == np.inf
