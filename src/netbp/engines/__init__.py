"""The engine protocol: who does the arithmetic, and exactly what is asked of it.

An engine is a small frozen value, `Reference()` or `Compiled()`, that says what it accepts and binds itself to one objective: a
network, a cost, data and a penalty. The bound engine does all arithmetic with p. Everything above the engines speaks to them
through these two protocols only.

Conventions, for all methods: N points, s parameters, n_L outputs. p is (s,), float64 (or the engine's own `dtype`), and is never
changed. With point weights w_i, the sum of the w_i takes the place of N and point i counts w_i times:

    Cost(p) = (sum_i w_i C_i(p) + lambda sum_l ||W[l]||_F^2) / sum_i w_i,

which for w_i = 1 is (9) with the penalty of (33). c_i = w_i N / sum_j w_j is a point's share; without weights it is 1. An engine
that lacks a method raises NotImplementedError with a line that says so and names an engine that has it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np

from netbp.costs import Cost
from netbp.network import Network
from netbp.rules import Rule
from netbp.types import Array, Indices, Matrix, Vector

NO_ERRORS = np.empty((0, 2))
TOP = 5  # an output among so many counts as nearly right, where there are more categories than that


class Objective(NamedTuple):
    """What an engine is bound to, checked by Problem.

    x: (N, n_1), float64, or float32 or uint8 where the data came so: an engine takes what it is given into its own precision, whole
    or batch by batch. y: (N, n_L) float64. shares: (N,) the c_i above, or None where all are 1. penalty: lambda / sum_i w_i, so
    that the cost gains penalty * sum_l ||W[l]||_F^2 and its gradient 2 * penalty * W[l].
    """

    network: Network
    cost: Cost
    x: Matrix
    y: Matrix
    shares: Vector | None
    penalty: float


class Memory(NamedTuple):
    """What a method remembers beside p: a rule's two memories, each shaped like p, and what layers keep that is not a parameter.

    buffers: by name, such as batch normalisation's running means; empty for every network of netbp's own layers.
    """

    u: Array
    v: Array
    buffers: Mapping[str, Array] = {}


class Choices(NamedTuple):
    """K steps of a stochastic method, decided before the engine takes them.

    indices: (n,) for one network or (M, n) for M: the points of all the steps one after the other, counted from 0; None when
    every step uses all N points in their order, as (12) does. offsets: (K + 1,), step k uses indices[offsets[k]:offsets[k + 1]];
    each batch holds at least one point. rates: (K,), the learning rate eta of each step. seed: of the random layers (Dropout,
    Flip), a whole number of 63 bits, or (M,) of them, the same in every step; None for a network that has none. What a random
    layer draws is a function of (seed, number of the step, layer, position in the batch, neuron), see `netbp.engines.masks`.
    """

    indices: Indices | None
    offsets: Indices
    rates: Vector
    seed: Any = None


class Update(NamedTuple):
    """How a step uses the gradient: rule(p, g, u, v, eta * multiplier, t, *constants), entry by entry.

    g = gradient of the batch + decay * p. multiplier, decay: (s,) each, or None for 1 and 0.
    """

    rule: Rule
    constants: tuple[float, ...] = ()
    multiplier: Vector | None = None
    decay: Vector | None = None


class Advanced(NamedTuple):
    """Where `advance` arrived.

    p: like the p given. memory: the rule's memories. costs: the Cost of the whole objective after every step whose number is a
    multiple of `record`, (n,) or (n, M); empty for record = 0. batch_costs: the mean cost of each step's own batch, with the
    penalty, before the update, (K,) or (K, M); empty unless asked for. batch_errors: (K, 2) or (K, M, 2), which share of each
    batch's points has its category not at the first, and not among the first five outputs, before the update; given with
    batch_costs where the cost compares categories (`Cost.categories`) and the engine counts them; otherwise (0, 2).
    """

    p: Array
    memory: Memory
    costs: Array
    batch_costs: Array
    batch_errors: Array = NO_ERRORS


class Fitted(NamedTuple):
    """Where `least_squares` arrived.

    p: (s,). damping: Levenberg-Marquardt's mu, for going on. reason: a key of REASONS. iterations, evaluations: how many this
    call took (evaluations of the residual, accepted or not, the first included). costs: (iterations,), Cost after each iteration.
    gradient_norm: the largest |entry| of J^T r at p, the penalty's part included. scale: the largest |entry| of J^T r at the
    very start, which the stopping rule compares with, for going on.
    """

    p: Vector
    damping: float
    reason: int
    iterations: int
    evaluations: int
    costs: Vector
    gradient_norm: float
    scale: float


RUNNING, GRADIENT, DECREASE, STEP, EVALUATIONS, DAMPING, NOT_FINITE = range(7)
REASONS = {
    RUNNING: "it took the iterations asked for and could go on",
    GRADIENT: "the gradient of the sum of squares is as small as the function tolerance asks",
    DECREASE: "the last iteration reduced the sum of squares by less than the function tolerance, relatively",
    STEP: "the last step was shorter than the step tolerance, relatively",
    EVALUATIONS: "it used all the evaluations allowed",
    DAMPING: "the damping grew beyond 1e16 without a step that reduces the sum of squares",
    NOT_FINITE: "the residual is not finite at the start",
}


class LeastSquares(NamedTuple):
    """Levenberg-Marquardt's settings (MATLAB's defaults for lsqnonlin).

    norms: whether the residual is the N norms ||y_i - a_i||_2, times sqrt(c_i), instead of the N n_L components (the derivative
    of a norm is 0/0 at a zero residual: that row of the Jacobian is taken as zero). Damping starts at `damping` and is multiplied
    by `increase` when a step fails and by `decrease` when an iteration's first step succeeds; a success after a failure leaves it
    as it is. Tolerances: see REASONS and docs/methods.md.
    """

    norms: bool = False
    damping: float = 0.01
    increase: float = 10.0
    decrease: float = 0.1
    function_tolerance: float = 1e-6
    step_tolerance: float = 1e-6


class Bound(Protocol):
    """An engine bound to one objective. Deterministic: the same arguments give the same bits.

    Where the network has buffers (a TorchNetwork), all methods but `advance` use the network's own, and the bound engine also has
    `at(buffers)`: the same with other ones, given as `Memory.buffers` are.
    """

    def value(self, p: Vector) -> float:
        """Cost(p)."""
        ...

    def gradient(self, p: Vector) -> Vector:
        """The gradient of Cost at p, (s,), by back propagation: (22)-(25), averaged as in (14)."""
        ...

    def value_and_gradient(self, p: Vector) -> tuple[float, Vector]:
        """Both at once, from one forward pass."""
        ...

    def forward(self, p: Vector, x: Matrix) -> Matrix:
        """a^[L] for inputs x (m, n_1), by (7) and (8): (m, n_L)."""
        ...

    def residual(self, p: Vector) -> Vector:
        """sqrt(c_i) (y_i - a_i^[L]), point by point, (N n_L,); without penalty, Cost = ||r||^2/(2N) for the quadratic cost."""
        ...

    def jacobian(self, p: Vector) -> Matrix:
        """The derivative of `residual` by p, (N n_L, s); without penalty, the gradient is J^T r / N."""
        ...

    def hvp(self, p: Vector, v: Vector) -> Vector:
        """The Hessian of Cost at p times v, (s,), exactly (Pearlmutter, Neural Computation 6(1), 1994)."""
        ...

    def explain(self, p: Vector, x: Vector, y: Vector) -> Any:
        """Lemma 1 for one point x (n_1,), y (n_L,): an Explanation."""
        ...

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
        """Take K steps of the stochastic gradient method, (15)-(17), from p after t steps.

        p, memory.u, memory.v: (s,), or (M, s) for M networks with indices (M, n), each then moving exactly as it would alone,
        bit for bit on the compiled engine. The steps have the numbers t + 1, ..., t + K. A step's gradient is the mean over its
        batch of c_i grad C_i, plus the penalty's gradient, plus decay * p. Splitting the K steps into several calls changes no
        bit of p, of the memories or of the costs. These are training steps: random layers draw, from choices.seed; all other
        methods of the protocol are in evaluation mode.
        """
        ...

    def least_squares(self, p: Vector, settings: LeastSquares, iterations: int, evaluations: int, scale: float = 0.0) -> Fitted:
        """Take at most `iterations` iterations and `evaluations` evaluations of Levenberg-Marquardt from p.

        Each solves (J^T J + mu I) d = -J^T r with the present damping mu; the penalty adds rows sqrt(2 penalty N) w for the
        weights. scale: `Fitted.scale` of the call that this one goes on from, 0 for a first call; splitting changes no bit.
        """
        ...


class Engine(Protocol):
    """A way of doing the arithmetic."""

    @property
    def name(self) -> str:
        """Its name, for messages and the run's record."""
        ...

    @property
    def dtype(self) -> Any:
        """The precision of p: numpy.float64, unless the engine says otherwise."""
        ...

    def refusal(self, network: Network, cost: Cost) -> str | None:
        """Why this engine cannot work with network and cost, or None when it can."""
        ...

    def bind(self, objective: Objective) -> Bound:
        """The engine, ready to compute with the objective."""
        ...


def choose(network: Network, cost: Cost) -> Engine:
    """The engine for a network and a cost: compiled for dense networks, tensor for others; reference where these refuse."""
    from netbp.engines.compiled import Compiled
    from netbp.engines.reference import Reference
    from netbp.engines.tensor import Tensor

    fast: Engine = Compiled() if network.is_dense else Tensor()
    return fast if fast.refusal(network, cost) is None else Reference()
