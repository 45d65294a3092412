"""The variables of a .mat file, parsed in a process of its own with limits: a damaged or hostile file can end that process only."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import threading
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from netbp.files import named, open_regular
from netbp.types import Array

LARGEST = 2**31
"""The most bytes of a file."""
MOST, RATIO, MOST_DOUBLES = 2**25, 100, 2**33
"""Bytes that matrices may have as doubles: a constant, so many times the file's own, and the most in all."""
SECONDS, RATE = 60, 10**6
"""Seconds of computing, and bytes of the file for one more."""
PATIENCE = 10
"""Seconds of waiting for one of computing."""
LINE = 2**20
DTYPES = (
    "<f8",
    "<f4",
    "|i1",
    "|u1",
    "<i2",
    "<u2",
    "<i4",
    "<u4",
    "<i8",
    "<u8",
    ">f8",
    ">f4",
    ">i2",
    ">u2",
    ">i4",
    ">u4",
    ">i8",
    ">u8",
)
HDF = (b"MATLAB 7.3 MAT-file", b"\x89HDF\r\n\x1a\n")
OCTAVE = b"# Created by Octave"


class Foreign(NamedTuple):
    """A variable that is no real matrix, or that was not asked for: its class in MATLAB's words, and its size."""

    kind: str
    shape: tuple[int, ...]


def variables(path: Path, x: str, y: str | None) -> dict[str, Array | Foreign]:
    """The variables of a .mat file of versions 4 to 7: x, or else x1, x2, ..., and y as arrays, (m, n); what the others are.

    Whole numbers keep their type. Raises ValueError when the file is not a .mat file, is damaged, or needs more memory or time than
    a file of its size should; OSError when it cannot be read.
    """
    with open_regular(path, LARGEST) as file:
        size = os.fstat(file.fileno()).st_size
        begin = file.read(max(map(len, HDF)))
        if begin.startswith(HDF):
            raise _other_version(path)
        if begin.startswith(OCTAVE):
            raise ValueError(f"{named(path.name)} is a file of Octave's own: save it again with save -v7 {named(path.name)} x y")
        most = min(MOST + RATIO * size, MOST_DOUBLES)
        content, code = _answer(file, most, SECONDS + size // RATE, x, y or "")
    try:
        refused, found = _unpacked(content)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        what = f"signal {-code}" if code < 0 else f"code {code}"
        told = f"the process that read it ended with {what}, so it is damaged, or needs too much memory or time"
        raise ValueError(f"{named(path.name)} cannot be read as a .mat file: {told}") from None
    if refused == "7.3":
        raise _other_version(path)
    if refused:
        raise ValueError(f"{named(path.name)} cannot be read as a .mat file: {named(refused, 160)}")
    return found


def _other_version(path: Path) -> ValueError:
    return ValueError(f"{named(path.name)} is a version 7.3 .mat file: save it again in MATLAB with save(..., '-v7')")


def _answer(file: Any, most: int, seconds: int, x: str, y: str) -> tuple[bytearray, int]:
    """What the process says, and the code with which it ended; it gets nothing of this one's but the open file."""
    if not sys.executable:
        raise ValueError("a .mat file is read in a process of its own, but this Python does not know its own program")
    folders = {str(Path(spec.origin).parents[1]) for name in ("numpy", "scipy") if (spec := find_spec(name)) and spec.origin}
    script = Path(__file__).with_name("mat_process.py")
    words = [sys.executable, "-I", "-W", "ignore", str(script), str(most), str(seconds), x, y, *sorted(folders)]
    single = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    with subprocess.Popen(
        words,
        stdin=file,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **single},
        start_new_session=True,  # Ctrl-C is this process's affair
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
    ) as child:
        timer = threading.Timer(PATIENCE * seconds, child.kill)
        timer.daemon = True
        timer.start()
        content = bytearray()
        try:
            assert isinstance(child.stdout, io.BufferedReader)
            while len(content) <= most + LINE and (piece := child.stdout.read1(LINE)):
                content += piece
        finally:
            timer.cancel()
            child.kill()
        return content, child.wait()


def _unpacked(content: bytearray) -> tuple[str, dict[str, Array | Foreign]]:
    """What the process has answered; believed in nothing, for the file may have taken it over. Raises ValueError and others."""
    at = content.index(b"\n", 0, LINE) + 1
    answer = json.loads(content[:at])
    found: dict[str, Array | Foreign] = {}
    for name, about in answer["variables"].items():
        shape = tuple(int(n) for n in about["shape"])
        if "dtype" not in about:
            found[name] = Foreign(str(about["class"]), shape)
            continue
        m, n = shape
        if about["dtype"] not in DTYPES or min(shape) < 0 or m * n * np.dtype(about["dtype"]).itemsize > len(content) - at:
            raise ValueError("the entries are not as many as was said")
        array = np.frombuffer(content, about["dtype"], m * n, at)
        at += array.nbytes
        found[name] = array.reshape(n, m).T
    if at != len(content):
        raise ValueError("there are more entries than was said")
    return str(answer["refused"]), found
