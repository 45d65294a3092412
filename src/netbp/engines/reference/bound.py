"""The reference engine on one objective: every method of the protocol in the paper's own terms."""

from __future__ import annotations

from typing import Any

import numpy as np

from netbp.costs import missed
from netbp.engines import NO_ERRORS, Advanced, Choices, Fitted, LeastSquares, Memory, Objective, Update
from netbp.engines.explanation import Explanation
from netbp.engines.levenberg_marquardt import levenberg_marquardt
from netbp.engines.reference.maps import Training
from netbp.engines.reference.passes import along, assemble, backward, forward, outputs_by_parameters, slopes
from netbp.layers import Dense
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
        a = forward(o.network, p, o.x).a
        cost = (self.shares * o.cost.value(a[-1], o.y)).mean() + o.penalty * (self.weights * p * p).sum()
        return cost if np.iscomplexobj(cost) else float(cost)

    @diverging
    def value_and_gradient(self, p: Vector) -> tuple[float, Vector]:
        """Both from one forward pass."""
        cost, g, _ = self._batch(p, slice(None))
        return cost, g

    @diverging
    def gradient(self, p: Vector) -> Vector:
        """By back propagation."""
        return self._batch(p, slice(None))[1]

    @diverging
    def forward(self, p: Vector, x: Matrix) -> Matrix:
        """a[L] for inputs x."""
        return forward(self.objective.network, p, np.asarray(x, dtype=float)).a[-1]

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
        at = forward(network, p, o.x)
        a, z, A = at
        D = slopes(network, a, z)
        da, dz, dA = along(network, v, at, D)
        curved = [sigma.curvature(zl, al) * dzl for sigma, zl, al, dzl in zip(network.activations, z, a[1:], dz, strict=True)]
        error = o.cost.slope(a[-1], o.y)
        delta = backward(A, D, error)
        ddelta = [curved[-1] * error + D[-1] * o.cost.curvature(a[-1], o.y, da[-1])]
        for l in range(len(A) - 2, -1, -1):
            back, dback = A[l + 1].transpose(delta[l + 1]), A[l + 1].transpose(ddelta[0]) + dA[l + 1].transpose(delta[l + 1])
            ddelta.insert(0, curved[l] * back + D[l] * dback)
        Hv = assemble(network, ddelta, a, self.shares) + assemble(network, delta, da, self.shares, biases=0.0)
        return Hv / len(o.x) + 2.0 * o.penalty * self.weights * v

    def explain(self, p: Vector, x: Vector, y: Vector) -> Explanation:
        """Lemma 1 for one point, of a dense network."""
        o = self.objective
        if not o.network.is_dense:
            other = next((layer for layer in o.network.layers if not isinstance(layer, Dense)), o.network.layers[0])
            raise NotImplementedError(
                f"explain prints Lemma 1, which is about fully connected layers on vectors, but the network has {other!r}: "
                "no engine explains it; look at problem.gradient(p) and network.views(p)"
            )
        a, z, A = forward(o.network, p, x[None, :])
        D = slopes(o.network, a, z)
        error = o.cost.slope(a[-1], y[None, :])
        delta = backward(A, D, error)
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
        M = len(p)
        seeds = [None] * M if choices.seed is None else np.broadcast_to(choices.seed, M).tolist()
        parts = [
            self._advance_one(
                p[m],
                Memory(memory.u[m], memory.v[m]),
                t,
                choices._replace(indices=None if choices.indices is None else choices.indices[m], seed=seeds[m]),
                update,
                record,
                batch_costs,
            )
            for m in range(M)
        ]
        return Advanced(
            np.stack([part.p for part in parts]),
            Memory(np.stack([part.memory.u for part in parts]), np.stack([part.memory.v for part in parts])),
            np.stack([part.costs for part in parts], axis=1),
            np.stack([part.batch_costs for part in parts], axis=1),
            np.stack([part.batch_errors for part in parts], axis=1) if len(parts[0].batch_errors) else NO_ERRORS,
        )

    @diverging
    def least_squares(self, p: Vector, settings: LeastSquares, iterations: int, evaluations: int, scale: float = 0.0) -> Fitted:
        """Levenberg-Marquardt in NumPy."""
        return levenberg_marquardt(self, self.objective, p, settings, iterations, evaluations, scale)

    def _batch(self, p: Vector, points: Any, training: Training | None = None) -> tuple[float, Vector, Matrix]:
        """The mean cost of some points, its gradient, penalty included, and the outputs a[L]."""
        o = self.objective
        x, y, shares = o.x[points], o.y[points], self.shares[points]
        a, z, A = forward(o.network, p, x, training)
        cost = (shares * o.cost.value(a[-1], y)).mean() + o.penalty * (self.weights * p * p).sum()
        delta = backward(A, slopes(o.network, a, z), o.cost.slope(a[-1], y))
        return cost, assemble(o.network, delta, a, shares) / len(x) + 2.0 * o.penalty * self.weights * p, a[-1]

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
        o, (p, u, v) = self.objective, (q.copy() for q in (p, memory.u, memory.v))  # a rule of one's own may write into them
        if o.network.random and choices.seed is None:
            raise ValueError(f"{o.network.title} has random layers, so that training steps need choices.seed, which is None")
        multiplier = 1.0 if update.multiplier is None else update.multiplier
        costs, batches, errors = [], [], []
        for k, eta in enumerate(choices.rates):
            points = slice(None) if choices.indices is None else choices.indices[choices.offsets[k] : choices.offsets[k + 1]]
            training = Training(int(choices.seed), t + k + 1) if o.network.random else None
            cost, g, outputs = self._batch(p, points, training)
            if update.decay is not None:
                g = g + update.decay * p
            p, u, v = update.rule(p, g, u, v, eta * multiplier, float(t + k + 1), *update.constants)
            if batch_costs:
                batches.append(cost)
            if batch_costs and o.cost.categories:
                errors.append(missed(outputs, o.y[points]).mean(axis=0))
            if record and (t + k + 1) % record == 0:
                costs.append(self.value(p))
        found = np.array(errors).reshape(-1, 2) if errors else NO_ERRORS
        return Advanced(p, Memory(u, v), np.array(costs, dtype=float), np.array(batches, dtype=float), found)
