"""Section 7 of the report: figures 10 to 15 from two runs on CIFAR-10, without and with dropout, and what they show in numbers."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from netbp.confusion import Confusion
from netbp.experiments import FIGURES, PICTURES, TITLES, experiment_of
from netbp.experiments import image_drawings as drawings
from netbp.experiments.settings import plain
from netbp.files import write_atomically
from netbp.report.computing import Task, picture
from netbp.report.printed import printed
from netbp.report.results import write_json
from netbp.run import Run

NAMES = {False: "cifar", True: "cifar-dropout"}
"""What the two runs are called, by whether they use dropout."""
CONFUSIONS = {13: False, 14: True}


@dataclass(frozen=True, eq=False)
class Trained:
    """A run on CIFAR-10 with its experiment and, computed once, its confusion matrix on the test images."""

    run: Run
    experiment: Any

    @cached_property
    def confusion(self) -> Confusion:
        """On the test images."""
        return drawings.confusion_of(self.experiment, self.run)


def trained(run: Run, dropout: bool) -> Trained:
    """The run, ready to be reported. Raises ValueError unless it is of the CIFAR-10 experiment with, or without, dropout."""
    made = experiment_of(run)
    if made.name != "cifar":
        raise ValueError(f"section 7 needs runs of `netbp run cifar`, but a run of {made.name} was given")
    if made.dropout != dropout:
        flag, wanted = ("--cifar-dropout", "with") if dropout else ("--cifar", "without")
        raise ValueError(f"{flag} is a run {wanted} dropout, but the one given was trained {'with' if made.dropout else 'without'}")
    return Trained(run, made)


def tasks(folder: Path, without: Run, dropout: Run) -> list[Task]:
    """What there is to do for section 7, in order, each with its name."""
    pair = {False: trained(without, False), True: trained(dropout, True)}
    drawn: dict[int, Any] = {}
    out: list[Task] = [(f"the run {NAMES[key]}", partial(keep, folder, key, pair[key].run)) for key in pair]
    out.append(("figure 10", partial(figure, folder, 10, None, drawn, FIGURES[10].draw)))
    for n, key in ((11, False), (12, True)):
        out.append((f"figure {n}", partial(figure, folder, n, pair[key], drawn, partial(drawings.curves, pair[key].experiment))))
    for n, key in CONFUSIONS.items():
        out.append((f"figure {n}", partial(confusion, folder, n, pair[key], drawn)))
    mistaken = partial(drawings.mistakes, pair[False].experiment)
    out.append(("figure 15", partial(figure, folder, 15, pair[False], drawn, mistaken)))
    out.append(("more pictures of section 7", partial(more, folder, pair[False])))
    out.append(("the evidence of section 7", partial(evidence, folder, pair)))
    return out


def keep(folder: Path, dropout: bool, run: Run) -> None:
    """The run beside the report."""
    run.save(folder / "runs" / f"{NAMES[dropout]}.npz")


def figure(folder: Path, n: int, made: Trained | None, drawn: dict[int, Any], draw: Callable[[Any], Any]) -> None:
    """Draw figure n and note how it came about in data/figures-7.json."""
    began = time.perf_counter()
    picture(draw(None if made is None else made.run), folder / "figures" / f"figure-{n}")
    experiment = FIGURES[n] if made is None else replace(made.experiment, picture=FIGURES[n].picture)
    drawn[n] = {
        "title": TITLES[n],
        "experiment": experiment.name,
        "settings": {f.name: [shown(getattr(experiment, f.name)), f.metadata["help"]] for f in fields(experiment)},
        "seconds": 0.0 if made is None else made.run.provenance["seconds"],
        "drawing": round(time.perf_counter() - began, 3),
        "message": "" if made is None else made.run.message,
        "engine": "" if made is None else made.run.provenance["engine"],
    }
    write_json(folder / "data" / "figures-7.json", {str(k): v for k, v in drawn.items()})


def shown(value: Any) -> Any:
    """A setting, tuples as they are typed."""
    return ", ".join(f"{entry:g}" for entry in value) if isinstance(value, tuple) else plain(value)


def confusion(folder: Path, n: int, made: Trained, drawn: dict[int, Any]) -> None:
    """Figure 13 or 14, and the matrix as text, CSV and LaTeX in data/confusion-N.*."""
    counted = made.confusion
    for kind, text in (("txt", counted.text()), ("csv", counted.csv()), ("tex", counted.latex())):
        write_atomically(folder / "data" / f"confusion-{n}.{kind}", text.encode())
    figure(folder, n, made, drawn, lambda _: drawings.draw_matrix(counted))


def more(folder: Path, made: Trained) -> None:
    """The first filters, the feature maps of the first test image, the matrix of (29), and what dropout changes."""
    picture(drawings.filters(made.experiment, made.run), folder / "figures" / "filters")
    picture(drawings.FeatureMaps().draw(made.run), folder / "figures" / "maps")
    for name in ("convolution", "dropout"):
        picture(PICTURES[name][0].draw(), folder / "figures" / name)


def evidence(folder: Path, pair: dict[bool, Trained]) -> None:
    """Both runs in numbers: data/section-7.json."""
    write_json(folder / "data" / "section-7.json", {NAMES[key]: numbers_of(made) for key, made in pair.items()})


def numbers_of(made: Trained) -> dict[str, Any]:
    """A run in numbers: its answers to the test images, the ends and the lowest points of its curves, and its settings."""
    confusion, run = made.confusion, made.run
    curves = {name: [float(v) for v in curve.values] for name, curve in run.series.items()}
    settings = {f.name: plain(getattr(made.experiment, f.name)) for f in fields(made.experiment)}
    return {
        "right": confusion.right,
        "total": confusion.total,
        "top5": confusion.top(5),
        "diagonal": np.diagonal(confusion.counts).tolist(),
        "precision": shares(confusion.precision),
        "recall": shares(confusion.recall),
        "classes": list(confusion.classes),
        "curves": {name: values for name, values in curves.items() if values},
        "settings": settings,
        "epochs": len(curves.get("cost", [])),
        "seconds": run.provenance["seconds"],
        "engine": run.provenance["engine"],
        "machine": run.provenance.get("machine", {}).get("processor", ""),
        "status": run.status,
    }


def shares(values: Any) -> list[float | None]:
    """Shares as JSON has them: None where there is none."""
    return [None if np.isnan(value) else float(value) for value in values]


def rows(found: dict[str, Any]) -> list[dict[str, Any]]:
    """For the page: each class with the percentages of its column and its row in figures 13 and 14, the paper's and ours."""
    papers = {NAMES[key]: printed(n) for n, key in CONFUSIONS.items()}
    out = []
    for k, name in enumerate(found["cifar"]["classes"]):
        row: dict[str, Any] = {"name": name}
        for which, paper in papers.items():
            for kind, values in (("recall", paper.recall), ("precision", paper.precision)):
                row[f"{which} {kind}"] = (float(values[k]), found[which][kind][k])
        out.append(row)
    return out


def diagonals(found: dict[str, Any]) -> dict[str, list[int]]:
    """In how many classes dropout makes the diagonal entry larger, leaves it equal and makes it smaller: the paper's and ours."""
    pairs = {
        "paper": [np.diagonal(printed(n).counts) for n in CONFUSIONS],
        "ours": [np.array(found[name]["diagonal"]) for name in NAMES.values()],
    }
    return {
        who: [int((np.sign(dropout - without) == sign).sum()) for sign in (1, 0, -1)] for who, (without, dropout) in pairs.items()
    }
