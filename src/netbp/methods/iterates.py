"""An optimiser that calls back after every iteration, turned into iterates to ask for one by one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, NamedTuple

import numpy as np

from netbp.types import Vector


class Iterate(NamedTuple):
    """Where an iteration arrived: x, (s,), and the cost there."""

    x: Vector
    cost: float


class Result(NamedTuple):
    """What the optimiser returned: no further iterate will come."""

    value: Any


class ClosedError(Exception):
    """Raised inside the optimiser when nobody waits for its iterates any more."""


class Iterates:
    """The optimiser runs in a thread of its own, hands over each iterate and waits until the next is asked for.

    optimise: called with `handed_over`, to be called after each iteration, and `alive`, to be called before each evaluation; it
    returns the result. The two threads never run at the same time, so it computes what it would compute alone.
    """

    def __init__(self, optimise: Callable[[Callable[[Vector, float], None], Callable[[], None]], Any]) -> None:
        self._optimise = optimise
        self._out: SimpleQueue[Iterate | Result | BaseException] = SimpleQueue()
        self._go = threading.Semaphore(0)
        self._closed = False
        self._thread: threading.Thread | None = None
        self._result: Result | None = None

    @property
    def begun(self) -> bool:
        """Whether an iterate has been asked for."""
        return self._thread is not None

    def next(self) -> Iterate | Result:
        """The next iterate, or the result, which is then given again and again. Raises what the optimiser raised."""
        if self._result is not None:
            return self._result
        if self._closed:
            raise ValueError("the session is closed: open another on its last state")
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="netbp iterates", daemon=True)
            self._thread.start()
        else:
            self._go.release()
        item = self._out.get()
        if isinstance(item, BaseException):
            self._closed, self._thread = True, None
            raise item
        if isinstance(item, Result):
            self._result = item
        return item

    def close(self) -> None:
        """End the thread: at the latest, its next evaluation raises ClosedError inside the optimiser."""
        self._closed = True
        if self._thread is not None:
            self._go.release()
            self._thread.join()

    def _work(self) -> None:
        try:
            with np.errstate(all="ignore"):
                self._out.put(Result(self._optimise(self._hand_over, self._alive)))
        except ClosedError:
            pass
        except BaseException as error:  # whatever it is, the one who waits must hear of it
            self._out.put(error)

    def _hand_over(self, x: Vector, cost: float) -> None:
        self._out.put(Iterate(np.array(x, dtype=float), float(cost)))
        self._go.acquire()
        self._alive()

    def _alive(self) -> None:
        if self._closed:
            raise ClosedError
