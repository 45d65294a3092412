"""What an experiment of the plane may be: the lab's limits, and what no run could use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from netbp.experiments.plane_texts import MOST_CATEGORIES, MOST_POINTS, activations_of, changes_of, constants_of
from netbp.experiments.settings import widths

if TYPE_CHECKING:
    from netbp.experiments.plane import PlaneExperiment

MOST_LAYERS, WIDEST, MOST_PARAMETERS, MOST_STEPS = 8, 64, 5000, 100_000_000
MOST_PRODUCTS, MOST_CORNERS = 2e10, 500
"""Of an iteration of Levenberg-Marquardt, for J^T J, so that it takes a second or two; of Nelder-Mead's simplex."""
BOUNDS: dict[str, tuple[float, float]] = {
    "held_out": (0.0, 0.9),
    "penalty": (0.0, 1e6),
    "rate": (0.0, 1e300),
    "batch": (1, MOST_POINTS),
    "decay": (0.0, 1e6),
    "damping": (1e-300, 1e300),
    "lm_tolerance": (0.0, 1.0),
    "tolerance": (0.0, 1.0),
    "pairs": (1, 1000),
    "scale": (0.0, 1e6),
    "seed": (0, 2**32 - 1),
    "start": (0, 1_000_000),
    "steps": (0, MOST_STEPS),
    "record": (0, MOST_STEPS),
}
"""The least and the largest value of each number."""


def check(experiment: PlaneExperiment) -> None:
    """Raises ValueError, in a line, for an experiment that no run could use, or that goes beyond the lab's limits."""
    e = experiment
    for name, (low, high) in BOUNDS.items():
        value = getattr(e, name)
        if not low <= value <= high:  # nor is NaN
            raise ValueError(f"{name.replace('_', ' ')} must be from {low:g} to {high:g}, but it is {value!r}")
    _check_network(e)
    if e.held_out and e.labelled.starred.any():
        raise ValueError("the points with a star are held out already: set the share to 0, or take the stars away")
    activations_of(e.activation, len(widths(e.layers)) - 1)
    changes_of(e.changes)
    constants_of(e.constants)
    if e.method == "levenberg-marquardt" and e.cost != "quadratic":
        raise ValueError("Levenberg-Marquardt needs a sum of squares: use the quadratic cost")
    _check_work(e)


def _check_work(e: PlaneExperiment) -> None:
    """Whether an iteration of the method ends while somebody waits."""
    sizes = widths(e.layers)
    s, rows = _parameters(sizes), len(e.labelled.labels) * sizes[-1]
    if e.method == "levenberg-marquardt" and rows * s**2 > MOST_PRODUCTS:
        raise ValueError(
            f"an iteration of Levenberg-Marquardt with {rows:,} residuals and {s:,} parameters takes too long here: "
            "use fewer points, a smaller network, or L-BFGS"
        )
    if e.method == "nelder-mead" and s > MOST_CORNERS:
        raise ValueError(f"Nelder-Mead is for few parameters, here at most {MOST_CORNERS}, and {e.layers} has {s:,}: use L-BFGS")


def _parameters(sizes: Sequence[int]) -> int:
    return sum((m + 1) * n for m, n in zip(sizes, sizes[1:], strict=False))


def _check_network(e: PlaneExperiment) -> None:
    """Whether the layers are within the limits, and fit the points."""
    sizes, found = widths(e.layers), e.labelled
    written = "-".join(str(n) for n in sizes)
    if e.layers != written:  # Python reads 1_0, +3 and other alphabets' digits as numbers, too; the page does not
        raise ValueError(f"write the layers as {written[:60]}")
    parameters = _parameters(sizes)
    if len(sizes) > MOST_LAYERS or not all(1 <= n <= WIDEST for n in sizes) or parameters > MOST_PARAMETERS:
        raise ValueError(
            f"a network here has at most {MOST_LAYERS} layers, {WIDEST} neurons in each and {MOST_PARAMETERS:,} parameters, "
            f"but {e.layers[:60]} has {len(sizes)} layers and {parameters:,} parameters"
        )
    if sizes[0] != 2 or not 2 <= sizes[-1] <= MOST_CATEGORIES:
        raise ValueError(
            f"points of the plane need 2 inputs, and one output for each of 2 to {MOST_CATEGORIES} categories, "
            f"but the layers are {e.layers}: write 2-...-{max(2, int(found.labels.max()) + 1)}"
        )
    if found.labels.max() >= sizes[-1]:
        more = int(found.labels.max()) + 1
        raise ValueError(f"the points have {more} categories but layers {e.layers} has {sizes[-1]} outputs: end it with -{more}")
