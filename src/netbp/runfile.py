"""The format of a run's file: arrays and a JSON header in one `.npz`, without pickle, sealed by a SHA-256.

The file is a zip archive whose members are stored uncompressed: `header.npy`, the header as UTF-8 JSON in an array of bytes,
then one `.npy` per array. The archive's comment is "sha256:" and the digest, in hexadecimal, of every byte before the digest.
numpy.load(path, allow_pickle=False) reads it; so does any program that knows zip and npy.
"""

from __future__ import annotations

import io
import json
import math
import os
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from netbp.files import open_regular, read_regular
from netbp.messages import named, shown
from netbp.types import Array

FORMAT, VERSION = "netbp run", 1
SEAL = b"sha256:"
DIGITS = 64
LARGEST = 2**35  # bytes of a file that is read whole
GLANCE = 2**24  # bytes of a member that `glance` reads
FIRST, PLACE = b"header.npy", 30  # the first member's name, and where a zip archive has it
NAME = re.compile(r"[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*")
KINDS = "fiub"  # floats, whole numbers and booleans: nothing that could hold an object


class RunFileError(ValueError):
    """A file is not a run that can be trusted; the message says in one line what is wrong."""


class LackingError(RunFileError, KeyError):
    """A run lacks a setting or an array that is asked for."""

    __str__ = ValueError.__str__


class Held(dict[str, Any]):
    """What a run's file holds, by name: whoever asks for what is not there is told so in a line. where: the file's name."""

    where = ""

    def __missing__(self, name: str) -> Any:
        raise LackingError(
            f"{named(self.where) or 'the run'} lacks {shown(name)}, which runs of its kind have: restore it from a copy"
        )

    @classmethod
    def within(cls, where: str, values: Mapping[str, Any]) -> Held:
        """The same values, held in the file `where`."""
        held = cls(values)
        held.where = where
        return held


def pack(header: Mapping[str, Any], arrays: Mapping[str, Array]) -> bytes:
    """The bytes of a run's file. Raises ValueError for a name, an array or a header value that the format does not hold."""
    for name, array in arrays.items():
        if not NAME.fullmatch(name) or name == "header":
            raise ValueError(f"{name!r} cannot name an array of a run: use letters, digits, _ and single dots")
        if np.asarray(array).dtype.kind not in KINDS:
            raise ValueError(f"the array {name} holds {np.asarray(array).dtype}: a run keeps numbers only")
    described = {"format": FORMAT, "version": VERSION, "arrays": sorted(arrays), **header}
    text = json.dumps(described, allow_nan=False, ensure_ascii=True).encode()
    import hashlib
    import zipfile

    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        archive.comment = SEAL + b"0" * DIGITS
        for name, array in {"header": np.frombuffer(text, dtype=np.uint8), **arrays}.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, np.asarray(array), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), member.getvalue())  # the same date always: the same bytes
    content = stream.getvalue()[:-DIGITS]
    return content + hashlib.sha256(content).hexdigest().encode()


def read(path: str | os.PathLike[str]) -> tuple[dict[str, Any], dict[str, Array]]:
    """The header and the arrays of a run's file. Raises RunFileError with one line, FileNotFoundError when there is none."""
    try:
        content = read_regular(path, LARGEST)
    except FileNotFoundError:
        raise FileNotFoundError(f"there is no file {os.fspath(path)}: check the name") from None
    except (OSError, ValueError) as error:
        raise RunFileError(f"{os.fspath(path)!r} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    try:
        return unpack(content, os.fspath(path))
    except RunFileError as error:
        raise RunFileError(f"{named(path)} {error}") from None


def glance(path: str | os.PathLike[str], *names: str) -> tuple[dict[str, Any], dict[str, Array]]:
    """The header of a run's file and those of its arrays that are named and there, for lists of runs: the rest is not read.

    The seal is therefore not checked: what is computed from comes from `read`. Raises RunFileError, FileNotFoundError.
    """
    import zipfile

    try:
        with open_regular(path) as file, zipfile.ZipFile(file) as archive:
            held = {info.filename: info for info in archive.infolist()}
            members = {
                name: _array(name, archive.read(held[f"{name}.npy"]))
                for name in ("header", *names)
                if f"{name}.npy" in held and held[f"{name}.npy"].file_size <= GLANCE
            }
        header = _header(members.pop("header"), os.fspath(path))
    except FileNotFoundError:
        raise
    except Exception as error:  # as in `unpack`: a dozen kinds
        raise RunFileError(f"{os.fspath(path)} is not a run of netbp: {type(error).__name__}, {error}") from None
    if not isinstance(header, dict) or header.get("format") != FORMAT or header.get("version") != VERSION:
        raise RunFileError(f"{os.fspath(path)} is not a run of netbp that can be read: its header does not say so")
    return header, members


def unpack(content: bytes, where: str = "") -> tuple[dict[str, Any], dict[str, Array]]:
    """The header and the arrays in the bytes of a run's file, `where` they come from. Raises RunFileError."""
    _check_seal(content)
    try:
        members = _members(content)
        header = _header(members.pop("header"), where)
    except RunFileError:
        raise
    except Exception as error:
        # zipfile, numpy and json raise a dozen kinds on hostile bytes; whatever it is, the file is not a run's.
        raise RunFileError(f"is not a run of netbp: {type(error).__name__}, {error}") from None
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise RunFileError("is not a run of netbp: its header does not say so")
    if header.get("version") != VERSION:
        raise RunFileError(
            f"has version {header.get('version')!r} of the format, but this netbp reads version {VERSION}: update netbp"
        )
    if header.get("arrays") != sorted(members):
        raise RunFileError("does not hold the arrays that its header names")
    return header, Held.within(where, members)


def _check_seal(content: bytes) -> None:
    import hashlib

    if not content:
        raise RunFileError("is empty: it holds no run")
    if not content.startswith(b"PK\x03\x04"):
        raise RunFileError("is not a run of netbp: it does not begin as a zip archive")
    body, digest = content[:-DIGITS], content[-DIGITS:]
    if not body.endswith(SEAL) or hashlib.sha256(body).hexdigest().encode() != digest:
        if not content.startswith(FIRST, PLACE) and SEAL not in content[-2 * DIGITS :]:
            raise RunFileError("is not a run of netbp: it has neither a run's header nor its seal")
        raise RunFileError("is damaged or cut short: its SHA-256 does not match; restore it from a copy")


def _members(content: bytes) -> dict[str, Array]:
    import zipfile

    members: dict[str, Array] = {}
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for info in archive.infolist():
            stem = info.orig_filename.removesuffix(".npy")
            if stem == info.orig_filename or not NAME.fullmatch(stem) or stem in members:
                raise RunFileError(f"holds a member with the name {info.orig_filename!r}, which no run has")
            if info.compress_type != zipfile.ZIP_STORED or info.file_size > len(content):
                raise RunFileError(f"claims {info.file_size} bytes for {stem}, more than the file has")
            members[stem] = _array(stem, archive.read(info))
    if "header" not in members or members["header"].dtype != np.uint8:
        raise RunFileError("is not a run of netbp: it has no header")
    return members


def _array(name: str, content: bytes) -> Array:
    """The array in the bytes of an `.npy`, whose shape must account for every byte: no size is believed."""
    stream = io.BytesIO(content)
    if np.lib.format.read_magic(stream) != (1, 0):
        raise RunFileError(f"has an array {name} in another version of the npy format")
    shape, fortran, dtype = np.lib.format.read_array_header_1_0(stream)
    start = stream.tell()
    if dtype.kind not in KINDS or dtype.hasobject:
        raise RunFileError(f"has an array {name} of {dtype}: a run keeps numbers only")
    if any(n < 0 for n in shape) or math.prod(shape) * dtype.itemsize != len(content) - start:
        raise RunFileError(f"has an array {name} that claims the shape {shape}, which its bytes do not fill")
    values = np.frombuffer(content, dtype=dtype, offset=start)
    return values.reshape(shape, order="F" if fortran else "C").astype(dtype.newbyteorder("="), order="C")  # a copy


def _header(content: Array, where: str) -> Any:
    def held(values: dict[str, Any]) -> Held:
        return Held.within(where, values)

    return json.loads(content.tobytes().decode(), parse_constant=_refuse_constant, object_hook=held)


def _refuse_constant(name: str) -> Any:
    raise RunFileError(f"has {name} in its header, which is no number")
