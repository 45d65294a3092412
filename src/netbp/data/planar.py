"""Classic sets of points in the plane beside the paper's."""

from __future__ import annotations

from typing import Any

import numpy as np

from netbp.types import Data, Matrix


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


def two_moons(points: int = 100, noise: float = 0.0, rng: Any = 0) -> Data:
    """Two half circles that reach into each other: x (points, 2) in the unit square but for the noise, y (points, 2) as in (5).

    noise, rng: as in `two_spirals`. Raises ValueError unless points is at least 2.
    """
    n = _shared(points, 2)
    upper, lower = (np.pi * (np.arange(m) + 0.5) / m for m in n)
    x = np.concatenate(
        [
            np.stack([0.35 + 0.3 * np.cos(upper), 0.4 + 0.4 * np.sin(upper)], axis=1),
            np.stack([0.65 + 0.3 * np.cos(lower), 0.6 - 0.4 * np.sin(lower)], axis=1),
        ]
    )
    return _noisy(x, np.repeat([0, 1], n), 2, noise, rng)


def two_circles(points: int = 100, noise: float = 0.0, rng: Any = 0) -> Data:
    """A circle of radius 0.18 within one of 0.42 about (1/2, 1/2), category A inside: x (points, 2), y (points, 2) as in (5).

    noise, rng: as in `two_spirals`. Raises ValueError unless points is at least 2.
    """
    n = _shared(points, 2)
    parts = []
    for m, radius in zip(n, (0.18, 0.42), strict=True):
        angle = 2.0 * np.pi * (np.arange(m) + 0.5) / m
        parts.append(0.5 + radius * np.stack([np.cos(angle), np.sin(angle)], axis=1))
    return _noisy(np.concatenate(parts), np.repeat([0, 1], n), 2, noise, rng)


def exclusive_or(points: int = 100, noise: float = 0.0, rng: Any = 0) -> Data:
    """Uniform points of the unit square, category A where just one coordinate exceeds 1/2: no line separates them.

    x (points, 2), at least 0.03 from the lines x_1 = 1/2 and x_2 = 1/2; y (points, 2) as in (5). noise, rng: as in `two_spirals`;
    the points themselves are drawn from rng, too. Raises ValueError unless points is at least 1.
    """
    _shared(points, 1)
    rng = np.random.default_rng(rng)
    x = rng.random((points, 2)) * 0.94
    x = np.where(x < 0.47, x, x + 0.06)
    inside = x > 0.5
    return _noisy(x, (inside[:, 0] == inside[:, 1]).astype(np.int64), 2, noise, rng)


def blobs(points: int = 120, categories: int = 3, noise: float = 0.08, rng: Any = 0) -> Data:
    """Normal clouds, one for each category, about centres on a circle of radius 0.3 about (1/2, 1/2).

    x (points, 2), y (points, categories). noise: the clouds' standard deviation. rng: a seed or a numpy.random.Generator. Raises
    ValueError for fewer points than categories.
    """
    n = _shared(points, categories)
    angle = 2.0 * np.pi * np.arange(categories) / categories + 0.5 * np.pi
    centres = 0.5 + 0.3 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    labels = np.repeat(np.arange(categories), n)
    return _noisy(centres[labels], labels, categories, noise, rng)


def _shared(points: int, categories: int) -> list[int]:
    """How many points each category gets, the first ones more where it does not come out even."""
    if not isinstance(points, int | np.integer) or points < categories:
        raise ValueError(f"{categories} categories need at least as many points, but {points!r} were asked for")
    return [len(part) for part in np.array_split(np.arange(points), categories)]


def _noisy(x: Matrix, labels: Any, categories: int, noise: float, rng: Any) -> Data:
    if noise:
        x = x + noise * np.random.default_rng(rng).standard_normal(x.shape)
    return Data(x, np.eye(categories)[labels])
