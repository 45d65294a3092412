"""Counting an engine's work, whatever method asks for it.

The unit is the gradient of one point's cost: one pass forward and one back. A pass back takes two products of matrices where the
pass forward takes one, so that a value alone counts 1/3, a row of the Jacobian beyond the forward pass 2/3, and a Hessian-vector
product, which differentiates both passes, 2.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from netbp.engines import Bound, Engine, LeastSquares, Objective
from netbp.types import Array, Matrix, Vector

VALUE, GRADIENT, PRODUCT = 1.0 / 3.0, 1.0, 2.0


@dataclass
class Work:
    """What was asked of an engine, in points: values, gradients, Hessian-vector products and rows of the Jacobian."""

    values: float = 0.0
    gradients: float = 0.0
    products: float = 0.0
    rows: float = 0.0

    @property
    def total(self) -> float:
        """In gradients of one point each."""
        return VALUE * self.values + GRADIENT * self.gradients + PRODUCT * self.products + 2.0 * VALUE * self.rows


@dataclass(frozen=True)
class Counting:
    """An engine that does what another does, and counts it in `work`."""

    engine: Engine
    work: Work = field(default_factory=Work, compare=False)

    @property
    def name(self) -> str:
        """The other's."""
        return self.engine.name

    @property
    def dtype(self) -> Any:
        """The other's."""
        return self.engine.dtype

    def refusal(self, network: Any, cost: Any) -> str | None:
        """The other's."""
        return self.engine.refusal(network, cost)

    def bind(self, objective: Objective) -> Bound:
        """The other, bound and counted."""
        return CountingBound(self.engine.bind(objective), objective, self.work)


class CountingBound:
    """A bound engine that counts; see `netbp.engines.Bound`."""

    def __init__(self, bound: Bound, objective: Objective, work: Work) -> None:
        self.bound, self.work, self.N, self.outputs = bound, work, len(objective.x), objective.network.sizes[-1]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.bound, name)

    def value(self, p: Vector) -> float:
        """N values."""
        self.work.values += self.N
        return self.bound.value(p)

    def gradient(self, p: Vector) -> Vector:
        """N gradients."""
        self.work.gradients += self.N
        return self.bound.gradient(p)

    def value_and_gradient(self, p: Vector) -> tuple[float, Vector]:
        """N gradients."""
        self.work.gradients += self.N
        return self.bound.value_and_gradient(p)

    def forward(self, p: Vector, x: Matrix) -> Matrix:
        """A value for each point."""
        self.work.values += len(x)
        return self.bound.forward(p, x)

    def residual(self, p: Vector) -> Vector:
        """N values."""
        self.work.values += self.N
        return self.bound.residual(p)

    def jacobian(self, p: Vector) -> Matrix:
        """N values and N n_L rows."""
        self.work.values += self.N
        self.work.rows += self.N * self.outputs
        return self.bound.jacobian(p)

    def hvp(self, p: Vector, v: Vector) -> Vector:
        """N products."""
        self.work.products += self.N
        return self.bound.hvp(p, v)

    def explain(self, p: Vector, x: Vector, y: Vector) -> Any:
        """Not counted."""
        return self.bound.explain(p, x, y)

    def advance(self, p: Array, memory: Any, t: int, choices: Any, update: Any, *rest: Any, **more: Any) -> Any:
        """A gradient for each point of each step's batch, for each network."""
        networks = 1 if p.ndim == 1 else len(p)
        steps = len(choices.rates)
        used = steps * self.N if choices.indices is None else int(choices.offsets[-1] - choices.offsets[0])
        self.work.gradients += networks * used
        return self.bound.advance(p, memory, t, choices, update, *rest, **more)

    def least_squares(self, p: Vector, settings: LeastSquares, iterations: int, evaluations: int, scale: float = 0.0) -> Any:
        """N values for each evaluation, N n_L rows for each Jacobian; what a call that goes on repeats is not counted."""
        fitted = self.bound.least_squares(p, settings, iterations, evaluations, scale)
        again = 1 if scale else 0
        self.work.values += self.N * max(fitted.evaluations - again, 0)
        self.work.rows += self.N * self.outputs * (fitted.iterations + 1 - again)
        return fitted
