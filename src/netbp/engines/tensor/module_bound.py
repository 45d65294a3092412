"""The tensor engine on one objective whose network is a torch.nn.Module; buffers travel beside p."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import torch

from netbp.engines import Advanced, Choices, Memory, Objective, Update
from netbp.engines.tensor.bound import BoundTensor, computing
from netbp.engines.tensor.jacobian import available
from netbp.engines.tensor.module import TorchNetwork
from netbp.engines.tensor.settings import AT_ONCE
from netbp.engines.tensor.step import costs_of
from netbp.messages import shown
from netbp.notices import tell
from netbp.types import Array, Matrix, Vector

if TYPE_CHECKING:
    from netbp.engines.tensor import Tensor

Tensors = dict[str, torch.Tensor]


def copies(tensors: Tensors) -> Tensors:
    """The same numbers in memory that a module may write into."""
    return {name: q.clone() for name, q in tensors.items()}


class BoundModule(BoundTensor):
    """See `netbp.engines.Bound`; `at(buffers)` is the same with other buffers, sharing everything else."""

    point_gradients = None  # type: ignore[assignment]  # torch.func.vmap does not know every module

    def __init__(self, engine: Tensor, objective: Objective) -> None:
        assert isinstance(objective.network, TorchNetwork)
        self.network = objective.network
        super().__init__(engine, objective)
        width = torch.finfo(self.dtype).bits // 8
        self.block = max(1, AT_ONCE[self.device.type] // (width * (self.network.neurons + sum(self.network.sizes))))
        self.constants = {name: self.placed(q) for name, q in self.network.constants.items()}
        self.kept = self.tensors(self.network.buffers)
        self.each = costs_of(objective.cost)

    # -- buffers -------------------------------------------------------------------------------------------------------

    def placed(self, values: torch.Tensor) -> torch.Tensor:
        """On the device, real numbers in the engine's precision."""
        return values.to(self.device, self.dtype if values.is_floating_point() else values.dtype)

    def tensors(self, buffers: Mapping[str, Array]) -> Tensors:
        """Buffers by the module's own names, copies. Raises ValueError for others than the module has."""
        names, own = self.network.buffer_names, self.network.buffers
        shapes, found = ({name: np.shape(array) for name, array in one.items()} for one in (own, buffers))
        if shapes != found:
            raise ValueError(f"the module has buffers of the shapes {shapes}, but the run has {shown(str(found))}: begin anew")
        return {names[name]: self.placed(torch.from_numpy(np.array(array))) for name, array in buffers.items()}

    def arrays(self, buffers: Tensors) -> dict[str, Array]:
        """Buffers by the names they have in a run."""
        return {name: self.array(buffers[real]) for name, real in self.network.buffer_names.items()}

    def at(self, buffers: Mapping[str, Array]) -> BoundModule:
        """The same with these buffers."""
        return self.with_tensors(self.tensors(buffers))

    def with_tensors(self, buffers: Tensors) -> BoundModule:
        """The same with these buffers, by the module's names."""
        other = copy.copy(self)
        other.kept = buffers
        return other

    # -- what is computed with -----------------------------------------------------------------------------------------

    def rows(self, x: torch.Tensor) -> torch.Tensor:
        """Points as the module takes them, in memory of their own: it may write into what it is given."""
        return x.round().long() if self.network.integers else x.to(self.dtype, copy=True)

    def outcome(self, p: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """a[L] of the rows x, in evaluation; what the module changes of p and of its buffers is forgotten."""
        return self.network.apply(copies(self.network.blocks(p) | self.constants | self.kept), self.rows(x), False)

    def outputs_in_blocks(self, p: torch.Tensor, x: torch.Tensor) -> Iterator[torch.Tensor]:
        """a[L] of the rows x, block by block."""
        for (rows,) in self.split(x):
            with torch.no_grad():
                a = self.outcome(p, rows)
            yield a

    def pays(self, m: int) -> bool:
        """Modules run as they are."""
        return False

    def total(self, q: torch.Tensor, x: torch.Tensor, y: torch.Tensor, shares: torch.Tensor | None) -> torch.Tensor:
        """The sum of c_i C_i of some points."""
        c = self.each(self.outcome(q, x), y)
        return (c if shares is None else shares * c).sum()

    # -- the protocol --------------------------------------------------------------------------------------------------

    @computing
    def value_and_gradient(self, p: Vector) -> tuple[float, Vector]:
        """Both from one forward pass, block by block."""
        q, N = self.vector(p).clone().requires_grad_(), len(self.x)
        total, g = 0.0, torch.zeros_like(q)
        for data in self.split(self.x, self.y, self.shares):
            value = self.total(q, *data)
            g = g + torch.autograd.grad(value, q, materialize_grads=True)[0]
            total += float(value.detach())
        g, q = g / N, q.detach()
        if self.weights is not None:
            g = g + 2.0 * self.objective.penalty * self.weights * q
        return total / N + self.penalty_at(q), self.array(g)

    @computing
    def hvp(self, p: Vector, v: Vector) -> Vector:
        """The gradient of (gradient, v), block by block, by algorithms that can be differentiated twice.

        Raises ValueError for a module without second derivatives; says so once where the Hessian is not symmetric.
        """
        Hv = self._hvp(p, v)
        if not self.functions.setdefault("symmetry", False):
            self.functions["symmetry"] = True
            u = np.random.default_rng(1).standard_normal(len(v)).astype(v.dtype)
            Hu = self._hvp(p, u)
            one, other = float(u @ Hv), float(v @ Hu)
            scale = float(np.abs(u) @ np.abs(Hv) + np.abs(v) @ np.abs(Hu))
            if abs(one - other) > np.sqrt(torch.finfo(self.dtype).eps) * scale:
                tell(
                    f"the Hessian H of {self.network.title} is not symmetric: u.Hv = {one:.6g}, but v.Hu = {other:.6g}; its "
                    "backward pass is not the derivative of what it computes, and methods that use H may go astray"
                )
        return Hv

    def _hvp(self, p: Vector, v: Vector) -> Vector:
        q, w, N = self.vector(p).clone().requires_grad_(), self.vector(v), len(self.x)
        total = torch.zeros_like(q)
        try:
            with twice_differentiable():
                for data in self.split(self.x, self.y, self.shares):
                    (g,) = torch.autograd.grad(self.total(q, *data), q, create_graph=True, materialize_grads=True)
                    along = (g * w).sum()
                    if along.requires_grad:  # a network that is linear in p has no second derivatives, and then no graph
                        total = total + torch.autograd.grad(along, q, materialize_grads=True)[0]
        except (RuntimeError, NotImplementedError) as error:
            raise ValueError(
                f"{self.network.title} has no second derivatives: take a method that needs none, such as L-BFGS; PyTorch says: "
                f"{' '.join(str(error).split())}"
            ) from error
        total = total.detach() / N
        if self.weights is not None:
            total = total + 2.0 * self.objective.penalty * self.weights * w
        return self.array(total)

    @computing
    def jacobian(self, p: Vector) -> Matrix:
        """The residual's derivative: a backward pass from each output of each point."""
        N, outputs = self.y.shape
        width, free = torch.finfo(self.dtype).bits // 8, available()
        needed = float(N * outputs) * self.network.size * width
        if needed > 0.8 * free:
            raise ValueError(
                f"the Jacobian of {N * outputs:,} residuals by {self.network.size:,} parameters would take {needed / 1e9:,.1f} GB, "
                f"but {free / 1e9:,.1f} GB of memory are free: take fewer points, or use hvp, which needs no matrix"
            )
        q = self.vector(p).clone().requires_grad_()
        J = torch.empty((N, outputs, self.network.size), dtype=self.dtype)
        for i in range(N):
            a = self.outcome(q, self.x[i : i + 1])[0]
            for j in range(outputs):
                (row,) = torch.autograd.grad(a[j], q, retain_graph=True, materialize_grads=True)
                J[i, j] = row.cpu()
        if self.shares is not None:
            J *= self.shares.cpu().sqrt()[:, None, None]
        return J.neg_().reshape(N * outputs, self.network.size).numpy()

    @computing
    def advance(
        self,
        p: Array,
        memory: Memory,
        t: int,
        choices: Choices,
        update: Update,
        record: int = 0,
        batch_costs: bool = False,
    ) -> Advanced:
        """Step by step, network by network."""
        from netbp.engines.tensor.module_steps import advance

        return advance(self, p, memory, t, choices, update, record, batch_costs)


@contextmanager
def twice_differentiable() -> Iterator[None]:
    """Within it, recurrent layers and attention use algorithms whose backward pass can itself be differentiated."""
    library = torch._C._get_mkldnn_enabled()
    torch._C._set_mkldnn_enabled(False)
    try:
        with torch.backends.cudnn.flags(enabled=False), torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
            yield
    finally:
        torch._C._set_mkldnn_enabled(library)
