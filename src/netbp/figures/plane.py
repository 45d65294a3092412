"""Points and regions in the plane: figures 1, 4, 5, 8 and 9."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from netbp.analysis.regions import UNIT, grid_outputs, margin
from netbp.figures.style import BLUE, GREEN, GREY, INK, OCHRE, RED, VIOLET
from netbp.problem import Problem
from netbp.types import Data, Indices

MARKERS = (("o", RED), ("x", BLUE), ("s", OCHRE), ("^", GREEN), ("D", VIOLET), ("v", "#555555"))
TINTS = (GREY, "1.0", "#f3e3b3", "#cfe6d4", "#e2d3ec", "0.92")


def categories(y: ArrayLike) -> Indices:
    """The category of each target, from 0: the largest entry of its row of y (N, n_L), as `Problem.classify` has it."""
    targets = np.asarray(y, dtype=float)
    if targets.ndim == 1 or targets.shape[1] == 1:
        return (targets.reshape(-1) > 0.5).astype(np.int64)
    return np.asarray(targets.argmax(axis=1))


def draw_points(ax: Any, data: Data, extent: tuple[float, float, float, float] = UNIT) -> None:
    """The labelled points of figure 1: circles for category A, crosses for B; other marks for further categories.

    data: x (N, 2), y (N, n_L) or None. extent: (left, right, bottom, top) of the axes. Raises ValueError unless x has 2 columns.
    """
    x = np.asarray(data.x, dtype=float)
    if x.ndim != 2 or x.shape[1] != 2:
        raise ValueError(f"points are drawn in the plane, so x must have 2 columns, but it has shape {x.shape}")
    labels = np.zeros(len(x), dtype=np.int64) if data.y is None else categories(data.y)
    for label in np.unique(labels):
        marker, colour = MARKERS[label % len(MARKERS)]
        here = x[labels == label]
        ax.plot(*here.T, marker, color=colour, markersize=12, markeredgewidth=3.5, markerfacecolor="none", zorder=3, clip_on=False)
    frame(ax, extent)


def frame(ax: Any, extent: tuple[float, float, float, float] = UNIT) -> None:
    """Square axes with ticks at their ends only, as in figure 1."""
    left, right, bottom, top = extent
    ax.set(xlim=(left, right), ylim=(bottom, top), aspect="equal")
    ax.set_xticks([left, right], [f"{left:g}", f"{right:g}"])
    ax.set_yticks([bottom, top], [f"{bottom:g}", f"{top:g}"])


def count_in_category(problem: Problem, p: ArrayLike, points: int = 501, category: int = 0) -> int:
    """How many of the points x points grid points of the unit square have F_1 > F_2 (category 0): 134,972 for figure 8."""
    return int(np.count_nonzero(margin(grid_outputs(problem, p, points)[2], category) > 0.0))


def draw_region(
    ax: Any,
    problem: Problem,
    p: ArrayLike,
    points: int = 501,
    extent: tuple[float, float, float, float] = UNIT,
    data: Data | None = None,
) -> None:
    """Where F_1 > F_2, shaded grey, with the training points on it: figures 4, 5, 8 and 9.

    Further categories get further tints. points: grid points a side. data: other points to show. Raises ValueError unless the
    network has two inputs.
    """
    x1, x2, outputs = grid_outputs(problem, p, points, extent)
    for category in range(max(2, outputs.shape[-1])):
        values = margin(outputs, category)
        if not (values > 0.0).any():
            continue
        levels = [0.0, float(values.max()) + 1.0]
        ax.contourf(x1, x2, values, levels=levels, colors=[TINTS[category % len(TINTS)]], zorder=1)
        if (values < 0.0).any():
            ax.contour(x1, x2, values, levels=[0.0], colors=[INK], linewidths=1.0, zorder=2)
    draw_points(ax, problem.data if data is None else data, extent)
