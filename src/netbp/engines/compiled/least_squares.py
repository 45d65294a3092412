"""Levenberg-Marquardt in machine code: the algorithm of `engines/levenberg_marquardt.py`, for one start or many.

Small problems go to `lockstep_fit`, where eight starts move side by side; the kernel here is for all others, start after start.
The Jacobian is formed only where a step has been accepted. Every start moves as it would alone, bit for bit.
"""

from __future__ import annotations

from functools import cache
from math import isfinite, sqrt
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numba import types

from netbp.engines import DAMPING, DECREASE, EVALUATIONS, GRADIENT, NOT_FINITE, RUNNING, STEP, Fitted, LeastSquares
from netbp.engines.compiled import lockstep_fit
from netbp.engines.compiled.cache import kept
from netbp.engines.compiled.codes import Function
from netbp.engines.compiled.layerwise import OWN_LAYER, quick, summing
from netbp.engines.compiled.lockstep_fit import LARGEST_DAMPING, SQRT_EPS
from netbp.engines.compiled.normal_equations import (
    add_products,
    forward_points,
    jacobian_points,
    largest_gradient,
    residual_points,
    set_gram,
    solve,
    transposed,
)
from netbp.engines.compiled.plan import BIASES, NODES, OUT
from netbp.engines.compiled.wide import MATRIX, NUMBER, TABLE, VECTOR, WHOLE, nodes
from netbp.types import Indices, Matrix, Vector

if TYPE_CHECKING:
    from netbp.engines.compiled.bound import BoundCompiled

JACOBIAN_ENTRIES = 2**18
"""How many entries of J a block of points may have: 2 MiB."""


class FittedMany(NamedTuple):
    """Where `least_squares_many` arrived: `Fitted`, field by field, for M starts.

    p: (M, s). damping, reason, iterations, evaluations, cost, gradient_norm, scale: (M,); cost is the Cost that p ends with,
    without the costs on the way.
    """

    p: Matrix
    damping: Vector
    reason: Indices
    iterations: Indices
    evaluations: Indices
    cost: Vector
    gradient_norm: Vector
    scale: Vector


@summing
def norm(v: Vector) -> float:
    """||v||_2."""
    total = 0.0
    for i in range(v.size):
        total += v[i] * v[i]
    return sqrt(total)


@quick
def pass_forward(p: Vector, first: int, last: int, problem: Any, scratch: Any) -> float:
    """The forward pass for points first, ..., last - 1, and their sum of squares."""
    x, y, root, plan, own, _ = problem
    xs, ys, z, a, _, r, _ = scratch
    m, top = last - first, plan.shape[0] - 1
    transposed(x[first:last], xs)
    transposed(y[first:last], ys)
    forward_points(p, xs, m, plan, own, z, a)
    out = a[m * plan[top, NODES] : m * nodes(plan)]
    return residual_points(ys, root[first:last], m, out, r[: m * plan[top, OUT]])


@quick
def sum_of_squares(p: Vector, problem: Any, scratch: Any, block: int) -> float:
    """||r||^2, the penalty's rows included; the last block's forward pass stays in the scratch."""
    x, plan, penalty = problem[0], problem[3], problem[5]
    N, total = x.shape[0], 0.0
    for first in range(0, N, block):
        total += pass_forward(p, first, min(first + block, N), problem, scratch)
    if penalty != 0.0:
        for i in range(plan[0, BIASES]):
            total += 2.0 * penalty * N * p[i] * p[i]
    return total


@quick
def form_equations(p: Vector, problem: Any, scratch: Any, block: int, norms: bool, H: Matrix) -> float:
    """What `solve` takes into H, after `sum_of_squares` at the same p; the largest |entry| of J^T r."""
    x, _, root, plan, own, penalty = problem
    xs, _, z, a, d, r, JT = scratch
    N, size = x.shape[0], p.size
    if H.shape[0] < size:
        jacobian_points(p, xs, root, N, plan, own, norms, z, a, d, r[: N * plan[-1, OUT]], JT)
        set_gram(JT, H)
        return largest_gradient(JT)
    for i in range(size):
        for j in range(size + 1):
            H[i, j] = 0.0
    for first in range(0, N, block):
        last = min(first + block, N)
        m = last - first
        if block < N:
            pass_forward(p, first, last, problem, scratch)
        jacobian_points(p, xs, root[first:last], m, plan, own, norms, z, a, d, r[: m * plan[-1, OUT]], JT)
        add_products(JT, H)
    if penalty != 0.0:
        for i in range(plan[0, BIASES]):
            H[i, i] += 2.0 * penalty * N
            H[i, size] += 2.0 * penalty * N * p[i]
    largest = 0.0
    for i in range(size):
        largest = max(largest, abs(H[i, size]))
    return largest


@quick
def fit(
    p: Vector,
    settings: Any,
    limits: Any,
    mu: float,
    scale: float,
    norms: bool,
    problem: Any,
    block: int,
    scratch: Any,
    costs: Vector,
) -> Any:
    """One start, p, moved in place: mu, reason, iterations, evaluations, sum of squares, gradient and scale.

    One place evaluates and one accepts, the start as the steps, so that a fit in several calls does the same arithmetic.
    """
    increase, decrease, function_tolerance, step_tolerance = settings
    iterations, evaluations = limits
    size, N = p.size, problem[0].shape[0]
    rows = N if norms else N * problem[3][-1, OUT]
    n = rows if rows < size and block >= N and problem[5] == 0.0 else size
    H, U, d, trial = np.empty((n, n + 1)), np.empty((n, n + 1)), np.zeros(size), p.copy()
    reason, done, used, before, gradient, failed = RUNNING, 0, 0, np.inf, np.nan, False
    while True:
        squares, used = sum_of_squares(trial, problem, scratch, block), used + 1
        short = norm(d) <= step_tolerance * (SQRT_EPS + norm(p))
        if squares < before:
            for i in range(size):
                p[i] = trial[i]
            gradient = form_equations(p, problem, scratch, block, norms, H)
            scale = scale if scale != 0.0 else max(gradient, SQRT_EPS)
            if used > 1:
                costs[done] = squares / (2 * N)
                mu, done, failed = mu if failed else mu * decrease, done + 1, False
            if gradient <= 1e-4 * function_tolerance * scale:
                reason = GRADIENT
            elif used > 1 and before - squares <= function_tolerance * before:
                reason = DECREASE
            elif used > 1 and short:
                reason = STEP
            before = squares
            if reason != RUNNING or done >= iterations:
                break
        elif used == 1:
            reason, before = NOT_FINITE, squares
            break
        elif isfinite(squares) and short:
            reason = STEP
            break
        else:
            mu, failed = mu * increase, True
        while reason == RUNNING:
            if mu > LARGEST_DAMPING:
                reason = DAMPING
            elif used >= evaluations:
                reason = EVALUATIONS
            elif solve(H, mu, scratch[-1], U, d):
                break
            else:
                mu, failed = mu * increase, True
        if reason != RUNNING:
            break
        for i in range(size):
            trial[i] = p[i] + d[i]
    return mu, reason, done, used, before, gradient, scale


@cache
def many_kernel() -> Function:
    """Many starts one after the other."""
    four, two = types.UniTuple(NUMBER, 4), types.UniTuple(WHOLE, 2)  # type: ignore[no-untyped-call]
    arguments = (MATRIX, VECTOR, VECTOR, four, two, types.boolean)
    objective = (MATRIX, MATRIX, VECTOR, TABLE, OWN_LAYER, NUMBER)

    @kept(types.void(*arguments, *objective, WHOLE, TABLE, MATRIX, MATRIX))
    def kernel(
        ps: Matrix,
        dampings: Vector,
        scales: Vector,
        settings: Any,
        limits: Any,
        norms: bool,
        x: Matrix,
        y: Matrix,
        root: Vector,
        plan: Indices,
        own: Any,
        penalty: float,
        block: int,
        counts: Indices,
        numbers: Matrix,
        costs: Matrix,
    ) -> None:
        outputs, n = plan[-1, OUT], block * nodes(plan)
        rows = block if norms else block * outputs
        problem = (x, y, root, plan, own, penalty)
        scratch = (
            np.empty(block * x.shape[1]),
            np.empty(block * outputs),
            np.empty(n),
            np.empty(n),
            np.empty(n),
            np.empty(block * outputs),
            np.empty((ps.shape[1] + 1, rows)),
        )
        for i in range(ps.shape[0]):
            mu, reason, done, used, squares, gradient, scale = fit(
                ps[i], settings, limits, dampings[i], scales[i], norms, problem, block, scratch, costs[i % costs.shape[0]]
            )
            counts[i, 0], counts[i, 1], counts[i, 2] = reason, done, used
            numbers[i, 0], numbers[i, 1], numbers[i, 2], numbers[i, 3] = mu, squares, gradient, scale

    return kernel


def run(
    bound: BoundCompiled, starts: Matrix, settings: LeastSquares, iterations: int, evaluations: int, scale: float, keep: bool
) -> tuple[Matrix, Indices, Matrix, Matrix]:
    """The kernel on M starts: p, (reason, iterations, evaluations), (mu, squares, gradient, scale), costs on the way."""
    q = bound.prepared
    ps = np.array(starts, dtype=float)
    M, size = ps.shape
    kernel: Function
    room: Any
    if lockstep_fit.accepts(size, q.y.size):
        kernel = lockstep_fit.lockstep_kernel()
        room = lockstep_fit.room_for(size, len(q.x), q.y.shape[1], sum(bound.sizes[1:]), settings.norms)
    else:
        kernel, room = many_kernel(), min(len(q.x), max(8, min(512, JACOBIAN_ENTRIES // (size * q.y.shape[1]))))
    counts, numbers = np.empty((M, 3), np.int64), np.empty((M, 4))
    most = max(0, min(iterations, evaluations))
    costs = np.empty((M if keep else 1, most))
    s = settings
    kernel(
        ps,
        np.full(M, s.damping),
        np.full(M, scale),
        (s.increase, s.decrease, s.function_tolerance, s.step_tolerance),
        (iterations, evaluations),
        s.norms,
        q.x,
        q.y,
        np.sqrt(q.shares),
        q.table,
        q.own,
        q.penalty,
        room,
        counts,
        numbers,
        costs,
    )
    return ps, counts, numbers, costs


def levenberg_marquardt(
    bound: BoundCompiled, p: Vector, settings: LeastSquares, iterations: int, evaluations: int, scale: float
) -> Fitted:
    """See `netbp.engines.Bound.least_squares`."""
    ps, counts, numbers, costs = run(bound, p[None, :], settings, iterations, evaluations, scale, True)
    reason, done, used = (int(n) for n in counts[0])
    mu, _, gradient, scale = (float(n) for n in numbers[0])
    return Fitted(ps[0], mu, reason, done, used, costs[0, :done].copy(), gradient, scale)


def levenberg_marquardt_many(
    bound: BoundCompiled, starts: Matrix, settings: LeastSquares, iterations: int, evaluations: int
) -> FittedMany:
    """Levenberg-Marquardt from M starts (M, s), each as `levenberg_marquardt` alone, bit for bit; releases Python's lock."""
    ps, counts, numbers, _ = run(bound, starts, settings, iterations, evaluations, 0.0, False)
    mu, squares, gradient, scale = numbers.T
    reason, done, used = counts.T
    return FittedMany(ps, mu, reason, done, used, squares / (2 * len(bound.prepared.x)), gradient, scale)
