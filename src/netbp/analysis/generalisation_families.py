"""Families of problems: points drawn from a known rule, with noise, so that fresh points can be held out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from netbp.activations import Activation, identity, sigmoid, tanh
from netbp.costs import quadratic
from netbp.data.points import ten_points
from netbp.network import Network
from netbp.problem import Problem
from netbp.types import Data, Matrix, Vector

TURNS, SMEAR = 1.0, 0.04
"""Of the spirals: how often each goes round, and the normal error of its points."""

NESTED = 1024
"""Up to so many training points, fewer are a part of more."""

DIRECTIONS = np.array([[1.0, 0.5, -0.5, 0.0, 1.0], [-0.5, 1.0, 1.0, 1.0, 0.0], [1.0, -1.0, 0.5, 0.5, -0.5]])
"""Of the teacher: a sum of three hyperbolic tangents of 5 inputs."""


def near_ten(points: int, rng: Any) -> Data:
    """Points uniform in the unit square, each with the category of the nearest of the paper's ten points."""
    x = rng.random((points, 2))
    known = ten_points()
    distance = np.linalg.norm(x[:, None, :] - np.asarray(known.x)[None], axis=2)
    return Data(x, np.asarray(known.y)[distance.argmin(axis=1)])


def spirals(points: int, rng: Any) -> Data:
    """Points at random places of two spirals wound into each other, either with probability 1/2, with a small normal error."""
    share, side = rng.random(points), rng.random(points) < 0.5
    angle, radius = 2.0 * np.pi * TURNS * share, 0.1 + 0.9 * share
    x = (radius * np.array([np.cos(angle), np.sin(angle)]) * np.where(side, 1.0, -1.0)).T
    return Data(x + SMEAR * rng.standard_normal((points, 2)), _unit(side))


def moons(points: int, rng: Any) -> Data:
    """Two half circles that reach into each other, with a normal error of 0.15."""
    angle, side = np.pi * rng.random(points), rng.random(points) < 0.5
    upper = np.array([np.cos(angle), np.sin(angle)])
    lower = np.array([1.0 - np.cos(angle), 0.5 - np.sin(angle)])
    return Data(np.where(side, upper, lower).T + 0.15 * rng.standard_normal((points, 2)), _unit(side))


def teacher(points: int, rng: Any) -> Data:
    """Five standard normal inputs and one number, a sum of three hyperbolic tangents: a regression."""
    x = rng.standard_normal((points, 5))
    return Data(x, np.tanh(x @ DIRECTIONS.T).sum(axis=1, keepdims=True))


def _unit(side: Vector) -> Matrix:
    return np.where(side[:, None], [1.0, 0.0], [0.0, 1.0])


RULES: dict[str, Callable[[int, Any], Data]] = {"ten": near_ten, "spirals": spirals, "moons": moons, "teacher": teacher}
"""Rules by name: (points, numpy.random.Generator) -> Data."""


@dataclass(frozen=True)
class Family:
    """Problems that differ in width, points, noise or penalty; each draw of points is new.

    rule: a name of RULES, or a function (points, generator) -> Data. width: neurons of the hidden layer, or a tuple of widths, one
    for each hidden layer. points: training points N. noise: the probability that a training point gets the other category, or for
    numbers the standard deviation of a normal error; the held-out points are without noise, so that their cost is an excess over
    the rule's. penalty: lambda of (33). held_out: how many points are held out. activation: of the hidden layers; the last layer is
    the logistic one as in the paper, or the identity for numbers and with linear=True.

    Raises ValueError for an unknown rule, fewer than one point, and a noise out of range.
    """

    rule: str | Callable[[int, Any], Data] = "spirals"
    width: int | tuple[int, ...] = 8
    points: int = 60
    noise: float = 0.0
    penalty: float = 0.0
    held_out: int = 2000
    activation: Activation = tanh
    linear: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.rule, str) and self.rule not in RULES:
            raise ValueError(f"the rule can be {', '.join(RULES)}, but {self.rule!r} was asked for")
        if self.points < 1 or self.held_out < 1:
            raise ValueError(f"a family needs points to train on and to hold out, but has {self.points} and {self.held_out}")
        if not (np.isfinite(self.noise) and self.noise >= 0.0):
            raise ValueError(f"the noise must be a finite number, at least 0, but it is {self.noise!r}")

    @property
    def hidden(self) -> tuple[int, ...]:
        """The widths of the hidden layers."""
        return self.width if isinstance(self.width, tuple) else (self.width,)

    def problem(self, rng: Any) -> Problem:
        """A draw: training points, their noise and held-out points from three streams of their own, spawned from rng.

        So families that differ in width, points, noise or penalty are given the same points, as many as each has.
        """
        drawn = RULES[self.rule] if isinstance(self.rule, str) else self.rule
        train, noisy, held = rng.spawn(3)
        data, fresh = _first(drawn, self.points, train), drawn(self.held_out, held)
        y = np.asarray(data.y)
        labelled = set(np.unique(y)) <= {0.0, 1.0}
        network = Network.dense(
            np.asarray(data.x).shape[1],
            *self.hidden,
            y.shape[1],
            activation=[*[self.activation] * len(self.hidden), sigmoid if labelled and not self.linear else identity],
        )
        return Problem(network, quadratic, Data(data.x, self._noisy(y, labelled, noisy)), fresh, self.penalty)

    def _noisy(self, y: Matrix, labelled: bool, rng: Any) -> Matrix:
        if not labelled:
            return np.asarray(y + self.noise * rng.standard_normal(y.shape))
        if self.noise > 1.0:
            raise ValueError(f"the noise is the probability of a wrong category, at most 1, but it is {self.noise!r}")
        return np.where(rng.random(len(y))[:, None] < self.noise, 1.0 - y, y)


def _first(drawn: Callable[[int, Any], Data], points: int, rng: Any) -> Data:
    """The first `points` of a longer draw: what is drawn for fewer points is a part of what is drawn for more, up to NESTED."""
    longer = drawn(max(points, NESTED), rng)
    return Data(np.asarray(longer.x)[:points], np.asarray(longer.y)[:points])


VARIED = ("width", "points", "noise", "penalty")


def varied(family: Family, name: str) -> Callable[[Any, Any], Problem]:
    """What `generalisation_curve` takes as `make`: the family with one of its settings replaced. Raises ValueError for others."""
    if name not in VARIED:
        raise ValueError(f"what varies can be {', '.join(VARIED)}, but {name!r} was asked for")
    return lambda value, rng: replace(family, **{name: value}).problem(rng)
