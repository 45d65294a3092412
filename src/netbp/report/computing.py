"""What a report computes: the figures and their runs, and the evidence on convergence; every result goes to a file."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

import netbp
from netbp import provenance
from netbp.experiments import FIGURES, TITLES
from netbp.experiments.settings import plain
from netbp.files import NotWrittenError, write_atomically
from netbp.methods.stochastic import StochasticGradient
from netbp.report import evidence
from netbp.report.results import Results, write_csv, write_json
from netbp.run import INTERRUPTED, Run, train

Task = tuple[str, Callable[[], None]]

EXTRA = {
    "components-ten": replace(FIGURES[4], residual="components"),
    "components-eleven": replace(FIGURES[5], residual="components"),
}
"""The fits of figures 4 and 5 with the 20 or 22 components y - a as residuals; the sum of squares is the same."""

SECTIONS_2_TO_6 = range(1, 10)
"""The figures of sections 2 to 6."""

STREAMS = 64
"""Index streams that Listing 6.1 is run with, from the listing's own start."""


def prepared(folder: Path) -> Path:
    """The folder, with figures/, runs/ and data/ in it. Raises NotWrittenError when they cannot be made."""
    try:
        for name in ("figures", "runs", "data"):
            (folder / name).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NotWrittenError(error.errno, f"cannot make the folder {folder}: {error.strerror}; choose another folder") from None
    return folder


def tasks(folder: Path, starts: int) -> list[Task]:
    """What there is to do, in order, each with its name."""
    drawn: dict[int, Any] = {}
    out: list[Task] = [(f"figure {n}", partial(figure, folder, n, drawn)) for n in SECTIONS_2_TO_6]
    out.append(("least squares by components", partial(components, folder)))
    for n in (4, 5):
        for residual in ("norms", "components"):
            what = f"{starts:,} fits of {FIGURES[n].points} points, {residual}"
            out.append((what, partial(evidence.many_fits, folder, n, residual, starts)))
    out.append((f"Listing 6.1 with {STREAMS} other random streams", partial(other_streams, folder)))
    out.append(("the evidence", partial(evidence.write_evidence, folder)))
    out.append(("the decay", partial(decay_picture, folder)))
    return out


def figure(folder: Path, n: int, drawn: dict[int, Any]) -> None:
    """Compute and draw figure n: its run, its picture in three formats, and an entry in data/figures.json."""
    experiment = FIGURES[n]
    began = time.perf_counter()
    run = finished(experiment.run())
    computed = time.perf_counter()
    if run is not None:
        run.save(folder / "runs" / f"figure-{n}.npz")
    picture(experiment.draw(run), folder / "figures" / f"figure-{n}")
    ended = time.perf_counter()
    drawn[n] = {
        "title": TITLES[n],
        "experiment": experiment.name,
        "settings": {f.name: [plain(getattr(experiment, f.name)), f.metadata["help"]] for f in fields(experiment)},
        "seconds": round(computed - began, 3),
        "drawing": round(ended - computed, 3),
        "message": "" if run is None else run.message,
        "engine": "" if run is None else run.provenance["engine"],
    }
    write_json(folder / "data" / "figures.json", {str(k): v for k, v in drawn.items()})


def picture(drawing: Any, stem: Path) -> None:
    """Save a Figure as PNG, PDF and SVG."""
    from netbp.figures import encoded

    for kind in ("png", "pdf", "svg"):
        write_atomically(stem.with_suffix(f".{kind}"), encoded(drawing, kind))


def finished(run: Run | None) -> Run | None:
    """The run itself. Raises KeyboardInterrupt when Ctrl-C or SIGTERM ended it early."""
    if run is not None and run.status == INTERRUPTED:
        raise KeyboardInterrupt
    return run


def components(folder: Path) -> None:
    """Figures 4 and 5 once more, with components as residuals."""
    for name, experiment in EXTRA.items():
        run = finished(experiment.run())
        assert run is not None
        run.save(folder / "runs" / f"{name}.npz")


def other_streams(folder: Path) -> None:
    """Listing 6.1 from its own start with other choices of points: an ensemble of networks, saved as one run."""
    experiment = FIGURES[7]
    problem = experiment.problem()
    start = problem.network.draw(netbp.MatlabRandom(experiment.seed), 0.5)
    method = StochasticGradient(rate=experiment.rate)
    run = finished(train(problem, method, experiment.steps, start=np.tile(start, (STREAMS, 1)), rng=0, record=0))
    assert run is not None
    run.save(folder / "runs" / "other-streams.npz")
    write_csv(folder / "data" / "other-streams.csv", "stream,cost", enumerate(run.final_cost.tolist()))


def decay_picture(folder: Path) -> None:
    """Figure 7's costs on two logarithmic axes: figures/decay.*."""
    from netbp.figures import draw_decay, house_style, new_figure

    results = Results(folder)
    windows = [(w["first"], w["last"], w["slope"]) for w in results.json("evidence")["decay"]["windows"]]
    curve = results.run("figure-7").series["cost"]
    chosen = slice(99_999, None, 1_000)  # from step 100,000 on
    with house_style():
        drawing, ax = new_figure()
        draw_decay(ax, curve.steps[chosen], results.squares("figure-7", 1.0) * curve.values[chosen], windows)
    picture(drawing, folder / "figures" / "decay")


def machine() -> dict[str, Any]:
    """The versions and the machine, and when."""
    libraries = {name: version(name) for name in ("numpy", "scipy", "numba", "matplotlib")}
    return {
        **provenance.machine(),
        "versions": {"netbp": netbp.__version__, "Python": platform.python_version(), **libraries},
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }
