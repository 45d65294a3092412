"""Windows on signals and images: what they see, and the way back; for convolution and pooling."""

from __future__ import annotations

import numpy as np

from netbp.convolution import places
from netbp.layers import Conv, Pool, geometry
from netbp.types import Array, Indices, Matrix


def places_of(layer: Conv | Pool) -> Indices:
    """Which entry each entry of the window meets at each place: (Q, K), see `netbp.convolution.places`."""
    return places(layer.input[1:], geometry(layer))


def n_of(layer: Conv | Pool) -> int:
    """How many entries a channel of the input has."""
    return layer.inputs // layer.input[0]


def windows(layer: Conv | Pool, a: Matrix) -> Array:
    """What each window sees in each channel, zeros in the padding: (m, channels, Q, K)."""
    channels = by_channel(a, layer.input[0])
    padded = np.concatenate([channels, np.zeros((*channels.shape[:2], 1), dtype=a.dtype)], axis=2)
    return padded[:, :, places_of(layer)]


def gathered(layer: Conv | Pool, parts: Array) -> Matrix:
    """The transpose of `windows`: the entries of (m, channels, Q, K) added up where they were seen, (m, n_(l-1))."""
    m, channels, n = len(parts), layer.input[0], n_of(layer)
    out = np.zeros((m, channels, n + 1), dtype=parts.dtype)
    for k, where in enumerate(places_of(layer).T):  # each entry of the window meets each entry of the input at most once
        out[:, :, where] += parts[:, :, :, k]
    return out[:, :, :n].reshape(m, -1)


def largest(layer: Pool, a: Matrix) -> Indices:
    """Which entry of its input each output of max pooling is, (m, n_l): the first of the largest in its window, row by row."""
    met = clipped(layer)
    best = seen(layer, a.real).argmax(axis=-1)
    chosen = met[np.arange(len(met)), best] + n_of(layer) * np.arange(layer.input[0])[:, None]
    return chosen.reshape(len(a), -1)


def seen(layer: Pool, a: Matrix) -> Array:
    """What max pooling sees in each window, (m, channels, Q, K)."""
    return by_channel(a, layer.input[0])[:, :, clipped(layer)]


def clipped(layer: Pool) -> Indices:
    """The windows' places, (Q, K), with an entry that the window sees anyway, its first, in place of the padding."""
    met, n = places_of(layer), n_of(layer)
    first = np.take_along_axis(met, np.argmax(met < n, axis=1)[:, None], axis=1)
    return np.where(met < n, met, first)


def by_channel(a: Matrix, channels: int) -> Array:
    """Rows cut into channels: (m, channels, entries)."""
    return a.reshape(len(a), channels, -1)


def by_filter(W: Array) -> Array:
    """Filters with flat windows: (filters, channels, K)."""
    return W.reshape(*W.shape[:2], -1)
