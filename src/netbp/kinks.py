"""Kinks: how far p may move before a weighted input meets a kink of its activation, or two entries of a pooled window tie."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from netbp.layers import Pool
from netbp.network import Network
from netbp.problem import Problem
from netbp.types import Array, Data, Matrix, Vector

PARALLEL = 1e-12
"""Entries of a window that differ, or move apart, by less than this times their size move as one: rounding, not a kink."""


def distances_to_kinks(network: Network, p: Vector, d: Vector, x: Matrix) -> Vector:
    """How far each point can go along d until something meets a kink, to first order: (N,), infinite without kinks.

    A kink is where a weighted input z meets one of its activation's, and where another entry of a window that max pooling sees
    grows as large as the largest.
    """
    from netbp.engines.reference.passes import along, forward, slopes
    from netbp.engines.reference.windows import seen

    at = forward(network, p, x)
    da, dz, _ = along(network, d, at, slopes(network, at.a, at.z))
    out = np.full(len(x), np.inf)
    for l, (layer, sigma) in enumerate(zip(network.layers, network.activations, strict=True)):
        if isinstance(layer, Pool) and layer.kind == "max":
            windows, moves = seen(layer, at.a[l]), seen(layer, da[l])
            largest, moved = at.z[l].reshape(*windows.shape[:3], 1), dz[l].reshape(*windows.shape[:3], 1)
            together = np.abs(moves - moved) <= PARALLEL * (np.abs(moves) + np.abs(moved))
            out = np.minimum(out, _first_meeting(largest - windows, np.where(together, 0.0, moves - moved)))
        for kink in sigma.kinks:
            out = np.minimum(out, _first_meeting(at.z[l] - kink, dz[l]))
    return out


def _first_meeting(gap: Array, speed: Array) -> Vector:
    """The smallest |gap|/|speed| of each point, (N,), where something moves."""
    gap, speed = np.abs(gap).reshape(len(gap), -1), np.abs(speed).reshape(len(gap), -1)
    return np.asarray(np.divide(gap, speed, out=np.full_like(gap, np.inf), where=speed > 0.0).min(axis=1))


def _crossed(network: Network, p: Vector, q: Vector, x: Matrix) -> bool:
    """Whether a weighted input lies on different sides of a kink at p and at q, or a window's largest entry is another."""
    from netbp.engines.reference.maps import Choice
    from netbp.engines.reference.passes import forward

    here, there = forward(network, p, x), forward(network, q, x)
    for l, sigma in enumerate(network.activations):
        A = here.A[l]
        if isinstance(A, Choice):  # what was the largest still is, to rounding
            kept, largest = A.apply(there.a[l]), there.z[l]
            if np.any(largest - kept > PARALLEL * (np.abs(largest) + np.abs(kept))):
                return True
        if any(not np.array_equal(here.z[l] > kink, there.z[l] > kink) for kink in sigma.kinks):
            return True
    return False


def reach(network: Network, p: Vector, d: Vector, x: Matrix, largest: float) -> float:
    """The largest h, at most `largest`, such that nothing crosses a kink between p - h d and p + h d, where these are known."""
    if not network.activations:  # a torch.nn.Module
        return largest
    h = float(min(largest, 0.5 * distances_to_kinks(network, p, d, x).min()))
    while any(_crossed(network, p, p + sign * h * d, x) for sign in (-1.0, 1.0)):
        h *= 0.5
    return h


def away_from_kinks(problem: Problem, p: Vector, d: Vector) -> tuple[Problem | None, str]:
    """The problem without the points that sit on a kink or close to one, at most half of them if possible, and what was done."""
    from netbp.engines.reference import Reference

    if Reference().refusal(problem.network, problem.cost) is not None:  # a torch.nn.Module, whose kinks nobody knows
        return problem, "nothing is known of kinks in this network: a slope below 2 may come from one"
    x, y = np.asarray(problem.data.x, dtype=float), np.asarray(problem.data.y)
    distances = distances_to_kinks(problem.network, p, d, x)
    for near in (1e-3, 1e-6, 1e-9):
        keep = distances > near
        if keep.mean() >= 0.5:
            break
    if keep.all():
        return problem, ""
    on = int((distances <= 1e-9).sum())
    pooled = any(isinstance(layer, Pool) and layer.kind == "max" for layer in problem.network.layers)
    or_tie = " or a window with two largest entries" if pooled else ""
    where = f"{on} of {problem.N} points have a weighted input on a kink{or_tie}, the first is point {distances.argmin()} (from 0)"
    if not keep.any():
        return None, f"p sits on a kink: {where}, and Cost has no gradient there: move p a little and check again"
    weight = None if problem.data.weight is None else np.asarray(problem.data.weight)[keep]
    set_aside = replace(problem, data=Data(x[keep], y[keep], weight))
    aside = f"{int((~keep).sum())} of {problem.N} points, on a kink or within {near:.0e} of one, were set aside"
    return set_aside, f"{aside}; {where}." if on else f"{aside}."
