"""Is the gradient right? Central differences, the complex step and Taylor remainders, layer by layer.

For a smooth Cost and a direction d, |Cost(p + h d) - Cost(p)| falls like h and |Cost(p + h d) - Cost(p) - h g.d| like h^2 exactly
when g is the gradient; a wrong g leaves h in the second too. The slopes are fitted where rounding does not yet show.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.linalg import norm
from numpy.typing import ArrayLike

from netbp.differences import (
    CLEAR,
    HALVING,
    LARGEST,
    STEPS,
    best_difference,
    complex_step,
    cost_along,
    eps_of,
    noise_of,
    observed_slope,
)
from netbp.frames import Library, fields_of, frame
from netbp.kinks import away_from_kinks, reach
from netbp.messages import counted
from netbp.network import Network
from netbp.plain import plain
from netbp.problem import Problem
from netbp.types import Data, Vector

FAR = (-30.0, -10.0, -3.0, -1.0, 1.0, 3.0, 10.0, 30.0)  # steps beyond all kinks: does the cost move at all?
NEURONS = 2_000_000  # of networks that are not dense, so many are looked at, of one point after the other
DIRECTIONS = 3  # a direction may happen to have no second derivative: then another is tried


@dataclass(frozen=True)
class LayerCheck:
    """What was found when only the weights and biases of one layer move, or all of them.

    layer: l = 2, ..., L, or None for all. parameters: how many move. derivative: g.d for the random direction d. central:
    |central difference - g.d|, relative to ||g o d||_2. complex_step: the same for Im Cost(p + ihd)/h, or None where activations
    or cost do not continue to complex numbers. first, second: the observed slopes of |Cost(p + h d) - Cost(p)| and of
    |Cost(p + h d) - Cost(p) - h g.d|, or None where these are at rounding level for every h. verdict: "passed", "exact" (the
    remainder is at rounding level), "untrainable", "kink" or "failed". reason: the verdict in words, or nothing.
    """

    layer: int | None
    parameters: int
    derivative: float
    central: float
    complex_step: float | None
    first: float | None
    second: float | None
    verdict: str
    reason: str = ""

    @property
    def passed(self) -> bool:
        """Whether the gradient is right and of use."""
        return self.verdict in ("passed", "exact")

    def __str__(self) -> str:
        numbers = [
            f"{'all' if self.layer is None else self.layer:>5} {self.parameters:>10,} {self.derivative:>13.5e}",
            f"{self.central:>12.1e} {'-' if self.complex_step is None else f'{self.complex_step:.1e}':>12}",
            *(f"{'rounding' if slope is None else f'{slope:.3f}':>9}" for slope in (self.first, self.second)),
        ]
        return " ".join(numbers) + f"  {self.verdict}"


@dataclass(frozen=True)
class GradientCheck:
    """The result of `check_gradient`, which prints as a table: one entry for each layer with parameters and one for all."""

    what: str
    layers: tuple[LayerCheck, ...]
    total: LayerCheck
    note: str = ""

    @property
    def passed(self) -> bool:
        """Whether every entry passed."""
        return all(entry.passed for entry in (*self.layers, self.total))

    def frame(self, library: Library = "pandas") -> Any:
        """One row for each layer with parameters, and one, without a layer, for all; the columns of `LayerCheck`."""
        names = ("layer", "parameters", "derivative", "central", "complex_step", "first", "second", "verdict", "reason")
        return frame(fields_of((*self.layers, self.total), names), library)

    def __str__(self) -> str:
        entries = (*self.layers, self.total)
        head = f"{'layer':>5} {'parameters':>10} {'g.d':>13} {'central':>12} {'complex':>12} {'slope 1':>9} {'slope 2':>9}  verdict"
        reasons = [f"{'all layers' if e.layer is None else f'layer {e.layer}'}: {e.reason}" for e in entries if e.reason]
        end = "The gradient passed." if self.passed else "The gradient did not pass."
        return "\n".join([f"Gradient check: {self.what}", head, *map(str, entries), *reasons, *filter(None, [self.note]), end])


def check_gradient(problem: Problem, p: ArrayLike, rng: Any = 0) -> GradientCheck:
    """Hold the gradient (22)-(25) at p, (s,), against differences of Cost (9), for each layer and for all parameters.

    rng: a seed, a numpy.random.Generator or a MatlabRandom, for the directions; the same one gives the same result. The steps
    stay within the kinks of activations and max pooling; points that sit on a kink or too near one are set aside, and networks that
    are not dense are looked at on as many points as fit easily: the note says so.
    Raises ValueError when p has the wrong shape or is not finite.
    """
    rng = np.random.default_rng(rng) if isinstance(rng, int | np.integer) else rng
    p = plain(p, "p", along="entry")
    if p.shape != (problem.size,) or not np.isfinite(p).all():
        raise ValueError(f"check_gradient needs p as {problem.size} finite numbers, but p has shape {p.shape}: see Network.draw")
    assert problem.engine is not None
    what = f"{problem.network.title}, {problem.cost!r} cost, {counted(problem.N, 'point')}, on the {problem.engine.name} engine"
    scales = _scales(problem.network, p)
    problem, first = _few(problem)
    smooth, note = away_from_kinks(problem, p, scales * rng.standard_normal(problem.size))
    note = " ".join(filter(None, [first, note]))
    if smooth is None:
        on_kink = LayerCheck(None, problem.size, np.nan, np.nan, None, None, None, "kink", note)
        return GradientCheck(what, (), on_kink)
    numbers = [l for l, layer in enumerate(problem.network.layers, start=2) if layer.size]
    layers = tuple(_check(smooth, p, scales, rng, l, parts) for l, parts in zip(numbers, problem.network.slices, strict=True))
    return GradientCheck(what, layers, _check(smooth, p, scales, rng, None, (slice(None),)), note)


def _few(problem: Problem) -> tuple[Problem, str]:
    """The problem on so few of its first points that the reference engine holds all activations easily; dense networks on all."""
    n = max(1, NEURONS // sum(problem.network.sizes))
    if problem.network.is_dense or n >= problem.N:
        return problem, ""
    count = np.ones(problem.N) if problem.data.weight is None else np.asarray(problem.data.weight)
    first = np.flatnonzero(count)[:n]
    few = Data(np.asarray(problem.data.x)[first], np.asarray(problem.data.y)[first], count[first])
    return replace(problem, data=few, held_out=None), f"On the first {len(first):,} of {counted(problem.N, 'point')}."


# -- one entry of the table ----------------------------------------------------------------------------------------


def _check(problem: Problem, p: Vector, scales: Vector, rng: Any, layer: int | None, parts: tuple[slice, ...]) -> LayerCheck:
    """Up to DIRECTIONS random directions: a right gradient passes in almost every one, a wrong one in almost none."""
    moves = np.zeros(problem.size, dtype=bool)
    for part in parts:
        moves[part] = True
    for _ in range(DIRECTIONS):
        d = np.where(moves, scales * rng.standard_normal(problem.size), 0.0)
        entry = _check_direction(problem, p, d, layer, int(moves.sum()))
        if entry.verdict != "failed":
            break
    return entry


def _check_direction(problem: Problem, p: Vector, d: Vector, layer: int | None, parameters: int) -> LayerCheck:
    g = np.asarray(problem.gradient(p), dtype=float)
    derivative, size = float(g @ d), float(norm(g * d))
    cost = partial(cost_along, problem, p, d)
    h = reach(problem.network, p, d, np.asarray(problem.data.x, dtype=float), LARGEST) * HALVING ** np.arange(STEPS)
    noise = noise_of(problem, cost)
    ahead, behind, here = np.array([cost(s) for s in h]), np.array([cost(-s) for s in h]), cost(0.0)
    first = observed_slope(h, np.abs(ahead - here), noise)
    second = observed_slope(h, np.abs(ahead - here - h * derivative), noise)
    difference, uncertainty = best_difference((ahead - behind) / (2 * h), noise / h)
    error = abs(difference - derivative)
    imaginary = complex_step(problem, p, d)
    found = LayerCheck(
        layer,
        parameters,
        derivative,
        central=error / size if size else error,
        complex_step=None if imaginary is None else abs(imaginary - derivative) / (size or 1.0),
        first=first,
        second=second,
        verdict="exact" if second is None else "passed",
    )
    wrong = _what_is_wrong(found, error > 10 * uncertainty + 1e-6 * size, eps_of(problem) * np.sqrt(problem.size))
    if wrong:
        return replace(found, verdict="failed", reason=wrong)
    if size == 0.0:
        verdict, reason = _without_gradient(problem, p, d, found, CLEAR * noise)
        return replace(found, verdict=verdict, reason=reason)
    return found


def _what_is_wrong(found: LayerCheck, differs: bool, rounding: float) -> str:
    # Back propagation and the complex step each round a few times per layer and point: 1e4 roundings is generous, a wrong
    # term is far larger.
    if found.complex_step is not None and found.complex_step > 1e4 * rounding:
        return f"the complex step differs from g.d by {found.complex_step:.1e} of its size: the gradient is wrong"
    if found.second is not None and found.second < 1.8:
        return f"the remainder falls like h^{found.second:.2f} and not like h^2: the gradient is wrong"
    if differs:
        return f"central differences differ from g.d by {found.central:.1e} of its size: the gradient is wrong"
    return ""


def _without_gradient(problem: Problem, p: Vector, d: Vector, found: LayerCheck, clear: float) -> tuple[str, str]:
    """The verdict on a gradient of exactly zero, and why it is: an activation without slope, or neurons that no point moves."""
    here = cost_along(problem, p, d, 0.0)
    moved = max(abs(cost_along(problem, p, d, h) - here) for h in FAR)
    moves = f"although the cost moves (by {moved:.2g} along d)" if moved > clear else "and the cost does not move along d"
    z = np.linspace(-3.0, 3.0, 121) + 0.0123  # off the usual kinks
    for l, sigma in reversed(list(enumerate(problem.network.activations, start=2))):
        if l >= (found.layer or 2) and not np.any(sigma.slope(z, sigma.value(z))):
            return "untrainable", f"{sigma.name} of layer {l} has slope 0 wherever it has one: no gradient passes it, {moves}"
    if found.first is not None:
        return found.verdict, "p is a stationary point for these parameters"
    if moved > clear:
        return found.verdict, f"the gradient is zero here, {moves}: the neurons in between are off or saturated at every point"
    return found.verdict, "the cost does not depend on these parameters here"


def _scales(network: Network, p: Vector) -> Vector:
    """The root mean square of each layer's parameters, spread over p: the size of a direction's entries."""
    out = np.ones(network.size)
    for w, b in network.slices:
        size = np.sqrt(np.mean(np.concatenate([p[w], p[b]]) ** 2))
        out[w] = out[b] = size or 1.0
    return out
