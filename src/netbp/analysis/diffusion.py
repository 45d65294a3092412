"""Stochastic gradient beside the diffusion that it discretises, in ensembles that move together.

With batches of m points and the rate eta, p_(k+1) = p_k - eta g^_k is an Euler-Maruyama step of length eta for

    dp = -grad Cost(p) dt + sqrt(eta/m) Sigma(p)^(1/2) dW

(Li, Tai & E, JMLR 20, 2019; the paper's reference [31] is the same idea), in which any factor with F^T F = Sigma may stand for the
root: dp = -grad Cost dt + sqrt(eta/m) F^T dB, with one Brownian motion for each point and F = (g_i - g)/sqrt(N). So the noise of
one time step is a random reweighting of the points, of mean 0. With -grad(Cost + eta/4 |grad Cost|^2) as the drift, the moments of
the two agree to order 2 instead of 1.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from netbp.analysis.noise import point_gradients
from netbp.engines import Choices, Memory, Update
from netbp.plain import plain
from netbp.problem import Problem
from netbp.rules import sgd
from netbp.types import Array, Matrix, Vector

Process = Literal["stochastic gradient", "diffusion", "modified"]
PIECE = 2**22  # numbers in one piece of point gradients


class Ensemble(NamedTuple):
    """M networks at some times. t: (n,). p: (n, M, s). process: as asked for. rate, batch: eta and m."""

    t: Vector
    p: Array
    process: str
    rate: float
    batch: int


def ensemble_gradients(problem: Problem, p: Matrix) -> Array:
    """C_i grad C_i of M networks (M, s) at each point, (M, N, s), without penalty; for dense networks all at once."""
    network, x, y = problem.network, np.asarray(problem.data.x, dtype=float), np.asarray(problem.data.y)
    if not getattr(network, "is_dense", False):
        return np.array([point_gradients(problem, row) for row in p])
    weight = problem.data.weight
    shares = np.ones(len(x)) if weight is None else np.asarray(weight) * len(x) / np.sum(weight)
    out, a, kept = np.empty((len(p), len(x), network.size)), np.broadcast_to(x, (len(p), *x.shape)), []
    views = network.views(p)
    for (W, b), sigma in zip(views, network.activations, strict=True):
        z = a @ W.swapaxes(-1, -2) + b[:, None, :]
        kept.append((a, z))
        a = sigma.value(z)
    delta = problem.cost.slope(a, y) * shares[:, None]
    for l in range(len(views) - 1, -1, -1):
        below, z = kept[l]
        sigma, (weights, biases) = network.activations[l], network.slices[l]
        delta = delta * sigma.slope(z, sigma.value(z))
        out[..., biases] = delta
        out[..., weights] = (below[..., :, None] * delta[..., None, :]).reshape(*delta.shape[:2], -1)  # column by column
        delta = delta @ views[l][0]
    return out


def ensemble(
    problem: Problem,
    start: ArrayLike,
    rate: float,
    times: ArrayLike,
    M: int = 1000,
    batch: int = 1,
    process: Process = "stochastic gradient",
    substeps: int = 4,
    rng: Any = 0,
) -> Ensemble:
    """M networks from one start (s,), or from M of them (M, s), at the times (n,), ascending whole multiples of the rate.

    process: "stochastic gradient", drawn with replacement and taken by the engine; "diffusion"; or "modified", with the drift
    -grad(Cost + eta/4 |grad Cost|^2). The diffusions are solved with steps of eta/substeps: Heun's method for the drift, the noise
    at its beginning, with weak errors of order h^2 + eta h for h = eta/substeps, of order 2 in eta. Raises ValueError for times
    that are no multiples, for shapes that do not fit, and for counts below 1.
    """
    p = plain(start, "the start", along="entry")
    p = np.array(np.broadcast_to(p, (M, p.shape[0])) if p.ndim == 1 else p)
    t = np.atleast_1d(np.asarray(times, dtype=float))
    steps = np.rint(t / rate).astype(np.int64)
    if p.ndim != 2 or p.shape[1] != problem.size:
        raise ValueError(f"the start must have shape ({problem.size},) or (M, {problem.size}), but it has {np.shape(start)}")
    if (np.abs(steps * rate - t) > 1e-9 * np.maximum(t, rate)).any() or (np.diff(steps) <= 0).any() or steps[0] < 0:
        raise ValueError(f"times must be ascending whole multiples of the rate {rate:g}, but they are {t.tolist()}")
    if min(len(p), batch, substeps) < 1:
        raise ValueError(f"M, batch and substeps must be at least 1, but they are {len(p)}, {batch} and {substeps}")
    if process not in ("stochastic gradient", "diffusion", "modified"):
        raise ValueError(f'the process can be "stochastic gradient", "diffusion" or "modified", but {process!r} was asked for')
    generator, out, done = np.random.default_rng(rng), [], 0
    for step in steps.tolist():
        if process == "stochastic gradient":
            p = descend_at_random(problem, p, rate, batch, step - done, generator)
        else:
            for _ in range(substeps * (step - done)):
                p = _heun(problem, p, rate / substeps, rate / batch, rate if process == "modified" else 0.0, generator)
        done = step
        out.append(p)
    return Ensemble(t, np.array(out), process, float(rate), batch)


def descend_at_random(problem: Problem, p: Matrix, rate: float, batch: int, steps: int, generator: Any) -> Matrix:
    """M networks (M, s) after so many steps of (17), points drawn with replacement, by the engine's ensembles."""
    piece = max(1, 2**18 // (len(p) * batch))
    for first in range(0, steps, piece):
        k = min(piece, steps - first)
        indices = generator.integers(0, problem.N, (len(p), k * batch))
        choices = Choices(indices, np.arange(k + 1, dtype=np.int64) * batch, np.full(k, float(rate)))
        p = np.ascontiguousarray(p)
        with np.errstate(all="ignore"):
            p = problem.bound.advance(p, Memory(np.zeros_like(p), np.zeros_like(p)), 0, choices, Update(sgd)).p
    return np.asarray(p)


def _heun(problem: Problem, p: Matrix, h: float, strength: float, modified: float, generator: Any) -> Matrix:
    """One time step h of dp = drift dt + sqrt(strength) F^T dB, in pieces of networks that fit into the cache."""
    out, size = np.empty_like(p), max(1, PIECE // (problem.N * problem.size))
    for first in range(0, len(p), size):
        q = p[first : first + size]
        g = ensemble_gradients(problem, q)
        xi = generator.standard_normal(g.shape[:2])
        xi -= xi.mean(axis=1, keepdims=True)  # F^T xi with the mean gradient taken away, from the weights instead
        noise = np.sqrt(strength * h / problem.N) * np.einsum("mi,mis->ms", xi, g)
        slope = _drift(problem, q, g, modified)
        ahead = q + h * slope + noise
        out[first : first + size] = (
            q + 0.5 * h * (slope + _drift(problem, ahead, ensemble_gradients(problem, ahead), modified)) + noise
        )
    return out


def _drift(problem: Problem, p: Matrix, g: Array, modified: float) -> Matrix:
    """-grad Cost, with the penalty, or with eta = modified -(I + eta/2 H) grad Cost; H g by a central difference of gradients."""
    slope = g.mean(axis=1) + penalty_gradient(problem, p)
    if not modified:
        return -slope
    # The difference's error is O(r^2) |g|^3: r |g| is some 1e-5 of p, and what is lost is far below the noise of any ensemble.
    r = 1e-5 * (1.0 + np.linalg.norm(p, axis=1)) / np.maximum(np.linalg.norm(slope, axis=1), 1e-300)
    r = np.minimum(r, 1e5)[:, None]
    ahead, behind = p + r * slope, p - r * slope
    bent = ensemble_gradients(problem, ahead).mean(axis=1) - ensemble_gradients(problem, behind).mean(axis=1)
    bent += penalty_gradient(problem, ahead) - penalty_gradient(problem, behind)
    return -(slope + 0.5 * modified * bent / (2.0 * r))


def penalty_gradient(problem: Problem, p: Matrix) -> Matrix:
    """The gradient of the penalty of (33) of M networks, (M, s): 2 lambda W/N for weights, 0 for biases."""
    out = np.zeros_like(p)
    if problem.penalty:
        total = problem.N if problem.data.weight is None else float(np.sum(problem.data.weight))
        for w, _ in problem.network.slices:
            out[:, w] = 2.0 * problem.penalty / total * p[:, w]
    return out
