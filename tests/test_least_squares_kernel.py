"""Levenberg-Marquardt in machine code against the reference engine and SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import least_squares

import netbp as nb
from netbp.engines import DAMPING, DECREASE, EVALUATIONS, GRADIENT, NOT_FINITE, RUNNING, STEP, LeastSquares
from netbp.engines.compiled.bound import BoundCompiled
from netbp.engines.reference import Reference

SOFT = (lambda z: np.log(1.0 + np.exp(z)), lambda z, a: 1.0 - np.exp(-a), lambda z, a: (1.0 - np.exp(-a)) * np.exp(-a))
OWN = nb.Activation("softplus", *SOFT)
FIELDS = ("p", "damping", "reason", "iterations", "evaluations", "gradient_norm", "scale")


def engines(sizes=(2, 2, 3, 2), activation=nb.sigmoid, weighted=False, penalty=0.0, N=10):
    """The same problem on both engines, and a start."""
    rng = np.random.default_rng(sum(sizes) + N)
    network = nb.Network.dense(*sizes, activation=activation)
    ten = sizes == (2, 2, 3, 2) and N == 10
    data = nb.data.ten_points() if ten else nb.Data(rng.random((N, sizes[0])), rng.random((N, sizes[-1])))
    data = data._replace(weight=rng.random(N) + 0.1) if weighted else data
    problem = nb.Problem(network, nb.quadratic, data, penalty=penalty, engine=Reference())
    start = network.draw(nb.MatlabRandom(5000)) if ten else network.draw(rng, nb.glorot)
    return problem, BoundCompiled(problem.bound.objective), start


@pytest.mark.parametrize("norms", [False, True])
@pytest.mark.parametrize("penalty", [0.0, 0.01])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    ("sizes", "activation", "N"),
    [
        ((2, 2, 3, 2), nb.sigmoid, 10),
        ((1, 6, 1), (nb.tanh, nb.identity), 25),
        ((1, 1), nb.identity, 3),
        ((2, 2, 2, 1), (nb.relu, OWN, nb.leaky_relu), 6),
        ((3, 8, 9, 2), (nb.tanh, nb.sigmoid, nb.identity), 40),
        ((1, 45, 2), (nb.tanh, nb.identity), 70),  # 227 parameters: by BLAS
        ((2, 3, 1), (nb.tanh, nb.identity), 1200),  # several blocks of points
    ],
    ids=["ten points", "curve", "line", "own activation", "deep", "by BLAS", "blocks"],
)
def test_iterates_are_those_of_the_reference(sizes, activation, N, weighted, penalty, norms):
    problem, bound, p = engines(sizes, activation, weighted, penalty, N)
    settings = LeastSquares(norms=norms, damping=0.1)
    ours, reference = (b.least_squares(p, settings, 4, 1000) for b in (bound, problem.bound))
    assert (ours.iterations, ours.evaluations, ours.reason) == (reference.iterations, reference.evaluations, reference.reason)
    # J^T J + mu I has a condition number of up to 1e6 here, and every iteration multiplies the rounding of the last
    np.testing.assert_allclose(ours.p, reference.p, rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(ours.costs, reference.costs, rtol=1e-8)
    assert ours.damping == pytest.approx(reference.damping, rel=1e-14)
    assert ours.scale == pytest.approx(reference.scale, rel=1e-12)
    assert ours.gradient_norm == pytest.approx(reference.gradient_norm, rel=1e-4, abs=1e-9)


@pytest.mark.parametrize(("norms", "most"), [(False, 40), (True, 240)])
def test_ten_points_are_fitted_as_by_the_reference(norms, most):
    problem, bound, p = engines()
    ours, reference = (b.least_squares(p, LeastSquares(norms=norms), 400, 4600) for b in (bound, problem.bound))
    for fitted in (ours, reference):
        assert 20 * fitted.costs[-1] < 1e-10  # N = 10: the sum of squares is 20 times Cost
        assert fitted.iterations <= most
        assert fitted.reason in (GRADIENT, DECREASE, STEP)
    assert abs(ours.iterations - reference.iterations) <= 3  # rounding decides the last of them
    assert ours.costs[-1] == pytest.approx(problem.value(ours.p), rel=1e-6)
    assert np.all(np.diff(ours.costs) < 0.0)


@pytest.mark.parametrize("penalty", [0.0, 1e-4])
@pytest.mark.parametrize("N", [10, 400], ids=["small", "large"])
@pytest.mark.parametrize("norms", [False, True])
def test_splitting_changes_no_bit(norms, N, penalty):
    _, bound, p = engines(penalty=penalty, weighted=True, N=N)
    settings = LeastSquares(norms=norms)
    whole = bound.least_squares(p, settings, 30, 4600)
    at, costs, done = p, [], 0
    damping, scale, evaluations = settings.damping, 0.0, 0
    for iterations in (1, 2, 7, 20):
        part = bound.least_squares(at, settings._replace(damping=damping), iterations, 4600, scale)
        at, damping, scale = part.p, part.damping, part.scale
        done, evaluations = done + part.iterations, evaluations + part.evaluations - (1 if done else 0)
        costs.append(part.costs)
        if part.reason != RUNNING:
            break
    np.testing.assert_array_equal(at, whole.p)
    np.testing.assert_array_equal(np.concatenate(costs), whole.costs)
    assert (done, evaluations, part.reason) == (whole.iterations, whole.evaluations, whole.reason)
    assert (damping, scale, part.gradient_norm) == (whole.damping, whole.scale, whole.gradient_norm)


@pytest.mark.parametrize("penalty", [0.0, 1e-4])
@pytest.mark.parametrize("N", [10, 400], ids=["small", "large"])
@pytest.mark.parametrize("norms", [False, True])
def test_many_starts_move_as_each_alone(norms, N, penalty):
    _, bound, _ = engines(N=N, penalty=penalty)
    starts = 0.5 * np.random.default_rng(1).standard_normal((20, 23))
    starts[3] = 1e200  # not finite from the start, beside those that are
    before, settings = starts.copy(), LeastSquares(norms=norms)
    many = bound.least_squares_many(starts, settings, 50, 500)
    np.testing.assert_array_equal(starts, before)
    for i, start in enumerate(starts):
        one = bound.least_squares(start, settings, 50, 500)
        for name in FIELDS:
            np.testing.assert_array_equal(getattr(many, name)[i], getattr(one, name))
        if one.iterations:
            assert many.cost[i] == one.costs[-1]


def test_costs_and_outputs_of_many_are_those_of_each():
    problem, bound, _ = engines(weighted=True, penalty=0.1)
    ps = np.random.default_rng(2).standard_normal((5, 23))
    np.testing.assert_array_equal(bound.values(ps), [bound.value(p) for p in ps])
    x = np.asarray(problem.data.x)
    np.testing.assert_array_equal(bound.outputs(ps, x), [bound.forward(p, x) for p in ps])


def test_scipy_finds_the_same_minimum():
    problem, bound, p = engines((1, 5, 1), (nb.tanh, nb.identity), penalty=1e-3, N=30)
    root = np.sqrt(2 * problem.bound.objective.penalty * problem.N)
    weights = problem.network.spread(1.0, 0.0)
    rows = root * np.diag(weights)[weights > 0]
    ours = bound.least_squares(p, LeastSquares(function_tolerance=1e-13, step_tolerance=1e-13), 1000, 10_000)
    nearby = ours.p + 0.001 * np.random.default_rng(0).standard_normal(len(p))  # the problem has several minima
    scipys = least_squares(
        lambda q: np.concatenate([problem.residual(q), rows @ q]),
        nearby,
        lambda q: np.vstack([problem.jacobian(q), rows]),
        method="lm",
        xtol=1e-14,
        ftol=1e-14,
        gtol=1e-14,
    )
    assert ours.costs[-1] == pytest.approx(scipys.cost / problem.N, rel=1e-9)  # both stand at a minimum, to tolerance
    assert np.abs(problem.gradient(ours.p)).max() < 1e-8


def test_every_reason_to_stop_is_told():
    _, bound, p = engines()
    assert bound.least_squares(p, LeastSquares(), 3, 4600).reason == RUNNING
    assert bound.least_squares(p, LeastSquares(), 400, 5).reason == EVALUATIONS
    assert bound.least_squares(p, LeastSquares(), 400, 5).evaluations == 5
    assert bound.least_squares(p, LeastSquares(), 0, 4600).iterations == 0
    assert bound.least_squares(p, LeastSquares(function_tolerance=1e-2), 400, 4600).reason in (GRADIENT, DECREASE)
    assert bound.least_squares(p, LeastSquares(function_tolerance=0.0, step_tolerance=1e3), 400, 4600).reason == STEP
    assert bound.least_squares(p, LeastSquares(function_tolerance=1e9), 400, 4600).reason == GRADIENT
    stuck = LeastSquares(increase=1e20, damping=1e-9, function_tolerance=0.0, step_tolerance=0.0)
    assert bound.least_squares(p, stuck, 400, 4600).reason == DAMPING
    _, linear, q = engines((1, 1), nb.identity, N=3)
    assert linear.least_squares(1e200 * np.ones_like(q), LeastSquares(), 10, 10).reason == NOT_FINITE


def test_a_zero_residual_is_a_zero_row():
    network = nb.Network.dense(1, 2, activation=nb.identity)
    p = np.array([2.0, -1.0, 0.5, 0.25])
    x = np.array([[1.0], [2.0], [3.0]])
    y = x * p[:2] + p[2:]
    y[2] += 1.0  # two points are fitted exactly
    problem = nb.Problem(network, nb.quadratic, nb.Data(x, y), engine=Reference())
    settings = LeastSquares(norms=True)
    ours = BoundCompiled(problem.bound.objective).least_squares(p, settings, 1, 100)
    reference = problem.bound.least_squares(p, settings, 1, 100)
    np.testing.assert_allclose(ours.p, reference.p, rtol=1e-12)
