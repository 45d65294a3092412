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

from netbp.files import open_regular, remove_litter, write_atomically
from netbp.folders import cache_folder, private_folder
from netbp.notices import tell
from netbp.types import Array, Matrix

ARITHMETIC = 2  # to be counted up when the steps' arithmetic changes
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
    try:
        images, arrays = _paths(key)
        with open_regular(arrays) as file, np.load(file, allow_pickle=False) as packed:
            found = {name: packed[name] for name in packed.files}
        checksum = int(found.pop("checksum"))
        open_regular(images).close()
        z = np.asarray(np.load(images, mmap_mode="c", allow_pickle=False))
        if z.shape != shape or z.dtype != np.float32 or zlib.crc32(z.data) != checksum:
            raise ValueError("it is not as it was written")
    except OSError:  # there is nothing, or no folder to keep it in, which `save` tells
        return None
    except Exception as error:  # NumPy meets damaged files with many kinds of exception
        tell(f"preprocessed images that were kept on the disk are damaged, and made anew ({error})", about="damaged images")
        return None
    with contextlib.suppress(OSError):
        images.touch()  # used now
    return Kept(z, found)


def save(key: str, z: Matrix, arrays: Mapping[str, Array]) -> None:
    """Keep the images and the arrays under the key, if the cache can be written; make room first."""
    header, content = io.BytesIO(), io.BytesIO()
    np.lib.format.write_array_header_1_0(header, np.lib.format.header_data_from_array_1_0(z))
    np.savez(content, allow_pickle=False, **{**arrays, "checksum": np.asarray(zlib.crc32(z.data))})
    try:
        images, beside = _paths(key)
        remove_litter(images.parent)
        _forget(images.parent, MOST - 1)
        write_atomically(images, [header.getvalue(), z.data])
        write_atomically(beside, content.getvalue())
    except OSError as error:  # no room, no right to write, no folder of the user's own: go on without
        reason = error.strerror or error
        tell(f"preprocessed images are not kept on the disk, so that they are made again each time: {reason}", about="images")


def _paths(key: str) -> tuple[Path, Path]:
    folder = private_folder(cache_folder() / "preprocessed")
    return folder / f"{key}.npy", folder / f"{key}.npz"


def _forget(folder: Path, most: int) -> None:
    """Remove all but the `most` sets used last."""
    used = {}
    for path in folder.glob("*.npy"):
        with contextlib.suppress(OSError):  # another process has just removed it
            used[path] = path.stat().st_mtime
    for path in sorted(used, key=lambda path: used[path], reverse=True)[most:]:
        for file in (path.with_suffix(".npz"), path):
            with contextlib.suppress(OSError):
                file.unlink()
