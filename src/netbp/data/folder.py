"""A folder of images, one sub-folder a class."""

from __future__ import annotations

import hashlib
import io
import os
import unicodedata
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from netbp.data.images import Images, Source, one_hot
from netbp.data.picture import LARGEST, OWN_PIXELS, checked_shape, decode, quiet
from netbp.files import named, read_regular
from netbp.types import Data

PARTS = ("train", "test")
LITTER = frozenset(
    {
        "thumbs.db",
        "ehthumbs.db",
        "ehthumbs_vista.db",
        "desktop.ini",
        "$recycle.bin",
        "system volume information",
        "__macosx",
        "icon\r",
        "@eadir",
        "lost+found",
        "__pycache__",
    }
)
"""What systems and programs put into folders unasked, in small letters; besides names that begin with a dot."""


def image_folder(path: str | os.PathLike[str], size: tuple[int, int], channels: int = 3, test: int = 0, seed: int = 0) -> Images:
    """The images of a folder with one sub-folder a class, each read by `read_image` and resized to size (H, W): x uint8.

    Classes and files are taken in the order of their names. Where the folder holds train/ and test/, these are its two parts,
    with the same classes; elsewhere `test` of the images are drawn with the seed as test images, none unless asked for. channels:
    3, or 1 for grey.

    Hidden entries (a name that begins with a dot, Thumbs.db, desktop.ini, __MACOSX and their like) are skipped, which a warning and
    the source say. Nothing else is: a file that is no image, one beside the sub-folders, a folder within a class, and a class
    without images are refused by name (ValueError). FileNotFoundError when there is no such folder.
    """
    path, shape = Path(path), checked_shape((channels, *size))
    if not path.is_dir():
        raise FileNotFoundError(
            f"{named(path)} was not found, or is not a folder: give one with a sub-folder of images for each class"
        )
    skipped: list[Path] = []
    if all((path / part).is_dir() for part in PARTS):
        if test:
            raise ValueError(f"{named(path)} has a test folder of its own, so test={test} cannot be drawn: leave it out")
        for entry in entries(path, skipped):
            if entry.name not in PARTS:
                raise ValueError(f"{named(entry)} lies beside train and test: it belongs to neither, so move it away")
        classes, held = (folders(path / part, skipped) for part in PARTS)
        if list(held) != list(classes):
            raise ValueError(f"{named(path)}: train has the classes {_names(classes)}, but test {_names(held)}")
        train_files, train_labels = files(classes, skipped)
        test_files, test_labels = files(held, skipped)
    else:
        classes = folders(path, skipped)
        found, labels = files(classes, skipped)
        if not 0 <= test < len(found):
            raise ValueError(
                f"{named(path)} has {len(found):,} images, so 0 to {len(found) - 1:,} can be test images, not {test:,}"
            )
        drawn = np.zeros(len(found), bool)
        drawn[np.random.default_rng(seed).permutation(len(found))[:test]] = True
        train_files, train_labels = [f for f, d in zip(found, drawn, strict=True) if not d], labels[~drawn]
        test_files, test_labels = [f for f, d in zip(found, drawn, strict=True) if d], labels[drawn]
    with quiet():
        (x, sums), (test_x, test_sums) = _read(train_files, shape), _read(test_files, shape)
    train, held_out = Data(x, one_hot(train_labels, len(classes))), Data(test_x, one_hot(test_labels, len(classes)))
    described = zip((str(file.relative_to(path)) for file in (*train_files, *test_files)), (*sums, *test_sums), strict=True)
    source = Source(str(path), tuple(described), licence="yours to know", skipped=said(path, skipped))
    return Images(path.resolve().name, train, held_out, shape, tuple(classes), source)


def entries(path: Path, skipped: list[Path]) -> list[Path]:
    """What lies in a folder, in the order of the names, without what is hidden: that is added to `skipped`."""
    found: list[Path] = []
    for entry in sorted(path.iterdir(), key=lambda entry: entry.name):
        hidden = entry.name.startswith(".") or entry.name.lower() in LITTER
        (skipped if hidden else found).append(entry)
    return found


def folders(path: Path, skipped: list[Path]) -> dict[str, Path]:
    """The sub-folders by the names of their classes, in order. Raises ValueError when there are none, or others lie beside them.

    Names are composed (é is one character), as different systems write them differently.
    """
    found: dict[str, Path] = {}
    for entry in entries(path, skipped):
        if not entry.is_dir():
            raise ValueError(f"{named(entry)} lies beside the classes' sub-folders: move it into one of them, or away")
        if any(unicodedata.category(character) in ("Cc", "Cs") for character in entry.name):
            raise ValueError(f"{named(entry)} cannot name a class, for its name cannot be written: give it another name")
        name = unicodedata.normalize("NFC", entry.name)
        if name in found:
            raise ValueError(f"{named(entry)} has the same name as another class, written differently: give one of them another")
        found[name] = entry
    if not found:
        raise ValueError(f"{named(path)} is empty: it needs a sub-folder of images for each class")
    return dict(sorted(found.items()))


def files(classes: Mapping[str, Path], skipped: list[Path]) -> tuple[list[Path], NDArray[np.int64]]:
    """All files of the classes, in the order of their names, and the number of each one's class."""
    found: list[Path] = []
    labels: list[int] = []
    for number, folder in enumerate(classes.values()):
        own = entries(folder, skipped)
        if not own:
            raise ValueError(f"{named(folder)} is empty: put the images of class {folder.name!r} there, or remove it")
        for entry in own:
            if entry.is_dir():
                raise ValueError(f"{named(entry)} is a folder within the class {folder.name!r}: move its images up into that one")
        found += own
        labels += [number] * len(own)
    return found, np.array(labels, np.int64)


def said(path: Path, skipped: Sequence[Path]) -> tuple[str, ...]:
    """The names of what was skipped, relative to the folder; a warning tells the first of them."""
    names = tuple(str(entry.relative_to(path)) for entry in skipped)
    if names:
        told = ", ".join(named(name, 60) for name in names[:3]) + (", ..." if len(names) > 3 else "")
        count = "1 hidden entry is" if len(names) == 1 else f"{len(names):,} hidden entries are"
        warnings.warn(f"{named(path)}: {count} skipped: {told}", stacklevel=3)
    return names


def _names(classes: Mapping[str, Path]) -> str:
    return named(", ".join(classes), 100)


def _read(names: Sequence[Path], shape: tuple[int, int, int]) -> tuple[NDArray[np.uint8], list[str]]:
    """The images, one a row, and the SHA-256 of each file; what is read is what is summed."""
    x, sums = np.empty((len(names), int(np.prod(shape))), np.uint8), []
    for row, name in zip(x, names, strict=True):
        content = read_regular(name, LARGEST)
        row[:] = decode(io.BytesIO(content), named(name), shape, OWN_PIXELS)
        sums.append(hashlib.sha256(content).hexdigest())
    return x, sums
