"""`train`, `stream` and Run: what is recorded, kept, told and refused."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import netbp as nb
from netbp import record as recording
from netbp import run as running
from netbp.engines.compiled import Compiled
from netbp.engines.reference import Reference
from netbp.files import NotWrittenError
from netbp.interrupts import Interrupts
from netbp.provenance import difference, formula, plain
from netbp.stopping import NoImprovement

same = np.testing.assert_array_equal
SGD = nb.StochasticGradient(rate=0.5)


@pytest.fixture
def with_held_out(network: nb.Network) -> nb.Problem:
    return nb.Problem(network, nb.quadratic, nb.data.ten_points(), nb.Data([[0.3, 0.7]], [[0.0, 1.0]]), engine=Reference())


def test_the_listing_through_train() -> None:
    """Golden values of Listing 6.1, as far as a test should wait; test_golden.py goes to the end."""
    problem = nb.Problem(nb.Network.dense(2, 2, 3, 2), nb.quadratic, nb.data.ten_points(), engine=Compiled())
    run = nb.train(problem, nb.StochasticGradient(rate=0.05), steps=100_000, rng=nb.MatlabRandom(5000), record=1)
    golden = {1: 5.32431031504514, 1000: 4.98551007566451, 20_000: 2.939787084234, 100_000: 2.30693206943568}
    for step, cost in golden.items():
        assert 20 * run.costs[step - 1] == pytest.approx(cost, rel=1e-11)
    assert 20 * run.initial_cost == pytest.approx(5.32881696990138, rel=1e-13)
    assert run.final_cost == pytest.approx(run.costs[-1], rel=1e-13)  # two kernels, two orders of summation
    silent = nb.train(problem, nb.StochasticGradient(rate=0.05), steps=100_000, rng=nb.MatlabRandom(5000))
    same(silent.p, run.p)
    assert silent.costs.shape == (0,)


def test_without_a_start_the_network_is_drawn_from_the_same_stream(problem: nb.Problem) -> None:
    for make in (np.random.default_rng, nb.MatlabRandom):
        rng = make(7)
        start = problem.network.draw(rng)
        same(nb.train(problem, SGD, 9, start=start, rng=rng).p, nb.train(problem, SGD, 9, rng=make(7)).p)
    same(nb.train(problem, SGD, 9, rng=7).p, nb.train(problem, SGD, 9, rng=np.random.default_rng(7)).p)


def test_a_run_tells_what_it_is(problem: nb.Problem) -> None:
    given = {"experiment": "mine", "folder": Path("x"), "sizes": (1, 2), "tolerance": np.float64(0.5)}
    run = nb.train(problem, SGD, 20, record=5, settings=given, arrays={"mean": np.ones(2)})
    assert run.status == "finished"
    assert run.message == "it took all 20 steps"
    assert run.step == run.state.step == 20
    assert run.settings["experiment"] == "mine"
    assert run.settings["problem"]["network"]["sizes"] == [2, 2, 3, 2]
    assert run.settings["method"]["rate"] == 0.5
    assert json.loads(json.dumps(run.settings)) == run.settings
    assert run.provenance["engine"] == "reference"
    assert {"numpy", "netbp", "python"} <= run.provenance["versions"].keys()
    assert run.provenance["seconds"] > 0
    same(run.series["cost"].steps, [5, 10, 15, 20])
    assert run.best is None
    assert "finished after 20 steps" in repr(run)


def test_zero_steps_give_the_start(problem: nb.Problem) -> None:
    run = nb.train(problem, SGD, 0, rng=3)
    same(run.p, problem.network.draw(3))
    assert run.initial_cost == run.final_cost
    assert list(nb.stream(problem, SGD, 0)) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"steps": -1}, "at least 0"),
        ({"steps": 1.5}, "whole number"),
        ({"steps": "many"}, "whole number"),
        ({"record": -1}, "record"),
        ({"record": 0.5}, "record"),
        ({"start": np.zeros(22)}, "23 parameters"),
        ({"start": np.zeros((0, 23))}, "23 parameters"),
        ({"start": np.zeros((1, 1, 23))}, "23 parameters"),
        ({"start": np.full(23, np.nan)}, "not finite"),
        ({"rng": -1}, "seed"),
        ({"start": np.zeros((3, 23)), "rng": [1, 2]}, "3 random streams"),
        ({"start": np.zeros((3, 23)), "rng": nb.MatlabRandom(1)}, "MatlabRandom"),
        ({"save": "/nowhere/at/all.npz"}, "create it first"),
    ],
)
def test_bad_arguments_are_refused_before_any_work(problem: nb.Problem, change: dict[str, Any], words: str) -> None:
    def fail(*args: Any) -> None:
        raise AssertionError("there was work")

    arguments: dict[str, Any] = {"steps": 5} | change
    problem.bound.advance = fail  # type: ignore[method-assign]
    with pytest.raises((ValueError, OSError), match=words):
        nb.train(problem, SGD, **arguments)
    if "save" not in change:
        with pytest.raises(ValueError, match=words):
            nb.stream(problem, SGD, **arguments)
    del problem.bound.advance
    for every in (0, -3):
        with pytest.raises(ValueError, match="every"):
            nb.stream(problem, SGD, 5, every=every)


def test_a_start_whose_cost_is_not_finite_is_refused() -> None:
    network = nb.Network.dense(2, 2, activation=nb.identity)
    problem = nb.Problem(network, nb.quadratic, nb.data.ten_points(), engine=Reference())
    with pytest.raises(ValueError, match="smaller start"):
        nb.train(problem, SGD, 5, start=np.full(6, 1e200))


# -- held-out data and stopping ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "record"),
    [
        (SGD, 4),
        (nb.StochasticGradient(rate=0.5, batch=3, sampling="epochs"), None),
        (nb.StochasticGradient(batch=lambda t: 1 + t % 4, sampling="epochs"), None),
        (nb.TrustRegion(), None),
    ],
)
def test_held_out_costs_are_recorded_with_the_costs(with_held_out: nb.Problem, method: Any, record: int | None) -> None:
    run = nb.train(with_held_out, method, 24, rng=1, record=record)
    cost, held_out = run.series["cost"], run.series["held_out"]
    same(cost.steps, held_out.steps)
    states = {s.step: s.state for s in nb.stream(with_held_out, method, 24, every=1, rng=1, record=record)}
    same(held_out.values, [with_held_out.held_out_value(states[step].p) for step in held_out.steps.tolist()])
    assert run.best is not None
    assert run.best.step == held_out.steps[held_out.values.argmin()]
    same(run.best.p, states[run.best.step].p)
    plain_run = nb.train(nb.Problem(with_held_out.network, nb.quadratic, with_held_out.data, engine=Reference()), method, 24, rng=1)
    same(run.p, plain_run.p)  # looking changes nothing


def test_until_ends_a_run_at_a_recorded_step(problem: nb.Problem) -> None:
    run = nb.train(problem, SGD, 100, record=10, until=lambda s: "enough" if s.step >= 30 else None)
    assert (run.status, run.step, run.message) == ("stopped", 30, "enough (step 30)")
    run = nb.train(problem, SGD, 100, record=10, until=lambda s: s.cost < 1.0)
    assert (run.status, run.step, run.message) == ("stopped", 10, "until said so (step 10)")


def test_no_improvement_counts_looks() -> None:
    stop = NoImprovement(patience=2, least=0.1)
    answers = []
    for step, value in enumerate([1.0, 0.95, 0.8, 0.79, 0.78, 0.5]):
        snapshot = nb.Snapshot(nb.State(np.zeros(1), step), cost=0.0, held_out=value)
        answers.append(stop(snapshot))
    assert [bool(a) for a in answers] == [False, False, False, False, True, False]
    assert "0.8 of step 2 in 2 looks" in str(answers[4])
    assert stop(nb.Snapshot(nb.State(np.zeros(1)))) is None
    for patience, least in [(0, 0.0), (1, -1.0), (1, np.nan)]:
        with pytest.raises(ValueError, match="patience"):
            nb.no_improvement(patience, least)


def test_early_stopping_goes_on_as_if_never_stopped(with_held_out: nb.Problem) -> None:
    until = nb.no_improvement(patience=12)
    whole = nb.train(with_held_out, SGD, 400, rng=1, record=5, until=until)
    assert whole.status == "stopped"
    half = nb.train(with_held_out, SGD, whole.step - 20, rng=1, record=5, until=until)
    again = nb.train(with_held_out, SGD, 400, record=5, resume=half, until=nb.no_improvement(patience=12))
    assert (again.step, again.message) == (whole.step, whole.message)
    same(again.series["held_out"].values, whole.series["held_out"].values)
    assert again.best is not None
    assert whole.best is not None
    same(again.best.p, whole.best.p)


def test_progress_is_told_now_and_then(problem: nb.Problem, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "PROGRESS_EVERY", 0.0)
    told: list[Any] = []
    nb.train(problem, SGD, 500, record=100, progress=lambda *now: told.append(now))
    assert told[-1][:2] == (500, 500)
    assert [step for step, *_ in told] == sorted(step for step, *_ in told)
    assert told[-1][2] is not None


# -- divergence and saturation -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("record", [0, 1, 3])
@pytest.mark.parametrize("engine", [Reference(), Compiled()], ids=lambda e: e.name)
@pytest.mark.parametrize("rate", [3.0, 1e308])
def test_divergence_is_told_with_its_exact_step(engine: Any, record: int, rate: float) -> None:
    network = nb.Network.dense(2, 3, 2, activation=nb.identity)
    problem = nb.Problem(network, nb.quadratic, nb.data.ten_points(), engine=engine)
    run = nb.train(problem, nb.SteepestDescent(rate=rate), 100_000, rng=1, record=record)
    assert run.status == "diverged"
    assert np.isfinite(run.p).all()
    assert np.isfinite(run.final_cost)
    assert run.result["diverged_at"] == run.step + 1
    assert f"after step {run.step + 1} at rate {rate:g}" in run.message
    assert len(run.costs) == (run.step // record if record else 0)
    with np.errstate(all="ignore"):  # the step that diverged, taken by hand
        p = run.p - rate * problem.bound.gradient(run.p)
        assert not np.isfinite(problem.bound.value(p)) or not np.isfinite(p).all()
    largest = max(np.abs(W).max() for W, _ in network.views(run.p))
    assert f"{largest:.3g}" in run.message


def test_a_network_of_an_ensemble_that_diverges_is_named() -> None:
    network = nb.Network.dense(2, 2, activation=nb.identity)
    problem = nb.Problem(network, nb.quadratic, nb.data.ten_points(), engine=Reference())
    start = np.zeros((3, 6))
    start[1] = 1e153
    run = nb.train(problem, nb.SteepestDescent(rate=5.0), 5000, start=start, record=0)
    assert run.status == "diverged"
    assert np.isfinite(run.p).all()


def test_a_diverged_run_is_saved_as_its_last_finite_state(tmp_path: Path) -> None:
    network = nb.Network.dense(2, 2, activation=nb.leaky_relu)
    problem = nb.Problem(network, nb.quadratic, nb.data.ten_points(), engine=Reference())
    run = nb.train(problem, nb.SteepestDescent(rate=1e5), 5000, start=np.ones(6), save=tmp_path / "run.npz")
    assert run.status == "diverged"
    same(nb.Run.load(tmp_path / "run.npz").p, run.p)


def test_saturation_is_told(problem: nb.Problem) -> None:
    run = nb.train(problem, nb.SteepestDescent(rate=1e4), 100, rng=1)
    assert run.status == "finished"
    assert "saturated" in run.message
    assert "gradient's norm" in run.message
    fine = nb.train(problem, nb.SteepestDescent(rate=0.1), 100, rng=1)
    assert "saturated" not in fine.message


# -- the file ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["single", "ensemble", "epochs", "held out", "matlab", "scipy", "least squares"])
def test_a_saved_run_comes_back_whole(problem: nb.Problem, with_held_out: nb.Problem, tmp_path: Path, kind: str) -> None:
    extra = {"arrays": {"mean": np.arange(3.0)}, "settings": {"note": "ä"}}
    run = {
        "single": lambda: nb.train(problem, SGD, 20, record=2, **extra),
        "ensemble": lambda: nb.train(problem, SGD, 20, start=np.ones((2, 23)), record=2, **extra),
        "epochs": lambda: nb.train(problem, nb.StochasticGradient(sampling="epochs", batch=3), 18, **extra),
        "held out": lambda: nb.train(with_held_out, SGD, 20, record=2, **extra),
        "matlab": lambda: nb.train(problem, SGD, 20, rng=nb.MatlabRandom(3), **extra),
        "scipy": lambda: nb.train(problem, nb.LBFGS(), 20, **extra),
        "least squares": lambda: nb.train(problem, nb.LevenbergMarquardt(), **extra),
    }[kind]()
    run.save(tmp_path / "run.npz")
    back = nb.Run.load(tmp_path / "run.npz")
    for name in ("status", "message", "settings", "provenance", "result", "step"):
        assert getattr(back, name) == getattr(run, name), name
    assert back.state.stream == run.state.stream
    for mine, yours in [(run.state, back.state), *([(run.best, back.best)] if run.best else [])]:
        assert yours is not None
        same(yours.p, mine.p)
        assert yours.memory.keys() == mine.memory.keys()
        for name, array in mine.memory.items():
            same(yours.memory[name], array)
    assert (back.best is None) == (run.best is None)
    for name in ("initial_cost", "final_cost", "costs"):
        same(getattr(back, name), getattr(run, name))
    assert type(back.final_cost) is type(run.final_cost)
    same(back.arrays["mean"], run.arrays["mean"])
    with np.load(tmp_path / "run.npz", allow_pickle=False) as loaded:
        same(loaded["p"], run.p)


def test_a_file_whose_content_is_no_run_is_refused(problem: nb.Problem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, path = nb.train(problem, SGD, 6, record=2), tmp_path / "run.npz"
    pack = recording.pack

    def spoiled(change: Callable[[dict[str, Any], dict[str, Any]], Any]) -> None:
        def packed(header: dict[str, Any], arrays: dict[str, Any]) -> bytes:
            change(header, arrays)
            return pack(header, arrays)

        monkeypatch.setattr(recording, "pack", packed)
        run.save(path)

    cases: list[tuple[Any, str]] = [
        (lambda h, a: a.update(p=np.full(23, np.nan)), "finite numbers"),
        (lambda h, a: a.update(p=np.zeros((1, 1, 23))), "finite numbers"),
        (lambda h, a: a.update(p=np.zeros(23, int)), "finite numbers"),
        (lambda h, a: h.update(step=-1), "step -1"),
        (lambda h, a: h.update(step="ten"), "header.step should be a whole number.*'ten'"),
        (lambda h, a: h.update(status="done"), "status should be finished, .*'done'"),
        (lambda h, a: h.pop("message"), "message"),
        (lambda h, a: a.pop("p"), "no array p"),
        (lambda h, a: a.pop("series.cost.steps"), "steps"),
        (lambda h, a: a.update({"series.cost.steps": np.arange(2)}), r"shape \(2,\) as steps|shape \(3,\) as values"),
        (lambda h, a: h.update(best={}), "step|best"),
    ]
    for change, words in cases:
        spoiled(change)
        with pytest.raises(nb.RunFileError, match=words) as caught:
            nb.Run.load(path)
        assert "\n" not in str(caught.value)


def test_nothing_computed_is_lost_when_the_last_save_fails(
    problem: nb.Problem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Any, content: bytes) -> None:
        raise NotWrittenError(28, "the disk is full")

    monkeypatch.setattr(recording, "write_atomically", full)
    monkeypatch.setattr(running, "SAVE_EVERY", 0.0)
    with pytest.raises(NotWrittenError, match=r"full.*no other place") as caught:
        nb.train(problem, SGD, 300, save=tmp_path / "run.npz")
    assert caught.value.run.step == 300  # type: ignore[attr-defined]


# -- interruptions -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_is_saved_and_says_how_to_go_on(problem: nb.Problem, tmp_path: Path, number: signal.Signals) -> None:
    path = tmp_path / "run.npz"

    def press(step: int, steps: int, cost: Any) -> None:
        if step < steps and not pressed:
            pressed.append(step)
            os.kill(os.getpid(), number)

    pressed: list[int] = []
    before = signal.getsignal(number)
    run = nb.train(problem, SGD, 10_000_000, rng=1, save=path, progress=press)
    assert signal.getsignal(number) is before
    assert run.status == "interrupted"
    assert f"after step {run.step:,} of 10,000,000" in run.message
    assert f"resume={str(path)!r}" in run.message
    total = run.step + 100
    same(nb.train(problem, SGD, total, resume=path).p, nb.train(problem, SGD, total, rng=1).p)


def test_a_second_interruption_does_not_wait(problem: nb.Problem) -> None:
    def press_twice(snapshot: nb.Snapshot) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(1)  # where the KeyboardInterrupt comes

    run = nb.train(problem, SGD, 1000, record=10, until=press_twice)
    assert (run.status, run.step) == ("interrupted", 10)
    assert "not saved" in run.message


def test_threads_leave_the_signals_alone(problem: nb.Problem) -> None:
    runs: list[nb.Run] = []
    thread = threading.Thread(target=lambda: runs.append(nb.train(problem, SGD, 20)))
    thread.start()
    thread.join()
    assert runs[0].status == "finished"
    own = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        mine = signal.getsignal(signal.SIGTERM)
        with Interrupts():
            assert signal.getsignal(signal.SIGTERM) is mine
    finally:
        signal.signal(signal.SIGTERM, own)


# -- settings as plain values --------------------------------------------------------------------------------------------


def test_settings_tell_functions_and_arrays_apart() -> None:
    def scaled(c: float) -> Callable[[int], float]:
        return lambda t: c / t

    assert plain(scaled(1.0)) == plain(scaled(1.0))
    assert plain(scaled(1.0)) != plain(scaled(2.0))
    assert plain(lambda t: t + 1) != plain(lambda t: t + 2)
    assert plain(np.arange(100.0)) != plain(np.arange(100.0)[::-1])
    assert plain(np.arange(3)) == [0, 1, 2]
    assert plain(float("nan")) == "nan"
    assert plain(np.bool_(True)) is True
    assert plain(nb.adam) == "netbp.rules.adam"
    assert plain([nb.MatlabRandom(3), np.random.default_rng(1)]) == ["MatlabRandom(3)", "Generator(PCG64)"]
    assert plain([None, {"a": Path("b")}]) == [None, {"a": "b"}]
    assert plain(nb.SteepestDescent(rate=list(range(100))))["rate"]["shape"] == [100]
    mine = nb.Activation("sigmoid", lambda z: z**3, lambda z, a: 3 * z**2, lambda z, a: 6 * z)
    assert formula(nb.sigmoid) == "sigmoid" != formula(mine)
    assert difference({"a": {"b": 1}}, {"a": {"b": 1}}) is None
    assert difference({"a": {"b": 1}}, {"a": {"b": 2}}) == "its a.b is 1, but here it is 2"
