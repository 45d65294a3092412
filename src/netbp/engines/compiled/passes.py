"""Forward and backward pass of a small network, whose sizes are constants of the kernel that inlines these functions.

p, a, z, delta and g are arrays of numbers in a single run; in an ensemble they are arrays of packs, one network in each lane, which
move in lockstep; in the Cost of all data a and z are arrays of packs, one point in each lane, of a network with numbers p. A
lane's operations are the same, in the same order, in all three, so that an ensemble equals its single runs bit for bit. Layers
are counted from 0 here: layer l has the weights W[l + 2] between a[l + 1] and a[l + 2] of the paper.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from netbp.engines.compiled.codes import QUADRATIC
from netbp.engines.compiled.formulas import act, exp, inline, move, slope, with_globals
from netbp.engines.compiled.machine import fma, if_less, lane, like, load, log, whole, width

LAYERS = 4
"""The most layers with weights: a kernel calls `forward` and the like once for each, since LLVM unrolls no such long loop."""


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
def forward(l: int, at: Shape, p: Any, a: Any, z: Any) -> None:
    """Layer l by (7) and (8): from a's part l to the next parts of z and a."""
    if l >= len(at.codes):
        return
    first, n = at.a[l], at.sizes[l + 1]
    for j in range(n):
        total = like(a[first], p[at.b[l] + j])
        for i in range(at.sizes[l]):
            total = fma(p[at.W[l] + i * n + j], a[first + i], total)
        z[at.a[l + 1] + j] = total
        a[at.a[l + 1] + j] = act(at.codes[l], total)


@inline
def forward_all(at: Shape, p: Any, a: Any, z: Any) -> None:
    """All layers, from a's first part to its last."""
    forward(whole(0), at, p, a, z)
    forward(whole(1), at, p, a, z)
    forward(whole(2), at, p, a, z)
    forward(whole(3), at, p, a, z)


@inline
def largest_output(at: Shape, a: Any) -> Any:
    """The largest a[L]_j, which the softmax subtracts so that it cannot overflow."""
    L = len(at.codes)
    largest = a[at.a[L]]
    for j in range(1, at.sizes[L]):
        largest = if_less(largest, a[at.a[L] + j], a[at.a[L] + j], largest)
    return largest


@inline
def error(at: Shape, a: Any, z: Any, y: Any, delta: Any) -> None:
    """delta[L] = D[L] dC/da[L], (22). y: n_L."""
    L = len(at.codes)
    first, last = at.a[L], at.codes[L - 1]
    if at.cost == QUADRATIC:
        for j in range(at.sizes[L]):
            delta[first + j] = slope(last, z[first + j], a[first + j]) * (a[first + j] - y[j])
        return
    largest, total, labels = largest_output(at, a), like(a[0], 0.0), like(a[0], 0.0)
    for j in range(at.sizes[L]):
        delta[first + j] = exp(a[first + j] - largest)
        total = total + delta[first + j]
        labels = labels + y[j]
    for j in range(at.sizes[L]):
        delta[first + j] = slope(last, z[first + j], a[first + j]) * (delta[first + j] / total * labels - y[j])


@inline
def cost_of_point(at: Shape, a: Any, y: Any) -> Any:
    """C, (18) or (32), of one point in each lane."""
    L = len(at.codes)
    first, total = at.a[L], like(a[0], 0.0)
    if at.cost == QUADRATIC:
        for j in range(at.sizes[L]):
            r = y[j] - a[first + j]
            total = fma(r, r, total)
        return 0.5 * total
    largest = largest_output(at, a)
    for j in range(at.sizes[L]):
        total = total + exp(a[first + j] - largest)
    log_sum, loss = largest + log(total), like(a[0], 0.0)
    for j in range(at.sizes[L]):
        loss = fma(y[j], log_sum - a[first + j], loss)
    return loss


@inline
def back(l: int, at: Shape, p: Any, a: Any, z: Any, delta: Any) -> None:
    """The error of layer l - 1 from that of layer l: delta[l] = D[l] W[l + 1]^T delta[l + 1], (23)."""
    n, first = at.sizes[l + 1], at.a[l + 1]
    for i in range(at.sizes[l]):
        total = p[at.W[l] + i * n] * delta[first]
        for j in range(1, n):
            total = fma(p[at.W[l] + i * n + j], delta[first + j], total)
        k = at.a[l] + i
        delta[k] = total * slope(at.codes[l - 1], z[k], a[k])


@inline
def add_gradient(l: int, at: Shape, share: Any, p: Any, a: Any, z: Any, delta: Any, g: Any) -> None:
    """Add a point's gradient in layer l, (24) and (25), to g, and pass its error on."""
    if l >= len(at.codes):
        return
    n = at.sizes[l + 1]
    if l > 0:
        back(l, at, p, a, z, delta)
    for j in range(n):
        d = share * delta[at.a[l + 1] + j]
        g[at.b[l] + j] = g[at.b[l] + j] + d
        for i in range(at.sizes[l]):
            w = at.W[l] + i * n + j
            g[w] = fma(d, a[at.a[l] + i], g[w])


@inline
def step(l: int, at: Shape, rule: int, eta: float, t: float, c: Any, p: Any, u: Any, v: Any, a: Any, z: Any, delta: Any) -> None:
    """Pass a point's error on, by the old weights; then move the parameters of layer l by its gradient, (15)."""
    if l >= len(at.codes):
        return
    n = at.sizes[l + 1]
    if l > 0:
        back(l, at, p, a, z, delta)
    for j in range(n):
        d = delta[at.a[l + 1] + j]
        w = at.b[l] + j
        p[w], u[w], v[w] = move(rule, p[w], d, u[w], v[w], eta, t, c)
        for i in range(at.sizes[l]):
            w = at.W[l] + i * n + j
            p[w], u[w], v[w] = move(rule, p[w], d * a[at.a[l] + i], u[w], v[w], eta, t, c)


@inline
def move_all(
    at: Shape, rule: int, plain: bool, points: float, eta: float, t: float, c: Any, extras: Any, p: Any, u: Any, v: Any, g: Any
) -> None:
    """Move all parameters by the mean of a batch's gradients, whose sum is g; extras: penalty, multiplier, decay."""
    penalty, multiplier, decay = extras
    for w in range(at.b[-1]):
        gradient, rate = g[w] / points, eta
        if not plain:
            if w < at.b[0]:
                gradient = fma(2.0 * penalty, p[w], gradient)
            gradient = fma(decay[w], p[w], gradient)
            rate = eta * multiplier[w]
        p[w], u[w], v[w] = move(rule, p[w], gradient, u[w], v[w], rate, t, c)


@inline
def squared_weights(at: Shape, p: Any) -> Any:
    """sum_l ||W[l]||_F^2, the penalty's part of the Cost."""
    squares = like(p[0], 0.0)
    for w in range(at.b[0]):
        squares = fma(p[w], p[w], squares)
    return squares


@inline
def enter_block(at: Shape, block: int, blocks: Any, a: Any, targets: Any) -> None:
    """A block's inputs and targets, a pack of points at a time."""
    x, y, _ = blocks
    lanes = width(a[0])
    for j in range(at.sizes[0]):
        a[j] = load(x[block], j * lanes, a[0])
    for j in range(at.sizes[-1]):
        targets[j] = load(y[block], j * lanes, a[0])


@inline
def summed(at: Shape, penalty: float, p: Any, sums: Any) -> float:
    """The sum over the lanes, with the penalty's part of the Cost."""
    total = 0.0
    for m in range(width(sums)):
        total += lane(sums, m)
    return fma(penalty, squared_weights(at, p), total) if penalty != 0.0 else total


@inline
def cost_of_one(at: Shape, penalty: float, p: Any, blocks: Any, a: Any, targets: Any) -> float:
    """Cost(p) of data that fill one block, whose forward pass is done."""
    sums = fma(load(blocks[2][0], 0, a[0]), cost_of_point(at, a, targets), like(a[0], 0.0))
    return summed(at, penalty, p, sums)


@inline
def cost_of_all(at: Shape, penalty: float, p: Any, blocks: Any, a: Any, z: Any, targets: Any) -> float:
    """Cost(p), (9), of all data, a pack of points at a time.

    blocks: x (blocks, n_1 lanes), y (blocks, n_L lanes) and shares (blocks, lanes), c_i/N, and 0 for points that only
    fill up the last block. a, z, targets: room for a block.
    """
    shares = blocks[2]
    sums = like(a[0], 0.0)
    for block in range(len(shares)):
        enter_block(at, block, blocks, a, targets)
        forward_all(at, p, a, z)
        sums = fma(load(shares[block], 0, a[0]), cost_of_point(at, a, targets), sums)
    return summed(at, penalty, p, sums)


def rebuilt(names: dict[str, Any]) -> dict[str, Any]:
    """The functions above with a user's `act`, `slope` or `move` in place of the built-in ones, by name."""
    out = dict(names)
    functions: tuple[Any, ...] = (
        forward,
        forward_all,
        error,
        cost_of_point,
        back,
        add_gradient,
        step,
        move_all,
        cost_of_one,
        cost_of_all,
    )
    for function in functions:
        plain = getattr(function, "py_func", function)  # without a JIT it is the plain function itself
        out[plain.__name__] = inline(with_globals(plain, out))
    return out
