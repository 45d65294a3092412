"""Disks that are full, gone or strange: told at once, survived, and what was computed is kept somewhere."""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import netbp as nb
from netbp import files
from netbp import run as running
from netbp.cli import main
from netbp.cli.places import again
from netbp.engines.reference import Reference
from netbp.files import NotWrittenError, write_atomically
from netbp.interrupts import PATIENCE, Interrupts
from netbp.locks import InUseError, alone
from netbp.run import Run
from users import SOMEBODY, as_root, given_to, open_place, posix, user

SGD = nb.StochasticGradient(rate=0.5)
UNABLE = [errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.EBADF, errno.EACCES]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of the user's own, elsewhere than where the runs are."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "state" / "netbp" / "kept"


class Disk:
    """In the place of os.replace: a disk that works for some time, and then for none of the files below a folder."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, below: Path, code: int, works: Callable[[int], bool]) -> None:
        self.calls, self.below, self.code, self.works, self.replace = 0, below, code, works, os.replace
        monkeypatch.setattr(files.os, "replace", self)

    def __call__(self, old: str, new: str) -> None:
        if Path(new).is_relative_to(self.below):
            self.calls += 1
            if not self.works(self.calls):
                raise OSError(self.code, os.strerror(self.code))
        self.replace(old, new)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EFBIG, errno.ESTALE])
def test_a_disk_that_fails_is_told_at_once_and_the_run_is_kept_elsewhere(
    problem: nb.Problem, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch, caplog: Any, code: int
) -> None:
    monkeypatch.setattr(running, "SAVE_EVERY", 0.0)
    monkeypatch.setattr(running, "SAVING", 0.0)
    Disk(monkeypatch, tmp_path / "here", code, lambda call: False)
    with pytest.raises(NotWrittenError, match="could not be saved there, but is kept in") as caught:
        nb.train(problem, SGD, 300, rng=1, save="run.npz")
    told = [record.message for record in caplog.records]
    assert len(told) == 1, told
    assert told[0].startswith("cannot write 'run.npz': ")
    assert "goes on" in told[0]
    (kept,) = home.iterdir()
    assert str(kept) in str(caught.value)
    whole = nb.train(problem, SGD, 320, rng=1)
    monkeypatch.undo()
    np.testing.assert_array_equal(nb.train(problem, SGD, 320, resume=kept).p, whole.p)
    assert os.listdir(tmp_path / "here") == []


def test_a_disk_that_recovers_is_told_too(
    problem: nb.Problem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    monkeypatch.setattr(running, "SAVE_EVERY", 0.0)
    monkeypatch.setattr(running, "SAVING", 0.0)
    monkeypatch.setattr("netbp.streaming._next_pace", lambda *a: 1)
    Disk(monkeypatch, tmp_path / "here", errno.ENOSPC, lambda call: call > 3)
    run = nb.train(problem, SGD, 30, save="run.npz")
    assert [("is full" in r.message, "saved again" in r.message) for r in caplog.records] == [(True, False), (False, True)]
    assert Run.load("run.npz").step == run.step == 30


def test_a_folder_that_is_gone_loses_nothing(problem: nb.Problem, tmp_path: Path, home: Path) -> None:
    (tmp_path / "runs").mkdir()
    gone = lambda snapshot: shutil.rmtree(tmp_path / "runs", ignore_errors=True)  # noqa: E731
    with pytest.raises(NotWrittenError, match="kept in"):
        nb.train(problem, SGD, 50, record=5, until=gone, save=tmp_path / "runs" / "run.npz")
    assert Run.load(next(home.iterdir())).step == 50


def test_the_command_says_where_and_how_to_go_on(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Disk(monkeypatch, tmp_path / "here", errno.ENOSPC, lambda call: False)
    assert main(["run", "stochastic", "--steps", "30", "--engine", "reference", "--save", "run.npz"]) == 1
    said = capsys.readouterr().err
    assert "the disk is full" in said
    (kept,) = home.iterdir()
    assert str(kept) in said
    assert again(["run", "--save", "a", "--rate", "1", "--save=b", "--resume"], Path("c")) == "netbp run --rate 1 --save c --resume"


def test_without_a_home_it_is_kept_here(problem: nb.Problem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "state").write_text("a file in the folder's place")
    (tmp_path / "full").mkdir()
    Disk(monkeypatch, tmp_path / "full", errno.ENOSPC, lambda call: False)
    with pytest.raises(NotWrittenError, match="kept in"):
        nb.train(problem, SGD, 5, save=tmp_path / "full" / "run.npz")
    assert [Run.load(path).step for path in Path().iterdir()] == [5]


@posix
def test_a_limit_on_the_size_of_files(tmp_path: Path, home: Path) -> None:
    """The system's own failure, in a process of its own: a file may have a thousand bytes."""
    words = ["run", "stochastic", "--steps", "30", "--engine", "reference", "--save", "run.npz"]
    done = subprocess.run(
        [sys.executable, "-m", "netbp", *words],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "larger than a file may be here" in done.stderr
    assert "should not have happened" not in done.stderr
    assert os.listdir(".") == []


@as_root
@posix
def test_an_ordinary_users_folder_that_becomes_read_only(network: nb.Network, monkeypatch: pytest.MonkeyPatch) -> None:
    problem = nb.Problem(network, nb.quadratic, nb.data.ten_points(), engine=Reference())
    nb.train(problem, SGD, 1)
    with open_place() as place:
        monkeypatch.setenv("XDG_STATE_HOME", str(place / "state"))
        folder = place / "runs"
        folder.mkdir()
        given_to(SOMEBODY, folder)
        with user(SOMEBODY):
            closed = lambda snapshot: folder.chmod(0o500)  # noqa: E731
            with pytest.raises(NotWrittenError, match=r"may not be written to.*kept in"):
                nb.train(problem, SGD, 20, record=5, until=closed, save=folder / "run.npz")
            (kept,) = (place / "state" / "netbp" / "kept").iterdir()
            assert Run.load(kept).step == 20
            folder.chmod(0o300)  # it may be written to, but not read: so it cannot be flushed
            write_atomically(folder / "file", b"new")
            folder.chmod(0o700)
            assert (folder / "file").read_bytes() == b"new"


# -- flushing, and mode bits ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", UNABLE)
def test_a_file_system_that_cannot_flush_is_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    def fails(descriptor: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(files.os, "fsync", fails)
    write_atomically(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"new"


@posix
@pytest.mark.parametrize("mode", [0o600, 0o444])
def test_every_export_keeps_the_mode_of_what_it_replaces(mode: int, monkeypatch: pytest.MonkeyPatch) -> None:
    run = ["run", "stochastic", "--steps", "30", "--engine", "reference", "--save", "run.npz"]
    assert main(run) == 0
    Path("t.csv").write_text("a,c\n1,x\n2,y\n3,x\n4,y\n5,x\n6,y\n")
    assert (
        main(["fit", "t.csv", "--target", "c", "--network", "2", "--engine", "reference", "--epochs", "2", "--save", "fit.npz"])
        == 0
    )
    commands = {
        "out.mat": ["export", "run.npz", "out.mat"],
        "out.safetensors": ["export", "run.npz", "out.safetensors"],
        "out.png": ["figure", "7", "--run", "run.npz", "--out", "out.png"],
        "out.svg": ["figure", "1", "--out", "out.svg"],
        "out.csv": ["predict", "fit.npz", "t.csv", "--out", "out.csv"],
        "out.tex": ["predict", "fit.npz", "t.csv", "--out", "other.csv", "--confusion", "out.tex"],
    }
    made: list[int] = []
    opened = os.open

    def watched(path: Any, flags: int, given: int = 0o777, **more: Any) -> int:
        if ".netbp-" in str(path) and flags & os.O_CREAT:
            made.append(given)
        return opened(path, flags, given, **more)

    monkeypatch.setattr(files.os, "open", watched)
    for name, words in commands.items():
        Path(name).touch()
        Path(name).chmod(mode)
        made.clear()
        assert main(words) == 0, words
        assert stat.S_IMODE(Path(name).stat().st_mode) == mode, name
        assert 0o600 in made, name  # never open to more people on the way


# -- Ctrl-C while saving -------------------------------------------------------------------------------------------------


def test_a_second_ctrl_c_while_saving_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write = Run.save

    def save(run: Run, path: Any) -> None:
        for _ in range(3):
            signal.raise_signal(signal.SIGINT)
        write(run, path)
        signal.raise_signal(signal.SIGINT)

    def progress(step: int, steps: int, cost: Any) -> None:
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Run, "save", save)
    monkeypatch.setattr(running, "PROGRESS_EVERY", 0.0)
    monkeypatch.setattr("netbp.cli.experiments.Bar.__enter__", lambda bar: progress)
    monkeypatch.setattr(sys, "argv", ["netbp", "run", "stochastic", "--save", "run.npz"])
    before = signal.getsignal(signal.SIGINT)
    assert main(["run", "stochastic", "--engine", "reference", "--save", "run.npz"]) == 130
    assert signal.getsignal(signal.SIGINT) is before
    said = capsys.readouterr().err
    assert "saved in run.npz; go on with\n  netbp run stochastic --save run.npz --resume" in said
    assert Run.load("run.npz").status == "interrupted"


def test_ctrl_c_is_held_back_but_not_for_ever() -> None:
    with Interrupts() as interrupts:
        interrupts.hold_back()
        for _ in range(PATIENCE):
            signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


@posix
def test_a_sweep_that_is_terminated_ends_its_workers(tmp_path: Path) -> None:
    """What they compute is locked for as long as they live."""
    words = ["sweep", "stochastic", "--seed", "0:3", "--steps", "1000000000", "--record", "0", "--picture", "region"]
    command = [sys.executable, "-m", "netbp", *words, "--engine", "reference", "--workers", "2", "--out", "runs"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        runs: list[Path] = []
        while len(runs) < 2 and process.poll() is None:
            time.sleep(0.1)
            runs = list(Path("runs").glob("*.npz"))
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate()
    assert process.returncode == 130
    assert "netbp: interrupted; the same command goes on" in said
    for path in runs:
        for _ in range(100):  # the system ends them soon after they are told
            with contextlib.suppress(InUseError), alone(path):
                break
            time.sleep(0.1)
        with alone(path):
            assert Run.load(path).status == "interrupted"
