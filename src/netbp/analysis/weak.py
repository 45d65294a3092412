"""Weak orders: how well the gradient flow, the diffusion and the modified one predict the means of the stochastic gradient."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import log, sqrt
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from netbp.analysis.diffusion import Process, ensemble
from netbp.analysis.flow import gradient_flow
from netbp.analysis.operators import hessian
from netbp.analysis.slices import costs_at
from netbp.analysis.tables import aligned
from netbp.frames import Library, fields_of, frame
from netbp.plain import plain
from netbp.problem import Problem
from netbp.types import Array, Matrix, Vector

MODELS = ("flow", "diffusion", "modified")
Z = 1.959963984540054


class MomentErrors(NamedTuple):
    """Errors of one model's moments at T. mean: |E p|'s. covariance: in the Frobenius norm. Orders: against the rate before."""

    rate: float
    steps: int
    model: str
    mean: float
    mean_order: float
    covariance: float
    covariance_order: float


@dataclass(frozen=True, eq=False)
class LinearOrders:
    """Exact errors of the moments on a linear least squares problem; prints as a table."""

    errors: tuple[MomentErrors, ...]
    T: float
    batch: int

    def of(self, model: str) -> tuple[MomentErrors, ...]:
        """The errors of "flow", "diffusion" or "modified", by descending rate."""
        return tuple(at for at in self.errors if at.model == model)

    def frame(self, library: Library = "pandas") -> Any:
        """One row for each model and rate, the columns of `MomentErrors`."""
        return frame(fields_of(self.errors, MomentErrors._fields), library)

    def __str__(self) -> str:
        head = ["model", "rate", "steps", "error of E p", "order", "error of Cov p", "order"]
        rows = [
            [
                *(e.model, f"{e.rate:g}", f"{e.steps:,}", f"{e.mean:.3e}", _told(e.mean_order)),
                *(f"{e.covariance:.3e}", _told(e.covariance_order)),
            ]
            for e in self.errors
        ]
        return f"against the stochastic gradient at T = {self.T:g}, batches of {self.batch}\n{aligned(head, rows)}"


def linear_orders(problem: Problem, start: ArrayLike, T: float, rates: Sequence[float], batch: int = 1) -> LinearOrders:
    """The weak errors of the three models on a linear least squares problem, to rounding.

    Where every point's gradient is affine in p, g_i = A_i p - b_i, the first two moments of the stochastic gradient obey a linear
    recurrence, and those of the diffusions a linear differential equation; both are solved by matrices of 1 + s + s^2 rows.
    Raises ValueError when gradients are not affine, above 30 parameters, and for rates that do not divide T.
    """
    from scipy.linalg import expm

    p0 = plain(start, "the start", along="entry")
    A, b = _affine(problem)
    s = problem.size
    z0 = np.concatenate([[1.0], p0, np.outer(p0, p0).ravel()])
    rows: list[MomentErrors] = []
    before: dict[str, MomentErrors] = {}
    for rate in sorted((float(rate) for rate in rates), reverse=True):
        steps = round(T / rate)
        if steps < 1 or abs(steps * rate - T) > 1e-9 * T:
            raise ValueError(f"the rate {rate:g} does not divide T = {T:g}: give rates such as T/100, T/200, T/400")
        step = np.eye(len(z0)) + rate * _generator(A, b, 0.0, rate / batch, rate)
        true = _moments(np.linalg.matrix_power(step, steps) @ z0, s)
        for model, strength, modified in (("flow", 0.0, 0.0), ("diffusion", rate / batch, 0.0), ("modified", rate / batch, rate)):
            found = _moments(expm(T * _generator(A, b, modified, strength, 0.0)) @ z0, s)
            mean, covariance = (float(np.linalg.norm(x - y)) for x, y in zip(found, true, strict=True))
            last = before.get(model)
            orders = [
                float("nan") if last is None else log(old / new) / log(last.rate / rate)
                for old, new in zip((0.0, 0.0) if last is None else (last.mean, last.covariance), (mean, covariance), strict=True)
            ]
            before[model] = MomentErrors(rate, steps, model, mean, orders[0], covariance, orders[1])
            rows.append(before[model])
    order = {name: k for k, name in enumerate(MODELS)}
    return LinearOrders(tuple(sorted(rows, key=lambda at: (order[at.model], -at.rate))), float(T), batch)


def _affine(problem: Problem) -> tuple[Array, Matrix]:
    """A_i (N, s, s) and b_i (N, s), the penalty's share in each."""
    s, N = problem.size, problem.N
    if s > 30:
        raise ValueError(f"moments in closed form are for up to 30 parameters, but {problem.network.title} has {s}")
    if not problem.cost.least_squares or problem.data.weight is not None:
        raise ValueError("moments in closed form need the quadratic cost and no weights of points")
    J = problem.jacobian(np.zeros(s)).reshape(N, -1, s)
    probe = np.cos(1.0 + np.arange(s))
    if np.abs(problem.jacobian(probe).reshape(J.shape) - J).max() > 1e-12 * max(1.0, np.abs(J).max()):
        raise ValueError(f"{problem.network.title} is not linear in p: use Network.dense(n, m, activation=nb.identity)")
    A = np.einsum("iks,ikt->ist", J, J)
    A += hessian(problem, np.zeros(s)).dense() - A.mean(axis=0)
    return A, -np.einsum("iks,ik->is", J, problem.residual(np.zeros(s)).reshape(N, -1))


def _generator(A: Array, b: Matrix, modified: float, strength: float, square: float) -> Matrix:
    """The matrix of d/dt (1, E p, E p p^T): drift -(I + modified/2 H) g, noise strength Sigma, and square E drift drift^T.

    square = eta makes a step of length eta of it that of the discrete recurrence.
    """
    s = A.shape[1]
    H, h = A.mean(axis=0), b.mean(axis=0)
    K = -(np.eye(s) + 0.5 * modified * H)
    out = np.zeros((1 + s + s * s, 1 + s + s * s))
    for j in range(out.shape[1]):
        z = np.zeros(out.shape[1])
        z[j] = 1.0
        one, m, S = z[0], z[1 : 1 + s], z[1 + s :].reshape(s, s)
        drift = K @ (H @ m - h * one)
        D = K @ (H @ S - np.outer(h, m))  # E drift p^T
        gg = _square(H, h, one, m, S)
        sigma = sum(_square(A[i], b[i], one, m, S) for i in range(len(A))) / len(A) - gg
        out[:, j] = np.concatenate([[0.0], drift, (D + D.T + strength * sigma + square * K @ gg @ K.T).ravel()])
    return out


def _square(A: Matrix, b: Vector, one: float, m: Vector, S: Matrix) -> Matrix:
    """E (A p - b)(A p - b)^T, which is linear in (1, m, S)."""
    Am = A @ m
    return A @ S @ A.T - np.outer(Am, b) - np.outer(b, Am) + one * np.outer(b, b)


def _moments(z: Vector, s: int) -> tuple[Vector, Matrix]:
    m = z[1 : 1 + s]
    return m, z[1 + s :].reshape(s, s) - np.outer(m, m)


class Prediction(NamedTuple):
    """E f(p(T)) for one rate, by the stochastic gradient and by a model. error: their difference. within: 95 % of it."""

    rate: float
    model: str
    observed: float
    predicted: float
    error: float
    within: float


@dataclass(frozen=True, eq=False)
class WeakErrors:
    """What `weak_errors` found; prints as a table. M: networks in each ensemble."""

    predictions: tuple[Prediction, ...]
    T: float
    M: int
    batch: int

    def of(self, model: str) -> tuple[Prediction, ...]:
        """The predictions of "flow", "diffusion" or "modified", by descending rate."""
        return tuple(at for at in self.predictions if at.model == model)

    def order(self, model: str) -> tuple[float, float]:
        """The slope of log |error| by log rate and its standard error, weighted by the errors' own; NaN for fewer than 2 errors."""
        rows = [at for at in self.of(model) if abs(at.error) > at.within]
        if len(rows) < 2:
            return float("nan"), float("nan")
        x, y = np.log([at.rate for at in rows]), np.log([abs(at.error) for at in rows])
        w = np.array([(at.error / at.within * Z) ** 2 for at in rows])
        x = x - np.average(x, weights=w)
        return float((w * x * y).sum() / (w * x * x).sum()), float(1.0 / np.sqrt((w * x * x).sum()))

    def frame(self, library: Library = "pandas") -> Any:
        """One row for each model and rate, the columns of `Prediction`."""
        return frame(fields_of(self.predictions, Prediction._fields), library)

    def __str__(self) -> str:
        head = ["model", "rate", "observed", "predicted", "error", "+- (95 %)"]
        rows = [
            [at.model, f"{at.rate:g}", f"{at.observed:.6g}", f"{at.predicted:.6g}", f"{at.error:+.2e}", f"{at.within:.1e}"]
            for at in self.predictions
        ]
        words = [f"{model} {value:.2f} +- {Z * error:.2f}" for model in MODELS for value, error in [self.order(model)]]
        return (
            f"E f(p(T)) at T = {self.T:g}, {self.M:,} networks, batches of {self.batch}\n{aligned(head, rows)}\n"
            f"observed orders, from errors beyond their interval: {', '.join(words)}"
        )


def weak_errors(
    problem: Problem,
    start: ArrayLike,
    T: float,
    rates: Sequence[float],
    M: int = 10_000,
    batch: int = 1,
    f: Callable[[Matrix], Vector] | None = None,
    substeps: int = 4,
    rng: Any = 0,
    progress: Any = None,
) -> WeakErrors:
    """E f(p) at T by ensembles of the stochastic gradient and of the diffusions, and by the gradient flow, for each rate.

    f: from (M, s) to (M,); Cost if None. M: networks in each ensemble. Ensembles are independent, and the 95 % intervals are those
    of differences of means. Raises ValueError as `ensemble` does.
    """
    observable = (lambda p: costs_at(problem, p)) if f is None else f
    p0 = plain(start, "the start", along="entry")
    still = float(observable(gradient_flow(problem, p0, [T], "DOP853", 1e-10).p)[0])
    seeds = iter(np.random.SeedSequence(int(rng)).spawn(3 * len(rates)))
    rows: list[Prediction] = []
    processes: tuple[Process, ...] = ("stochastic gradient", "diffusion", "modified")
    for k, rate in enumerate(sorted((float(rate) for rate in rates), reverse=True)):
        found = []
        for process in processes:
            values = observable(ensemble(problem, p0, rate, [T], M, batch, process, substeps, next(seeds)).p[-1])
            found.append((float(values.mean()), float(values.var(ddof=1)) / len(values)))
            if progress is not None:
                progress(3 * k + len(found), 3 * len(rates), found[-1][0])
        (seen, spread), rest = found[0], ((still, 0.0), *found[1:])
        for model, (value, other) in zip(MODELS, rest, strict=True):
            rows.append(Prediction(rate, model, seen, value, value - seen, Z * sqrt(spread + other)))
    order = {name: k for k, name in enumerate(MODELS)}
    return WeakErrors(tuple(sorted(rows, key=lambda at: (order[at.model], -at.rate))), float(T), M, batch)


def _told(order: float) -> str:
    return "" if np.isnan(order) else f"{order:.3f}"
