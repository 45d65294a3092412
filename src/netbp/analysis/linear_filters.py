"""Early stopping as a penalty, where it is a theorem: linear least squares.

For Cost = 1/(2N) |y - X w|^2 let s_i be the eigenvalues and v_i the eigenvectors of X^T X/N. Whatever moves w from 0 along the
gradient, and the penalty too, gives the i-th coefficient of the least squares solution times a filter f(s_i):

    gradient flow (t)             1 - exp(-t s)
    steepest descent (eta, k)     1 - (1 - eta s)^k
    penalty (ridge, lambda)       s/(s + lambda)

With noise of variance sigma^2 in y, the error of w has the squared bias sum_i (1 - f_i)^2 <v_i, w>^2 and the variance
sigma^2/N sum_i f_i^2/s_i. With t = 1/lambda and x = t s the flow's bias is below the ridge's, since exp(x) >= 1 + x, and its
variance at most max ((1 - exp(-x)) (1 + x)/x)^2 = 1.69 times the ridge's: Ali, Kolter & Tibshirani, AISTATS 2019.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from netbp.activations import identity
from netbp.analysis.generalisation import mean_interval, trained
from netbp.analysis.tables import Library, aligned, frame
from netbp.costs import quadratic
from netbp.methods.stochastic import SteepestDescent
from netbp.network import Network
from netbp.problem import Problem
from netbp.types import Data, Matrix, Vector


def flow_filter(s: ArrayLike, t: float) -> Vector:
    """1 - exp(-t s), of the gradient flow from 0 at time t."""
    return -np.expm1(-t * np.asarray(s, dtype=float))


def descent_filter(s: ArrayLike, rate: float, steps: int) -> Vector:
    """1 - (1 - eta s)^k, of k steps of steepest descent (12) from 0."""
    return 1.0 - (1.0 - rate * np.asarray(s, dtype=float)) ** steps


def ridge_filter(s: ArrayLike, penalty: float) -> Vector:
    """s/(s + lambda), of the minimum of Cost + lambda/2 |w|^2; in (33) that lambda is 2/N times the paper's. 0 where s = 0."""
    s = np.asarray(s, dtype=float)
    return np.divide(s, s + penalty, out=np.zeros_like(s), where=s > 0.0)


def largest_ratio() -> float:
    """The largest ratio of the flow's variance to the ridge's in one direction, 1.6859 at x = t s = 1.793."""
    from scipy.optimize import minimize_scalar

    found = minimize_scalar(lambda x: np.expm1(-x) * (1.0 + x) / x, bounds=(1.0, 3.0), method="bounded", options={"xatol": 1e-10})
    return float(found.fun**2)


class Spectrum(NamedTuple):
    """X^T X/N = V diag(s) V^T. values: (d,), descending, at least 0; vectors: (d, d), V. points: N."""

    values: Vector
    vectors: Matrix
    points: int

    def filtered(self, x: Matrix, y: Vector, filters: Vector) -> Vector:
        """The filtered least squares solution, (d,): V diag(f/s) V^T X^T y/N, nothing where s = 0."""
        along = self.vectors.T @ (x.T @ y) / self.points
        factor = np.divide(filters, self.values, out=np.zeros_like(filters), where=self.values > 0.0)
        return np.asarray(self.vectors @ (factor * along))


def spectrum(x: ArrayLike) -> Spectrum:
    """The spectrum of X^T X/N from the singular values of X, (N, d); what is below rounding counts as 0."""
    x = np.asarray(x, dtype=float)
    _, singular, vectors = np.linalg.svd(x, full_matrices=True)
    values = np.zeros(x.shape[1])
    singular = np.where(singular > max(x.shape) * np.finfo(float).eps * singular.max(initial=0.0), singular, 0.0)
    values[: len(singular)] = singular**2 / len(x)
    return Spectrum(values, vectors.T, len(x))


def linear_problem(x: ArrayLike, y: ArrayLike, penalty: float = 0.0) -> Problem:
    """The same as a network without hidden layer; the columns of X are centred, so that its bias never meets its weights.

    penalty: the ridge's lambda, which is N/2 times less than (33)'s: the paper's is N lambda/2.
    """
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float).reshape(-1, 1)
    network = Network.dense(x.shape[1], 1, activation=identity)
    return Problem(network, quadratic, Data(x - x.mean(axis=0), y), penalty=0.5 * len(x) * penalty)


@dataclass(frozen=True, eq=False)
class EarlyStopping:
    """Exact risks of the stopped flow, of stopped steepest descent and of the ridge; prints as a table.

    times: (n,), t, and 1/lambda of the ridge. bias, variance: by name ("flow", "descent", "ridge"), (n,) each: squared bias and
    variance of w, or with kind "prediction" of X w/sqrt(N). spectrum: of the data. rate: of steepest descent. runs: None, or times,
    exact risks and those of runs of netbp's steepest descent, (m,), (m,) and (m, replicates); see `run_beside`.
    """

    times: Vector
    bias: dict[str, Vector]
    variance: dict[str, Vector]
    spectrum: Spectrum
    kind: str
    rate: float
    runs: tuple[Vector, Vector, Matrix] | None = None

    def risk(self, name: str) -> Vector:
        """Bias and variance together, (n,)."""
        return self.bias[name] + self.variance[name]

    @property
    def ratio(self) -> Vector:
        """The flow's risk at t by the ridge's at lambda = 1/t, (n,): at most `largest_ratio()`."""
        return self.risk("flow") / self.risk("ridge")

    @property
    def best_ratio(self) -> float:
        """The flow's lowest risk by the ridge's lowest."""
        return float(self.risk("flow").min() / self.risk("ridge").min())

    def frame(self, library: Library = "pandas") -> Any:
        """One row for each time t.

        For flow, descent and ridge, the last at lambda = 1/t: the squared bias (_bias) and the variance (_variance).
        """
        columns: dict[str, Any] = {"t": self.times}
        for name in self.bias:
            columns |= {f"{name}_bias": self.bias[name], f"{name}_variance": self.variance[name]}
        return frame(columns, library)

    def __str__(self) -> str:
        names = list(self.bias)
        every = max(1, len(self.times) // 10)
        rows = [
            [f"{self.times[k]:.3g}", *(f"{self.risk(name)[k]:.4g}" for name in names), f"{self.ratio[k]:.3f}"]
            for k in range(0, len(self.times), every)
        ]
        best = [f"{name} {self.risk(name).min():.4g} at {self.times[self.risk(name).argmin()]:.3g}" for name in names]
        return "\n".join(
            [
                f"exact risk ({self.kind}) at t, the ridge's at lambda = 1/t",
                aligned(["t", *names, "flow/ridge"], rows),
                f"largest ratio {self.ratio.max():.4f}, below {largest_ratio():.4f}",
                f"lowest: {', '.join(best)}; flow/ridge {self.best_ratio:.4f}",
                *self._beside(),
            ]
        )

    def _beside(self) -> list[str]:
        if self.runs is None:
            return []
        rows = []
        for t, risk, row in zip(*self.runs, strict=True):
            mean = mean_interval(row)
            rows.append([f"{t:.3g}", f"{risk:.4g}", f"{mean.value:.4g} ± {mean.high - mean.value:.2g}"])
        return [f"runs of steepest descent, {self.runs[2].shape[1]} replicates", aligned(["t", "exact", "measured"], rows)]


def early_stopping(
    x: ArrayLike,
    w: ArrayLike | float,
    noise: float,
    times: ArrayLike,
    rate: float | None = None,
    kind: Literal["estimation", "prediction"] = "estimation",
) -> EarlyStopping:
    """The exact risks for data X (N, d), a true w (d,) and noise of standard deviation `noise` in y.

    w: or a number r^2, for the mean over all w with E w w^T = r^2/d I. rate: of steepest descent, whose k is t/eta rounded; None
    takes half of the stability limit 2/max s. Raises ValueError for a rate beyond that limit and for times not above 0.
    """
    found = spectrum(x)
    s, d = found.values, len(found.values)
    at = np.asarray(times, dtype=float)
    if at.ndim != 1 or not (at > 0.0).all():
        raise ValueError(f"times must be numbers above 0, one after the other, but got {times!r}")
    rate = 1.0 / float(s[0]) if rate is None else float(rate)
    if not 0.0 < rate * s[0] <= 2.0:
        raise ValueError(f"the rate must be above 0 and at most 2/{s[0]:.4g}, the stability limit, but it is {rate}")
    given = np.asarray(w, dtype=float)
    squares = np.full(d, float(given) / d) if given.ndim == 0 else (found.vectors.T @ given) ** 2
    weight = np.ones(d) if kind == "estimation" else s
    filters = {
        "flow": [flow_filter(s, t) for t in at],
        "descent": [descent_filter(s, rate, round(t / rate)) for t in at],
        "ridge": [ridge_filter(s, 1.0 / t) for t in at],
    }
    inverse = np.divide(1.0, s, out=np.zeros_like(s), where=s > 0.0)
    bias = {name: ((1.0 - np.array(f)) ** 2) @ (weight * squares) for name, f in filters.items()}
    variance = {name: noise**2 / found.points * (np.array(f) ** 2) @ (weight * inverse) for name, f in filters.items()}
    return EarlyStopping(at, bias, variance, found, kind, rate)


def run_beside(
    found: EarlyStopping, x: ArrayLike, signal: float, noise: float, steps: ArrayLike, replicates: int = 50, rng: int = 0
) -> EarlyStopping:
    """The same with runs of SteepestDescent on `linear_problem`, for replicates of w with E w w^T = signal/d I, and of the noise.

    x, noise: as `early_stopping` was given them, signal as its w; steps: k, ascending. Raises ValueError for another kind than
    "estimation".
    """
    if found.kind != "estimation":
        raise ValueError(f'runs are measured by the error of w, kind "estimation", but the kind is {found.kind!r}')
    counts, centred = np.asarray(steps, dtype=np.int64), np.asarray(x, dtype=float)
    centred = centred - centred.mean(axis=0)
    d, out = centred.shape[1], np.empty((len(counts), replicates))
    for r, seed in enumerate(np.random.SeedSequence(rng).spawn(replicates)):
        stream = np.random.default_rng(seed)
        w = np.sqrt(signal / d) * stream.standard_normal(d)
        problem = linear_problem(centred, centred @ w + noise * stream.standard_normal(len(centred)))
        p, done = np.zeros(problem.size), 0
        for k, step in enumerate(counts.tolist()):
            p, done = trained(problem, SteepestDescent(rate=found.rate), p, stream, step - done), step
            out[k, r] = np.sum((p[:d] - w) ** 2)
    times = found.rate * counts
    exact = early_stopping(centred, signal, noise, times, found.rate).risk("descent")
    return replace(found, runs=(times, exact, out))
