"""Convolution as linear algebra, section 7.1: where a window stands, and the sparse matrix that it makes, (29) and (30)."""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from netbp.chain import shape_of
from netbp.layers import Conv, geometry
from netbp.types import Array, Indices
from netbp.windows import Geometry, PerAxis, PerSide, Shape, shown

if TYPE_CHECKING:
    from scipy.sparse import csr_array


@lru_cache(maxsize=256)
def places(sizes: Shape, moves: Geometry) -> Indices:
    """Which entry of the input each entry of the window meets at each of its places: (Q, K), read-only.

    sizes: of the input, along each axis, without its channels. The Q places and the K entries of a window are counted row by row,
    and so are the n entries of the input, from 0; n itself stands for the padding.
    """
    met: Array = np.zeros((1, 1), dtype=np.int64)
    inside: Array = np.ones((1, 1), dtype=bool)
    for n, k, s, (before, after) in zip(sizes, *moves, strict=True):
        start = s * np.arange((n + before + after - k) // s + 1) - before
        along, Q, K = start[:, None] + np.arange(k), *met.shape
        met = met[:, None, :, None] * n + along[None, :, None, :]
        inside = inside[:, None, :, None] & ((along >= 0) & (along < n))[None, :, None, :]
        met, inside = met.reshape(Q * len(start), K * k), inside.reshape(Q * len(start), K * k)
    out = np.where(inside, met, prod(sizes))
    out.flags.writeable = False
    return out


def convolution_matrix(kernel: ArrayLike, input_shape: int | Shape, stride: PerAxis = 1, pad: PerSide = 0) -> csr_array[Any, Any]:
    """The sparse matrix A of a convolution, so that A @ x is what a layer `Conv` without bias gives for a flat x: (29), (30).

    kernel: (filters, channels, *window) for input_shape (channels, length) or (channels, height, width); or one filter of one
    channel, (k,) for an input of n entries, (height, width) of the window for one of (height, width). stride, pad: as for `Conv`.
    A: outputs by inputs, each counted channel by channel and row by row; every weight stands once for each place of the window.

    `convolution_matrix([1, -1], 6)` is (29), and `convolution_matrix([a, b, c, d], 10, stride=2)` is (30), which multiplies the
    padded vector; `convolution_matrix([a, b, c, d], 9, stride=2, pad=((0, 1),))` is the same without the column of the padding.
    Raises ValueError when kernel and input do not fit, or when not one window does.
    """
    from scipy.sparse import csr_array

    W = np.asarray(kernel)
    if W.dtype.kind not in "biufc" or W.size == 0:
        raise ValueError(f"the kernel must be an array of numbers, but it is {kernel!r}")
    shape = given = shape_of(input_shape)
    if W.ndim == len(shape) and W.ndim in (1, 2):  # one filter of one channel
        W, shape = W[None, None], (1, *shape)
    if W.ndim not in (3, 4) or W.ndim != len(shape) + 1 or W.shape[1] != shape[0]:
        raise ValueError(
            f"a kernel of shape {np.shape(kernel)} does not fit the input {shown(given)}: (filters, channels, *window) needs "
            "(channels, *sizes) with as many channels, and one filter without channels needs an input without channels"
        )
    layer = Conv(W.shape[0], W.shape[2:], stride, pad).placed(shape)
    met, n = places(shape[1:], geometry(layer)), prod(shape[1:])
    Q, K = met.shape
    column = np.arange(shape[0])[:, None, None] * n + met  # (channels, Q, K)
    row = np.arange(W.shape[0])[:, None] * Q + np.arange(Q)  # (filters, Q)
    full = (W.shape[0], shape[0], Q, K)
    rows, columns = np.broadcast_to(row[:, None, :, None], full), np.broadcast_to(column, full)
    values = np.broadcast_to(W.reshape(W.shape[0], shape[0], 1, K), full)
    inside = np.broadcast_to(met < n, full)
    return csr_array((values[inside], (rows[inside], columns[inside])), shape=(layer.outputs, layer.inputs))
