"""Mode connectivity: a curve from one minimum to another along which the cost stays low."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from netbp.analysis.slices import costs_at
from netbp.analysis.symmetry import nearest
from netbp.analysis.tables import aligned
from netbp.frames import Library, frame
from netbp.problem import Problem
from netbp.types import Array, Vector


@dataclass(frozen=True, eq=False)
class Connection:
    """A quadratic Bezier curve between p and q; prints as a table.

    p, q, bend: (s,); the curve is (1 - t)^2 p + 2 t (1 - t) bend + t^2 q. t: (n,). curve, straight: the cost along it and along
    the segment, (n,). history: means of the sampled costs over equal pieces of the training. aligned: whether q is the image of the
    given one that is nearest to p; before: the cost along the segment to the given one, (n,), or None.
    """

    p: Vector
    q: Vector
    bend: Vector
    t: Vector
    curve: Vector
    straight: Vector
    history: Vector
    aligned: bool
    before: Vector | None

    def at(self, t: ArrayLike) -> Array:
        """The curve's points, (..., s), for t (...)."""
        return bezier(self.p, self.bend, self.q, t)

    @staticmethod
    def barrier(costs: Vector) -> float:
        """By how much the highest cost of a path exceeds the higher of its ends."""
        return float(costs.max() - max(costs[0], costs[-1]))

    def frame(self, library: Library = "pandas") -> Any:
        """One row for each t in [0, 1]: t, and the cost on the curve and on the straight segment."""
        return frame({"t": self.t, "curve": self.curve, "straight": self.straight}, library)

    def __str__(self) -> str:
        paths = [("segment", self.straight), ("Bezier curve", self.curve)]
        if self.before is not None:
            paths = [("segment to the given q", self.before), ("segment to its nearest image", self.straight), paths[1]]
        rows = [[name, f"{self.barrier(c):.4g}", f"{c.max():.4g}", f"{_mean(self.t, c):.4g}"] for name, c in paths]
        ends = f"costs at the ends: {self.curve[0]:.4g} and {self.curve[-1]:.4g}; |p - q| = {np.linalg.norm(self.p - self.q):.4g}"
        return f"{ends}\n{aligned(['path', 'barrier', 'highest cost', 'mean cost'], rows)}"


def bezier(p: Vector, bend: Vector, q: Vector, t: ArrayLike) -> Array:
    """(1 - t)^2 p + 2 t (1 - t) bend + t^2 q, (..., s), for t (...)."""
    s = np.asarray(t, dtype=float)[..., None]
    return (1.0 - s) ** 2 * p + 2.0 * s * (1.0 - s) * bend + s * s * q


def connect(
    problem: Problem,
    p: ArrayLike,
    q: ArrayLike,
    align: bool = False,
    steps: int = 20_000,
    rate: float = 0.02,
    batch: int = 4,
    n: int = 201,
    rng: Any = 0,
    progress: Any = None,
) -> Connection:
    """Train the bend of a quadratic Bezier curve from p to q, (s,) each, by stochastic gradient on the path's integral.

    The integral of Cost over t in [0, 1] (Garipov, Izmailov, Podoprikhin, Vetrov & Wilson, NeurIPS 2018): each step draws `batch`
    values of t, one in each of as many equal parts, whose gradients by the bend are 2 t (1 - t) grad Cost; Adam takes the step,
    with a rate that falls to 0 linearly, from the segment's middle. align: first replace q by the image under the network's
    symmetries nearest to p. Raises ValueError for points of another shape, no step, and where `nearest` does.
    """
    a, b = (np.array(x, dtype=float) for x in (p, q))
    if a.shape != (problem.size,) or b.shape != (problem.size,):
        raise ValueError(f"{problem.network.title} has {problem.size} parameters, but the ends have shapes {a.shape} and {b.shape}")
    if steps < 1 or batch < 1 or n < 3:
        raise ValueError(f"steps and batch must be at least 1 and n at least 3, but they are {steps}, {batch} and {n}")
    generator, t = np.random.default_rng(rng), np.linspace(0.0, 1.0, n)
    segment = (1.0 - t)[:, None] * a + t[:, None] * b
    before = costs_at(problem, segment) if align else None
    if align:
        b, _ = nearest(problem.network, a, b)
        segment = (1.0 - t)[:, None] * a + t[:, None] * b
    bend, u, v, sums = 0.5 * (a + b), np.zeros_like(a), np.zeros_like(a), np.zeros(steps)
    for k in range(1, steps + 1):
        times = (np.arange(batch) + generator.random(batch)) / batch
        g = np.zeros_like(a)
        for time, point in zip(times, bezier(a, bend, b, times), strict=True):
            value, slope = problem.value_and_gradient(point)
            sums[k - 1] += value / batch
            g += 2.0 * time * (1.0 - time) * slope / batch
        bend, u, v = _adam(bend, g, u, v, rate * (1.0 - (k - 1) / steps), k)
        if progress is not None and k % 1000 == 0:
            progress(k, steps, sums[k - 1])
    history = np.array([part.mean() for part in np.array_split(sums, min(100, steps))])
    curve = costs_at(problem, bezier(a, bend, b, t))
    return Connection(a, b, bend, t, curve, costs_at(problem, segment), history, align, before)


def _adam(p: Vector, g: Vector, u: Vector, v: Vector, eta: float, t: int) -> tuple[Vector, Vector, Vector]:
    from netbp.rules import adam

    return adam(p, g, u, v, eta, float(t))


def _mean(t: Vector, costs: Vector) -> float:
    return float(np.sum(0.5 * (costs[1:] + costs[:-1]) * np.diff(t)) / (t[-1] - t[0]))
