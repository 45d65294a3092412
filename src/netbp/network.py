"""Network: a frozen chain of layers that gives one flat vector p its shape, (7) and (8)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import sqrt
from typing import Any

import numpy as np

from netbp.activations import Activation, identity, sigmoid
from netbp.chain import chained, shape_of
from netbp.layers import Dense, Layer
from netbp.layertable import LayerTable, table_of
from netbp.types import Array, Vector
from netbp.windows import Shape, shown

LARGEST = 10**9
"""The most parameters a network may have: 8 GB in double precision."""


def glorot(inputs: int, outputs: int) -> float:
    """The weights' standard deviation sqrt(2/(inputs + outputs)) (Glorot & Bengio, AISTATS 2010); biases start at 0."""
    return sqrt(2.0 / (inputs + outputs))


def he(inputs: int, outputs: int) -> float:
    """The weights' standard deviation sqrt(2/inputs), for ReLU (He et al., ICCV 2015); biases start at 0."""
    return sqrt(2.0 / inputs)


@dataclass(frozen=True)
class Network:
    """A chain of layers l = 2, ..., L; layer 1 is the input, (7).

    The flat vector p, (s,), holds W[2](:), ..., W[L](:), then b[2], ..., b[L], of the layers that have parameters. The W of a
    dense layer lies column by column, the filters of a convolutional layer one after the other, each channel by channel and
    row by row.
    """

    layers: tuple[Layer, ...]

    @classmethod
    def chain(cls, input: int | Shape, *layers: Layer | Activation) -> Network:
        """A network of any layers: `Network.chain((3, 32, 32), Conv(32, 5, pad=2), Pool(2), relu, Dense(10))`.

        input: the shape of what comes in, n, (channels, length) or (channels, height, width). Raises ValueError, naming the
        layer, what it got and what it needs, when a layer does not fit behind the one before, and without a layer.
        """
        shape = shape_of(input)
        if not layers:
            raise ValueError(f"a network needs at least one layer behind its input {shown(shape)}")
        placed = chained(shape, layers, lambda l: f"layer {l + 2} of {len(layers) + 1}")
        network = cls(placed)
        if network.size > LARGEST:
            raise ValueError(f"{network.title} has {network.size:,} parameters, above the limit of {LARGEST:,}")
        return network

    @classmethod
    def dense(cls, *sizes: int, activation: Activation | Sequence[Activation] = sigmoid) -> Network:
        """A network of fully connected layers with n_1, ..., n_L neurons.

        activation: one for all layers 2, ..., L, or L - 1 of them. Raises ValueError for fewer than two layers, a width
        below 1, a wrong number of activations, or more than 10^9 parameters.
        """
        if len(sizes) == 1 and not isinstance(sizes[0], int | np.integer):
            raise ValueError(f"Network.dense takes the widths one by one, as in Network.dense(2, 2, 3, 2), not {sizes[0]!r}")
        if len(sizes) < 2:
            raise ValueError(f"a network needs at least an input and an output layer, but got widths {sizes}")
        for l, n in enumerate(sizes, start=1):
            if not isinstance(n, int | np.integer) or isinstance(n, bool) or n < 1:
                raise ValueError(f"layer {l} of widths {sizes} has {n!r} neurons: each layer needs a whole number, at least 1")
        widths = [int(n) for n in sizes]
        parameters = sum((m + 1) * n for m, n in zip(widths, widths[1:], strict=False))
        if parameters > LARGEST:
            raise ValueError(f"widths {_shortened(widths)} make {parameters:,} parameters, above the limit of {LARGEST:,}")
        activations = [activation] * (len(widths) - 1) if isinstance(activation, Activation) else list(activation)
        if len(activations) != len(widths) - 1:
            raise ValueError(f"{len(widths)} layers need 1 or {len(widths) - 1} activations, but got {len(activations)}")
        chain = zip(widths, widths[1:], activations, strict=False)
        return cls(tuple(Dense(n, sigma, input=(m,)) for m, n, sigma in chain))

    @property
    def input(self) -> Shape:
        """The shape of what comes in."""
        return self.layers[0].input

    @property
    def sizes(self) -> tuple[int, ...]:
        """(n_1, ..., n_L), the number of neurons in each layer."""
        return (self.layers[0].inputs, *(layer.outputs for layer in self.layers))

    @cached_property
    def is_dense(self) -> bool:
        """Whether all layers are fully connected, as in sections 2 to 6, and the input is a vector."""
        return all(isinstance(layer, Dense) for layer in self.layers) and len(self.input) == 1

    @cached_property
    def random(self) -> bool:
        """Whether a layer draws random numbers in training steps (Dropout, Flip)."""
        return any(layer.random for layer in self.layers)

    @property
    def activations(self) -> tuple[Activation, ...]:
        """The activations of layers 2, ..., L; the identity where a layer has none."""
        return tuple(getattr(layer, "activation", identity) for layer in self.layers)

    @cached_property
    def weighted(self) -> tuple[Layer, ...]:
        """The layers that have parameters: all of a dense network."""
        return tuple(layer for layer in self.layers if layer.size)

    @cached_property
    def size(self) -> int:
        """The number of parameters s."""
        return sum(layer.size for layer in self.layers)

    @cached_property
    def slices(self) -> tuple[tuple[slice, slice], ...]:
        """Where the weights and the biases of each layer of `weighted` lie in p."""
        w, b, out = 0, sum(layer.weights for layer in self.layers), []
        for layer in self.weighted:
            out.append((slice(w, w + layer.weights), slice(b, b + layer.biases)))
            w, b = w + layer.weights, b + layer.biases
        return tuple(out)

    def views(self, p: Array) -> list[tuple[Array, Array]]:
        """The pairs (W[l], b[l]) of the layers that have parameters, as views of p, not copies.

        p: (s,), giving for a dense layer W (n_l, n_(l-1)) and b (n_l,), for a convolutional one W (filters, channels, *window)
        and b (filters,); or (M, s) for M networks, giving (M, ...) for each. Raises ValueError when p has another length.
        """
        p = np.asarray(p)
        if p.ndim < 1 or p.shape[-1] != self.size:
            raise ValueError(
                f"{self.title} has {self.size} parameters, but p has shape {p.shape}: the last axis must be {self.size}"
            )
        pairs = []
        for layer, (w, b) in zip(self.weighted, self.slices, strict=True):
            if isinstance(layer, Dense):  # column by column: the transpose, row by row
                W = p[..., w].reshape(*p.shape[:-1], layer.inputs, layer.outputs).swapaxes(-1, -2)
            else:
                W = p[..., w].reshape(*p.shape[:-1], *layer.weight_shape)
            pairs.append((W, p[..., b]))
        return pairs

    def draw(self, rng: Any, scale: float | Sequence[float] | Callable[[int, int], float] = 0.5) -> Vector:
        """A random start p, (s,): `size` standard normal numbers in p's order, scaled.

        rng: a numpy.random.Generator, a MatlabRandom, or a seed. scale: a number for weights and biases alike (0.5 in
        Listing 6.1); the weights' standard deviation, one for each layer that has any, biases starting at 0; or a function that
        gives it from how many inputs an output sees and how many outputs an input reaches: `glorot` or `he`. Raises ValueError
        for a wrong number of standard deviations.
        """
        if isinstance(rng, int | np.integer):
            rng = np.random.default_rng(rng)
        p: Vector = rng.standard_normal(self.size)
        if not callable(scale) and np.ndim(scale) == 0:
            return scale * p
        deviations = [scale(*layer.fans) for layer in self.weighted] if callable(scale) else list(scale)  # type: ignore[arg-type]
        if len(deviations) != len(self.weighted):
            raise ValueError(f"{self.title} has {len(self.weighted)} layers with weights, but scale has {len(deviations)} numbers")
        for deviation, (w, b) in zip(deviations, self.slices, strict=True):
            p[w] *= deviation
            p[b] = 0.0
        return p

    def spread(self, weights: float | Sequence[float], biases: float | Sequence[float]) -> Vector:
        """A vector like p, (s,), with one value for all weights of a layer and one for all its biases.

        weights, biases: one number, or one for each layer that has parameters. Raises ValueError for another count.
        """
        out = np.empty(self.size)
        per_layer = []
        for name, given in (("weights", weights), ("biases", biases)):
            values = np.atleast_1d(np.asarray(given, dtype=float))
            if values.shape not in ((1,), (len(self.weighted),)):
                raise ValueError(f"{name} needs 1 or {len(self.weighted)} values for {self.title}, but got {values.shape}")
            per_layer.append(np.broadcast_to(values, len(self.weighted)))
        for (w, b), weight, bias in zip(self.slices, *per_layer, strict=True):
            out[w], out[b] = weight, bias
        return out

    @property
    def title(self) -> str:
        """The network in one line, for messages."""
        if not self.is_dense:
            parts = [repr(self.input if len(self.input) > 1 else self.input[0]), *(repr(layer) for layer in self.layers)]
            return f"Network.chain({', '.join(parts if len(parts) <= 24 else [*parts[:10], '...', parts[-1]])})"
        names = [sigma.name for sigma in self.activations]
        given = names[0] if len(set(names)) == 1 else f"({', '.join(names)})" if len(names) <= 8 else "(...)"
        return f"Network.dense({_shortened(self.sizes)}, activation={given})"

    def table(self) -> LayerTable:
        """All layers with their sizes, parameters, multiply-adds, what their neurons see of the input, and memory; printable."""
        return table_of(self.input, self.layers)

    def __repr__(self) -> str:
        """The title; of a network that is not dense also the table of its layers."""
        return self.title if self.is_dense else f"{self.title}\n{self.table()}"


def _shortened(sizes: Sequence[int]) -> str:
    shown = [str(n) for n in sizes]
    return ", ".join(shown if len(shown) <= 12 else [*shown[:5], "...", *shown[-2:]])
