"""Files of a data set: in the user's own folder, in the cache, or fetched once from the official site.

An archive is never extracted: the wanted members are read from it, by exact name and size, and nothing else is looked at.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import os
import sys
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

OFFLINE: ContextVar[bool] = ContextVar("offline", default=False)
BYSTANDER = 1 << 20  # the most bytes that a member nobody wants may have: a page to read, never a bomb


class Member(NamedTuple):
    """A file that is wanted: its size in bytes, the SHA-256 of its content, and the bytes of one record in it."""

    size: int
    sha256: str
    record: int = 1

    def described(self, size: int) -> str:
        """So many bytes in words, counted in records where the file has some."""
        count, rest = divmod(size, self.record)
        if self.record == 1:
            return f"{size:,} bytes"
        return f"{count:,} records of {self.record:,} bytes" + (f" and {rest:,} bytes more" if rest else "")


class Archive(NamedTuple):
    """A .tar.gz on an official site: its address and SHA-256, the folder in it, and the members of that folder that are wanted."""

    address: str
    sha256: str
    folder: str
    members: Mapping[str, Member]

    @property
    def file(self) -> str:
        """The archive's own name."""
        return self.address.rsplit("/", 1)[-1]


def cache_folder() -> Path:
    """Where downloads and computed data are kept: $NETBP_CACHE, or else the user's cache for netbp. It need not exist."""
    own = os.environ.get("NETBP_CACHE")
    if own:
        return Path(own)
    try:
        from platformdirs import user_cache_path
    except ImportError:
        return Path.home() / ".cache" / "netbp"
    return user_cache_path("netbp", appauthor=False)


def data_folder() -> Path | None:
    """$NETBP_DATA, the folder with data sets that are there already, or None."""
    own = os.environ.get("NETBP_DATA")
    return Path(own) if own else None


class Found(NamedTuple):
    """Where an archive's members are: a folder that holds them, or the archive itself."""

    place: Path
    archive: Archive

    def read(self) -> Iterator[tuple[str, bytes]]:
        """Each wanted member's name and content, once, in the order they lie there, as many bytes as its size says.

        Contents are not yet compared with their sums: see `check`. Raises FileNotFoundError when one is missing; ValueError when
        the archive is damaged or a member is not a plain file of its size.
        """
        return _from_folder(self) if self.place.is_dir() else _from_archive(self)


def locate(archive: Archive, folder: str | os.PathLike[str] | None = None) -> Found:
    """Find an archive's members: in `folder`, or in $NETBP_DATA (the folder, then the archive), the cache, or by download.

    Raises FileNotFoundError when they are nowhere and cannot be fetched; ValueError when what was fetched is damaged.
    """
    if folder is not None:
        place = Path(folder)
        if not place.exists():
            raise FileNotFoundError(f"{place} was not found: {', '.join(archive.members)} belong in that folder")
        return Found(place, archive)
    root = data_folder()
    for place in [root / archive.folder, root / archive.file] if root else []:
        if place.exists():
            return Found(place, archive)
    return Found(fetch(archive.address, archive.sha256), archive)


@contextlib.contextmanager
def offline() -> Iterator[None]:
    """What is not on this machine is meanwhile not fetched, but missing, as if there were no network."""
    token = OFFLINE.set(True)
    try:
        yield
    finally:
        OFFLINE.reset(token)


def fetch(address: str, sha256: str, folder: str = "") -> Path:
    """The file at `address`, from the cache or downloaded into it (with a progress bar on a terminal), its SHA-256 checked.

    It appears under its name when it is whole, never before. folder: a sub-folder of the cache. Raises FileNotFoundError, saying
    what to put where, when it cannot be fetched; ValueError when what came is not that file.
    """
    target = cache_folder() / folder / address.rsplit("/", 1)[-1]
    if target.is_file() and _sum(target) == sha256:  # what is damaged on the disk is fetched again
        return target
    if OFFLINE.get():
        raise FileNotFoundError(_nowhere(address, target, "nothing is downloaded here", folder))
    try:
        import pooch
    except ImportError:
        raise FileNotFoundError(_nowhere(address, target, "downloading needs pooch: pip install 'netbp[images]'", folder)) from None
    bar = sys.stderr.isatty() and find_spec("tqdm") is not None
    headers = {"Accept-Encoding": "identity"}  # or a .gz might be unpacked on the way
    pooch.get_logger().setLevel("WARNING")
    try:
        got = pooch.retrieve(
            address,
            f"sha256:{sha256}",
            fname=target.name,
            path=target.parent,
            downloader=pooch.HTTPDownloader(progressbar=bar, chunk_size=1 << 16, timeout=30, headers=headers),
        )
    except ValueError as error:
        raise ValueError(
            f"{address}: what was downloaded is not the file that is known (its SHA-256 is not {sha256}), so it was thrown away: "
            f"try again, or get {target.name} elsewhere"
        ) from error
    except OSError as error:  # requests' own exceptions are OSErrors too
        raise FileNotFoundError(_nowhere(address, target, _reason(error), folder)) from error
    return Path(got)


def check(name: str, place: Path, content: bytes | memoryview, sha256: str) -> str:
    """The SHA-256 of content. Raises ValueError when it is not `sha256`."""
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise ValueError(
            f"{place}: {name} is damaged: its SHA-256 is {found}, but the official file's is {sha256}: get the original file again"
        )
    return found


def _nowhere(address: str, target: Path, reason: str, folder: str) -> str:
    """One line that says what to do."""
    what = "is damaged" if target.exists() else "was not found"
    return (
        f"{target.name} {what} and could not be downloaded from {address} ({reason}): get it elsewhere and put it into "
        f"{target.parent}; or set NETBP_DATA to a folder of data sets: {Path(folder) / target.name} would belong in that folder"
    )


def _reason(error: OSError) -> str:
    """Why nothing came, in a few words: the innermost cause of what requests wrapped."""
    text = str(error).splitlines()[0] if str(error) else ""
    for known in ("Connection refused", "Failed to resolve", "timed out", "Name or service not known", "No space left"):
        if known in str(error):
            text = known
    return f"{type(error).__name__}: {text[:100]}" if text else type(error).__name__


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _from_folder(found: Found) -> Iterator[tuple[str, bytes]]:
    for name, member in found.archive.members.items():
        path = found.place / name
        if not path.is_file():
            raise FileNotFoundError(f"{path} was not found: {', '.join(found.archive.members)} belong in that folder")
        with path.open("rb") as file:
            content = file.read(member.size + 1)
            size = os.fstat(file.fileno()).st_size
        if len(content) != member.size or size != member.size:
            raise ValueError(
                f"{path} has {member.described(size)}, but should have {member.described(member.size)}: get the original file again"
            )
        yield name, content


def _from_archive(found: Found) -> Iterator[tuple[str, bytes]]:
    place, archive = found
    wanted = {f"{archive.folder}/{name}": name for name in archive.members}
    seen: set[str] = set()
    try:
        with gzip.open(place) as unpacked, tarfile.open(fileobj=unpacked, mode="r|") as tar:
            for entry in tar:
                name = wanted.get(entry.name)
                if name is None:
                    if entry.size > BYSTANDER:
                        raise ValueError(f"{place}: {entry.name!r} of {entry.size:,} bytes does not belong in this archive")
                    continue
                size = archive.members[name].size
                if not entry.isreg() or entry.size != size or name in seen:
                    what = "is there twice" if name in seen else f"is not a plain file of {size:,} bytes"
                    raise ValueError(f"{place}: {entry.name!r} {what}: get the original archive again")
                seen.add(name)
                file = tar.extractfile(entry)
                content = file.read() if file else b""
                if len(content) != size:
                    raise ValueError(f"{place}: {entry.name!r} is cut short: get the original archive again")
                yield name, content
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise ValueError(f"{place}: not a whole .tar.gz archive ({error}): get the original archive again") from error
    missing = [name for key, name in wanted.items() if name not in seen]
    if missing:
        raise ValueError(f"{place}: {', '.join(missing)} is not in this archive: get the original archive again")
