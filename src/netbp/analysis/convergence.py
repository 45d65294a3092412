"""`convergence(run)`: how fast a run converges, in which way, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from netbp.analysis.decay import Decay, decay
from netbp.analysis.plateaus import Plateau, plateaus
from netbp.analysis.ratios import Ratios, ratios
from netbp.frames import Library, frame
from netbp.run import Run
from netbp.streaming import Series
from netbp.types import Vector


@dataclass(frozen=True, eq=False)
class Convergence:
    """How the costs of a run converge; prints as a table.

    decay: kind, rate and exponent in the tail, with intervals. plateaus: where the cost hardly fell. ratios: of successive
    costs in the tail. first, last: the steps of the tail. steps, costs: (n,), what was looked at, less `floor`. confidence: of
    the intervals.
    """

    decay: Decay
    plateaus: tuple[Plateau, ...]
    ratios: Ratios
    first: int
    last: int
    steps: Vector
    costs: Vector
    floor: float
    confidence: float

    @property
    def kind(self) -> str:
        """How the cost decays: "linear", "algebraic", "superlinear", "stalled", "growing" or "undecided"."""
        return self.decay.kind

    def at(self, step: int) -> float:
        """The cost after that step, or after the last recorded one before it."""
        k = int(np.searchsorted(self.steps, step, side="right")) - 1
        if k < 0:
            raise ValueError(f"no cost is recorded at or before step {step}: the first is after step {self.steps[0]}")
        return float(self.costs[k])

    def slope_between(self, first: int, last: int) -> float:
        """log(C_last/C_first)/log(last/first): the slope on two logarithmic axes between two steps."""
        return float(np.log(self.at(last) / self.at(first)) / np.log(last / first))

    def rate_between(self, first: int, last: int) -> float:
        """log(C_first/C_last)/(last - first): the net decay per step between two steps."""
        return float(np.log(self.at(first) / self.at(last)) / (last - first))

    def frame(self, library: Library = "pandas") -> Any:
        """One row for each recorded step: step, cost (less the floor), fitted."""
        return frame({"step": self.steps, "cost": self.costs, "fitted": self.decay.curve(self.steps)}, library)

    def __str__(self) -> str:
        d, r = self.decay, self.ratios
        percent = f"{100 * self.confidence:g} %"
        lines = [
            f"{self.kind} decay over steps {self.first:,} to {self.last:,}",
            f"  decay per step             {d.rate}   ({percent})",
            f"  slope of log C by log t    {d.slope}",
            f"  gamma in rate ~ C^gamma    {d.gamma}",
        ]
        if d.exponent is not None:
            lines.append(f"  C ~ (t - t0)^-alpha        alpha = {d.exponent}, t0 = {d.origin:,.0f}")
        lines += [
            f"  batches                    of {d.length:,} records, correlation {d.rho:.2f} left between them",
            f"ratios of successive costs, steps {r.first:,} to {r.last:,}" + ("" if r.every == 1 else f", every {r.every:,}"),
            f"  |ratio - 1| below 1e-6     {100 * r.within:.0f} % of steps; geometric mean {r.typical:.2g}",
            f"  above 1                    {100 * r.up:.0f} % of steps",
            f"  net change                 {r.net:.3g} a step, with standard deviation {r.deviation:.2g}",
            f"  half of all change         in {100 * r.few:.2g} % of steps",
            "plateaus" if self.plateaus else "no plateaus",
            *(f"  {p.start:>11,} to {p.end:>11,}   level {p.level:.4g}" for p in self.plateaus),
        ]
        return "\n".join(lines)


def convergence(run: Run | Series | Any, tail: float | int = 0.5, floor: float = 0.0, confidence: float = 0.95) -> Convergence:
    """How fast the costs of a run converge, decided by the data: see `netbp.analysis.decay` and docs/convergence.md.

    run: a Run with recorded costs, a Series, or the costs (n,) after steps 1, ..., n. tail: what is fitted, the last share of the
    steps (below 1) or all steps from that number on. floor: the infimum of the cost, which is taken off; 0 unless you know
    better. Raises ValueError for too few costs, for M networks at once, for costs at or below the floor within the tail, and for a
    tail or a confidence out of range.
    """
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence must lie between 0 and 1, as 0.95 does, but it is {confidence!r}")
    steps, costs = recorded(run)
    costs = costs - floor
    first = _first_of_tail(steps, tail)
    wrong = np.flatnonzero(~(costs > 0.0))
    if len(wrong):
        if steps[wrong[-1]] >= first or not np.isfinite(costs).all():
            raise ValueError(
                f"the cost less the floor {floor:g} is {costs[wrong[0]]:g} after step {steps[wrong[0]]}: a rate of decay needs it "
                "positive and finite; choose a lower floor, or an earlier end of the run"
            )
        keep = slice(int(wrong[-1]) + 1, None)
        steps, costs = steps[keep], costs[keep]
    inside = steps >= first
    return Convergence(
        decay(steps[inside], costs[inside], confidence),
        plateaus(steps, costs),
        ratios(steps[inside], costs[inside]),
        int(steps[inside][0]) if inside.any() else int(first),
        int(steps[-1]),
        steps,
        costs,
        float(floor),
        confidence,
    )


def recorded(run: Run | Series | Any, name: str = "cost") -> tuple[Vector, Vector]:
    """The steps and the costs of a run, the start's included, of a curve, or of an array. Raises ValueError without any."""
    if isinstance(run, Run):
        if name not in run.series or len(run.series[name].values) == 0:
            raise ValueError("the run has no recorded costs: train with record=1, or a larger number for a long run")
        steps, costs = run.series[name]
        # An epoch's mean is not comparable with the cost at the start; every other record is.
        means = run.settings.get("record") is None and run.settings.get("method", {}).get("sampling") == "epochs"
        if not means and steps[0] > 0 and np.ndim(costs) == 1:
            steps, costs = np.concatenate([[0], steps]), np.concatenate([[run.initial_cost], costs])
    elif isinstance(run, Series):
        steps, costs = run
    else:
        costs = np.asarray(run, dtype=float)
        steps = np.arange(1, 1 + costs.shape[0], dtype=np.int64)
    if np.ndim(costs) != 1:
        raise ValueError(
            f"convergence looks at one network, but the costs have shape {np.shape(costs)}: give nb.Series(steps, values[:, m])"
        )
    return np.asarray(steps), np.asarray(costs, dtype=float)


def _first_of_tail(steps: Vector, tail: float | int) -> float:
    if isinstance(tail, int | np.integer) and not isinstance(tail, bool) and tail >= 1:
        if len(steps) and tail > steps[-1]:
            raise ValueError(f"the tail is to begin at step {tail:,}, but the last recorded step is {int(steps[-1]):,}")
        return float(tail)
    if not 0.0 < tail <= 1.0:
        raise ValueError(f"tail must be a share of the steps between 0 and 1, or the step it begins at, but it is {tail!r}")
    if len(steps) == 0:
        raise ValueError("there are no costs to look at: record some")
    return float(steps[-1] - tail * (steps[-1] - steps[0]))
