"""Layers: shapes and parameter counts, no arithmetic.

A layer is written without its input, `Conv(32, 5, pad=2)`; the network that it stands in places it, which gives it the shape of
what comes in and checks that it fits. Shapes are (n,) for vectors, (channels, length) for signals and (channels, height, width)
for images; an image travels as one flat row, channel by channel, each row by row.
"""

from __future__ import annotations

from dataclasses import MISSING, dataclass, field, fields, replace
from functools import cached_property
from math import prod
from numbers import Real
from typing import Any, ClassVar, Literal, Self

import numpy as np

from netbp.activations import Activation, identity
from netbp.windows import NEEDS_AXES, Geometry, PerAxis, PerSide, Shape, counts, per_axis, per_side, shown, whole


@dataclass(frozen=True, repr=False)
class Layer:
    """What every layer has: the shape `input` of what comes in, () until a network has placed it.

    random: whether it draws random numbers in training steps; it is then something else, fixed, in evaluation.
    """

    input: Shape = field(default=(), kw_only=True)
    random: ClassVar[bool] = False

    def __post_init__(self) -> None:
        """Lists as tuples and NumPy's numbers as Python's, so that equal layers are equal."""
        for f in fields(self):
            object.__setattr__(self, f.name, plain(getattr(self, f.name)))

    def __repr__(self) -> str:
        """As one writes it: Conv(32, 5, pad=2)."""
        values = [(f, getattr(self, f.name)) for f in fields(self) if f.name != "input"]
        needed = [repr(value) for f, value in values if f.default is MISSING]
        changed = [f"{f.name}={value!r}" for f, value in values if f.default is not MISSING and value != f.default]
        return f"{type(self).__name__}({', '.join([*needed, *changed])})"

    def placed(self, input: Shape) -> Self:
        """The layer with inputs of this shape. Raises ValueError, naming layer and shapes, when they do not fit."""
        given = getattr(self, "activation", identity)
        if not isinstance(given, Activation):
            raise ValueError(f"{self!r} has the activation {given!r}: it must be an Activation, such as nb.relu")
        layer = replace(self, input=input)
        assert layer.output  # computed here, once, so that a layer that does not fit is found at once
        return layer

    @cached_property
    def output(self) -> Shape:
        """The shape of what goes out."""
        return self.input

    @property
    def inputs(self) -> int:
        """The number of neurons before the layer."""
        return prod(self.input)

    @property
    def outputs(self) -> int:
        """The number of neurons after the layer."""
        return prod(self.output)

    @property
    def weight_shape(self) -> Shape:
        """The shape of W, () for a layer without parameters."""
        return ()

    @property
    def weights(self) -> int:
        """The number of entries of W."""
        return prod(self.weight_shape) if self.weight_shape else 0

    @property
    def biases(self) -> int:
        """The number of entries of b."""
        return self.weight_shape[0] if self.weight_shape else 0

    @property
    def size(self) -> int:
        """The number of parameters."""
        return self.weights + self.biases

    @property
    def fans(self) -> tuple[int, int]:
        """How many inputs one output sees, and how many outputs one input reaches: for `glorot` and `he`."""
        return self.inputs, self.outputs

    @property
    def multiply_adds(self) -> int:
        """Multiplications with an addition in one forward pass of one point."""
        return 0


@dataclass(frozen=True, repr=False)
class Dense(Layer):
    """A fully connected layer, a = sigma(W a' + b), (8): W is outputs by inputs, b has `width` entries; any shape comes in."""

    width: int
    activation: Activation = identity

    def placed(self, input: Shape) -> Self:
        """See `Layer.placed`. Raises ValueError for a width that is not a whole number of at least 1."""
        whole(self.width, f"the width of Dense({self.width!r})")
        return super().placed(input)

    @cached_property
    def output(self) -> Shape:
        """(width,)."""
        return (self.width,)

    @property
    def weight_shape(self) -> Shape:
        """Outputs by inputs."""
        return (self.width, self.inputs)

    @property
    def multiply_adds(self) -> int:
        """One for each weight."""
        return self.weights


@dataclass(frozen=True, repr=False)
class Conv(Layer):
    """A convolutional layer, section 7.1: z_f = sum_c W_fc * a_c + b_f, written as a correlation, (29) and (30).

    filters: how many; window: a filter's size, along each axis; stride: the window's steps; pad: zeros around the input, a number,
    one per axis, or (before, after) per axis; activation: of its outputs. W: (filters, channels, *window), b: (filters,).
    """

    filters: int
    window: PerAxis
    stride: PerAxis = 1
    pad: PerSide = 0
    activation: Activation = identity

    @cached_property
    def output(self) -> Shape:
        """(filters, number of windows along each axis)."""
        whole(self.filters, f"the number of filters of {self!r}")
        return moved(self, self.filters)

    @property
    def weight_shape(self) -> Shape:
        """(filters, channels, *window)."""
        return (self.filters, self.input[0], *geometry(self).window)

    @property
    def fans(self) -> tuple[int, int]:
        """Channels and filters, times the window."""
        k = prod(geometry(self).window)
        return self.input[0] * k, self.filters * k

    @property
    def multiply_adds(self) -> int:
        """One for each weight at each place of the window."""
        return self.weights * prod(self.output[1:])


@dataclass(frozen=True, repr=False)
class Pool(Layer):
    """Pooling, section 7.1: the largest entry or the average in each window, channel by channel.

    Windows that reach into the padding are clipped to the input: the maximum ignores the padding, the average divides by the
    entries that are there. window, stride (None: the window's size, so that windows do not overlap), pad: as for Conv, pad
    below the window's size. kind: "max" or "average".
    """

    window: PerAxis
    stride: PerAxis | None = None
    pad: PerSide = 0
    kind: Literal["max", "average"] = "max"

    @cached_property
    def output(self) -> Shape:
        """(channels, number of windows along each axis)."""
        if self.kind not in ("max", "average"):
            raise ValueError(f'{self!r} has the kind {self.kind!r}: it can be "max" or "average"')
        window, _, pad = geometry(self)
        if any(max(sides) >= k for k, sides in zip(window, pad, strict=True)):
            raise ValueError(f"{self!r} would have windows that see only padding: pad must be below the window's size")
        return moved(self, self.input[0])


@dataclass(frozen=True, repr=False)
class Elementwise(Layer):
    """An activation as a layer of its own; in a chain the activation itself may be written."""

    activation: Activation

    def __repr__(self) -> str:
        return repr(self.activation)


@dataclass(frozen=True, repr=False)
class Flatten(Layer):
    """An image or a signal as a vector, channel by channel: no number moves."""

    @cached_property
    def output(self) -> Shape:
        """(n,)."""
        return (prod(self.input),)


@dataclass(frozen=True, repr=False)
class Dropout(Layer):
    """Dropout, section 7.2: in training steps each neuron's output is set to zero with probability `rate`.

    scaling: "training" multiplies what is kept by 1/(1 - rate) in training and does nothing in evaluation; "evaluation" keeps it
    as it is in training and multiplies by 1 - rate in evaluation, as section 7.2 describes (its factor p is a slip, see
    docs/errata.md). Either way the mean of the next layer's weighted input is the same in both modes.
    """

    rate: float
    scaling: Literal["training", "evaluation"] = "training"
    random: ClassVar[bool] = True

    def placed(self, input: Shape) -> Self:
        """See `Layer.placed`. Raises ValueError for a rate outside [0, 1) and an unknown scaling."""
        if not (_real(self.rate) and 0.0 <= self.rate < 1.0):
            raise ValueError(f"{self!r} has the rate {self.rate!r}: it is a probability, at least 0 and below 1")
        if self.scaling not in ("training", "evaluation"):
            raise ValueError(f'{self!r} has the scaling {self.scaling!r}: it can be "training" or "evaluation"')
        return super().placed(input)


@dataclass(frozen=True, repr=False)
class Flip(Layer):
    """In training steps, the images of a batch are mirrored left-right, all of them or, as often, none: one coin per batch."""

    probability: float = 0.5
    random: ClassVar[bool] = True

    def placed(self, input: Shape) -> Self:
        """See `Layer.placed`. Raises ValueError for a probability outside [0, 1] and for an input that is no signal or image."""
        if not (_real(self.probability) and 0.0 <= self.probability <= 1.0):
            raise ValueError(f"{self!r} has the probability {self.probability!r}: it must be a number from 0 to 1")
        if len(input) not in (2, 3):
            raise ValueError(f"{self!r} {NEEDS_AXES}, but gets {shown(input)}")
        return super().placed(input)


def geometry(layer: Conv | Pool) -> Geometry:
    """How the window of a placed layer moves. Raises ValueError for settings that make no sense."""
    axes = len(layer.input) - 1
    if axes not in (1, 2):
        raise ValueError(f"{layer!r} {NEEDS_AXES}, but gets {shown(layer.input)}")
    what = f"of {layer!r} on {shown(layer.input)}"
    window = per_axis(layer.window, axes, f"the window {what}")
    stride = window if isinstance(layer, Pool) and layer.stride is None else per_axis(layer.stride, axes, f"the stride {what}")
    return Geometry(window, stride, per_side(layer.pad, axes, f"pad {what}"))


def moved(layer: Conv | Pool, channels: int) -> Shape:
    """Channels, and the number of windows along each axis. Raises ValueError when not one window fits."""
    return (channels, *counts(layer.input, geometry(layer), repr(layer)))


def plain(value: Any) -> Any:
    """Tuples for lists and Python's numbers for NumPy's; anything else as it is."""
    if isinstance(value, tuple | list):
        return tuple(plain(entry) for entry in value)
    return value.item() if isinstance(value, np.number | np.bool) else value


def _real(x: Any) -> bool:
    return isinstance(x, Real) and not isinstance(x, bool)
