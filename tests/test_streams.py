"""What the command line prints: printable, of bounded length, in any encoding, and never the end of a computation."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import netbp
from netbp.cli import main
from netbp.cli.streams import Output, printing
from netbp.data.download import Official, _bar
from netbp.data.imagenet import _progress
from netbp.messages import LONGEST_LINE, counted, listed, named, one_line, printable, shortened, shown
from netbp.notices import watched
from netbp.run import Run

HOSTILE = "\x1b]0;owned\x07\n\x1b[2J\u202eabc\u2066\x00\x9b31m\r\x7f\udcff\N{ZERO WIDTH SPACE}"
QUICK = ["--epochs", "1", "--engine", "reference", "--method", "descent", "--held-out", "0", "--network", "2"]


# -- words -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n", "what", "text"),
    [
        (1, "row", "1 row"),
        (0, "row", "0 rows"),
        (1000, "row", "1,000 rows"),
        (2, "category", "2 categories"),
        (1, "category", "1 category"),
        (3, "class", "3 classes"),
        (2, "input column", "2 input columns"),
        (2, "day", "2 days"),
        (2, "epoch", "2 epochs"),
        (2, "batch", "2 batches"),
    ],
)
def test_how_many_of_what(n: int, what: str, text: str) -> None:
    assert counted(n, what) == text


def test_texts_from_outside_are_printable_and_short() -> None:
    for text in (HOSTILE, HOSTILE * 1000, "\u03b1\u03b2" * 10_000):
        for told in (one_line(text), shown(text), named(text), listed([text] * 100)):
            assert told.isprintable()
        assert printable(text).replace("\n", "").isprintable()
        assert max(map(len, (one_line(text), shown(text), named(text), listed([text] * 100)))) <= 1.1 * LONGEST_LINE
    assert printable("plain \u03b1\n\ttext") == "plain \u03b1\n\ttext"
    assert shortened("short") == "short"
    cut = shortened(f"{'a' * 30_000}\n{'b' * 10}").splitlines()
    assert len(cut) == 2
    assert "30,000 letters in all" in cut[0]
    assert cut[1] == "b" * 10


# -- streams that are not there ----------------------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def closed() -> io.StringIO:
    stream = Terminal()
    stream.close()
    return stream


@pytest.mark.parametrize(("stream", "seen"), [(None, False), (closed(), False), (io.StringIO(), False), (Terminal(), True)])
def test_bars_are_drawn_where_somebody_may_look(stream: Any, seen: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python under pythonw, or with `2>&-`, has None for a stream."""
    monkeypatch.setattr(sys, "stderr", stream)
    assert watched() == seen
    assert list(_progress(range(3))) == [0, 1, 2]
    with _bar(Official("http://127.0.0.1/a", 1, "")) as bar:
        bar.update(1)


def test_nothing_else_takes_it_for_granted_that_there_is_a_stream() -> None:
    allowed = {"notices.py", "cli/streams.py", "data/mat_process.py"}  # the last has a pipe of its own
    source = Path(netbp.__file__).parent
    found = {
        path.relative_to(source).as_posix()
        for path in source.rglob("*.py")
        if re.search(r"sys\.std(in|out|err)\.", path.read_text())
    }
    assert found <= allowed


# -- streams -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1", "utf-8", "utf-16", "cp437"])
def test_every_text_can_be_printed_in_every_encoding(encoding: str) -> None:
    raw = io.BytesIO()
    out = Output(io.TextIOWrapper(raw, encoding=encoding))
    for text in ("\u03b1\u03b2\u03b3 \u20ac \u00e4", HOSTILE, "plain"):
        print(text, file=out)
        print(text, file=out.rich_proxied_file)
    out.flush()
    seen = raw.getvalue().decode(encoding)
    assert out.failure is None
    assert "plain" in seen
    assert "\x1b" in seen  # rich's own, which go past
    assert seen.count("\\x1b") == 2


class Broken(io.StringIO):
    def write(self, text: str) -> int:
        raise BrokenPipeError("nobody reads")


def closed() -> Any:
    stream = io.StringIO()
    stream.close()
    return stream


@pytest.mark.parametrize("stream", [None, closed(), Broken()], ids=["none", "closed", "broken"])
def test_streams_that_take_nothing_end_nothing(stream: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setattr(sys, "stderr", stream)
    Path("t.csv").write_text("x,label\n1,A\n2,A\n3,B\n4,B\n", encoding="utf-8")
    code = main(["fit", "t.csv", "--target", "label", *QUICK, "--save", "r.npz"])
    assert Run.load("r.npz").status == "finished"
    assert code == {True: 0, False: 2}[stream is None] if not isinstance(stream, Broken) else code == 141
    assert main(["fit", "none.csv"]) in (2, 141)
    assert sys.stdout is stream
    assert sys.stderr is stream


def test_what_is_printed_meanwhile_goes_through_and_comes_back() -> None:
    before = sys.stdout
    with printing() as out:
        assert sys.stdout is out
        assert isinstance(sys.stderr, Output)
    assert sys.stdout is before


def test_tables_for_other_programs_are_in_utf8_as_they_are() -> None:
    raw = io.BytesIO()
    out = Output(io.TextIOWrapper(raw, encoding="ascii"))
    out.data("\u03b1,\x1b[1m\n")
    out.flush()
    assert raw.getvalue().decode() == "\u03b1,\x1b[1m\n"

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    screen = Terminal()
    Output(screen).data("\u03b1,\x1b[1m" + "a" * 9000 + "\n")
    assert screen.getvalue() == "\u03b1,\\x1b[1m" + "a" * 9000 + "\n"


# -- commands ----------------------------------------------------------------------------------------------------------

LONG = "a" * 30_000


@pytest.mark.parametrize(
    "words",
    [
        ["fit", "h.csv", "--target", "label", *QUICK, "--save", "h.npz"],
        ["fit", "h.csv", "--target", "label", *QUICK, "--save", "h.npz", "--confusion", "c.txt"],
        ["fit", "h.csv", "--target", f"no{HOSTILE}"],
        ["fit", "h.csv", "--target", LONG],
        ["fit", "h.csv", "--target", "label", "--drop", LONG],
        ["fit", "h.csv", "--target", "label", "--network", LONG],
        ["fit", "h.csv", "--target", "label", "--encoding", HOSTILE.replace("\0", "") + LONG],
        ["fit", "bad.csv", "--target", "label"],
        ["fit", "long.csv", "--target", "y"],
        ["fit", "long.csv", "--target", "z"],
        ["fit", LONG, "--target", "y"],
        ["fit", HOSTILE.replace("\0", ""), "--target", "y"],
        ["predict", HOSTILE.replace("\0", ""), "h.csv"],
        ["predict", "h.csv", LONG],
        ["describe", LONG],
        ["describe", HOSTILE],
        ["check", "--network", LONG],
        ["figure", "7", "--rate", LONG],
        ["figure", "7", "--out", f"{LONG}.png"],
        ["run", LONG],
        [HOSTILE],
        ["list", "."],
        ["export", "h.csv", f"{HOSTILE}.mat"],
        ["sweep", "fit", "h.csv", "--seed", LONG],
    ],
    ids=lambda words: " ".join(word[:12].encode("ascii", "backslashreplace").decode() for word in words[:3]),
)
def test_nothing_hostile_or_endless_reaches_the_terminal(
    words: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    name = HOSTILE.replace("\n", "").replace("\r", "").replace("\udcff", "")
    rows = "".join(f"{k},{k % 3},{name}{k % 2}\n" for k in range(9))
    Path("h.csv").write_text(f"x{name},y,label\n{rows}", encoding="utf-8")
    Path("bad.csv").write_text(f"x{name},label\n1,A\n{name}{LONG},A\n2,B\n3,B\n", encoding="utf-8")
    Path("long.csv").write_text(f"{LONG},y\n1,{LONG}\n2,{LONG}\n3,b\n4,b\n", encoding="utf-8")
    Path("esc\x1b[2J.npz").write_bytes(b"no run")
    code = main(words)
    out, told = capsys.readouterr()
    assert code in (0, 2)
    for line in (out + told).split("\n"):
        assert line.replace("\t", "").isprintable(), line
        assert len(line) <= 1.1 * LONGEST_LINE
    assert code == 0 or told.count("\n") == 1


@pytest.mark.skipif(os.name != "posix", reason="a shell's redirections")
@pytest.mark.parametrize(
    ("shell", "environment", "code"),
    [
        ('exec "$@"', {"PYTHONIOENCODING": "ascii"}, 0),
        ('exec "$@"', {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, 0),
        ('exec "$@" <&- >&- 2>&-', {}, 0),
        ('exec "$@" > /dev/full', {}, 2),
        ('"$@" | true; exit ${PIPESTATUS[0]}', {}, 141),
    ],
    ids=["ascii", "C", "closed", "full", "broken pipe"],
)
def test_labels_in_greek_are_learnt_whatever_the_streams_are(
    shell: str, environment: dict[str, str], code: int, tmp_path: Path
) -> None:
    if "/dev/full" in shell and not Path("/dev/full").exists():
        pytest.skip("no /dev/full")
    x = np.linspace(-1, 1, 12)
    rows = "".join(f"{a:.2f},{label}\n" for a, label in zip(x, "\u03b1" * 6 + "\u03b2" * 6, strict=True))
    (tmp_path / "t.csv").write_text(f"\u03bc\u03ae\u03ba\u03bf\u03c2,\u03bb\u03cc\u03b3\u03bf\u03c2\n{rows}", encoding="utf-8")
    words = [sys.executable, "-m", "netbp", "fit", "t.csv", "--target", "\u03bb\u03cc\u03b3\u03bf\u03c2", *QUICK, "--save", "r.npz"]
    done = subprocess.run(
        ["bash", "-c", shell, "bash", *words],
        cwd=tmp_path,
        env=os.environ | environment,
        capture_output=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == code, done.stderr
    assert b"Traceback" not in done.stderr
    run = Run.load(tmp_path / "r.npz")
    assert run.status == "finished"
    assert run.settings["columns"]["classes"] == ["\u03b1", "\u03b2"]


@pytest.mark.skipif(os.name != "posix", reason="a shell's redirections")
def test_no_file_gets_the_number_of_a_closed_stream(tmp_path: Path) -> None:
    """What a library writes to the streams 1 and 2 must not go into a file of ours."""
    program = (
        "import os, sys; from netbp.cli import main; sys.argv = ['netbp', 'exercise']; main(); "
        "null = os.stat(os.devnull).st_rdev; open('seen', 'w').write(str([os.fstat(k).st_rdev == null for k in (0, 1, 2)]))"
    )
    words = ["bash", "-c", 'exec "$@" <&- >&- 2>&-', "bash", sys.executable, "-c", program]
    assert subprocess.run(words, cwd=tmp_path, check=False, timeout=300).returncode == 0
    assert (tmp_path / "seen").read_text() == "[True, True, True]"
