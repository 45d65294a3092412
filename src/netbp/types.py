"""Arrays, data and states: the vocabulary that every other module shares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    pass

Array = NDArray[Any]
"""An array of floats; the docstring that uses it gives its shape."""

Vector = NDArray[Any]
"""A one-dimensional array of floats."""

Matrix = NDArray[Any]
"""A two-dimensional array of floats."""

Indices = NDArray[np.int64]
"""An array of point numbers, counted from 0."""


class Data(NamedTuple):
    """Training points and their targets, one point per row.

    x: (N, n_1), the inputs x^{i}. y: (N, n_L), the targets y(x^{i}), or None where the input is its own target
    (autoencoders). weight: (N,), how much each point counts, or None for 1 each; a whole number counts as so many copies.
    """

    x: ArrayLike
    y: ArrayLike | None = None
    weight: ArrayLike | None = None


class State(NamedTuple):
    """Where a method stands after `step` steps: everything that is needed to go on, bit for bit.

    p: (s,), or (M, s) for M networks. step: steps done. memory: the method's own arrays by name (a rule's `u` and `v`,
    an epoch's `order`, Levenberg-Marquardt's `damping`). stream: the random stream's state after that step, as plain
    numbers, strings, lists and dictionaries.
    """

    p: Array
    step: int = 0
    memory: Mapping[str, Array] = {}
    stream: Any = None
