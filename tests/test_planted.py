"""Files that others may have put where a command runs, or that are damaged: they run nothing, change nothing and end nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pytest
from matplotlib import font_manager

from netbp import notices
from netbp.engines.compiled import settings
from netbp.experiments.plane import PlaneExperiment
from netbp.figures import encoded, fonts
from netbp.figures.style import drawn
from netbp.lab.address import experiment_of
from netbp.lab.script import script_of
from users import posix

# -- the folder where a command runs -----------------------------------------------------------------------------------

CODE = "import pathlib; pathlib.Path('was run').touch()\n"
MODULES = ("numpy", "random", "numba", "matplotlib", "yaml", "sitecustomize", "usercustomize", "netbp", "evil", "joblib")
PLANTED = {
    ".numba_config.yaml": "chrome_trace: precious.txt\nopt: 9\ndisable_jit: 1\n",
    "matplotlibrc": "text.usetex: True\nbackend: module://evil\nsavefig.facecolor: red\nfont.size: 40\nxtick.color: red\n",
    "latex": "#!/bin/sh\ntouch 'was run'\n",
    "precious.txt": "precious",
    **{f"{name}.py": CODE for name in MODULES},
}


SHORT = ("7", "--steps", "100")
"""A figure from machine code, with ticks that are made late."""


def figure(folder: Path, words: tuple[str, ...] = SHORT) -> tuple[subprocess.CompletedProcess[str], bytes]:
    command = [sys.executable, "-P", "-m", "netbp", "figure", *words, "--out", str(folder / "x.png")]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done, (folder / "x.png").read_bytes() if done.returncode == 0 else b""


def test_what_lies_where_a_command_runs_changes_nothing(tmp_path: Path) -> None:
    planted, empty = tmp_path / "planted", tmp_path / "empty"
    planted.mkdir()
    empty.mkdir()
    for name, content in PLANTED.items():
        (planted / name).write_text(content)
        (planted / name).chmod(0o755)
    (done, picture), (_, expected) = figure(planted), figure(empty)
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(os.listdir(planted)) == sorted([*PLANTED, "x.png"])
    assert (planted / "precious.txt").read_text() == "precious"
    assert picture == expected


@pytest.mark.parametrize("kind", ["pipe", "text of another kind"])
@posix
def test_settings_of_matplotlib_that_cannot_be_read_are_told_in_one_line(tmp_path: Path, kind: str) -> None:
    if kind == "pipe":
        os.mkfifo(tmp_path / "matplotlibrc")
    else:
        (tmp_path / "matplotlibrc").write_bytes(b"\xff\xfe")
    done, _ = figure(tmp_path, ("1",))
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    (line,) = (line for line in done.stderr.splitlines() if line.startswith("netbp: "))  # Matplotlib has its own
    assert "mend or remove" in line
    assert "matplotlibrc" in line


def test_numba_is_left_alone_where_it_was_loaded_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "meta_path", [])
    monkeypatch.setitem(sys.modules, settings.MODULE, sys)
    settings.leave_files_alone()
    assert sys.meta_path == []
    monkeypatch.delitem(sys.modules, settings.MODULE)
    settings.leave_files_alone()
    settings.leave_files_alone()
    assert len(sys.meta_path) == 1


TEXTS = ['nb.sgd);__import__("os").system("touch x");(', 'sigmoid\nimport os\n"', '"""\nimport os\n"""', "sigmoid)\nimport os #"]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("name", [f.name for f in fields(PlaneExperiment) if isinstance(f.default, str)])
def test_no_text_of_a_link_to_the_lab_gets_into_the_program_that_it_writes(name: str, text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        script_of(experiment_of({name: text}), 10)


# -- what Matplotlib has kept of its fonts -----------------------------------------------------------------------------


def each(**changes: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda kept: [entry.update(changes) for entry in kept["ttflist"]]


def top(**changes: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda kept: kept.update(changes)


DAMAGES: dict[str, Callable[[dict[str, Any]], Any] | bytes | None] = {
    "missing": None,
    "empty": b"",
    "cut": b'{"_version": "',
    "not JSON": b"\x80\x04\x95",
    "deep": b"[" * 100_000,
    "other JSON": b"[1, 2]",
    "no fonts": lambda kept: kept.pop("ttflist"),
    "none": top(ttflist=[]),
    "null": top(ttflist=None),
    "numbers": top(ttflist=[1, 2]),
    "function": top(findfont="a"),
    "version": top(_version="0"),
    "weight": each(weight="heavier"),
    "no weight": each(weight=None),
    "name": each(name=3),
    "style": each(style="oblique"),
    "file": each(fname=__file__),
    "file gone": each(fname="/nowhere/DejaVuSans.ttf"),
    "index": each(index="first"),
}


@pytest.fixture(scope="module")
def expected() -> bytes:
    return picture()


def picture() -> bytes:
    def draw(ax: Any) -> None:
        ax.plot([1, 2], [3, 4])
        ax.set(title=r"a $\sigma^2$", xlabel="b")
        ax.text(1, 3, "c", weight="bold", style="italic")

    return encoded(drawn(draw, size=(2.0, 1.5)), "png")


def loaded(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    """What Matplotlib does when it is loaded: there is one manager, whose functions other modules have taken."""
    monkeypatch.setattr(mpl, "get_cachedir", lambda: str(cache))
    monkeypatch.setattr(fonts, "KEPT", cache)
    manager: Any = font_manager
    found = manager._load_fontmanager()
    manager.fontManager.__dict__.clear()
    manager.fontManager.__dict__.update(found.__dict__)
    manager.FontManager._findfont_cached.cache_clear()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looking for fonts takes seconds where there are many: Matplotlib's own are enough."""
    monkeypatch.setattr(font_manager, "findSystemFonts", lambda paths=None, fontext="ttf": [] if paths is None else own(fontext))


def own(kind: str) -> list[str]:
    return [str(path) for path in Path(mpl.get_data_path(), "fonts", kind).glob(f"*.{kind}")]


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_fonts_are_found_anew(
    damage: str, expected: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quick: None, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(notices, "told", set())
    manager: Any = font_manager
    before = dict(manager.fontManager.__dict__)
    path = tmp_path / f"fontlist-v{manager.FontManager.__version__}.json"
    change = DAMAGES[damage]
    if callable(change):
        manager.json_dump(manager.FontManager(), path)
        kept = json.loads(path.read_text())
        change(kept)
        path.write_text(json.dumps(kept))
    elif change is not None:
        path.write_bytes(change)
    try:
        loaded(monkeypatch, tmp_path)
        caplog.clear()
        fonts.check_fonts()
        assert picture() == expected
        told = [record.message for record in caplog.records if record.name == "netbp"]
        assert len(told) == (1 if callable(change) and damage not in ("version", "file gone") else 0)
        assert all("of its fonts is damaged, and made anew" in line for line in told)
        caplog.clear()
        loaded(monkeypatch, tmp_path)
        fonts.check_fonts()
        assert picture() == expected
        assert not caplog.records, "the file is sound again"
    finally:
        manager.fontManager.__dict__.clear()
        manager.fontManager.__dict__.update(before)
        manager.FontManager._findfont_cached.cache_clear()


@pytest.mark.parametrize("kind", ["pipe", "folder", "link to itself"])
@posix
def test_what_is_no_file_is_none_that_matplotlib_waits_for(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "cache" / f"fontlist-v{font_manager.FontManager.__version__}.json"
    path.parent.mkdir()
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to(path)
    command = [sys.executable, "-P", "-c", "import netbp.figures"]
    environment = os.environ | {"MPLCONFIGDIR": str(path.parent)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    assert kind != "pipe" or path.is_file()
