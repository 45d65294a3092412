"""Frames: a JSON header and typed sections in one piece of bytes, which the page reads without copying."""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import isfinite
from typing import Any

import numpy as np

from netbp.analysis.regions import Extent, grid_neuron, grid_outputs, lead, margin
from netbp.problem import Problem
from netbp.types import Array, Vector

MAGIC = b"NBF1"
LARGEST_GRID = 300


def encoded(header: Mapping[str, Any], sections: Mapping[str, Array]) -> bytes:
    """The header, padded with spaces, and the sections, each padded to 8 bytes; little-endian."""
    arrays = {name: np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")) for name, array in sections.items()}
    listed = [{"name": name, "dtype": array.dtype.name, "shape": list(array.shape)} for name, array in arrays.items()]
    text = json.dumps({**header, "sections": listed}, allow_nan=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    parts = [MAGIC, len(text).to_bytes(4, "little"), text]
    for array in arrays.values():
        parts += [array.tobytes(), b"\0" * (-array.nbytes % 8)]
    return b"".join(parts)


def number(value: float | None) -> float | None:
    """The number as JSON can have it: None where it is not finite."""
    return float(value) if value is not None and isfinite(value) else None


def plane(problem: Problem, p: Vector, points: int, view: str, extent: Extent) -> dict[str, Array]:
    """The sections "grid" and "category" of a view; nothing for 0 points. Raises ValueError for an unknown view.

    The grid is that of `netbp.figures.draw_region`, with its ends on the extent's edges; numbers are computed in double precision.
    """
    if view not in ("margin", "category") and not view.startswith("neuron:"):
        raise ValueError(f'a view is "margin", "category" or "neuron:l,j", but {view[:40]!r} was asked for')
    if points == 0:
        return {}
    if not 2 <= points <= LARGEST_GRID:
        raise ValueError(f"the grid has 2 to {LARGEST_GRID} points a side, or 0 for none, but {points} were asked for")
    left, right, bottom, top = extent
    if not (all(isfinite(edge) and abs(edge) <= 1e9 for edge in extent) and left < right and bottom < top):
        raise ValueError(f"the extent goes from left to right and from bottom to top, in finite numbers, but it is {extent}")
    outputs = grid_outputs(problem, p, points, extent)[2]
    two = outputs.shape[-1] == 2
    values = margin(outputs) if two else lead(outputs)
    category = (values < 0.0).astype(np.uint8) if two else outputs.argmax(axis=-1).astype(np.uint8)
    if view.startswith("neuron:"):
        l, j = _neuron(view)
        values = grid_neuron(problem.network, p, l, j, points, extent)
    with np.errstate(over="ignore"):  # a diverging network's outputs: infinite in single precision
        return {"grid": values.astype(np.float32), "category": category}


def _neuron(view: str) -> tuple[int, int]:
    try:
        l, j = (int(part) for part in view.removeprefix("neuron:").split(","))
    except ValueError:
        raise ValueError(f'a neuron is written "neuron:3,1" for a_1^[3], but {view[:40]!r} was asked for') from None
    return l, j
