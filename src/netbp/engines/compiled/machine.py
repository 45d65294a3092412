"""What the kernels ask of the machine beyond Numba: fused operations, packs and arrays on the stack.

Each function takes numbers or packs (see `packs.py`). Without a JIT they are the plain functions at the end, where a pack is a row
of a NumPy array.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import config
from numba.core import cgutils, types
from numba.extending import intrinsic
from numba.np import arrayobj

from netbp.engines.compiled.packs import Pack, aligned, intrinsic_call, number, splat, widest

LINE = 64
"""Bytes in a cache line, and in the widest vector."""


@intrinsic
def fma(typingctx: Any, x: Any, y: Any, z: Any) -> Any:
    """x y + z, rounded once."""
    result = widest(x, y, z)
    kinds = tuple(k if isinstance(k, Pack) else number for k in (x, y, z))

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return intrinsic_call(builder, "fma", aligned(builder, args, kinds, result))

    return result(*kinds), generate


@intrinsic
def if_less(typingctx: Any, x: Any, y: Any, yes: Any, no: Any) -> Any:
    """Yes where x < y, otherwise no, also where x or y is NaN; without a branch."""
    result = widest(x, y, yes, no)
    kinds = tuple(k if isinstance(k, Pack) else number for k in (x, y, yes, no))

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        left, right, then, otherwise = aligned(builder, args, kinds, result)
        return builder.select(builder.fcmp_ordered("<", left, right), then, otherwise)

    return result(*kinds), generate


@intrinsic
def log(typingctx: Any, x: Any) -> Any:
    """The natural logarithm, lane by lane the C library's."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return intrinsic_call(builder, "log", args)

    return x(x), generate


@intrinsic
def power_of_two(typingctx: Any, shifted: Any) -> Any:
    """2^k from a number whose lowest 11 bits are k + 1023; otherwise arbitrary."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        word, places = ir.IntType(64), ir.Constant(ir.IntType(64), 52)
        if isinstance(shifted, Pack):
            word, places = ir.VectorType(word, shifted.width), ir.Constant(ir.VectorType(word, shifted.width), [52] * shifted.width)
        return builder.bitcast(builder.shl(builder.bitcast(args[0], word), places), args[0].type)

    return shifted(shifted), generate


@intrinsic
def width(typingctx: Any, x: Any) -> Any:
    """The number of lanes: 1 for a number."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return context.get_constant(types.intp, x.width if isinstance(x, Pack) else 1)

    return types.intp(x), generate


@intrinsic
def lane(typingctx: Any, x: Any, m: Any) -> Any:
    """The number in lane m."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.extract_element(*args) if isinstance(x, Pack) else args[0]

    return number(x, types.intp), generate


@intrinsic
def with_lane(typingctx: Any, x: Any, m: Any, value: Any) -> Any:
    """X with `value` in lane m."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.insert_element(args[0], args[2], args[1]) if isinstance(x, Pack) else args[2]

    return x(x, types.intp, number), generate


@intrinsic
def like(typingctx: Any, x: Any, value: Any) -> Any:
    """A number as a pack of equal numbers, if x is a pack; a pack as it stands."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return splat(builder, args[1], x.width) if isinstance(x, Pack) and not isinstance(value, Pack) else args[1]

    return widest(x, value)(x, value), generate


def _array(context: Any, builder: Any, kind: Any, data: Any, length: int) -> Any:
    out = arrayobj.make_array(kind)(context, builder)  # type: ignore[no-untyped-call]
    size = 8 * (kind.dtype.width if isinstance(kind.dtype, Pack) else 1)
    n, item = context.get_constant(types.intp, length), context.get_constant(types.intp, size)
    pointer = builder.bitcast(data, context.get_data_type(kind.dtype).as_pointer())
    arrayobj.populate_array(out, data=pointer, shape=[n], strides=[item], itemsize=item, meminfo=None)  # type: ignore[no-untyped-call]
    return out._getvalue()


@intrinsic
def stack(typingctx: Any, n: Any, lanes: Any) -> Any:
    """An array of n packs, or of n numbers for 1 lane, on the stack, not initialised: no allocation, no aliasing, and LLVM may
    keep its entries in registers. Both arguments are constants of the kernel. It must not outlive the kernel's call.

    Comes as a pair: the array, and the same memory as n * lanes numbers, the lanes innermost.
    """
    if not (isinstance(n, types.IntegerLiteral) and isinstance(lanes, types.IntegerLiteral)):
        return None
    length, many = n.literal_value, lanes.literal_value
    kinds = types.Array(number if many == 1 else Pack(many), 1, "C"), types.Array(number, 1, "C")
    pair = types.Tuple(kinds)  # type: ignore[no-untyped-call]

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        memory = cgutils.alloca_once(builder, ir.ArrayType(ir.DoubleType(), length * many))  # type: ignore[no-untyped-call]
        memory.align = LINE * 2
        both = [_array(context, builder, kinds[0], memory, length), _array(context, builder, kinds[1], memory, length * many)]
        return context.make_tuple(builder, signature.return_type, both)

    return pair(n, lanes), generate


@intrinsic
def load(typingctx: Any, numbers: Any, k: Any, x: Any) -> Any:
    """The numbers from place k on, as many as x has lanes, as a pack; or the number at place k."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        data = arrayobj.make_array(numbers)(context, builder, args[0]).data  # type: ignore[no-untyped-call]
        place = builder.gep(data, [args[1]])
        if isinstance(x, Pack):
            place = builder.bitcast(place, ir.VectorType(ir.DoubleType(), x.width).as_pointer())
        return builder.load(place, align=8)

    return x(numbers, types.intp, x), generate


if config.DISABLE_JIT:  # type: ignore[attr-defined]
    # ruff: noqa: D103, F811

    def fma(x: Any, y: Any, z: Any) -> Any:  # type: ignore[no-redef]  # rounded twice: plain Python has no other
        return x * y + z

    def if_less(x: Any, y: Any, yes: Any, no: Any) -> Any:  # type: ignore[no-redef]
        return np.where(x < y, yes, no)[()]

    def log(x: Any) -> Any:  # type: ignore[no-redef]
        return np.array([math.log(value) for value in x]) if np.ndim(x) else math.log(x)

    def power_of_two(shifted: Any) -> Any:  # type: ignore[no-redef]
        return (np.asarray(shifted, float).view(np.uint64) << np.uint64(52)).view(np.float64)[()]

    def width(x: Any) -> int:  # type: ignore[no-redef]
        return int(np.size(x))

    def lane(x: Any, m: int) -> Any:  # type: ignore[no-redef]
        return x[m] if np.ndim(x) else x

    def with_lane(x: Any, m: int, value: float) -> Any:  # type: ignore[no-redef]
        return np.where(np.arange(len(x)) == m, value, x) if np.ndim(x) else value

    def like(x: Any, value: Any) -> Any:  # type: ignore[no-redef]
        return value + np.zeros_like(x)

    def stack(n: int, lanes: int) -> Any:  # type: ignore[no-redef]
        memory = np.empty(n * lanes)
        return (memory if lanes == 1 else memory.reshape(n, lanes)), memory

    def load(numbers: Any, k: int, x: Any) -> Any:  # type: ignore[no-redef]
        return numbers[k : k + len(x)].copy() if np.ndim(x) else numbers[k]
