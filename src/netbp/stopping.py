"""Reasons to stop, for `train(..., until=...)`: functions of a snapshot that return the reason in words, or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from netbp.run import Series
    from netbp.streaming import Snapshot


@dataclass
class NoImprovement:
    """Early stopping: see `no_improvement`."""

    patience: int
    least: float
    of: str | None = None
    best: float = np.inf
    step: int = 0
    looks: int = 0

    def __call__(self, snapshot: Snapshot) -> str | None:
        """The reason, when `patience` looks in a row have brought nothing."""
        value = snapshot.cost if snapshot.held_out is None else snapshot.held_out
        if self.of is not None:
            if self.of not in snapshot.series:
                raise ValueError(f"no {self.of!r} is recorded to look at: there are {', '.join(snapshot.series)}")
            value = snapshot.series[self.of].values[-1]
        if value is None:
            return None
        self.look(snapshot.step, float(np.min(value)))
        if self.looks < self.patience:
            return None
        which = self.of or ("cost" if snapshot.held_out is None else "held-out cost")
        return f"the {which} has not gone below its {self.best:.6g} of step {self.step} in {self.looks} looks"

    def remember(self, series: Mapping[str, Series]) -> None:
        """Begin anew, with the looks of a run that goes on; `train` calls this first."""
        self.best, self.step, self.looks = np.inf, 0, 0
        seen = series.get(self.of) if self.of is not None else series.get("held_out", series.get("cost"))
        for step, value in zip(*seen, strict=True) if seen is not None else ():
            self.look(int(step), float(np.min(value)))

    def look(self, step: int, value: float) -> None:
        """Count one recorded value."""
        if value < self.best - self.least * abs(self.best if np.isfinite(self.best) else 0.0):
            self.best, self.step, self.looks = value, step, 0
        else:
            self.looks += 1


def no_improvement(patience: int = 10, least: float = 0.0, of: str | None = None) -> Any:
    """Stop when the held-out cost (or, without held-out data, the cost) has not improved in `patience` recorded steps in a row.

    least: the relative improvement that counts. of: another recorded curve to look at, such as "held_out_top1". The state with
    the lowest held-out cost is `run.best`. Raises ValueError for a patience below 1 or a negative `least`.
    """
    if patience < 1 or not least >= 0.0:
        raise ValueError(f"patience must be at least 1 and least at least 0, but they are {patience} and {least}")
    return NoImprovement(patience, least, of)
