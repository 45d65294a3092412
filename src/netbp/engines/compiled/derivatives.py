"""The residual's Jacobian, and the Hessian times a vector, for a dense network of any size."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from netbp.engines.compiled.cache import kept
from netbp.engines.compiled.codes import QUADRATIC, Function
from netbp.engines.compiled.formulas import exp
from netbp.engines.compiled.layerwise import (
    OWN_LAYER,
    add_outer,
    back,
    quick,
    times_curvature,
    times_slope,
    weighted_inputs,
)
from netbp.engines.compiled.plan import BIASES, CODE, OUT, WEIGHTS
from netbp.engines.compiled.wide import (
    MATRIX,
    NUMBER,
    TABLE,
    VECTOR,
    WHOLE,
    add_gradient,
    backward_block,
    biases,
    errors,
    forward_block,
    layer,
    nodes,
    part,
    weights,
)
from netbp.types import Indices, Matrix, Vector


@quick
def write_jacobian_rows(x: Matrix, root: Vector, plan: Indices, a: Vector, d: Vector, k: int, J: Any) -> None:
    """Row k of each point's Jacobian: minus sqrt(c_i) times the outer products (25). J: (m, n_L, s)."""
    m = x.shape[0]
    below = x
    for l in range(plan.shape[0]):
        delta, w, outputs = layer(d, plan, l, m), plan[l, WEIGHTS], plan[l, OUT]
        for i in range(m):
            row = J[i, k]
            for q in range(outputs):
                row[plan[l, BIASES] + q] = -root[i] * delta[i, q]
            for j in range(below.shape[1]):
                factor = -root[i] * below[i, j]
                for q in range(outputs):
                    row[w + j * outputs + q] = factor * delta[i, q]
        below = layer(a, plan, l, m)


@cache
def jacobian_kernel() -> Function:
    """The derivative of the residual by p, (N n_L, s): a backward pass from each unit vector."""

    @kept(MATRIX(VECTOR, MATRIX, VECTOR, TABLE, OWN_LAYER, WHOLE))
    def kernel(p: Vector, x: Matrix, shares: Vector, plan: Indices, own: Any, block: int) -> Matrix:
        N, top = x.shape[0], plan.shape[0] - 1
        outputs = plan[top, OUT]
        block = min(block, N)
        size = block * nodes(plan)
        z, a, d, root = np.empty(size), np.empty(size), np.empty(size), np.sqrt(shares)
        J = np.empty((N, outputs, p.size))
        for first in range(0, N, block):
            last = min(first + block, N)
            forward_block(p, x[first:last], plan, own, z, a)
            for k in range(outputs):
                seed = layer(d, plan, top, last - first)
                seed[:, :] = 0.0
                seed[:, k] = 1.0
                backward_block(p, last - first, plan, own, z, a, d)
                write_jacobian_rows(x[first:last], root[first:last], plan, a, d, k, J[first:last])
        return J.reshape((N * outputs, p.size))

    return kernel


@quick
def forward_derivative(
    p: Vector, v: Vector, x: Matrix, plan: Indices, own: Any, z: Vector, a: Vector, dz: Vector, da: Vector
) -> None:
    """The derivatives dz[l] = W da[l-1] + V a[l-1] + c and da[l] = sigma'(z[l]) dz[l] of the forward pass in direction v."""
    m = x.shape[0]
    below = x
    for l in range(plan.shape[0]):
        direction = layer(dz, plan, l, m)
        weighted_inputs(below, weights(v, plan, l), direction)
        if l > 0:
            more = layer(da, plan, l, m)  # not yet in use
            weighted_inputs(layer(da, plan, l - 1, m), weights(p, plan, l), more)
            direction += more
        for i in range(m):
            direction[i] += biases(v, plan, l)
        slopes, along = part(da, plan, l, m), part(dz, plan, l, m)
        slopes[:] = along
        times_slope(plan[l, CODE], own, part(z, plan, l, m), part(a, plan, l, m), slopes)
        below = layer(a, plan, l, m)


@quick
def cost_curvature(cost: int, a: Vector, y: Vector, v: Vector, out: Vector) -> None:
    """(d^2 C/da^2) v for one point into out. a, y, v, out: (n_L,)."""
    if cost == QUADRATIC:
        out[:] = v
        return
    largest, total, along, labels = a.max(), 0.0, 0.0, y.sum()
    for k in range(a.size):
        out[k] = exp(a[k] - largest)
        total += out[k]
    for k in range(a.size):
        out[k] /= total
        along += out[k] * v[k]
    for k in range(a.size):
        out[k] *= (v[k] - along) * labels


@quick
def top_derivative(
    cost: int, m: int, y: Matrix, shares: Vector, plan: Indices, own: Any, z: Vector, a: Vector, dz: Vector, da: Vector, dd: Vector
) -> None:
    """The derivative of delta[L] = sigma'(z) dC/da, (22), into dd; da[L] holds the derivative of a[L]."""
    top = plan.shape[0] - 1
    code, zl, al = plan[top, CODE], part(z, plan, top, m), part(a, plan, top, m)
    A, dA, out = layer(a, plan, top, m), layer(da, plan, top, m), layer(dd, plan, top, m)
    for i in range(m):
        cost_curvature(cost, A[i], y[i], dA[i], out[i])
        for k in range(A.shape[1]):
            out[i, k] *= shares[i]
    times_slope(code, own, zl, al, part(dd, plan, top, m))
    bent = np.empty_like(A)
    errors(cost, A, y, shares, bent)
    flat, along = bent.reshape(-1), part(dz, plan, top, m)
    times_curvature(code, own, zl, al, flat)
    below = part(dd, plan, top, m)
    for i in range(flat.size):
        below[i] += flat[i] * along[i]


@quick
def backward_derivative(
    p: Vector, v: Vector, m: int, plan: Indices, own: Any, z: Vector, a: Vector, d: Vector, dz: Vector, dd: Vector
) -> None:
    """The derivative of delta[l] = sigma'(z[l]) W^T delta[l+1], (23), for l below the top, into dd."""
    for l in range(plan.shape[0] - 2, -1, -1):
        code, zl, al, along = plan[l, CODE], part(z, plan, l, m), part(a, plan, l, m), part(dz, plan, l, m)
        out, bent = layer(dd, plan, l, m), np.empty((m, plan[l, OUT]))
        back(layer(dd, plan, l + 1, m), weights(p, plan, l + 1), out)
        back(layer(d, plan, l + 1, m), weights(v, plan, l + 1), bent)
        out += bent
        times_slope(code, own, zl, al, part(dd, plan, l, m))
        back(layer(d, plan, l + 1, m), weights(p, plan, l + 1), bent)
        flat, below = bent.reshape(-1), part(dd, plan, l, m)
        times_curvature(code, own, zl, al, flat)
        for i in range(flat.size):
            below[i] += flat[i] * along[i]


@quick
def add_gradient_derivative(x: Matrix, plan: Indices, a: Vector, d: Vector, da: Vector, dd: Vector, Hv: Vector) -> None:
    """A block's derivative of (24) and (25), added to Hv, (s,)."""
    m = x.shape[0]
    add_gradient(x, plan, a, dd, Hv)
    for l in range(1, plan.shape[0]):
        add_outer(layer(da, plan, l - 1, m), layer(d, plan, l, m), 0, weights(Hv, plan, l))


@cache
def hvp_kernel() -> Function:
    """The Hessian of Cost times v: every line of the two passes, differentiated (Pearlmutter 1994)."""

    @kept(VECTOR(VECTOR, VECTOR, MATRIX, MATRIX, VECTOR, TABLE, OWN_LAYER, WHOLE, WHOLE, NUMBER))
    def kernel(
        p: Vector,
        v: Vector,
        x: Matrix,
        y: Matrix,
        shares: Vector,
        plan: Indices,
        own: Any,
        block: int,
        cost: int,
        penalty: float,
    ) -> Vector:
        N, top = x.shape[0], plan.shape[0] - 1
        block = min(block, N)
        size = block * nodes(plan)
        z, a, d = np.empty(size), np.empty(size), np.empty(size)
        dz, da, dd = np.empty(size), np.empty(size), np.empty(size)
        Hv = np.zeros(p.size)
        for first in range(0, N, block):
            last = min(first + block, N)
            m, xs, ys, cs = last - first, x[first:last], y[first:last], shares[first:last]
            forward_block(p, xs, plan, own, z, a)
            forward_derivative(p, v, xs, plan, own, z, a, dz, da)
            errors(cost, layer(a, plan, top, m), ys, cs, layer(d, plan, top, m))
            backward_block(p, m, plan, own, z, a, d)
            top_derivative(cost, m, ys, cs, plan, own, z, a, dz, da, dd)
            backward_derivative(p, v, m, plan, own, z, a, d, dz, dd)
            add_gradient_derivative(xs, plan, a, d, da, dd, Hv)
        Hv /= N
        if penalty != 0.0:
            for i in range(plan[0, BIASES]):
                Hv[i] += 2.0 * penalty * v[i]
        return Hv

    return kernel
