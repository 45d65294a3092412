"""The wide kernels' and Levenberg-Marquardt's branches for large problems, as plain Python on tiny ones (see test_kernels.py)."""

from __future__ import annotations

import numpy as np
import pytest

import netbp as nb
from netbp.engines import DAMPING, EVALUATIONS, GRADIENT, NOT_FINITE, STEP, LeastSquares
from netbp.engines.compiled import Compiled, layerwise, least_squares, normal_equations
from netbp.engines.reference import Reference

pytestmark = pytest.mark.kernels


@pytest.fixture
def everything_is_large(monkeypatch):
    monkeypatch.setattr(layerwise, "BLAS_POINTS", 2)
    monkeypatch.setattr(layerwise, "BLAS_PRODUCTS", 2)
    monkeypatch.setattr(normal_equations, "BLAS_ENTRIES", 2)
    monkeypatch.setattr(normal_equations, "PANEL", 5)
    monkeypatch.setattr(normal_equations, "STRIP", 7)
    monkeypatch.setattr(least_squares, "JACOBIAN_ENTRIES", 1)


def problem_of(penalty=0.0):
    return nb.Problem(nb.Network.dense(2, 2, 3, 2), nb.quadratic, nb.data.ten_points(), penalty=penalty, engine=Compiled())


@pytest.mark.usefixtures("everything_is_large")
def test_large_products_are_the_same_products():
    problem = problem_of()
    p = problem.network.draw(1)
    reference = problem.on(Reference())
    np.testing.assert_allclose(problem.gradient(p), reference.gradient(p), rtol=1e-13, atol=1e-16)
    np.testing.assert_allclose(problem.hvp(p, p), reference.hvp(p, p), rtol=1e-12, atol=1e-16)


@pytest.mark.usefixtures("everything_is_large")
@pytest.mark.parametrize("norms", [False, True])
def test_large_least_squares_are_the_same_least_squares(norms):
    problem = problem_of(penalty=0.01)
    p = problem.network.draw(1)
    settings = LeastSquares(norms=norms)
    ours, reference = (b.least_squares(p, settings, 2, 9) for b in (problem.bound, problem.on(Reference()).bound))
    np.testing.assert_allclose(ours.p, reference.p, rtol=1e-10)
    assert (ours.iterations, ours.evaluations, ours.reason) == (reference.iterations, reference.evaluations, reference.reason)
    many = problem.bound.least_squares_many(p[None, :], settings, 2, 9)
    np.testing.assert_array_equal(many.p[0], ours.p)


@pytest.mark.parametrize(("inputs", "outputs"), [(1, 1), (2, 3), (8, 8), (5, 4)])
def test_narrow_products_are_the_same_numbers(monkeypatch, inputs, outputs):
    rng = np.random.default_rng(inputs)
    A, WT = rng.normal(size=(7, inputs)), rng.normal(size=(inputs, outputs))
    A[::2, 0] = 0.0
    out = []
    for narrow in (0, 64):
        monkeypatch.setattr(layerwise, "NARROW", narrow)
        out.append(np.full((7, outputs), np.nan))
        layerwise.weighted_inputs(A, WT, out[-1])
    np.testing.assert_array_equal(*out)
    np.testing.assert_allclose(out[1], A @ WT, rtol=1e-14)


def test_every_way_to_stop():
    bound, p = problem_of().bound, nb.MatlabRandom(5000).randn(23, 1).ravel() / 2
    cases = {
        EVALUATIONS: (LeastSquares(), 2),
        GRADIENT: (LeastSquares(function_tolerance=1e9), 9),
        STEP: (LeastSquares(function_tolerance=0.0, step_tolerance=1e3), 9),
        DAMPING: (LeastSquares(increase=1e30, damping=1e-9, function_tolerance=0.0, step_tolerance=0.0), 9),
    }
    for reason, (settings, evaluations) in cases.items():
        assert bound.least_squares(p, settings, 9, evaluations).reason == reason
    linear = nb.Problem(nb.Network.dense(1, 1, activation=nb.identity), nb.quadratic, nb.Data([[1.0]], [[2.0]]), engine=Compiled())
    with np.errstate(over="ignore", invalid="ignore"):
        assert linear.bound.least_squares(np.full(2, 1e200), LeastSquares(), 9, 9).reason == NOT_FINITE
