"""The tensor engine: any layer, on a processor or a GPU, by PyTorch.

p is one flat vector, and the weights and biases of the layers are views of it; the rules' own text is applied to whole vectors.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Literal

import numpy as np

from netbp.costs import Cost, quadratic, softmax_log_loss
from netbp.engines import Bound, Objective
from netbp.network import Network

PRECISIONS = ("float32", "float64", "bfloat16", "tf32")
COSTS = (quadratic, softmax_log_loss)


@dataclass(frozen=True)
class Tensor:
    """PyTorch; accepts every network of netbp's layers with a built-in cost.

    device: "cpu", "cuda" or "cuda:1". precision: "float32", "float64"; "bfloat16", where training steps compute in bfloat16 while
    p and everything else stay in float32, if the device has bfloat16 (otherwise float32, and the bound engine's `facts` say why);
    "tf32" on a GPU, where matrix products round their factors to ten bits; it is off otherwise. compile: translate the training
    step into machine code with torch.compile where this pays, for steps of at least 10^8 multiply-adds; without a C++
    compiler the step stays as it is, and a line on stderr says so once. deterministic: use algorithms only that give the same bits
    from run to run; a processor with a fixed number of threads does so anyway. parts: every batch is cut into so many parts of
    equal length, whose gradients are added in their order.

    Raises ValueError for settings that do not exist.
    """

    device: str = "cpu"
    precision: Literal["float32", "float64", "bfloat16", "tf32"] = "float32"
    compile: bool = True
    deterministic: bool = False
    parts: int = 1

    name = "tensor"

    def __post_init__(self) -> None:
        if not re.fullmatch(r"cpu|cuda(:\d+)?", str(self.device)):
            raise ValueError(f'the device of the tensor engine can be "cpu", "cuda" or "cuda:1", but it is {self.device!r}')
        if self.precision not in PRECISIONS:
            raise ValueError(f"the precision can be {', '.join(PRECISIONS)}, but it is {self.precision!r}")
        if self.precision == "tf32" and self.device == "cpu":
            raise ValueError('the precision "tf32" is a GPU\'s: use precision="float32" on the processor')
        if not isinstance(self.parts, int) or self.parts < 1:
            raise ValueError(f"the number of parts of a batch must be a whole number, at least 1, but it is {self.parts!r}")

    @property
    def dtype(self) -> Any:
        """Double precision if asked for, otherwise single."""
        return np.float64 if self.precision == "float64" else np.float32

    def refusal(self, network: Network, cost: Cost) -> str | None:
        """That PyTorch is missing, or the device; a cost that is not built in; an activation that tensors cannot take."""
        if find_spec("torch") is None:
            return "the tensor engine needs PyTorch, which is not installed: pip install 'netbp[images]'"
        if cost not in COSTS:
            known = " and ".join(c.name for c in COSTS)
            return (
                f"the tensor engine has the costs {known}, but not {cost.name}: "
                "use the reference engine, Problem(..., engine=Reference())"
            )
        from netbp.engines.tensor.layers import activation_refusal

        for sigma in dict.fromkeys(network.activations):
            refusal = activation_refusal(sigma)
            if refusal:
                return refusal
        return None

    def bind(self, objective: Objective) -> Bound:
        """The engine on one objective. Raises ValueError when there is no such device."""
        from netbp.engines.tensor.bound import BoundTensor
        from netbp.engines.tensor.module import TorchNetwork
        from netbp.engines.tensor.module_bound import BoundModule

        return (BoundModule if isinstance(objective.network, TorchNetwork) else BoundTensor)(self, objective)
