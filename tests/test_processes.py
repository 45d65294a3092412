"""Laws of several processes at one run: the bits of one process with as many parts, and an end in words when one is lost."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import netbp as nb
import several
from netbp.cli.failures import report
from netbp.cli.places import again
from netbp.processes import Place, ProcessLostError, place
from patience import SECONDS

SCRIPT = Path(several.__file__)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def started(count: int, arguments: list[str], command: tuple[str, ...] = (str(SCRIPT),)) -> list[subprocess.Popen[str]]:
    """As many processes as torchrun would start, on loopback."""
    shared = {"WORLD_SIZE": str(count), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "OMP_NUM_THREADS": "1"}
    return [
        subprocess.Popen(
            [sys.executable, *command, *arguments],
            env=os.environ | shared | {"RANK": str(rank), "LOCAL_RANK": str(rank), "PYTHONPATH": str(SCRIPT.parent)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(count)
    ]


def ended(processes: list[subprocess.Popen[str]], timeout: float = 400.0) -> list[tuple[int, str, str]]:
    out = []
    try:
        for process in processes:
            printed, told = process.communicate(timeout=timeout)
            out.append((process.returncode, printed, told))
    finally:
        for process in processes:
            process.kill()
    return out


def digests(count: int, kind: str, steps: int, save: str = "", resume: str = "") -> set[str]:
    out = ended(started(count, [kind, str(steps), "0", save, resume]))
    assert all(code == 0 for code, _, _ in out), out[0][2] + out[-1][2]
    return {line.split()[1] for _, printed, _ in out for line in printed.splitlines() if line.startswith("digest")}


@pytest.mark.parametrize("kind", ["images", "normed"])
def test_two_processes_give_the_bits_of_one_with_two_parts(kind, tmp_path, one_thread):
    whole = several.trained(kind, 2, 9)
    save = tmp_path / "two.npz"
    assert digests(2, kind, 9, str(save)) == {several.digest(whole)}
    assert several.digest(nb.Run.load(save)) == several.digest(whole)


def test_a_run_goes_on_with_another_number_of_processes(tmp_path, one_thread):
    """Four steps by two processes, three by one, two by two again: a file says nothing of how many there were."""
    save = str(tmp_path / "run.npz")
    digests(2, "normed", 4, save)
    several.trained("normed", 2, 7, save=save, resume=save)
    assert digests(2, "normed", 9, save, save) == {several.digest(several.trained("normed", 2, 9))}


def test_a_process_that_is_killed_ends_the_run_with_an_error_and_the_run_goes_on(tmp_path, one_thread):
    save = tmp_path / "run.npz"
    processes = started(2, ["normed", "100000", "0.02", str(save), ""])
    for _ in range(5):  # recorded epochs: the run is well under way
        assert processes[0].stdout is not None
        assert processes[0].stdout.readline().startswith("step")
    processes[1].send_signal(signal.SIGKILL)
    printed, told = processes[0].communicate(timeout=SECONDS)  # far less than the half hour that collective calls wait for others
    assert processes[0].returncode == 1
    assert "process 0 of 2 lost another one" in told
    assert "with as many processes as you like" in told
    ended(processes)
    run = nb.Run.load(save)
    assert run.status == "interrupted"
    assert run.step >= 15
    steps = run.step + 4
    expected = several.digest(several.trained("normed", 2, steps))
    alone = several.trained("normed", 2, steps, save=tmp_path / "other.npz", resume=save)
    assert several.digest(alone) == expected
    assert digests(2, "normed", steps, "", str(save)) == {expected}


def test_only_the_first_process_prints_and_saves(tmp_path):
    save = tmp_path / "run.npz"
    arguments = ["run", "stochastic", "--steps", "2000", "--save", str(save)]
    (code, printed, _), (other, silent, errors) = ended(started(2, arguments, ("-m", "netbp")))
    assert (code, other) == (0, 0)
    assert f"saved in {save}" in printed
    assert (silent, errors) == ("", "")
    assert nb.Run.load(save).step == 2000


def test_processes_that_were_not_asked_the_same_are_all_refused_and_then_work(tmp_path, monkeypatch, one_thread):
    monkeypatch.chdir(tmp_path)
    out = ended(started(2, ["refused", "9", "0", "run.npz", ""]))
    assert [code for code, _, _ in out] == [0, 0], out
    for _, printed, _ in out:
        assert [line.split()[1] for line in printed.splitlines() if line.startswith("refused")] == several.REFUSED
    assert [path.name for path in tmp_path.iterdir()] == ["run.npz"]
    assert several.digest(nb.Run.load("run.npz")) == several.digest(several.trained("images", 2, 9))


def test_torchrun_starts_them(tmp_path, one_thread):
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", f"--master-port={free_port()}", str(SCRIPT)]
    done = subprocess.run(
        [*command, "normed", "9", "0", str(tmp_path / "run.npz"), ""],
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(SCRIPT.parent)},
        capture_output=True,
        text=True,
        check=False,
        timeout=400,
    )
    assert done.returncode == 0, done.stderr
    assert several.digest(nb.Run.load(tmp_path / "run.npz")) == several.digest(several.trained("normed", 2, 9))


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, Place(0, 1, 0)),
        ({"RANK": "1", "WORLD_SIZE": "4", "LOCAL_RANK": "1"}, Place(1, 4, 1)),
        ({"RANK": "4", "WORLD_SIZE": "4"}, None),
        ({"RANK": "x", "WORLD_SIZE": "4"}, None),
        ({"RANK": "0", "WORLD_SIZE": "0"}, None),
    ],
)
def test_the_environment_says_which_process_this_is(environment, expected, monkeypatch):
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    if expected is None:
        with pytest.raises(ValueError, match="start several processes with torchrun"):
            place()
    else:
        assert place() == expected


@pytest.mark.parametrize(("count", "program"), [(1, "netbp"), (3, "torchrun --nproc-per-node=3 -m netbp")])
def test_the_command_that_goes_on_starts_as_many_processes(monkeypatch, count, program):
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", str(count))
    monkeypatch.setenv("LOCAL_RANK", "0")
    assert again(["run", "cifar", "--resume", "--save", "my run.npz"]) == f"{program} run cifar --save 'my run.npz' --resume"


@pytest.mark.parametrize("saved", [True, False])
def test_so_says_the_one_that_has_lost_another(monkeypatch, capsys, saved):
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr("sys.argv", ["netbp", "run", "cifar"])
    assert report(ProcessLostError("process 0 of 2 lost another one", saved), debug=False) == 1
    command = "  torchrun --nproc-per-node=2 -m netbp run cifar --resume\n" if saved else ""
    assert capsys.readouterr().err == f"netbp: process 0 of 2 lost another one\n{command}"
