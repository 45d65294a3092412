"""Numbers that carry a bound on their rounding error: running error analysis, operation by operation.

N. J. Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., SIAM 2002, section 3.3. The model of arithmetic is
fl(x op y) = (x op y)/(1 + d), |d| <= u, so that a result v adds at most u|v|, known once v is; to it comes what the operands'
own errors do, estimated without any term left out. Underflow adds at most half the smallest number. Each bound is computed from
numbers that are not negative, in few operations, and multiplied by 1 + 32 u, so that its own rounding cannot make it too small.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin
from numpy.typing import ArrayLike

from netbp.types import Array

U = 2.0**-53
SMALLEST = 5e-324
LARGEST = float(np.finfo(float).max)
UPWARDS = 1.0 + 32.0 * U


class Bounded(NDArrayOperatorsMixin):
    """An array of doubles as computed, and for each entry a bound on its distance from the exact one.

    value, error: arrays of one shape. elementary: how far exp, log and tanh may be off, relatively, in units of u. NumPy's
    operators and functions work entry by entry; an activation or a cost of netbp is evaluated by its own text.
    Raises TypeError for functions whose error is not known here.
    """

    def __init__(self, value: ArrayLike, error: ArrayLike = 0.0, elementary: float = 4.0) -> None:
        self.value: Array = np.asarray(value, dtype=float)
        self.error: Array = np.broadcast_to(np.asarray(error, dtype=float), self.value.shape)
        self.elementary = elementary

    @property
    def dtype(self) -> Any:
        """Double precision."""
        return self.value.dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the array."""
        return self.value.shape

    @property
    def real(self) -> Bounded:
        """Itself."""
        return self

    @property
    def T(self) -> Bounded:
        """The transpose."""
        return Bounded(self.value.T, self.error.T, self.elementary)

    def __getitem__(self, key: Any) -> Bounded:
        return Bounded(self.value[key], self.error[key], self.elementary)

    def __len__(self) -> int:
        return len(self.value)

    def __repr__(self) -> str:
        return f"Bounded({self.value!r}, {self.error!r})"

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        if ufunc not in KNOWN or method != "__call__" or options:
            names = ", ".join(sorted(f.__name__ for f in KNOWN))
            raise TypeError(f"a running error bound knows numpy's {names}, but numpy.{ufunc.__name__} was asked for")
        operands = [x if isinstance(x, Bounded) else Bounded(x, 0.0, self.elementary) for x in inputs]
        with np.errstate(all="ignore"):  # what overflows gets an infinite bound
            value, error = KNOWN[ufunc](*operands)
            # Only e^x may overflow, on its way to a denominator as in the sigmoid: what else does is no number any more.
            value = np.where(np.isinf(value) & ~_large(ufunc, operands), np.nan, value)
            return Bounded(value, np.nan_to_num(error, nan=np.inf, posinf=np.inf), self.elementary)

    def sum(self, axis: int = -1, keepdims: bool = False) -> Bounded:
        """The sum along an axis, from the first term to the last."""
        value, error = np.moveaxis(self.value, axis, 0), np.moveaxis(self.error, axis, 0)
        total = Bounded(value[0], error[0], self.elementary)
        for v, e in zip(value[1:], error[1:], strict=True):
            total = total + Bounded(v, e, self.elementary)
        return total[..., None] if keepdims and axis == -1 else total

    def max(self, axis: int = -1, keepdims: bool = False) -> Bounded:
        """The largest along an axis."""
        return Bounded(self.value.max(axis, keepdims=keepdims), self.error.max(axis, keepdims=keepdims), self.elementary)


def _large(ufunc: Any, operands: list[Bounded]) -> Any:
    """Where a result that overflowed is known to be at least a quarter of the largest number."""
    if ufunc is np.exp:
        return operands[0].error <= 1.0
    if ufunc is not np.add:
        return False
    x, y = operands
    return (np.isinf(x.value) & _moderate(y)) | (np.isinf(y.value) & _moderate(x))


def _moderate(x: Bounded) -> Array:
    return (x.value >= x.error) & (x.value < 0.25 * LARGEST)


def product(x: Bounded, y: Bounded) -> Bounded:
    """x y of an (m, n) and an (n, k) matrix, summed over n from the first term to the last (Algorithm 3.2)."""
    total = x[:, :1] * y[:1]
    for i in range(1, x.shape[1]):
        total = total + x[:, i : i + 1] * y[i : i + 1]
    return total


Pair = tuple[Array, Array]


def rounded(value: Array, inherited: Array) -> Pair:
    """A computed value with the bound: what its operands' errors do, and its own rounding."""
    return value, UPWARDS * (inherited + U * np.abs(value) + SMALLEST)


def _add(x: Bounded, y: Bounded) -> Pair:
    inherited = x.error + y.error
    value = x.value + y.value
    exact = ((x.value == 0.0) | (y.value == 0.0)) & np.isfinite(value)
    return value, np.where(exact, UPWARDS * inherited, rounded(value, inherited)[1])


def _subtract(x: Bounded, y: Bounded) -> Pair:
    return _add(x, Bounded(-y.value, y.error))


def _multiply(x: Bounded, y: Bounded) -> Pair:
    inherited = np.abs(x.value) * y.error + np.abs(y.value) * x.error + x.error * y.error
    value, error = rounded(x.value * y.value, inherited)
    return value, np.where(_shifts(x) | _shifts(y), UPWARDS * inherited, error)


def _shifts(x: Bounded) -> Array:
    """Where a factor is a power of two of at least 1, or 0: the product has no rounding error."""
    mantissa, exponent = np.frexp(x.value)
    return (np.abs(mantissa) == 0.0) | ((np.abs(mantissa) == 0.5) & (exponent >= 1))


def _divide(x: Bounded, y: Bounded) -> Pair:
    value = x.value / y.value
    # A denominator that overflowed stands for one that is at least a quarter of the largest number, see _exp.
    over = np.isinf(y.value)
    low = np.where(over, 0.25 * LARGEST, (np.abs(y.value) - y.error) / UPWARDS)
    inherited = np.where(over, (np.abs(x.value) + x.error) / low, (x.error + np.abs(value) * y.error) / low)
    value, error = rounded(value, inherited)
    return value, np.where(low > 0.0, error, np.inf)


def _exp(x: Bounded) -> Pair:
    value, k = np.exp(x.value), x.elementary * U
    # e^t - e^x lies within e^x (e^|t - x| - 1); the computed e^x may be too small by 1 + k, or be the smallest number or 0.
    inherited = (1.0 + 2.0 * k) * (value + 2.0 * SMALLEST) * np.expm1(x.error)
    return value, UPWARDS * (inherited + k * value + SMALLEST)


def _log(x: Bounded) -> Pair:
    value, low = np.log(x.value), (x.value - x.error) / UPWARDS
    error = UPWARDS * (x.error / low + x.elementary * U * np.abs(value) + SMALLEST)
    return value, np.where(low > 0.0, error, np.inf)


def _tanh(x: Bounded) -> Pair:
    value = np.tanh(x.value)
    # The slope 1/cosh^2 changes by at most a factor e^(2|t - x|) on the way from x to t; near saturation 1 - tanh^2 would be 0.
    slope = 1.0 / np.cosh(np.minimum(np.abs(x.value), 300.0)) ** 2
    inherited = (1.0 + 8.0 * x.elementary * U) * slope * 0.5 * np.expm1(2.0 * x.error)
    return value, UPWARDS * (np.minimum(inherited, 2.0) + x.elementary * U * np.abs(value) + SMALLEST)


def _square(x: Bounded) -> Pair:
    return _multiply(x, x)


def _power(x: Bounded, y: Bounded) -> Pair:
    if not (np.all(y.value == 2.0) and np.all(y.error == 0.0)):
        raise TypeError("a running error bound knows squares, but no other powers: write products")
    return _multiply(x, x)


def _extreme(choose: Callable[[Array, Array], Array]) -> Callable[[Bounded, Bounded], Pair]:
    return lambda x, y: (choose(x.value, y.value), np.maximum(x.error, y.error))


def _compared(compare: Callable[[Array, Array], Array]) -> Callable[[Bounded, Bounded], Pair]:
    """1 or 0, wrong by 1 where the exact numbers may lie the other way round."""

    def comparison(x: Bounded, y: Bounded) -> Pair:
        error = x.error + y.error
        unsure = (np.abs(x.value - y.value) <= UPWARDS * error) & (error > 0.0)
        return compare(x.value, y.value).astype(float), unsure.astype(float)

    return comparison


KNOWN: dict[Any, Callable[..., Pair]] = {
    np.add: _add,
    np.subtract: _subtract,
    np.multiply: _multiply,
    np.true_divide: _divide,
    np.exp: _exp,
    np.log: _log,
    np.tanh: _tanh,
    np.square: _square,
    np.power: _power,
    np.negative: lambda x: (-x.value, x.error),
    np.positive: lambda x: (x.value, x.error),
    np.absolute: lambda x: (np.abs(x.value), x.error),
    np.maximum: _extreme(np.maximum),
    np.minimum: _extreme(np.minimum),
    np.greater: _compared(np.greater),
    np.greater_equal: _compared(np.greater_equal),
    np.less: _compared(np.less),
    np.less_equal: _compared(np.less_equal),
}
"""Function -> the value as NumPy computes it, and its bound."""
