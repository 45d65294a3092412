"""Turns: short questions are answered at once; long ones take turns, in pieces, fair between those who asked, and end with them.

A question begins as a short one. Where it turns out to be long (`pause` between its pieces, `long_work` before one) it gives its
place among the short ones up, and from then on works only while it is its turn: for SLICE seconds, then the next one's. So however
many questions about far steps there are, one processor is left to what is answered at once. Work for nobody knows no turns.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from time import monotonic

SHORT, SLICE = 0.05, 0.05
"""Seconds after which a question is a long one, and that a long one works before the next has its turn."""
AT_ONCE = max(1, (os.cpu_count() or 2) - 1)
"""Long questions that are worked on at the same time."""
MOST = 32
"""Long questions that may be open."""


class BusyError(Exception):
    """There are too many long questions already."""


class AbandonedError(Exception):
    """Whoever asked has gone away."""


class Turns:
    """Whose turn it is among the long questions; thread-safe."""

    def __init__(self, at_once: int = AT_ONCE, most: int = MOST) -> None:
        self.most, self.free = most, at_once
        self.open: set[Asked] = set()
        self._waiting: OrderedDict[str, deque[Asked]] = OrderedDict()  # by owner: who waits longest for a turn first
        self.lock = threading.Lock()

    def enter(self, asked: Asked) -> None:
        """Count a question among the long ones. Raises BusyError when there are too many."""
        with self.lock:
            if len(self.open) >= self.most:
                raise BusyError(f"the lab is at work on {self.most} long questions already: ask again when some are answered")
            self.open.add(asked)

    def leave(self, asked: Asked) -> None:
        """A question is answered, or abandoned."""
        with self.lock:
            self.open.discard(asked)

    def take(self, asked: Asked) -> None:
        """Wait for a turn. Raises AbandonedError when whoever asked goes away meanwhile."""
        with self.lock:
            if self.free:
                self.free -= 1
                asked.turn.set()
            else:
                self._waiting.setdefault(asked.owner, deque()).append(asked)
        asked.turn.wait()
        asked.until = monotonic() + SLICE

    def give(self, asked: Asked) -> None:
        """The turn is over: it is that of the owner who has waited longest."""
        with self.lock:
            asked.turn.clear()
            self.free += 1
            self._next()

    def _next(self) -> None:
        while self.free and self._waiting:
            owner, questions = self._waiting.popitem(last=False)
            self.free -= 1
            questions.popleft().turn.set()
            if questions:
                self._waiting[owner] = questions


class Asked:
    """One question. owner: whose it is. shorter: called when it is no longer a short one. gone: whether the owner has left."""

    def __init__(self, turns: Turns, owner: str, shorter: Callable[[], None] = lambda: None) -> None:
        self.turns, self.owner, self._shorter = turns, owner, shorter
        self.turn, self.long, self.gone = threading.Event(), False, False
        self.until = monotonic() + SHORT

    def pause(self) -> None:
        """Between two pieces: let others have their turn, if it is time. Raises BusyError and AbandonedError."""
        if self.gone:
            raise AbandonedError
        if monotonic() > self.until:
            self.wait_for_turn()

    def wait_for_turn(self) -> None:
        """Go on as a long question, in the next turn."""
        self.become_long()
        if self.turn.is_set():
            self.turns.give(self)
        self.turns.take(self)
        if self.gone:
            raise AbandonedError

    def become_long(self) -> None:
        """Be no longer a short one. Raises BusyError."""
        if not self.long:
            self.turns.enter(self)
            self.long = True
            self._shorter()

    def end(self) -> None:
        """It is answered."""
        if self.turn.is_set():
            self.turns.give(self)
        if self.long:
            self.turns.leave(self)
        else:
            self._shorter()


ASKED: ContextVar[Asked | None] = ContextVar("the question that is being answered", default=None)


def pause() -> None:
    """Between two pieces of work, without a lock: raises BusyError, or AbandonedError, when the question goes no further."""
    if (asked := ASKED.get()) is not None:
        asked.pause()


def long_work() -> None:
    """Before a piece that may be long, without a lock: raises as `pause`."""
    if (asked := ASKED.get()) is not None and not asked.turn.is_set():
        asked.wait_for_turn()


@contextlib.contextmanager
def aside() -> Iterator[None]:
    """While something else is waited for: others may work; where too many wait, only those that wait for a turn."""
    asked = ASKED.get()
    if asked is not None:
        with contextlib.suppress(BusyError):
            asked.become_long()
        if asked.turn.is_set():
            asked.turns.give(asked)
    yield
