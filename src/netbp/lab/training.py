"""A method at work for the page: in a thread with a bounded lead, or to an exact step; anything in between is computed again."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import NamedTuple

import numpy as np

from netbp.lab.drawing import DRAWING
from netbp.lab.history import Costs, Curve, States
from netbp.lab.turns import BusyError, aside, pause
from netbp.messages import took_all
from netbp.methods import DIVERGED, FINISHED, STOPPED, Method
from netbp.methods.deterministic import Deterministic
from netbp.methods.streams import restored, state_of
from netbp.problem import Problem
from netbp.saturation import saturation
from netbp.streaming import finite, last_finite
from netbp.types import Matrix, State

CHUNK = 0.004
"""Seconds that a chunk of steps should take: a frame never waits longer for the states of a chunk."""
LEAD = 0.25
"""Seconds of work that the thread may be ahead of the page."""
PATIENCE = 2.0
"""Seconds after which a request for a far step gets the step that was reached by then."""
LONG = 60.0
"""The same for what must be at its step, such as a run's file."""
SOON = 0.02
"""Seconds that a frame waits for the next state before it lets other questions pass."""
PREPARING = 0.1
"""Seconds that a frame waits for machine code that is being compiled before it shows what there is."""
SHARE, GRACE = 0.1, 0.02
"""Looking at norms and held-out costs along a run takes at most a tenth of the time of its steps, and so many seconds."""


PREPARES = threading.Lock()
"""Kernels are compiled one after the other anyway."""


class DroppedError(Exception):
    """A run that is no longer held."""


class Front(NamedTuple):
    """Where the training stands. status, message: how and why a run has ended there, otherwise "". diverged_at: a step or None."""

    state: State
    status: str = ""
    message: str = ""
    diverged_at: int | None = None
    seconds: float = 0.0

    @property
    def step(self) -> int:
        """Steps done."""
        return self.state.step

    @property
    def ended(self) -> bool:
        """Whether no further step can be taken."""
        return bool(self.status)


class Training:
    """One run, from its start to wherever someone wants to see it.

    problem: without held-out points, which would be looked at after every step. held: the same with them, or None. steps: where the
    run ends. `front` is replaced as a whole, so that it can be read without waiting; what is kept is read with the lock `kept`.
    """

    def __init__(self, problem: Problem, method: Method, state: State, steps: int, record: int, held: Problem | None) -> None:
        self.problem, self.method, self.steps, self.record, self.held = problem, method, steps, record, held
        self.costs, self.norms, self.held_out, self.states = Costs(record), Curve(), Curve(), States(state)
        self.rng = restored(state.stream)
        self.session = method.session(problem, state, self.rng, record)
        self.single = isinstance(method, Deterministic)  # SciPy's: each iterate is kept, for to come back means to begin anew
        self.pace, self.looking = 1, 0.0
        self.front = Front(state, FINISHED, self._told(state, took_all(state.step))) if state.step >= steps else Front(state)
        self._work, self._gate, self.kept = threading.Lock(), threading.Lock(), threading.Lock()
        self._moved = threading.Condition()
        self._budget, self._alive, self._closed = 0.0, False, False
        self.costs_at_start = 0.0
        self.ready = threading.Event()
        threading.Thread(target=self._prepare, args=(state,), name="netbp lab prepares", daemon=True).start()

    def _prepare(self, state: State) -> None:
        """One step that nobody keeps: kernels of a new shape are compiled by it, which takes a few seconds the first time."""
        with PREPARES, contextlib.suppress(Exception):  # the run itself will meet it and say so
            if self._closed:  # meanwhile nobody wants it any more
                return
            session = self.method.session(self.problem, state, restored(state.stream), self.record)
            try:
                session.advance(1)
                self.problem.bound.gradient(state.p)
            finally:
                session.close()
        self.ready.set()

    # -- ahead of the page --------------------------------------------------------------------------------------------

    def ahead(self, after: int) -> State:
        """The newest state, beyond `after` unless the run ends; the thread goes on behind, as long as its lead lasts."""
        with self._gate:
            self._budget = LEAD
            if not (self._alive or self._closed or self.front.ended):
                self._alive = True
                threading.Thread(target=self._run_ahead, name="netbp lab", daemon=True).start()
        with self._moved:
            if not self._moved.wait_for(lambda: self._is_beyond(after), timeout=SOON):
                with aside():
                    self._moved.wait_for(lambda: self._is_beyond(after), timeout=PATIENCE)
        return self.front.state

    def _is_beyond(self, after: int) -> bool:
        return self.front.step > after or self.front.ended or not self._alive

    def _run_ahead(self) -> None:
        try:
            while True:
                with self._gate:
                    if self._budget <= 0.0 or self._closed or self.front.ended:
                        self._alive = False
                        return
                DRAWING.stand_aside()
                before = time.perf_counter()
                try:
                    with self._work:
                        self._advance(self.steps)
                except Exception as error:  # whoever looks must see it: nobody waits for this thread
                    self.front = self.front._replace(status=STOPPED, message=f"it cannot go on: {error}")
                with self._gate:
                    self._budget -= time.perf_counter() - before
        finally:
            self._alive = False
            with self._moved:
                self._moved.notify_all()

    def rest(self) -> None:
        """No lead is wanted any more."""
        with self._gate:
            self._budget = 0.0

    def close(self) -> None:
        """Let go of the session and its threads."""
        self._closed = True
        with self._work:
            self.session.close()

    # -- exact steps --------------------------------------------------------------------------------------------------

    def at(self, step: int, patience: float | None = None) -> State:
        """The state after exactly `step` steps, or the run's last one; an earlier one if the patience (s) runs out.

        Raises BusyError when a patience was given and others' questions leave this one no place.
        """
        try:
            return self._to(step, PATIENCE if patience is None else patience)
        except BusyError:
            if patience is not None:
                raise
        with self.kept:
            return self.states.before(step)

    def _to(self, step: int, patience: float) -> State:
        self.rest()
        until = time.monotonic() + patience
        step = min(step, self.steps)
        if self.front.step < step and not self.ready.is_set():
            with aside():
                if not self.ready.wait(patience):
                    return self.front.state
        while self.front.step < step and not self.front.ended and not self._closed:
            pause()
            with self._work:
                if self.front.step < step and not self.front.ended:
                    self._advance(step)
            if time.monotonic() > until:
                return self.front.state
        return self._again(step, until)

    def exactly(self, step: int) -> State:
        """The state after exactly `step` steps, or the run's last one.

        Raises ValueError when it is further away than a minute, DroppedError when the run is let go of meanwhile, and BusyError.
        """
        state = self.at(step, LONG)
        if self._closed:
            raise DroppedError
        if state.step < step and not (self.front.ended and state.step == self.front.step):
            raise ValueError(f"step {step:,} is more than a minute away: the run has come to step {state.step:,}")
        return state

    def _again(self, step: int, until: float) -> State:
        """A state of the past: the last one kept before it, and from there the same steps once more."""
        front = self.front.state
        if step >= front.step:
            return front
        with self.kept:
            state = self.states.before(step)
        if state.step == step:
            return state
        session = self.method.session(self.problem, state, restored(state.stream), 0)
        pace = 64
        try:
            while state.step < step and time.monotonic() <= until:
                pause()
                before = time.perf_counter()
                state = session.advance(min(pace, step - state.step)).state
                pace = 2 * pace if time.perf_counter() - before < CHUNK else pace
        finally:
            session.close()
        return state

    def trail(self, last: int, most: int) -> tuple[list[int], Matrix]:
        """Steps and parameters (m, s) along the run up to a step, the state there included."""
        state = self.exactly(last)
        with self.kept:
            steps, points = self.states.path(state.step, most)
        if steps[-1] != state.step:
            steps, points = [*steps, state.step], np.concatenate([points, state.p[None]])
        return steps, points

    # -- one chunk ----------------------------------------------------------------------------------------------------

    def _advance(self, limit: int) -> None:
        """Take some steps, at most to `limit`, and keep what they leave behind. The caller holds `_work`."""
        if self._closed:
            return
        clock = time.perf_counter if self.single else time.thread_time  # on a busy machine, too, chunks have their length
        before, start = self.front, clock()
        wanted = min(self.pace, limit - before.step)
        chunk = self.session.advance(wanted)
        taken = clock() - start
        if not self.single and taken < CHUNK / 2 and wanted == self.pace:
            self.pace = 2 * self.pace
        elif taken > CHUNK:
            self.pace = max(1, int(wanted * CHUNK / taken))
        if not finite(self.problem, chunk):
            chunk = last_finite(self.problem, self.method, before.state, chunk, self.record)
        state, seconds = chunk.state, before.seconds + taken
        if chunk.reason is not None:
            front = Front(
                state, chunk.status, self._told(state, chunk.reason, chunk.status), chunk.facts.get("diverged_at"), seconds
            )
        elif state.step >= self.steps:
            front = Front(state, FINISHED, self._told(state, took_all(state.step)), None, seconds)
        else:
            front = Front(state, seconds=seconds)
        looked = self._look(state, seconds)
        with self.kept:
            self.costs.extend(chunk.costs)
            self.states.add(state)
            for curve, value in zip((self.norms, self.held_out), looked, strict=False):
                curve.add(state.step, value)
            self.front = front
        with self._moved:
            self._moved.notify_all()

    def _look(self, state: State, seconds: float) -> list[float]:
        """The gradient's norm and, where points are held out, their cost; now and then, otherwise nothing."""
        if self.looking > GRACE + SHARE * seconds or not self.norms.wants(state.step):
            return []
        before = time.thread_time()
        with np.errstate(all="ignore"):
            found = [float(np.linalg.norm(self.problem.bound.gradient(state.p)))]
            if self.held is not None:
                found.append(self.held.held_out_value(state.p))
        self.looking += time.thread_time() - before
        return found

    def _told(self, state: State, message: str, status: str = FINISHED) -> str:
        """What `train` says of a run that ended so."""
        stuck = None if status == DIVERGED else saturation(self.problem, state.p)
        return f"{message}, but {stuck}" if stuck else message

    def shared(self, state: State, method: Method) -> Training:
        """Another method from a state of this run on, with this run's history up to it."""
        out = Training(
            self.problem, method, state._replace(stream=state_of(restored(state.stream))), self.steps, self.record, self.held
        )
        with self.kept:
            out.costs, out.norms = self.costs.copied(state.step), self.norms.copied(state.step)
            out.held_out, out.states = self.held_out.copied(state.step), self.states.copied(state)
        out.costs_at_start, out.front = self.costs_at_start, out.front._replace(seconds=self.front.seconds)
        return out
