"""What an estimator's parameters ask for: an activation, the widths, a method and how many steps of it."""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt
from typing import Any, NamedTuple

import numpy as np

from netbp.activations import Activation, identity, leaky_relu, relu, sigmoid, tanh
from netbp.methods import Method
from netbp.methods.deterministic import LBFGS
from netbp.methods.least_squares import LevenbergMarquardt
from netbp.methods.stochastic import SteepestDescent, StochasticGradient
from netbp.network import Network
from netbp.rules import adam
from netbp.types import Vector

ACTIVATIONS: Mapping[str, Activation] = {
    "identity": identity,
    "logistic": sigmoid,
    "sigmoid": sigmoid,
    "tanh": tanh,
    "relu": relu,
    "leaky_relu": leaky_relu,
}
"""The activations by scikit-learn's names and by netbp's."""

METHODS = ("lbfgs", "stochastic", "levenberg-marquardt")
BATCH = 200  # the most points of a batch when nobody says otherwise, as in scikit-learn
FACTR_TOLERANCE = 2.220446049250313e-09
"""SciPy's own relative tolerance of L-BFGS-B's cost, with which MLPClassifier runs it."""


class Plan(NamedTuple):
    """A method with its number of steps.

    per_iteration: how many steps make one iteration of the estimator's `max_iter`: those of an epoch, or 1. record: after how many
    steps the cost is recorded, None for the method's own choice. patient: whether it ends when the cost no longer falls.
    converges: whether it is a failure to take all the steps.
    """

    method: Method
    steps: int
    per_iteration: int = 1
    record: int | None = None
    patient: bool = False
    converges: bool = True


def activation_of(given: Any) -> Activation:
    """The activation itself, or the one of that name. Raises ValueError for another name."""
    if isinstance(given, Activation):
        return given
    if not isinstance(given, str) or given not in ACTIVATIONS:
        raise ValueError(f"activation must be one of {', '.join(ACTIVATIONS)} or an nb.Activation, but it is {given!r}")
    return ACTIVATIONS[given]


def start_of(network: Network, activation: Activation, random: Any) -> Vector:
    """The start p, (s,), that scikit-learn's networks of these sizes have from this RandomState.

    Layer by layer weights, then biases, uniform within sqrt(6/(n_(l-1) + n_l)), for the logistic function sqrt(2/(n_(l-1) + n_l))
    (Glorot & Bengio, AISTATS 2010).
    """
    p = np.empty(network.size)
    for layer, (w, b) in zip(network.layers, network.slices, strict=True):
        bound = sqrt((2.0 if activation == sigmoid else 6.0) / (layer.inputs + layer.outputs))
        p[w] = random.uniform(-bound, bound, layer.inputs * layer.outputs)
        p[b] = random.uniform(-bound, bound, layer.outputs)
    return p


def widths_of(hidden: Any) -> list[int]:
    """The widths of the hidden layers, from a number or a sequence; none for a linear model. Raises ValueError."""
    widths = [hidden] if isinstance(hidden, int | np.integer) else list(hidden) if np.ndim(hidden) == 1 else None
    if widths is None or not all(isinstance(n, int | np.integer) and not isinstance(n, bool) and n >= 1 for n in widths):
        raise ValueError(f"hidden_layer_sizes must be whole numbers of at least 1, such as (100,) or (20, 10), not {hidden!r}")
    return [int(n) for n in widths]


def is_stochastic(method: Any) -> bool:
    """Whether the method goes through the points in batches, so that it can go on with others."""
    return method == "stochastic" or isinstance(method, StochasticGradient)


def plan_of(parameters: Mapping[str, Any], N: int) -> Plan:
    """The method that an estimator's parameters ask for, for N points. Raises ValueError for what cannot be meant."""
    method, most, tol = parameters["method"], parameters["max_iter"], parameters["tol"]
    _checked_number("max_iter", most, whole=True, least=1)
    _checked_number("tol", tol)
    _checked_number("alpha", parameters["alpha"])
    _checked_number("n_iter_no_change", parameters["n_iter_no_change"], whole=True, least=1)
    most, tol = int(most), float(tol)
    if isinstance(method, str) and method not in METHODS:
        raise ValueError(_no_method(method))
    if method == "lbfgs":
        return Plan(LBFGS(most, gradient_tolerance=tol, function_tolerance=FACTR_TOLERANCE), most)
    if method == "levenberg-marquardt":
        return Plan(LevenbergMarquardt(iterations=most, function_tolerance=tol), most)
    if method == "stochastic":
        batch = parameters["batch_size"]
        if isinstance(batch, str) and batch == "auto":
            batch = BATCH
        _checked_number("batch_size", batch, whole=True, least=1)
        _checked_number("learning_rate_init", parameters["learning_rate_init"])
        batch = min(int(batch), N)
        chosen = StochasticGradient(adam, float(parameters["learning_rate_init"]), batch, "epochs")
        return Plan(chosen, most * -(-N // batch), -(-N // batch), patient=True)
    if not hasattr(method, "session"):
        raise ValueError(_no_method(method))
    if isinstance(method, StochasticGradient) and isinstance(method.batch, int):
        an_epoch = -(-N // method.batch)
        return Plan(method, most * an_epoch, an_epoch, None if method.sampling == "epochs" else an_epoch, converges=False)
    return Plan(method, most, converges=not isinstance(method, StochasticGradient | SteepestDescent))


def _checked_number(name: str, value: Any, whole: bool = False, least: float = 0.0) -> None:
    kinds = (int, np.integer) if whole else (int, np.integer, float, np.floating)
    if not isinstance(value, kinds) or isinstance(value, bool) or not (np.isfinite(value) and value >= least):
        what = "whole" if whole else "finite"
        raise ValueError(f"{name} must be a {what} number of at least {least:g}, but it is {value!r}")


def _no_method(given: Any) -> str:
    return f"method must be one of {', '.join(METHODS)} or a netbp method such as nb.NewtonCG(), but it is {given!r}"
