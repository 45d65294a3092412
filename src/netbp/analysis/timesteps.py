"""Trust regions as adaptive time steps: (H + mu I) d = -g is a linearly implicit Euler step of length 1/mu for p' = -g."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from netbp.analysis.flow import gradient_flow
from netbp.analysis.operators import gauss_newton, hessian
from netbp.analysis.tables import aligned
from netbp.frames import Library, frame
from netbp.plain import plain
from netbp.problem import Problem
from netbp.types import Matrix, Vector


class TimeStep(NamedTuple):
    """One step that was taken.

    time: the sum of the step lengths so far. length: h = 1/mu. cost: after it. gradient: the norm of the gradient after it.
    ratio: the cost's decrease by that of the quadratic model. refused: how many longer steps were refused before it. off: the
    distance to the gradient flow at the same time, NaN where the flow was not followed.
    """

    time: float
    length: float
    cost: float
    gradient: float
    ratio: float
    refused: int
    off: float


@dataclass(frozen=True, eq=False)
class TimeSteps:
    """The steps of a trust-region method as time steps; prints as a table. p: (n + 1, s), the start first. ended: why."""

    steps: tuple[TimeStep, ...]
    p: Matrix
    ended: str

    def column(self, name: str) -> Vector:
        """One field of the steps, (n,)."""
        return np.array([getattr(at, name) for at in self.steps])

    def frame(self, library: Library = "pandas") -> Any:
        """One row for each step, the columns of `TimeStep`."""
        return frame({name: self.column(name) for name in TimeStep._fields}, library)

    def __str__(self) -> str:
        head = ["step", "time", "h = 1/mu", "cost", "|grad|", "ratio", "refused", "off the flow"]
        at = np.unique(np.linspace(0, len(self.steps) - 1, min(24, len(self.steps))).astype(int))
        rows = []
        for k in at:
            s = self.steps[k]
            numbers = [f"{x:.3g}" for x in (s.time, s.length, s.cost, s.gradient, s.ratio)]
            rows.append([str(k + 1), *numbers, str(s.refused), "" if np.isnan(s.off) else f"{s.off:.3g}"])
        return f"{len(self.steps)} steps: {self.ended}\n{aligned(head, rows)}"


def trust_steps(
    problem: Problem,
    start: ArrayLike,
    first: float = 1.0,
    steps: int = 200,
    gradient: float = 1e-10,
    matrix: str = "Hessian",
    followed: float = 0.0,
) -> TimeSteps:
    """A trust-region method in the Levenberg form, its multipliers mu read as reciprocal time steps.

    d solves (A + mu I) d = -g with A the Hessian, or "Gauss-Newton", Levenberg and Marquardt's choice. As h = 1/mu that is one step
    of the linearly implicit Euler method for p' = -g (Higham, SIAM J. Numer. Anal. 37, 1999, the paper's reference [17]). The ratio
    of the decrease to the model's doubles h above 3/4 and quarters it below 1/4; a step is refused where the cost does not fall,
    and where A + mu I is not positive definite. first: the first h. gradient: its norm at which it ends. followed: until what time
    the flow itself is computed for comparison. Raises ValueError above 5,000 parameters and for other matrices.
    """
    if matrix not in ("Hessian", "Gauss-Newton"):
        raise ValueError(f'the matrix can be "Hessian" or "Gauss-Newton", but {matrix!r} was asked for')
    make = hessian if matrix == "Hessian" else gauss_newton
    p, h = plain(start, "the start", along="entry").copy(), float(first)
    value, g = problem.value_and_gradient(p)
    rows, points, time, ended = [], [p], 0.0, f"it took all {steps} steps"
    for _ in range(steps):
        if np.linalg.norm(g) <= gradient:
            ended = f"the gradient is below {gradient:g}"
            break
        found = _step(problem, p, value, g, make(problem, p).dense(), h)
        if found is None:
            ended = "no time step lowers the cost any more, within rounding"
            break
        d, used, ratio, refused = found
        p, time = p + d, time + used
        value, g = problem.value_and_gradient(p)
        h = 2.0 * used if ratio > 0.75 else 0.25 * used if ratio < 0.25 else used
        rows.append(TimeStep(time, used, value, float(np.linalg.norm(g)), ratio, refused, float("nan")))
        points.append(p)
    return TimeSteps(tuple(_beside_flow(problem, rows, points, followed)), np.array(points), ended)


def _step(problem: Problem, p: Vector, value: float, g: Vector, A: Matrix, h: float) -> tuple[Vector, float, float, int] | None:
    lam, Q = np.linalg.eigh(A)
    along = Q.T @ g
    assert problem.engine is not None
    rounding = 8.0 * float(np.finfo(problem.engine.dtype).eps) * max(abs(value), 1e-300)
    for refused in range(200):
        if lam[0] + 1.0 / h > 0.0:
            d = -(Q @ (along / (lam + 1.0 / h)))
            fall = value - problem.value(p + d)
            model = -float(g @ d) - 0.5 * float(d @ (A @ d))
            if model > 0.0 and (fall > 0.0 or model < rounding):  # a decrease that rounding hides counts as the model's
                return d, h, fall / model if model >= rounding else 1.0, refused
        h *= 0.25
        if h < 1e-12:
            return None
    return None


def _beside_flow(problem: Problem, rows: list[TimeStep], points: list[Vector], followed: float) -> list[TimeStep]:
    times = np.array([row.time for row in rows if row.time <= followed])
    if not len(times):
        return rows
    flow = gradient_flow(problem, points[0], times, "LSODA", 1e-9)
    off = np.linalg.norm(np.array(points[1 : 1 + len(times)]) - flow.p, axis=1)
    return [row._replace(off=float(x)) for row, x in zip(rows, off, strict=False)] + rows[len(times) :]
