"""Runs of the lab: exact at every step, whatever was asked before; what frames hold; what can be taken away."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
import threading
import tracemalloc
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import netbp as nb
from netbp.analysis.regions import grid_neuron, grid_outputs, lead, margin
from netbp.experiments import PlaneExperiment, from_settings
from netbp.lab import drawing, history, training
from netbp.lab.address import different, experiment_at
from netbp.lab.frames import plane
from netbp.lab.history import Costs, Curve, States
from netbp.lab.runs import Gone, LabRun, Runs
from netbp.lab.surface import surface
from netbp.lab.tour import TOUR
from netbp.types import State
from patience import SECONDS

# Each method of the library, with what it remembers between steps. Rates change in the middle where there are any.
METHODS: dict[str, dict[str, Any]] = {
    "listing": {},
    "changes": {"changes": "40:0.2;90:0.01"},
    "adam": {"rule": "adam", "rate": 0.01, "changes": "33:0.02"},
    "momentum, epochs": {"rule": "momentum", "constants": "mu=0.5", "sampling": "epochs", "batch": 3},
    "numpy, batches": {"stream": "numpy", "batch": 4, "decay": 1e-3, "penalty": 0.01},
    "start 4": {"start": 4, "seed": 1},
    "steepest": {"method": "steepest", "rate": 0.5, "changes": "50:0.1"},
    "levenberg-marquardt": {"method": "levenberg-marquardt", "residual": "norms"},
    "l-bfgs": {"method": "l-bfgs"},
    "newton-cg": {"method": "newton-cg"},
    "trust-region": {"method": "trust-region"},
    "nelder-mead": {"method": "nelder-mead"},
    "held out": {"points": "moons:30:0.1:2", "held_out": 0.3},
    "every tenth": {"record": 10},
    "relu, log loss": {"activation": "relu,tanh,identity", "cost": "softmax_log_loss", "rate": 0.02},
}
STEPS = 120


def decoded(content: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    """The header and the sections of a frame, read as the page reads them."""
    assert content[:4] == b"NBF1"
    (length,) = struct.unpack("<I", content[4:8])
    header, at, sections = json.loads(content[8 : 8 + length]), 8 + length, {}
    for one in header["sections"]:
        assert at % 8 == 0
        kind, count = np.dtype(one["dtype"]).newbyteorder("<"), int(np.prod(one["shape"]))
        sections[one["name"]] = np.frombuffer(content, kind, count, at).reshape(one["shape"])
        at += -(-count * kind.itemsize // 8) * 8
    assert at == len(content)
    return header, sections


def opened(runs: Runs, **fields: Any) -> LabRun:
    return runs.get(runs.open(fields)["run"])


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """Kernels of new shapes may be compiled on a busy machine while the tests wait."""
    monkeypatch.setattr(training, "PREPARING", SECONDS)
    monkeypatch.setattr(training, "PATIENCE", SECONDS)


@pytest.fixture
def runs():
    held = Runs()
    yield held
    held.close()


def trained(experiment: PlaneExperiment, steps: int) -> Any:
    """What the library's own `train` makes of the same settings."""
    problem = replace(experiment.problem(), held_out=None)
    start, rng = experiment.beginning(problem.network)
    return nb.train(problem, experiment.chosen_method(), steps, start=start, rng=rng, record=experiment.record)


# -- exactness ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fields", METHODS.values(), ids=METHODS)
def test_every_step_is_that_of_a_run_never_interrupted(runs, fields):
    experiment = PlaneExperiment(steps=STEPS, **fields)
    run = opened(runs, steps=STEPS, **fields)
    full = trained(experiment, STEPS)
    last, seen = full.step, 0
    order = [1, 2, 0, min(50, last), 3, min(97, last), min(41, last), last, 1, min(49, last), last - 1]
    for step in order:
        header, sections = decoded(run.frame(step, seen, 0, 0))
        assert header["step"] == step
        exact = trained(experiment, step)
        np.testing.assert_array_equal(sections["p"], exact.p)
        assert header["cost"] == exact.final_cost
        if experiment.record == 1:
            for first, end, low, high in sections["costs"][1:]:
                assert first == end
                assert low == high == full.costs[int(first) - 1]
        seen = max(seen, header["seen"])
    header, sections = decoded(run.curve(10**6))
    np.testing.assert_array_equal(sections["costs"][1:, 2], full.costs)
    run.frame(last, 0, 1, 0)  # a method may only tell that it has ended when it is asked to go on
    assert run.status(run.training.front.state)[0] == full.status


@pytest.mark.parametrize("fields", METHODS.values(), ids=METHODS)
def test_flat_out_goes_where_single_steps_go(runs, fields):
    run = opened(runs, steps=STEPS, **fields)
    header, sections = decoded(run.frame(0, 0, 1, 0))
    assert header["step"] == 1
    while header["status"] in ("ready", "running"):
        after = header["step"]
        header, sections = decoded(run.frame(after, header["seen"], -1, 0))
        assert header["step"] > after or header["status"] not in ("ready", "running")
    full = trained(PlaneExperiment(steps=STEPS, **fields), STEPS)
    assert (header["step"], header["status"]) == (full.step, full.status)
    np.testing.assert_array_equal(sections["p"], full.p)


@pytest.mark.parametrize("name", ["listing", "adam", "momentum, epochs", "start 4", "steepest", "every tenth"])
def test_a_rate_changed_on_the_way_is_the_same_as_one_planned(runs, name):
    fields = {key: value for key, value in METHODS[name].items() if key != "changes"}
    run = opened(runs, steps=STEPS, **fields)
    run.frame(0, 0, STEPS, 0)
    told = runs.change_rate(run.name, 37, 0.123)
    changed = runs.get(told["run"])
    assert told["step"] == 37
    assert changed.experiment == PlaneExperiment(steps=STEPS, **fields, changes="37:0.123")
    full = trained(changed.experiment, STEPS)
    for step in (37, STEPS, 20, 38, 36):
        np.testing.assert_array_equal(decoded(changed.frame(step, 0, 0, 0))[1]["p"], trained(changed.experiment, step).p)
    np.testing.assert_array_equal(decoded(changed.curve(10**6))[1]["costs"][:, 2], [full.initial_cost, *full.costs])
    np.testing.assert_array_equal(run.training.at(STEPS).p, trained(run.experiment, STEPS).p)  # the old one goes its own way


def test_far_steps_between_kept_states_are_exact(runs, monkeypatch):
    monkeypatch.setattr(history, "MOST_STATES", 32)
    run = opened(runs, steps=20_000, seed=3)
    for step in range(0, 20_000, 137):
        run.frame(step, 0, 137, 0)
    assert len(run.training.states._steps) <= 33
    for step in (19_999, 7, 12_345, 5000):
        exact = trained(PlaneExperiment(seed=3), step)
        np.testing.assert_array_equal(decoded(run.frame(step, 0, 0, 0))[1]["p"], exact.p)


def test_opening_again_finds_the_run_and_a_dropped_one_is_rebuilt_exactly():
    runs = Runs(limit=2)
    first = runs.open({"steps": 500})
    p = decoded(runs.get(first["run"]).frame(0, 0, 300, 0))[1]["p"]
    again = runs.open({"steps": 500}, 300)
    assert (again["run"], again["rebuilt"], again["step"]) == (first["run"], False, 300)
    for seed in (1, 2):
        runs.get(runs.open({"seed": seed})["run"]).training.front = runs.get(
            runs.open({"seed": seed})["run"]
        ).training.front._replace(seconds=9)
    with pytest.raises(Gone):
        runs.get(first["run"])
    rebuilt = runs.open({"steps": 500}, 300)
    assert (rebuilt["rebuilt"], rebuilt["step"]) == (True, 300)
    np.testing.assert_array_equal(decoded(runs.get(rebuilt["run"]).frame(300, 0, 0, 0))[1]["p"], p)
    runs.close()


def test_runs_that_were_hardly_trained_go_first():
    runs = Runs(limit=3)
    kept = runs.open({"seed": 1})["run"]
    runs.get(kept).training.front = runs.get(kept).training.front._replace(seconds=1.0)
    for seed in range(2, 9):  # a point that is dragged
        runs.open({"seed": seed})
    assert runs.get(kept).name == kept
    assert len(runs._held) == 3
    runs.close()


def test_an_hour_unused_is_too_long(monkeypatch, runs):
    name = runs.open({})["run"]
    runs.get(name).used -= 3601
    with pytest.raises(Gone, match="open its experiment again"):
        runs.get(name)


# -- frames ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fields", [{}, {"points": "blobs:60:0.1:0", "layers": "2-5-3"}, {"cost": "softmax_log_loss"}], ids=str)
def test_the_grid_is_the_library_s_own(runs, fields):
    run = opened(runs, steps=300, **fields)
    p = run.training.at(300).p
    for extent in (None, (-0.5, 1.5, 0.0, 3.0)):
        shown = run.experiment.extent if extent is None else extent
        outputs = grid_outputs(run.problem, p, 37, shown)[2]
        _, plane = decoded(run.frame(300, 0, 0, 37, "margin", extent))
        values = margin(outputs) if outputs.shape[-1] == 2 else lead(outputs)
        np.testing.assert_array_equal(plane["grid"], values.astype(np.float32))
        np.testing.assert_array_equal(np.sign(plane["grid"]), np.sign(values))
        np.testing.assert_array_equal(plane["category"], outputs.argmax(axis=-1))
        if outputs.shape[-1] == 2:
            np.testing.assert_array_equal(plane["category"] == 0, margin(outputs) >= 0.0)
    x1, x2, _ = grid_outputs(run.problem, p, 37)
    row, column = 5, 30
    told = run.walk(300, [float(x1[column]), float(x2[row])], 1)
    for l, a in enumerate(told["a"], start=1):
        for j, value in enumerate(a, start=1):
            _, plane = decoded(run.frame(300, 0, 0, 37, f"neuron:{l},{j}", (0.0, 1.0, 0.0, 1.0)))
            assert plane["grid"][row, column] == pytest.approx(value, rel=1e-6)
            assert grid_neuron(run.problem.network, p, l, j, 37)[row, column] == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(
    "view", ["", "region", "neuron:", "neuron:4", "neuron:0,1", "neuron:5,1", "neuron:4,3", "neuron:a,b", "neuron:1,1,1"]
)
def test_views_that_there_are_not_are_refused(runs, view):
    with pytest.raises(ValueError) as refused:
        opened(runs).frame(0, 0, 0, 10, view)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("extent", [(0, 0, 0, 1), (1, 0, 0, 1), (0, float("nan"), 0, 1), (0, 1, 0, float("inf")), (0, 1e10, 0, 1)])
def test_extents_that_show_nothing_are_refused(runs, extent):
    with pytest.raises(ValueError, match="extent"):
        opened(runs).frame(0, 0, 0, 10, "margin", extent)


@pytest.mark.parametrize("grid", [1, 301, -1])
def test_grids_are_bounded(runs, grid):
    with pytest.raises(ValueError, match="grid"):
        opened(runs).frame(0, 0, 0, grid)


def test_the_header_tells_the_numbers_of_the_library(runs):
    run = opened(
        runs, points="moons:40:0.1:1", held_out=0.25, layers="2-6-2", rule="momentum", batch=2, sampling="epochs", steps=900
    )
    header, sections = decoded(run.frame(0, 0, 600, 0))
    p, problem = sections["p"], run.problem
    assert header["cost"] == problem.value(p)
    assert header["held_out"] == problem.held_out_value(p)
    assert header["gradient"] == pytest.approx(np.linalg.norm(problem.gradient(p)), rel=1e-12)
    assert header["right"] == np.mean(problem.classify(p, problem.data.x) == np.argmax(problem.data.y, axis=1))
    assert header["held_right"] == np.mean(problem.classify(p, problem.held_out.x) == np.argmax(problem.held_out.y, axis=1))
    assert header["largest"] == max(np.abs(W).max() for W, _ in problem.network.views(p))
    assert (header["rate"], header["epoch"], header["status"]) == (0.05, 40.0, "running")
    assert len(header["saturated"]) == 2
    for rows, of in (
        (sections["held"], problem.held_out_value),
        (sections["norms"], lambda q: np.linalg.norm(problem.gradient(q))),
    ):
        assert len(rows) > 3
        for step, value in rows:
            assert value == pytest.approx(of(run.training.at(int(step)).p), rel=1e-12)


def test_what_a_page_is_told_when_it_opens(runs):
    told = runs.open({"points": "moons:30:0.1:2", "held_out": 0.2, "layers": "2-4-3-2", "rate": 0.1}, 25)
    json.dumps(told, allow_nan=False)
    network = experiment_at(told["address"]).problem().network
    p = runs.get(told["run"]).training.at(25).p
    for entry, (W, b) in zip(told["layers"], network.views(p), strict=True):
        offset, rows, columns = entry["W"]
        np.testing.assert_array_equal(p[offset : offset + rows * columns].reshape(columns, rows).T, W)
        np.testing.assert_array_equal(p[entry["b"][0] : sum(entry["b"])], b)
    assert [told["step"], told["N"], len(told["points"]), sum(point[3] for point in told["points"])] == [25, 24, 30, 6]
    assert told["scale_of_cost"] == 48


@pytest.mark.parametrize("view", ["margin", "neuron:4,1"])
def test_outputs_beyond_single_precision_are_infinite_in_a_frame_and_nothing_is_said_in_the_terminal(view):
    experiment = PlaneExperiment(activation="identity")
    problem = experiment.problem()
    found = plane(problem, 1e40 * problem.network.draw(1), 5, view, experiment.extent)
    assert not np.isfinite(found["grid"]).all()


class Waiting(threading.Event):
    """An event that tells when somebody waits for it in vain."""

    def __init__(self):
        super().__init__()
        self.begun = threading.Event()

    def wait(self, timeout=None):
        if not self.is_set():
            self.begun.set()
        return super().wait(timeout)


def test_training_ahead_stands_aside_for_frames_of_any_run(runs, monkeypatch):
    monkeypatch.setattr(drawing, "ASIDE", 600.0)
    monkeypatch.setattr(training, "LEAD", 600.0)
    ahead = runs.get(runs.open({"steps": 100_000_000}, 0)["run"]).training
    ahead.ready.wait()
    ahead.ahead(0)

    waiting = Waiting()
    waiting.set()
    monkeypatch.setattr(drawing.DRAWING, "_none", waiting)

    def goes_on():
        last = ahead.front.step
        with ahead._moved:
            return ahead._moved.wait_for(lambda: ahead.front.step > last, timeout=SECONDS)

    assert goes_on()
    with drawing.DRAWING:
        assert waiting.begun.wait(SECONDS)
        stood = ahead.front.step
        with drawing.DRAWING:
            pass  # another frame has ended, this one has not
        assert not waiting.is_set()
        assert ahead.front.step == stood
    assert goes_on()
    ahead.rest()


def test_costs_come_once_each_and_never_ahead_of_the_step_shown(runs):
    run = opened(runs, steps=5000)
    run.frame(0, 0, 4000, 0)
    seen, shown = 0, []
    for after in range(0, 3000, 700):
        header, sections = decoded(run.frame(after, seen, 700, 0))
        assert sections["costs"][:, 1].max() <= header["step"]
        shown += [(int(a), int(b)) for a, b in sections["costs"][:, :2]]
        seen = header["seen"]
    assert shown[0] == (0, 0)
    assert all(second[0] == first[1] + 1 for first, second in zip(shown, shown[1:], strict=False))
    assert len(decoded(run.frame(0, 0, 4000, 0))[1]["costs"]) <= 1025


def test_where_outputs_are_equal_the_first_category_wins_as_in_classify(runs):
    run = opened(runs, scale=0.0)
    _, plane = decoded(run.frame(0, 0, 0, 12))
    assert not plane["grid"].any()
    np.testing.assert_array_equal(plane["category"].ravel(), run.problem.classify(run.training.at(0).p, np.zeros((144, 2))))


# -- too large a rate --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("steps", [1, 7, 1000])
def test_divergence_is_told_with_its_step_rate_and_weight(runs, steps):
    fields = {"activation": "identity", "rate": 2.0, "steps": 1000}
    run = opened(runs, **fields)
    header = {"step": 0, "status": "ready"}
    while header["status"] in ("ready", "running"):
        header, sections = decoded(run.frame(header["step"], 0, steps, 0))
    told, full = header["diverged"], trained(PlaneExperiment(**fields), 1000)
    assert full.status == header["status"] == "diverged"
    assert (told["step"], told["last"], told["rate"]) == (full.step + 1, full.step, 2.0)
    np.testing.assert_array_equal(sections["p"], full.p)
    assert told["value"] == full.p[np.argmax(np.abs(full.p))]
    assert told["weight"][0] in "wb"
    assert decoded(run.frame(header["step"], 0, -1, 5))[0]["step"] == full.step
    assert decoded(run.frame(1, 0, 0, 5))[0]["status"] == "running"


def test_saturation_is_told_by_layer(runs):
    run = opened(runs, rate=100.0, steps=500)
    header, _ = decoded(run.frame(0, 0, 500, 0))
    assert header["saturated"][-1] == 1.0
    assert header["gradient"] < 1e-6
    assert "saturated" in header["message"]


# -- threads, bounds ---------------------------------------------------------------------------------------------------


def test_the_thread_rests_when_nobody_asks(runs):
    run = opened(runs, steps=10**8, record=0)
    run.frame(0, 0, -1, 0)
    ours = [t for t in threading.enumerate() if t.name == "netbp lab"]
    for thread in ours:
        thread.join(timeout=SECONDS)
        assert not thread.is_alive()
    step = run.training.front.step
    assert 0 < step < 10**8
    assert run.training.front.step == step
    assert decoded(run.frame(step, 0, -1, 0))[0]["step"] > step


def test_many_at_once_see_the_same_run(runs):
    run, wrong = opened(runs, steps=3000), []

    def look(offset: int) -> None:
        for step in range(offset, 3000, 371):
            header, sections = decoded(run.frame(step, 0, 0 if offset % 2 else -1, 8))
            if offset % 2 and (header["step"] != step or not np.array_equal(sections["p"], full[step])):
                wrong.append(step)

    full = {step: trained(run.experiment, step).p for offset in (1, 3) for step in range(offset, 3000, 371)}
    threads = [threading.Thread(target=look, args=(offset,)) for offset in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_memory_stays_flat_over_frames(runs, monkeypatch):
    monkeypatch.setattr(history, "MOST_STATES", 32)
    monkeypatch.setattr(history, "MOST_VALUES", 64)
    run = opened(runs, steps=10**8, record=5)
    for k in range(200):
        run.frame(k, k, 1, 10)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for k in range(200, 600):
            run.frame(k, k, 1, 10)
        after = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert after - before < 400_000  # 32 states of 3 kB, which were not counted before


@pytest.mark.parametrize("every", [1, 3])
def test_costs_are_thinned_but_keep_their_extremes(every, monkeypatch):
    monkeypatch.setattr(history, "MOST_COSTS", 64)
    monkeypatch.setattr(history, "BLOCK", 5)
    rng, costs, all_of_them = np.random.default_rng(0), Costs(every), []
    for size in (1, 5, 0, 58, 1, 200, 77, 3000):
        part = rng.random(size)
        costs.extend(part)
        all_of_them.extend(part.tolist())
        assert costs.count <= 64
    steps, values = costs.until(10**9)
    truth = np.array(all_of_them)
    np.testing.assert_array_equal(values, truth[steps // every - 1])
    bins = costs.bins(1, 10**9, 7)
    assert len(bins) <= 7
    for first, last, low, high in bins:
        inside = truth[int(first - costs.stride) // every : int(last) // every]
        assert (low, high) == (inside.min(), inside.max())
    half = costs.copied(int(steps[len(steps) // 2]))
    np.testing.assert_array_equal(half.until(10**9)[1], values[: len(steps) // 2 + 1])


def test_curves_and_states_are_thinned_and_keep_their_ends(monkeypatch):
    monkeypatch.setattr(history, "MOST_VALUES", 32)
    monkeypatch.setattr(history, "MOST_STATES", 32)
    curve, states = Curve(), States(State(np.zeros(3)))
    for step in range(1, 2000):
        curve.add(step, -float(step))
        states.add(State(np.full(3, float(step)), step))
    assert curve.count <= 32
    assert curve.rows[0].tolist() == [1.0, -1.0]
    np.testing.assert_array_equal(curve.rows[:, 1], -curve.rows[:, 0])
    assert len(states._steps) <= 33
    assert states.before(0).step == 0
    assert states.before(10**9).step == 1999
    assert states.before(700).step <= 700
    assert np.diff(states._steps).max() < 300


# -- questions ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fields", [{}, {"cost": "softmax_log_loss", "activation": "tanh", "layers": "2-12-3", "points": "blobs"}], ids=str
)
def test_the_walk_has_the_numbers_of_lemma_1(runs, fields):
    run = opened(runs, steps=50, **fields)
    told = run.walk(50, [0.3, 0.4], 1)
    json.dumps(told, allow_nan=False)
    p = run.training.at(50).p
    y = np.eye(run.problem.network.sizes[-1])[1]
    truth = run.problem.explain(p, [0.3, 0.4], y)
    for name in ("a", "z", "delta", "W", "dW", "db"):
        for ours, theirs in zip(told[name], getattr(truth, name), strict=True):
            np.testing.assert_array_equal(ours, theirs)
    for ours, theirs in zip(told["D"], truth.slope, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    L = len(run.problem.network.sizes)
    for caption in told["captions"]:
        assert caption["what"] in told
        assert 1 <= caption["l"] <= L
        assert caption["equation"].startswith("(")
    assert [c["l"] for c in told["captions"] if c["what"] == "delta"] == list(range(L, 1, -1))


def test_every_parameter_agrees_with_its_difference(runs):
    run = opened(runs, steps=200, layers="2-10-2")
    p, network = run.training.at(200).p, run.problem.network
    one = nb.Problem(network, nb.quadratic, nb.Data([[0.3, 0.4]], [[1.0, 0.0]]))
    gradient, names = network.views(one.gradient(p)), set()
    for l, (dW, db) in enumerate(gradient, start=2):
        for j in range(1, len(db) + 1):
            for k in [None, *range(1, dW.shape[1] + 1)]:
                told = run.difference(200, [0.3, 0.4], 0, l, j, k)
                expected = db[j - 1] if k is None else dW[j - 1, k - 1]
                assert told["derivative"] == pytest.approx(expected, rel=1e-12)
                assert told["agree"]
                assert abs(told["derivative"] - told["difference"]) <= told["error_bound"]
                names.add(told["name"])
    assert len(names) == network.size
    assert {"w_21^[2]", "w_10,2^[2]", "b_2^[3]"} <= names


@pytest.mark.parametrize("place", [(1, 1, 1), (5, 1, 1), (2, 0, 1), (2, 3, 1), (2, 1, 3), (2, 1, 0), (4, 3, None)])
def test_parameters_that_there_are_not_are_refused(runs, place):
    with pytest.raises(ValueError, match="no parameter"):
        opened(runs).difference(0, [0.3, 0.4], 0, *place)


@pytest.mark.parametrize(("x", "category"), [([0.1], 0), ([0.1, float("nan")], 0), ([0.1, 0.2], 2), ([0.1, 0.2], -1), ("x", 0)])
def test_points_that_there_are_not_are_refused(runs, x, category):
    run = opened(runs)
    for ask in (
        lambda: run.walk(0, x, category),
        lambda: run.nudge(0, x, category, 0.1, 0),
        lambda: run.difference(0, x, category, 2, 1),
    ):
        with pytest.raises(ValueError):
            ask()


def test_a_nudge_is_one_step_at_one_point_and_leaves_the_run_alone(runs):
    run = opened(runs, steps=100)
    p = run.training.at(60).p
    header, sections = decoded(run.nudge(60, [0.3, 0.4], 0, 0.7, 9))
    one = nb.Problem(run.problem.network, nb.quadratic, nb.Data([[0.3, 0.4]], [[1.0, 0.0]]))
    np.testing.assert_array_equal(sections["p"], p - 0.7 * one.gradient(p))
    assert header["nudge"]
    assert header["cost_of_point"] == [one.value(p), one.value(sections["p"])]
    assert header["cost_of_point"][1] < header["cost_of_point"][0]
    np.testing.assert_array_equal(run.training.at(60).p, p)
    with pytest.raises(ValueError, match="finite"):
        run.nudge(60, [0.3, 0.4], 0, float("inf"), 9)


def test_convergence_in_words_and_numbers(runs):
    linear = opened(runs, method="steepest", activation="identity", layers="2-2", rate=0.5, steps=400, points="0,0,A;1,0,B;0,1,B")
    linear.training.at(400)
    told = linear.convergence(400)
    json.dumps(told, allow_nan=False)
    assert told["sentence"]
    few = linear.convergence(3)
    assert few["decay"] == "none"
    assert "No rate yet" in few["sentence"]
    run = opened(runs, method="steepest", rate=0.5, steps=4000)
    run.training.at(4000)
    told = run.convergence(4000)
    truth = nb.convergence(nb.Series(*run.training.costs.until(4000)))
    assert told["kind"] == truth.kind
    assert (told["from"], told["to"]) == (truth.first, truth.last)
    assert [one["level"] for one in told["plateaus"]] == [at.level for at in truth.plateaus]


@pytest.mark.parametrize("kind", ["random", "filter", "path", "between"])
def test_surfaces_are_the_cost_where_they_say(runs, kind):
    run, other = opened(runs, steps=2000), opened(runs, steps=2000, rate=0.2)
    for one in (run, other):
        for step in range(0, 2000, 100):
            one.frame(step, 0, 100, 0)
    body = {"run": run.name, "step": 2000, "kind": kind, "n": 9, "seed": 4, "other": {"run": other.name, "step": 2000}}
    header, sections = decoded(surface(runs, body))
    assert sections["costs"].shape == (9, 9)
    p = run.training.at(2000).p
    np.testing.assert_allclose(sections["path"][-1], sections["marks"][0], atol=1e-9)
    assert header["step"] == 2000
    assert (np.diff(sections["steps"]) > 0).all()
    np.testing.assert_allclose(sections["logs"], np.log10(sections["costs"]))
    if kind in ("random", "filter"):  # the middle is the run itself
        assert sections["costs"][4, 4] == pytest.approx(run.problem.value(p), rel=1e-12)
    if kind == "path":
        assert 0.9 < sum(header["explained"]) <= 1.0 + 1e-12


@pytest.mark.parametrize(
    "body",
    [{}, {"run": "x"}, {"run": 1}, {"run": None}, {"kind": "round"}, {"n": 1}, {"n": 102}, {"n": 2.5}, {"seed": -1}, {"step": "1"},
     {"kind": "between"}, {"kind": "path", "step": 0}, {"kind": "between", "other": 5}],
    ids=str,
)  # fmt: skip
def test_surfaces_that_there_are_not_are_refused(runs, body):
    body = {"run": opened(runs).name, **body} if body else body
    with pytest.raises((ValueError, Gone)):
        surface(runs, body)


# -- to take away ------------------------------------------------------------------------------------------------------

TAKEN = {name: METHODS[name] for name in METHODS if name not in ("newton-cg", "trust-region", "nelder-mead", "every tenth")}


def test_the_scripts_print_the_digits_of_the_runs(runs, tmp_path):
    """All programs in one process, each with names of its own: starting Python is what takes long."""
    texts, expected = [], []
    for fields in TAKEN.values():
        run = opened(runs, steps=STEPS, **fields)
        name, media, content = run.export("script", 90)
        assert (name, media) == ("run.py", "text/x-python")
        texts.append(content.decode())
        expected.append(repr(trained(run.experiment, run.training.at(90).step).final_cost))
    program = tmp_path / "all.py"
    program.write_text(f"for text in {texts!r}:\n    exec(text, {{}})\n")
    told = subprocess.run([sys.executable, "-W", "error", str(program)], capture_output=True, text=True, check=True).stdout
    assert told.splitlines()[1::2] == expected
    assert not any("netbp." in line for text in texts for line in text.splitlines() if "import" in line)


@pytest.mark.parametrize("name", ["listing", "momentum, epochs", "held out", "levenberg-marquardt"])
def test_the_run_s_file_is_a_run_that_goes_on_and_is_drawn(runs, name, tmp_path):
    run = opened(runs, steps=STEPS, **METHODS[name])
    (tmp_path / "run.npz").write_bytes(run.export("run", 60)[2])
    saved = nb.Run.load(tmp_path / "run.npz")
    exact = trained(run.experiment, 60)
    np.testing.assert_array_equal(saved.p, exact.p)
    np.testing.assert_array_equal(saved.costs, exact.costs)
    assert (saved.final_cost, saved.initial_cost) == (exact.final_cost, exact.initial_cost)
    experiment = from_settings(saved.settings)
    assert experiment == run.experiment
    experiment.draw(saved)
    problem = replace(experiment.problem(), held_out=None)
    *_, last = nb.stream(problem, experiment.chosen_method(), STEPS, resume=saved)
    np.testing.assert_array_equal(last.p, trained(experiment, STEPS).p)


def test_json_and_the_history_as_a_table(runs):
    run = opened(runs, steps=STEPS, points="moons:30:0.1:2", held_out=0.3, rate=0.5)
    told = json.loads(run.export("json", 80)[2])
    assert (
        experiment_at(told["address"])
        == PlaneExperiment(**told["fields"])
        == PlaneExperiment(**told["experiment"])
        == run.experiment
    )
    lines = run.export("csv", 80)[2].decode().splitlines()
    assert lines[0] == "step,cost,gradient_norm,held_out_cost"
    rows = [line.split(",") for line in lines[1:]]
    full = trained(run.experiment, 80)
    assert [int(row[0]) for row in rows] == list(range(81))
    assert [float(row[1]) for row in rows] == [full.initial_cost, *full.costs]


@pytest.mark.parametrize("view", ["plane", "cost", "network", "gradient", "weights", "surface"])
@pytest.mark.parametrize(("kind", "begins"), [("png", b"\x89PNG"), ("svg", b"<?xml")])
def test_figures_are_drawn(runs, view, kind, begins):
    run = opened(runs, steps=STEPS, points="blobs:30:0.1:0", layers="2-4-3")
    name, media, content = run.export("figure", STEPS, view, kind)
    assert (name, content[: len(begins)]) == (f"{view}.{kind}", begins)
    assert kind in media


@pytest.mark.parametrize("asked", [("exe", "plane", "png"), ("figure", "cost", "pdf"), ("figure", "../x", "png")])
def test_what_cannot_be_taken_away_is_refused(runs, asked):
    with pytest.raises(ValueError):
        opened(runs).export(asked[0], 0, asked[1], asked[2])


# -- the tour ----------------------------------------------------------------------------------------------------------


def test_the_tour_shows_what_it_says():
    def at(address: str, step: int) -> dict[str, Any]:
        run = LabRun(experiment_at(address), "tour")
        try:
            return run._header(run.training.at(step, patience=600)) | {"N": run.problem.N, "size": run.problem.size}
        finally:
            run.close()

    ten, eleven, least, large, over = TOUR
    end = at(ten.address, 10**6)
    assert f"{20 * end['cost']:.4e}".replace("e-0", "e-") in ten.text
    assert end["right"] == 1.0
    assert [round(20 * at(ten.address, step)["cost"], 1) for step in (2000, 60_000)] == [5.0, 2.6]
    end = at(eleven.address, 10**6)
    assert f"{end['cost']:.2e}".replace("e-0", "e-") in eleven.text
    assert end["right"] == 1.0
    assert at(eleven.address, 300_000)["right"] == 10 / 11
    end = at(least.address, 10**6)
    assert f"{end['step']} iterations" in least.text
    assert f"{20 * end['cost']:.1e}" in least.text
    end = at(large.address, 10**4)
    assert f"{20 * end['cost']:.1f}" in large.text
    assert (end["right"], end["saturated"][-1]) == (0.5, 1.0)
    assert f"{end['gradient']:.0e}".replace("e-0", "e-") in large.text
    other = at("activation=relu%2Crelu%2Cidentity&rate=3", 10**4)
    assert f"step {other['diverged']['step']}" in large.text
    end, before = at(over.address, 10**5), at(over.address, 2000)
    assert f"{end['cost']:.1e}".replace("e-0", "e-") in over.text
    assert f"{end['held_out']:.3f}" in over.text
    assert f"{before['held_out']:.3f}" in over.text
    assert (end["right"], round(24 * (1 - end["held_right"])), end["N"], end["size"]) == (1.0, 9, 36, 62)


def test_different_fields_are_told_sorted():
    assert list(different(PlaneExperiment(steps=5, batch=2, rate=0.1))) == ["batch", "rate", "steps"]


# -- waiting -----------------------------------------------------------------------------------------------------------


def test_a_step_too_far_away_is_reached_in_several_frames(runs, monkeypatch):
    monkeypatch.setattr(training, "PATIENCE", 0.0)
    run, step, asked = opened(runs, steps=3000), 0, 0
    run.training.ready.wait()
    while step < 3000 and asked < 3000:
        header, sections = decoded(run.frame(step, 0, 3000 - step, 0))
        assert step < header["step"] <= 3000
        np.testing.assert_array_equal(sections["p"], run.training.at(header["step"]).p)
        step, asked = header["step"], asked + 1
    assert asked > 1
    np.testing.assert_array_equal(sections["p"], trained(run.experiment, 3000).p)


def test_while_a_kernel_is_compiled_frames_show_what_there_is(runs, monkeypatch):
    monkeypatch.setattr(training, "PREPARING", 0.0)
    run = opened(runs, steps=100)
    run.training.ready.wait()
    run.frame(0, 0, 5, 0)
    run.training.ready = threading.Event()
    for steps in (1, 50, -1):
        header, sections = decoded(run.frame(5, 0, steps, 6))
        assert (header["preparing"], header["step"]) == (True, 5)
        assert "compiling" in header["message"]
        assert sections["grid"].shape == (6, 6)
    assert "preparing" not in decoded(run.frame(2, 0, 2, 0))[0]  # what was computed already needs no kernel
    assert decoded(run.frame(3, 0, 0, 0))[0]["step"] == 3
    run.training.ready.set()
    assert decoded(run.frame(5, 0, 1, 0))[0]["step"] == 6


def test_what_must_be_at_its_step_says_so_when_it_cannot_be(runs, monkeypatch):
    monkeypatch.setattr(training, "LONG", 0.0)
    run = opened(runs, steps=10**8, record=0)
    for ask in (
        lambda: run.export("run", 10**8),
        lambda: run.walk(10**8, [0.1, 0.2], 0),
        lambda: runs.change_rate(run.name, 10**8, 0.1),
    ):
        with pytest.raises(ValueError, match="more than a minute away"):
            ask()
