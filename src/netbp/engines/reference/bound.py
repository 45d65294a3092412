"""The reference engine on one objective: every method of the protocol in the paper's own terms."""

from __future__ import annotations

from typing import Any

import numpy as np

from netbp.engines import Advanced, Choices, Fitted, LeastSquares, Memory, Objective, Update
from netbp.engines.explanation import Explanation
from netbp.engines.reference.least_squares import levenberg_marquardt
from netbp.engines.reference.passes import assemble, backward, forward, outputs_by_parameters, slopes
from netbp.types import Array, Matrix, Vector

diverging = np.errstate(over="ignore", invalid="ignore", divide="ignore")
"""Numbers that overflow when a method diverges are results, infinite or NaN, which the run reports, and not warnings."""


class BoundReference:
    """See `netbp.engines.Bound` for what each method promises."""

    def __init__(self, objective: Objective) -> None:
        self.objective = objective
        N = len(objective.x)
        self.shares = np.ones(N) if objective.shares is None else objective.shares
        self.weights = objective.network.spread(1.0, 0.0)  # 1 where p holds a weight: what the penalty sees

    @diverging
    def value(self, p: Vector) -> float:
        """Cost(p); also for complex p where activations and cost are analytic, giving a complex number."""
        o = self.objective
        a, _ = forward(o.network, p, o.x)
        cost = (self.shares * o.cost.value(a[-1], o.y)).mean() + o.penalty * (self.weights * p * p).sum()
        return cost if np.iscomplexobj(cost) else float(cost)

    @diverging
    def value_and_gradient(self, p: Vector) -> tuple[float, Vector]:
        """Both from one forward pass."""
        return self._batch(p, slice(None))

    @diverging
    def gradient(self, p: Vector) -> Vector:
        """By back propagation."""
        return self._batch(p, slice(None))[1]

    @diverging
    def forward(self, p: Vector, x: Matrix) -> Matrix:
        """a[L] for inputs x."""
        return forward(self.objective.network, p, x)[0][-1]

    @diverging
    def residual(self, p: Vector) -> Vector:
        """sqrt(c_i) (y_i - a_i), point by point."""
        r = self.objective.y - self.forward(p, self.objective.x)
        return (np.sqrt(self.shares)[:, None] * r).ravel()

    @diverging
    def jacobian(self, p: Vector) -> Matrix:
        """The residual's derivative."""
        _, J = outputs_by_parameters(self.objective.network, p, self.objective.x)
        return (-np.sqrt(self.shares)[:, None, None] * J).reshape(-1, len(p))

    @diverging
    def hvp(self, p: Vector, v: Vector) -> Vector:
        """The derivative of the gradient in direction v: each line of the two passes, differentiated (Pearlmutter 1994)."""
        o, network = self.objective, self.objective.network
        a, z = forward(network, p, o.x)
        D = slopes(network, a, z)
        curvatures = [sigma.curvature(zl, al) for sigma, zl, al in zip(network.activations, z, a[1:], strict=True)]
        da, dz = [np.zeros_like(o.x)], []
        for (W, _), (dW, db), ap, Dl in zip(network.views(p), network.views(v), a[:-1], D, strict=True):
            dz.append(da[-1] @ W.T + ap @ dW.T + db)
            da.append(Dl * dz[-1])
        error = o.cost.slope(a[-1], o.y)
        delta = backward(network, p, D, error)
        ddelta = [curvatures[-1] * dz[-1] * error + D[-1] * o.cost.curvature(a[-1], o.y, da[-1])]
        pairs = list(zip(network.views(p), network.views(v), strict=True))
        for l in range(len(D) - 2, -1, -1):
            (W, _), (dW, _) = pairs[l + 1]
            back = delta[l + 1] @ W
            ddelta.insert(0, curvatures[l] * dz[l] * back + D[l] * (ddelta[0] @ W + delta[l + 1] @ dW))
        Hv = assemble(network, ddelta, a, self.shares)
        for (HW, _), dl, dal in zip(network.views(Hv), delta, da[:-1], strict=True):
            HW += (self.shares[:, None] * dl).T @ dal
        return Hv / len(o.x) + 2.0 * o.penalty * self.weights * v

    def explain(self, p: Vector, x: Vector, y: Vector) -> Explanation:
        """Lemma 1 for one point."""
        o = self.objective
        a, z = forward(o.network, p, x[None, :])
        D = slopes(o.network, a, z)
        error = o.cost.slope(a[-1], y[None, :])
        delta = backward(o.network, p, D, error)
        return Explanation(
            network=o.network,
            cost=float(o.cost.value(a[-1], y[None, :])[0]),
            W=tuple(W.copy() for W, _ in o.network.views(p)),
            a=tuple(al[0] for al in a),
            z=tuple(zl[0] for zl in z),
            slope=tuple(Dl[0] for Dl in D),
            error=error[0],
            delta=tuple(dl[0] for dl in delta),
        )

    @diverging
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
        """Step by step, network by network."""
        if p.ndim == 1:
            return self._advance_one(p, memory, t, choices, update, record, batch_costs)
        parts = [
            self._advance_one(
                p[m],
                Memory(memory.u[m], memory.v[m]),
                t,
                choices if choices.indices is None else choices._replace(indices=choices.indices[m]),
                update,
                record,
                batch_costs,
            )
            for m in range(len(p))
        ]
        return Advanced(
            np.stack([part.p for part in parts]),
            Memory(np.stack([part.memory.u for part in parts]), np.stack([part.memory.v for part in parts])),
            np.stack([part.costs for part in parts], axis=1),
            np.stack([part.batch_costs for part in parts], axis=1),
        )

    @diverging
    def least_squares(self, p: Vector, settings: LeastSquares, iterations: int, evaluations: int, scale: float = 0.0) -> Fitted:
        """Levenberg-Marquardt in NumPy."""
        return levenberg_marquardt(self, p, settings, iterations, evaluations, scale)

    def _batch(self, p: Vector, points: Any) -> tuple[float, Vector]:
        """The mean cost of some points and its gradient, penalty included."""
        o = self.objective
        x, y, shares = o.x[points], o.y[points], self.shares[points]
        a, z = forward(o.network, p, x)
        cost = (shares * o.cost.value(a[-1], y)).mean() + o.penalty * (self.weights * p * p).sum()
        delta = backward(o.network, p, slopes(o.network, a, z), o.cost.slope(a[-1], y))
        return cost, assemble(o.network, delta, a, shares) / len(x) + 2.0 * o.penalty * self.weights * p

    def _advance_one(
        self,
        p: Vector,
        memory: Memory,
        t: int,
        choices: Choices,
        update: Update,
        record: int,
        batch_costs: bool,
    ) -> Advanced:
        u, v = memory.u, memory.v
        multiplier = 1.0 if update.multiplier is None else update.multiplier
        costs, batches = [], []
        for k, eta in enumerate(choices.rates):
            points = slice(None) if choices.indices is None else choices.indices[choices.offsets[k] : choices.offsets[k + 1]]
            cost, g = self._batch(p, points)
            if update.decay is not None:
                g = g + update.decay * p
            p, u, v = update.rule(p, g, u, v, eta * multiplier, float(t + k + 1), *update.constants)
            if batch_costs:
                batches.append(cost)
            if record and (t + k + 1) % record == 0:
                costs.append(self.value(p))
        return Advanced(p, Memory(u, v), np.array(costs, dtype=float), np.array(batches, dtype=float))
