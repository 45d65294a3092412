"""Curvature and noise along the path of a method."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from netbp.analysis.curvature import EXACT
from netbp.analysis.lanczos import extreme_eigenvalues
from netbp.analysis.noise import effective_rank, gradient_noise
from netbp.analysis.operators import gauss_newton, hessian
from netbp.analysis.tables import aligned
from netbp.frames import Library, frame
from netbp.methods import Method
from netbp.methods.schedules import values_at
from netbp.problem import Problem
from netbp.streaming import opened
from netbp.types import Vector


class Place(NamedTuple):
    """What was found at p after `step` steps.

    cost: Cost(p). gradient: the norm of its gradient. lowest, highest: the Hessian's eigenvalues at its ends. sharpness: eta
    times the highest; the stability limit is 2. gauss_newton: its highest eigenvalue. spread: its effective rank, NaN above 500
    parameters. noise: the trace of the gradient noise's covariance Sigma. noise_rank: Sigma's effective rank. with_hessian,
    with_gauss_newton: the cosines between Sigma and the two. along_top: the share of the noise's variance along the Hessian's top
    eigenvector.
    """

    step: int
    cost: float
    gradient: float
    lowest: float
    highest: float
    sharpness: float
    gauss_newton: float
    spread: float
    noise: float
    noise_rank: float
    with_hessian: float
    with_gauss_newton: float
    along_top: float


@dataclass(frozen=True, eq=False)
class Path:
    """Curvature and noise along a path; prints as a table. points: the p's, (n, s)."""

    places: tuple[Place, ...]
    points: Any

    def column(self, name: str) -> Vector:
        """One field of the places, (n,)."""
        return np.array([getattr(place, name) for place in self.places])

    def frame(self, library: Library = "pandas") -> Any:
        """One row for each place, the columns of `Place`."""
        return frame({name: self.column(name) for name in Place._fields}, library)

    def __str__(self) -> str:
        head = [
            "step",
            "cost",
            "|grad|",
            "lowest",
            "highest",
            "eta highest",
            "G highest",
            "tr Sigma",
            "eff. rank",
            "cos H",
            "cos G",
        ]
        rows = [
            [
                f"{at.step:,}",
                *(f"{x:.3g}" for x in (at.cost, at.gradient, at.lowest, at.highest, at.sharpness, at.gauss_newton, at.noise)),
                *(f"{x:.2f}" for x in (at.noise_rank, at.with_hessian, at.with_gauss_newton)),
            ]
            for at in self.places
        ]
        return aligned(head, rows)


def curvature_along(
    problem: Problem, method: Method, at: Sequence[int], start: ArrayLike | None = None, rng: Any = 0, progress: Any = None
) -> Path:
    """Curvature and gradient noise at the points of a method's path after `at` steps, in ascending order.

    start, rng: as in `train`, and the path is the one that `train` takes. eta is the method's rate, and eta lambda_max means what
    it says for the rule sgd only. Up to 500 parameters the eigenvalues are exact; beyond they come from Lanczos' process, 100
    products each. Raises ValueError for steps that are negative or not in order.
    """
    places, points = [], []
    for k, (step, p) in enumerate(visited(problem, method, at, start, rng)):
        points.append(p)
        eta = values_at(method.rate, max(step - 1, 0), 1, "rate")[0] if hasattr(method, "rate") else float("nan")
        places.append(_place(problem, p, step, float(eta)))
        if progress is not None:
            progress(k + 1, len(at), places[-1].cost)
    return Path(tuple(places), np.array(points))


def visited(
    problem: Problem, method: Method, at: Sequence[int], start: ArrayLike | None = None, rng: Any = 0
) -> Iterator[tuple[int, Vector]]:
    """The steps and points (s,) of a method's path after `at` steps; it ends earlier where the method does."""
    steps = np.asarray(at, dtype=np.int64)
    if steps.ndim != 1 or len(steps) == 0 or steps[0] < 0 or (np.diff(steps) <= 0).any():
        raise ValueError(f"the steps to look at must be whole numbers of at least 0 in ascending order, but they are {list(at)!r}")
    state, generator = opened(problem, start, rng, None)
    if state.p.ndim != 1:
        raise ValueError(f"a path is that of one network, but the start has shape {state.p.shape}: give one row of it")
    session = method.session(problem, state, generator, 0)
    try:
        for step in steps.tolist():
            reason = None
            while state.step < step and reason is None:
                chunk = session.advance(min(step - state.step, 10_000))
                state, reason = chunk.state, chunk.reason
            if state.step < step:
                yield state.step, np.array(state.p, dtype=float)
                return
            yield step, np.array(state.p, dtype=float)
    finally:
        session.close()


def _place(problem: Problem, p: Vector, step: int, eta: float) -> Place:
    value, g = problem.value_and_gradient(p)
    H, G, noise = hessian(problem, p), gauss_newton(problem, p), gradient_noise(problem, p)
    if problem.size <= EXACT:
        H, G = H.dense(), G.dense()  # type: ignore[assignment]
        values, vectors = np.linalg.eigh(H)
        lowest, highest, top = float(values[0]), float(values[-1]), vectors[:, -1]
        bowl = np.linalg.eigvalsh(G)
        largest, spread = float(bowl[-1]), effective_rank(np.maximum(bowl, 0.0))
    else:
        ends = extreme_eigenvalues(H, tolerance=1e-4, products=100)
        lowest, highest, top = float(ends.values[0]), float(ends.values[-1]), ends.vectors[:, -1]
        largest, spread = float(extreme_eigenvalues(G, 0, 1, tolerance=1e-4, products=100).values[-1]), float("nan")
    return Place(
        step,
        value,
        float(np.linalg.norm(g)),
        lowest,
        highest,
        eta * highest,
        largest,
        spread,
        noise.trace,
        noise.effective_rank,
        noise.alignment(H),
        noise.alignment(G),
        noise.along(top),
    )
