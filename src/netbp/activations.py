"""Activations: sigma(z), its slope and its curvature, componentwise.

Each is written once with operators that NumPy's arrays and single numbers share, so that the reference engine calls it and the
compiled engine compiles it. The slope and the curvature are given the weighted input z and the activation a = sigma(z), since
some are simplest in one and some in the other; at a kink they take the value from the left.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np


@dataclass(frozen=True)
class OnCopies:
    """A function of one's own, handed copies of its arrays: what it writes into them changes nobody's data."""

    function: Callable[..., Any]

    @property
    def __wrapped__(self) -> Callable[..., Any]:
        """The function itself, for `inspect.unwrap`."""
        return self.function

    def __call__(self, *arrays: Any) -> Any:
        """The function's result; tensors are copied as well, single numbers need not be."""
        return self.function(*(a.clone() if hasattr(a, "clone") else a.copy() if isinstance(a, np.ndarray) else a for a in arrays))


def on_copies(formula: Any) -> None:
    """Have the functions of an activation or a cost handed copies, but for NumPy's and netbp's own, which write nothing."""
    for name in (f.name for f in fields(formula)):
        function = getattr(formula, name)
        known = isinstance(function, OnCopies | np.ufunc) or (getattr(function, "__module__", None) or "").startswith("netbp.")
        if callable(function) and not known:
            object.__setattr__(formula, name, OnCopies(function))


@dataclass(frozen=True)
class Activation:
    """A function sigma, applied componentwise, as in (1).

    value: z -> sigma(z). slope: (z, a) -> sigma'(z), with a = sigma(z). curvature: (z, a) -> sigma''(z). kinks: where sigma is
    not differentiable. analytic: whether `value` continues to complex z (for the complex-step check). All three take and
    return arrays of any shape; a function of one's own that also works on single numbers runs on the compiled engine too.
    """

    name: str
    value: Callable[[Any], Any]
    slope: Callable[[Any, Any], Any]
    curvature: Callable[[Any, Any], Any]
    kinks: tuple[float, ...] = ()
    analytic: bool = False

    def __post_init__(self) -> None:
        on_copies(self)

    def __call__(self, z: Any) -> Any:
        """sigma(z) for an array of any shape."""
        return self.value(np.asarray(z))

    def __repr__(self) -> str:
        return self.name


def sigmoid_value(z: Any) -> Any:
    """1/(1 + e^-z), (1); for complex z the same function as (1 + tanh(z/2))/2, which cannot overflow."""
    if np.iscomplexobj(z):
        return 0.5 * (1.0 + np.tanh(0.5 * z))
    with np.errstate(over="ignore"):  # e^-z may overflow to infinity, whose reciprocal is the right limit
        return 1.0 / (1.0 + np.exp(-z))


def sigmoid_slope(z: Any, a: Any) -> Any:
    """sigma'(z) = sigma(z)(1 - sigma(z)), (2)."""
    return a * (1.0 - a)


def sigmoid_curvature(z: Any, a: Any) -> Any:
    """sigma''(z) = sigma'(z)(1 - 2 sigma(z)), from (2)."""
    return a * (1.0 - a) * (1.0 - 2.0 * a)


def tanh_slope(z: Any, a: Any) -> Any:
    """1 - tanh(z)^2."""
    return 1.0 - a * a


def tanh_curvature(z: Any, a: Any) -> Any:
    """-2 tanh(z)(1 - tanh(z)^2)."""
    return -2.0 * a * (1.0 - a * a)


def relu_value(z: Any) -> Any:
    """max(0, z), (31)."""
    return np.maximum(z, 0.0)


def relu_slope(z: Any, a: Any) -> Any:
    """1 for z > 0, otherwise 0."""
    return 1.0 * (z > 0.0)


def leaky_relu_value(z: Any) -> Any:
    """z for z > 0, otherwise z/100 (Maas, Hannun & Ng, ICML 2013)."""
    return np.maximum(z, 0.01 * z)


def leaky_relu_slope(z: Any, a: Any) -> Any:
    """1 for z > 0, otherwise 1/100."""
    return 0.01 + 0.99 * (z > 0.0)


def step_value(z: Any) -> Any:
    """1 for z > 0, otherwise 0: what (1) is a smooth version of."""
    return 1.0 * (z > 0.0)


def identity_value(z: Any) -> Any:
    """z itself."""
    return 1.0 * z


def one(z: Any, a: Any) -> Any:
    """1, in the shape of z."""
    return 0.0 * a + 1.0


def zero(z: Any, a: Any) -> Any:
    """0, in the shape of z."""
    return 0.0 * a


sigmoid = Activation("sigmoid", sigmoid_value, sigmoid_slope, sigmoid_curvature, analytic=True)
tanh = Activation("tanh", np.tanh, tanh_slope, tanh_curvature, analytic=True)
identity = Activation("identity", identity_value, one, zero, analytic=True)
relu = Activation("relu", relu_value, relu_slope, zero, kinks=(0.0,))
leaky_relu = Activation("leaky_relu", leaky_relu_value, leaky_relu_slope, zero, kinks=(0.0,))
step = Activation("step", step_value, zero, zero, kinks=(0.0,))
