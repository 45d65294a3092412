"""CIFAR-10 and CIFAR-100: 60,000 colour images of 32 by 32 pixels each (Krizhevsky, 2009), from their official binary files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from netbp.data.archive import Archive, Member, check, locate
from netbp.data.download import Official
from netbp.data.images import Images, Source, one_hot
from netbp.files import named
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
COARSE = """
aquatic_mammals fish flowers food_containers fruit_and_vegetables household_electrical_devices household_furniture insects
large_carnivores large_man-made_outdoor_things large_natural_outdoor_scenes large_omnivores_and_herbivores
medium-sized_mammals non-insect_invertebrates people reptiles small_mammals trees vehicles_1 vehicles_2
"""
FINE = """
apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can castle caterpillar
cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin elephant flatfish forest fox girl
hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man maple_tree motorcycle mountain mouse mushroom
oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree plain plate poppy porcupine possum rabbit raccoon ray road
rocket rose sea seal shark shrew skunk skyscraper snail snake spider squirrel streetcar sunflower sweet_pepper table tank
telephone television tiger tractor train trout tulip turtle wardrobe whale willow_tree wolf woman worm
"""


class Layout(NamedTuple):
    """A set's archive, in whose members each image follows its label bytes: the test file's name, and each label byte's classes."""

    name: str
    archive: Archive
    test: str
    classes: tuple[tuple[str, ...], ...]
    issues: tuple[str, ...]


CIFAR10 = Layout(
    "CIFAR-10",
    Archive(
        Official(SITE + "cifar-10-binary.tar.gz", 170_052_171, "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"),
        "cifar-10-batches-bin",
        {
            "data_batch_1.bin": Member(30_730_000, "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5", 1 + PIXELS),
            "data_batch_2.bin": Member(30_730_000, "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed", 1 + PIXELS),
            "data_batch_3.bin": Member(30_730_000, "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67", 1 + PIXELS),
            "data_batch_4.bin": Member(30_730_000, "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48", 1 + PIXELS),
            "data_batch_5.bin": Member(30_730_000, "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add", 1 + PIXELS),
            "test_batch.bin": Member(30_730_000, "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b", 1 + PIXELS),
        },
        ("cifar-10-batches-py", "cifar-10-python.tar.gz", "data_batch_1"),
    ),
    "test_batch.bin",
    (tuple(TEN.split()),),
    tuple(issue.format(near="3.3 %", wrong="0.5 %") for issue in ISSUES),
)

CIFAR100 = Layout(
    "CIFAR-100",
    Archive(
        Official(SITE + "cifar-100-binary.tar.gz", 168_513_733, "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec"),
        "cifar-100-binary",
        {
            "train.bin": Member(153_700_000, "f31298fc616915fa142368359df1c4ca2ae984d6915ca468b998a5ec6aeebf29", 2 + PIXELS),
            "test.bin": Member(30_740_000, "d8b1e6b7b3bee4020055f0699b111f60b1af1e262aeb93a0b659061746f8224a", 2 + PIXELS),
        },
        ("cifar-100-python", "cifar-100-python.tar.gz", "train"),
    ),
    "test.bin",
    (tuple(COARSE.split()), tuple(FINE.split())),
    tuple(issue.format(near="10 %", wrong="6 %") for issue in ISSUES),
)


def cifar10(folder: str | os.PathLike[str] | None = None) -> Images:
    """CIFAR-10: 50,000 training and 10,000 test images in 10 classes, x (N, 3072) uint8 in the files' order.

    folder: where the six .bin files are, or the archive, cifar-10-binary.tar.gz. None means $NETBP_DATA/cifar-10-batches-bin, or
    the archive in $NETBP_DATA, or the one in the cache, or the official site. Raises FileNotFoundError, saying what to put where,
    when they are nowhere; ValueError when a file is not the official one, byte for byte, or is one of pickles.
    """
    return _read(CIFAR10, folder, 0)


def cifar100(folder: str | os.PathLike[str] | None = None, labels: Literal["fine", "coarse"] = "fine") -> Images:
    """CIFAR-100: 50,000 training and 10,000 test images, x (N, 3072) uint8, in 100 classes, or in the 20 coarse ones.

    folder: where train.bin and test.bin are, or the archive. None means $NETBP_DATA/cifar-100-binary, and then as for `cifar10`,
    whose exceptions it raises.
    """
    if labels not in ("fine", "coarse"):
        raise ValueError(f"CIFAR-100's labels are 'fine' or 'coarse', not {labels!r}")
    return _read(CIFAR100, folder, ("coarse", "fine").index(labels))


def records(content: bytes, name: str, classes: Sequence[int]) -> NDArray[np.uint8]:
    """A file's records, one a row, each its labels and then its 3,072 pixels.

    classes: how many there are for each label byte. Raises ValueError when a record is cut short or a label is beyond them.
    """
    length = len(classes) + PIXELS
    if len(content) % length:
        raise ValueError(
            f"{name} has {len(content):,} bytes, which are not whole records of {length:,}: get the original file again"
        )
    found = np.frombuffer(content, np.uint8).reshape(-1, length)
    for byte, limit in enumerate(classes):
        beyond = np.flatnonzero(found[:, byte] >= limit)
        if len(beyond):
            label, i = found[beyond[0], byte], beyond[0] + 1
            raise ValueError(
                f"{name}: record {i:,} has the label {label}, but they are 0 to {limit - 1}: get the original file again"
            )
    return found


def _read(layout: Layout, folder: str | os.PathLike[str] | None, label: int) -> Images:
    """The images of a set, with the class of label byte number `label`; one file at a time, so that little is held twice."""
    found = locate(layout.archive, folder)
    members = layout.archive.members
    order = [name for name in members if name != layout.test] + [layout.test]
    counts = [members[name].size // members[name].record for name in order]
    ends = dict(zip(order, np.cumsum(counts).tolist(), strict=True))
    x, numbers = np.empty((sum(counts), PIXELS), np.uint8), np.empty(sum(counts), np.uint8)
    sums = {}
    for name, content in found.read():
        record = records(content, f"{named(found.place)}: {name}", [len(names) for names in layout.classes])
        sums[name] = check(name, found.place, content, members[name].sha256)
        here = slice(ends[name] - len(record), ends[name])
        x[here], numbers[here] = record[:, len(layout.classes) :], record[:, label]
    classes = layout.classes[label]
    y, N = one_hot(numbers, len(classes)), sum(counts[:-1])
    files = tuple((name, sums[name]) for name in order)
    source = Source(str(found.place), files, True, layout.archive.official.address, LICENCE, REFERENCE, layout.issues)
    return Images(layout.name, Data(x[:N], y[:N]), Data(x[N:], y[N:]), SHAPE, classes, source)
