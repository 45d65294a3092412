"""The kernel of the stochastic gradient method for small networks: the whole loop, with sizes frozen as constants."""

from __future__ import annotations

from functools import cache
from typing import Any

from numba import njit

from netbp.activations import Activation
from netbp.engines.compiled.cache import kept
from netbp.engines.compiled.codes import OWN
from netbp.engines.compiled.formulas import inline, own_activations, own_move, with_globals
from netbp.engines.compiled.machine import fma, lane, like, stack, whole
from netbp.engines.compiled.passes import (
    add_gradient,
    cost_of_all,
    cost_of_one,
    cost_of_point,
    enter_block,
    error,
    forward,
    move_all,
    rebuilt,
    shape,
    squared_weights,
    step,
)

POINTS = 16
"""Points in a block of the Cost: two vectors of eight doubles, so that one works while the other waits."""


@inline
def enter(S: int, B: int, group: int, here: int, of: Any, numbers: Any) -> None:
    """Copy a group of networks into the lanes; copies of its last network fill the lanes that would be empty."""
    for m in range(B):
        for w in range(S):
            numbers[w * B + m] = of[group + min(m, here - 1), w]


@inline
def leave(S: int, B: int, group: int, here: int, of: Any, numbers: Any) -> None:
    """Copy the lanes back to their networks."""
    for m in range(here):
        for w in range(S):
            of[group + m, w] = numbers[w * B + m]


@inline
def batch_at(offsets: Any, k: int, one: bool, all_points: int) -> tuple[int, int]:
    """Where step k's points begin and end among the indices; or 0 and N where every step uses all points."""
    if all_points > 0:
        return 0, all_points
    first = offsets[k]
    return first, first + 1 if one else offsets[k + 1]


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

    one: whether every batch is one point. plain: whether point weights, penalty, multipliers and decay are all absent. The loop
    is long, since LLVM folds a network's sizes away where they stand in the kernel itself, and less well in functions of its own.
    """
    names = own_activations(own)
    if rule == OWN:
        names["move"] = own_move(own_rule)
    if names:
        names = rebuilt(names)
    at = shape(sizes, codes, cost)
    S, A, OUT, G = at.b[-1], at.a[-1] + sizes[-1], sizes[-1], 1 if one else at.b[-1]
    together = one and B == 1

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
        extras: Any,
        record: int,
        costs: Any,
        batch_costs: Any,
    ) -> None:
        M, penalty = len(p_of), extras[0]
        xs, ys, cs = points
        p, p_numbers = stack(S, B)
        u, u_numbers = stack(S, B)
        v, v_numbers = stack(S, B)
        a, inputs = stack(A, B)
        y, targets = stack(OUT, B)
        share, shares = stack(1, B)
        g, z, delta, room = stack(G, B)[0], stack(A, B)[0], stack(A, B)[0], stack(S, 1)[0]
        block_a, block_z, block_y = stack(A, POINTS)[0], stack(A, POINTS)[0], stack(OUT, POINTS)[0]
        share[0] = like(p[0], 1.0)
        for group in range(0, M, B):
            here = min(B, M - group)
            enter(S, B, group, here, p_of, p_numbers)
            enter(S, B, group, here, u_of, u_numbers)
            enter(S, B, group, here, v_of, v_numbers)
            until, row, waiting = record - t % record if record > 0 else 0, 0, False
            for k in range(len(rates)):
                eta, now = rates[k], float(t + k + 1)
                first, last = batch_at(offsets, k, one, len(xs) if full else 0)
                if not one:
                    for w in range(S):
                        g[w] = like(p[0], -0.0)  # the only number that changes no bit of what is added to it
                cost_of_batch = like(p[0], 0.0)
                for place in range(first, last):
                    for m in range(B):
                        i = place if full else indices[group + min(m, here - 1), place]
                        for j in range(sizes[0]):
                            inputs[j * B + m] = xs[i, j]
                        for j in range(OUT):
                            targets[j * B + m] = ys[i, j]
                        if not plain:
                            shares[m] = cs[i]
                    # A cost that waits is computed between the layers of a step: one keeps the machine busy while the other waits.
                    forward(whole(0), at, p, a, z)
                    if together and waiting:
                        enter_block(at, 0, blocks, block_a, block_y)
                        forward(whole(0), at, room, block_a, block_z)
                    forward(whole(1), at, p, a, z)
                    if together and waiting:
                        forward(whole(1), at, room, block_a, block_z)
                    forward(whole(2), at, p, a, z)
                    if together and waiting:
                        forward(whole(2), at, room, block_a, block_z)
                    forward(whole(3), at, p, a, z)
                    error(at, a, z, y, delta)
                    if together and waiting:
                        forward(whole(3), at, room, block_a, block_z)
                        costs[row - 1, group] = cost_of_one(at, penalty, room, blocks, block_a, block_y)
                        waiting = False
                    if len(batch_costs) > 0:
                        cost_of_batch = fma(share[0], cost_of_point(at, a, y), cost_of_batch)
                    if one:
                        step(whole(3), at, rule, eta, now, c, p, u, v, a, z, delta)
                        step(whole(2), at, rule, eta, now, c, p, u, v, a, z, delta)
                        step(whole(1), at, rule, eta, now, c, p, u, v, a, z, delta)
                        step(whole(0), at, rule, eta, now, c, p, u, v, a, z, delta)
                    else:
                        add_gradient(whole(3), at, share[0], p, a, z, delta, g)
                        add_gradient(whole(2), at, share[0], p, a, z, delta, g)
                        add_gradient(whole(1), at, share[0], p, a, z, delta, g)
                        add_gradient(whole(0), at, share[0], p, a, z, delta, g)
                if len(batch_costs) > 0:
                    cost_of_batch = cost_of_batch / float(last - first)
                    if not plain:
                        cost_of_batch = fma(penalty, squared_weights(at, p), cost_of_batch)
                    for m in range(here):
                        batch_costs[k, group + m] = lane(cost_of_batch, m)
                if not one:
                    move_all(at, rule, plain, float(last - first), eta, now, c, extras, p, u, v, g)
                until -= 1
                if until == 0:
                    waiting = together and len(blocks[0]) == 1 and k + 1 < len(rates)
                    for m in range(here):
                        for w in range(S):
                            room[w] = p_numbers[w * B + m]
                        if not waiting:
                            costs[row, group + m] = cost_of_all(at, penalty, room, blocks, block_a, block_z, block_y)
                    until, row = record, row + 1
            leave(S, B, group, here, p_of, p_numbers)
            leave(S, B, group, here, u_of, u_numbers)
            leave(S, B, group, here, v_of, v_numbers)

    return njit(nogil=True, error_model="numpy")(with_globals(advance, names)) if names else kept()(advance)
