"""Networks as modules of PyTorch."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from netbp.activations import Activation, identity, leaky_relu, relu, sigmoid, tanh
from netbp.engines.tensor.layers import ACTIVATIONS, planar, sides
from netbp.engines.tensor.module import TorchNetwork
from netbp.engines.tensor.pooling import built_in, present
from netbp.layers import Conv, Dense, Dropout, Elementwise, Flatten, Flip, Layer, Pool, geometry
from netbp.network import Network
from netbp.types import Array

MODULES: dict[Activation, Any] = {
    sigmoid: nn.Sigmoid,
    tanh: nn.Tanh,
    relu: nn.ReLU,
    leaky_relu: lambda: nn.LeakyReLU(0.01),
}


class Applied(nn.Module):
    """An activation that PyTorch has no module for."""

    def __init__(self, sigma: Activation) -> None:
        super().__init__()
        self.sigma = ACTIVATIONS.get(sigma, sigma.value)

    def forward(self, z: Any) -> Any:
        """sigma(z), entry by entry."""
        return self.sigma(z)


class ClippedPool(nn.Module):
    """Pooling whose windows reach over the edge and are clipped to the input, with any padding."""

    counts: torch.Tensor

    def __init__(self, layer: Pool) -> None:
        super().__init__()
        self.signal, (self.window, self.stride, pad) = planar(geometry(layer))
        self.largest, self.pad = layer.kind == "max", sides(pad)
        size = (1, *layer.input[1:]) if self.signal else layer.input[1:]
        counts = torch.tensor(present(size, self.window, self.stride, pad), dtype=torch.float64)
        self.register_buffer("counts", counts, persistent=False)

    def forward(self, a: Any) -> Any:
        """The largest entry, or the average of the entries that are there, of each window."""
        a = a.unsqueeze(-2) if self.signal else a
        a = functional.pad(a, self.pad, value=float("-inf") if self.largest else 0.0)
        if self.largest:
            a = functional.max_pool2d(a, self.window, self.stride)
        else:
            a = functional.avg_pool2d(a, self.window, self.stride) * (prod(self.window) / self.counts).to(a.dtype)
        return a.squeeze(-2) if self.signal else a


class Scaled(nn.Module):
    """Dropout as section 7.2 describes it: what is kept stays in training, and all is scaled in evaluation."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, a: Any) -> Any:
        """Deleted at random, or scaled."""
        return torch.where(torch.rand_like(a) < self.rate, 0.0, a) if self.training else a * (1.0 - self.rate)


class Mirrored(nn.Module):
    """A batch mirrored in training, with some probability."""

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, a: Any) -> Any:
        """The batch, left-right or as it is."""
        return a.flip(-1) if self.training and float(torch.rand(())) < self.probability else a


def to_torch(network: Network, p: Array) -> nn.Module:
    """The network with parameters p, (s,), as a torch.nn.Module with the same outputs, in evaluation mode and p's precision.

    It takes batches (m, *network.input). Of a network of netbp's layers it is an nn.Sequential; pooling that reaches over the edge
    is exact; in training mode dropout and flips are drawn from PyTorch's own stream. Of a TorchNetwork it is a copy of its module,
    with the network's buffers: `to_torch(network.at(run), run.p)`. Raises ValueError when p has another length.
    """
    p = np.asarray(p)
    if isinstance(network, TorchNetwork):
        return network.module_at(p)
    if p.shape != (network.size,):
        raise ValueError(f"{network.title} has {network.size} parameters, but p has shape {p.shape}")
    pairs = iter(network.views(p))
    modules = [made for layer in network.layers for made in _modules(layer, pairs)]
    kind = torch.from_numpy(np.empty(0, p.dtype)).dtype
    return nn.Sequential(*modules, *([] if len(network.layers[-1].output) == 1 else [nn.Flatten()])).to(kind).eval()


def _modules(layer: Layer, pairs: Iterator[tuple[Array, Array]]) -> Iterator[nn.Module]:
    """What stands for one layer."""
    if isinstance(layer, Dense):
        if len(layer.input) > 1:
            yield nn.Flatten()
        yield _filled(nn.Linear(layer.inputs, layer.width), *next(pairs))
        yield from _activation(layer.activation)
    elif isinstance(layer, Conv):
        yield from _convolution(layer, *next(pairs))
        yield from _activation(layer.activation)
    elif isinstance(layer, Pool):
        yield _pool(layer)
    elif isinstance(layer, Dropout):
        yield nn.Dropout(layer.rate) if layer.scaling == "training" else Scaled(layer.rate)
    elif isinstance(layer, Flip):
        yield Mirrored(layer.probability)
    elif isinstance(layer, Elementwise):
        yield from _activation(layer.activation)
    elif isinstance(layer, Flatten):
        yield nn.Flatten()
    else:
        raise ValueError(f"PyTorch has nothing for {layer!r}: write it as a torch.nn.Module and use TorchNetwork")


def _activation(sigma: Activation) -> Iterator[nn.Module]:
    if sigma != identity:
        yield MODULES[sigma]() if sigma in MODULES else Applied(sigma)


def _filled(module: Any, W: Array, b: Array) -> nn.Module:
    module = module.to(torch.float64)
    with torch.no_grad():
        module.weight.copy_(torch.from_numpy(np.array(W)))
        module.bias.copy_(torch.from_numpy(np.array(b)))
    return module


def _convolution(layer: Conv, W: Array, b: Array) -> Iterator[nn.Module]:
    window, stride, pad = geometry(layer)
    even = all(before == after for before, after in pad)
    if not even:
        yield (nn.ConstantPad1d if len(window) == 1 else nn.ConstantPad2d)(tuple(sides(pad)), 0.0)  # type: ignore[arg-type]
    kind: Any = nn.Conv1d if len(window) == 1 else nn.Conv2d
    inside = tuple(before for before, _ in pad) if even else 0
    yield _filled(kind(layer.input[0], layer.filters, window, stride, inside), W, b)


def _pool(layer: Pool) -> nn.Module:
    """PyTorch's own module where it has the same windows, otherwise ClippedPool."""
    window, stride, pad = geometry(layer)
    before, ceil = built_in(layer.input[1:], layer.output[1:], window, stride, pad)
    if ceil is None:
        return ClippedPool(layer)
    largest, signal = layer.kind == "max", len(window) == 1
    kind: Any = (nn.MaxPool1d if signal else nn.MaxPool2d) if largest else (nn.AvgPool1d if signal else nn.AvgPool2d)
    more = {} if largest else {"count_include_pad": False}
    return kind(window, stride, before, ceil_mode=ceil, **more)
