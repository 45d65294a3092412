"""A file that only one process writes at a time: who comes second is told, before any work.

The lock is the system's, on a small file beside the one that is written, so it ends with its process however that ends, and a file
that a killed process has left is no obstacle. Processes on different machines see each other's locks where the file system hands
them on, as NFS from version 4 does.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
import time
from collections.abc import Iterator
from contextvars import ContextVar

from netbp.files import NotWrittenError
from netbp.messages import named
from netbp.notices import tell

TAKEN = {errno.EACCES, errno.EAGAIN, errno.EWOULDBLOCK, errno.EDEADLK}
"""How systems say that another process has a lock."""
NOWHERE = {errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG}
"""What it means that a file cannot be at a place at all, which whoever writes it says."""
LONGEST, TRIES, TOLD = 200, 10, 200
FAR = 2**30  # on Windows a lock shuts others out of reading, too: it lies where nothing is written

_held: ContextVar[frozenset[str]] = ContextVar("held", default=frozenset())


class InUseError(NotWrittenError):
    """Another process writes the file."""


@contextlib.contextmanager
def alone(path: str | os.PathLike[str] | None) -> Iterator[None]:
    """While this lasts, nobody else who asks in this way writes the file at path; within it, it may be asked again. None: no file.

    Raises InUseError where somebody does so already. Where nothing can be locked it goes on without, and says so once.
    """
    target = None if path is None or "\0" in os.fspath(path) else os.path.realpath(path)
    if target is None or target in _held.get():
        yield
        return
    descriptor, place = _taken(target, os.fspath(path or ""))
    token = _held.set(_held.get() | {target})
    try:
        yield
    finally:
        _held.reset(token)
        if descriptor is not None:
            _let_go(descriptor, place)


def lock_of(target: str) -> str:
    """The file beside `target` that is locked for it."""
    folder, name = os.path.split(target)
    if len(os.fsencode(name)) > LONGEST:
        name = hashlib.sha256(os.fsencode(name)).hexdigest()
    return os.path.join(folder, f".{name}.lock")


def _taken(target: str, path: str) -> tuple[int | None, str]:
    """The lock's descriptor, None where there is none to be had, and its file. Raises InUseError."""
    place = lock_of(target)
    for _ in range(TRIES):
        try:
            descriptor = _opened(place)
        except OSError as error:
            if error.errno not in NOWHERE:
                _without(path, error)
            return None, place
        try:
            _lock(descriptor)
        except OSError as error:
            who = _who(descriptor)
            os.close(descriptor)
            if error.errno in TAKEN:
                raise InUseError(
                    error.errno, f"{named(path)} is being written by {who}: wait for it, or give another name"
                ) from None
            _without(path, error)
            return None, place
        if _is_still(descriptor, place):
            _sign(descriptor)
            return descriptor, place
        os.close(descriptor)  # whoever had the lock has removed its file meanwhile
    raise InUseError(errno.EAGAIN, f"{named(path)} is being written by others: wait for them, or give another name")


def _opened(place: str) -> int:
    """The lock's file, made where there is none; of another user's it is enough to read it."""
    flags = os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        descriptor = os.open(place, flags | os.O_RDWR, 0o644)
    except PermissionError:
        descriptor = os.open(place, (flags | os.O_RDONLY) & ~os.O_CREAT)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.ENOTSUP, f"{named(place)} is no regular file")
    return descriptor


def _lock(descriptor: int) -> None:
    if os.name == "posix":
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    else:
        import msvcrt

        os.lseek(descriptor, FAR, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]


def _is_still(descriptor: int, place: str) -> bool:
    """Whether the locked file is the one that others find at its place."""
    with contextlib.suppress(OSError):
        return os.path.samestat(os.fstat(descriptor), os.stat(place))
    return False


def _sign(descriptor: int) -> None:
    """Write into the lock's file who has it, for the line that others read."""
    import platform

    with contextlib.suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.lseek(descriptor, 0, os.SEEK_SET)
        clock = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime())
        os.write(descriptor, f"process {os.getpid()} on {platform.node() or 'this machine'} since {clock}\n".encode())


def _who(descriptor: int) -> str:
    """Who has the lock, as its file says."""
    with contextlib.suppress(OSError):
        os.lseek(descriptor, 0, os.SEEK_SET)
        told = os.read(descriptor, TOLD).decode(errors="replace").strip()
        if told.startswith("process "):
            return named(told)
    return "another process"


def _let_go(descriptor: int, place: str) -> None:
    """Remove the lock's file while it is still locked, so that nobody can have locked it; then the lock."""
    if os.name == "posix":
        with contextlib.suppress(OSError):
            os.unlink(place)
        os.close(descriptor)
    else:  # an open file cannot be removed
        os.close(descriptor)
        with contextlib.suppress(OSError):
            os.unlink(place)


def _without(path: str, error: OSError) -> None:
    reason = error.strerror or str(error)
    tell(f"{named(path)} cannot be locked ({reason}): see to it yourself that no other process writes it", about="locks")
