"""What each layer does to a batch of tensors: (m, n), or (m, channels, length), or (m, channels, height, width)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch.nn import functional as F  # noqa: N812

from netbp.activations import Activation, identity, leaky_relu, relu, sigmoid, step, tanh
from netbp.engines.tensor.pooling import built_in, clipped, present
from netbp.engines.tensor.pooling_translated import Windows, axes
from netbp.engines.tensor.random import deleted, mirrored
from netbp.layers import Conv, Dense, Dropout, Elementwise, Flatten, Flip, Layer, Pool, geometry
from netbp.network import Network
from netbp.windows import Geometry


class How(NamedTuple):
    """training: whether random layers draw; device: where it will run; translated: whether it is for torch.compile."""

    training: bool
    device: torch.device
    translated: bool


Applied = Callable[[Any, Any, Any], Any]
"""(a, (W, b) or None, (first, keys) or None) -> the layer's output; W lies as in p."""

ACTIVATIONS: dict[Activation, Callable[[Any], Any]] = {
    identity: lambda z: z,
    sigmoid: torch.sigmoid,
    tanh: torch.tanh,
    relu: torch.relu,
    leaky_relu: lambda z: F.leaky_relu(z, 0.01),
    step: lambda z: torch.relu(torch.sign(z)),  # 1 for z > 0, otherwise 0, with the slope 0 everywhere
}


def activation_refusal(sigma: Activation) -> str | None:
    """Why an activation of one's own cannot take tensors, or None."""
    if sigma in ACTIVATIONS:
        return None
    try:
        z = torch.linspace(-1.0, 1.0, 3, dtype=torch.float64, requires_grad=True)  # which NumPy refuses
        same = isinstance(sigma.value(z), torch.Tensor)
    except (TypeError, RuntimeError, AttributeError, ValueError):
        same = False
    if same:
        return None
    return (
        f"the tensor engine cannot apply the activation {sigma.name} to tensors: write its value with operators only, or use "
        "the reference engine, Problem(..., engine=Reference())"
    )


def blocks(network: Network, p: Any) -> list[Any]:
    """p (s,) as its parts in their order: each W as it lies in p, a dense one transposed, then each b."""
    shapes = [
        (layer.inputs, layer.outputs) if isinstance(layer, Dense) else tuple(layer.weight_shape) for layer in network.weighted
    ]
    sizes = [layer.weights for layer in network.weighted] + [layer.biases for layer in network.weighted]
    parts = list(p.split(sizes))
    return [part.view(shape) for part, shape in zip(parts, shapes, strict=False)] + parts[len(shapes) :]


def outputs(network: Network, training: bool, device: Any = "cpu", translated: bool = False) -> Callable[[Any, Any, Any, Any], Any]:
    """The function (blocks, x, first, keys) -> a[L], (m, n_L), of the rows x (m, n_1).

    training: whether random layers draw, from keys (random layers, 2), for the points first, ..., first + m - 1 of a batch.
    device: where it will run. translated: whether for torch.compile; images then lie in memory with their channels together.
    """
    how = How(training, torch.device(device), translated)
    chain = [(applied(layer, how), bool(layer.size), layer.random) for layer in network.layers]
    shape, weighted = network.input, len(network.weighted)
    image = translated and len(shape) == 3

    def run(parts: Any, x: Any, first: Any, keys: Any) -> Any:
        a = x.view(-1, *shape)
        if image:
            a = a.contiguous(memory_format=torch.channels_last)
        w = drawn = 0
        for apply, has_weights, draws in chain:
            a = apply(
                a, (parts[w], parts[weighted + w]) if has_weights else None, (first, keys[drawn]) if draws and training else None
            )
            w, drawn = w + has_weights, drawn + draws
        return a.flatten(1)

    return run


def applied(layer: Layer, how: How) -> Applied:
    """What the layer does. Raises NotImplementedError for a layer that the engine does not know."""
    if type(layer) not in KINDS:
        raise NotImplementedError(f"the tensor engine has no {layer!r}: use the reference engine, Problem(..., engine=Reference())")
    return KINDS[type(layer)](layer, how)


def dense(layer: Dense, how: How) -> Applied:
    """sigma(a W^T + b), row by row; W comes as it lies in p, which is W^T row by row."""
    sigma = ACTIVATIONS.get(layer.activation, layer.activation.value)
    return lambda a, w, draw: sigma(torch.addmm(w[1], a.flatten(1), w[0]))


def convolution(layer: Conv, how: How) -> Applied:
    """The sum over channels and window, written as a correlation, (29) and (30), in one or two dimensions."""
    sigma = ACTIVATIONS.get(layer.activation, layer.activation.value)
    signal, (window, stride, pad) = planar(geometry(layer))
    even = all(before == after for before, after in pad)
    inside = tuple(before for before, _ in pad) if even else (0, 0)

    whole = how.translated and not signal and even and not any(inside) and tuple(layer.output[1:]) == (1, 1)

    def product(a: Any, w: Any, draw: Any) -> Any:  # one window is the whole image: a product of matrices, on which less is spent
        W, b = w
        return sigma(torch.addmm(b, a.flatten(1), W.flatten(1).t()))[:, :, None, None]

    def apply(a: Any, w: Any, draw: Any) -> Any:
        W, b = w
        if signal:
            a, W = a.unsqueeze(-2), W.unsqueeze(-2)
        if not even:
            a = F.pad(a, sides(pad))
        z = F.conv2d(a, W, b, stride=stride, padding=inside)
        return sigma(z.squeeze(-2) if signal else z)

    return product if whole else apply


def pooling(layer: Pool, how: How) -> Applied:
    """The largest entry or the average of each window, clipped to the input."""
    signal, given = planar(geometry(layer))
    size, out = ((1, *layer.input[1:]), (1, *layer.output[1:])) if signal else (layer.input[1:], layer.output[1:])
    before, ceil = built_in(size, out, *given)
    largest = layer.kind == "max"
    counts = None if largest else torch.tensor(present(size, *given), dtype=torch.float32, device=how.device)

    def as_it_is(a: Any) -> Any:
        return clipped(a, largest, given, before, ceil, counts)

    pooled: Callable[[Any], Any] = as_it_is
    if how.translated:
        windows = Windows(*axes(size, out, given), how.device)
        pooled = windows.largest if largest else windows.averaged(as_it_is, counts)

    def apply(a: Any, w: Any, draw: Any) -> Any:
        return pooled(a.unsqueeze(-2)).squeeze(-2) if signal else pooled(a)

    return apply


def elementwise(layer: Elementwise, how: How) -> Applied:
    """sigma(a)."""
    sigma = ACTIVATIONS.get(layer.activation, layer.activation.value)
    return lambda a, w, draw: sigma(a)


def flatten(layer: Flatten, how: How) -> Applied:
    """A vector of the same numbers."""
    return lambda a, w, draw: a.flatten(1)


def dropout(layer: Dropout, how: How) -> Applied:
    """Set to zero at random in training; scaled in training or in evaluation."""
    rate, scaled = layer.rate, layer.scaling == "training"
    if how.training:
        factor = 1.0 / (1.0 - rate) if scaled else 1.0
        return lambda a, w, draw: torch.where(deleted(a, draw[0], draw[1], rate), 0.0, a * factor)
    return (lambda a, w, draw: a) if scaled else (lambda a, w, draw: a * (1.0 - rate))


def flip(layer: Flip, how: How) -> Applied:
    """Mirrored, or not, in training."""
    probability = layer.probability
    return (lambda a, w, draw: mirrored(a, draw[1], probability)) if how.training else (lambda a, w, draw: a)


KINDS: dict[type, Callable[..., Applied]] = {
    Dense: dense,
    Conv: convolution,
    Pool: pooling,
    Elementwise: elementwise,
    Flatten: flatten,
    Dropout: dropout,
    Flip: flip,
}


def planar(given: Geometry) -> tuple[bool, Geometry]:
    """Whether the window moves along a signal, and how it moves on an image; a signal is an image of height 1."""
    if len(given.window) == 2:
        return False, given
    return True, Geometry((1, *given.window), (1, *given.stride), ((0, 0), *given.pad))


def sides(pad: tuple[tuple[int, int], ...]) -> list[int]:
    """The padding as F.pad takes it: the last axis first."""
    return [n for pair in reversed(pad) for n in pair]
