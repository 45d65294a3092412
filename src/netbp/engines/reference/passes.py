"""The forward and the backward pass, equation by equation, for many points at once: one point per row.

A row is the transpose of the paper's column vector, so W a + b reads a W^T + b here, and an outer product delta a^T summed
over the points reads delta^T a. In a layer that is not dense, the matrix A[l] of `maps` takes the place of W[l].
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from netbp.engines.reference.maps import (
    Map,
    Training,
    Zero,
    bias_of,
    bias_slopes,
    map_of,
    outer_product_of_each,
    outer_products,
    weighted_map,
)
from netbp.layers import Layer
from netbp.network import Network
from netbp.types import Array, Matrix, Vector


class Forward(NamedTuple):
    """What a forward pass leaves: a[1..L], (m, n_l) each, and for l = 2, ..., L the weighted inputs z[l] and the matrices A[l]."""

    a: list[Matrix]
    z: list[Matrix]
    A: list[Map]


def forward(network: Network, p: Vector, x: Matrix, training: Training | None = None) -> Forward:
    """All activations by (7), (19) and (20): a[1] = x, z[l] = A[l] a[l-1] + b[l], a[l] = sigma(z[l])."""
    a, z, A = [x], [], []
    for l, (layer, W, b, sigma) in enumerate(layers_of(network, p), start=2):
        A.append(map_of(layer, l, W, a[-1], training))
        z.append(A[-1].apply(a[-1]) if b is None else A[-1].apply(a[-1]) + bias_of(layer, b))
        a.append(sigma.value(z[-1]))
    return Forward(a, z, A)


def slopes(network: Network, a: list[Matrix], z: list[Matrix]) -> list[Matrix]:
    """The diagonals of D[2..L], sigma'(z[l]), each (m, n_l)."""
    return [sigma.slope(zl, al) for sigma, zl, al in zip(network.activations, z, a[1:], strict=True)]


def backward(A: list[Map], D: list[Matrix], error: Matrix) -> list[Matrix]:
    """The errors delta[2..L], each (m, n_l), by (22) and (23), from error = dC/da[L], (m, n_L)."""
    delta = [D[-1] * error]
    for Al, Dl in zip(A[:0:-1], D[-2::-1], strict=True):
        delta.insert(0, Dl * Al.transpose(delta[0]))
    return delta


def assemble(network: Network, delta: list[Matrix], a: list[Matrix], shares: Vector, biases: float = 1.0) -> Vector:
    """The flat vector of sum_i shares_i dC_i/dp, (s,), by (24) and (25); `biases` times the part of the biases."""
    g = np.empty(network.size, dtype=delta[-1].dtype)
    for (layer, gW, gb, _), dl, al in zip(layers_of(network, g), delta, a[:-1], strict=True):
        if gW is not None:
            weighted = shares[:, None] * dl
            gW[...] = outer_products(layer, weighted, al)
            gb[...] = biases * bias_slopes(layer, weighted).sum(axis=0)
    return g


def outputs_by_parameters(network: Network, p: Vector, x: Matrix) -> tuple[Matrix, Matrix]:
    """The outputs a[L], (m, n_L), and their derivative by p, (m, n_L, s): a backward pass from each unit vector."""
    a, z, A = forward(network, p, x)
    D = slopes(network, a, z)
    m, outputs = a[-1].shape
    J = np.empty((m, outputs, network.size))
    for k in range(outputs):
        unit = np.zeros((m, outputs))
        unit[:, k] = 1.0
        delta = backward(A, D, unit)
        for (layer, JW, Jb, _), dl, al in zip(layers_of(network, J[:, k]), delta, a[:-1], strict=True):
            if JW is not None:
                JW[...] = outer_product_of_each(layer, dl, al)
                Jb[...] = bias_slopes(layer, dl)
    return a[-1], J


def along(network: Network, v: Vector, at: Forward, D: list[Matrix]) -> tuple[list[Matrix], list[Matrix], list[Map]]:
    """How a[1..L] and z[2..L] move when p moves in direction v, and how the matrices A[2..L] do: a forward pass, differentiated."""
    da, dz, dA = [np.zeros_like(at.a[0])], [], []
    for (layer, dW, db, _), Al, Dl, al in zip(layers_of(network, v), at.A, D, at.a, strict=False):
        dA.append(Zero(layer.inputs, layer.outputs) if dW is None else weighted_map(layer, dW))
        moved = Al.apply(da[-1]) + dA[-1].apply(al)
        dz.append(moved if db is None else moved + bias_of(layer, db))
        da.append(Dl * dz[-1])
    return da, dz, dA


def layers_of(network: Network, p: Array) -> list[tuple[Layer, Any, Any, Any]]:
    """Each layer l = 2, ..., L with its W[l] and b[l] in p, None where it has none, and its sigma."""
    pairs = iter(network.views(p))
    return [
        (layer, *(next(pairs) if layer.size else (None, None)), sigma)
        for layer, sigma in zip(network.layers, network.activations, strict=True)
    ]
