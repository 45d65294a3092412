"""Margins, and the scale of a network by which they are measured: a network twice as large has margins twice as large."""

from __future__ import annotations

from typing import Any

import numpy as np

from netbp.layers import Conv, Dense
from netbp.network import Network
from netbp.types import Indices, Matrix, Vector

PRODUCTS = 100  # of a layer's matrix and its transpose with a vector, for its norm


def margins(outputs: Matrix, numbers: Indices) -> Vector:
    """The output of each point's own category less the largest of the others, (N,), from outputs (N, n_L) and categories (N,)."""
    a = np.array(outputs, dtype=float)
    rows = np.arange(len(a))
    own = a[rows, numbers]
    a[rows, numbers] = -np.inf
    return np.asarray(own - a.max(axis=1))


def network_scale(network: Network, p: Vector) -> float:
    """The product of the spectral norms of the matrices A[l] of all layers with weights: outputs grow with it.

    That of a convolutional layer is of its whole matrix, (29), by power iteration. Where all other layers and activations bring
    no two points further apart, it is a Lipschitz constant of the network (Bartlett, Foster & Telgarsky, NeurIPS 2017).
    """
    return float(np.prod([layer_norm(layer, W) for layer, (W, _) in zip(network.weighted, network.views(p), strict=True)]))


def layer_norm(layer: Any, W: Any) -> float:
    """The largest singular value of the matrix of a dense or a convolutional layer."""
    if isinstance(layer, Dense):
        return float(np.linalg.norm(np.asarray(W, dtype=float), 2))
    assert isinstance(layer, Conv)
    from netbp.convolution import convolution_matrix

    A = convolution_matrix(np.asarray(W, dtype=float), layer.input, layer.stride, layer.pad)
    v = np.random.default_rng(0).standard_normal(layer.inputs)
    for _ in range(PRODUCTS):
        v /= np.linalg.norm(v)
        v = A.T @ (A @ v)
    return float(np.sqrt(np.linalg.norm(v)))
