"""Resuming equals never having stopped, bit for bit, from any step, killed or not; a run of something else is refused."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import netbp as nb
from netbp.engines.compiled import Compiled
from netbp.engines.reference import Reference
from patience import SECONDS

same = np.testing.assert_array_equal
STEPS = 30
METHODS = {
    "replacement": (nb.StochasticGradient(rule=nb.adam, rate=0.05, batch=2), 4),
    "epochs": (nb.StochasticGradient(rule=nb.momentum, rate=0.1, batch=3, sampling="epochs"), None),
    "epochs, all": (nb.StochasticGradient(rate=0.1, batch=3, sampling="epochs"), 4),
    "descent": (nb.SteepestDescent(rate=[0.1] * STEPS), None),
    "components": (nb.LevenbergMarquardt(), None),
    "norms": (nb.LevenbergMarquardt(residual="norms"), 3),
    "l-bfgs": (nb.LBFGS(), None),
}


@pytest.mark.parametrize("engine", [Reference(), Compiled()], ids=lambda e: e.name)
@pytest.mark.parametrize("name", METHODS)
def test_a_file_of_any_step_goes_on_as_if_never_stopped(problem: nb.Problem, tmp_path: Path, name: str, engine: Any) -> None:
    problem, (method, record) = problem.on(engine), METHODS[name]
    for rng in (lambda: 5, lambda: nb.MatlabRandom(5), lambda: np.random.Generator(np.random.MT19937(5))):
        whole, path = nb.train(problem, method, STEPS, rng=rng(), record=record), tmp_path / "run.npz"
        for stop in (0, 1, 4, 13, 29, 30):
            nb.train(problem, method, stop, rng=rng(), record=record, save=path)
            run = nb.train(problem, method, STEPS, record=record, resume=path)
            same(run.p, whole.p)
            same(run.costs, whole.costs)
            same(run.series["cost"].steps, whole.series["cost"].steps)
            assert (run.initial_cost, run.final_cost) == (whole.initial_cost, whole.final_cost)
            assert run.state.stream == whole.state.stream
            assert (run.status, run.step) == (whole.status, whole.step)
            assert run.result.get("evaluations") == whole.result.get("evaluations")


def test_ensembles_go_on(problem: nb.Problem, tmp_path: Path) -> None:
    start = np.random.default_rng(0).normal(size=(3, 23))
    for sampling in ("replacement", "epochs"):
        method = nb.StochasticGradient(batch=3, sampling=sampling)  # type: ignore[arg-type]
        whole = nb.train(problem, method, STEPS, start=start, rng=2)
        nb.train(problem, method, 11, start=start, rng=2, save=tmp_path / "run.npz")
        run = nb.train(problem, method, STEPS, resume=tmp_path / "run.npz")
        same(run.p, whole.p)
        same(run.costs, whole.costs)


def test_a_run_goes_on_from_memory_as_from_its_file(problem: nb.Problem) -> None:
    first = nb.train(problem, METHODS["epochs"][0], 7, rng=1, settings={"note": 1}, arrays={"a": np.ones(2)})
    run = nb.train(problem, METHODS["epochs"][0], STEPS, resume=first)
    same(run.p, nb.train(problem, METHODS["epochs"][0], STEPS, rng=1).p)
    assert run.settings["note"] == 1
    same(run.arrays["a"], np.ones(2))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"network": nb.Network.dense(2, 3, 2)}, "a run of another network.*sizes"),
        ({"network": nb.Network.dense(2, 2, 3, 2, activation=nb.tanh)}, "a run of another network.*activations"),
        ({"cost": nb.softmax_log_loss}, "cost"),
        ({"data": nb.data.eleven_points()}, "points"),
        ({"data": nb.Data(np.zeros((10, 2)), np.zeros((10, 2)))}, "data"),
        ({"penalty": 0.1}, "penalty"),
        ({"engine": Compiled()}, "engine"),
        ({"method": nb.StochasticGradient(rate=0.06)}, "method.rate is 0.05, but here it is 0.06"),
        ({"method": nb.StochasticGradient(rule=nb.adam)}, "method.rule"),
        ({"method": nb.SteepestDescent()}, "method"),
        ({"record": 2}, "record"),
        ({"steps": 5}, "10 steps already"),
        ({"start": np.zeros(23)}, "not both"),
    ],
)
def test_a_run_of_something_else_is_refused_in_one_line(
    problem: nb.Problem, tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    path = tmp_path / "run.npz"
    nb.train(problem, nb.StochasticGradient(), 10, save=path)
    fields = {"network": problem.network, "cost": problem.cost, "data": problem.data, "penalty": 0.0, "engine": Reference()}
    other = nb.Problem(**{name: change.get(name, value) for name, value in fields.items()})
    more = {name: change[name] for name in ("record", "start") if name in change}
    with pytest.raises(ValueError, match=words) as caught:
        nb.train(other, change.get("method", nb.StochasticGradient()), change.get("steps", 20), resume=path, **more)
    assert "\n" not in str(caught.value)


def test_stream_resumes_from_what_stands_in_memory_only(problem: nb.Problem) -> None:
    with pytest.raises(TypeError, match="load a file"):
        nb.stream(problem, nb.StochasticGradient(), 5, resume="run.npz")


SAVING = """
import sys
import netbp as nb
from netbp import run
from netbp.engines.reference import Reference

run.SAVE_EVERY = 0.0
problem = nb.Problem(nb.Network.dense(2, 2, 3, 2), nb.quadratic, nb.data.ten_points(), engine=Reference())
method = nb.StochasticGradient(rule=nb.momentum, rate=0.1, batch=3, sampling="epochs")
seen = []
def progress(step, steps, cost):
    if not seen:
        print("under way", flush=True)
    seen.append(step)
run.PROGRESS_EVERY = 0.0
nb.train(problem, method, 10_000_000, rng=1, save=sys.argv[1], progress=progress)
"""


def test_killed_at_random_moments_it_leaves_a_whole_file_that_goes_on(problem: nb.Problem, tmp_path: Path) -> None:
    path, rng = tmp_path / "run.npz", np.random.default_rng(3)
    method = nb.StochasticGradient(rule=nb.momentum, rate=0.1, batch=3, sampling="epochs")
    loaded = []
    for _ in range(4):
        process = subprocess.Popen([sys.executable, "-c", SAVING, str(path)], stdout=subprocess.PIPE)
        assert process.stdout is not None
        assert process.stdout.readline() == b"under way\n"
        while not path.exists() and process.poll() is None:  # progress comes just before the first save
            time.sleep(0.01)
        time.sleep(rng.uniform(0.0, 0.3))
        process.kill()
        process.wait()
        process.stdout.close()
        run = nb.Run.load(path)
        loaded.append(run.step)
        assert run.status == "interrupted"
        total = run.step + 10
        same(nb.train(problem, method, total, resume=run).costs, nb.train(problem, method, total, rng=1).costs)
    assert max(loaded) > 0


class Clock:
    """A clock that is moved by hand."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now

    def a_step(self, *given: Any) -> bool:
        self.now += 1.9
        return True


@pytest.mark.parametrize(("sampling", "record"), [("epochs", None), ("epochs", 4), ("replacement", 4)])
@pytest.mark.parametrize("saving", [0.05, 0.5])
def test_long_epochs_are_saved_at_their_ends(monkeypatch, problem: nb.Problem, tmp_path: Path, sampling, record, saving) -> None:
    """An epoch takes some 8 seconds; where saving takes half a second, the file is otherwise written every 50 seconds."""
    clock, saved, write = Clock(), [], nb.Run.save

    def save(run: nb.Run, path: Any) -> None:
        clock.now += saving
        saved.append(run.step)
        write(run, path)

    monkeypatch.setattr("netbp.run.time", clock)
    monkeypatch.setattr("netbp.streaming._next_pace", lambda *a: 1)
    monkeypatch.setattr("netbp.streaming.finite", clock.a_step)
    monkeypatch.setattr(nb.Run, "save", save)
    method = nb.StochasticGradient(rate=0.1, batch=3, sampling=sampling)
    run = nb.train(problem, method, steps=40, record=record, save=tmp_path / "run.npz")
    assert run.step == 40
    ends = set(range(8, 40, 4))  # the first may come too soon after the save before
    assert problem.N == 10  # 4 steps an epoch
    if record is None:
        assert ends <= set(saved)
    elif saving > 0.1:
        assert not ends <= set(saved)


def test_sigterm_saves_and_ends(tmp_path: Path) -> None:
    path = tmp_path / "run.npz"
    process = subprocess.Popen([sys.executable, "-c", SAVING, str(path)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    assert process.wait(SECONDS) == 0
    process.stdout.close()
    assert "SIGTERM" in nb.Run.load(path).message
