"""Double descent in the number of features, where it is a theorem: least squares of minimum norm with normal features.

y = <x, w> + noise with D independent standard normal features x, N points, and only p of the features given to the fit. Those left
out are noise to it. The expected excess of the squared error at a new point is, in closed form and for finite N, D and p,

    |w_out|^2 + (|w_out|^2 + sigma^2) p/(N - p - 1)                          for p <= N - 2,
    |w_out|^2 + |w_in|^2 (1 - N/p) + (|w_out|^2 + sigma^2) N/(p - N - 1)     for p >= N + 2,

and infinite between (Belkin, Hsu & Xu, SIAM J. Math. Data Sci. 2, 2020). With p = D, N -> infinity and p/N -> gamma it becomes
sigma^2 gamma/(1 - gamma) below 1 and r^2 (1 - 1/gamma) + sigma^2/(gamma - 1) above it (Hastie, Montanari, Rosset & Tibshirani,
Ann. Statist. 50, 2022).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from netbp.analysis.generalisation import mean_interval
from netbp.analysis.linear_filters import flow_filter, ridge_filter, spectrum
from netbp.analysis.regression import Interval
from netbp.analysis.tables import Library, aligned, frame
from netbp.types import Matrix, Vector

ESTIMATORS = ("least squares", "ridge", "stopped")
TIMES = 60  # looked at for the best time to stop


class Risk(NamedTuple):
    """Expected excess squared error at a new point. missing: of features left out. unseen: of directions no point has shown.

    fitted: of noise that was fitted.
    """

    missing: float
    unseen: float
    fitted: float

    @property
    def total(self) -> float:
        """All three."""
        return self.missing + self.unseen + self.fitted


def expected_risk(N: int, D: int, p: int, signal: float = 1.0, noise: float = 0.5) -> Risk:
    """The expectation above for the first p of D features and w uniform on the sphere |w|^2 = signal; noise: sigma.

    Raises ValueError unless 0 <= p <= D and N >= 1.
    """
    if not 0 <= p <= D or N < 1:
        raise ValueError(f"features go from 0 to {D} and points from 1, but {p} features and {N} points were asked for")
    inside, missing = signal * p / D, signal * (D - p) / D
    variance = missing + noise**2
    if p <= N - 2:
        return Risk(missing, 0.0, variance * p / (N - p - 1))
    if p <= N + 1:
        return Risk(missing, inside * max(0.0, 1.0 - N / p), np.inf if variance > 0.0 else 0.0)
    return Risk(missing, inside * (1.0 - N / p), variance * N / (p - N - 1))


def limiting_risk(gamma: float, signal: float = 1.0, noise: float = 0.5) -> Risk:
    """The limit for p = D and p/N -> gamma."""
    if gamma == 1.0:
        return Risk(0.0, 0.0, np.inf)
    if gamma < 1.0:
        return Risk(0.0, 0.0, noise**2 * gamma / (1.0 - gamma))
    return Risk(0.0, signal * (1.0 - 1.0 / gamma), noise**2 / (gamma - 1.0))


@dataclass(frozen=True, eq=False)
class DoubleDescent:
    """Risks against the number of features; prints as a table.

    N, D: points and all features. features: (P,), how many were given. exact: of least squares, one for each. measured: by
    estimator ("least squares" of minimum norm; "ridge" and "stopped", the gradient flow, both at their best for the mean over w),
    (P, replicates). signal, noise: |w|^2 and sigma.
    """

    N: int
    D: int
    signal: float
    noise: float
    features: tuple[int, ...]
    exact: tuple[Risk, ...]
    measured: dict[str, Matrix]

    def intervals(self, name: str = "least squares") -> list[Interval]:
        """The mean over the replicates, with its interval of 95 %, for each number of features."""
        return [mean_interval(row) for row in self.measured[name]]

    @property
    def expected(self) -> Vector:
        """The exact risks in total, (P,)."""
        return np.array([risk.total for risk in self.exact])

    def frame(self, library: Library = "pandas") -> Any:
        """One row for each number of features and estimator.

        features, estimator; exact, its expected risk, NaN where none is known; mean, with its interval of 95 % from low to high.
        """
        found = {name: self.intervals(name) for name in self.measured}
        rows = [(k, name) for k in range(len(self.features)) for name in found]
        return frame(
            {
                "features": [self.features[k] for k, _ in rows],
                "estimator": [name for _, name in rows],
                "exact": [self.exact[k].total if name == ESTIMATORS[0] else np.nan for k, name in rows],
                "mean": [found[name][k].value for k, name in rows],
                "low": [found[name][k].low for k, name in rows],
                "high": [found[name][k].high for k, name in rows],
            },
            library,
        )

    def __str__(self) -> str:
        found = {name: self.intervals(name) for name in self.measured}
        rows = [
            [
                str(p),
                *(f"{part:.4g}" for part in self.exact[k]),
                f"{self.exact[k].total:.4g}",
                *(f"{at[k].value:.4g} ± {at[k].high - at[k].value:.2g}" for at in found.values()),
            ]
            for k, p in enumerate(self.features)
        ]
        replicates = self.measured[ESTIMATORS[0]].shape[1]
        head = ["p", "missing", "unseen", "noise fitted", "exact", *found]
        return f"{self.N} points, {self.D} features, {replicates} replicates\n{aligned(head, rows)}"


def double_descent(
    N: int = 40,
    D: int = 200,
    features: Sequence[int] | None = None,
    signal: float = 1.0,
    noise: float = 0.5,
    replicates: int = 200,
    rng: int = 0,
    progress: Any = None,
) -> DoubleDescent:
    """Draw data, fit with the first p features for each p, and measure the excess risk |w - w^|^2 exactly, given the data.

    The ridge has the best lambda for the mean over w, p (|w_out|^2 + sigma^2)/|w_in|^2 in units of |y - X w|^2 + lambda |w|^2; the
    flow is stopped at the best of TIMES times for the mean over w, given X. Raises ValueError as `expected_risk` does, and
    for fewer than two replicates.
    """
    if replicates < 2:
        raise ValueError(f"intervals need at least two replicates, but {replicates} were asked for")
    if features is None:
        near = (N - 12, N - 8, N - 5, N, N + 5, N + 8, N + 12)
        features = sorted({*np.linspace(1, N, 6).astype(int), *near, *np.geomspace(N, D, 9).astype(int)})
    chosen = tuple(int(p) for p in features if 0 < p <= D)
    exact = tuple(expected_risk(N, D, p, signal, noise) for p in chosen)
    measured = {name: np.empty((len(chosen), replicates)) for name in ESTIMATORS}
    for r, seed in enumerate(np.random.SeedSequence(rng).spawn(replicates)):
        stream = np.random.default_rng(seed)
        x, w = stream.standard_normal((N, D)), stream.standard_normal(D)
        w *= np.sqrt(signal) / np.linalg.norm(w)
        y = x @ w + noise * stream.standard_normal(N)
        for k, p in enumerate(chosen):
            for name, fit in zip(ESTIMATORS, _fits(x[:, :p], y, signal * p / D, signal * (D - p) / D + noise**2), strict=True):
                measured[name][k, r] = np.sum((fit - w[:p]) ** 2) + np.sum(w[p:] ** 2)
        if progress is not None:
            progress(r + 1, replicates, float(measured[ESTIMATORS[0]][:, r].min()))
    return DoubleDescent(N, D, signal, noise, chosen, exact, measured)


def _fits(x: Matrix, y: Vector, inside: float, variance: float) -> tuple[Vector, Vector, Vector]:
    """Least squares of minimum norm, the best ridge and the best stopped flow. inside, variance: E |w_in|^2, that of the noise."""
    (N, p), found = x.shape, spectrum(x)
    s = found.values
    best = variance * p / inside / N
    positive = s > 0.0
    times = np.geomspace(0.01, 100.0, TIMES) / max(best, 1e-12)
    filters = -np.expm1(-times[:, None] * s)
    fitted = variance / N * (filters[:, positive] ** 2) @ (1.0 / s[positive])
    t = times[np.argmin(inside / p * ((1.0 - filters) ** 2).sum(axis=1) + fitted)]
    each = (positive.astype(float), ridge_filter(s, best), flow_filter(s, t))
    return tuple(found.filtered(x, y, filtered) for filtered in each)  # type: ignore[return-value]
