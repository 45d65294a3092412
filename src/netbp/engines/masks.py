"""What random layers draw: counter-based, so that every engine, however it cuts its work, draws the same.

A number depends only on (seed, number of the step, layer, position of the point in its batch, neuron). The first three give two
keys of 32 bits, mixed by Philox (Salmon, Moraes, Dror & Shaw, SC11); position and neuron are then counted, index = position *
neurons + neuron, and two rounds of a 32-bit integer hash (C. Wellons, "hash prospector", 2018: of measured low bias) turn index
and keys into 32 bits. The hash is written with operators that NumPy's and PyTorch's 64-bit integers share and that cannot overflow.
"""

from __future__ import annotations

from typing import Any

import numpy as np

WORD = 0xFFFFFFFF


def keys(seed: int, step: int, layer: int) -> tuple[int, int]:
    """Two whole numbers of 32 bits for the random numbers of layer l = 2, ..., L in this step."""
    bits = np.random.Philox(key=[seed, layer], counter=[step, 0, 0, 0]).random_raw(1)
    word = int(bits[0])
    return word & WORD, word >> 32


def hashed(x: Any) -> Any:
    """32 bits from 32 bits, one to one: x is a whole number, or an array of 64-bit integers, in [0, 2^32)."""
    x = x ^ (x >> 16)
    x = (x * 0x21F0AAAD) & WORD
    x = x ^ (x >> 15)
    x = (x * 0x735A2D97) & WORD
    return x ^ (x >> 15)


def words(index: Any, first: Any, second: Any) -> Any:
    """32 random bits for each index, an array of 64-bit integers in [0, 2^32), from a layer's two keys."""
    return hashed(hashed(index ^ first) ^ second)


def threshold(rate: float) -> int:
    """The number below which a word means `true` with probability `rate`, to 32 bits."""
    return round(rate * 2.0**32)


def flips(seed: int, step: int, layer: int, probability: float) -> bool:
    """Whether the batch of this step is mirrored."""
    return keys(seed, step, layer)[0] < threshold(probability)
