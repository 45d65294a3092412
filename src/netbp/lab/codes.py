"""Codes that get a page in: each is good once and for a while, so that it may stand where others read it, unlike the token.

The command line of a program is seen by every user of a machine, and a notebook's output is kept in its file.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict

MOST = 64
"""Codes that are kept; of more the oldest is no longer good."""


class Codes:
    """The codes that have not been used yet; thread-safe."""

    def __init__(self) -> None:
        self._until: OrderedDict[str, float] = OrderedDict()
        self._lock = threading.Lock()

    def new(self, life: float) -> str:
        """A code that is good once within `life` seconds."""
        code = secrets.token_urlsafe(32)
        with self._lock:
            self._until[code] = time.monotonic() + life
            while len(self._until) > MOST:
                self._until.popitem(last=False)
        return code

    def used(self, code: str) -> bool:
        """Whether the code is good, which it is no more from now on."""
        with self._lock:
            return time.monotonic() < self._until.pop(code, 0.0)
