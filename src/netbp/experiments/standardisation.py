"""Standardisation: columns brought to mean 0 and deviation 1, in whatever units they come."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from netbp.types import Matrix, Vector

LARGE = 2.0**1000
"""Deviations above this may have differences that overflow: both are halved."""


class Scale(NamedTuple):
    """Standardisation of columns: value -> (value - mean)/deviation; mean, deviation: (columns,)."""

    mean: Vector
    deviation: Vector

    def apply(self, values: Matrix) -> Matrix:
        """The standardised values, (N, columns); infinite where one is too far from the mean for a float."""
        half = np.where(self.deviation > LARGE, 0.5, 1.0)
        with np.errstate(over="ignore"):
            return np.asarray((half * values - half * self.mean) / (half * self.deviation))

    def undo(self, values: Matrix) -> Matrix:
        """The values in their own units, (N, columns)."""
        return values * self.deviation + self.mean


def standardisation(values: Matrix, weight: Vector | None = None) -> Scale:
    """Mean and standard deviation of each column, in which a weight of 2 counts as two rows; (N, columns), all finite.

    A column that is constant up to rounding has the deviation 1. Columns are first divided by a power of 2, which is exact, so that
    squares neither overflow nor vanish: the units do not matter. Neither does the layout, on which the order of a sum depends.
    """
    values = np.ascontiguousarray(values)
    largest = np.abs(values).max(axis=0)
    exponent = np.frexp(largest)[1]
    shares = np.ldexp(values, -exponent)
    if weight is None:
        mean, deviation = shares.mean(axis=0), shares.std(axis=0)
    else:
        mean = np.average(shares, axis=0, weights=weight)
        deviation = np.sqrt(np.average((shares - mean) ** 2, axis=0, weights=weight))
    # what differs by a few eps of its size is equal but for rounding
    constant = np.ptp(shares, axis=0) <= 8 * np.finfo(float).eps * np.abs(shares).max(axis=0)
    return Scale(np.ldexp(mean, exponent), np.where(constant, 1.0, np.ldexp(deviation, exponent)))


def unscaled(values: Matrix) -> Scale:
    """The scale that leaves the columns as they are."""
    return Scale(np.zeros(values.shape[1]), np.ones(values.shape[1]))
