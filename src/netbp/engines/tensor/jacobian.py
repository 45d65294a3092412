"""The derivative of the outputs by all parameters, if it fits into the memory."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import torch

from netbp.engines.tensor.layers import blocks
from netbp.types import Matrix, Vector

if TYPE_CHECKING:
    from netbp.engines.tensor.bound import BoundTensor

AT_ONCE = 2**20
"""Entries of the Jacobian, or outputs of layers, that are computed at once."""
POINTS_AT_ONCE = 2**23
"""Entries of the points' gradients, or outputs of layers, that are computed at once."""


def available() -> float:
    """Bytes of memory that are free, as far as the system tells."""
    try:
        return float(os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (ValueError, OSError, AttributeError):
        return 2.0**33


def jacobian(bound: BoundTensor, p: Vector) -> Matrix:
    """The derivative of sqrt(c_i) (y_i - a_i), (N n_L, s). Raises ValueError, with the size, when it does not fit."""
    network, N = bound.objective.network, len(bound.objective.x)
    rows, width = N * network.sizes[-1], torch.finfo(bound.dtype).bits // 8
    needed, free = float(rows) * network.size * width, available()
    if needed > 0.8 * free:
        raise ValueError(
            f"the Jacobian of {rows:,} residuals by {network.size:,} parameters would take {needed / 1e9:,.1f} GB, but "
            f"{free / 1e9:,.1f} GB of memory are free: take fewer points, or use hvp, which needs no matrix"
        )

    def outputs(q: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        return bound.evaluated(blocks(network, q), x[None])[0]

    q = bound.vector(p)
    each = torch.func.vmap(torch.func.jacrev(outputs), in_dims=(None, 0))
    block = max(1, AT_ONCE // (network.sizes[-1] * max(network.size, sum(network.sizes))))
    J = torch.empty((N, network.sizes[-1], network.size), dtype=bound.dtype)
    for start in range(0, N, block):
        J[start : start + block] = each(q, bound.x[start : start + block]).cpu()
    if bound.shares is not None:
        J *= bound.shares.cpu().sqrt()[:, None, None]
    return J.neg_().reshape(rows, network.size).numpy()


def point_gradients(bound: BoundTensor, p: Vector) -> Matrix:
    """grad C_i of each point, (N, s), without penalty, some points at a time."""
    network, N = bound.objective.network, len(bound.x)

    def cost(q: torch.Tensor, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return bound.cost(blocks(network, q), x[None], y[None], None)

    q = bound.vector(p)
    each = torch.func.vmap(torch.func.grad(cost), in_dims=(None, 0, 0))
    block = max(1, POINTS_AT_ONCE // max(network.size, sum(network.sizes)))
    g = torch.empty((N, network.size), dtype=bound.dtype)
    for start in range(0, N, block):
        g[start : start + block] = each(q, bound.x[start : start + block], bound.y[start : start + block]).cpu()
    return g.numpy()
