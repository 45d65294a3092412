"""Network: a frozen chain of layers that gives one flat vector p its shape, (7) and (8)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import sqrt
from typing import Any

import numpy as np

from netbp.activations import Activation, sigmoid
from netbp.layers import Dense
from netbp.types import Array, Vector

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

    The flat vector p, (s,), holds W[2](:), ..., W[L](:), each column by column, then b[2], ..., b[L].
    """

    layers: tuple[Dense, ...]

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
        return cls(tuple(Dense(m, n, sigma) for m, n, sigma in chain))

    @property
    def sizes(self) -> tuple[int, ...]:
        """(n_1, ..., n_L)."""
        return (self.layers[0].inputs, *(layer.outputs for layer in self.layers))

    @property
    def activations(self) -> tuple[Activation, ...]:
        """The activations of layers 2, ..., L."""
        return tuple(layer.activation for layer in self.layers)

    @cached_property
    def size(self) -> int:
        """The number of parameters s."""
        return sum(layer.size for layer in self.layers)

    @cached_property
    def slices(self) -> tuple[tuple[slice, slice], ...]:
        """Where the weights and the biases of layers 2, ..., L lie in p."""
        w, b, out = 0, sum(layer.weights for layer in self.layers), []
        for layer in self.layers:
            out.append((slice(w, w + layer.weights), slice(b, b + layer.biases)))
            w, b = w + layer.weights, b + layer.biases
        return tuple(out)

    def views(self, p: Array) -> list[tuple[Array, Array]]:
        """The pairs (W[l], b[l]), l = 2, ..., L, as views of p, not copies.

        p: (s,), giving W (n_l, n_(l-1)) and b (n_l,); or (M, s) for M networks, giving W (M, n_l, n_(l-1)) and b (M, n_l).
        Raises ValueError when p has another length.
        """
        p = np.asarray(p)
        if p.ndim < 1 or p.shape[-1] != self.size:
            raise ValueError(f"{self!r} has {self.size} parameters, but p has shape {p.shape}: the last axis must be {self.size}")
        pairs = []
        for layer, (w, b) in zip(self.layers, self.slices, strict=True):
            W = p[..., w].reshape(*p.shape[:-1], layer.inputs, layer.outputs)  # column by column: the transpose, row by row
            pairs.append((W.swapaxes(-1, -2), p[..., b]))
        return pairs

    def draw(self, rng: Any, scale: float | Callable[[int, int], float] = 0.5) -> Vector:
        """A random start p, (s,): `size` standard normal numbers in p's order, scaled.

        rng: a numpy.random.Generator, a MatlabRandom, or a seed. scale: a number for weights and biases alike (0.5 in
        Listing 6.1), or a function of a layer's inputs and outputs that gives the weights' standard deviation, biases
        starting at 0: `glorot` or `he`.
        """
        if isinstance(rng, int | np.integer):
            rng = np.random.default_rng(rng)
        p: Vector = rng.standard_normal(self.size)
        if not callable(scale):
            return scale * p
        for layer, (w, b) in zip(self.layers, self.slices, strict=True):
            p[w] *= scale(layer.inputs, layer.outputs)
            p[b] = 0.0
        return p

    def spread(self, weights: float | Sequence[float], biases: float | Sequence[float]) -> Vector:
        """A vector like p, (s,), with one value for all weights of a layer and one for all its biases.

        weights, biases: one number, or L - 1 numbers for layers 2, ..., L. Raises ValueError for another count.
        """
        out = np.empty(self.size)
        per_layer = []
        for name, given in (("weights", weights), ("biases", biases)):
            values = np.atleast_1d(np.asarray(given, dtype=float))
            if values.shape not in ((1,), (len(self.layers),)):
                raise ValueError(f"{name} needs 1 or {len(self.layers)} values for {self!r}, but got {values.shape}")
            per_layer.append(np.broadcast_to(values, len(self.layers)))
        for (w, b), weight, bias in zip(self.slices, *per_layer, strict=True):
            out[w], out[b] = weight, bias
        return out

    def __repr__(self) -> str:
        names = [sigma.name for sigma in self.activations]
        shown = names[0] if len(set(names)) == 1 else f"({', '.join(names)})" if len(names) <= 8 else "(...)"
        return f"Network.dense({_shortened(self.sizes)}, activation={shown})"


def _shortened(sizes: Sequence[int]) -> str:
    shown = [str(n) for n in sizes]
    return ", ".join(shown if len(shown) <= 12 else [*shown[:5], "...", *shown[-2:]])
