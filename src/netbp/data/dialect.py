"""How a table is written: encoding, separator, comments, header, and how its numbers are written."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Literal, NamedTuple, get_args

from netbp.messages import listed, shown

Header = Literal["auto", "yes", "no"]
Separator = Literal["auto", "comma", "semicolon", "tab", "bar", "blank"]
Decimal = Literal["auto", "point", "comma"]
Thousands = Literal["none", "comma", "point", "blank", "apostrophe"]
Comments = Literal["auto", "skip", "keep"]

SEPARATORS: dict[Separator, str] = {"tab": "\t", "semicolon": ";", "bar": "|", "comma": ",", "blank": " "}
"""In the order in which they are preferred where several would do: a comma may be a decimal comma, a blank may stand in a name."""
GROUPING: dict[Thousands, str] = {"comma": ",", "point": ".", "blank": " \u00a0\u2009\u202f", "apostrophe": "'\u2019"}
SAMPLE, SEEN = 20, 1_000
"""Rows from which the separator is told, and whether the first one is a header."""
SIGNATURES = {
    b"PK\x03\x04": "a zipped file: unpack it first, or save the sheet of an .xlsx spreadsheet as CSV",
    b"\xd0\xcf\x11\xe0": "an old .xls spreadsheet: save the sheet as CSV",
    b"\x1f\x8b": "compressed with gzip: unpack it first",
    b"BZh": "compressed with bzip2: unpack it first",
    b"\xfd7zXZ\x00": "compressed with xz: unpack it first",
    b"\x28\xb5\x2f\xfd": "compressed with zstd: unpack it first",
    b"%PDF": "a PDF: export the table as CSV",
    b"PAR1": "a Parquet file: write it as CSV, with pandas for example",
    b"ARROW1": "a Feather file: write it as CSV, with pandas for example",
    b"\x89HDF": "an HDF5 file: write the table as CSV",
    b"SQLite format 3": "an SQLite database: write the table as CSV",
    b"MATLAB 5.0 MAT-file": "a .mat file: let its name end in .mat",
    b"\x93NUMPY": "a .npy file: write it with numpy.savetxt(..., delimiter=',')",
}
MARKS = {b"\xff\xfe\x00\x00": "utf-32", b"\x00\x00\xfe\xff": "utf-32", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
"""Byte order marks and what they say."""

Record = tuple[int, list[str]]
"""A row as a spreadsheet counts it, from 1, and its cells."""


class Reading(NamedTuple):
    """How a table is to be read, or, without "auto", how it was.

    header: whether the first row names the columns. separator: what stands between cells. decimal, thousands: how numbers are
    written. comments: whether lines that begin with # are left out. encoding: a name that Python knows; auto: UTF-8, or what a byte
    order mark says.
    """

    header: Header = "auto"
    separator: Separator = "auto"
    decimal: Decimal = "auto"
    thousands: Thousands = "none"
    comments: Comments = "auto"
    encoding: str = "auto"

    @classmethod
    def told(cls, values: Any) -> Reading:
        """The reading that the settings of a run tell, among others. Raises ValueError where they tell none."""
        if not isinstance(values, Mapping):
            raise ValueError(f"how a table is to be read is not told by {shown(repr(values))}")
        return cls(**{name: values[name] for name in cls._fields if name in values}).checked()

    def checked(self) -> Reading:
        """Itself. Raises ValueError for a word that none of its fields may hold."""
        words = {"header": Header, "separator": Separator, "decimal": Decimal, "thousands": Thousands, "comments": Comments}
        for name, kind in words.items():
            if getattr(self, name) not in get_args(kind):
                raise ValueError(f"{name} can be {', '.join(get_args(kind))}, but {shown(repr(getattr(self, name)))} was asked for")
        if not isinstance(self.encoding, str):
            raise ValueError(f"encoding must be a name, but {shown(repr(self.encoding))} was asked for")
        if self.thousands == self.decimal:
            raise ValueError(f"a {self.decimal} cannot be the decimal mark and group the digits, too")
        return self


UNTOLD = Reading()
"""Everything is told from the file itself."""


class Numbering(NamedTuple):
    """How numbers are written. decimal: "." or ",". thousands: the characters that may group digits by three."""

    decimal: str = "."
    thousands: str = ""

    def number(self, cell: str) -> float | None:
        """The number that a cell holds, NaN and infinities included, or None."""
        if self.thousands and any(mark in cell for mark in self.thousands):
            if not grouped(cell, self.thousands, self.decimal):
                return None
            cell = cell.translate({ord(mark): None for mark in self.thousands})
        if self.decimal == ",":
            cell = "." if "." in cell else cell.replace(",", ".")
        return number(cell)


POINT, COMMA = Numbering(), Numbering(",")


def number(cell: str) -> float | None:
    """The number that a cell holds, NaN and infinities included, or None; digits grouped by _ are not a number here."""
    try:
        return None if "_" in cell else float(cell)
    except ValueError:
        return None


def is_numeric(cell: str) -> bool:
    """Whether a cell is a number, with a decimal point or a decimal comma, its digits grouped or not."""
    return (
        number(cell) is not None
        or COMMA.number(cell) is not None
        or grouped(cell, ",", ".")
        or any(grouped(cell, marks, ",") for marks in GROUPING.values() if marks != ",")
    )


def grouped(cell: str, marks: str, decimal: str) -> bool:
    """Whether a cell is a number whose digits are grouped by three, with one of these marks."""
    return bool(re.fullmatch(rf"[+-]?[1-9]\d{{0,2}}(?:[{re.escape(marks)}]\d{{3}})+(?:[{decimal}]\d*)?(?:[eE][+-]?\d+)?", cell))


def text_of(content: bytes, source: str, encoding: str = "auto") -> str:
    """The text of a file. Raises ValueError, with the remedy, where it is no text or in another encoding."""
    for signature, remedy in SIGNATURES.items():
        if content.startswith(signature):
            raise ValueError(f"{source} is not a CSV file but {remedy}")
    if encoding != "auto":
        return _decoded(content, source, encoding)
    for mark, name in MARKS.items():
        if content.startswith(mark):
            return _decoded(content, source, name)
    if b"\0" in content:
        half = content[:1000].count(0) * 3 > len(content[:1000])
        hint = "; if it is text in UTF-16, say so with the encoding utf-16-le or utf-16-be" if half else ""
        raise ValueError(f"{source} is not a CSV file: it holds binary data (a zero byte at position {content.index(0)}){hint}")
    text = _decoded(content, source, "utf-8-sig")
    if re.match(r"\s*<(!doctype|html|\?xml)", text[:200], re.IGNORECASE):
        raise ValueError(f"{source} is not a CSV file but a page of HTML or XML: fetch the table itself")
    if re.match(r"\s*(\[\s*)?[{\[]\s*[\"\[{]", text[:200]):
        raise ValueError(f"{source} is not a CSV file but JSON: write it as CSV, with pandas for example")
    if re.search(r"^[ \t]*@relation\s", text[:5000], re.IGNORECASE | re.MULTILINE):
        raise ValueError(f"{source} is not a CSV file but an ARFF file: keep what follows @data, under a row with the names")
    return text


def _decoded(content: bytes, source: str, encoding: str) -> str:
    try:
        text = content.decode("utf-8-sig" if encoding.lower().replace("_", "-") in ("utf-8", "utf8") else encoding)
    except UnicodeDecodeError as error:
        row = content.count(b"\n", 0, error.start) + 1
        byte = f"line {row} has the byte 0x{content[error.start]:02x}"
        if encoding != "utf-8-sig":
            raise ValueError(f"{source} is not in the encoding {encoding}: {byte}: name another encoding") from None
        raise ValueError(
            f"{source} is not in UTF-8: {byte}: say which encoding it has, cp1252 (Windows, Western Europe), latin-1 or another, "
            "or save it as CSV in UTF-8"
        ) from None
    except (LookupError, ValueError):
        raise ValueError(f"{shown(encoding)} is not an encoding that is known: say utf-8, utf-16, cp1252 or latin-1") from None
    return text.removeprefix("\ufeff")


def declared(text: str) -> tuple[str | None, str]:
    """The separator that a first line such as sep=; declares, as Excel reads it, or None; and the text behind that line."""
    found = re.match(r"\"?sep=(.)\"?[ \t]*(?:\r\n|\r|\n|$)", text, re.IGNORECASE)
    return (found[1], text[found.end() :]) if found else (None, text)


def records(text: str, separator: str, source: str, comments: bool, most: int | None = None) -> tuple[list[Record], list[Record]]:
    """The rows of a text that are not empty, with the spreadsheet's row numbers, and its comments, each a row and the line.

    separator: one character; " " stands for any run of blanks and tabulators. comments: whether lines beginning with # are some.
    most: how many rows are wanted; fewer where the quotation marks do not match. Without it, raises ValueError, naming that row.
    """
    lines = _Lines(text, separator == " ", comments)
    rows = csv.reader(lines, delimiter=separator, strict=True, skipinitialspace=True)
    blank = most is not None or '"' in text or separator == " " or re.search(r"[^\S\r\n]", text)  # is there anything to strip?
    found: list[Record] = []
    while most is None or len(found) < most:
        lines.row += 1
        lines.inside = False
        try:
            cells = next(rows)
        except StopIteration:
            break
        except csv.Error as error:
            if most is not None:  # reported when the whole text is read
                break
            raise ValueError(_broken(str(error), source, lines.row)) from None
        if blank:
            cells = [cell.strip() for cell in cells]
        if separator == " " and len(cells) > 1 and not cells[-1]:
            cells.pop()  # blanks at the end of the line
        if cells and cells != [""]:  # an empty line is no row, but counts
            found.append((lines.row, cells))
    while found and not any(found[-1][1]):
        found.pop()
    return found, lines.comments


class _Lines:
    """The lines of a text for `csv.reader`; comments become empty lines, and are kept beside.

    row: the row that is being read. inside: whether the next line goes on with a row that has begun, in a quoted cell.
    """

    def __init__(self, text: str, blanks: bool, comments: bool) -> None:
        self.lines = io.StringIO(text, newline="")
        self.blanks, self.watched = blanks, comments and "#" in text
        self.comments: list[Record] = []
        self.row, self.inside = 0, False

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self.lines)
        if self.watched and not self.inside and line.lstrip(" \t").startswith("#"):
            self.comments.append((self.row, [line.strip()]))
            return "\n"
        self.inside = True
        return line.replace("\t", " ") if self.blanks else line


def separator_of(text: str, source: str, comments: bool, prior: str | None = None) -> str:
    """The separator whose first rows have the most cells that are numbers, and are alike; `prior` where it does as well."""
    order = [prior] if prior is not None else []
    return max([*order, *SEPARATORS.values()], key=lambda separator: _merit(text, separator, source, comments))


def _merit(text: str, separator: str, source: str, comments: bool) -> tuple[float, int]:
    rows = [cells for _, cells in records(text, separator, source, comments, SAMPLE)[0]]
    widths = {len(cells) for cells in rows}
    body = rows[1:] or rows
    filled = [cell for cells in body for cell in cells if cell]
    share = sum(map(is_numeric, filled)) / max(len(filled), 1)
    if max(widths, default=0) < 2:
        return 0.0, 0
    # the header may have one cell less, where the rows have names, or end in a separator
    alike = len({len(cells) for cells in body}) == 1 and len(rows[0]) in (len(body[0]), len(body[0]) - 1)
    return share + 0.5 * alike, min(widths)


def cells_of(line: str, separator: str) -> list[str]:
    """The cells of one line, none where it cannot be split."""
    try:
        rows = csv.reader([line], delimiter=separator, strict=True, skipinitialspace=True)
        return [cell.strip() for cells in islice(rows, 1) for cell in cells]
    except csv.Error:
        return []


def is_header(first: Sequence[str], below: Sequence[Sequence[str]], source: str, missing: Collection[str]) -> bool:
    """Whether a first row names the columns: none of its cells is a number, and it does not look like the rows below it.

    It does where a word of it comes again in its column, and none stands above numbers. missing: words that are no evidence.
    Raises ValueError where some of its cells are numbers and some are not, and nothing tells.
    """
    words = [(j, cell) for j, cell in enumerate(first) if cell not in missing and not is_numeric(cell)]
    numbers = [cell for cell in first if cell not in missing and is_numeric(cell)]
    above = any(_all_numbers((cells[j] for cells in below[:SEEN] if j < len(cells)), missing) for j, _ in words)
    named = above or not any(cells[j] == word for cells in below if cells != first for j, word in words if j < len(cells))
    if numbers and words and named:
        raise ValueError(
            f"{source}, row 1 holds numbers ({listed(numbers[:1])}) and other text ({listed([words[0][1]])}): is it a header? Name "
            "the columns in row 1, or say --header yes or --header no"
        )
    return not numbers and named


def _all_numbers(cells: Iterable[str], missing: Collection[str]) -> bool:
    said = [cell for cell in cells if cell not in missing]
    return bool(said) and all(map(is_numeric, said))


def _broken(error: str, source: str, row: int) -> str:
    if "field larger" in error:
        return (
            f"{source}, row {row} has a cell of more than {csv.field_size_limit():,} letters: is a quotation mark left open there?"
        )
    return f"{source}, row {row} is not CSV ({error}): check its quotation marks"
