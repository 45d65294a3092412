"""`netbp fit` and `netbp predict`."""

from __future__ import annotations

import inspect
import io
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from cyclopts import Parameter

from netbp.cli.experiments import run_experiment, saving
from netbp.cli.flags import flags, with_flags
from netbp.experiments.images import is_of_images
from netbp.experiments.prediction import best_of, predict, score_of
from netbp.experiments.table import Fit
from netbp.files import check_writable, write_atomically
from netbp.run import Run


def fit_command() -> Callable[..., Any]:
    """The command that fits a network to a table."""

    def fit(table: Path, save: Path | None = None, resume: bool = False, **settings: Any) -> int:
        experiment = Fit(table, **settings)
        print(introduction(experiment))
        stem = re.sub(r"[^A-Za-z0-9_-]+", "-", table.stem).strip("-") or "table"
        return run_experiment(experiment, save, resume, stem, lambda run: print(summary(experiment, run)))

    described = Annotated[Path, Parameter(help="the table: CSV with a header row, or .mat with points x and targets y")]
    table = inspect.Parameter("table", inspect.Parameter.POSITIONAL_ONLY, annotation=described)
    doc = f"{Fit.__doc__}\n\nExample: `netbp fit points.csv --target label --network 2-8-8-2`"
    return with_flags(fit, [table, *flags(Fit), *saving()], doc)


def introduction(fit: Fit) -> str:
    """What is about to be fitted to what, in three lines."""
    prepared = fit.prepared
    columns = prepared.columns
    held = 0 if prepared.held_out is None else len(np.asarray(prepared.held_out.x))
    names = ", ".join(columns.targets)
    what = f"{names}: {len(columns.classes)} categories ({_some(columns.classes)})" if columns.classes else f"{names}: a regression"
    problem = fit.problem()
    return "\n".join(
        [
            f"{fit.cells.source}: {len(fit.cells.rows)} rows, {problem.N} to train on and {held} held out",
            f"{len(columns.inputs)} inputs ({_some(columns.inputs)}); target {what}",
            f"network {'-'.join(map(str, fit.sizes))}, {problem.size:,} parameters, {problem.cost!r} cost, {fit.method}",
        ]
    )


def summary(fit: Fit, run: Run) -> str:
    """How good the fit is, on the training part and on the held-out part."""
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
    return "\n".join(lines)


def write_predictions(path: Path, what: Sequence[Path], out: Path | None) -> int:
    """What a run says of a table, or a run of images of image files. Raises ValueError for what the run cannot take."""
    if not what:
        raise ValueError("predict needs something to apply the network to: name a table, or images, after the run")
    run = Run.load(path)
    if is_of_images(run.settings):
        from netbp.cli.pictures import predict_images

        return predict_images(run, what, out)
    if len(what) > 1:
        raise ValueError(f"a run of `netbp fit` is applied to one table at a time, but {len(what)} files were named")
    return _write_table(run, what[0], out)


def _write_table(run: Run, table: Path, out: Path | None) -> int:
    """Write the table with its predictions, and on stderr how right they are, where that can be told."""
    if out is not None:
        check_writable(out)
    predictions = predict(run, table)
    text = io.StringIO()
    predictions.write(text)
    if out is None:
        sys.stdout.write(text.getvalue())
    else:
        write_atomically(out, text.getvalue().encode())
        print(f"wrote {out}: {len(predictions.outputs)} rows")
    if (score := predictions.score()) is not None:
        print(score, file=sys.stderr if out is None else sys.stdout)
    return 0


def _some(names: tuple[str, ...], most: int = 6) -> str:
    shown = names if len(names) <= most else (*names[: most - 1], "...", names[-1])
    return ", ".join(shown)
