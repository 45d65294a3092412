"""The folder of saved runs: what is in it, by ids that are no paths, and the curves of runs that still train."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
import time
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from netbp.claims import check_header
from netbp.experiments.images import is_of_images
from netbp.experiments.settings import told_of
from netbp.files import open_regular
from netbp.lab.frames import number
from netbp.lab.runs import Gone
from netbp.record import INTERRUPTED, Run
from netbp.run import UNDER_WAY
from netbp.runfile import RunFileError, glance

NEWEST = 100
"""Files that are listed, at most."""
LOG = 2**22
"""Bytes of a log that are read: its last ones."""
SILENCE = 120.0
"""Seconds after which a run from which nothing is heard counts as one that stands still, if its epochs are not longer."""
CURVES = ("cost", "held_out", "top1", "held_out_top1", "top5", "held_out_top5")
RIGHT = "series.held_out_top1.values"


class Saved(NamedTuple):
    """A saved run of images. stamp: changes when the file does; header: the file's; right: share of validation images, or None."""

    id: str
    path: Path
    stamp: tuple[int, int]
    header: dict[str, Any]
    right: float | None
    epochs: int

    @property
    def settings(self) -> dict[str, Any]:
        """What was run."""
        return dict(self.header["settings"])

    @property
    def log(self) -> Path:
        """Where the run's log is, if it has one."""
        return self.path.with_suffix(".jsonl")


class Folder:
    """The runs of images in a folder. Nothing is asked for by a path: a run's id is made from its file's name."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._known: dict[tuple[str, tuple[int, int]], Saved | None] = {}

    def saved(self) -> list[Saved]:
        """What is there now, the newest first."""
        found = []
        with contextlib.suppress(OSError):
            for path in self.path.iterdir():
                with contextlib.suppress(OSError):
                    if path.suffix == ".npz" and path.is_file():
                        about = path.stat()
                        found.append((path, (about.st_mtime_ns, about.st_size)))
        found.sort(key=lambda entry: entry[1], reverse=True)
        with self._lock:
            known = {(path.name, stamp): self._glanced(path, stamp) for path, stamp in found[:NEWEST]}
            self._known = known
        return [entry for entry in known.values() if entry is not None]

    def find(self, name: str) -> Saved:
        """The run of an id. Raises Gone when there is none."""
        for entry in self.saved():
            if entry.id == name:
                return entry
        raise Gone("this run is no longer in the folder: choose another one")

    def _glanced(self, path: Path, stamp: tuple[int, int]) -> Saved | None:
        key = path.name, stamp
        if key in self._known:
            return self._known[key]
        try:
            header, arrays = glance(path, RIGHT, "series.cost.steps")
            check_header(header)
            json.dumps(header, allow_nan=False, ensure_ascii=False).encode()  # can be passed on to the page
            if not is_of_images(header["settings"]):
                return None
            told_of(header["settings"])
            wrong = arrays.get(RIGHT, np.empty(0))
            right = number(1.0 - float(wrong[-1])) if wrong.ndim == 1 and len(wrong) else None
            epochs = len(arrays.get("series.cost.steps", ()))
            return Saved(hashlib.sha256(path.name.encode()).hexdigest()[:16], path, stamp, header, right, epochs)
        except (RunFileError, OSError, KeyError, TypeError, ValueError, AttributeError):
            return None  # something else than a run, or one that says of itself what no run does


def about(entry: Saved) -> dict[str, Any]:
    """A run in a list: what it is, how far it is, and how right."""
    settings, fields = entry.settings, entry.settings.get("fields", {})
    log = last_lines(entry.log)
    training = is_training(entry, log)
    right, epochs = entry.right, entry.epochs
    if training and log:  # the log is ahead of the file
        epochs = max(epochs, int(log[-1]["epoch"]))
        wrong = log[-1].get("held_out_top1")
        right = number(1.0 - wrong) if isinstance(wrong, float) else right
    return {
        "id": entry.id,
        "name": entry.path.stem,
        "experiment": str(settings.get("experiment")),
        "dropout": bool(fields.get("dropout", False)),
        "layers": str(fields.get("layers", "")),
        "step": entry.header.get("step"),
        "epochs": epochs,
        "of": fields.get("epochs"),
        "status": "training" if training else entry.header.get("status"),
        "training": training,
        "right": right,
        "saved": entry.stamp[0] / 1e9,
    }


def is_training(entry: Saved, log: list[dict[str, Any]]) -> bool:
    """Whether the run goes on: it was saved on its way, and its file or its log has grown not long ago."""
    header = entry.header
    if header.get("status") != INTERRUPTED or not str(header.get("message")).startswith(UNDER_WAY):
        return False
    newest = entry.stamp[0] / 1e9
    with contextlib.suppress(OSError):
        newest = max(newest, entry.log.stat().st_mtime)
    epoch = log[-1].get("seconds") if log else None
    return time.time() - newest < max(SILENCE, 3.0 * epoch if isinstance(epoch, float) else 0.0)


def last_lines(path: Path) -> list[dict[str, Any]]:
    """The whole lines of a log, or of its end, one epoch each; [] where there is none."""
    try:
        with open_regular(path) as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - LOG))
            texts = file.read(LOG).split(b"\n")[1 if size > LOG else 0 :]
    except OSError:
        return []
    lines = []
    for text in texts:
        with contextlib.suppress(ValueError, OverflowError, RecursionError):
            line = json.loads(text)
            if isinstance(line, dict) and isinstance(line.get("epoch"), int | float) and isfinite(line["epoch"]):
                lines.append(line)
    return lines


def curves(entry: Saved, run: Any) -> dict[str, Any]:
    """Objective and errors in per cent by epoch, as in figures 11 and 12: from the log while the run trains, else from the run.

    run: a function that gives the run itself.
    """
    told, log = about(entry), last_lines(entry.log)
    if told["training"] and log:
        epochs = [float(line["epoch"]) for line in log]
        values = {name: [_percent(name, line.get(name)) for line in log] for name in CURVES}
        told["seconds"], told["speed"] = (_finite(log[-1].get(name)) for name in ("seconds", "images_per_second"))
    else:
        epochs, values = _recorded(run())
    return {**told, "message": entry.header.get("message", ""), "epoch": epochs, "curves": values}


def _recorded(run: Run) -> tuple[list[float], dict[str, list[float | None]]]:
    from netbp.figures.training import epochs_of, steps_per_epoch

    per_epoch = steps_per_epoch(run)
    steps = sorted({int(step) for name in CURVES if name in run.series for step in run.series[name].steps})
    values: dict[str, list[float | None]] = {}
    for name in CURVES:
        by_step: dict[int, float] = {}
        if name in run.series and len(run.series[name].values):
            _, shown = epochs_of(run, name, per_epoch)
            by_step = dict(zip(run.series[name].steps.tolist(), shown.tolist(), strict=True))
        values[name] = [number(by_step.get(step)) for step in steps]
    return [step / per_epoch for step in steps], values


def _percent(name: str, value: Any) -> float | None:
    found = _finite(value)
    return found if found is None or "top" not in name else number(100.0 * found)


def _finite(value: Any) -> float | None:
    """A number of a log, None for anything else."""
    try:
        return None if isinstance(value, bool) or not isinstance(value, int | float) else number(float(value))
    except OverflowError:  # a whole number of hundreds of digits
        return None
