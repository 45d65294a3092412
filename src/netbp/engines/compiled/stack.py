"""Arrays on the machine's stack: no allocation, no aliasing, and LLVM may keep their entries in registers."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import config
from numba.core import cgutils, types
from numba.extending import intrinsic
from numba.np import arrayobj

LINE = 64  # bytes: a cache line, and the widest vector

if config.DISABLE_JIT:  # type: ignore[attr-defined]

    def stack(n: Any) -> Any:
        """An array of n doubles, not initialised."""
        return np.empty(n)
else:

    @intrinsic
    def stack(typingctx: Any, n: Any) -> Any:
        """An array of n doubles, not initialised; n must be a constant of the kernel. It must not outlive the kernel's call."""
        if not isinstance(n, types.IntegerLiteral):
            return None
        size, array = n.literal_value, types.Array(types.float64, 1, "C")

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            memory = cgutils.alloca_once(builder, ir.ArrayType(ir.DoubleType(), size))
            memory.align = LINE
            out = arrayobj.make_array(array)(context, builder)
            data = builder.bitcast(memory, ir.DoubleType().as_pointer())
            length, item = context.get_constant(types.intp, size), context.get_constant(types.intp, 8)
            arrayobj.populate_array(out, data=data, shape=[length], strides=[item], itemsize=item, meminfo=None)
            return out._getvalue()

        return array(n), generate
