"""`stream`: a run as an iterator of snapshots, which everything else consumes."""

from __future__ import annotations

import operator
import time
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from netbp.consensus import agreed
from netbp.methods import DIVERGED, FINISHED, Chunk, Method
from netbp.methods.schedules import values_at
from netbp.methods.streams import restored, state_of, stream_from, streams_from
from netbp.plain import plain
from netbp.problem import Problem
from netbp.types import Array, Indices, State, Vector
from netbp.validation import NOTHING, bound_at, held_out_of

FASTEST, SLOWEST = 0.025, 0.1
"""Seconds that a chunk of steps should take: Ctrl-C and progress bars then respond at once."""
NETWORKS = 256
"""Of more networks a chunk may take longer in proportion: each has a cost per chunk, its stream, to stay small beside the steps."""


class Series(NamedTuple):
    """A recorded curve. steps: (n,), the numbers of the steps. values: (n,), or (n, M) for M networks."""

    steps: Indices
    values: Array


class Snapshot(NamedTuple):
    """A run after some step.

    state: everything that is needed to go on, in arrays that cannot be written to: copy what you change. cost, held_out: the
    last recorded, or None (an array for M networks). series: what was recorded since the last snapshot, by name ("cost",
    "held_out", and error shares where there are categories: "top1", "top5", "held_out_top1", "held_out_top5"). reason: why the
    run ends here, or None; status: in one word. facts: plain numbers about the method's work.
    """

    state: State
    cost: Any = None
    held_out: Any = None
    series: Mapping[str, Series] = {}
    reason: str | None = None
    status: str = FINISHED
    facts: Mapping[str, Any] = {}

    @property
    def step(self) -> int:
        """Steps done."""
        return self.state.step

    @property
    def p(self) -> Array:
        """The parameters, (s,) or (M, s)."""
        return self.state.p


def stream(
    problem: Problem,
    method: Method,
    steps: int | None = None,
    every: int | None = None,
    start: ArrayLike | None = None,
    rng: Any = 0,
    record: int | None = None,
    resume: Any = None,
) -> Iterator[Snapshot]:
    """Train step by step: a Snapshot after every step that is a multiple of `every`, and one at the end.

    every: None for a snapshot a few times a second. resume: a State, a Snapshot or a Run to go on from; `steps` counts from
    the very beginning. The rest is as in `train`. Neither p nor the costs depend on `every`. Raises ValueError as `train`
    does, here and now, not at the first snapshot.
    """
    total = count_of(method, steps)
    if every is not None and operator.index(every) < 1:
        raise ValueError(f"every must be at least 1, but it is {every}")
    state = getattr(resume, "state", resume)
    if state is not None and not isinstance(state, State):
        raise TypeError(f"stream resumes from a State, a Snapshot or a Run, but resume is {resume!r}: load a file with Run.load")
    state, generator = opened(problem, start, rng, state)
    record = checked_record(record)
    agreed(problem, {"method": method, "record": record, "rng": rng, "steps": total}, state)
    return snapshots(problem, method, state, generator, total, every, record)


def snapshots(
    problem: Problem,
    method: Method,
    state: State,
    rng: Any,
    steps: int,
    every: int | None,
    record: int | None,
    pause: bool = False,
) -> Iterator[Snapshot]:
    """What `stream` and `train` iterate over; with pause, or held-out data, there is a snapshot at every recorded step."""
    session = method.session(problem, state, rng, record)
    return _snapshots(session, problem, method, state, steps, every, record, pause)


def _snapshots(
    session: Any, problem: Problem, method: Method, state: State, steps: int, every: int | None, record: int | None, pause: bool
) -> Iterator[Snapshot]:
    pace, looks = 1, problem.held_out is not None
    patience = max(1.0, len(state.p) / NETWORKS) if state.p.ndim > 1 else 1.0
    cost = held_out = None
    parts: list[dict[str, Series]] = []
    try:
        while state.step < steps:
            wanted = min(steps - state.step, pace, every - state.step % every if every else steps)
            before = time.perf_counter()
            chunk: Chunk = session.advance(wanted, pause or looks)
            pace = _next_pace(pace, wanted, (time.perf_counter() - before) / patience)
            if not finite(problem, chunk):
                chunk = last_finite(problem, method, state, chunk, record)
            state = chunk.state
            new = {}
            if len(chunk.steps):
                cost = chunk.costs[-1]
                new = {name: Series(chunk.steps, values) for name, values in {"cost": chunk.costs, **chunk.curves}.items()}
                if looks:
                    seen = held_out_of(problem, state.p, state.memory)
                    held_out = seen["held_out"]
                    new |= {name: Series(chunk.steps[-1:], np.array([value])) for name, value in seen.items()}
            parts.append(new)
            ended = chunk.reason is not None or state.step >= steps
            if ended or not every or state.step % every == 0:
                yield Snapshot(read_only(state), cost, held_out, joined(parts), chunk.reason, chunk.status, chunk.facts)
                parts = []
            if chunk.reason is not None:
                return
    finally:
        session.close()


def read_only(state: State) -> State:
    """The same arrays, as views that nobody can write to: the method goes on from them."""

    def view(array: Array) -> Array:
        seen = np.asarray(array).view()
        seen.flags.writeable = False
        return seen

    return state._replace(p=view(state.p), memory={name: view(array) for name, array in state.memory.items()})


def _next_pace(pace: int, taken: int, seconds: float) -> int:
    if seconds < FASTEST:
        return max(pace, taken * 4)
    return max(1, pace // 2) if seconds > SLOWEST else pace


def joined(parts: list[dict[str, Series]]) -> dict[str, Series]:
    """Curves recorded one after the other, as one each."""
    names = dict.fromkeys(name for part in parts for name in part)
    out = {}
    for name in names:
        pieces = [part[name] for part in parts if name in part]
        if len(pieces) == 1:
            out[name] = pieces[0]
        else:
            out[name] = Series(np.concatenate([s.steps for s in pieces]), np.concatenate([s.values for s in pieces]))
    return out


# -- where a run begins --------------------------------------------------------------------------------------------------


def count_of(method: Method, steps: int | None) -> int:
    """The number of steps to take. Raises ValueError when there is none, it is negative, or the method cannot take so many."""
    if steps is None:
        limit = getattr(method, "limit", None)
        if limit is None:
            raise ValueError(f"{type(method).__name__} needs a number of steps: give steps=1000, say")
        return int(limit)
    try:
        count = operator.index(steps)
    except TypeError:
        raise ValueError(f"steps must be a whole number, such as 1_000_000, but it is {steps!r}") from None
    if count < 0:
        raise ValueError(f"steps must be at least 0, but it is {count}")
    refusal = method.refusal(count) if hasattr(method, "refusal") else None
    if refusal:
        raise ValueError(refusal)
    return count


def checked_record(record: int | None) -> int | None:
    """`record` itself. Raises ValueError when it is not None or a whole number of at least 0."""
    if record is not None and (not isinstance(record, int | np.integer) or record < 0):
        raise ValueError(f"record must be a whole number of steps, 0 for no costs, or None, but it is {record!r}")
    return None if record is None else int(record)


def opened(problem: Problem, start: ArrayLike | None, rng: Any, state: State | None) -> tuple[State, Any]:
    """The state to begin from and the random stream, or streams, that stand where it says."""
    if state is not None:
        if start is not None:
            raise ValueError("give start or resume, not both: a run that goes on has its own state")
        p = checked_start(problem, state.p)
        generator = _generators(rng, p) if state.stream is None else restored(state.stream)
        return state._replace(p=p, stream=state_of(generator)), generator
    if start is not None:
        p = checked_start(problem, start)
        generator = _generators(rng, p)
    elif isinstance(rng, list | tuple):
        generator = streams_from(rng, len(rng))
        p = checked_start(problem, np.array([problem.network.draw(one) for one in generator]))
    else:
        generator = stream_from(rng)
        p = checked_start(problem, problem.network.draw(generator))
    return State(p, 0, {}, state_of(generator)), generator


def _generators(rng: Any, p: Array) -> Any:
    return stream_from(rng) if p.ndim == 1 else streams_from(rng, len(p))


def checked_start(problem: Problem, start: ArrayLike) -> Array:
    """The start as a new array of the engine's type, (s,) or (M, s). Raises ValueError when it is not one."""
    assert problem.engine is not None
    p = plain(start, "the start", along="entry", dtype=problem.engine.dtype).copy()
    if p.ndim not in (1, 2) or p.shape[-1] != problem.size or len(p) == 0:
        raise ValueError(
            f"{problem.network.title} has {problem.size} parameters, but the start has shape {p.shape}: "
            f"give ({problem.size},), or (M, {problem.size}) for M networks"
        )
    return p


# -- costs and divergence ------------------------------------------------------------------------------------------------


def costs_of(bound: Any, p: Array, memory: Mapping[str, Array] = NOTHING) -> Any:
    """Cost(p), with the buffers of a state's memory: a float, or (M,) for M networks; infinite or NaN without a warning."""
    with np.errstate(all="ignore"):
        if p.ndim == 1:
            return float(bound_at(bound, memory).value(p))
        return np.array([bound_at(bound, memory, m).value(one) for m, one in enumerate(p)])


def finite(problem: Problem, chunk: Chunk) -> bool:
    """Whether p and the costs are finite after these steps; the cost is computed where p is so large that it may not be."""
    p = chunk.state.p
    largest = np.abs(p).max()
    if not (np.isfinite(largest) and np.isfinite(chunk.costs).all()):
        return False
    layers = len(problem.network.weighted)  # no other layer makes large what was not
    return bool(
        largest <= 1.0 or layers * np.log10(largest) < 50.0 or np.isfinite(costs_of(problem.bound, p, chunk.state.memory)).all()
    )


def last_finite(problem: Problem, method: Method, before: State, chunk: Chunk, record: int | None) -> Chunk:
    """The last state with finite p and costs between `before` and the chunk's end, found by taking the steps again, halving."""
    low, high = Chunk(before), chunk.state.step
    parts: list[Chunk] = []
    while high - low.state.step > 1:
        session = method.session(problem, low.state, restored(low.state.stream), record)
        try:
            middle = session.advance((high - low.state.step) // 2)
        finally:
            session.close()
        if finite(problem, middle):
            low = middle
            parts.append(middle)
        else:
            high = middle.state.step
    steps = np.concatenate([chunk.steps[:0], *(part.steps for part in parts)])
    costs = np.concatenate([chunk.costs[:0], *(part.costs for part in parts)])
    curves = {name: np.concatenate([v[:0], *(part.curves[name] for part in parts)]) for name, v in chunk.curves.items()}
    reason = divergence(problem, method, low.state, chunk, high)
    return Chunk(low.state, steps, costs, reason, DIVERGED, {**chunk.facts, "diverged_at": high}, curves)


def divergence(problem: Problem, method: Method, last: State, chunk: Chunk, step: int) -> str:
    """In words: where, at which rate, how large the weights were, and what to do."""
    rate = getattr(method, "rate", None)
    at_rate = "" if rate is None else f" at rate {values_at(rate, step - 1, 1, 'rate')[0]:g}"
    who = ""
    if last.p.ndim == 2:
        bad = np.flatnonzero(~np.isfinite(chunk.state.p).all(axis=1))
        who = f" of network {bad[0]} (of 0 to {len(last.p) - 1})" if len(bad) else " of one network"
    weights: list[Vector] = [np.abs(W).max(initial=0.0) for W, _ in problem.network.views(last.p)]
    return (
        f"the cost or a parameter{who} is not finite after step {step}{at_rate}: the largest weight was {max(weights):.3g} after "
        f"step {last.step}, whose state, the last finite one, is kept; try a smaller rate"
    )
