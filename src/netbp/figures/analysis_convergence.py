"""Pictures of convergence: decays, ratios of successive costs, methods side by side, range tests."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from netbp.figures.curves import PlainPowers, power_of_ten
from netbp.figures.style import BLUE, GREEN, INK, OCHRE, RED, VIOLET, letters
from netbp.types import Vector

if TYPE_CHECKING:
    from netbp.analysis.comparison import Comparison
    from netbp.analysis.convergence import Convergence
    from netbp.analysis.profiles import Profile
    from netbp.analysis.rates import RateRange

PENS = (
    (BLUE, "-"),
    (RED, "-"),
    (GREEN, "-"),
    (OCHRE, "-"),
    (VIOLET, "-"),
    (INK, "-"),
    (BLUE, "--"),
    (RED, "--"),
    (GREEN, "--"),
    (OCHRE, "--"),
    (VIOLET, "--"),
    (INK, "--"),
)
"""A colour and a dash for each of many curves."""

POINTS = 1500  # of a curve that are drawn


def decades(axis: Any, low: float, high: float, most: int = 7) -> None:
    """Ticks at powers of ten, in plain letters, at most so many of them, for values from low to high."""
    first, last = int(np.ceil(np.log10(low) - 1e-9)), int(np.floor(np.log10(high) + 1e-9))
    if last - first < 1:  # within one decade
        ticks = [m * 10.0**k for k in range(first - 1, last + 2) for m in (1, 2, 5) if low <= m * 10.0**k <= high]
        axis.set_major_locator(_fixed(ticks))
        axis.set_major_formatter(lambda x, _: f"{x:g}")
    else:
        every = max(1, -(-(last - first) // (most - 1)))
        axis.set_major_locator(_fixed([10.0**k for k in range(first, last + 1, every)]))
        axis.set_major_formatter(lambda x, _: power_of_ten(np.log10(x)))
    axis.set_minor_locator(_fixed([]))


def _fixed(ticks: list[float]) -> Any:
    from matplotlib.ticker import FixedLocator

    return FixedLocator(ticks)


def _grid(ax: Any) -> None:
    ax.grid(True, which="major", color=INK, alpha=0.15, linewidth=0.8)
    ax.set_axisbelow(True)


def _thinned(steps: Vector, logarithmic: bool) -> Vector:
    """Indices of at most POINTS entries, evenly spread on the axis."""
    n = len(steps)
    if n <= POINTS:
        return np.arange(n)
    if not logarithmic:
        return np.unique(np.linspace(0, n - 1, POINTS).astype(int))
    return np.unique(np.searchsorted(steps, np.geomspace(max(steps[0], 1), steps[-1], POINTS)).clip(0, n - 1))


def draw_convergence(axes: Any, result: Convergence) -> None:
    """The three pictures on three axes: semilogarithmic, doubly logarithmic, and the ratios of successive costs."""
    draw_semilog(axes[0], result)
    draw_loglog(axes[1], result)
    draw_ratios(axes[2], result)


def draw_semilog(ax: Any, result: Convergence) -> None:
    """The costs over the steps, where a linear rate is straight; plateaus shaded; the linear rate with which the tail begins."""
    at = _thinned(result.steps, False)
    for k, plateau in enumerate(result.plateaus):
        ax.axvspan(plateau.start, plateau.end, color="0.87", linewidth=0, label="plateau" if k == 0 else None)
    ax.semilogy(result.steps[at], result.costs[at], color=BLUE, label="computed")
    first, last = result.first, result.last
    early = result.rate_between(first, first + max(1, (last - first) // 10))
    steps = np.array([first, last])
    ax.semilogy(steps, result.at(first) * np.exp(-early * (steps - first)), color=RED, linestyle="--", label="at a linear rate")
    ax.set(xlabel="Step", ylabel="Cost", xlim=(0, last))
    _step_ticks(ax)
    decades(ax.yaxis, result.costs.min(), result.costs.max())
    _grid(ax)
    ax.legend(loc="upper right")


def draw_loglog(ax: Any, result: Convergence) -> None:
    """The costs over the steps on two logarithmic axes, with the fitted decay from its tail."""
    at = _thinned(result.steps, True)
    at = at[result.steps[at] > 0]
    ax.loglog(result.steps[at], result.costs[at], color=BLUE, label="computed")
    tail = np.linspace(result.first, result.last, 300)
    d = result.decay
    if d.kind in ("linear", "algebraic", "superlinear"):
        words = f"{d.kind} fit"
        if d.exponent is not None and d.origin is not None:
            origin = f"{abs(d.origin):,.0f}".replace(",", "{,}")
            words = rf"fit, $(t {'-' if d.origin > 0 else '+'} {origin})^{{-{d.exponent.value:.2f}}}$"
            before = np.linspace(max(d.origin, 0.0), result.first, 400)[4:]
            fitted = d.curve(before)
            shown = fitted < 1.5 * result.costs.max()
            ax.loglog(before[shown], fitted[shown], color=RED, linestyle="--", label="the same before")
        ax.loglog(tail, d.curve(tail), color=RED, linewidth=5, solid_capstyle="butt", label=words)
    begin = max(1, result.steps[at[0]], result.last // 1000)
    ax.set(xlabel="Step", ylabel="Cost", xlim=(begin, result.last))
    decades(ax.xaxis, begin, result.last)
    decades(ax.yaxis, result.costs.min(), result.costs.max())
    _grid(ax)
    ax.legend(loc="lower left")


def draw_ratios(ax: Any, result: Convergence, cells: int = 60) -> None:
    """|C_t/C_(t-1) - 1| over the steps: its median and its middle 50 and 90 % in cells, 1e-6, and the net decay per step."""
    steps, costs = result.steps, result.costs
    away = np.abs(np.expm1(np.diff(np.log(costs)) / np.diff(steps)))
    cells = max(2, min(cells, len(away) // 20 or 2))
    edges = np.linspace(0, len(away), cells + 1).astype(int)
    middle = np.array([0.5 * (steps[a] + steps[b]) for a, b in pairwise(edges)])
    parts = [np.maximum(away[a:b], 1e-17) for a, b in pairwise(edges)]
    low, q1, median, q3, high = np.array([np.quantile(part, (0.05, 0.25, 0.5, 0.75, 0.95)) for part in parts]).T
    ax.fill_between(middle, low, high, color=BLUE, alpha=0.15, linewidth=0, label="90 % of steps")
    ax.fill_between(middle, q1, q3, color=BLUE, alpha=0.3, linewidth=0, label="50 % of steps")
    ax.semilogy(middle, median, color=BLUE, label="median")
    net = np.array([abs(np.log(costs[b] / costs[a])) / (steps[b] - steps[a]) for a, b in pairwise(edges)])
    ax.semilogy(middle, net, color=INK, linewidth=1.8, label="net change per step")
    ax.axhline(1e-6, color=RED, linestyle="--", linewidth=1.6, label="10⁻⁶")
    ax.set(xlabel="Step", ylabel="|ratio − 1|", xlim=(0, result.last))
    _step_ticks(ax)
    bottom, top = 0.5 * low.min(), 2000.0 * max(high.max(), net.max())  # room for the legend
    ax.set_ylim(bottom, top)
    decades(ax.yaxis, bottom, top)
    _grid(ax)
    ax.legend(loc="upper right", ncols=2, fontsize=letters(11), handlelength=1.6, columnspacing=1.2)


def _step_ticks(ax: Any) -> None:
    from matplotlib.ticker import MaxNLocator

    ticks = PlainPowers()
    ticks.set_powerlimits((-3, 4))
    ax.xaxis.set_major_locator(MaxNLocator(5))
    ax.xaxis.set_major_formatter(ticks)


def draw_comparison(ax: Any, comparison: Comparison, by: str = "work") -> None:
    """For each method the median over the starts of its lowest cost so far, against the work or the "seconds"."""
    begin = min(float(getattr(trace, by)[1]) for row in comparison.traces for trace in row if len(trace.costs) > 1)
    end = max(float(getattr(trace, by)[-1]) for row in comparison.traces for trace in row)
    grid = np.geomspace(begin, end, 300)
    lowest = np.inf
    for (colour, dash), name, row in zip(_pens(len(comparison.names)), comparison.names, comparison.traces, strict=False):
        so_far = []
        for trace in row:
            at = np.searchsorted(getattr(trace, by), grid, side="right") - 1
            so_far.append(np.minimum.accumulate(trace.costs)[at])
        median = np.median(so_far, axis=0)
        done = max(float(getattr(trace, by)[-1]) for trace in row)
        shown = grid <= done
        ax.loglog(grid[shown], median[shown], color=colour, linestyle=dash, label=name)
        lowest = min(lowest, float(median.min()))
    ax.axhline(comparison.levels[-1], color=INK, linewidth=1.0, alpha=0.5)
    ax.set(xlabel="Gradients of all points" if by == "work" else "Seconds", ylabel="Median cost", xlim=(begin, end))
    highest = max(float(trace.costs[0]) for row in comparison.traces for trace in row)
    ax.set_ylim(0.5 * lowest, 1.5 * highest)
    decades(ax.xaxis, begin, end)
    decades(ax.yaxis, 0.5 * lowest, 1.5 * highest)
    _grid(ax)
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))


def draw_profile(ax: Any, profile: Profile) -> None:
    """Dolan & More's profile: the share of starts that each method solves with at most tau times the least effort."""
    finite = profile.ratios[np.isfinite(profile.ratios)]
    largest = 1.5 * float(finite.max()) if len(finite) else 10.0
    for (colour, dash), name in zip(_pens(len(profile.names)), profile.names, strict=False):
        tau, rho = profile.steps(name, largest)
        ax.semilogx(tau, 100.0 * rho, color=colour, linestyle=dash, drawstyle="steps-post", label=name)
    ax.set(xlabel="Effort, in units of the least", ylabel="Starts solved (%)", xlim=(1, largest), ylim=(-3, 103))
    decades(ax.xaxis, 1, largest)
    _grid(ax)
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))


def _pens(count: int) -> list[tuple[str, str]]:
    return [PENS[k % len(PENS)] for k in range(count)]


def draw_rate_range(ax: Any, found: RateRange, limit: float | None = None, works: float | None = None) -> None:
    """The costs of a range test against the rate. limit, works: 2/lambda_max and the largest rate that works, marked if given."""
    ax.loglog(found.rates, found.costs, color=BLUE, linewidth=1.0, alpha=0.45, label="cost")
    ax.loglog(found.rates, found.smoothed, color=BLUE, label="smoothed")
    y = float(np.interp(np.log(found.suggested), np.log(found.rates), found.smoothed))
    ax.loglog([found.suggested], [y], "o", color=RED, markersize=9, label=f"suggested: {found.suggested:.2g}")
    low, high = float(found.costs.min()), float(found.costs.max())
    for rate, dash, words in ((limit, "--", "2/λ at the start"), (works, ":", "largest that works")):
        if rate is not None and found.rates[0] < rate < found.rates[-1]:
            ax.axvline(rate, color=INK, linestyle=dash, linewidth=1.8, label=f"{words}: {rate:.3g}")
    ax.set(xlabel="Learning rate", ylabel="Cost", xlim=(found.rates[0], found.rates[-1]), ylim=(0.7 * low, 1.4 * high))
    decades(ax.xaxis, found.rates[0], found.rates[-1])
    decades(ax.yaxis, 0.7 * low, 1.4 * high)
    _grid(ax)
    ax.legend(loc="lower left")
