"""Two writers at one file: the second is told, before it computes; what dead processes leave is no obstacle."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import netbp as nb
from netbp import locks, notices
from netbp.cli import main
from netbp.experiments.stochastic import StochasticExperiment
from netbp.experiments.sweeps import FAILED, place_of, run_one
from netbp.locks import InUseError, alone, lock_of
from users import MALLORY, SOMEBODY, as_root, given_to, open_place, posix, user

HOLDING = """
import sys
from netbp.locks import alone
with alone(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def held(path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Another process writes the file."""
    with subprocess.Popen([sys.executable, "-c", HOLDING, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        try:
            yield process
        finally:
            process.kill()


def in_a_thread(work: Callable[[], Any]) -> list[BaseException]:
    """What the work raises in a thread of its own."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return raised


def test_one_holds_it_and_may_ask_again(tmp_path: Path) -> None:
    path = tmp_path / "run.npz"
    (tmp_path / "link.npz").symlink_to(path)

    def second() -> None:
        with alone(tmp_path / "link.npz"):
            pass

    with alone(path), alone(tmp_path / "." / "run.npz"), alone(None), alone("a\0b"):
        (error,) = in_a_thread(second)
        assert isinstance(error, InUseError)
        assert f"process {os.getpid()} on " in str(error)
    assert in_a_thread(second) == []
    assert os.listdir(tmp_path) == ["link.npz"]


def test_the_second_of_two_processes_is_refused_before_it_computes(
    problem: nb.Problem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["run", "stochastic", "--steps", "30", "--engine", "reference", "--save", "run.npz"]
    assert main(words) == 0
    before = Path("run.npz").read_bytes()
    fit = ["fit", "t.csv", "--target", "c", "--network", "2", "--engine", "reference", "--save", "run.npz"]
    Path("t.csv").write_text("a,c\n1,x\n2,y\n3,x\n4,y\n5,x\n6,y\n")
    with held(Path("run.npz")) as process:
        for command in (words, [*words, "--resume"], fit):
            capsys.readouterr()
            assert main(command) == 2
            said = capsys.readouterr()
            assert f"netbp: run.npz is being written by process {process.pid} on " in said.err
            assert "->" not in said.out
        with pytest.raises(InUseError, match=r"run\.npz is being written"):
            nb.train(problem, nb.SteepestDescent(), 5, save="run.npz")
        settings = {"steps": 30, "engine": "reference"}
        with held(place_of("stochastic", settings, tmp_path)):
            outcome = run_one("stochastic", settings, place_of("stochastic", settings, tmp_path))
            assert outcome.status == FAILED
            assert "is being written by process" in outcome.message
    assert Path("run.npz").read_bytes() == before
    assert lock_of(str(tmp_path / "run.npz")) in map(str, tmp_path.iterdir())  # killed: its file is still there
    assert main(words) == 0
    StochasticExperiment(steps=3, engine="reference").run(save="other.npz")
    assert sorted(entry for entry in os.listdir(tmp_path) if "run.npz" in entry or "other" in entry) == ["other.npz", "run.npz"]


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EIO])
def test_where_nothing_can_be_locked_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, code: int
) -> None:
    def fails(descriptor: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(locks, "_lock", fails)
    monkeypatch.setattr(notices, "told", set())
    for _ in range(2):
        with alone(tmp_path / "run.npz"):
            pass
    assert [record.message for record in caplog.records] == [
        f"{tmp_path / 'run.npz'} cannot be locked ({os.strerror(code)}): see to it yourself that no other process writes it"
    ]


@posix
@pytest.mark.parametrize("make", ["link", "folder", "pipe"])
def test_what_stands_in_the_locks_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: Any, make: str) -> None:
    monkeypatch.setattr(notices, "told", set())
    place, other = Path(lock_of(str(tmp_path / "run.npz"))), tmp_path / "other"
    other.write_text("as it was")
    {"link": lambda: place.symlink_to(other), "folder": place.mkdir, "pipe": lambda: os.mkfifo(place)}[make]()
    with alone(tmp_path / "run.npz"):
        pass
    assert "cannot be locked" in caplog.text
    assert other.read_text() == "as it was"


def test_what_a_lock_says_is_printable_and_short(tmp_path: Path) -> None:
    with held(tmp_path / "run.npz"):
        Path(lock_of(str(tmp_path / "run.npz"))).write_text("process \x1b[31m" + "x" * 10**5)
        with pytest.raises(InUseError) as caught, alone(tmp_path / "run.npz"):
            pass
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 600


def test_a_missing_folder_is_for_the_writer_to_tell(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for path in (tmp_path / "missing" / "run.npz", tmp_path / ("n" * 300)):
        with alone(path):
            pass
    assert caplog.text == ""
    assert os.listdir(tmp_path) == []


@as_root
@posix
def test_somebody_elses_lock_counts() -> None:
    with open_place() as place:
        path = given_to(SOMEBODY, place)
        path.chmod(0o777)
        with user(SOMEBODY), alone(path / "run.npz"):
            os.chmod(lock_of(str(path / "run.npz")), 0o644)

            def second() -> None:
                with alone(path / "run.npz"):
                    pass

            os.seteuid(0)
            os.seteuid(MALLORY)
            (error,) = in_a_thread(second)
            os.seteuid(0)
            os.seteuid(SOMEBODY)
            assert isinstance(error, InUseError)
