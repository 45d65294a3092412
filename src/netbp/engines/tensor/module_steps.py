"""Training steps of a torch.nn.Module: a batch's gradient part by part, its random layers seeded, its buffers averaged."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from netbp.engines import NO_ERRORS, Advanced, Choices, Memory, Update, masks
from netbp.engines.tensor.settings import autocast
from netbp.engines.tensor.step import rest_of_step, wrong
from netbp.engines.tensor.translation import Translated
from netbp.types import Array

if TYPE_CHECKING:
    from netbp.engines.tensor.module_bound import BoundModule, Tensors

FIRST_LAYER = 2  # part r of a batch draws as layer r + 2 does


def advance(
    bound: BoundModule, p: Array, memory: Memory, t: int, choices: Choices, update: Update, record: int, batch_costs: bool
) -> Advanced:
    """See `netbp.engines.Bound.advance`, for one network or, one after the other, for M."""
    if p.ndim == 1:
        return _advance_one(bound, p, memory, t, choices, update, record, batch_costs)
    seeds = [None] * len(p) if choices.seed is None else np.broadcast_to(np.asarray(choices.seed), (len(p),))
    each = []
    for m in range(len(p)):
        one = Memory(memory.u[m], memory.v[m], {name: array[m] for name, array in memory.buffers.items()})
        mine = choices._replace(indices=None if choices.indices is None else choices.indices[m], seed=seeds[m])
        each.append(_advance_one(bound, p[m], one, t, mine, update, record, batch_costs))
    names = each[0].memory.buffers
    return Advanced(
        np.stack([one.p for one in each]),
        Memory(
            np.stack([one.memory.u for one in each]),
            np.stack([one.memory.v for one in each]),
            {name: np.stack([one.memory.buffers[name] for one in each]) for name in names},
        ),
        np.stack([one.costs for one in each], axis=1),
        np.stack([one.batch_costs for one in each], axis=1),
        np.stack([one.batch_errors for one in each], axis=1) if len(each[0].batch_errors) else NO_ERRORS,
    )


def _advance_one(
    bound: BoundModule, p: Array, memory: Memory, t: int, choices: Choices, update: Update, record: int, batch_costs: bool
) -> Advanced:
    if bound.network.random and choices.seed is None:
        raise ValueError(f"{bound.network.title} draws random numbers in training steps: give Choices a seed")
    now, u, v = (bound.vector(q).clone() for q in (p, memory.u, memory.v))  # a rule of one's own may write into them
    buffers = bound.tensors(memory.buffers) if memory.buffers else bound.kept
    multiplier, decay = (None if q is None else bound.vector(q) for q in (update.multiplier, update.decay))
    rest = rest_of_step(bound.objective, update)
    indices = None if choices.indices is None else bound.indices(choices.indices)
    costs, told = [], []
    for k, rate in enumerate(np.asarray(choices.rates, dtype=np.float64).tolist()):
        step = t + k + 1
        index = bound.everything if indices is None else indices[choices.offsets[k] : choices.offsets[k + 1]]
        g, heard, buffers = gradient(bound, now, buffers, index, step, choices.seed)
        eta, number = (torch.tensor(value, dtype=torch.float64, device=bound.device) for value in (rate, float(step)))
        now, u, v, heard = rest(now, u, v, g, heard, eta, number, multiplier, decay, bound.weights)
        if batch_costs:
            told.append(heard)
        if record and step % record == 0:
            costs.append(bound.with_tensors(buffers).value_at(now))
    all_told = torch.stack(told).cpu().numpy() if told else np.empty((0, 3))
    return Advanced(
        bound.array(now),
        Memory(bound.array(u), bound.array(v), bound.arrays(buffers)),
        np.array(costs, dtype=float),
        all_told[:, 0].copy(),
        all_told[:, 1:].copy() if bound.objective.cost.categories and batch_costs else NO_ERRORS,
    )


def gradient(
    bound: BoundModule, p: torch.Tensor, buffers: Tensors, index: torch.Tensor, step: int, seed: Any
) -> tuple[torch.Tensor, torch.Tensor, Tensors]:
    """The gradient of a batch, (s,), its cost and errors, (3,), and the buffers after it.

    Every part of the batch begins with the same buffers; those that are real numbers are averaged afterwards, weighted by points,
    and whole numbers, which count batches, move as in the last part.
    """
    m, parts, exchange = len(index), bound.parts, bound.exchange
    edges = [r * m // parts for r in range(parts + 1)]
    real = [name for name, q in buffers.items() if q.is_floating_point()]
    whole = [name for name, q in buffers.items() if not q.is_floating_point() and q.dtype != torch.bool]
    total = None
    for r in range(parts):
        rows = index[edges[r] : edges[r + 1]]
        if len(rows) == 0 or (exchange.size > 1 and r != exchange.rank):
            continue
        after = {name: q.clone() for name, q in buffers.items()}
        g, told = _part(
            bound, p, after, rows, 1.0 / m, masks.keys(int(seed), step, FIRST_LAYER + r) if bound.network.random else None
        )
        pieces = [g, told.to(g.dtype)]
        pieces += [after[name].reshape(-1) * (len(rows) / m) for name in real]
        counts = 1 if r == parts - 1 else 0
        pieces += [((after[name] - buffers[name]) * counts).reshape(-1).to(g.dtype) for name in whole]
        vector = torch.cat(pieces)
        total = vector if total is None else total + vector
    if total is None:
        size = len(p) + 3 + sum(buffers[name].numel() for name in (*real, *whole))
        total = torch.zeros(size, dtype=p.dtype, device=p.device)
    total = exchange.added(total, m)
    g, told, *moved = total.split_with_sizes([len(p), 3, *(buffers[name].numel() for name in (*real, *whole))])
    new = dict(buffers)
    for name, values in zip((*real, *whole), moved, strict=True):
        shaped = values.reshape(buffers[name].shape)
        new[name] = shaped if name in real else buffers[name] + shaped.to(buffers[name].dtype)
    return g, told.double(), new


def _part(
    bound: BoundModule, p: torch.Tensor, buffers: Tensors, index: torch.Tensor, scale: float, keys: tuple[int, int] | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """scale times the sum of c_i grad C_i of some points, (s,), and of their costs and errors, (3,); `buffers` are changed."""
    share = None if bound.shares is None else bound.shares[index]
    given = (p, bound.x[index], bound.y[index], share, bound.number(scale), *buffers.values())
    devices = [bound.device] if bound.device.type == "cuda" else []
    with torch.random.fork_rng(devices) if keys is not None else nullcontext():
        if keys is not None:
            torch.manual_seed(keys[0] | keys[1] << 32)
        try:
            g, told, *after = function(bound, tuple(buffers), len(index))(*given)
        except (RuntimeError, ValueError) as error:
            raise ValueError(f"the module cannot take a training step on {len(index)} points: {error}") from error
    buffers |= dict(zip(buffers, after, strict=True))
    return g, told


def function(bound: BoundModule, names: tuple[str, ...], m: int) -> Callable[..., Any]:
    """`part_of` for m points, translated if the network asks for it, which one that draws cannot: its numbers would be others."""
    if not (bound.network.translate and bound.engine.compile) or bound.network.random:
        return part_of(bound, names)
    if ("module", names, m) not in bound.functions:
        bound.functions["module", names, m] = Translated(part_of(bound, names))
    return bound.functions["module", names, m]


def part_of(bound: BoundModule, names: tuple[str, ...]) -> Callable[..., Any]:
    """The function (p, x, targets, share, scale, *buffers) -> (g, told, *buffers after); names: of the buffers."""

    def part(p: Any, x: Any, targets: Any, share: Any, scale: Any, *buffers: Any) -> tuple[Any, ...]:
        q = p.detach().clone().requires_grad_()
        given = bound.network.blocks(q) | bound.constants | dict(zip(names, buffers, strict=True))
        tensors = {name: value.clone() for name, value in given.items()}
        with autocast(bound.device, bound.autocast)():
            a = bound.network.apply(tensors, bound.rows(x), True)
        a = a.to(bound.dtype)
        each = bound.each(a, targets)
        total = (each if share is None else share * each).sum() * scale
        (g,) = torch.autograd.grad(total, q, materialize_grads=True)
        a = a.detach()
        first, five = wrong(a, targets) if bound.objective.cost.categories else (torch.zeros_like(total), torch.zeros_like(total))
        told = torch.stack([total.detach().double(), first.double() * scale, five.double() * scale])
        return g, told, *(tensors[name].detach() for name in names)

    return part
