"""The reference engine's equations in any precision: single, double, long double, or as many bits as asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from netbp.analysis.precision_numbers import Precision, precision_of
from netbp.costs import Cost
from netbp.engines import Advanced, Bound, Choices, Memory, Objective, Update
from netbp.engines.reference import Reference
from netbp.engines.reference.bound import BoundReference, diverging
from netbp.engines.reference.maps import Map, Training, bias_of, map_of
from netbp.engines.reference.passes import assemble, layers_of
from netbp.network import Network
from netbp.types import Array, Matrix, Vector


@dataclass(frozen=True)
class InPrecision:
    """The reference engine's equations, every line rounded to one precision: `problem.on(nb.InPrecision("long double"))`.

    precision: "single", "double", "long double", or a number of bits (slow, by mpmath). p, data, shares and rates are taken as the
    doubles that they are, rounded to the precision. In double precision it gives the reference engine's own bits. It has value,
    gradient, forward, advance; for derivatives other than the gradient take another engine.

    Raises ValueError for a precision that does not exist.
    """

    precision: str | int | Precision = "long double"

    def __post_init__(self) -> None:
        object.__setattr__(self, "precision", precision_of(self.precision))

    @property
    def arithmetic(self) -> Precision:
        """The precision itself."""
        return precision_of(self.precision)

    @property
    def name(self) -> str:
        """The reference engine and the precision."""
        return f"reference in {self.arithmetic}"

    @property
    def dtype(self) -> Any:
        """The precision's type of array."""
        return self.arithmetic.dtype

    def refusal(self, network: Network, cost: Cost) -> str | None:
        """What the reference engine refuses."""
        return Reference().refusal(network, cost)

    def bind(self, objective: Objective) -> Bound:
        """The equations on one objective."""
        return BoundIn(self.arithmetic, objective)


class Passes:
    """All that a forward and a backward pass compute: a[1..L], and z, delta of layers 2, ..., L, each (m, n_l)."""

    def __init__(self, a: list[Matrix], z: list[Matrix], A: list[Map], delta: list[Matrix]) -> None:
        self.a, self.z, self.A, self.delta = a, z, A, delta


class BoundIn(BoundReference):
    """The reference engine on one objective, in one precision. See `netbp.engines.Bound` for what each method promises."""

    def __init__(self, precision: Precision, objective: Objective) -> None:
        cast = precision.cast
        super().__init__(objective._replace(x=cast(objective.x), y=cast(objective.y)))
        self.precision, self.cast = precision, cast
        self.shares, self.weights = cast(self.shares), cast(self.weights)

    def passes(self, p: Vector, x: Matrix, y: Matrix | None, training: Training | None = None) -> Passes:
        """Forward by (7), (19), (20), and, unless y is None, backward by (22) and (23); each line rounded once more."""
        o, cast = self.objective, self.cast
        a, z, A = [x], [], []
        delta: list[Matrix] = []
        for l, (layer, W, b, sigma) in enumerate(layers_of(o.network, p), start=2):
            A.append(map_of(layer, l, W, a[-1], training))
            applied = cast(A[-1].apply(a[-1]))
            z.append(applied if b is None else cast(applied + bias_of(layer, b)))
            a.append(cast(sigma.value(z[-1])))
        if y is not None:
            back = cast(o.cost.slope(a[-1], y))
            for l in range(len(A) - 1, -1, -1):
                D = cast(o.network.activations[l].slope(z[l], a[l + 1]))  # a slope of a comparison is double whatever z is
                delta.insert(0, cast(D * back))
                back = cast(A[l].transpose(delta[0])) if l else back
        return Passes(a, z, A, delta)

    @diverging
    def number(self, p: Vector) -> Any:
        """Cost(p) in the precision itself."""
        o, p = self.objective, self.cast(p)
        a = self.passes(p, o.x, None).a[-1]
        return (self.shares * o.cost.value(a, o.y)).mean() + o.penalty * (self.weights * p * p).sum()

    def value(self, p: Vector) -> float:
        """Cost(p), rounded to double."""
        return float(self.number(p))

    def value_and_gradient(self, p: Vector) -> tuple[float, Vector]:
        """Both from one forward pass."""
        cost, g = super().value_and_gradient(self.cast(p))
        return float(cost), g

    def gradient(self, p: Vector) -> Vector:
        """By back propagation."""
        return self.value_and_gradient(p)[1]

    @diverging
    def forward(self, p: Vector, x: Matrix) -> Matrix:
        """a[L] for inputs x."""
        return self.passes(self.cast(p), self.cast(x), None).a[-1]

    def jacobian(self, p: Vector) -> Matrix:
        """Not here."""
        raise NotImplementedError("in other precisions there is no Jacobian: use the reference engine, engine=Reference()")

    def hvp(self, p: Vector, v: Vector) -> Vector:
        """Not here."""
        raise NotImplementedError("in other precisions there is no Hessian: use the reference engine, engine=Reference()")

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
        """Step by step; the rule's recurrence, too, is in the precision, its constants are doubles."""
        cast = self.cast
        update = update._replace(
            multiplier=None if update.multiplier is None else cast(update.multiplier),
            decay=None if update.decay is None else cast(update.decay),
        )
        memory = memory._replace(u=cast(memory.u), v=cast(memory.v))
        return super().advance(cast(p), memory, t, choices._replace(rates=cast(choices.rates)), update, record, batch_costs)

    def _batch(self, p: Vector, points: Any, training: Training | None = None) -> tuple[Any, Vector, Matrix]:
        o = self.objective
        x, y, shares = o.x[points], o.y[points], self.shares[points]
        found = self.passes(p, x, y, training)
        cost = (shares * o.cost.value(found.a[-1], y)).mean() + o.penalty * (self.weights * p * p).sum()
        g = assemble(o.network, found.delta, found.a, shares) / len(x) + 2.0 * o.penalty * self.weights * p
        return cost, self.cast(g), np.asarray(found.a[-1])
