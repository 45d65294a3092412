"""`netbp run`."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from netbp.cli.failures import FAILED
from netbp.cli.flags import flag, flags, with_flags
from netbp.cli.places import again, place, spot
from netbp.cli.progress import Bar
from netbp.files import NotWrittenError, check_writable
from netbp.locks import alone
from netbp.processes import is_first
from netbp.run import INTERRUPTED, Run

FORMATS = (".png", ".pdf", ".svg")
STOPPED_BY_USER = 130


def run_command(name: str, cls: type) -> Callable[..., Any]:
    """The command that runs an experiment, whose flags are its fields."""

    def run(save: Path | None = None, resume: bool = False, **settings: Any) -> int:
        return run_experiment(cls(**settings), save, resume)

    def draw(out: Path = Path(f"{name}.png"), **settings: Any) -> int:
        check_picture(out)
        experiment = cls(**settings)
        with Bar(name) as progress:
            result = experiment.run(progress=progress)
        if result is not None:  # an analysis has numbers; a drawing has none
            print(result)
        save_picture(experiment.draw(result), out)
        print(f"wrote {out}")
        return 0

    doc = f"{cls.__doc__}\n\nExample: `netbp run {name}`"
    if not hasattr(cls, "problem"):
        return with_flags(
            draw, [*flags(cls), flag("out", Path, Path(f"{name}.png"), f"the picture to write: {', '.join(FORMATS)}")], doc
        )
    return with_flags(run, [*flags(cls), *saving()], doc)


def saving() -> list[Any]:
    """The flags of every command that saves a run."""
    return [
        flag("save", Path | None, None, "the file to save the run in; without it, one in runs/ named after the settings"),
        flag("resume", bool, False, "go on with the run that is saved there", negative=False),
    ]


def run_experiment(experiment: Any, save: Path | None, resume: bool, stem: str = "", explain: Any = None) -> int:
    """Run an experiment, saved as it goes, and say how it ended; `explain` prints more about a run that ended well."""
    path = spot(experiment, save, stem)
    with alone(path if is_first() else None):
        place(experiment, path, resume)
        try:
            return _run_alone(experiment, path, resume, explain)
        except KeyboardInterrupt:
            return _cut_short(experiment.name, path)
        except NotWrittenError as error:
            if (kept := getattr(error, "place", None)) is None:
                raise
            print(f"netbp: {error.strerror}", file=sys.stderr)
            if error.run.status == INTERRUPTED:  # type: ignore[attr-defined]
                print(f"go on with\n  {again(save=kept)}", file=sys.stderr)
            return FAILED


def _cut_short(name: str, path: Path) -> int:
    """Say where a run is that did not come to its end, which is to be seen however often Ctrl-C is pressed."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    kept = f"what was saved last is in {path}; go on with\n  {again()}" if path.exists() else "it was not saved"
    print(f"netbp: {name} interrupted: {kept}", file=sys.stderr)
    signal.signal(signal.SIGINT, before)
    return STOPPED_BY_USER


def _run_alone(experiment: Any, path: Path, resume: bool, explain: Any) -> int:
    if hasattr(type(experiment), "per_epoch"):  # asked of an instance, it would read the images
        return _run_by_epochs(experiment, path, resume)
    with Bar(experiment.name) as progress:
        run = experiment.run(progress=progress, save=path, resume=path if resume else None)
    code = tell(run, experiment.name, path)
    if not code and explain is not None:
        explain(run)
    return code


def _run_by_epochs(experiment: Any, path: Path, resume: bool) -> int:
    """Run an experiment that trains by epochs: it says what it does before, in a line for each epoch, and in the end."""
    from netbp.cli.training import Epochs, Journal

    log = path.with_suffix(".jsonl")
    if log == path:
        raise ValueError(f"{path} is how the run's log is called: let the name of the run's file end in .npz")
    check_writable(path)
    experiment.check_engine()
    print("reading and preparing the images", file=sys.stderr, flush=True)
    print(experiment.introduction(), flush=True)
    journal = Journal(log, Run.load(path).step if resume else 0)
    print(f"saved in {path} as it goes, its log in {log}; when it was stopped, it goes on with\n  {again()}", flush=True)
    with Epochs(experiment.name, experiment.epochs, experiment.per_epoch, experiment.problem().N, journal) as progress:
        run = experiment.run(progress=progress, save=path, resume=path if resume else None)
    code = tell(run, experiment.name, path)
    if not code:
        print(experiment.summary(run))
    return code


def tell(run: Run, name: str, path: Path | None) -> int:
    """Say how a run ended and where it is saved; the exit code."""
    where = "" if path is None else f"; saved in {path}"
    if run.status == INTERRUPTED:
        kept = f"saved in {path}; go on with\n  {again()}" if path is not None else "it was not saved"
        print(f"netbp: {name} interrupted after step {run.step:,}: {kept}", file=sys.stderr)
        return STOPPED_BY_USER
    if run.status == "diverged":
        print(f"netbp: {name} diverged: {run.message}{where}", file=sys.stderr)
        return FAILED
    seconds = run.provenance.get("seconds", 0.0)
    print(f"{name} {run.status}: {run.message}")
    print(f"cost {run.initial_cost:.6g} -> {run.final_cost:.6g} in {seconds:.2f} s on the {run.provenance['engine']} engine{where}")
    return 0


def save_picture(figure: Any, out: Path) -> None:
    """Write a picture, in as many dots as it has on the screen."""
    from netbp.figures import save

    save(figure, out, figure.dpi)


def check_picture(out: Path, kinds: Sequence[str] = FORMATS) -> None:
    """Refuse, before any work, a picture that could not be written."""
    if out.suffix.lower() not in kinds:
        raise ValueError(f"--out {out} does not say which kind of picture: let its name end in {', '.join(kinds)}")
    check_writable(out)
