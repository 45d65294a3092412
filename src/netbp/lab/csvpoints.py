"""Points from a table that is pasted or dropped, or drawn anew, as the text of an experiment's field."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from netbp.data.dialect import Reading, number
from netbp.data.table import Table, table_of_text
from netbp.experiments.plane_texts import LARGEST, LETTERS, MOST_POINTS, SETS, points_of, points_text
from netbp.types import Indices


def points_from(text: str) -> dict[str, Any]:
    """The points of a CSV text: two columns of numbers, and one of categories, where there is one.

    Raises ValueError, naming row and column, when it is no such table, or has more points or categories than the lab takes.
    """
    table = table_of_text(text, "the table", Reading("no", comments="skip"))
    if sum(number(column[0]) is not None for column in table.columns) < 2:  # the first row names the columns
        table = table_of_text(text, "the table", Reading("yes", comments="skip"))
    if len(table.names) not in (2, 3):
        raise ValueError(f"the table has {len(table.names)} columns: points need two numbers, and a category in a third column")
    if len(table.rows) > MOST_POINTS:
        raise ValueError(f"the table has {len(table.rows):,} rows: the lab takes {MOST_POINTS:,} points")
    numeric, other = _columns(table)
    x = table.numbers(numeric)
    far = np.argwhere(np.abs(x) > LARGEST)
    if len(far):
        row, column = far[0]
        raise ValueError(f"the table, row {table.rows[row]}, column {numeric[column]!r} is larger than {LARGEST:g}: scale it")
    labels, names = _labels(table, other)
    return _told(points_text(x, labels), names)


def points_of_set(name: str, n: int, noise: float, seed: int) -> dict[str, Any]:
    """The points of a drawn set. Raises ValueError when there is no such set, or not of that size."""
    if name not in SETS:
        raise ValueError(f"the sets are {', '.join(SETS)}, but {name[:40]!r} was asked for")
    return _told(f"{name}:{n}:{noise:g}:{seed}", list(LETTERS[: SETS[name].categories]))


def _columns(table: Table) -> tuple[Sequence[str], str | None]:
    """The two columns of numbers, and the other one: the last, unless only another holds words."""
    if len(table.names) == 2:
        return table.names, None
    words = [name for name in table.names if not table.is_numeric(name)]
    other = words[0] if len(words) == 1 else table.names[2]
    return [name for name in table.names if name != other], other


def _labels(table: Table, column: str | None) -> tuple[Indices, list[str]]:
    if column is None:
        return np.zeros(len(table.rows), dtype=np.int64), ["A"]
    cells = table.text(column)
    if all(cell in LETTERS and len(cell) == 1 for cell in cells):  # our own letters keep their places
        return np.array([LETTERS.index(cell) for cell in cells]), list(LETTERS[: max(LETTERS.index(cell) for cell in cells) + 1])
    names = sorted(set(cells), key=lambda cell: (number(cell) is None, number(cell) or 0.0, cell))
    if len(names) > len(LETTERS):
        raise ValueError(f"the table, column {column!r} has {len(names)} categories: the lab takes {len(LETTERS)}")
    return np.array([names.index(cell) for cell in cells]), names


def _told(text: str, names: list[str]) -> dict[str, Any]:
    found = points_of(text)
    return {"points": text, "N": len(found.labels), "categories": names, "outputs": max(2, int(found.labels.max()) + 1)}
