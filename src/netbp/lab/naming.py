"""What the parameters are called, and where they lie."""

from __future__ import annotations

from typing import Any

from netbp.network import Network


def layers_of(network: Network) -> list[dict[str, Any]]:
    """Layers l = 2, ..., L, and where the weights and biases of each lie in p: W as [offset, rows, columns], b as [offset, n]."""
    sizes = zip(network.sizes, network.sizes[1:], network.activations, network.slices, strict=False)
    return [
        {"l": l, "width": n, "activation": sigma.name, "W": [w.start, n, m], "b": [b.start, n]}
        for l, (m, n, sigma, (w, b)) in enumerate(sizes, start=2)
    ]


def parameter_name(network: Network, index: int) -> str:
    """The name of p's entry, w_43^[3] or b_2^[4]. Raises ValueError when there is no such entry."""
    for l, (w, b) in enumerate(network.slices, start=2):
        if w.start <= index < w.stop:
            k, j = divmod(index - w.start, network.sizes[l - 1])
            return f"w_{j + 1}{k + 1}^[{l}]" if max(j, k) < 9 else f"w_{j + 1},{k + 1}^[{l}]"
        if b.start <= index < b.stop:
            return f"b_{index - b.start + 1}^[{l}]"
    raise ValueError(f"p has {network.size} entries, but entry {index} was asked for")
