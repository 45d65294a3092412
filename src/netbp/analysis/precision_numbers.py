"""Precisions: single, double, long double, and any number of bits by mpmath, as types that NumPy's arrays hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from operator import add, mul, sub, truediv
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from netbp.types import Array

FALLBACK = 113
"""Bits of mpmath's numbers where the platform's long double is no wider than double."""


@dataclass(frozen=True)
class Precision:
    """Floating point numbers with so many bits in the significand, rounded to nearest: unit roundoff u = 2^-bits.

    hardware: NumPy's type, or None for mpmath's numbers, which are slow, have no largest exponent, and need mpmath.
    """

    name: str
    bits: int
    hardware: Any = None

    @property
    def dtype(self) -> Any:
        """Of arrays of such numbers."""
        return np.object_ if self.hardware is None else self.hardware

    @property
    def unit(self) -> float:
        """The unit roundoff u = 2^-bits."""
        return float(2.0**-self.bits)

    @cached_property
    def cast(self) -> Callable[[ArrayLike], Array]:
        """Any array as an array of such numbers, each rounded to nearest. Raises ImportError where mpmath is missing."""
        if self.hardware is not None:
            return lambda values: np.asarray(values, dtype=self.hardware)
        convert = np.frompyfunc(_number_of(self.bits), 1, 1)
        return lambda values: np.asarray(convert(np.asarray(values)), dtype=object)

    def ulp(self, values: Array) -> Array:
        """The distance of neighbouring numbers of this precision at each of the values, as float64; at 0 the smallest number."""
        _, exponent = np.frexp(np.abs(np.asarray(values, dtype=float)))
        smallest = float(np.finfo(np.float32).smallest_subnormal) if self.hardware is np.float32 else 5e-324
        return np.maximum(np.where(np.asarray(values) == 0, 0.0, np.ldexp(1.0, exponent - self.bits)), smallest)

    def __str__(self) -> str:
        return self.name


def multiple(bits: int) -> Precision:
    """mpmath's numbers with so many bits. Raises ValueError for fewer than 2."""
    if bits < 2:
        raise ValueError(f"a precision needs at least 2 bits, but {bits!r} were asked for")
    return Precision(f"mpmath, {bits} bits", bits)


def extended(longdouble: Any = np.longdouble) -> Precision:
    """Long double, where it is wider than double; elsewhere mpmath's numbers with 113 bits, and the name says so."""
    bits = int(np.finfo(longdouble).nmant) + 1
    return Precision("long double", 64 if bits == 64 else bits, longdouble) if bits > 53 else multiple(FALLBACK)


SINGLE = Precision("single", 24, np.float32)
DOUBLE = Precision("double", 53, np.float64)
NAMES = ("single", "double", "long double")


def precision_of(asked: str | int | Precision) -> Precision:
    """The precision of a name ("single", "double", "long double") or with a number of bits. Raises ValueError for others."""
    if isinstance(asked, Precision):
        return asked
    if isinstance(asked, int) and not isinstance(asked, bool):
        return multiple(asked)
    if asked not in NAMES:
        raise ValueError(f"a precision is {', '.join(NAMES)}, or a number of bits, but {asked!r} was asked for")
    return {"single": SINGLE, "double": DOUBLE, "long double": extended()}[asked]


def distance(a: Array, b: Array) -> Array:
    """|a - b|, entry by entry, as float64: the difference is taken in the wider type of the two, at least long double."""
    if np.asarray(a).dtype == object or np.asarray(b).dtype == object:
        a, b = (x if np.asarray(x).dtype == object else multiple(FALLBACK).cast(x) for x in (a, b))
        return np.asarray(np.abs(a - b), dtype=object).astype(float)
    return np.abs(np.asarray(a, dtype=np.longdouble) - np.asarray(b, dtype=np.longdouble)).astype(float)


def _binary(operation: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def method(self: Any, other: Any) -> Any:
        if isinstance(other, np.ndarray):
            return NotImplemented  # the array goes through its entries
        return Number(operation(self.m, _plain(other)))

    return method


class Number:
    """One of mpmath's numbers, with the methods that NumPy's functions ask the objects in an array for."""

    __slots__ = ("m",)

    def __init__(self, m: Any) -> None:
        self.m = m

    __add__ = _binary(add)
    __radd__ = __add__
    __sub__ = _binary(sub)
    __rsub__ = _binary(lambda x, y: y - x)
    __mul__ = _binary(mul)
    __rmul__ = __mul__
    __truediv__ = _binary(truediv)
    __rtruediv__ = _binary(lambda x, y: y / x)
    __pow__ = _binary(pow)

    def __neg__(self) -> Number:
        return Number(-self.m)

    def __abs__(self) -> Number:
        return Number(abs(self.m))

    def __eq__(self, other: object) -> bool:
        return bool(self.m == _plain(other))

    def __lt__(self, other: Any) -> bool:
        return bool(self.m < _plain(other))

    def __le__(self, other: Any) -> bool:
        return bool(self.m <= _plain(other))

    def __gt__(self, other: Any) -> bool:
        return bool(self.m > _plain(other))

    def __ge__(self, other: Any) -> bool:
        return bool(self.m >= _plain(other))

    def __hash__(self) -> int:
        return hash(self.m)

    def __float__(self) -> float:
        return float(self.m)

    def __repr__(self) -> str:
        return str(self.m)

    def exp(self) -> Number:
        """e^x, for numpy.exp."""
        return Number(self.m.context.exp(self.m))

    def log(self) -> Number:
        """The natural logarithm, for numpy.log."""
        return Number(self.m.context.log(self.m))

    def tanh(self) -> Number:
        """For numpy.tanh."""
        return Number(self.m.context.tanh(self.m))

    def sqrt(self) -> Number:
        """For numpy.sqrt."""
        return Number(self.m.context.sqrt(self.m))


def _plain(other: Any) -> Any:
    return other.m if isinstance(other, Number) else other


@cache
def _number_of(bits: int) -> Callable[[Any], Number]:
    try:
        import mpmath
    except ImportError:
        raise ImportError(
            f"numbers of {bits} bits need mpmath, which is not installed: pip install mpmath "
            "(long double needs it only where the platform's is no wider than double)"
        ) from None
    context = mpmath.mp.clone()  # of its own, so that nobody's settings change
    context.prec = bits

    def number(value: Any) -> Number:
        if isinstance(value, np.longdouble):  # no float: high and low part, without rounding
            high = float(value)
            low = float(value - np.longdouble(high)) if np.isfinite(high) else 0.0
            return Number(context.mpf(high) + low)
        return Number(+context.mpf(_plain(value) if isinstance(value, Number | int | float) else float(value)))

    return number
