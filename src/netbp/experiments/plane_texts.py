"""What the texts of a PlaneExperiment's fields say: points, activations, rules' constants, changes of the rate."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from math import isfinite
from typing import Any, NamedTuple

import numpy as np

from netbp import activations
from netbp.activations import Activation
from netbp.data.planar import blobs, exclusive_or, two_circles, two_moons, two_spirals
from netbp.data.points import eleven_points, ten_points
from netbp.experiments.settings import ActivationName, chosen
from netbp.types import Array, Data, Indices, Matrix

MOST_POINTS, MOST_CATEGORIES = 10_000, 8
LETTERS = "ABCDEFGH"
LARGEST = 1e6  # of a coordinate
STAR = "*"  # marks a held-out point


class PlaneSet(NamedTuple):
    """A set that is drawn. draw: (points, noise, seed) -> Data. points, noise: to begin with. categories: how many it has."""

    draw: Callable[[int, float, int], Data]
    points: int
    noise: float
    categories: int


def _spirals(points: int, noise: float, seed: int) -> Data:
    """As `two_spirals`, in the unit square."""
    x, y, _ = two_spirals(points, noise=2.0 * noise, rng=seed)
    return Data(0.5 + 0.5 * np.asarray(x), y)


SETS: dict[str, PlaneSet] = {
    "spirals": PlaneSet(_spirals, 100, 0.01, 2),
    "moons": PlaneSet(two_moons, 100, 0.03, 2),
    "circles": PlaneSet(two_circles, 100, 0.02, 2),
    "xor": PlaneSet(exclusive_or, 100, 0.0, 2),
    "blobs": PlaneSet(lambda n, noise, seed: blobs(n, 3, noise, seed), 120, 0.08, 3),
}
"""Sets that are drawn, by name."""

FIXED = {"ten": ten_points, "eleven": eleven_points}


class Points(NamedTuple):
    """Labelled points. x: (N, 2). labels: (N,), the categories from 0. starred: (N,) of booleans, those that are held out."""

    x: Matrix
    labels: Indices
    starred: Array


@lru_cache(maxsize=64)
def points_of(text: str) -> Points:
    """The points that a text stands for: "ten", "eleven", a drawn set "moons:100:0.03:0", or a list "0.1,0.1,A;0.6,0.3,B".

    In a list a star after the category, "0.5,0.4,A*", marks a point that is held out: only looked at, never trained on.
    Raises ValueError, saying which point is wrong and how, for anything else, for more than 10,000 points, and when all have stars.
    """
    if text in FIXED:
        x, y, _ = FIXED[text]()
        found = _labelled(x, y)
    elif text.partition(":")[0] in SETS:
        found = _drawn(text)
    else:
        found = _listed(text)
    for shared in found:  # by all who ask for this text
        shared.flags.writeable = False
    return found


def points_text(x: Matrix, labels: Indices, starred: Array | None = None) -> str:
    """The text for points x (N, 2) with categories (N,), some of them held out; `points_of` gives back the same numbers."""
    stars = [STAR if one else "" for one in (np.zeros(len(x), dtype=bool) if starred is None else starred).tolist()]
    rows = zip(x.tolist(), labels.tolist(), stars, strict=True)
    return ";".join(f"{_short(a)},{_short(b)},{LETTERS[c]}{star}" for (a, b), c, star in rows)


def _labelled(x: Any, y: Any) -> Points:
    x = np.array(x, dtype=float)
    return Points(x, np.asarray(y).argmax(axis=1), np.zeros(len(x), dtype=bool))


def _short(value: float) -> str:
    """The shortest text of a number, as JavaScript has it too where the number is a plain decimal: 1 and not 1.0."""
    return repr(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)


def _drawn(text: str) -> Points:
    name, *rest = text.split(":")
    known = SETS[name]
    try:
        n = int(rest[0]) if rest else known.points
        noise = float(rest[1]) if len(rest) > 1 else known.noise
        seed = int(rest[2]) if len(rest) > 2 else 0
    except ValueError:
        n, noise, seed = -1, 0.0, 0
    if len(rest) > 3 or not (1 <= n <= MOST_POINTS and 0.0 <= noise <= 1.0 and 0 <= seed < 2**32):
        raise ValueError(
            f'a drawn set is written "name:points:noise:seed" with at most {MOST_POINTS:,} points and noise from 0 to 1, '
            f'as in "moons:100:0.03:0", but got {_shown(text)}'
        )
    x, y, _ = known.draw(n, noise, seed)
    return _labelled(x, y)


def _listed(text: str) -> Points:
    entries = [entry for entry in text.split(";") if entry.strip()]
    if not entries or "," not in text:
        known = ", ".join([*FIXED, *(f"{name}:{one.points}:{one.noise:g}:0" for name, one in SETS.items())])
        raise ValueError(f'points are {known}, or a list such as "0.1,0.1,A;0.6,0.3,B", but got {_shown(text)}')
    if len(entries) > MOST_POINTS:
        raise ValueError(f"there may be {MOST_POINTS:,} points, but the list has {len(entries):,}")
    x, labels = np.empty((len(entries), 2)), np.empty(len(entries), dtype=np.int64)
    starred = np.zeros(len(entries), dtype=bool)
    for i, entry in enumerate(entries):
        parts = [part.strip() for part in entry.split(",")]
        try:
            x[i], letter = (float(parts[0]), float(parts[1])), parts[2]
        except (ValueError, IndexError):
            letter = ""
        starred[i], letter = letter.endswith(STAR), letter.removesuffix(STAR)
        if len(parts) != 3 or len(letter) != 1 or letter not in LETTERS or not (np.abs(x[i]) <= LARGEST).all():
            raise ValueError(
                f"point {i + 1} of the list must be two numbers of at most {LARGEST:g} in size and a category from A to "
                f'{LETTERS[-1]}, as in "0.1,0.1,A", or "0.1,0.1,A*" for a held-out one, but it is {_shown(entry)}'
            )
        labels[i] = LETTERS.index(letter)
    if starred.all():
        raise ValueError("every point of the list has a star, and so is held out: take it from those to train on")
    return Points(x, labels, starred)


def activations_of(text: str, layers: int) -> list[Activation]:
    """The activations of `layers` layers: one name for all, or one for each with commas between."""
    names = [name.strip() for name in text.split(",")]
    if len(names) not in (1, layers):
        raise ValueError(
            f"{layers} layers need 1 or {layers} activations, with commas between, but {_shown(text)} has {len(names)}"
        )
    found = [chosen(activations, ActivationName, name, "activation") for name in names]
    return found * layers if len(found) == 1 else found


def constants_of(text: str) -> dict[str, float]:
    """A rule's constants from "mu=0.9" or "beta1=0.9,beta2=0.99"; {} from nothing."""
    out: dict[str, float] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, equals, value = part.partition("=")
        number = _number(value)
        if not equals or number is None or name.strip() in out:
            raise ValueError(f'constants are written "mu=0.9", with commas between, but got {_shown(text)}')
        out[name.strip()] = number
    return out


def changes_of(text: str) -> tuple[tuple[int, float], ...]:
    """The pairs (step, rate) of "5000:0.01;10000:0.001": after step 5000 the rate is 0.01; () from nothing."""
    out: list[tuple[int, float]] = []
    for part in filter(None, (part.strip() for part in text.split(";"))):
        step, _, rate = part.partition(":")
        value = _number(rate)
        if not step.strip().isdecimal() or value is None or value < 0.0 or (out and int(step) <= out[-1][0]):
            raise ValueError(f'changes of the rate are written "step:rate;step:rate", the steps growing, but got {_shown(text)}')
        out.append((int(step), value))
    if len(out) > 1000:
        raise ValueError(f"the rate may change 1,000 times, but {len(out):,} changes are given")
    return tuple(out)


def changes_text(changes: tuple[tuple[int, float], ...]) -> str:
    """The text for these changes."""
    return ";".join(f"{step}:{_short(rate)}" for step, rate in changes)


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if isfinite(value) else None


def _shown(text: Any) -> str:
    shown = str(text)
    return repr(shown if len(shown) <= 60 else f"{shown[:57]}...")
