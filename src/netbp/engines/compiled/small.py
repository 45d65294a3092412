"""The stochastic gradient method for small networks, on a kernel whose sizes are frozen as constants."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from netbp.engines import Advanced, Choices, Memory, Update
from netbp.engines.compiled.codes import OWN, padded, rule_code
from netbp.engines.compiled.formulas import explained
from netbp.engines.compiled.loop import POINTS, kernel
from netbp.engines.compiled.passes import LAYERS
from netbp.types import Array, Vector

if TYPE_CHECKING:
    from netbp.engines.compiled.bound import BoundCompiled

LARGEST = 256
"""The most parameters of a small network: unrolled loops would grow too long beyond."""


def accepts(sizes: tuple[int, ...]) -> bool:
    """Whether a network of these sizes is small."""
    return len(sizes) - 1 <= LAYERS and sum((m + 1) * n for m, n in zip(sizes, sizes[1:], strict=False)) <= LARGEST


def lanes_for(M: int, size: int) -> int:
    """How many of M networks move in lockstep: two vectors of eight doubles, or one where more would not fit the fastest cache."""
    return 1 if M < 3 else 8 if size > 64 or M <= 8 else 16


def blocks_of(x: Array, y: Array, shares: Array) -> tuple[Array, Array, Array]:
    """All points in blocks of POINTS, points innermost: x (blocks, n_1 POINTS), y (blocks, n_L POINTS), c_i/N (blocks, POINTS).

    The last block is filled up with copies of the last point that count nothing.
    """
    N = len(x)
    count = -(-N // POINTS)
    place = np.minimum(np.arange(count * POINTS), N - 1)
    weight = np.where(np.arange(count * POINTS) < N, shares[place] / N, 0.0)

    def blocked(rows: Array) -> Array:
        return np.ascontiguousarray(rows[place].reshape(count, POINTS, -1).swapaxes(1, 2).reshape(count, -1))

    return blocked(x), blocked(y), weight.reshape(count, POINTS)


class Points:
    """An objective's points as the kernels take them."""

    def __init__(self, bound: BoundCompiled) -> None:
        o = bound.objective
        shares = np.ones(len(o.x)) if o.shares is None else np.array(o.shares)
        self.rows = np.array(o.x), np.array(o.y), shares
        self.blocks = blocks_of(*self.rows)


def writable(array: Any, dtype: Any) -> Array:
    """The array itself, or a copy where a kernel compiled for writable, contiguous arrays of this type would not take it."""
    return np.require(array, dtype, ("C", "W", "A"))


def checked(indices: Array, N: int) -> Array:
    """The indices, in the form of the kernels; raises IndexError where one is no point, since machine code would not."""
    # As unsigned numbers the negative ones are the largest: one look at each index is enough.
    if indices.size and np.asarray(indices, np.int64).view(np.uint64).max() >= N:
        raise IndexError(f"the data has points 0 to {N - 1}, but the indices run from {indices.min()} to {indices.max()}")
    return np.atleast_2d(writable(indices, np.int64))


def advance(
    bound: BoundCompiled,
    p: Array,
    memory: Memory,
    t: int,
    choices: Choices,
    update: Update,
    record: int,
    batch_costs: bool,
) -> Advanced:
    """See `netbp.engines.Bound.advance`."""
    o, K, N = bound.objective, len(choices.rates), len(bound.objective.x)
    state = [np.array(np.atleast_2d(array), dtype=float) for array in (p, memory.u, memory.v)]
    M, size = state[0].shape
    plain = o.shares is None and o.penalty == 0.0 and update.multiplier is None and update.decay is None
    full = choices.indices is None
    indices = np.zeros((1, 0), np.int64) if choices.indices is None else checked(choices.indices, N)
    offsets = writable(choices.offsets, np.int64)
    one = plain and not full and bool(offsets[-1] - offsets[0] == K)
    code = rule_code(update.rule)
    own_rule = update.rule if code == OWN else None
    run = kernel(bound.sizes, bound.codes, bound.cost, code, lanes_for(M, size), one, plain, bound.own, own_rule)
    costs = np.empty(((t + K) // record - t // record if record else 0, M))
    batches = np.empty((K if batch_costs else 0, M))
    with explained(bound.own, own_rule):
        run(
            *state,
            t,
            bound.points.rows,
            bound.points.blocks,
            indices,
            offsets,
            full,
            writable(choices.rates, np.float64),
            padded(update.constants, code),
            (o.penalty, vector(update.multiplier, 1.0, size), vector(update.decay, 0.0, size)),
            record,
            costs,
            batches,
        )
    if p.ndim == 1:
        state, costs, batches = [array[0] for array in state], costs[:, 0], batches[:, 0]
    return Advanced(state[0], Memory(state[1], state[2]), costs, batches)


def vector(given: Vector | None, default: float, size: int) -> Vector:
    """A writable vector like p: the one given, or the default everywhere."""
    return np.full(size, default) if given is None else writable(given, np.float64)
