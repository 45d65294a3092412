"""Sets of labelled images: what every image data set of this package answers with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from netbp.types import Array, Data, Indices

if TYPE_CHECKING:
    from netbp.data.card import DataCard


class Source(NamedTuple):
    """Where images came from: a folder or an archive, its files with the SHA-256 of what was read, and on what terms.

    official: whether all sums are the official files'. address: the official site. licence: what is known of it. reference: the
    paper to cite. issues: known from the literature. skipped: hidden entries of the folder that were not read.
    """

    place: str
    files: tuple[tuple[str, str], ...] = ()
    official: bool = False
    address: str = ""
    licence: str = ""
    reference: str = ""
    issues: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Images:
    """Labelled images for training and for testing; `train, test = images` takes them apart.

    train, test: Data with one image a row. x (N, C H W), uint8 unless scaled or preprocessed, in the order channel, row, column;
    y (N, classes), 1 at the image's class. shape: (C, H, W). classes: their names, in the order of y's columns.
    """

    name: str
    train: Data
    test: Data
    shape: tuple[int, int, int]
    classes: tuple[str, ...]
    source: Source = field(default=Source(""))

    def __iter__(self) -> Iterator[Data]:
        return iter((self.train, self.test))

    def card(self) -> DataCard:
        """What a builder should know of the data: see `data_card`."""
        from netbp.data.card import data_card  # which imports this module

        return data_card(self)

    def first(self, train: int, test: int) -> Images:
        """The first `train` training images and the first `test` test images: a small set to try things on."""
        return replace(
            self,
            train=_rows(self.train, slice(_count(self, "training", train, self.train))),
            test=_rows(self.test, slice(_count(self, "test", test, self.test))),
        )

    def split(self, validation: int, seed: int = 0) -> Images:
        """The training images alone, `validation` of them drawn as the new test images: the old ones stay unseen.

        The drawn ones, and those that remain, keep the order they had. Raises ValueError when none would remain.
        """
        N = len(np.asarray(self.train.x))
        if not 1 <= validation < N:
            raise ValueError(f"{self.name} has {N:,} training images, so 1 to {N - 1:,} can be set aside, not {validation:,}")
        chosen = np.zeros(N, bool)
        chosen[np.random.default_rng(seed).permutation(N)[:validation]] = True
        train, test = _rows(self.train, np.flatnonzero(~chosen)), _rows(self.train, np.flatnonzero(chosen))
        return replace(self, name=f"{self.name}, split", train=train, test=test)


def labels(data: Data) -> Indices:
    """The number of each image's class, (N,), from its target."""
    return np.asarray(data.y).argmax(axis=1)


def one_hot(numbers: Array, classes: int) -> Array:
    """Targets (N, classes), float64: 1 at the class's number and 0 elsewhere, as in (5)."""
    y = np.zeros((len(numbers), classes))
    y[np.arange(len(numbers)), numbers] = 1.0
    return y


def pictures(rows: Array, shape: Sequence[int]) -> Array:
    """Rows as pictures to be drawn: (N, C H W) in the order channel, row, column becomes (N, H, W, C)."""
    return np.asarray(rows).reshape(-1, *shape).transpose(0, 2, 3, 1)


def rows(pictures: Array) -> Array:
    """Pictures as rows: (N, H, W, C) becomes (N, C H W); the inverse of `pictures`."""
    return np.ascontiguousarray(np.asarray(pictures).transpose(0, 3, 1, 2)).reshape(len(pictures), -1)


def _rows(data: Data, which: slice | Indices) -> Data:
    y = None if data.y is None else np.asarray(data.y)[which]
    return Data(np.asarray(data.x)[which], y)


def _count(images: Images, kind: str, asked: int, data: Data) -> int:
    N = len(np.asarray(data.x))
    if not 1 <= asked <= N:
        raise ValueError(f"{images.name} has {N:,} {kind} images, but {asked:,} were asked for: choose 1 to {N:,}")
    return asked
