"""Pooling for torch.compile: operations on whole arrays, which become vector instructions where channels lie together.

What torch.compile writes of its own accord for pooling asks at each entry which windows there are, in 64-bit integers. Here the
entries at one place of all windows are one slice of the input; and on the way back an entry at place r of the q-th stride is in
the windows q, q - 1, ... only, at their places r, r + stride, ...: shifted copies of the slopes, and a table of places.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import torch

from netbp.types import Array
from netbp.windows import Geometry


class Axis(NamedTuple):
    """n entries and the windows that see them, of `size` entries, the first from `before` entries before the input on."""

    n: int
    windows: int
    size: int
    stride: int
    before: int

    @property
    def after(self) -> int:
        """How many entries the last window reaches over the end."""
        return max(0, (self.windows - 1) * self.stride + self.size - self.before - self.n)

    @property
    def strides(self) -> int:
        """How many strides there are from the first window's beginning to the last entry."""
        return max(-(-(self.before + self.n) // self.stride), self.windows)

    @property
    def shared(self) -> int:
        """How many windows an entry can be in."""
        return -(-self.size // self.stride)

    def entries(self, i: int) -> slice:
        """The i-th entry of each window."""
        return slice(i, i + (self.windows - 1) * self.stride + 1, self.stride)

    def shifted(self, t: int) -> slice:
        """The t-th window of each stride, counted backwards, where all were moved by shared - 1."""
        return slice(self.shared - 1 - t, self.shared - 1 - t + self.strides)

    def places(self) -> Array:
        """The places in their windows of the entries that stand for the first, second, ... of each: (size, windows).

        An entry before the input has the input's first one in its place.
        """
        return np.maximum(np.arange(self.size)[:, None], self.before - self.stride * np.arange(self.windows))

    def seen(self) -> Array:
        """The place of entry r of stride q in the t-th of its windows, counted backwards, or -1: (shared, strides, stride)."""
        t, q, r = np.ogrid[: self.shared, : self.strides, : self.stride]
        place = r + self.stride * t
        return np.where((q >= t) & (q - t < self.windows) & (place < self.size), place, -1)


def axes(size: Any, out: Any, how: Geometry) -> tuple[Axis, Axis]:
    """The windows on images of this size, down and across; out: how many there are."""
    before = [pair[0] for pair in how.pad]
    down, across = (Axis(*numbers) for numbers in zip(size, out, how.window, how.stride, before, strict=True))
    return down, across


FIRST, LAST = (0, 3, 1, 2), (0, 2, 3, 1)
"""Where the axes go, so that channels come first or last; last they lie together, in whatever is computed on the way, too."""


class Windows:
    """The windows on images of one size, with the tables of their places on a device.

    places: for each entry of a window, row by row, a number, or (windows down, windows across); seen: (shared down, shared across,
    strides down, stride down, strides across, stride across), -1 where there is no such window.
    """

    def __init__(self, down: Axis, across: Axis, device: torch.device) -> None:
        self.down, self.across = down, across
        i, j = down.places()[:, None, :, None], across.places()[None, :, None, :]
        tables = (i * across.size + j).reshape(-1, down.windows, across.windows)
        self.places: list[Any] = [
            float(table.flat[0])
            if (table == table.flat[0]).all()
            else torch.tensor(table[:, :, None], dtype=torch.float32, device=device)
            for table in tables
        ]
        y, x = down.seen()[:, None, :, :, None, None], across.seen()[None, :, None, None]
        self.seen = torch.tensor(np.where((y >= 0) & (x >= 0), y * across.size + x, -1), dtype=torch.float32, device=device)

    def largest(self, a: Any) -> Any:
        """The largest entries of the windows of images a (m, c, H, W): (m, c, windows down, windows across)."""
        return Largest.apply(a.permute(LAST), self)[0].permute(FIRST)  # type: ignore[no-untyped-call]

    def averaged(self, average: Callable[[Any], Any], counts: Any) -> Callable[[Any], Any]:
        """`average`, which pools images, with slopes from here; counts: of the entries of each window."""
        return lambda a: Averaged.apply(a, average, counts, self)  # type: ignore[no-untyped-call]

    def collected(self, g: Any, chosen: Any) -> Any:
        """The sum, for each entry of the images, of the slopes g (m, windows down, windows across, c) of the windows it is in.

        chosen: the place in each window whose slope it is, or None for all places. Result: (m, H, W, c).
        """
        down, across = self.down, self.across
        sides = [(axis.shared - 1, axis.strides - axis.windows) for axis in (down, across)]
        g, chosen = widened(g, *sides), None if chosen is None else widened(chosen, *sides)
        total: Any = None
        for t, u in product(range(down.shared), range(across.shared)):
            at = (slice(None), down.shifted(t), None, across.shifted(u), None)
            place = self.seen[t, u, ..., None]
            part = torch.where(place >= 0 if chosen is None else chosen[at] == place, g[at], 0.0)
            total = part if total is None else total + part
        whole = total.flatten(3, 4).flatten(1, 2)
        return whole[:, down.before : down.before + down.n, across.before : across.before + across.n]


def widened(a: Any, down: tuple[int, int], across: tuple[int, int]) -> Any:
    """Images (m, H, W, c) with their edges repeated, before and after: the places follow from loops and are not looked up."""
    rows, columns = (
        torch.arange(-before, n + after, device=a.device).clamp(0, n - 1)
        for n, (before, after) in zip(a.shape[1:3], (down, across), strict=True)
    )
    return torch.ops.aten._unsafe_index(a, [None, rows[:, None], columns])


def written(a: Any) -> Any:
    """The same array; torch.compile then writes it to the memory once, where it would compute it anew for each of its uses."""
    a = a.contiguous()
    return a.as_strided(a.shape, a.stride())


class Largest(torch.autograd.Function):
    """The largest entries of the windows of images (m, H, W, c), and the place of each in its window: the first of several."""

    @staticmethod
    def forward(a: Any, windows: Windows) -> Any:
        """Both (m, windows down, windows across, c)."""
        down, across = windows.down, windows.across
        near = widened(a, (down.before, down.after), (across.before, across.after))
        best: Any = None
        chosen: Any = None
        for (i, j), place in zip(product(range(down.size), range(across.size)), windows.places, strict=True):
            v = near[:, down.entries(i), across.entries(j)]
            if best is None:
                best, chosen = v, torch.zeros_like(v, dtype=torch.float32) + place
            else:
                better = (v > best) | v.ne(v)  # what is not a number goes on, as everywhere
                best, chosen = torch.where(better, v, best), torch.where(better, place, chosen)
        return written(best), written(chosen)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        """What the slope needs."""
        ctx.windows = inputs[1]
        ctx.mark_non_differentiable(output[1])
        ctx.save_for_backward(output[1])

    @staticmethod
    def backward(ctx: Any, g: Any, _: Any) -> Any:
        """Each slope goes to the entry that was chosen."""
        return ctx.windows.collected(g, ctx.saved_tensors[0]), None


class Averaged(torch.autograd.Function):
    """Average pooling, done by `average`; counts: how many entries each window has, (windows down, windows across)."""

    @staticmethod
    def forward(a: Any, average: Any, counts: Any, windows: Windows) -> Any:
        """(m, c, windows down, windows across)."""
        return average(a)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        """What the slope needs."""
        ctx.counts, ctx.windows = inputs[2:]

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        """Each slope goes to all entries of its window in equal parts."""
        return ctx.windows.collected((g / ctx.counts.to(g.dtype)).permute(LAST), None).permute(FIRST), None, None, None
