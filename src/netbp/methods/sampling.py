"""Sampling: which points each step uses, as ways of filling one array of indices.

Each class chooses for one network, with one random stream, or for M networks, with a list of M. The choices for steps t + 1, ...,
t + K are the same numbers however these steps are split into calls.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from netbp.methods import remembered
from netbp.methods.schedules import values_at
from netbp.methods.streams import permutations
from netbp.types import Array, Indices


class Batches(NamedTuple):
    """The points of K steps: see `netbp.engines.Choices`. ends: the steps, 1 to K, that end an epoch; empty if there are none."""

    indices: Indices | None
    offsets: Indices
    ends: Indices


NONE = np.empty(0, dtype=np.int64)


class Everything:
    """All N points in every step, (12)."""

    def choose(self, t: int, steps: int) -> Batches:
        """No choice to make."""
        return Batches(None, np.zeros(steps + 1, dtype=np.int64), NONE)

    def memory(self) -> Mapping[str, Array]:
        """Nothing to remember."""
        return {}

    def epoch_left(self, t: int) -> int:
        """Every step is an epoch."""
        return 1


class Replacement:
    """Points drawn uniformly, each step anew, (15) and (17)."""

    def __init__(self, N: int, batch: Any, rng: Any) -> None:
        self.N, self.batch, self.rng = N, batch, rng
        self.offsets = np.zeros(1, dtype=np.int64)

    def choose(self, t: int, steps: int) -> Batches:
        """Draw the points of `steps` steps: for one point each, what MATLAB's randi(N) gives in Listing 6.1, less 1."""
        if callable(self.batch) or isinstance(self.batch, tuple):
            offsets = np.concatenate([[0], values_at(self.batch, t, steps, "batch size", whole=True).cumsum()])
        else:
            if len(self.offsets) <= steps:
                self.offsets = np.arange(steps + 1, dtype=np.int64) * self.batch
            offsets = self.offsets[: steps + 1]
        return Batches(self._draw(int(offsets[-1])), offsets, NONE)

    def memory(self) -> Mapping[str, Array]:
        """Nothing beyond the random stream."""
        return {}

    def epoch_left(self, t: int) -> int:
        """No epochs: no step is an end."""
        return 2**62

    def _draw(self, count: int) -> Indices:
        if not isinstance(self.rng, list):
            return np.asarray(self.rng.integers(self.N, size=count), dtype=np.int64)
        indices = np.empty((len(self.rng), count), dtype=np.int64)
        for m, rng in enumerate(self.rng):
            indices[m] = rng.integers(self.N, size=count)
        return indices


class Epochs:
    """Points without replacement: a random order per epoch, cut into batches, (16); the last may be shorter.

    Remembers the epoch's order and how many of its points are used; an order is drawn with its epoch's first step.
    """

    def __init__(self, N: int, batch: Any, rng: Any, memory: Mapping[str, Array]) -> None:
        self.N, self.batch, self.rng = N, batch, rng
        shape = (len(rng), N) if isinstance(rng, list) else (N,)
        order = remembered(memory, "order", np.zeros(shape, dtype=np.int64))
        position = int(remembered(memory, "position", N))
        if not 0 <= position <= N or order.min() < 0 or order.max() >= N:
            raise ValueError(f"the epoch's order has shape {order.shape} and position {position}, which {N} points cannot have")
        self.order, self.position = order, position

    def choose(self, t: int, steps: int) -> Batches:
        """The points of `steps` steps, in the present order and those of the epochs that begin."""
        sizes = self._sizes(t, steps)
        offsets = np.concatenate([[0], sizes.cumsum()])
        used = self.position + offsets[1:]
        begun = -(-int(used[-1]) // self.N) - 1  # epochs that begin within these steps
        rest = self.order[..., self.position :]
        if isinstance(self.rng, list):
            new = np.stack([permutations(rng, self.N, begun) for rng in self.rng])
        else:
            new = permutations(self.rng, self.N, begun)
        indices = np.concatenate([rest, new.reshape(*self.order.shape[:-1], -1)], axis=-1)[..., : offsets[-1]]
        if begun:
            self.order = new[..., -1, :]
        self.position = int(used[-1]) - begun * self.N
        return Batches(np.ascontiguousarray(indices), offsets, np.flatnonzero(used % self.N == 0) + 1)

    def memory(self) -> Mapping[str, Array]:
        """The epoch's order, and how many of its points are used."""
        return {"order": self.order, "position": np.array(self.position)}

    def epoch_left(self, t: int) -> int:
        """How many steps the present epoch still takes, or the next one, whole, when none is under way."""
        position, step = self.position % self.N, 0
        if isinstance(self.batch, int):
            return -(-(self.N - position) // self.batch)
        while position < self.N:
            position, step = position + self._size(t + step), step + 1
        return step

    def _size(self, t: int) -> int:
        size = int(values_at(self.batch, t, 1, "batch size", whole=True)[0])
        if size > self.N:
            raise ValueError(too_large(size, self.N))
        return size

    def _sizes(self, t: int, steps: int) -> Indices:
        """The batch sizes, each at most what its epoch has left."""
        if isinstance(self.batch, int):
            per_epoch = -(-self.N // self.batch)
            first = self.position % self.N // self.batch
            return np.minimum(self.batch, self.N - (first + np.arange(steps)) % per_epoch * self.batch)
        sizes, position = [], self.position % self.N
        for step in range(t, t + steps):
            sizes.append(min(self._size(step), self.N - position))
            position = (position + sizes[-1]) % self.N
        return np.array(sizes, dtype=np.int64)


def too_large(size: int, N: int) -> str:
    """Why a batch cannot be drawn without replacement."""
    return f'an epoch of {N} points has no batch of {size} different ones: use batch <= {N} or sampling="replacement"'


def epoch_means(costs: Array, batches: Batches, carry: Array, N: int) -> tuple[Array, Array]:
    """The mean cost over each epoch that ends, (n, ...), each batch weighted by its points; and the sum of the epoch under way.

    costs: (K, ...), of the batches. carry: (...), the sum of the epoch under way so far. Sums run in the order of the
    steps, whatever the chunks are: that keeps their bits.
    """
    weighted = costs * np.diff(batches.offsets).reshape(-1, *[1] * (costs.ndim - 1))
    ends, shape = batches.ends, costs.shape[1:]
    if not len(ends):
        return np.empty((0, *shape)), in_turn(carry, weighted)
    sums = [in_turn(carry, weighted[: ends[0]])[None]]
    gaps = np.diff(ends)
    if len(gaps) and (gaps == gaps[0]).all():  # epochs of equally many steps: all at once
        rows = weighted[ends[0] : ends[-1]].reshape(len(gaps), gaps[0], *shape)
        sums.append(np.add.accumulate(rows, axis=1)[:, -1])
    else:
        sums += [in_turn(np.zeros(shape), part)[None] for part in np.split(weighted, ends)[1:-1]]
    return np.concatenate(sums) / N, in_turn(np.zeros(shape), weighted[ends[-1] :])


def in_turn(carry: Array, costs: Array) -> Array:
    """Carry + costs[0] + costs[1] + ..., in this order."""
    return np.asarray(np.add.accumulate(np.concatenate([np.asarray(carry)[None], costs]))[-1])
