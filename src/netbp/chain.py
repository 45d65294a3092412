"""Layers one behind the other: each is placed behind the shape that the one before it gives."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral
from typing import Any

from netbp.activations import Activation
from netbp.layers import Elementwise, Layer, plain
from netbp.windows import Shape, is_count


def chained(input: Shape, layers: tuple[Layer | Activation, ...], named: Callable[[int], str]) -> tuple[Layer, ...]:
    """The layers placed one after the other behind an input of this shape; an activation becomes a layer.

    named: how error messages call layer l, from its place in the chain.
    """
    out: list[Layer] = []
    for l, layer in enumerate(layers):
        given: Any = Elementwise(layer) if isinstance(layer, Activation) else layer
        if not isinstance(given, Layer):
            raise ValueError(
                f"{named(l)} is {layer!r}, which is no layer: give Dense, Conv, Pool, Dropout, Flatten or an activation"
            )
        try:
            placed = given.placed(input)
        except ValueError as error:
            raise ValueError(f"{named(l)}: {error}") from None
        out.append(placed)
        input = placed.output
    return tuple(out)


def shape_of(input: Any) -> Shape:
    """The shape (n,), (channels, length) or (channels, height, width) that a network is given. Raises ValueError for another."""
    shape = plain((input,) if isinstance(input, Integral) else input)
    if not isinstance(shape, tuple) or not 1 <= len(shape) <= 3 or not all(is_count(n) for n in shape):
        raise ValueError(
            f"the input must be n, (channels, length) or (channels, height, width), whole numbers of at least 1: it is {input!r}"
        )
    return shape
