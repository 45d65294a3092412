"""Laws of sweeps: every combination once, what exists is not repeated, failures are named, and a cluster changes no number."""

from __future__ import annotations

import csv
import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import netbp as nb
from netbp.cli import main
from netbp.cli.sweep import as_csv, as_table, values_of
from netbp.experiments import StochasticExperiment
from netbp.experiments.sweeps import Outcome, combinations, place_of, run_one, sweep

BASE = {"steps": [300], "record": [100], "stream": ["numpy"], "engine": ["reference"]}


def results(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


def flags(**more: str) -> list[str]:
    base = {name: str(values[0]) for name, values in BASE.items()} | more
    return [word for name, value in base.items() for word in (f"--{name}", value)]


@pytest.mark.parametrize(
    ("text", "hint", "values"),
    [
        ("3", int, [3]),
        ("0:4", int, [0, 1, 2, 3]),
        ("0:5:2,7,1e3", int, [0, 2, 4, 7, 1000]),
        ("0.1,1e-2", float, [0.1, 0.01]),
        ("yes,no", bool, [True, False]),
        ("sgd,adam", str, ["sgd", "adam"]),
        ("30,10;20,20", tuple[int, ...], [(30, 10), (20, 20)]),
        ("0.1,0.2", tuple[float, ...], [(0.1, 0.2)]),
    ],
)
def test_flags_read_several_values(text, hint, values):
    assert values_of("field", text, hint) == values


@pytest.mark.parametrize(
    ("text", "hint", "told"),
    [
        ("", int, "has no value"),
        (",", float, "has no value"),
        ("1,1", int, "has a value twice"),
        ("0:3,2", int, "has a value twice"),
        ("0:3:0", int, "is no range"),
        ("1:2:3:4", int, "is no range"),
        ("0:10001", int, "is more than 10,000 values"),
        ("0:-1e15:-1", int, "is more than 10,000 values"),
        ("1.5", int, "is not a whole number"),
        ("x", float, "is not a number"),
        ("maybe", bool, "can be yes or no"),
    ],
)
def test_what_is_no_list_of_values_is_refused(text, hint, told):
    with pytest.raises(ValueError, match=told):
        values_of("field", text, hint)


def test_every_combination_runs_once_as_it_would_alone_and_is_not_repeated(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments = ["sweep", "stochastic", *flags(seed="0:3", rate="0.05,0.5"), "--workers", "1"]
    assert main(arguments) == 0
    rows = results(tmp_path / "sweeps" / "stochastic" / "results.csv")
    assert [(row["seed"], row["rate"]) for row in rows] == [(str(s), r) for r in ("0.05", "0.5") for s in range(3)]
    assert "6 of 6 runs, 6 of them computed now" in capsys.readouterr().out
    for row in rows:
        alone = StochasticExperiment(
            rate=float(row["rate"]), seed=int(row["seed"]), steps=300, record=100, stream="numpy", engine="reference"
        ).run()
        assert float(row["cost"]) == alone.final_cost
        np.testing.assert_array_equal(nb.Run.load(row["file"]).p, alone.p)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.npz")}
    arguments[arguments.index("0:3")] = "0:4"
    assert main(arguments) == 0
    assert "8 of 8 runs, 2 of them computed now" in capsys.readouterr().out
    assert all(path.stat().st_mtime_ns == time for path, time in before.items())


def test_failures_and_divergence_are_named_and_the_rest_goes_on(tmp_path, capsys):
    arguments = ["sweep", "stochastic", *flags(rate="0.05,-1,1000", activation="identity", seed="1"), "--out", str(tmp_path)]
    assert main([*arguments, "--workers", "1"]) == 1
    told = capsys.readouterr()
    rows = {row["rate"]: row for row in results(tmp_path / "results.csv")}
    assert {rate: row["status"] for rate, row in rows.items()} == {"0.05": "finished", "-1": "failed", "1000": "diverged"}
    assert "rate -1" in told.err
    assert "must be a finite number of at least 0" in told.err
    assert "rate 1000" in told.err


def test_another_runs_file_and_a_damaged_one_are_not_overwritten(tmp_path):
    settings = {name: values[0] for name, values in BASE.items()}
    path = place_of("stochastic", settings, tmp_path)
    other = StochasticExperiment(**settings | {"rate": 0.5})
    other.run(save=path)
    content = path.read_bytes()
    ((_, outcome),) = sweep("stochastic", BASE, tmp_path)
    assert (outcome.status, "with other settings" in outcome.message) == ("failed", True)
    path.write_bytes(content[:-1])
    ((_, outcome),) = sweep("stochastic", BASE, tmp_path)
    assert (outcome.status, "damaged" in outcome.message) == ("failed", True)
    assert path.read_bytes() == content[:-1]


def test_a_run_that_was_interrupted_goes_on(tmp_path):
    settings = {name: values[0] for name, values in BASE.items()}
    path = place_of("stochastic", settings, tmp_path)
    whole = StochasticExperiment(**settings).run()
    short = StochasticExperiment(**settings | {"steps": 100}).run(save=path)
    replace(short, status="interrupted", settings=whole.settings).save(path)
    ((_, outcome),) = sweep("stochastic", BASE, tmp_path)
    assert (outcome.status, outcome.step, outcome.new) == ("finished", 300, True)
    np.testing.assert_array_equal(nb.Run.load(path).p, whole.p)


def test_processes_and_a_cluster_change_no_number(tmp_path):
    """The same sweep in this process, in two others, and on the workers of a Dask cluster on loopback."""
    values = BASE | {"seed": [1, 2]}
    here = dict(sweep("stochastic", values, tmp_path / "here", workers=1))
    there = dict(sweep("stochastic", values, tmp_path / "there", workers=2))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Dask's own
        from distributed import LocalCluster

        with LocalCluster(
            n_workers=1, threads_per_worker=1, processes=False, host="127.0.0.1", dashboard_address=None, protocol="tcp"
        ) as cluster:
            far = dict(sweep("stochastic", values, tmp_path / "far", scheduler=cluster.scheduler_address))
    assert sorted(here) == sorted(there) == sorted(far) == [0, 1]
    for k, outcome in here.items():
        p = nb.Run.load(outcome.path).p
        for other in (there[k], far[k]):
            assert other.cost == outcome.cost
            np.testing.assert_array_equal(nb.Run.load(other.path).p, p)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["stochastic", "--seed", "0:20000"], "more than 10,000"),
        (["stochastic", "--seed", "x"], "is not a number"),
        (["stochastic", "--workers", "0"], "workers must be at least 1"),
        (["stochastic", "--seed", "1", "--scheduler", "nowhere"], "no Dask scheduler answers at nowhere"),
        (["nothing"], "nothing"),
    ],
)
def test_what_cannot_be_swept_is_refused(arguments, told, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["sweep", *arguments]) == 2
    assert told in capsys.readouterr().err


def test_tables_have_a_column_for_each_field_that_was_given(tmp_path):
    outcomes = [Outcome({"rate": 0.1, "seed": k}, f"f{k}", "finished", "all steps", 10, 1.5, 0.25 + k) for k in range(2)]
    lines = as_table(outcomes, ["rate", "seed"]).splitlines()
    assert lines[0].split() == ["rate", "seed", "status", "step", "cost", "seconds"]
    assert lines[2].split() == ["0.1", "1", "finished", "10", "1.25", "1.5"]
    assert as_csv(outcomes, ["rate", "seed"]).splitlines()[1] == "0.1,0,finished,10,0.25,,,1.5,all steps,f0"
    assert combinations({"a": [1, 2], "b": [3]}) == [{"a": 1, "b": 3}, {"a": 2, "b": 3}]
    assert place_of("x", {"a": "b/c"}, tmp_path) != place_of("x", {"a": "b_c"}, tmp_path)
    assert run_one("stochastic", {"rate": -1.0}, tmp_path / "f.npz").status == "failed"


@pytest.mark.parametrize("kind", [".mat", ".safetensors"])
def test_export_writes_what_the_ending_says(kind, tmp_path, capsys):
    path, out = tmp_path / "run.npz", tmp_path / f"out{kind}"
    run = StochasticExperiment(steps=50, engine="reference").run(save=path)
    assert main(["export", str(path), str(out)]) == 0
    assert f"wrote {out}" in capsys.readouterr().out
    if kind == ".safetensors":
        np.testing.assert_array_equal(nb.load_safetensors(nb.Network.dense(2, 2, 3, 2), out).p, run.p)


def test_export_refuses_other_endings(tmp_path, capsys):
    path = tmp_path / "run.npz"
    StochasticExperiment(steps=5, engine="reference").run(save=path)
    assert main(["export", str(path), str(tmp_path / "out.pt")]) == 2
    assert "give it one of these endings" in capsys.readouterr().err


def test_export_writes_an_onnx_graph_as_a_process(tmp_path):
    path, out = tmp_path / "run.npz", tmp_path / "net.onnx"
    run = StochasticExperiment(steps=50, engine="reference").run(save=path)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "netbp", "export", str(path), str(out)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    import onnxruntime

    x = np.random.default_rng(0).random((3, 2))
    problem = nb.Problem(nb.Network.dense(2, 2, 3, 2), nb.quadratic, nb.data.ten_points())
    (found,) = onnxruntime.InferenceSession(out).run(None, {"x": x.astype(np.float32)})
    np.testing.assert_allclose(found, problem.output(run.p, x), rtol=1e-5, atol=1e-6)
