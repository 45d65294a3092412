"""Confusion matrices in the layout of figures 13 and 14: which classes a network takes for which."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import cached_property
from io import StringIO
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from netbp.frames import Library, frame
from netbp.types import Indices, Vector
from netbp.validation import ranks

OUTPUT, TARGET, ALL = "Output Class", "Target Class", "all"
NONE = "–"
"""What is shown where a percentage has no meaning: of a class that never was predicted, or never was there."""

SPECIAL = str.maketrans({c: rf"\{c}" for c in "&%$#_{}"} | {"\\": r"\textbackslash{}", "~": r"\~{}", "^": r"\^{}", NONE: "--"})


class Cell(NamedTuple):
    """What one cell shows: the count and its percentage of all; at the margins what is right, and wrong, in per cent."""

    above: str
    below: str


@dataclass(frozen=True, eq=False)
class Confusion:
    """How often the network said class i where class j was true.

    counts: (K, K), rows predicted, columns true. classes: K names. ranks: (K,), for how many points the true class came first,
    second, ... among the outputs, or None where only the predicted classes are known. Raises ValueError for counts that are not
    K by K whole numbers of at least 0, or another number of names.
    """

    counts: Indices
    classes: tuple[str, ...]
    ranks: Indices | None = None

    def __post_init__(self) -> None:
        counts, K = np.asarray(self.counts), len(self.classes)
        if counts.shape != (K, K) or counts.dtype.kind not in "iu" or (counts < 0).any():
            raise ValueError(
                f"a confusion matrix of {K} classes needs {K} by {K} whole numbers, at least 0, but got {counts.dtype} of "
                f"shape {counts.shape}"
            )
        object.__setattr__(self, "counts", counts)
        object.__setattr__(self, "classes", tuple(self.classes))

    @classmethod
    def counted(cls, predicted: ArrayLike, true: ArrayLike, classes: Sequence[str]) -> Confusion:
        """From the predicted and the true class of each point, (N,) each, counted from 0. Raises ValueError for other numbers."""
        K = len(classes)
        said, was = _numbers(predicted, K, "predicted"), _numbers(true, K, "true")
        if said.shape != was.shape:
            raise ValueError(f"there are {len(said):,} predictions for {len(was):,} points: give one for each")
        return cls(np.bincount(K * said + was, minlength=K * K).reshape(K, K), tuple(classes))

    @classmethod
    def ranked(cls, outputs: ArrayLike, true: ArrayLike, classes: Sequence[str]) -> Confusion:
        """From outputs (N, K) and true classes (N,): the largest output is predicted, the first of equal ones."""
        a, K = np.asarray(outputs), len(classes)
        was = _numbers(true, K, "true")
        if a.shape != (len(was), K):
            raise ValueError(f"{len(was):,} points of {K} classes need outputs of shape ({len(was)}, {K}), but got {a.shape}")
        counted = cls.counted(a.argmax(axis=1), was, classes)
        return cls(counted.counts, counted.classes, np.bincount(ranks(a, was), minlength=K)[:K])

    # -- numbers ---------------------------------------------------------------------------------------------------

    @cached_property
    def total(self) -> int:
        """The number of points."""
        return int(self.counts.sum())

    @cached_property
    def right(self) -> int:
        """The number of points whose class was predicted: 8,013 in figure 13."""
        return int(np.trace(self.counts))

    @property
    def accuracy(self) -> float:
        """The share of points whose class was predicted, NaN without points."""
        return self.right / self.total if self.total else np.nan

    @property
    def precision(self) -> Vector:
        """Of the points predicted to be in a class, the share that is, (K,): the last column. NaN where there are none."""
        return _shares(np.diagonal(self.counts), self.counts.sum(axis=1))

    @property
    def recall(self) -> Vector:
        """Of the points in a class, the share that was found, (K,): the last row. NaN where there are none."""
        return _shares(np.diagonal(self.counts), self.counts.sum(axis=0))

    def top(self, k: int) -> float:
        """The share of points whose class is among the k largest outputs. Raises ValueError where only predictions are known."""
        if self.ranks is None:
            raise ValueError(f"top-{k} needs the outputs, but only the predicted classes are known: use Confusion.ranked")
        if not 1 <= k <= len(self.classes):
            raise ValueError(f"top-{k} makes no sense for {len(self.classes)} classes: k can be 1 to {len(self.classes)}")
        return int(self.ranks[:k].sum()) / self.total if self.total else np.nan

    def frame(self, library: Library = "pandas") -> Any:
        """One row for each pair of classes: predicted, true, count, and share, that of all points, NaN without points."""
        K, shares = len(self.classes), self.counts / self.total if self.total else np.full(self.counts.shape, np.nan)
        columns = {"predicted": np.repeat(self.classes, K), "true": np.tile(self.classes, K)}
        return frame(columns | {"count": self.counts.ravel(), "share": shares.ravel()}, library)

    # -- the paper's layout ----------------------------------------------------------------------------------------

    @cached_property
    def cells(self) -> list[list[Cell]]:
        """K + 1 rows of K + 1 cells: counts and percentages of all; last column and last row say what is right and wrong."""
        rows = [[Cell(str(n), percentage(n, self.total)) for n in row] for row in self.counts.tolist()]
        diagonal = np.diagonal(self.counts).tolist()
        last = [_margin(n, N) for n, N in zip(diagonal, self.counts.sum(axis=0).tolist(), strict=True)]
        for row, n, N in zip(rows, diagonal, self.counts.sum(axis=1).tolist(), strict=True):
            row.append(_margin(n, N))
        return [*rows, [*last, _margin(self.right, self.total)]]

    def text(self) -> str:
        """The matrix as lines of text, as figures 13 and 14 have it."""
        names, heads = [*self.classes, ALL], [*self.classes, ALL]
        width = max(len(text) for text in [*heads, *(part for row in self.cells for cell in row for part in cell)]) + 1
        stub = max(len(name) for name in [*names, OUTPUT]) + 1
        lines = [" " * stub + TARGET.center(width * len(heads)).rstrip(), OUTPUT.ljust(stub) + _line(heads, width)]
        for name, row in zip(names, self.cells, strict=True):
            lines += [name.ljust(stub) + _line([cell.above for cell in row], width)]
            lines += [" " * stub + _line([cell.below for cell in row], width)]
        return "\n".join(lines) + "\n"

    def csv(self) -> str:
        """The matrix as comma-separated values: for each class a line of counts and one of percentages; empty where undefined."""
        out = StringIO()
        table = csv.writer(out, lineterminator="\n")
        table.writerow([OUTPUT, "", *self.classes, ALL])
        for i, (name, row) in enumerate(zip([*self.classes, ALL], self.cells, strict=True)):
            for part, what in enumerate(("count", "%") if i < len(self.classes) else ("right %", "wrong %")):
                table.writerow([name, what, *(cell[part].removesuffix("%").replace(NONE, "") for cell in row)])
        return out.getvalue()

    def latex(self) -> str:
        r"""The matrix as a LaTeX tabular, which needs \usepackage[table]{xcolor}; rows are the output class, columns the target."""
        K = len(self.classes)
        heads = [rf"\rotatebox{{90}}{{{name.translate(SPECIAL)}}}" for name in (*self.classes, ALL)]
        lines = [
            r"% needs \usepackage[table]{xcolor} and \usepackage{graphicx}",
            *(rf"\definecolor{{confusion{name}}}{{HTML}}{{{tint}}}" for name, tint in TINTS.items()),
            rf"\begin{{tabular}}{{l*{{{K}}}{{c}}|c}}",
            rf"& \multicolumn{{{K}}}{{c|}}{{{TARGET}}} & \\",
            rf"{OUTPUT} & {' & '.join(heads)} \\ \hline",
        ]
        for i, (name, row) in enumerate(zip([*self.classes, ALL], self.cells, strict=True)):
            first = r"\rule{0pt}{2.5ex}" + name.translate(SPECIAL)
            for part, size, stub in (("above", "", first), ("below", r"\scriptsize ", "")):
                shades = [rf"\cellcolor{{confusion{kind(i, j, K)}}}" for j in range(K + 1)]
                shown = [f"{shade}{size}{getattr(cell, part).translate(SPECIAL)}" for shade, cell in zip(shades, row, strict=True)]
                lines.append(f"{stub} & {' & '.join(shown)} \\\\")
            lines[-1] += r" \hline" if i == K - 1 else ""
        return "\n".join([*lines, r"\end{tabular}"]) + "\n"

    def __str__(self) -> str:
        return self.text()


TINTS = {"right": "B7E1CD", "wrong": "F9D5CC", "margin": "E6E6E6", "overall": "CFCFCF"}
"""Green, red and greys; on all of them black letters have a contrast above 12, and to the colour-blind green is cooler than red."""


def kind(i: int, j: int, K: int) -> str:
    """Which colour the cell in row i and column j has, counted from 0: a key of TINTS."""
    if K in (i, j):
        return "overall" if i == j else "margin"
    return "right" if i == j else "wrong"


def percentage(n: int, N: int) -> str:
    """n of N in per cent, to one decimal, as figures 13 and 14 print it.

    The double n / N * 100 is rounded, a tie upwards, as MATLAB does: 905 of 10,000 are 9.0 %, for the double is just below 9.05.
    """
    if not N:
        return NONE
    return f"{Decimal(n / N * 100).quantize(Decimal('0.1'), ROUND_HALF_UP)}%"


def _margin(right: int, total: int) -> Cell:
    return Cell(percentage(right, total), percentage(total - right, total))


def _line(cells: Sequence[str], width: int) -> str:
    return "".join(cell.rjust(width) for cell in cells)


def _shares(part: Indices, whole: Indices) -> Vector:
    return np.divide(part, whole, out=np.full(len(whole), np.nan), where=whole > 0)


def _numbers(given: ArrayLike, K: int, what: str) -> Indices:
    numbers = np.asarray(given)
    if numbers.ndim != 1 or (numbers.size and (numbers.dtype.kind not in "iu" or numbers.min() < 0 or numbers.max() >= K)):
        span = f", from {numbers.min()} to {numbers.max()}" if numbers.size and numbers.dtype.kind in "biuf" else ""
        raise ValueError(
            f"the {what} classes must be one whole number for each point, 0 to {K - 1}, but they are {numbers.dtype} of shape "
            f"{numbers.shape}{span}"
        )
    return numbers.astype(np.int64)
