"""The cost on a plane through the parameters, with the path of the run on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from netbp.analysis.slices import Slice, located, plane_of_path, plane_through, random_directions, slice_plane
from netbp.lab.frames import encoded
from netbp.lab.turns import long_work
from netbp.types import Matrix, Vector

if TYPE_CHECKING:
    from netbp.lab.labrun import LabRun
    from netbp.lab.runs import Runs

KINDS = ("random", "filter", "path", "between")
LARGEST, MOST_WORK = 101, 5 * 10**10
PATH = 200
"""The most points of the path that are drawn."""


def surface(runs: Runs, body: Mapping[str, Any]) -> bytes:
    """The answer of /api/surface. Raises ValueError for a body that asks for no surface, Gone for a run no longer held.

    Sections: costs and logs (n, n), row for the second axis; axis1, axis2 (n,); path (m, 2) and its steps (m,); marks (k, 2).
    """
    run = runs.get(_text(body, "run"))
    other = body.get("other")
    between = None
    if other is not None:
        if not isinstance(other, Mapping):
            raise ValueError("other names a run and a step: {run, step}")
        second = runs.get(_text(other, "run"))
        between = second.training.exactly(_whole(other, "step", 0)).p
        if second.problem.size != run.problem.size or second.problem.network != run.problem.network:
            raise ValueError("a surface goes between two runs of the same network: this one has other layers")
    kind, step = str(body.get("kind", "path")), _whole(body, "step", 0)
    n, seed = _whole(body, "n", 51), _whole(body, "seed", 0)
    found = slice_of(run, step, kind, between, n, seed)
    steps, points = run.training.trail(step, PATH)
    path, off = located(found.centre, found.directions, points)
    with np.errstate(all="ignore"):
        logs = np.log10(found.costs)
    header = {
        "run": run.name,
        "kind": kind,
        "step": steps[-1],
        "n": n,
        "axes": [[float(axis[0]), float(axis[-1])] for axis in found.axes],
        "explained": None if found.explained is None else found.explained.tolist(),
        "off": float(off.max()),
        "lowest": float(np.nanmin(found.costs)),
        "highest": float(np.nanmax(np.where(np.isfinite(found.costs), found.costs, np.nan))),
        "marks": _marks(kind),
    }
    sections = {
        "costs": found.costs.T,
        "logs": logs.T,
        "axis1": found.axes[0],
        "axis2": found.axes[1],
        "path": path,
        "steps": np.array(steps, dtype=np.float64),
        "marks": np.zeros((1, 2)) if found.path is None or kind == "path" else found.path,
    }
    return encoded(header, sections)


def slice_of(run: LabRun, step: int, kind: str, other: Vector | None, n: int, seed: int) -> Slice:
    """The cost on a plane: in random directions, as they are or normalised by filters, along the path, or to another run's p."""
    if kind not in KINDS:
        raise ValueError(f"a surface is {', '.join(KINDS)}, but {kind[:40]!r} was asked for")
    if not 2 <= n <= LARGEST:
        raise ValueError(f"a surface has 2 to {LARGEST} places a side, but {n} were asked for")
    problem = run.training.problem
    if n * n * problem.N * problem.size > MOST_WORK:
        raise ValueError(f"{n} x {n} places with {problem.N:,} points are too much for this page: take fewer places or points")
    p = run.training.exactly(step).p
    long_work()
    if kind == "between":
        if other is None:
            raise ValueError("a surface between two runs needs the other: {run, step}")
        return plane_through(problem, _three(run, p, other, seed), n)
    if kind == "path":
        points = run.training.trail(step, PATH)[1]
        if len(points) < 3 or np.ptp(points, axis=0).max() == 0.0:
            raise ValueError("the path has not gone anywhere yet: take some steps first")
        return plane_of_path(problem, points, n)
    directions = random_directions(problem.network, p, 2, normalised=kind == "filter", rng=seed)
    reach = 1.0 if kind == "filter" else max(1.0, float(np.linalg.norm(p)))
    return slice_plane(problem, p, directions, (-reach, reach, -reach, reach), n)


def _three(run: LabRun, p: Vector, q: Vector, seed: int) -> Matrix:
    """The two ends and the start that this run had; where these lie on one line, a random third."""
    if np.array_equal(p, q):
        raise ValueError("the two runs stand at the same place: nothing lies between them")
    start = run.training.states.before(0).p
    a, b = q - p, start - p
    if np.linalg.norm(b - a * (a @ b) / (a @ a)) <= 1e-8 * np.linalg.norm(a):
        b = np.random.default_rng(seed).standard_normal(len(p)) * np.linalg.norm(a) / np.sqrt(len(p))
        start = p + b
    return np.array([p, q, start])


def _marks(kind: str) -> list[str]:
    return ["this run", "the other", "the start"] if kind == "between" else ["this run"]


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str):
        raise ValueError(f"{name} must be the name of a run, but it is {value!r:.60}")
    return value


def _whole(body: Mapping[str, Any], name: str, default: int) -> int:
    value = body.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**53:
        raise ValueError(f"{name} must be a whole number of at least 0, but it is {value!r:.60}")
    return value
