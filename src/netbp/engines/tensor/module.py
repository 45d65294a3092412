"""TorchNetwork: any torch.nn.Module as a Network, its parameters one flat vector p."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
import torch
from torch import nn

from netbp.activations import Activation
from netbp.engines.tensor.module_kinds import refusal
from netbp.engines.tensor.module_parts import Part, buffer_names, code_of, last_range, parts_of, probed, set_modes
from netbp.network import Network
from netbp.types import Array, State, Vector
from netbp.windows import Shape

BUFFERS = "buffers."  # how buffers are called in a State's memory


class TorchNetwork(Network):
    """A torch.nn.Module as a Network, for the tensor engine: `TorchNetwork(module, input=(3, 32, 32))`.

    module: copied, with its parameters and buffers; it takes a batch (m, *input) and gives one tensor (m, ...), point by point in
    evaluation. input: the shape of one point, without the batch. integers: whether it takes whole numbers, such as tokens.
    translate: whether training steps are translated by torch.compile, where the module draws no random numbers.

    The flat vector p, (s,), holds all parameters with two or more axes, the "weights", in the order of named_modules(), then all
    others, the "biases"; a tied parameter once. Parameters with requires_grad=False stay as they are and are not in p. Buffers,
    such as batch normalisation's running means, are kept beside p: evaluation uses the network's, and `at(run)` gives the network
    with those of a run. Raises TypeError for what is no module, ValueError for one that cannot take such points, that gives no
    single tensor, that has no parameters or no derivatives, that draws random numbers in evaluation, that gives something else when
    it is called again, and for TorchScript, pruned, parametrised, quantised, parallel, meta and lazy modules.
    """

    def __init__(self, module: nn.Module, input: int | Sequence[int], integers: bool = False, translate: bool = False) -> None:
        if not isinstance(module, nn.Module):
            raise TypeError(f"TorchNetwork takes a torch.nn.Module, but got {module!r}: for netbp's own layers use Network.chain")
        shape = (int(input),) if isinstance(input, int | np.integer) else tuple(int(n) for n in input)
        if not shape or min(shape) < 1:
            raise ValueError(f"input must be the shape of one point, whole numbers of at least 1, but it is {input!r}")
        if told := refusal(module):
            raise ValueError(told)
        try:
            inside = copy.deepcopy(module).cpu()
        except Exception as error:  # whatever a module of one's own raises
            raise ValueError(f"the module cannot be copied: {type(error).__name__}: {' '.join(str(error).split())}") from error
        everywhere = list(inside.modules())
        modes = tuple(m.training for m in everywhere) if module.training else (True,) * len(everywhere)
        found = probed(inside, shape, integers, modes)
        parts, weights, biases, names = parts_of(inside, found.outs)
        if not parts:
            raise ValueError(f"{type(module).__name__} has no parameters to train: all are without requires_grad, or it has none")
        values = {
            "layers": parts,
            "module": inside,
            "shape": shape,
            "integers": bool(integers),
            "translate": bool(translate),
            "outputs": found.outputs,
            "neurons": found.neurons,
            "draws": found.draws,
            "modes": modes,
            "weight_names": weights,
            "bias_names": biases,
            "constants": {name: q.detach() for name, q in inside.named_parameters() if name not in names},
            "buffer_names": buffer_names(inside),
            "replaced": {},
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)

    __eq__ = object.__eq__
    __hash__ = object.__hash__

    module: nn.Module
    shape: Shape
    integers: bool
    translate: bool
    outputs: int
    neurons: int
    draws: bool
    modes: tuple[bool, ...]
    weight_names: tuple[tuple[str, Shape], ...]
    bias_names: tuple[tuple[str, Shape], ...]
    constants: Mapping[str, torch.Tensor]
    buffer_names: Mapping[str, str]
    replaced: Mapping[str, Array]

    # -- what a Network tells ----------------------------------------------------------------------------------------

    @property
    def input(self) -> Shape:
        """The shape of one point."""
        return self.shape

    @property
    def sizes(self) -> tuple[int, ...]:
        """(n_1, n_L): what is between is the module's."""
        return (prod(self.shape), self.outputs)

    @property
    def is_dense(self) -> bool:
        """No: only the tensor engine knows what the module does."""
        return False

    @property
    def random(self) -> bool:
        """Whether the module draws from PyTorch's generator in training, as Dropout does."""
        return self.draws

    @property
    def activations(self) -> tuple[Activation, ...]:
        """None that are known."""
        return ()

    @property
    def last_range(self) -> tuple[str, float, float] | None:
        """Between which numbers all outputs lie, where the module ends with an activation that says so."""
        return last_range(self.module)

    @property
    def title(self) -> str:
        """The network in one line."""
        return f"TorchNetwork({type(self.module).__name__}, input={self.shape if len(self.shape) > 1 else self.shape[0]})"

    def __repr__(self) -> str:
        return f"{self.title}\n{self.table()}"

    def table(self) -> Any:
        """The modules with parameters: name, kind, what goes out, weights and biases; a string."""
        rows: list[tuple[str, ...]] = [("", "module", "goes out", "weights", "biases")]
        rows += [
            (part.name, part.text, " x ".join(map(str, part.out)) or "-", f"{part.weights:,}", f"{part.biases:,}")
            for part in self.layers
            if isinstance(part, Part)
        ]
        rows.append(("all", "", str(self.outputs), *(f"{sum(n):,}" for n in self._counts())))
        widths = [max(len(row[j]) for row in rows) for j in range(5)]
        return "\n".join(
            "  ".join(
                cell.ljust(w) if j < 2 else cell.rjust(w) for j, (cell, w) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in rows
        )

    def _counts(self) -> tuple[list[int], list[int]]:
        return [part.weights for part in self.layers], [part.biases for part in self.layers]

    @cached_property
    def fingerprint(self) -> str:
        """The SHA-256 of the architecture: modules, shapes of parameters and buffers, the code of modules of one's own."""
        shapes = [(name, tuple(q.shape)) for name, q in self.module.state_dict(keep_vars=True).items()]
        kinds = sorted({type(m) for m in self.module.modules()}, key=lambda kind: f"{kind.__module__}.{kind.__qualname__}")
        code = [code_of(kind) for kind in kinds if not kind.__module__.startswith("torch.")]
        text = repr((repr(self.module), shapes, code, self.weight_names, self.bias_names, self.shape, self.integers))
        return hashlib.sha256(text.encode()).hexdigest()

    # -- p and the buffers -------------------------------------------------------------------------------------------

    @property
    def parameter_names(self) -> tuple[tuple[str, Shape], ...]:
        """Names and shapes of the parameters in p's order."""
        return (*self.weight_names, *self.bias_names)

    def named(self, p: Array) -> dict[str, Array]:
        """The parameters by the module's names, as views of p, (s,). Raises ValueError when p has another length."""
        if np.shape(p) != (self.size,):
            raise ValueError(f"{self.title} has {self.size} parameters, but p has shape {np.shape(p)}")
        edges = np.cumsum([prod(shape) for _, shape in self.parameter_names])[:-1]
        parts = zip(self.parameter_names, np.split(np.asarray(p), edges), strict=True)
        return {name: part.reshape(shape) for (name, shape), part in parts}

    def blocks(self, p: torch.Tensor) -> dict[str, torch.Tensor]:
        """The same of a tensor."""
        parts = p.split_with_sizes([prod(shape) for _, shape in self.parameter_names])
        return {name: part.view(shape) for (name, shape), part in zip(self.parameter_names, parts, strict=True)}

    def draw(self, rng: Any = None, scale: float | Sequence[float] | Callable[[int, int], float] | None = None) -> Vector:
        """The module's own parameters, (s,), a copy: nothing is drawn, since a module comes with its start, or is trained.

        rng: not used without scale. scale: a standard deviation, one for each of the modules with parameters, or `glorot` or `he`:
        then the weights are normal random numbers; all other parameters stay the module's own. Raises ValueError for another count.
        """
        own = dict(self.module.named_parameters())
        p = np.concatenate([own[name].detach().double().numpy().reshape(-1) for name, _ in self.parameter_names])
        if scale is None:
            return p
        rng = np.random.default_rng(rng) if rng is None or isinstance(rng, int | np.integer) else rng
        given = [scale(*part.fans) for part in self.weighted] if callable(scale) else np.atleast_1d(scale).tolist()
        if len(given) not in (1, len(self.weighted)):
            raise ValueError(f"{self.title} has {len(self.weighted)} modules with parameters, but scale has {len(given)} numbers")
        for deviation, (w, _) in zip(given * (len(self.weighted) // len(given)), self.slices, strict=True):
            p[w] = deviation * rng.standard_normal(w.stop - w.start)
        return p

    @property
    def buffers(self) -> dict[str, Array]:
        """The network's buffers by name, copies; the names are as in a run's memory, without "buffers."."""
        own = dict(self.module.named_buffers())
        return {name: np.array(self.replaced.get(name, own[real].numpy())) for name, real in self.buffer_names.items()}

    def at(self, found: Any) -> TorchNetwork:
        """The network with other buffers: those of a Run, a Snapshot or a State, or a mapping by name.

        Raises ValueError when a name or a shape is not one of this network's.
        """
        mine, new = self.buffers, buffers_in(found)
        for name, array in new.items():
            if name not in mine or mine[name].shape != np.shape(array):
                has = f"it has shape {mine[name].shape}" if name in mine else f"there are {', '.join(mine) or 'none'}"
                raise ValueError(f"{self.title} has no buffer {name} of shape {np.shape(array)}: {has}")
        network = copy.copy(self)
        object.__setattr__(network, "replaced", {**self.replaced, **{name: np.array(array) for name, array in new.items()}})
        return network

    def module_at(self, p: Array) -> nn.Module:
        """A copy of the module in evaluation mode, in p's precision, with the parameters p, (s,), and the network's buffers."""
        module = copy.deepcopy(self.module).to(torch.from_numpy(np.empty(0, np.asarray(p).dtype)).dtype)
        set_modes(module, None)
        own = dict(module.named_parameters()) | dict(module.named_buffers())
        values = self.named(p) | {self.buffer_names[name]: array for name, array in self.buffers.items()}
        with torch.no_grad():
            for name, value in values.items():
                own[name].copy_(torch.from_numpy(np.array(value)))
        return module

    # -- what the module does ----------------------------------------------------------------------------------------

    def apply(self, tensors: dict[str, torch.Tensor], x: torch.Tensor, training: bool) -> torch.Tensor:
        """a[L], (m, n_L), of rows x (m, n_1). tensors: parameters, constants and buffers by the module's names; buffers change."""
        set_modes(self.module, self.modes if training else None)
        out = torch.func.functional_call(self.module, tensors, (x.reshape(-1, *self.shape),))
        return out.flatten(1)


def buffers_in(found: Any) -> dict[str, Array]:
    """The buffers in a Run, a Snapshot or a State, or in a mapping of them."""
    state = getattr(found, "state", found)
    if isinstance(state, State):
        return {name.removeprefix(BUFFERS): a for name, a in state.memory.items() if name.startswith(BUFFERS)}
    if not isinstance(state, Mapping):
        raise TypeError(f"buffers are taken from a Run, a Snapshot, a State or a mapping, not from {found!r}")
    return {str(name).removeprefix(BUFFERS): array for name, array in state.items()}
