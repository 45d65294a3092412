"""Modules that cannot be a network as they are, and what to give instead; and whether a module does what its use needs."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import nn
from torch.nn.utils import parametrize, prune

from netbp.notices import tell

PARALLEL = ("DataParallel", "DistributedDataParallel", "FullyShardedDataParallel")


def refusal(module: nn.Module) -> str | None:
    """Why this kind of module cannot be a network, with the remedy, or None."""
    inside = list(module.modules())
    tensors = [*module.parameters(), *module.buffers()]
    kinds = {type(m).__name__ for m in inside}
    found = {
        "is TorchScript, whose parameters cannot be exchanged: give the nn.Module that it was made of": (
            any(isinstance(m, torch.jit.ScriptModule) for m in inside)
        ),
        "spreads its points over devices itself: give its .module, and netbp the device": bool(kinds & {*PARALLEL}),
        "has been through torch.compile: give the module itself, and TorchNetwork(..., translate=True)": "OptimizedModule" in kinds,
        "has parameters whose shapes it does not know yet: apply it to a batch once": any(nn.parameter.is_lazy(q) for q in tensors),
        "lies on the meta device, where parameters have no numbers: move it by to_empty and load its parameters": (
            any(q.is_meta for q in tensors)
        ),
        "is quantised, and whole numbers have no derivatives: give the module before it was quantised": (
            any(q.is_quantized for q in tensors) or any("quantized" in type(m).__module__ for m in inside)
        ),
        "is pruned: make that permanent by torch.nn.utils.prune.remove(module, name)": prune.is_pruned(module),
        "is parametrised: torch.nn.utils.parametrize.remove_parametrizations(module, name) makes it plain": (
            any(parametrize.is_parametrized(m) for m in inside)
        ),
    }
    return next((f"the module {what}" for what, so in found.items() if so), None)


def check_use(module: nn.Module, x: torch.Tensor, mode: str) -> None:
    """Raises ValueError unless the module gives the same twice, and has derivatives, in the mode that it is in.

    What it changes of its own parameters is told: netbp forgets such changes, which gradients do not know of.
    """
    (first, _, written), (second, _, _) = called(module, x), called(module, x)
    if first.shape != second.shape or not torch.equal(torch.nan_to_num(first), torch.nan_to_num(second)):
        raise ValueError(
            f"in {mode} the module gives other numbers when it is called again: it keeps a state outside of its parameters and "
            "buffers, or draws random numbers that are not PyTorch's; keep the state in buffers, and draw from PyTorch"
        )
    if written:
        tell(
            f"{type(module).__name__} changes its parameter {written} as it computes, as Embedding(max_norm=...) does: Cost is "
            "that of the changed parameter, p stays as it is, and the gradient leaves the change out; a penalty is a smooth remedy"
        )
    try:
        out, parameters, _ = called(module, x, gradients=True)
        if out.requires_grad:
            torch.autograd.grad(out.square().sum(), [q for q in parameters if q.requires_grad], allow_unused=True)
    except (RuntimeError, NotImplementedError, TypeError) as error:
        raise ValueError(f"the module has no derivatives in {mode}: {' '.join(str(error).split())}") from error
    if not out.requires_grad:
        raise ValueError(
            f"in {mode} what the module gives does not depend on its parameters as far as PyTorch knows: it detaches its output, "
            "computes it elsewhere or without gradients"
        )


class Called(NamedTuple):
    """What a module gave, the parameters that it was given, and the name of one that it has written to, or ""."""

    out: Any
    parameters: list[torch.Tensor]
    written: str


def called(module: nn.Module, x: torch.Tensor, gradients: bool = False) -> Called:
    """The module with copies of all it has, as in use, and with the same random numbers each time."""
    own = {name: q.detach().clone().requires_grad_(gradients and q.requires_grad) for name, q in module.named_parameters()}
    inner = {name: q.clone() for name, q in own.items()}
    before = {name: q._version for name, q in inner.items()}
    with torch.random.fork_rng(devices=[]), torch.set_grad_enabled(gradients):
        torch.manual_seed(1)
        tensors = inner | {name: b.clone() for name, b in module.named_buffers()}
        out = torch.func.functional_call(module, tensors, (x.clone(),))
    return Called(out, list(own.values()), next((name for name, q in inner.items() if q._version != before[name]), ""))
