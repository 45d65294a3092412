"""The compiled engine: dense networks in machine code, by Numba."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from netbp.costs import Cost
from netbp.engines import Bound, Objective
from netbp.network import Network


@dataclass(frozen=True)
class Compiled:
    """Numba in double precision; accepts every dense network of built-in activations and costs."""

    name = "compiled"

    @property
    def dtype(self) -> Any:
        """Double precision."""
        return np.float64

    def refusal(self, network: Network, cost: Cost) -> str | None:
        """What cannot be compiled."""
        return "the compiled engine is not written yet"

    def bind(self, objective: Objective) -> Bound:
        """The engine on one objective."""
        raise NotImplementedError
