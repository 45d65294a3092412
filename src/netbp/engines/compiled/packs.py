"""Packs: several doubles that move through the same arithmetic together, one in each lane of the machine's vectors.

A formula written for one number serves a pack as it stands: the four operations, powers and the functions of `machine.py` take
numbers, packs or both, and a lane's result has the bits that the number alone would give. This file tells Numba of the type.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import cgutils, imputils, types
from numba.core.datamodel.models import PrimitiveModel
from numba.core.typeconv.castgraph import Conversion
from numba.core.typing import templates
from numba.extending import register_model

number = types.float64
signature: Any = templates.signature
declared: Any = cgutils.get_or_insert_function
infer_global: Callable[[Any], Callable[[Any], Any]] = templates.infer_global
lower_builtin: Callable[..., Callable[[Any], Any]] = imputils.lower_builtin
lower_cast: Callable[..., Callable[[Any], Any]] = imputils.lower_cast


class Pack(types.Type):
    """The type of a pack of `width` doubles."""

    def __init__(self, width: int) -> None:
        self.width = width
        super().__init__(name=f"Pack({width})")

    def can_convert_from(self, typingctx: Any, other: Any) -> Any:
        """A number stands for a pack of equal numbers."""
        return Conversion.safe if isinstance(other, types.Float) else None


@register_model(Pack)
class PackModel(PrimitiveModel):
    """A pack is one of LLVM's vectors."""

    def __init__(self, manager: Any, pack: Pack) -> None:
        super().__init__(manager, pack, ir.VectorType(ir.DoubleType(), pack.width))  # type: ignore[no-untyped-call]


def splat(builder: Any, value: Any, width: int) -> Any:
    """The LLVM vector with `value` in all lanes."""
    kind = ir.VectorType(value.type, width)
    one = builder.insert_element(ir.Constant(kind, ir.Undefined), value, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(one, one, ir.Constant(ir.VectorType(ir.IntType(32), width), [0] * width))


def widest(*kinds: Any) -> Any:
    """The type of a result: a pack where any argument is one."""
    return next((kind for kind in kinds if isinstance(kind, Pack)), number)


def aligned(builder: Any, values: Any, kinds: Any, result: Any) -> list[Any]:
    """LLVM's values, numbers spread over the lanes where the result is a pack."""
    if not isinstance(result, Pack):
        return list(values)
    return [v if isinstance(k, Pack) else splat(builder, v, result.width) for v, k in zip(values, kinds, strict=True)]


@lower_cast(types.Float, Pack)
def spread(context: Any, builder: Any, given: Any, wanted: Any, value: Any) -> Any:
    """A number as a pack."""
    return splat(builder, value, wanted.width)


def _add_operation(symbol: Any, generate: Any) -> None:
    @infer_global(symbol)
    class Operation(templates.AbstractTemplate):
        def generic(self, args: Any, kws: Any) -> Any:
            fits = all(isinstance(k, Pack | types.Float) for k in args) and any(isinstance(k, Pack) for k in args)
            return signature(widest(*args), *args) if fits else None

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return generate(builder, *aligned(builder, args, sig.args, sig.return_type))

    for kinds in ((Pack, Pack), (Pack, types.Float), (types.Float, Pack)):
        lower_builtin(symbol, *kinds)(lower)


def intrinsic_call(builder: Any, name: str, args: Any) -> Any:
    """LLVM's function of this name, such as "fma", for numbers or vectors."""
    kind = args[0].type
    suffix = f"v{kind.count}f64" if isinstance(kind, ir.VectorType) else "f64"
    function = ir.FunctionType(kind, [kind] * len(args))
    return builder.call(declared(builder.module, function, f"llvm.{name}.{suffix}"), args)


def _power(builder: Any, x: Any, y: Any) -> Any:
    return intrinsic_call(builder, "pow", [x, y])


for symbol, generate in (
    (operator.add, lambda builder, x, y: builder.fadd(x, y)),
    (operator.sub, lambda builder, x, y: builder.fsub(x, y)),
    (operator.mul, lambda builder, x, y: builder.fmul(x, y)),
    (operator.truediv, lambda builder, x, y: builder.fdiv(x, y)),
    (operator.pow, _power),
):
    _add_operation(symbol, generate)


@infer_global(operator.neg)
class Negation(templates.AbstractTemplate):
    """-x for a pack."""

    def generic(self, args: Any, kws: Any) -> Any:
        """The type of the result."""
        return signature(args[0], *args) if isinstance(args[0], Pack) else None


@lower_builtin(operator.neg, Pack)
def negated(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    """-x."""
    return builder.fneg(args[0])
