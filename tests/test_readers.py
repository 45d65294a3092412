"""Whatever a path leads to, no reader waits for it, fills the memory with it or starts a program: one line says what is wrong."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import netbp as nb
from netbp.cli import main
from netbp.engines.reference import Reference
from netbp.exercises import check
from netbp.experiments.table import Fit
from netbp.lab.image_files import last_lines
from netbp.runfile import glance

pytestmark = pytest.mark.skipif(os.name != "posix", reason="pipes, devices and links")
DENSE = nb.Network.dense(2, 3, 2)


# -- what a path can lead to ------------------------------------------------------------------------------------------------


def pipe(path: Path) -> None:
    os.mkfifo(path)


def link_to_a_pipe(path: Path) -> None:
    os.mkfifo(path.with_name("hidden"))
    path.symlink_to("hidden")


def device(path: Path) -> None:
    """Of those that end at once: where a check is missing, /dev/zero would fill the memory of the tests."""
    path.symlink_to("/dev/null")


def terminal(path: Path) -> None:
    path.symlink_to("/dev/tty")


def listening(path: Path) -> None:
    with contextlib.chdir(path.parent), socket.socket(socket.AF_UNIX) as server:
        server.bind(path.name)


def folder(path: Path) -> None:
    path.mkdir()


def dangling(path: Path) -> None:
    path.symlink_to("nowhere")


def loop(path: Path) -> None:
    path.symlink_to(path.name)


def below_a_file(path: Path) -> None:
    path.with_name("file").touch()
    path.symlink_to("file/x")


def endless(path: Path) -> None:
    """More zeros than there is memory; the file takes no room on the disk."""
    path.touch()
    try:
        os.truncate(path, 2**43)
    except OSError as error:
        if error.errno not in (errno.EFBIG, errno.EINVAL, errno.ENOSPC):
            raise
        pytest.skip("the file system has no files of this size")


def of_the_kernel(path: Path) -> None:
    """A regular file that claims zero bytes and whose reading fails, or does not end."""
    if not Path("/proc/self/mem").exists():
        pytest.skip("there is no /proc")
    path.symlink_to("/proc/self/mem")


def closed(path: Path) -> None:
    path.touch()
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read anything")


def empty(path: Path) -> None:
    path.touch()


KINDS = (
    pipe,
    link_to_a_pipe,
    device,
    terminal,
    listening,
    folder,
    dangling,
    loop,
    below_a_file,
    endless,
    of_the_kernel,
    closed,
    empty,
)


# -- who reads --------------------------------------------------------------------------------------------------------------


def problem() -> nb.Problem:
    return nb.Problem(DENSE, nb.quadratic, nb.data.ten_points(), engine=Reference())


def among(names: str) -> Callable[[Path, Callable[[Path], Any]], Any]:
    """A reader of a folder, in which the path is the first of these files."""

    def read_it(path: Path, read: Callable[[Path], Any]) -> Any:
        place = path.with_name("place")
        place.mkdir()
        for name in names.split():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).symlink_to(path)
        return read(place)

    return read_it


MNIST = "train-images-idx3-ubyte.gz train-labels-idx1-ubyte.gz t10k-images-idx3-ubyte t10k-labels.idx1-ubyte"
CIFAR = " ".join([*(f"data_batch_{k}.bin" for k in range(1, 6)), "test_batch.bin"])

READERS: dict[str, Callable[[Path], Any]] = {
    "Run.load": nb.Run.load,
    "glance": glance,
    "train(resume=)": lambda path: nb.train(problem(), nb.StochasticGradient(), 1, resume=path),
    "read_table": nb.data.read_table,
    "read_mat": nb.data.read_mat,
    "read_image": lambda path: nb.data.read_image(path, (3, 4, 4)),
    "load_safetensors": lambda path: nb.load_safetensors(DENSE, path),
    "Fit": lambda path: Fit(path).cells,
    "exercises.check": lambda path: check(1, path),
    "image_folder": lambda path: among("cat/a.png")(path, lambda place: nb.data.image_folder(place, (4, 4))),
    "mnist": lambda path: among(MNIST)(path, nb.data.mnist),
    "fashion_mnist": lambda path: among(MNIST)(path, nb.data.fashion_mnist),
    "cifar10": lambda path: among(CIFAR)(path, nb.data.cifar10),
    "cifar10, an archive": nb.data.cifar10,
    "cifar100": lambda path: among("train.bin test.bin")(path, nb.data.cifar100),
    "imagenet": lambda path: among("train/cat/a.png val/cat/b.png")(path, lambda place: nb.data.imagenet(place, (4, 4))),
    "imagenet, its table": lambda path: among("train/cat/a.png val/b.png LOC_val_solution.csv")(path, nb.data.imagenet),
}
EMPTY_IS_FINE = ("exercises.check",)


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NETBP_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("NETBP_DATA", raising=False)
    (tmp_path / "here").mkdir()


@pytest.mark.parametrize("kind", KINDS, ids=[kind.__name__ for kind in KINDS])
def test_no_reader_of_the_library_waits_or_grows(kind: Callable[[Path], None], tmp_path: Path) -> None:
    for k, (name, read) in enumerate(READERS.items()):
        path = tmp_path / "here" / str(k) / "x.dat"
        path.parent.mkdir()
        kind(path)
        if kind is empty and name in EMPTY_IS_FINE:
            continue
        with pytest.raises((OSError, ValueError)) as caught:
            read(path)
        told = caught.value.strerror if isinstance(caught.value, OSError) and caught.value.strerror else str(caught.value)
        assert told.isprintable(), name
        assert len(told) < 600, name


@pytest.mark.parametrize("name", ["a\0b", "a" * 5000, "x/" * 3000])
def test_names_that_no_file_can_have(name: str) -> None:
    for who in ("Run.load", "glance", "train(resume=)", "read_table", "read_mat", "read_image", "load_safetensors", "Fit"):
        with pytest.raises((OSError, ValueError)):
            READERS[who](Path(name))


COMMANDS = [
    "describe {}",
    "fit {}",
    "predict {} table.csv",
    "predict run.npz {}",
    "export {} --out out.mat",
    "export {} --out out.safetensors",
    "check {}",
    "explain {}",
    "exercise 1 {}",
    "figure 3 --weights {}",
    "figure 11 --run {}",
    "figure filters --run {}",
    "run curvature --run {}",
    "run dropout-ensemble --run {}",
    "paper --section 7 --cifar {}",
    "sweep fit {} --seed 0:2",
]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of `netbp fit` and its table."""
    place = tmp_path_factory.mktemp("trained")
    rows = "\n".join(f"{x},{x * x % 7},{'ab'[x % 2]}" for x in range(20))
    (place / "table.csv").write_text(f"u,v,w\n{rows}\n")
    Fit(place / "table.csv", ("w",), engine="reference", epochs=1, method="descent").run().save(place / "run.npz")
    return place


@pytest.mark.parametrize("kind", KINDS, ids=[kind.__name__ for kind in KINDS])
def test_no_command_waits_or_grows(
    kind: Callable[[Path], None], trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("table.csv", "run.npz"):
        (tmp_path / name).write_bytes((trained / name).read_bytes())
    for k, words in enumerate(COMMANDS):
        path = tmp_path / "here" / str(k) / "x.dat"
        path.parent.mkdir()
        kind(path)
        if kind is empty and "exercise" in words:
            continue
        code = main(words.format(path).split())
        out, err = capsys.readouterr()
        if "sweep" in words:  # which goes on with the other settings
            assert (code, len(err.splitlines())) == (1, 2), f"{words}: {err}"
            continue
        assert (code, out) == (2, ""), f"{words}: {err}"
        assert re.fullmatch(r"netbp: [^\n]+\n", err), words
        assert err[:-1].isprintable(), words
        assert len(err) < 600, words


def test_list_tells_of_each_file_in_a_line(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever lies in the folder, the runs in it are listed, and nothing hides another."""
    place = tmp_path / "runs"
    place.mkdir()
    for name in ("a.npz", "zz.npz"):
        (place / name).write_bytes((trained / "run.npz").read_bytes())
    made = []
    for kind in KINDS:
        with contextlib.suppress(pytest.skip.Exception):
            (place / kind.__name__).mkdir()
            kind(place / kind.__name__ / "x")
            (place / f"{kind.__name__}.npz").symlink_to(f"{kind.__name__}/x")
            made.append(kind.__name__)
    assert main(["list", str(place)]) == 0
    out, err = capsys.readouterr()
    told = out[out.index("Saved runs") :].splitlines()[1:]
    assert err == ""
    assert [line.split()[0] for line in told if re.search(r"steps?, cost", line)] == ["a.npz", "zz.npz"]
    assert all(any(name in line and "not readable" in line for line in told) for name in made)
    assert all(len(line) < 400 for line in told)
    for other in (place / "pipe" / "x", place / "a.npz", tmp_path / "nowhere"):
        assert main(["list", str(other)]) == 0
        assert capsys.readouterr().out.endswith(": none\n")


def test_the_lab_does_not_wait_for_a_log(tmp_path: Path) -> None:
    for kind in KINDS:
        if kind in (closed, of_the_kernel, endless):  # the end of a large log is read
            continue
        path = tmp_path / kind.__name__ / "run.jsonl"
        path.parent.mkdir()
        kind(path)
        assert last_lines(path) == []
