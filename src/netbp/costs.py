"""Costs: how an output a is compared with its target y, and the slope of that.

Each function takes a and y of shape (..., n_L), one point per row, and sums over the last axis only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from netbp.activations import on_copies
from netbp.types import Array


@dataclass(frozen=True)
class Cost:
    """The cost C of single points and its derivatives by the output a = a^[L].

    value: (a, y) -> C, (...,). slope: (a, y) -> dC/da, (..., n_L). curvature: (a, y, v) -> (d^2C/da^2) v, (..., n_L), the
    Hessian of C by a times v. predict: a -> what the outputs mean (probabilities, say), (..., n_L). least_squares: whether C is
    half a sum of squares of y - a, so that residuals and Levenberg-Marquardt apply. analytic: whether `value` continues to
    complex a (for the complex-step check). categories: whether the targets say which category a point is in, so that errors
    can be counted.
    """

    name: str
    value: Callable[[Any, Any], Any]
    slope: Callable[[Any, Any], Any]
    curvature: Callable[[Any, Any, Any], Any]
    predict: Callable[[Any], Any]
    least_squares: bool = False
    analytic: bool = False
    categories: bool = False

    def __post_init__(self) -> None:
        on_copies(self)

    def __repr__(self) -> str:
        return self.name


def quadratic_value(a: Array, y: Array) -> Array:
    """(1/2) ||y - a||_2^2, (18)."""
    r = y - a
    return 0.5 * (r * r).sum(axis=-1)


def quadratic_slope(a: Array, y: Array) -> Array:
    """a - y, the second factor of (22)."""
    return a - y


def quadratic_curvature(a: Array, y: Array, v: Array) -> Array:
    """The Hessian of (18) by a is the identity."""
    return v


def log_sum_exp(a: Array) -> Array:
    """Log sum_j exp(a_j), (..., 1), shifted by the largest a_j so that it cannot overflow."""
    largest = a.real.max(axis=-1, keepdims=True)
    return largest + np.log(np.exp(a - largest).sum(axis=-1, keepdims=True))


def softmax(a: Array) -> Array:
    """exp(a_i) / sum_j exp(a_j), the probabilities of section 7.3."""
    return np.exp(a - log_sum_exp(a))


def softmax_log_loss_value(a: Array, y: Array) -> Array:
    """-log(exp(a_l) / sum_j exp(a_j)) for the label l, (32) for one point; y holds 1 at l, or any weights of the labels."""
    return (y * (log_sum_exp(a) - a)).sum(axis=-1)


def softmax_log_loss_slope(a: Array, y: Array) -> Array:
    """The softmax of a, times the sum of y, less y."""
    return softmax(a) * y.sum(axis=-1, keepdims=True) - y


def softmax_log_loss_curvature(a: Array, y: Array, v: Array) -> Array:
    """(diag(s) - s s^T) v times the sum of y, with s the softmax of a."""
    s = softmax(a)
    return (s * v - s * (s * v).sum(axis=-1, keepdims=True)) * y.sum(axis=-1, keepdims=True)


def missed(a: Array, y: Array) -> Array:
    """Whether each point's category, its largest target, is not the first and not among the first five outputs: (..., 2).

    Of equal outputs the earlier counts as the larger, as `Problem.classify` has it; an output that is not a number is no answer.
    """
    category = np.expand_dims(y.argmax(axis=-1), -1)
    own = np.take_along_axis(a, category, axis=-1)
    earlier = np.arange(a.shape[-1]) < category
    before = (~np.where(earlier, a < own, a <= own)).sum(axis=-1)
    return np.stack([before >= 1, before >= 5], axis=-1)


def as_it_is(a: Array) -> Array:
    """The outputs mean themselves."""
    return a


quadratic = Cost("quadratic", quadratic_value, quadratic_slope, quadratic_curvature, as_it_is, least_squares=True, analytic=True)
softmax_log_loss = Cost(
    "softmax_log_loss",
    softmax_log_loss_value,
    softmax_log_loss_slope,
    softmax_log_loss_curvature,
    softmax,
    analytic=True,
    categories=True,
)
