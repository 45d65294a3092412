"""Methods: how p moves, and the protocol by which `stream` and `train` drive them.

A Method is a frozen dataclass of settings. Its session takes steps for one problem; a session is all that moves, and everything
it needs in order to go on, bit for bit, is in the State that it hands out. Two laws hold for every method: neither p nor the
costs depend on how the steps are split into calls of `advance`, and a session opened on a State goes on as the one that made it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike

from netbp.types import Array, Indices, State

if TYPE_CHECKING:
    from netbp.problem import Problem

FINISHED, CONVERGED, STOPPED, DIVERGED = "finished", "converged", "stopped", "diverged"

NO_STEPS = np.empty(0, dtype=np.int64)
NO_COSTS = np.empty(0)


class Chunk(NamedTuple):
    """What `advance` did.

    state: where it arrived. steps: (n,), the numbers of the steps whose cost was recorded; costs: (n,), or (n, M) for M
    networks; curves: what else was recorded after these steps, by name, each shaped like costs. reason: in words, why no
    further step can be taken, or None; status: then one of the four words above. facts: plain numbers and strings about the run
    so far, such as iterations, evaluations and gradient_norm.
    """

    state: State
    steps: Indices = NO_STEPS
    costs: Array = NO_COSTS
    reason: str | None = None
    status: str = FINISHED
    facts: Mapping[str, Any] = {}
    curves: Mapping[str, Array] = {}


class Session(Protocol):
    """A method at work on one problem."""

    def advance(self, steps: int, to_record: bool = False) -> Chunk:
        """Take up to `steps` steps, at least one; with to_record, none beyond the first whose cost is recorded."""
        ...

    def close(self) -> None:
        """Let go of what the session holds (threads); it takes no further step. May be called twice."""
        ...


class Method(Protocol):
    """A way of moving p.

    It may also have `limit`, the number of steps that it takes when none is given, and `refusal(steps)`, which says why it
    cannot take so many, or None.
    """

    def session(self, problem: Problem, state: State, rng: Any, record: int | None) -> Session:
        """The method at work from `state`.

        rng: the random stream, as the state's step left it, or a list of them for M networks. record: the cost of all data
        after every step that is a multiple of it; 0 for no costs; None for what the method thinks best. Raises ValueError,
        before any work, when method, problem and state do not fit.
        """
        ...


def recorded(step: int, steps: int, record: int) -> Indices:
    """The multiples of `record` among step + 1, ..., step + steps; none for record = 0."""
    if not record:
        return NO_STEPS
    return np.arange(step - step % record + record, step + steps + 1, record, dtype=np.int64)


def remembered(memory: Mapping[str, Array], name: str, default: ArrayLike, finite: bool = True) -> Array:
    """The array of that name in a State's memory, or the default where there is none.

    Raises ValueError where it has another shape than the default, or is not of finite numbers: it may come from a file.
    """
    array, usual = np.asarray(memory.get(name, default)), np.asarray(default)
    kinds = {"i": "iu", "O": "O"}.get(usual.dtype.kind, "fiu")  # wide numbers are objects
    if array.shape != usual.shape or array.dtype.kind not in kinds:
        found, needed = (f"{one.dtype} of shape {one.shape}" for one in (array, usual))
        raise ValueError(f"the memory {name} is {found}, but should be {needed}: begin anew")
    if finite and kinds != "O" and not np.isfinite(array).all():
        raise ValueError(f"the memory {name} is not finite: begin anew")
    return array
