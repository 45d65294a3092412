"""Kinks of the activations: how far p may move before a weighted input of some data point meets one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from netbp.network import Network
from netbp.problem import Problem
from netbp.types import Array, Data, Matrix, Vector


def distances_to_kinks(network: Network, p: Vector, d: Vector, x: Matrix) -> Vector:
    """How far each point can go along d until a weighted input meets a kink, to first order: (N,), infinite without kinks."""
    from netbp.engines.reference.passes import forward, slopes

    a, z = forward(network, p, x)
    da, out = np.zeros_like(x), np.full(len(x), np.inf)
    layers = zip(network.views(p), network.views(d), network.activations, a, z, slopes(network, a, z), strict=False)
    for (W, _), (dW, db), sigma, ap, zl, D in layers:
        dz = da @ W.T + ap @ dW.T + db
        for kink in sigma.kinks:
            gap, speed = np.abs(zl - kink), np.abs(dz)
            out = np.minimum(out, np.divide(gap, speed, out=np.full_like(gap, np.inf), where=speed > 0.0).min(axis=1))
        da = D * dz
    return out


def _sides(network: Network, p: Vector, x: Matrix) -> list[Array]:
    """On which side of each kink every weighted input lies."""
    from netbp.engines.reference.passes import forward

    _, z = forward(network, p, x)
    return [zl > kink for zl, sigma in zip(z, network.activations, strict=True) for kink in sigma.kinks]


def reach(network: Network, p: Vector, d: Vector, x: Matrix, largest: float) -> float:
    """The largest h, at most `largest`, such that nothing crosses a kink between p - h d and p + h d."""
    h = float(min(largest, 0.5 * distances_to_kinks(network, p, d, x).min()))
    here = _sides(network, p, x)
    while any(
        not np.array_equal(one, other)
        for sign in (-1.0, 1.0)
        for one, other in zip(here, _sides(network, p + sign * h * d, x), strict=True)
    ):
        h *= 0.5
    return h


def away_from_kinks(problem: Problem, p: Vector, d: Vector) -> tuple[Problem | None, str]:
    """The problem without the points that sit on a kink or close to one, at most half of them if possible, and what was done."""
    x, y = np.asarray(problem.data.x), np.asarray(problem.data.y)
    distances = distances_to_kinks(problem.network, p, d, x)
    for near in (1e-3, 1e-6, 1e-9):
        keep = distances > near
        if keep.mean() >= 0.5:
            break
    if keep.all():
        return problem, ""
    on = int((distances <= 1e-9).sum())
    where = f"{on} of {problem.N} points have a weighted input on a kink, the first is point {distances.argmin()} (from 0)"
    if not keep.any():
        return None, f"p sits on a kink: {where}, and Cost has no gradient there: move p a little and check again"
    weight = None if problem.data.weight is None else np.asarray(problem.data.weight)[keep]
    set_aside = replace(problem, data=Data(x[keep], y[keep], weight))
    aside = f"{int((~keep).sum())} of {problem.N} points, on a kink or within {near:.0e} of one, were set aside"
    return set_aside, f"{aside}; {where}." if on else f"{aside}."
