"""Shares of independent trials, with Wilson's confidence interval."""

from __future__ import annotations

from math import sqrt

from netbp.analysis.regression import Interval

Z = 1.959963984540054
"""The normal distribution's quantile for 95 %."""


def share(count: int, trials: int, z: float = Z) -> Interval:
    """Count/trials with Wilson's score interval of 95 % (JASA 22, 1927), which stays within [0, 1] and is not empty at its ends.

    Raises ValueError unless 0 <= count <= trials and there is a trial.
    """
    if not 0 <= count <= trials or trials < 1:
        raise ValueError(f"a share needs a trial and a count from 0 to the trials, but got {count} of {trials}")
    k, n = float(count), float(trials)
    middle = (k + 0.5 * z * z) / (n + z * z)
    half = z / (n + z * z) * sqrt(k * (n - k) / n + 0.25 * z * z)
    return Interval(k / n, max(0.0, middle - half) if count else 0.0, min(1.0, middle + half) if count < trials else 1.0)


def percent(found: Interval) -> str:
    """The share and its interval in per cent."""
    digits = 1 if found.value >= 0.002 else 2
    return f"{100 * found.value:.{digits}f} ({100 * found.low:.{digits}f}-{100 * found.high:.{digits}f})"
