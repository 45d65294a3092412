"""The steps of Levenberg-Marquardt for eight starts at once, one in each lane of the packs, for small problems.

All points' values are kept, layer by layer: neuron k of point i in layer l stands at N NODES + i n_l + k. J has a row of n packs
per residual, the residual itself in column s; n is s + 1 filled up to a multiple of four, so that products and elimination work on
squares of four by four, which stay in the machine's registers. Every operation is rounded as written, lane by lane.
"""

from __future__ import annotations

from typing import Any

from netbp.engines.compiled.codes import SIGMOID, TANH
from netbp.engines.compiled.formulas import act, inline, slope
from netbp.engines.compiled.layerwise import SLOPE, VALUE
from netbp.engines.compiled.machine import fma, if_less, like, root, stack
from netbp.engines.compiled.plan import BIASES, CODE, IN, NODES, OUT, WEIGHTS
from netbp.types import Indices, Matrix, Vector

LANES = 8
SIDE = 4
"""Rows and columns of the squares."""


@inline
def largest(x: Any, y: Any) -> Any:
    """The larger of two, lane by lane."""
    return if_less(x, y, y, x)


@inline
def activate(code: int, own: Any, first: int, last: int, z: Any, a: Any, z_numbers: Vector, a_numbers: Vector) -> None:
    """a = sigma(z) from place first to last."""
    if code < 0:
        start, end = first * LANES, last * LANES
        own(VALUE, code, z_numbers[start:end], z_numbers[start:end], a_numbers[start:end])
    elif code == SIGMOID:
        for i in range(first, last):
            a[i] = act(SIGMOID, z[i])
    elif code == TANH:
        for i in range(first, last):
            a[i] = act(TANH, z[i])
    else:
        for i in range(first, last):
            a[i] = act(code, z[i])


@inline
def slopes_of(
    plan: Indices, own: Any, N: int, z: Any, a: Any, d: Any, z_numbers: Vector, a_numbers: Vector, d_numbers: Vector
) -> None:
    """d = sigma'(z) in all layers."""
    for l in range(plan.shape[0]):
        code, first = plan[l, CODE], N * plan[l, NODES]
        last = first + N * plan[l, OUT]
        if code < 0:
            for i in range(first, last):
                d[i] = like(z[i], 1.0)
            start, end = first * LANES, last * LANES
            own(SLOPE, code, z_numbers[start:end], a_numbers[start:end], d_numbers[start:end])
        elif code == SIGMOID:
            for i in range(first, last):
                d[i] = slope(SIGMOID, z[i], a[i])
        else:
            for i in range(first, last):
                d[i] = slope(code, z[i], a[i])


@inline
def forward(p: Any, x: Matrix, plan: Indices, own: Any, z: Any, a: Any, z_numbers: Vector, a_numbers: Vector) -> None:
    """All z[l] and a[l] for all points, by (7) and (8)."""
    N = x.shape[0]
    for l in range(plan.shape[0]):
        inputs, outputs, w, first = plan[l, IN], plan[l, OUT], plan[l, WEIGHTS], N * plan[l, NODES]
        below = first - N * inputs
        for k in range(outputs):
            for i in range(N):
                total = p[plan[l, BIASES] + k]
                if l == 0:
                    for j in range(inputs):
                        total = fma(p[w + j * outputs + k], x[i, j], total)
                else:
                    for j in range(inputs):
                        total = fma(p[w + j * outputs + k], a[below + i * inputs + j], total)
                z[first + i * outputs + k] = total
        activate(plan[l, CODE], own, first, first + N * outputs, z, a, z_numbers, a_numbers)


@inline
def residuals(y: Matrix, shares: Vector, plan: Indices, a: Any, r: Any) -> Any:
    """sqrt(c_i) (y_i - a_i) into r, point by point; the sum of squares. shares: the square roots of the c_i."""
    N, outputs, total = y.shape[0], y.shape[1], like(a[0], 0.0)
    first = N * plan[-1, NODES]
    for i in range(N):
        for k in range(outputs):
            value = shares[i] * (y[i, k] - a[first + i * outputs + k])
            r[i * outputs + k] = value
            total = fma(value, value, total)
    return total


@inline
def seed_norm(i: int, share: float, plan: Indices, N: int, r: Any, slopes: Any, delta: Any) -> Any:
    """delta[L] for the norm of point i's residual, zero where that is zero; the norm."""
    outputs, total = plan[-1, OUT], like(r[0], 0.0)
    first, top = N * plan[-1, NODES] + i * outputs, plan[-1, NODES]
    for k in range(outputs):
        total = fma(r[i * outputs + k], r[i * outputs + k], total)
    norm = root(total)
    divisor = if_less(0.0, norm, norm, 1.0)
    for k in range(outputs):
        delta[top + k] = -share * (r[i * outputs + k] / divisor) * slopes[first + k]
    return norm


@inline
def seed_component(i: int, k: int, share: float, plan: Indices, N: int, slopes: Any, delta: Any) -> None:
    """delta[L] for component k of point i's residual."""
    outputs, top = plan[-1, OUT], plan[-1, NODES]
    for q in range(outputs):
        delta[top + q] = like(slopes[0], 0.0)
    delta[top + k] = -share * slopes[N * plan[-1, NODES] + i * outputs + k]


@inline
def put(J: Any, place: int, chosen: Any, value: Any) -> None:
    """The value into the lanes that are 1 in `chosen`."""
    J[place] = if_less(0.5, chosen, value, J[place])


@inline
def jacobian(
    p: Any,
    x: Matrix,
    shares: Vector,
    plan: Indices,
    norms: bool,
    n: int,
    size: int,
    chosen: Any,
    a: Any,
    slopes: Any,
    r: Any,
    delta: Any,
    J: Any,
) -> None:
    """J's rows with the residual in column s, by (22), (23) and (25), after `residuals` and `slopes_of` at the same p.

    Only the lanes that are 1 in `chosen` change.
    """
    N, outputs = x.shape[0], plan[-1, OUT]
    seeds = 1 if norms else outputs
    for row in range(N * seeds):
        i = row // seeds
        first = row * n
        if norms:
            put(J, first + size, chosen, seed_norm(i, shares[i], plan, N, r, slopes, delta))
        else:
            seed_component(i, row - i * seeds, shares[i], plan, N, slopes, delta)
            put(J, first + size, chosen, r[row])
        for l in range(plan.shape[0] - 1, -1, -1):
            inputs, above, at = plan[l, IN], plan[l, OUT], plan[l, NODES]
            for k in range(above):
                put(J, first + plan[l, BIASES] + k, chosen, delta[at + k])
            for j in range(inputs):
                w = plan[l, WEIGHTS] + j * above
                if l == 0:
                    for k in range(above):
                        put(J, first + w + k, chosen, delta[at + k] * x[i, j])
                else:
                    place = N * (at - inputs) + i * inputs + j
                    total = like(delta[0], 0.0)
                    for k in range(above):
                        put(J, first + w + k, chosen, delta[at + k] * a[place])
                        total = fma(p[w + k], delta[at + k], total)
                    delta[at - inputs + j] = total * slopes[place]


@inline
def set_products(rows: int, n: int, J: Any, H: Any) -> None:
    """J^T J, and J^T r beside it as column s, into H: the squares on and above the diagonal."""
    sums = stack(16, LANES)[0]
    for i in range(0, n, SIDE):
        for j in range(i, n, SIDE):
            for c in range(SIDE * SIDE):
                sums[c] = like(J[0], 0.0)
            for row in range(0, rows * n, n):
                for q in range(SIDE):
                    for c in range(SIDE):
                        sums[SIDE * q + c] = fma(J[row + i + q], J[row + j + c], sums[SIDE * q + c])
            for q in range(SIDE):
                for c in range(SIDE):
                    H[(i + q) * n + j + c] = sums[SIDE * q + c]


@inline
def set_gram(rows: int, m: int, n: int, size: int, J: Any, H: Any) -> None:
    """J J^T, and r beside it as column `rows`, into H, m packs per row: the squares on and above the diagonal."""
    sums = stack(16, LANES)[0]
    for i in range(0, m, SIDE):
        for j in range(i, m, SIDE):
            for c in range(SIDE * SIDE):
                sums[c] = like(J[0], 0.0)
            for k in range(size):
                for q in range(SIDE):
                    for c in range(SIDE):
                        sums[SIDE * q + c] = fma(J[(i + q) * n + k], J[(j + c) * n + k], sums[SIDE * q + c])
            for q in range(SIDE):
                for c in range(SIDE):
                    H[(i + q) * m + j + c] = sums[SIDE * q + c]
    for i in range(rows):
        H[i * m + rows] = J[i * n + size]


@inline
def gradient_of(i: int, rows: int, n: int, size: int, J: Any) -> Any:
    """Entry i of J^T r."""
    total = like(J[0], 0.0)
    for row in range(0, rows * n, n):
        total = fma(J[row + i], J[row + size], total)
    return total


@inline
def step_of(w: Any, rows: int, n: int, size: int, J: Any, d: Any) -> None:
    """d = J^T w."""
    for i in range(size):
        total = like(J[0], 0.0)
        for row in range(rows):
            total = fma(J[row * n + i], w[row], total)
        d[i] = total


# -- (J^T J + mu I) d = -J^T r, or (J J^T + mu I) w = -r ---------------------------------------------------------------


@inline
def eliminate(H: Any, mu: Any, size: int, n: int, U: Any, inverse: Any) -> Any:
    """Gauss's elimination of H + mu I by squares: U above the diagonal, its factors below, one over each pivot apart.

    The column after the matrix becomes the right side of the triangular system. Returns 1 in the lanes whose pivots are all
    positive, otherwise 0.
    """
    fine = like(mu, 1.0)
    t = stack(16, LANES)[0]
    for i in range(0, n, SIDE):
        for j in range(i, n, SIDE):
            for q in range(SIDE):
                for c in range(SIDE):
                    t[SIDE * q + c] = H[(i + q) * n + j + c]
            if i == j:
                for q in range(SIDE):
                    t[(SIDE + 1) * q] = t[(SIDE + 1) * q] + mu
            for k in range(i):
                for q in range(SIDE):
                    for c in range(SIDE):
                        t[SIDE * q + c] = fma(-U[(i + q) * n + k], U[k * n + j + c], t[SIDE * q + c])
            for k in range(SIDE):
                if i == j:
                    pivot = t[(SIDE + 1) * k]
                    if i + k < size:
                        fine = if_less(0.0, pivot, fine, 0.0)
                    inverse[i + k] = 1.0 / if_less(0.0, pivot, pivot, 1.0)
                    for q in range(k + 1, SIDE):
                        U[(i + q) * n + i + k] = t[SIDE * k + q] * inverse[i + k]
                for q in range(k + 1, SIDE):
                    factor = U[(i + q) * n + i + k]
                    for c in range(SIDE):
                        t[SIDE * q + c] = fma(-factor, t[SIDE * k + c], t[SIDE * q + c])
            for q in range(SIDE):
                for c in range(SIDE):
                    if i < j or c >= q:
                        U[(i + q) * n + j + c] = t[SIDE * q + c]
                    if i < j:
                        U[(j + c) * n + i + q] = t[SIDE * q + c] * inverse[i + q]
    return fine


@inline
def back_substitute(U: Any, inverse: Any, size: int, n: int, d: Any) -> None:
    """d from the triangular system, with its sign changed."""
    for i in range(size):
        d[i] = -U[i * n + size]
    for j in range(size - 1, -1, -1):
        value = d[j] * inverse[j]
        d[j] = value
        for i in range(j):
            d[i] = fma(-U[i * n + j], value, d[i])
