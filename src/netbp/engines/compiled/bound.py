"""The compiled engine on one objective: small networks go to kernels of frozen size, all else to those of any width."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from netbp.engines import Advanced, Choices, Fitted, LeastSquares, Memory, Objective, Update
from netbp.engines.compiled import blas, derivatives, least_squares, small, wide, wide_advance
from netbp.engines.compiled.codes import activation_codes, cost_code
from netbp.engines.compiled.least_squares import FittedMany
from netbp.engines.compiled.plan import Prepared, plain, prepare
from netbp.engines.explanation import Explanation
from netbp.types import Array, Matrix, Vector


class BoundCompiled:
    """See `netbp.engines.Bound` for what each method promises."""

    def __init__(self, objective: Objective) -> None:
        blas.put_off()
        self.objective = objective
        self.sizes = objective.network.sizes
        self.codes, self.own = activation_codes(objective.network)
        code = cost_code(objective.cost)
        assert code is not None, "Compiled.refusal lets only built-in costs through"
        self.cost = code

    @cached_property
    def points(self) -> small.Points:
        """The data as the small kernels take it."""
        return small.Points(self)

    @cached_property
    def prepared(self) -> Prepared:
        """The objective as the kernels of any size take it."""
        prepared = prepare(self.objective)
        if blas.needed(prepared, self.objective.network.size):
            blas.load()
        return prepared

    def value(self, p: Vector) -> float:
        """Cost(p)."""
        return float(self.values(p[None])[0])

    def values(self, ps: Matrix) -> Vector:
        """Cost(p) for M networks' parameters, (M, s): (M,), each as `value` alone, bit for bit. Not part of the protocol."""
        return wide.values_kernel()(plain(ps), *self.prepared)

    def value_and_gradient(self, p: Vector) -> tuple[float, Vector]:
        """Both from one forward pass."""
        cost, g = wide.gradient_kernel()(plain(p), *self.prepared)
        return float(cost), g

    def gradient(self, p: Vector) -> Vector:
        """By back propagation."""
        return self.value_and_gradient(p)[1]

    def forward(self, p: Vector, x: Matrix) -> Matrix:
        """a[L] for inputs x."""
        return self.outputs(p[None], x)[0]

    def outputs(self, ps: Matrix, x: Matrix) -> Array:
        """a[L] of M networks for the same inputs, (M, m, n_L). Not part of the protocol."""
        q = self.prepared
        return wide.forward_kernel()(plain(ps), plain(x), q.table, q.own, q.block).reshape(len(ps), len(x), self.sizes[-1])

    def residual(self, p: Vector) -> Vector:
        """sqrt(c_i) (y_i - a_i), point by point."""
        r = self.objective.y - self.forward(p, self.objective.x)
        if self.objective.shares is not None:
            r *= np.sqrt(self.objective.shares)[:, None]
        return np.ravel(r)

    def jacobian(self, p: Vector) -> Matrix:
        """The residual's derivative."""
        q = self.prepared
        return derivatives.jacobian_kernel()(plain(p), q.x, q.shares, q.table, q.own, q.block)

    def hvp(self, p: Vector, v: Vector) -> Vector:
        """The Hessian times v."""
        return derivatives.hvp_kernel()(plain(p), plain(v), *self.prepared)

    def explain(self, p: Vector, x: Vector, y: Vector) -> Explanation:
        """Not here: machine code keeps no intermediate results."""
        raise NotImplementedError("the compiled engine cannot explain a point: use the reference engine, as Problem.explain does")

    def advance(
        self,
        p: Array,
        memory: Memory,
        t: int,
        choices: Choices,
        update: Update,
        record: int = 0,
        batch_costs: bool = False,
    ) -> Advanced:
        """In machine code from the first step to the last."""
        advance = small.advance if small.accepts(self.sizes) else wide_advance.advance
        return advance(self, p, memory, t, choices, update, record, batch_costs)

    def least_squares(self, p: Vector, settings: LeastSquares, iterations: int, evaluations: int, scale: float = 0.0) -> Fitted:
        """Levenberg-Marquardt in machine code."""
        return least_squares.levenberg_marquardt(self, p, settings, iterations, evaluations, scale)

    def least_squares_many(self, starts: Matrix, settings: LeastSquares, iterations: int, evaluations: int) -> FittedMany:
        """Levenberg-Marquardt from M starts (M, s), each as it would move alone, bit for bit.

        Not part of the protocol. It releases Python's lock, so that threads given parts of the starts use all cores.
        """
        return least_squares.levenberg_marquardt_many(self, starts, settings, iterations, evaluations)
