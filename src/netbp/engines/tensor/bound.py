"""The tensor engine on one objective: data resident on the device, and every method of the protocol."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from functools import cached_property, wraps
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from netbp.engines import Advanced, Choices, Fitted, LeastSquares, Memory, Objective, Update
from netbp.engines.explanation import Explanation
from netbp.engines.levenberg_marquardt import levenberg_marquardt
from netbp.engines.tensor import advance as training
from netbp.engines.tensor.layers import blocks, outputs
from netbp.engines.tensor.processes import device_of, exchange_of
from netbp.engines.tensor.settings import PARTS, autocast, block_of, context, precision_of
from netbp.engines.tensor.step import costs_of, part_of_step
from netbp.engines.tensor.translation import PAYS, Translated
from netbp.types import Array, Matrix, Vector

if TYPE_CHECKING:
    from netbp.engines.tensor import Tensor

ALIGNMENT = 16


def computing(method: Callable[..., Any]) -> Callable[..., Any]:
    """The method under the engine's settings of PyTorch, which are put back afterwards."""

    @wraps(method)
    def inside(self: BoundTensor, *arguments: Any, **named: Any) -> Any:
        with context(self.engine):
            return method(self, *arguments, **named)

    return inside


class BoundTensor:
    """See `netbp.engines.Bound` for what each method promises.

    facts: what the engine found, in words: its device, its precision, and why something asked for was not possible.
    """

    def __init__(self, engine: Tensor, objective: Objective) -> None:
        self.engine, self.objective = engine, objective
        self.device = device_of(engine)
        self.dtype = torch.float64 if engine.precision == "float64" else torch.float32
        self.autocast, self.facts = precision_of(engine)
        self.exchange = exchange_of(engine, self.device)
        self.parts = self.exchange.size if self.exchange.size > 1 else engine.parts
        self.block = block_of(objective.network, self.dtype, self.device)
        self.x = self.resident(objective.x)
        self.y = self.resident(objective.y).to(self.dtype)
        self.shares = None if objective.shares is None else self.vector(objective.shares)
        self.weights = self.vector(objective.network.spread(1.0, 0.0)) if objective.penalty else None
        self.functions: dict[Any, Any] = {}
        self.numbers: dict[Any, torch.Tensor] = {}

    # -- numbers to and from the device ----------------------------------------------------------------------------

    def resident(self, x: Matrix) -> torch.Tensor:
        """The rows x on the device, as they came: a processor shares the memory of the array.

        That of a view may begin anywhere, where NumPy's own begins at a multiple of 16 bytes; MKL's last bits depend on it.
        """
        x = np.ascontiguousarray(x)
        if x.ctypes.data % ALIGNMENT:
            x = x.copy()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # arrays that may not be written to: nothing here writes
            rows = torch.from_numpy(x)
        if self.device.type != "cpu" and rows.dtype == torch.float64:
            rows = rows.to(self.dtype)
        return rows.to(self.device)

    def vector(self, p: Array) -> torch.Tensor:
        """A vector (s,) in the engine's precision; on a processor that of the array itself, which nothing here writes to."""
        return self.resident(np.asarray(p, dtype=np.float64 if self.dtype == torch.float64 else np.float32))

    def indices(self, indices: Array) -> torch.Tensor:
        """Numbers of points on the device."""
        return self.resident(np.asarray(indices, dtype=np.int64))

    @staticmethod
    def array(p: torch.Tensor) -> Array:
        """A NumPy array of its own."""
        return p.detach().cpu().numpy().copy()

    def number(self, value: float) -> torch.Tensor:
        """A number as a tensor without axes: a function that takes it is not translated anew when it changes."""
        return self._kept(value, self.dtype)

    def whole_number(self, value: int) -> torch.Tensor:
        """A whole number as a tensor without axes."""
        return self._kept(value, torch.int64)

    def _kept(self, value: float, dtype: torch.dtype) -> torch.Tensor:
        if (value, dtype) not in self.numbers:
            self.numbers[value, dtype] = torch.tensor(value, dtype=dtype, device=self.device)
        return self.numbers[value, dtype]

    @cached_property
    def everything(self) -> torch.Tensor:
        """The numbers of all points."""
        return torch.arange(len(self.objective.x), device=self.device)

    # -- what is computed with ---------------------------------------------------------------------------------------

    def pays(self, m: int) -> bool:
        """Whether a step of m points is translated."""
        work = m * sum(layer.multiply_adds for layer in self.objective.network.layers)
        return self.engine.compile and work >= PAYS

    def part(self, translated: bool) -> Any:
        """`part_of_step` with these settings."""
        return part_of_step(self.objective, self.dtype, autocast(self.device, self.autocast), self.device, translated)

    @cached_property
    def evaluated(self) -> Any:
        """(blocks, rows) -> a[L] in evaluation."""
        run = outputs(self.objective.network, False, self.device)
        return lambda parts, x: run(parts, x.to(self.dtype), None, None)

    @cached_property
    def translated_outputs(self) -> Any:
        """(p, rows) -> a[L] in evaluation, translated, for blocks of one length."""
        network, run = self.objective.network, outputs(self.objective.network, False, self.device, translated=True)
        plain = self.evaluated
        return Translated(
            lambda p, x: run(blocks(network, p), x.to(self.dtype), None, None), lambda: lambda p, x: plain(blocks(network, p), x)
        )

    @cached_property
    def cost(self) -> Any:
        """(blocks, x, y, shares) -> the sum of c_i C_i of some points."""
        each = costs_of(self.objective.cost)

        def total(parts: Any, x: Any, y: Any, shares: Any) -> Any:
            c = each(self.evaluated(parts, x), y)
            return (c if shares is None else shares * c).sum()

        return total

    def split(self, *arrays: Any, parts: int = 1) -> Iterator[Any]:
        """The arrays, None included, in blocks of rows that fit into the memory, each cut into so many parts."""
        block = max(1, self.block // parts)
        for start in range(0, len(arrays[0]), block):
            yield tuple(None if a is None else a[start : start + block] for a in arrays)

    def outputs_in_blocks(self, p: torch.Tensor, x: torch.Tensor) -> Iterator[torch.Tensor]:
        """a[L] of the rows x, block by block: translated where there are many."""
        many = len(x) >= 4 * self.block and self.pays(self.block)
        parts = blocks(self.objective.network, p)
        with torch.no_grad():
            for (rows,) in self.split(x):
                yield self.translated_outputs(p, rows) if many and len(rows) == self.block else self.evaluated(parts, rows)

    def penalty_at(self, p: torch.Tensor) -> float:
        """penalty * sum ||W||^2."""
        return self.objective.penalty * float((self.weights * p * p).sum()) if self.weights is not None else 0.0

    def value_at(self, p: torch.Tensor) -> float:
        """Cost(p) of a vector on the device; the blocks are added in double precision."""
        each, total, start = costs_of(self.objective.cost), 0.0, 0
        for a in self.outputs_in_blocks(p, self.x):
            stop = start + len(a)
            c = each(a, self.y[start:stop])
            total += float((c if self.shares is None else self.shares[start:stop] * c).sum(dtype=torch.float64))
            start = stop
        return total / len(self.x) + self.penalty_at(p)

    # -- the protocol ------------------------------------------------------------------------------------------------

    @computing
    def value(self, p: Vector) -> float:
        """Cost(p)."""
        return self.value_at(self.vector(p))

    @computing
    def value_and_gradient(self, p: Vector) -> tuple[float, Vector]:
        """Both from one forward pass, block by block."""
        q, N = self.vector(p), len(self.x)
        total, g = 0.0, torch.zeros_like(q)
        both = torch.func.grad_and_value(lambda q, *data: self.cost(blocks(self.objective.network, q), *data))
        for x, y, shares in self.split(self.x, self.y, self.shares, parts=PARTS[self.device.type]):
            slope, value = both(q, x, y, shares)
            total, g = total + float(value), g + slope
        g = g / N
        if self.weights is not None:
            g = g + 2.0 * self.objective.penalty * self.weights * q
        return total / N + self.penalty_at(q), self.array(g)

    def gradient(self, p: Vector) -> Vector:
        """By back propagation."""
        return self.value_and_gradient(p)[1]

    @computing
    def forward(self, p: Vector, x: Matrix) -> Matrix:
        """a[L] for inputs x, block by block."""
        rows = self.x if x is self.objective.x else self.resident(x)  # its own points are on the device already
        return torch.cat(list(self.outputs_in_blocks(self.vector(p), rows))).cpu().numpy()

    @computing
    def residual(self, p: Vector) -> Vector:
        """sqrt(c_i) (y_i - a_i), point by point."""
        r = self.y - torch.cat(list(self.outputs_in_blocks(self.vector(p), self.x)))
        return self.array((r if self.shares is None else self.shares.sqrt()[:, None] * r).reshape(-1))

    @computing
    def hvp(self, p: Vector, v: Vector) -> Vector:
        """The gradient of (gradient, v), block by block."""
        q, w, N = self.vector(p), self.vector(v), len(self.x)
        gradient = torch.func.grad(lambda q, *data: self.cost(blocks(self.objective.network, q), *data))
        twice = torch.func.grad(lambda q, *data: (gradient(q, *data) * w).sum())
        total = torch.zeros_like(q)
        for data in self.split(self.x, self.y, self.shares, parts=PARTS[self.device.type]):
            total = total + twice(q, *data)
        total = total / N
        if self.weights is not None:
            total = total + 2.0 * self.objective.penalty * self.weights * w
        return self.array(total)

    @computing
    def point_gradients(self, p: Vector) -> Matrix:
        """grad C_i of each point, (N, s), without shares and penalty."""
        from netbp.engines.tensor.jacobian import point_gradients

        return point_gradients(self, p)

    def explain(self, p: Vector, x: Vector, y: Vector) -> Explanation:
        """Not here: what happens inside the layers is not kept."""
        raise NotImplementedError("the tensor engine cannot explain a point: use the reference engine, as Problem.explain does")

    @computing
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
        return training.advance(self, p, memory, t, choices, update, record, batch_costs)

    def least_squares(self, p: Vector, settings: LeastSquares, iterations: int, evaluations: int, scale: float = 0.0) -> Fitted:
        """Levenberg-Marquardt in NumPy, with residuals and Jacobians from here."""
        with np.errstate(all="ignore"):  # what is not finite is a result, with its reason
            return levenberg_marquardt(self, self.objective, p, settings, iterations, evaluations, scale)

    @computing
    def jacobian(self, p: Vector) -> Matrix:
        """The residual's derivative: a backward pass from each output of each point."""
        from netbp.engines.tensor.jacobian import jacobian

        return jacobian(self, p)
