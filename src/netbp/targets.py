"""Do cost, targets and network belong together? What is meaningless is refused, what is doubtful is told, with the remedy."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Mapping
from math import exp, inf, log
from typing import Any

import numpy as np

from netbp.activations import Activation, relu, sigmoid, step, tanh
from netbp.costs import Cost, softmax_log_loss
from netbp.network import Network
from netbp.plain import place
from netbp.types import Matrix

RANGES: dict[Activation, tuple[float, float]] = {sigmoid: (0.0, 1.0), tanh: (-1.0, 1.0), relu: (0.0, inf), step: (0.0, 1.0)}
NEAR_ONE = 1e-4
"""How far from 1 the targets of a point may sum to: what single precision leaves of a thousand probabilities."""
DOOR = "problem"
"""The function of an experiment that makes a Problem of what a caller gives; all others derive theirs, or need any at all."""


def check_agreement(network: Network, cost: Cost, targets: Mapping[str, Matrix]) -> None:
    """Raises ValueError where training would be meaningless; warns where the cost cannot become small.

    targets: (N, n_L) of the data and of the held-out data, checked, by their names in messages.
    """
    if cost == softmax_log_loss:
        for what, y in targets.items():
            _refuse_no_categories(y, what)
    for doubt in doubts(network, cost, targets):
        if level := _callers_level():
            warnings.warn(doubt, stacklevel=level)


def doubts(network: Network, cost: Cost, targets: Mapping[str, Matrix]) -> list[str]:
    """Why the cost cannot become small, with the remedy: a sentence each."""
    last, found = range_of(network), []
    if cost == softmax_log_loss:
        found = [_floor(last, network.sizes[-1]), *(_sums(y, what) for what, y in targets.items())]
    elif cost.least_squares:
        found = [_unreachable(y, last, what) for what, y in targets.items()]
    return [doubt for doubt in found if doubt]


def range_of(network: Network) -> tuple[str, float, float] | None:
    """The name of the activation that bounds the outputs and its range; None where none does, or it is not known."""
    if hasattr(network, "last_range"):
        found: tuple[str, float, float] | None = network.last_range
        return found
    for layer in reversed(network.layers):
        sigma = getattr(layer, "activation", None)
        if sigma is not None:
            return (sigma.name, *RANGES[sigma]) if sigma in RANGES else None
    return None


def _refuse_no_categories(y: Matrix, what: str) -> None:
    if y.shape[1] == 1:
        raise ValueError(
            "the softmax log loss compares categories, but the network has one output, whose probability is always 1: the cost "
            "would be 0 for every p; give one output and one column of targets for each category, or use nb.quadratic"
        )
    if y.min() < 0.0:
        first = np.argwhere(y < 0.0)[0]
        raise ValueError(
            f"the softmax log loss (32) takes targets that are probabilities, but {what}'s y has {y[tuple(first)]:g} in "
            f"{place(first)} (counted from 0), and the cost would fall without end: write categories as 1 and 0, not as 1 and -1"
        )


def _sums(y: Matrix, what: str) -> str | None:
    sums = y.sum(axis=1)
    off = np.flatnonzero(np.abs(sums - 1.0) > NEAR_ONE)
    if not len(off):
        return None
    return (
        f"the softmax log loss (32) takes targets that sum to 1 for each point, but in {what}'s y row {off[0]} (counted from 0) "
        f"sums to {sums[off[0]]:g}: divide each row by its sum, and say how much a point counts by Data(x, y, weight)"
    )


def _floor(last: tuple[str, float, float] | None, categories: int) -> str | None:
    if last is None or not last[2] - last[1] < inf:
        return None
    name, low, high = last
    floor = log(1.0 + (categories - 1) * exp(low - high))
    return (
        f"the softmax log loss of outputs between {low:g} and {high:g} ({name}) cannot fall below {floor:.2g} for {categories} "
        "categories: leave the last layer linear, activation=(..., nb.identity)"
    )


def _unreachable(y: Matrix, last: tuple[str, float, float] | None, what: str) -> str | None:
    if last is None or (y.min() >= last[1] and y.max() <= last[2]):
        return None
    name, low, high = last
    outside = np.argwhere((y < low) | (y > high))
    within = f"between {low:g} and {high:g}" if high < inf else f"of at least {low:g}"
    return (
        f"{what}'s y has {y[tuple(outside[0])]:g} in {place(outside[0])} (counted from 0), which outputs {within} ({name}) never "
        f"reach, as {len(outside):,} of {y.size:,} targets: scale the targets, or leave the last layer linear, "
        "activation=(..., nb.identity)"
    )


def _callers_level() -> int:
    """How far up the caller stands who makes this Problem, for `warnings.warn`; 0 where netbp derives it from one told before."""
    frame: Any = sys._getframe(1)
    level = 1
    while frame is not None and frame.f_globals.get("__name__") in ("netbp.targets", "netbp.problem", "dataclasses"):
        if frame.f_code.co_name in ("on", "at", "explain"):
            return 0
        frame, level = frame.f_back, level + 1
    door = False
    while frame is not None and str(frame.f_globals.get("__name__")).startswith("netbp."):
        door = door or frame.f_code.co_name == DOOR
        if not door:
            return 0
        frame, level = frame.f_back, level + 1
    return level
