"""`train(problem, method) -> run`: the shortest consumer of a stream of snapshots."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from netbp.consensus import agreed
from netbp.files import check_writable
from netbp.interrupts import Interrupts
from netbp.locks import alone
from netbp.messages import counted, took_all
from netbp.methods import CONVERGED, DIVERGED, FINISHED, STOPPED, Method
from netbp.problem import Problem
from netbp.processes import ProcessLostError, is_first
from netbp.provenance import difference, plain, problem_settings, provenance
from netbp.record import INTERRUPTED, Run
from netbp.saturation import saturation
from netbp.saving import Saving
from netbp.streaming import Series, Snapshot, checked_record, costs_of, count_of, joined, opened, snapshots, stream
from netbp.types import Array

__all__ = ["INTERRUPTED", "Run", "Series", "Snapshot", "stream", "train"]

UNDER_WAY = "it was under way at step"  # how the message of a run begins that is saved while it goes on
SAVE_EVERY, EPOCH_EVERY, PROGRESS_EVERY = 2.0, 1.0, 0.25  # seconds
SAVING, SAVING_EPOCHS = 100.0, 10.0  # saving takes at most a hundredth of the time; at the ends of epochs, a tenth


def train(
    problem: Problem,
    method: Method,
    steps: int | None = None,
    start: ArrayLike | None = None,
    rng: Any = 0,
    record: int | None = None,
    until: Callable[[Snapshot], str | bool | None] | None = None,
    save: str | os.PathLike[str] | None = None,
    resume: str | os.PathLike[str] | Run | None = None,
    settings: Mapping[str, Any] | None = None,
    arrays: Mapping[str, Array] | None = None,
    progress: Callable[[int, int, Any], None] | None = None,
) -> Run:
    """Train: take `steps` steps of the method from the start.

    steps: counted from the very beginning, also for a run that goes on; 0 gives the start itself; None, what the method allows.
    start: (s,), or (M, s) for M networks at once; None draws it first from the stream. rng: a seed, a numpy.random.Generator, a
    MatlabRandom, or for M networks a list of M or a seed. record: Cost after every step that is a multiple of it; 0 records
    nothing; None is the method's own choice. until: a function of the snapshot at each recorded step; a true answer, best in
    words, ends the run. save: a file that is written every few seconds and at the end. resume: a file or a Run to go on from,
    bit for bit. settings, arrays: what to keep with the run. progress: called with step, steps and the last cost a few times a
    second, and if it has a method `recorded`, that with every snapshot that recorded something. Ctrl-C and SIGTERM end the run
    with status "interrupted", saved.

    Raises ValueError for settings that make no sense, and NotWrittenError when `save` cannot be written, or another process writes
    it, before any work.
    """
    save = save if is_first() else None  # of several processes at one run, the first saves for all
    with alone(save):
        return _trained(problem, method, steps, start, rng, record, until, save, resume, settings, arrays, progress)


def _trained(
    problem: Problem,
    method: Method,
    steps: int | None,
    start: ArrayLike | None,
    rng: Any,
    record: int | None,
    until: Callable[[Snapshot], str | bool | None] | None,
    save: str | os.PathLike[str] | None,
    resume: str | os.PathLike[str] | Run | None,
    settings: Mapping[str, Any] | None,
    arrays: Mapping[str, Array] | None,
    progress: Callable[[int, int, Any], None] | None,
) -> Run:
    """What `train` does; nobody else writes the file."""
    total, record = count_of(method, steps), checked_record(record)
    before = Run.load(resume) if isinstance(resume, str | os.PathLike) else resume
    described = plain({"problem": problem_settings(problem), "method": method, "record": record, "rng": rng})
    asked = described | {"steps": total, "until": until, "settings": settings or {}}
    if before is None:
        state, generator = opened(problem, start, rng, None)
        agreed(problem, asked, state)
    else:
        agreed(problem, asked, before.state)
        before = _matching(before, described, total, resume)
        state, generator = opened(problem, start, rng, before.state)
    if save is not None:
        check_writable(save)
    if before is None:
        cost = costs_of(problem.bound, state.p, state.memory)
        if not np.isfinite(cost).all():
            raise ValueError(f"the cost at the start is {cost}: choose a smaller start")
        now = provenance(described["problem"]["engine"])
        if facts := getattr(problem.bound, "facts", None):  # which device, which precision, what was not possible
            now["facts"] = plain(facts)
        before = Run(state, cost, cost, settings=plain(settings or {}) | described, provenance=now, arrays=dict(arrays or {}))
    else:
        before = replace(before, state=state)
    if until is not None and hasattr(until, "remember"):
        until.remember(before.series)
    steady = snapshots(problem, method, state, generator, total, None, record, pause=until is not None)
    epochs = record is None and getattr(method, "sampling", None) == "epochs"
    return _Training(problem, before, total, until, save, progress, epochs).consume(steady)


class _Training:
    """The consumer of snapshots: collects the curves, saves, and notices what ends the run."""

    def __init__(self, problem: Problem, before: Run, steps: int, until: Any, save: Any, progress: Any, epochs: bool) -> None:
        self.problem, self.before, self.steps, self.epochs = problem, before, steps, epochs
        self.until, self.path, self.progress = until, save, progress
        self.saving = Saving(save)
        self.begun = self.saved = self.told = time.monotonic()
        self.pause, self.pause_of_epochs = SAVE_EVERY, EPOCH_EVERY
        self.snapshot = Snapshot(before.state, facts=before.result)
        self.parts: list[dict[str, Series]] = [dict(before.series)]
        self.best, self.lowest = before.best, np.inf
        if "held_out" in before.series:
            self.lowest = np.min(before.series["held_out"].values)

    def consume(self, steady: Any) -> Run:
        """Every snapshot in turn, until the run ends in one way or another; the run is saved if it is to be."""
        status, message = FINISHED, ""
        if self.before.step == self.steps and self.before.status in (CONVERGED, STOPPED, DIVERGED):
            status, message = self.before.status, self.before.message  # a run that goes on for no step ends as it had ended
        with Interrupts() as interrupts:
            try:
                for snapshot in steady:
                    self._take(snapshot)
                    if snapshot.reason is not None:
                        status, message = snapshot.status, snapshot.reason
                        break
                    stop = self.until(snapshot) if self.until is not None and snapshot.series else None
                    if stop:
                        status = STOPPED
                        message = f"{stop if isinstance(stop, str) else 'until said so'} (step {snapshot.step})"
                        break
                    if interrupts.received and snapshot.step < self.steps:
                        status = INTERRUPTED
                        break
                    self._now_and_then()
            except KeyboardInterrupt:  # a second Ctrl-C, or one where the first is someone else's to handle
                status = INTERRUPTED
            except ProcessLostError as error:
                status = INTERRUPTED
                if not interrupts.received:  # otherwise the others were stopped as this one is
                    self._lost(error)
            finally:
                steady.close()
            return self._ended(status, message, interrupts)

    def _lost(self, error: ProcessLostError) -> None:
        """Save how far the run has come without the process that is gone, and raise the error, which says how to go on."""
        kept = "it was not saved"
        if self.path is not None:
            run = self._run(INTERRUPTED, f"{error}: go on with resume=", self._last_cost())
            self.saving.final(run)
            kept = f"step {run.step:,} is saved: go on with resume={os.fspath(self.path)!r}, with as many processes as you like"
        raise ProcessLostError(f"{error}; {kept}", self.path is not None) from error

    def _take(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        if snapshot.series:
            self.parts.append(dict(snapshot.series))
            if hasattr(self.progress, "recorded"):
                self.progress.recorded(snapshot)
        if "held_out" in snapshot.series and snapshot.state.p.ndim == 1 and snapshot.held_out < self.lowest:
            self.best, self.lowest = snapshot.state, snapshot.held_out

    def _now_and_then(self) -> None:
        now = time.monotonic()
        if self.progress is not None and now - self.told >= PROGRESS_EVERY:
            self.told = now
            self.progress(self.snapshot.step, self.steps, self.snapshot.cost)
        epoch = self.epochs and self.snapshot.series
        if self.path is not None and now - self.saved >= (min(self.pause, self.pause_of_epochs) if epoch else self.pause):
            unfinished = f"{UNDER_WAY} {self.snapshot.step} of {self.steps}: go on with resume="
            self.saving.interim(self._run(INTERRUPTED, unfinished, self._last_cost()))
            self.saved = time.monotonic()
            taken = self.saved - now
            self.pause, self.pause_of_epochs = max(SAVE_EVERY, SAVING * taken), max(EPOCH_EVERY, SAVING_EPOCHS * taken)

    def _last_cost(self) -> Any:
        """The cost that was recorded last: for an interim state, since the cost of all data may take long to compute."""
        return self.before.final_cost if self.snapshot.cost is None else self.snapshot.cost

    def _run(self, status: str, message: str, cost: Any) -> Run:
        self.parts = [joined(self.parts)]
        seconds = self.before.provenance["seconds"] + time.monotonic() - self.begun
        return replace(
            self.before,
            state=self.snapshot.state,
            final_cost=cost,
            series=self.parts[0],
            best=self.best,
            status=status,
            message=message,
            result=plain(self.snapshot.facts),
            provenance={**self.before.provenance, "seconds": round(seconds, 3)},
        )

    def _ended(self, status: str, message: str, interrupts: Interrupts) -> Run:
        step = self.snapshot.step
        cost = self._cost_at_the_end(hurried=status == INTERRUPTED and self.snapshot.cost is not None)
        interrupts.hold_back()  # the run is to be saved, and the line that says where to be seen
        if status == INTERRUPTED:
            message = f"{interrupts.received or 'Ctrl-C'} after step {step:,} of {self.steps:,}"
            message += "; it was not saved" if self.path is None else f"; saved: go on with resume={os.fspath(self.path)!r}"
        else:
            message = message or took_all(step)
            stuck = None if status == DIVERGED else saturation(self.problem, self.snapshot.state.p)
            if stuck and "saturated" not in message:  # which a run that went on for no step has been told already
                message = f"{message}, but {stuck}"
        if again := self.snapshot.facts.get("replayed"):
            message = f"{message}; the first {counted(again, 'iteration')} were run again from the start"
        state = self.snapshot.state  # whoever gets the run may write to it
        own = state._replace(p=state.p.copy(), memory={name: np.array(array) for name, array in state.memory.items()})
        self.snapshot = self.snapshot._replace(state=own)
        run = self._run(status, message, cost)
        if not np.isfinite(run.final_cost).all() and status != DIVERGED:
            run = replace(run, status=DIVERGED, message=f"{message}, but the cost at the end is not finite: try a smaller rate")
        if self.progress is not None:
            self.progress(step, self.steps, self.snapshot.cost)
        if self.path is not None:
            self.saving.final(run)
        return run

    def _cost_at_the_end(self, hurried: bool) -> Any:
        """The cost of all data; when that takes too long for whoever presses Ctrl-C, the one recorded last."""
        if not hurried:
            with contextlib.suppress(KeyboardInterrupt):
                return costs_of(self.problem.bound, self.snapshot.state.p, self.snapshot.state.memory)
        return self._last_cost()


def _matching(before: Run, described: Mapping[str, Any], total: int, resume: Any) -> Run:
    """The run to go on from. Raises ValueError when it is a run of another network, cost, data or method."""
    where = os.fspath(resume) if isinstance(resume, str | os.PathLike) else "the run given"
    for part in ("problem", "method", "record"):
        told = difference(before.settings.get(part), described[part], part)
        if told:
            kind = "a run of another network" if told.startswith("its problem.network") else "another run"
            raise ValueError(f"{where} is {kind}: {told}; resume with the same settings, or begin anew with start=run.p")
    if before.step > total:
        raise ValueError(f"{where} has done {before.step:,} steps already, but steps is {total:,}: it counts from the beginning")
    return before
