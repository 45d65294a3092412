"""A network as a table of whole numbers: what the kernels whose sizes are known only at run time are told of it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from netbp.activations import Activation
from netbp.engines import Objective
from netbp.engines.compiled.codes import Function, activation_codes, cost_code
from netbp.network import Network
from netbp.types import Array, Indices, Matrix, Vector

IN, OUT, WEIGHTS, BIASES, CODE, NODES = range(6)
"""The columns of a plan's table: n_(l-1), n_l, where W[l] and b[l] begin in p, the activation's code, n_2 + ... + n_(l-1)."""

SCRATCH = 2**16
"""How many activations a block of points may have: 512 KiB, so that a block's forward and backward pass stay in the cache."""


class Plan(NamedTuple):
    """table: one row per layer 2, ..., L. own: its activations that are not built in. block: how many points at a time."""

    table: Indices
    own: tuple[Activation, ...]
    block: int


class Prepared(NamedTuple):
    """An objective as the kernels take it, in the order of their arguments after p."""

    x: Matrix
    y: Matrix
    shares: Vector
    table: Indices
    own: Function
    block: int
    cost: int
    penalty: float


def prepare(objective: Objective) -> Prepared:
    """The objective, its arrays writable and in C order as the kernels' signatures ask, its own activations compiled.

    Raises ValueError when an activation of one's own cannot be compiled.
    """
    from netbp.engines.compiled.layerwise import own_layer

    cost = cost_code(objective.cost)
    assert cost is not None, "Compiled.refusal lets only built-in costs through"
    plan = plan_of(objective.network)
    shares = np.ones(len(objective.x)) if objective.shares is None else objective.shares
    x, y, shares = plain(objective.x), plain(objective.y), plain(shares)
    return Prepared(x, y, shares, plan.table, own_layer(plan.own), plan.block, cost, float(objective.penalty))


def plain(array: Array) -> Array:
    """The array itself where it is float64, in C order and writable, otherwise a copy that is."""
    return np.require(array, np.float64, ["C", "W", "A"])


def plan_of(network: Network) -> Plan:
    """The plan of a dense network."""
    codes, own = activation_codes(network)
    nodes, rows = 0, []
    for layer, (w, b), code in zip(network.layers, network.slices, codes, strict=True):
        rows.append((layer.inputs, layer.outputs, w.start, b.start, code, nodes))
        nodes += layer.outputs
    return Plan(np.array(rows, dtype=np.int64), own, min(512, max(32, SCRATCH // nodes)))
