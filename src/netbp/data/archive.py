"""Archives of data sets: unpacked in a folder or as they are, the wanted files read by exact name and size.

Nothing in an archive is looked at before its SHA-256 is known to be the official one's, and it is never extracted.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, NamedTuple

from netbp.data.download import Official, data_folder, digest_of, fetch
from netbp.files import named, open_regular


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
        more = f" and {rest:,} byte{'s' * (rest != 1)} more" if rest else ""
        return f"{count:,} record{'s' * (count != 1)} of {self.record:,} bytes{more}"


class Archive(NamedTuple):
    """A .tar.gz on an official site, the folder in it, and the members of that folder that are wanted.

    python: the names of its other version, whose files are pickles: folder, archive and one of the files.
    """

    official: Official
    folder: str
    members: Mapping[str, Member]
    python: tuple[str, str, str] = ("", "", "")


class Found(NamedTuple):
    """Where an archive's members are: a folder that holds them, or the archive itself."""

    place: Path
    archive: Archive

    def read(self) -> Iterator[tuple[str, bytes]]:
        """Each wanted member's name and content, once, in the order they lie there, as many bytes as its size says.

        An archive is read when its SHA-256 is the official one's; contents are not yet compared with theirs: see `check`. Raises
        FileNotFoundError when one is missing; ValueError when the archive is another one, or a member has not its size.
        """
        return _from_folder(self) if self.place.is_dir() else _from_archive(self)


def locate(archive: Archive, folder: str | os.PathLike[str] | None = None) -> Found:
    """Find an archive's members: in `folder`, or in $NETBP_DATA (the folder, then the archive), the cache, or by download.

    folder: where the members are, or their folder, or the archive; or the archive itself. Raises FileNotFoundError when they are
    nowhere and cannot be fetched; ValueError when what was fetched is damaged, or for the version whose files are pickles.
    """
    official = archive.official
    if folder is not None:
        root = Path(folder)
        if not root.exists():
            raise FileNotFoundError(f"{named(root)} was not found: {', '.join(archive.members)} belong in that folder")
        if not root.is_dir() or any((root / name).exists() for name in archive.members):
            places = [root]
        else:
            places = [place for place in (root / archive.folder, root / official.file) if place.exists()]
        if (not places or root.name in archive.python) and (pickles := _pickles(archive, root)):
            raise ValueError(f"{pickles}: get {official.file} from {official.address}")
        return Found(places[0] if places else root, archive)
    data = data_folder()
    for place in [data / archive.folder, data / official.file] if data else []:
        if place.exists():
            return Found(place, archive)
    try:
        return Found(fetch(official), archive)
    except FileNotFoundError as error:
        if data and (pickles := _pickles(archive, data)):
            raise FileNotFoundError(f"{error}; {pickles}") from None
        raise


def _pickles(archive: Archive, root: Path) -> str:
    """What is to be said when a folder or a file is the archive's version for Python, "" otherwise."""
    for place in (root, *(root / name for name in archive.python)):
        if place.name in archive.python and place.exists():
            return f"{named(place)} is the version for Python, whose files are pickles, and nothing is unpickled here"
    return ""


def check(name: str, place: Path, content: bytes | memoryview, sha256: str) -> str:
    """The SHA-256 of content. Raises ValueError when it is not `sha256`."""
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise ValueError(
            f"{named(place)}: {name} is damaged: its SHA-256 is {found}, not the official file's {sha256[:12]}...: get the "
            "original file again"
        )
    return found


def _from_folder(found: Found) -> Iterator[tuple[str, bytes]]:
    for name, member in found.archive.members.items():
        path = found.place / name
        try:
            with open_regular(path) as file:
                content = file.read(member.size + 1)
                size = os.fstat(file.fileno()).st_size
        except FileNotFoundError:
            raise FileNotFoundError(
                f"{named(path)} was not found: {', '.join(found.archive.members)} belong in that folder"
            ) from None
        if len(content) != member.size or size != member.size:
            raise ValueError(
                f"{named(path)} has {member.described(size)}, but should have {member.described(member.size)}: "
                "get the original file again"
            )
        yield name, content


def _from_archive(found: Found) -> Iterator[tuple[str, bytes]]:
    place, archive = found
    wanted = {f"{archive.folder}/{name}": name for name in archive.members}
    with _checked(place, archive.official) as file:
        try:
            with gzip.open(file) as unpacked, tarfile.open(fileobj=unpacked, mode="r|") as tar:
                for entry in tar:
                    name = wanted.get(entry.name)
                    if name is not None and entry.isreg() and entry.size == archive.members[name].size:
                        del wanted[entry.name]
                        member = tar.extractfile(entry)
                        yield name, member.read() if member else b""
        except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise ValueError(f"{named(place)} has changed while it was read ({named(str(error), 100)}): try again") from None
    if wanted:
        raise ValueError(f"{named(place)}: {', '.join(wanted.values())} is not in this archive: get the original archive again")


def _checked(place: Path, official: Official) -> BinaryIO:
    """The archive, open. Raises ValueError when it is another one: nothing in it has been looked at then."""
    file = open_regular(place)
    try:
        size = os.fstat(file.fileno()).st_size
        what = "" if size == official.size else f"it has {size:,} bytes instead of {official.size:,}"
        if not what and (sha256 := digest_of(file)) != official.sha256:
            what = f"its SHA-256 begins with {sha256[:12]} instead of {official.sha256[:12]}"
        if what:
            raise ValueError(
                f"{named(place)} is not the official archive ({what}): get it from {official.address}, or unpack yours and name "
                "its folder"
            )
    except BaseException:
        file.close()
        raise
    return file
