"""Cost along an ensemble of the stochastic gradient, with bands, beside the diffusion and the noise-free flow."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from netbp.analysis.diffusion import Process, ensemble
from netbp.analysis.flow import gradient_flow
from netbp.analysis.slices import costs_at
from netbp.analysis.tables import aligned
from netbp.frames import Library, frame
from netbp.problem import Problem
from netbp.types import Matrix, Vector


class Bands(NamedTuple):
    """Costs over time.

    t: (n,). flow: of the gradient flow, (n,). mean, error: of each process's ensemble and the mean's 95 % half-interval, by name.
    quantiles: 5 %, 50 % and 95 % of the stochastic gradient's ensemble, (3, n). rate, batch, M: as asked.
    """

    t: Vector
    flow: Vector
    mean: dict[str, Vector]
    error: dict[str, Vector]
    quantiles: Matrix
    rate: float
    batch: int
    M: int

    def frame(self, library: Library = "pandas") -> Any:
        """One row for each time t = k eta.

        flow: its cost. Each process by name: its mean cost, and the error, half of the 95 % interval. 5 %, median, 95 %: quantiles
        of the stochastic gradient's costs.
        """
        columns: dict[str, Any] = {"t": self.t, "flow": self.flow}
        for name in self.mean:
            columns |= {name: self.mean[name], f"{name} error": self.error[name]}
        return frame(columns | dict(zip(("5 %", "median", "95 %"), self.quantiles, strict=True)), library)

    def __str__(self) -> str:
        at = np.unique(np.linspace(0, len(self.t) - 1, min(10, len(self.t))).astype(int))
        head = ["t", "flow", *(f"mean, {name}" for name in self.mean), "5 %", "median", "95 %"]
        rows = []
        for i in at:
            means = [f"{self.mean[name][i]:.5f} +- {self.error[name][i]:.1g}" for name in self.mean]
            rows.append([f"{self.t[i]:g}", f"{self.flow[i]:.5f}", *means, *(f"{x:.5f}" for x in self.quantiles[:, i])])
        return f"costs at rate {self.rate:g}, batches of {self.batch}, {self.M:,} networks each\n{aligned(head, rows)}"


def cost_bands(
    problem: Problem,
    start: ArrayLike,
    rate: float,
    times: ArrayLike,
    M: int = 500,
    batch: int = 1,
    processes: tuple[Process, ...] = ("stochastic gradient", "diffusion"),
    substeps: int = 2,
    rng: Any = 0,
) -> Bands:
    """The costs of ensembles at the times (n,), and of the gradient flow. Raises ValueError as `ensemble` does."""
    t = np.asarray(times, dtype=float)
    flow = gradient_flow(problem, start, np.unique(np.concatenate([[0.0], t])), "DOP853", 1e-8)
    seeds = np.random.SeedSequence(int(rng)).spawn(1 + len(processes))
    mean, error, quantiles = {}, {}, np.empty((3, len(t)))
    for process, seed in zip(("stochastic gradient", *(p for p in processes if p != "stochastic gradient")), seeds, strict=False):
        found = ensemble(problem, start, rate, t, M, batch, process, substeps, seed)  # type: ignore[arg-type]
        costs = np.array([costs_at(problem, p) for p in found.p])
        mean[process], error[process] = costs.mean(axis=1), 1.96 * costs.std(axis=1, ddof=1) / np.sqrt(M)
        if process == "stochastic gradient":
            quantiles = np.quantile(costs, (0.05, 0.5, 0.95), axis=1)
    return Bands(t, np.interp(t, flow.t, flow.costs), mean, error, quantiles, float(rate), batch, M)
