"""What can be taken away from the lab: a program, JSON, the run's file, its history as a table, and figures."""

from __future__ import annotations

import json
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from netbp.claims import Status
from netbp.experiments.settings import settings_of
from netbp.folders import temporary_folder
from netbp.lab.address import address_of, different
from netbp.lab.script import script_of
from netbp.lab.turns import long_work
from netbp.methods import FINISHED
from netbp.provenance import plain, problem_settings, provenance
from netbp.record import Run
from netbp.streaming import Series
from netbp.types import State

if TYPE_CHECKING:
    from netbp.lab.labrun import LabRun

VIEWS = ("plane", "cost", "network", "gradient", "weights", "surface")
MEDIA = {"png": "image/png", "svg": "image/svg+xml"}
DRAWER = ThreadPoolExecutor(1, "netbp lab draws")
"""Matplotlib keeps its fonts open once for each thread that draws."""
TEXTS = ("script", "json", "run", "csv", "figure")


def exported(run: LabRun, what: str, step: int, view: str, kind: str) -> tuple[str, str, bytes]:
    """A file's name, media type and bytes. Raises ValueError when there is nothing of that name."""
    if what not in TEXTS:
        raise ValueError(f"what can be taken away is {', '.join(TEXTS)}, but {what[:40]!r} was asked for")
    state = run.training.exactly(step)
    if what == "script":
        return "run.py", "text/x-python", script_of(run.experiment, state.step).encode()
    if what == "json":
        told = {"netbp": "lab", "step": state.step, "address": address_of(run.experiment), "experiment": different(run.experiment)}
        return "run.json", "application/json", (json.dumps(told | {"fields": asdict(run.experiment)}, indent=1) + "\n").encode()
    if what in ("csv", "run", "figure"):
        long_work()
    if what == "csv":
        return "history.csv", "text/csv", _table(run, state)
    if what == "run":
        return "run.npz", "application/octet-stream", _saved(record_of(run, state))
    if view not in VIEWS or kind not in MEDIA:
        raise ValueError(
            f"figures are {', '.join(VIEWS)} as {' or '.join(MEDIA)}, but {view[:40]!r} as {kind[:10]!r} was asked for"
        )
    return f"{view}.{kind}", MEDIA[kind], _figure(run, state, view, kind)


def record_of(run: LabRun, state: State) -> Run:
    """The Run that `train` would have given at this state, with the curves that the lab keeps."""
    training, problem = run.training, run.training.problem
    with training.kept:
        steps, costs = training.costs.until(state.step)
        curves = {"held_out": training.held_out, "gradient_norm": training.norms}
        rows = {name: curve.between(0, state.step) for name, curve in curves.items() if curve.count}
    series = {"cost": Series(steps, costs)} if len(costs) else {}
    series |= {name: Series(found[:, 0].astype(np.int64), found[:, 1]) for name, found in rows.items()}
    status, message = run.status(state)
    described = plain({"problem": problem_settings(problem), "method": run.method, "record": run.experiment.record})
    return Run(
        state,
        training.costs_at_start,
        problem.bound.value(state.p),
        series=series,
        status=status if status in get_args(Status) else FINISHED,
        message=message or f"it took {state.step:,} steps in the lab",
        settings=settings_of(run.experiment) | described,
        provenance=provenance(described["problem"]["engine"]) | {"seconds": round(training.front.seconds, 3)},
    )


def _saved(run: Run) -> bytes:
    with tempfile.TemporaryDirectory(dir=temporary_folder()) as folder:
        path = Path(folder) / "run.npz"
        run.save(path)
        return path.read_bytes()


def _table(run: LabRun, state: State) -> bytes:
    """Steps and costs; where something else is known after a step, the gradient's norm and the held-out cost too."""
    training = run.training
    with training.kept:
        steps, costs = training.costs.until(state.step)
        norms, held = training.norms.between(0, state.step), training.held_out.between(0, state.step)
    columns: dict[str, dict[int, float]] = {
        "cost": {0: training.costs_at_start} | dict(zip(steps.tolist(), costs.tolist(), strict=True)),
        "gradient_norm": {int(step): value for step, value in norms.tolist()},
        "held_out_cost": {int(step): value for step, value in held.tolist()},
    }
    names = [name for name, column in columns.items() if column]
    lines = [",".join(["step", *names])]
    for step in sorted(set().union(*(columns[name] for name in names))):
        lines.append(",".join([str(step), *(repr(columns[name][step]) if step in columns[name] else "" for name in names)]))
    return ("\n".join(lines) + "\n").encode()


def _figure(run: LabRun, state: State, view: str, kind: str) -> bytes:
    record, landscape = record_of(run, state), None
    if view == "surface":
        from netbp.lab.surface import slice_of

        landscape = slice_of(run, state.step, "path", None, 51, 0)
    return DRAWER.submit(_drawn, run, state, view, kind, record, landscape).result()


def _drawn(run: LabRun, state: State, view: str, kind: str, record: Run, landscape: Any) -> bytes:
    from netbp.figures import draw_costs, draw_network, draw_region, encoded, house_style, new_figure

    problem, e = run.training.problem, run.experiment
    with house_style():
        figure, ax = new_figure()
        if view == "plane":
            draw_region(ax, problem, state.p, extent=e.extent, data=run.all_points)
        elif view == "network":
            draw_network(ax, problem.network, state.p)
        elif view == "weights":
            from netbp.figures.weights import draw_weights

            draw_weights(ax, problem.network, state.p)
        elif view == "surface":
            from netbp.figures.analysis_landscape import draw_slice

            draw_slice(ax, landscape)
        else:
            name, factor = ("gradient_norm", 1.0) if view == "gradient" else ("cost", e.factor)
            _needs(record, name)
            label = "Norm of the gradient" if view == "gradient" else "Value of cost function"
            draw_costs(ax, record, points=2000, factor=factor, name=name, ylabel=label)
    return encoded(figure, kind)


def _needs(record: Run, name: Any) -> None:
    if name not in record.series:
        raise ValueError("nothing is recorded yet to draw: take some steps first")
