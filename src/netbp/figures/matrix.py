"""Confusion matrices as figures 13 and 14 draw them."""

from __future__ import annotations

from typing import Any

import numpy as np

from netbp.confusion import ALL, OUTPUT, TARGET, TINTS, Confusion, kind
from netbp.figures.style import INK, letters

MOST = 16
"""The most classes whose counts are written into the cells; of more, tints alone show the shares."""
NAMED = 48
"""The most classes whose names have room; more are numbered, from 1."""


def draw_confusion(ax: Any, confusion: Confusion) -> None:
    """Counts with their percentages of all; at the right and below, what is right and wrong; green on the diagonal, red elsewhere.

    Rows are what the network said, columns what was true. More than 16 classes are shown by tints alone: the darker, the larger
    the share of the true class.
    """
    K = len(confusion.classes)
    if K > MOST:
        draw_shares(ax, confusion)
        return
    size = letters(min(11.0, 100.0 / (K + 1)))
    for i, row in enumerate(confusion.cells):
        for j, cell in enumerate(row):
            tint = f"#{TINTS[kind(i, j, K)]}"
            ax.fill([j, j + 1, j + 1, j], [i, i, i + 1, i + 1], facecolor=tint, edgecolor="white", linewidth=1.0)
            middle = {"ha": "center", "color": INK}
            ax.text(j + 0.5, i + 0.48, cell.above, va="bottom", fontsize=size, fontweight="bold", **middle)
            ax.text(j + 0.5, i + 0.56, cell.below, va="top", fontsize=0.78 * size, **middle)
    ends = [0, K + 1]
    ax.plot(ends, [K, K], color=INK, linewidth=1.5)
    ax.plot([K, K], ends, color=INK, linewidth=1.5)
    name_classes(ax, [*confusion.classes, ALL], 1.15 * size)
    ax.set(xlim=ends, ylim=ends[::-1])


def draw_shares(ax: Any, confusion: Confusion) -> None:
    """Each column's shares as tints of grey to black, on a logarithmic scale from 0.1 % to all."""
    from matplotlib.colors import LogNorm

    K = len(confusion.classes)
    shares = confusion.counts / np.maximum(1, confusion.counts.sum(axis=0))
    image = ax.imshow(np.maximum(shares, 1e-3), cmap="Greys", norm=LogNorm(1e-3, 1.0), extent=(0, K, K, 0), aspect="equal")
    bar = ax.figure.colorbar(image, ax=ax, shrink=0.8, ticks=[1e-3, 1e-2, 1e-1, 1.0])
    bar.ax.set_yticklabels(["≤ 0.1 %", "1 %", "10 %", "100 %"])
    bar.ax.set_ylabel("share of the target class", fontsize=letters(13), fontweight="normal")
    name_classes(ax, list(confusion.classes), 380.0 / K)
    if K > NAMED:
        numbers = np.arange(0, K, 10)
        ax.set_xticks(numbers + 0.5, numbers + 1, fontsize=letters(12), rotation=0)
        ax.set_yticks(numbers + 0.5, numbers + 1, fontsize=letters(12))


def name_classes(ax: Any, names: list[str], size: float) -> None:
    """The names along both sides, columns below, turned where they need room."""
    turned = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if len(names) <= MOST + 1 else {"rotation": 90}
    ax.set_xticks(np.arange(len(names)) + 0.5, names, fontsize=size, **turned)
    ax.set_yticks(np.arange(len(names)) + 0.5, names, fontsize=size)
    ax.tick_params(length=0)
    for side in ax.spines.values():
        side.set_visible(False)
    ax.set(xlabel=TARGET, ylabel=OUTPUT, aspect="equal")
