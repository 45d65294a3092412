"""A folder of images, one sub-folder a class."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from netbp.data.images import Images, Source, one_hot
from netbp.data.picture import read_image
from netbp.types import Data

PARTS = ("train", "test")


def image_folder(path: str | os.PathLike[str], size: tuple[int, int], channels: int = 3, test: int = 0, seed: int = 0) -> Images:
    """The images of a folder with one sub-folder a class, each read by `read_image` and resized to size (H, W): x uint8.

    Classes and files are taken in the order of their names. Where the folder holds train/ and test/, these are its two parts,
    with the same classes; elsewhere `test` of the images are drawn with the seed as test images, none unless asked for. Nothing is
    skipped: a file that is no image, one beside the sub-folders, a folder within a class, and a class without images are
    refused by name (ValueError). FileNotFoundError when there is no such folder. channels: 3, or 1 for grey.
    """
    path, shape = Path(path), (channels, *size)
    if not path.is_dir():
        raise FileNotFoundError(f"{path} was not found, or is not a folder: give one with a sub-folder of images for each class")
    if all((path / part).is_dir() for part in PARTS):
        if test:
            raise ValueError(f"{path} has a test folder of its own, so test={test} cannot be drawn: leave it out")
        beyond = sorted(set(os.listdir(path)) - set(PARTS))
        if beyond:
            raise ValueError(f"{path / beyond[0]} lies beside train and test: it belongs to neither, so move it away")
        classes = folders(path / "train")
        if folders(path / "test") != classes:
            raise ValueError(f"{path}: train has the classes {', '.join(classes)}, but test {', '.join(folders(path / 'test'))}")
        train_files, train_labels = files(path / "train", classes)
        test_files, test_labels = files(path / "test", classes)
    else:
        classes = folders(path)
        found, labels = files(path, classes)
        if not 0 <= test < len(found):
            raise ValueError(f"{path} has {len(found):,} images, so 0 to {len(found) - 1:,} can be test images, not {test:,}")
        drawn = np.zeros(len(found), bool)
        drawn[np.random.default_rng(seed).permutation(len(found))[:test]] = True
        train_files, train_labels = [f for f, d in zip(found, drawn, strict=True) if not d], labels[~drawn]
        test_files, test_labels = [f for f, d in zip(found, drawn, strict=True) if d], labels[drawn]
    train = Data(_read(train_files, shape), one_hot(train_labels, len(classes)))
    held = Data(_read(test_files, shape), one_hot(test_labels, len(classes)))
    sums = tuple((str(file.relative_to(path)), _sum(file)) for file in [*train_files, *test_files])
    return Images(path.resolve().name, train, held, shape, classes, Source(str(path), sums, licence="yours to know"))


def folders(path: Path) -> tuple[str, ...]:
    """The names of the sub-folders, sorted. Raises ValueError when there are none, or something else lies beside them."""
    entries = sorted(path.iterdir())
    for entry in entries:
        if not entry.is_dir():
            raise ValueError(f"{entry} lies beside the classes' sub-folders: move it into one of them, or away")
    if not entries:
        raise ValueError(f"{path} is empty: it needs a sub-folder of images for each class")
    return tuple(entry.name for entry in entries)


def files(path: Path, classes: Sequence[str]) -> tuple[list[Path], NDArray[np.int64]]:
    """All files of the classes, in the order of their names, and the number of each one's class."""
    found: list[Path] = []
    labels: list[int] = []
    for number, name in enumerate(classes):
        own = sorted((path / name).iterdir())
        if not own:
            raise ValueError(f"{path / name} is empty: put the images of class {name!r} there, or remove it")
        found += own
        labels += [number] * len(own)
    return found, np.array(labels, np.int64)


def _read(names: Sequence[Path], shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    x = np.empty((len(names), int(np.prod(shape))), np.uint8)
    for row, name in zip(x, names, strict=True):
        row[:] = read_image(name, shape)
    return x


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
