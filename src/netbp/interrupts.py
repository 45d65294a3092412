"""Ctrl-C and SIGTERM as requests to stop at the next snapshot."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType, TracebackType
from typing import Any

NAMES = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM"}
PATIENCE = 20
DEFAULTS = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}


@contextlib.contextmanager
def terminated_as_by_ctrl_c() -> Iterator[None]:
    """Meanwhile SIGTERM raises KeyboardInterrupt, as Ctrl-C does: in the main thread, where nobody else has a handler."""
    number, default = signal.SIGTERM, signal.SIG_DFL
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(number) is not default:
        yield
        return
    signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(number, default)


_waiting: list[Interrupts] = []


def requested() -> bool:
    """Whether a Ctrl-C or a SIGTERM has come that ends what the main thread does."""
    return any(one.received for one in _waiting)


class Interrupts:
    """Within `with`, the first Ctrl-C or SIGTERM only sets `received`; a second one raises KeyboardInterrupt at once.

    Only in the main thread, and only where nobody has handlers of their own. Held back, they do nothing, unless there are many: a
    file is being written, and the line that says where is still to come.
    """

    def __init__(self) -> None:
        self.received: str | None = None
        self._before: dict[signal.Signals, Any] = {}
        self._left: int | None = None

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread():
            for number, default in DEFAULTS.items():
                if signal.getsignal(number) is default:
                    self._before[number] = signal.signal(number, self._handle)
        _waiting.append(self)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        _waiting.remove(self)
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        again = self.received is not None
        self.received = NAMES[signal.Signals(number)]
        if self._left:
            self._left -= 1
        elif again or self._left is not None:
            raise KeyboardInterrupt

    def hold_back(self) -> None:
        """From now on ignore Ctrl-C and SIGTERM, but not more than PATIENCE of them."""
        self._left = PATIENCE
