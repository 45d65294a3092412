"""Pictures of generalisation: errors against a setting, early stopping beside the penalty, double descent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from netbp.figures.analysis_convergence import PENS, decades
from netbp.figures.curves import power_of_ten
from netbp.figures.style import BLUE, INK, RED

if TYPE_CHECKING:
    from netbp.analysis.generalisation import GeneralisationCurve, Measure
    from netbp.analysis.linear_features import DoubleDescent
    from netbp.analysis.linear_filters import EarlyStopping
    from netbp.analysis.regression import Interval

GREEN = PENS[2][0]
LABELS = {
    "width": "Width",
    "points": "Training points",
    "noise": "Noise",
    "penalty": "Penalty λ of (33)",
    "t": "Time t = ηk",
    "value": "Value",
}


def _grid(ax: Any) -> None:
    ax.grid(True, color=INK, alpha=0.15, linewidth=0.8)
    ax.set_axisbelow(True)


def _bars(ax: Any, x: Any, found: Sequence[Interval], colour: str, label: str, factor: float = 1.0, **more: Any) -> None:
    """Means with their intervals; one that is infinite, or reaches below 0, ends at the value or at a thousandth of it."""
    values = factor * np.array([[at.value, at.low, at.high] for at in found])
    values[:, 1] = np.where(np.isfinite(values[:, 1]), np.maximum(values[:, 1], 1e-3 * values[:, 0]), values[:, 0])
    values[:, 2] = np.where(np.isfinite(values[:, 2]), values[:, 2], values[:, 0])
    reach = np.abs([values[:, 0] - values[:, 1], values[:, 2] - values[:, 0]])
    pen = {"marker": "o", "markersize": 6, "capsize": 3, "linewidth": 2.0, "elinewidth": 1.4} | more
    ax.errorbar(x, values[:, 0], yerr=reach, color=colour, label=label, **pen)


def places(curve: GeneralisationCurve) -> tuple[Any, bool, list[str] | None]:
    """Where values stand on the axis, whether it is logarithmic, and their names where they are no numbers or one of them is 0."""
    values = [at.value for at in curve.settings]
    if not all(isinstance(value, int | float | np.number) for value in values):
        return np.arange(len(values)), False, [at.label for at in curve.settings]
    x = np.array(values, dtype=float)
    above = x[x > 0.0]
    if len(above) < 2 or above.max() < 10 * above.min():
        return x, False, None
    if len(above) < len(x):  # 0 has no place on a logarithmic axis: it stands a decade to the left
        x = np.where(x > 0.0, x, 0.1 * above.min())
        return x, True, [at.label for at in curve.settings]
    return x, True, None


def _sparse(labels: Sequence[str], at: Any, gap: float = 0.055) -> list[str]:
    """The labels, but those nearer to the last one shown than a share of the axis' length are left blank."""
    shown, last = [], -np.inf
    for label, place in zip(labels, at, strict=True):
        fits = place - last >= gap * (at[-1] - at[0])
        shown.append(label if fits else "")
        last = place if fits else last
    return shown


def draw_generalisation(
    ax: Any,
    curve: GeneralisationCurve,
    what: Literal["cost", "error"] = "cost",
    lowest: float = 1e-4,
    of: Literal["mean", "median"] = "mean",
) -> None:
    """Training and held-out cost, or the shares of wrong categories in per cent, against the setting, with 95 % intervals.

    Costs are on a logarithmic axis, whose lower end is at least `lowest`; what is lower still is not seen.
    """
    x, logarithmic, names = places(curve)
    pairs: list[tuple[Measure, str, str]] = [("cost", "training", BLUE), ("held_out", "held out", RED)]
    if what == "error":
        pairs = [("error", "training", BLUE), ("held_out_error", "held out", RED)]
    order = np.argsort(x, kind="stable")
    for measure, label, colour in pairs:
        intervals = curve.intervals(measure, of)
        found = [intervals[k] for k in order]
        dashed = {"linestyle": "--", "marker": "s", "markerfacecolor": "white"} if colour == BLUE else {}
        _bars(ax, x[order], found, colour, label, 100.0 if what == "error" else 1.0, **dashed)
    if logarithmic:
        ax.set_xscale("log")
        if names is None and x.max() < 1000 * x.min():
            ax.set_xticks(x[order], _sparse([curve.settings[k].label for k in order], np.log(x[order])))
            ax.set_xticks([], minor=True)
        else:
            decades(ax.xaxis, x.min() if names is None else 10 * x.min(), x.max())
            if names is not None:
                powers = ax.xaxis.get_major_locator()()
                ax.set_xticks([x.min(), *powers], ["0", *(power_of_ten(np.log10(at)) for at in powers)])
                ax.set_xticks([], minor=True)
    elif names is not None:
        ax.set_xticks(x[order], [names[k] for k in order])
    ax.set_xlabel(LABELS.get(curve.vary, curve.vary))
    if what == "error":
        ax.set(ylabel="Wrong categories (%)")
        ax.set_ylim(bottom=-1)
    else:
        ends = np.array([at.value for measure, _, _ in pairs for at in curve.intervals(measure, of) if np.isfinite(at.value)])
        low, high = max(lowest, 0.5 * float(ends.min())), 2.0 * float(ends.max())
        ax.set_yscale("log")
        ax.set(ylabel="Cost", ylim=(low, high))
        decades(ax.yaxis, low, high)
    ax.legend(loc="best")
    _grid(ax)


def draw_filters(ax: Any, t: float = 1.0, steps: int = 4) -> None:
    """The filters of the flow at t, of steepest descent with eta = t/steps, and of the ridge with lambda = 1/t, against s."""
    from netbp.analysis.linear_filters import descent_filter, flow_filter, ridge_filter

    s = np.geomspace(1e-2, 1e2, 400) / t
    ax.plot(s, flow_filter(s, t), color=BLUE, label=r"flow:  $1-e^{-ts}$")
    stable = s <= 2.0 * steps / t
    ax.plot(
        s[stable],
        descent_filter(s[stable], t / steps, steps),
        color=GREEN,
        linestyle=":",
        label=rf"descent:  $1-(1-\eta s)^k$, $k={steps}$",
    )
    ax.plot(s, ridge_filter(s, 1.0 / t), color=RED, linestyle="--", label=r"penalty:  $s/(s+1/t)$")
    ax.set_xscale("log")
    ax.set(xlabel="Eigenvalue s, times t", ylabel="Filter", ylim=(-0.05, 1.12), xlim=(s[0], s[-1]))
    decades(ax.xaxis, s[0], s[-1])
    ax.legend(loc="upper left")
    _grid(ax)


def draw_stopping_risks(ax: Any, found: EarlyStopping) -> None:
    """The exact risks of the stopped flow and of the ridge with lambda = 1/t, and runs of steepest descent with their intervals."""
    from netbp.analysis.generalisation import mean_interval

    ax.plot(found.times, found.risk("flow"), color=BLUE, label="flow, stopped at t")
    ax.plot(found.times, found.risk("ridge"), color=RED, linestyle="--", label="penalty λ = 1/t")
    ax.plot(found.times, found.bias["flow"], color=BLUE, linewidth=1.0, linestyle=":", label="flow: squared bias")
    ax.plot(found.times, found.variance["flow"], color=BLUE, linewidth=1.0, linestyle="-.", label="flow: variance")
    if found.runs is not None:
        rows = [mean_interval(row) for row in found.runs[2]]
        _bars(ax, found.runs[0], rows, GREEN, "runs of steepest descent", linestyle="none")
    low = 0.1 * float(found.risk("flow").min())
    high = 2.0 * max(float(found.risk("flow").max()), float(found.risk("ridge").max()))
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set(xlabel="t = 1/λ", ylabel="Risk", xlim=(found.times[0], found.times[-1]), ylim=(low, high))
    decades(ax.xaxis, found.times[0], found.times[-1])
    decades(ax.yaxis, low, high)
    ax.legend(loc="upper left")
    _grid(ax)


def draw_double_descent(ax: Any, found: DoubleDescent) -> None:
    """The exact risk of least squares against the number of features, and what was measured, with and without regularisation."""
    from netbp.analysis.linear_features import expected_risk

    for p in (np.arange(1, found.N - 1), np.arange(found.N + 2, found.D + 1)):
        exact = [expected_risk(found.N, found.D, int(k), found.signal, found.noise).total for k in p]
        ax.plot(p, exact, color=INK, linewidth=1.6, label="exact, least squares" if p[0] == 1 else None)
    names = {
        "least squares": (RED, "measured: minimum norm"),
        "ridge": (BLUE, "best penalty"),
        "stopped": (GREEN, "best time to stop"),
    }
    x = np.array(found.features)
    for name, (colour, label) in names.items():
        dash = "none" if name == "least squares" else "-" if name == "ridge" else "--"
        rows = found.intervals(name)
        fine = [k for k in range(len(x)) if name != "least squares" or np.isfinite(found.expected[k])]
        shape = {"marker": "s", "markersize": 8, "markerfacecolor": "white"} if name == "ridge" else {"markersize": 5}
        _bars(ax, x[fine], [rows[k] for k in fine], colour, label, linestyle=dash, **shape)
    ax.axvline(found.N, color=INK, linestyle=":", linewidth=1.2)
    finite = found.expected[np.isfinite(found.expected)]
    low, high = 0.7 * min(at.value for at in found.intervals("ridge")), 2.0 * float(finite.max())
    ax.set_yscale("log")
    ax.set(xlabel="Features p", ylabel="Risk above the noise", xlim=(0, found.D * 1.01), ylim=(low, high))
    ax.text(found.N + 0.01 * found.D, low * 1.08, "p = N")
    decades(ax.yaxis, low, high)
    ax.legend(loc="upper right")
    _grid(ax)


def draw_width_sweep(ax: Any, curve: GeneralisationCurve, outputs: int = 1) -> None:
    """Training and held-out cost against the width: medians with their 95 % intervals, and where parameters reach the targets.

    Near that place a few replicates have costs of hundreds, so that means say little there.
    """
    draw_generalisation(ax, curve, lowest=1e-3, of="median")
    x = np.array([at.value for at in curve.settings], dtype=float)
    sizes = np.array([at.size for at in curve.settings], dtype=float)
    targets = curve.settings[0].points * outputs
    if sizes.min() < targets < sizes.max():
        ax.axvline(np.interp(targets, sizes, x), color=INK, linestyle=":", linewidth=1.2, label=f"s = {targets}, all targets")
    ax.set_ylabel("Cost, median")
    ax.legend(loc="best")
