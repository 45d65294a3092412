"""The runs that the lab holds: opened from an experiment's fields, seen frame by frame, dropped when nobody comes back."""

from __future__ import annotations

import secrets
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Mapping
from typing import Any

from netbp.experiments.plane import changed
from netbp.lab.address import experiment_of
from netbp.lab.labrun import LabRun
from netbp.lab.training import DroppedError
from netbp.lab.turns import ASKED

HOUR = 3600.0
SHORT = 0.05
"""Seconds of training that are not worth keeping beside others."""


class GoneError(DroppedError):
    """A run or a job that is no longer held."""


Gone = GoneError
GONE = "this run is no longer held: open its experiment again, which computes it anew"


class Runs:
    """The runs that are held, at most `limit` of them, by name; thread-safe."""

    def __init__(self, limit: int = 16) -> None:
        self.limit = limit
        self._held: OrderedDict[str, LabRun] = OrderedDict()  # the longest unused first
        self._lock = threading.Lock()

    def open(self, experiment: Mapping[str, Any], step: int = 0) -> dict[str, Any]:
        """The run of an experiment with these fields, standing at `step`; the one that is held where there is one.

        Raises ValueError in a line for fields that no run can have.
        """
        wanted = experiment_of(experiment)
        with self._lock:
            held = next((run for run in self._held.values() if run.experiment == wanted), None)
        run = held or self._kept(LabRun(wanted, secrets.token_hex(8)))
        before = run.training.front.step
        self.get(run.name)
        return run.opened(step, rebuilt=step > before)

    def get(self, name: str) -> LabRun:
        """The run of that name. Raises Gone when it is no longer held."""
        with self._lock:
            dropped = self._expired()
            run = self._held.get(name)
            if run is not None:
                run.used = time.monotonic()
                self._held.move_to_end(name)
        for old in dropped:
            old.close()
        if run is None:
            raise GoneError(GONE)
        return run

    def change_rate(self, name: str, step: int, rate: float) -> dict[str, Any]:
        """A run that shares this one's history up to `step` and has another rate from there on."""
        run = self.get(name)
        state = run.training.exactly(step)
        if state.step != step:
            raise ValueError(f"the run has not come to step {step:,}: it stands at step {state.step:,}")
        experiment = changed(run.experiment, step, rate)
        new = LabRun(experiment, secrets.token_hex(8), run.training.shared(state, experiment.chosen_method()))
        return self._kept(new).opened(step)

    def close(self) -> None:
        """Drop all."""
        with self._lock:
            runs = list(self._held.values())
            self._held.clear()
        for run in runs:
            run.close()

    def _kept(self, run: LabRun) -> LabRun:
        with self._lock:
            self._held[run.name] = run
            if (asked := ASKED.get()) is not None:
                run.owner = asked.owner
            dropped = self._expired()
            while len(self._held) > self.limit:
                others = list(self._held.values())[:-1]
                most = Counter(each.owner for each in others).most_common(1)[0][0]  # whose runs are most gives one of them up:
                others = [each for each in others if each.owner == most]
                # first what was hardly trained, such as the runs of a point that is dragged
                worth = [run.training.front.seconds > SHORT for run in others]
                dropped.append(self._held.pop(others[worth.index(False) if False in worth else 0].name))
        for old in dropped:
            old.close()
        return run

    def _expired(self) -> list[LabRun]:
        old = [name for name, run in self._held.items() if time.monotonic() - run.used > HOUR]
        return [self._held.pop(name) for name in old]


__all__ = ["Gone", "GoneError", "LabRun", "Runs"]
