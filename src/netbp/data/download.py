"""Official files of data sets: in the cache, or fetched once from their site, whole and as they are known or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import time
from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from netbp.files import NotWrittenError, named, open_regular, remove_litter, write_atomically
from netbp.folders import cache_folder
from netbp.notices import watched

OFFLINE: ContextVar[bool] = ContextVar("offline", default=False)
PIECE = 2**16  # bytes that are received, or read, at a time
SILENCE, SLOWEST = 30.0, 10_000.0
"""Seconds after which a site that says nothing is given up, and bytes a second below which it is given up at last."""


class Official(NamedTuple):
    """A file on an official site, as it is known: its address, its size in bytes and its SHA-256."""

    address: str
    size: int
    sha256: str

    @property
    def file(self) -> str:
        """The file's own name."""
        return self.address.rsplit("/", 1)[-1]


class WrongFileError(Exception):
    """What a site sent is not the file that is known."""


def data_folder() -> Path | None:
    """$NETBP_DATA, the folder with data sets that are there already, or None."""
    own = os.environ.get("NETBP_DATA")
    return Path(own) if own else None


@contextlib.contextmanager
def offline() -> Iterator[None]:
    """What is not on this machine is meanwhile not fetched, but missing, as if there were no network."""
    token = OFFLINE.set(True)
    try:
        yield
    finally:
        OFFLINE.reset(token)


def fetch(official: Official, folder: str = "") -> Path:
    """The official file, from the cache or downloaded into it (with a progress bar on a terminal), its SHA-256 checked.

    It appears under its name when it is whole, never before, and no more bytes are received than the file has. folder: a sub-folder
    of the cache. Raises FileNotFoundError, saying what to put where, when it cannot be fetched; ValueError when what came is not
    that file; OSError when the cache has no room for it.
    """
    target = cache_folder() / folder / official.file
    with contextlib.suppress(OSError), open_regular(target, official.size) as file:
        if digest_of(file) == official.sha256:  # what is damaged on the disk is fetched again
            return target
    if OFFLINE.get():
        raise FileNotFoundError(_nowhere(official, target, "nothing is downloaded here", folder))
    try:
        import requests  # noqa: F401
    except ImportError:
        reason = "downloading needs requests: pip install 'netbp[images]'"
        raise FileNotFoundError(_nowhere(official, target, reason, folder)) from None
    target.parent.mkdir(parents=True, exist_ok=True)
    remove_litter(target.parent)
    free = shutil.disk_usage(target.parent).free
    if free < official.size:
        raise OSError(
            f"{named(target.parent)} has {free:,} bytes of room, but {official.file} has {official.size:,}: set NETBP_CACHE to "
            "a folder with more"
        )
    try:
        write_pieces(target, _received(official))
    except WrongFileError as error:
        raise ValueError(
            f"{official.address}: what was sent is not the file that is known ({error}), so it was thrown away: "
            f"try again, or get {official.file} elsewhere"
        ) from None
    except NotWrittenError:
        raise
    except OSError as error:  # requests' own exceptions are OSErrors too
        raise FileNotFoundError(_nowhere(official, target, _reason(error), folder)) from error
    return target


def write_pieces(path: Path, pieces: Iterable[bytes | memoryview]) -> None:
    """Write the pieces as one file, whole or not at all; an OSError in making a piece is raised as it is, not as one in writing."""
    failed: list[OSError] = []

    def made() -> Iterator[bytes | memoryview]:
        try:
            yield from pieces
        except OSError as error:
            failed.append(error)
            raise

    try:
        write_atomically(path, made())
    except OSError:
        if failed:
            raise failed[0] from None
        raise


def digest_of(file: BinaryIO) -> str:
    """The SHA-256 of all that is in an open file, which is then at its beginning again."""
    digest = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
    file.seek(0)
    return digest


def _received(official: Official) -> Iterator[bytes]:
    """The file as the site sends it, piece by piece. Raises WrongFileError as soon as it is another, OSError when none comes."""
    import requests

    address, size, sha256 = official
    digest, count, began = hashlib.sha256(), 0, time.monotonic()
    headers = {"Accept-Encoding": "identity"}  # or a .gz might be unpacked on the way
    with requests.get(address, stream=True, timeout=SILENCE, headers=headers) as response, _bar(official) as bar:
        response.raise_for_status()
        for piece in response.iter_content(PIECE):
            count += len(piece)
            if count > size:
                raise WrongFileError(f"it has more than {size:,} bytes")
            if time.monotonic() - began > 2.0 * SILENCE + size / SLOWEST:
                raise TimeoutError(f"only {count:,} of {size:,} bytes came in {time.monotonic() - began:.0f} s")
            digest.update(piece)
            bar.update(len(piece))
            yield piece
    if count != size or digest.hexdigest() != sha256:
        what = f"it has {count:,} bytes instead of {size:,}" if count != size else f"its SHA-256 is not {sha256}"
        raise WrongFileError(what)


def _bar(official: Official) -> Any:
    """A progress bar on a terminal, where tqdm is installed."""
    try:
        from tqdm import tqdm
    except ImportError:
        return contextlib.nullcontext(_NoBar())
    return tqdm(total=official.size, desc=official.file, unit="B", unit_scale=True, disable=not watched())


class _NoBar:
    def update(self, count: int) -> None:
        pass


def _nowhere(official: Official, target: Path, reason: str, folder: str) -> str:
    """One line that says what to do."""
    what = "is damaged" if target.exists() else "was not found"
    return (
        f"{official.file} {what} and could not be downloaded from {official.address} ({reason}): put it into "
        f"{named(target.parent)}, or set NETBP_DATA to a folder in which it is {Path(folder) / target.name}"
    )


def _reason(error: OSError) -> str:
    """Why nothing came, in a few words: the innermost cause of what requests wrapped."""
    text = str(error).splitlines()[0] if str(error) else ""
    for known in ("Connection refused", "Failed to resolve", "timed out", "Name or service not known", "No space left"):
        if known in str(error):
            text = known
    return f"{type(error).__name__}: {named(text, 100)}" if text else type(error).__name__
