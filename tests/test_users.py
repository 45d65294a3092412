"""The main commands as an ordinary user, wherever home and temporary files are, and whatever umask and streams the user has."""

from __future__ import annotations

import io
import os
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from netbp.cli import main
from users import MALLORY, ROOT, SOMEBODY, given_to, open_place, posix

pytestmark = posix
WHO = SOMEBODY if ROOT else None
QUICK = ["--epochs", "2", "--engine", "reference", "--network", "2", "--held-out", "0"]
COMMANDS = [
    ["fit", "t.csv", "--target", "label", *QUICK, "--save", "r.npz"],
    ["predict", "r.npz", "t.csv", "--out", "p.csv"],
    ["describe", "r.npz"],
    ["export", "r.npz", "r.mat"],
    ["list"],
    ["figure", "3", "--out", "f.png"],
    ["exercise", "1", "--skeleton", "a.py"],
]


def home(name: str, value: str | None) -> Callable[[Path], None]:
    def change(place: Path) -> None:
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value.format(place)
        tempfile.tempdir = None

    return change


def closed(name: str) -> Callable[[Path], None]:
    return lambda place: setattr(sys, name, None)


CASES: dict[str, Callable[[Path], Any]] = {
    "as it is": lambda place: None,
    "no home": home("HOME", None),
    "an empty home": home("HOME", ""),
    "a home that is not there": home("HOME", "/nowhere"),
    "another's home": home("HOME", "{}/another's"),
    "a home to be read only": home("HOME", "{}/root's"),
    "no place for temporary files": home("TMPDIR", "/nowhere"),
    "one that may not be written to": home("TMPDIR", "{}/root's"),
    "umask 0": lambda place: os.umask(0),
    "umask 777": lambda place: os.umask(0o777),
    "letters of C": home("LC_ALL", "C"),
    "no stdin": closed("stdin"),
    "no stdout": closed("stdout"),
    "no stderr": closed("stderr"),
}


def table(folder: Path) -> Path:
    folder.mkdir()
    (folder / "t.csv").write_text("a,b,label\n" + "1,2,x\n2,1,y\n" * 4)
    return folder


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the users have their folders; every command has been run once, for a user may not read where modules are."""
    with open_place() as place, pytest.MonkeyPatch.context() as patch:
        patch.chdir(table(tmp_path_factory.mktemp("first") / "here"))
        assert [main(words) for words in COMMANDS] == [0] * len(COMMANDS)
        (place / "root's").mkdir(mode=0o555)
        (place / "another's").mkdir(mode=0o700)
        if ROOT:
            given_to(MALLORY, place / "another's")
        yield place
        (place / "root's").chmod(0o755)


def told(place: Path, folder: Path, change: Callable[[Path], Any]) -> tuple[list[int], str]:
    """The exit codes of the commands in a process of that user's, and all that they said."""
    log = folder.with_suffix(".log")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of threads, of which none has a lock
        child = os.fork()
    if child:
        assert os.waitpid(child, 0)[1] == 0, log.read_text()
        *said, codes = log.read_text().splitlines()
        return [int(code) for code in codes.split()], "\n".join(said)
    try:
        with open(log, "w") as file:
            sys.stdout, sys.stderr, sys.stdin = file, file, io.StringIO()
            os.chdir(folder)
            if WHO is not None:
                os.setgroups([])
                os.setgid(WHO)
                os.setuid(WHO)
            for name in ("NETBP_CACHE", "XDG_CACHE_HOME"):
                os.environ.pop(name, None)
            change(place)
            codes = [main(words) for words in COMMANDS]
            file.write("\n" + " ".join(map(str, codes)))
        os._exit(0)
    except BaseException:
        log.write_text(traceback.format_exc())
    finally:
        os._exit(1)


@pytest.mark.parametrize("case", CASES)
def test_the_main_commands(case: str, place: Path) -> None:
    folder = table(place / case.replace(" ", "-"))
    if WHO is not None:
        given_to(WHO, folder)
    codes, said = told(place, folder, CASES[case])
    assert "Traceback" not in said
    assert "should not have happened" not in said
    if case == "umask 777":  # nobody may read what was written, its owner neither
        assert codes == [0, 2, 2, 2, 0, 0, 0]
        assert said.count("'r.npz' cannot be read: Permission denied") == 3
    else:
        assert codes == [0] * len(COMMANDS), said
        assert sorted(path.name for path in folder.iterdir()) == ["a.py", "f.png", "p.csv", "r.mat", "r.npz", "t.csv"]
