"""A run by epochs as it goes: lines on the terminal, a bar below them, and a log that can be read meanwhile."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from netbp.cli.progress import new_bar
from netbp.files import write_atomically
from netbp.messages import counted
from netbp.notices import watched
from netbp.processes import is_first
from netbp.provenance import plain

ENOUGH, AT_LEAST = 3.0, 10
"""Seconds and steps after which it is said how long the run will take."""

HEADER = (
    f"{'':>9}  {'objective':^17}  {'top-1 error':^17}  {'top-5 error':^17}\n"
    f"{'epoch':>9}  {'training':>8} {'validat.':>8}  {'training':>8} {'validat.':>8}  {'training':>8} {'validat.':>8}"
    f"  {'images/s':>8}  {'time left':>9}"
)


class Journal:
    """The log of a run, one JSON object a line, beside the run's file: `tail -f` shows it, and any program can read it.

    Each line tells an epoch: epoch, step, the recorded curves by name (cost, top1, top5, held_out, ...), seconds and
    images_per_second of that epoch with its validation, and the time at its end. A line is written whole, and at once.
    """

    def __init__(self, path: Path, step: int = 0) -> None:
        """step: how far the run has come that goes on, whose lines stay; 0 for a new one."""
        self.path, self.step = path, step
        self.begun = not is_first()  # of several processes at one run

    def begin(self) -> None:
        """Write what stays, when the run is under way: one that is refused changes no log."""
        if self.begun:
            return
        self.begun, step = True, self.step
        kept = [line for line in _lines(self.path) if line.get("step", step + 1) <= step] if step else []
        write_atomically(self.path, "".join(json.dumps(line) + "\n" for line in kept).encode())

    def add(self, entry: dict[str, Any]) -> None:
        """Write one line; a disk that is full loses the line, not the run."""
        self.begin()
        if not is_first():
            return
        with contextlib.suppress(OSError), self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(plain(entry)) + "\n")


class Epochs:
    """`with Epochs(...) as progress: train(..., progress=progress)`: a line for each epoch, on a terminal with a bar below.

    per_epoch: steps in an epoch; points: training points in it. Everything goes to stderr; without a terminal there are lines only.
    """

    def __init__(self, title: str, epochs: int, per_epoch: int, points: int, journal: Journal | None = None) -> None:
        self.title, self.epochs, self.per_epoch, self.points, self.journal = title, epochs, per_epoch, points, journal
        self.first: tuple[int, float] | None = None
        self.at: int | None = None  # the step and the time of the last line
        self.clock = time.monotonic()
        self.estimated = self.headed = False
        self.bar: Any = None
        self.task: Any = None

    def __enter__(self) -> Epochs:
        self.clock = time.monotonic()
        if watched():
            self.bar = new_bar()
            self.task = self.bar.add_task(self.title, total=None, words="the first steps")
            self.bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.bar is not None:
            self.bar.stop()

    def __call__(self, step: int, steps: int, cost: Any = None) -> None:
        """Show that `step` of `steps` are done."""
        now = time.monotonic()
        if self.first is None:  # what was done before, and the first step, which may have been compiled, do not count in the rate
            self.first = step, now
            if self.journal is not None:
                self.journal.begin()
        rate = self.rate(step, now)
        if not self.estimated and rate and now - self.first[1] >= ENOUGH and step - self.first[0] >= AT_LEAST and step < steps:
            self.estimated = True
            each = f"{1000 / rate:,.{0 if rate < 100 else 2}f} ms"
            self.say(f"it will take about {duration((steps - step) / rate)}: {counted(steps - step, 'step')} at {each} each")
        if self.bar is not None:
            words = f"epoch {min(step // self.per_epoch + 1, self.epochs)}/{self.epochs}"
            if rate:
                words += f", {self.images(rate):,.0f} images/s, {duration((steps - step) / rate)} left"
            self.bar.update(self.task, completed=step, total=steps, words=words, refresh=True)

    def rate(self, step: int, now: float) -> float:
        """Steps per second since the first look, 0 before there is one."""
        if self.first is None or step <= self.first[0]:
            return 0.0
        return (step - self.first[0]) / max(now - self.first[1], 1e-9)

    def images(self, rate: float) -> float:
        """Images per second."""
        return rate * self.points / self.per_epoch

    def recorded(self, snapshot: Any) -> None:
        """Tell an epoch that has ended."""
        now = time.monotonic()
        series = {name: curve.values[-1] for name, curve in snapshot.series.items()}
        seconds = now - self.clock
        speed = (self.per_epoch if self.at is None else snapshot.step - self.at) / max(seconds, 1e-9)
        if self.at is None:  # perhaps a part of an epoch, and with all that comes before: what was seen of it tells more
            speed = self.rate(snapshot.step, now) or speed
        self.at, self.clock = snapshot.step, now
        images = self.images(speed)
        if self.journal is not None:
            entry = {"epoch": snapshot.step / self.per_epoch, "step": snapshot.step, **series}
            clock = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            self.journal.add(entry | {"seconds": round(seconds, 3), "images_per_second": round(images, 1), "time": clock})
        if not self.headed:
            self.headed = True
            self.say(HEADER)
        left = (self.epochs * self.per_epoch - snapshot.step) / max(self.rate(snapshot.step, now) or speed, 1e-9)
        self.say(line(snapshot.step / self.per_epoch, self.epochs, series, images, left))

    def say(self, text: str) -> None:
        """Print above the bar, or plainly."""
        if self.bar is not None:
            self.bar.console.print(text, highlight=False, markup=False, soft_wrap=True)
        else:
            print(text, file=sys.stderr, flush=True)


def line(epoch: float, epochs: int, series: dict[str, Any], images: float, left: float) -> str:
    """An epoch in a line, under HEADER; a dash for what was not recorded."""
    cells = [f"{f'{epoch:g}/{epochs}':>9}"]
    for name, factor, digits in (("cost", 1.0, 4), ("top1", 100.0, 2), ("top5", 100.0, 2)):
        pair = (series.get(name), series.get("held_out" if name == "cost" else f"held_out_{name}"))
        unit = " %" if factor > 1.0 else ""
        cells.append(" ".join(f"{'-' if v is None else f'{factor * float(v):.{digits}f}{unit}':>8}" for v in pair))
    cells += [f"{images:>8,.0f}", f"{duration(left) if left > 0.0 else '':>9}"]
    return "  ".join(cells).rstrip()


def duration(seconds: float) -> str:
    """45 s, 27 min, or 3 h 20 min."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"


def _lines(path: Path) -> list[dict[str, Any]]:
    """The whole lines of a log; one that a kill has cut short is left out."""
    found = []
    with contextlib.suppress(OSError, UnicodeDecodeError):
        for text in path.read_text(encoding="utf-8").splitlines():
            with contextlib.suppress(json.JSONDecodeError):
                entry = json.loads(text)
                if isinstance(entry, dict) and isinstance(entry.get("step"), int):
                    found.append(entry)
    return found
