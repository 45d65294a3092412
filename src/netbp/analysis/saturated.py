"""Saturation along a run: which neurons are flat, by layer, section 8, "Which nonlinearity?".

A neuron is flat at a point where |sigma'(z)| is below a hundredth of the largest |sigma'|: for the sigmoid where |z| > 6, for tanh
where |z| > 3, for ReLU where it is off; a leaky ReLU, whose slope is never below a hundredth, is flat nowhere, and a step, of slope
0, everywhere. A neuron is *dead* if it is flat at every point of the data. If the slope is exactly 0 there, as that of ReLU, so is
the gradient by its weights, and nothing moves them again unless the layers before change what comes in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from netbp.activations import Activation, identity
from netbp.analysis.stability import half_interval
from netbp.analysis.tables import Library, aligned, frame
from netbp.engines.reference.passes import forward
from netbp.methods import Method
from netbp.network import Network
from netbp.plain import plain
from netbp.problem import Problem
from netbp.streaming import costs_of, opened
from netbp.types import Array, Indices, Matrix, Vector

FLAT = 0.01  # of the largest slope, below which a neuron counts as flat
POINTS = 1000  # the most points looked at
ROWS = 10  # that are printed
BLOCK = 100  # points whose activations are held at a time


class Flatness(NamedTuple):
    """One layer at some p. layer: l = 2, ..., L. flat: the share of neurons and points. dead: the share flat at every point."""

    layer: int
    activation: str
    flat: float
    dead: float


def steepest(sigma: Activation) -> float:
    """The largest |sigma'|, looked for on a grid from -20 to 20."""
    z = np.linspace(-20.0, 20.0, 4001)
    return float(np.abs(sigma.slope(z, sigma.value(z))).max())


def flatness(network: Network, p: ArrayLike, x: ArrayLike, threshold: float = FLAT) -> tuple[Flatness, ...]:
    """How flat each layer with an activation is at the points x (N, n_1), in evaluation mode.

    The neurons of a convolutional layer count one by one in `flat`; dead are filters, flat at all places of all points. Layers
    whose activation is the identity are left out unless all are. Raises ValueError for a threshold outside (0, 1).
    """
    if not 0.0 < threshold < 1.0:
        raise ValueError(f"the threshold is a share of the largest slope, between 0 and 1, but it is {threshold!r}")
    rows = np.asarray(x)[:POINTS]
    curved = [l for l, sigma in enumerate(network.activations) if sigma != identity] or list(range(len(network.layers)))
    limits = {l: threshold * (1.0 - 1e-12) * steepest(network.activations[l]) for l in curved}
    flat, alive = dict.fromkeys(curved, 0), {l: np.zeros(network.layers[l].output[0], dtype=bool) for l in curved}
    for first in range(0, len(rows), BLOCK):
        part = np.asarray(rows[first : first + BLOCK], dtype=float)
        with np.errstate(all="ignore"):
            a, z, _ = forward(network, plain(p, "p", along="entry"), part)
        for l in curved:
            sigma = network.activations[l]
            slope = np.broadcast_to(np.abs(sigma.slope(z[l], a[l + 1])), z[l].shape)
            low = (slope < limits[l]) | (slope == 0.0)
            flat[l] += int(low.sum())
            alive[l] |= ~low.reshape(len(part), len(alive[l]), -1).all(axis=(0, 2))
    return tuple(
        Flatness(
            l + 2,
            network.activations[l].name,
            flat[l] / (len(rows) * network.layers[l].outputs),
            float(np.mean(~alive[l])),
        )
        for l in curved
    )


@dataclass(frozen=True, eq=False)
class Saturated:
    """Flat and dead neurons along a run, or along M runs; prints as a table.

    name: of the activation. steps: (k,). layers: the numbers l, (n,). flat, dead: shares, (k, n, M). costs: (k, M).
    """

    name: str
    steps: Indices
    layers: tuple[int, ...]
    flat: Array
    dead: Array
    costs: Matrix

    def mean(self, what: str, layer: int) -> tuple[Vector, Vector]:
        """The mean of "flat" or "dead" over the runs that have not diverged, (k,), and its 95 % half-interval, NaN for one."""
        rows = [row[np.isfinite(row)] for row in getattr(self, what)[:, self.layers.index(layer)]]
        means = [float(row.mean()) if len(row) else float("nan") for row in rows]
        return np.array(means), np.array([half_interval(row) for row in rows])

    @property
    def median_costs(self) -> Vector:
        """The median of the costs, (k,), a run that has diverged counting as infinite."""
        return np.asarray(np.median(np.where(np.isfinite(self.costs), self.costs, np.inf), axis=1))

    def frame(self, library: Library = "pandas") -> Any:
        """One row for each step, layer and run: flat and dead are shares of its neurons, cost that of the run."""
        k, n, M = self.flat.shape
        at, layer, run = (i.ravel() for i in np.indices((k, n, M)))
        return frame(
            {
                "activation": [self.name] * (k * n * M),
                "step": self.steps[at],
                "layer": np.array(self.layers)[layer],
                "run": run,
                "flat": self.flat.ravel(),
                "dead": self.dead.ravel(),
                "cost": self.costs[at, run],
            },
            library,
        )

    def __str__(self) -> str:
        head = ["step", "cost", *(f"flat, {l} (%)" for l in self.layers), *(f"dead, {l} (%)" for l in self.layers)]
        columns = [self.mean(what, l)[0] for what in ("flat", "dead") for l in self.layers]
        shown = np.unique(np.linspace(0, len(self.steps) - 1, min(ROWS, len(self.steps))).astype(int)).tolist()
        rows = [
            [f"{self.steps[i]:,}", f"{self.median_costs[i]:.4g}", *(f"{100 * column[i]:.1f}" for column in columns)] for i in shown
        ]
        lost = int((~np.isfinite(self.costs[-1])).sum())
        told = f", {lost} of which diverged" if lost else ""
        return f"{self.name}, {self.costs.shape[1]} runs{told} (means; the cost's median)\n{aligned(head, rows)}"


def saturation_along(
    problem: Problem,
    method: Method,
    at: Sequence[int],
    start: ArrayLike | None = None,
    x: ArrayLike | None = None,
    threshold: float = FLAT,
    rng: Any = 0,
    name: str = "",
) -> Saturated:
    """Flat and dead neurons by layer after `at` steps, ascending, along the run that `train` takes from the same arguments.

    start: (s,), (M, s) for M runs, or None for a drawn one. x: the points to look at, (N, n_1); None for the training points, the
    first 1,000. Where p is not finite any more the shares are NaN. Raises ValueError for steps that are negative or not in order.
    """
    steps = np.asarray(at, dtype=np.int64)
    if steps.ndim != 1 or len(steps) == 0 or steps[0] < 0 or (np.diff(steps) <= 0).any():
        raise ValueError(f"the steps to look at must be whole numbers of at least 0 in ascending order, but they are {list(at)!r}")
    points, network = problem.data.x if x is None else x, problem.network
    flat, dead, costs = [], [], []
    layers: tuple[int, ...] = ()
    state, generator = opened(problem, start, rng, None)
    session = method.session(problem, state, generator, 0)
    try:
        for step in steps.tolist():
            ended = False
            while state.step < step and not ended:
                chunk = session.advance(step - state.step)
                state, ended = chunk.state, chunk.reason is not None
            p = np.atleast_2d(state.p)
            gone = ~np.isfinite(p).all(axis=1)
            found = [flatness(network, one, points, threshold) for one in np.where(gone[:, None], 0.0, p)]
            layers = tuple(row.layer for row in found[0])
            flat.append(np.where(gone, np.nan, np.array([[row.flat for row in one] for one in found]).T))
            dead.append(np.where(gone, np.nan, np.array([[row.dead for row in one] for one in found]).T))
            costs.append(costs_of(problem.bound, p))
    finally:
        session.close()
    told = name or network.activations[layers[0] - 2].name
    return Saturated(told, steps, layers, np.array(flat), np.array(dead), np.array(costs))
