"""What a run leaves behind it: its costs, thinned curves, and states to go on from. All of bounded size."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import Any

import numpy as np

from netbp.types import Array, Indices, Matrix, State, Vector

MOST_COSTS, MOST_VALUES, MOST_STATES = 2**20, 4096, 2048
STATE_BYTES = 4 * 2**20
BLOCK = 2**14


class Costs:
    """Costs after every multiple of `every` steps; of more than 2^20 every second is let go, but not its extremes."""

    def __init__(self, every: int) -> None:
        self.every, self.stride, self.count = every, max(1, every), 0
        self._values = np.empty(MOST_COSTS)  # memory is taken as it is written to, and never given back and taken again
        self._low = self._high = self._values
        self._rest = np.empty(0)  # costs of a bin that is not yet full

    def extend(self, costs: Array) -> None:
        """Take the costs that come next, one for each multiple of `every`."""
        while len(costs):
            together = self.stride // self.every
            room = (MOST_COSTS - self.count) * together - len(self._rest)
            part, costs = np.concatenate([self._rest, costs[:room]]), costs[room:]
            whole = len(part) // together * together
            bins, self._rest = part[:whole].reshape(-1, together), part[whole:].copy()
            self._append(bins[:, -1], bins.min(axis=1), bins.max(axis=1))
            if self.count == MOST_COSTS:
                self._halve()

    def _append(self, values: Array, low: Array, high: Array) -> None:
        end = self.count + len(values)
        self._values[self.count : end] = values
        if self._low is not self._values:
            self._low[self.count : end], self._high[self.count : end] = low, high
        self.count = end

    def _halve(self) -> None:
        pairs = self.count // 2
        low, high = self._low, self._high
        if low is self._values:
            self._low, self._high = np.empty_like(low), np.empty_like(low)
        for first in range(0, pairs, BLOCK):  # what is written lies before what is still to be read
            last = min(first + BLOCK, pairs)
            odd, even = slice(2 * first, 2 * last, 2), slice(2 * first + 1, 2 * last, 2)
            lowest, highest = np.minimum(low[odd], low[even]), np.maximum(high[odd], high[even])
            self._values[first:last] = self._values[even].copy()
            self._low[first:last], self._high[first:last] = lowest, highest
        self.count, self.stride = pairs, 2 * self.stride

    def until(self, step: int) -> tuple[Indices, Vector]:
        """The steps and the costs kept up to a step, (n,) each."""
        n = min(self.count, step // self.stride)
        return np.arange(1, n + 1, dtype=np.int64) * self.stride, self._values[:n].copy()

    def bins(self, first: int, last: int, most: int) -> Matrix:
        """The costs kept of the steps first, ..., last in at most `most` bins, (m, 4): first and last step, least and greatest."""
        begin, end = max(0, -(-first // self.stride) - 1), min(self.count, last // self.stride)
        if end <= begin:
            return np.empty((0, 4))
        edges = np.unique(np.linspace(begin, end, min(most, end - begin) + 1).astype(np.int64))
        out = np.empty((len(edges) - 1, 4))
        out[:, 0], out[:, 1] = (edges[:-1] + 1) * self.stride, edges[1:] * self.stride
        out[:, 2] = np.minimum.reduceat(self._low[:end], edges[:-1])
        out[:, 3] = np.maximum.reduceat(self._high[:end], edges[:-1])
        return out

    def copied(self, step: int) -> Costs:
        """The costs up to a step, for a run that goes another way from there."""
        out = Costs(self.every)
        n = min(self.count, step // self.stride)
        out.stride = self.stride
        if self._low is not self._values:
            out._low, out._high = np.empty_like(out._values), np.empty_like(out._values)
        out._append(self._values[:n], self._low[:n], self._high[:n])
        if n and (missing := (step - n * self.stride) // max(1, self.every)):  # no longer known one by one
            out._rest = np.full(missing, self._values[n - 1])
        return out


class Curve:
    """Values at some steps, growing; of more than 4,096 every second is let go."""

    def __init__(self) -> None:
        self._rows = np.empty((64, 2))
        self.count = 0
        self.spacing = 0.0  # steps between two values, at least

    @property
    def rows(self) -> Matrix:
        """(n, 2): steps and values."""
        return self._rows[: self.count]

    def wants(self, step: int) -> bool:
        """Whether a value after this step would be kept."""
        return not self.count or step >= self._rows[self.count - 1, 0] + max(1.0, self.spacing)

    def add(self, step: int, value: float) -> None:
        """Keep a value, if its step is not too near the last one's."""
        if not self.wants(step):
            return
        if self.count >= MOST_VALUES:
            half = self.rows[::2].copy()
            self.count, self.spacing = len(half), (half[-1, 0] - half[0, 0]) / len(half)
            self._rows[: self.count] = half
        if self.count == len(self._rows):
            self._rows = np.concatenate([self._rows, np.empty_like(self._rows)])
        self._rows[self.count] = step, value
        self.count += 1

    def between(self, first: int, last: int) -> Matrix:
        """The rows of the steps first, ..., last, (m, 2)."""
        steps = self.rows[:, 0]
        return self.rows[np.searchsorted(steps, first) : np.searchsorted(steps, last, side="right")].copy()

    def copied(self, step: int) -> Curve:
        """The values up to a step."""
        out = Curve()
        for at, value in self.between(0, step):
            out.add(int(at), float(value))
        out.spacing = self.spacing
        return out


class States:
    """States to go on from: all while there is room, then of those between the first and the last every second is let go."""

    def __init__(self, first: State) -> None:
        packed = _packed(first)
        self._steps, self._states = [first.step], [packed]
        self._most = max(32, min(MOST_STATES, STATE_BYTES // _size(packed)))
        self._spacing = 1.0

    def add(self, state: State) -> None:
        """Keep a state whose step is beyond all others'."""
        if state.step <= self._steps[-1]:
            return
        if len(self._steps) > 1 and self._steps[-1] - self._steps[-2] < self._spacing:
            del self._steps[-1], self._states[-1]  # the last is always kept, and gives way to the next
        self._steps.append(state.step)
        self._states.append(_packed(state))
        if len(self._steps) > self._most:
            keep = [*range(0, len(self._steps) - 1, 2), len(self._steps) - 1]
            self._steps, self._states = [self._steps[i] for i in keep], [self._states[i] for i in keep]
            self._spacing = max(self._spacing, (self._steps[-1] - self._steps[0]) / len(self._steps))

    def before(self, step: int) -> State:
        """The last state kept at or before a step."""
        return _unpacked(self._states[bisect_right(self._steps, step) - 1])

    def path(self, last: int, most: int) -> tuple[list[int], Matrix]:
        """Steps and parameters (m, s) of at most `most` of the states kept up to a step."""
        end = bisect_right(self._steps, last)
        at = np.unique(np.linspace(0, end - 1, min(most, end)).round().astype(int)).tolist()
        return [self._steps[i] for i in at], np.array([self._states[i].p for i in at])

    def copied(self, state: State) -> States:
        """The states before `state`, and `state` itself."""
        out = States(_unpacked(self._states[0]))
        end = bisect_left(self._steps, state.step)
        out._steps, out._states, out._spacing = self._steps[:end], self._states[:end], self._spacing
        out._steps.append(state.step)
        out._states.append(_packed(state))
        return out


def _packed(state: State) -> State:
    """The state with MATLAB's 624 words as an array: a tenth of a list's memory."""
    stream = state.stream
    if isinstance(stream, dict) and isinstance(stream.get("key"), list):
        state = state._replace(stream={**stream, "key": np.array(stream["key"], dtype=np.uint32)})
    return state


def _unpacked(state: State) -> State:
    stream = state.stream
    if isinstance(stream, dict) and isinstance(stream.get("key"), np.ndarray):
        state = state._replace(stream={**stream, "key": stream["key"].tolist()})
    return state


def _size(state: State) -> int:
    words: Any = state.stream.get("key", ()) if isinstance(state.stream, dict) else ()
    return 500 + state.p.nbytes + sum(np.asarray(array).nbytes for array in state.memory.values()) + 4 * len(words)
