"""The symmetries of a dense network: the ways to change p that change no output, and one chosen p in each class.

In a hidden layer with z = W x + b and a = sigma(z), whose outputs enter the next layer by V a + c,

    neurons may change places:               rows of (W, b) and columns of V, permuted alike;
    sigma(-z) = -sigma(z) (tanh):            w -> -w, b -> -b, v -> -v for one neuron;
    sigma(-z) = 1 - sigma(z) (logistic):     the same, and c -> c + v, since v a = v - v (1 - a);
    sigma(t z) = t sigma(z), t > 0 (ReLU):   w -> t w, b -> t b, v -> v/t.

The first three make a finite group of prod_l n_l! 2^(n_l) elements, 2! 3! 2^5 = 384 for the paper's 2-2-3-2 (Sussmann, Neural
Networks 5, 1992; Chen, Lu & Hecht-Nielsen, Neural Computation 5, 1993). The penalty of (33) has no biases in it and is not changed
by them either, but it is by the last.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations, product
from math import factorial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from netbp.activations import Activation, identity, leaky_relu, relu, sigmoid, tanh
from netbp.frames import Library, fields_of, frame
from netbp.network import Network
from netbp.plain import plain
from netbp.types import Array, Indices, Matrix, Vector

ODD, COMPLEMENT, HOMOGENEOUS = (tanh, identity), (sigmoid,), (relu, leaky_relu, identity)
LARGEST = 50_000
"""Elements up to which a group is gone through one by one."""


class LayerSymmetry(NamedTuple):
    """What may be done to hidden layer l. neurons: n_l. flips: "odd", "complement" or None. scales: whether t > 0 is free."""

    layer: int
    neurons: int
    flips: str | None
    scales: bool

    @property
    def order(self) -> int:
        """The number of permutations with flips."""
        return int(factorial(self.neurons) * (2**self.neurons if self.flips else 1))


class Symmetries(NamedTuple):
    """The symmetries of a network, hidden layer by hidden layer."""

    layers: tuple[LayerSymmetry, ...]

    @property
    def order(self) -> int:
        """The number of elements of the finite group: the copies of a p in general position."""
        out = 1
        for layer in self.layers:
            out *= layer.order
        return out

    def frame(self, library: Library = "pandas") -> Any:
        """One row for each hidden layer: the columns of `LayerSymmetry`, and order, of its permutations with flips."""
        return frame(fields_of(self.layers, (*LayerSymmetry._fields, "order")), library)

    def __str__(self) -> str:
        words = [
            f"layer {at.layer}: {at.neurons}!" + (f" 2^{at.neurons}" if at.flips else "") + (", scaling" if at.scales else "")
            for at in self.layers
        ]
        return f"{self.order:,} copies of each p" + (f" ({'; '.join(words)})" if words else "")


def symmetries(network: Network) -> Symmetries:
    """The symmetries of a dense network. Raises ValueError for another.

    Activations other than netbp's sigmoid, tanh, relu, leaky_relu and identity count as having none but permutations.
    """
    if not getattr(network, "is_dense", False):
        raise ValueError(f"symmetries are known for dense networks, but this is {network.title}: use Network.dense(...)")
    hidden = enumerate(zip(network.sizes[1:-1], network.activations[:-1], strict=True), start=2)
    return Symmetries(tuple(LayerSymmetry(l, n, _flips(sigma), sigma in HOMOGENEOUS) for l, (n, sigma) in hidden))


def _flips(sigma: Activation) -> str | None:
    return "odd" if sigma in ODD else "complement" if sigma in COMPLEMENT else None


def acted(
    network: Network, p: ArrayLike, layer: int, order: ArrayLike | None = None, signs: ArrayLike | None = None, scale: Any = None
) -> Array:
    """P after one element of the group acts on hidden layer `layer`: signs and scales first, then neuron j is what was order[j].

    p: (..., s). order, signs, scale: (..., n_l) or (n_l,); None leaves all as it is. Raises ValueError for a layer that is not
    hidden, and for signs or scales that the activation does not allow.
    """
    found = {at.layer: at for at in symmetries(network).layers}
    if layer not in found:
        raise ValueError(f"layer {layer!r} is not a hidden layer of {network.title}: those are {', '.join(map(str, found))}")
    at, q = found[layer], plain(p, "p", along="entry").copy()
    views = network.views(q)
    (W, b), (V, c) = views[layer - 2], views[layer - 1]
    if signs is not None and (np.asarray(signs) != 1).any():
        t = np.asarray(signs, dtype=float)
        if at.flips is None or (np.abs(t) != 1).any():
            raise ValueError(f"the activation of layer {layer} allows no flip by signs {signs!r}")
        if at.flips == "complement":
            c += (V * (t < 0)[..., None, :]).sum(axis=-1)
        _multiply(W, b, V, t, t)
    if scale is not None:
        t = np.asarray(scale, dtype=float)
        if not at.scales or not (t > 0).all():
            raise ValueError(f"the activation of layer {layer} allows no scaling by {scale!r}")
        _multiply(W, b, V, t, 1.0 / t)
    if order is not None:
        o = np.broadcast_to(np.asarray(order, dtype=np.int64), b.shape)
        W[...] = np.take_along_axis(W, o[..., :, None], axis=-2)
        b[...] = np.take_along_axis(b, o, axis=-1)
        V[...] = np.take_along_axis(V, o[..., None, :], axis=-1)
    return q


def _multiply(W: Array, b: Array, V: Array, into: Array, out: Array) -> None:
    W *= into[..., :, None]
    b *= into
    V *= out[..., None, :]


def canonical(network: Network, p: ArrayLike, scaling: bool = True) -> Array:
    """One p for all that the symmetries make of it, with the same outputs. p: (s,), or (M, s) for each row by itself.

    From layer to layer, a neuron's numbers (w, b) are multiplied with a fixed vector of no special direction, u. The product is
    made positive by a flip, and neurons stand in its descending order; where the activation scales, (w, b) gets the norm 1.
    Two images of one p give the same up to rounding, unless a product is 0 or two are equal within it. scaling: whether to take
    the scaling too, which is no symmetry of (33). Of the identity's symmetries, all invertible matrices, it knows the diagonal
    ones and the permutations. Raises ValueError unless the network is dense.
    """
    q = plain(p, "p", along="entry").copy()
    for at in symmetries(network).layers:
        key = _keys(network, q, at.layer)
        rows, (W, b) = np.ones_like(key), network.views(q)[at.layer - 2]
        if at.scales and scaling:
            norms = np.sqrt((W * W).sum(axis=-1) + b * b)
            rows = 1.0 / np.where(norms > 0.0, norms, 1.0)
        signs = np.where(key < 0.0, -1.0, 1.0) if at.flips else None
        height = np.abs(key) if at.flips else key
        order = np.argsort(-height * rows, axis=-1, kind="stable")
        q = acted(network, q, at.layer, order, signs, rows if at.scales and scaling else None)
    return q


def _keys(network: Network, p: Array, layer: int) -> Array:
    W, b = network.views(p)[layer - 2]
    u = np.cos(1.0 + np.arange(W.shape[-1] + 1.0))  # cosines of whole numbers: no rational relation between them
    return np.asarray(W @ u[:-1] + b * u[-1])


def orbit(network: Network, p: ArrayLike) -> Matrix:
    """All images of p (s,) under permutations and flips, (order, s), p itself first. Raises ValueError above 50,000 images."""
    found = symmetries(network)
    if found.order > LARGEST:
        raise ValueError(f"{network.title} has {found.order:,} images of p, above the limit of {LARGEST:,}: use canonical")
    images = plain(p, "p", along="entry")[None]
    for at in found.layers:
        images = np.concatenate([acted(network, images, at.layer, o, t) for o, t in _elements(at)])
    return images


def _elements(at: LayerSymmetry) -> Iterator[tuple[Indices, Vector | None]]:
    flips = product((1.0, -1.0), repeat=at.neurons) if at.flips else [None]
    orders = list(permutations(range(at.neurons)))
    for signs in flips:
        for order in orders:
            yield np.array(order), None if signs is None else np.array(signs)


def nearest(network: Network, p: ArrayLike, q: ArrayLike) -> tuple[Vector, float]:
    """The image of q under permutations and flips that is nearest to p, and its distance. Raises as `orbit` does."""
    images = orbit(network, q)
    distances = np.linalg.norm(images - plain(p, "p", along="entry"), axis=1)
    at = int(np.argmin(distances))
    return images[at], float(distances[at])


def drawn(network: Network, p: ArrayLike, rng: Any = 0) -> Array:
    """P after a random element of the group, scales between 1/4 and 4. p: (..., s)."""
    generator, q = np.random.default_rng(rng), plain(p, "p", along="entry").copy()
    for at in symmetries(network).layers:
        signs = generator.choice([-1.0, 1.0], at.neurons) if at.flips else None
        scale = np.exp2(generator.uniform(-2.0, 2.0, at.neurons)) if at.scales else None
        q = acted(network, q, at.layer, generator.permutation(at.neurons), signs, scale)
    return q
