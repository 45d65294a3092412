"""What the kernels ask of the machine beyond Numba: fused operations, packs and arrays on the stack.

Each function takes numbers or packs (see `packs.py`). Without a JIT it is the plain function that stands in its decorator, and a
pack is a row of a NumPy array.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import extending
from numba.core import cgutils, types
from numba.np import arrayobj

from netbp.engines.compiled.packs import Pack, aligned, intrinsic_call, number, splat, widest

LINE = 64
"""Bytes in a cache line, and in the widest vector."""
make_array: Any = arrayobj.make_array
populate_array: Any = arrayobj.populate_array
alloca_once: Any = cgutils.alloca_once
tuple_of: Any = types.Tuple
config: Any = numba.config


def operation(plain: Callable[..., Any]) -> Callable[[Any], Any]:
    """An operation of LLVM's, or without a JIT the plain function."""

    def choose(typing: Any) -> Any:
        return plain if config.DISABLE_JIT else extending.intrinsic(typing)

    return choose


@operation(lambda x, y, z: x * y + z)
def fma(typingctx: Any, x: Any, y: Any, z: Any) -> Any:
    """x y + z, rounded once."""
    result = widest(x, y, z)
    kinds = tuple(k if isinstance(k, Pack) else number for k in (x, y, z))

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return intrinsic_call(builder, "fma", aligned(builder, args, kinds, result))

    return result(*kinds), generate


def plain_if_less(x: Any, y: Any, yes: Any, no: Any) -> Any:
    """`if_less` without a JIT."""
    return np.where(x < y, yes, no) if np.ndim(x) or np.ndim(y) else yes if x < y else no


@operation(plain_if_less)
def if_less(typingctx: Any, x: Any, y: Any, yes: Any, no: Any) -> Any:
    """Yes where x < y, otherwise no, also where x or y is NaN; without a branch."""
    result = widest(x, y, yes, no)
    kinds = tuple(k if isinstance(k, Pack) else number for k in (x, y, yes, no))

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        left, right, then, otherwise = aligned(builder, args, kinds, result)
        return builder.select(builder.fcmp_ordered("<", left, right), then, otherwise)

    return result(*kinds), generate


@operation(lambda x: np.array([math.log(value) for value in x]) if np.ndim(x) else math.log(x))
def log(typingctx: Any, x: Any) -> Any:
    """The natural logarithm, lane by lane the C library's."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return intrinsic_call(builder, "log", args)

    return x(x), generate


@operation(np.sqrt)
def root(typingctx: Any, x: Any) -> Any:
    """The square root."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return intrinsic_call(builder, "sqrt", args)

    return x(x), generate


@operation(lambda shifted: (np.asarray(shifted, float).view(np.uint64) << np.uint64(52)).view(np.float64)[()])
def power_of_two(typingctx: Any, shifted: Any) -> Any:
    """2^k from a number whose lowest 11 bits are k + 1023; otherwise arbitrary."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        word, places = ir.IntType(64), ir.Constant(ir.IntType(64), 52)
        if isinstance(shifted, Pack):
            word, places = ir.VectorType(word, shifted.width), ir.Constant(ir.VectorType(word, shifted.width), [52] * shifted.width)
        return builder.bitcast(builder.shl(builder.bitcast(args[0], word), places), args[0].type)

    return shifted(shifted), generate


@operation(lambda n: n)
def whole(typingctx: Any, n: Any) -> Any:
    """N itself, but not of a literal type, for each of which Numba would compile the function it is given to anew."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return args[0]

    return types.intp(types.intp), generate


@operation(lambda x: int(np.size(x)))
def width(typingctx: Any, x: Any) -> Any:
    """The number of lanes: 1 for a number."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return context.get_constant(types.intp, x.width if isinstance(x, Pack) else 1)

    return types.intp(x), generate


@operation(lambda x, m: x[m] if np.ndim(x) else x)
def lane(typingctx: Any, x: Any, m: Any) -> Any:
    """The number in lane m."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.extract_element(*args) if isinstance(x, Pack) else args[0]

    return number(x, types.intp), generate


@operation(lambda x, m, value: np.where(np.arange(len(x)) == m, value, x) if np.ndim(x) else value)
def with_lane(typingctx: Any, x: Any, m: Any, value: Any) -> Any:
    """X with `value` in lane m."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.insert_element(args[0], args[2], args[1]) if isinstance(x, Pack) else args[2]

    return x(x, types.intp, number), generate


@operation(lambda x, value: value + np.zeros_like(x))
def like(typingctx: Any, x: Any, value: Any) -> Any:
    """A number as a pack of equal numbers, if x is a pack; a pack as it stands."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return splat(builder, args[1], x.width) if isinstance(x, Pack) and not isinstance(value, Pack) else args[1]

    return widest(x, value)(x, value), generate


def _array(context: Any, builder: Any, kind: Any, data: Any, length: Any) -> Any:
    out = make_array(kind)(context, builder)
    size = 8 * (kind.dtype.width if isinstance(kind.dtype, Pack) else 1)
    n = context.get_constant(types.intp, length) if isinstance(length, int) else length
    item = context.get_constant(types.intp, size)
    pointer = builder.bitcast(data, context.get_data_type(kind.dtype).as_pointer())
    populate_array(out, data=pointer, shape=[n], strides=[item], itemsize=item, meminfo=None)
    return out._getvalue()


def plain_stack(n: int, lanes: int) -> Any:
    """`stack` without a JIT."""
    memory = np.empty(n * lanes)
    return (memory if lanes == 1 else memory.reshape(n, lanes)), memory


@operation(plain_stack)
def stack(typingctx: Any, n: Any, lanes: Any) -> Any:
    """An array of n packs, or of n numbers for 1 lane, on the machine's stack, and the same memory as n * lanes numbers.

    It is not initialised and must not outlive the kernel's call; both arguments are constants of the kernel. There is no
    allocation and no aliasing, and LLVM may keep the entries in registers.
    """
    if not (isinstance(n, types.IntegerLiteral) and isinstance(lanes, types.IntegerLiteral)):
        return None
    length, many = n.literal_value, lanes.literal_value
    kinds = types.Array(number if many == 1 else Pack(many), 1, "C"), types.Array(number, 1, "C")
    pair = tuple_of(kinds)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        memory = alloca_once(builder, ir.ArrayType(ir.DoubleType(), length * many))
        memory.align = LINE * 2
        both = [_array(context, builder, kinds[0], memory, length), _array(context, builder, kinds[1], memory, length * many)]
        return context.make_tuple(builder, signature.return_type, both)

    return pair(n, lanes), generate


@operation(lambda numbers, lanes: numbers.reshape(-1, lanes))
def packs(typingctx: Any, numbers: Any, lanes: Any) -> Any:
    """The same memory as packs of `lanes` numbers, a constant of the kernel; it must begin at a multiple of a pack's bytes.

    Nothing keeps the memory for it: `numbers` must be part of an array that the kernel was given.
    """
    if not isinstance(lanes, types.IntegerLiteral):
        return None
    kind = types.Array(Pack(lanes.literal_value), 1, "C")

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        given = make_array(numbers)(context, builder, args[0])
        length = builder.sdiv(given.nitems, context.get_constant(types.intp, lanes.literal_value))
        return _array(context, builder, kind, given.data, length)

    return kind(numbers, lanes), generate


@operation(lambda numbers, k, x: numbers[k : k + len(x)].copy() if np.ndim(x) else numbers[k])
def load(typingctx: Any, numbers: Any, k: Any, x: Any) -> Any:
    """The numbers from place k on, as many as x has lanes, as a pack; or the number at place k."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        data = make_array(numbers)(context, builder, args[0]).data
        place = builder.gep(data, [args[1]])
        if isinstance(x, Pack):
            place = builder.bitcast(place, ir.VectorType(ir.DoubleType(), x.width).as_pointer())
        return builder.load(place, align=8)

    return x(numbers, types.intp, x), generate
