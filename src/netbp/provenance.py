"""Provenance: with what, where and when a run was computed, and settings as plain values."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import ArrayLike

LISTED = 32
"""Arrays of numbers up to this many entries are listed in the settings; longer ones are told by their SHA-256. Names are listed."""

_described: WeakKeyDictionary[Any, dict[str, Any]] = WeakKeyDictionary()


def provenance(engine: str) -> dict[str, Any]:
    """Versions, machine, engine and the time of the start, as a JSON-able dictionary."""
    from datetime import UTC, datetime

    libraries = ("netbp", "numpy", "scipy", "numba", "torch")
    loaded = {name: getattr(sys.modules[name], "__version__", "?") for name in libraries if name in sys.modules}
    return {
        "engine": engine,
        "versions": {"python": sys.version.split()[0], **loaded},
        "machine": dict(machine()),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": 0.0,
    }


@cache
def machine() -> Mapping[str, Any]:
    """The processor, the number of cores and the system."""
    processor = ""
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as lines:
            processor = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return {
        "processor": processor or os.uname().machine if hasattr(os, "uname") else os.environ.get("PROCESSOR_IDENTIFIER", ""),
        "cores": os.cpu_count(),
        "system": sys.platform,
    }


def plain(value: Any) -> Any:
    """Settings as JSON-able values: dataclasses by their fields, functions by name and code, long arrays by their SHA-256."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float | np.floating):
        return float(value) if np.isfinite(value) else repr(float(value))
    if isinstance(value, np.integer | np.bool_):
        return value.item()
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, np.ndarray | list | tuple):
        return _plain_array(value)
    return _plain_object(value)


def _plain_array(value: Any) -> Any:
    if len(value) > LISTED or isinstance(value, np.ndarray):
        array = np.asarray(value)
        if array.size > LISTED and array.dtype.kind in "fiubc":
            return {"shape": list(array.shape), "sha256": digest(array)}
        value = array.tolist()
    return [plain(entry) for entry in value] if isinstance(value, list | tuple) else plain(value)


def _plain_object(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {"kind": type(value).__name__, **{f.name: plain(getattr(value, f.name)) for f in fields(value) if f.init}}
    if callable(value):
        return function_name(value)
    if isinstance(value, np.random.Generator):
        return str(value)  # its repr has an address
    return os.fspath(value) if isinstance(value, os.PathLike) else repr(value)


def function_name(function: Any) -> str:
    """A function's module and name, and outside netbp a fingerprint of its code: two functions of one name are told apart."""
    name = f"{getattr(function, '__module__', '?')}.{getattr(function, '__qualname__', type(function).__name__)}"
    code = getattr(function, "__code__", None)
    if code is None or name.startswith("netbp."):
        return name
    constants = repr([c for c in code.co_consts if not hasattr(c, "co_code")])
    import hashlib

    text = code.co_code + repr((code.co_names, constants, function.__defaults__, closure(function))).encode()
    return f"{name}#{hashlib.sha256(text).hexdigest()[:16]}"


def closure(function: Any) -> list[str]:
    """What a function has closed over, where that is plain."""
    cells = function.__closure__ or ()
    return [repr(cell.cell_contents) for cell in cells if isinstance(cell.cell_contents, bool | int | float | str)]


def digest(*arrays: ArrayLike | None) -> str:
    """The SHA-256 of the arrays' shapes, types and bytes."""
    import hashlib

    total = hashlib.sha256()
    for array in arrays:
        values = np.ascontiguousarray(() if array is None else array)
        total.update(f"{array is None} {values.shape} {values.dtype.str};".encode())
        total.update(values.data if values.size else b"")
    return total.hexdigest()


def problem_settings(problem: Any) -> dict[str, Any]:
    """What a problem is: network, cost, penalty, engine, and the data by its size and SHA-256; worked out once a problem."""
    if problem not in _described:
        network = problem.network
        held_out = problem.held_out
        _described[problem] = {
            "network": network_settings(network),
            "cost": formula(problem.cost),
            "penalty": float(problem.penalty),
            "engine": problem.engine.name,
            "points": problem.N,
            "data": digest(*problem.data),
            "held_out": None if held_out is None else digest(*held_out),
        }
    return _described[problem]


def network_settings(network: Any) -> dict[str, Any]:
    """What a network is: widths, activations and parameters; where not all is dense also its layers and the shape of the input."""
    told = {
        "sizes": list(network.sizes),
        "activations": [formula(sigma) for sigma in network.activations],
        "parameters": network.size,
    }
    if not network.is_dense:
        told |= {"input": list(network.input), "layers": [repr(layer) for layer in network.layers]}
    if hasattr(network, "fingerprint"):  # a torch.nn.Module: what the layers do is not told by their names
        told["fingerprint"] = network.fingerprint
    return told


def formula(part: Any) -> str:
    """The name of an activation or a cost; for one of your own, with the fingerprint of its value's code."""
    name = function_name(inspect.unwrap(part.value))
    return f"{part.name} {name}" if "#" in name else str(part.name)


def difference(before: Any, now: Any, at: str = "") -> str | None:
    """The first place where two settings differ, in words, or None."""
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        for key in [*before, *(key for key in now if key not in before)]:
            told = difference(before.get(key), now.get(key), f"{at}.{key}" if at else str(key))
            if told:
                return told
        return None
    return None if before == now else f"its {at} is {before!r}, but here it is {now!r}"
