"""Connections: how many there may be, how long each may take, and which is closed for another one's sake.

One that has not shown the token yet is among a few, has little time, and gives way to the next; the others keep their places.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from time import monotonic
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from netbp.lab.guard import PATIENCE

MOST, UNKNOWN = 128, 32
"""The most connections at once, and how many of them may not have shown the token yet."""
HEAD, IDLE = 10.0, 30.0
"""Seconds in which a new connection has to come to its first request with the token, and one that has, to its next."""
RATE = 4096.0
"""Bytes a second that a reader has to take at least, over PATIENCE seconds."""
PIECE = 2**14
"""Bytes that are read at once: reading them must not hold the others up, however many events there are in them."""


class Connection(H11Protocol):
    """One connection. known: whether it has shown the token, which the guard says."""

    def __init__(self, config: Any, server_state: Any, app_state: dict[str, Any], *loop: Any, **named: Any) -> None:
        super().__init__(config, server_state, {**app_state, "connection": self}, *loop, **named)
        self.known = False
        self.since = self.watched = monotonic()
        self.left = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has come: make room for it, if need be."""
        transport.max_size = PIECE  # type: ignore[attr-defined]  # asyncio's own on POSIX; where there is no such thing it does nothing
        super().connection_made(transport)
        give_way(self.connections, self)

    def on_response_complete(self) -> None:
        """The answer is on its way: time runs for the next request."""
        self.since = monotonic()
        super().on_response_complete()

    @property
    def at_work(self) -> bool:
        """Whether a request is being answered."""
        return self.cycle is not None and not self.cycle.response_complete

    def overdue(self, now: float) -> bool:
        """Whether the other end has taken longer than it may: to ask, or to read what it asked for."""
        left = self.transport.get_write_buffer_size()
        if left:
            if not self.left:
                self.watched = now
            self.left = max(self.left, left)
            if now - self.watched < PATIENCE:
                return False
            slow = self.left - left < RATE * PATIENCE
            self.watched, self.left = now, left
            return slow
        if self.left:  # all was taken just now
            self.left, self.since = 0, now
        return not self.at_work and now - self.since > (IDLE if self.known else HEAD)


def give_way(connections: Collection[Any], new: Connection) -> None:
    """Close what stands longest without the token, or else without a request, or the new one, until there is a place for each."""
    while len(connections) > MOST or (not new.known and sum(not one.known for one in connections) > UNKNOWN):
        others = [one for one in connections if one is not new and not (one.known and one.at_work)]
        unknown = [one for one in others if not one.known]
        last = min(unknown or others or [new], key=lambda one: (one.at_work, one.since))
        connections.discard(last)  # type: ignore[attr-defined]
        last.transport.abort()
        if last is new:
            return
