"""Forward and backward passes for a dense network whose sizes are known only at run time: compiled once for all networks.

Points are taken in blocks, so that memory holds the activations of one block only, however many points there are. The arrays z, a
and d of a block are flat: layer l's (m, n_l) entries begin at m times the plan's NODES.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numba import types

from netbp.engines.compiled.cache import kept
from netbp.engines.compiled.codes import Function
from netbp.engines.compiled.formulas import cost_slope
from netbp.engines.compiled.layerwise import (
    OWN_LAYER,
    activate,
    add_outer,
    add_rows,
    affine,
    back,
    costs_of,
    quick,
    times_slope,
)
from netbp.engines.compiled.plan import BIASES, CODE, IN, NODES, OUT, WEIGHTS
from netbp.types import Indices, Matrix, Vector

VECTOR, MATRIX, TABLE = types.float64[::1], types.float64[:, ::1], types.int64[:, ::1]
NUMBER, WHOLE = types.float64, types.int64
COST_AND_GRADIENT = types.Tuple((NUMBER, VECTOR))  # type: ignore[no-untyped-call]


@quick
def part(flat: Vector, plan: Indices, l: int, m: int) -> Vector:
    """Layer l's entries of a block of m points, (m n_l,)."""
    start = m * plan[l, NODES]
    return flat[start : start + m * plan[l, OUT]]


@quick
def layer(flat: Vector, plan: Indices, l: int, m: int) -> Matrix:
    """The same as a matrix, (m, n_l)."""
    return part(flat, plan, l, m).reshape((m, plan[l, OUT]))


@quick
def weights(p: Vector, plan: Indices, l: int) -> Matrix:
    """The transpose of W[l], (n_(l-1), n_l), a view of p."""
    start = plan[l, WEIGHTS]
    return p[start : start + plan[l, IN] * plan[l, OUT]].reshape((plan[l, IN], plan[l, OUT]))


@quick
def biases(p: Vector, plan: Indices, l: int) -> Vector:
    """b[l], (n_l,), a view of p."""
    return p[plan[l, BIASES] : plan[l, BIASES] + plan[l, OUT]]


@quick
def nodes(plan: Indices) -> int:
    """How many neurons there are, n_2 + ... + n_L."""
    return plan[-1, NODES] + plan[-1, OUT]


@quick
def forward_block(p: Vector, x: Matrix, plan: Indices, own: Any, z: Vector, a: Vector) -> None:
    """All z[l] and a[l] for a block of points x, (m, n_1), by (7) and (8)."""
    m = x.shape[0]
    below = x
    for l in range(plan.shape[0]):
        affine(below, weights(p, plan, l), biases(p, plan, l), layer(z, plan, l, m))
        activate(plan[l, CODE], own, part(z, plan, l, m), part(a, plan, l, m))
        below = layer(a, plan, l, m)


@quick
def backward_block(p: Vector, m: int, plan: Indices, own: Any, z: Vector, a: Vector, d: Vector) -> None:
    """All delta[l] into d by (22) and (23), from dC/da[L], which stands in the place of delta[L]."""
    for l in range(plan.shape[0] - 1, -1, -1):
        times_slope(plan[l, CODE], own, part(z, plan, l, m), part(a, plan, l, m), part(d, plan, l, m))
        if l > 0:
            back(layer(d, plan, l, m), weights(p, plan, l), layer(d, plan, l - 1, m))


@quick
def errors(cost: int, A: Matrix, Y: Matrix, shares: Vector, out: Matrix) -> None:
    """shares_i dC_i/da, one point per row. A, Y, out: (m, n_L)."""
    for i in range(A.shape[0]):
        cost_slope(cost, A[i], Y[i], out[i])
        for k in range(A.shape[1]):
            out[i, k] *= shares[i]


@quick
def add_gradient(x: Matrix, plan: Indices, a: Vector, d: Vector, g: Vector) -> None:
    """A block's outer products (25) and errors (24), added to g, (s,)."""
    m = x.shape[0]
    below = x
    for l in range(plan.shape[0]):
        add_outer(below, layer(d, plan, l, m), 0, weights(g, plan, l))
        add_rows(layer(d, plan, l, m), biases(g, plan, l))
        below = layer(a, plan, l, m)


@quick
def squared_weights(p: Vector, plan: Indices) -> float:
    """sum_l ||W[l]||_F^2."""
    total = 0.0
    for i in range(plan[0, BIASES]):
        total += p[i] * p[i]
    return total


@quick
def mean_cost(
    p: Vector,
    x: Matrix,
    y: Matrix,
    shares: Vector,
    plan: Indices,
    own: Any,
    cost: int,
    penalty: float,
    block: int,
    z: Vector,
    a: Vector,
) -> float:
    """Cost(p) over the given points, block by block; z and a hold one block."""
    N, total = x.shape[0], 0.0
    for first in range(0, N, block):
        last = min(first + block, N)
        forward_block(p, x[first:last], plan, own, z, a)
        A = layer(a, plan, plan.shape[0] - 1, last - first)
        total += costs_of(cost, A, y[first:last], shares[first:last])
    total /= N
    return total + penalty * squared_weights(p, plan) if penalty != 0.0 else total


@quick
def mean_gradient(
    p: Vector,
    x: Matrix,
    y: Matrix,
    shares: Vector,
    plan: Indices,
    own: Any,
    cost: int,
    penalty: float,
    block: int,
    z: Vector,
    a: Vector,
    d: Vector,
    g: Vector,
) -> float:
    """Cost(p) over the given points, and its gradient into g; z, a and d hold one block."""
    N, total = x.shape[0], 0.0
    top = plan.shape[0] - 1
    g[:] = 0.0
    for first in range(0, N, block):
        last = min(first + block, N)
        forward_block(p, x[first:last], plan, own, z, a)
        A = layer(a, plan, top, last - first)
        total += costs_of(cost, A, y[first:last], shares[first:last])
        errors(cost, A, y[first:last], shares[first:last], layer(d, plan, top, last - first))
        backward_block(p, last - first, plan, own, z, a, d)
        add_gradient(x[first:last], plan, a, d, g)
    for i in range(g.size):
        g[i] /= N
    total /= N
    if penalty != 0.0:
        for i in range(plan[0, BIASES]):
            g[i] += 2.0 * penalty * p[i]
        total += penalty * squared_weights(p, plan)
    return total


# -- what Python calls: each compiled when first asked for, and kept on disk -----------------------------------------


@cache
def forward_kernel() -> Function:
    """a[L] for M networks' parameters, (M, s), and inputs x, (m, n_1): (M m, n_L)."""

    @kept(MATRIX(MATRIX, MATRIX, TABLE, OWN_LAYER, WHOLE))
    def kernel(ps: Matrix, x: Matrix, plan: Indices, own: Any, block: int) -> Matrix:
        m, top = x.shape[0], plan.shape[0] - 1
        block = min(block, max(m, 1))
        z, a = np.empty(block * nodes(plan)), np.empty(block * nodes(plan))
        out = np.empty((ps.shape[0] * m, plan[top, OUT]))
        for i in range(ps.shape[0]):
            for first in range(0, m, block):
                last = min(first + block, m)
                forward_block(ps[i], x[first:last], plan, own, z, a)
                out[i * m + first : i * m + last] = layer(a, plan, top, last - first)
        return out

    return kernel


@cache
def values_kernel() -> Function:
    """Cost(p) for the parameters p of M networks, (M, s): (M,)."""

    @kept(VECTOR(MATRIX, MATRIX, MATRIX, VECTOR, TABLE, OWN_LAYER, WHOLE, WHOLE, NUMBER))
    def kernel(
        ps: Matrix, x: Matrix, y: Matrix, shares: Vector, plan: Indices, own: Any, block: int, cost: int, penalty: float
    ) -> Vector:
        block = min(block, x.shape[0])
        z, a = np.empty(block * nodes(plan)), np.empty(block * nodes(plan))
        out = np.empty(ps.shape[0])
        for i in range(ps.shape[0]):
            out[i] = mean_cost(ps[i], x, y, shares, plan, own, cost, penalty, block, z, a)
        return out

    return kernel


@cache
def gradient_kernel() -> Function:
    """Cost(p) and its gradient."""

    @kept(COST_AND_GRADIENT(VECTOR, MATRIX, MATRIX, VECTOR, TABLE, OWN_LAYER, WHOLE, WHOLE, NUMBER))
    def kernel(
        p: Vector, x: Matrix, y: Matrix, shares: Vector, plan: Indices, own: Any, block: int, cost: int, penalty: float
    ) -> tuple[float, Vector]:
        block = min(block, x.shape[0])
        size = block * nodes(plan)
        z, a, d, g = np.empty(size), np.empty(size), np.empty(size), np.empty(p.size)
        return mean_gradient(p, x, y, shares, plan, own, cost, penalty, block, z, a, d, g), g

    return kernel
