"""The steps of the stochastic gradient method: the loop around the training step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from netbp.engines import NO_ERRORS, Advanced, Choices, Memory, Update
from netbp.engines.tensor.cuda import Captured
from netbp.engines.tensor.random import keys_of
from netbp.engines.tensor.step import rest_of_step, whole_step
from netbp.engines.tensor.translation import Translated

if TYPE_CHECKING:
    from netbp.engines.tensor.bound import BoundTensor

from netbp.types import Array


class Exchange:
    """How the gradient's parts come together: here one process has them all.

    With several processes, process `rank` of `size` computes part `rank` of each batch only, and `added` gives every process the
    sum over all processes, in the order of their ranks, of a vector (s + 3,): the gradient, the cost and the two errors.
    """

    rank, size = 0, 1
    kind = "cpu"
    refusal: str | None = None

    def told(self, text: str) -> list[bytes]:
        """What every process tells, in the order of their ranks."""
        return [text.encode()]

    def added(self, vector: torch.Tensor, m: int = 0) -> torch.Tensor:
        """The sum over all processes of a step with m points."""
        return vector


class Piece(NamedTuple):
    """The points start, ..., stop - 1 of a batch, which belong to this part of it."""

    part: int
    start: int
    stop: int


def pieces_of(m: int, parts: int, block: int) -> list[Piece]:
    """A batch of m points in `parts` parts of equal length, as far as possible, each in blocks that fit into the memory."""
    edges = [r * m // parts for r in range(parts + 1)]
    return [
        Piece(r, start, min(start + block, edges[r + 1])) for r in range(parts) for start in range(edges[r], edges[r + 1], block)
    ]


def advance(
    bound: BoundTensor, p: Array, memory: Memory, t: int, choices: Choices, update: Update, record: int, batch_costs: bool
) -> Advanced:
    """See `netbp.engines.Bound.advance`, for one network or, one after the other, for M."""
    if p.ndim == 1:
        return _advance_one(bound, p, memory, t, choices, update, record, batch_costs)
    seeds = np.broadcast_to(np.asarray(choices.seed), (len(p),)) if choices.seed is not None else [None] * len(p)
    each = [
        _advance_one(
            bound,
            p[m],
            Memory(memory.u[m], memory.v[m]),
            t,
            choices._replace(indices=None if choices.indices is None else choices.indices[m], seed=seeds[m]),
            update,
            record,
            batch_costs,
        )
        for m in range(len(p))
    ]
    counted = all(len(one.batch_errors) for one in each)
    return Advanced(
        np.stack([one.p for one in each]),
        Memory(np.stack([one.memory.u for one in each]), np.stack([one.memory.v for one in each])),
        np.stack([one.costs for one in each], axis=1),
        np.stack([one.batch_costs for one in each], axis=1),
        np.stack([one.batch_errors for one in each], axis=1) if counted else NO_ERRORS,
    )


def _advance_one(
    bound: BoundTensor, p: Array, memory: Memory, t: int, choices: Choices, update: Update, record: int, batch_costs: bool
) -> Advanced:
    steps = Steps(bound, update)
    now, u, v = (bound.vector(q).clone() for q in (p, memory.u, memory.v))  # a rule of one's own may write into them
    offsets, N = choices.offsets, len(bound.objective.x)
    indices = None if choices.indices is None else bound.indices(choices.indices)
    keys = keys_of(bound.objective.network, choices.seed, t, len(choices.rates)).to(bound.device)
    rates = torch.as_tensor(np.asarray(choices.rates, dtype=np.float64)).to(bound.device)
    numbers = torch.arange(t + 1, t + len(rates) + 1, dtype=torch.float64, device=bound.device)
    costs, told = [], []
    for k in range(len(rates)):
        index = bound.everything if indices is None else indices[offsets[k] : offsets[k + 1]]
        m = N if indices is None else int(offsets[k + 1] - offsets[k])
        now, u, v, heard = steps(now, u, v, index, m, keys[k], rates[k], numbers[k])
        if batch_costs:
            told.append(heard)
        if record and (t + k + 1) % record == 0:
            costs.append(bound.value_at(now))
    heard = torch.stack(told).cpu().numpy() if told else np.empty((0, 3))
    counted = bound.objective.cost.categories and batch_costs
    return Advanced(
        bound.array(now),
        Memory(bound.array(u), bound.array(v)),
        np.array(costs, dtype=float),
        heard[:, 0].copy(),
        heard[:, 1:].copy() if counted else NO_ERRORS,
    )


class Steps:
    """Single steps with one update: (p, u, v, index, m, keys, eta, t) -> (p, u, v, told)."""

    def __init__(self, bound: BoundTensor, update: Update) -> None:
        self.bound, self.update = bound, update
        self.multiplier = None if update.multiplier is None else bound.vector(update.multiplier)
        self.decay = None if update.decay is None else bound.vector(update.decay)

    def __call__(self, p: Any, u: Any, v: Any, index: Any, m: int, keys: Any, eta: Any, t: Any) -> Any:
        """One step with the m points `index`."""
        bound = self.bound
        pieces = pieces_of(m, bound.parts, bound.block)
        data = (bound.x, bound.y, bound.shares)
        scale = bound.number(1.0 / m)
        last = (eta, t, self.multiplier, self.decay, bound.weights)
        pays = bound.pays(m)
        if len(pieces) == 1 and bound.exchange.size == 1:
            step = self.function("whole", m, pays)
            return step(p, u, v, *data, index, bound.whole_number(0), keys, scale, *last)
        sums: dict[int, torch.Tensor] = {}
        for part, start, stop in pieces:
            if bound.exchange.size > 1 and part != bound.exchange.rank:
                continue
            function = self.function("part", stop - start, pays)
            g, told = function(p, *data, index[start:stop], bound.whole_number(start), keys, scale)
            vector = torch.cat([g, told.to(g.dtype)])
            sums[part] = sums[part] + vector if part in sums else vector
        total = None
        for part in sorted(sums):
            total = sums[part] if total is None else total + sums[part]
        total = bound.exchange.added(torch.zeros(len(p) + 3, dtype=p.dtype, device=p.device) if total is None else total, m)
        rest = self.function("rest", 0, pays)
        return rest(p, u, v, total[:-3], total[-3:].double(), *last)

    def function(self, kind: str, m: int, pays: bool) -> Any:
        """The step, or a part of it, for m points, translated if that pays; kept with the bound engine."""
        update, bound = self.update, self.bound
        rule = () if kind == "part" else (update.rule, update.constants, self.multiplier is None, self.decay is None)
        key = (kind, m, pays, *rule)
        if key not in bound.functions:
            rest = rest_of_step(bound.objective, update)

            def made_for(translated: bool) -> Any:
                part = bound.part(translated)
                return {"whole": lambda: whole_step(part, rest), "part": lambda: part, "rest": lambda: rest}[kind]()

            made = Translated(made_for(True), lambda: made_for(False)) if pays else made_for(False)
            bound.functions[key] = Captured(made) if kind == "whole" and bound.device.type == "cuda" else made
        return bound.functions[key]
