"""From the server's loop to the threads that answer, and what happens there when whoever asked goes away."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

from netbp.lab.turns import ASKED, Asked, Turns

QUICK = 8
"""Short questions that are worked on at the same time."""


class Desk:
    """Takes questions, each with its owner, and hands them to threads: a few short ones at a time, and long ones in turns."""

    def __init__(self) -> None:
        self.turns = Turns()
        self._quick: asyncio.Semaphore | None = None

    async def answer(self, owner: str, left: Callable[[], Awaitable[Any]], work: Callable[[], Any]) -> Any:
        """What `work` gives; None when `left`, which tells that the owner has gone, comes first."""
        loop = asyncio.get_running_loop()
        quick = self._quick = self._quick or asyncio.Semaphore(QUICK)  # made where the loop runs
        leaving = asyncio.ensure_future(left())
        try:
            if await _first(asyncio.ensure_future(quick.acquire()), leaving) is None:
                return None
            answer: asyncio.Future[None] = loop.create_future()
            asked = Asked(self.turns, owner, lambda: _told(loop, quick.release))

            # An error knows the frames that it came through, and these hold bodies of megabytes: none of them may know the error.
            told: list[tuple[Any, BaseException | None]] = []

            def answered() -> None:
                if not answer.done():  # otherwise nobody waits for it any more
                    answer.set_result(None)

            def worked() -> None:
                ASKED.set(asked)
                told.append(_tried(work))
                asked.end()
                _told(loop, answered)

            # One for each question, and not one of a pool: Python would wait for a pool's at its end.
            threading.Thread(target=worked, name="netbp lab answers", daemon=True).start()
            found = await _first(answer, leaving)
            asked.gone = found is None  # which the thread sees after its piece
            got, failed = (None, None) if found is None else told.pop()
            if failed is not None:
                raise failed
            return got
        finally:
            failed = None
            leaving.cancel()

    def close(self) -> None:
        """End what is long."""
        for asked in list(self.turns.open):
            asked.gone = True


def _tried(work: Callable[[], Any]) -> tuple[Any, BaseException | None]:
    """What comes, or else what is raised: whoever asked is told of it, whatever it is."""
    try:
        return work(), None
    except BaseException as error:
        return None, error


async def _first(wanted: asyncio.Future[Any], leaving: asyncio.Future[Any]) -> asyncio.Future[Any] | None:
    """What is wanted, done; None, and it is cancelled, when the owner leaves before."""
    try:
        await asyncio.wait({wanted, leaving}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        if not wanted.done():
            wanted.cancel()
    return None if wanted.cancelled() or not wanted.done() else wanted


def _told(loop: asyncio.AbstractEventLoop, call: Callable[..., object], *given: Any) -> None:
    try:
        loop.call_soon_threadsafe(call, *given)
    except RuntimeError:  # the loop has ended meanwhile
        return
