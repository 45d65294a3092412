"""Pictures of precision: how far the steps of two arithmetics, or from two starts, lie apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from netbp.figures.analysis_convergence import PENS, POINTS, decades
from netbp.figures.style import INK, letters

if TYPE_CHECKING:
    from netbp.analysis.precision_bounds import Confirmation
    from netbp.analysis.precision_steps import Parting


def draw_partings(ax: Any, partings: Sequence[Parting], labels: Sequence[str] | None = None, smallest: float = 1e-20) -> None:
    """The largest difference over the largest parameter against the step, on a logarithmic axis, one curve for each pair.

    labels: one for each pair, their names if None. smallest: where the axis ends at the latest. Raises ValueError without pairs.
    """
    if not partings:
        raise ValueError("there are no partings to draw: give those of nb.agreement(problem, p)")
    names = [" / ".join(part.names).replace("reference, long", "long") for part in partings] if labels is None else labels
    low, high = np.inf, 0.0
    for part, name, (colour, dash) in zip(partings, names, PENS, strict=False):
        every = max(1, len(part.steps) // POINTS)
        values = np.where(part.relative > 0, part.relative, np.nan)[::every]
        ax.semilogy(part.steps[::every], values, color=colour, linestyle=dash, linewidth=1.6, label=name)
        if np.isfinite(values).any():
            low, high = min(low, float(np.nanmin(values))), max(high, float(np.nanmax(values)))
    low, high = (max(low, smallest), high) if high > 0.0 else (smallest, 1.0)
    last = max(int(part.steps[-1]) for part in partings)
    ax.set(xlabel="Step", ylabel="Relative difference of p", xlim=(0, last), ylim=(0.3 * low, 3 * high))
    ax.xaxis.set_major_locator(_few())
    ax.xaxis.set_major_formatter(lambda x, _: f"{x:,.0f}")
    decades(ax.yaxis, 0.3 * low, 3 * high)
    ax.grid(True, color=INK, alpha=0.15, linewidth=0.8)
    ax.legend(loc="best", fontsize=letters(9.5))


def draw_error_bounds(ax: Any, confirmation: Confirmation) -> None:
    """The largest bound and the largest true error of each array of the two passes, on a logarithmic axis."""
    entries = [entry for entry in confirmation.entries if entry.bound > 0.0]
    names = [entry.what if entry.layer is None else f"{entry.what}[{entry.layer}]" for entry in entries]
    places, bounds, errors = np.arange(len(entries)), [e.bound for e in entries], [e.error or np.nan for e in entries]
    (blue, _), (red, _) = PENS[:2]
    ax.semilogy(places, bounds, color=blue, linestyle="none", marker="_", markersize=14, markeredgewidth=3, label="bound")
    ax.semilogy(places, errors, color=red, linestyle="none", marker="o", markersize=6, label="true error")
    values = np.array([*bounds, *errors])
    low, high = 0.3 * np.nanmin(values), 3 * np.nanmax(values)
    ax.set(ylabel="Error", xlim=(-0.5, len(entries) - 0.5), ylim=(low, high))
    ax.set_xticks(places, names, rotation=60, ha="right", fontsize=letters(11))
    decades(ax.yaxis, low, high)
    ax.grid(True, axis="y", color=INK, alpha=0.15, linewidth=0.8)
    ax.legend(loc="best", fontsize=letters(11))


def _few() -> Any:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(4)
