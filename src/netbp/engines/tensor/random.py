"""What random layers draw, from the same words as every other engine: see `netbp.engines.masks`."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
import torch

from netbp.engines import masks
from netbp.network import Network

LEAST = -(2**31)
"""Of the 32-bit integers; one with its first bit turned over is as large as the word of its bits without sign, less 2^31."""


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
    neurons, below = prod(a.shape[1:]), masks.threshold(rate)
    if below in (0, 2**32):
        return torch.full_like(a, below > 0, dtype=torch.bool)
    point = ((first + torch.arange(a.shape[0], device=a.device)) * neurons).to(torch.int32)
    neuron = torch.arange(neurons, dtype=torch.int32, device=a.device).view(a.shape[1:])
    index, (one, other) = point.view(-1, *[1] * (a.dim() - 1)) + neuron, keys.to(torch.int32)
    return (hashed(hashed(index ^ one) ^ other) ^ LEAST) < below + LEAST


def hashed(x: Any) -> Any:
    """`netbp.engines.masks.hashed` of the bits of 32-bit integers, of which a processor multiplies twice as many at once."""
    x = x ^ ((x >> 16) & 0xFFFF)
    x = x * 0x21F0AAAD
    x = x ^ ((x >> 15) & 0x1FFFF)
    x = x * 0x735A2D97
    return x ^ ((x >> 15) & 0x1FFFF)


def mirrored(a: Any, keys: Any, probability: float) -> Any:
    """The whole batch, left-right, if the keys (2,) say so."""
    return torch.where(keys[0] < masks.threshold(probability), a.flip(-1), a)
