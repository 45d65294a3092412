"""Calibration: whether of the points of which a network is sure to 80 %, 80 % are right.

The reliability diagram (DeGroot & Fienberg 1983; Guo, Pleiss, Sun & Weinberger, ICML 2017) sorts points by the largest probability,
the *confidence*, into bins of equal width, and compares in each the mean confidence with the share that is right. The expected
calibration error is ECE = sum_b (n_b/N) |right_b - confidence_b|. It is above 0 for a finite number of points even where the
network is calibrated, so that it is shown beside what chance gives then; the bars are consistency bars (Broecker & Smith, Weather
and Forecasting 22, 2007): where the share right lies with 95 % if the confidences are true.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from netbp.analysis.tables import Library, aligned, frame
from netbp.types import Vector

BINS = 15
DRAWS = 1000  # of right and wrong, for what chance gives


class Bin(NamedTuple):
    """The points with a confidence in (low, high].

    points: how many. confidence: their mean confidence. right: the share that is right. least, most: 95 % of the shares right that
    so many points with these confidences have by chance.
    """

    low: float
    high: float
    points: int
    confidence: float
    right: float
    least: float
    most: float


@dataclass(frozen=True, eq=False)
class Calibration:
    """A reliability diagram in numbers; prints as a table.

    bins: those that hold points. ece: the expected calibration error; by_chance: its mean and its 95 % quantile for a calibrated
    network with these confidences. right: the share of all points that is right; confidence: the mean. log_loss: the mean of -log
    of the probability of the right category; brier: of sum (probability - target)^2.
    """

    name: str
    bins: tuple[Bin, ...]
    N: int
    ece: float
    by_chance: tuple[float, float]
    right: float
    confidence: float
    log_loss: float
    brier: float

    def column(self, name: str) -> Vector:
        """One field of the bins."""
        return np.array([getattr(at, name) for at in self.bins])

    def frame(self, library: Library = "pandas") -> Any:
        """One row for each bin: name, of the predictions, and the columns of `Bin`."""
        return frame({"name": [self.name] * len(self.bins)} | {name: self.column(name) for name in Bin._fields}, library)

    @property
    def line(self) -> str:
        """All of it in a line."""
        return (
            f"{100 * self.right:.2f} % right at a mean confidence of {100 * self.confidence:.2f} %; ECE {self.ece:.4f} (by chance "
            f"{self.by_chance[0]:.4f}, below {self.by_chance[1]:.4f}); log loss {self.log_loss:.4f}, Brier {self.brier:.4f}"
        )

    def __str__(self) -> str:
        head = ["confidence", "points", "mean", "right", "if calibrated"]
        rows = [
            [
                f"{at.low:.3f}-{at.high:.3f}",
                f"{at.points:,}",
                f"{at.confidence:.3f}",
                f"{at.right:.3f}",
                f"{at.least:.3f}-{at.most:.3f}",
            ]
            for at in self.bins
        ]
        return f"{self.name}: {self.line}\n{aligned(head, rows)}"


def calibration(probabilities: ArrayLike, targets: ArrayLike, bins: int = BINS, name: str = "", rng: Any = 0) -> Calibration:
    """The reliability diagram of probabilities (N, n_L) for points whose targets (N, n_L) are 1 at their category.

    Raises ValueError where the shapes differ, rows are no probabilities, or there is no bin.
    """
    P, y = np.asarray(probabilities, dtype=float), np.asarray(targets, dtype=float)
    if P.ndim != 2 or P.shape != y.shape or P.shape[1] < 2 or len(P) == 0:
        raise ValueError(f"calibration compares probabilities and targets of one shape, (N, n_L), but got {P.shape} and {y.shape}")
    if not (P >= 0.0).all() or not np.allclose(P.sum(axis=1), 1.0, atol=1e-5):
        raise ValueError("calibration needs probabilities, rows of numbers of at least 0 with the sum 1: use Problem.predict")
    if bins < 1:
        raise ValueError(f"calibration needs at least one bin, but got {bins}")
    numbers, rows = y.argmax(axis=1), np.arange(len(P))
    confidence, right = P.max(axis=1).clip(max=1.0), P.argmax(axis=1) == numbers
    place = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    generator = np.random.default_rng(rng)
    chance = np.empty((DRAWS, bins))  # how many would be right in each bin
    counts, sure = np.bincount(place, minlength=bins), np.bincount(place, confidence, bins)
    for draw in range(DRAWS):
        chance[draw] = np.bincount(place[generator.random(len(P)) < confidence], minlength=bins)
    errors = np.abs(chance - sure).sum(axis=1) / len(P)
    hits = np.bincount(place, right, bins)
    found = []
    for b in np.flatnonzero(counts):
        least, most = np.quantile(chance[:, b] / counts[b], (0.025, 0.975))
        n = int(counts[b])
        found.append(Bin(b / bins, (b + 1) / bins, n, float(sure[b] / n), float(hits[b] / n), float(least), float(most)))
    with np.errstate(divide="ignore"):
        loss = -np.log(P[rows, numbers])
    return Calibration(
        name,
        tuple(found),
        len(P),
        float(np.abs(hits - sure).sum() / len(P)),
        (float(errors.mean()), float(np.quantile(errors, 0.95))),
        float(right.mean()),
        float(confidence.mean()),
        float(loss.mean()),
        float(((P - y) ** 2).sum(axis=1).mean()),
    )
