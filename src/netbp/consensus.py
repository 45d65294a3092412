"""Several processes at one run must have been started alike: what each was asked is compared before the first step."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from netbp.messages import named
from netbp.problem import Problem
from netbp.processes import place
from netbp.provenance import digest, plain, problem_settings
from netbp.types import State

VERSIONS = ("netbp", "numpy", "torch")
APART = ("device", "picture")
"""Fields of an experiment in which processes may differ: each may have a GPU of its own."""
MOST = 3
"""Differences that are named."""


def agreed(problem: Problem, asked: Mapping[str, Any], state: State) -> None:
    """Return at once where one process computes alone; otherwise when all of the run have been asked the same.

    asked: the method, the number of steps and whatever else decides about the run, as `plain` takes it. state: where it begins.
    Raises ValueError in every process where they differ, which names what does, and ProcessLostError when one does not come.
    """
    if place().size == 1:
        return
    exchange = getattr(problem.bound, "exchange", None)
    if exchange is None:  # an engine with which every process computes all of it for itself
        return
    mine = json.dumps(_facts(problem, asked, state, exchange))
    refusal = disagreement([json.loads(one) for one in exchange.told(mine)]) or exchange.refusal
    if refusal:
        raise ValueError(refusal)


def disagreement(told: Sequence[Any]) -> str | None:
    """How what a process was asked differs from what process 0 was, in one sentence, or None. told: by each, in their order."""
    for rank, other in enumerate(told):
        found = [f"{what} is {one} in process 0, but {two} in process {rank}" for what, one, two in _differences(told[0], other)]
        if found:
            more = [f"and {len(found) - MOST} more"] if len(found) > MOST else []
            few = "; ".join([*found[:MOST], *more])
            return f"the {len(told)} processes were not asked the same: {few}; start all by one command, on the same files"
    return None


def _facts(problem: Problem, asked: Mapping[str, Any], state: State, exchange: Any) -> dict[str, Any]:
    """All that must be the same, each by its name or checksum."""
    engine = plain(problem.engine)
    network = problem.network
    told = {name: plain(value) for name, value in asked.items()}
    for fields in (engine, told.get("settings", {}).get("fields", {})):
        for name in APART:
            fields.pop(name, None)
    kept = [np.asarray(one) for kind in ("buffers", "constants") for one in getattr(network, kind, {}).values()]
    return {
        "processes": exchange.size,
        "versions": {name: getattr(sys.modules.get(name), "__version__", None) for name in VERSIONS},
        **told,
        "engine": engine | {"kind of device": exchange.kind},
        "problem": problem_settings(problem) | {"kept": digest(*kept)},
        "start": {
            "step": state.step,
            "p": digest(state.p),
            "memory": {name: digest(values) for name, values in state.memory.items()},
            "stream": state.stream,
        },
    }


def _differences(one: Any, two: Any, at: str = "") -> Iterator[tuple[str, str, str]]:
    """Where two descriptions differ, and what each has there."""
    if isinstance(one, Mapping) and isinstance(two, Mapping):
        for name in dict.fromkeys([*one, *two]):
            yield from _differences(one.get(name), two.get(name), f"{at}.{name}" if at else name)
    elif one != two:
        yield at, named(repr(one), 60), named(repr(two), 60)
