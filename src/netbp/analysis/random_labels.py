"""Random labels: the same network fits them as it fits true ones (Zhang, Bengio, Hardt, Recht & Vinyals, ICLR 2017, [36]).

A share of the training labels is replaced by labels drawn uniformly; held-out labels stay true. If all training points come out
right either way, neither the network's size nor its training error tells the one that generalises from the other. What is looked
at instead is how long the fit takes, how far p goes, and the margins in proportion to the network's scale.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from netbp.analysis.margins import margins, network_scale
from netbp.analysis.shares import percent, share
from netbp.analysis.stability import half_interval
from netbp.analysis.tables import Library, aligned, frame
from netbp.methods import Method
from netbp.problem import Problem
from netbp.streaming import stream
from netbp.types import Data, Indices, Vector
from netbp.validation import ranks

NEAR = 0.1  # training error while p moves, from which on the points are looked at with p at rest


class Fit(NamedTuple):
    """One network on one labelling.

    share: of the labels drawn anew. changed: the share that really changed. steps: until all training points were right, or in all.
    fitted: whether they were. cost, error: of the training points at the end, in evaluation. unseen: the error on held-out points.
    norm, moved: |p| and |p - start|. scale: the product of the layers' spectral norms. margins: quartiles of the training points'
    margins, outputs of their own category less the largest other; normalised: the same divided by scale.
    """

    share: float
    changed: float
    replicate: int
    steps: int
    fitted: bool
    cost: float
    error: float
    unseen: float
    norm: float
    moved: float
    scale: float
    margins: tuple[float, float, float]
    normalised: tuple[float, float, float]


class Curve(NamedTuple):
    """Training error and cost while p moves, (n,) each, after steps (n,); margins: at the end, (N,), divided by scale."""

    steps: Indices
    errors: Vector
    costs: Vector
    margins: Vector


@dataclass(frozen=True, eq=False)
class RandomLabels:
    """What `random_labels` found; prints as a table. held_out, categories: how many unseen points and categories there are."""

    fits: tuple[Fit, ...]
    curves: tuple[Curve, ...]
    held_out: int
    categories: int
    steps_per_epoch: float

    @property
    def shares(self) -> tuple[float, ...]:
        """The shares of random labels, ascending."""
        return tuple(sorted({fit.share for fit in self.fits}))

    @property
    def chance(self) -> float:
        """The error of guessing."""
        return 1.0 - 1.0 / self.categories

    def of(self, share: float) -> tuple[Fit, ...]:
        """The fits with this share of random labels."""
        return tuple(fit for fit in self.fits if fit.share == share)

    def curves_of(self, share: float) -> tuple[Curve, ...]:
        """Their curves."""
        return tuple(curve for fit, curve in zip(self.fits, self.curves, strict=True) if fit.share == share)

    def mean(self, share: float, name: str) -> tuple[float, float]:
        """The mean of a field over the replicates, and its 95 % half-interval; of one replicate NaN."""
        values = np.array([getattr(fit, name) for fit in self.of(share)], dtype=float)
        return float(values.mean()), half_interval(values)

    def unseen_interval(self, share: float) -> tuple[float, float]:
        """The 95 % interval of the error on unseen points: over replicates, or Wilson's for one."""
        found = self.of(share)
        if len(found) > 1:
            mean, half = self.mean(share, "unseen")
            return max(0.0, mean - half), min(1.0, mean + half)
        within = _wilson(found[0].unseen, self.held_out)
        return within.low, within.high

    def frame(self, library: Library = "pandas") -> Any:
        """One row for each fit: the columns of `Fit`, of its margins the quartiles."""
        columns: dict[str, Any] = {name: [getattr(fit, name) for fit in self.fits] for name in Fit._fields[:-2]}
        for name in ("margins", "normalised"):
            for k, quartile in enumerate(("lower", "median", "upper")):
                columns[f"{name}_{quartile}"] = [getattr(fit, name)[k] for fit in self.fits]
        return frame(columns, library)

    def __str__(self) -> str:
        head = [
            "random",
            "changed",
            "fitted",
            "epochs",
            "cost",
            "error (%)",
            "unseen (%)",
            "|p|",
            "|p - p0|",
            "scale",
            "margin",
            "/scale",
        ]
        rows = []
        for at in self.shares:
            found = self.of(at)

            def of(name: str, digits: int = 3, at: float = at) -> str:
                mean, half = self.mean(at, name)
                return f"{mean:.{digits}g}" + ("" if np.isnan(half) else f" +- {half:.1g}")

            low, high = self.unseen_interval(at)
            epochs = np.array([fit.steps for fit in found]) / self.steps_per_epoch
            margin, normalised = (np.mean([getattr(fit, name)[1] for fit in found]) for name in ("margins", "normalised"))
            rows.append(
                [
                    f"{100 * at:g} %",
                    f"{100 * np.mean([fit.changed for fit in found]):.1f} %",
                    f"{sum(fit.fitted for fit in found)} of {len(found)}",
                    f"{epochs.mean():.0f}" + ("" if len(found) == 1 else f" ({epochs.min():.0f}-{epochs.max():.0f})"),
                    f"{np.mean([fit.cost for fit in found]):.2g}",
                    f"{100 * np.mean([fit.error for fit in found]):.2f}",
                    f"{100 * np.mean([fit.unseen for fit in found]):.1f} ({100 * low:.1f}-{100 * high:.1f})",
                    of("norm"),
                    of("moved"),
                    f"{np.mean([fit.scale for fit in found]):.3g}",
                    f"{margin:.3g}",
                    f"{normalised:.3g}",
                ]
            )
        return f"{aligned(head, rows)}\nguessing is wrong at {100 * self.chance:.1f} % of unseen points; margins: medians"


def _wilson(error: float, N: int) -> Any:
    return share(round(error * N), N)


def unseen_in_words(error: float, N: int) -> str:
    """An error share with Wilson's interval, in per cent."""
    return percent(_wilson(error, N))


def with_random_labels(data: Data, share: float, rng: Any = 0) -> tuple[Data, float]:
    """The data with a share of its labels drawn anew, uniformly from all categories, and the share that this changed.

    The points to draw for are chosen at random, round(share N) of them. Raises ValueError for a share outside [0, 1] and targets
    that are no categories.
    """
    y = np.asarray(data.y, dtype=float)
    if not 0.0 <= share <= 1.0:
        raise ValueError(f"the share of random labels must be from 0 to 1, but it is {share!r}")
    if (
        y.ndim != 2
        or y.shape[1] < 2
        or not ((y == 1.0).sum(axis=1) == 1).all()
        or not ((y == 0.0).sum(axis=1) == y.shape[1] - 1).all()
    ):
        raise ValueError("random labels need targets that are categories, 1 at one place and 0 elsewhere, as in (5)")
    generator = np.random.default_rng(rng)
    chosen = generator.permutation(len(y))[: round(share * len(y))]
    labels = y.argmax(axis=1)
    labels[chosen] = generator.integers(0, y.shape[1], len(chosen))
    return data._replace(y=np.eye(y.shape[1])[labels]), float(np.mean(labels != y.argmax(axis=1)))


def random_labels(
    problem: Problem,
    method: Method,
    steps: int,
    every: int,
    shares: Sequence[float] = (0.0, 1.0),
    replicates: int = 1,
    scale: Any = 0.5,
    rng: Any = 0,
    progress: Any = None,
) -> RandomLabels:
    """Train with each share of random labels until all training points are right, looked at every so many steps, or `steps`.

    Replicate k has the same start, of this scale, and the same order of points for all shares; labels are drawn from a stream of
    their own. The errors on unseen points are of the problem's held-out data. Raises ValueError where there is none.
    """
    if problem.held_out is None:
        raise ValueError("random labels are judged on unseen points: give Problem(..., held_out=Data(x, y))")
    if replicates < 1 or every < 1:
        raise ValueError(f"replicates and every must be at least 1, but they are {replicates} and {every}")
    fits: list[Fit] = []
    curves: list[Curve] = []
    total = replicates * len(shares) * steps

    def told(done: int) -> Any:
        return None if progress is None else lambda step, cost: progress(done + step, total, cost)

    for k in range(replicates):
        start_seed, order_seed, label_seed = np.random.SeedSequence([int(rng), k]).spawn(3)
        start = problem.network.draw(np.random.default_rng(start_seed), scale)
        for at in shares:
            data, changed = with_random_labels(problem.data, at, label_seed)
            done = len(fits) * steps
            fit, curve = _fit(replace(problem, data=data), method, steps, every, start, order_seed, told(done))
            fits.append(fit._replace(share=float(at), changed=changed, replicate=k))
            curves.append(curve)
    batch = getattr(method, "batch", problem.N)
    return RandomLabels(
        tuple(fits),
        tuple(curves),
        len(np.asarray(problem.held_out.x)),
        problem.network.sizes[-1],
        max(1.0, -(-problem.N // batch)) if isinstance(batch, int) else 1.0,
    )


def _fit(problem: Problem, method: Method, steps: int, every: int, start: Vector, rng: Any, progress: Any) -> tuple[Fit, Curve]:
    x, y = problem.data.x, np.asarray(problem.data.y)
    numbers = y.argmax(axis=1)
    alone = replace(problem, held_out=None)
    at, errors, costs, outputs, step = [], [], [], None, 0
    p: Vector = start
    for snapshot in stream(alone, method, steps, every=every, start=start, rng=np.random.default_rng(rng)):
        p, step, outputs = snapshot.p, snapshot.step, None
        moving = snapshot.series.get("top1")
        seen = None if moving is None else float(moving.values[-1])
        if seen is None or seen <= NEAR:
            outputs = alone.output(p, x)
            seen = float(np.mean(ranks(outputs, numbers) > 0)) if seen is None else seen
        at.append(step)
        errors.append(seen)
        costs.append(float(snapshot.cost) if snapshot.cost is not None else alone.value(p))
        if progress is not None:
            progress(step, costs[-1])
        if outputs is not None and not (ranks(outputs, numbers) > 0).any():
            break
    outputs = alone.output(p, x) if outputs is None else outputs
    assert problem.held_out is not None
    unseen = ranks(problem.output(p, problem.held_out.x), np.asarray(problem.held_out.y).argmax(axis=1)) > 0
    own, size = margins(outputs, numbers), network_scale(problem.network, p)
    wrong = float(np.mean(ranks(outputs, numbers) > 0))
    lower, median, upper = (float(q) for q in np.quantile(own, (0.25, 0.5, 0.75)))
    fit = Fit(
        0.0,
        0.0,
        0,
        step,
        wrong == 0.0,
        float(problem.cost.value(np.asarray(outputs, dtype=float), y).mean()),
        wrong,
        float(unseen.mean()),
        float(np.linalg.norm(p)),
        float(np.linalg.norm(np.asarray(p, dtype=float) - start)),
        size,
        (lower, median, upper),
        (lower / size, median / size, upper / size),
    )
    return fit, Curve(np.array(at, dtype=np.int64), np.array(errors), np.array(costs), own / size)
