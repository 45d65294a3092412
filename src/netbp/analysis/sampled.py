"""The ends of the Hessian's spectrum from a sample of the points, with the error that is the sample's.

Let H be the Hessian of all N points and H_n that of n of them, drawn at random without replacement. The largest eigenvalue is a
convex function of the matrix, so that by Jensen's inequality

    E lambda_max(H_n) >= lambda_max(H),

and for its eigenvector v, found on the sample, v^T H v <= lambda_max(H). The latter is estimated on other points, which v has not
seen: the two bracket lambda_max(H) in the mean, and for the smallest eigenvalue likewise with the signs exchanged. To first order
lambda_max(H_n) - lambda_max(H) = v^T (H_n - H) v, a mean over points: its standard error comes from the spread over disjoint
groups of them, and has the factor sqrt(1 - n/N) of a finite population.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from netbp.analysis.lanczos import extreme_eigenvalues
from netbp.analysis.operators import hessian
from netbp.analysis.tables import aligned
from netbp.frames import Library, fields_of, frame
from netbp.plain import plain
from netbp.problem import Problem
from netbp.types import Data, Indices, Matrix, Vector


class SampledEigenvalue(NamedTuple):
    """One end of the spectrum.

    end: "lowest" or "highest". value: on the sample. within: an eigenvalue of the sample's Hessian lies so close. error: the
    standard error of `value` as an estimate for all points, to first order. others: v^T H v for all points, from the sample and the
    others, with its standard error others_error. value and others bracket the eigenvalue of all points in the mean.
    """

    end: str
    value: float
    within: float
    error: float
    others: float
    others_error: float


@dataclass(frozen=True, eq=False)
class SampledSpectrum:
    """Both ends of the Hessian's spectrum from a sample; prints as a table.

    sample, unseen: how many points the eigenvectors come from, and how many others they were tried on, of N. products: with the
    sample's Hessian. vectors: (s, 2). indices: the sample's points, (sample,). cost, gradient: Cost and the norm of its gradient on
    the sample.
    """

    lowest: SampledEigenvalue
    highest: SampledEigenvalue
    sample: int
    unseen: int
    N: int
    products: int
    vectors: Matrix
    indices: Indices
    cost: float
    gradient: float

    @property
    def stability_limit(self) -> float:
        """2/lambda_max on the sample: the largest rate at which steepest descent on the quadratic model is stable."""
        return 2.0 / self.highest.value if self.highest.value > 0.0 else float("inf")

    def frame(self, library: Library = "pandas") -> Any:
        """One row for each end, the columns of `SampledEigenvalue`."""
        return frame(fields_of((self.lowest, self.highest), SampledEigenvalue._fields), library)

    def __str__(self) -> str:
        head = ["eigenvalue", "on the sample", "Lanczos within", "sample's error", "v^T H v, all points", "its error"]
        rows = [
            [at.end, f"{at.value:.5g}", f"{at.within:.2g}", f"{at.error:.2g}", f"{at.others:.5g}", f"{at.others_error:.2g}"]
            for at in (self.lowest, self.highest)
        ]
        which = (
            f"{self.sample:,} of {self.N:,} points, v tried on {self.unseen:,} others" if self.unseen else f"all {self.N:,} points"
        )
        return "\n".join(
            [
                f"Hessian of {which}, {self.products} products",
                f"cost {self.cost:.6g}, norm of the gradient {self.gradient:.4g}, both on the sample",
                aligned(head, rows),
                f"stability limit 2/lambda_max = {self.stability_limit:.4g} on the sample",
            ]
        )


def sampled_spectrum(
    problem: Problem,
    p: ArrayLike,
    points: int = 2000,
    products: int = 50,
    tolerance: float = 0.0,
    groups: int = 20,
    rng: Any = 0,
    progress: Any = None,
) -> SampledSpectrum:
    """The smallest and the largest eigenvalue of the Hessian at p, (s,), from `points` random points, with the sample's error.

    products: of Lanczos' process, unless every error is at most `tolerance` times the largest |eigenvalue| before. Four passes over
    as many points follow. groups: of points, for the standard errors. With all points the sample has no error. The same rng gives
    the same sample. Raises ValueError for fewer than 2 points, groups or products, and as `hessian` does.
    """
    if min(points, groups, products) < 2:
        asked = f"{points}, {groups} and {products}"
        raise ValueError(f"a sample with its error needs at least 2 points, 2 groups and 2 products, but got {asked}")
    vector = plain(p, "p", along="entry")
    weight, generator = weights_of(problem), np.random.default_rng(rng)
    order = generator.permutation(np.flatnonzero(weight))  # points of weight 0 are no points
    N, n = len(order), min(points, len(order))
    chosen, unseen = np.sort(order[:n]), np.sort(order[n : 2 * n])
    sample = restricted(problem, chosen)
    H = hessian(sample, vector)
    if progress is not None:
        H.told = lambda done: progress(done - 1, products + 4, "products with the Hessian")
    found = extreme_eigenvalues(H, tolerance=tolerance, products=products, rng=generator)
    share, ends = float(weight[chosen].sum() / weight.sum()), []
    for k, end in ((0, "lowest"), (-1, "highest")):
        value, v = float(found.values[k]), found.vectors[:, k]
        _, error = _along(problem, vector, v, chosen, groups)
        others, spread = _along(problem, vector, v, unseen, groups) if len(unseen) else (0.0, 0.0)
        # (1 - n/N): finite populations; v^T H v of all points is known exactly on the sample.
        spread *= (1.0 - share) * float(np.sqrt(1.0 - len(unseen) / max(N - n, 1)))
        mean, error = share * value + (1.0 - share) * others, error * float(np.sqrt(1.0 - n / N))
        ends.append(SampledEigenvalue(end, value, float(found.errors[k]), error, mean, spread))
    value, g = sample.value_and_gradient(vector)
    norm = float(np.linalg.norm(g))
    vectors = found.vectors[:, [0, -1]]
    return SampledSpectrum(ends[0], ends[1], n, len(unseen), N, found.products, vectors, chosen, value, norm)


def restricted(problem: Problem, indices: Indices) -> Problem:
    """The problem of these points only, with the same penalty per point."""
    x, y, weight = (None if part is None else np.asarray(part)[indices] for part in problem.data)
    assert x is not None
    share = float(weights_of(problem)[indices].sum() / weights_of(problem).sum())
    return replace(problem, data=Data(x, y, weight), held_out=None, penalty=problem.penalty * share)


def weights_of(problem: Problem) -> Vector:
    """The points' weights, (N,), 1 where they have none."""
    weight = problem.data.weight
    return np.ones(problem.N) if weight is None else np.asarray(weight, dtype=float)


def _along(problem: Problem, p: Vector, v: Vector, indices: Indices, groups: int) -> tuple[float, float]:
    """v^T H v of these points for a unit vector v, and its standard error from disjoint groups of them."""
    parts = np.array_split(indices, min(groups, len(indices)))
    values = np.array([float(v @ np.asarray(restricted(problem, part).hvp(p, v), dtype=float)) for part in parts])
    error = float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else float("nan")
    return float(np.average(values, weights=[weights_of(problem)[part].sum() for part in parts])), error
