"""Serving the lab: a server with bounds, which hangs up on readers who have stopped reading."""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
import threading
from pathlib import Path
from time import monotonic
from typing import Any

import uvicorn

from netbp.lab.answers import Lab
from netbp.lab.guard import PATIENCE
from netbp.lab.launch import Launch
from netbp.lab.server import application

CONNECTIONS = 64
M_MMAP_THRESHOLD = -3
"""Which of glibc's settings: from how many bytes on an array has pages of its own."""


class Server(uvicorn.Server):
    """uvicorn's server; a connection whose reader has stood still for PATIENCE seconds is cut, and at the end any that stands.

    Without that the answer to such a reader waits for ever, and so would Ctrl-C.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._standing: dict[Any, float] = {}  # connections whose reader stands still, and since when

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second; see uvicorn."""
        self._hang_up(PATIENCE)
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """The end; see uvicorn."""
        self._hang_up(0.0)
        await super().shutdown(sockets)

    def _hang_up(self, patience: float) -> None:
        now = monotonic()
        connections: list[Any] = list(self.server_state.connections)
        paused = [one for one in connections if one.flow.write_paused]
        self._standing = {one: self._standing.get(one, now) for one in paused}
        for one, since in self._standing.items():
            if now - since >= patience:
                one.transport.abort()


def server_of(launch: Launch, lab: Lab) -> uvicorn.Server:
    """The server, not yet running: bounded in connections, in what a header may have, and in how long it waits at its end."""
    config = uvicorn.Config(
        application(lab, launch),
        loop="asyncio",
        http="h11",
        ws="none",
        lifespan="off",
        log_level="error",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=CONNECTIONS,
        h11_max_incomplete_event_size=2**15,
        timeout_keep_alive=30,
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
    lab = Lab(folder)
    threading.Thread(target=lab.warm, daemon=True).start()
    try:
        server_of(launch, lab).run(sockets=[launch.socket])
    finally:
        lab.close()
