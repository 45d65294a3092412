"""What stands between a[l-1] and z[l] in each layer: a matrix A[l], never built, known by its products.

Every layer is z[l] = A[l] a[l-1] + b[l] and a[l] = sigma(z[l]). A[l] is W[l] in a dense layer, the sparse matrix of section 7.1
in a convolutional one, an average, a choice, a mirror or a mask in the others, which have no parameters. One point per row: a is
(m, n_(l-1)), delta is (m, n_l).
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np

from netbp.engines.masks import flips, keys, threshold, words
from netbp.engines.reference.windows import by_channel, by_filter, gathered, largest, n_of, places_of, windows
from netbp.layers import Conv, Dense, Dropout, Elementwise, Flatten, Flip, Layer, Pool
from netbp.types import Array, Indices, Matrix, Vector

KNOWN = (Dense, Conv, Pool, Elementwise, Flatten, Dropout, Flip)


class Training(NamedTuple):
    """A training step: the seed of the random layers and the step's number, from 1."""

    seed: int
    step: int


class Map(Protocol):
    """A matrix A, as its products with one vector for each point."""

    def apply(self, a: Matrix) -> Matrix:
        """A a for each point, (m, n_l)."""
        ...

    def transpose(self, delta: Matrix) -> Matrix:
        """A^T delta for each point, (m, n_(l-1))."""
        ...


class Weights(NamedTuple):
    """A dense layer: A = W."""

    W: Matrix

    def apply(self, a: Matrix) -> Matrix:
        """W a, (8)."""
        return a @ self.W.T

    def transpose(self, delta: Matrix) -> Matrix:
        """W^T delta, (23)."""
        return delta @ self.W


class Filters(NamedTuple):
    """A convolutional layer: the filters W (filters, channels, *window) at each place of the window."""

    layer: Conv
    W: Array

    def apply(self, a: Matrix) -> Matrix:
        """z_fq = sum_ck W_fck a_c,q+k: each filter against what each window sees."""
        return np.einsum("icqk,fck->ifq", windows(self.layer, a), by_filter(self.W), optimize=True).reshape(len(a), -1)

    def transpose(self, delta: Matrix) -> Matrix:
        """Each output's delta, times the filter, back to where its window stood."""
        return gathered(self.layer, np.einsum("ifq,fck->icqk", by_channel(delta, len(self.W)), by_filter(self.W), optimize=True))


class Average(NamedTuple):
    """Average pooling: the mean of the entries that a window sees, the padding not counted."""

    layer: Pool

    def apply(self, a: Matrix) -> Matrix:
        """The mean in each window."""
        return (windows(self.layer, a).sum(axis=-1) / self._seen()).reshape(len(a), -1)

    def transpose(self, delta: Matrix) -> Matrix:
        """An equal share of delta to each entry that the window saw."""
        shares = by_channel(delta, self.layer.output[0]) / self._seen()
        return gathered(self.layer, np.repeat(shares[..., None], places_of(self.layer).shape[1], axis=-1))

    def _seen(self) -> Vector:
        """How many entries each window sees, (Q,)."""
        return (places_of(self.layer) < n_of(self.layer)).sum(axis=1)


class Choice(NamedTuple):
    """Max pooling at one input: the matrix, of zeros and ones, that takes from each window its largest entry.

    n: entries of the input. chosen: (m, n_l), which entry each output is; where several are equally large, the first, row by row.
    """

    n: int
    chosen: Indices

    def apply(self, a: Matrix) -> Matrix:
        """The chosen entries."""
        return np.take_along_axis(a, self.chosen, axis=1)

    def transpose(self, delta: Matrix) -> Matrix:
        """Each delta to the entry that was chosen."""
        out = np.zeros((len(delta), self.n), dtype=delta.dtype)
        np.add.at(out, (np.arange(len(delta))[:, None], self.chosen), delta)
        return out


class Diagonal(NamedTuple):
    """A factor for each neuron and point, or one for all: dropout."""

    factor: Array | float

    def apply(self, a: Matrix) -> Matrix:
        """Neuron by neuron."""
        return a * self.factor

    def transpose(self, delta: Matrix) -> Matrix:
        """A diagonal matrix is its own transpose."""
        return delta * self.factor


class Mirror(NamedTuple):
    """Left and right exchanged."""

    layer: Flip

    def apply(self, a: Matrix) -> Matrix:
        """The last axis backwards."""
        return np.ascontiguousarray(a.reshape(len(a), *self.layer.input)[..., ::-1]).reshape(len(a), -1)

    def transpose(self, delta: Matrix) -> Matrix:
        """A mirror is its own transpose."""
        return self.apply(delta)


class Identity(NamedTuple):
    """Nothing happens: an activation by itself, an image as a vector."""

    def apply(self, a: Matrix) -> Matrix:
        """The input itself."""
        return a

    def transpose(self, delta: Matrix) -> Matrix:
        """The same."""
        return delta


class Zero(NamedTuple):
    """The zero matrix: how A[l] changes with p in a layer without parameters."""

    n: int
    outputs: int

    def apply(self, a: Matrix) -> Matrix:
        """Zeros."""
        return np.zeros((len(a), self.outputs))

    def transpose(self, delta: Matrix) -> Matrix:
        """Zeros."""
        return np.zeros((len(delta), self.n))


def map_of(layer: Layer, l: int, W: Array | None, a: Matrix, training: Training | None) -> Map:
    """A[l] of layer l = 2, ..., L at its input a: in a training step, or in evaluation."""
    match layer:
        case Dense() | Conv():
            assert W is not None
            return weighted_map(layer, W)
        case Pool(kind="average"):
            return Average(layer)
        case Pool():
            return Choice(layer.inputs, largest(layer, a))
        case Dropout():
            return Diagonal(dropout_factor(layer, l, len(a), training))
        case Flip():
            return Mirror(layer) if training and flips(*training, l, layer.probability) else Identity()
    return Identity()


def weighted_map(layer: Layer, W: Array) -> Map:
    """A[l] of a layer with weights."""
    return Filters(layer, W) if isinstance(layer, Conv) else Weights(W)


def outer_products(layer: Layer, delta: Matrix, a: Matrix) -> Array:
    """The sum over the points of delta a^T, (25), shaped like W; in a convolutional layer also over the places of the window."""
    if isinstance(layer, Conv):
        return np.einsum("ifq,icqk->fck", by_channel(delta, layer.filters), windows(layer, a), optimize=True).reshape(
            layer.weight_shape
        )
    return delta.T @ a


def outer_product_of_each(layer: Layer, delta: Matrix, a: Matrix) -> Array:
    """The same for each point, not summed: (m, *shape of W)."""
    if isinstance(layer, Conv):
        one_by_one = np.einsum("ifq,icqk->ifck", by_channel(delta, layer.filters), windows(layer, a), optimize=True)
        return one_by_one.reshape(len(a), *layer.weight_shape)
    return delta[:, :, None] * a[:, None, :]


def bias_of(layer: Layer, b: Vector) -> Vector:
    """What is added to z, (n_l,): in a convolutional layer each filter's entry of b, at every place of the window."""
    return np.repeat(b, layer.outputs // layer.biases)


def bias_slopes(layer: Layer, delta: Matrix) -> Matrix:
    """The derivative by b for each point, (m, size of b): delta, (24), summed over the places of the window."""
    return delta if isinstance(layer, Dense) else by_channel(delta, layer.biases).sum(axis=-1)


def dropout_factor(layer: Dropout, l: int, m: int, training: Training | None) -> Array | float:
    """What dropout multiplies with, (m, n_l) in a training step: 0 for a neuron that is deleted; one number in evaluation."""
    keep = 1.0 - layer.rate
    if training is None:
        return keep if layer.scaling == "evaluation" else 1.0
    index = np.arange(m, dtype=np.int64)[:, None] * layer.outputs + np.arange(layer.outputs)
    deleted = words(index, *keys(*training, l)) < threshold(layer.rate)
    return np.where(deleted, 0.0, 1.0 if layer.scaling == "evaluation" else 1.0 / keep)
