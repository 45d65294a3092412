"""What random layers draw, from the same words as every other engine: see `netbp.engines.masks`."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
import torch

from netbp.engines import masks
from netbp.network import Network


def random_layers(network: Network) -> tuple[int, ...]:
    """The numbers l = 2, ..., L of the layers that draw."""
    return tuple(l for l, layer in enumerate(network.layers, start=2) if layer.random)


def keys_of(network: Network, seed: Any, t: int, steps: int) -> torch.Tensor:
    """The two keys of every random layer in the steps t + 1, ..., t + steps: (steps, random layers, 2), 64-bit integers.

    Raises ValueError when the network draws, but has no seed.
    """
    layers = random_layers(network)
    if layers and seed is None:
        raise ValueError(f"{network.title} draws random numbers in training steps: give Choices a seed")
    pairs = [[masks.keys(int(seed), t + k + 1, l) for l in layers] for k in range(steps)] if layers else []
    return torch.from_numpy(np.array(pairs, dtype=np.int64).reshape(steps, len(layers), 2))


def deleted(a: Any, first: Any, keys: Any, rate: float) -> Any:
    """Where the outputs a (m, ...) of the points first, ..., first + m - 1 of a batch are set to zero. keys: (2,)."""
    neurons = prod(a.shape[1:])
    point = (first + torch.arange(a.shape[0], device=a.device)) * neurons
    index = point.view(-1, *[1] * (a.dim() - 1)) + torch.arange(neurons, device=a.device).view(a.shape[1:])
    return masks.words(index, keys[0], keys[1]) < masks.threshold(rate)


def mirrored(a: Any, keys: Any, probability: float) -> Any:
    """The whole batch, left-right, if the keys (2,) say so."""
    return torch.where(keys[0] < masks.threshold(probability), a.flip(-1), a)
