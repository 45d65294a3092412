"""Work in the background: one method from many starts, in pieces, so that it tells how far it is and can be stopped."""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from netbp.experiments.plane import PlaneExperiment
from netbp.lab.address import experiment_of
from netbp.lab.frames import number
from netbp.lab.runs import GoneError
from netbp.lab.turns import Asked, Turns
from netbp.methods.streams import streams_from
from netbp.sweep import NETWORKS, Multistart, merged, multistart

MOST_STARTS, MOST_STEPS, MOST_WORK = 1000, 100_000, 2 * 10**9
MOST_OF_ONE = 2 * 10**10
"""Steps times points times parameters of a start, which is not stopped on its way."""
LEVEL = 1e-3
"""The cost that counts as success, if no other is given."""
HOUR = 3600.0
UNASKED = 120.0
"""Seconds after which a job that nobody has asked about is stopped; pages that are out of sight ask once a minute."""
PIECE = 0.5
"""Seconds that a piece of a job should take at most."""
PIECES = Turns(1)
"""All jobs together have one processor, and take turns with it."""


class Job:
    """Many starts of an experiment's method, in a thread of its own."""

    def __init__(self, experiment: PlaneExperiment, starts: int, steps: int, level: float) -> None:
        self.experiment, self.starts, self.steps, self.level = experiment, starts, steps, level
        self.problem, self.method = replace(experiment.problem(), held_out=None), experiment.chosen_method()
        self.parts: list[Multistart] = []
        self.result: Multistart | None = None
        self.error, self.cancelled, self.finished = "", False, False
        self.used = self.begun = time.monotonic()  # used: when somebody asked
        self.seconds = 0.0
        threading.Thread(target=self._work, name="netbp lab starts", daemon=True).start()

    def _work(self) -> None:
        turns = Asked(PIECES, str(id(self)))
        try:
            streams, size = streams_from(self.experiment.seed, self.starts), 1
            while streams:
                turns.wait_for_turn()
                begun = time.monotonic()
                if begun - self.used > UNASKED:
                    self.cancelled = True
                if self.cancelled:
                    return
                self._piece(streams[:size])
                streams, self.seconds = streams[size:], time.monotonic() - self.begun
                taken = time.monotonic() - begun
                size = max(1, size // 2) if taken > PIECE else min(NETWORKS, 2 * size) if taken < PIECE / 4 else size
            self.result = merged(self.problem, self.parts)
        except Exception as error:  # whoever asks must hear of it: nobody waits for this thread
            self.error = " ".join(str(error).split()) or type(error).__name__
        finally:
            turns.end()
            self.finished = True

    def _piece(self, some: list[Any]) -> None:
        """The starts of these streams: each gives the same numbers in whatever company."""
        part = multistart(
            self.problem, self.method, len(some), self.steps, rng=some, scale=self.experiment.scale, level=self.level, workers=1
        )
        self.parts = [*self.parts, part]

    def state(self) -> dict[str, Any]:
        """How far it is, the costs so far, and at the end the result."""
        parts, result = self.parts, self.result
        costs = np.concatenate([part.costs for part in parts]) if parts else np.empty(0)
        told: dict[str, Any] = {
            "done": len(costs),
            "of": self.starts,
            "steps": self.steps,
            "finished": self.finished,
            "cancelled": self.cancelled,
            "seconds": round(self.seconds, 3),
            "costs": [number(cost) for cost in costs.tolist()],
            "result": None,
        }
        if self.error:
            told["error"] = self.error
        if result is not None:
            told["result"] = {
                "costs": [number(cost) for cost in result.costs.tolist()],
                "success": result.success,
                "level": result.level,
                "all_right": number(result.all_right),
                "quantiles": {f"{q:g}": number(cost) for q, cost in result.quantiles.items()},
                "best": int(np.argmin(result.costs)),
            }
        return told


class Jobs:
    """The jobs that are held, at most `limit` at work and twice as many with what came out; thread-safe."""

    def __init__(self, limit: int = 4) -> None:
        self.limit = limit
        self._held: OrderedDict[str, Job] = OrderedDict()
        self._lock = threading.Lock()

    def multistart(self, experiment: Mapping[str, Any], starts: int, steps: int, level: float = LEVEL) -> str:
        """Begin; the job's name. Start i of its costs is the experiment with start = i + 1 and these steps.

        Raises ValueError for fields that no run can have, for too much work, and while `limit` jobs are at work.
        """
        for name, value, most in (("starts", starts, MOST_STARTS), ("steps", steps, MOST_STEPS)):
            if not 1 <= value <= most:
                raise ValueError(f"{name} must be from 1 to {most:,}, but it is {value:,}")
        wanted = replace(experiment_of(experiment), steps=steps, start=0)
        problem = wanted.problem()
        points = wanted.batch if wanted.method == "stochastic" else problem.N
        many = wanted.method in ("stochastic", "steepest") and starts * steps * points > MOST_WORK
        if many or steps * points * problem.size > MOST_OF_ONE:
            raise ValueError(
                f"{starts:,} starts of {steps:,} steps with {points:,} points each are too much for this page: take fewer of them"
            )
        with self._lock:
            self._drop_old()
            if sum(not job.finished for job in self._held.values()) >= self.limit:
                raise ValueError(f"{self.limit} jobs are at work already: wait for one, or cancel it")
            name = secrets.token_hex(8)
            self._held[name] = Job(wanted, starts, steps, level)
        return name

    def state(self, name: str) -> dict[str, Any]:
        """How far a job is. Raises Gone when it is no longer held."""
        return self._get(name).state()

    def cancel(self, name: str) -> None:
        """Stop a job after the piece that it is at. Raises Gone when it is no longer held."""
        self._get(name).cancelled = True

    def close(self) -> None:
        """Stop all."""
        with self._lock:
            for job in self._held.values():
                job.cancelled = True
            self._held.clear()

    def _get(self, name: str) -> Job:
        with self._lock:
            job = self._held.get(name)
        if job is None:
            raise GoneError("this job is no longer held: begin it again")
        job.used = time.monotonic()
        return job

    def _drop_old(self) -> None:
        now = time.monotonic()
        done = [name for name, job in self._held.items() if job.finished]
        many = max(0, len(self._held) - 2 * self.limit + 1)
        for i, name in enumerate(done):
            if i < many or now - self._held[name].used > HOUR:
                del self._held[name]
