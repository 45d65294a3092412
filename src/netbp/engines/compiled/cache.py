"""Kernels kept on the disk: their machine code by the SHA-256 of all that it depends on.

Numba's own cache lies where the source does and unpickles whatever is there. Here the folder is the user's own, nothing is
unpickled before its seal was checked, and what cannot be read or written ends no computation. What is used of Numba beyond its
documented interface stands in this file alone: a dispatcher asks its `_cache` for `load_overload` before it compiles and hands
the result to `save_overload`; a result is taken apart by `_reduce` and put together by `_rebuild`; `magic_tuple` tells the
processor that code is for; `dumps` pickles it.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import llvmlite  # type: ignore[import-untyped]
import numba
import numpy as np
from numba import config, njit
from numba.core import compiler, serialize

from netbp import activations, costs, engines, rules
from netbp.engines.compiled.codes import Function
from netbp.folders import cache_folder, private_folder
from netbp.sealed import Sealed

CompileResult: Any = compiler.CompileResult
dumps: Any = serialize.dumps
SETTINGS = ("OPT", "LOOP_VECTORIZE", "SLP_VECTORIZE", "BOUNDSCHECK", "DEBUGINFO_DEFAULT", "USING_SVML")
"""Settings of Numba's that the machine code depends on, beside the processor."""


def folder() -> Path:
    """Where kernels are kept: netbp's folder in $NUMBA_CACHE_DIR, or in the cache. Raises OSError where it cannot be had."""
    named = os.environ.get("NUMBA_CACHE_DIR")
    return private_folder(Path(named) / "netbp" if named else cache_folder() / "kernels")


KERNELS = Sealed("compiled kernels", folder, 2**28)


@cache
def fingerprint() -> str:
    """What changes whenever the source of a rule, an activation, a cost or this engine changes, or a version that compiles it."""
    sources = [Path(module.__file__ or "") for module in (activations, costs, rules, engines)]
    digest = hashlib.sha256(repr([module.__version__ for module in (numba, llvmlite, np)] + [sys.version]).encode())
    for path in [*sources, *sorted(Path(__file__).parent.glob("*.py"))]:
        digest.update(path.read_bytes())
    return digest.hexdigest()


class OnDisk:
    """A kernel's cache, as Numba's dispatcher asks for it.

    Numbers, texts and tuples of them may be frozen in the function's closure; what it calls is found as globals of its module.
    """

    cache_path = None  # Numba's dispatchers tell it in their statistics

    def __init__(self, function: Function) -> None:
        frozen = tuple(cell.cell_contents for cell in function.__closure__ or ())
        assert all(map(_plain, frozen)), f"{function.__qualname__} freezes {frozen}, which cannot name it on the disk"
        self.kernel = (function.__module__, function.__qualname__, frozen)

    def load_overload(self, signature: Any, target_context: Any) -> Any:
        """The compiled kernel, or None where it is not kept or cannot be used."""
        name = self._name(signature, target_context.codegen())
        content = KERNELS.load(name)
        if content is None:
            return None
        try:
            target_context.refresh()
            return CompileResult._rebuild(target_context, *pickle.loads(content))
        except Exception as error:  # it is whole, but another Numba's after all
            KERNELS.discard(name, f"{type(error).__name__}: {error}")
            return None

    def save_overload(self, signature: Any, compiled: Any) -> None:
        """Keep the compiled kernel, if that can be done."""
        if compiled.library.has_dynamic_globals:  # addresses of this process
            return
        try:
            content = dumps(compiled._reduce())
        except Exception as error:  # another Numba's after all
            KERNELS.without(error)
            return
        KERNELS.save(self._name(signature, compiled.library.codegen), content)

    def _name(self, signature: Any, codegen: Any) -> str:
        settings = [getattr(config, name, None) for name in SETTINGS]
        parts = (fingerprint(), self.kernel, str(signature), codegen.magic_tuple(), settings)
        return hashlib.sha256(repr(parts).encode()).hexdigest()


def kept(signature: Any = None) -> Callable[[Function], Any]:
    """The decorator of a kernel that is compiled by Numba, or taken from the disk: at once, or when it is called with new types."""

    def compiled(function: Function) -> Any:
        kernel: Any = njit(nogil=True, error_model="numpy")(function)
        if kernel is function:  # without the JIT
            return function
        kernel._cache = OnDisk(function)
        if signature is not None:
            kernel.compile(signature)
            kernel.disable_compile()
        return kernel

    return compiled


def _plain(value: Any) -> bool:
    return all(map(_plain, value)) if isinstance(value, tuple) else value is None or isinstance(value, int | float | str)
