"""Activations, costs and rules as scalar functions in machine code, chosen by their codes; and an exp that vectorises.

A code is a constant in every kernel, so that LLVM folds the branches on it away. No fast-math anywhere: every operation is rounded
as written, so the same formula gives the same bits in a single run and in the lanes of an ensemble.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from inspect import unwrap
from types import FunctionType
from typing import Any

import numpy as np
from numba import njit
from numba.core.errors import NumbaError

from netbp import rules
from netbp.activations import Activation
from netbp.engines.compiled.codes import (
    ADAGRAD,
    IDENTITY,
    LEAKY_RELU,
    MOMENTUM,
    NESTEROV,
    OWN,
    QUADRATIC,
    RELU,
    RMSPROP,
    SGD,
    SIGMOID,
    STEP,
    TANH,
    Function,
)
from netbp.engines.compiled.machine import fma, if_less, lane, like, log, power_of_two, width, with_lane

options: Any = {"forceinline": True, "error_model": "numpy", "no_cpython_wrapper": True, "no_cfunc_wrapper": True}


def inline(function: Function) -> Function:
    """The function, to be inlined into kernels; without what only calls from Python would need."""
    compiled: Function = njit(**options)(function)
    return compiled


LOG2E = 1.4426950408889634
LN2_HIGH = 6.93147180369123816490e-01  # log 2 in two parts; the first has 21 zero bits at its end, so that k times it is exact
LN2_LOW = 1.90821492927058770002e-10
# exp(r) = 1 + r + r^2 (C[0] + C[1] r + ...): interpolated at Chebyshev nodes for |r| <= log(2)/2, relative error 1.6e-17
C0, C1, C2, C3, C4 = 0.5000000000000001, 0.16666666666666669, 0.04166666666662413, 0.008333333333330062, 0.0013888888917213717
C5, C6, C7, C8, C9 = (
    0.00019841269863053618,
    2.4801521295954376e-05,
    2.7557268459997064e-06,
    2.7620088445409746e-07,
    2.510038549551032e-08,
)
MAGIC = 1.5 * 2.0**52 + 1023.0  # adding it rounds to a whole number, whose exponent bits then stand at the right end
LARGEST, SMALLEST = 709.0, -708.0  # between them e^x and its scale 2^k are normal numbers


@inline
def scaled_exp(x: Any) -> tuple[Any, Any]:
    """The scale 2^k and s such that e^x = 2^k (1 + s), |s| < 0.42, for -708 <= x <= 709; NaN for NaN; otherwise arbitrary."""
    shifted = fma(x, LOG2E, MAGIC)
    k = shifted - MAGIC
    scale = power_of_two(shifted)
    r = fma(-k, LN2_LOW, fma(-k, LN2_HIGH, x))
    r2 = r * r  # Estrin's scheme: six operations deep, where Horner's is eleven
    r4 = r2 * r2
    r8 = r4 * r4
    low = fma(r2, fma(C3, r, C2), fma(C1, r, C0))
    high = fma(r2, fma(C7, r, C6), fma(C5, r, C4))
    return scale, fma(r2, fma(r8, fma(C9, r, C8), fma(r4, high, low)), r)


@inline
def exp(x: Any) -> Any:
    """e^x within 1 ulp, 2 above 709; 0 below -708, where e^x is below the smallest normal number, infinite above 709.78."""
    half = if_less(LARGEST, x, 0.5 * x, x)  # near the largest double 2^k alone would overflow: square the root
    scale, s = scaled_exp(half)
    e = fma(scale, s, scale)
    e = if_less(LARGEST, x, e * e, e)
    e = if_less(x, SMALLEST, 0.0, e)
    return if_less(710.0, x, np.inf, e)


@inline
def sigmoid(z: Any) -> Any:
    """1/(1 + e^-z), (1), within 2 ulp; 0 below -709 and 1 above 708."""
    scale, s = scaled_exp(-z)
    a = 1.0 / fma(scale, s, 1.0 + scale)
    a = if_less(z, -LARGEST, 0.0, a)
    return if_less(-SMALLEST, z, 1.0, a)


@inline
def tanh(z: Any) -> Any:
    """tanh z = (e^(2z) - 1)/(e^(2z) + 1), within 3 ulp: e^(2z) - 1 = 2^k s + (2^k - 1) loses no digits near 0."""
    scale, s = scaled_exp(2.0 * z)
    e = fma(scale, s, scale - 1.0)
    a = e / (e + 2.0)
    a = if_less(z, -20.0, -1.0, a)
    return if_less(20.0, z, 1.0, a)


@inline
def act(code: int, z: Any) -> Any:
    """sigma(z)."""
    if code == SIGMOID:
        return sigmoid(z)
    if code == TANH:
        return tanh(z)
    if code == RELU:
        return if_less(z, 0.0, 0.0, z)  # NaN stays NaN
    if code == LEAKY_RELU:
        return if_less(0.0, z, z, 0.01 * z)
    if code == STEP:
        return if_less(0.0, z, 1.0, 0.0)
    return z


@inline
def slope(code: int, z: Any, a: Any) -> Any:
    """sigma'(z), with a = sigma(z); at a kink from the left."""
    if code == SIGMOID:
        return a * (1.0 - a)
    if code == TANH:
        return 1.0 - a * a
    if code == RELU:
        return if_less(0.0, z, 1.0, 0.0)
    if code == LEAKY_RELU:
        return if_less(0.0, z, 1.0, 0.01)
    return like(z, 1.0 if code == IDENTITY else 0.0)


@inline
def curvature(code: int, z: Any, a: Any) -> Any:
    """sigma''(z), with a = sigma(z)."""
    if code == SIGMOID:
        return a * (1.0 - a) * (1.0 - 2.0 * a)
    if code == TANH:
        return -2.0 * a * (1.0 - a * a)
    return like(z, 0.0)


@inline
def cost_value(code: int, a: Any, y: Any) -> float:
    """C for one point: (18), or (32). a, y: (n_L,)."""
    total = 0.0
    if code == QUADRATIC:
        for j in range(len(a)):
            r = y[j] - a[j]
            total = fma(r, r, total)
        return 0.5 * total
    largest = a[0]
    for j in range(1, len(a)):
        largest = a[j] if a[j] > largest else largest
    for j in range(len(a)):
        total += exp(a[j] - largest)
    log_sum = largest + log(total)
    loss = 0.0
    for j in range(len(a)):
        loss += y[j] * (log_sum - a[j])
    return loss


@inline
def cost_slope(code: int, a: Any, y: Any, out: Any) -> None:
    """dC/da for one point into out. a, y, out: (n_L,)."""
    if code == QUADRATIC:
        for j in range(len(a)):
            out[j] = a[j] - y[j]
        return
    largest = a[0]
    for j in range(1, len(a)):
        largest = a[j] if a[j] > largest else largest
    total, labels = 0.0, 0.0
    for j in range(len(a)):
        out[j] = exp(a[j] - largest)
        total += out[j]
        labels += y[j]
    for j in range(len(a)):
        out[j] = out[j] / total * labels - y[j]


sgd, momentum, nesterov = inline(rules.sgd), inline(rules.momentum), inline(rules.nesterov)
adagrad, rmsprop, adam = inline(rules.adagrad), inline(rules.rmsprop), inline(rules.adam)


@inline
def move(code: int, p: Any, g: Any, u: Any, v: Any, eta: float, t: float, c: tuple[float, ...]) -> tuple[Any, Any, Any]:
    """A built-in rule's step for one parameter; c: its constants, filled up to three."""
    if code == SGD:
        return sgd(p, g, u, v, eta, t)
    if code == MOMENTUM:
        return momentum(p, g, u, v, eta, t, c[0])
    if code == NESTEROV:
        return nesterov(p, g, u, v, eta, t, c[0])
    if code == ADAGRAD:
        return adagrad(p, g, u, v, eta, t, c[0])
    if code == RMSPROP:
        return rmsprop(p, g, u, v, eta, t, c[0], c[1])
    return adam(p, g, u, v, eta, t, c[0], c[1], c[2])


# -- a user's own functions ----------------------------------------------------------------------------------------


def own_move(rule: Function) -> Function:
    """`move` for a user's own rule, which is compiled once per process."""
    rule = inline(rule)

    @inline
    def move(
        code: int, p: float, g: float, u: float, v: float, eta: float, t: float, c: tuple[float, ...]
    ) -> tuple[float, float, float]:
        for m in range(width(p)):
            pm, um, vm = rule(lane(p, m), lane(g, m), lane(u, m), lane(v, m), eta, t, *c)
            p, u, v = with_lane(p, m, float(pm)), with_lane(u, m, float(um)), with_lane(v, m, float(vm))
        return p, u, v

    return move


def own_activations(own: tuple[Activation, ...]) -> dict[str, Function]:
    """`act`, `slope` and `curvature` that also know a network's own activations, by name; compiled once per process."""
    chain: tuple[Function, Function, Function] = (act, slope, curvature)
    for number, sigma in enumerate(own):
        chain = _with(OWN - number, sigma, chain)
    return dict(zip(("act", "slope", "curvature"), chain, strict=True)) if own else {}


def _with(own: int, sigma: Activation, rest: tuple[Function, Function, Function]) -> tuple[Function, Function, Function]:
    value_of, slope_of, curvature_of = (inline(unwrap(f)) for f in (sigma.value, sigma.slope, sigma.curvature))
    rest_act, rest_slope, rest_curvature = rest

    @inline
    def act(code: int, z: Any) -> Any:
        if code != own:
            return rest_act(code, z)
        out = like(z, 0.0)
        for m in range(width(z)):
            out = with_lane(out, m, float(value_of(lane(z, m))))
        return out

    @inline
    def slope(code: int, z: Any, a: Any) -> Any:
        if code != own:
            return rest_slope(code, z, a)
        out = like(z, 0.0)
        for m in range(width(z)):
            out = with_lane(out, m, float(slope_of(lane(z, m), lane(a, m))))
        return out

    @inline
    def curvature(code: int, z: Any, a: Any) -> Any:
        if code != own:
            return rest_curvature(code, z, a)
        out = like(z, 0.0)
        for m in range(width(z)):
            out = with_lane(out, m, float(curvature_of(lane(z, m), lane(a, m))))
        return out

    return act, slope, curvature


@contextmanager
def explained(own: tuple[Activation, ...], rule: Function | None) -> Iterator[None]:
    """Say in plain words, by a ValueError, which of the user's own functions Numba cannot compile."""
    names = [sigma.name for sigma in own] + ([getattr(rule, "__name__", repr(rule))] if rule else [])
    try:
        yield
    except NumbaError as error:
        if not names:
            raise
        raise ValueError(
            f"Numba cannot compile {' or '.join(names)}: write it with operators and NumPy's functions of single numbers, "
            f"or use the reference engine, Problem(..., engine=Reference()). Numba says: {str(error).strip().splitlines()[-1]}"
        ) from error


def with_globals(function: Any, names: dict[str, Function]) -> Any:
    """The same function with other meanings for some of its global names.

    A kernel calls `act`, `slope` and `move` as globals of its module, since closures over jitted functions are never found in
    the cache on disk; for a user's own function the kernel's text is compiled again with these names exchanged.
    """
    if not names:
        return function
    scope = {**function.__globals__, **names}
    return FunctionType(function.__code__, scope, function.__name__, function.__defaults__, function.__closure__)
