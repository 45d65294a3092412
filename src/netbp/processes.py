"""Several processes at one run: which of them this one is, as torchrun's environment tells; and workers that outlive nobody."""

from __future__ import annotations

import os
import threading
import time
from typing import NamedTuple


class ProcessLostError(RuntimeError):
    """Another process of the run has ended, or does not answer any more. saved: whether there is a file to go on from."""

    def __init__(self, message: str, saved: bool = False) -> None:
        super().__init__(message)
        self.saved = saved


class Place(NamedTuple):
    """rank: this process's number, from 0. size: how many there are. local: its number on this machine, which chooses a GPU."""

    rank: int
    size: int
    local: int


def place() -> Place:
    """Where this process stands among those of the run; (0, 1, 0) alone. Raises ValueError for an environment of nonsense."""
    given = {name: os.environ.get(name, default) for name, default in (("RANK", "0"), ("WORLD_SIZE", "1"), ("LOCAL_RANK", "0"))}
    try:
        rank, size, local = (int(value) for value in given.values())
    except ValueError:
        rank, size, local = -1, 0, 0
    if not 0 <= rank < size:
        told = ", ".join(f"{name}={value}" for name, value in given.items())
        raise ValueError(f"the environment has {told}: start several processes with torchrun, which sets them")
    return Place(rank, size, local)


def is_first() -> bool:
    """Whether this process prints, logs and saves for all."""
    return place().rank == 0


LOOKS = 1.0
"""Seconds between two looks at whether the parent is there."""
_watched: set[int] = set()


def end_with(parent: int) -> None:
    """End this process, a worker, as soon as its parent is gone: one that a signal has ended waits for no answer any more."""
    if parent in _watched or os.getppid() != parent:
        return
    _watched.add(parent)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(LOOKS)
        os._exit(1)

    threading.Thread(target=watch, name="netbp parent", daemon=True).start()
