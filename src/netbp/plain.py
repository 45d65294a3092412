"""Plain numbers: the one guard of every door through which arrays come in. What is something else is refused, never converted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from netbp.messages import counted, shown
from netbp.types import Array

NUMBERS, TRUTH = "fiu", "fiub"
"""Kinds of NumPy's types: real numbers; and truth values too, where they mean 0 and 1."""
AT_ONCE = 2**24
"""Entries that are looked at together."""
KINDS = {
    "b": "truth values: astype(float) makes them 0 and 1",
    "c": "complex numbers: take the real part, or the real and the imaginary part as two columns",
    "M": "dates: subtract the first and divide by numpy.timedelta64(1, 'D')",
    "m": "spans of time: divide by numpy.timedelta64(1, 'D')",
    "V": "records: give their columns as one array, as numpy.lib.recfunctions.structured_to_unstructured does",
}


def plain(values: Any, what: str, kept: Sequence[str] = (), along: str = "row", kinds: str = NUMBERS, dtype: Any = float) -> Array:
    """The values as a contiguous array of finite numbers of this dtype, or of the type it has where that is one of `kept`.

    what: the values' name in messages; along: what the entries of a vector are. kinds: of NumPy's types, which ones serve. An array
    that is plain already is not copied. Raises ValueError, with the first place and what to give instead, for masked arrays,
    frames, sparse matrices, tensors with a gradient or on another device, text, dates, complex and truth values, objects, None,
    ragged lists, and entries that are not finite.
    """
    refused = of_another_kind(values, along)
    if refused:
        raise ValueError(f"{what} must be an array of numbers, but it is {refused}")
    try:
        array = np.asarray(values)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"{what} must be an array of numbers: {_ragged(values) or ' '.join(str(error).split())}") from None
    if array.dtype.kind not in kinds:
        raise ValueError(f"{what} must be an array of numbers, but it has {_strange(values, array, along)}")
    wanted = array.dtype.newbyteorder("=") if array.dtype.name in kept else np.dtype(dtype)
    if array.dtype != wanted:
        with np.errstate(over="ignore"):  # what a narrower type does not hold becomes infinite, and is refused below
            array = array.astype(wanted)
    return finite(np.ascontiguousarray(array), what, along)


def finite(array: Array, what: str, along: str = "row") -> Array:
    """The array itself. Raises ValueError, with the first place, where an entry is not finite."""
    parts = [array] if array.size <= AT_ONCE else np.array_split(array, 1 + array.size // AT_ONCE)
    if array.dtype.kind != "f" or all(np.isfinite(part).all() for part in parts):
        return array
    bad = np.argwhere(~np.isfinite(array))
    raise ValueError(f"{what} has {len(bad)} entries that are not finite, the first in {place(bad[0], along)} (counted from 0)")


def place(index: Sequence[int] | Array, along: str = "row") -> str:
    """An index in words: row 1, column 0."""
    if len(index) < 2:
        return f"{along} {index[0]}" if len(index) else "it"
    return f"row {', column '.join(str(i) for i in index)}"


def of_another_kind(values: Any, along: str = "row") -> str | None:
    """What the values are, and what to give instead, where they are no array or list of numbers; otherwise None."""
    if type(values) is np.ndarray or isinstance(values, int | float | np.generic):
        return None
    if isinstance(values, np.ma.MaskedArray):
        masked = np.argwhere(np.ma.getmaskarray(values))
        first = f", the first masked entry in {place(masked[0], along)} (counted from 0)" if len(masked) else ""
        return f"a masked array{first}: give filled(value), or leave the masked rows out"
    if isinstance(values, list | tuple):
        told = (of_another_kind(value, along) for value in values if hasattr(value, "__array__") or isinstance(value, list | tuple))
        return next((one if "list with" in one else f"a list with {one}" for one in told if one), None) if _deep(values) else None
    return _container(values, type(values).__name__)


def _deep(values: Sequence[Any]) -> bool:
    """Whether a list holds anything but numbers and arrays, at its first level."""
    return any(kind not in (int, float, np.ndarray, np.float64, np.int64) for kind in set(map(type, values)))


def _container(values: Any, name: str) -> str | None:
    told = None
    if isinstance(values, np.ndarray):
        known = type(values) in (np.memmap, np.matrix)
        told = None if known else f"a {name}, which means more than its numbers: give numpy.asarray of it"
    elif hasattr(values, "to_numpy"):
        told = f"a {name} of {type(values).__module__.partition('.')[0]}: give its columns in order, as to_numpy() does"
    elif hasattr(values, "toarray") or hasattr(values, "todense"):
        told = f"a sparse matrix ({name}): give toarray()"
    elif hasattr(values, "detach"):
        where = f"on the device {str(values.device)!r}" if values.device.type != "cpu" else ""
        why = "with a gradient" if values.requires_grad else where or ("that is sparse" if values.is_sparse else "")
        told = f"a tensor {why}: give detach().cpu().numpy()" if why else None
    elif values is None or isinstance(values, str):
        told = "None" if values is None else f"{shown(values)}, a text"
    elif isinstance(values, bytes | dict | set | frozenset) or not any(hasattr(values, has) for has in ("__array__", "__len__")):
        told = f"a {name}"
    return told


def _ragged(values: Any) -> str | None:
    """Where the rows of a list begin to have another length than the first, in words."""
    lengths = [len(row) if hasattr(row, "__len__") else -1 for row in values] if isinstance(values, list | tuple) else []
    for i, length in enumerate(lengths):
        if length != lengths[0]:
            said = ["a single value" if n < 0 else counted(n, "entry") for n in (length, lengths[0])]
            return f"row {i} has {said[0]}, but row 0 has {said[1]}"
    return None


def _strange(values: Any, array: Array, along: str) -> str:
    """What the array holds instead of numbers, the first such entry with its place."""
    if array.dtype.kind in KINDS:
        return KINDS[array.dtype.kind]
    entries = np.array(values, dtype=object) if isinstance(values, list | tuple) else array
    for index in np.ndindex(entries.shape):
        entry = entries[index]
        if not isinstance(entry, int | float | np.integer | np.floating) or isinstance(entry, bool):
            said = shown(str(entry)) if isinstance(entry, str) else shown(repr(entry)).strip("'\"")
            return f"{said} in {place(index, along)} (counted from 0), which is no number: correct it, or leave the row out"
    return "Python's objects instead of numbers: give astype(float) of it"
