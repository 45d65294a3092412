"""Numbers that stand for the built-in activations, costs and rules, so that kernels may freeze them as constants.

No Numba here: the choice of an engine asks for codes without loading it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from netbp import activations, costs, rules
from netbp.activations import Activation
from netbp.costs import Cost
from netbp.network import Network
from netbp.rules import Rule

SIGMOID, TANH, IDENTITY, RELU, LEAKY_RELU, STEP = range(6)
ACTIVATIONS = (
    activations.sigmoid,
    activations.tanh,
    activations.identity,
    activations.relu,
    activations.leaky_relu,
    activations.step,
)

QUADRATIC, SOFTMAX_LOG_LOSS = range(2)
COSTS = (costs.quadratic, costs.softmax_log_loss)

SGD, MOMENTUM, NESTEROV, ADAGRAD, RMSPROP, ADAM = range(6)
RULES = (rules.sgd, rules.momentum, rules.nesterov, rules.adagrad, rules.rmsprop, rules.adam)

OWN = -1
"""The code of a user's own rule, and of the first of a network's own activations; the next ones have -2, -3, ..."""


def activation_codes(network: Network) -> tuple[tuple[int, ...], tuple[Activation, ...]]:
    """The codes of layers 2, ..., L, and the network's own activations, which have the codes -1, -2, ... in this order."""
    own: list[Activation] = []
    out = []
    for sigma in network.activations:
        if sigma in ACTIVATIONS:
            out.append(ACTIVATIONS.index(sigma))
            continue
        if sigma not in own:
            own.append(sigma)
        out.append(OWN - own.index(sigma))
    return tuple(out), tuple(own)


def cost_code(cost: Cost) -> int | None:
    """The cost's code, or None for a cost that is not built in."""
    return COSTS.index(cost) if cost in COSTS else None


def rule_code(rule: Rule) -> int:
    """The rule's code, OWN for a user's own."""
    return RULES.index(rule) if rule in RULES else OWN


def padded(constants: tuple[float, ...], code: int) -> tuple[float, ...]:
    """A rule's constants as the kernels take them: three for a built-in rule, those given for a user's own."""
    return constants if code == OWN else (*constants, 0.0, 0.0, 0.0)[:3]


Function = Callable[..., Any]
