"""From a table to a problem's data: which columns are what, the held-out part, the standardisation."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from netbp.data.mat import mat_table
from netbp.data.table import Header, Table, labels, listed, one_hot, read_table
from netbp.types import Data, Indices, Matrix, Vector

Task = Literal["auto", "classification", "regression"]
MOST_CLASSES = 20
"""Whole numbers that take at most so many values are categories where nobody says otherwise."""


class Scale(NamedTuple):
    """Standardisation of columns: value -> (value - mean)/deviation; mean, deviation: (columns,)."""

    mean: Vector
    deviation: Vector

    def apply(self, values: Matrix) -> Matrix:
        """The standardised values, (N, columns)."""
        return (values - self.mean) / self.deviation

    def undo(self, values: Matrix) -> Matrix:
        """The values in their own units, (N, columns)."""
        return values * self.deviation + self.mean


class Columns(NamedTuple):
    """What a table's columns mean.

    columns: all their names. inputs, targets: names. classes: the categories' names in the order of the outputs, or none for
    a regression.
    """

    columns: tuple[str, ...]
    inputs: tuple[str, ...]
    targets: tuple[str, ...]
    classes: tuple[str, ...]

    @property
    def outputs(self) -> int:
        """The number of outputs that a network needs."""
        return len(self.classes) or len(self.targets)


class Prepared(NamedTuple):
    """A table made ready.

    train, held_out: standardised points. x, y: how they were standardised. rows: the held-out points' places in the table,
    counted from 0.
    """

    columns: Columns
    train: Data
    held_out: Data | None
    x: Scale
    y: Scale
    rows: Indices


def open_table(path: Path, header: Header = "auto", targets: bool = True) -> Table:
    """A CSV file, or a .mat file's points and targets, as a table; targets: whether a .mat file must have some."""
    return mat_table(path, targets) if path.suffix.lower() == ".mat" else read_table(path, header)


def prepare(
    table: Table,
    target: tuple[str, ...],
    drop: tuple[str, ...],
    task: Task,
    outputs: int | None,
    held_out: float,
    standard: bool,
    rng: Any,
) -> Prepared:
    """Split the columns into inputs and targets, the rows into a training and a held-out part, and standardise both.

    outputs: how many outputs the network was given, where that is known: it tells numbers from categories. held_out: the share of
    the rows that is held out, of each category alike. standard: whether to standardise, by mean and deviation of the training part
    (a constant column's deviation counts as 1); the targets of a regression too. rng: a numpy.random.Generator, for the split.
    Raises ValueError for everything that `netbp.data.table` refuses and for columns that do not exist or do not suffice.
    """
    inputs = _inputs(table, target, drop)
    if _classifies(table, target, task, outputs):
        codes, classes = labels(table, target[0])
        y = one_hot(codes, len(classes))
    else:
        codes, classes, y = np.zeros(len(table.rows), dtype=np.int64), (), table.numbers(target)
    x = table.numbers(inputs)
    rows = held_out_rows(codes, held_out, rng)
    kept = np.setdiff1d(np.arange(len(x)), rows)
    plain = Scale(np.zeros(x.shape[1]), np.ones(x.shape[1])), Scale(np.zeros(y.shape[1]), np.ones(y.shape[1]))
    x_scale = scale_of(x[kept]) if standard else plain[0]
    y_scale = scale_of(y[kept]) if standard and not classes else plain[1]
    x, y = x_scale.apply(x), y_scale.apply(y)
    held = Data(x[rows], y[rows]) if len(rows) else None
    return Prepared(Columns(table.names, inputs, target, classes), Data(x[kept], y[kept]), held, x_scale, y_scale, rows)


def scale_of(values: Matrix) -> Scale:
    """Mean and deviation of the columns; a deviation of 0, up to rounding, counts as 1."""
    mean, deviation = values.mean(axis=0), values.std(axis=0)
    # The mean of n equal numbers is off by a few eps of them: what is below that is no spread.
    constant = deviation <= 8 * np.finfo(float).eps * np.abs(values).max(axis=0)
    return Scale(mean, np.where(constant, 1.0, deviation))


def held_out_rows(codes: Indices, share: float, rng: Any) -> Indices:
    """The rows to hold out, sorted: of each category its share, rounded, but never its last row."""
    if not 0.0 <= share < 1.0:
        raise ValueError(f"the held-out share must be at least 0 and below 1, but it is {share!r}: say --held-out 0.2, for example")
    rows = []
    for code in np.unique(codes):
        members = rng.permutation(np.flatnonzero(codes == code))
        rows.append(members[: min(round(share * len(members)), len(members) - 1)])
    out = np.sort(np.concatenate(rows))
    if share > 0.0 and not len(out):
        raise ValueError(
            f"{len(codes)} rows are too few to hold out a share of {share:g} of them: say --held-out 0, or give more rows"
        )
    return out


def _inputs(table: Table, target: tuple[str, ...], drop: tuple[str, ...]) -> tuple[str, ...]:
    if not target:
        raise ValueError(f"which column of {table.source} is the target? Say --target; the columns are {listed(table.names)}")
    for name in (*target, *drop):
        table.column(name)
    if twice := next((name for name in target if target.count(name) > 1 or name in drop), None):
        raise ValueError(f"the target {twice!r} is named twice, or also dropped: name each column once")
    inputs = tuple(name for name in table.names if name not in target and name not in drop)
    if not inputs:
        raise ValueError(f"{table.source} has no column besides the target {listed(target)}: a network needs at least one input")
    return inputs


def _classifies(table: Table, target: tuple[str, ...], task: Task, outputs: int | None) -> bool:
    if task == "classification" and len(target) > 1:
        raise ValueError(f"a classification has one column of labels, but {len(target)} targets were named: {listed(target)}")
    if task != "auto" or len(target) > 1:
        return task == "classification"
    if not all(table.column(target[0])):
        table.text(target[0])  # refuses the empty cell
    if not table.is_numeric(target[0]):
        return _mostly_text(table, target[0])
    values = np.unique(table.numbers(target)[:, 0])
    few = len(values) <= min(MOST_CLASSES, len(table.rows) // 2) and bool((values == np.round(values)).all())
    return few if outputs is None or outputs not in (1, len(values)) else outputs == len(values)


def _mostly_text(table: Table, name: str) -> bool:
    """Whether a column that is not all numbers holds labels; where nearly all cells are numbers, the others are mistakes."""
    from netbp.data.table import number

    cells = table.column(name)
    numbers = [number(cell) is not None for cell in cells]
    if 2 * sum(numbers) > len(cells) and len(set(cells)) > MOST_CLASSES:
        table.numbers([name])  # refuses the first that is no number
    return True
