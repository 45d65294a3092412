"""Costs: values, and slopes and curvatures that are their derivatives."""

from __future__ import annotations

import numpy as np
import pytest

import netbp as nb
from conftest import EPS

COSTS = [nb.quadratic, nb.softmax_log_loss]


def outputs(seed: int = 0, m: int = 5, n: int = 4) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((m, n)), rng.uniform(0, 1, (m, n))


@pytest.mark.parametrize("cost", COSTS, ids=repr)
def test_slope_is_the_values_derivative_by_the_complex_step(cost):
    assert cost.analytic
    a, y = outputs()
    for k in range(a.shape[1]):
        moved = a + 1e-20j * np.eye(a.shape[1])[k]
        np.testing.assert_allclose(cost.value(moved, y).imag / 1e-20, cost.slope(a, y)[:, k], rtol=64 * EPS, atol=16 * EPS)


@pytest.mark.parametrize("cost", COSTS, ids=repr)
def test_curvature_is_the_slopes_derivative(cost):
    a, y = outputs()
    v = np.random.default_rng(1).standard_normal(a.shape)
    h = 1e-5
    difference = (cost.slope(a + h * v, y) - cost.slope(a - h * v, y)) / (2 * h)
    # h^2/6 times a third derivative below 10 |v|^3, and eps/h
    np.testing.assert_allclose(cost.curvature(a, y, v), difference, atol=20 * h**2 + 8 * EPS / h)


@pytest.mark.parametrize("cost", COSTS, ids=repr)
def test_curvature_is_symmetric_and_not_negative(cost):
    a, y = outputs()
    v, w = np.random.default_rng(2).standard_normal((2, *a.shape))
    left, right = (w * cost.curvature(a, y, v)).sum(-1), (v * cost.curvature(a, y, w)).sum(-1)
    np.testing.assert_allclose(left, right, atol=64 * EPS)
    assert np.all((v * cost.curvature(a, y, v)).sum(-1) >= -64 * EPS)


def test_quadratic_is_half_the_squared_distance():
    assert nb.quadratic.value(np.array([[3.0, 0.0], [1.0, 1.0]]), np.array([[0.0, 4.0], [1.0, 1.0]])).tolist() == [
        12.5,
        0.0,
    ]  # (18)
    assert nb.quadratic.least_squares


def test_softmax_log_loss_is_minus_the_log_of_the_labels_probability():
    a = np.array([[0.0, 0.0, 0.0], [1.0, 2.0, 3.0]])
    y = np.eye(3)[[1, 2]]
    probability = np.exp(a) / np.exp(a).sum(-1, keepdims=True)
    np.testing.assert_allclose(nb.softmax_log_loss.predict(a), probability, rtol=8 * EPS)
    np.testing.assert_allclose(nb.softmax_log_loss.value(a, y), -np.log(probability[[0, 1], [1, 2]]), rtol=8 * EPS)  # (32)
    assert not nb.softmax_log_loss.least_squares


@pytest.mark.parametrize("shift", [-1e4, 0.0, 700.0, 1e4])
def test_softmax_does_not_mind_a_common_shift(shift):
    a, _ = outputs()
    y = np.eye(4)[[0, 1, 2, 3, 0]]
    exact = nb.softmax_log_loss.value(a, y)
    np.testing.assert_allclose(nb.softmax_log_loss.value(a + shift, y), exact, atol=8 * EPS * max(1.0, abs(shift)))


def test_softmax_of_huge_outputs_is_finite():
    a, y = np.array([[1e308, -1e308, 0.0], [1e5, 0.0, -1e5]]), np.eye(3)[[0, 2]]
    with np.errstate(over="ignore"):  # 1e308 - (-1e308) is infinite, and e^-infinity is 0
        value, slope = nb.softmax_log_loss.value(a[1:], y[1:]), nb.softmax_log_loss.slope(a, y)
    assert value.tolist() == [2e5]
    assert np.isfinite(slope).all()
    np.testing.assert_allclose(nb.softmax_log_loss.predict(a[1:]), [[1.0, 0.0, 0.0]])


@pytest.mark.parametrize("cost", COSTS, ids=repr)
def test_points_stay_apart(cost):
    a, y = outputs(m=6)
    whole = cost.value(a, y)
    assert whole.shape == (6,)
    np.testing.assert_array_equal(whole, [cost.value(a[i], y[i]) for i in range(6)])
    assert repr(cost) == cost.name
