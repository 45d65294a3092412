"""The compiled engine: dense networks in machine code, by Numba."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from netbp.costs import Cost
from netbp.engines import Bound, Objective
from netbp.engines.compiled.settings import leave_files_alone
from netbp.layers import Dense
from netbp.network import Network

leave_files_alone()


@dataclass(frozen=True)
class Compiled:
    """Numba in double precision; accepts every dense network with a built-in cost.

    An activation of one's own is compiled too, once per process (a few seconds), if it works on single numbers.
    """

    name = "compiled"

    @property
    def dtype(self) -> Any:
        """Double precision."""
        return np.float64

    def refusal(self, network: Network, cost: Cost) -> str | None:
        """What cannot be compiled: layers that are not dense, and a cost that is not built in."""
        from netbp.engines.compiled.codes import COSTS, cost_code

        if not network.is_dense:
            other = next((layer for layer in network.layers if not isinstance(layer, Dense)), network.layers[0])
            return (
                f"the compiled engine has networks of dense layers on vectors only, but this one has {other!r}: "
                "use the tensor engine, Problem(..., engine=Tensor())"
            )
        if cost_code(cost) is None:
            known = " and ".join(c.name for c in COSTS)
            return (
                f"the compiled engine has the costs {known}, but not {cost.name}: "
                "use the reference engine, Problem(..., engine=Reference())"
            )
        return None

    def bind(self, objective: Objective) -> Bound:
        """The engine on one objective."""
        from netbp.engines.compiled.bound import BoundCompiled

        return BoundCompiled(objective._replace(x=np.asarray(objective.x, dtype=float)))
