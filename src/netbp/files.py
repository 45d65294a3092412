"""Files that are written whole or not at all, and regular files read up to a known size."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextvars import ContextVar
from functools import cache
from typing import BinaryIO

from netbp.messages import named as named  # noqa: PLC0414, for those who read files

PIECE = 2**20
"""Bytes that are read at a time where nothing says how many there are."""

REMEDIES = {
    errno.EFBIG: "it is larger than a file may be here (see ulimit -f): choose another disk, or raise the limit",
    errno.ENOSPC: "the disk is full: make room or choose another disk",
    errno.EDQUOT: "the disk quota is used up: make room or choose another disk",
    errno.EROFS: "the file system is read-only: choose another folder",
    errno.EACCES: "the folder may not be written to: change its permissions or choose another",
    errno.EPERM: "the folder may not be written to: change its permissions or choose another",
    errno.ENOENT: "the folder does not exist: create it first",
    errno.ENOTDIR: "a part of the path is a file, not a folder: choose another path",
    errno.EISDIR: "it is a folder: give the name of a file",
    errno.ENAMETOOLONG: "the name is too long: choose a shorter one",
}


UNABLE = {errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EBADF, errno.EACCES, errno.EPERM}
"""How file systems say that they do not flush files or folders: those of some networks, of virtual machines and of FUSE."""


KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


TEMPORARY = re.compile(r"\.netbp-(?P<machine>[0-9a-f]{8})-(?P<process>[0-9]{1,10})-[0-9a-f]{16}\.tmp")
DAY = 86_400.0


_protected: ContextVar[Mapping[tuple[int, int], str]] = ContextVar("protected")


class NotWrittenError(OSError):
    """A file could not be written; what stood there before is untouched."""


class NotReadError(OSError):
    """What a path names is not read: no regular file, or a larger one than makes sense."""

    def __str__(self) -> str:
        return str(self.strerror)


def open_regular(path: str | os.PathLike[str], largest: int | None = None) -> BinaryIO:
    """Open a regular file for reading bytes; a symbolic link to one will do.

    A pipe, a device or a folder is refused without waiting for it or reading from it, and so is a file of the kernel's that says
    it is empty: some never end. largest: the most bytes that the file may hold. Raises NotReadError where it is no regular file or
    a larger one, and OSError where it cannot be opened.
    """
    if "\0" in os.fsdecode(path):
        raise NotReadError(errno.EINVAL, f"{named(path)} cannot be read: the name holds a NUL character")
    _check_regular(path, os.stat(path), largest)  # before it is opened, for opening some devices already does something
    # O_NONBLOCK: opening what has meanwhile become a pipe that nobody writes to does not wait
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        found = os.fstat(descriptor)
        _check_regular(path, found, largest)
        if found.st_size == 0 and _first(path, descriptor):  # a file of the kernel's, of which some never end
            raise NotReadError(errno.EINVAL, f"{named(path)} says that it is empty, but is not: give the name of a regular file")
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def _first(path: str | os.PathLike[str], descriptor: int) -> bytes:
    """The first byte of a file, b"" of an empty one; the next reader has it, too."""
    try:
        first = os.read(descriptor, 1)
        os.lseek(descriptor, 0, os.SEEK_SET)
    except OSError as error:
        raise NotReadError(error.errno, f"{named(path)} cannot be read: {error.strerror}") from None
    return first


def _check_regular(path: str | os.PathLike[str], found: os.stat_result, largest: int | None) -> None:
    kind = stat.S_IFMT(found.st_mode)
    if kind != stat.S_IFREG:
        what = KINDS.get(kind, "no regular file")
        raise NotReadError(errno.EINVAL, f"{named(path)} is {what}: give the name of a regular file")
    if largest is not None and found.st_size > largest:
        raise NotReadError(errno.EFBIG, f"{named(path)} holds {found.st_size:,} bytes, but no more than {largest:,} are read here")


def read_regular(path: str | os.PathLike[str], largest: int | None = None) -> bytes:
    """The bytes of a regular file, at most `largest` of them, however it grows meanwhile. Raises as `open_regular` does."""
    pieces: list[bytes] = []
    with open_regular(path, largest) as file:
        length = os.fstat(file.fileno()).st_size + 1  # one more than there should be, but not `largest`: room for it is made first
        while True:
            pieces.append(file.read(length))
            if largest is not None and sum(map(len, pieces)) > largest:
                raise NotReadError(errno.EFBIG, f"{named(path)} holds more than {largest:,} bytes, the most that are read here")
            if len(pieces[-1]) < length:
                return pieces[0] if len(pieces) == 1 else b"".join(pieces)
            length = PIECE  # it grows


def write_atomically(path: str | os.PathLike[str], content: bytes | Iterable[bytes | memoryview]) -> None:
    """Write content to path so that at any moment, killed or not, path holds the old file or the new one, whole.

    content: all of it, or its pieces, one after the other. A temporary file with a name of its own in the same folder is written,
    flushed to the disk (fsync) and renamed; the folder is flushed too. An existing file's mode bits stay; a symbolic link stays
    and its target is replaced. Raises NotWrittenError.
    """
    try:
        target = _target(path)
        temporary = _temporary_beside(target, content)
        try:
            os.replace(temporary, target)
        except OSError:
            _discard(temporary)
            raise
        _flush_folder(os.path.dirname(target))
    except OSError as error:
        raise _not_written(path, error) from None


@contextlib.contextmanager
def protected(paths: Iterable[str | os.PathLike[str]]) -> Iterator[None]:
    """While this lasts, refuse to write to the files at these paths, by whatever other name or link; what is not there, is not."""
    found = dict(_protected.get({}))
    for path in paths:
        with contextlib.suppress(OSError, ValueError):
            found[_identity(path)] = os.fspath(path)
    token = _protected.set(found)
    try:
        yield
    finally:
        _protected.reset(token)


def same_place(one: str | os.PathLike[str], other: str | os.PathLike[str]) -> bool:
    """Whether two paths name the same file, one that is there or one to come."""
    with contextlib.suppress(OSError, ValueError):
        return os.path.samefile(one, other)
    with contextlib.suppress(OSError, ValueError):
        return os.path.normcase(os.path.realpath(one)) == os.path.normcase(os.path.realpath(other))
    return False


def _identity(path: str | os.PathLike[str]) -> tuple[int, int]:
    """The device and the number of the file there: the same by every name that it has."""
    found = os.stat(path)
    return found.st_dev, found.st_ino


def check_writable(path: str | os.PathLike[str]) -> None:
    """Raise NotWrittenError where `write_atomically` could not write to path: an error before any work.

    What killed processes have left there is removed.
    """
    try:
        target = _target(path)
        remove_litter(os.path.dirname(target))
        _discard(_temporary_beside(target, b""))
    except OSError as error:
        raise _not_written(path, error) from None


def remove_litter(folder: str | os.PathLike[str]) -> None:
    """Remove what killed processes of this user have left in the folder of files that they were writing; nothing that still is.

    Of other machines' processes, and other containers', only what has not changed for a day.
    """
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            name = TEMPORARY.fullmatch(entry.name) if entry.name.startswith(".netbp-") else None
            with contextlib.suppress(OSError):  # also where the system refuses to remove open files
                if name is not None and _left(entry.stat(follow_symlinks=False), name["machine"], int(name["process"])):
                    os.unlink(entry.path)


def _left(found: os.stat_result, machine: str, process: int) -> bool:
    """Whether nobody writes any more to a temporary file."""
    if os.name != "posix":
        return True
    if found.st_uid != os.geteuid():
        return False
    if machine != _machine():
        return time.time() - found.st_mtime > DAY
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return True
    except OSError:
        return False
    return False


@cache
def _machine() -> str:
    """Among which processes a process's number is unique: those of this machine since it was started, in this container."""
    told = os.uname().nodename if hasattr(os, "uname") else ""
    with contextlib.suppress(OSError):
        told += os.readlink("/proc/self/ns/pid")
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            told += file.read()
    return f"{zlib.crc32(told.encode()):08x}"


def _target(path: str | os.PathLike[str]) -> str:
    if "\0" in os.fspath(path):
        raise OSError(errno.EINVAL, "the name holds a NUL character: choose another")
    target = os.path.realpath(os.fspath(path))
    if stat.S_ISDIR(_mode(target) or 0):
        raise OSError(errno.EISDIR, "it is a folder")
    kept = _protected.get({})
    if kept and os.path.exists(target) and (other := kept.get(_identity(target))) is not None:
        also = "it" if other == os.fspath(path) else f"{other!r}, which is the same file,"
        raise OSError(errno.EEXIST, f"{also} is read by this command: give another name")
    return target


def _mode(target: str) -> int | None:
    """The mode of what stands at target, or None when nothing does."""
    try:
        return os.stat(target).st_mode
    except FileNotFoundError:
        return None


def _temporary_beside(target: str, content: bytes | Iterable[bytes | memoryview]) -> str:
    """A finished temporary file in target's folder, with target's mode bits where target exists."""
    temporary = os.path.join(os.path.dirname(target), f".netbp-{_machine()}-{os.getpid()}-{os.urandom(8).hex()}.tmp")
    mode = _mode(target)
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0)
    descriptor = os.open(temporary, flags, 0o666 if mode is None else 0o600)  # never open to more than what it replaces
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.writelines([content] if isinstance(content, bytes) else content)
            file.flush()
            _flush(file.fileno())
        if mode is not None:
            os.chmod(temporary, stat.S_IMODE(mode))
    except BaseException:  # also KeyboardInterrupt: leave no litter
        _discard(temporary)
        raise
    return temporary


def _flush_folder(folder: str) -> None:
    if os.name != "posix":  # elsewhere a folder cannot be opened
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:  # one may write into a folder that one may not read
        return
    try:
        _flush(descriptor)
    finally:
        os.close(descriptor)


def _flush(descriptor: int) -> None:
    """Flush to the disk where the file system can do that."""
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in UNABLE:
            raise


def _discard(temporary: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(temporary)


def _not_written(path: str | os.PathLike[str], error: OSError) -> NotWrittenError:
    reason = REMEDIES.get(error.errno or 0, error.strerror or str(error))
    return NotWrittenError(error.errno, f"cannot write {str(path)!r}: {reason}; what stood there before is untouched")
