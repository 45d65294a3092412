"""Content kept from one process to the next, each file sealed by a SHA-256: what is damaged is not used, but made anew.

Nothing here ends a computation: where something cannot be read or written a line says so once, and it is done without.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from netbp.files import NotReadError, open_regular, remove_litter, write_atomically
from netbp.notices import tell

MARK = b"netbp, sealed by SHA-256, 1\n"
START = len(MARK) + hashlib.sha256().digest_size
LARGEST = 2**30
NO_FILE = {errno.EACCES, errno.EPERM, errno.ELOOP, errno.ENXIO, errno.EISDIR}
"""What it means that something else stands at a file's place."""


class Sealed(NamedTuple):
    """Files in a folder of the user's own.

    what: they are, in the plural. folder: gives the folder, made anew if need be, or raises OSError. most: bytes that all of them
    may take together; those used longest ago are removed first.
    """

    what: str
    folder: Callable[[], Path]
    most: int

    def load(self, name: str) -> bytes | None:
        """What was kept under the name, or None: there is nothing, or nothing that can be used, which is then removed."""
        try:
            path = self.folder() / name
            return _opened(path)
        except FileNotFoundError:  # never kept, or removed by another process meanwhile; a folder that is missing, `save` tells
            return None
        except (OSError, MemoryError) as error:
            if isinstance(error, NotSoundError):
                self.discard(name, _reason(error))
            else:
                self.without(error)
            return None

    def save(self, name: str, content: bytes) -> None:
        """Keep the content under the name, if that can be done; make room first."""
        try:
            folder = self.folder()
            self._make_room(folder, len(content))
            write_atomically(folder / name, _closed(name, content))
            os.chmod(folder / name, 0o600)  # whatever the umask is, for `_opened` takes nothing that others may write
        except (OSError, MemoryError) as error:
            self.without(error)

    def discard(self, name: str, reason: str) -> None:
        """Remove what was kept under the name, which is made anew, and say so."""
        tell(f"{self.what} that were kept on the disk are damaged, and made anew ({reason})", about=f"damaged: {self.what}")
        with contextlib.suppress(OSError):
            path = self.folder() / name
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()

    def without(self, error: Exception) -> None:
        """Say once that nothing is kept, and why."""
        tell(f"{self.what} are not kept on the disk, so that each process makes its own: {_reason(error)}", about=self.what)

    def _make_room(self, folder: Path, size: int) -> None:
        remove_litter(folder)
        found = []
        with os.scandir(folder) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    now = entry.stat(follow_symlinks=False)
                    found.append((now.st_mtime_ns, now.st_size, entry.path))
        total = size + sum(entry[1] for entry in found)
        for _, taken, path in sorted(found):
            if total <= self.most:
                break
            with contextlib.suppress(OSError):
                os.unlink(path)
                total -= taken


class NotSoundError(OSError):
    """A file is not as it was written."""


def _closed(name: str, content: bytes) -> list[bytes]:
    """The pieces of the file."""
    return [MARK, hashlib.sha256(name.encode() + b"\0" + content).digest(), content]


def _opened(path: Path) -> bytes:
    """The content of a file. Raises NotSoundError where it is not whole or could have been written by others."""
    try:
        with open_regular(path, LARGEST) as file:
            found = os.fstat(file.fileno())
            if os.name == "posix" and (found.st_uid != os.geteuid() or found.st_mode & 0o022):
                raise NotSoundError(errno.EPERM, f"{path.name} could have been written by others")
            written = file.read(LARGEST + 1)
    except NotSoundError:
        raise
    except NotReadError as error:
        raise NotSoundError(errno.EINVAL, _reason(error)) from None
    except OSError as error:
        if error.errno not in NO_FILE:
            raise
        raise NotSoundError(error.errno, f"{path.name}: {error.strerror}") from None
    content = written[START:]
    if written != b"".join(_closed(path.name, content)):
        raise NotSoundError(errno.EINVAL, f"{path.name} is not as it was written")
    with contextlib.suppress(OSError):
        os.utime(path)  # used now
    return content


def _reason(error: Exception) -> str:
    text = str(getattr(error, "strerror", None) or error) or type(error).__name__
    return " ".join(text.split())
