"""Schedules: a number, one value per step, or a function of the step's number t = 1, 2, ..."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Schedule = float | Sequence[float] | NDArray[Any] | Callable[[int], float]


@dataclass(frozen=True)
class ByEpoch:
    """A schedule that changes between epochs: see `by_epoch`."""

    parts: tuple[tuple[int, float], ...]
    steps: int

    def __call__(self, step: int) -> float:
        """The value for step 1, 2, ..."""
        left = (step - 1) // self.steps
        for epochs, value in self.parts:
            left -= epochs
            if left < 0:
                return value
        return self.parts[-1][1]


def by_epoch(*parts: tuple[int, float], steps: int) -> ByEpoch:
    """A rate for so many epochs, then another: by_epoch((30, 0.05), (10, 0.005), (5, 0.0005), steps=500).

    parts: pairs (epochs, value); the last value stays. steps: per epoch. Raises ValueError for parts that no run could use.
    """
    if not parts or isinstance(steps, bool) or not isinstance(steps, int) or steps < 1:
        raise ValueError(f"a schedule by epoch needs a pair (epochs, value), and at least 1 step an epoch: got {parts} and {steps}")
    for part in parts:
        if len(part) != 2 or int(part[0]) != part[0] or part[0] < 1 or not (np.isfinite(part[1]) and part[1] >= 0.0):
            raise ValueError(f"a part of a schedule is (epochs, value), at least 1 and finite and not negative, but got {part!r}")
    return ByEpoch(tuple((int(epochs), float(value)) for epochs, value in parts), steps)


@dataclass(frozen=True)
class ByStep:
    """A schedule that changes after given steps: see `by_step`."""

    first: float
    changes: tuple[tuple[int, float], ...] = ()

    def __call__(self, step: int) -> float:
        """The value for step 1, 2, ..."""
        return float(self.values(step - 1, 1)[0])

    def values(self, t: int, steps: int) -> NDArray[np.float64]:
        """The values for the steps t + 1, ..., t + steps, (steps,), without a call for each."""
        after = [step for step, _ in self.changes]
        if not after or t + steps - 1 < after[0]:
            return np.full(steps, self.first)
        values = np.array([self.first, *(value for _, value in self.changes)])
        return values[np.searchsorted(after, np.arange(t, t + steps), side="right")]


def by_step(first: float, *changes: tuple[int, float]) -> ByStep:
    """A rate, and others from given steps on: by_step(0.05, (5000, 0.01)) is 0.05 for steps 1 to 5000, and 0.01 after them.

    changes: pairs (step, value), in the order of the steps, which count from 0. Raises ValueError for pairs that are out of order,
    and for values that no step can use.
    """
    _check(np.array([first], dtype=float), None, "rate", whole=False)
    last = -1
    for change in changes:
        if len(change) != 2 or int(change[0]) != change[0] or change[0] <= last:
            raise ValueError(f"changes are pairs (step, value) whose steps are whole, at least 0 and growing, but got {change!r}")
        if not (np.isfinite(change[1]) and change[1] >= 0.0):
            raise ValueError(f"the value after step {change[0]} is {change[1]}: it must be a finite number of at least 0")
        last = int(change[0])
    return ByStep(float(first), tuple((int(step), float(value)) for step, value in changes))


LARGEST = 2**40
"""Points of a batch: more fit into no memory, and sums of such sizes into no whole number."""


def settled(given: Any, what: str, whole: bool = False) -> Any:
    """The schedule as a number, a tuple or a function, checked. Raises ValueError for values that no step can use."""
    if callable(given):
        return given
    if isinstance(given, str | bytes | bool):
        raise ValueError(f"the {what} must be a number, an array or a function of the step, but it is {given!r}")
    try:
        values = np.asarray(given, dtype=float)
    except (TypeError, ValueError):
        raise ValueError(f"the {what} must be a number, an array or a function of the step, but it is {given!r}") from None
    if values.ndim > 1 or values.size == 0:
        raise ValueError(f"the {what} must be one number, or one per step, but it has shape {values.shape}")
    _check(np.atleast_1d(values), 0 if values.ndim else None, what, whole)
    kept = values.astype(np.int64) if whole else values
    return kept.item() if kept.ndim == 0 else tuple(kept.tolist())


def shortest(*schedules: Any) -> int | None:
    """The number of steps that the schedules have values for, or None when they have one for every step."""
    return min((len(schedule) for schedule in schedules if isinstance(schedule, tuple)), default=None)


def too_few(limit: int | None, steps: int) -> str | None:
    """Why `steps` steps cannot be taken with values for `limit`, or None."""
    if limit is None or steps <= limit:
        return None
    return f"the rates or batch sizes have values for {limit} steps, but {steps} steps are asked for: give one value per step"


def values_at(schedule: Any, t: int, steps: int, what: str, whole: bool = False) -> NDArray[Any]:
    """The values for the steps t + 1, ..., t + steps, (steps,). Raises ValueError when there are too few, or unusable ones."""
    kind = np.int64 if whole else np.float64
    if isinstance(schedule, tuple):
        if t + steps > len(schedule):
            raise ValueError(
                f"the {what} has values for {len(schedule)} steps, but step {t + steps} is asked for: give one per step"
            )
        return np.asarray(schedule[t : t + steps], dtype=kind)
    if not callable(schedule):
        return np.full(steps, schedule, dtype=kind)
    if isinstance(schedule, ByStep):
        values = schedule.values(t, steps)
    else:
        values = np.array([schedule(step) for step in range(t + 1, t + steps + 1)], dtype=float)
    _check(values, t, f"{what} function's value", whole)
    return values.astype(kind)


def _check(values: NDArray[Any], t: int | None, what: str, whole: bool) -> None:
    """t: the step before the first value's, or None for one value for all steps."""
    bad = ~np.isfinite(values) | (values < (1 if whole else 0))
    if whole:
        bad |= (values != np.floor(values)) | (values > LARGEST)
    if bad.any():
        first = int(bad.argmax())
        place = "" if t is None else f" for step {t + first + 1}"
        needed = f"a whole number from 1 to {LARGEST:,}" if whole else "a finite number of at least 0"
        raise ValueError(f"the {what}{place} is {values[first]}: it must be {needed}")
