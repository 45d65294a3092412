"""Agreement: every engine and precision on one problem, as a certificate of how far their answers differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from netbp.analysis.precision_condition import gradient_moves, output_moves
from netbp.analysis.precision_engine import BoundIn, InPrecision, Passes
from netbp.analysis.precision_numbers import DOUBLE, SINGLE, Precision, distance, extended
from netbp.analysis.precision_steps import Parting, engine_precision, name_of, parting, trajectory
from netbp.analysis.tables import aligned
from netbp.engines.reference import Reference
from netbp.frames import Library, fields_of, frame
from netbp.methods.stochastic import StochasticGradient
from netbp.methods.streams import state_of, stream_from
from netbp.problem import Problem
from netbp.streaming import checked_start
from netbp.types import Array, Vector

MOST = 300_000_000
"""Multiply-adds of one pass over all points, beyond which wide numbers take too long."""
STEPS, SLOW = 1_000_000, 2_000
MOVED = 1e-14


class Largest(NamedTuple):
    """The largest difference from the widest precision. ulps: of the engine's own precision, at the entry `where`.

    condition: the componentwise condition number there. multiple: the largest of all entries' differences, in units of
    u (condition + 1) |entry|, which is what rounding the parameters and the result alone could do.
    """

    ulps: float
    where: str
    condition: float
    multiple: float


class Differences(NamedTuple):
    """One engine beside the widest precision: of the cost, in ulps; of outputs and gradient."""

    name: str
    cost: float
    output: Largest
    gradient: Largest


class InLayer(NamedTuple):
    """Where differences arise: the largest, in ulps, in each array of layer l, of the reference engine's equations."""

    precision: str
    layer: int
    z: float
    a: float
    delta: float
    weights: float | None
    biases: float | None


@dataclass(frozen=True, eq=False)
class Agreement:
    """A certificate: every engine beside the widest precision, by layer, and by steps.

    widest: its name. condition: the largest componentwise condition numbers of outputs and of gradient. engines: one entry each.
    layers: of single and double precision. partings: pairs of engines. moved: the fastest engine from two starts that differ
    relatively by 1e-14.
    """

    title: str
    widest: str
    condition: tuple[float, float]
    engines: tuple[Differences, ...]
    layers: tuple[InLayer, ...]
    partings: tuple[Parting, ...]
    moved: Parting

    @property
    def amplification(self) -> float:
        """How many times the relative difference of the two starts the last steps differ."""
        return float(self.moved.relative[-1]) / MOVED

    def frame(self, library: Library = "pandas", table: Literal["engines", "layers", "steps"] = "engines") -> Any:
        """One of the three tables; differences are in ulps of each engine's or row's own precision.

        engines: name, cost, and for outputs and gradient the largest difference, where, condition and multiple, as in `Largest`.
        layers: the columns of `InLayer`. steps: for each pair first and second, how many steps, the first with any bit apart and
        with more than `beyond` ulps, and at the end ulps and the relative difference. Raises ValueError for another table.
        """
        if table == "layers":
            return frame(fields_of(self.layers, InLayer._fields), library)
        if table == "steps":
            parts = (*self.partings, self.moved)
            columns: dict[str, Any] = {"first": [at.names[0] for at in parts], "second": [at.names[1] for at in parts]}
            columns["steps"] = [int(at.steps[-1]) for at in parts]
            columns |= fields_of(parts, ("bit", "far", "beyond", "ulps"))
            return frame(columns | {"relative": [float(at.relative[-1]) for at in parts]}, library)
        if table != "engines":
            raise ValueError(f"an agreement's tables are engines, layers and steps, but {table!r} was asked for")
        columns = fields_of(self.engines, ("name", "cost"))
        for part in ("output", "gradient"):
            found = fields_of([getattr(at, part) for at in self.engines], Largest._fields)
            columns |= {part if name == "ulps" else f"{part}_{name}": values for name, values in found.items()}
        return frame(columns, library)

    def __str__(self) -> str:
        head = ("engine", "cost", "outputs", "where", "condition", "multiple", "gradient", "where", "condition", "multiple")
        rows = [
            (e.name, _short(e.cost), *(w for d in (e.output, e.gradient) for w in (_short(d.ulps), d.where, *map(_short, d[2:]))))
            for e in self.engines
        ]
        layers = []
        for d in self.layers:
            parts = ("-" if value is None else _short(value) for value in (d.z, d.a, d.delta, d.weights, d.biases))
            layers.append((d.precision, str(d.layer), *parts))
        steps = ("steps of", "steps", "any bit", f"> {self.moved.beyond:g} ulps", "ulps at the end", "relative")
        return "\n".join(
            [
                f"agreement: {self.title}",
                f"largest differences from {self.widest}, in ulps of each engine's precision",
                aligned(head, rows),
                f"largest condition numbers: outputs {_short(self.condition[0])}, gradient {_short(self.condition[1])}",
                "",
                "where they arise, in ulps: the reference engine's equations",
                aligned(("precision", "layer", "z", "a", "delta", "dC/dW", "dC/db"), layers),
                "",
                "first step at which two part",
                aligned(steps, [part.words for part in self.partings]),
                "",
                f"{self.moved.names[0]}, two starts {MOVED:g} apart: after {self.moved.steps[-1]:,} steps "
                f"{self.moved.relative[-1]:.2e} apart, {_short(self.amplification)} times as far",
            ]
        )


def agreement(
    problem: Problem,
    p: ArrayLike,
    method: Any = None,
    steps: int | None = None,
    slow_steps: int | None = None,
    rng: Any = 0,
    beyond: float = 64.0,
    engines: Sequence[Any] | None = None,
) -> Agreement:
    """Every engine that accepts the problem, in single and double precision, beside long double: cost, outputs, gradient, steps.

    p: (s,), the place, and the start of the steps. method: StochasticGradient(rate=0.05) if None; the points that it draws from
    `rng` are the same for all. steps: how many the fastest engine takes from two starts, 10^6 for small networks; slow_steps: how
    many all of them take, 2,000 or as many as are quick. beyond: ulps that count as far. engines: others than reference,
    compiled and tensor in double and single precision. Long double is mpmath with 113 bits where the platform has none.

    Raises ValueError for a network with layers of one's own, and where one pass over the data has more than 3e8 multiply-adds.
    """
    reference = problem.on(Reference())
    vector = np.asarray(checked_start(reference, p))
    if vector.ndim != 1:
        raise ValueError(f"agreement looks at one network, but p has shape {vector.shape}: give one row of it")
    work = sum(layer.multiply_adds for layer in problem.network.layers)
    if problem.N * work > MOST:
        raise ValueError(
            f"one pass over {problem.N:,} points has {problem.N * work:,} multiply-adds, beyond {MOST:,} for wide numbers: "
            "give a problem with a sample of the points"
        )
    method = StochasticGradient(rate=0.05) if method is None else method
    batch = method.batch if isinstance(getattr(method, "batch", None), int) else problem.N
    slow = int(np.clip(2e8 / max(1, batch * work), 10, SLOW)) if slow_steps is None else slow_steps
    many = int(np.clip(5e7 / problem.size, slow, STEPS)) if steps is None else steps
    if slow < 1 or many < 1:
        raise ValueError(f"there must be at least one step, but {many} and {slow} were asked for")
    known = [e for e in (_engines() if engines is None else engines) if e.refusal(problem.network, problem.cost) is None]
    wide = InPrecision(extended())
    beside = [problem.on(engine) for engine in (*known, *([InPrecision("single")] if engines is None else []))]
    truth = _Truth(problem.on(wide), reference, vector)
    stream = state_of(stream_from(rng))
    paths = [trajectory(one, method, vector, stream, slow) for one in (*beside, problem.on(wide))]
    fast = next((one for one in beside if getattr(one.engine, "name", "") == "compiled"), beside[0])
    signs = np.random.default_rng(0).choice([-1.0, 1.0], len(vector))
    twins = [trajectory(fast, method, start, stream, many) for start in (vector, vector * (1.0 + MOVED * signs))]
    doubles = [path for path in paths if path.precision == DOUBLE]
    return Agreement(
        f"{problem.network.title}, {problem.cost!r} cost, {problem.N} points",
        str(wide.arithmetic),
        truth.condition,
        tuple(truth.compared(one) for one in beside),
        tuple(entry for precision in (SINGLE, DOUBLE) for entry in truth.layers(precision)),
        (
            *(parting(path, paths[-1], beyond) for path in paths[:-1]),
            *(parting(path, doubles[0], beyond) for path in doubles[1:]),
        ),
        parting(twins[0], twins[1], beyond),
    )


def _engines() -> list[Any]:
    from netbp.engines.compiled import Compiled
    from netbp.engines.tensor import Tensor

    return [Reference(), Compiled(), Tensor(precision="float64"), Tensor(precision="float32")]


class _Truth:
    """The widest precision at p: what all others are compared with."""

    def __init__(self, wide: Problem, reference: Problem, p: Vector) -> None:
        self.problem, self.p = reference, p
        self.bound = _bound_in(wide)
        x = self.bound.objective.x
        self.cost, self.output, self.gradient = self.bound.number(p), self.bound.forward(p, x), self.bound.gradient(p)
        self.moves = output_moves(reference, p), gradient_moves(reference, p)
        self.condition = _highest(self.moves[0], self.output), _highest(self.moves[1], self.gradient)

    def compared(self, one: Problem) -> Differences:
        precision, x = engine_precision(one.engine), np.asarray(one.data.x, dtype=float)
        bound: Any = one.bound
        cost = bound.number(self.p) if isinstance(bound, BoundIn) else one.value(self.p)
        outputs = self._largest(precision, one.output(self.p, x), self.output, self.moves[0], self._output_place)
        gradient = self._largest(precision, one.gradient(self.p), self.gradient, self.moves[1], self._parameter)
        return Differences(name_of(one.engine), float(_ulps(precision, np.asarray(cost), np.asarray(self.cost))), outputs, gradient)

    def layers(self, precision: Precision) -> list[InLayer]:
        bound = _bound_in(self.problem.on(InPrecision(precision)))
        ours, exact = _passes(bound, self.p), _passes(self.bound, self.p)
        g, wide = (self.problem.network.views(b.gradient(self.p)) for b in (bound, self.bound))
        pairs = iter([tuple(_most(precision, a, b) for a, b in zip(*both, strict=True)) for both in zip(g, wide, strict=True)])
        found = []
        for l, layer in enumerate(self.problem.network.layers, start=2):
            parts = [(ours.z, exact.z), (ours.a[1:], exact.a[1:]), (ours.delta, exact.delta)]
            z, a, delta = (_most(precision, one[l - 2], other[l - 2]) for one, other in parts)
            dW, db = next(pairs) if layer.size else (None, None)
            found.append(InLayer(precision.name, l, z, a, delta, dW, db))
        return found

    @staticmethod
    def _largest(precision: Precision, found: Array, truth: Array, moves: Array, place: Any) -> Largest:
        ulps, difference = _ulps(precision, found, truth), distance(found, truth)
        worst = np.unravel_index(int(np.argmax(ulps)), ulps.shape)
        size = np.abs(truth).astype(float)
        allowed = precision.unit * (moves + size)
        multiple = np.max(np.divide(difference, allowed, out=np.where(difference > 0, np.inf, 0.0), where=allowed > 0))
        condition = moves[worst] / size[worst] if size[worst] else np.inf
        return Largest(float(ulps[worst]), place(worst), float(condition), float(multiple))

    def _output_place(self, index: Any) -> str:
        return f"a[{len(self.problem.network.sizes)}]_{index[1] + 1} of x{{{index[0] + 1}}}"

    def _parameter(self, index: Any) -> str:
        k, network = int(index[0]), self.problem.network
        numbers = [l for l, layer in enumerate(network.layers, start=2) if layer.size]
        marks: Array = np.zeros(network.size)
        marks[k] = 1.0
        for l, pair in zip(numbers, network.views(marks), strict=True):
            for name, part in zip("Wb", pair, strict=True):
                if part.any():
                    return f"{name}[{l}]_{','.join(str(i[0] + 1) for i in np.nonzero(part))}"
        raise AssertionError("every parameter belongs to a layer")


def _bound_in(problem: Problem) -> BoundIn:
    bound: Any = problem.bound
    assert isinstance(bound, BoundIn)
    return bound


def _passes(bound: BoundIn, p: Vector) -> Passes:
    return bound.passes(bound.cast(p), bound.objective.x, bound.objective.y)


def _ulps(precision: Precision, found: Array, truth: Array) -> Array:
    return distance(found, truth) / precision.ulp(truth)


def _most(precision: Precision, found: Array, truth: Array) -> float:
    return float(np.max(_ulps(precision, found, truth), initial=0.0))


def _highest(moves: Array, truth: Array) -> float:
    size = np.abs(truth).astype(float)
    return float(np.max(np.divide(moves, size, out=np.zeros(moves.shape), where=size > 0)))


def _short(value: float) -> str:
    return f"{value:.3g}" if value < 1e5 else f"{value:.1e}"
