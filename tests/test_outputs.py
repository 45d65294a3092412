"""No output replaces an input, in any command, by whatever name the file is called; nor do two outputs share a file."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from netbp.cli import main
from netbp.cli.application import WRITTEN, application
from netbp.files import NotWrittenError, check_writable, protected, same_place, write_atomically

TABLE = "x1,x2,label\n" + "".join(f"{k},{k % 3},{'AB'[k % 2]}\n" for k in range(8))
QUICK = ["--epochs", "1", "--engine", "reference", "--method", "descent", "--held-out", "0", "--network", "2"]
READ = {
    *("answer", "cifar", "cifar_dropout", "data", "file", "folder", "from_", "plain"),
    *("run", "run_", "runs", "saved", "table", "weights", "what"),
}


def commands(app: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name in app:
        if not name.startswith("-"):
            if app[name].default_command is not None:
                yield (*words, name), app[name]
            yield from commands(app[name], (*words, name))


def test_every_path_of_every_command_is_read_or_written() -> None:
    paths = {
        argument.field_info.name
        for _, command in commands(application(["--install-completion"]))
        for argument in command.assemble_argument_collection()
        if "Path" in str(argument.hint)
    }
    assert paths == READ | WRITTEN  # a new one belongs to one of the two
    assert not READ & WRITTEN


def same_name(path: Path, name: str) -> str:
    return str(path)


def roundabout(path: Path, name: str) -> str:
    Path("folder").mkdir(exist_ok=True)
    return f"folder/.././{path}"


def absolute(path: Path, name: str) -> str:
    return str(path.resolve())


def symbolic(path: Path, name: str) -> str:
    Path(name).symlink_to(path.resolve())
    return name


def chained(path: Path, name: str) -> str:
    Path("link").symlink_to(path)
    Path(name).symlink_to("link")
    return name


def hard(path: Path, name: str) -> str:
    os.link(path, name)
    return name


# The command with {} for what it writes, the input that this is, and a name that the command accepts for an output.
WRITING = {
    "predict over the run": ("predict r.npz t.csv --out {}", "r.npz", "o.csv"),
    "predict over the table": ("predict r.npz t.csv --out {}", "t.csv", "o.csv"),
    "predict's confusions over the run": ("predict r.npz t.csv --out p.csv --confusion {}", "r.npz", "o.csv"),
    "predict's confusions over the table": ("predict r.npz t.csv --confusion {}", "t.csv", "o.csv"),
    "fit over the table": ("fit t.csv --target label --save {}", "t.csv", "o.npz"),
    "fit's confusions over the table": ("fit t.csv --target label --confusion {}", "t.csv", "o.csv"),
    "export over the run": ("export s.npz {}", "s.npz", "o.mat"),
    "export of weights over the run": ("export s.npz {}", "s.npz", "o.safetensors"),
    "a figure over its run": ("figure 7 --run s.npz --out {}", "s.npz", "o.png"),
    "a figure of weights over its run": ("figure 3 --weights s.npz --out {}", "s.npz", "o.svg"),
    "a picture over its image": ("figure maps --run s.npz --file i.png --out {}", "i.png", "o.png"),
    "an analysis over its run": ("run spectrum --run s.npz --out {}", "s.npz", "o.pdf"),
    "a sweep's results over the table": (
        "sweep fit t.csv --target label --epochs 1 --workers 1 --out d --table {}",
        "t.csv",
        "o.csv",
    ),
    "an exercise's skeleton over an answer": ("exercise 1 --skeleton {}", "a.py", "o.py"),
}
WAYS: list[Callable[[Path, str], str]] = [same_name, roundabout, absolute, symbolic, chained, hard]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("outputs")
    before = Path.cwd()
    os.chdir(folder)
    try:
        Path("t.csv").write_text(TABLE, encoding="utf-8")
        Path("a.py").write_text("# an answer\n", encoding="utf-8")
        Image.new("RGB", (8, 8)).save("i.png")
        assert main(["fit", "t.csv", "--target", "label", *QUICK, "--save", "r.npz"]) == 0
        assert main(["run", "stochastic", "--steps", "10", "--engine", "reference", "--save", "s.npz"]) == 0
    finally:
        os.chdir(before)
    return folder


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", WRITING)
def test_no_output_replaces_an_input(
    name: str, way: Callable[[Path, str], str], files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    for file in files.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    monkeypatch.chdir(tmp_path)
    line, at_risk, usual = WRITING[name]
    kept = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    try:
        out = way(Path(at_risk), usual)
    except OSError:
        pytest.skip("links cannot be made here")
    capsys.readouterr()
    assert main([word.format(out) for word in line.split()]) == 2
    said, told = capsys.readouterr()
    assert told.startswith("netbp: ")
    assert told.count("\n") == 1
    for file, content in kept.items():
        assert (tmp_path / file).read_bytes() == content
    assert not (tmp_path / "d").exists()  # refused before any work
    assert "finished" not in said


@pytest.mark.parametrize(
    "line",
    [
        "predict r.npz t.csv --out same.csv --confusion ./same.csv",
        "figure 7 --steps 10 --engine reference --out same.png --save same.png",
        "figure 7 --steps 10 --engine reference --save figure7.png",
        "fit t.csv --target label --save same.csv --confusion same.csv",
    ],
)
def test_two_outputs_do_not_share_a_file(line: str, files: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.chdir(files)
    before = sorted(files.iterdir())
    assert main(line.split()) == 2
    assert "its own name" in capsys.readouterr().err
    assert sorted(files.iterdir()) == before


def test_the_results_of_a_sweep_do_not_replace_one_of_its_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["sweep", "stochastic", "--steps", "10", "--engine", "reference", "--seed", "1,2", "--workers", "1", "--out", "d"]
    assert main([*words, "--table", "d/stochastic.npz"]) == 2
    assert main(words) == 0
    (first, *_) = sorted(Path("d").glob("*.npz"))
    content = first.read_bytes()
    os.link(first, "link.csv")
    assert main([*words, "--table", "link.csv"]) == 2
    assert first.read_bytes() == content


def test_a_usual_name_is_kept_from_replacing_an_input_too(files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run = (files / "s.npz").read_bytes()
    Path("s.npz").write_bytes(run)
    os.link("s.npz", "figure7.png")
    assert main(["figure", "7", "--run", "s.npz"]) == 2
    assert Path("s.npz").read_bytes() == run


# -- netbp.files -------------------------------------------------------------------------------------------------------


def test_protected_files_are_not_written_and_others_are(tmp_path: Path) -> None:
    a, b = tmp_path / "a", tmp_path / "b"
    a.write_bytes(b"old")
    with protected([a, tmp_path / "missing", "\0"]):
        with protected([b]):
            for write in (check_writable, lambda path: write_atomically(path, b"new")):
                with pytest.raises(NotWrittenError, match="is read by this command: give another name; what stood there before"):
                    write(a)
        write_atomically(b, b"new")
    write_atomically(a, b"new")
    assert a.read_bytes() == b.read_bytes() == b"new"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_places_are_compared_whether_or_not_there_is_a_file(tmp_path: Path) -> None:
    a, b = tmp_path / "a", tmp_path / "b"
    assert same_place(a, tmp_path / "." / "a")
    assert not same_place(a, b)
    a.write_bytes(b"")
    assert not same_place(a, b)
    b.symlink_to(a)
    assert same_place(a, b)
    assert not same_place(a, "\0")
