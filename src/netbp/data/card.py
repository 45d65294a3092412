"""A card of an image data set: what the paper's section on accountability asks of those who build on data."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from netbp.data.images import Images, Source, labels
from netbp.files import named
from netbp.frames import Library, frame
from netbp.types import Data, Indices, Matrix

BLOCK = 2_000


@dataclass(frozen=True)
class Duplicates:
    """Images that are equal to another, value by value.

    training, test: how many images are copies of an earlier one of the same part. across: how many test images are also training
    images. disagreeing: how many images of all have a copy with another class. examples: of those across, up to five pairs
    (number of the test image, number of the first training image that equals it), from 0.
    """

    training: int
    test: int
    across: int
    disagreeing: int
    examples: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class DataCard:
    """What is known of a set of images; prints as a table.

    counts: of each class, in training and test. means, deviations: of each channel over the training images, in the images' own
    units. sha256: of the images as rows of values, training and then test, whatever files they came from.
    """

    name: str
    shape: tuple[int, int, int]
    images: tuple[int, int]
    source: Source
    counts: tuple[tuple[str, int, int], ...]
    means: tuple[float, ...]
    deviations: tuple[float, ...]
    range: tuple[float, float]
    duplicates: Duplicates
    sha256: str

    def frame(self, library: Library = "pandas") -> Any:
        """One row for each class: class, and how many images it has in training and in test."""
        names, train, test = ([at[k] for at in self.counts] for k in range(3))
        return frame({"class": names, "training": train, "test": test}, library)

    def to_dict(self) -> dict[str, Any]:
        """The card as plain values, for a file."""
        return {**asdict(self), "source": self.source._asdict()}

    def __str__(self) -> str:
        C, H, W = self.shape
        s, d = self.source, self.duplicates
        official = "the official contents" if s.official else "not known to be official"
        train, test = self.images
        lines = [
            f"{named(self.name)}: {train:,} training and {test:,} test images, {C} x {H} x {W}, {len(self.counts)} classes",
            f"read from   {named(s.place)}",
            f"official    {s.address or 'unknown'}",
            f"licence     {s.licence or 'unknown'}",
            f"cite        {s.reference or 'unknown'}",
            f"values      SHA-256 {self.sha256}",
            f"files       {len(s.files)}, SHA-256 ({official})",
            *(f"            {sha256}  {named(name)}" for name, sha256 in s.files[:12]),
            *([f"            ... and {len(s.files) - 12} more"] if len(s.files) > 12 else []),
            *([f"skipped     {len(s.skipped)} hidden: {named(', '.join(s.skipped))}"] if s.skipped else []),
            f"copies      {d.training} within training, {d.test} within test, {d.across} test images also in training, "
            f"{d.disagreeing} with another class",
            *(f"            test image {i} is training image {j}" for i, j in d.examples),
            f"range       {self.range[0]:g} to {self.range[1]:g}",
            "channel     mean  deviation",
            *(f"{c:7d} {m:8.3f} {v:10.3f}" for c, (m, v) in enumerate(zip(self.means, self.deviations, strict=True))),
            "class                           training      test",
            *(f"{named(name, 60):30s}{train:10,d}{test:10,d}" for name, train, test in self.counts),
            *(f"known: {issue}" for issue in s.issues),
        ]
        return "\n".join(lines)


def data_card(images: Images) -> DataCard:
    """Look at every image once: counts of the classes, statistics of the channels, exact copies, checksum."""
    train, test = (np.asarray(part.x) for part in images)
    if not len(train):
        raise ValueError(f"{images.name} has no training images, so there is nothing to describe")
    C = images.shape[0]
    total, squares, low, high = np.zeros(C), np.zeros(C), np.inf, -np.inf
    for i in range(0, len(train), BLOCK):
        z = np.asarray(train[i : i + BLOCK], float).reshape(-1, C, train.shape[1] // C)
        total += z.sum(axis=(0, 2))
        squares += np.einsum("ncp,ncp->c", z, z)
        low, high = min(low, float(z.min())), max(high, float(z.max()))
    values = train.size // C
    means = total / values
    deviations = np.sqrt(np.maximum(squares / values - means**2, 0.0))
    digest, train_sums, test_sums = hashlib.sha256(), _sums(train), _sums(test)
    for one in (*train_sums, *test_sums):
        digest.update(one)
    return DataCard(
        name=images.name,
        shape=images.shape,
        images=(len(train), len(test)),
        source=images.source,
        counts=tuple(zip(images.classes, _counts(images.train), _counts(images.test), strict=True)),
        means=tuple(means.tolist()),
        deviations=tuple(deviations.tolist()),
        range=(low, high),
        duplicates=_duplicates(train_sums, test_sums, labels(images.train), labels(images.test)),
        sha256=digest.hexdigest(),
    )


def _counts(part: Data) -> list[int]:
    return np.bincount(labels(part), minlength=np.asarray(part.y).shape[1]).tolist()


def _sums(x: Matrix) -> list[bytes]:
    """A digest of each image's values."""
    return [hashlib.sha256(np.ascontiguousarray(row).data).digest() for row in x]


def _duplicates(train: list[bytes], test: list[bytes], train_labels: Indices, test_labels: Indices) -> Duplicates:
    first: dict[bytes, int] = {}
    for i, one in enumerate(train):
        first.setdefault(one, i)
    across = [(i, first[one]) for i, one in enumerate(test) if one in first]
    seen: dict[bytes, set[int]] = {}
    for one, label in zip((*train, *test), (*train_labels.tolist(), *test_labels.tolist()), strict=True):
        seen.setdefault(one, set()).add(label)
    copies = Counter((*train, *test))
    disagreeing = sum(copies[one] for one, found in seen.items() if len(found) > 1)
    return Duplicates(len(train) - len(first), len(test) - len(set(test)), len(across), disagreeing, tuple(across[:5]))
