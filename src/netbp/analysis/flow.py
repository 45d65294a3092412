"""The gradient flow p' = -grad Cost(p), and steepest descent as Euler's method for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log2
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from netbp.analysis.operators import hessian
from netbp.analysis.tables import aligned
from netbp.engines import Choices, Memory, Update
from netbp.frames import Library, fields_of, frame
from netbp.plain import plain
from netbp.problem import Problem
from netbp.rules import sgd
from netbp.types import Matrix, Vector

Integrator = Literal["LSODA", "Radau", "BDF", "RK45", "DOP853"]
STIFF = ("LSODA", "Radau", "BDF")


@dataclass(frozen=True, eq=False)
class Flow:
    """A solution of p' = -grad Cost(p); prints as a table.

    t: (n,). p: (n, s). costs, gradients: Cost and the norm of its gradient, (n,). integrator, evaluations of the gradient,
    jacobians, factorisations: SciPy's count; steps: that it took.
    """

    t: Vector
    p: Matrix
    costs: Vector
    gradients: Vector
    integrator: str
    evaluations: int
    jacobians: int
    factorisations: int
    steps: int

    def frame(self, library: Library = "pandas") -> Any:
        """One row for each time: t, cost, gradient (its norm)."""
        return frame({"t": self.t, "cost": self.costs, "gradient": self.gradients}, library)

    def __str__(self) -> str:
        at = np.unique(np.linspace(0, len(self.t) - 1, min(10, len(self.t))).astype(int))
        rows = [[f"{self.t[i]:.4g}", f"{self.costs[i]:.6g}", f"{self.gradients[i]:.4g}"] for i in at]
        work = f"{self.integrator}: {self.steps:,} steps, {self.evaluations:,} gradients"
        if self.jacobians:
            work += f", {self.jacobians:,} Hessians, {self.factorisations:,} factorisations"
        return f"{work}\n{aligned(['t', 'cost', '|grad|'], rows)}"


def gradient_flow(
    problem: Problem,
    start: ArrayLike,
    t: float | ArrayLike,
    integrator: Integrator = "LSODA",
    tolerance: float = 1e-8,
    modified: float = 0.0,
) -> Flow:
    """Solve p' = -grad Cost(p), p(0) = start, by scipy.integrate.solve_ivp.

    t: the end, with 101 times on the way, or the times (n,), ascending from 0 or later. integrator: "LSODA", "Radau" or "BDF" for
    stiff equations, with the exact Jacobian -H, or "RK45" or "DOP853" for others. tolerance: relative, and absolute times 1e-3.
    modified: eta, for the equation that Euler's method with the step eta solves to second order,

        p' = -grad(Cost + eta/4 |grad Cost|^2) = -(I + eta/2 H) grad Cost;

    its Jacobian is then taken without third derivatives. Raises ValueError for a stiff integrator above 5,000 parameters, for
    times out of order, and where SciPy gives up.
    """
    from scipy.integrate import solve_ivp

    p0 = plain(start, "the start", along="entry")
    if p0.shape != (problem.size,):
        raise ValueError(f"{problem.network.title} has {problem.size} parameters, but the start has shape {p0.shape}")
    times = np.asarray(t, dtype=float)
    if times.ndim == 0:
        times = np.linspace(0.0, float(times), 101)
    if not (len(times) and times[0] >= 0.0 and times[-1] > 0.0 and (np.diff(times) > 0.0).all()):
        raise ValueError("the times must ascend from 0 or later, and end after 0")
    if integrator not in (*STIFF, "RK45", "DOP853"):
        raise ValueError(f"the integrator can be {', '.join(STIFF)}, RK45 or DOP853, but {integrator!r} was asked for")

    def slope(_: float, p: Vector) -> Vector:
        g = problem.gradient(p)
        return -g if not modified else -(g + 0.5 * modified * problem.hvp(p, g))

    def jacobian(_: float, p: Vector) -> Matrix:
        H = hessian(problem, p).dense()
        return -H if not modified else -(H + 0.5 * modified * H @ H)

    if integrator in STIFF:
        hessian(problem, p0).dense()  # raises for a network too large
    solved = solve_ivp(
        slope,
        (0.0, float(times[-1])),
        p0,
        method=integrator,
        rtol=tolerance,
        atol=1e-3 * tolerance,
        dense_output=True,
        **({"jac": jacobian} if integrator in STIFF else {}),
    )
    if not solved.success:
        raise ValueError(f"{integrator} gave up at t = {solved.t[-1]:.4g}: {solved.message}; try another integrator or tolerance")
    p = np.asarray(solved.sol(times).T)
    p[times == 0.0] = p0
    pairs = [problem.value_and_gradient(q) for q in p]
    costs, gradients = np.array([value for value, _ in pairs]), np.array([np.linalg.norm(g) for _, g in pairs])
    return Flow(times, p, costs, gradients, integrator, int(solved.nfev), int(solved.njev), int(solved.nlu), len(solved.t) - 1)


class EulerError(NamedTuple):
    """Steepest descent with one rate, seen at the time T.

    steps: taken. error: |p - p(T)|, to the gradient flow. order: log2 by which it fell when the rate was halved, or what comes
    to that; NaN for the first rate. modified, modified_order: the same to the flow of Cost + eta/4 |grad Cost|^2. cost: Cost(p).
    """

    rate: float
    steps: int
    error: float
    order: float
    modified: float
    modified_order: float
    cost: float


@dataclass(frozen=True, eq=False)
class EulerOrder:
    """Errors of steepest descent as Euler's method; prints as a table. flow: the gradient flow to T."""

    errors: tuple[EulerError, ...]
    flow: Flow

    def frame(self, library: Library = "pandas") -> Any:
        """One row for each rate, the columns of `EulerError`."""
        return frame(fields_of(self.errors, EulerError._fields), library)

    def __str__(self) -> str:
        rows = [
            [
                f"{at.rate:g}",
                f"{at.steps:,}",
                f"{at.error:.3e}",
                "" if np.isnan(at.order) else f"{at.order:.3f}",
                f"{at.modified:.3e}",
                "" if np.isnan(at.modified_order) else f"{at.modified_order:.3f}",
                f"{at.cost:.6g}",
            ]
            for at in self.errors
        ]
        T, cost = self.flow.t[-1], self.flow.costs[-1]
        head = ["rate", "steps", "|p - p(T)|", "order", "to the modified flow", "order", "cost"]
        return f"steepest descent to T = {T:g}; the flow's cost there is {cost:.6g}\n{aligned(head, rows)}"


def euler_order(
    problem: Problem,
    start: ArrayLike,
    T: float,
    rates: Sequence[float],
    tolerance: float = 1e-11,
    integrator: Integrator = "DOP853",
) -> EulerOrder:
    """Steepest descent (12) with each rate eta, T/eta steps from the start, against the gradient flow at T.

    The global error of Euler's method is of order 1. The flow of the modified equation, of Cost + eta/4 |grad Cost|^2, is followed
    to order 2 (Barrett & Dherin, ICLR 2021; Hairer, Lubich & Wanner, Geometric Numerical Integration, chapter IX). Raises
    ValueError when a rate does not divide T.
    """
    p0 = plain(start, "the start", along="entry")
    flow = gradient_flow(problem, p0, T, integrator, tolerance)
    rows: list[EulerError] = []
    for rate in sorted((float(rate) for rate in rates), reverse=True):
        steps = round(T / rate)
        if steps < 1 or abs(steps * rate - T) > 1e-9 * T:
            raise ValueError(f"the rate {rate:g} does not divide T = {T:g}: give rates such as T/100, T/200, T/400")
        p = descended(problem, p0, rate, steps)
        error = float(np.linalg.norm(p - flow.p[-1]))
        other = gradient_flow(problem, p0, [T], integrator, tolerance, modified=rate)
        modified = float(np.linalg.norm(p - other.p[-1]))
        before = rows[-1] if rows else None
        fell = log2(before.rate / rate) if before else float("nan")
        order = log2(before.error / error) / fell if before and error > 0.0 else float("nan")
        second = log2(before.modified / modified) / fell if before and modified > 0.0 else float("nan")
        rows.append(EulerError(rate, steps, error, order, modified, second, problem.value(p)))
    return EulerOrder(tuple(rows), flow)


def descended(problem: Problem, p: ArrayLike, rate: float, steps: int) -> Matrix:
    """P after so many steps of steepest descent (12), by the engine. p: (s,), or (M, s) for M networks."""
    q = np.ascontiguousarray(p, dtype=float)
    choices = Choices(None, np.zeros(steps + 1, dtype=np.int64), np.full(steps, float(rate)))
    with np.errstate(all="ignore"):
        out = problem.bound.advance(q, Memory(np.zeros_like(q), np.zeros_like(q)), 0, choices, Update(sgd))
    return np.asarray(out.p)
