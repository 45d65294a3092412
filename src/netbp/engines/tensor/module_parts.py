"""What a torch.nn.Module is made of, found out by trying it: its parts with parameters, its outputs, whether it draws."""

from __future__ import annotations

import copy
import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf, prod
from typing import Any, NamedTuple

import torch
from torch import nn

from netbp.engines.tensor.module_kinds import check_use
from netbp.layers import Layer
from netbp.windows import Shape

RANGES: dict[type[nn.Module], tuple[float, float]] = {
    nn.Sigmoid: (0.0, 1.0),
    nn.Softmax: (0.0, 1.0),
    nn.Hardsigmoid: (0.0, 1.0),
    nn.Tanh: (-1.0, 1.0),
    nn.ReLU: (0.0, inf),
    nn.ReLU6: (0.0, 6.0),
    nn.Softplus: (0.0, inf),
}
"""Between which numbers lies what a module gives."""
POINTS = 2  # that a module is tried on: batch normalisation needs two in training
Names = tuple[tuple[str, Shape], ...]


@dataclass(frozen=True, repr=False)
class Part(Layer):
    """A module within the module that has parameters of its own: a "layer" of a TorchNetwork.

    name: as in named_modules(). text: what it is. shape: of its weight, the parameter with two or more axes; of several, their
    number of entries. entries, vectors: how many numbers its weights and its other parameters have. out: what goes out.
    """

    name: str
    text: str
    shape: Shape
    entries: int
    vectors: int
    out: Shape = ()

    def __repr__(self) -> str:
        return f"{self.name}: {self.text}" if self.name else self.text

    @property
    def output(self) -> Shape:
        """The shape of what goes out, () where that is not one array."""
        return self.out

    @property
    def weight_shape(self) -> Shape:
        """The weight's shape, (0,) without one."""
        return self.shape

    @property
    def weights(self) -> int:
        """The number of entries of all parameters with two or more axes."""
        return self.entries

    @property
    def biases(self) -> int:
        """The number of entries of all other parameters, those of batch normalisation included."""
        return self.vectors

    @property
    def fans(self) -> tuple[int, int]:
        """How many inputs one output sees and how many outputs one input reaches, from the weight's shape."""
        if len(self.shape) < 2:
            return self.entries or 1, self.entries or 1
        return prod(self.shape[1:]), self.shape[0] * prod(self.shape[2:])


def set_modes(module: nn.Module, modes: tuple[bool, ...] | None) -> None:
    """Training with these modes for the module and all within, or evaluation."""
    for k, inside in enumerate(module.modules()):
        inside.training = modes is not None and modes[k]


def last_range(module: nn.Module) -> tuple[str, float, float] | None:
    """The name and the range of the activation that ends a chain of modules; None where that is not known."""
    while isinstance(module, nn.Sequential) and len(module):
        module = next((m for m in reversed(module) if not isinstance(m, nn.Flatten | nn.Identity)), nn.Identity())
    return (type(module).__name__, *RANGES[type(module)]) if type(module) in RANGES else None


class Probed(NamedTuple):
    """What was found out about a module.

    outputs: n_L. neurons: all outputs within it together. draws: whether it does in training. outs: what each module within gives.
    """

    outputs: int
    neurons: int
    draws: bool
    outs: dict[str, Shape]


def probed(module: nn.Module, shape: Shape, integers: bool, modes: tuple[bool, ...]) -> Probed:
    """Try the module on two points, in evaluation and, a copy, in training. Raises ValueError for what cannot be a network."""
    kind = next((q.dtype for q in module.parameters() if q.dtype.is_floating_point), torch.float32)
    generator = torch.Generator().manual_seed(1)
    x = torch.randn((POINTS, *shape), generator=generator).to(kind)
    if integers:
        x = torch.zeros((POINTS, *shape), dtype=torch.int64)
    outs: dict[str, Shape] = {}
    neurons = 0

    def seen(name: str) -> Callable[..., None]:
        def hook(inside: nn.Module, given: Any, out: Any) -> None:
            nonlocal neurons
            if isinstance(out, torch.Tensor) and out.dim() > 0 and len(out) == POINTS:
                outs[name] = tuple(out.shape[1:])
                neurons += prod(out.shape[1:])

        return hook

    evaluated, trained = copy.deepcopy(module), copy.deepcopy(module)  # it may change its own parameters and buffers
    set_modes(evaluated, None)
    for name, inside in evaluated.named_modules():
        inside.register_forward_hook(seen(name))
    out, drew = tried(evaluated, x)
    if drew:
        raise ValueError("the module draws random numbers in evaluation mode too: what it says would not be a function of p")
    if not isinstance(out, torch.Tensor):
        raise ValueError(
            f"the module gives a {type(out).__name__}, not one tensor: wrap it in a module that returns the one to be compared"
        )
    if out.dim() < 1 or len(out) != POINTS or not out.is_floating_point():
        raise ValueError(f"the module gives {tuple(out.shape)} of {out.dtype} for {POINTS} points: it must give one row for each")
    set_modes(trained, modes)
    _, draws = tried(trained, x)
    trainable = any(q.requires_grad for q in module.parameters())
    for mode, chosen in (("evaluation", None), ("training", modes)) if trainable else ():
        again = copy.deepcopy(module)
        set_modes(again, chosen)
        check_use(again, x, mode)
    return Probed(prod(out.shape[1:]), neurons, draws, outs)


def tried(module: nn.Module, x: torch.Tensor) -> tuple[Any, bool]:
    """What the module gives, and whether PyTorch's generator moved. Raises ValueError where it fails."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        before = torch.random.get_rng_state()
        try:
            out = module(x.clone())
        except Exception as error:  # whatever a module of one's own raises
            mode = "training" if module.training else "evaluation"
            told = " ".join(str(error).split())
            raise ValueError(
                f"the module cannot take points of shape {tuple(x.shape[1:])} in {mode}: {type(error).__name__}: {told}"
            ) from error
        return out, not torch.equal(before, torch.random.get_rng_state())


def parts_of(module: nn.Module, outs: Mapping[str, Shape]) -> tuple[tuple[Part, ...], Names, Names, set[str]]:
    """The modules with parameters to train, the names of weights and biases in p's order, and all names together."""
    parts, weights, biases = [], [], []
    first = {id(q): name for name, q in reversed(list(module.named_parameters(remove_duplicate=False))) if q.requires_grad}
    taken: set[int] = set()
    for name, inside in module.named_modules():
        own = [q for q in inside._parameters.values() if q is not None and q.requires_grad and id(q) not in taken]
        taken |= {id(q) for q in own}
        for q in own:
            if not q.is_floating_point():
                raise ValueError(f"the parameter {first[id(q)]} is of {q.dtype}: only real floating-point numbers can be trained")
        large, small = [q for q in own if q.dim() > 1], [q for q in own if q.dim() <= 1]
        if own:
            entries = sum(q.numel() for q in large)
            shape = tuple(large[0].shape) if len(large) == 1 else (entries,)
            text = " ".join(repr(inside).split()) if not list(inside.children()) else type(inside).__name__
            parts.append(Part(name, text, shape, entries, sum(q.numel() for q in small), outs.get(name, ())))
        weights += [(first[id(q)], tuple(q.shape)) for q in large]
        biases += [(first[id(q)], tuple(q.shape)) for q in small]
    tied = {name for name, q in module.named_parameters(remove_duplicate=False) if q.requires_grad}
    return tuple(parts), tuple(weights), tuple(biases), tied


def buffer_names(module: nn.Module) -> dict[str, str]:
    """The module's names of its buffers by the names that a run's file can have. Raises ValueError when two become one."""
    names = [name for name, _ in module.named_buffers()]
    out = {re.sub(r"[^A-Za-z0-9_.]", "_", name): name for name in names}
    if len(out) != len(names):
        raise ValueError(f"the buffers {', '.join(names)} have names that differ in signs only: rename them")
    return out


def code_of(kind: type) -> str:
    """A fingerprint of what a module's class does in `forward`."""
    code = getattr(getattr(kind, "forward", None), "__code__", None)
    if code is None:
        return kind.__qualname__
    constants = [c for c in code.co_consts if not hasattr(c, "co_code")]
    return f"{kind.__qualname__} {hashlib.sha256(code.co_code + repr((code.co_names, constants)).encode()).hexdigest()}"
