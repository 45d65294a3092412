"""An optimiser that calls back after every iteration, turned into iterates to ask for, one or many at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, NamedTuple

import numpy as np

from netbp.interrupts import requested
from netbp.types import Vector


class Handed(NamedTuple):
    """What came of a request.

    x: (s,), where the last iteration arrived, or None if there was none. costs: after each iteration. result: what the optimiser
    returned, in a tuple of its own, once no further iteration will come; otherwise None.
    """

    x: Vector | None
    costs: list[float]
    result: tuple[Any] | None = None


class ClosedError(Exception):
    """Raised inside the optimiser when nobody waits for its iterates any more, or a Ctrl-C or SIGTERM has come."""


class TooLargeError(ArithmeticError):
    """Raised inside the optimiser for numbers with which it would never end."""


def from_overflow(error: Exception) -> bool:
    """Whether an error in an optimiser comes of numbers too large for it, and not from the problem's own functions."""
    if isinstance(error, TooLargeError):
        return True
    trace = error.__traceback__.tb_next if error.__traceback__ else None  # the first frame is ours, in which SciPy is called
    while trace is not None:
        if str(trace.tb_frame.f_globals.get("__name__")).startswith("netbp."):
            return False
        trace = trace.tb_next
    return isinstance(error, ArithmeticError | np.linalg.LinAlgError | ValueError | TypeError)


class Iterates:
    """The optimiser runs in a thread of its own, hands over as many iterations as were asked for and waits for the next request.

    Several at a time, since a change of threads takes longer than an iteration on a small problem. optimise: called with
    `iterated`, to be called after each iteration, and `alive`, to be called before each evaluation; it returns the result. The
    two threads never run at the same time, so it computes what it would compute alone.
    """

    def __init__(self, optimise: Callable[[Callable[[Vector, float], None], Callable[[], None]], Any]) -> None:
        self._optimise = optimise
        self._out: SimpleQueue[Handed | BaseException] = SimpleQueue()
        self._wanted = 1
        self._x: Vector | None = None
        self._costs: list[float] = []
        self._go = threading.Semaphore(0)
        self._closed = self._of_main = False
        self._thread: threading.Thread | None = None
        self._result: tuple[Any] | None = None

    @property
    def begun(self) -> bool:
        """Whether an iterate has been asked for."""
        return self._thread is not None

    def next(self, count: int = 1) -> Handed:
        """The next `count` iterations, or fewer and the result, which is then given again and again.

        Fewer without a result when the main thread is to stop. Raises what the optimiser raised.
        """
        if self._result is not None:
            return Handed(None, [], self._result)
        if self._closed:
            raise ValueError("the session is closed: open another on its last state")
        self._wanted, self._of_main = count, threading.current_thread() is threading.main_thread()
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="netbp iterates", daemon=True)
            self._thread.start()
        else:
            self._go.release()
        handed = self._out.get()
        if isinstance(handed, BaseException):
            self._closed, self._thread = True, None
            raise handed
        self._result = handed.result
        return handed

    def close(self) -> None:
        """End the thread: at the latest, its next evaluation raises ClosedError inside the optimiser."""
        self._closed = True
        if self._thread is not None:
            self._go.release()
            self._thread.join()

    def _work(self) -> None:
        try:
            with np.errstate(all="ignore"):
                result = self._optimise(self._iterated, self._alive)
            self._hand_over((result,))
        except ClosedError:
            if not self._closed:  # a request to stop: no further iteration will come, and who waits goes on with what there is
                self._closed, self._thread = True, None
                self._hand_over(None)
        except BaseException as error:  # whatever it is, the one who waits must hear of it
            self._out.put(error)

    def _iterated(self, x: Vector, cost: float) -> None:
        self._costs.append(float(cost))
        if len(self._costs) < self._wanted:
            if self._x is None:
                self._x = np.empty(np.shape(x))
            self._x[:] = x  # it may be the last
            return
        self._x = np.array(x, dtype=float)
        self._hand_over(None)
        self._go.acquire()
        self._alive()

    def _hand_over(self, result: tuple[Any] | None) -> None:
        handed = Handed(self._x, self._costs, result)
        self._x, self._costs = None, []
        self._out.put(handed)

    def _alive(self) -> None:
        if self._closed or (self._of_main and requested()):
            raise ClosedError
