"""All 45 epochs of section 7.4 on CIFAR-10, without and with dropout: how many test images come out right.

Claims: at least 80.1 % without and 81.1 % with dropout, the paper's numbers, with the settings of MatConvNet's example.

    netbp run cifar --save plain.npz;  netbp run cifar --dropout --save dropout.npz
    NETBP_DATA=... python -m benchmarks.cifar_runs --runs plain.npz,dropout.npz

Method: each run is one seed of `netbp run cifar`, validated on the 10,000 test images as the paper did; what is counted is the
state after epoch 45, not the best one. Objectives and errors on training images are means over the last epoch's batches, while p
moves and, where it is on, with dropout. Whatever the runs say comes from their files; the confusion matrices are computed anew.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import netbp as nb
from benchmarks.pairing import Report, Table, Target, arguments
from netbp.experiments import from_settings
from netbp.experiments.image_drawings import confusion_of

PAPER = {False: 80.1, True: 81.1}


def last(run: nb.Run, name: str) -> float:
    return float(run.series[name].values[-1])


def row(path: Path) -> tuple[bool, float, list[str]]:
    """Whether with dropout, the accuracy in per cent, and what the table says."""
    run = nb.Run.load(path)
    experiment: Any = from_settings(run.settings)
    if run.step != experiment.epochs * 500 or experiment.epochs != 45 or run.status != "finished":
        raise SystemExit(f"{path} is {run!r}: it has not taken 45 epochs of 500 steps")
    counts = np.asarray(confusion_of(experiment, run).counts)
    accuracy = 100.0 * float(np.trace(counts)) / float(counts.sum())
    told = [
        "with dropout" if experiment.dropout else "without",
        str(experiment.seed),
        f"{accuracy:.2f}",
        f"{100 * (1 - last(run, 'held_out_top5')):.2f}",
        f"{last(run, 'cost'):.3f}",
        f"{last(run, 'held_out'):.3f}",
        f"{100 * last(run, 'top1'):.2f}",
        f"{run.provenance['seconds'] / 60:.1f}",
    ]
    return experiment.dropout, accuracy, told


def main() -> None:
    options = arguments(__doc__, runs="", note="")
    report = Report("cifar_runs", "CIFAR-10, all 45 epochs", (__doc__ or "").strip())
    found = [row(Path(name)) for name in options.runs.split(",") if name]
    header = ["dropout", "seed", "right, %", "top 5, %", "objective, training", "validation", "top-1 error, training, %", "minutes"]
    report.tables.append(Table("The end of each run", [header, *(told for _, _, told in found)]))
    for dropout, paper in PAPER.items():
        accuracies = [accuracy for with_dropout, accuracy, _ in found if with_dropout == dropout]
        kind = "with dropout" if dropout else "without dropout"
        if accuracies:
            seeds = f"{len(accuracies)} seed{'s' if len(accuracies) > 1 else ''}"
            report.targets.append(Target(f"per cent right {kind}, the least of {seeds}", min(accuracies), paper, at_least=True))
    if options.note:
        report.notes.append(options.note)
    report.write()


if __name__ == "__main__":
    main()
