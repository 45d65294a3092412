"""Pictures of dynamics: the gradient flow, orders of convergence, time steps, bands, first passages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from netbp.figures.analysis_convergence import decades
from netbp.figures.style import BLUE, GREEN, INK, OCHRE, RED, letters

if TYPE_CHECKING:
    from netbp.analysis.bands import Bands
    from netbp.analysis.escape import Escapes
    from netbp.analysis.flow import EulerOrder, Flow
    from netbp.analysis.timesteps import TimeSteps
    from netbp.analysis.weak import LinearOrders, WeakErrors

PENS = {"flow": (INK, "s"), "diffusion": (BLUE, "o"), "modified": (RED, "^")}


def draw_flow(ax: Any, flow: Flow, steps: TimeSteps | None = None) -> None:
    """The cost of the gradient flow over time on logarithmic axes, and a trust-region method's steps beside it."""
    shown = flow.t > 0
    ax.loglog(flow.t[shown], flow.costs[shown], color=BLUE, label="gradient flow")
    values, times = [flow.costs[shown]], [flow.t[shown]]
    if steps is not None:
        t, costs = steps.column("time"), steps.column("cost")
        own = t <= flow.t[-1]
        ax.loglog(t[own], costs[own], "o-", color=RED, linewidth=1.0, markersize=5, label="trust-region steps")
        values.append(costs[own])
        times.append(t[own])
    cost, time = np.concatenate(values), np.concatenate(times)
    ax.set(xlabel="Time", ylabel="Cost", xlim=(time.min(), time.max()), ylim=(0.5 * cost.min(), 2 * cost.max()))
    decades(ax.xaxis, time.min(), time.max())
    decades(ax.yaxis, 0.5 * cost.min(), 2 * cost.max())
    _finish(ax)


def draw_time_steps(ax: Any, steps: TimeSteps) -> None:
    """The lengths h = 1/mu of the steps that were taken."""
    h = steps.column("length")
    ax.semilogy(np.arange(1, len(h) + 1), h, "o-", color=RED, markersize=5)
    ax.set(xlabel="Step", ylabel="h = 1/μ", xlim=(0, len(h) + 1), ylim=(0.5 * h.min(), 2 * h.max()))
    decades(ax.yaxis, 0.5 * h.min(), 2 * h.max())
    _finish(ax, False)


def draw_orders(ax: Any, found: EulerOrder | LinearOrders, what: str = "mean") -> None:
    """Errors against the rate, with slopes 1 and 2: Euler's global error, or of "mean" or "covariance" in the linear problem."""
    curves: list[tuple[str, Any, Any, str, str]] = []
    euler: Any = found if hasattr(found, "flow") else None
    if euler is not None:
        rates = np.array([at.rate for at in euler.errors])
        curves.append(("to the flow", rates, np.array([at.error for at in euler.errors]), INK, "s"))
        curves.append(("to the modified flow", rates, np.array([at.modified for at in euler.errors]), RED, "^"))
    else:
        linear: Any = found
        for model, (colour, mark) in PENS.items():
            rows = linear.of(model)
            curves.append((model, np.array([at.rate for at in rows]), np.array([getattr(at, what) for at in rows]), colour, mark))
    low = min(float(errors.min()) for _, _, errors, _, _ in curves)
    high = max(float(errors.max()) for _, _, errors, _, _ in curves)
    for name, rates, errors, colour, mark in curves:
        dash = "--" if name == "diffusion" else "-"  # it may lie on the flow's line
        ax.loglog(rates, errors, mark, linestyle=dash, color=colour, markersize=7, label=name)
    rates = curves[0][1]
    for order, dash in ((1, ":"), (2, "-.")):
        ax.loglog(rates, 2.5 * high * (rates / rates.max()) ** order, dash, color="0.6", linewidth=1.5, label=f"slope {order}")
    ax.set(xlabel="Rate", ylabel="Error" if euler is not None else f"Error of the {what}", ylim=(0.4 * low, 4 * high))
    ax.set_xlim(0.8 * rates.min(), 1.25 * rates.max())
    ax.set_xticks(rates, [f"{x:g}" for x in rates], fontsize=letters(11))
    ax.set_xticks([], minor=True)
    decades(ax.yaxis, 0.4 * low, 4 * high)
    _finish(ax)


def draw_weak_errors(ax: Any, found: WeakErrors) -> None:
    """The errors of E f with their 95 % intervals against the rate; open marks where the interval holds 0."""
    lowest, highest = np.inf, 0.0
    for model, (colour, mark) in PENS.items():
        rows = found.of(model)
        rates, size = np.array([at.rate for at in rows]), np.array([abs(at.error) for at in rows])
        within = np.array([at.within for at in rows])
        sure = size > within
        under = np.minimum(within, size * 0.999)
        ax.errorbar(rates, size, yerr=[under, within], color=colour, linewidth=1.4, capsize=3, linestyle="-" if sure.all() else ":")
        ax.plot(rates[sure], size[sure], mark, color=colour, markersize=8, label=model)
        ax.plot(rates[~sure], size[~sure], mark, color=colour, markersize=8, markerfacecolor="white", label="_")
        lowest, highest = min(lowest, float(size.min()), float(within.min())), max(highest, float((size + within).max()))
    rates = np.array([at.rate for at in found.of("flow")])
    top = max(abs(at.error) for at in found.of("flow"))
    ax.plot(rates, 1.6 * top * rates / rates.max(), ":", color="0.6", label="slope 1")
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set(xlabel="Rate", ylabel="Error of E Cost", ylim=(0.2 * lowest, 3 * highest))
    ax.set_xlim(0.8 * rates.min(), 1.25 * rates.max())
    ax.set_xticks(rates, [f"{x:g}" for x in rates])
    ax.set_xticks([], minor=True)
    decades(ax.yaxis, 0.2 * lowest, 3 * highest)
    _finish(ax, legend=False)
    ax.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=4, fontsize=letters(11))  # above: the intervals fill the axes


def draw_bands(ax: Any, bands: Bands) -> None:
    """Means of ensembles, 90 % of the stochastic gradient's networks, and the noise-free flow."""
    ax.fill_between(
        bands.t, bands.quantiles[0], bands.quantiles[2], color=BLUE, alpha=0.2, linewidth=0, label="90 % of the networks"
    )
    for name, colour, dash in (("stochastic gradient", BLUE, "-"), ("diffusion", RED, "--"), ("modified", GREEN, "-.")):
        if name not in bands.mean:
            continue
        mean, error = bands.mean[name], bands.error[name]
        ax.fill_between(bands.t, mean - error, mean + error, color=colour, alpha=0.35, linewidth=0)
        ax.plot(bands.t, mean, dash, color=colour, label=f"mean, {name}")
    ax.plot(bands.t, bands.flow, color=INK, linewidth=1.6, label="gradient flow")
    ax.set(xlabel="Time", ylabel="Cost", xlim=(bands.t[0], bands.t[-1]), ylim=(0, None))
    _finish(ax)


def draw_escapes(ax: Any, found: Escapes) -> None:
    """Mean times with 95 % intervals against m/eta, one mark for each batch size; arrows where nobody left."""
    batches = sorted({at.batch for at in found.escapes})
    marks = ("o", "s", "^", "D", "v")
    values = []
    for k, batch in enumerate(batches):
        own = sorted((at for at in found.escapes if at.batch == batch), key=lambda at: at.noise)
        left = [at for at in own if at.left]
        colour = (BLUE, RED, GREEN, INK, OCHRE)[k % 5]
        if left:
            mean = np.array([at.mean for at in left])
            error = [mean[:, 0] - mean[:, 1], mean[:, 2] - mean[:, 0]]
            x = [1 / at.noise for at in left]
            size = max(4.0, 9.0 - 2.5 * k)  # one may lie on the other
            ax.errorbar(x, mean[:, 0], yerr=error, color=colour, marker=marks[k % 5], linestyle="", capsize=4, markersize=size)
            values += [mean.min(), mean.max()]
        for at in own:
            if not at.left:
                ax.plot([1 / at.noise], [at.mean.low], marker=marks[k % 5], color=colour, markerfacecolor="white", markersize=8)
                ax.annotate("", (1 / at.noise, 3 * at.mean.low), (1 / at.noise, at.mean.low), arrowprops={"arrowstyle": "->"})
                values += [at.mean.low, 3 * at.mean.low]
        ax.plot([], [], marks[k % 5], color=colour, label=f"m = {batch}")
    ax.set_yscale("log")
    low, high = 0.5 * min(values), 2 * max(values)
    ax.set(xlabel="m/η", ylabel="Mean time to leave", ylim=(low, high), xlim=(0, None))
    decades(ax.yaxis, low, high)
    _finish(ax)


def _finish(ax: Any, legend: bool = True) -> None:
    ax.grid(True, which="major", color=INK, alpha=0.15, linewidth=0.8)
    ax.set_axisbelow(True)
    if legend:
        ax.legend(loc="best", fontsize=letters(11))
