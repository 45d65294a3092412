"""How right a fitted network is: shares and confusions of categories, errors of numbers."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from netbp.confusion import Confusion
from netbp.experiments.preparation import Columns
from netbp.messages import counted, named
from netbp.types import Indices, Matrix, Vector

FEW, PAIRS = 10, 10
"""Classes whose confusions are printed whole, and of more, how many pairs."""


class Score(NamedTuple):
    """How right predictions are.

    For categories: confusion, (classes, classes), predicted by true; unknown: how many labels the network was never shown. For
    numbers: rmse and r2, (targets,), in their own units. untold: rows that do not count, since their truth or an input is missing.
    """

    columns: Columns
    points: int
    confusion: Indices | None = None
    unknown: int = 0
    rmse: Vector | None = None
    r2: Vector | None = None
    untold: int = 0

    @property
    def accuracy(self) -> float:
        """The share that is right."""
        assert self.confusion is not None
        return float(np.trace(self.confusion)) / self.points

    def __str__(self) -> str:
        left = f"; {counted(self.untold, 'row')} without the truth or an input not counted" if self.untold else ""
        if self.confusion is None:
            assert self.rmse is not None
            assert self.r2 is not None
            lines = zip(self.columns.targets, self.rmse, self.r2, strict=True)
            return "; ".join(f"{named(name)}: RMSE {rmse:.4g}, R^2 {r2:.4f}" for name, rmse, r2 in lines) + left
        right = int(np.trace(self.confusion))
        strange = f" ({self.unknown} with labels that the network does not know)" if self.unknown else ""
        return f"{right:,} of {self.points:,} right, {100 * self.accuracy:.1f} %{strange}{left}"

    def table(self) -> str:
        """The confusion counts, rows predicted, columns true, as in figure 13; of more than FEW classes the worst pairs."""
        assert self.confusion is not None
        if len(self.columns.classes) > FEW:
            return self.pairs()
        names = [named(name, 20) for name in self.columns.classes]
        width, stub = max(7, *map(len, names)) + 2, max(18, *(len(name) + 2 for name in names))
        lines = ["predicted \\ true".ljust(stub) + "".join(name.rjust(width) for name in names)]
        for name, counts in zip(names, self.confusion, strict=True):
            lines.append(name.ljust(stub) + "".join(str(count).rjust(width) for count in counts))
        return "\n".join(lines)

    def pairs(self) -> str:
        """The pairs of classes that are taken for one another most often, a line each."""
        assert self.confusion is not None
        wrong = np.where(np.eye(len(self.confusion), dtype=bool), 0, self.confusion)
        places = np.argsort(-wrong, axis=None, kind="stable")[: min(PAIRS, int((wrong > 0).sum()))]
        all_of_them = int((wrong > 0).sum())
        if not all_of_them:
            return "no class is taken for another"
        classes = [named(name, 30) for name in self.columns.classes]
        rows = [("predicted", "true", "rows")]
        rows += [(classes[i], classes[j], f"{wrong[i, j]:,}") for i, j in zip(*np.unravel_index(places, wrong.shape), strict=True)]
        wide = [max(len(row[k]) for row in rows) for k in range(3)]
        lines = [f"  {a.ljust(wide[0])}  {b.ljust(wide[1])}  {n.rjust(wide[2])}" for a, b, n in rows]
        of = "" if len(places) == all_of_them else f" of {all_of_them:,}"
        return "\n".join(
            [f"the {counted(len(places), 'most frequent confusion')}{of}; the whole matrix by --confusion FILE", *lines]
        )

    def whole(self) -> Confusion:
        """All the confusions. Raises ValueError for a regression."""
        if self.confusion is None:
            raise ValueError("a regression has no confusion matrix: leave out --confusion")
        return Confusion(self.confusion, self.columns.classes)


def confusion(predicted: Indices, truth: Indices, classes: int) -> Indices:
    """How often each category was predicted, (classes, classes), rows predicted, columns true; truth -1 counts nowhere."""
    counts = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(counts, (predicted[truth >= 0], truth[truth >= 0]), 1)
    return counts


def score_of(columns: Columns, outputs: Matrix, truth: Matrix) -> Score:
    """How right outputs are, both in the targets' own units: (N, targets), or probabilities and one-hot targets (N, classes)."""
    if columns.classes:
        table = confusion(outputs.argmax(axis=1), truth.argmax(axis=1), len(columns.classes))
        return Score(columns, len(truth), confusion=table)
    exponent = np.frexp(np.abs(truth).max(axis=0))[1]  # squares in units of a power of 2 neither overflow nor vanish
    outputs, truth = np.ldexp(outputs, -exponent), np.ldexp(truth, -exponent)
    squares = ((outputs - truth) ** 2).sum(axis=0)
    spread = ((truth - truth.mean(axis=0)) ** 2).sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):  # a target without spread has no R^2: NaN or -infinity says so
        r2 = 1.0 - squares / spread
    return Score(columns, len(truth), rmse=np.ldexp(np.sqrt(squares / len(truth)), exponent), r2=r2)
