"""Serving the lab: a server with bounds, which hangs up on who takes too long."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any

import uvicorn

from netbp.lab.answers import Lab
from netbp.lab.connections import IDLE, Connection
from netbp.lab.launch import Launch
from netbp.lab.server import application

M_MMAP_THRESHOLD, M_ARENA_MAX = -3, -8
"""Which of glibc's settings: from how many bytes on an array has pages of its own, and how many heaps the threads share."""


class Server(uvicorn.Server):
    """uvicorn's server; connections whose other end takes too long are cut, and at the end any whose reader stands still.

    Without that the answer to such a reader waits for ever, and so would Ctrl-C.
    """

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second; see uvicorn."""
        now = monotonic()
        self._cut(lambda one: one.overdue(now))
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """The end; see uvicorn."""
        self._cut(lambda one: one.flow.write_paused)
        await super().shutdown(sockets)
        self._cut(lambda one: True)  # what has outlasted uvicorn's patience
        await asyncio.sleep(0)  # the loop closes what was cut in its next turn, before it ends itself

    def _cut(self, which: Callable[[Any], bool]) -> None:
        for one in [one for one in self.server_state.connections if which(one)]:
            one.transport.abort()


def server_of(launch: Launch, lab: Lab) -> uvicorn.Server:
    """The server, not yet running: bounded in connections, in what a header may have, and in how long it waits at its end."""
    config = uvicorn.Config(
        application(lab, launch),
        loop="asyncio",
        http=Connection,
        ws="none",
        lifespan="off",
        log_level="error",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        h11_max_incomplete_event_size=2**15,
        timeout_keep_alive=int(IDLE),
        timeout_graceful_shutdown=1,
    )
    return Server(config)


def serve(launch: Launch, folder: Path | None = None) -> None:
    """Answer until Ctrl-C."""
    # Frames and steps are small products in several threads: BLAS threads of their own would only wait for one another. SciPy's
    # BLAS, which the kernels use, reads this when it is loaded, which is later.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # What a history leaves behind when it grows goes back to the system; each thread's heap would keep tens of MB of it.
    with contextlib.suppress(AttributeError, OSError, TypeError):  # another C library than glibc
        ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, 2**20)
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, 2)
    sys.setswitchinterval(0.001)  # s: answers to short questions wait for Python's lock several times each
    lab = Lab(folder)
    threading.Thread(target=lab.warm, daemon=True).start()
    try:
        server_of(launch, lab).run(sockets=[launch.socket])
    finally:
        lab.close()
