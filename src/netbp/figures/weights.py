"""Histograms of a network's weights by layer."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from netbp.figures.style import BLUE, GREEN, INK, OCHRE, RED, VIOLET
from netbp.network import Network

COLOURS = (BLUE, RED, OCHRE, GREEN, VIOLET, "#555555", "#0e7c7b")
BINS = 24


def draw_weights(ax: Any, network: Network, p: ArrayLike, bins: int = BINS) -> None:
    """How many weights of each layer lie where: bars on common bins, stacked, one colour a layer; biases are left out."""
    weights = [W.ravel() for W, _ in network.views(np.asarray(p, dtype=float))]
    reach = max(float(np.abs(W).max()) for W in weights) or 1.0
    edges = np.linspace(-reach, reach, bins + 1)
    below = np.zeros(bins)
    for l, (W, colour) in enumerate(zip(weights, COLOURS * len(weights), strict=False), start=2):
        counts = np.histogram(W, edges)[0]
        ax.bar(edges[:-1], counts, np.diff(edges), bottom=below, align="edge", color=colour, alpha=0.85, label=f"Layer {l}")
        below = below + counts
    ax.axvline(0.0, color=INK, linewidth=0.8, alpha=0.5)
    ax.set(xlabel="Weight", ylabel="Number", xlim=(-reach, reach))
    ax.yaxis.get_major_locator().set_params(integer=True)
    ax.legend()
