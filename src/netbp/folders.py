"""Folders of the user's own, in which nobody else but root can put, change or exchange anything.

What is kept from one process to the next is executed (machine code) or believed (numbers), so it lies in such a folder or nowhere.
Elsewhere than on POSIX systems the rights of the user's profile are relied on.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

OTHERS, GROUP = stat.S_IWOTH, stat.S_IWGRP
MOST_LINKS = 40
REMEDY = "set NETBP_CACHE to a folder of your own"


class NotPrivateError(OSError):
    """Somebody else could put something into a folder, or another folder into its place."""


def cache_folder() -> Path:
    """Where downloads and computed data are kept: $NETBP_CACHE, or else the user's cache for netbp. It need not exist.

    Raises FileNotFoundError where it cannot be known: no $NETBP_CACHE, and no home.
    """
    own = os.environ.get("NETBP_CACHE")
    if own:
        return Path(own)
    from platformdirs import user_cache_path

    try:
        folder = user_cache_path("netbp", appauthor=False)
    except RuntimeError:  # so say later versions of platformdirs; earlier ones leave ~ as it is
        folder = Path("~")
    if not folder.is_absolute():
        raise FileNotFoundError(errno.ENOENT, f"there is no home folder, and so no cache: {REMEDY}")
    return folder


def state_folder() -> Path:
    """Where a run is kept that could not be saved at its own place: the user's state for netbp. It need not exist.

    Raises FileNotFoundError where there is no home.
    """
    from platformdirs import user_state_path

    folder = Path("~")
    with contextlib.suppress(RuntimeError):
        folder = user_state_path("netbp", appauthor=False)
    if not folder.is_absolute():
        raise FileNotFoundError(errno.ENOENT, "there is no home folder")
    return folder


def private_folder(folder: str | os.PathLike[str]) -> Path:
    """The folder, without links on the way to it; where it is missing it is made, and what leads to it, with mode 0700.

    It belongs to this process's user and is closed to everybody else, and every folder on the way is such that nobody but this
    user and root can exchange what lies in it. Raises NotPrivateError, or another OSError where it cannot be made.
    """
    path = os.path.abspath(folder)
    if os.name != "posix":
        os.makedirs(path, exist_ok=True)
        return Path(path)
    path = _reached(path, make=True)
    found = os.stat(path)
    if found.st_uid != os.geteuid():
        raise _not_private(path, "belongs to another user")
    if _open_to_others(path, found):
        raise _not_private(path, "can be written to by others")
    if found.st_mode & 0o077:
        os.chmod(path, 0o700)
    return Path(path)


def temporary_folder() -> str:
    """Where temporary files may lie: the system's folder for them, or one in the user's cache where others could exchange them.

    Raises OSError where there is neither.
    """
    if os.name != "posix":
        return tempfile.gettempdir()
    try:
        return _reached(tempfile.gettempdir(), make=False)
    except OSError:
        return str(private_folder(cache_folder() / "temporary"))


@contextlib.contextmanager
def for_workers() -> Iterator[dict[str, str]]:
    """Meanwhile joblib's workers start so that nobody else can reach into them; given are the options for its Parallel.

    They import nothing from the folder where the command happens to run, and pickled arrays lie where nobody can exchange them.
    """
    before = os.environ.get("PYTHONSAFEPATH")
    os.environ["PYTHONSAFEPATH"] = "1"
    try:
        yield _options()
    finally:
        os.environ.pop("PYTHONSAFEPATH") if before is None else os.environ.update(PYTHONSAFEPATH=before)


def _options() -> dict[str, str]:
    """Nothing, unless others could exchange the arrays where joblib would put them."""
    if os.name == "posix":
        for chosen in (os.environ.get("JOBLIB_TEMP_FOLDER", "/dev/shm"), tempfile.gettempdir()):
            try:
                _reached(os.path.abspath(os.path.expanduser(chosen)), make=False)
            except FileNotFoundError:
                continue
            except OSError:
                return {"temp_folder": temporary_folder()}
    return {}


def _reached(path: str, make: bool) -> str:
    """The same folder without links. Raises NotPrivateError where others could exchange a part of the way to it."""
    here, ahead, links = "/", path.split("/")[::-1], 0
    _check(here, os.lstat(here))
    while ahead:
        part = ahead.pop()
        if part in ("", "."):
            continue
        if part == "..":
            here = os.path.dirname(here)
            continue
        place = os.path.join(here, part)
        try:
            found = os.lstat(place)
        except FileNotFoundError:
            if not make:
                raise
            with contextlib.suppress(FileExistsError):  # another process was faster: what it made is looked at as any other
                os.mkdir(place, 0o700)
            found = os.lstat(place)
        if stat.S_ISLNK(found.st_mode):
            links += 1
            if links > MOST_LINKS:
                raise OSError(errno.ELOOP, f"{place!r} leads through too many links: {REMEDY}")
            if found.st_uid not in (0, os.geteuid()):
                raise _not_private(place, "is a link that another user has put there")
            target = os.readlink(place)
            here = "/" if target.startswith("/") else here
            ahead += target.split("/")[::-1]
            continue
        _check(place, found)
        here = place
    return here


def _check(place: str, found: os.stat_result) -> None:
    """Raise unless only this user and root can exchange what they have put into the folder."""
    if not stat.S_ISDIR(found.st_mode):
        raise NotADirectoryError(errno.ENOTDIR, f"{place!r} is a file, but should be a folder: {REMEDY}")
    if found.st_uid not in (0, os.geteuid()):
        raise _not_private(place, "belongs to another user")
    if not found.st_mode & stat.S_ISVTX and _open_to_others(place, found):
        raise _not_private(place, "can be written to by others")


def _open_to_others(place: str, found: os.stat_result) -> bool:
    """Whether others can write to the folder: a group does not count in which its owner is alone, as on many systems."""
    if found.st_mode & OTHERS:
        return True
    return bool(found.st_mode & GROUP) and not (_alone(found.st_uid, found.st_gid) and _plain_rights(place))


def _alone(user: int, group: int) -> bool:
    """Whether the group is the user's and nobody else is in it, as far as the system lists its users, or the group's name tells."""
    import grp
    import pwd

    try:
        account, members = pwd.getpwuid(user), grp.getgrgid(group)
    except KeyError:
        return False
    if account.pw_gid != group or set(members.gr_mem) - {account.pw_name}:
        return False
    listed = {entry.pw_uid for entry in pwd.getpwall() if entry.pw_gid == group}  # a directory service may list nobody
    return listed <= {user} and (user in listed or members.gr_name == account.pw_name)


def _plain_rights(place: str) -> bool:
    """Whether nobody has rights beside owner, group and others: the group's bits stand for the widest right of an access list."""
    try:
        return not any("acl" in name for name in os.listxattr(place))
    except (AttributeError, OSError):  # no such lists here
        return True


def _not_private(place: str, what: str) -> NotPrivateError:
    return NotPrivateError(errno.EACCES, f"{place!r} {what}: {REMEDY}")
