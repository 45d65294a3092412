"""Pooling whose windows are clipped to the input, by PyTorch's own kernels; `pooling_translated` has it for torch.compile."""

from __future__ import annotations

from typing import Any

from torch.nn import functional as F  # noqa: N812

from netbp.windows import Geometry


def clipped(a: Any, largest: bool, how: Geometry, before: Any, ceil: bool | None, counts: Any) -> Any:
    """The largest or the average of each window of the images a, clipped to them.

    before, ceil: from `built_in`; counts: from `present`, a tensor, where PyTorch has no such windows.
    """
    window, stride, pad = how
    if ceil is None:
        a = F.pad(a, [n for pair in reversed(pad) for n in pair], value=float("-inf") if largest else 0.0)
    if largest:
        return F.max_pool2d(a, window, stride, before, ceil_mode=bool(ceil))
    if ceil is not None:
        return F.avg_pool2d(a, window, stride, before, ceil_mode=ceil, count_include_pad=False)
    return F.avg_pool2d(a, window, stride, divisor_override=1) / counts.to(a.device, a.dtype)


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
