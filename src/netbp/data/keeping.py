"""Preprocessed images kept in the cache: two files by the checksum of what they were made from."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from netbp.data.download import cache_folder
from netbp.files import write_atomically
from netbp.types import Array, Matrix

ARITHMETIC = 1  # to be counted up when the steps' arithmetic changes
MOST = 4  # sets that are kept; the one used longest ago goes first


class Kept(NamedTuple):
    """Images z (N, n), float32, memory-mapped, and the arrays of the steps that made them."""

    z: Matrix
    arrays: dict[str, Array]


def key(x: Matrix, beside: Matrix, what: Mapping[str, Any]) -> str:
    """A name for what is made of x and beside in the way that `what` says."""
    digest = hashlib.sha256(json.dumps([ARITHMETIC, what, str(x.dtype), x.shape, beside.shape], sort_keys=True).encode())
    for array in (x, beside):
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()[:32]


def load(key: str, shape: tuple[int, ...]) -> Kept | None:
    """What was kept under the key, whole, or None: what is missing, damaged or another shape is made again."""
    images, arrays = _paths(key)
    try:
        with arrays.open("rb") as file, np.load(file, allow_pickle=False) as packed:
            found = {name: packed[name] for name in packed.files}
        checksum = int(found.pop("checksum"))
        z = np.asarray(np.load(images, mmap_mode="c", allow_pickle=False))
    except Exception:  # NumPy meets missing and damaged files with many kinds of exception
        return None
    if z.shape != shape or z.dtype != np.float32 or zlib.crc32(z.data) != checksum:
        return None
    with contextlib.suppress(OSError):
        images.touch()  # used now
    return Kept(z, found)


def save(key: str, z: Matrix, arrays: Mapping[str, Array]) -> None:
    """Keep the images and the arrays under the key, if the cache can be written; make room first."""
    images, beside = _paths(key)
    header, content = io.BytesIO(), io.BytesIO()
    np.lib.format.write_array_header_1_0(header, np.lib.format.header_data_from_array_1_0(z))
    np.savez(content, allow_pickle=False, **{**arrays, "checksum": np.asarray(zlib.crc32(z.data))})
    with contextlib.suppress(OSError):  # no room, no right to write: go on without
        images.parent.mkdir(parents=True, exist_ok=True)
        _forget(images.parent, MOST - 1)
        write_atomically(images, [header.getvalue(), z.data])
        write_atomically(beside, content.getvalue())


def _paths(key: str) -> tuple[Path, Path]:
    folder = cache_folder() / "preprocessed"
    return folder / f"{key}.npy", folder / f"{key}.npz"


def _forget(folder: Path, most: int) -> None:
    """Remove all but the `most` sets used last."""
    kept = sorted(folder.glob("*.npy"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in kept[most:]:
        for file in (path.with_suffix(".npz"), path):
            with contextlib.suppress(OSError):
                file.unlink()
