"""The reference engine: equations (7) to (25) line by line in NumPy. To be read, and to be right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from netbp.costs import Cost
from netbp.engines import Bound, Objective
from netbp.network import Network


@dataclass(frozen=True)
class Reference:
    """NumPy in double precision; accepts every network of netbp's own layers and every cost."""

    name = "reference"

    @property
    def dtype(self) -> Any:
        """Double precision."""
        return np.float64

    def refusal(self, network: Network, cost: Cost) -> str | None:
        """Layers of one's own are refused, nothing else."""
        from netbp.engines.reference.maps import KNOWN

        other = next((layer for layer in getattr(network, "layers", [network]) if not isinstance(layer, KNOWN)), None)
        return None if other is None else f"the reference engine has netbp's own layers only, but this network has {other!r}"

    def bind(self, objective: Objective) -> Bound:
        """The engine on one objective."""
        from netbp.engines.reference.bound import BoundReference

        return BoundReference(objective._replace(x=np.asarray(objective.x, dtype=float)))
