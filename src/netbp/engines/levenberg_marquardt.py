"""Levenberg-Marquardt (Levenberg 1944, Marquardt 1963; Nocedal & Wright, section 10.3) in NumPy, on any bound engine.

It asks the engine for residuals and Jacobians only; all matrices are dense, so it is for networks of a few thousand parameters.
"""

from __future__ import annotations

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
    Bound,
    Fitted,
    LeastSquares,
    Objective,
)
from netbp.types import Matrix, Vector

SQRT_EPS = float(np.sqrt(np.finfo(float).eps))
LARGEST_DAMPING = 1e16


def penalty_rows(objective: Objective) -> Matrix:
    """The rows sqrt(2 penalty N) e_i, one for each weight, none without penalty: times p they are the penalty's residuals."""
    root = np.sqrt(2.0 * objective.penalty * len(objective.x))
    if root == 0.0:
        return np.empty((0, objective.network.size))
    weights = objective.network.spread(1.0, 0.0)
    return root * np.diag(weights)[weights > 0.0]


def residual(bound: Bound, objective: Objective, p: Vector, norms: bool) -> Vector:
    """N norms or N n_L components, and the penalty's rows times p below them."""
    r = bound.residual(p)
    r = norm(r.reshape(len(objective.x), -1), axis=1) if norms else r
    return np.concatenate([r, penalty_rows(objective) @ p])


def jacobian(bound: Bound, objective: Objective, p: Vector, norms: bool) -> Matrix:
    """The derivative of `residual`."""
    J = bound.jacobian(p)
    if norms:
        parts = bound.residual(p).reshape(len(objective.x), -1)
        r = norm(parts, axis=1)[:, None]
        unit = np.divide(parts, r, out=np.zeros_like(parts), where=r > 0.0)
        J = np.einsum("ik,iks->is", unit, J.reshape(*parts.shape, -1))
    return np.vstack([J, penalty_rows(objective)])


def damped_step(J: Matrix, r: Vector, mu: float) -> Vector:
    """The solution of (J^T J + mu I) d = -J^T r; with fewer rows than unknowns as d = -J^T (J J^T + mu I)^-1 r, the same step.

    The smaller system is better conditioned for small mu. Raises LinAlgError when it is not positive definite to rounding.
    """
    rows, size = J.shape
    A, b = (J @ J.T, r) if rows < size else (J.T @ J, J.T @ r)
    factor = cholesky(A + mu * np.eye(len(b)))
    x = np.linalg.solve(factor.T, np.linalg.solve(factor, b))
    return -J.T @ x if rows < size else -x


def levenberg_marquardt(
    bound: Bound,
    objective: Objective,
    p: Vector,
    settings: LeastSquares,
    iterations: int,
    evaluations: int,
    scale: float,
) -> Fitted:
    """See `netbp.engines.Bound.least_squares`; an iteration ends with a step that reduces the sum of squares."""
    N, mu = len(objective.x), settings.damping
    r, J = residual(bound, objective, p, settings.norms), jacobian(bound, objective, p, settings.norms)
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
                d = damped_step(J, r, mu)
                trial = p + d
                rt = residual(bound, objective, trial, settings.norms)
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
        p, r, J = trial, rt, jacobian(bound, objective, trial, settings.norms)  # only here: a step that failed needs no Jacobian
        g = J.T @ r
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
