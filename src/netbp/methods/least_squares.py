"""Levenberg-Marquardt for the network's least squares problem: figures 4 and 5."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from netbp.engines import DECREASE, GRADIENT, NOT_FINITE, REASONS, RUNNING, STEP, LeastSquares
from netbp.methods import CONVERGED, DIVERGED, FINISHED, STOPPED, Chunk, Session, recorded, remembered
from netbp.types import Array, State

if TYPE_CHECKING:
    from netbp.problem import Problem

STATUS = {RUNNING: FINISHED, GRADIENT: CONVERGED, DECREASE: CONVERGED, STEP: CONVERGED, NOT_FINITE: DIVERGED}


@dataclass(frozen=True)
class LevenbergMarquardt:
    """Each step solves (J^T J + mu I) d = -J^T r; one step is one iteration, which reduces the sum of squares.

    residual: "components", the N n_L entries of y - a, or "norms", the N norms ||y_i - a_i||_2 that the paper's code hands to
    lsqnonlin. iterations, evaluations: the most of them; None allows 200 evaluations per parameter (4,600 for 23).
    damping: the first mu, times `increase` after a failure and `decrease` after a success, unless a failure came just before.
    The tolerances stop it as `netbp.engines.REASONS` says. The defaults are MATLAB's. With record=None the cost is recorded
    after every iteration. Raises ValueError for settings out of range, and for a problem whose cost is not a sum of squares.
    """

    residual: Literal["components", "norms"] = "components"
    iterations: int = 400
    evaluations: int | None = None
    damping: float = 0.01
    increase: float = 10.0
    decrease: float = 0.1
    function_tolerance: float = 1e-6
    step_tolerance: float = 1e-6

    def __post_init__(self) -> None:
        if self.residual not in ("components", "norms"):
            raise ValueError(f'residual must be "components" or "norms", but it is {self.residual!r}')
        for name in ("iterations", "evaluations"):
            count = getattr(self, name)
            if not (count is None and name == "evaluations") and (not isinstance(count, int) or count < 1):
                raise ValueError(f"{name} must be a whole number of at least 1, but it is {count!r}")
        for name, least in (("damping", 0.0), ("increase", 1.0), ("decrease", 0.0)):
            if not (isfinite(getattr(self, name)) and getattr(self, name) > least):
                raise ValueError(f"{name} must be a finite number above {least:g}, but it is {getattr(self, name)!r}")
        if self.decrease >= 1.0:
            raise ValueError(f"decrease must be below 1, but it is {self.decrease!r}")
        for name in ("function_tolerance", "step_tolerance"):
            if not (isfinite(getattr(self, name)) and getattr(self, name) >= 0.0):
                raise ValueError(f"{name} must be a finite number of at least 0, but it is {getattr(self, name)!r}")

    @property
    def limit(self) -> int | None:
        """The most iterations."""
        return self.iterations

    @property
    def settings(self) -> LeastSquares:
        """As the engine wants them."""
        return LeastSquares(
            self.residual == "norms",
            self.damping,
            self.increase,
            self.decrease,
            self.function_tolerance,
            self.step_tolerance,
        )

    def evaluations_for(self, size: int) -> int:
        """The most evaluations for that many parameters."""
        return self.evaluations or 200 * size

    def session(self, problem: Problem, state: State, rng: Any, record: int | None) -> Session:
        """See `netbp.methods.Method`; rng is not used."""
        if not problem.cost.least_squares:
            raise ValueError(f"Levenberg-Marquardt needs a sum of squares, but the cost is {problem.cost!r}: use nb.quadratic")
        if state.p.ndim != 1:
            raise ValueError(f"Levenberg-Marquardt moves one network, but the start has shape {state.p.shape}: use nb.multistart")
        return LevenbergMarquardtSession(self, problem, state, 1 if record is None else record)


MEMORY = {"damping": 0.0, "scale": 0.0, "gradient_norm": 0.0, "evaluations": 0, "reason": RUNNING}
"""What a session remembers, and the type of each."""


class LevenbergMarquardtSession:
    """The engine's `least_squares`, a few iterations at a time; damping and counts are in the state's memory."""

    def __init__(self, method: LevenbergMarquardt, problem: Problem, state: State, record: int) -> None:
        self.bound, self.record, self.state, self.iterations = problem.bound, record, state, method.iterations
        self.settings = method.settings
        self.evaluations = method.evaluations_for(problem.size)
        for name, usual in MEMORY.items():
            remembered(state.memory, name, usual)

    def advance(self, steps: int, to_record: bool = False) -> Chunk:
        """Take up to `steps` iterations."""
        p, step, memory, stream = self.state
        if to_record and self.record:
            steps = min(steps, self.record - step % self.record)
        if memory.get("reason", RUNNING) != RUNNING:
            return self._chunk([], step)
        used = int(memory.get("evaluations", 0))
        # A call that goes on computes the residual at p anew; that evaluation is not counted twice.
        again = 1 if used else 0
        fitted = self.bound.least_squares(
            p,
            self.settings._replace(damping=float(memory.get("damping", self.settings.damping))),
            max(0, min(steps, self.iterations - step)),
            self.evaluations - used + again,
            float(memory.get("scale", 0.0)),
        )
        counts = {
            "damping": fitted.damping,
            "scale": fitted.scale,
            "gradient_norm": fitted.gradient_norm,
            "evaluations": used - again + fitted.evaluations,
            "reason": fitted.reason,
        }
        self.state = State(fitted.p, step + fitted.iterations, {k: np.array(v) for k, v in counts.items()}, stream)
        return self._chunk(fitted.costs, step)

    def close(self) -> None:
        """Nothing is held."""

    def _chunk(self, costs: Array | list[float], before: int) -> Chunk:
        p, step, memory, _ = self.state
        numbers = recorded(before, len(costs), self.record)
        reason = int(memory["reason"])
        facts = {
            "iterations": step,
            "evaluations": int(memory["evaluations"]),
            "gradient_norm": float(memory["gradient_norm"]),
            "damping": float(memory["damping"]),
        }
        words = None if reason == RUNNING else f"{REASONS[reason]} (iteration {step})"
        if reason == RUNNING and step >= self.iterations:
            words = f"it took all the {self.iterations} iterations allowed: raise iterations, or start elsewhere"
        status = STOPPED if reason == RUNNING else STATUS.get(reason, STOPPED)
        return Chunk(self.state, numbers, np.asarray(costs, dtype=float)[numbers - before - 1], words, status, facts)
