"""Problem: a network, a cost and data on an engine, the function Cost(p) and its derivatives."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from netbp.costs import Cost
from netbp.engines import Bound, Engine, Objective, choose
from netbp.engines.explanation import Explanation
from netbp.network import Network
from netbp.plain import TRUTH, plain
from netbp.targets import check_agreement
from netbp.types import Array, Data, Indices, Matrix, Vector


@dataclass(frozen=True, eq=False)
class Problem:
    """The function Cost(p) of (9), with the penalty of (33), and its derivatives, all in evaluation mode.

    network, cost: what is trained and by which measure. data: training points, one per row; without targets y the inputs are
    the targets. held_out: points that are only looked at, or None. penalty: lambda of (33), at least 0, on weights, not on biases.
    engine: who does the arithmetic; None lets `netbp.engines.choose` choose.

    Raises ValueError when the data does not fit the network, is empty or not finite, when a point weight is negative or all are
    zero, when the penalty is not a finite number of at least 0, when the targets mean nothing to the cost, or when the engine
    cannot work with network and cost. Warns where the outputs cannot reach the targets, or the cost cannot become small.
    """

    network: Network
    cost: Cost
    data: Data
    held_out: Data | None = None
    penalty: float = 0.0
    engine: Engine | None = None

    def __post_init__(self) -> None:
        if not (np.isfinite(self.penalty) and self.penalty >= 0.0):
            raise ValueError(f"the penalty lambda of (33) must be a finite number, at least 0, but it is {self.penalty!r}")
        object.__setattr__(self, "data", checked(self.network, Data(*self.data), "the data"))
        if self.held_out is not None:
            object.__setattr__(self, "held_out", checked(self.network, Data(*self.held_out), "the held-out data"))
        sets = {"the data": self.data, "the held-out data": self.held_out}
        targets = {what: np.asarray(data.y) for what, data in sets.items() if data is not None}
        check_agreement(self.network, self.cost, targets)
        if self.engine is None:
            object.__setattr__(self, "engine", choose(self.network, self.cost))
        assert self.engine is not None
        refusal = self.engine.refusal(self.network, self.cost)
        if refusal:
            raise ValueError(refusal)

    def __getstate__(self) -> dict[str, Any]:
        """Without what an engine has built: a Problem travels to other processes as its fields."""
        fields = ("network", "cost", "data", "held_out", "penalty", "engine")
        return {name: getattr(self, name) for name in fields}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            object.__setattr__(self, name, value)

    # -- sizes -----------------------------------------------------------------------------------------------------

    @property
    def N(self) -> int:
        """The number of training points."""
        return len(np.asarray(self.data.x))

    @property
    def size(self) -> int:
        """The number of parameters s."""
        return self.network.size

    # -- the engine ------------------------------------------------------------------------------------------------

    @cached_property
    def bound(self) -> Bound:
        """The engine, bound to the training data."""
        return self._bind(self.data, self.penalty)

    @cached_property
    def held_out_bound(self) -> Bound:
        """The engine, bound to the held-out data, without penalty."""
        if self.held_out is None:
            raise ValueError("the problem has no held-out data: give Problem(..., held_out=Data(x, y))")
        return self._bind(self.held_out, 0.0)

    def at(self, found: Any) -> Problem:
        """The same problem with the buffers that a Run, a Snapshot or a State has kept beside p; itself where a network has none.

        Only a TorchNetwork has buffers, such as batch normalisation's: `problem.at(run).predict(run.p, x)`.
        """
        return replace(self, network=self.network.at(found)) if hasattr(self.network, "at") else self

    def on(self, engine: Engine) -> Problem:
        """The same problem on another engine."""
        return replace(self, engine=engine)

    def _bind(self, data: Data, penalty: float) -> Bound:
        assert self.engine is not None
        x, y = np.asarray(data.x), np.asarray(data.y)
        weight = None if data.weight is None else np.asarray(data.weight)
        total = float(len(x)) if weight is None else float(weight.sum())
        shares = None if weight is None else weight * (len(x) / total)
        return self.engine.bind(Objective(self.network, self.cost, x, y, shares, penalty / total))

    def _vector(self, p: ArrayLike, name: str = "p") -> Vector:
        assert self.engine is not None
        vector = plain(p, name, along="entry", dtype=self.engine.dtype)
        if vector.shape != (self.size,):
            raise ValueError(f"{self.network.title} has {self.size} parameters, but {name} has shape {vector.shape}")
        return vector

    # -- the function and its derivatives --------------------------------------------------------------------------

    def value(self, p: ArrayLike) -> float:
        """Cost(p), (9) with the penalty of (33). p: (s,)."""
        return self.bound.value(self._vector(p))

    def gradient(self, p: ArrayLike) -> Vector:
        """The gradient of Cost at p, (s,), by back propagation, (14) and (22)-(25)."""
        return self.bound.gradient(self._vector(p))

    def value_and_gradient(self, p: ArrayLike) -> tuple[float, Vector]:
        """Cost(p) and its gradient, (s,), from one forward pass."""
        return self.bound.value_and_gradient(self._vector(p))

    def residual(self, p: ArrayLike) -> Vector:
        """y - a^[L], point by point, (N n_L,); value = ||r||^2/(2N) without penalty.

        With point weights w_i, each point's part is multiplied by sqrt(w_i N / sum_j w_j). Raises ValueError when the cost is
        not a sum of squares.
        """
        self._needs_least_squares("residual")
        return self.bound.residual(self._vector(p))

    def jacobian(self, p: ArrayLike) -> Matrix:
        """The derivative of `residual`, (N n_L, s); the gradient is J^T r / N without penalty. Raises as `residual` does."""
        self._needs_least_squares("jacobian")
        return self.bound.jacobian(self._vector(p))

    def hvp(self, p: ArrayLike, v: ArrayLike) -> Vector:
        """The Hessian of Cost at p times v, (s,), exactly."""
        return self.bound.hvp(self._vector(p), self._vector(v, "v"))

    def held_out_value(self, p: ArrayLike) -> float:
        """The cost (9) of the held-out data, without penalty. Raises ValueError when there is none."""
        return self.held_out_bound.value(self._vector(p))

    # -- what the network says -------------------------------------------------------------------------------------

    def output(self, p: ArrayLike, x: ArrayLike) -> Matrix:
        """a^[L] by (7) and (8). x: (m, n_1), giving (m, n_L); or (n_1,), giving (n_L,)."""
        points = plain(x, "x", COMPACT, along="column")
        single = points.ndim == 1
        rows = points[None, :] if single else points
        n = self.network.sizes[0]
        if rows.ndim != 2 or rows.shape[1] != n:
            raise ValueError(
                f"Network expects {n} inputs but the data has shape {points.shape}: give points as rows of {n} numbers"
            )
        a = self.bound.forward(self._vector(p), rows)
        return a[0] if single else a

    def predict(self, p: ArrayLike, x: ArrayLike) -> Matrix:
        """F(x), what the network says of x: its outputs (4), or with the softmax log loss the probabilities of section 7.3.

        x: (m, n_1), giving (m, n_L); or (n_1,), giving (n_L,). Raises ValueError when x has another number of columns.
        """
        return np.asarray(self.cost.predict(self.output(p, x)))

    def classify(self, p: ArrayLike, x: ArrayLike) -> Indices:
        """The category of each x: the number, from 0, of the largest output; the first of them where several are equal.

        x: (m, n_1), giving (m,); or (n_1,), giving a number. With one output, category 1 where it exceeds 1/2, otherwise 0.
        """
        return categories(self.predict(p, x))

    def explain(self, p: ArrayLike, x: ArrayLike, y: ArrayLike) -> Explanation:
        """Lemma 1 with numbers for one point x (n_1,) with target y (n_L,): the forward and the backward pass, printable.

        Computed by the reference engine where the problem's own engine keeps no intermediate results.
        """
        from netbp.engines.reference import Reference

        single = Data(*(plain(part, f"the point's {name}", along="entry")[None] for part, name in ((x, "x"), (y, "y"))))
        point = checked(self.network, single, "the point")
        vector = self._vector(p).astype(float)
        explanation: Explanation = self.on(Reference()).bound.explain(vector, np.asarray(point.x)[0], np.asarray(point.y)[0])
        return explanation

    def lab(self, origin: str | None = None, height: int = 860, **fields: Any) -> Any:
        """The lab's page in a notebook, with this problem's points, network and cost; points of the plane in categories only.

        origin: of the notebook's own page, the only one whose pages may frame the lab; None: that of the Jupyter server that
        started this kernel, or else "http://localhost:8888". height: in pixels. fields: further fields of the lab's experiment,
        such as rate=0.1 or method="l-bfgs". The server runs in a thread of this process and ends with it.
        Raises ValueError for a problem that the plane cannot show.
        """
        # The one place where a lower level calls a higher one: users look for the lab where their problem is.
        return import_module("netbp.lab.notebook").show(self, origin, height, **fields)

    def _needs_least_squares(self, asked: str) -> None:
        if not self.cost.least_squares:
            raise ValueError(f"{asked} needs a cost that is a sum of squares, but the cost is {self.cost!r}: use nb.quadratic")


COMPACT = ("float32", "uint8")


def categories(predicted: Array) -> Indices:
    """The category that each row of outputs or probabilities names: see `Problem.classify`."""
    if predicted.shape[-1] == 1:
        return np.asarray(predicted[..., 0] > 0.5).astype(np.int64)
    return np.asarray(predicted.argmax(axis=-1))


def checked(network: Network, data: Data, what: str) -> Data:
    """The data as contiguous arrays that fit the network. Raises ValueError, saying what does not.

    x stays float32 or uint8 where it came so, since large sets of images would not fit into the memory otherwise; all else is
    float64.
    """
    n, outputs = network.sizes[0], network.sizes[-1]
    x = plain(data.x, f"{what}'s x", COMPACT)
    if x.ndim != 2:
        raise ValueError(f"{what}'s x must have one point per row, (N, {n}), but it has shape {x.shape}")
    if len(x) == 0:
        raise ValueError(f"{what} holds no points: give at least one row")
    if x.shape[1] != n:
        raise ValueError(f"Network expects {n} inputs but {what} has {x.shape[1]} columns: use Network.dense({x.shape[1]}, ...)")
    y = np.asarray(x, dtype=float) if data.y is None else plain(data.y, f"{what}'s y", kinds=TRUTH)
    if y.ndim == 1 and outputs == 1:
        y = y[:, None]
    if y.shape != (len(x), outputs):
        raise ValueError(
            f"Network gives {outputs} outputs for {len(x)} points, so {what}'s y must have shape ({len(x)}, {outputs}), "
            f"but it has shape {y.shape}"
        )
    return Data(x, y, None if data.weight is None else _weights(data.weight, len(x), what))


def _weights(weight: ArrayLike, N: int, what: str) -> Vector:
    values = plain(weight, f"{what}'s weight", kinds=TRUTH)
    if values.shape != (N,):
        raise ValueError(f"{what}'s weight must have shape ({N},), one number per point, but it has shape {values.shape}")
    if values.min() < 0.0 or values.sum() <= 0.0:
        raise ValueError(f"{what}'s weights must be at least 0 and not all 0, but they range from {values.min()} to {values.max()}")
    return values
