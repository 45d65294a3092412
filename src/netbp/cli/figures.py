"""`netbp figure`: a picture from a new run, from a saved one, or from none."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import Any

from netbp.cli.experiments import FORMATS, check_picture, run_experiment, save_picture, saving, tell
from netbp.cli.flags import flag, flags, with_flags
from netbp.cli.places import default_place
from netbp.cli.progress import Bar
from netbp.experiments import experiment_of, settings_of
from netbp.experiments.settings import told_of
from netbp.files import same_place, write_atomically
from netbp.messages import counted
from netbp.run import INTERRUPTED, Run

TABLES = (".txt", ".csv", ".tex")
"""What else a confusion matrix can be written as."""
OTHER = {11: 12, 12: 11, 13: 14, 14: 13}
"""Of figures of runs without dropout the ones with it, and the other way round."""
BESIDE = ("picture", "device")
"""Fields in which a saved run may differ from the experiment whose figure is drawn from it."""


def figure_command(number: int | str, experiment: Any, title: str) -> Callable[..., Any]:
    """The command that draws figure `number`, or the picture of that name, whose flags are the experiment's fields."""
    usual = Path(f"figure{number}.png" if isinstance(number, int) else f"{number}.png")

    def draw(out: Path | None = None, from_: Path | None = None, **rest: Any) -> int:
        saved = {name: rest.pop(name) for name in ("save", "resume") if name in rest}
        return draw_figure(number, experiment, rest, out or usual, from_, **saved)

    kinds = ", ".join(formats_of(experiment))
    own = [flag("out", Path | None, None, f"the picture to write: {kinds}; without it, {usual}")]
    if hasattr(experiment, "problem") or getattr(experiment, "reads_run", False):
        own.append(flag("from_", Path | None, None, "draw a saved run instead of computing", name=("--run", "--from")))
    if by_epochs(experiment):
        own += saving()
    elif hasattr(experiment, "problem"):
        own.append(flag("save", Path | None, None, "save the run in this file, too"))
    return with_flags(draw, [*flags(experiment), *own], f"{title}.")


def formats_of(experiment: Any) -> tuple[str, ...]:
    """The endings of files that the experiment's picture can be written to."""
    return FORMATS + TABLES if getattr(experiment, "picture", "") == "confusion" else FORMATS


def draw_figure(
    number: int | str,
    experiment: Any,
    settings: dict[str, Any],
    out: Path,
    saved: Path | None,
    save: Path | None = None,
    resume: bool = False,
) -> int:
    """Draw a figure from a new run, or from a saved one, and say what was done."""
    what = named(number)
    if not getattr(experiment, "reads_run", False) and saved is not None and settings.keys() - {"picture"}:
        raise ValueError(f"--run draws the run that is saved, so --{next(iter(settings)).replace('_', '-')} has no meaning with it")
    experiment = replace(experiment, **settings)
    check_picture(out, formats_of(experiment))
    if save is not None and same_place(out, save):
        raise ValueError(f"the picture and the run cannot both be {out}: give each its own name")
    if saved is not None:
        run = Run.load(saved)
        if not getattr(experiment, "reads_run", False):
            experiment = made_by(run, saved, number, experiment)
    elif by_epochs(experiment):
        path = default_place(replace(experiment, picture="curves")) if save is None else save
        if not is_there(path, experiment):
            print(announced(what, experiment, path), file=sys.stderr, flush=True)
            if code := run_experiment(replace(experiment, picture="curves"), save, resume):
                return code
        run = Run.load(path)
        print(f"{what} is drawn from the run {path}")
    else:
        # Matplotlib loads while the run computes in machine code, which needs no interpreter.
        Thread(target=_load_figures, daemon=True).start()
        with Bar(what) as progress:
            run = experiment.run(progress=progress, save=save)
        if run is not None and (code := tell(run, what, save)):
            return code
    write(experiment, run, out)
    print(f"wrote {out}")
    return 0


def _load_figures() -> None:
    with contextlib.suppress(Exception):  # drawing tells it again
        import_module("netbp.figures")


def by_epochs(experiment: Any) -> bool:
    """Whether the experiment trains by epochs, for minutes or more; its class is asked, for an instance would read its data."""
    return hasattr(type(experiment), "per_epoch")


def announced(what: str, experiment: Any, path: Path) -> str:
    """What must be trained before a figure can be drawn, and about how long that takes."""
    return (
        f"{what} needs a trained network, and {path} holds none: it is trained now, {counted(experiment.epochs, 'epoch')}. "
        "All 45 on all images take some 25 minutes on two cores; how long it takes here is said after the first steps. "
        "A run that is saved elsewhere can be named instead: see --help"
    )


def is_there(path: Path, experiment: Any) -> bool:
    """Whether a file holds the run of an experiment, done to its end."""
    if not path.exists():
        return False
    run = Run.load(path)
    (before, fields), now = told_of(run.settings), settings_of(experiment)
    same = all(fields.get(name) == value for name, value in now["fields"].items() if name not in BESIDE)
    return run.status != INTERRUPTED and before == now["experiment"] and same


def made_by(run: Run, path: Path, number: int | str, figure: Any) -> Any:
    """The experiment that made a saved run, drawing what the figure draws. Raises ValueError when the figure shows another kind."""
    made = experiment_of(run)
    if type(made) is not type(figure):
        raise ValueError(f"{named(number)} draws a run of {figure.name}, but {path} is a run of {made.name}: see `netbp list`")
    if isinstance(number, int) and number in OTHER and made.dropout != figure.dropout:
        how = "with dropout" if made.dropout else "without dropout"
        raise ValueError(f"{path} was trained {how}, which figure {OTHER[number]} shows: draw that, or name another run")
    return replace(made, picture=figure.picture)


def named(number: int | str) -> str:
    """The figure in a sentence."""
    return f"figure {number}" if isinstance(number, int) else f"the picture {number}"


def write(experiment: Any, run: Any, out: Path) -> None:
    """Write the picture of a run, or a confusion matrix as text, CSV or LaTeX."""
    if out.suffix.lower() in TABLES:
        from netbp.experiments.image_drawings import confusion_of

        counted = confusion_of(experiment, run)
        write_atomically(out, {".txt": counted.text, ".csv": counted.csv, ".tex": counted.latex}[out.suffix.lower()]().encode())
    else:
        save_picture(experiment.draw(run), out)
