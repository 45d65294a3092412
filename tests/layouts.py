"""The same numbers, laid out in memory in every way that a caller's arrays come in."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def spread(a: np.ndarray) -> np.ndarray:
    """Every second entry of a larger array, in each dimension."""
    wide = np.zeros([2 * n for n in a.shape], a.dtype)
    wide[tuple(slice(None, None, 2) for _ in a.shape)] = a
    return wide[tuple(slice(None, None, 2) for _ in a.shape)]


def reversed_view(a: np.ndarray) -> np.ndarray:
    """A view that runs backwards through memory, in each dimension."""
    back = tuple(slice(None, None, -1) for _ in a.shape)
    return a[back].copy()[back]


def read_only(a: np.ndarray) -> np.ndarray:
    b = a.copy()
    b.flags.writeable = False
    return b


def unaligned(a: np.ndarray) -> np.ndarray:
    """One byte off what the type asks for, as in the middle of a file."""
    return np.frombuffer(b"\0" + a.tobytes(), a.dtype, offset=1).reshape(a.shape)


def inside(a: np.ndarray) -> np.ndarray:
    """One number further than where memory begins, as the second row of an array with an odd number of columns."""
    return np.concatenate([a.ravel()[:1], a.ravel()])[1:].reshape(a.shape)


LAYOUTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "row order": lambda a: np.array(a, order="C"),
    "column order": lambda a: np.array(a, order="F"),
    "spread": spread,
    "reversed": reversed_view,
    "read-only": read_only,
    "inside": inside,
    "unaligned": unaligned,
    "big-endian": lambda a: a.astype(a.dtype.newbyteorder(">")),
}
