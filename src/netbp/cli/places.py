"""Where runs are saved, and the promise that no run is overwritten by another experiment's."""

from __future__ import annotations

import hashlib
import json
import shlex
import sys
from collections.abc import Sequence
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

from netbp.experiments import settings_of
from netbp.experiments.settings import plain, told_of
from netbp.messages import named
from netbp.processes import place as place_of_process
from netbp.run import INTERRUPTED, Run

FOLDER = Path("runs")
LENGTH = ("steps", "epochs", "iterations", "picture", "device")
"""Fields in which a run may differ from the experiment that goes on with it."""
LONG = 60.0
"""Seconds of computing that are not thrown away unasked."""


def default_place(experiment: Any, stem: str = "") -> Path:
    """runs/<name>.npz for default settings, otherwise runs/<name>-<stem or a hash of the settings that differ>.npz."""
    told = settings_of(experiment)["fields"]
    defaults = {f.name: f.default for f in fields(experiment) if f.default is not MISSING}
    changed = {name: value for name, value in told.items() if name not in defaults or getattr(experiment, name) != defaults[name]}
    parts = [experiment.name, stem] if stem else [experiment.name]
    if changed:
        parts.append(hashlib.sha256(json.dumps(changed, sort_keys=True).encode()).hexdigest()[:8])
    return FOLDER / ("-".join(parts) + ".npz")


def spot(experiment: Any, save: Path | None, stem: str = "") -> Path:
    """Where to save a run of the experiment: `save`, or the default place, whose folder is made."""
    if save is None:
        FOLDER.mkdir(exist_ok=True)
    return default_place(experiment, stem) if save is None else save


def place(experiment: Any, path: Path, resume: bool) -> None:
    """Raise ValueError when another experiment's run, or a file that is no run, is there, or when there is none to resume."""
    if not path.exists():
        if resume:
            raise ValueError(f"there is no saved run {path} to go on with: leave out --resume to begin it, or name one with --save")
        return
    run = Run.load(path)
    before, values = told_of(run.settings)
    now = settings_of(experiment)
    ignored = LENGTH if resume else ()
    # A field that is newer than the file had its default value then.
    fields_then = settings_of_defaults(experiment) | dict(values)
    different = [name for name, value in now["fields"].items() if name not in ignored and fields_then.get(name) != value]
    if before != now["experiment"] or different:
        what = f"with another {different[0]}" if before == now["experiment"] else f"of {named(before) if before else 'a program'}"
        remedy = "use the settings it was begun with" if resume else "give another --save, or delete it first"
        raise ValueError(f"{path} holds a run {what}: {remedy}")
    if not resume and run.status == INTERRUPTED and run.provenance.get("seconds", 0.0) > LONG:
        raise ValueError(f"{path} holds this run, stopped at step {run.step:,}: say --resume to go on with it, or delete it first")


def settings_of_defaults(experiment: Any) -> dict[str, Any]:
    """The default of every field that has one, as plain values."""
    return {f.name: plain(f.default) for f in fields(experiment) if f.default is not MISSING}


def again(arguments: Sequence[str] | None = None, save: Path | None = None) -> str:
    """The command that goes on with what this process was doing, or these processes of one machine; save: where it is saved now."""
    words = [word for word in (sys.argv[1:] if arguments is None else arguments) if word != "--resume"]
    if save is not None:
        given = [k for k, word in enumerate(words) if word == "--save"]
        words = [word for k, word in enumerate(words) if not (word.startswith("--save") or k - 1 in given)] + ["--save", str(save)]
    count = place_of_process().size
    program = ["netbp"] if count == 1 else ["torchrun", f"--nproc-per-node={count}", "-m", "netbp"]
    return shlex.join([*program, *words, "--resume"])
