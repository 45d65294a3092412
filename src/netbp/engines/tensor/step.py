"""One training step as functions of tensors: a batch's gradient, and what the rule makes of it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import torch

from netbp.costs import Cost, quadratic, softmax_log_loss
from netbp.engines import Objective, Update
from netbp.engines.tensor.layers import blocks, outputs


def costs_of(cost: Cost) -> Callable[[Any, Any], Any]:
    """C of single points: (a, y) -> (m,), of outputs and targets (m, n_L)."""
    if cost == quadratic:
        return lambda a, y: 0.5 * ((y - a) ** 2).sum(dim=-1)
    assert cost == softmax_log_loss, "Tensor.refusal lets only built-in costs through"
    return lambda a, y: (y * (torch.logsumexp(a, dim=-1, keepdim=True) - a)).sum(dim=-1)


def wrong(a: Any, y: Any) -> tuple[Any, Any]:
    """How many points have their category not at the first, and not among the first five outputs, as `netbp.costs.missed`."""
    category = y.argmax(dim=-1, keepdim=True)
    own = a.gather(-1, category)
    earlier = torch.arange(a.shape[-1], device=a.device) < category
    before = (~torch.where(earlier, a < own, a <= own)).sum(dim=-1)
    return (before >= 1).sum(), (before >= 5).sum()


def part_of_step(
    objective: Objective, dtype: Any, autocast: Callable[[], AbstractContextManager[Any]], device: Any, translated: bool
) -> Any:
    """The function (p, x, y, shares, index, first, keys, scale) -> (g, told).

    It takes the points x[index] (m, n_1), which are the points first, ..., first + m - 1 of the batch, and gives scale times the
    sum of c_i grad C_i, (s,), and told = scale times (sum of c_i C_i, wrong at the first place, wrong at the first five), (3,).
    """
    network = objective.network
    run, cost, counts = outputs(network, True, device, translated), costs_of(objective.cost), objective.cost.categories

    def loss(parts: Any, rows: Any, targets: Any, share: Any, first: Any, keys: Any, scale: Any) -> Any:
        with autocast():
            a = run(parts, rows, first, keys)
        a = a.to(dtype)
        each = cost(a, targets)
        total = (each if share is None else share * each).sum() * scale
        return total, a

    def part(p: Any, x: Any, y: Any, shares: Any, index: Any, first: Any, keys: Any, scale: Any) -> Any:
        rows, targets = x[index].to(dtype), y[index]
        share = None if shares is None else shares[index]
        slopes, (total, a) = torch.func.grad_and_value(loss, has_aux=True)(
            tuple(blocks(network, p)), rows, targets, share, first, keys, scale
        )
        g = torch.cat([slope.reshape(-1) for slope in slopes])
        top1, top5 = wrong(a, targets) if counts else (torch.zeros_like(total), torch.zeros_like(total))
        return g, torch.stack([total.double(), top1 * scale.double(), top5 * scale.double()])

    return part


def rest_of_step(objective: Objective, update: Update) -> Any:
    """The function (p, u, v, g, told, eta, t, multiplier, decay, weights) -> (p, u, v, told): penalty, decay and the rule."""
    penalty, rule, constants = objective.penalty, update.rule, update.constants

    def rest(
        p: Any, u: Any, v: Any, g: Any, told: Any, eta: Any, t: Any, multiplier: Any, decay: Any, weights: Any
    ) -> tuple[Any, Any, Any, Any]:
        if penalty:
            told = torch.cat([told[:1] + penalty * (weights * p * p).sum(), told[1:]])
            g = g + 2.0 * penalty * weights * p
        if decay is not None:
            g = g + decay * p
        p, u, v = rule(p, g, u, v, eta if multiplier is None else eta * multiplier, t, *constants)
        return p, u, v, told

    return rest


def whole_step(part: Any, rest: Any) -> Any:
    """Both as one function, from p, u and v before the step to (p, u, v, told) after it."""

    def step(
        p: Any,
        u: Any,
        v: Any,
        x: Any,
        y: Any,
        shares: Any,
        index: Any,
        first: Any,
        keys: Any,
        scale: Any,
        eta: Any,
        t: Any,
        multiplier: Any,
        decay: Any,
        weights: Any,
    ) -> Any:
        g, told = part(p, x, y, shares, index, first, keys, scale)
        return rest(p, u, v, g, told, eta, t, multiplier, decay, weights)

    return step
