"""`netbp fit` and `netbp predict`."""

from __future__ import annotations

import inspect
import io
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import numpy as np
from cyclopts import Group, Parameter

from netbp.cli.experiments import run_experiment, saving
from netbp.cli.figures import TABLES
from netbp.cli.flags import flag, flags, with_flags
from netbp.cli.streams import write_data
from netbp.data.dialect import Reading
from netbp.experiments.images import is_of_images
from netbp.experiments.loaded import best_of
from netbp.experiments.prediction import predict
from netbp.experiments.scores import Score, score_of
from netbp.experiments.table import Fit
from netbp.files import check_writable, write_atomically
from netbp.messages import counted, named
from netbp.run import Run

READING = (*Reading._fields, "missing")
"""Fields of a fit that say how its table is read, which `predict` takes from the run, or is told."""
PREDICT = """Apply a trained network to a table, or to images: predictions and, for categories, their probabilities.

A table is read as that of the run was, unless a flag says otherwise. Images of any size are cut to the network's proportions,
resized, and preprocessed as those of the run were.

Example: `netbp predict runs/fit-points.npz new.csv --out predicted.csv`
"""


def fit_command() -> Callable[..., Any]:
    """The command that fits a network to a table."""

    def fit(table: Path, save: Path | None = None, resume: bool = False, confusion: Path | None = None, **settings: Any) -> int:
        experiment = Fit(table, **settings)
        _check_confusion(confusion)
        print(introduction(experiment))
        stem = re.sub(r"[^A-Za-z0-9_-]+", "-", table.stem).strip("-") or "table"
        return run_experiment(experiment, save, resume, stem, lambda run: print(summary(experiment, run, confusion)))

    described = Annotated[Path, Parameter(help="the table: CSV with a header row, or .mat with points x and targets y")]
    table = inspect.Parameter("table", inspect.Parameter.POSITIONAL_ONLY, annotation=described)
    doc = f"{Fit.__doc__}\n\nExample: `netbp fit points.csv --target label --network 2-8-8-2`"
    return with_flags(fit, [table, *flags(Fit), *saving(), _confusion_flag()], doc)


def predict_command() -> Callable[..., Any]:
    """The command that applies a run to a table or to images."""

    def apply(run: Path, *what: Path, out: Path | None = None, confusion: Path | None = None, **asked: Any) -> int:
        return write_predictions(run, what, out, confusion, {name: value for name, value in asked.items() if value is not None})

    def parameter(name: str, kind: Any, help: str) -> inspect.Parameter:
        return inspect.Parameter(name, kind, annotation=Annotated[Path, Parameter(help=help)])

    hints, group = get_type_hints(Fit), Group("How the table is written, where that differs from the run's", sort_key=1)
    told = {field.name: field.metadata["help"] for field in fields(Fit) if field.name in READING}
    parameters = [
        parameter(
            "run", inspect.Parameter.POSITIONAL_ONLY, "a run saved by `netbp fit`, or by `netbp run cifar` or `netbp run mnist`"
        ),
        parameter(
            "what",
            inspect.Parameter.VAR_POSITIONAL,
            "a CSV or .mat file with the same columns, the target's there or not; or image files",
        ),
        flag("out", Path | None, None, "the CSV file to write; without it, the answer goes to the terminal"),
        _confusion_flag(),
        *(flag(name, hints[name] | None, None, help, group) for name, help in told.items()),
    ]
    return with_flags(apply, parameters, PREDICT)


def _confusion_flag() -> inspect.Parameter:
    return flag("confusion", Path | None, None, f"the file to write the whole confusion matrix to: {', '.join(TABLES)}")


def introduction(fit: Fit) -> str:
    """What is about to be fitted to what, in three lines, and what was left out of the table."""
    prepared = fit.prepared
    columns = prepared.columns
    held = 0 if prepared.held_out is None else len(np.asarray(prepared.held_out.x))
    names = _some(columns.targets)
    kinds = counted(len(columns.classes), "category")
    what = f"{names}: {kinds} ({_some(columns.classes)})" if columns.classes else f"{names}: a regression"
    problem = fit.problem()
    return "\n".join(
        [
            f"{fit.cells.source}: {counted(len(fit.cells.rows), 'row')}, {problem.N:,} to train on and {held:,} held out",
            *(f"  {note}" for note in prepared.notes),
            f"{counted(len(columns.inputs), 'input')} ({_some(columns.inputs)}); target {what}",
            f"network {'-'.join(map(str, fit.sizes))}, {counted(problem.size, 'parameter')}, {problem.cost!r} cost, {fit.method}",
        ]
    )


def summary(fit: Fit, run: Run, confusion: Path | None = None) -> str:
    """How good the fit is, on the training part and on the held-out part; `confusion`: where the whole matrix is written."""
    problem, prepared, p = fit.problem(), fit.prepared, best_of(run)
    lines, last, what = [], None, ""
    if run.best is not None:
        lines.append(f"the parameters of step {run.best.step:,}, with the lowest held-out cost, are the ones that count")
    for name, data in (("training", problem.data), ("held-out", problem.held_out)):
        if data is None:
            continue
        outputs, truth = prepared.y.undo(problem.predict(p, data.x)), prepared.y.undo(np.asarray(data.y))
        score = score_of(prepared.columns, outputs, truth)
        cost = problem.value(p) if name == "training" else problem.held_out_value(p)
        lines.append(f"{name:>9}: cost {cost:.6g}; {score}")
        last, what = score, name
    if last is not None and prepared.columns.classes:
        lines += [f"confusion of the {what} rows:", last.table()]
    if last is not None and confusion is not None:
        lines.append(_write_confusion(last, confusion))
    return "\n".join(lines)


def write_predictions(
    path: Path, what: Sequence[Path], out: Path | None, confusion: Path | None = None, asked: Mapping[str, Any] | None = None
) -> int:
    """What a run says of a table, or a run of images of image files. Raises ValueError for what the run cannot take."""
    if not what:
        raise ValueError("predict needs something to apply the network to: name a table, or images, after the run")
    _check_confusion(confusion)
    run = Run.load(path)
    if is_of_images(run.settings):
        from netbp.cli.pictures import predict_images

        if confusion is not None or asked:
            raise ValueError(f"{path} is a run of images: --out is the only flag that goes with them")
        return predict_images(run, what, out)
    if len(what) > 1:
        raise ValueError(f"a run of `netbp fit` is applied to one table at a time, but {len(what)} files were named")
    return _write_table(run, what[0], out, confusion, asked or {})


def _write_table(run: Run, table: Path, out: Path | None, confusion: Path | None, asked: Mapping[str, Any]) -> int:
    """Write the table with its predictions, and on stderr how right they are, where that can be told."""
    if out is not None:
        check_writable(out)
    predictions = predict(run, table, asked)
    text = io.StringIO()
    predictions.write(text)
    if out is None:
        write_data(text.getvalue())
    else:
        write_atomically(out, text.getvalue().encode())
        print(f"wrote {out}: {counted(len(predictions.outputs), 'row')}")
    beside = sys.stderr if out is None else sys.stdout
    if silent := int((~predictions.answered).sum()):
        print(f"{counted(silent, 'row')} with missing values without a prediction", file=beside)
    score = predictions.score()
    if score is not None:
        print(score, file=beside)
    if confusion is not None:
        if score is None:
            raise ValueError(f"{table} does not have the true labels: leave out --confusion")
        print(_write_confusion(score, confusion), file=beside)
    return 0


def _check_confusion(path: Path | None) -> None:
    if path is not None:
        if path.suffix.lower() not in TABLES:
            raise ValueError(f"--confusion {path} does not say which kind of table: let its name end in {', '.join(TABLES)}")
        check_writable(path)


def _write_confusion(score: Score, path: Path) -> str:
    whole = score.whole()
    write_atomically(path, {".txt": whole.text, ".csv": whole.csv, ".tex": whole.latex}[path.suffix.lower()]().encode())
    return f"wrote {path}: {counted(len(whole.classes), 'class')}"


def _some(names: tuple[str, ...], most: int = 6) -> str:
    few = names if len(names) <= most else (*names[: most - 1], "", names[-1])
    return ", ".join(named(name, 40) if name else "..." for name in few)
