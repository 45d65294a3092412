"""Classic sets of points in the plane beside the paper's."""

from __future__ import annotations

from typing import Any

import numpy as np

from netbp.types import Data


def two_spirals(points: int = 100, turns: float = 1.0, noise: float = 0.0, rng: Any = 0) -> Data:
    """Two spirals wound into each other, half of the points on each: x (points, 2) in [-1, 1]^2, y (points, 2) as in (5).

    turns: how often each spiral goes round (three in Lang & Witbrock's set of 194 points, 1988). noise: standard deviation of
    normal errors in x, drawn from rng (a seed or a numpy.random.Generator). Raises ValueError unless points is even, at least 2.
    """
    if not isinstance(points, int | np.integer) or points < 2 or points % 2:
        raise ValueError(f"two spirals need an even number of points, at least 2, but {points!r} were asked for")
    n = points // 2
    share = (np.arange(n) + 0.5) / n
    angle, radius = 2.0 * np.pi * turns * share, 0.1 + 0.9 * share
    one = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    x = np.concatenate([one, -one])
    if noise:
        x = x + noise * np.random.default_rng(rng).standard_normal(x.shape)
    return Data(x, np.repeat([[1.0, 0.0], [0.0, 1.0]], n, axis=0))
