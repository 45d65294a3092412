"""Atomic writing, and the format of a run's file: nothing damaged, foreign or hostile is taken for a run."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pytest

from netbp import files
from netbp.files import NotReadError, NotWrittenError, check_writable, open_regular, read_regular, write_atomically
from netbp.runfile import DIGITS, SEAL, RunFileError, pack, read, unpack
from users import MALLORY, as_root, given_to

ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
ARRAYS = {"p": np.arange(3.0), "memory.u": np.zeros((2, 2)), "empty": np.empty((0, 4)), "scalar": np.array(7)}


# -- open_regular, read_regular ------------------------------------------------------------------------------------------


def test_a_regular_file_is_read_also_through_a_link(tmp_path: Path) -> None:
    path, link = tmp_path / "file", tmp_path / "link"
    path.write_bytes(b"seven..")
    link.symlink_to(path)
    for name in (path, link, str(path)):
        assert read_regular(name) == read_regular(name, 7) == b"seven.."
        with pytest.raises(NotReadError, match="holds 7 bytes, but no more than 6"):
            read_regular(name, 6)
    with pytest.raises(FileNotFoundError):
        read_regular(tmp_path / "missing")


def special(tmp_path: Path) -> dict[str, Path]:
    """What is no regular file, by the word for it."""
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link").symlink_to(tmp_path / "fifo")
    with contextlib.chdir(tmp_path), socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
    return {
        "a pipe": tmp_path / "fifo",
        "is a pipe": tmp_path / "link",
        "a folder": tmp_path,
        "a device": Path("/dev/zero"),
        "is a device": Path("/dev/null"),
    }


@pytest.mark.skipif(os.name != "posix", reason="pipes and devices with names")
def test_what_is_no_regular_file_is_refused_without_waiting(tmp_path: Path) -> None:
    for word, path in special(tmp_path).items():
        for read_it in (open_regular, read_regular, lambda path: read_regular(path, 10)):
            with pytest.raises(NotReadError, match=word):
                read_it(path)
    with pytest.raises(OSError, match="socket"):  # the system itself does not open one
        read_regular(tmp_path / "socket")
    with pytest.raises(NotReadError, match="NUL"):
        read_regular("a\0b")


@pytest.mark.parametrize("name", ["maps", "pagemap", "mem", "environ"])
def test_files_of_the_kernel_are_refused(name: str) -> None:
    """They are regular and say that they are empty; of pagemap more comes than there is memory."""
    path = Path("/proc/self", name)
    if not path.exists():
        pytest.skip("there is no /proc")
    for read_it in (open_regular, read_regular, lambda path: read_regular(path, 10)):
        with pytest.raises(NotReadError, match=rf"/proc/self/{name} (says that it is empty, but is not|cannot be read)"):
            read_it(path)


def test_a_file_that_grows_while_it_is_read_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, opened = tmp_path / "file", open_regular
    path.write_bytes(b"seven..")

    def growing(name: Path, largest: int | None = None) -> BinaryIO:
        file, before = opened(name, largest), os.fstat
        monkeypatch.setattr(os, "fstat", lambda descriptor: path.write_bytes(b"seven.." * 10**6) and older)
        older = before(file.fileno())
        return file

    monkeypatch.setattr(files, "open_regular", growing)
    with pytest.raises(NotReadError, match="more than 10 bytes"):
        read_regular(path, 10)
    monkeypatch.undo()
    monkeypatch.setattr(files, "open_regular", growing)
    path.write_bytes(b"seven..")
    assert read_regular(path) == read_regular(path, 2**62) == b"seven.." * 10**6


# -- what killed processes leave -----------------------------------------------------------------------------------------


def dead() -> int:
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@pytest.mark.skipif(os.name != "posix", reason="elsewhere open files cannot be removed")
def test_what_killed_processes_leave_is_removed_and_nothing_else(tmp_path: Path) -> None:
    here, ended, letters = files._machine(), dead(), "0123456789abcdef"
    another = f"{int(here, 16) ^ 1:08x}"
    left = [f".netbp-{here}-{ended}-{letters}.tmp", f".netbp-{here}-9999999999-{letters}.tmp", f".netbp-{another}-1-{letters}.tmp"]
    stays = [
        f".netbp-{here}-{os.getpid()}-{letters}.tmp",
        f".netbp-{here}-1-{letters}.tmp",  # another user's, or root's own
        f".netbp-{another}-{ended}-{letters}.tmp",  # a process there may have that number
        f".netbp-{here}-{ended}-{letters}.tmp.npz",
        f"netbp-{here}-{ended}-{letters}.tmp",
        "run.npz",
    ]
    for name in left + stays:
        (tmp_path / name).write_text("half")
    (tmp_path / f".netbp-{here}-{ended}-{letters[::-1]}.tmp").mkdir()
    os.utime(tmp_path / left[-1], (0, time.time() - 2 * files.DAY))
    check_writable(tmp_path / "run.npz")
    assert sorted(os.listdir(tmp_path)) == sorted([*stays, f".netbp-{here}-{ended}-{letters[::-1]}.tmp"])


@as_root
def test_another_users_files_stay(tmp_path: Path) -> None:
    name = f".netbp-{files._machine()}-{dead()}-0123456789abcdef.tmp"
    given_to(MALLORY, tmp_path)
    (tmp_path / name).write_text("half")
    given_to(MALLORY, tmp_path / name)
    files.remove_litter(tmp_path)
    assert litter(tmp_path) == [tmp_path / name]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_killed_write_is_removed_by_the_next(tmp_path: Path) -> None:
    code = f"""
import os, signal
from netbp.files import write_atomically
def pieces():
    yield b"half"
    os.kill(os.getpid(), signal.SIGKILL)
write_atomically({os.fspath(tmp_path / "run.npz")!r}, pieces())
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -signal.SIGKILL
    assert len(litter(tmp_path)) == 1
    check_writable(tmp_path / "run.npz")
    assert litter(tmp_path) == []


# -- write_atomically ----------------------------------------------------------------------------------------------------


def litter(folder: Path) -> list[Path]:
    return list(folder.glob(".netbp-*"))


def test_what_is_written_is_there_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a run.npz"
    for content in (b"one", b"", b"two" * 10_000):
        write_atomically(path, content)
        assert path.read_bytes() == content
    assert os.listdir(tmp_path) == ["a run.npz"]


def test_mode_bits_and_links_stay(tmp_path: Path) -> None:
    path, link = tmp_path / "file", tmp_path / "link"
    write_atomically(path, b"1")
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask
    path.chmod(0o640)
    link.symlink_to(path)
    write_atomically(link, b"2")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert link.is_symlink()
    assert path.read_bytes() == b"2"


@pytest.mark.parametrize("write", [lambda path: write_atomically(path, b"new"), check_writable])
def test_places_that_cannot_be_written_are_told_in_one_line(tmp_path: Path, write: Callable[[Any], None]) -> None:
    (tmp_path / "file").write_bytes(b"old")
    cases = {
        tmp_path / "missing" / "run.npz": "create it first",
        tmp_path / "file" / "run.npz": "is a file, not a folder|create it first",
        tmp_path: "is a folder",
        tmp_path / ("n" * 300): "too long",
        Path("a\0b"): "NUL",
    }
    for path, words in cases.items():
        with pytest.raises(NotWrittenError, match=words) as caught:
            write(path)
        assert "\n" not in str(caught.value)
    assert (tmp_path / "file").read_bytes() == b"old"
    assert litter(tmp_path) == []


@pytest.mark.skipif(ROOT, reason="root may write anywhere")
def test_a_read_only_folder_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(NotWrittenError, match="may not be written"):
            write_atomically(tmp_path / "file", b"")
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.parametrize("step", ["fsync", "replace", "chmod"])
@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), OSError(30, "Read-only file system"), KeyboardInterrupt()]
)
def test_a_failure_at_any_moment_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, error: BaseException
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def fail(*args: Any) -> None:
        raise error

    monkeypatch.setattr(files.os, step, fail)
    with pytest.raises((NotWrittenError, KeyboardInterrupt)) as caught:
        write_atomically(path, b"new")
    if isinstance(error, OSError):
        assert "untouched" in str(caught.value)
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    if isinstance(error, OSError) or step != "replace":
        assert litter(tmp_path) == []


def test_several_writers_leave_one_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    contents = [bytes([65 + i]) * 50_000 for i in range(4)]

    def write(content: bytes) -> None:
        for _ in range(10):
            write_atomically(path, content)
            assert path.read_bytes() in contents

    writers = [threading.Thread(target=write, args=(content,)) for content in contents]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert path.read_bytes() in contents
    assert litter(tmp_path) == []


# -- the format ----------------------------------------------------------------------------------------------------------


def test_a_file_gives_back_what_it_was_given_and_numpy_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "run.npz"
    path.write_bytes(pack({"step": 2**70, "text": "ä"}, ARRAYS))
    header, arrays = read(path)
    assert (header["step"], header["text"]) == (2**70, "ä")
    assert arrays.keys() == ARRAYS.keys()
    with np.load(path, allow_pickle=False) as loaded:
        for name, array in ARRAYS.items():
            np.testing.assert_array_equal(arrays[name], array)
            np.testing.assert_array_equal(loaded[name], array)
            assert arrays[name].dtype == array.dtype
            assert arrays[name].flags.writeable
    assert pack({}, ARRAYS) == pack({}, ARRAYS)


def test_every_truncation_and_every_flipped_bit_is_refused() -> None:
    content = pack({}, {"p": np.arange(3.0)})
    for length in range(len(content)):
        with pytest.raises(RunFileError):
            unpack(content[:length])
    rng = np.random.default_rng(0)
    for at in rng.permutation(8 * len(content))[:2000]:
        flipped = bytearray(content)
        flipped[at // 8] ^= 1 << (at % 8)
        with pytest.raises(RunFileError):
            unpack(bytes(flipped))
    for more in (b"\0", content):
        with pytest.raises(RunFileError):
            unpack(content + more)


def sealed(members: dict[str, bytes], compression: int = zipfile.ZIP_STORED, **header: Any) -> bytes:
    """A hostile file whose seal is right."""
    described = {"format": "netbp run", "version": 1, "arrays": sorted(members), **header}
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        archive.comment = SEAL + b"0" * DIGITS
        for name, content in {"header": npy(np.frombuffer(json.dumps(described).encode(), np.uint8)), **members}.items():
            archive.writestr(zipfile.ZipInfo(name + ".npy"), content, compression)
    content = stream.getvalue()[:-DIGITS]
    return content + hashlib.sha256(content).hexdigest().encode()


def npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=True)
    return stream.getvalue()


def claiming(shape: str) -> bytes:
    """An .npy whose header claims a shape."""
    text = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode() + b"\0" * 16


def saved_by_numpy(**arrays: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"hello", "zip archive"),
        (sealed({}, version=2), "version 2"),
        (saved_by_numpy(a=np.ones(3)), "is not a run of netbp: it has neither"),
        (saved_by_numpy(p=np.ones(3), costs=np.ones(4)), "is not a run of netbp: it has neither"),
        (sealed({"p": npy(np.ones(2))})[-80:-1] + b"_", "zip archive"),
        (b"PK\x03\x04" + bytes(30) + sealed({"p": npy(np.ones(2))})[-80:-1] + b"_", "damaged or cut short"),
        (sealed({}, version=None), "version None"),
        (sealed({}, format="other"), "not a run"),
        (sealed({"p": npy(np.ones(2))}, arrays=[]), "arrays that its header names"),
        (sealed({"../p": npy(np.ones(2))}), "name"),
        (sealed({"a/b": npy(np.ones(2))}), "name"),
        (sealed({"p\0q": npy(np.ones(2))}), "name"),
        (sealed({"": npy(np.ones(2))}), "name"),
        (sealed({"p": npy(np.ones(2))}, zipfile.ZIP_DEFLATED), "claims"),
        (sealed({"p": npy(np.array([{}], dtype=object))}), "numbers only"),
        (sealed({"p": npy(np.array(["text"]))}), "numbers only"),
        (sealed({"p": claiming("(2,)")}), None),
        (sealed({"p": claiming("(3,)")}), "claims the shape"),
        (sealed({"p": claiming("(9223372036854775807,)")}), "claims the shape"),
        (sealed({"p": claiming("(-1,)")}), "claims the shape"),
        (sealed({"p": claiming("(4294967296, 4294967296)")}), "claims the shape"),
        (sealed({"p": claiming("(__import__('os'),)")}), "not a run"),
        (sealed({"p": b"\x93NUMPY\x02\x00"}), "npy format"),
        (sealed({"p": b""}), "not a run"),
        (sealed({}, step=float("nan")), "no number"),
    ],
)
def test_hostile_files_are_refused_in_one_line(tmp_path: Path, content: bytes, words: str | None) -> None:
    path = tmp_path / "run.npz"
    path.write_bytes(content)
    if words is None:  # the same, unhurt: what makes the others fail is what they say
        assert read(path)[1]["p"].shape == (2,)
        return
    with pytest.raises(RunFileError, match=words) as caught:
        read(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_header_nested_too_deeply_and_a_missing_header_are_refused() -> None:
    deep = b"[" * 100_000
    stream = io.BytesIO()
    for members in ({"header.npy": npy(np.frombuffer(deep, np.uint8))}, {"p.npy": npy(np.ones(1))}):
        with zipfile.ZipFile(stream := io.BytesIO(), "w") as archive:
            archive.comment = SEAL + b"0" * DIGITS
            for name, content in members.items():
                archive.writestr(name, content)
        body = stream.getvalue()[:-DIGITS]
        with pytest.raises(RunFileError):
            unpack(body + hashlib.sha256(body).hexdigest().encode())


def test_what_a_file_cannot_hold_is_not_packed() -> None:
    for arrays in ({"../p": np.ones(1)}, {"header": np.ones(1)}, {"p": np.array([None])}, {"p": np.array("text")}):
        with pytest.raises(ValueError, match=r"name an array|numbers only"):
            pack({}, arrays)
    with pytest.raises(ValueError, match="JSON"):
        pack({"cost": float("nan")}, {})


def test_reading_what_is_not_a_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="there is no file"):
        read(tmp_path / "none.npz")
    with pytest.raises(RunFileError, match="cannot be read"):
        read(tmp_path)
    with pytest.raises(RunFileError, match="cannot be read"):
        read("a\0b")
