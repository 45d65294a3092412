"""The process in which a .mat file is parsed, for SciPy's reader of these files is compiled and may crash on damaged ones.

python -I mat_process.py MOST SECONDS X Y FOLDER ... < the file. It imports nothing of netbp. MOST: the bytes that all matrices that
are asked for may have in double precision; SECONDS: of computing; X, Y: the names that are asked for, Y "" for none; FOLDER: where
NumPy and SciPy are. It answers on stdout with a line of JSON, and then the entries of each matrix that the line describes, column
by column. Its memory and time are limited where the system can do that.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import sys
import zlib
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

MATRICES = ("double", "single", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "logical", "sparse")
COMPRESSED = 15  # the kind of an element
PIECE, SLACK = 2**16, 2**16
TOLD, LETTERS = 50, 63  # variables with other names that are told of, and of how many letters MATLAB's names are at most
BASE = 2**28  # bytes that reading takes beside the matrices


class RefusedError(Exception):
    """The file is not read; the message says why."""


def main(most: int, seconds: int, x: str, y: str) -> None:
    """Parse the file on stdin, and answer on stdout."""
    import scipy.io  # noqa: F401, before the memory is limited

    limit(most, seconds)
    with open(0, "rb", closefd=False) as file:
        sys.stdout.buffer.writelines(answer(file, most, x, y))


def answer(file: BinaryIO, most: int, x: str, y: str) -> list[Any]:
    """The line that tells what was found or why the file is refused, and the entries of the matrices."""
    told: dict[str, Any] = {}
    entries: list[Any] = []
    refused = ""
    try:
        told, entries = parsed(file, most, x, y)
    except RefusedError as error:
        refused = str(error)
    except NotImplementedError:
        refused = "7.3"
    except MemoryError:
        refused = "it needs more memory than a file of its size should"
    except Exception as error:  # SciPy meets damaged files with many kinds of exception
        refused = str(error)[:500] or type(error).__name__
    return [json.dumps({"refused": refused, "variables": told}).encode() + b"\n", *entries]


def parsed(file: BinaryIO, most: int, x: str, y: str) -> tuple[dict[str, Any], list[Any]]:
    """What is told of the variables, and the entries of those that have a dtype, in the same order."""
    import numpy as np
    from scipy.io import loadmat, whosmat

    file.seek(0)
    found = whosmat(file, appendmat=False)
    wanted = asked(x, y, {name for name, _, _ in found})
    described = {name: {"class": kind, "shape": shape} for name, shape, kind in found[::-1] if name in wanted}
    matrices = [name for name, about in described.items() if about["class"] in MATRICES and len(about["shape"]) == 2]
    check_sizes(file, [(name in matrices, math.prod(shape)) for name, shape, _ in found], most)
    file.seek(0)
    values = loadmat(file, appendmat=False, variable_names=list(matrices)) if matrices else {}
    told, entries = {}, []
    for name in matrices:
        value, about = values[name], described.pop(name)
        array = np.asarray(value.toarray() if hasattr(value, "toarray") else value)
        if array.shape != tuple(about["shape"]):
            raise RefusedError(f"variable {name[:60]!r} has not the size that its header says")
        if array.dtype.kind == "c":
            described[name] = {**about, "class": "complex"}
            continue
        array = array.astype(array.dtype.newbyteorder("="), order="F", copy=False)
        told[name] = {**about, "dtype": array.dtype.str}
        entries.append(array.T.data if array.size else b"")
    others = {name[:LETTERS]: {"class": kind, "shape": shape} for name, shape, kind in found[:TOLD] if name not in wanted}
    return {**others, **told, **described}, entries


def asked(x: str, y: str, names: set[str]) -> set[str]:
    """Which of the names are asked for: x, or else x1, x2, ...; and y."""
    wanted = {x, y} & names
    j = 1
    while x not in names and f"{x}{j}" in names:
        wanted.add(f"{x}{j}")
        j += 1
    return wanted


def check_sizes(file: BinaryIO, variables: Sequence[tuple[bool, int]], most: int) -> None:
    """Refuse before they are read what becomes too large: a small file of packed zeros, a header that claims too much.

    variables: in the file's order, whether each is to be read, and how many entries it says it has.
    """
    count = sum(entries for wanted, entries in variables if wanted)
    if 8 * count > most or any(entries < 0 for _, entries in variables):
        raise RefusedError(
            f"it says that it holds {count:,} entries, more than a file of its size should: save it unpacked, with -v6"
        )
    for (wanted, entries), (kind, start, length) in zip(variables, elements(file), strict=False):
        most_inflated = 16 * entries + SLACK  # two doubles each, and the name
        if wanted and kind == COMPRESSED and inflated(file, start, length, most_inflated) > most_inflated:
            raise RefusedError("it unpacks to more than it says")


def elements(file: BinaryIO) -> Iterator[tuple[int, int, int]]:
    """The elements of a file of version 5 to 7: kind, where it starts, and how many bytes it has; none of version 4."""
    file.seek(0)
    head, at = file.read(128), 128
    if 0 in head[:4]:
        return
    while len(tag := file.read(8)) == 8:
        kind, length = (int.from_bytes(part, "little" if head[126:] == b"IM" else "big") for part in (tag[:4], tag[4:]))
        at += 8
        yield kind, at, length
        at += length
        file.seek(at)


def inflated(file: BinaryIO, start: int, length: int, most: int) -> int:
    """How many bytes a packed element has when it is unpacked; `most` + 1 when there are more. A piece at a time is in memory."""
    file.seek(start)
    unpacking, count = zlib.decompressobj(), 0
    while length > 0 and count <= most and (piece := file.read(min(PIECE, length))):
        length -= len(piece)
        while piece and count <= most:
            count += len(unpacking.decompress(piece, PIECE))
            piece = unpacking.unconsumed_tail
    return min(count, most + 1)


def limit(most: int, seconds: int) -> None:
    """Limit this process, where the system can do that: its memory, its time of computing, and no record of its crash."""
    try:
        import resource
    except ImportError:
        return
    taken = 2**30
    with contextlib.suppress(OSError, ValueError), open("/proc/self/statm", encoding="ascii") as file:
        taken = int(file.read().split()[0]) * resource.getpagesize()
    used = resource.getrusage(resource.RUSAGE_SELF)
    for what, value in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_CPU, seconds + math.ceil(used.ru_utime + used.ru_stime)),
        (resource.RLIMIT_AS, taken + BASE + 6 * most),
    ):
        with contextlib.suppress(OSError, ValueError):  # less is allowed already, or the system has no such limit
            resource.setrlimit(what, (value, value))


if __name__ == "__main__":
    sys.path.extend(folder for folder in sys.argv[5:] if os.path.isabs(folder))
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4])
