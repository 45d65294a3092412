"""Levenberg-Marquardt for small problems: eight starts move side by side, and a lane whose start has ended takes the next.

The algorithm is that of `engines/levenberg_marquardt.py`, with its choice of the smaller system. A lane's numbers depend on
its own start only, so that every start moves as it would alone, bit for bit.
"""

from __future__ import annotations

from functools import cache
from math import isfinite, sqrt
from typing import Any

import numpy as np
from numba import types

from netbp.engines import DAMPING, DECREASE, EVALUATIONS, GRADIENT, NOT_FINITE, RUNNING, STEP
from netbp.engines.compiled.cache import kept
from netbp.engines.compiled.codes import Function
from netbp.engines.compiled.formulas import inline
from netbp.engines.compiled.layerwise import OWN_LAYER
from netbp.engines.compiled.lockstep import (
    LANES,
    SIDE,
    back_substitute,
    eliminate,
    forward,
    gradient_of,
    jacobian,
    largest,
    residuals,
    set_gram,
    set_products,
    slopes_of,
    step_of,
)
from netbp.engines.compiled.machine import LINE, fma, if_less, like, packs
from netbp.engines.compiled.plan import BIASES
from netbp.engines.compiled.wide import MATRIX, NUMBER, TABLE, VECTOR, WHOLE, nodes
from netbp.types import Indices, Matrix, Vector

SQRT_EPS = float(np.sqrt(np.finfo(float).eps))
LARGEST_DAMPING = 1e16
MOST_PARAMETERS, MOST_ENTRIES = 64, 2**12
"""The sizes of a small problem, and of its Jacobian: in eight lanes it has 256 KiB, which stay in the cache."""
IDLE = -1
TOLD = 5  # packs of what the decisions need


def accepts(size: int, rows: int) -> bool:
    """Whether a problem with so many parameters and components of the residual is small."""
    return size <= MOST_PARAMETERS and size * rows <= MOST_ENTRIES


def filled_up(size: int) -> int:
    """So many columns and one more, up to whole squares."""
    return (size + SIDE) // SIDE * SIDE


def room_for(size: int, N: int, outputs: int, neurons: int, norms: bool) -> Vector:
    """Zeros for all of the kernel's packs, from a multiple of a cache line on."""
    n, rows = filled_up(size), N if norms else N * outputs
    count = LANES * (filled_up(rows) * n + 2 * n * n + 5 * n + TOLD + (3 * N + 1) * neurons + N * outputs + 1)
    memory = np.zeros(count + LINE // 8)
    first = -(memory.ctypes.data // 8) % (LINE // 8)
    return memory[first : first + count]


@inline
def sum_of_squares(v: Any, size: int) -> Any:
    """||v||^2, lane by lane."""
    total = like(v[0], 0.0)
    for i in range(size):
        total = fma(v[i], v[i], total)
    return total


@inline
def add_penalty(penalty: float, plan: Indices, size: int, n: int, N: int, p: Any, H: Any) -> None:
    """The penalty's part of J^T J and J^T r."""
    if penalty != 0.0:
        for i in range(plan[0, BIASES]):
            H[i * n + i] = H[i * n + i] + 2.0 * penalty * N
            H[i * n + size] = fma(p[i], 2.0 * penalty * N, H[i * n + size])


@inline
def largest_gradient(fewer: bool, rows: int, size: int, n: int, J: Any, H: Any) -> Any:
    """The largest |entry| of J^T r, lane by lane."""
    out = like(J[0], 0.0)
    for i in range(size):
        entry = gradient_of(i, rows, n, size, J) if fewer else H[i * n + size]
        out = largest(out, largest(entry, -entry))
    return out


@cache
def lockstep_kernel() -> Function:
    """Many starts, eight at a time."""
    four, two = types.UniTuple(NUMBER, 4), types.UniTuple(WHOLE, 2)  # type: ignore[no-untyped-call]
    arguments = (MATRIX, VECTOR, VECTOR, four, two, types.boolean)
    objective = (MATRIX, MATRIX, VECTOR, TABLE, OWN_LAYER, NUMBER)

    @kept(types.void(*arguments, *objective, VECTOR, TABLE, MATRIX, MATRIX))
    def kernel(
        ps: Matrix,
        dampings: Vector,
        scales: Vector,
        settings: Any,
        limits: Any,
        norms: bool,
        x: Matrix,
        y: Matrix,
        shares: Vector,
        plan: Indices,
        own: Any,
        penalty: float,
        room: Vector,
        counts: Indices,
        numbers: Matrix,
        costs: Matrix,
    ) -> None:
        increase, decrease, function_tolerance, step_tolerance = settings
        iterations, evaluations = limits
        size, N, outputs = ps.shape[1], x.shape[0], y.shape[1]
        neurons, rows = nodes(plan), N if norms else N * outputs
        # J J^T where that is smaller than J^T J; the penalty's rows are not in J.
        fewer = rows < size and penalty == 0.0
        system = rows if fewer else size
        n, m = (size + SIDE) // SIDE * SIDE, (system + SIDE) // SIDE * SIDE
        # Where each array begins in `room`, and its packs
        p_at = LANES * ((rows + SIDE) // SIDE * SIDE) * n
        H_at = p_at + LANES * (5 * n + TOLD)
        z_at = H_at + LANES * 2 * n * n
        r_at = z_at + LANES * (3 * N + 1) * neurons
        mu_at = r_at + LANES * N * outputs
        J, r, mu = packs(room[:p_at], LANES), packs(room[r_at:mu_at], LANES), packs(room[mu_at:], LANES)
        p_numbers, d_numbers = room[p_at : p_at + LANES * n], room[p_at + LANES * n : p_at + LANES * 2 * n]
        p, d = packs(p_numbers, LANES), packs(d_numbers, LANES)
        trial = packs(room[p_at + LANES * 2 * n : p_at + LANES * 3 * n], LANES)
        inverse = packs(room[p_at + LANES * 3 * n : p_at + LANES * 4 * n], LANES)
        solved = packs(room[p_at + LANES * 4 * n : p_at + LANES * 5 * n], LANES)
        told_numbers = room[p_at + LANES * 5 * n : H_at]
        told = packs(told_numbers, LANES)  # squares, ||d||^2, ||p||^2 and so on, for the decisions
        H, U = packs(room[H_at : H_at + LANES * n * n], LANES), packs(room[H_at + LANES * n * n : z_at], LANES)
        z_numbers, a_numbers = (
            room[z_at : z_at + LANES * N * neurons],
            room[z_at + LANES * N * neurons : z_at + LANES * 2 * N * neurons],
        )
        slope_numbers = room[z_at + LANES * 2 * N * neurons : z_at + LANES * 3 * N * neurons]
        z, a, slopes = packs(z_numbers, LANES), packs(a_numbers, LANES), packs(slope_numbers, LANES)
        delta, mu_numbers = packs(room[z_at + LANES * 3 * N * neurons : r_at], LANES), room[mu_at:]

        which, used, done = np.full(LANES, IDLE), np.zeros(LANES, np.int64), np.zeros(LANES, np.int64)
        before, gradient, scale = np.zeros(LANES), np.zeros(LANES), np.zeros(LANES)
        failed, waiting, fresh, accepted = (
            np.zeros(LANES, np.bool_),
            np.zeros(LANES, np.bool_),
            np.zeros(LANES, np.bool_),
            np.zeros(LANES, np.bool_),
        )
        later = 0  # the next start to take
        while True:
            # What ended makes room for the next start.
            active = 0
            for lane in range(LANES):
                fresh[lane] = False
                if which[lane] == IDLE and later < ps.shape[0]:
                    which[lane], used[lane], done[lane], later = later, 0, 0, later + 1
                    failed[lane], waiting[lane], fresh[lane] = False, False, True
                    mu_numbers[lane], scale[lane], before[lane], gradient[lane] = (
                        dampings[which[lane]],
                        scales[which[lane]],
                        np.inf,
                        np.nan,
                    )
                    for i in range(size):
                        p_numbers[i * LANES + lane] = ps[which[lane], i]
                active += which[lane] != IDLE
            if active == 0:
                break

            # A step for each lane: none for a fresh one, whose first evaluation is at its start.
            told[0] = eliminate(H, mu[0], system, m, U, inverse)
            back_substitute(U, inverse, system, m, solved)
            if fewer:
                step_of(solved, rows, n, size, J, d)
            else:
                for i in range(size):
                    d[i] = solved[i]
            for lane in range(LANES):
                waiting[lane] = False
                if fresh[lane]:
                    for i in range(size):
                        d_numbers[i * LANES + lane] = 0.0
                elif which[lane] != IDLE and not told_numbers[lane] > 0.5:  # not positive definite to rounding: more damping
                    mu_numbers[lane], failed[lane], waiting[lane] = mu_numbers[lane] * increase, True, True
            for i in range(size):
                trial[i] = p[i] + d[i]
            forward(trial, x, plan, own, z, a, z_numbers, a_numbers)
            squares = residuals(y, shares, plan, a, r)
            if penalty != 0.0:
                for i in range(plan[0, BIASES]):
                    squares = fma(2.0 * penalty * N * trial[i], trial[i], squares)
            told[0], told[1], told[2] = squares, sum_of_squares(d, size), sum_of_squares(p, size)

            # Where the sum of squares is less, the step is taken, and J formed.
            some = False
            for lane in range(LANES):
                live = which[lane] != IDLE and not waiting[lane]
                used[lane] += live
                accepted[lane] = live and told_numbers[lane] < before[lane]
                told_numbers[3 * LANES + lane] = 1.0 if accepted[lane] else 0.0
                some = some or accepted[lane]
            if some:
                chosen = told[3]
                for i in range(size):
                    p[i] = if_less(0.5, chosen, trial[i], p[i])
                slopes_of(plan, own, N, z, a, slopes, z_numbers, a_numbers, slope_numbers)
                jacobian(p, x, shares, plan, norms, n, size, chosen, a, slopes, r, delta, J)
                if fewer:
                    set_gram(rows, m, n, size, J, H)
                else:
                    set_products(rows, n, J, H)
                    add_penalty(penalty, plan, size, n, N, p, H)
                told[4] = largest_gradient(fewer, rows, size, n, J, H)

            # What follows from it, lane by lane.
            for lane in range(LANES):
                i = which[lane]
                if i == IDLE:
                    continue
                reason, over, now = RUNNING, False, told_numbers[lane]
                short = sqrt(told_numbers[LANES + lane]) <= step_tolerance * (SQRT_EPS + sqrt(told_numbers[2 * LANES + lane]))
                if accepted[lane]:
                    gradient[lane] = told_numbers[4 * LANES + lane]
                    scale[lane] = scale[lane] if scale[lane] != 0.0 else max(gradient[lane], SQRT_EPS)
                    if used[lane] > 1:
                        costs[i % costs.shape[0], done[lane]] = now / (2 * N)
                        mu_numbers[lane] = mu_numbers[lane] if failed[lane] else mu_numbers[lane] * decrease
                        done[lane] += 1
                        failed[lane] = False
                    if gradient[lane] <= 1e-4 * function_tolerance * scale[lane]:
                        reason = GRADIENT
                    elif used[lane] > 1 and before[lane] - now <= function_tolerance * before[lane]:
                        reason = DECREASE
                    elif used[lane] > 1 and short:
                        reason = STEP
                    before[lane] = now
                    over = done[lane] >= iterations
                elif not waiting[lane]:
                    if used[lane] == 1:
                        reason, before[lane] = NOT_FINITE, now
                    elif isfinite(now) and short:
                        reason = STEP
                    else:
                        mu_numbers[lane], failed[lane] = mu_numbers[lane] * increase, True
                if reason == RUNNING and not over:
                    if mu_numbers[lane] > LARGEST_DAMPING:
                        reason = DAMPING
                    elif used[lane] >= evaluations:
                        reason = EVALUATIONS
                if reason != RUNNING or over:
                    for k in range(size):
                        ps[i, k] = p_numbers[k * LANES + lane]
                    counts[i, 0], counts[i, 1], counts[i, 2] = reason, done[lane], used[lane]
                    numbers[i, 0], numbers[i, 1], numbers[i, 2], numbers[i, 3] = (
                        mu_numbers[lane],
                        before[lane],
                        gradient[lane],
                        scale[lane],
                    )
                    which[lane] = IDLE

    return kernel
