"""The stochastic gradient method, (15)-(17), and steepest descent, (12)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from netbp.engines import NO_ERRORS, TOP, Choices, Memory, Update
from netbp.methods import NO_STEPS, Chunk, Session, recorded, remembered
from netbp.methods.sampling import Batches, Epochs, Everything, Replacement, epoch_means, too_large
from netbp.methods.schedules import settled, shortest, too_few, values_at
from netbp.methods.streams import seed_from, state_of
from netbp.rules import Rule, constants_of, sgd
from netbp.types import Array, State, Vector

if TYPE_CHECKING:
    from netbp.problem import Problem

PerLayer = float | tuple[float | Sequence[float], float | Sequence[float]]

# Points drawn for one call of the engine: few enough to stay in the cache, but for each network of an ensemble enough to make
# the call of its own stream, some microseconds, cheap per point.
DRAWN, DRAWN_PER_ENSEMBLE, DRAWN_PER_NETWORK = 2**16, 2**17, 2**11
LINE = 8  # indices in a line of the cache

BUFFERS = "buffers."  # how a layer's own arrays are called in a State's memory


@dataclass(frozen=True)
class StochasticGradient:
    """p moves against the gradient at a few points chosen at random, (15)-(17).

    rule: how the gradient moves p (netbp.rules, or your own function); constants: its constants by name. rate: eta, a number, one
    number per step, or a function of the step's number t = 1, 2, ...; at 0 the rule sees eta = 0, and p stays where it is. batch:
    points per step m of (17), likewise a number, one per step or a function. sampling: "replacement", where a batch may be
    larger than the data, or "epochs", where the last batch of an epoch may be shorter. weight_decay: c adds c p to the
    gradient, for all of p, or (weights, biases), each a number or one per layer. multipliers: eta's multipliers, likewise.

    Costs: with record=None, replacement records none, and epochs record the mean over the epoch's batches while p moves, each
    weighted by its points, and with a cost of categories the share of the points whose category is not the first ("top1") or
    not among the first five outputs ("top5"), while p moves. Raises ValueError for a rate that is negative or not finite, and
    for settings that do not fit.
    """

    rule: Rule = sgd
    rate: Any = 0.05
    batch: Any = 1
    sampling: Literal["replacement", "epochs"] = "replacement"
    constants: Mapping[str, float] = field(default_factory=dict)
    weight_decay: PerLayer = 0.0
    multipliers: PerLayer | None = None

    def __post_init__(self) -> None:
        constants_of(self.rule, self.constants)
        object.__setattr__(self, "rate", settled(self.rate, "rate"))
        object.__setattr__(self, "batch", settled(self.batch, "batch size", whole=True))
        if self.sampling not in ("replacement", "epochs"):
            raise ValueError(f'sampling must be "replacement" or "epochs", but it is {self.sampling!r}')

    @property
    def limit(self) -> int | None:
        """The length of the rates or batch sizes, if they are arrays."""
        return shortest(self.rate, self.batch)

    def refusal(self, steps: int) -> str | None:
        """That there are fewer rates or batch sizes than steps."""
        return too_few(self.limit, steps)

    def session(self, problem: Problem, state: State, rng: Any, record: int | None) -> Session:
        """See `netbp.methods.Method`. Raises ValueError when a batch without replacement is larger than the data."""
        N, sampling = problem.N, Replacement(problem.N, self.batch, rng)
        if self.sampling == "replacement":
            return StochasticSession(self, problem, state, rng, record or 0, sampling)
        largest = self.batch if isinstance(self.batch, int) else max(self.batch) if isinstance(self.batch, tuple) else 1
        if largest > N:
            raise ValueError(too_large(largest, N))
        return StochasticSession(self, problem, state, rng, record, Epochs(N, self.batch, rng, state.memory))


@dataclass(frozen=True)
class SteepestDescent:
    """p -> p - eta grad Cost(p), (12).

    rate: eta, a number, one number per step, or a function of the step's number t = 1, 2, ... rule, constants, weight_decay,
    multipliers: as in StochasticGradient. With record=None the cost is recorded after every step.
    """

    rate: Any = 0.05
    rule: Rule = sgd
    constants: Mapping[str, float] = field(default_factory=dict)
    weight_decay: PerLayer = 0.0
    multipliers: PerLayer | None = None

    def __post_init__(self) -> None:
        constants_of(self.rule, self.constants)
        object.__setattr__(self, "rate", settled(self.rate, "rate"))

    @property
    def limit(self) -> int | None:
        """The length of the rates, if they are an array."""
        return shortest(self.rate)

    def refusal(self, steps: int) -> str | None:
        """That there are fewer rates than steps."""
        return too_few(self.limit, steps)

    def session(self, problem: Problem, state: State, rng: Any, record: int | None) -> Session:
        """See `netbp.methods.Method`."""
        return StochasticSession(self, problem, state, rng, 1 if record is None else record, Everything())


class StochasticSession:
    """The choices of a sampling, handed to the engine's `advance` piece by piece; record None is the mean over epochs."""

    def __init__(
        self,
        method: StochasticGradient | SteepestDescent,
        problem: Problem,
        state: State,
        rng: Any,
        record: int | None,
        sampling: Everything | Replacement | Epochs,
    ) -> None:
        self.method, self.bound, self.rng, self.record, self.sampling = method, problem.bound, rng, record, sampling
        self.N, self.p, self.step = problem.N, state.p, state.step
        self.update = _update(method, problem)
        buffers = {name.removeprefix(BUFFERS): array for name, array in state.memory.items() if name.startswith(BUFFERS)}
        u, v = (remembered(state.memory, name, np.zeros_like(state.p), finite=False) for name in "uv")
        self.memory = Memory(u, v, buffers)
        self.random, self.seed = problem.network.random, None
        if "seed" in state.memory:
            self.seed = remembered(state.memory, "seed", np.zeros(state.p.shape[:-1], dtype=np.int64))
        self.top5 = problem.network.sizes[-1] > TOP
        carry = np.zeros(state.p.shape[:-1])
        self.carry: Array = np.asarray(remembered(state.memory, "epoch_cost", carry), dtype=float)
        self.errors: Array = np.asarray(remembered(state.memory, "epoch_errors", np.zeros((*carry.shape, 2))), dtype=float)
        self.counted = False
        width = max(1, state.p.size // state.p.shape[-1])
        # An odd number of cache lines for each network: with a power of two, their indices would fall into one set of the cache.
        self.drawn = DRAWN if state.p.ndim == 1 else (max(DRAWN_PER_NETWORK, DRAWN_PER_ENSEMBLE // width) // LINE | 1) * LINE

    def advance(self, steps: int, to_record: bool = False) -> Chunk:
        """Take the steps in pieces whose drawn points fit into the cache."""
        if to_record:
            left = self.sampling.epoch_left(self.step)
            steps = min(steps, left if self.record is None else self.record - self.step % self.record if self.record else steps)
        ends, costs, errors, before, taken = [], [], [], self.step, 0
        while taken < steps:
            piece = min(steps - taken, self._piece())
            at, values, shares = self._take(piece)
            ends.append(at)
            costs.append(values)
            errors.append(shares)
            taken += piece
        numbers = np.concatenate(ends) if self.record is None else recorded(before, taken, self.record)
        return Chunk(self._state(), numbers, np.concatenate(costs), curves=self._curves(errors))

    def close(self) -> None:
        """Nothing is held."""

    def _piece(self) -> int:
        largest = getattr(self.sampling, "batch", 1)
        return max(1, self.drawn // (largest if isinstance(largest, int) else max(1, min(self.N, self.drawn))))

    def _take(self, steps: int) -> tuple[Array, Array, Array]:
        """Take some steps: which of them ended an epoch, the costs, and where errors are counted their shares, (n, ..., 2)."""
        t, means = self.step, self.record is None
        if self.random and self.seed is None:
            self.seed = seed_from(self.rng)
        seed = None if self.seed is None else self.seed if np.ndim(self.seed) else int(self.seed)
        rates = values_at(self.method.rate, t, steps, "rate")
        batches: Batches = self.sampling.choose(t, steps)
        choices = Choices(batches.indices, batches.offsets, rates, seed)
        with np.errstate(all="ignore"):  # what overflows is found and told by whoever drives the session
            out = self.bound.advance(self.p, self.memory, t, choices, self.update, self.record or 0, means)
        self.p, self.memory, self.step = out.p, out.memory, t + steps
        if not means:
            return NO_STEPS, out.costs, NO_ERRORS
        values, self.carry = epoch_means(out.batch_costs, batches, self.carry, self.N)
        shares = NO_ERRORS
        if len(out.batch_errors):
            sizes = np.diff(batches.offsets).reshape(-1, *[1] * (out.batch_errors.ndim - 1))
            exact = np.rint(out.batch_errors * sizes) / sizes  # an engine in single precision rounds them
            shares, self.errors = epoch_means(exact, batches, self.errors, self.N)
            self.counted = True
        return t + batches.ends, values, shares

    def _curves(self, errors: list[Array]) -> dict[str, Array]:
        if not self.counted:
            return {}
        shares = np.concatenate(errors)
        return {"top1": shares[..., 0], "top5": shares[..., 1]} if self.top5 else {"top1": shares[..., 0]}

    def _state(self) -> State:
        memory = {"u": self.memory.u, "v": self.memory.v, **self.sampling.memory()}
        memory |= {f"{BUFFERS}{name}": array for name, array in self.memory.buffers.items()}
        if self.seed is not None:
            memory["seed"] = np.asarray(self.seed)
        if self.record is None:
            memory["epoch_cost"] = self.carry
        if self.counted:
            memory["epoch_errors"] = self.errors
        return State(self.p, self.step, memory, state_of(self.rng))


def _update(method: StochasticGradient | SteepestDescent, problem: Problem) -> Update:
    constants = constants_of(method.rule, method.constants)
    decay = _spread(method.weight_decay, problem, "weight_decay")
    multiplier = None if method.multipliers is None else _spread(method.multipliers, problem, "multipliers")
    return Update(method.rule, constants, multiplier, decay if decay.any() else None)


def _spread(given: PerLayer, problem: Problem, what: str) -> Vector:
    """(s,) from a number, or from a pair (weights, biases)."""
    pair = given if isinstance(given, tuple | list) else (given, given)
    if len(pair) != 2:
        raise ValueError(f"{what} must be a number or a pair (weights, biases), but it has {len(pair)} entries")
    values = problem.network.spread(*pair)
    if not (np.isfinite(values).all() and values.min() >= 0.0):
        raise ValueError(f"{what} must be finite numbers of at least 0, but it is {given!r}")
    return values
