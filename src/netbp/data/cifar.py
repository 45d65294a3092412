"""CIFAR-10 and CIFAR-100: 60,000 colour images of 32 by 32 pixels each (Krizhevsky, 2009), from their official binary files."""

from __future__ import annotations

import os
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from netbp.data.download import Archive, Member, check, locate
from netbp.data.images import Images, Source, one_hot
from netbp.types import Data

SHAPE = (3, 32, 32)
PIXELS = 3 * 32 * 32
SITE = "https://www.cs.toronto.edu/~kriz/"
REFERENCE = "A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, technical report, University of Toronto, 2009"
LICENCE = "none is stated; the authors ask to cite the technical report. The images were collected from the web by search engines"
ISSUES = (
    "Barz & Denzler (2020), Do We Train on Test Data?: {near} of the test images have near-duplicates in the training set",
    "Northcutt, Athalye & Mueller (2021), Pervasive Label Errors in Test Sets: about {wrong} of the test labels are wrong",
    "drawn from the 80 Million Tiny Images, which was withdrawn in 2020 for offensive labels and images",
)
TEN = "airplane automobile bird cat deer dog frog horse ship truck"


class Layout(NamedTuple):
    """A set's files: which are for training and for testing, in order; label bytes before each image, and the one to take."""

    name: str
    archive: Archive
    train: tuple[str, ...]
    test: tuple[str, ...]
    label_bytes: int
    issues: tuple[str, ...]


CIFAR10 = Layout(
    "CIFAR-10",
    Archive(
        SITE + "cifar-10-binary.tar.gz",
        "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
        "cifar-10-batches-bin",
        {
            "data_batch_1.bin": Member(30_730_000, "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5"),
            "data_batch_2.bin": Member(30_730_000, "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed"),
            "data_batch_3.bin": Member(30_730_000, "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67"),
            "data_batch_4.bin": Member(30_730_000, "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48"),
            "data_batch_5.bin": Member(30_730_000, "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add"),
            "test_batch.bin": Member(30_730_000, "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b"),
        },
    ),
    tuple(f"data_batch_{i}.bin" for i in range(1, 6)),
    ("test_batch.bin",),
    1,
    tuple(issue.format(near="3.3 %", wrong="0.54 %") for issue in ISSUES),
)


def cifar10(folder: str | os.PathLike[str] | None = None) -> Images:
    """CIFAR-10: 50,000 training and 10,000 test images in 10 classes, x (N, 3072) uint8 in the files' order.

    folder: where the six .bin files are. None means $NETBP_DATA/cifar-10-batches-bin, or the archive in $NETBP_DATA, or the one in
    the cache, or the official site. Raises FileNotFoundError, saying what to put where, when they are nowhere; ValueError when a
    file is not the official one, byte for byte.
    """
    return _read(CIFAR10, folder, 0, tuple(TEN.split()))


def records(content: bytes, name: str, count: int, label_bytes: int, classes: tuple[int, ...]) -> NDArray[np.uint8]:
    """A file's records, (count, label_bytes + 3072), each its labels and then its pixels.

    classes: how many there are for each label byte. Raises ValueError when there are more or fewer, or a label is beyond them.
    """
    length = label_bytes + PIXELS
    if len(content) != count * length:
        has = f"{len(content) // length:,} records" + (f" and {len(content) % length:,} bytes" if len(content) % length else "")
        raise ValueError(f"{name} has {has} of {length:,} bytes, but should have {count:,} records: get the original file again")
    found = np.frombuffer(content, np.uint8).reshape(count, length)
    for byte, limit in enumerate(classes):
        beyond = np.flatnonzero(found[:, byte] >= limit)
        if len(beyond):
            i = int(beyond[0])
            raise ValueError(
                f"{name}: record {i + 1:,} has the label {found[i, byte]}, but labels are 0 to {limit - 1}: get the original file again"
            )
    return found


def _read(layout: Layout, folder: str | os.PathLike[str] | None, label: int, names: tuple[str, ...]) -> Images:
    """The images of a set, with the class of label byte number `label`."""
    found = locate(layout.archive, folder)
    length = layout.label_bytes + PIXELS
    counts = {name: member.size // length for name, member in layout.archive.members.items()}
    limits = (10,) if layout.label_bytes == 1 else (20, 100)
    total = sum(counts[name] for name in (*layout.train, *layout.test))
    x, numbers = np.empty((total, PIXELS), np.uint8), np.empty(total, np.uint8)
    starts = dict(
        zip((*layout.train, *layout.test), np.cumsum([0, *(counts[n] for n in (*layout.train, *layout.test))]), strict=False)
    )
    sums = {}
    for name, content in found.read():
        if name not in starts:
            continue
        rows = slice(starts[name], starts[name] + counts[name])
        record = records(content, f"{found.place}: {name}", counts[name], layout.label_bytes, limits)
        sums[name] = check(name, found.place, content, layout.archive.members[name].sha256)
        x[rows], numbers[rows] = record[:, layout.label_bytes :], record[:, label]
    y = one_hot(numbers, len(names))
    N = sum(counts[name] for name in layout.train)
    source = Source(str(found.place), tuple(sums.items()), layout.archive.address, LICENCE, REFERENCE, layout.issues)
    return Images(layout.name, Data(x[:N], y[:N]), Data(x[N:], y[N:]), SHAPE, names, source)
