"""MNIST and Fashion-MNIST: 70,000 grey images of 28 by 28 pixels each, read from their four IDX files.

MNIST: handwritten digits (LeCun, Cortes & Burges, 1998). Fashion-MNIST: clothes, in the same format (Xiao, Rasul & Vollgraf, 2017).
"""

from __future__ import annotations

import gzip
import hashlib
import os
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from netbp.data.download import data_folder, fetch
from netbp.data.images import Images, Source, one_hot
from netbp.types import Data

TRAINING, TEST, SIDE, LABELS = 60_000, 10_000, 28, 10
IMAGES_MAGIC, LABELS_MAGIC = 2051, 2049  # 0x08: unsigned bytes; 3 dimensions and 1
FILES = ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz", "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz")


class Layout(NamedTuple):
    """A set in MNIST's format: its folder, its site, and the SHA-256 of each of its files as the site has them."""

    name: str
    folder: str
    site: str
    sha256: Mapping[str, str]
    unpacked: frozenset[str]  # SHA-256 of the contents, where known: others have packed the same images again
    classes: tuple[str, ...]
    licence: str
    reference: str
    issues: tuple[str, ...]


MNIST = Layout(
    "MNIST",
    "mnist",
    "https://ossci-datasets.s3.amazonaws.com/mnist/",  # the original site answers no longer
    dict(
        zip(
            FILES,
            (
                "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
                "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
                "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
                "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
            ),
            strict=True,
        )
    ),
    frozenset(
        {
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        }
    ),
    tuple("0123456789"),
    "none came with the files; made from the special databases 1 and 3 of NIST, U.S. Department of Commerce",
    "Y. LeCun, L. Bottou, Y. Bengio & P. Haffner, Gradient-Based Learning Applied to Document Recognition, Proc. IEEE 86, 1998",
    ("Northcutt, Athalye & Mueller (2021), Pervasive Label Errors in Test Sets: 15 of the test labels are wrong",),
)

FASHION = Layout(
    "Fashion-MNIST",
    "fashion-mnist",
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    dict(
        zip(
            FILES,
            (
                "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
                "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
                "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
                "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
            ),
            strict=True,
        )
    ),
    frozenset(),
    ("T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"),
    "MIT, Zalando SE",
    "H. Xiao, K. Rasul & R. Vollgraf, Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning Algorithms, 2017",
    (),
)


def mnist(folder: str | os.PathLike[str] | None = None, training: int = TRAINING, scaled: bool = True) -> Images:
    """MNIST's training and test images: x (N, 784), row by row; y (N, 10), 1 at the digit. `train, test = mnist()` works.

    folder: where the four .gz files are; None means $NETBP_DATA/mnist, or else the cache, to which they are downloaded once.
    training: how many of the 60,000 training images to take, from the first (Nielsen's book takes 50,000 and keeps the other 10,000
    for validation); the test images are always 10,000. scaled: grey values as float64 in [0, 1], or else as uint8, 0 to 255, as the
    other image sets have them. Raises FileNotFoundError, saying what to put where, when a file is missing; ValueError when one is
    not the file it should be, byte for byte in its size, or when `training` is not from 1 to 60,000.
    """
    return _read(MNIST, folder, training, scaled)


def fashion_mnist(folder: str | os.PathLike[str] | None = None, training: int = TRAINING, scaled: bool = True) -> Images:
    """Fashion-MNIST's training and test images, in $NETBP_DATA/fashion-mnist; the rest is as for `mnist`."""
    return _read(FASHION, folder, training, scaled)


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


def _read(layout: Layout, folder: str | os.PathLike[str] | None, training: int, scaled: bool) -> Images:
    if not 1 <= training <= TRAINING:
        raise ValueError(
            f"{layout.name} has {TRAINING:,} training images, but training={training!r} was asked for: choose 1 to {TRAINING}"
        )
    paths = [_found(layout, folder, name) for name in FILES]
    x, test_x = read_images(paths[0], TRAINING)[:training], read_images(paths[2], TEST)
    labels, test_labels = read_labels(paths[1], TRAINING)[:training], read_labels(paths[3], TEST)
    sums = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}
    official = all(sums[path.name] == layout.sha256[path.name] or _content_sum(path) in layout.unpacked for path in paths)
    source = Source(
        str(paths[0].parent), tuple(sums.items()), official, layout.site, layout.licence, layout.reference, layout.issues
    )
    train = Data(x / 255.0 if scaled else x.copy(), one_hot(labels, LABELS))  # a copy, for what was read cannot be written to
    test = Data(test_x / 255.0 if scaled else test_x.copy(), one_hot(test_labels, LABELS))
    return Images(layout.name, train, test, (1, SIDE, SIDE), layout.classes, source)


def _found(layout: Layout, folder: str | os.PathLike[str] | None, name: str) -> Path:
    """The path of one of the files. Raises FileNotFoundError when it is not there and cannot be fetched."""
    root = data_folder()
    if folder is None and not (root and (root / layout.folder).exists()):
        return fetch(layout.site + name, layout.sha256[name], layout.folder)
    path = (Path(folder) if folder is not None else Path(root or "") / layout.folder) / name
    if not path.is_file():
        raise FileNotFoundError(f"{path} was not found: {layout.name}'s four files {', '.join(FILES)} belong in that folder")
    return path


def _content_sum(path: Path) -> str:
    with gzip.open(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _idx(path: Path, header: tuple[int, ...]) -> NDArray[np.uint8]:
    """The bytes after an IDX file's header, which must be `header`: the magic number, then the size of each dimension."""
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
