"""Many starts in the background: the same numbers as `multistart`, with progress, cancelled in between, bounded."""

from __future__ import annotations

import json
import threading
import time
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import netbp as nb
from netbp.experiments import PlaneExperiment
from netbp.lab import jobs as lab_jobs
from netbp.lab.address import experiment_of
from netbp.lab.jobs import Jobs
from netbp.lab.runs import Gone
from netbp.sweep import merged, multistart
from patience import SECONDS


@pytest.fixture
def jobs():
    held = Jobs()
    yield held
    held.close()


def finished(jobs: Jobs, name: str) -> dict[str, Any]:
    for _ in range(60_000):
        told = jobs.state(name)
        json.dumps(told, allow_nan=False)
        if told["finished"]:
            return told
        time.sleep(0.01)
    raise AssertionError("it does not end")


@pytest.mark.parametrize(
    ("fields", "starts", "steps"),
    [
        ({}, 70, 200),
        ({"rule": "adam", "rate": 0.01, "batch": 3, "sampling": "epochs", "seed": 3}, 2, 60),
        ({"method": "steepest", "rate": 1.0, "seed": 9}, 2, 40),
        ({"method": "levenberg-marquardt"}, 66, 30),
        ({"method": "l-bfgs"}, 3, 40),
        ({"activation": "identity", "rate": 3.0}, 2, 300),
    ],
    ids=str,
)
def test_the_numbers_are_those_of_multistart(jobs, fields, starts, steps):
    told = finished(jobs, jobs.multistart(fields, starts, steps))
    experiment = PlaneExperiment(**{**fields, "steps": steps})
    truth = multistart(
        experiment.problem(), experiment.chosen_method(), starts, steps, rng=experiment.seed, level=lab_jobs.LEVEL, workers=1
    )
    assert (told["done"], told["of"], told["cancelled"]) == (starts, starts, False)
    result = told["result"]
    assert result["costs"] == told["costs"] == [cost if np.isfinite(cost) else None for cost in truth.costs.tolist()]
    assert (result["success"], result["level"]) == (truth.success, truth.level)
    assert result["all_right"] == truth.all_right
    assert [v for v in result["quantiles"].values() if v is not None] == [v for v in truth.quantiles.values() if np.isfinite(v)]
    assert result["best"] == int(np.argmin(truth.costs))
    for i in (0, starts - 1):  # a click on one opens it
        if np.isfinite(truth.costs[i]):
            one = experiment_of({**fields, "start": i + 1, "steps": steps})
            np.testing.assert_array_equal(one.run().p, truth.p[i])


def test_parts_are_merged_to_the_whole():
    experiment = PlaneExperiment()
    problem, method = experiment.problem(), experiment.chosen_method()
    streams = [np.random.default_rng(seed) for seed in np.random.SeedSequence(4).spawn(7)]
    whole = multistart(problem, method, 7, 50, rng=4, level=0.25, workers=1)
    parts = [multistart(problem, method, len(s), 50, rng=s, level=0.25, workers=1) for s in (streams[:3], streams[3:])]
    found = merged(problem, parts)
    np.testing.assert_array_equal(found.p, whole.p)
    np.testing.assert_array_equal(found.best, whole.best)
    assert (found.success, found.all_right, found.quantiles, found.messages) == (
        whole.success,
        whole.all_right,
        whole.quantiles,
        whole.messages,
    )
    assert isinstance(found, nb.Multistart)


@pytest.fixture
def pieces(monkeypatch):
    """Holds every piece of a job but the first until it is told to go on; one start each."""
    held = SimpleNamespace(begun=0, second=threading.Event(), go_on=threading.Event())

    def piece(*given: Any, **how: Any) -> nb.Multistart:
        held.begun += 1
        if held.begun > 1:
            held.second.set()
            held.go_on.wait(SECONDS)
        return multistart(*given, **how)

    monkeypatch.setattr(lab_jobs, "NETWORKS", 1)
    monkeypatch.setattr(lab_jobs, "multistart", piece)
    yield held
    held.go_on.set()


def test_a_job_is_cancelled_between_two_pieces(jobs, pieces):
    name = jobs.multistart({}, 1000, 20)
    assert pieces.second.wait(SECONDS)
    assert jobs.state(name)["done"] == 1
    jobs.cancel(name)
    pieces.go_on.set()
    told = finished(jobs, name)
    assert told["cancelled"]
    assert told["result"] is None
    assert told["done"] == len(told["costs"]) == 2


@pytest.mark.parametrize(
    ("fields", "starts", "steps"),
    [({}, 0, 10), ({}, 1001, 10), ({}, 10, 0), ({}, 10, 100_001), ({"rate": "x"}, 5, 5), ({"colour": 1}, 5, 5),
     ({"points": "moons:10000:0.1:0", "method": "steepest"}, 1000, 100_000), ({"batch": 1000}, 1000, 100_000)],
    ids=str,
)  # fmt: skip
def test_jobs_that_are_too_much_or_none_are_refused_in_one_line(jobs, fields, starts, steps):
    with pytest.raises(ValueError) as refused:
        jobs.multistart(fields, starts, steps)
    assert "\n" not in str(refused.value)


def test_jobs_at_work_and_jobs_held_are_bounded(pieces):
    jobs = Jobs(limit=2)
    names = [jobs.multistart({}, 1000, 20) for _ in range(2)]
    with pytest.raises(ValueError, match="at work already"):
        jobs.multistart({}, 1, 1)
    pieces.go_on.set()
    for name in names:
        jobs.cancel(name)
        finished(jobs, name)
    done = []
    for _ in range(6):
        done.append(jobs.multistart({}, 1, 1))
        finished(jobs, done[-1])
    assert len(jobs._held) <= 4
    assert jobs.state(done[-1])["finished"]
    with pytest.raises(Gone):
        jobs.state(names[0])
    jobs.close()
    with pytest.raises(Gone):
        jobs.state(done[-1])


def test_what_goes_wrong_in_the_thread_is_told(jobs, monkeypatch):
    def breaks(*rest: Any, **more: Any) -> None:
        raise RuntimeError("it broke\nin two lines")

    monkeypatch.setattr(lab_jobs, "multistart", breaks)
    told = finished(jobs, jobs.multistart({}, 5, 5))
    assert told["error"] == "it broke in two lines"
    assert told["result"] is None
