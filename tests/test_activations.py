"""Activations: values, and slopes and curvatures that are their derivatives."""

from __future__ import annotations

import numpy as np
import pytest

import netbp as nb
from conftest import EPS

ALL = [nb.sigmoid, nb.tanh, nb.identity, nb.relu, nb.leaky_relu, nb.step]
Z = np.concatenate([-np.geomspace(1e-3, 30, 60), np.geomspace(1e-3, 30, 60)])  # off the kinks at 0
FAR = np.array([-np.inf, -1e308, -1000.0, -745.2, -709.9, -40.0, 40.0, 709.9, 1000.0, 1e308, np.inf])


@pytest.mark.parametrize("sigma", ALL, ids=repr)
def test_slope_is_the_values_derivative(sigma):
    h = 1e-6 * np.abs(Z)  # stays on one side of the kink
    difference = (sigma(Z + h) - sigma(Z - h)) / (2 * h)
    # rounding in the value over h, and h^2/6 times a third derivative below 2
    allowed = 4 * EPS * np.maximum(np.abs(sigma(Z)), np.abs(Z)) / h + h**2
    assert np.all(np.abs(difference - sigma.slope(Z, sigma(Z))) <= allowed)


@pytest.mark.parametrize("sigma", ALL, ids=repr)
def test_curvature_is_the_slopes_derivative(sigma):
    h = 1e-6 * np.abs(Z)

    def slope(z):
        return sigma.slope(z, sigma(z))

    difference = (slope(Z + h) - slope(Z - h)) / (2 * h)
    allowed = 4 * EPS * np.maximum(np.abs(slope(Z)), 1.0) / h + 3 * h**2
    assert np.all(np.abs(difference - sigma.curvature(Z, sigma(Z))) <= allowed)


@pytest.mark.parametrize("sigma", [nb.sigmoid, nb.tanh, nb.identity], ids=repr)
def test_the_complex_step_gives_the_slope_to_rounding(sigma):
    assert sigma.analytic
    value = sigma(Z + 1e-20j)
    slope = sigma.slope(Z, sigma(Z))
    # a(1 - a) and 1 - a^2 are off by eps where a is near 1
    np.testing.assert_allclose(value.imag / 1e-20, slope, rtol=16 * EPS, atol=4 * EPS)
    np.testing.assert_allclose(value.real, sigma(Z), rtol=16 * EPS, atol=2 * EPS)


def test_the_kinked_ones_are_not_called_analytic():
    assert all(sigma.analytic == (sigma.kinks == ()) for sigma in ALL)


def test_values_are_those_of_the_paper():
    z = np.array([-2.0, -0.5, 0.5, 3.0])
    np.testing.assert_allclose(nb.sigmoid(z), 1 / (1 + np.exp(-z)), rtol=2 * EPS)  # (1)
    a = nb.sigmoid(z)
    np.testing.assert_allclose(nb.sigmoid.slope(z, a), np.exp(-z) / (1 + np.exp(-z)) ** 2, atol=4 * EPS)  # (2)
    assert nb.relu(z).tolist() == [0.0, 0.0, 0.5, 3.0]  # (31)
    assert nb.leaky_relu(z).tolist() == [-0.02, -0.005, 0.5, 3.0]
    assert nb.step(z).tolist() == [0.0, 0.0, 1.0, 1.0]
    assert nb.identity(z).tolist() == z.tolist()
    assert nb.tanh(z).tolist() == np.tanh(z).tolist()


@pytest.mark.parametrize("sigma", [nb.relu, nb.leaky_relu, nb.step], ids=repr)
def test_at_a_kink_the_value_from_the_left_is_taken(sigma):
    below = np.array([-1e-300])
    at = np.array([0.0])
    assert sigma.slope(at, sigma(at)) == sigma.slope(below, sigma(below))
    assert sigma(at) == pytest.approx(sigma(below), abs=1e-300)


@pytest.mark.parametrize("sigma", ALL, ids=repr)
def test_far_out_nothing_overflows_warns_or_becomes_nan(sigma):
    a = sigma(FAR)
    assert not np.isnan(a).any()
    assert np.all(np.diff(a) >= 0)
    if sigma in (nb.sigmoid, nb.tanh, nb.step):
        assert np.isfinite(a).all()
        assert np.array_equal(sigma.slope(FAR, a)[[0, 1, 2, -3, -2, -1]], np.zeros(6))
        assert np.isfinite(sigma.curvature(FAR, a)).all()
    finite = FAR[1:-1]
    assert np.isfinite(sigma.slope(finite, sigma(finite))).all()


def test_the_sigmoid_saturates_exactly():
    assert nb.sigmoid(np.array([-1000.0, 1000.0])).tolist() == [0.0, 1.0]
    assert nb.sigmoid(np.array([-700.0]))[0] == pytest.approx(np.exp(-700.0), rel=1e-13)  # the left tail keeps relative accuracy
    far = nb.sigmoid(np.array([-1000.0 + 1e-20j, 1000.0 + 1e-20j]))
    assert np.isfinite(far).all()


@pytest.mark.parametrize("sigma", ALL, ids=repr)
def test_shapes_and_plain_numbers_are_kept(sigma):
    z = np.linspace(-1, 1, 24).reshape(2, 3, 4)
    for f in (sigma.value, lambda z: sigma.slope(z, sigma.value(z)), lambda z: sigma.curvature(z, sigma.value(z))):
        assert np.shape(f(z)) == (2, 3, 4)
        assert np.ndim(f(0.3)) == 0
        assert f(0.3) == pytest.approx(f(np.array([0.3]))[0], rel=4 * EPS)
    assert np.shape(sigma([[0.1, -0.2]])) == (1, 2)
    assert repr(sigma) == sigma.name
