"""Drawings of networks: figures 3 and 6, or any other network, with its weights where they are known."""

from __future__ import annotations

from itertools import product
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from netbp.figures.style import BLUE, INK, RED, letters
from netbp.messages import counted
from netbp.network import Network

MOST = 10
"""The most neurons of a layer that are drawn; of a wider one the first and the last, with dots between."""
WIDTH, HEIGHT = 4.0, 2.6
DASHES = (0, (3.0, 1.2))


class Neuron(NamedTuple):
    """Neuron `number` (from 1) of layer `layer` (from 1), drawn at (x, y)."""

    layer: int
    number: int
    x: float
    y: float


def draw_network(ax: Any, network: Network, p: ArrayLike | None = None, highlight: tuple[int, int, int] | None = None) -> None:
    """The network as circles and arrows, layer 1 on the left: figures 3 and 6.

    Open circles are inputs, solid ones neurons. p: (s,), shows each weight: red for positive, blue and dashed for negative, the
    wider the larger. highlight: (j, k, l) for the weight w_jk^[l], from neuron k of layer l - 1 to neuron j of layer l, counted
    from 1. Raises ValueError when the network has no such weight or p another length.
    """
    sizes = network.sizes
    if highlight is not None:
        check_weight(network, *highlight)
    weights = None if p is None else [W for W, _ in network.views(np.asarray(p, dtype=float))]
    largest = 1.0 if weights is None else max(float(np.abs(W).max()) for W in weights) or 1.0
    placed, radius = place(sizes, highlight)
    for left, right in zip(placed, placed[1:], strict=False):
        many = len(left) * len(right) > 40
        for k, j in product(left, right):
            lit = highlight == (j.number, k.number, j.layer)
            weight = None if weights is None else float(weights[j.layer - 2][j.number - 1, k.number - 1]) / largest
            draw_edge(ax, k, j, radius, pen(weight, lit, faint=many or highlight is not None), heads=weight is None and not many)
    lowest = min(neuron.y for layer in placed for neuron in layer) - radius
    for layer in placed:
        draw_layer(ax, layer, radius)
        name_layer(ax, layer, len(sizes), sizes[layer[0].layer - 1], lowest - 0.12)
    if highlight is not None:
        label_edge(ax, placed, highlight, radius)
    if weights is not None:
        explain_colours(ax, min(float(W.min()) for W in weights), max(float(W.max()) for W in weights))
    highest = max(neuron.y for layer in placed for neuron in layer) + radius
    ax.set(xlim=(-0.55, WIDTH + 0.55), ylim=(lowest - (0.6 if weights is None else 0.95), highest + 0.1), aspect="equal")
    ax.set_axis_off()


def check_weight(network: Network, j: int, k: int, l: int) -> None:
    """Raise ValueError unless the network has a weight w_jk^[l]."""
    sizes = network.sizes
    if not 2 <= l <= len(sizes):
        raise ValueError(f"weights belong to layers 2 to {len(sizes)} of {network.title}, but layer {l} was asked for")
    if not (1 <= j <= sizes[l - 1] and 1 <= k <= sizes[l - 2]):
        raise ValueError(
            f"W[{l}] of {network.title} is {sizes[l - 1]} by {sizes[l - 2]}, so it has no weight with row {j} and column {k} "
            "(from 1)"
        )


def shown(n: int, keep: int | None) -> list[int]:
    """The numbers of the neurons to draw in a layer of n: all, or the first and the last few, and `keep` among them."""
    if n <= MOST:
        return list(range(1, n + 1))
    numbers = {*range(1, 5), *range(n - 3, n + 1)}
    return sorted(numbers | ({keep} if keep else set()))


def place(sizes: tuple[int, ...], highlight: tuple[int, int, int] | None) -> tuple[list[list[Neuron]], float]:
    """Where each neuron is drawn, by layers, and the circles' radius: top to bottom, each layer centred, all equally far apart."""
    rows = []
    for l, n in enumerate(sizes, start=1):
        keep = highlight[0] if highlight and highlight[2] == l else highlight[1] if highlight and highlight[2] == l + 1 else None
        numbers = shown(n, keep)
        gaps = np.concatenate([[0.0], np.where(np.diff(numbers) > 1, 2.0, 1.0)])  # a gap leaves room for the dots
        rows.append((numbers, np.cumsum(gaps)))
    dx = WIDTH / max(1, len(sizes) - 1)
    dy = min(1.0, HEIGHT / max(1.0, *(float(heights[-1]) for _, heights in rows)))
    placed = [
        [
            Neuron(l, number, (l - 1) * dx, float(HEIGHT / 2 + dy * (heights[-1] / 2 - height)))
            for number, height in zip(numbers, heights, strict=True)
        ]
        for l, (numbers, heights) in enumerate(rows, start=1)
    ]
    return placed, min(0.13, 0.3 * dy, 0.2 * dx)


def pen(weight: float | None, lit: bool, faint: bool) -> dict[str, Any]:
    """How an edge is drawn; weight: relative to the largest, or None; lit: highlighted; faint: one among many."""
    style: dict[str, Any] = {"color": INK, "linewidth": 0.9, "linestyle": "-", "alpha": 0.45 if faint else 0.85, "zorder": 1}
    if weight is not None:
        style["color"], style["linestyle"] = (RED, "-") if weight >= 0 else (BLUE, DASHES)
        style |= {"linewidth": 0.4 + 4.6 * abs(weight), "alpha": 0.3 + 0.65 * abs(weight)}
    if lit:
        style |= {"linewidth": max(style["linewidth"], 3.5), "alpha": 1.0, "zorder": 2}
        style["color"] = RED if weight is None else style["color"]
    return style


def draw_edge(ax: Any, k: Neuron, j: Neuron, radius: float, style: dict[str, Any], heads: bool) -> None:
    """The line from neuron k to neuron j, as an arrow where there is room for heads."""
    d = np.array([j.x - k.x, j.y - k.y])
    unit = d / np.hypot(*d)
    start, end = (k.x, k.y) + 1.15 * radius * unit, (j.x, j.y) - 1.2 * radius * unit
    if not heads:
        ax.plot(*zip(start, end, strict=True), **style)
        return
    width = style["linewidth"]
    shape = f"-|>,head_length={0.45 + 0.06 * width},head_width={0.16 + 0.05 * width}"
    arrow = {"arrowstyle": shape, "shrinkA": 0, "shrinkB": 0, "mutation_scale": 13, "joinstyle": "miter"}
    ax.annotate("", xy=end, xytext=start, arrowprops={**arrow, **style}, zorder=style["zorder"])


def draw_layer(ax: Any, layer: list[Neuron], radius: float) -> None:
    """The circles of one layer, and the dots that stand for those left out."""
    from matplotlib.patches import Circle

    face = "white" if layer[0].layer == 1 else INK
    for neuron in layer:
        ax.add_patch(Circle((neuron.x, neuron.y), radius, facecolor=face, edgecolor=INK, linewidth=1.8, zorder=3))
    for above, below in zip(layer, layer[1:], strict=False):
        if below.number > above.number + 1:
            for part in (0.4, 0.5, 0.6):
                y = above.y + part * (below.y - above.y)
                ax.add_patch(Circle((above.x, y), 0.12 * radius, color=INK, zorder=3))


def name_layer(ax: Any, layer: list[Neuron], L: int, n: int, top: float) -> None:
    """The name, "Layer 1 (Input layer)" and so on, below the layer, with its width where not all neurons are drawn."""
    l = layer[0].layer
    lines = [f"Layer {l}", *(["(Input layer)"] if l == 1 else ["(Output layer)"] if l == L else [])]
    if len(layer) < n:
        lines.append(counted(n, "neuron" if l > 1 else "input"))
    size = letters(14 if L <= 4 else 12.5 if L == 5 else max(5.0, 60.0 / L))
    ax.text(layer[0].x, top, "\n".join(lines), ha="center", va="top", fontsize=size, linespacing=1.25)


def label_edge(ax: Any, placed: list[list[Neuron]], highlight: tuple[int, int, int], radius: float) -> None:
    """The name w_jk^[l] beside the highlighted edge."""
    j, k, l = highlight
    a = next(neuron for neuron in placed[l - 2] if neuron.number == k)
    b = next(neuron for neuron in placed[l - 1] if neuron.number == j)
    box = {"boxstyle": "round,pad=0.12", "facecolor": "white", "edgecolor": "none", "alpha": 0.9}
    subscript = f"{j}{k}" if max(j, k) < 10 else f"{j},{k}"
    x, y = 0.5 * (a.x + b.x), 0.5 * (a.y + b.y)
    ax.text(
        x,
        y - 1.6 * radius,
        f"$w_{{{subscript}}}^{{[{l}]}}$",
        color=RED,
        fontsize=letters(20),
        ha="center",
        va="top",
        bbox=box,
        zorder=4,
    )


def explain_colours(ax: Any, least: float, most: float) -> None:
    """What colours and dashes mean, with the range of the weights."""
    from matplotlib.lines import Line2D

    entries = []
    if most > 0.0:
        entries.append((Line2D([], [], color=RED, linewidth=3), f"positive, up to {most:.3g}"))
    if least < 0.0:
        entries.append((Line2D([], [], color=BLUE, linewidth=3, linestyle=DASHES), f"negative, down to {least:.3g}"))
    if entries:
        lines, names = zip(*entries, strict=True)
        ax.legend(lines, names, loc="lower center", ncols=2, borderaxespad=0.0, handlelength=2.5, columnspacing=2.0)
