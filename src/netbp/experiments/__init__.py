"""Experiments: frozen dataclasses whose defaults are the paper's; each makes a problem and a method, runs, and draws a run.

experiment = StochasticExperiment(rate=0.1)
run = experiment.run()
figure = experiment.draw(run)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from netbp.experiments.cifar import CifarExperiment
from netbp.experiments.drawings import ActivationDrawing, NetworkDrawing, PointsDrawing
from netbp.experiments.least_squares import LeastSquaresExperiment
from netbp.experiments.mnist import MnistExperiment
from netbp.experiments.settings import rebuilt, settings_of
from netbp.experiments.stochastic import StochasticExperiment

EXPERIMENTS: dict[str, Any] = {
    cls.name: cls
    for cls in (
        StochasticExperiment,
        LeastSquaresExperiment,
        CifarExperiment,
        MnistExperiment,
        PointsDrawing,
        ActivationDrawing,
        NetworkDrawing,
    )
}
"""Experiments by name."""

FIGURES: dict[int, Any] = {
    1: PointsDrawing(),
    2: ActivationDrawing(),
    3: NetworkDrawing(),
    4: LeastSquaresExperiment(),
    5: LeastSquaresExperiment(points="eleven"),
    6: NetworkDrawing(layers="4-3-4-5-2", highlight="4,3,3"),
    7: StochasticExperiment(),
    8: StochasticExperiment(picture="region", record=0),
    9: StochasticExperiment(picture="region", record=0, points="eleven"),
}
"""The paper's figures: number -> the experiment that draws it."""

TITLES: dict[int, str] = {
    1: "Ten labelled points: circles are category A, crosses category B",
    2: "The sigmoid (1), and below it scaled and shifted",
    3: "A network with four layers",
    4: "Least squares on the ten points: category A is shaded",
    5: "Least squares with an eleventh point, (0.3, 0.7)",
    6: "A network with five layers and the weight w_43^[3]",
    7: "The cost during a million stochastic gradient steps",
    8: "Stochastic gradient on the ten points: category A is shaded",
    9: "Stochastic gradient with the eleventh point",
}
"""What the paper's figures show, in a line each."""


def from_settings(settings: Mapping[str, Any]) -> Any:
    """The experiment that made a run, from the run's settings. Raises ValueError when no experiment of ours made it."""
    name = settings.get("experiment")
    if name not in EXPERIMENTS:
        raise ValueError(f"the run was not made by an experiment of {', '.join(EXPERIMENTS)}, but by {name or 'a program'}")
    return rebuilt(EXPERIMENTS[name], settings.get("fields", {}))


__all__ = [
    "EXPERIMENTS",
    "FIGURES",
    "TITLES",
    "ActivationDrawing",
    "CifarExperiment",
    "LeastSquaresExperiment",
    "MnistExperiment",
    "NetworkDrawing",
    "PointsDrawing",
    "StochasticExperiment",
    "from_settings",
    "settings_of",
]
