"""Algorithmic stability: how far apart two runs end whose data differ in one point (Hardt, Recht & Singer, ICML 2016, [15]).

Twin runs start alike and use the same points by number, one point a step; from the first step at which the point that was replaced
is drawn, they part. With L the largest gradient of a point's cost and beta the largest curvature of one,

    delta_(t+1) <= a_t delta_t + 2 L eta_t / n    in the mean over the points drawn and over the point replaced,

where a_t = 1 if the cost of a point is convex and eta_t <= 2/beta (their theorem 3.7: it brings no two runs further apart),
and a_t = 1/n + (1 - 1/n)(1 + eta_t beta) otherwise. The generalisation gap is at most L delta_T. With rates c/t their theorem 3.12
bounds it by less, since it need not count from the first step.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from netbp.activations import identity
from netbp.analysis.noise import point_gradients
from netbp.analysis.operators import hessian
from netbp.analysis.tables import Library, aligned, frame
from netbp.costs import softmax_log_loss
from netbp.engines import Choices, Memory, Update
from netbp.methods.schedules import values_at
from netbp.plain import plain
from netbp.problem import Problem
from netbp.rules import sgd
from netbp.types import Array, Data, Indices, Vector

LOG10 = float(np.log(10.0))
PIECE = 2**22  # indices drawn at a time, for all networks


class Constants(NamedTuple):
    """What a bound knows of the cost of a single point.

    lipschitz: L, the largest norm of its gradient. smoothness: beta, the largest norm of its Hessian. largest: the largest cost of
    a point, for theorem 3.12. convex: whether it is convex in p. exact: whether L and beta hold for all p, or only where they were
    looked for.
    """

    lipschitz: float
    smoothness: float
    largest: float
    convex: bool
    exact: bool

    def __str__(self) -> str:
        where = "for all p" if self.exact else "the largest seen"
        kind = "convex" if self.convex else "not convex"
        return f"L = {self.lipschitz:.4g}, beta = {self.smoothness:.4g} ({where}), {kind}"


def logistic_constants(problem: Problem, more: ArrayLike | None = None) -> Constants:
    """L = sqrt(2) R and beta = R^2/2, R^2 = max |x_i|^2 + 1, of logistic regression: one dense layer under the softmax log loss.

    By W and b, the gradient of -log s_y is (s - y)(x, 1)^T and the Hessian (diag(s) - s s^T) kron (x, 1)(x, 1)^T, with
    |s - y| <= sqrt(2) and |diag(s) - s s^T| <= 1/2; both are attained in the limit or at s = (1/2, 1/2, 0, ...). more: further
    points (m, n_1) that may stand in. The cost has no largest value: it is infinite. Raises ValueError for any other problem.
    """
    network = problem.network
    single = len(network.layers) == 1 and network.is_dense and network.activations[0] == identity
    if not single or problem.cost != softmax_log_loss:
        raise ValueError(
            f"the constants are known for one dense layer without activation under the softmax log loss, but the problem is "
            f"{network.title} with {problem.cost!r}: use seen_constants"
        )
    x = np.asarray(problem.data.x, dtype=float)
    x = x if more is None else np.concatenate([x, np.asarray(more, dtype=float)])
    square = float((x**2).sum(axis=1).max()) + 1.0
    return Constants(float(np.sqrt(2.0 * square)), 0.5 * square, float("inf"), True, True)


def seen_constants(problem: Problem, points: ArrayLike) -> Constants:
    """The largest gradient, curvature and cost of a single training point at some p's, (k, s): lower bounds of L and beta.

    Every Hessian of a point is made whole. Raises ValueError where networks are too large for that.
    """
    if problem.size > 500:
        raise ValueError(f"{problem.network.title} has {problem.size:,} parameters, above the limit of 500 for Hessians of points")
    lipschitz = smoothness = largest = 0.0
    alone = [
        replace(problem, data=Data(x[None], y[None]), held_out=None, penalty=0.0)
        for x, y in zip(np.asarray(problem.data.x), np.asarray(problem.data.y), strict=True)
    ]
    for p in np.atleast_2d(np.asarray(points, dtype=float)):
        lipschitz = max(lipschitz, float(np.linalg.norm(point_gradients(problem, p), axis=1).max()))
        largest = max(largest, float(problem.cost.value(problem.output(p, problem.data.x), np.asarray(problem.data.y)).max()))
        for one in alone:
            smoothness = max(smoothness, float(np.abs(np.linalg.eigvalsh(hessian(one, p).dense())).max()))
    return Constants(lipschitz, smoothness, largest, False, False)


def log10_distance_bound(constants: Constants, n: int, rates: ArrayLike) -> Vector:
    """The logarithm, to base 10, of the bound on E|p - p'| after each step, (T,), for n points and rates (T,).

    In logarithms since it need not fit into a number. A convex cost counts as such only while every rate is at most 2/beta.
    """
    eta = np.asarray(rates, dtype=float)
    with np.errstate(divide="ignore"):
        added = np.log(2.0 * constants.lipschitz * eta / n)
    growth = np.zeros(len(eta))
    if not (constants.convex and (eta <= 2.0 / constants.smoothness).all()):
        growth = np.log1p((1.0 - 1.0 / n) * eta * constants.smoothness)
    total = np.cumsum(growth)  # log of the product of a_1, ..., a_t
    return np.asarray(total + np.logaddexp.accumulate(added - total)) / LOG10


def gap_bound(constants: Constants, n: int, c: float, steps: int) -> float:
    """The largest generalisation gap that theorem 3.12 allows after T steps with rates of at most c/t.

    M (1 + 1/(beta c))/(n - 1) (2 c L^2/M)^(1/(beta c + 1)) T^(beta c/(beta c + 1)), for costs of single points in [0, M]; it is
    vacuous where it exceeds M.
    """
    M, bc = constants.largest, constants.smoothness * c
    power = 1.0 / (bc + 1.0)
    return float(M * (1.0 + 1.0 / bc) / (n - 1) * (2.0 * c * constants.lipschitz**2 / M) ** power * steps ** (bc * power))


class Divergence(NamedTuple):
    """Twins after `step` steps.

    distance: the mean of |p - p'|, with error, its 95 % half-interval. largest: the largest. parted: the share that is apart.
    bound: log10 of the bound on the mean. gap: the mean of C(p') - C(p) at the point that only p has seen, with gap_error.
    """

    step: int
    distance: float
    error: float
    largest: float
    parted: float
    bound: float
    gap: float
    gap_error: float


@dataclass(frozen=True, eq=False)
class Stability:
    """What `twin_runs` measured, beside the bounds; prints as a table.

    rows: after some steps. constants: what the bounds rest on. replaced: the number of the point replaced, (M,). distances: of
    each pair, (k, M). drawn: the sum of the rates of the steps that drew the point replaced, (k, M). costs: mean cost of the
    training points and of the spare ones at the end. p, twin: where they ended, (M, s) each.
    """

    rows: tuple[Divergence, ...]
    constants: Constants
    n: int
    replaced: Indices
    distances: Array
    drawn: Array
    costs: tuple[float, float]
    p: Array
    twin: Array

    def column(self, name: str) -> Vector:
        """One field of the rows, (k,)."""
        return np.array([getattr(row, name) for row in self.rows])

    def frame(self, library: Library = "pandas") -> Any:
        """One row for each time, the columns of `Divergence`."""
        return frame({name: self.column(name) for name in Divergence._fields}, library)

    def __str__(self) -> str:
        head = ["step", "E|p - p'|", "largest", "apart", "bound", "gap at the point"]
        rows = [
            [
                f"{at.step:,}",
                f"{at.distance:.4g} +- {at.error:.1g}",
                f"{at.largest:.4g}",
                f"{100 * at.parted:.0f} %",
                number_of(at.bound),
                f"{at.gap:.4f} +- {at.gap_error:.1g}",
            ]
            for at in self.rows
        ]
        end = f"costs at the end: {self.costs[0]:.4f} of the training points, {self.costs[1]:.4f} of unseen ones"
        return f"{len(self.replaced):,} pairs, n = {self.n:,}; {self.constants}\n{aligned(head, rows)}\n{end}"


def number_of(log10: float) -> str:
    """10^x in words, whatever x is."""
    if -4.0 <= log10 < 5.0:
        return f"{10.0**log10:.4g}"
    return f"1e{log10:+.1f}" if abs(log10) < 100 else f"1e{log10:+,.0f}"


def twin_runs(
    problem: Problem,
    spare: Data,
    rate: Any,
    at: ArrayLike,
    twins: int = 200,
    start: ArrayLike | None = None,
    constants: Constants | None = None,
    scale: Any = 0.5,
    rng: Any = 0,
) -> Stability:
    """Pairs of runs of the stochastic gradient with one point a step, drawn with replacement, that differ in one training point.

    Each pair has its own point to replace, its own substitute from `spare` (fresh points of the same distribution), and its own
    random points, the same numbers for both; all pairs go in one ensemble. rate: a number, one for each step, or a function of the
    step t = 1, 2, ... at: steps to look at, ascending. start: (s,) for all, or None for one of each pair's own, of the given scale.
    constants: for the bounds; None takes those of logistic regression where they are known, else the largest seen along 4 pairs.
    Raises ValueError for steps out of order, counts below 1, and data with weights.
    """
    times = np.atleast_1d(np.asarray(at, dtype=np.int64))
    n, x, y = problem.N, np.asarray(problem.data.x), np.asarray(problem.data.y)
    fresh, targets = np.asarray(spare.x), np.asarray(spare.y)
    if times[0] < 1 or (np.diff(times) <= 0).any():
        raise ValueError(f"the steps to look at must be at least 1 and ascend, but they are {times.tolist()}")
    if twins < 1 or len(fresh) < 1 or n < 2:
        raise ValueError(f"twin runs need a pair, a spare point and two points, but got {twins}, {len(fresh)} and {n}")
    if problem.data.weight is not None:
        raise ValueError("twin runs are of points that count alike, but the data has weights: leave them out")
    generator = np.random.default_rng(rng)
    replaced, substitute = generator.integers(0, n, twins), generator.integers(0, len(fresh), twins)
    pool = Data(np.concatenate([x, fresh]), np.concatenate([y, targets]))
    both = replace(problem, data=pool, held_out=None, penalty=problem.penalty * (n + len(fresh)) / n)  # as much a point as with n
    if start is None:
        begun = np.array([problem.network.draw(generator, scale) for _ in range(twins)])
    else:
        begun = np.broadcast_to(plain(start, "the start", along="entry"), (twins, problem.size))
    p = np.concatenate([begun, begun])
    eta = values_at(rate, 0, int(times[-1]), "rate")
    memory = Memory(np.zeros_like(p), np.zeros_like(p))
    drawn, step, kept, sums, places = np.zeros(twins), 0, [], [], []
    for until in times.tolist():
        while step < until:
            k = min(until - step, max(1, PIECE // (2 * twins)))
            index = generator.integers(0, n, (twins, k))
            own = index == replaced[:, None]
            other = np.where(own, n + substitute[:, None], index)
            choices = Choices(np.concatenate([index, other]), np.arange(k + 1, dtype=np.int64), eta[step : step + k])
            p = np.asarray(both.bound.advance(np.ascontiguousarray(p), memory, step, choices, Update(sgd)).p)
            drawn = drawn + own @ eta[step : step + k]
            step += k
        kept.append(np.linalg.norm(p[:twins] - p[twins:], axis=1))
        sums.append(drawn)
        places.append(p)
    if constants is None:
        constants = _constants(problem, fresh, places, twins)
    bound = log10_distance_bound(constants, n, eta)
    rows = []
    for until, distance, q in zip(times.tolist(), kept, places, strict=True):
        seen = _costs(problem, q[:twins], x[replaced], y[replaced])
        gap = _costs(problem, q[twins:], x[replaced], y[replaced]) - seen
        rows.append(
            Divergence(
                until,
                float(distance.mean()),
                half_interval(distance),
                float(distance.max()),
                float(np.mean(distance > 0)),
                float(bound[until - 1]),
                float(gap.mean()),
                half_interval(gap),
            )
        )
    costs = tuple(
        float(np.mean([problem.cost.value(problem.output(one, points), labels).mean() for one in p[:twins]]))
        for points, labels in ((x, y), (fresh, targets))
    )
    return Stability(tuple(rows), constants, n, replaced, np.array(kept), np.array(sums), costs, p[:twins], p[twins:])  # type: ignore[arg-type]


def half_interval(values: Vector) -> float:
    """Half of the 95 % interval of the mean of independent numbers (M,), by Student's distribution; NaN for a single one."""
    from scipy.stats import t as student

    M = len(values)
    return float(student.ppf(0.975, M - 1) * values.std(ddof=1) / np.sqrt(M)) if M > 1 else float("nan")


def _costs(problem: Problem, p: Array, x: Array, y: Array) -> Vector:
    """C of point m under network m, (M,)."""
    return np.array([float(problem.cost.value(problem.output(q, a[None]), b[None])[0]) for q, a, b in zip(p, x, y, strict=True)])


def _constants(problem: Problem, fresh: Array, places: list[Array], twins: int) -> Constants:
    try:
        return logistic_constants(problem, fresh)
    except ValueError:
        some, places = min(4, twins), [*places[:: max(1, len(places) // 4)], places[-1]]
        return seen_constants(problem, np.concatenate([q[[*range(some), *range(twins, twins + some)]] for q in places]))
