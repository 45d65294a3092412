"""What a loaded run was of: its network, its problem, and for a fit the table's columns and their standardisation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

import numpy as np

from netbp.data.dialect import number
from netbp.data.table import Table
from netbp.experiments.preparation import Columns
from netbp.experiments.settings import rebuilt, told_of
from netbp.experiments.standardisation import Scale
from netbp.messages import listed, named
from netbp.network import Network
from netbp.problem import Problem
from netbp.typed import misfit
from netbp.types import Vector

if TYPE_CHECKING:
    from netbp.run import Run


def fitted(run: Run) -> tuple[Columns, Network]:
    """What a run of `Fit` was fitted to, and its network. Raises ValueError for another run."""
    from netbp.runfile import RunFileError

    name = told_of(run.settings)[0]
    if name != "fit" or "columns" not in run.settings:
        raise ValueError(
            f"the run is not of a fit but of {named(name) if name else 'a program'}: predict needs a run of `netbp fit`"
        )
    columns, network = _columns(run.settings["columns"]), network_of_run(run)
    if (len(columns.inputs), columns.outputs) != (network.sizes[0], network.sizes[-1]):
        raise RunFileError(f"the run is of a network {network.title}, but its columns are others: restore it from a copy")
    return columns, network


def _columns(told: Any) -> Columns:
    """The columns that the settings of a run tell. Raises RunFileError where they tell none."""
    from netbp.runfile import RunFileError

    wrong = misfit(told, get_type_hints(Columns), "columns")
    if wrong is None and told.keys() != set(Columns._fields):
        wrong = f"columns should have {', '.join(Columns._fields)}"
    if wrong is not None:
        raise RunFileError(f"the run says of itself what no fit does: {wrong}")
    columns = Columns(**{name: tuple(values) for name, values in told.items()})
    if not set(columns.inputs + columns.targets) <= set(columns.columns) or not columns.targets or not columns.inputs:
        raise RunFileError(f"the run was fitted to {listed(columns.inputs)}, which are none of its columns: restore it from a copy")
    return columns


def network_of_run(run: Run) -> Network:
    """The network that a run trained, from its settings. Raises ValueError when its activations are not netbp's own."""
    from netbp.experiments import check_network

    network = _described(run.settings)
    check_network(run, network)
    return network


def _described(settings: Mapping[str, Any]) -> Network:
    """The network that settings describe."""
    from netbp import activations
    from netbp.experiments.settings import ActivationName, chosen
    from netbp.written import layer_written

    described = settings["problem"]["network"]
    sigmas = [chosen(activations, ActivationName, name, "activation") for name in described["activations"]]
    if "layers" in described:
        return Network.chain(tuple(described["input"]), *map(layer_written, described["layers"]))
    return Network.dense(*described["sizes"], activation=sigmas)


def best_of(run: Run) -> Vector:
    """The parameters that count: those with the lowest held-out cost, or without held-out points the last."""
    return run.p if run.best is None else run.best.p


def problem_of(run: Run) -> Problem:
    """The problem that a saved run was trained on, made anew by its experiment.

    Raises ValueError where none of ours made it, or where the table of a fit is not what it was; FileNotFoundError, saying where it
    was looked for, where that is gone.
    """
    from netbp.experiments import check_network, experiment_of
    from netbp.experiments.table import Fit

    settings = run.settings
    if told_of(settings)[0] != "fit":
        problem: Problem = experiment_of(run).problem()
        _check_problem(settings, problem)
        return problem
    fit: Any = rebuilt(Fit, told_of(settings)[1])
    path = fit.table
    if not path.exists():
        where = "is no longer there" if path.is_absolute() else f"is not in {Path.cwd()}: say the command in the folder where it is"
        raise FileNotFoundError(f"the run was fitted to the table {str(path)!r}, which {where}")
    changed = f"the table {str(path)!r} is not what it was when the run was fitted to it: restore it, or fit anew"
    try:
        if "reading" not in settings:
            fit.__dict__["cells"] = _as_before(fit.cells, fitted(run)[0])  # where the property keeps them
        problem = fit.problem()
    except ValueError as error:
        raise ValueError(f"{changed} ({error})") from None
    if "table_sha256" in settings:
        same = settings["table_sha256"] == fit.prepared.digest
    else:  # a run of an earlier version
        from netbp.provenance import problem_settings

        now = problem_settings(problem)
        same = all(settings["problem"].get(part) == now[part] for part in ("points", "data", "held_out"))
    if not same:
        raise ValueError(changed)
    check_network(run, problem.network)
    return problem


def _check_problem(settings: Mapping[str, Any], problem: Problem) -> None:
    """Raise RunFileError where the problem of a run is another one than it says of itself."""
    from netbp.provenance import difference, problem_settings
    from netbp.runfile import RunFileError

    said, now = settings.get("problem", {}), problem_settings(problem)
    names = said.keys() & {"network", "cost", "penalty", "points"}  # prepared images differ from machine to machine in last digits
    told = difference({name: said[name] for name in names}, {name: now[name] for name in names}, "problem")
    if told is not None:
        raise RunFileError(f"the run is not of the experiment that it names: {told}")


def scales(run: Run, columns: Columns) -> tuple[Scale, Scale]:
    """The standardisation of inputs and targets that a run of `Fit` keeps. Raises RunFileError where it is none."""
    from netbp.runfile import RunFileError

    out = []
    for name, count in (("x", len(columns.inputs)), ("y", columns.outputs)):
        mean, deviation = run.arrays[f"{name}_mean"], run.arrays[f"{name}_deviation"]
        for array in (mean, deviation):
            if array.dtype.kind != "f" or array.shape != (count,) or not np.isfinite(array).all():
                raise RunFileError(f"the run standardises {count} columns with an array of {array.dtype} of shape {array.shape}")
        if (deviation <= 0.0).any():
            raise RunFileError(f"the run standardises with the deviation {deviation.min()}, which should be positive")
        out.append(Scale(mean, deviation))
    return out[0], out[1]


def _as_before(table: Table, columns: Columns) -> Table:
    """The table with labels that are numbers written in one way, as they were before labels were names."""
    labels = columns.targets if columns.classes else ()
    cells = (tuple(map(one_way, c)) if n in labels else c for n, c in zip(table.names, table.columns, strict=True))
    return replace(table, columns=tuple(cells))


def one_way(cell: str) -> str:
    """A label as runs of earlier versions had it: one that is a number in full digits."""
    value = number(cell)
    return cell if value is None else f"{value:.17g}"
