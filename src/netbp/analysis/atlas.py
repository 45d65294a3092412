"""`atlas(problem, method, starts)`: the end states of a method from many random starts, and how many starts lead to each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from netbp.analysis.endstates import Partition, by_orbit, leaders, outputs_of, partition, ranges
from netbp.analysis.minima import Stationary, newton
from netbp.analysis.regression import Interval
from netbp.analysis.shares import percent, share
from netbp.analysis.symmetry import Symmetries, symmetries
from netbp.analysis.tables import aligned
from netbp.frames import Library, frame
from netbp.methods import Method
from netbp.problem import Problem, categories
from netbp.sweep import multistart
from netbp.types import Indices, Matrix, Vector

TOLERANCE = 0.1
"""Outputs at the data nearer than this count as the same."""

ROWS = 12  # of a table


class EndState(NamedTuple):
    """A class of ends.

    starts: how many led here. share: of all starts, with its 95 % interval. costs: lowest, median and highest. partition: which
    points the network tells apart, at its median member. wrong: numbers of the points classified wrongly, from 1, or None where
    targets are no categories. norms: of p, 5 %, median and 95 %. gradient: the median of the gradient's norm. minimum: the
    stationary point that Newton's method found, or None. p: (s,), of the lowest cost. members: (starts,), numbers of the starts.
    """

    starts: int
    share: Interval
    costs: tuple[float, float, float]
    partition: Partition
    wrong: tuple[int, ...] | None
    norms: tuple[float, float, float]
    gradient: float
    minimum: Stationary | None
    p: Vector
    members: Indices


@dataclass(frozen=True, eq=False)
class Atlas:
    """The end states, the most frequent first; prints as a table.

    p, costs: (M, s) and (M,), where each start ended; infinite where it diverged. level: the cost that counts as success.
    success, all_right: shares of the starts that reached it, and that classify all points rightly (None where targets are no
    categories). refined: whether Newton's method followed, and classes are minima up to symmetries.
    """

    states: tuple[EndState, ...]
    p: Matrix
    costs: Vector
    level: float
    success: Interval
    all_right: Interval | None
    diverged: int
    symmetries: Symmetries | None
    refined: bool

    @property
    def minima(self) -> tuple[EndState, ...]:
        """The classes that are isolated minima, certified by the Hessian, by ascending cost; empty without refinement."""
        found = [at for at in self.states if at.minimum is not None and at.minimum.kind == "minimum"]
        return tuple(sorted(found, key=lambda at: at.costs[0]))

    def frame(self, library: Library = "pandas") -> Any:
        """One row for each class.

        count (of starts), share with its 95 % interval low and high, the median cost, what is told apart (level, parts), the points
        classified wrongly, the median norm of p, and the kind of the minimum.
        """
        return frame(
            {
                "count": [at.starts for at in self.states],
                "share": [at.share.value for at in self.states],
                "low": [at.share.low for at in self.states],
                "high": [at.share.high for at in self.states],
                "cost": [at.costs[1] for at in self.states],
                "level": [at.partition.level for at in self.states],
                "parts": [str(at.partition) for at in self.states],
                "wrong": ["" if at.wrong is None else ranges(at.wrong) for at in self.states],
                "norm": [at.norms[1] for at in self.states],
                "kind": ["" if at.minimum is None else at.minimum.kind for at in self.states],
            },
            library,
        )

    def __str__(self) -> str:
        head = ["starts", "% (95 %)", "lowest", "median", "highest", "|p|", "|grad|", "wrong points", "level", "what is told apart"]
        if self.refined:
            head = [
                "starts",
                "% (95 %)",
                "cost",
                "|p|",
                "|grad|",
                "lowest",
                "highest",
                "kind",
                "wrong points",
                "what is told apart",
            ]
        lines = [
            f"{len(self.costs):,} starts, {len(self.states)} classes of ends"
            + (f", {len(self.minima)} isolated minima up to symmetries" if self.refined else ""),
            *([f"symmetries: {self.symmetries}"] if self.symmetries is not None else []),
            f"cost at most {self.level:g}: {percent(self.success)} %"
            + ("" if self.all_right is None else f"; all points right: {percent(self.all_right)} %"),
            aligned(head, [self._row(at) for at in self.states[:ROWS]]),
        ]
        rest = self.states[ROWS:]
        if rest:
            counts = [at.starts for at in rest]
            lines.append(f"and {len(rest)} rarer classes with {sum(counts)} starts, at most {max(counts)} each")
        if self.diverged:
            lines.append(f"{self.diverged} starts diverged")
        return "\n".join(lines)

    def _row(self, at: EndState) -> list[str]:
        wrong = "" if at.wrong is None else ranges(at.wrong) or "none"
        if at.minimum is not None:
            m = at.minimum
            numbers = [f"{m.cost:.8g}", f"{at.norms[1]:.3g}", *(f"{x:.1e}" for x in (m.gradient, m.lowest, m.highest))]
            return [f"{at.starts:,}", percent(at.share), *numbers, m.kind, wrong, str(at.partition)]
        numbers = [f"{x:.3g}" for x in (*at.costs, at.norms[1], at.gradient)]
        return [f"{at.starts:,}", percent(at.share), *numbers, wrong, f"{at.partition.level:.3g}", str(at.partition)]


def atlas(
    problem: Problem,
    method: Method,
    starts: int = 10_000,
    steps: int | None = None,
    rng: Any = 0,
    scale: Any = 0.5,
    level: float = 1e-6,
    tolerance: float = TOLERANCE,
    refine: bool | None = None,
    workers: int | None = None,
    progress: Any = None,
) -> Atlas:
    """Run the method from `starts` random starts, as `multistart` does, and sort the ends into classes.

    Without refinement two ends are one class when their outputs at the data agree within the tolerance. refine: let Newton's method
    go on from every end, and tell isolated minima apart up to the network's symmetries; None refines where the penalty of (33)
    makes minima isolated, lambda > 0. It takes the whole Hessian some ten times per start. Raises ValueError as `multistart`
    does, for a tolerance not above 0, and for refinement of a network that is not dense.
    """
    if not tolerance > 0.0:
        raise ValueError(f"the tolerance between outputs must be above 0, but it is {tolerance!r}")
    refine = problem.penalty > 0.0 if refine is None else refine
    group = symmetries(problem.network) if getattr(problem.network, "is_dense", False) or refine else None
    many = multistart(problem, method, starts, steps, rng, scale, level, workers)
    ok = np.flatnonzero(np.isfinite(many.costs))
    p, costs = np.asarray(many.p, dtype=float)[ok], many.costs[ok]
    found: list[Stationary] | None = None
    if refine:
        found = []
        for k, start in enumerate(p):
            found.append(newton(problem, start))
            if progress is not None:
                progress(k + 1, len(p), found[-1].cost)
        p, costs = np.array([at.p for at in found]).reshape(len(found), problem.size), np.array([at.cost for at in found])
    states = _states(problem, p, costs, ok, found, tolerance, starts) if len(ok) else []
    right = None if np.isnan(many.all_right) else share(round(many.all_right * starts), starts)
    success = share(round(many.success * starts), starts)
    gone = len(many.costs) - len(ok)
    return Atlas(tuple(states), many.p, many.costs, level, success, right, gone, group, refine)


def _states(
    problem: Problem, p: Matrix, costs: Vector, ok: Indices, found: list[Stationary] | None, tolerance: float, starts: int
) -> list[EndState]:
    order = np.argsort(costs, kind="stable")  # leaders of the lowest costs
    outputs = outputs_of(problem, p)
    flat = outputs.reshape(len(p), -1)
    labels = np.empty(len(p), dtype=np.int64)
    if found is None:
        labels[order] = leaders(flat[order], tolerance)
    else:
        labels = by_orbit(problem.network, found, flat, tolerance)
    y = np.asarray(problem.data.y)
    truth = categories(y) if np.isin(y, (0.0, 1.0)).all() else None
    states = []
    for k in range(int(labels.max()) + 1):
        own = order[labels[order] == k]
        middle, values = own[len(own) // 2], costs[own]
        largest = np.abs(p[own]).max(axis=1, keepdims=True)  # taken out, so that squares of huge numbers do not overflow
        lengths = largest[:, 0] * np.linalg.norm(p[own] / np.where(largest > 0.0, largest, 1.0), axis=1)
        norms = np.quantile(lengths, (0.05, 0.5, 0.95))
        few = own[:: max(1, len(own) // 50)]
        gradient = float(np.median([np.linalg.norm(problem.gradient(p[i])) for i in few]))
        said = None if truth is None else categories(np.asarray(problem.cost.predict(outputs[middle])))
        states.append(
            EndState(
                len(own),
                share(len(own), starts),
                (float(values[0]), float(values[len(own) // 2]), float(values[-1])),
                partition(problem, outputs[middle], tolerance),
                None if said is None else tuple((np.flatnonzero(said != truth) + 1).tolist()),
                (float(norms[0]), float(norms[1]), float(norms[2])),
                gradient,
                None if found is None else found[int(own[0])],
                p[own[0]],
                ok[own],
            )
        )
    return sorted(states, key=lambda at: (-at.starts, at.costs[1]))
