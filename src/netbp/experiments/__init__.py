"""Experiments: frozen dataclasses whose defaults are the paper's; each makes a problem and a method, runs, and draws a run.

experiment = StochasticExperiment(rate=0.1)
run = experiment.run()
figure = experiment.draw(run)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from netbp.experiments.analysis_convergence import ComparisonExperiment, ConvergenceExperiment, RatesExperiment
from netbp.experiments.analysis_curvature import CurvatureExperiment, SpectrumExperiment
from netbp.experiments.analysis_dropout import DropoutEnsembleExperiment
from netbp.experiments.analysis_dynamics import DiffusionExperiment, EscapeExperiment, FlowExperiment
from netbp.experiments.analysis_generalisation import DoubleDescentExperiment, EarlyStoppingExperiment, GeneralisationExperiment
from netbp.experiments.analysis_landscape import (
    AtlasExperiment,
    ConnectExperiment,
    ReliabilityExperiment,
    SliceExperiment,
)
from netbp.experiments.analysis_precision import PrecisionExperiment
from netbp.experiments.analysis_regularity import RandomLabelsExperiment, SaturationExperiment, StabilityExperiment
from netbp.experiments.cifar import CifarExperiment
from netbp.experiments.drawings import ActivationDrawing, NetworkDrawing, PointsDrawing
from netbp.experiments.image_drawings import FeatureMaps
from netbp.experiments.layer_drawings import ArchitectureDrawing, ConvolutionDrawing, DropoutDrawing
from netbp.experiments.least_squares import LeastSquaresExperiment
from netbp.experiments.mnist import MnistExperiment
from netbp.experiments.plane import PlaneExperiment
from netbp.experiments.settings import rebuilt, settings_of, told_of
from netbp.experiments.stochastic import StochasticExperiment
from netbp.messages import named, shown
from netbp.runfile import RunFileError

if TYPE_CHECKING:
    from netbp.network import Network
    from netbp.run import Run

EXPERIMENTS: dict[str, Any] = {
    cls.name: cls
    for cls in (
        StochasticExperiment,
        LeastSquaresExperiment,
        PlaneExperiment,
        CifarExperiment,
        MnistExperiment,
        PointsDrawing,
        ActivationDrawing,
        NetworkDrawing,
        ArchitectureDrawing,
        ConvolutionDrawing,
        DropoutDrawing,
        ConvergenceExperiment,
        ComparisonExperiment,
        RatesExperiment,
        CurvatureExperiment,
        SpectrumExperiment,
        PrecisionExperiment,
        AtlasExperiment,
        ReliabilityExperiment,
        SliceExperiment,
        ConnectExperiment,
        FlowExperiment,
        DiffusionExperiment,
        EscapeExperiment,
        GeneralisationExperiment,
        EarlyStoppingExperiment,
        DoubleDescentExperiment,
        RandomLabelsExperiment,
        StabilityExperiment,
        SaturationExperiment,
        DropoutEnsembleExperiment,
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
    10: ArchitectureDrawing(),
    11: CifarExperiment(),
    12: CifarExperiment(dropout=True),
    13: CifarExperiment(picture="confusion"),
    14: CifarExperiment(picture="confusion", dropout=True),
    15: CifarExperiment(picture="mistakes"),
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
    10: "The convolutional network for CIFAR-10",
    11: "Objective, top-1 and top-5 error by epoch on CIFAR-10",
    12: "The same with dropout",
    13: "Confusion matrix of the network of figure 11",
    14: "Confusion matrix of the network of figure 12, with dropout",
    15: "Sixteen test images that the network of figure 11 misclassifies",
}
"""What the paper's figures show, in a line each."""

PICTURES: dict[str, tuple[Any, str]] = {
    "filters": (CifarExperiment(picture="filters"), "The filters of the first layer"),
    "maps": (FeatureMaps(), "What the layers of a trained network make of an image"),
    "convolution": (ConvolutionDrawing(), "The matrix of a convolution, and its singular values (section 7.1)"),
    "dropout": (DropoutDrawing(), "What dropout leaves equal and what not (section 7.2)"),
}
"""Further pictures of section 7: name -> the experiment that draws it, and what it shows."""


def from_settings(settings: Mapping[str, Any]) -> Any:
    """The experiment that made a run, from the run's settings. Raises ValueError when no experiment of ours made it."""
    name, values = told_of(settings)
    if name not in EXPERIMENTS:
        made = named(name) if name else "a program"
        raise ValueError(f"the run was not made by an experiment of {', '.join(EXPERIMENTS)}, but by {made}")
    return rebuilt(EXPERIMENTS[name], values)


def experiment_of(run: Run) -> Any:
    """The experiment that made a run, whose network is the one that the run has parameters of.

    Raises ValueError when no experiment of ours made it, and RunFileError when it says so, but cannot have been made by it.
    """
    made = from_settings(run.settings)
    if hasattr(made, "network"):
        check_network(run, made.network())
    elif hasattr(made, "problem"):
        check_network(run, made.problem().network)
    return made


def check_network(run: Run, network: Network) -> None:
    """Raise RunFileError unless a run has the parameters of this network, and says so."""
    told = run.settings.get("problem", {}).get("network", {}).get("sizes", network.sizes)
    if network.size != run.p.shape[-1] or tuple(told) != tuple(network.sizes):
        raise RunFileError(
            f"the run has {run.p.shape[-1]:,} parameters, and widths {shown(str(told))}, but its settings describe "
            f"{network.title}, which has {network.size:,}: restore it from a copy"
        )


__all__ = [
    "EXPERIMENTS",
    "FIGURES",
    "PICTURES",
    "TITLES",
    "ActivationDrawing",
    "ArchitectureDrawing",
    "AtlasExperiment",
    "CifarExperiment",
    "ComparisonExperiment",
    "ConnectExperiment",
    "ConvergenceExperiment",
    "ConvolutionDrawing",
    "CurvatureExperiment",
    "DiffusionExperiment",
    "DoubleDescentExperiment",
    "DropoutDrawing",
    "DropoutEnsembleExperiment",
    "EarlyStoppingExperiment",
    "EscapeExperiment",
    "FeatureMaps",
    "FlowExperiment",
    "GeneralisationExperiment",
    "LeastSquaresExperiment",
    "MnistExperiment",
    "NetworkDrawing",
    "PlaneExperiment",
    "PointsDrawing",
    "PrecisionExperiment",
    "RandomLabelsExperiment",
    "RatesExperiment",
    "ReliabilityExperiment",
    "SaturationExperiment",
    "SliceExperiment",
    "SpectrumExperiment",
    "StabilityExperiment",
    "StochasticExperiment",
    "check_network",
    "experiment_of",
    "from_settings",
    "settings_of",
]
