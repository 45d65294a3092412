"""`multistart`: one method from many random starts, on all cores, since a non-convex function has no one answer."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from threading import Event
from typing import Any, NamedTuple

import numpy as np

from netbp.engines import REASONS, RUNNING
from netbp.folders import for_workers
from netbp.frames import Library, frame
from netbp.messages import took_all
from netbp.methods import Method
from netbp.methods.least_squares import LevenbergMarquardt
from netbp.methods.stochastic import SteepestDescent, StochasticGradient
from netbp.methods.streams import state_of, streams_from
from netbp.problem import Problem, categories
from netbp.processes import end_with
from netbp.streaming import checked_start, costs_of, count_of
from netbp.types import Array, Matrix, State, Vector

NETWORKS = 64
"""How many networks an engine is handed at once: enough to fill the vector registers, few enough to stay in the cache."""

FITS = 16
"""How many times as many starts Levenberg-Marquardt is handed at once: eight move side by side, and only the last ones wait."""

OUTPUTS = 2**20
"""How many outputs of networks are held at once."""

CHUNK = 10_000
"""Steps between two looks at Ctrl-C."""

QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)


class Multistart(NamedTuple):
    """Where a method arrived from M random starts.

    p: (M, s). costs: (M,), Cost at p; infinite where a run diverged. success: the share with a cost of at most `level`. all_right:
    the share that classifies every training point rightly, NaN when the targets are not categories (0 and 1). best: (s,), the
    p of the lowest cost. messages: why each stopped, in words. quantiles: of the costs, by probability. level: as given.
    """

    p: Matrix
    costs: Vector
    success: float
    all_right: float
    best: Vector
    messages: tuple[str, ...]
    quantiles: dict[float, float]
    level: float

    def frame(self, library: Library = "pandas") -> Any:
        """One row for each start, numbered from 1: start, cost (infinite where it diverged), success, message."""
        starts = np.arange(1, len(self.costs) + 1)
        columns = {"start": starts, "cost": self.costs, "success": self.costs <= self.level, "message": list(self.messages)}
        return frame(columns, library)

    def __str__(self) -> str:
        lines = [
            f"{len(self.costs):,} starts",
            f"  cost at most {self.level:g}   {100 * self.success:6.1f} %",
            *([] if np.isnan(self.all_right) else [f"  all points right     {100 * self.all_right:6.1f} %"]),
            "  final cost",
            *(f"    {_named(q):<18} {cost:.4g}" for q, cost in self.quantiles.items()),
            "  why they stopped",
        ]
        words, counts = np.unique([message.partition(" (")[0] for message in self.messages], return_counts=True)
        order = np.argsort(-counts, kind="stable")
        return "\n".join([*lines, *(f"    {counts[i]:>6,}  {words[i]}" for i in order)])


def _named(q: float) -> str:
    return {0.0: "lowest", 0.5: "median", 1.0: "highest"}.get(q, f"{100 * q:.0f} % are below")


class Ends(NamedTuple):
    """Where some of the starts ended: p (m, s), costs (m,), and why."""

    p: Matrix
    costs: Vector
    messages: list[str]


def multistart(
    problem: Problem,
    method: Method,
    starts: int = 1000,
    steps: int | None = None,
    rng: Any = 0,
    scale: float | Callable[[int, int], float] = 0.5,
    level: float = 1e-6,
    workers: int | None = None,
) -> Multistart:
    """Run the method from `starts` random starts and tell how often it succeeds.

    Each start has a stream of its own, spawned from `rng`, which first draws network.draw(stream, scale) and then serves the
    method, so that the result does not depend on `workers`, the number of threads or processes (None: one per core).
    The stochastic methods run as ensembles and Levenberg-Marquardt in machine code, in threads; other methods in processes,
    each of which leaves BLAS fewer threads, and so may round otherwise, unless OMP_NUM_THREADS sets the same for all.
    level: the cost that counts as success. Raises ValueError for starts or workers below 1 and where `train` would.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    workers = cores if workers is None else workers
    for name, value in (("starts", starts), ("workers", workers)):
        if not isinstance(value, int | np.integer) or value < 1:
            raise ValueError(f"{name} must be a whole number of at least 1, but it is {value!r}")
    total = count_of(method, steps)
    streams = streams_from(rng, int(starts))
    p = checked_start(problem, np.array([problem.network.draw(stream, scale) for stream in streams]))
    return _summed(problem, _run_all(problem, method, p, streams, total, workers), level)


def merged(problem: Problem, parts: Sequence[Multistart]) -> Multistart:
    """Several parts of the starts as one, in their order: what `multistart` gives for all of their streams together."""
    return _summed(
        problem,
        Ends(
            np.concatenate([part.p for part in parts]),
            np.concatenate([part.costs for part in parts]),
            [message for part in parts for message in part.messages],
        ),
        parts[0].level,
    )


def _summed(problem: Problem, ends: Ends, level: float) -> Multistart:
    finite = np.isfinite(ends.costs)
    quantiles = {q: float(np.quantile(ends.costs, q, method="inverted_cdf")) for q in QUANTILES}
    return Multistart(
        ends.p,
        ends.costs,
        float(np.mean(ends.costs <= level)),
        _all_right(problem, ends.p, finite),
        ends.p[int(np.argmin(ends.costs))],
        tuple(ends.messages),
        quantiles,
        level,
    )


def _run_all(problem: Problem, method: Method, p: Matrix, streams: list[Any], steps: int, workers: int) -> Ends:
    if isinstance(method, StochasticGradient | SteepestDescent):
        parts = _in_threads(lambda at, over: _ensemble(problem, method, p[at], streams[at], steps, over), len(p), workers, NETWORKS)
    elif isinstance(method, LevenbergMarquardt) and hasattr(problem.bound, "least_squares_many"):
        method.session(problem, State(p[0]), None, 0)  # raises what does not fit
        size = min(FITS * NETWORKS, -(-len(p) // workers))
        parts = _in_threads(lambda at, over: _least_squares(problem, method, p[at], steps), len(p), workers, size)
    else:
        parts = _in_processes(problem, method, p, streams, steps, workers)
    return Ends(
        np.concatenate([part.p for part in parts]),
        np.concatenate([part.costs for part in parts]),
        [message for part in parts for message in part.messages],
    )


def _in_threads(work: Callable[[slice, Event], Ends], M: int, workers: int, size: int) -> list[Ends]:
    """The blocks of `size` starts one after the other, `workers` at a time; the engines release Python's lock.

    work: of a block and an event, which is set when nobody waits for the blocks any more, as after a Ctrl-C.
    """
    over = Event()
    blocks = [slice(i, min(i + size, M)) for i in range(0, M, size)]
    if workers == 1:
        return [work(block, over) for block in blocks]
    from concurrent.futures import ThreadPoolExecutor

    pool = ThreadPoolExecutor(workers)
    try:
        return list(pool.map(work, blocks, [over] * len(blocks)))
    finally:
        over.set()
        pool.shutdown(wait=True, cancel_futures=True)


def _ensemble(
    problem: Problem, method: StochasticGradient | SteepestDescent, p: Matrix, streams: list[Any], steps: int, over: Event
) -> Ends:
    session = method.session(problem, State(p, 0, {}, state_of(streams)), streams, 0)
    for done in range(0, steps, CHUNK):
        if over.is_set():
            break
        p = session.advance(min(steps - done, CHUNK)).state.p
    costs = _costs(problem, p)
    ok = np.isfinite(costs) & np.isfinite(p).all(axis=1)
    costs[~ok] = np.inf
    return Ends(p, costs, [took_all(steps) if fine else "it diverged: try a smaller rate" for fine in ok])


def _least_squares(problem: Problem, method: LevenbergMarquardt, p: Matrix, steps: int) -> Ends:
    many: Any = problem.bound
    iterations = min(steps, method.iterations)
    fitted = many.least_squares_many(p, method.settings, iterations, method.evaluations_for(problem.size))
    costs = _costs(problem, fitted.p)
    costs[~np.isfinite(costs)] = np.inf
    words = REASONS | {RUNNING: f"it took all the {iterations} iterations allowed"}
    messages = [f"{words[r]} (iteration {i})" for r, i in zip(fitted.reason.tolist(), fitted.iterations.tolist(), strict=True)]
    return Ends(fitted.p, costs, messages)


def _in_processes(problem: Problem, method: Method, p: Matrix, streams: list[Any], steps: int, workers: int) -> list[Ends]:
    """Each start by a session of its own; in this process when there is one worker."""
    if workers == 1:
        return [_single(problem, method, *pair, steps) for pair in zip(p, streams, strict=True)]
    from joblib import Parallel, delayed

    def pieces() -> Iterator[Any]:
        size = max(1, -(-len(p) // (4 * workers)))
        for i in range(0, len(p), size):
            yield delayed(_several)(problem, method, p[i : i + size], streams[i : i + size], steps, os.getpid())

    with for_workers() as options:
        return [end for piece in Parallel(n_jobs=workers, **options)(pieces()) for end in piece]


def _several(problem: Problem, method: Method, p: Matrix, streams: list[Any], steps: int, parent: int) -> list[Ends]:
    end_with(parent)
    return [_single(problem, method, *pair, steps) for pair in zip(p, streams, strict=True)]


def ended(problem: Problem, method: Method, p: Vector, stream: Any, steps: int) -> tuple[State, str | None]:
    """Where the method arrives from p, (s,), in at most `steps` steps, by one session; and why, if it ended before them."""
    state, reason = State(p, 0, {}, state_of(stream)), None
    session = method.session(problem, state, stream, 0)
    try:
        while state.step < steps and reason is None:
            state, _, _, reason, *_ = session.advance(min(steps - state.step, CHUNK))
    finally:
        session.close()
    return state, reason


def _single(problem: Problem, method: Method, p: Vector, stream: Any, steps: int) -> Ends:
    state, reason = ended(problem, method, p, stream, steps)
    cost = costs_of(problem.bound, state.p)
    if not np.isfinite(cost):
        cost, reason = np.inf, reason or "it diverged"
    return Ends(state.p[None], np.array([cost]), [reason or took_all(steps)])


def _costs(problem: Problem, p: Matrix) -> Vector:
    """Cost at each start's end, by one call of an engine that takes them together."""
    values: Vector = problem.bound.values(p) if hasattr(problem.bound, "values") else costs_of(problem.bound, p)
    return values


def _all_right(problem: Problem, p: Matrix, finite: Array) -> float:
    y = np.asarray(problem.data.y)
    if not np.isin(y, (0.0, 1.0)).all():
        return float("nan")
    labels = y[:, 0].astype(np.int64) if y.shape[1] == 1 else y.argmax(axis=1)
    x = np.asarray(problem.data.x)
    bound: Any = problem.bound
    together = max(1, OUTPUTS // y.size) if hasattr(bound, "outputs") else 1
    right = 0
    for first in range(0, len(p), together):
        at = slice(first, first + together)
        a = bound.outputs(p[at], x) if together > 1 else bound.forward(p[first], x)[None]
        right += int((finite[at] & (categories(np.asarray(problem.cost.predict(a))) == labels).all(axis=1)).sum())
    return right / len(p)
