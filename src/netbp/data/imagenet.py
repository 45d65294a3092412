"""ImageNet, or any set laid out like it, from the user's own copy: read once into a file of bytes, and memory-mapped from there."""

from __future__ import annotations

import csv
import hashlib
import io
import itertools
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netbp.data.download import write_pieces
from netbp.data.folder import entries, files, folders, said
from netbp.data.images import Images, Source
from netbp.data.picture import checked_shape, quiet, read_picture
from netbp.files import named, open_regular, read_regular, remove_litter
from netbp.folders import cache_folder, private_folder
from netbp.notices import tell, watched
from netbp.types import Data

SOLUTION, MAPPING = "LOC_val_solution.csv", "LOC_synset_mapping.txt"
TABLE = 2**26  # the most bytes of either table
AHEAD = 256  # files that are read before the first of them is written
LICENCE = "the images belong to their owners; ImageNet's terms of access allow non-commercial research and education only"
REFERENCE = "O. Russakovsky et al., ImageNet Large Scale Visual Recognition Challenge, Int. J. Computer Vision 115, 2015"
ISSUES = ("Northcutt, Athalye & Mueller (2021), Pervasive Label Errors in Test Sets: about 6 % of the validation labels are wrong",)


def imagenet(folder: str | os.PathLike[str], size: tuple[int, int] = (64, 64)) -> Images:
    """The user's own copy of ImageNet: train/<class>/*.JPEG, and val/<class>/*.JPEG as test images; x and y uint8, memory-mapped.

    val may also be one folder of images where LOC_val_solution.csv, beside train and val, has their classes. The first time each
    image is read by `read_image` at size (H, W) into a file in the cache, of H W 3 bytes an image, some at a time: never the whole
    is in memory. The next time that file is taken, as long as the folder holds the same files. Classes bear the names that
    LOC_synset_mapping.txt gives, if it is there. y is uint8 too, for a million images have a thousand targets each.

    Raises FileNotFoundError when the folder is not laid out so; ValueError, naming it, for a file that is not an image; OSError
    when the cache has no room, saying how much is needed, or cannot be made a folder of the user's own.
    """
    folder, shape = Path(folder), checked_shape((3, *size))
    for part in ("train", "val"):
        if not (folder / part).is_dir():
            raise FileNotFoundError(
                f"{named(folder / part)} was not found: imagenet(folder) needs train/<class>/*.JPEG and val/ there"
            )
    skipped: list[Path] = []
    classes = folders(folder / "train", skipped)
    train = files(classes, skipped)
    test = _validation(folder, classes, skipped)
    listing = [[str(path.relative_to(folder)), path.stat().st_size] for path in (*train[0], *test[0])]
    key = hashlib.sha256(json.dumps([listing, shape]).encode()).hexdigest()[:32]
    x, y = _bytes(key, (*train[0], *test[0]), np.concatenate([train[1], test[1]]), shape, len(classes))
    N = len(train[0])
    source = Source(str(folder), (), False, "https://www.image-net.org/", LICENCE, REFERENCE, ISSUES, said(folder, skipped))
    return Images(folder.resolve().name, Data(x[:N], y[:N]), Data(x[N:], y[N:]), shape, _names(folder, classes), source)


def _validation(folder: Path, classes: Mapping[str, Path], skipped: list[Path]) -> tuple[list[Path], NDArray[np.int64]]:
    """The test images and their classes, from sub-folders or from the table beside them."""
    hidden: list[Path] = []
    found = entries(folder / "val", hidden)
    if found and all(entry.is_dir() for entry in found):
        held = folders(folder / "val", skipped)
        if list(held) != list(classes):
            raise ValueError(f"{named(folder / 'val')} has other sub-folders than train: they must be the same classes")
        return files(held, skipped)
    skipped += hidden
    table = folder / SOLUTION
    if not table.is_file():
        raise FileNotFoundError(
            f"{named(table)} was not found: without it val/ needs the sub-folders of train/, one a class, for its images' classes"
        )
    try:
        rows = list(csv.reader(_text(table).splitlines()))
    except csv.Error as error:
        raise ValueError(f"{named(table)} is not CSV ({error}): get the original file again") from None
    known = {row[0]: row[1].split()[0] for row in rows if len(row) > 1 and row[1].split()}
    numbers = {name: i for i, name in enumerate(classes)}
    labels = []
    for entry in found:
        name = known.get(entry.stem)
        if name not in numbers:
            given = "no class" if name is None else f"the class {name[:40]!r}"
            raise ValueError(f"{named(entry)}: {SOLUTION} gives it {given}, which is not a sub-folder of train")
        labels.append(numbers[name])
    return found, np.array(labels, np.int64)


def _names(folder: Path, classes: Mapping[str, Path]) -> tuple[str, ...]:
    table = folder / MAPPING
    if not table.is_file():
        return tuple(classes)
    known = dict(line.split(" ", 1) for line in _text(table).splitlines() if " " in line)
    return tuple(known.get(name, name).strip() for name in classes)


def _text(table: Path) -> str:
    try:
        return read_regular(table, TABLE).decode()
    except UnicodeDecodeError:
        raise ValueError(f"{named(table)} is not text in UTF-8: get the original file again") from None


def _bytes(
    key: str, names: Sequence[Path], labels: NDArray[np.int64], shape: tuple[int, int, int], classes: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """All images and all targets, mapped from two files in the cache, which are written whole or not at all."""
    folder = private_folder(cache_folder() / "imagenet")
    images, targets = folder / f"{key}-x.npy", folder / f"{key}-y.npy"
    length = int(np.prod(shape))
    shapes = {images: (len(names), length), targets: (len(names), classes)}
    if not all(_whole(path, shapes[path]) for path in shapes):
        need, free = len(names) * (length + classes), shutil.disk_usage(folder).free
        if need > free:
            raise OSError(f"{folder} has {free:,} bytes of room, but {need:,} are needed: set NETBP_CACHE to a folder with more")
        _write(targets, (np.eye(1, classes, int(label), dtype=np.uint8)[0] for label in labels), shapes[targets])
        _write(images, _read(names, shape), shapes[images])  # last: its presence says that both are whole
    return np.asarray(np.load(images, mmap_mode="c")), np.asarray(np.load(targets, mmap_mode="c"))


def _whole(path: Path, shape: tuple[int, int]) -> bool:
    """Whether the file is there and holds bytes of this shape, by its header and its size: nobody would wait for a checksum."""
    try:
        open_regular(path).close()
        found = np.load(path, mmap_mode="r")
        if found.shape != shape or found.dtype != np.uint8:
            raise ValueError(f"it holds {found.shape} of {found.dtype}")
    except FileNotFoundError:
        return False
    except Exception as error:  # NumPy meets damaged files with many kinds of exception
        tell(f"images that were kept on the disk are damaged, and read again ({path}: {error})", about="damaged images")
        if path.is_dir():
            shutil.rmtree(path)
        return False
    return True


def _write(path: Path, rows: Iterator[NDArray[np.uint8]], shape: tuple[int, int]) -> None:
    remove_litter(path.parent)
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": shape})
    write_pieces(path, itertools.chain([header.getvalue()], (row.data for row in rows)))


def _read(names: Sequence[Path], shape: tuple[int, int, int]) -> Iterator[NDArray[np.uint8]]:
    """Each image in its turn, read by as many threads as there are processors (Pillow lets them run at once)."""
    with quiet(), ThreadPoolExecutor(os.cpu_count()) as pool:
        for i in _progress(range(0, len(names), AHEAD)):
            yield from pool.map(read_picture, names[i : i + AHEAD], [shape] * AHEAD)


def _progress(chunks: range) -> Any:
    """The same chunks, with a bar on a terminal where tqdm is installed."""
    try:
        from tqdm import tqdm
    except ImportError:
        return chunks
    return tqdm(chunks, desc="reading images", unit_scale=AHEAD, unit=" images", disable=not watched())
