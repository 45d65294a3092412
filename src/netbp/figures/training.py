"""Figures 11 and 12: objective and errors, epoch by epoch, on training and on validation data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from netbp.figures.style import BLUE, INK, RED
from netbp.types import Vector

if TYPE_CHECKING:
    from netbp.run import Run

PANELS = (("cost", "objective"), ("top1", "top-1 error, %"), ("top5", "top-5 error, %"))
"""A recorded curve, and what it is called on its panel."""


def steps_per_epoch(run: Run) -> float:
    """How many steps of the run make one epoch: from its settings, or else the step of its first record.

    Raises ValueError when neither says it.
    """
    points, method = run.settings.get("problem", {}).get("points"), run.settings.get("method")
    batch = method.get("batch") if isinstance(method, Mapping) else None
    if points and points > 0 and isinstance(batch, int) and batch > 0:
        return float(-(-int(points) // batch))
    curve = run.series.get("cost")
    if curve is None or not len(curve.steps):
        raise ValueError("the run recorded no epochs to draw: train by epochs, with record=None")
    return float(curve.steps[0])


def epochs_of(run: Run, name: str, per_epoch: float | None = None) -> tuple[Vector, Vector]:
    """The recorded curve `name` against epochs, (n,) each; errors in per cent. Raises ValueError when it was not recorded."""
    curve = run.series.get(name)
    if curve is None or not len(curve.values):
        known = ", ".join(key for key, series in run.series.items() if len(series.values)) or "nothing"
        raise ValueError(f"the run has no record of {name!r} to draw (it recorded {known}): train it by epochs, with held-out data")
    values = np.asarray(curve.values, dtype=float)
    factor = 100.0 if name.removeprefix("held_out_") in ("top1", "top5") else 1.0
    return np.asarray(curve.steps) / (steps_per_epoch(run) if per_epoch is None else per_epoch), factor * values


def draw_training(axes: Sequence[Any], run: Run, per_epoch: float | None = None) -> None:
    """Objective, top-1 and top-5 error against the epoch: circles on training data, crosses on validation data.

    axes: three of them, or fewer for the first panels only. The curves are the run's "cost", "top1", "top5" and the same with
    "held_out"; on training data they are means over an epoch while the weights move. per_epoch: steps in an epoch, None where
    the run's settings say it. Raises ValueError when a curve was not recorded.
    """
    for ax, (name, title) in zip(axes, PANELS[: len(axes)], strict=True):
        held_out = "held_out" if name == "cost" else f"held_out_{name}"
        x, y = epochs_of(run, name, per_epoch)
        marks = {"linewidth": 1.0, "markersize": 5.0, "markeredgewidth": 1.3}
        ax.plot(x, y, "-o", color=BLUE, markerfacecolor="white", label="training", **marks)
        last = float(x[-1])
        x, z = epochs_of(run, held_out, per_epoch)
        ax.plot(x, z, "-x", color=RED, label="validation", **marks)
        ax.set(xlabel="epoch", title=title, ylim=(0.0, 1.08 * max(float(y.max()), float(z.max()))))
        ax.set_xlim(0.0, max(last, float(x[-1])) + 0.5)
        ax.xaxis.get_major_locator().set_params(integer=True, nbins=5)
        ax.grid(True, color=INK, alpha=0.15, linewidth=0.8)
    axes[0].legend(loc="best", handlelength=1.6)
