"""Pooling whose windows are clipped to the input, by PyTorch's own kernels.

Translated, max pooling stays one call of PyTorch's kernel, registered here as an operation of its own: what torch.compile
would write instead does without vector instructions, and took a third of a training step of section 7.4's network.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional as F  # noqa: N812

from netbp.layers import Geometry

LIBRARY: Any = torch.library.Library("netbp", "FRAGMENT")  # type: ignore[no-untyped-call]
LIBRARY.define("max_pool(Tensor a, int[] window, int[] stride, int[] pad, bool ceil) -> (Tensor, Tensor)")
LIBRARY.define(
    "max_pool_slope(Tensor g, Tensor a, int[] window, int[] stride, int[] pad, bool ceil, Tensor chosen) -> Tensor",
)


def _max_pool(a: Any, window: Any, stride: Any, pad: Any, ceil: bool) -> Any:
    return torch.ops.aten.max_pool2d_with_indices(a, window, stride, pad, [1, 1], ceil)


def _max_pool_slope(g: Any, a: Any, window: Any, stride: Any, pad: Any, ceil: bool, chosen: Any) -> Any:
    return torch.ops.aten.max_pool2d_with_indices_backward(g, a, window, stride, pad, [1, 1], ceil, chosen)


for name, function in (("max_pool", _max_pool), ("max_pool_slope", _max_pool_slope)):
    LIBRARY.impl(name, function, "CompositeExplicitAutograd")
    torch.library.register_fake(f"netbp::{name}", function, lib=LIBRARY)


class Largest(torch.autograd.Function):
    """The largest entries of the windows, and which they are."""

    @staticmethod
    def forward(a: Any, *how: Any) -> Any:
        """The entries and their places."""
        return torch.ops.netbp.max_pool(a, *how)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        """What the slope needs."""
        a, *ctx.how = inputs
        ctx.mark_non_differentiable(output[1])
        ctx.save_for_backward(a, output[1])

    @staticmethod
    def backward(ctx: Any, g: Any, _: Any) -> Any:
        """Each slope goes to the entry that was chosen."""
        a, chosen = ctx.saved_tensors
        return torch.ops.netbp.max_pool_slope(g, a, *ctx.how, chosen), None, None, None, None


def clipped(a: Any, largest: bool, how: Geometry, before: Any, ceil: bool | None, counts: Any, translated: bool) -> Any:
    """The largest or the average of each window of the images a, clipped to them.

    before, ceil: from `built_in`; counts: from `present`, where PyTorch has no such windows. translated: within torch.compile.
    """
    window, stride, pad = how
    if ceil is None:
        a = F.pad(a, [n for pair in reversed(pad) for n in pair], value=float("-inf") if largest else 0.0)
    if largest and translated:
        return Largest.apply(a, list(window), list(stride), list(before), bool(ceil))[0]  # type: ignore[no-untyped-call]
    if largest:
        return F.max_pool2d(a, window, stride, before, ceil_mode=bool(ceil))
    if ceil is not None:
        return F.avg_pool2d(a, window, stride, before, ceil_mode=ceil, count_include_pad=False)
    return F.avg_pool2d(a, window, stride, divisor_override=1) / torch.tensor(counts, dtype=a.dtype, device=a.device)


def built_in(size: Any, out: Any, window: Any, stride: Any, pad: Any) -> tuple[tuple[int, ...], bool | None]:
    """PyTorch's own clipped pooling, its padding on both sides and ceil_mode, if it has the same windows; otherwise 0 and None.

    Its windows start at the same places and clip likewise; only how many there are may differ.
    """
    before = tuple(pair[0] for pair in pad)
    if all(2 * b <= k for b, k in zip(before, window, strict=True)):
        for ceil in (False, True):
            counts = [windows(n, k, s, b, ceil) for n, k, s, b in zip(size, window, stride, before, strict=True)]
            if counts == list(out):
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
