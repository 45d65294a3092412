"""Performance profiles (Dolan & More, Math. Prog. 91, 2002): solvers on many problems in one picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from netbp.frames import Library, frame
from netbp.types import Matrix, Vector


class Profile(NamedTuple):
    """rho_m(tau), the share of problems that solver m solves with at most tau times the least effort of any solver.

    names: (M,). ratios: (M, n), each solver's efforts over the least, ascending, infinite where it fails: rho_m jumps there.
    """

    names: tuple[str, ...]
    ratios: Matrix

    def share(self, name: str, tau: float) -> float:
        """rho_m(tau): at tau = 1 how often it is the best, for large tau how often it succeeds."""
        row = self.ratios[self.names.index(name)]
        return float(np.mean(row <= tau))

    def steps(self, name: str, largest: float) -> tuple[Vector, Vector]:
        """The corners (tau, rho) of its curve up to tau = largest, to be joined by steps that jump on the right, from tau = 1."""
        row = self.ratios[self.names.index(name)]
        inside = row[row <= largest]
        tau = np.concatenate([[1.0], inside, [largest]])
        rho = np.concatenate([[np.mean(row <= 1.0)], np.arange(1, len(inside) + 1) / len(row), [len(inside) / len(row)]])
        return tau, rho

    def frame(self, library: Library = "pandas") -> Any:
        """One row for each solver and problem that it solves: solver, tau (its effort by the least), rho (the share up to tau)."""
        n = self.ratios.shape[1]
        rows = [(m, k) for m in range(len(self.names)) for k in range(n) if np.isfinite(self.ratios[m, k])]
        columns = {"solver": [self.names[m] for m, _ in rows], "tau": [float(self.ratios[at]) for at in rows]}
        return frame(columns | {"rho": [(k + 1) / n for _, k in rows]}, library)


def performance_profile(names: Sequence[str], efforts: Matrix) -> Profile:
    """The profile of efforts (M, n), of M solvers on n problems, above 0 and infinite where one fails.

    A problem that no solver solves counts in n and in no curve. Raises ValueError for other shapes and efforts.
    """
    values = np.asarray(efforts, dtype=float)
    if values.ndim != 2 or len(values) != len(names) or values.shape[1] == 0:
        raise ValueError(f"{len(names)} solvers need efforts of shape ({len(names)}, n), but the shape is {values.shape}")
    if not (values > 0.0).all():
        raise ValueError("efforts must be above 0, and infinite where a solver fails")
    least = values.min(axis=0)
    ratios = np.where(np.isfinite(values), values / np.where(np.isfinite(least), least, 1.0), np.inf)
    return Profile(tuple(names), np.sort(ratios, axis=1))
