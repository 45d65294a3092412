"""Frames of the page before training: one who waits to see comes before what runs ahead."""

from __future__ import annotations

import os
import threading
import time

ASIDE = 0.02
"""Seconds that training ahead stands aside for frames, at most, before each chunk."""
PAUSE, FEW = 0.012, 2
"""Seconds after each frame that training leaves to a browser which has no processor of its own: there are at most so many."""


class Drawing:
    """Frames go first: while one is worked out, the threads that train ahead stand aside, whatever run they are of.

    pause: they do so for that many seconds more, in which the page draws the frame.
    """

    def __init__(self, pause: float) -> None:
        self._lock, self._frames, self._none = threading.Lock(), 0, threading.Event()
        self._none.set()
        self._pause, self._until = pause, 0.0

    def __enter__(self) -> None:
        with self._lock:
            self._frames += 1
            self._none.clear()

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._frames -= 1
            self._until = time.monotonic() + self._pause
            if not self._frames:
                self._none.set()

    def stand_aside(self) -> None:
        """Wait until no frame is being worked out, at most ASIDE seconds: training goes on beside pages that never pause."""
        self._none.wait(ASIDE)
        time.sleep(max(0.0, min(self._pause, self._until - time.monotonic())))


DRAWING = Drawing(PAUSE if (os.cpu_count() or 1) <= FEW else 0.0)
