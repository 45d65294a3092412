"""Pictures of regularity: random labels, twin runs, saturation, dropout as an ensemble, reliability diagrams."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from netbp.figures.analysis_convergence import decades
from netbp.figures.style import BLUE, GREEN, INK, OCHRE, RED, VIOLET, letters

if TYPE_CHECKING:
    from netbp.analysis.calibration import Calibration
    from netbp.analysis.random_labels import RandomLabels
    from netbp.analysis.saturated import Saturated
    from netbp.analysis.stability import Stability

PENS = ((BLUE, "-"), (RED, "--"), (GREEN, "-."), (OCHRE, ":"), (VIOLET, (0, (5, 1, 1, 1, 1, 1))), (INK, (0, (1, 1))))
BEYOND = 8.0  # decades of a bound that are shown above what is measured


def shares_of(found: RandomLabels) -> list[tuple[float, Any, str]]:
    """Each share of random labels with its colour, from blue for true labels to red, and its words."""
    from matplotlib.colors import LinearSegmentedColormap

    map_ = LinearSegmentedColormap.from_list("labels", [BLUE, VIOLET, RED])
    words = {0.0: "true labels", 1.0: "random labels"}
    return [(at, map_(at), words.get(at, f"{100 * at:g} % random")) for at in found.shares]


def draw_fits(ax: Any, found: RandomLabels) -> None:
    """The training error by epoch, one line for each network, over a fiftieth of its epochs averaged; colours tell the shares."""
    first, last = np.inf, 0.0
    for at, colour, words in shares_of(found):
        for k, curve in enumerate(found.curves_of(at)):
            window = max(1, len(curve.steps) // 50)
            epochs, errors = (
                np.convolve(values, np.full(window, 1 / window), "valid")
                for values in (np.asarray(curve.steps) / found.steps_per_epoch, curve.errors)
            )
            own = {"color": colour, "linewidth": 2.0 if len(found.of(at)) == 1 else 1.1, "label": "_" if k else words}
            ax.plot(epochs, 100 * errors, **own)
            first, last = min(first, float(epochs[-1])), max(last, float(epochs[-1]))
    ax.set(xlabel="Epoch", ylabel="Training error (%)", xlim=(0, last), ylim=(0, None))
    if last > 5 * first:  # some fit much sooner than others
        ax.set_xscale("log")
        ax.set_xlim(1, last)
        decades(ax.xaxis, 1, last)
    _finish(ax)


def draw_unseen(ax: Any, found: RandomLabels) -> None:
    """Errors on training and on unseen points against the share of random labels, with 95 % intervals, and that of guessing."""
    shares = np.array(found.shares)
    unseen = np.array([found.mean(at, "unseen")[0] for at in shares])
    within = np.array([found.unseen_interval(at) for at in shares])
    error = np.array([found.mean(at, "error")[0] for at in shares])
    bars = [np.maximum(unseen - within[:, 0], 0), np.maximum(within[:, 1] - unseen, 0)]
    ax.errorbar(
        100 * shares, 100 * unseen, yerr=[100 * bar for bar in bars], color=RED, marker="o", capsize=4, label="unseen points"
    )
    ax.plot(100 * shares, 100 * error, "s-", color=BLUE, label="training points")
    ax.axhline(100 * found.chance, color=INK, linestyle=":", label="guessing")
    ax.set(xlabel="Random labels (%)", ylabel="Error (%)", xlim=(-4, 104), ylim=(-3, 105))
    _finish(ax)


def draw_fit_times(ax: Any, found: RandomLabels) -> None:
    """Epochs until all training points were right, by share of random labels; open marks where they were not."""
    most = 0.0
    for fit in found.fits:
        epochs = fit.steps / found.steps_per_epoch
        ax.plot([100 * fit.share], [epochs], "o", color=BLUE, markerfacecolor=BLUE if fit.fitted else "white", markersize=7)
        most = max(most, epochs)
    means = [np.mean([fit.steps for fit in found.of(at)]) / found.steps_per_epoch for at in found.shares]
    ax.plot(100 * np.array(found.shares), means, "-", color=BLUE, linewidth=1.2)
    ax.set(xlabel="Random labels (%)", ylabel="Epochs to fit", xlim=(-4, 104), ylim=(0, 1.1 * most))
    _finish(ax, False)


def draw_margins(ax: Any, found: RandomLabels, normalised: bool = True) -> None:
    """How the training points' margins are spread, from all networks: margins divided by the network's scale, or as they are."""
    for at, colour, words in shares_of(found):
        parts = zip(found.of(at), found.curves_of(at), strict=True)
        values = np.sort(np.concatenate([curve.margins * (1.0 if normalised else fit.scale) for fit, curve in parts]))
        ax.plot(values, np.arange(1, len(values) + 1) / len(values), color=colour, label=words)
    ax.axvline(0.0, color=INK, linewidth=0.8)
    what = "Margin / product of norms" if normalised else "Margin"
    ax.set(xlabel=what, ylabel="Share of points below", ylim=(0, 1))
    _finish(ax)


def draw_twins(ax: Any, found: Stability, constants: str = "bound") -> None:
    """The mean distance of twins with its 95 % band, their largest, and the bound, which leaves the picture where it is vacuous."""
    t, mean, error = found.column("step"), found.column("distance"), found.column("error")
    bound = found.column("bound")
    low = float(mean[mean > 0].min(initial=1.0))
    largest = found.column("largest")
    ceiling = min(float(bound.max()), np.log10(largest.max()) + BEYOND)
    ax.fill_between(t, np.maximum(mean - error, 1e-300), mean + error, color=BLUE, alpha=0.25, linewidth=0)
    ax.loglog(t, mean, "o-", color=BLUE, markersize=4, label="mean |p - p'|, 95 %")
    ax.loglog(t, largest, ":", color=BLUE, label="largest")
    shown = bound <= ceiling
    label = constants if shown.all() else f"{constants}, at the end {_power(bound[-1])}"
    ax.loglog(t[shown], 10.0 ** bound[shown], "s--", color=RED, markersize=4, label=label)
    if not shown.all() and shown.any():
        k = int(np.flatnonzero(shown)[-1])
        share = (ceiling - bound[k]) / (bound[k + 1] - bound[k])
        end = np.exp(np.log(t[k]) + share * np.log(t[k + 1] / t[k]))
        ax.loglog([t[k], end], [10.0 ** bound[k], 10.0**ceiling], "--", color=RED)
    top = 10.0 ** (ceiling + 0.3)
    ax.set(xlabel="Step", ylabel="Distance of twins", xlim=(t[0], t[-1]), ylim=(0.3 * low, top))
    decades(ax.xaxis, t[0], t[-1])
    decades(ax.yaxis, 0.3 * low, top)
    _finish(ax)


def draw_saturation(ax: Any, found: Sequence[Saturated], layer: int, what: str = "flat") -> None:
    """The share of flat neurons and points, or of "dead" neurons, of one layer along the runs, a line for each activation."""
    positive = np.concatenate([run.steps[run.steps > 0] for run in found])
    first = 0.5 * positive.min()
    for run, (colour, dash) in zip(found, PENS, strict=False):
        mean, error = run.mean(what, layer)
        at = np.maximum(run.steps, first)  # the start stands at the left edge of a logarithmic axis
        ax.plot(at, 100 * mean, linestyle=dash, color=colour, label=run.name.replace("_", " "))
        if not np.isnan(error).all():
            band = np.clip([mean - error, mean + error], 0.0, 1.0)
            ax.fill_between(at, *(100 * band), color=colour, alpha=0.15, linewidth=0)
    ax.set_xscale("log")
    words = "Flat (%)" if what == "flat" else "Dead neurons (%)"
    ax.set(xlabel="Step", ylabel=words, xlim=(first, positive.max()), ylim=(-3, 103), title=f"layer {layer}")
    decades(ax.xaxis, first, positive.max())
    _finish(ax, False)


def draw_saturation_costs(ax: Any, found: Sequence[Saturated]) -> None:
    """The median cost of the same runs, with the legend of all of these pictures."""
    positive = np.concatenate([run.steps[run.steps > 0] for run in found])
    first = 0.5 * positive.min()
    values = []
    for run, (colour, dash) in zip(found, PENS, strict=False):
        cost = run.median_costs
        values.append(cost)
        ax.plot(np.maximum(run.steps, first), cost, linestyle=dash, color=colour, label=run.name.replace("_", " "))
    every = np.concatenate(values)
    every = every[np.isfinite(every) & (every > 0)]
    ax.set_xscale("log")
    ax.set_yscale("log")
    low, high = 0.5 * every.min(), 2.0 * every.max()
    ax.set(xlabel="Step", ylabel="Cost (median)", xlim=(first, positive.max()), ylim=(low, high))
    decades(ax.xaxis, first, positive.max())
    decades(ax.yaxis, low, high)
    _finish(ax)


def draw_reliability_diagram(ax: Any, found: Sequence[Calibration]) -> None:
    """The share of right answers against confidence, and where it lies by chance, 95 %, if the confidences are true."""
    marks = ("o", "s", "^", "D", "v")
    least = min(float(one.column("low").min()) for one in found)
    ax.plot([0, 100], [0, 100], color=INK, linewidth=1.0, label="calibrated")
    for one, (colour, dash), mark in zip(found, PENS, marks, strict=False):
        x, y = 100 * one.column("confidence"), 100 * one.column("right")
        ax.vlines(x, 100 * one.column("least"), 100 * one.column("most"), color=colour, alpha=0.35, linewidth=5)
        ax.plot(x, y, linestyle=dash, marker=mark, markersize=6, color=colour, label=f"{one.name}, ECE {100 * one.ece:.1f} %")
    low = max(0.0, 100 * least - 2)
    ax.set(xlabel="Confidence (%)", ylabel="Right (%)", xlim=(low, 101), ylim=(min(low, _lowest(found) - 2), 102))
    _finish(ax, legend=False)
    ax.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=2, fontsize=letters(11))  # above: the bars fill the axes


def draw_unsureness(ax: Any, x: Any, y: Any, values: Any, what: str = "standard deviation", marks: Any = None) -> Any:
    """A measure of uncertainty over the plane as shades, values (len(y), len(x)); marks: training Data, as in figure 1."""
    shown = ax.pcolormesh(x, y, values, cmap="Greys", shading="nearest", vmin=0.0, rasterized=True)
    if marks is not None:
        points, targets = np.asarray(marks.x), np.asarray(marks.y).argmax(axis=1)
        ax.plot(*points[targets == 0].T, "o", color=RED, markersize=4, markerfacecolor="none")
        ax.plot(*points[targets == 1].T, "x", color=BLUE, markersize=4)
    ax.set(xlim=(x[0], x[-1]), ylim=(y[0], y[-1]), title=what)
    ax.set_aspect("equal")
    return shown


def draw_wrong_by_entropy(ax: Any, ensembles: Sequence[tuple[str, Any, Any]]) -> None:
    """The error of the points of which a network is surest, against how many are kept: (name, probabilities, targets) of each."""
    for (name, P, targets), (colour, dash) in zip(ensembles, PENS, strict=False):
        P = np.asarray(P)
        logs = np.log(np.where(P > 0, P, 1.0))
        order = np.argsort(-(P * logs).sum(axis=1), kind="stable")
        wrong = (P.argmax(axis=1) != np.asarray(targets).argmax(axis=1))[order]
        kept = np.arange(1, len(P) + 1)
        few = kept >= max(20, len(P) // 50)
        ax.plot(100 * kept[few] / len(P), 100 * (np.cumsum(wrong) / kept)[few], linestyle=dash, color=colour, label=name)
    ax.set(xlabel="Surest points kept (%)", ylabel="Wrong among them (%)", xlim=(0, 100), ylim=(0, None))
    _finish(ax)


def _lowest(found: Sequence[Calibration]) -> float:
    return 100 * min(min(float(one.column("right").min()), float(one.column("least").min())) for one in found)


def _power(log10: float) -> str:
    return f"$10^{{{log10:,.0f}}}$".replace(",", "{,}") if log10 >= 5 else f"{10**log10:.3g}"


def _finish(ax: Any, legend: bool = True) -> None:
    ax.grid(True, which="major", color=INK, alpha=0.15, linewidth=0.8)
    ax.set_axisbelow(True)
    if legend:
        ax.legend(loc="best", fontsize=letters(11))
