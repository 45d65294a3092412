"""Levenberg-Marquardt (Levenberg 1944, Marquardt 1963; Nocedal & Wright, section 10.3) in NumPy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.linalg import LinAlgError, cholesky, norm

from netbp.engines import (
    DAMPING,
    DECREASE,
    EVALUATIONS,
    GRADIENT,
    NOT_FINITE,
    RUNNING,
    STEP,
    Fitted,
    LeastSquares,
)
from netbp.types import Matrix, Vector

if TYPE_CHECKING:
    from netbp.engines.reference.bound import BoundReference

SQRT_EPS = float(np.sqrt(np.finfo(float).eps))
LARGEST_DAMPING = 1e16


def residual_and_jacobian(bound: BoundReference, p: Vector, norms: bool) -> tuple[Vector, Matrix]:
    """The residual, N norms or N n_L components, and its Jacobian, with the penalty's rows below them."""
    r, J = bound.residual(p), bound.jacobian(p)
    if norms:
        parts = r.reshape(len(bound.objective.x), -1)
        r = norm(parts, axis=1)
        unit = np.divide(parts, r[:, None], out=np.zeros_like(parts), where=r[:, None] > 0.0)
        J = np.einsum("ik,iks->is", unit, J.reshape(*parts.shape, -1))
    if bound.objective.penalty:
        root = np.sqrt(2.0 * bound.objective.penalty * len(bound.objective.x))
        rows = root * np.diag(bound.weights)[bound.weights > 0.0]
        r, J = np.concatenate([r, rows @ p]), np.vstack([J, rows])
    return r, J


def levenberg_marquardt(
    bound: BoundReference, p: Vector, settings: LeastSquares, iterations: int, evaluations: int, scale: float
) -> Fitted:
    """See `netbp.engines.Bound.least_squares`; an iteration ends with a step that reduces the sum of squares."""
    N, mu = len(bound.objective.x), settings.damping
    r, J = residual_and_jacobian(bound, p, settings.norms)
    g, squares, used = J.T @ r, float(r @ r), 1
    gradient = float(np.abs(g).max())
    scale = scale or max(gradient, SQRT_EPS)
    reason = RUNNING if np.isfinite(squares) else NOT_FINITE
    costs: list[float] = []
    if gradient <= 1e-4 * settings.function_tolerance * scale:
        reason = GRADIENT
    while reason == RUNNING and len(costs) < iterations:
        before, failed = squares, False
        while True:
            if mu > LARGEST_DAMPING or used >= evaluations:
                reason = DAMPING if mu > LARGEST_DAMPING else EVALUATIONS
                break
            try:
                factor = cholesky(J.T @ J + mu * np.eye(len(p)))
                d = -np.linalg.solve(factor.T, np.linalg.solve(factor, g))
                trial = p + d
                rt, Jt = residual_and_jacobian(bound, trial, settings.norms)
                squares, used = float(rt @ rt), used + 1
            except LinAlgError:  # J^T J + mu I is not positive definite to rounding: more damping
                squares = np.inf
            if squares < before:
                break
            if np.isfinite(squares) and norm(d) <= settings.step_tolerance * (SQRT_EPS + norm(p)):
                reason = STEP
                break
            failed = True
            mu *= settings.increase
        if reason != RUNNING:
            break
        short = norm(d) <= settings.step_tolerance * (SQRT_EPS + norm(p))
        p, r, J, g = trial, rt, Jt, Jt.T @ rt
        mu *= 1.0 if failed else settings.decrease
        gradient = float(np.abs(g).max())
        costs.append(squares / (2 * N))
        if gradient <= 1e-4 * settings.function_tolerance * scale:
            reason = GRADIENT
        elif before - squares <= settings.function_tolerance * before:
            reason = DECREASE
        elif short:
            reason = STEP
    return Fitted(p, mu, reason, len(costs), used, np.array(costs), gradient, scale)
