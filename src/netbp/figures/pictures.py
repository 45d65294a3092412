"""Pictures from an image network: misclassified images (figure 15), the first layer's filters, an image's feature maps."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, sqrt
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from netbp.figures.style import INK, letters
from netbp.types import Array

BRIGHT = 0.99
"""The quantile of feature maps from which on they are white: a few large values would leave the rest in the dark."""


def draw_misclassified(axes: Any, images: ArrayLike, predicted: ArrayLike, true: ArrayLike, classes: Sequence[str]) -> None:
    """Images with the predicted class, and the right one in parentheses: figure 15.

    axes: an array of axes; those without an image stay empty. images: (n, H, W, C) of whole numbers 0 to 255, or of shares from 0
    to 1. predicted, true: (n,), numbers of classes. Raises ValueError when the numbers of these differ, or for too few axes.
    """
    places, shown = list(np.asarray(axes, dtype=object).reshape(-1)), np.asarray(images)
    said, was = np.asarray(predicted), np.asarray(true)
    if not len(shown) == len(said) == len(was) or len(shown) > len(places):
        raise ValueError(
            f"{len(shown)} images need as many predicted and true classes and at least as many axes, but there are "
            f"{len(said)}, {len(was)} and {len(places)}"
        )
    for ax in places:
        ax.set_axis_off()
    for ax, picture, i, j in zip(places, shown, said, was, strict=False):
        show(ax, picture)
        ax.set_title(f"{classes[i]}\n({classes[j]})", fontsize=letters(12), pad=3, linespacing=1.1)


def show(ax: Any, picture: Array, **how: Any) -> None:
    """One picture (H, W, C), its pixels as squares; grey for one channel."""
    flat = picture[..., 0] if picture.shape[-1] == 1 else picture
    limits = {"vmin": 0, "vmax": 255 if flat.dtype.kind in "iu" else 1.0} if flat.ndim == 2 else {}
    ax.imshow(flat, interpolation="nearest", **({"cmap": "gray"} | limits | how))


def draw_filters(ax: Any, filters: ArrayLike, whitened: bool = False) -> None:
    """The filters of a first layer, each scaled by its largest weight: mid-grey is 0, brighter is positive.

    filters: (F, C, h, w); with three channels they are shown in colour, otherwise channel by channel. whitened: whether the
    network sees whitened images, which the label then says: colours are then those of whitened images, not of what one sees.
    Raises ValueError for another shape.
    """
    W = np.asarray(filters, dtype=float)
    if W.ndim != 4:
        raise ValueError(f"filters are drawn from an array (filters, channels, height, width), but its shape is {W.shape}")
    if W.shape[1] != 3:
        W = W.reshape(-1, 1, *W.shape[2:])
    largest = np.abs(W).max(axis=(1, 2, 3), keepdims=True)
    pictures = 0.5 + 0.5 * W / np.where(largest > 0.0, largest, 1.0)
    show(ax, mosaic(pictures.transpose(0, 2, 3, 1)))
    ax.set_axis_off()
    title = f"{len(W)} filters, {W.shape[2]} × {W.shape[3]}" + (" × 3" if W.shape[1] == 3 else "")
    ax.set_title(title + ("\nfor whitened images: colours are those of whitened space" if whitened else ""), fontsize=letters(14))


def mosaic(pictures: Array, gap: int = 1) -> Array:
    """Pictures (n, H, W, C) with shares from 0 to 1 as one, nearly square, with white gaps, (H', W', C)."""
    n, H, W, C = pictures.shape
    columns = ceil(sqrt(n * H / W))
    columns = min((k for k in range(columns, min(n, 2 * columns) + 1)), key=lambda k: (-n % k, k))
    rows = ceil(n / columns)
    out = np.ones((rows * (H + gap) - gap, columns * (W + gap) - gap, C))
    for k, picture in enumerate(pictures):
        i, j = divmod(k, columns)
        out[i * (H + gap) : i * (H + gap) + H, j * (W + gap) : j * (W + gap) + W] = picture
    return out


def draw_feature_maps(
    axes: Sequence[Any], image: ArrayLike, maps: Sequence[tuple[str, ArrayLike]], classes: Sequence[str] = ()
) -> None:
    """An image, and what the layers of a network make of it: one panel for the image and one for each stage.

    image: (H, W, C), as it is seen. maps: (title, array) for each stage, the array (F, h, w) for feature maps or (n,) for a
    vector, which is drawn as bars, with these names if there are as many. In a panel all maps share one scale, from black for its
    least value to white, which the largest hundredth of the values has. Raises ValueError for another number of axes.
    """
    if len(axes) != len(maps) + 1:
        raise ValueError(f"an image and {len(maps)} stages need {len(maps) + 1} axes, but there are {len(axes)}")
    show(axes[0], np.asarray(image))
    axes[0].set_axis_off()
    axes[0].set_title("the image", fontsize=letters(13))
    for ax, (title, values) in zip(axes[1:], maps, strict=True):
        a = np.asarray(values, dtype=float)
        ax.set_title(title, fontsize=letters(13))
        if a.ndim == 1 or a[0].size == 1:
            draw_bars(ax, a.reshape(-1), classes)
            continue
        low, high = black_and_white(a)
        show(ax, mosaic(np.clip((a - low)[..., None] / ((high - low) or 1.0), 0.0, 1.0)))
        ax.set_axis_off()


def black_and_white(maps: ArrayLike) -> tuple[float, float]:
    """The values of feature maps that are shown black and white: the least, and that of the largest hundredth."""
    a = np.asarray(maps, dtype=float)
    return float(a.min()), float(np.quantile(a, BRIGHT)) or float(a.max())


def draw_bars(ax: Any, values: Array, names: Sequence[str] = ()) -> None:
    """A vector as bars; lying, with these names, if there are as many."""
    ax.tick_params(labelsize=letters(10))
    if len(names) == len(values) <= 30:
        ax.barh(np.arange(len(values)), values, height=0.85, color=INK)
        ax.set_yticks(np.arange(len(values)), names, fontsize=letters(11))
        ax.axvline(0.0, color=INK, linewidth=0.8)
        ax.invert_yaxis()
        ax.set_box_aspect(1)
        ax.set_xlabel("value", fontsize=letters(12))
        return
    ax.bar(np.arange(1, len(values) + 1), values, width=0.85, color=INK)
    ax.set(xlim=(0.3, len(values) + 0.7), box_aspect=1)
    ax.set_xlabel("neuron", fontsize=letters(12))
    ax.set_ylabel("value", fontsize=letters(12), labelpad=2)
    ax.axhline(0.0, color=INK, linewidth=0.8)
    ax.xaxis.get_major_locator().set_params(integer=True)
