"""Pictures of landscapes: end states, how often a method succeeds, slices, and curves between minima."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from netbp.figures.analysis_convergence import PENS, decades
from netbp.figures.curves import power_of_ten
from netbp.figures.style import BLUE, INK, RED, letters

if TYPE_CHECKING:
    from netbp.analysis.atlas import Atlas
    from netbp.analysis.modes import Connection
    from netbp.analysis.reliability import Reliability
    from netbp.analysis.slices import Slice


def draw_atlas(ax: Any, found: Atlas, rows: int = 8) -> None:
    """The most frequent end states as bars with 95 % intervals on a logarithmic axis, named by cost and by what they tell apart."""
    states = found.states[:rows]
    y = np.arange(len(states))[::-1]
    shares = np.array([100 * at.share.value for at in states])
    low, high = (np.array([100 * getattr(at.share, end) for at in states]) for end in ("low", "high"))
    fine = [at.wrong == () if at.wrong is not None else at.costs[1] <= found.level for at in states]
    colours = [BLUE if good else RED for good in fine]
    left = 0.5 * float(low[low > 0].min()) if (low > 0).any() else 1e-3
    ax.barh(y, shares, 0.62, color=colours, alpha=0.75)
    ax.errorbar(shares, y, xerr=[shares - np.maximum(low, left), high - shares], fmt="none", ecolor=INK, capsize=4, elinewidth=1.6)
    ax.set_xscale("log")
    ax.set(xlim=(left, 150), xlabel="Starts (%)", ylim=(-0.6, len(states) - 0.4))
    decades(ax.xaxis, left, 100)
    names = []
    for at in states:
        parts = str(at.partition)
        names.append(f"{at.costs[1]:.3g}:  {parts if len(parts) < 28 else parts[:26] + ' …'}")
    ax.set_yticks(y, names, fontsize=letters(11))
    ax.grid(True, axis="x", color=INK, alpha=0.15, linewidth=0.8)
    ax.set_axisbelow(True)


def draw_end_costs(ax: Any, found: Atlas) -> None:
    """The final costs in ascending order against the share of starts that did at least as well."""
    costs = np.sort(found.costs[np.isfinite(found.costs)])
    ax.semilogy(100 * np.arange(1, len(costs) + 1) / len(found.costs), np.maximum(costs, 1e-300), color=BLUE)
    ax.axhline(found.level, color=RED, linestyle="--", linewidth=1.6, label="success")
    low, high = 0.3 * max(float(costs.min()), 1e-30), 3 * float(costs.max())
    ax.set(xlabel="Starts (%)", ylabel="Final cost", xlim=(0, 100), ylim=(low, high))
    decades(ax.yaxis, low, high)
    ax.grid(True, color=INK, alpha=0.15, linewidth=0.8)
    ax.legend(loc="upper left")


def draw_reliability(ax: Any, found: Reliability, what: str = "success") -> None:
    """The share of starts that succeed, or with "all_right" classify all points, against the scale of the start; 95 % intervals."""
    pairs = list(dict.fromkeys((at.problem, at.method) for at in found.trials))
    methods = list(dict.fromkeys(method for _, method in pairs))
    problems = list(dict.fromkeys(problem for problem, _ in pairs))
    for k, (problem, method) in enumerate(pairs):
        aside = 1.03 ** (k - 0.5 * (len(pairs) - 1))  # so that no interval hides another
        trials = [at for at in found.of(problem, method) if getattr(at, what) is not None]
        if not trials:
            continue
        shares = np.array([[getattr(getattr(at, what), end) for end in ("value", "low", "high")] for at in trials]) * 100
        first = problems.index(problem) == 0
        ax.errorbar(
            [at.scale * aside for at in trials],
            shares[:, 0],
            yerr=[shares[:, 0] - shares[:, 1], shares[:, 2] - shares[:, 0]],
            color=PENS[methods.index(method) % len(PENS)][0],
            linestyle="-" if first else "--",
            marker="o" if first else "s",
            markerfacecolor=None if first else "white",
            markersize=7,
            capsize=3,
            label=f"{method}, {problem}",
        )
    scales = sorted({at.scale for at in found.trials})
    ax.set_xscale("log")
    ax.set_xticks(scales, [f"{x:g}" for x in scales])
    ax.set_xticks([], minor=True)
    words = f"Starts with cost ≤ {found.level:g} (%)" if what == "success" else "Starts with all points right (%)"
    ax.set(xlabel="Standard deviation of the start", ylabel=words, ylim=(-3, 103))
    ax.grid(True, color=INK, alpha=0.15, linewidth=0.8)
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))


def draw_slice(ax: Any, found: Slice, levels: int = 14) -> None:
    """The cost on a line as a curve, or on a plane by logarithmic contours, with the path that was given."""
    costs = np.where(np.isfinite(found.costs), found.costs, np.nan)
    if len(found.axes) == 1:
        ax.semilogy(found.axes[0], costs, color=BLUE)
        low, high = 0.5 * max(float(np.nanmin(costs)), 1e-20), 2 * float(np.nanmax(costs))
        ax.set(xlabel="t", ylabel="Cost", xlim=(found.axes[0][0], found.axes[0][-1]), ylim=(low, high))
        decades(ax.yaxis, low, high)
        ax.grid(True, color=INK, alpha=0.15, linewidth=0.8)
        return
    logs = np.log10(np.maximum(costs, 1e-300))
    low, high = float(np.nanmin(logs)), float(np.nanmax(logs))
    close = high - low < 3
    edges = np.linspace(low, high + 1e-9, levels)
    if not close:  # whole decades
        every = max(1, -(-int(np.ceil(high) - np.floor(low)) // levels))
        edges = np.arange(np.floor(low), np.ceil(high) + every, every)
    ax.contourf(*found.axes, logs.T, levels=edges, cmap="Blues_r", alpha=0.9)
    lines = ax.contour(
        *found.axes,
        logs.T,
        levels=edges[1 : -1 : 2 if close or len(edges) > 8 else 1],
        colors=[INK],
        linewidths=0.6,
        linestyles="solid",
    )
    ax.clabel(lines, fmt=lambda x: f"{10.0**x:.2g}" if close else power_of_ten(x), fontsize=letters(10))
    if found.path is not None:
        if len(found.path) > 3:
            ax.plot(*found.path.T, color=RED, linewidth=1.6)
            ax.plot(*found.path[-1:].T, "o", color=RED, markersize=9)
            ax.plot(*found.path[:1].T, "s", color=RED, markersize=8, markerfacecolor="white", markeredgewidth=2)
        else:
            ax.plot(*found.path.T, "o", color=RED, markersize=10)
    names = ["First direction", "Second direction"]
    if found.explained is not None:
        names = [f"{name} ({100 * share:.1f} %)" for name, share in zip(names, found.explained, strict=True)]
    ax.set(xlabel=names[0], ylabel=names[1], xlim=found.axes[0][[0, -1]], ylim=found.axes[1][[0, -1]])


def draw_connection(ax: Any, found: Connection) -> None:
    """The cost along the curve and along the segment, on a logarithmic axis."""
    curves = [("segment", found.straight, RED, "--"), ("Bezier curve", found.curve, BLUE, "-")]
    if found.before is not None:
        curves = [("segment to q", found.before, INK, ":"), ("to its nearest image", found.straight, RED, "--"), curves[1]]
    for name, costs, colour, dash in curves:
        ax.semilogy(found.t, costs, color=colour, linestyle=dash, label=name)
    values = np.concatenate([costs for _, costs, _, _ in curves])
    low, high = 0.5 * max(float(values.min()), 1e-20), 3 * float(values.max())
    ax.set(xlabel="t", ylabel="Cost", xlim=(0, 1), ylim=(low, high))
    decades(ax.yaxis, low, high)
    ax.grid(True, color=INK, alpha=0.15, linewidth=0.8)
    ax.legend(loc="best")
