"""`netbp paper`: the report, and what section 7 needs to be trained first."""

from __future__ import annotations

import sys
from pathlib import Path

from netbp.cli.experiments import run_experiment
from netbp.cli.failures import FAILED
from netbp.cli.figures import announced, is_there
from netbp.cli.places import default_place
from netbp.cli.progress import Bar
from netbp.experiments import CifarExperiment
from netbp.run import Run


def write_paper(
    out: Path, section: int | None = None, cifar: Path | None = None, cifar_dropout: Path | None = None, resume: bool = False
) -> int:
    """Compute the paper and write its page; 1 when a number fails.

    section: 7 adds section 7, from two saved runs, or from those that are in runs/, or trained first. resume: go on with a
    run that was stopped.
    """
    from netbp.report import write_report
    from netbp.report.section7 import trained

    if section not in (None, 7):
        raise ValueError(f"the report always has sections 2 to 6, and --section 7 adds section 7, but {section} was asked for")
    given, images = (cifar, cifar_dropout), None
    if section is None and any(path is not None for path in given):
        raise ValueError("runs on CIFAR-10 are drawn in section 7: say --section 7, too")
    if section == 7:
        runs = [None if path is None else Run.load(path) for path in given]
        for run, dropout in zip(runs, (False, True), strict=True):
            if run is not None:
                trained(run, dropout)  # refused now, not after minutes
        for k, dropout in enumerate((False, True)):
            if runs[k] is None:
                code, runs[k] = run_for(CifarExperiment(dropout=dropout), resume)
                if code:
                    return code
        without, dropped = runs
        assert without is not None
        assert dropped is not None
        images = without, dropped
    with Bar("paper", "parts") as progress:
        report = write_report(out, progress=progress, images=images)
    print(report)
    return 0 if report.agrees else FAILED


def run_for(experiment: CifarExperiment, resume: bool) -> tuple[int, Run | None]:
    """The run of the experiment that is saved in runs/, trained first where it is not; the exit code when that fails."""
    path = default_place(experiment)
    if not is_there(path, experiment):
        kind = "with" if experiment.dropout else "without"
        print(announced(f"section 7, {kind} dropout,", experiment, path), file=sys.stderr, flush=True)
        if code := run_experiment(experiment, None, resume and path.exists()):
            return code, None
    return 0, Run.load(path)
