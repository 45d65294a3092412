"""Dropout (section 7.2): what training and evaluation share, the mean of the next layer's weighted input, and what they do not."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from netbp.activations import Activation, relu
from netbp.engines.masks import keys, threshold, words
from netbp.figures.style import BLUE, INK, RED, letters
from netbp.types import Array, Vector

SCALINGS = ("training", "evaluation")


class Inputs(NamedTuple):
    """The weighted input z of a neuron behind a layer with dropout. training: (n,), one for each mask. evaluation: the one value.

    mean, deviation: of z over all masks, exactly.
    """

    training: Vector
    evaluation: float
    mean: float
    deviation: float


def weighted_inputs(a: ArrayLike, w: ArrayLike, b: float, rate: float, scaling: str, n: int = 20_000, seed: int = 1) -> Inputs:
    """z = sum_k w_k d_k a_k + b with random masks d, and in evaluation, for one of the two scalings of `nb.Dropout`.

    a, w: (m,). With the scaling "training", d_k is 1/(1 - rate) or 0 and evaluation has z = w.a + b; with "evaluation", d_k is 1
    or 0 and evaluation has (1 - rate) w.a + b. The masks are drawn as the engines do. Raises ValueError for another scaling.
    """
    if scaling not in SCALINGS:
        raise ValueError(f'the scaling can be "training" or "evaluation", but it is {scaling!r}')
    parts = np.asarray(w, dtype=float) * np.asarray(a, dtype=float)
    kept = masks(n, len(parts), rate, seed)
    factor = 1.0 / (1.0 - rate) if scaling == "training" else 1.0
    mean = (1.0 - rate) * factor * float(parts.sum()) + b
    deviation = factor * float(np.sqrt(rate * (1.0 - rate) * (parts**2).sum()))
    evaluated = (1.0 if scaling == "training" else 1.0 - rate) * float(parts.sum()) + b
    return Inputs(factor * (kept @ parts) + b, evaluated, mean, deviation)


def masks(n: int, neurons: int, rate: float, seed: int) -> Array:
    """1 where a neuron is kept and 0 where it is deleted, (n, neurons): as the engines draw them in the first step."""
    first, second = keys(seed, 1, 2)
    index = np.arange(n * neurons, dtype=np.int64)
    return (words(index, first, second) >= threshold(rate)).astype(float).reshape(n, neurons)


def draw_dropout(axes: Any, a: ArrayLike, w: ArrayLike, b: float, rate: float, activation: Activation = relu) -> None:
    """What dropout changes for one neuron of the next layer, whose inputs are a (m,), weights w (m,) and bias b.

    axes: (2, 2). Above, MatConvNet's scaling in training, below, section 7.2's in evaluation. On the left the weighted input z over
    20,000 masks: its mean is what evaluation has. On the right sigma(z): its mean is not.
    """
    for row, scaling in zip(axes, SCALINGS, strict=True):
        z = weighted_inputs(a, w, b, rate, scaling)
        where = f"× 1/(1 − p) in training,\np = {rate:g}" if scaling == "training" else f"× (1 − p) in evaluation,\np = {rate:g}"
        outputs = np.asarray(activation(z.training))
        panel(row[0], z.training, z.mean, z.evaluation, "weighted input z")
        name = "ReLU" if activation is relu else activation.name.replace("_", " ")
        evaluated = float(activation(np.array(z.evaluation)))
        panel(row[1], outputs, float(outputs.mean()), evaluated, f"{name} of z")
        differ = abs(outputs.mean() - evaluated) > 4.0 * outputs.std() / np.sqrt(len(outputs))  # more than chance
        row[0].set_ylabel(where, fontsize=letters(13), fontweight="normal")
    for ax in axes[0]:
        ax.set_xlabel("")
    axes[0][0].set_title("weighted input: the means agree", fontsize=letters(14))
    axes[0][1].set_title(f"after {name}: they {'do not' if differ else 'agree, too'}", fontsize=letters(14))
    axes[0][0].legend(loc="upper left", fontsize=letters(10.5), handlelength=1.4, borderaxespad=0.2)


def panel(ax: Any, values: Vector, mean: float, evaluated: float, label: str) -> None:
    """The distribution in training, its mean, and the one value in evaluation."""
    ax.hist(values, bins=60, color="0.78", density=True, label="in training")
    ax.axvline(mean, color=RED, linewidth=2.6, label="its mean")
    ax.axvline(evaluated, color=BLUE, linewidth=2.6, linestyle=(0, (3, 1.6)), label="in evaluation")
    ax.set(xlabel=label, yticks=[])
    ax.xaxis.get_major_locator().set_params(nbins=5)
    ax.margins(y=0.35)
    words = f"mean {mean:.2f} ± {values.std():.2f}\nevaluation {evaluated:.2f} ± 0".replace("-", "−")
    ax.text(0.97, 0.95, words, transform=ax.transAxes, ha="right", va="top", fontsize=letters(11), color=INK, linespacing=1.3)
