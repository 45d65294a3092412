"""Sweeps: one experiment with many settings, on all cores or on a cluster, each run saved, and none that exists repeated."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import MISSING, fields
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from netbp.experiments.settings import settings_of, told_of
from netbp.folders import for_workers
from netbp.frames import Library, fields_of, frame
from netbp.locks import alone
from netbp.provenance import plain, problem_settings

FAILED = "failed"
FIT = "fit"
NOTHING: Mapping[str, Any] = {}
LONGEST = 100
"""Letters of a file's name before it becomes a hash."""


class Outcome(NamedTuple):
    """One run of a sweep.

    settings: the fields that were given. path: where the run is saved. status: of the run, or "failed". message: why it stopped, or
    what went wrong. step, seconds: how far and how long. cost, held_out, held_out_top1: at the end, or None; of a fit to a table
    the last two are those of the parameters that count, with the lowest held-out cost. new: whether it was computed now. size:
    parameters s.
    """

    settings: Mapping[str, Any]
    path: str
    status: str
    message: str
    step: int = 0
    seconds: float = 0.0
    cost: float | None = None
    held_out: float | None = None
    held_out_top1: float | None = None
    new: bool = True
    size: int = 0


def outcomes_frame(outcomes: Iterable[Outcome], library: Library = "pandas") -> Any:
    """The outcomes of one sweep as a frame, one row for each run: the fields that were given, and the columns of `Outcome`."""
    rows = list(outcomes)
    given = dict.fromkeys(name for at in rows for name in at.settings)
    columns: dict[str, Any] = {name: [at.settings.get(name) for at in rows] for name in given}
    return frame(columns | fields_of(rows, [name for name in Outcome._fields if name != "settings"]), library)


def combinations(values: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """Every choice of one value for each field; the last field varies fastest."""
    return [dict(zip(values, chosen, strict=True)) for chosen in product(*values.values())]


def place_of(name: str, settings: Mapping[str, Any], folder: Path) -> Path:
    """The file of one run: named after its settings, or a hash of them where these are long."""
    told = "-".join([name, *(f"{field}={value}" for field, value in settings.items())])
    plain = re.sub(r"[^A-Za-z0-9=.,+_-]+", "_", told)
    if len(plain) > LONGEST or plain != told:
        plain = f"{name}-{hashlib.sha256(repr(sorted(settings.items())).encode()).hexdigest()[:16]}"
    return folder / f"{plain}.npz"


def run_one(name: str, settings: Mapping[str, Any], path: Path, fixed: Mapping[str, Any] = NOTHING) -> Outcome:
    """Compute one run, go on with one that was interrupted, or read one that is there; an error is an outcome, too."""
    try:
        return _run_one(name, settings, path, fixed)
    except Exception as error:  # of whatever kind: it is named in the table, and the other runs go on
        told = " ".join(str(error).split())
        return Outcome(settings, str(path), FAILED, told if isinstance(error, ValueError) else f"{type(error).__name__}: {told}")


def _run_one(name: str, settings: Mapping[str, Any], path: Path, fixed: Mapping[str, Any]) -> Outcome:
    with alone(path):
        return _run_alone(name, settings, path, fixed)


def _run_alone(name: str, settings: Mapping[str, Any], path: Path, fixed: Mapping[str, Any]) -> Outcome:
    from netbp.run import INTERRUPTED, Run

    experiment = class_of(name)(**fixed, **settings)
    before = Run.load(path) if path.exists() else None
    if before is not None:
        now = json.loads(json.dumps(settings_of(experiment)))
        # a field that is newer than the file had its default value then
        usual = {f.name: plain(f.default) for f in fields(experiment) if f.default is not MISSING}
        of, values = told_of(before.settings)
        then = {"experiment": of, "fields": usual | dict(values)}
        if then != now:
            raise ValueError(f"{path} holds a run with other settings: give another --out, or delete it")
        if name == FIT and before.settings.get("problem") != json.loads(json.dumps(plain(problem_settings(experiment.problem())))):
            raise ValueError(f"{path} holds a run on other rows than {experiment.table} has now: give another --out, or delete it")
        if before.status != INTERRUPTED:
            return _outcome(name, settings, path, before)._replace(new=False)
    run = experiment.run(save=path, resume=None if before is None else path)
    return _outcome(name, settings, path, run)


def class_of(name: str) -> Any:
    """The experiment of that name, or for "fit" the fit to a table."""
    from netbp.experiments import EXPERIMENTS
    from netbp.experiments.table import Fit

    return Fit if name == FIT else EXPERIMENTS[name]


def _outcome(name: str, settings: Mapping[str, Any], path: Path, run: Any) -> Outcome:
    curves = {key: curve.values for key, curve in run.series.items() if curve.values.ndim == 1 and len(curve.values)}
    last = {key: float(values[-1]) for key, values in curves.items()}
    if name == FIT and "held_out" in curves:
        at = int(np.nanargmin(curves["held_out"])) if np.isfinite(curves["held_out"]).any() else -1
        last |= {key: float(values[at]) for key, values in curves.items() if key.startswith("held_out")}
    return Outcome(
        settings,
        str(path),
        run.status,
        run.message,
        run.step,
        float(run.provenance.get("seconds", 0.0)),
        float(run.final_cost),
        last.get("held_out"),
        last.get("held_out_top1"),
        size=int(run.p.size),
    )


def sweep(
    name: str,
    values: Mapping[str, Sequence[Any]],
    folder: Path,
    workers: int | None = None,
    scheduler: str | None = None,
    fixed: Mapping[str, Any] = NOTHING,
) -> Iterator[tuple[int, Outcome]]:
    """The number of each combination and its outcome, in the order in which they end.

    values: by field, the values that it takes. folder: where the runs are saved; with a cluster, one that its workers see, too.
    workers: processes on this machine, None for one per core. scheduler: the address of a Dask scheduler, tcp://host:port.
    fixed: fields with one value, such as the table of "fit", which names of files and the outcomes' settings leave out.
    Raises ValueError for workers below 1 and when no scheduler answers.
    """
    if workers is not None and workers < 1:
        raise ValueError(f"workers must be at least 1, but it is {workers}")
    folder.mkdir(parents=True, exist_ok=True)
    jobs = [(k, settings, place_of(name, settings, folder.resolve())) for k, settings in enumerate(combinations(values))]
    fixed = dict(fixed)
    missing = [job for job in jobs if not job[2].exists()]
    for k, settings, path in jobs:
        if path.exists():
            outcome = run_one(name, settings, path, fixed) if _is_over(path) else None
            if outcome is None:
                missing.append((k, settings, path))
            else:
                yield k, outcome
    yield from _computed(name, sorted(missing, key=lambda job: job[0]), workers, scheduler, fixed)


def _is_over(path: Path) -> bool:
    """Whether nothing is left to compute of what is saved there; what cannot be read is told as it is."""
    from netbp.run import INTERRUPTED, Run

    try:
        return Run.load(path).status != INTERRUPTED
    except ValueError:
        return True


def _numbered(k: int, name: str, settings: Mapping[str, Any], path: Path, fixed: Mapping[str, Any]) -> tuple[int, Outcome]:
    return k, run_one(name, settings, path, fixed)


def _computed(
    name: str, jobs: Sequence[Any], workers: int | None, scheduler: str | None, fixed: Mapping[str, Any]
) -> Iterator[tuple[int, Outcome]]:
    if not jobs:
        return
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    workers = min(workers or cores, len(jobs))
    if workers == 1 and scheduler is None:
        for k, settings, path in jobs:
            yield _numbered(k, name, settings, path, fixed)
        return
    from joblib import Parallel, delayed, parallel_config

    with ExitStack() as stack:
        if scheduler is None:
            stack.enter_context(parallel_config("loky", n_jobs=workers, inner_max_num_threads=max(1, cores // workers)))
        else:
            stack.enter_context(_client(scheduler))
            stack.enter_context(parallel_config("dask"))
        work = (delayed(_numbered)(k, name, settings, path, fixed) for k, settings, path in jobs)
        options = stack.enter_context(for_workers())
        yield from Parallel(return_as="generator_unordered", batch_size=1, **options)(work)


def _client(scheduler: str) -> Any:
    try:
        from distributed import Client
    except ModuleNotFoundError:
        raise ValueError("a sweep on a cluster needs Dask, which is not installed: pip install 'netbp[cluster]'") from None
    connect: Any = Client
    try:
        return connect(scheduler, timeout=10)
    except (OSError, ValueError) as error:
        raise ValueError(f"no Dask scheduler answers at {scheduler}: {' '.join(str(error).split())[:120]}") from None
