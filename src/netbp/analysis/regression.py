"""Straight lines through correlated numbers: batch means, and intervals that know how few of them are independent.

Successive costs of a run are strongly correlated, so that the textbook's interval, made for independent errors, is far too narrow.
Consecutive numbers are averaged into batches; what correlation is left between the batches is taken as that of a first-order
autoregression with coefficient rho, estimated from the residuals and corrected for its bias. Then B batches are worth
B (1 - rho)/(1 + rho) independent ones.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from netbp.types import Matrix, Vector

BATCHES = 32
LARGEST = 0.9  # the most correlation between batches that is believed: beyond it there is next to one independent number left
FEWEST = 2.0  # degrees of freedom


class Interval(NamedTuple):
    """An estimate and its confidence interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.4g} ({self.low:.4g} to {self.high:.4g})"

    def scaled(self, factor: float) -> Interval:
        """The interval of `factor` times the number."""
        ends = sorted((factor * self.low, factor * self.high))
        return Interval(factor * self.value, *ends)


class Batches(NamedTuple):
    """Means of `length` consecutive numbers, values (B,); nodes (B, k), weights (k,): how to average a model over their times."""

    nodes: Matrix
    weights: Vector
    values: Vector
    length: int

    def mean(self, values: Matrix) -> Vector:
        """A function's mean over each batch, (B,), from its values at the nodes, (B, k)."""
        return np.asarray(values @ self.weights)


def batches(times: Vector, values: Vector, count: int = BATCHES) -> Batches:
    """The means over `count` batches of equal length, or fewer where there are fewer numbers; a remainder is left out in front.

    A model is averaged over the same times: at all of them in short batches, at four Gauss points in long ones.
    """
    count = min(count, len(values))
    length = len(values) // count
    t, y = times[-count * length :].reshape(count, length), values[-count * length :].reshape(count, length)
    if length > 16:
        x, w = np.polynomial.legendre.leggauss(4)
        half = 0.5 * (t[:, -1:] - t[:, :1]) * length / (length - 1)
        return Batches(t.mean(axis=1, keepdims=True) + half * x, 0.5 * w, y.mean(axis=1), length)
    return Batches(t, np.full(length, 1.0 / length), y.mean(axis=1), length)


def line(x: Vector, y: Vector, confidence: float = 0.95) -> tuple[Interval, Vector]:
    """The slope of y over x, with its interval, and the residuals. x, y: (B,), in their order in time."""
    design = np.stack([np.ones_like(x), x - x.mean()], axis=1)
    coefficients = np.linalg.lstsq(design, y, rcond=None)[0]
    residual = y - design @ coefficients
    return interval(coefficients[1], design, residual, 1, confidence), residual


def interval(value: float, design: Matrix, residual: Vector, entry: int, confidence: float = 0.95) -> Interval:
    """The interval of coefficient `entry` of a least squares fit with this design (B, k) and these residuals (B,)."""
    from scipy.stats import t as student

    B, k = design.shape
    rho = correlation(residual)
    variance = residual @ residual / max(B - k, 1) * (1.0 + rho) / (1.0 - rho)
    columns = np.linalg.norm(design, axis=0)
    inverse = np.linalg.pinv(design / columns)
    deviation = np.sqrt(variance * (inverse[entry] @ inverse[entry])) / columns[entry]
    freedom = max(B * (1.0 - rho) / (1.0 + rho) - k, FEWEST)
    reach = float(student.ppf(0.5 + 0.5 * confidence, freedom) * deviation)
    return Interval(float(value), float(value) - reach, float(value) + reach)


def correlation(residual: Vector) -> float:
    """The lag-one correlation rho of residuals of a fitted line, at least 0, corrected for its bias -(1 + 4 rho)/B.

    Kendall (Biometrika 41, 1954) and Marriott & Pope (same volume).
    """
    squares = float(residual @ residual)
    if squares == 0.0 or len(residual) < 4:
        return 0.0
    rho = float(residual[1:] @ residual[:-1]) / squares
    return float(np.clip(rho + (1.0 + 4.0 * rho) / len(residual), 0.0, LARGEST))
