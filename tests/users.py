"""Tests as another user: what a root can try in its own process."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

SOMEBODY, MALLORY = 54321, 54322  # users and groups that no machine has
ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
posix = pytest.mark.skipif(os.name != "posix", reason="elsewhere the rights of the user's profile are relied on")
as_root = pytest.mark.skipif(not ROOT, reason="only root can make what belongs to others")


@contextlib.contextmanager
def user(number: int | None) -> Iterator[None]:
    """Meanwhile this process has another user's rights; None: its own. Modules must have been imported before."""
    if number is None:
        yield
        return
    groups = os.getgroups()
    os.setgroups([])
    os.setegid(number)
    os.seteuid(number)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)


@contextlib.contextmanager
def open_place() -> Iterator[Path]:
    """A folder that every user can reach, and where each may put things of his own."""
    place = Path(os.path.realpath(tempfile.mkdtemp(prefix="netbp-test-")))
    place.chmod(0o1777)
    try:
        yield place
    finally:
        shutil.rmtree(place)


def given_to(number: int, path: Path) -> Path:
    """The same path, which now belongs to that user, with all that is in it."""
    for inside in [path, *(path.rglob("*") if path.is_dir() and not path.is_symlink() else [])]:
        os.chown(inside, number, number, follow_symlinks=False)
    return path
