"""Checks of exercise 1: (1), (2), and where the step stands."""

from __future__ import annotations

import numpy as np

from netbp.activations import sigmoid
from netbp.exercises.asking import Asking, shown


def check(asking: Asking, rng: np.random.Generator) -> None:
    """Shapes, values and large numbers; then widths and centres."""
    for shape in ((), (4,), (2, 3)):
        x = np.asarray(4.0 * rng.standard_normal(shape))
        words = f"x = {shown(x)}"
        came = asking.ask("sigmoid", f"sigmoid(x) at {words}", x)
        asking.same(came, sigmoid.value(x), "compare with (1): the sign in the exponential?")
        came = asking.ask("slope", f"slope(x) at {words}", x)
        asking.same(came, sigmoid.slope(x, sigmoid.value(x)), "sigma' is sigma (1 - sigma), and never above 1/4")
    x = np.array([-30.0, 0.0, 30.0])
    came = asking.ask("sigmoid", f"sigmoid(x) at x = {shown(x)}", x)
    asking.same(came, sigmoid.value(x), "at 0 it is 1/2")
    for _ in range(3):
        centre, width = float(rng.uniform(-5, 5)), float(rng.uniform(0.2, 4))
        words = f"weight_and_bias({centre:.6g}, {width:.6g})"
        w, b = asking.numbers(asking.ask("weight_and_bias", words, centre, width), (2,), "the pair (w, b)")
        asking.holds(w > 0, f"w = {w:.6g}", "w > 0", "sigma rises: a weight below 0 turns it round")
        middle = float(sigmoid.value(np.array(w * centre + b)))
        asking.same(middle, 0.5, "sigma is 1/2 where its argument is 0", "sigma(w x + b) at the centre")
        rise = float(sigmoid.value(np.array(w * (centre + width / 2) + b)))
        asking.same(
            rise, 0.9, "by symmetry it is 0.9 at centre + width/2: solve sigma(z) = 0.9 for z", "sigma(w x + b) at centre + width/2"
        )
