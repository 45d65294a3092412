"""From the rows of a text to named columns: the header, separators at the ends of lines, columns that only tell the rows apart."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from netbp.data.dialect import Reading, Record, cells_of, is_header, is_numeric, number
from netbp.messages import counted, listed

INDEX = ("", "Unnamed: 0")
"""What pandas and R call a first column that numbers or names the rows."""


class Rows(NamedTuple):
    """What a text holds: its rows, its comments, the separator, and its name, for messages."""

    records: list[Record]
    comments: list[Record]
    separator: str
    source: str


class Arranged(NamedTuple):
    """The rows of data, all as long as there are names; named: whether a header names them. The rest as in `Table`."""

    records: list[Record]
    names: tuple[str, ...]
    named: bool
    aside: tuple[str, ...] = ()
    nameless: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def arranged(rows: Rows, reading: Reading, missing: Collection[str]) -> Arranged:
    """The rows with their names. Raises ValueError when there is none, or when they are ragged."""
    if not rows.records:
        behind = f" but for {counted(len(rows.comments), 'comment')}" if rows.comments else ""
        raise ValueError(f"{rows.source} is empty{behind}: a table needs a header row and at least one row of data")
    header, records, comments = _header(rows, reading, missing)
    if not records:
        raise ValueError(f"{rows.source} has a header but no rows of data: add at least one row below it")
    _check_comments(comments, records, reading, rows)
    notes = (f"{counted(len(comments), 'line')} beginning with # left out",) if comments else ()
    if header is None:
        records = _without_last(records)
        _even(records, len(records[0][1]), rows.source)
        return Arranged(records, tuple(str(j) for j in range(1, len(records[0][1]) + 1)), False, notes=notes)
    header = _as_long(header, records)
    _even(records, len(header), rows.source)
    return _named(header, records, notes)


def _header(rows: Rows, reading: Reading, missing: Collection[str]) -> tuple[list[str] | None, list[Record], list[Record]]:
    """The header, where there is one, the rows of data, and the comments that are none."""
    records, comments = rows.records, rows.comments
    if reading.header == "no":
        return None, records, comments
    first = records[0][1]
    above = [line for line in comments if line[0] < records[0][0]]
    if above and any(map(is_numeric, first)):  # the names may stand in a comment, as numpy.savetxt writes them
        words = cells_of(above[-1][1][0].lstrip("#").lstrip(), rows.separator)
        if len(words) == len(first) and not any(map(is_numeric, words)):
            return words, records, [line for line in comments if line is not above[-1]]
    if reading.header == "yes" or is_header(first, [cells for _, cells in records[1:]], rows.source, missing):
        return first, records[1:], comments
    return None, records, comments


def _check_comments(comments: Sequence[Record], records: Sequence[Record], reading: Reading, rows: Rows) -> None:
    """Refuse a line that begins with # where it could be a row of data."""
    width = len(records[0][1])
    for row, line in comments if reading.comments == "auto" else ():
        if row > records[0][0] and len(cells_of(line[0], rows.separator)) == width:
            raise ValueError(
                f"{rows.source}, row {row} begins with # and has {counted(width, 'cell')}, as the others have: say --comments skip "
                "if such lines are comments, or --comments keep if they are data"
            )


def _without_last(records: list[Record]) -> list[Record]:
    """The rows without the empty cells behind a separator at the end of every line."""
    if any(len(cells) < 2 or cells[-1] for _, cells in records):
        return records
    return [(row, cells[:-1]) for row, cells in records]


def _as_long(header: list[str], records: Sequence[Record]) -> list[str]:
    """The header with a nameless column more where all rows have one: the empty last one, or R's names of rows, all different.

    And one less where the header alone ends in a separator.
    """
    if len(header) > 1 and not header[-1] and {len(cells) for _, cells in records} == {len(header) - 1}:
        return header[:-1]
    if {len(cells) for _, cells in records} != {len(header) + 1}:
        return header
    if not any(cells[-1] for _, cells in records):
        return [*header, ""]
    return ["", *header] if len({cells[0] for _, cells in records}) == len(records) else header


def _even(records: Sequence[Record], width: int, source: str) -> None:
    """Raises ValueError, naming the first row that has not `width` cells."""
    for row, cells in records:
        if len(cells) != width:
            raise ValueError(
                f"{source}, row {row} has {counted(len(cells), 'cell')} but row 1 has {width}: "
                "give every row the same columns, and quote cells that contain the separator"
            )


def _named(header: Sequence[str], records: list[Record], notes: tuple[str, ...]) -> Arranged:
    """Rows and names without the columns that have neither name nor cell; those without a name are called by their place."""
    empty = [j for j, name in enumerate(header) if not name and not any(cells[j] for _, cells in records)]
    kept = [j for j in range(len(header)) if j not in set(empty)]
    if empty:
        notes += (f"{counted(len(empty), 'column')} without a name and without a cell left out",)
        records = [(row, [cells[j] for j in kept]) for row, cells in records]
    names = tuple(header[j] or f"column {j + 1}" for j in kept)
    aside: tuple[str, ...] = ()
    if kept and header[kept[0]] in INDEX and _tells_rows([cells[0] for _, cells in records]):
        aside = names[:1]
        notes += (f"the first column, {listed(aside)}, only tells the rows apart and is left out",)
    nameless = tuple(name for j, name in zip(kept, names, strict=True) if not header[j] and name not in aside)
    return Arranged(records, names, True, aside, nameless, notes)


def _tells_rows(cells: Sequence[str]) -> bool:
    """Whether cells are numbers or names of rows: whole numbers or text, no two alike."""
    return len(set(cells)) == len(cells) and all(number(cell) is None or cell.isdecimal() for cell in cells)
