"""Curves: the activations of figure 2 and the costs of figure 7."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.ticker import ScalarFormatter

from netbp.activations import Activation, sigmoid
from netbp.figures.style import BLUE, INK, RED, letters
from netbp.types import Vector

if TYPE_CHECKING:
    from netbp.run import Run

RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


MARGINS = (0.155, 0.155, 0.945, 0.975)
"""Room for the labels of `draw_costs`, as `new_figure` takes it."""


def draw_activation(
    ax: Any, activation: Activation = sigmoid, weight: float = 1.0, shift: float = 0.0, interval: tuple[float, float] = (-10, 10)
) -> None:
    """The curve x -> sigma(weight (x - shift)) over `interval`: (1), and with weight 3 and shift 5 the lower half of figure 2."""
    x = np.linspace(*interval, 801)
    ax.axhline(0.0, color=INK, linewidth=0.6, alpha=0.35)
    ax.plot(x, activation(weight * (x - shift)), color=BLUE, linewidth=2.5)
    ax.set(xlim=interval, xticks=np.linspace(*interval, 5))
    if activation is sigmoid:
        ax.set(ylim=(-0.08, 1.08), yticks=[0.0, 0.5, 1.0])
        ax.set_yticklabels(["0", "0.5", "1"])
    ax.set_ylabel(formula(activation, weight, shift), fontsize=letters(18))


def formula(activation: Activation, weight: float, shift: float) -> str:
    """What `draw_activation` draws, as a label in TeX's notation."""
    inside = "x" if shift == 0 else f"x {'-' if shift > 0 else '+'} {abs(shift):g}"
    if weight != 1:
        inside = f"{weight:g}{inside}" if shift == 0 else f"{weight:g}({inside})"
    name = r"\sigma" if activation is sigmoid else rf"\mathrm{{{activation.name.replace('_', ' ')}}}"
    return f"${name}({inside})$"


def draw_costs(
    ax: Any,
    run: Run,
    points: int = 100,
    factor: float = 1.0,
    name: str = "cost",
    xlabel: str = "Iteration Number",
    ylabel: str = "Value of cost function",
) -> None:
    """The recorded curve `name` of a run on a logarithmic axis, as figure 7 has it.

    points: about how many of the records are drawn, evenly spread from the first; of a million, numbers 1, 10001, ..., 990001.
    factor: what the values are multiplied by (2N gives Listing 6.1's sum of squares). Raises ValueError when nothing was recorded.
    """
    series = run.series.get(name)
    if series is None or len(series.values) == 0:
        known = ", ".join(key for key, curve in run.series.items() if len(curve.values)) or "nothing"
        raise ValueError(f"the run has no record of {name!r} to draw (it recorded {known}): train with record=1")
    every = max(1, len(series.values) // points)
    steps, values = np.asarray(series.steps)[::every], factor * np.asarray(series.values)[::every]
    ax.semilogy(steps, values, color=BLUE, linewidth=2.5, marker="o" if len(steps) == 1 else "")
    ax.set(xlabel=xlabel, ylabel=ylabel)
    ax.set_xlim(0, max(1, int(series.steps[-1])))
    ax.grid(True, which="major", color=INK, alpha=0.15, linewidth=0.8)
    plain_ticks(ax, values)


class PlainPowers(ScalarFormatter):
    """Tick labels that share a power of ten, written × 10⁶ at the axis' end in plain letters."""

    def get_offset(self) -> str:
        """The power of ten at the axis' end."""
        written = str(super().get_offset())  # "1e6", "" where there is none
        return f"× {power_of_ten(float(written[2:]))}" if written.startswith("1e") else written


def power_of_ten(exponent: float) -> str:
    """10⁻³ for -3, in plain letters."""
    return f"10{f'{exponent:.0f}'.translate(RAISED)}"


def plain_ticks(ax: Any, values: Vector) -> None:
    """Powers of ten in plain letters: matplotlib's mathematical ones take a while to begin with."""
    steps = PlainPowers()
    steps.set_powerlimits((-3, 4))
    ax.xaxis.set_major_formatter(steps)
    low, high = values.min(), values.max()
    if low > 1e-3 and high < min(10.0 * low, 1e4):
        for axis_format in (ax.yaxis.set_major_formatter, ax.yaxis.set_minor_formatter):
            axis_format(lambda cost, _: f"{cost:g}")
    elif low > 0.0 and np.floor(np.log10(high)) > np.ceil(np.log10(low)):  # two powers of ten at least
        ax.yaxis.set_major_formatter(lambda cost, _: power_of_ten(np.log10(cost)))
        ax.yaxis.set_minor_formatter("")


def draw_decay(ax: Any, steps: Vector, values: Vector, windows: Sequence[tuple[int, int, float]]) -> None:
    """The cost against the step on two logarithmic axes, with what a linear rate would give: a power of the step is straight here.

    windows: (first, last, slope), each with its log-log slope written on the curve; the linear rate is the first window's.
    """
    ax.loglog(steps, values, color=BLUE, linewidth=2.5, label="computed")
    at = {int(step): float(value) for step, value in zip(steps, values, strict=True)}
    (first, last, _), *_ = windows
    rate = np.log(at[first] / at[last]) / (last - first)
    after = steps[steps >= first]
    ax.loglog(after, at[first] * np.exp(-rate * (after - first)), color=RED, linestyle="--", linewidth=2, label="at a linear rate")
    for first, last, slope in windows:
        ends = np.array([first, last])
        ax.loglog(ends, [at[first], at[last]], color=INK, linewidth=5, solid_capstyle="butt")
        early = first * last < steps[0] * steps[-1]  # left of the middle: the words go to the right, and the other way round
        place, ha, up = ((first, at[first]), "left", 8) if early else ((last, at[first]), "right", 26)
        ax.annotate(f"slope {slope:.2f}".replace("-", "−"), place, (0, up), textcoords="offset points", fontsize=letters(13), ha=ha)
    ax.set(xlabel="Iteration Number", ylabel="Value of cost function", xlim=(steps[0], steps[-1]), ylim=(0.3 * values[-1], None))
    ax.grid(True, which="major", color=INK, alpha=0.15, linewidth=0.8)
    ax.legend(loc="upper right")
    ax.set_xticks([m * 10.0**k for k in range(10) for m in (1, 2, 5) if steps[0] <= m * 10**k <= steps[-1]])
    ax.xaxis.set_major_formatter(lambda step, _: f"{step:,.0f}")
    ax.xaxis.set_minor_formatter("")
