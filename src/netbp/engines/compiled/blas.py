"""SciPy's BLAS, which Numba's np.dot calls: loaded only for networks whose products are left to it.

Numba looks for `scipy.linalg` when its first kernel is loaded, which takes an eighth of a second and tells only whether np.dot can
be compiled. SciPy is always there, so that look is put off until a network needs it.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

from netbp.engines.compiled.layerwise import BLAS_PRODUCTS
from netbp.engines.compiled.normal_equations import BLAS_ENTRIES
from netbp.engines.compiled.plan import IN, OUT, Prepared


def put_off() -> None:
    """Load the part of Numba that looks for BLAS, without the look; what compiles a product asks again."""
    if "numba.np.arraymath" in sys.modules or "scipy.linalg" in sys.modules:
        return
    linalg: Any = import_module("numba.np.linalg")
    look = linalg.ensure_blas
    linalg.ensure_blas = lambda: None
    try:
        import_module("numba.np.arraymath")
    finally:
        linalg.ensure_blas = look


def needed(prepared: Prepared, size: int) -> bool:
    """Whether a network with so many parameters may come to a product that is left to BLAS."""
    largest = int((prepared.table[:, IN] * prepared.table[:, OUT]).max())
    return prepared.block * largest >= BLAS_PRODUCTS or size >= BLAS_ENTRIES


def load() -> None:
    """Load it. Raises ImportError or RuntimeError when there is none that Numba can call."""
    linalg: Any = import_module("numba.np.linalg")
    linalg.ensure_blas()
