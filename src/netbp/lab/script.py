"""A run as a Python program of the public names alone, which prints the run's digits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from netbp.experiments.plane import GRADIENT, PlaneExperiment
from netbp.experiments.plane_texts import changes_of, constants_of
from netbp.experiments.settings import widths
from netbp.lab.address import address_of
from netbp.types import Matrix


def script_of(experiment: PlaneExperiment, steps: int) -> str:
    """The program that takes `steps` steps of the experiment; its last line prints the final cost (9) to its last digit."""
    e, address = experiment, address_of(experiment)
    sizes = ", ".join(str(n) for n in widths(e.layers))
    names = [name.strip() for name in e.activation.split(",")]
    sigma = f"nb.{names[0]}" if len(set(names)) == 1 else f"[{', '.join(f'nb.{name}' for name in names)}]"
    problem = ["network", f"nb.{e.cost}", "data", *([f"penalty={e.penalty!r}"] if e.penalty else [])]
    how = ["problem", "method", f"steps={steps}", "start=start", "rng=rng", f"record={e.record}"]
    lines = [
        f'"""A run of netbp\'s lab: {address or "Listing 6.1"}."""' if len(address) < 100 else '"""A run of netbp\'s lab."""',
        "",
        *(["import numpy as np", ""] if e.start or e.stream == "numpy" else []),
        "import netbp as nb",
        "",
        *_data(e),
        f"network = nb.Network.dense({sizes}, activation={sigma})",
        f"problem = nb.Problem({', '.join(problem)})",
        f"method = {_method(e)}",
        f"rng = {_rng(e)}",
        f"start = network.draw(rng, {e.scale!r})",
        f"run = nb.train({', '.join(how)})",
        "print(run.message)",
        "print(repr(run.final_cost))",
    ]
    return "\n".join(lines) + "\n"


def _data(e: PlaneExperiment) -> list[str]:
    if e.points in ("ten", "eleven") and not e.held.any():
        return [f"data = nb.data.{e.points}_points()"]
    (x, labels, _), seen = e.labelled, ~e.held
    y = np.eye(widths(e.layers)[-1])[labels]
    about = [f"# {int(e.held.sum())} more points were held out, and only looked at"] if e.held.any() else []
    return [*about, "data = nb.Data(", f"    x={_rows(x[seen])},", f"    y={_rows(y[seen])},", ")"]


def _rows(values: Matrix) -> str:
    """The rows, a few on a line, each number with all its digits."""
    rows = [f"[{', '.join(repr(entry) for entry in row)}]" for row in values.tolist()]
    return "[\n" + "".join(f"        {', '.join(rows[i : i + 4])},\n" for i in range(0, len(rows), 4)) + "    ]"


def _method(e: PlaneExperiment) -> str:
    def written(name: str, settings: Sequence[tuple[str, Any]]) -> str:
        return f"nb.{name}({', '.join(f'{key}={value}' for key, value in settings)})"

    if e.method in GRADIENT:
        changes = "".join(f", ({step}, {rate!r})" for step, rate in changes_of(e.changes))
        settings: list[tuple[str, Any]] = [("rate", f"nb.by_step({e.rate!r}{changes})" if changes else repr(e.rate))]
        settings += [("rule", f"nb.{e.rule}")] if e.rule != "sgd" else []
        settings += [("constants", repr(constants_of(e.constants)))] if e.constants else []
        settings += [("weight_decay", repr(e.decay))] if e.decay else []
        if e.method == "steepest":
            return written("SteepestDescent", settings)
        settings += [("batch", e.batch)] if e.batch != 1 else []
        settings += [("sampling", repr(e.sampling))] if e.sampling != "replacement" else []
        return written("StochasticGradient", settings)
    made = e.chosen_method()
    return "nb." + repr(made)


def _rng(e: PlaneExperiment) -> str:
    if e.start:
        return f"np.random.default_rng(np.random.SeedSequence({e.seed}).spawn({e.start})[-1])  # the stream of start {e.start}"
    return f"nb.MatlabRandom({e.seed})" if e.stream == "matlab" else f"np.random.default_rng({e.seed})"
