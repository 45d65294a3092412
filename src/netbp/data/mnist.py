"""MNIST and Fashion-MNIST: 70,000 grey images of 28 by 28 pixels each, read from their four IDX files.

MNIST: handwritten digits (LeCun, Cortes & Burges, 1998). Fashion-MNIST: clothes, in the same format (Xiao, Rasul & Vollgraf, 2017).
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from netbp.data.download import Official, data_folder, fetch
from netbp.data.images import Images, Source, one_hot
from netbp.files import named, read_regular
from netbp.types import Data

TRAINING, TEST, SIDE, LABELS = 60_000, 10_000, 28, 10
IMAGES_MAGIC, LABELS_MAGIC = 2051, 2049  # 0x08: unsigned bytes; 3 dimensions and 1
GZIP, IDX = b"\x1f\x8b", b"\0\0\x08"  # how a packed file begins, and one that is not
FILES = ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz", "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz")


class Layout(NamedTuple):
    """A set in MNIST's format: the folder it lies in, here and as torchvision has it, and its four files on the official site."""

    name: str
    folder: str
    torchvision: str
    official: tuple[Official, ...]
    unpacked: frozenset[str]  # SHA-256 of the contents, where known: others have packed the same images again
    classes: tuple[str, ...]
    licence: str
    reference: str
    issues: tuple[str, ...]


def _four(site: str, sizes: tuple[int, ...], sums: tuple[str, ...]) -> tuple[Official, ...]:
    return tuple(Official(site + name, size, sha256) for name, size, sha256 in zip(FILES, sizes, sums, strict=True))


MNIST = Layout(
    "MNIST",
    "mnist",
    "MNIST",
    _four(
        "https://ossci-datasets.s3.amazonaws.com/mnist/",  # the original site answers no longer
        (9_912_422, 28_881, 1_648_877, 4_542),
        (
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        ),
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
    "FashionMNIST",
    _four(
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",  # the other site has no https
        (26_421_880, 29_515, 4_422_102, 5_148),
        (
            "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        ),
    ),
    frozenset(),
    ("T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"),
    "MIT, Zalando SE",
    "H. Xiao, K. Rasul & R. Vollgraf, Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning Algorithms, 2017",
    (),
)


def mnist(folder: str | os.PathLike[str] | None = None, training: int = TRAINING, scaled: bool = True) -> Images:
    """MNIST's training and test images: x (N, 784), row by row; y (N, 10), 1 at the digit. `train, test = mnist()` works.

    folder: where the four files are, packed (.gz) or not, under the original names or with a dot (train-images.idx3-ubyte), there
    or in raw/ or MNIST/raw/ below; None means $NETBP_DATA/mnist or $NETBP_DATA/MNIST/raw, or else the cache, to which they are
    downloaded once.
    training: how many of the 60,000 training images to take, from the first (Nielsen's book, 2015, takes 50,000 and keeps 10,000
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
    return _images(_content(path, (IMAGES_MAGIC, count, SIDE, SIDE)).values)


def read_labels(path: Path, count: int) -> NDArray[np.uint8]:
    """The digits 0 to 9 of an IDX file of `count` labels, (count,). Raises ValueError when it is not that."""
    return _labels(_content(path, (LABELS_MAGIC, count)).values, path)


class Content(NamedTuple):
    """What an IDX file holds after its header, and the SHA-256 of the file and of what was unpacked from it."""

    values: NDArray[np.uint8]
    packed: str
    unpacked: str


def _read(layout: Layout, folder: str | os.PathLike[str] | None, training: int, scaled: bool) -> Images:
    if not 1 <= training <= TRAINING:
        raise ValueError(
            f"{layout.name} has {TRAINING:,} training images, but training={training!r} was asked for: choose 1 to {TRAINING}"
        )
    paths = _found(layout, folder)
    headers = [(IMAGES_MAGIC, N, SIDE, SIDE) if k == 0 else (LABELS_MAGIC, N) for N in (TRAINING, TEST) for k in range(2)]
    contents = [_content(path, header) for path, header in zip(paths, headers, strict=True)]
    x, test_x = _images(contents[0].values)[:training], _images(contents[2].values)
    labels, test_labels = _labels(contents[1].values, paths[1])[:training], _labels(contents[3].values, paths[3])
    official = all(
        content.packed == known.sha256 or content.unpacked in layout.unpacked
        for content, known in zip(contents, layout.official, strict=True)
    )
    sums = tuple((path.name, content.packed) for path, content in zip(paths, contents, strict=True))
    site = layout.official[0].address.removesuffix(FILES[0])
    source = Source(str(paths[0].parent), sums, official, site, layout.licence, layout.reference, layout.issues)
    train = Data(x / 255.0 if scaled else x.copy(), one_hot(labels, LABELS))  # a copy, for what was read cannot be written to
    test = Data(test_x / 255.0 if scaled else test_x.copy(), one_hot(test_labels, LABELS))
    return Images(layout.name, train, test, (1, SIDE, SIDE), layout.classes, source)


def _found(layout: Layout, folder: str | os.PathLike[str] | None) -> list[Path]:
    """The paths of the four files. Raises FileNotFoundError when one is not there and cannot be fetched."""
    if folder is not None:
        root = Path(folder)
        places = [root, root / "raw", root / layout.torchvision / "raw"]
    else:
        data = data_folder() or Path()
        root, other = data / layout.folder, data / layout.torchvision
        places = [root, root / "raw", other / "raw", other]
        if data_folder() is None or not (root.exists() or any(any(_candidates(place, FILES[0])) for place in places)):
            return [fetch(official, layout.folder) for official in layout.official]
    place = next((place for place in places if any(path for name in FILES for path in _candidates(place, name))), root)
    paths = [next(_candidates(place, name), place / name) for name in FILES]
    for path in paths:
        if not path.exists():
            raise FileNotFoundError(
                f"{named(path)} was not found: {layout.name}'s four files {', '.join(FILES)} belong in that folder"
            )
    return paths


def _candidates(place: Path, name: str) -> Iterator[Path]:
    """What lies in a folder under one of the names of a file: packed or not, with a dot, or in a folder of its own name."""
    plain = name.removesuffix(".gz")
    dotted = plain.replace("-idx", ".idx")
    for path in (
        place / name,
        place / plain,
        place / f"{dotted}.gz",
        place / dotted,
        place / plain / plain,
        place / dotted / dotted,
    ):
        if path.exists() and not path.is_dir():
            yield path


def _images(values: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return values.reshape(-1, SIDE * SIDE)


def _labels(values: NDArray[np.uint8], path: Path) -> NDArray[np.uint8]:
    beyond = np.flatnonzero(values >= LABELS)
    if len(beyond):
        i = int(beyond[0])
        raise ValueError(f"{named(path)}: label {i + 1} is {values[i]}, but MNIST's are 0 to 9: get the original file again")
    return values


def _content(path: Path, header: tuple[int, ...]) -> Content:
    """What is in an IDX file, whose header must be `header`: the magic number, then the size of each dimension."""
    start = 4 * len(header)
    size = start + int(np.prod(header[1:]))
    packed = read_regular(path, size + size // 100 + 2**16)  # what cannot be packed becomes a little larger
    content = packed
    if packed.startswith(GZIP) or (path.suffix == ".gz" and not packed.startswith(IDX)):  # some browsers unpack, and keep the name
        try:
            with gzip.GzipFile(fileobj=io.BytesIO(packed)) as file:
                content = file.read(size + 1)  # one byte more than there should be: never a bomb, and its sum is checked at the end
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise ValueError(f"{named(path)}: not a whole gzip file ({error}): get the original file again") from error
    found = tuple(int(n) for n in np.frombuffer(content[: min(start, len(content) // 4 * 4)], ">u4"))
    names = ("the magic number", "the count", "the number of rows", "the number of columns")
    for what, expected, given in zip(names, header, found, strict=False):
        if given != expected:
            raise ValueError(f"{named(path)}: {what} should be {expected} but is {given}: get the original file again")
    if len(content) != size:
        has = f"{len(content)}" if len(content) < size else f"more than {size}"
        raise ValueError(f"{named(path)}: unpacked it should have {size} bytes but has {has}: get the original file again")
    sums = (hashlib.sha256(what).hexdigest() for what in (packed, content))
    return Content(np.frombuffer(content, np.uint8, offset=start), *sums)
