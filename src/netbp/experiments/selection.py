"""Which setting a sweep speaks for: the mean held-out cost over the seeds, its standard error, and the one-standard-error rule."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from netbp.experiments.sweeps import Outcome


class Mean(NamedTuple):
    """A mean over runs and its standard error, NaN for a single one."""

    value: float
    error: float

    def told(self, factor: float = 1.0) -> str:
        """As in 0.31 ± 0.02."""
        if np.isnan(self.error):
            return f"{factor * self.value:.3g}"
        return f"{factor * self.value:.3g} ± {factor * self.error:.2g}"


class Choice(NamedTuple):
    """One setting of a sweep, over its seeds.

    settings: the fields that were swept, but for the seed. size: parameters s. runs: how many ended well. held_out: cost. wrong:
    the share of held-out points in a wrong category, None where there are no categories. behind: by how much the cost is above that
    of the lowest, seed by seed. lowest: whether the mean is the lowest of those with all their runs. simplest: whether it is the
    smallest network within one standard error of that.
    """

    settings: Mapping[str, Any]
    size: int
    runs: int
    held_out: Mean
    wrong: Mean | None
    behind: Mean
    lowest: bool
    simplest: bool


def select(outcomes: Iterable[Outcome], seed: str = "seed") -> list[Choice]:
    """The settings in the order in which they were swept, with the two that are to be chosen marked; none without held-out costs.

    The one-standard-error rule (Breiman, Friedman, Olshen & Stone, Classification and Regression Trees, 1984): the smallest network
    whose mean is at most the lowest mean and its standard error. Settings with fewer good runs than others are not chosen.
    """
    groups: dict[str, list[Outcome]] = {}
    for one in outcomes:
        groups.setdefault(repr({name: v for name, v in one.settings.items() if name != seed}), []).append(one)
    good = [[one for one in group if one.status not in ("failed", "diverged", "interrupted")] for group in groups.values()]
    costs = [{one.settings.get(seed): float(one.held_out) for one in group if one.held_out is not None} for group in good]
    most = max((len(found) for found in costs), default=0)
    means = [mean_of(found.values()) for found in costs]
    whole = [k for k, found in enumerate(costs) if len(found) == most and np.isfinite(means[k].value)]
    if not most or not whole:
        return []
    sizes = [max((one.size for one in group), default=0) for group in good]
    best = min(whole, key=lambda k: means[k].value)
    limit = means[best].value + np.nan_to_num(means[best].error)
    simple = min((k for k in whole if means[k].value <= limit), key=lambda k: (sizes[k], means[k].value))
    found = []
    for k, group in enumerate(groups.values()):
        shares = [one.held_out_top1 for one in good[k] if one.held_out_top1 is not None]
        gaps = [cost - costs[best][at] for at, cost in costs[k].items() if at in costs[best]]
        plain = {name: v for name, v in group[0].settings.items() if name != seed}
        wrong = mean_of(shares) if shares else None
        found.append(Choice(plain, sizes[k], len(costs[k]), means[k], wrong, mean_of(gaps), k == best, k == simple))
    return found


def mean_of(values: Iterable[float]) -> Mean:
    """The mean and its standard error."""
    x = np.array(list(values), dtype=float)
    if len(x) == 0:
        return Mean(np.nan, np.nan)
    return Mean(float(x.mean()), float(x.std(ddof=1) / np.sqrt(len(x))) if len(x) > 1 else np.nan)
