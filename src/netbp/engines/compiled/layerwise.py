"""One layer's arithmetic for many points at once, one point per row: the products and functions of (7), (8), (23) and (25).

W[l] lies column by column in p, so its transpose WT, (n_(l-1), n_l), is what a C-ordered view of p shows. Large products go to
BLAS; for a few points loops are faster, above all where most inputs are zero, as an image's margins and a ReLU's outputs are.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numba import njit, types
from numba.core.errors import NumbaError

from netbp.activations import Activation
from netbp.engines.compiled.cache import kept
from netbp.engines.compiled.codes import IDENTITY, LEAKY_RELU, RELU, SIGMOID, STEP, TANH, Function
from netbp.engines.compiled.formulas import act, cost_value, curvature, own_activations, slope, with_globals
from netbp.types import Matrix, Vector

BLAS_POINTS, BLAS_PRODUCTS = 32, 20_000
"""From so many points, and so many multiplications, BLAS is faster (measured with OpenBLAS 0.3 on Zen 4)."""
NARROW = 64
"""Up to so many weights, inputs that are zero are not looked for."""

OWN_LAYER = types.FunctionType(types.void(types.int64, types.int64, types.float64[::1], types.float64[::1], types.float64[::1]))
VALUE, SLOPE, CURVATURE = range(3)

quick = njit(nogil=True, error_model="numpy")
# A loop that stores takes one of two ways, in vectors or not, by where its arrays lie: its result must not depend on the way, so it
# may fuse products with sums, but not reorder sums. Loops that only sum may reorder.
storing = njit(nogil=True, error_model="numpy", fastmath={"contract"})
summing = njit(nogil=True, error_model="numpy", fastmath={"contract", "reassoc"})


# -- products ------------------------------------------------------------------------------------------------------


@storing
def by_blas(points: int, inputs: int, outputs: int) -> bool:
    """Whether a product of these sizes is left to BLAS."""
    return points >= BLAS_POINTS and points * inputs * outputs >= BLAS_PRODUCTS


@storing
def add_combination(weights: Any, rows: Any, chosen: Any, n: int, out: Any) -> None:
    """Out += sum_(q < n) weights[chosen[q]] rows[chosen[q]], four rows at a time."""
    q = 0
    while q + 4 <= n:
        j0, j1, j2, j3 = chosen[q], chosen[q + 1], chosen[q + 2], chosen[q + 3]
        w0, w1, w2, w3 = weights[j0], weights[j1], weights[j2], weights[j3]
        for k in range(out.size):
            total = out[k] + w0 * rows[j0, k]
            total += w1 * rows[j1, k]
            total += w2 * rows[j2, k]
            out[k] = total + w3 * rows[j3, k]
        q += 4
    while q < n:
        j0 = chosen[q]
        w0 = weights[j0]
        for k in range(out.size):
            out[k] += w0 * rows[j0, k]
        q += 1


@storing
def nonzeros(weights: Any, chosen: Any) -> int:
    """Where the weights are not zero, into chosen; how many they are."""
    n = 0
    for j in range(weights.size):
        chosen[n] = j
        n += 1 if weights[j] != 0.0 else 0
    return n


@storing
def weighted_inputs(A: Matrix, WT: Matrix, Z: Matrix) -> None:
    """Z = A WT, the W a of (7). A: (m, n_(l-1)). Z: (m, n_l)."""
    m, inputs = A.shape
    if by_blas(m, inputs, WT.shape[1]):
        np.dot(A, WT, Z)
        return
    if inputs * WT.shape[1] <= NARROW:
        for i in range(m):
            for k in range(WT.shape[1]):
                total = 0.0
                for j in range(inputs):
                    total += A[i, j] * WT[j, k]
                Z[i, k] = total
        return
    Z[:, :] = 0.0
    chosen = np.empty(inputs + 1, np.int64)
    for i in range(m):
        add_combination(A[i], WT, chosen, nonzeros(A[i], chosen), Z[i])


@storing
def affine(A: Matrix, WT: Matrix, b: Vector, Z: Matrix) -> None:
    """Z = A WT + b, (7)."""
    weighted_inputs(A, WT, Z)
    for i in range(Z.shape[0]):
        for k in range(Z.shape[1]):
            Z[i, k] += b[k]


@summing
def back(delta: Matrix, WT: Matrix, out: Matrix) -> None:
    """Out = delta W, the W^T delta of (23). delta: (m, n_l). out: (m, n_(l-1))."""
    m, outputs = delta.shape
    if by_blas(m, WT.shape[0], outputs):
        np.dot(delta, WT.T, out)
        return
    for i in range(m):
        for j in range(WT.shape[0]):
            total = 0.0
            for k in range(outputs):
                total += delta[i, k] * WT[j, k]
            out[i, j] = total


@storing
def add_outer(A: Matrix, delta: Matrix, first: int, G: Matrix) -> None:
    """Rows first, first + 1, ... of A^T delta, the sum of the outer products (25), added to G, (rows, n_l)."""
    m, rows, outputs = A.shape[0], G.shape[0], delta.shape[1]
    if rows == A.shape[1] and by_blas(m, rows, outputs):
        product = np.empty_like(G)
        np.dot(A.T, delta, product)
        G += product
        return
    for i in range(0, m - 1, 2):  # two points at a time, so that G is read and written half as often
        for j in range(rows):
            a, c = A[i, first + j], A[i + 1, first + j]
            if a != 0.0 or c != 0.0:
                for k in range(outputs):
                    total = G[j, k] + a * delta[i, k]
                    G[j, k] = total + c * delta[i + 1, k]
    if m % 2:
        for j in range(rows):
            a = A[m - 1, first + j]
            for k in range(outputs):
                G[j, k] += a * delta[m - 1, k]


@storing
def add_rows(delta: Matrix, g: Vector) -> None:
    """The sum of delta's rows, (24), added to g."""
    for i in range(delta.shape[0]):
        for k in range(g.size):
            g[k] += delta[i, k]


# -- functions, entry by entry -------------------------------------------------------------------------------------


@quick
def activate(code: int, own: Any, z: Vector, a: Vector) -> None:
    """A = sigma(z)."""
    n = z.size
    if code < 0:
        own(VALUE, code, z, z, a)
    elif code == SIGMOID:
        for i in range(n):
            a[i] = act(SIGMOID, z[i])
    elif code == TANH:
        for i in range(n):
            a[i] = act(TANH, z[i])
    elif code == RELU:
        for i in range(n):
            a[i] = act(RELU, z[i])
    elif code == LEAKY_RELU:
        for i in range(n):
            a[i] = act(LEAKY_RELU, z[i])
    else:
        for i in range(n):
            a[i] = act(STEP, z[i]) if code == STEP else act(IDENTITY, z[i])


@quick
def times_slope(code: int, own: Any, z: Vector, a: Vector, out: Vector) -> None:
    """Out *= sigma'(z), the D of (22) and (23)."""
    if code < 0:
        own(SLOPE, code, z, a, out)
    elif code == SIGMOID:
        for i in range(z.size):
            out[i] *= slope(SIGMOID, z[i], a[i])
    else:
        for i in range(z.size):
            out[i] *= slope(code, z[i], a[i])


@quick
def times_curvature(code: int, own: Any, z: Vector, a: Vector, out: Vector) -> None:
    """Out *= sigma''(z)."""
    if code < 0:
        own(CURVATURE, code, z, a, out)
    else:
        for i in range(z.size):
            out[i] *= curvature(code, z[i], a[i])


def layer_of_own(which: int, code: int, z: Vector, a: Vector, out: Vector) -> None:
    """Out = sigma(z), out *= sigma'(z) or out *= sigma''(z) for the activation of one's own with this code."""
    for i in range(z.size):
        if which == VALUE:
            out[i] = act(code, z[i])
        elif which == SLOPE:
            out[i] *= slope(code, z[i], a[i])
        else:
            out[i] *= curvature(code, z[i], a[i])


class Addressed(types.WrapperAddressProtocol):
    """A compiled function by its address, found once: Numba would look a function up anew at every call of a kernel."""

    _numba_type_ = OWN_LAYER

    def __init__(self, compiled: Any) -> None:
        result = compiled.get_compile_result(OWN_LAYER.signature)
        self.compiled = compiled  # which keeps the machine code alive
        self.address: int = result.library.get_pointer_to_function(result.fndesc.llvm_cfunc_wrapper_name)

    def __wrapper_address__(self) -> int:
        return self.address

    def signature(self) -> Any:
        """What the function takes and returns."""
        return OWN_LAYER.signature


@cache
def own_layer(own: tuple[Activation, ...]) -> Any:
    """`layer_of_own`, compiled for a network's own activations, once per process; the kernels are handed its address.

    Raises ValueError when Numba cannot compile one of them.
    """
    try:
        compiled: Function = (
            njit(OWN_LAYER.signature, nogil=True, error_model="numpy")(with_globals(layer_of_own, own_activations(own)))
            if own
            else kept(OWN_LAYER.signature)(layer_of_own)
        )
    except (NumbaError, TypeError) as error:
        names = ", ".join(repr(sigma) for sigma in own)
        raise ValueError(
            f"the compiled engine cannot compile the activation {names} ({str(error).splitlines()[0]}): write it with operators "
            "and NumPy functions of single numbers, or use Problem(..., engine=Reference())"
        ) from error
    return Addressed(compiled) if hasattr(compiled, "get_compile_result") else compiled  # plain Python without the JIT


# -- costs, point by point -----------------------------------------------------------------------------------------


@quick
def costs_of(cost: int, A: Matrix, Y: Matrix, shares: Vector) -> float:
    """The sum of shares_i C_i. A, Y: (m, n_L)."""
    total = 0.0
    for i in range(A.shape[0]):
        total += shares[i] * cost_value(cost, A[i], Y[i])
    return total
