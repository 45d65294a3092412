"""The guided tour: the paper's story in five stops, each an address whose run shows what its text says."""

from __future__ import annotations

from typing import NamedTuple


class Stop(NamedTuple):
    """A stop of the tour. address: of the experiment to look at."""

    title: str
    text: str
    address: str


TOUR: tuple[Stop, ...] = ()
