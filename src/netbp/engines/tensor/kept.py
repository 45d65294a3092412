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
import threading
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
ALONE = threading.RLock()
HEADERS = ("cpp_cache_precompile_headers",)
"""Settings that have headers translated beforehand: for one step they save 11 s the first time and cost 6 s every later time."""


def folder() -> Path:
    """Where translations are kept: netbp's folder in $TORCHINDUCTOR_CACHE_DIR, or in the cache. Raises OSError for none."""
    return private_folder(Path(_named()) / "netbp" if _named() else cache_folder() / "translations")


TRANSLATIONS = Sealed("translated training steps", folder, 2**28)


@cache
def _named() -> str:
    """The folder that the user has named, before `_place` names another; not one that PyTorch, or a parent process, has named."""
    named = os.environ.get("TORCHINDUCTOR_CACHE_DIR", "")
    return "" if f"{os.sep}{PREFIX}" in named or named.startswith(os.path.join(tempfile.gettempdir(), "torchinductor_")) else named


@contextmanager
def workshop() -> Iterator[Path]:
    """The folder where torch.compile works in this process, from now on and until it ends; temporary files are meanwhile beside it.

    For some parts of torch.compile have a folder among the temporary files, whatever TORCHINDUCTOR_CACHE_DIR says. Raises OSError
    where there is no place to work in.
    """
    with ALONE:
        place = _place()
        named, chosen = os.environ.get("TMPDIR"), tempfile.tempdir
        os.environ["TMPDIR"] = tempfile.tempdir = str(place.with_name("temporary"))
        try:
            yield place
        finally:
            tempfile.tempdir = chosen
            os.environ.pop("TMPDIR") if named is None else os.environ.update(TMPDIR=named)


@cache
def _place() -> Path:
    _named()
    top = tempfile.mkdtemp(prefix=PREFIX, dir=temporary_folder())
    atexit.register(_remove, top, os.getpid())
    for name in ("kept", "temporary"):
        os.mkdir(os.path.join(top, name), 0o700)
    place = Path(top) / "kept"
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(place)
    os.environ["TRITON_CACHE_DIR"] = str(place / "triton")
    return place


@contextmanager
def kept(code: str, arguments: Sequence[Any], place: Path) -> Iterator[None]:
    """Meanwhile torch.compile finds what it wrote for the same operations on tensors like these; what it writes is kept."""
    from torch._inductor import config

    kinds = [(tuple(a.shape), a.stride(), str(a.dtype), str(a.device)) if isinstance(a, torch.Tensor) else a for a in arguments]
    name = hashlib.sha256(repr((torch.__version__, sys.version, code, kinds)).encode()).hexdigest()
    _unpack(TRANSLATIONS.load(name), place)
    before = _files(place)
    headers = {name: False for name in HEADERS if hasattr(config, name)}
    with config.patch(headers):
        yield
    after = _files(place)
    if after.keys() != before.keys():
        TRANSLATIONS.save(name, _packed(after))


def _files(place: Path) -> dict[str, Path]:
    """The files worth keeping, by their names."""
    names = {path.relative_to(place).as_posix(): path for path in sorted(place.rglob("*")) if path.is_file()}
    return {name: path for name, path in names.items() if name.split("/")[0] not in NOT_KEPT}


def _packed(files: dict[str, Path]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, path in files.items():
            archive.writestr(zipfile.ZipInfo(name), path.read_bytes(), zipfile.ZIP_DEFLATED)
    return content.getvalue()


def _unpack(content: bytes | None, place: Path) -> None:
    """Lay out the files that are not there yet, each whole or not at all."""
    if content is None:
        return
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for name in archive.namelist():
            target = place / name
            if not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                partial = place / f"{os.getpid()}.partial"
                partial.write_bytes(archive.read(name))
                partial.replace(target)


def _remove(place: str, process: int) -> None:
    if os.getpid() == process:  # not in a process that was forked from it
        shutil.rmtree(place, ignore_errors=True)
