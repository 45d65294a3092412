"""The stochastic gradient method for small networks: the whole loop in one kernel whose sizes are frozen as constants."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numba import njit

from netbp.activations import Activation
from netbp.engines import Advanced, Choices, Memory, Update
from netbp.engines.compiled.codes import OWN, fingerprint, padded, rule_code
from netbp.engines.compiled.formulas import explained, move, own_activations, own_move, with_globals
from netbp.engines.compiled.machine import fma, lane, like, stack, whole
from netbp.engines.compiled.passes import LAYERS, add_gradient, cost_of_all, cost_of_point, error, forward, rebuilt, shape, step
from netbp.types import Array, Vector

if TYPE_CHECKING:
    from netbp.engines.compiled.bound import BoundCompiled

LARGEST = 256
"""The most parameters of a small network: unrolled loops would grow too long beyond."""
POINTS = 16
"""Points in a block of the Cost: two vectors of eight doubles, so that one works while the other waits."""


def accepts(sizes: tuple[int, ...]) -> bool:
    """Whether a network of these sizes is small."""
    return len(sizes) - 1 <= LAYERS and sum((m + 1) * n for m, n in zip(sizes, sizes[1:], strict=False)) <= LARGEST


@cache
def kernel(
    sizes: tuple[int, ...],
    codes: tuple[int, ...],
    cost: int,
    rule: int,
    B: int,
    one: bool,
    plain: bool,
    own: tuple[Activation, ...],
    own_rule: Any,
) -> Any:
    """The loop over all steps for B networks at a time.

    one: whether every batch is one point. plain: whether point weights, penalty, multipliers and decay are all absent.
    """
    names = own_activations(own)
    if rule == OWN:
        names["move"] = own_move(own_rule)
    if names:
        names = rebuilt(names)
    at = shape(sizes, codes, cost)
    S, A, OUT, G = at.b[-1], at.a[-1] + sizes[-1], sizes[-1], 1 if one else at.b[-1]
    FINGERPRINT = fingerprint()

    def advance(
        p_of: Any,
        u_of: Any,
        v_of: Any,
        t: int,
        points: Any,
        blocks: Any,
        indices: Any,
        offsets: Any,
        full: bool,
        rates: Any,
        c: Any,
        multiplier: Any,
        decay: Any,
        penalty: float,
        record: int,
        costs: Any,
        batch_costs: Any,
    ) -> int:
        x, y, shares = points
        M, K = len(p_of), len(rates)
        p, p_numbers = stack(S, B)
        u, u_numbers = stack(S, B)
        v, v_numbers = stack(S, B)
        a, inputs = stack(A, B)
        target, targets = stack(OUT, B)
        room, room_numbers = stack(1, B)
        g, z, delta, q = stack(G, B)[0], stack(A, B)[0], stack(A, B)[0], stack(S, 1)[0]
        block_a, block_z, block_y = stack(A, POINTS)[0], stack(A, POINTS)[0], stack(OUT, POINTS)[0]
        for group in range(0, M, B):
            here = min(B, M - group)
            for m in range(B):
                net = group + min(m, here - 1)  # the last group is filled up with copies of the last network
                for w in range(S):
                    p_numbers[w * B + m], u_numbers[w * B + m], v_numbers[w * B + m] = p_of[net, w], u_of[net, w], v_of[net, w]
            until, row = record - t % record if record > 0 else 0, 0
            for k in range(K):
                eta, now = rates[k], float(t + k + 1)
                first = 0 if full else offsets[k]
                last = first + 1 if one else len(x) if full else offsets[k + 1]
                if not one:
                    for w in range(S):
                        g[w] = like(p[0], -0.0)  # the only number that changes no bit of what is added to it
                batch, share = like(p[0], 0.0), like(p[0], 1.0)
                for place in range(first, last):
                    for m in range(B):
                        i = place if full else indices[group + min(m, here - 1), place]
                        for j in range(sizes[0]):
                            inputs[j * B + m] = x[i, j]
                        for j in range(OUT):
                            targets[j * B + m] = y[i, j]
                        if not plain:
                            room_numbers[m] = shares[i]
                    if not plain:
                        share = room[0]
                    forward(whole(0), at, p, a, z)
                    forward(whole(1), at, p, a, z)
                    forward(whole(2), at, p, a, z)
                    forward(whole(3), at, p, a, z)
                    error(at, a, z, target, delta)
                    if len(batch_costs) > 0:
                        batch = fma(share, cost_of_point(at, a, target), batch)
                    if one:
                        step(whole(3), at, rule, eta, now, c, p, u, v, a, z, delta)
                        step(whole(2), at, rule, eta, now, c, p, u, v, a, z, delta)
                        step(whole(1), at, rule, eta, now, c, p, u, v, a, z, delta)
                        step(whole(0), at, rule, eta, now, c, p, u, v, a, z, delta)
                    else:
                        add_gradient(whole(3), at, share, p, a, z, delta, g)
                        add_gradient(whole(2), at, share, p, a, z, delta, g)
                        add_gradient(whole(1), at, share, p, a, z, delta, g)
                        add_gradient(whole(0), at, share, p, a, z, delta, g)
                if len(batch_costs) > 0:
                    batch = batch / float(last - first)
                    if not plain:
                        squares = like(p[0], 0.0)
                        for w in range(at.b[0]):
                            squares = fma(p[w], p[w], squares)
                        batch = fma(penalty, squares, batch)
                    for m in range(here):
                        batch_costs[k, group + m] = lane(batch, m)
                if not one:
                    for w in range(S):
                        gradient, rate = g[w] / float(last - first), eta
                        if not plain:
                            if w < at.b[0]:
                                gradient = fma(2.0 * penalty, p[w], gradient)
                            gradient = fma(decay[w], p[w], gradient)
                            rate = eta * multiplier[w]
                        p[w], u[w], v[w] = move(rule, p[w], gradient, u[w], v[w], rate, now, c)
                if record > 0:
                    until -= 1
                    if until == 0:
                        until = record
                        for m in range(here):
                            for w in range(S):
                                q[w] = p_numbers[w * B + m]
                            costs[row, group + m] = cost_of_all(
                                at, penalty, q, blocks[0], blocks[1], blocks[2], block_a, block_z, block_y
                            )
                        row += 1
            for m in range(here):
                for w in range(S):
                    p_of[group + m, w], u_of[group + m, w] = p_numbers[w * B + m], u_numbers[w * B + m]
                    v_of[group + m, w] = v_numbers[w * B + m]
        return FINGERPRINT

    return njit(cache=not names, nogil=True, error_model="numpy")(with_globals(advance, names))


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
    if indices.size and (indices.min() < 0 or indices.max() >= N):
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
    state = [np.array(np.atleast_2d(array), dtype=float) for array in (p, *memory)]
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
            vector(update.multiplier, 1.0, size),
            vector(update.decay, 0.0, size),
            o.penalty,
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
