"""J^T J and J^T r of the network's least squares problem, and their solution, for networks of any size.

Here the points stand innermost: a neuron's values for all points of a block lie side by side, so that even a layer of two neurons
keeps the vector units busy. The arrays z, a and d of a block are flat: layer l's neuron k begins at m (NODES + k).
"""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np

from netbp.engines.compiled.layerwise import activate, quick, storing, summing, times_slope
from netbp.engines.compiled.plan import BIASES, CODE, IN, NODES, OUT, WEIGHTS
from netbp.types import Indices, Matrix, Vector

BLAS_ENTRIES = 100
"""From so many rows, J^T J and its factorisation are left to BLAS."""
PANEL, STRIP = 64, 256
"""How many rows are eliminated together, and how many then updated by one product."""


@storing
def combine(n: int, m: int, w: Vector, stride: int, rows: Vector, out: Vector) -> None:
    """Out += sum_(j < n) w[j stride] rows[j m : j m + m]."""
    for j in range(n):
        factor = w[j * stride]
        row = rows[j * m : j * m + m]
        for i in range(m):
            out[i] += factor * row[i]


@quick
def transposed(rows: Matrix, flat: Vector) -> None:
    """The points' entries, point by point, into flat, entry by entry."""
    m = rows.shape[0]
    for i in range(m):
        for j in range(rows.shape[1]):
            flat[j * m + i] = rows[i, j]


@quick
def forward_points(p: Vector, x: Vector, m: int, plan: Indices, own: Any, z: Vector, a: Vector) -> None:
    """All z[l] and a[l] for m points, x: (n_1 m,), by (7) and (8)."""
    below = x
    for l in range(plan.shape[0]):
        inputs, outputs, first = plan[l, IN], plan[l, OUT], m * plan[l, NODES]
        zl, al = z[first : first + m * outputs], a[first : first + m * outputs]
        for k in range(outputs):
            out = zl[k * m : k * m + m]
            for i in range(m):
                out[i] = p[plan[l, BIASES] + k]
            combine(inputs, m, p[plan[l, WEIGHTS] + k :], outputs, below, out)
        activate(plan[l, CODE], own, zl, al)
        below = al


@quick
def backward_points(p: Vector, m: int, plan: Indices, own: Any, z: Vector, a: Vector, d: Vector) -> None:
    """All delta[l] into d, by (22) and (23), from the seed that stands in the place of delta[L]."""
    for l in range(plan.shape[0] - 1, -1, -1):
        inputs, outputs, first = plan[l, IN], plan[l, OUT], m * plan[l, NODES]
        delta = d[first : first + m * outputs]
        times_slope(plan[l, CODE], own, z[first : first + m * outputs], a[first : first + m * outputs], delta)
        if l > 0:
            below = d[first - m * inputs : first]
            for i in range(m * inputs):
                below[i] = 0.0
            for j in range(inputs):
                combine(outputs, m, p[plan[l, WEIGHTS] + j * outputs :], 1, delta, below[j * m : j * m + m])


@quick
def write_columns(x: Vector, m: int, plan: Indices, a: Vector, d: Vector, column: int, JT: Matrix) -> None:
    """The outer products (25) of a backward pass into m columns of J^T, (s + 1, rows)."""
    below = x
    for l in range(plan.shape[0]):
        inputs, outputs, first = plan[l, IN], plan[l, OUT], m * plan[l, NODES]
        for k in range(outputs):
            delta = d[first + k * m : first + k * m + m]
            bias = JT[plan[l, BIASES] + k, column : column + m]
            for i in range(m):
                bias[i] = delta[i]
            for j in range(inputs):
                row = JT[plan[l, WEIGHTS] + j * outputs + k, column : column + m]
                for i in range(m):
                    row[i] = delta[i] * below[j * m + i]
        below = a[first : first + m * outputs]


@summing
def residual_points(y: Vector, root: Vector, m: int, out: Vector, r: Vector) -> float:
    """sqrt(c_i) (y_i - a_i) into r, (n_L m,), output by output; its sum of squares. out: a[L]."""
    total = 0.0
    for k in range(0, r.size, m):
        for i in range(m):
            r[k + i] = root[i] * (y[k + i] - out[k + i])
    for i in range(r.size):  # apart, since a sum beside stores is taken in an order that depends on where the arrays lie
        total += r[i] * r[i]
    return total


@quick
def to_norms(m: int, root: Vector, r: Vector, seed: Vector, norms: Vector) -> None:
    """The norm of each point's residual, and minus sqrt(c_i) times the residual's direction, zero for a zero residual."""
    for i in range(m):
        total = 0.0
        for k in range(i, r.size, m):
            total += r[k] * r[k]
        norms[i] = sqrt(total)
        for k in range(i, r.size, m):
            seed[k] = -root[i] * (r[k] / norms[i]) if norms[i] > 0.0 else 0.0


@quick
def jacobian_points(
    p: Vector,
    x: Vector,
    root: Vector,
    m: int,
    plan: Indices,
    own: Any,
    norms: bool,
    z: Vector,
    a: Vector,
    d: Vector,
    r: Vector,
    JT: Matrix,
) -> None:
    """J^T for a block whose forward pass is done, (s + 1, rows), with the residual as its last row; columns left over are zero."""
    top = d[m * plan[-1, NODES] : m * (plan[-1, NODES] + plan[-1, OUT])]
    last, used = JT[JT.shape[0] - 1], m if norms else r.size
    for i in range(used, JT.shape[1]):
        for row in range(JT.shape[0]):
            JT[row, i] = 0.0
    if norms:
        to_norms(m, root, r, top, last)
        backward_points(p, m, plan, own, z, a, d)
        write_columns(x, m, plan, a, d, 0, JT)
        return
    for k in range(0, r.size, m):
        for i in range(r.size):
            top[i] = 0.0
        for i in range(m):
            top[k + i], last[k + i] = -root[i], r[k + i]
        backward_points(p, m, plan, own, z, a, d)
        write_columns(x, m, plan, a, d, k, JT)


@summing
def add_products(JT: Matrix, H: Matrix) -> None:
    """The upper triangle of J^T J, and J^T r beside it as the last column, added to H, (s, s + 1)."""
    size, rows = H.shape[0], JT.shape[1]
    if size >= BLAS_ENTRIES:
        all_products = np.dot(JT[:size], JT.T)
        for i in range(size):
            for j in range(i, size + 1):
                H[i, j] += all_products[i, j]
        return
    for i in range(size):
        left = JT[i]
        for j in range(i, size + 1):
            right, total = JT[j], 0.0
            for k in range(rows):
                total += left[k] * right[k]
            H[i, j] += total


@summing
def largest_gradient(JT: Matrix) -> float:
    """The largest |entry| of J^T r."""
    size, largest = JT.shape[0] - 1, 0.0
    for i in range(size):
        total = 0.0
        for k in range(JT.shape[1]):
            total += JT[i, k] * JT[size, k]
        largest = max(largest, abs(total))
    return largest


@summing
def set_gram(JT: Matrix, G: Matrix) -> None:
    """The upper triangle of J J^T, and r beside it as the last column, into G, (n, n + 1), for the first n rows of J."""
    n, size = G.shape[0], JT.shape[0] - 1
    J = JT[:, :n].T.copy()
    if n >= BLAS_ENTRIES:
        G[:, :n] = np.dot(JT[:size].T, JT[:size])[:n, :n]
    else:
        for i in range(n):
            for j in range(i, n):
                total = 0.0
                for k in range(size):
                    total += J[i, k] * J[j, k]
                G[i, j] = total
    for i in range(n):
        G[i, n] = J[i, size]


# -- (J^T J + mu I) d = -J^T r ---------------------------------------------------------------------------------------


@storing
def eliminate(U: Matrix, first: int, last: int) -> bool:
    """Rows first, ..., last - 1 of the Cholesky factor of the matrix in U, within these rows; False where a pivot is not > 0."""
    columns = U.shape[1]
    for k in range(first, last):
        row = U[k]
        if not row[k] > 0.0:
            return False
        inverse = 1.0 / sqrt(row[k])
        for j in range(k, columns):
            row[j] *= inverse
        for i in range(k + 1, last):
            factor, below = row[i], U[i]
            for j in range(i, columns):
                below[j] -= factor * row[j]
    return True


@quick
def subtract_products(U: Matrix, first: int, last: int, i: int, end: int) -> None:
    """The part of the factor's rows first, ..., last - 1 in rows i, ..., end - 1 of the rest."""
    rest, left = np.empty((last - first, U.shape[1] - i)), np.empty((end - i, last - first))
    for k in range(rest.shape[0]):
        for j in range(rest.shape[1]):
            rest[k, j] = U[first + k, i + j]
        for j in range(end - i):
            left[j, k] = rest[k, j]
    products = np.dot(left, rest)
    for k in range(end - i):
        for j in range(rest.shape[1]):
            U[i + k, i + j] -= products[k, j]


@quick
def factorise(U: Matrix) -> bool:
    """The Cholesky factor R, R^T R = A, in the place of A's upper triangle; the last column b becomes R^-T b."""
    size = U.shape[0]
    if size < BLAS_ENTRIES:
        return eliminate(U, 0, size)
    for first in range(0, size, PANEL):
        last = min(first + PANEL, size)
        if not eliminate(U, first, last):
            return False
        for i in range(last, size, STRIP):
            subtract_products(U, first, last, i, min(i + STRIP, size))
    return True


@summing
def back_substitute(U: Matrix, d: Vector) -> None:
    """D = -R^-1 b, from `factorise`'s R and last column."""
    size = d.size
    for i in range(size - 1, -1, -1):
        total = U[i, size]
        for j in range(i + 1, size):
            total += U[i, j] * d[j]
        d[i] = -total / U[i, i]


@quick
def solve(H: Matrix, mu: float, JT: Matrix, U: Matrix, d: Vector) -> bool:
    """(J^T J + mu I) d = -J^T r; False where the matrix is not positive definite to rounding.

    H: J^T J with J^T r, (s, s + 1); or, where J has n < s rows, J J^T with r, (n, n + 1): then d = -J^T (J J^T + mu I)^-1 r,
    the same step from a smaller system, and one that small mu leaves better conditioned.
    """
    n = H.shape[0]
    for i in range(n):
        for j in range(i, n + 1):
            U[i, j] = H[i, j]
        U[i, i] += mu
    if not factorise(U):
        return False
    if n == d.size:
        back_substitute(U, d)
        return True
    multipliers = np.empty(n)
    back_substitute(U, multipliers)
    for i in range(d.size):
        d[i] = 0.0
        for k in range(n):
            d[i] += JT[i, k] * multipliers[k]
    return True
