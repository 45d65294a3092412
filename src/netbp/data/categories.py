"""Labels as categories: names, in order, and targets as in (5)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from netbp.data.dialect import number
from netbp.data.table import Table
from netbp.messages import counted, shown
from netbp.types import Indices, Matrix


def labels(table: Table, name: str) -> tuple[Indices, tuple[str, ...]]:
    """The column `name` as categories: their numbers (N,), from 0, and their names in order, by value where all are numbers.

    A label is a name, what stands in the cell: 1, 1.0 and 01 are three. Raises ValueError when a cell is empty, when there is one
    category only, or when one occurs once.
    """
    cells = table.text(name)
    counts = Counter(cells)
    classes = in_order(tuple(counts))
    if len(classes) == 1:
        raise ValueError(
            f"{table.source}, column {shown(name)} holds one class only, {shown(classes[0])}, in all {counted(len(cells), 'row')}: "
            "a classifier needs at least two"
        )
    for row, cell in zip(table.rows, cells, strict=True):
        if counts[cell] == 1:
            raise ValueError(f"{table.place(row, name)}: the label {shown(cell)} occurs once only: {_once(cell, classes)}")
    place = {label: k for k, label in enumerate(classes)}
    return np.array([place[cell] for cell in cells], dtype=np.int64), classes


def _once(cell: str, classes: Sequence[str]) -> str:
    value = number(cell)
    other = None if value is None else next((name for name in classes if name != cell and number(name) == value), None)
    if other is not None:
        return f"labels are names, so {shown(other)} is another one: write both alike, or say --task regression"
    return "add rows with that label or remove the row (for a target that is a number, say --task regression)"


def in_order(names: Sequence[str]) -> tuple[str, ...]:
    """Different names in order: by value where all are finite numbers, otherwise as text."""
    values = {name: number(name) for name in names}
    if all(value is not None and np.isfinite(value) for value in values.values()):
        return tuple(sorted(names, key=lambda name: (values[name], name)))
    return tuple(sorted(names))


def one_hot(codes: Indices, classes: int) -> Matrix:
    """Targets as in (5): a 1 in the place of each point's category, otherwise 0; (N, classes)."""
    return np.eye(classes)[codes]
