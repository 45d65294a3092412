"""MNIST: 70,000 handwritten digits, read from its four IDX files (LeCun, Cortes & Burges, 1998)."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from netbp.types import Data

TRAINING, TEST, SIDE, LABELS = 60_000, 10_000, 28, 10
IMAGES_MAGIC, LABELS_MAGIC = 2051, 2049  # 0x08: unsigned bytes; 3 dimensions and 1
FILES = ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz", "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz")


def mnist(folder: str | os.PathLike[str] | None = None, training: int = TRAINING) -> tuple[Data, Data]:
    """The training and the test images: x (N, 784), grey values in [0, 1], row by row; y (N, 10), 1 at the digit.

    folder: where the four .gz files are; None means $NETBP_DATA/mnist. training: how many of the 60,000 training images to take,
    from the first (Nielsen's book takes 50,000 and keeps the other 10,000 for validation). The test images are always 10,000.
    Nothing is downloaded. Raises FileNotFoundError, saying what to put where, when a file is missing; ValueError when one is
    not the file it should be, byte for byte in its size, or when `training` is not from 1 to 60,000.
    """
    if not 1 <= training <= TRAINING:
        raise ValueError(f"MNIST has {TRAINING:,} training images, but training={training!r} was asked for: choose 1 to {TRAINING}")
    images, labels, test_images, test_labels = (_found(folder, name) for name in FILES)
    train = read_images(images, TRAINING)[:training], read_labels(labels, TRAINING)[:training]
    test = read_images(test_images, TEST), read_labels(test_labels, TEST)
    return _data(*train), _data(*test)


def read_images(path: Path, count: int) -> NDArray[np.uint8]:
    """The grey values 0 to 255 of an IDX file of `count` images, (count, 784). Raises ValueError when it is not that."""
    return _idx(path, (IMAGES_MAGIC, count, SIDE, SIDE)).reshape(count, SIDE * SIDE)


def read_labels(path: Path, count: int) -> NDArray[np.uint8]:
    """The digits 0 to 9 of an IDX file of `count` labels, (count,). Raises ValueError when it is not that."""
    labels = _idx(path, (LABELS_MAGIC, count))
    beyond = np.flatnonzero(labels >= LABELS)
    if len(beyond):
        i = int(beyond[0])
        raise ValueError(f"{path}: label {i + 1} is {labels[i]}, but MNIST's are 0 to 9: get the original file again")
    return labels


def _found(folder: str | os.PathLike[str] | None, name: str) -> Path:
    """The path of one of the files. Raises FileNotFoundError when it is not there."""
    if folder is None:
        root = os.environ.get("NETBP_DATA")
        if not root:
            raise FileNotFoundError(
                f"MNIST was not found: set NETBP_DATA to a folder with mnist/ in it, or give mnist(folder), with {', '.join(FILES)}"
            )
        folder = Path(root) / "mnist"
    path = Path(folder) / name
    if not path.is_file():
        raise FileNotFoundError(f"{path} was not found: MNIST's four files {', '.join(FILES)} belong in that folder")
    return path


def _idx(path: Path, header: tuple[int, ...]) -> NDArray[np.uint8]:
    """The bytes after an IDX file's header, which must be `header`: the magic number, then the size of each dimension."""
    import gzip
    import zlib

    start = 4 * len(header)
    size = start + int(np.prod(header[1:]))
    try:
        with gzip.open(path) as file:
            content = file.read(
                size + 1
            )  # one byte more than there should be: never a whole bomb, and gzip checks its sum at the end
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f"{path}: not a whole gzip file ({error}): get the original file again") from error
    found = tuple(int(n) for n in np.frombuffer(content[: min(start, len(content) // 4 * 4)], ">u4"))
    names = ("the magic number", "the count", "the number of rows", "the number of columns")
    for name, expected, given in zip(names, header, found, strict=False):
        if given != expected:
            raise ValueError(f"{path}: {name} should be {expected} but is {given}: get the original file again")
    if len(content) != size:
        has = f"{len(content)}" if len(content) < size else f"more than {size}"
        raise ValueError(f"{path}: unpacked it should have {size} bytes but has {has}: get the original file again")
    return np.frombuffer(content, np.uint8, offset=start)


def _data(images: NDArray[np.uint8], labels: NDArray[np.uint8]) -> Data:
    """Grey values scaled to [0, 1]; a digit as a unit vector."""
    return Data(images / 255.0, np.eye(LABELS)[labels])
