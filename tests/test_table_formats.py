"""Tables from the wild: one list of files, what is made of each, and that `predict` reads what `fit` has read."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netbp.data.dialect import Reading
from netbp.experiments.prediction import predict
from netbp.experiments.table import Fit
from netbp.run import Run

NAMES = ("x1", "x2")
LABELS = ("A", "B")
CELLS = [["0", "0", "A"], ["0", "1.5", "A"], ["1", "0.25", "B"], ["1", "1", "B"]]
VALUES = [[0.0, 0.0], [0.0, 1.5], [1.0, 0.25], [1.0, 1.0]]


@dataclasses.dataclass
class File:
    """A file, the settings of the fit, and what comes of it.

    said: words of the refusal; none where the table is accepted, with these inputs, classes and values. notes: words of what is
    told.
    """

    content: str | bytes
    said: Sequence[str] = ()
    inputs: tuple[str, ...] = NAMES
    classes: tuple[str, ...] | None = LABELS
    x: Any = None
    notes: Sequence[str] = ()
    target: str = "label"
    flags: dict[str, Any] = dataclasses.field(default_factory=dict)
    name: str = "t.csv"


def lines(cells: Sequence[Sequence[str]], separator: str = ",", end: str = "\n", last: str = "") -> str:
    return "".join(separator.join(row) + last + end for row in cells)


HEAD = [*NAMES, "label"]
TABLE = [HEAD, *CELLS]
COMMAS = [[cell.replace(".", ",") for cell in row] for row in TABLE]
GOOD = lines(TABLE)
NUMBERED = {"target": "3", "inputs": ("1", "2")}
IRIS = [
    "5.1,3.5,1.4,0.2,Iris-setosa",
    "4.9,3.0,1.4,0.2,Iris-setosa",
    "7.0,3.2,4.7,1.4,Iris-versicolor",
    "6.4,3.2,4.5,1.5,Iris-versicolor",
]
FLOWERS = ("Iris-setosa", "Iris-versicolor")


def labelled(*names: str) -> str:
    """A table with these labels, two rows of each."""
    return "x,label\n" + "".join(f"{k}.5,{name}\n" for k, name in enumerate([*names, *names]))


def of_labels(*names: str, **settings: Any) -> File:
    return File(labelled(*names), inputs=("x",), classes=settings.pop("classes", names), **settings)


FILES = {
    # -- separators, ends of lines, encodings
    "plain": File(GOOD, x=VALUES),
    "semicolons": File(lines(TABLE, ";"), x=VALUES),
    "tabulators": File(lines(TABLE, "\t"), x=VALUES),
    "bars": File(lines(TABLE, "|"), x=VALUES),
    "one blank": File(lines(TABLE, " "), x=VALUES),
    "runs of blanks": File(lines(TABLE, "    "), x=VALUES),
    "blanks before and behind": File("".join("  " + "  ".join(row) + "  \n" for row in TABLE), x=VALUES),
    "blanks and tabulators": File(lines(TABLE, " \t"), x=VALUES),
    "blanks and quoted names, as in auto-mpg": File(
        '18.0   8   307.0  1\t"chevrolet malibu"\n15.0   8   350.0  1\t"buick skylark"\n24.0   4   113.0  3\t"toyota corona"\n'
        '26.0   4   97.00  2\t"vw 1131"\n',
        target="4",
        inputs=("1", "2", "3"),
        classes=None,
        flags={"drop": ("5",), "task": "regression", "header": "no"},
    ),
    "commas followed by blanks": File(lines(TABLE, ", "), x=VALUES),
    "commas with blanks in labels": File(
        lines([HEAD, *([*row[:2], f"class {row[2]}"] for row in CELLS)]), classes=("class A", "class B")
    ),
    "semicolons with commas in labels": File(
        lines([HEAD, *([*row[:2], f"{row[2]}, the"] for row in CELLS)], ";"), classes=("A, the", "B, the")
    ),
    "a separator that is told": File(
        lines([HEAD, *([*row[:2], f"{row[2]}|1"] for row in CELLS)], ";"), classes=("A|1", "B|1"), flags={"separator": "semicolon"}
    ),
    "sep=;": File("sep=;\n" + lines(TABLE, ";"), x=VALUES),
    'quoted "sep=;" and CRLF': File('"sep=;"\r\n' + lines(TABLE, ";", "\r\n"), x=VALUES),
    "sep=^": File("sep=^\n" + lines(TABLE, "^"), x=VALUES),
    "CRLF": File(lines(TABLE, end="\r\n"), x=VALUES),
    "CR": File(lines(TABLE, end="\r"), x=VALUES),
    "no end of the last line": File(GOOD.rstrip("\n"), x=VALUES),
    "empty lines": File(GOOD.replace("\n1,0.25", "\n\n\n1,0.25"), x=VALUES),
    "lines of blanks": File(GOOD.replace("\n1,0.25", "\n   \n1,0.25"), x=VALUES),
    "blank rows at the end": File(GOOD + ",,\n,,\n", x=VALUES),
    "UTF-8 with its mark": File("\ufeff" + GOOD, x=VALUES),
    "UTF-16": File(GOOD.encode("utf-16"), x=VALUES),
    "UTF-16, big end first": File(b"\xfe\xff" + GOOD.encode("utf-16-be"), x=VALUES),
    "UTF-32": File(GOOD.encode("utf-32"), x=VALUES),
    "UTF-16 without its mark": File(GOOD.encode("utf-16-le"), ["binary", "utf-16-le"]),
    "UTF-16 without its mark, told": File(GOOD.encode("utf-16-le"), flags={"encoding": "utf-16-le"}),
    "cp1252": File(GOOD.replace("A", "\u00c4\u00d6").encode("cp1252"), ["UTF-8", "0xc4", "cp1252"]),
    "cp1252, told": File(
        GOOD.replace("A", "\u00c4\u00d6").encode("cp1252"), classes=("B", "\u00c4\u00d6"), flags={"encoding": "cp1252"}
    ),
    "latin-1, told": File(
        GOOD.replace("x2", "gr\u00f6\u00dfe").encode("latin-1"), inputs=("x1", "gr\u00f6\u00dfe"), flags={"encoding": "latin-1"}
    ),
    "an encoding that is none": File(GOOD, ["'utf-9'", "cp1252"], flags={"encoding": "utf-9"}),
    "a codec that is no encoding": File(GOOD, ["'zlib'"], flags={"encoding": "zlib"}),
    "Greek and Chinese": File(
        GOOD.replace("A", "\u03b1\u03b2").replace("x1", "\u957f\u5ea6"),
        inputs=("\u957f\u5ea6", "x2"),
        classes=("B", "\u03b1\u03b2"),
    ),
    # -- headers
    "iris.data": File("\n".join(IRIS) + "\n\n", target="5", inputs=("1", "2", "3", "4"), classes=FLOWERS),
    "iris.data, told": File(
        "\n".join(IRIS) + "\n\n", target="5", inputs=("1", "2", "3", "4"), classes=FLOWERS, flags={"header": "no"}
    ),
    "no header, numbers only": File(lines([[a, b, str("AB".index(c))] for a, b, c in CELLS]), classes=("0", "1"), **NUMBERED),
    "no header, words only but for one column": File(
        "a,1,p\nb,2,p\na,3,q\nb,4,q\n", target="3", inputs=("2",), classes=("p", "q"), flags={"drop": ("1",)}
    ),
    "half a header": File("x1,1,label\n0,0,A\n1,1,B\n", ["row 1", "'1'", "'x1'", "--header"]),
    "years as names": File("label,1990,1991\nA,1,2\nA,2,2\nB,1,1\nB,2,1\n", ["row 1", "--header yes"], inputs=("1990", "1991")),
    "years as names, told": File("label,1990,1991\nA,1,2\nA,2,2\nB,1,1\nB,2,1\n", inputs=("1990", "1991"), flags={"header": "yes"}),
    "a name that is a value, too": File("x,B\n1,A\n2,A\n3,B\n4,B\n", target="B", inputs=("x",)),
    "names that are quoted and have commas": File(
        '"x1, in cm",x2,"a, b"\n' + lines(CELLS), target="a, b", inputs=("x1, in cm", "x2")
    ),
    "names with quotation marks": File('"the ""x""",x2,label\n' + lines(CELLS), inputs=('the "x"', "x2")),
    "a name of two lines": File('"x\n1",x2,label\n' + lines(CELLS), inputs=("x\n1", "x2")),
    "a column without a name": File(GOOD.replace("x2", ""), ["row 1", "column 2", "--drop 'column 2'"]),
    "a column without a name, dropped": File(GOOD.replace("x2", ""), inputs=("x1",), flags={"drop": ("column 2",)}),
    "an unknown target": File(GOOD, ["no column 'lable'", "did you mean 'label'?"], target="lable"),
    "a title above the header": File("Report of 1999\n" + GOOD, ["row 2 has 3 cells but row 1 has 1"]),
    # -- columns that are none
    "a separator at the end of each line": File(
        "x1,x2,label,\n" + lines(CELLS, last=","), x=VALUES, notes=["1 column without a name"]
    ),
    "the same without in the header": File("x1,x2,label\n" + lines(CELLS, last=","), x=VALUES, notes=["1 column without a name"]),
    "the same without a header": File(lines(CELLS, last=","), x=VALUES, **NUMBERED),
    "the same with semicolons and decimal commas": File(lines(COMMAS, ";", last=";"), x=VALUES),
    "a separator at the end of one line": File(GOOD.replace("1,1,B", "1,1,B,"), ["row 5", "4 cells", "row 1 has 3"]),
    "an empty column with a name": File(
        "x1,x2,label,notes\n" + lines(CELLS, last=","), ["row 2", "'notes'", "the whole column is", "--drop notes"]
    ),
    "an empty column with a name, dropped": File("x1,x2,label,notes\n" + lines(CELLS, last=","), flags={"drop": ("notes",)}),
    "pandas' index": File(
        ",x1,x2,label\n" + "".join(f"{i},{','.join(row)}\n" for i, row in enumerate(CELLS)),
        x=VALUES,
        notes=["tells the rows apart"],
    ),
    "pandas' index, shuffled": File(
        ",x1,x2,label\n" + "".join(f"{9 - 2 * i},{','.join(row)}\n" for i, row in enumerate(CELLS)), x=VALUES
    ),
    "pandas' index, written twice": File(
        "Unnamed: 0,x1,x2,label\n" + "".join(f"{i},{','.join(row)}\n" for i, row in enumerate(CELLS)), x=VALUES
    ),
    "R's names of rows": File(
        '"","x1","x2","label"\n' + "".join(f'"car {i}",{",".join(row)}\n' for i, row in enumerate(CELLS)), x=VALUES
    ),
    "R's names of rows, the header short": File(
        "x1 x2 label\n" + "".join(f'"car {i}" {" ".join(row)}\n' for i, row in enumerate(CELLS)), x=VALUES
    ),
    "a first column of measurements without a name": File(
        ",x2,label\n0.1,1,A\n0.2,2,A\n0.3,3,B\n0.4,4,B\n", ["row 1", "column 1", "--drop"]
    ),
    "a counter of rows": File(
        "id,x1,x2,label\n" + "".join(f"{i},{','.join(row)}\n" for i, row in enumerate(CELLS, 1)),
        inputs=("id", *NAMES),
        notes=["'id' counts the rows", "--drop id"],
    ),
    "one name twice": File("x1,x1,label\n" + lines(CELLS), ["row 1", "'x1'", "columns 1 and 2", "--drop x1"]),
    "one name twice, dropped": File(
        "x1,x1,x2,label\n" + "".join(f"7,{','.join(row)}\n" for row in CELLS), inputs=("x2",), flags={"drop": ("x1",)}
    ),
    "the target's name twice": File("label,x2,label\n" + lines(CELLS), ["'label'", "columns 1 and 3"]),
    "a column of text": File("name,x,label\nann,0,A\nbob,1,A\ncyd,2,B\ndan,3,B\n", ["row 2", "'name'", "'ann'", "--drop"]),
    # -- comments
    "comments above": File("# measured in 1999\n#\n" + GOOD, x=VALUES, notes=["2 lines beginning with #"]),
    "comments between": File(GOOD.replace("\n1,0.25", "\n# the second half\n1,0.25"), x=VALUES, notes=["1 line beginning with #"]),
    "a comment with an open quotation mark": File('# 5" and, "\n' + GOOD, x=VALUES),
    "no comment within a cell": File(
        '# one\nx,label\n1,"a\n# b"\n2,"a\n# b"\n3,c\n4,c\n', inputs=("x",), classes=("a\n# b", "c"), notes=["1 line beginning"]
    ),
    "names in a comment, as numpy writes them": File("# x1,x2,label\n" + lines(CELLS), x=VALUES),
    "names in a comment, with blanks": File("# x1 x2 label\n" + lines(CELLS, " "), x=VALUES),
    "a row that is commented out": File(
        GOOD.replace("\n1,0.25", "\n#0,7,A\n1,0.25"), ["row 4", "begins with #", "--comments skip", "--comments keep"]
    ),
    "a row that is commented out, skipped": File(
        GOOD.replace("\n1,0.25", "\n#0,7,A\n1,0.25"), x=VALUES, flags={"comments": "skip"}
    ),
    "colours": File("label,x2\n#f00,1\n#f00,2\n#0f0,3\n#0f0,4\n", ["no rows of data"], inputs=("x2",)),
    "colours, kept": File(
        "label,x2\n#f00,1\n#f00,2\n#0f0,3\n#0f0,4\n", inputs=("x2",), classes=("#0f0", "#f00"), flags={"comments": "keep"}
    ),
    "a name that is #": File("#,x2,label\n" + lines(CELLS), ["row 1"], inputs=("#", "x2")),
    "several columns of text": File(
        "a,b,c,d,label\nu,1,v,2,A\nu,1,v,2,A\nu,1,w,2,B\nu,1,w,2,B\n",
        ["row 2", "'a'", "'u'", "the 2 columns of text", "--drop a,c"],
    ),
    "a separator at the end of the header only": File("x1,x2,label,\n" + lines(CELLS), x=VALUES),
    "comments only": File("# a\n# b\n", ["empty but for 2 comments"]),
    # -- numbers
    "decimal commas": File(lines(COMMAS, ";"), x=VALUES),
    "decimal commas without a header": File(lines(COMMAS[1:], ";"), x=VALUES, **NUMBERED),
    "decimal commas, two columns": File("0,5;A\n1,5;A\n2,5;B\n3,5;B\n", x=[[0.5], [1.5], [2.5], [3.5]], target="2", inputs=("1",)),
    "decimal commas and tabulators": File(lines(COMMAS, "\t"), x=VALUES),
    "decimal commas in quotes": File(lines([[f'"{cell}"' for cell in row] for row in COMMAS]), x=VALUES),
    "decimal commas that come late": File(
        "x;label\n" + "".join(f"{k};{'AB'[k % 2]}\n" for k in range(200)) + "0,5;A\n", inputs=("x",), notes=[]
    ),
    "commas and points": File(
        "x1;x2;label\n0,5;1.25;A\n0,5;1.25;A\n1,5;2.25;B\n1,5;2.25;B\n", ["row 2", "'x2'", "'1.25'", "--decimal"]
    ),
    "three digits behind every comma": File(
        "x1;label\n1,234;A\n1,235;A\n2,345;B\n2,346;B\n",
        ["row 2", "'1,234'", "--thousands comma if it is 1234", "--decimal comma if it is 1.234"],
    ),
    "three digits behind every comma, decimals": File(
        "x1;label\n1,234;A\n1,235;A\n2,345;B\n2,346;B\n",
        x=[[1.234], [1.235], [2.345], [2.346]],
        inputs=("x1",),
        flags={"decimal": "comma"},
    ),
    "three digits behind every comma, thousands": File(
        "x1;label\n1,234;A\n1,235;A\n2,345;B\n2,346;B\n",
        x=[[1234], [1235], [2345], [2346]],
        inputs=("x1",),
        flags={"thousands": "comma"},
    ),
    "grouped digits": File('x1,label\n"1,234,567.5",A\n2,A\n3,B\n4,B\n', ["row 2", "'1,234,567.5'", "--thousands comma"]),
    "grouped digits, told": File(
        'x1,label\n"1,234,567.5",A\n2,A\n3,B\n4,B\n', x=[[1234567.5], [2], [3], [4]], inputs=("x1",), flags={"thousands": "comma"}
    ),
    "grouped digits and decimal commas, told": File(
        "x1;label\n1.234,5;A\n2;A\n3,5;B\n4;B\n", x=[[1234.5], [2], [3.5], [4]], inputs=("x1",), flags={"thousands": "point"}
    ),
    "the French way, told": File(
        "x1;label\n1 234,5;A\n2;A\n3,5;B\n4;B\n", x=[[1234.5], [2], [3.5], [4]], inputs=("x1",), flags={"thousands": "blank"}
    ),
    "the Swiss way, told": File(
        "x1;label\n1'234.5;A\n2;A\n3.5;B\n4;B\n", x=[[1234.5], [2], [3.5], [4]], inputs=("x1",), flags={"thousands": "apostrophe"}
    ),
    "grouped with _": File(GOOD.replace("0,1.5", "1_000,1.5"), ["row 3", "'x1'", "'1_000'"]),
    "a number that is infinite": File(GOOD.replace("0,1.5", "0,inf"), ["row 3", "'x2'", "'inf'", "not a finite number"]),
    "a number too large": File(GOOD.replace("0,1.5", "0,1e999"), ["row 3", "'x2'", "finite"]),
    "signs and exponents": File(
        "x1,x2,label\n+1,-2.5E-3,A\n.5,5.,A\n1e3,0,B\n-0,1E+2,B\n", x=[[1, -2.5e-3], [0.5, 5], [1e3, 0], [0, 100]]
    ),
    # -- labels are names
    "large whole numbers": of_labels("9007199254740992", "9007199254740993"),
    "adjacent identifiers": of_labels("123456789012345678901", "123456789012345678902"),
    "leading zeros": of_labels("00501", "10001"),
    "an exponent": of_labels("100", "1E2", notes=["'100' and '1E2' are two"]),
    "1, 1.0 and 01": of_labels("01", "1", "1.0", notes=["are two, for labels are names"]),
    "numbers in their order": of_labels("9", "10", "-1", classes=("-1", "9", "10")),
    "inf and nan as words": of_labels("finite", "inf"),
    "infinity as a number": of_labels("1", "2", "inf", classes=("1", "2", "inf")),
    "decimal commas as labels": File(
        "x;label\n1;0,5\n2;0,5\n3;1,5\n4;1,5\n", inputs=("x",), classes=("0,5", "1,5"), flags={"task": "classification"}
    ),
    "plus and minus": of_labels("+", "-"),
    "none is a name": of_labels("mild", "none"),
    "labels with blanks, quotes and new lines": File(
        'x,label\n1,"a\nb"\n2,"a\nb"\n3,"c ""d"""\n4,"c ""d"""\n', inputs=("x",), classes=("a\nb", 'c "d"')
    ),
    "escapes for the terminal": of_labels("\x1b[31mred", "blue", classes=("\x1b[31mred", "blue")),
    "formulas": of_labels("=1+1", "@SUM(A1)"),
    "a label seen once": File(GOOD + "2,2,C\n", ["row 6", "'C'", "once"]),
    "a label written otherwise once": File(
        "x,label\n1,1\n2,1\n3,2\n4,2\n5,1.0\n", ["row 6", "'1.0'", "'1'", "write both alike"], flags={"task": "classification"}
    ),
    "one class": File(GOOD.replace("B", "A"), ["one class only, 'A', in all 4 rows"]),
    # -- files that are none
    "zip": File(b"PK\x03\x04...", [".xlsx", "CSV"]),
    "gzip": File(b"\x1f\x8b\x08...", ["gzip", "unpack"]),
    "bzip2": File(b"BZh91AY", ["bzip2", "unpack"]),
    "xz": File(b"\xfd7zXZ\x00", ["xz", "unpack"]),
    "an old spreadsheet": File(b"\xd0\xcf\x11\xe0", [".xls", "CSV"]),
    "Parquet": File(b"PAR1....PAR1", ["Parquet", "CSV"]),
    "a .mat file by another name": File(b"MATLAB 5.0 MAT-file, Platform", [".mat"]),
    "a sign-in page": File("<!DOCTYPE html>\n<html>", ["HTML"]),
    "JSON lines": File('{"a": 1, "b": 2}\n', ["JSON"]),
    "JSON": File('[{"a": 1},\n {"a": 2}]', ["JSON"]),
    "ARFF": File("% title\n@relation iris\n@data\n1,2\n", ["ARFF", "@data"]),
    "zeros": File(b"a,b\n1,\x002\n", ["binary", "position 6"]),
    "empty": File("", ["empty"]),
    "blank lines only": File("\n\n \n", ["empty"]),
    "a header only": File("x1,x2,label\n", ["no rows"]),
    "one row": File("x1,x2,label\n1,2,A\n", ["one class only", "1 row:"]),
    # -- quotation marks
    "everything quoted": File(lines([[f'"{cell}"' for cell in row] for row in TABLE]), x=VALUES),
    "an open quotation mark": File(GOOD.replace("0,1.5,A", '0,1.5,"A'), ["row 3", "quotation"]),
    "text behind a quotation mark": File(GOOD.replace("0,1.5,A", '0,1.5,"A"x'), ["row 3", "quotation"]),
    "a quotation mark within": File(GOOD.replace("A", '5" pipe'), classes=('5" pipe', "B")),
    "a cell without an end": File("x1,label\n" + '1,"' + "a" * 200_000 + "\n", ["row 2", "quotation mark"]),
    "a row too short": File(GOOD.replace("0,1.5,A", "0,1.5"), ["row 3 has 2 cells but row 1 has 3"]),
    "a row too long, after a cell of two lines": File('x1,label\n1,"A\nA"\n\n2,B,3\n', ["row 4 has 3 cells"]),
}

MARKERS = ["", "?", "NA", "N/A", "n/a", "N.A.", "#N/A", "<NA>", "-", "--", ".", "null", "NULL", "None", "NaN", "nan", "  "]


def kept(folder: Path, file: File) -> Fit:
    path = folder / file.name
    path.write_bytes(file.content if isinstance(file.content, bytes) else file.content.encode())
    settings: dict[str, Any] = {
        "held_out": 0.0,
        "epochs": 1,
        "engine": "reference",
        "network": "2",
        "method": "descent",
        "rate": 1e-3,
    }
    return Fit(path, target=(file.target,), **settings | file.flags)


def test_the_list_is_long() -> None:
    assert len(FILES) + 3 * len(MARKERS) >= 150


@pytest.mark.parametrize("name", FILES)
def test_each_file_is_read_or_refused_and_what_was_fitted_is_predicted(name: str, tmp_path: Path) -> None:
    file = FILES[name]
    fit = kept(tmp_path, file)
    if file.said:
        with pytest.raises(ValueError) as error:
            fit.problem()
        message = str(error.value)
        assert message.isprintable()
        assert len(message) < 1000
        assert all(word in message for word in file.said), message
        return
    prepared = fit.prepared
    assert prepared.columns.inputs == file.inputs
    assert file.classes is None or prepared.columns.classes == tuple(sorted(file.classes, key=prepared.columns.classes.index))
    if file.x is not None:
        assert fit.cells.numbers(file.inputs).tolist() == file.x
    assert all(any(word in note for note in prepared.notes) for word in file.notes), prepared.notes
    # What the run knows, predict uses: from the file of the run, and nothing else.
    run = fit.run(save=tmp_path / "run.npz")
    answer = predict(Run.load(tmp_path / "run.npz"), fit.table)
    assert answer.table.rows == fit.cells.rows
    assert answer.answered.all()
    score = answer.score()
    assert score is not None
    assert (score.points, score.unknown) == (len(fit.cells.rows), 0)
    truth = prepared.y.undo(np.asarray(prepared.train.y))
    x = prepared.x.apply(answer.table.numbers(file.inputs, answer.numbering))
    assert np.array_equal(x, np.asarray(prepared.train.x if not fit.held_out else prepared.x.apply(fit.cells.numbers(file.inputs))))
    assert len(truth) == fit.problem().N
    assert run.settings["reading"]["header"] in ("yes", "no")
    assert None not in Reading(**run.settings["reading"]).checked()


@pytest.mark.parametrize("marker", MARKERS)
def test_missing_values_are_refused_dropped_or_kept(marker: str, tmp_path: Path) -> None:
    body = "".join(f"{2 * k},{k % 3},{'AB'[k % 2]}\n" for k in range(8))
    holes = {2: f"1,{marker},A\n", 5: f"1,2,{marker}\n"}
    rows = body.splitlines(keepends=True)
    text = "x1,x2,label\n" + "".join([*rows[:1], holes[2], *rows[1:3], holes[5], *rows[3:]])
    with pytest.raises(
        ValueError, match=r"row 3, column 'x2' (is empty|.* stands for a missing value).*the 2 rows.*--missing drop"
    ):
        kept(tmp_path, File(text)).problem()
    fit = kept(tmp_path, File(text, flags={"missing": "drop"}))
    assert fit.prepared.columns.classes == LABELS
    assert fit.problem().N == 8
    assert fit.prepared.notes == ("2 rows with missing values dropped (1 in 'x2', 1 in 'label')",)
    assert fit.prepared.table.rows == (2, 4, 5, 7, 8, 9, 10, 11)
    fit.run(save=tmp_path / "run.npz")
    answer = predict(Run.load(tmp_path / "run.npz"), fit.table)  # the rows stay in their places
    assert np.flatnonzero(~answer.answered).tolist() == [1]
    assert answer.predicted is not None
    assert answer.predicted[1] == -1
    score = answer.score()
    assert score is not None
    assert (score.points, score.untold) == (8, 2)
    assert "2 rows without the truth or an input not counted" in str(score)
    only_target = text.replace(holes[2], "") + f"2,2,{marker}\n"
    with pytest.raises(ValueError, match="row 5, column 'label'"):
        kept(tmp_path, File(only_target)).problem()
    taken = kept(tmp_path, File(only_target, flags={"missing": "keep"}))
    if marker.strip():
        assert set(taken.prepared.columns.classes) == {*LABELS, marker}
    else:
        with pytest.raises(ValueError, match="is empty"):
            taken.problem()


def test_a_table_of_missing_values_only_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"every row has a missing value, in 2 in 'x2', 1 in 'x1'"):
        kept(tmp_path, File("x1,x2,label\n1,?,A\n?,NA,B\n", flags={"missing": "drop"})).problem()
    with pytest.raises(ValueError, match=r"row 2, column 'x2' is '-'.*or the column by --drop x2"):
        kept(tmp_path, File("x1,x2,label\n" + "1,-,A\n2,-,B\n3,1,A\n4,2,B\n")).problem()


@pytest.mark.parametrize(
    ("typed", "names"),
    [(("a", "b"), ("a,b",)), (("a", "b", "c"), ("a,b", "c")), (("a, b",), ("a,b",)), (("c",), ("c",)), (("d", "e"), ("d", "e"))],
)
def test_names_with_commas_are_found_as_they_are_typed(typed: tuple[str, ...], names: tuple[str, ...], tmp_path: Path) -> None:
    text = '"a,b",c,d,e,"d, e"\n' + "".join(f"{k},{k + 1},{2 * k},{k * k},{-k}\n" for k in range(6))
    fit = kept(tmp_path, File(text, flags={"task": "regression"}))
    assert dataclasses.replace(fit, target=typed).prepared.columns.targets == names


def test_the_remedies_are_flags_of_both_commands() -> None:
    from netbp.cli.application import application

    for command in ("fit", "predict"):
        app = application([command])
        known = {word for argument in app[command].assemble_argument_collection() for word in argument.names}
        said = {
            word for file in FILES.values() for line in file.said for word in shlex.split(line.replace("'", "")) if word[:2] == "--"
        }
        common = {"--header", "--separator", "--decimal", "--thousands", "--comments", "--encoding", "--missing"}
        assert common <= known
        assert said - {"--drop"} <= known
