"""What torch.compile writes, kept from one process to the next.

It unpickles, and loads as machine code, whatever lies in its folder; unless TORCHINDUCTOR_CACHE_DIR names another, that is a folder
in /tmp that anybody can have made. So it works in a temporary folder of this process's own; what it has written there is packed
into one sealed file in the user's cache, and a later process unpacks that first.
"""

from __future__ import annotations

import atexit
import hashlib
import io
import os
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import torch

from netbp.folders import cache_folder, private_folder, temporary_folder
from netbp.sealed import Sealed

PREFIX = "netbp-torch-"
NOT_KEPT = {"locks"}


def folder() -> Path:
    """Where translations are kept: netbp's folder in $TORCHINDUCTOR_CACHE_DIR, or in the cache. Raises OSError for none."""
    return private_folder(Path(_named()) / "netbp" if _named() else cache_folder() / "translations")


TRANSLATIONS = Sealed("translated training steps", folder, 2**28)


@cache
def _named() -> str:
    """The folder that the user has named, before `workshop` names another; not one that PyTorch, or a parent process, has named."""
    folder, name = os.path.split(os.environ.get("TORCHINDUCTOR_CACHE_DIR", ""))
    own = name.startswith(PREFIX) or (name.startswith("torchinductor_") and folder == tempfile.gettempdir())
    return "" if own else os.path.join(folder, name)


@cache
def workshop() -> Path:
    """Where torch.compile works in this process, from now on and until it ends. Raises OSError where there is no such place."""
    _named()
    place = tempfile.mkdtemp(prefix=PREFIX, dir=temporary_folder())
    atexit.register(_remove, place, os.getpid())
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = place
    os.environ["TRITON_CACHE_DIR"] = os.path.join(place, "triton")
    return Path(place)


@contextmanager
def kept(code: str, arguments: Sequence[Any]) -> Iterator[None]:
    """Meanwhile torch.compile finds what it wrote for the same operations on tensors like these; what it writes is kept.

    Raises OSError where there is no place to work in.
    """
    place = workshop()
    kinds = [(tuple(a.shape), a.stride(), str(a.dtype), str(a.device)) if isinstance(a, torch.Tensor) else a for a in arguments]
    name = hashlib.sha256(repr((torch.__version__, sys.version, code, kinds)).encode()).hexdigest()
    found = _unpack(TRANSLATIONS.load(name), place)
    yield
    files = {path.relative_to(place).as_posix(): path for path in sorted(place.rglob("*")) if path.is_file()}
    files = {name: path for name, path in files.items() if name.split("/")[0] not in NOT_KEPT}
    if not files.keys() <= found:
        TRANSLATIONS.save(name, _packed(files))


def _packed(files: dict[str, Path]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, path in files.items():
            archive.writestr(zipfile.ZipInfo(name), path.read_bytes(), zipfile.ZIP_DEFLATED)
    return content.getvalue()


def _unpack(content: bytes | None, place: Path) -> set[str]:
    """Lay out the files that are not there yet, each whole or not at all; the names of all of them."""
    if content is None:
        return set()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for name in archive.namelist():
            target = place / name
            if not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                partial = place / f"{os.getpid()}.partial"
                partial.write_bytes(archive.read(name))
                partial.replace(target)
        return set(archive.namelist())


def _remove(place: str, process: int) -> None:
    if os.getpid() == process:  # not in a process that was forked from it
        shutil.rmtree(place, ignore_errors=True)
