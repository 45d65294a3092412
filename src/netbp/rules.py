"""Update rules: how one step moves one parameter.

A rule is one scalar recurrence, `rule(p, g, u, v, eta, t, *constants) -> (p, u, v)`: the parameter p, the gradient's entry g, two
memories u and v that start at zero, the learning rate eta and the number of the step t = 1, 2, ... (a float). It is written with
operators only, so that the compiled engine inlines it into its loop and the tensor engine applies it to whole vectors. A user's own
function of this form is a rule like these; its further arguments are constants, with their defaults in the signature.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

Rule = Callable[..., tuple[Any, Any, Any]]
FIXED = ("p", "g", "u", "v", "eta", "t")


def sgd(p: Any, g: Any, u: Any, v: Any, eta: Any, t: Any) -> tuple[Any, Any, Any]:
    """p -> p - eta g, (12) and (15)."""
    return p - eta * g, u, v


def momentum(p: Any, g: Any, u: Any, v: Any, eta: Any, t: Any, mu: Any = 0.9) -> tuple[Any, Any, Any]:
    """u -> mu u + g, p -> p - eta u (Polyak, USSR Comp. Math. 4(5), 1964; section 7's method)."""
    u = mu * u + g
    return p - eta * u, u, v


def nesterov(p: Any, g: Any, u: Any, v: Any, eta: Any, t: Any, mu: Any = 0.9) -> tuple[Any, Any, Any]:
    """u -> mu u + g, p -> p - eta (g + mu u) (Nesterov 1983, in the form of Sutskever et al., ICML 2013)."""
    u = mu * u + g
    return p - eta * (g + mu * u), u, v


def adagrad(p: Any, g: Any, u: Any, v: Any, eta: Any, t: Any, epsilon: Any = 1e-10) -> tuple[Any, Any, Any]:
    """v -> v + g^2, p -> p - eta g/(sqrt v + epsilon) (Duchi, Hazan & Singer, JMLR 12, 2011)."""
    v = v + g * g
    return p - eta * g / (v**0.5 + epsilon), u, v


def rmsprop(p: Any, g: Any, u: Any, v: Any, eta: Any, t: Any, alpha: Any = 0.99, epsilon: Any = 1e-8) -> tuple[Any, Any, Any]:
    """v -> alpha v + (1 - alpha) g^2, p -> p - eta g/(sqrt v + epsilon) (Tieleman & Hinton, Coursera lecture 6.5, 2012)."""
    v = alpha * v + (1.0 - alpha) * g * g
    return p - eta * g / (v**0.5 + epsilon), u, v


def adam(
    p: Any,
    g: Any,
    u: Any,
    v: Any,
    eta: Any,
    t: Any,
    beta1: Any = 0.9,
    beta2: Any = 0.999,
    epsilon: Any = 1e-8,
) -> tuple[Any, Any, Any]:
    """Means u of g and v of g^2, both corrected for their start (Kingma & Ba, ICLR 2015, algorithm 1)."""
    u = beta1 * u + (1.0 - beta1) * g
    v = beta2 * v + (1.0 - beta2) * g * g
    return p - eta * (u / (1.0 - beta1**t)) / ((v / (1.0 - beta2**t)) ** 0.5 + epsilon), u, v


def constants_of(rule: Rule, given: Mapping[str, float] | None = None) -> tuple[float, ...]:
    """The rule's constants in the order of its signature: those given by name, else its defaults.

    Raises ValueError when the signature is not a rule's, when a name is not one of its constants, or when one has no value.
    """
    given = dict(given or {})
    parameters = list(inspect.signature(rule).parameters.values())
    name = getattr(rule, "__name__", repr(rule))
    if tuple(q.name for q in parameters[:6]) != FIXED:
        raise ValueError(f"a rule takes ({', '.join(FIXED)}, *constants), but {name} takes {inspect.signature(rule)}")
    values = []
    for q in parameters[6:]:
        value = given.pop(q.name, q.default)
        if value is inspect.Parameter.empty:
            raise ValueError(f"the rule {name} needs a value for {q.name}: give constants={{'{q.name}': ...}}")
        values.append(float(value))
    if given:
        known = ", ".join(q.name for q in parameters[6:]) or "no constants"
        raise ValueError(f"the rule {name} has {known}, but was given {', '.join(given)}")
    return tuple(values)
