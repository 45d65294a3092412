"""Tables of one's own: CSV files read strictly, every refusal naming row and column as a spreadsheet does.

Rows are counted from 1 and the header is row 1, as a spreadsheet shows them. A file without a header has its columns numbered
"1", "2", ... from the left.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from netbp.files import read_regular
from netbp.types import Indices, Matrix, Vector

LARGEST = 2**31

Header = Literal["auto", "yes", "no"]
DELIMITERS = ",;\t"
SIGNATURES = {
    b"PK\x03\x04": "a zipped file such as an .xlsx spreadsheet: save the sheet as CSV",
    b"\xd0\xcf\x11\xe0": "an old .xls spreadsheet: save the sheet as CSV",
    b"\x1f\x8b": "compressed with gzip: unpack it first",
    b"\xff\xfe": "in UTF-16: save it as CSV in UTF-8",
    b"\xfe\xff": "in UTF-16: save it as CSV in UTF-8",
    b"%PDF": "a PDF: export the table as CSV",
}


class Table(NamedTuple):
    """The cells of a CSV file as text, stripped of surrounding blanks.

    source: the file's name, for messages. names: the columns'. columns: their cells, as many in each. rows: the spreadsheet's
    number of each row of cells.
    """

    source: str
    names: tuple[str, ...]
    columns: tuple[tuple[str, ...], ...]
    rows: tuple[int, ...]

    def column(self, name: str) -> tuple[str, ...]:
        """The cells of the column `name`. Raises ValueError when there is none of that name."""
        if name not in self.names:
            raise ValueError(f"{self.source} has no column {name!r}: its columns are {listed(self.names)}")
        return self.columns[self.names.index(name)]

    def numbers(self, names: Sequence[str]) -> Matrix:
        """The columns `names` as float64, (rows, len(names)). Raises ValueError, naming the first cell that is no finite number."""
        return np.column_stack([self._numbers(name) for name in names])

    def text(self, name: str) -> tuple[str, ...]:
        """The cells of a column, none of them empty. Raises ValueError, naming the first empty one."""
        cells = self.column(name)
        for row, cell in zip(self.rows, cells, strict=True):
            if not cell:
                raise ValueError(f"{self._place(row, name)} is empty: fill it in or delete the row")
        return cells

    def is_numeric(self, name: str) -> bool:
        """Whether every cell of a column is a number, finite or not."""
        return all(number(cell) is not None for cell in self.column(name))

    def _numbers(self, name: str) -> Vector:
        cells = self.column(name)
        values = [number(cell) for cell in cells]
        for row, cell, value in zip(self.rows, cells, values, strict=True):
            if value is None or not np.isfinite(value):
                raise ValueError(f"{self._place(row, name)} {_complaint(cell, value)}")
        return np.array(values, dtype=float)

    def _place(self, row: int, name: str) -> str:
        return f"{self.source}, row {row}, column {name!r}"


def read_table(path: str | Path, header: Header = "auto") -> Table:
    """Read a CSV file: comma, semicolon or tab between the cells, which may be quoted; UTF-8.

    header: whether row 1 names the columns; "auto" takes it for a header when none of its cells is a number, and for data when
    all are. Raises ValueError when the file is no such table: not text, empty, without rows, ragged, or with missing or repeated
    column names; OSError when it cannot be read.
    """
    path = Path(path)
    return table_of_text(_text(path), path.name, header)


def table_of_text(text: str, source: str, header: Header = "auto") -> Table:
    """The table that a text holds; source: its name, for messages. Raises ValueError as `read_table` does."""
    records = _records(text, source)
    if not records:
        raise ValueError(f"{source} is empty: a table needs a header row and at least one row of data")
    named = _has_header(records[0][1], header, source)
    width = len(records[0][1])
    names = tuple(records[0][1]) if named else tuple(str(j) for j in range(1, width + 1))
    if named:
        _check_names(names, source)
        records = records[1:]
    if not records:
        raise ValueError(f"{source} has a header but no rows of data: add at least one row below it")
    for row, cells in records:
        if len(cells) != width:
            raise ValueError(
                f"{source}, row {row} has {_count(len(cells), 'cell')} but row 1 has {width}: "
                "give every row the same columns, and quote cells that contain the separator"
            )
    return Table(source, names, tuple(zip(*(cells for _, cells in records), strict=True)), tuple(row for row, _ in records))


def labels(table: Table, name: str) -> tuple[Indices, tuple[str, ...]]:
    """The column `name` as categories: their numbers (N,), from 0, and their names in order, as numbers where all are numbers.

    Raises ValueError when a cell is empty, when there is one category only, or when one occurs once.
    """
    cells = table.text(name)
    if table.is_numeric(name):
        values = table.numbers([name])[:, 0]
        cells = tuple(f"{value:.17g}" for value in values)  # 1, 1.0 and 01 are the same label
        classes = tuple(sorted(set(cells), key=float))
    else:
        for row, cell in zip(table.rows, cells, strict=True):
            if (value := number(cell)) is not None and not np.isfinite(value):
                raise ValueError(f"{table.source}, row {row}, column {name!r} {_complaint(cell, value)}")
        classes = tuple(sorted(set(cells)))
    counts = Counter(cells)
    if len(classes) == 1:
        raise ValueError(
            f"{table.source}, column {name!r} holds one class only, {classes[0]!r}, in all {len(cells)} rows: "
            "a classifier needs at least two"
        )
    for row, cell in zip(table.rows, cells, strict=True):
        if counts[cell] == 1:
            raise ValueError(
                f"{table.source}, row {row}, column {name!r}: the label {cell!r} occurs once only: "
                "add rows with that label or remove the row (for a target that is a number, say --task regression)"
            )
    place = {label: k for k, label in enumerate(classes)}
    return np.array([place[cell] for cell in cells], dtype=np.int64), classes


def one_hot(codes: Indices, classes: int) -> Matrix:
    """Targets as in (5): a 1 in the place of each point's category, otherwise 0; (N, classes)."""
    return np.eye(classes)[codes]


def number(cell: str) -> float | None:
    """The number that a cell holds, NaN and infinities included, or None; digits grouped by _ are not a number here."""
    try:
        return None if "_" in cell else float(cell)
    except ValueError:
        return None


def listed(names: Sequence[str], most: int = 12) -> str:
    """The names in quotes, shortened where there are many."""
    shown = [repr(name) for name in names]
    return ", ".join(shown if len(shown) <= most else [*shown[: most - 2], "...", shown[-1]])


def _complaint(cell: str, value: float | None) -> str:
    if not cell:
        return "is empty: fill it in or delete the row"
    shown = repr(cell if len(cell) <= 30 else cell[:27] + "...")
    if value is None and number(cell.replace(",", ".")) is not None:
        return f"is {shown}, which is not a number: write the decimal point as '.' and do not group digits"
    if value is None:
        return f"is {shown}, which is not a number: correct it, or leave the column out"
    return f"is {shown}, which is not a finite number: correct it or delete the row"


def _text(path: Path) -> str:
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder: give the path of a CSV file in it")
    content = read_regular(path, LARGEST)
    for signature, remedy in SIGNATURES.items():
        if content.startswith(signature):
            raise ValueError(f"{path.name} is not a CSV file but {remedy}")
    if b"\0" in content:
        raise ValueError(f"{path.name} is not a CSV file: it holds binary data (a zero byte at position {content.index(0)})")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = content.count(b"\n", 0, error.start) + 1
        raise ValueError(
            f"{path.name} is not in UTF-8: line {row} has the byte 0x{content[error.start]:02x}: save it as CSV in UTF-8"
        ) from None


def _records(text: str, source: str) -> list[tuple[int, list[str]]]:
    """The rows with the spreadsheet's row numbers, without empty lines and without the blank rows that spreadsheets append."""
    delimiter = _delimiter(text)
    records = []
    rows = _parsed(text, delimiter)
    row = 0
    while True:
        row += 1
        try:
            cells = next(rows)
        except StopIteration:
            break
        except csv.Error as error:
            raise ValueError(f"{source}, row {row} is not CSV ({error}): check its quotation marks") from None
        if cells:  # an empty line is no row, but counts
            records.append((row, cells))
    while records and not any(records[-1][1]):
        records.pop()
    return records


def _parsed(text: str, delimiter: str) -> Iterator[list[str]]:
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True, skipinitialspace=True)
    return ([cell.strip() for cell in cells] for cells in lines)


def _delimiter(text: str) -> str:
    """The separator that splits the first rows into the most columns, all rows alike where one does."""

    def merit(delimiter: str) -> tuple[bool, int]:
        widths = []
        try:
            for cells, _ in zip(_parsed(text, delimiter), range(20), strict=False):
                if any(cells):
                    widths.append(len(cells))
        except csv.Error:
            pass  # reported when the whole file is read
        return len(set(widths)) == 1 and widths[0] > 1, max(widths[:1], default=0)

    return max(DELIMITERS, key=merit)


def _has_header(first: Sequence[str], header: Header, source: str) -> bool:
    if header != "auto":
        return header == "yes"
    numeric = [number(cell) is not None for cell in first]
    if any(numeric) and not all(numeric):
        name = next(cell for cell in first if number(cell) is not None)
        raise ValueError(
            f"{source}, row 1 holds numbers ({name}) and other text: is it a header? Name the columns in row 1, "
            "or say --header yes or --header no"
        )
    return not any(numeric)


def _check_names(names: Sequence[str], source: str) -> None:
    for j, name in enumerate(names, start=1):
        if not name:
            raise ValueError(f"{source}, row 1: column {j} of {len(names)} has no name: write one in the header")
    for name, count in Counter(names).items():
        if count > 1:
            places = " and ".join(str(j) for j, other in enumerate(names, start=1) if other == name)
            raise ValueError(f"{source}, row 1: the name {name!r} stands for columns {places}: give each column its own name")


def _count(n: int, what: str) -> str:
    return f"{n} {what}" + ("" if n == 1 else "s")
