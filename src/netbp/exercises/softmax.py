"""Checks of exercise 6: the softmax log loss for ordinary and for huge outputs."""

from __future__ import annotations

import warnings

import numpy as np

from netbp.costs import softmax_log_loss
from netbp.exercises.asking import Asking, StudentError, WrongError, shown

HINT = "take the largest v_j out of all exponents: log sum exp(v_j) = v_max + log sum exp(v_j - v_max)"


def check(asking: Asking, rng: np.random.Generator) -> None:
    """Random outputs, shifted ones, huge ones, and a loss near 0."""
    outputs = [rng.standard_normal(K) for K in (2, 3, 10)]
    outputs += [outputs[1] + 800.0, outputs[1] - 800.0, np.array([1000.0, 0.0]), np.array([-1e6, 3.0, 1e6]), np.array([0.0, 40.0])]
    for v in outputs:
        for l in range(min(len(v), 3)):
            y = np.eye(len(v))[l]
            words = f"v = {shown(v)} and l = {l}"
            came = quietly(asking, "loss", f"loss(v, l) at {words}", v, l)
            asking.same(
                came,
                float(softmax_log_loss.value(v, y)),
                HINT if np.abs(v).max() > 30 else "minus the logarithm of the right one's share",
                least=1.0,
            )
            came = quietly(asking, "slope", f"slope(v, l) at {words}", v, l)
            hint = "it is the softmax of v, less 1 at the right label"
            asking.same(came, softmax_log_loss.slope(v, y), HINT if np.abs(v).max() > 30 else hint, least=1.0)


def quietly(asking: Asking, name: str, words: str, v: np.ndarray, l: int) -> object:
    """The answer; a warning of overflow, of a division by 0 or of an invalid number is a wrong one."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        try:
            return asking.ask(name, words, v, l)
        except StudentError as error:
            if isinstance(error.error, RuntimeWarning):
                raise WrongError(words, f"a warning: {error.error}", "no warning", HINT) from None
            raise
