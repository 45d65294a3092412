"""Forward and backward pass of a small network through B lanes at once: entry j of lane m stands at j B + m in every array.

In a single run B = 1; in an ensemble the lanes are networks, which move in lockstep; in the Cost of all data they are points that
share one network. The operations of a lane are the same, in the same order, for every B, and none is reordered, so that an
ensemble equals its single runs bit for bit. All sizes are constants of the kernel that inlines these functions; layers are
counted from 0 here, so that layer l has the weights W[l + 2] between a[l + 1] and a[l + 2] of the paper.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from netbp.engines.compiled.codes import QUADRATIC
from netbp.engines.compiled.formulas import act, exp, fma, inline, move, slope, with_globals

LAYERS = 4
"""The most layers with weights: a kernel calls `forward` and `backward` once for each, since LLVM unrolls no such long loop."""


class Shape(NamedTuple):
    """A network's sizes; where each layer's weights and biases begin in p, and its neurons in a; cost: the cost's code."""

    sizes: tuple[int, ...]
    codes: tuple[int, ...]
    W: tuple[int, ...]
    b: tuple[int, ...]
    a: tuple[int, ...]
    cost: int


def shape(sizes: tuple[int, ...], codes: tuple[int, ...], cost: int) -> Shape:
    """The constants of a network of these sizes."""
    W, b, a = [0], [sum(m * n for m, n in zip(sizes, sizes[1:], strict=False))], [0]
    for m, n in zip(sizes, sizes[1:], strict=False):
        W.append(W[-1] + m * n)
        b.append(b[-1] + n)
        a.append(a[-1] + m)
    return Shape(sizes, codes, tuple(W), tuple(b), tuple(a), cost)


@inline
def forward(l: int, at: Shape, B: int, shared: bool, p: Any, a: Any, z: Any) -> None:
    """Layer l by (7) and (8): from a's part l to the next parts of z and a. shared: whether all lanes have the same p."""
    if l >= len(at.codes):
        return
    step = 1 if shared else B
    for j in range(at.sizes[l + 1]):
        for m in range(B):
            lane = 0 if shared else m
            total = p[(at.b[l] + j) * step + lane]
            for i in range(at.sizes[l]):
                w = at.W[l] + i * at.sizes[l + 1] + j
                total = fma(p[w * step + lane], a[(at.a[l] + i) * B + m], total)
            z[(at.a[l + 1] + j) * B + m] = total
            a[(at.a[l + 1] + j) * B + m] = act(at.codes[l], total)


@inline
def error(at: Shape, B: int, a: Any, z: Any, y: Any, delta: Any) -> None:
    """delta[L] = D[L] dC/da[L], (22). y: n_L by B."""
    L = len(at.codes)
    n, first = at.sizes[L], at.a[L]
    if at.cost == QUADRATIC:
        for j in range(n):
            for m in range(B):
                k = (first + j) * B + m
                delta[k] = slope(at.codes[L - 1], z[k], a[k]) * (a[k] - y[j * B + m])
        return
    for m in range(B):
        largest = a[first * B + m]
        for j in range(1, n):
            largest = max(largest, a[(first + j) * B + m])
        total, labels = 0.0, 0.0
        for j in range(n):
            total += exp(a[(first + j) * B + m] - largest)
            labels += y[j * B + m]
        for j in range(n):
            k = (first + j) * B + m
            softmax = exp(a[k] - largest) / total
            delta[k] = slope(at.codes[L - 1], z[k], a[k]) * (softmax * labels - y[j * B + m])


@inline
def cost_of_lane(at: Shape, B: int, m: int, a: Any, y: Any) -> float:
    """C of lane m's point, (18) or (32)."""
    L = len(at.codes)
    n, first, total = at.sizes[L], at.a[L], 0.0
    if at.cost == QUADRATIC:
        for j in range(n):
            r = y[j * B + m] - a[(first + j) * B + m]
            total = fma(r, r, total)
        return 0.5 * total
    largest = a[first * B + m]
    for j in range(1, n):
        largest = max(largest, a[(first + j) * B + m])
    for j in range(n):
        total += exp(a[(first + j) * B + m] - largest)
    log_sum, loss = largest + math.log(total), 0.0
    for j in range(n):
        loss = fma(y[j * B + m], log_sum - a[(first + j) * B + m], loss)
    return loss


@inline
def back(l: int, at: Shape, B: int, p: Any, a: Any, z: Any, delta: Any) -> None:
    """The error of layer l - 1 from that of layer l: delta[l] = D[l] W[l + 1]^T delta[l + 1], (23)."""
    n = at.sizes[l + 1]
    for i in range(at.sizes[l]):
        for m in range(B):
            total = p[(at.W[l] + i * n) * B + m] * delta[at.a[l + 1] * B + m]
            for j in range(1, n):
                total = fma(p[(at.W[l] + i * n + j) * B + m], delta[(at.a[l + 1] + j) * B + m], total)
            k = (at.a[l] + i) * B + m
            delta[k] = total * slope(at.codes[l - 1], z[k], a[k])


@inline
def add_gradient(l: int, at: Shape, B: int, share: Any, p: Any, a: Any, z: Any, delta: Any, g: Any) -> None:
    """Add a point's gradient in layer l, (24) and (25), to g, and pass its error on. share: (B,)."""
    if l >= len(at.codes):
        return
    n = at.sizes[l + 1]
    if l > 0:
        back(l, at, B, p, a, z, delta)
    for j in range(n):
        for m in range(B):
            d = share[m] * delta[(at.a[l + 1] + j) * B + m]
            g[(at.b[l] + j) * B + m] += d
            for i in range(at.sizes[l]):
                w = (at.W[l] + i * n + j) * B + m
                g[w] = fma(d, a[(at.a[l] + i) * B + m], g[w])


@inline
def step(
    l: int, at: Shape, B: int, rule: int, eta: float, t: float, c: Any, p: Any, u: Any, v: Any, a: Any, z: Any, delta: Any
) -> None:
    """Move the parameters of layer l by the gradient of one point, (15), and pass its error on, by the old weights, first."""
    if l >= len(at.codes):
        return
    n = at.sizes[l + 1]
    if l > 0:
        back(l, at, B, p, a, z, delta)
    for j in range(n):
        for m in range(B):
            d = delta[(at.a[l + 1] + j) * B + m]
            w = (at.b[l] + j) * B + m
            p[w], u[w], v[w] = move(rule, p[w], d, u[w], v[w], eta, t, c)
            for i in range(at.sizes[l]):
                w = (at.W[l] + i * n + j) * B + m
                p[w], u[w], v[w] = move(rule, p[w], d * a[(at.a[l] + i) * B + m], u[w], v[w], eta, t, c)


@inline
def cost_of_all(at: Shape, P: int, penalty: float, p: Any, x: Any, y: Any, share: Any, a: Any, sums: Any) -> float:
    """Cost(p), (9), of all data in blocks of P points.

    x: (blocks, n_1 P), y: (blocks, n_L P), share: (blocks, P), c_i/N, and 0 for points that only fill up the last block. a, sums:
    room for a block's activations, and for P numbers.
    """
    for m in range(P):
        sums[m] = 0.0
    for block in range(len(x)):
        for j in range(at.sizes[0] * P):
            a[j] = x[block, j]
        forward(0, at, P, True, p, a, a)
        forward(1, at, P, True, p, a, a)
        forward(2, at, P, True, p, a, a)
        forward(3, at, P, True, p, a, a)
        for m in range(P):
            sums[m] = fma(share[block, m], cost_of_lane(at, P, m, a, y[block]), sums[m])
    total, squares = 0.0, 0.0
    for m in range(P):
        total += sums[m]
    if penalty != 0.0:
        for w in range(at.b[0]):
            squares = fma(p[w], p[w], squares)
    return fma(penalty, squares, total)


def rebuilt(names: dict[str, Any]) -> dict[str, Any]:
    """The functions above with a user's `act`, `slope` or `move` in place of the built-in ones, by name."""
    out = dict(names)
    for function in (forward, error, cost_of_lane, back, add_gradient, step, cost_of_all):
        plain = getattr(function, "py_func", function)  # without a JIT it is the plain function itself
        out[plain.__name__] = inline(with_globals(plain, out))
    return out
