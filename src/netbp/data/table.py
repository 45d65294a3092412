"""Tables of one's own: CSV files as they are, every refusal naming row and column as a spreadsheet does.

Rows are counted from 1 and the header is row 1, as a spreadsheet shows them: empty lines and comments count, and a quoted cell of
two lines is in one row. A file without a header has its columns numbered "1", "2", ... from the left.
"""

from __future__ import annotations

import csv
import difflib
import io
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np

from netbp.data.arrangement import Rows, arranged
from netbp.data.dialect import (
    COMMA,
    GROUPING,
    POINT,
    SEPARATORS,
    UNTOLD,
    Comments,
    Decimal,
    Header,
    Numbering,
    Reading,
    Separator,
    Thousands,
    declared,
    grouped,
    records,
    separator_of,
    text_of,
)
from netbp.files import read_regular
from netbp.messages import listed, named, shown
from netbp.types import Array, Indices, Matrix, Vector

LARGEST = 2**31
"""Bytes of a table: all of it is held in memory."""
MISSING = frozenset(
    {"", "?", "-", "--", ".", "NA", "N/A", "n/a", "N.A.", "n.a.", "#N/A", "<NA>"}
    | {"null", "Null", "NULL", "None", "nan", "NaN", "NAN", "-nan", "-NaN"}
)
"""Cells that stand for a missing value."""


class Remedies(NamedTuple):
    """What to do about a cell, in words: one that is missing, and one that is no number."""

    missing: str = "fill it in or delete the row"
    text: str = "correct it, or leave the column out"


PLAIN = Remedies()


@dataclass(frozen=True, eq=False)
class Table:
    """The cells of a table as text, stripped of surrounding blanks.

    source: the file's name, for messages. names: the columns'. columns: their cells, as many in each. rows: the spreadsheet's
    number of each row of cells. reading: how the file is written. aside: columns that only tell the rows apart. nameless: others
    that the header does not name, called by their place. notes: what was left out, in words.
    """

    source: str
    names: tuple[str, ...]
    columns: tuple[tuple[str, ...], ...]
    rows: tuple[int, ...]
    reading: Reading = UNTOLD
    aside: tuple[str, ...] = ()
    nameless: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    _read: dict[tuple[str, Numbering], Vector | None] = field(default_factory=dict, init=False, repr=False)

    @cached_property
    def places(self) -> dict[str, list[int]]:
        """Where the columns of each name are, counted from 0."""
        found: dict[str, list[int]] = {}
        for j, name in enumerate(self.names):
            found.setdefault(name, []).append(j)
        return found

    def column(self, name: str) -> tuple[str, ...]:
        """The cells of the column `name`. Raises ValueError when there is none of that name, or more than one."""
        places = self.places.get(name)
        if places is None:
            near = difflib.get_close_matches(name[:100], [other for other in self.names[:1000] if len(other) <= 100], 1)
            hint = f"did you mean {shown(near[0])}? Its" if near else "its"
            raise ValueError(f"{self.source} has no column {shown(name)}: {hint} columns are {listed(self.names)}")
        if len(places) > 1:
            them = " and ".join(str(j + 1) for j in places[:5])
            raise ValueError(
                f"{self.source}, row 1: the name {shown(name)} stands for columns {them}: give each column its own name"
            )
        return self.columns[places[0]]

    def numbers(self, names: Sequence[str], numbering: Numbering | None = None, remedies: Remedies = PLAIN) -> Matrix:
        """The columns `names` as float64, (rows, len(names)). Raises ValueError, naming the first cell that is no finite number.

        numbering: how the numbers are written; without it, as these columns tell.
        """
        how = self.numbering(names) if numbering is None else numbering
        out = np.empty((len(self.rows), len(names)))
        for j, name in enumerate(names):
            values = self.values(name, how)
            if values is None or not np.isfinite(values).all():
                raise ValueError(self._no_number(name, how, remedies))
            out[:, j] = values
        return out

    def text(self, name: str) -> tuple[str, ...]:
        """The cells of a column, none of them empty. Raises ValueError, naming the first empty one."""
        cells = self.column(name)
        for row, cell in zip(self.rows, cells, strict=True):
            if not cell:
                raise ValueError(f"{self.place(row, name)} is empty: {PLAIN.missing}")
        return cells

    def is_numeric(self, name: str, numbering: Numbering = POINT) -> bool:
        """Whether every cell of a column is a number, finite or not."""
        return self.values(name, numbering) is not None

    def values(self, name: str, numbering: Numbering = POINT) -> Vector | None:
        """The numbers of a column, (rows,), finite or not, or None where a cell is none; computed once."""
        if (name, numbering) not in self._read:
            self._read[name, numbering] = _values(self.column(name), numbering)
        return self._read[name, numbering]

    def gaps(self, name: str, numbering: Numbering = POINT) -> Indices:
        """The places of a column's cells that stand for missing values; a lone - is a label where there is a +, too."""
        values, cells = self.values(name, numbering), self.column(name)
        if values is not None and np.isfinite(values).all():
            return np.empty(0, dtype=np.int64)
        markers = MISSING - {"-"} if "+" in cells else MISSING
        return np.array([i for i, cell in enumerate(cells) if cell in markers], dtype=np.int64)

    def numbering(self, names: Sequence[str], prior: Decimal = "auto") -> Numbering:
        """How the numbers in these columns are written, where that was not said: with decimal commas, if a number proves it.

        1,5 or 0,125 proves a decimal comma; 1,234 does not, for it may be 1234. prior: what is taken then.
        """
        thousands = GROUPING.get(self.reading.thousands, "")
        point, comma = Numbering(".", thousands), Numbering(",", thousands)
        if self.reading.decimal != "auto" or thousands in (",", "."):
            return comma if self.reading.decimal == "comma" or (self.reading.decimal == "auto" and thousands == ".") else point
        proven = doubtful = False
        for name in names:
            if self.values(name, point) is not None:
                continue
            cells = [cell for cell in self.column(name) if "," in cell]
            if cells and all(c in MISSING or {point.number(c), comma.number(c)} != {None} for c in self.column(name)):
                sure = [cell for cell in cells if not grouped(cell, ",", ".")]
                proven, doubtful = proven or bool(sure), doubtful or not sure
        return comma if proven or (doubtful and prior == "comma") else point

    def kept(self, rows: Array) -> Table:
        """The table with the rows of these places only."""
        columns = tuple(tuple(cells[i] for i in rows) for cells in self.columns)
        return replace(self, columns=columns, rows=tuple(self.rows[i] for i in rows))

    def place(self, row: int, name: str) -> str:
        """A cell in words."""
        return f"{self.source}, row {row}, column {shown(name)}"

    def _no_number(self, name: str, numbering: Numbering, remedies: Remedies) -> str:
        for row, cell in zip(self.rows, self.column(name), strict=True):
            value = numbering.number(cell)
            if value is None or not np.isfinite(value):
                return f"{self.place(row, name)} {_complaint(cell, value, numbering, remedies)}"
        raise AssertionError(name)


def read_table(
    path: str | Path,
    header: Header = "auto",
    *,
    separator: Separator = "auto",
    decimal: Decimal = "auto",
    thousands: Thousands = "none",
    comments: Comments = "auto",
    encoding: str = "auto",
    prior: Reading | None = None,
) -> Table:
    """Read a CSV file, with commas, semicolons, tabulators, bars or blanks between the cells, which may be quoted.

    header: whether row 1 names the columns; "auto" takes it for a header when none of its cells is a number, and for data when
    all are, or its words come again below. separator: "auto" takes the one with which most cells are numbers. decimal, thousands:
    how numbers are written; see `Table.numbering`. comments: whether lines that begin with # are left out; "auto" asks where one
    could be a row. encoding: "auto" is UTF-8, or what a byte order mark says. prior: how another such table was written, which
    counts where this one does not tell.

    Raises ValueError when the file is no such table: not text, empty, without rows, or ragged; OSError when it cannot be read.
    """
    path = Path(path)
    reading = Reading(header, separator, decimal, thousands, comments, encoding).checked()
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder: give the path of a CSV file in it")
    return table_of_text(text_of(read_regular(path, LARGEST), path.name, encoding), path.name, reading, prior)


def table_of_text(text: str, source: str, reading: Reading = UNTOLD, prior: Reading | None = None) -> Table:
    """The table that a text holds; source: its name, for messages. Raises ValueError as `read_table` does."""
    said, text = declared(text)
    separator = said or SEPARATORS.get(reading.separator, "")
    if not separator:
        before = None if prior is None else SEPARATORS.get(prior.separator)
        separator = separator_of(text, source, reading.comments != "keep", before)
    rows = Rows(*records(text, separator, source, reading.comments != "keep"), separator, source)
    laid = arranged(rows, reading, MISSING)
    words: dict[str, Separator] = {mark: word for word, mark in SEPARATORS.items()}
    found = reading._replace(header="yes" if laid.named else "no", separator=words.get(separator, "auto"))
    columns = tuple(zip(*(cells for _, cells in laid.records), strict=True))
    return Table(source, laid.names, columns, tuple(row for row, _ in laid.records), found, laid.aside, laid.nameless, laid.notes)


def flag_value(*names: str) -> str:
    """The names of columns as they are typed behind --drop or --target."""
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow([named(name) for name in names])
    return shlex.quote(text.getvalue())


def _values(cells: Sequence[str], numbering: Numbering) -> Vector | None:
    if numbering == POINT:
        try:
            values = np.array(list(map(float, cells)))
        except ValueError:
            return None
        return None if "_" in "".join(cells) else values
    found = [numbering.number(cell) for cell in cells]
    return None if None in found else np.array(found, dtype=float)


def _complaint(cell: str, value: float | None, numbering: Numbering, remedies: Remedies) -> str:
    if cell in MISSING:
        what = f"is {shown(cell)}, which stands for a missing value" if cell else "is empty"
        return f"{what}: {remedies.missing}"
    if value is not None:
        return f"is {shown(cell, 30)}, which is not a finite number: correct it or delete the row"
    return f"is {shown(cell, 30)}, which is not a number{_notation(cell, numbering) or f': {remedies.text}'}"


def _notation(cell: str, numbering: Numbering) -> str:
    """What to do about a number that is written in another way than the others, or nothing where it is no number at all."""
    other = COMMA if numbering.decimal == "." else POINT
    if numbering.decimal == "." and grouped(cell, ",", "."):
        if COMMA.number(cell) is None:
            return " while its digits are grouped: say --thousands comma"
        whole, small = cell.replace(",", ""), cell.replace(",", ".")
        return f": say --thousands comma if it is {whole}, --decimal comma if it is {small}"
    if other.number(cell) is not None:
        word = "comma" if numbering.decimal == "." else "point"
        return f" with the decimal mark {numbering.decimal!r} that others have: write all alike, or say --decimal {word}"
    for word, marks in GROUPING.items():
        if marks != numbering.decimal and grouped(cell, marks, numbering.decimal):
            return f" while its digits are grouped: say --thousands {word}"
    return ""
