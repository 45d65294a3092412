"""What a network says while its random layers draw: one pass of an ensemble."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from netbp.engines.tensor.layers import blocks, outputs
from netbp.engines.tensor.random import keys_of
from netbp.engines.tensor.settings import context
from netbp.network import Network
from netbp.types import Array, Matrix, Vector

if TYPE_CHECKING:
    from netbp.engines.tensor.bound import BoundTensor


def drawn_outputs(bound: BoundTensor, network: Network, p: Vector, x: Matrix, seed: int, step: int) -> Array:
    """a[L] of the rows x (m, n_1), (m, n_L), as in the training step of this number with this seed, all rows one batch."""
    with context(bound.engine), torch.no_grad():
        run, rows = outputs(network, True), bound.resident(x)
        parts = blocks(network, bound.vector(p))
        keys = keys_of(network, seed, step - 1, 1)[0].to(bound.device)
        out = [
            run(parts, rows[first : first + bound.block].to(bound.dtype), torch.tensor(first, device=bound.device), keys)
            for first in range(0, len(rows), bound.block)
        ]
        return np.asarray(torch.cat(out).cpu().numpy(), dtype=float)
