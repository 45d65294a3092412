"""What each layer does to a batch of tensors: (m, n), or (m, channels, length), or (m, channels, height, width)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional as F  # noqa: N812

from netbp.activations import Activation, identity, leaky_relu, relu, sigmoid, step, tanh
from netbp.engines.tensor.random import deleted, mirrored
from netbp.layers import Conv, Dense, Dropout, Elementwise, Flatten, Flip, Geometry, Layer, Pool, geometry
from netbp.network import Network

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


def outputs(network: Network, training: bool, channels_last: bool = False) -> Callable[[Any, Any, Any, Any], Any]:
    """The function (blocks, x, first, keys) -> a[L], (m, n_L), of the rows x (m, n_1).

    training: whether random layers draw, from keys (random layers, 2), for the points first, ..., first + m - 1 of a batch.
    channels_last: whether images lie in memory with their channels together.
    """
    chain = [(applied(layer, training), bool(layer.size), layer.random) for layer in network.layers]
    shape, weighted = network.input, len(network.weighted)
    image = channels_last and len(shape) == 3

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


def applied(layer: Layer, training: bool) -> Applied:
    """What the layer does. Raises NotImplementedError for a layer that the engine does not know."""
    if type(layer) not in KINDS:
        raise NotImplementedError(f"the tensor engine has no {layer!r}: use the reference engine, Problem(..., engine=Reference())")
    return KINDS[type(layer)](layer, training)


def dense(layer: Dense, training: bool) -> Applied:
    """sigma(a W^T + b), row by row; W comes as it lies in p, which is W^T row by row."""
    sigma = ACTIVATIONS.get(layer.activation, layer.activation.value)
    return lambda a, w, draw: sigma(torch.addmm(w[1], a.flatten(1), w[0]))


def convolution(layer: Conv, training: bool) -> Applied:
    """The sum over channels and window, written as a correlation, (29) and (30), in one or two dimensions."""
    sigma = ACTIVATIONS.get(layer.activation, layer.activation.value)
    signal, (window, stride, pad) = planar(geometry(layer))
    even = all(before == after for before, after in pad)
    inside = tuple(before for before, _ in pad) if even else (0, 0)

    def apply(a: Any, w: Any, draw: Any) -> Any:
        W, b = w
        if signal:
            a, W = a.unsqueeze(-2), W.unsqueeze(-2)
        if not even:
            a = F.pad(a, sides(pad))
        z = F.conv2d(a, W, b, stride=stride, padding=inside)
        return sigma(z.squeeze(-2) if signal else z)

    return apply


def pooling(layer: Pool, training: bool) -> Applied:
    """The largest entry or the average of each window, clipped to the input."""
    signal, (window, stride, pad) = planar(geometry(layer))
    size, out = ((1, *layer.input[1:]), (1, *layer.output[1:])) if signal else (layer.input[1:], layer.output[1:])
    before, ceil = built_in(size, out, window, stride, pad)
    largest = layer.kind == "max"
    counts = None if ceil is not None or largest else present(size, window, stride, pad)

    def apply(a: Any, w: Any, draw: Any) -> Any:
        if signal:
            a = a.unsqueeze(-2)
        if ceil is None:
            a = F.pad(a, sides(pad), value=float("-inf") if largest else 0.0)
        if largest:
            a = F.max_pool2d(a, window, stride, before, ceil_mode=bool(ceil))
        elif counts is None:
            a = F.avg_pool2d(a, window, stride, before, ceil_mode=bool(ceil), count_include_pad=False)
        else:
            a = F.avg_pool2d(a, window, stride, divisor_override=1) / torch.tensor(counts, dtype=a.dtype, device=a.device)
        return a.squeeze(-2) if signal else a

    return apply


def elementwise(layer: Elementwise, training: bool) -> Applied:
    """sigma(a)."""
    sigma = ACTIVATIONS.get(layer.activation, layer.activation.value)
    return lambda a, w, draw: sigma(a)


def flatten(layer: Flatten, training: bool) -> Applied:
    """A vector of the same numbers."""
    return lambda a, w, draw: a.flatten(1)


def dropout(layer: Dropout, training: bool) -> Applied:
    """Set to zero at random in training; scaled in training or in evaluation."""
    rate, scaled = layer.rate, layer.scaling == "training"
    if training:
        factor = 1.0 / (1.0 - rate) if scaled else 1.0
        return lambda a, w, draw: torch.where(deleted(a, draw[0], draw[1], rate), 0.0, a * factor)
    return (lambda a, w, draw: a) if scaled else (lambda a, w, draw: a * (1.0 - rate))


def flip(layer: Flip, training: bool) -> Applied:
    """Mirrored, or not, in training."""
    probability = layer.probability
    return (lambda a, w, draw: mirrored(a, draw[1], probability)) if training else (lambda a, w, draw: a)


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


def built_in(size: Any, out: Any, window: Any, stride: Any, pad: Any) -> tuple[tuple[int, ...], bool | None]:
    """PyTorch's own clipped pooling, its padding on both sides and ceil_mode, if it has the same windows; otherwise 0 and None.

    Its windows start at the same places and clip likewise; only how many there are may differ.
    """
    before = tuple(pair[0] for pair in pad)
    if all(2 * b <= k for b, k in zip(before, window, strict=True)):
        for ceil in (False, True):
            if all(windows(n, k, s, b, ceil) == o for n, k, s, b, o in zip(size, window, stride, before, out, strict=True)):
                return before, ceil
    return (0,) * len(before), None


def windows(n: int, k: int, s: int, b: int, ceil: bool) -> int:
    """How many windows PyTorch's pooling has along an axis of n entries with b zeros on either side."""
    count = (n + 2 * b - k + (s - 1 if ceil else 0)) // s + 1
    return count - 1 if ceil and (count - 1) * s >= n + b else count


def present(size: Any, window: Any, stride: Any, pad: Any) -> list[list[float]]:
    """How many entries of each window are the input's own, (windows down, windows across)."""
    along = []
    for n, k, s, (before, after) in zip(size, window, stride, pad, strict=True):
        starts = range(-before, n + after - k + 1, s)
        along.append([min(start + k, n) - max(start, 0) for start in starts])
    return [[float(i * j) for j in along[1]] for i in along[0]]
