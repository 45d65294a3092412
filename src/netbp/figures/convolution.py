"""Convolution as linear algebra (section 7.1): the sparse matrix and its spectrum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from netbp.convolution import convolution_matrix
from netbp.figures.style import BLUE, INK, RED, letters
from netbp.types import Array, Vector
from netbp.windows import PerAxis, PerSide, Shape

LETTERED = 12
"""The most columns of a matrix whose entries are written into it."""


def draw_convolution_matrix(
    axes: Sequence[Any], kernel: ArrayLike, input_shape: int | Shape, stride: PerAxis = 1, pad: PerSide = 0
) -> None:
    """The matrix of a convolution on the first of two axes, its singular values on the second.

    kernel, input_shape, stride, pad: as `nb.convolution_matrix` takes them. For one filter of one channel with stride 1 there is
    also |symbol|, the modulus of the filter's Fourier series at evenly spaced frequencies, in descending order: the singular
    values of such matrices are distributed like it (Avram and Parter's theorem), and those of (29) lie on it. Raises ValueError as
    `nb.convolution_matrix` does.
    """
    left, right = axes
    A = convolution_matrix(kernel, input_shape, stride, pad).toarray()
    draw_matrix(left, A)
    values = np.linalg.svd(A, compute_uv=False)
    n = len(values)
    W = np.asarray(kernel, dtype=float)
    if W.ndim == len(np.atleast_1d(input_shape)) and np.all(np.asarray(stride) == 1):
        symbol = sampled_symbol(W, np.atleast_1d(input_shape))
        at = 0.5 + n * (np.arange(len(symbol)) + 0.5) / len(symbol)  # as many values as there are, spread over the same axis
        right.plot(at, symbol, color=RED, linewidth=2.0, label="|symbol|, sorted")
    marks = {"markerfacecolor": "white", "markersize": 6.5, "markeredgewidth": 1.6}
    right.plot(np.arange(1, n + 1), values, "o", color=BLUE, label="singular values", **marks)
    rank = np.count_nonzero(values > max(A.shape) * np.finfo(float).eps * values[0])
    right.set(xlabel="number k", ylabel="singular value", xlim=(0.0, n + 1.0), ylim=(0.0, 1.2 * float(values[0]) or 1.0))
    right.set_title(f"rank {rank:,} of {n:,}", fontsize=letters(14))
    right.xaxis.get_major_locator().set_params(integer=True)
    right.grid(True, color=INK, alpha=0.15, linewidth=0.8)
    right.legend(loc="upper right", handlelength=1.4)


def sampled_symbol(kernel: Array, sizes: ArrayLike) -> Vector:
    """|sum_j kernel_j exp(i j theta)| at evenly spaced frequencies in (0, pi) along each axis, in descending order.

    Along an axis of n entries there are n - 1 frequencies k pi/n; in two dimensions the second runs through (-pi, pi), since the
    modulus is even only in both together.
    """
    total: Array = np.asarray(kernel, dtype=complex)
    for axis, n in enumerate(np.atleast_1d(np.asarray(sizes))):
        k = np.arange(1, n) if axis == 0 else np.arange(-n + 1, n)
        wave = np.exp(1j * np.outer(k * np.pi / n, np.arange(kernel.shape[axis])))
        total = np.moveaxis(np.tensordot(wave, total, axes=(1, axis)), 0, axis)
    return np.sort(np.abs(total).reshape(-1))[::-1]


def draw_matrix(ax: Any, A: Array) -> None:
    """A matrix: its entries as tints, red for positive and blue for negative, zeros white; written out where it is small."""
    from matplotlib.colors import LinearSegmentedColormap

    limit = float(np.abs(A).max()) or 1.0
    scale = LinearSegmentedColormap.from_list("netbp", [BLUE, "white", RED])
    m, n = A.shape
    limit *= 1.6 if n <= LETTERED else 0.7  # paler behind letters, stronger where an entry is a dot
    ax.imshow(A, cmap=scale, vmin=-limit, vmax=limit, interpolation="nearest", extent=(0.5, n + 0.5, m + 0.5, 0.5))
    if n <= LETTERED:
        for (i, j), value in np.ndenumerate(A):
            if value:
                text = f"{value:.3g}".replace("-", "−")
                ax.text(j + 1, i + 1, text, ha="center", va="center", fontsize=letters(min(15, 130 / n)))
        ax.set(xticks=np.arange(1, n + 1), yticks=np.arange(1, m + 1))
    ax.tick_params(length=0, labelsize=letters(12))
    ax.set_title(f"{m:,} × {n:,}, {np.count_nonzero(A) / A.size:.0%} not 0", fontsize=letters(14))
    ax.set(xlabel="input", ylabel="output")
