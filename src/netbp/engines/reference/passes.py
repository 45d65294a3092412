"""The forward and the backward pass, equation by equation, for many points at once: one point per row.

A row is the transpose of the paper's column vector, so W a + b reads a W^T + b here, and an outer product delta a^T summed
over the points reads delta^T a.
"""

from __future__ import annotations

import numpy as np

from netbp.network import Network
from netbp.types import Matrix, Vector


def forward(network: Network, p: Vector, x: Matrix) -> tuple[list[Matrix], list[Matrix]]:
    """All activations a[1..L] and weighted inputs z[2..L], each (m, n_l), by (7), (19) and (20)."""
    a, z = [x], []
    for (W, b), sigma in zip(network.views(p), network.activations, strict=True):
        z.append(a[-1] @ W.T + b)
        a.append(sigma.value(z[-1]))
    return a, z


def slopes(network: Network, a: list[Matrix], z: list[Matrix]) -> list[Matrix]:
    """The diagonals of D[2..L], sigma'(z[l]), each (m, n_l)."""
    return [sigma.slope(zl, al) for sigma, zl, al in zip(network.activations, z, a[1:], strict=True)]


def backward(network: Network, p: Vector, D: list[Matrix], error: Matrix) -> list[Matrix]:
    """The errors delta[2..L], each (m, n_l), by (22) and (23), from error = dC/da[L], (m, n_L)."""
    delta = [D[-1] * error]
    for (W, _), Dl in zip(network.views(p)[:0:-1], D[-2::-1], strict=True):
        delta.insert(0, Dl * (delta[0] @ W))
    return delta


def assemble(network: Network, delta: list[Matrix], a: list[Matrix], shares: Vector) -> Vector:
    """The flat vector of sum_i shares_i dC_i/dp, (s,), by (24) and (25)."""
    g = np.empty(network.size, dtype=delta[-1].dtype)
    for (gW, gb), dl, al in zip(network.views(g), delta, a[:-1], strict=True):
        weighted = shares[:, None] * dl
        gW[...] = weighted.T @ al
        gb[...] = weighted.sum(axis=0)
    return g


def outputs_by_parameters(network: Network, p: Vector, x: Matrix) -> tuple[Matrix, Matrix]:
    """The outputs a[L], (m, n_L), and their derivative by p, (m, n_L, s): a backward pass from each unit vector."""
    a, z = forward(network, p, x)
    D = slopes(network, a, z)
    m, outputs = a[-1].shape
    J = np.empty((m, outputs, network.size))
    for k in range(outputs):
        unit = np.zeros((m, outputs))
        unit[:, k] = 1.0
        delta = backward(network, p, D, unit)
        for (w, b), dl, al in zip(network.slices, delta, a[:-1], strict=True):
            J[:, k, w] = (al[:, :, None] * dl[:, None, :]).reshape(m, -1)  # the outer product (25), column by column
            J[:, k, b] = dl
    return a[-1], J
