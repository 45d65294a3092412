"""When networks generalise: random labels, algorithmic stability, saturation, dropout as an ensemble."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

import numpy as np

from netbp import activations
from netbp.activations import identity, relu
from netbp.costs import quadratic, softmax_log_loss
from netbp.data.planar import two_spirals
from netbp.experiments.settings import LAYERS, POINTS, ActivationName, PointsName, network_of, points_of, widths
from netbp.methods.stochastic import StochasticGradient
from netbp.network import Network, he
from netbp.problem import Problem
from netbp.rules import adam, momentum
from netbp.types import Data

if TYPE_CHECKING:
    from netbp.analysis.random_labels import RandomLabels
    from netbp.analysis.saturated import Saturated
    from netbp.analysis.stability import Stability

SEED = "where the random numbers start"
PlaneName = Literal["points", "spirals"]
PLANE = "the ten points with normal errors, or two spirals with them"
NOISE = "standard deviation of the errors in the points"


def drawn_points(name: str, N: int, noise: float, seed: int) -> Data:
    """N independent points of the plane: one of the paper's ten, or of two spirals, with normal errors, and its category."""
    generator = np.random.default_rng(seed)
    if name == "points":
        x, y, _ = points_of("ten")
        chosen = generator.integers(0, 10, N)
        places, targets = np.asarray(x)[chosen], np.asarray(y)[chosen]
    elif name == "spirals":
        where, labels, _ = two_spirals(2000)
        chosen = generator.integers(0, 2000, N)
        places, targets = np.asarray(where)[chosen], np.asarray(labels)[chosen]
    else:
        raise ValueError(f"the set of the plane can be points or spirals, but {name!r} was asked for")
    return Data(places + noise * generator.standard_normal(places.shape), targets)


def _shares(text: str) -> list[float]:
    try:
        return sorted({float(part) for part in text.split(",")})
    except ValueError:
        raise ValueError(f'shares are numbers with commas between, as in "0,0.5,1", but got {text!r}') from None


def _spread(steps: int) -> list[int]:
    """Numbers of steps from 10 on, four a decade, with the last. Raises ValueError for fewer than one."""
    if steps < 1:
        raise ValueError(f"steps must be at least 1, but it is {steps}")
    return sorted({*np.rint(10.0 ** np.arange(1.0, np.log10(steps), 0.25)).astype(int).tolist(), steps})


@dataclass(frozen=True)
class RandomLabelsExperiment:
    """Fit true and random labels with the same network: Zhang et al., reference [36] of the paper.

    In the plane a ReLU network by Adam; with --data cifar the network of section 7.4 by momentum on the first images of CIFAR-10,
    standardised, without dropout, flips or decay, from He's start, its rate falling by 3 % an epoch. Held-out labels stay true.
    """

    name: ClassVar[str] = "random-labels"

    data: Literal["points", "spirals", "cifar"] = field(default="points", metadata={"help": f"{PLANE}; or CIFAR-10"})
    N: int = field(default=30, metadata={"help": "training points of the plane"})
    images: int = field(default=5000, metadata={"help": "training images of CIFAR-10"})
    shares: str = field(default="", metadata={"help": "shares of random labels; in the plane 0,0.25,0.5,0.75,1, else 0,1"})
    replicates: int = field(default=0, metadata={"help": "networks for each share; 10 in the plane and 1 for CIFAR-10"})
    epochs: int = field(default=0, metadata={"help": "the most epochs; 3,000 in the plane and 100 for CIFAR-10"})
    width: int = field(default=100, metadata={"help": "neurons in each of the two hidden layers in the plane"})
    noise: float = field(default=0.1, metadata={"help": NOISE})
    held_out: int = field(default=2000, metadata={"help": "unseen points or images"})
    rate: float = field(default=0.0, metadata={"help": "the learning rate; 0.003 in the plane and 0.01 for CIFAR-10"})
    seed: int = field(default=0, metadata={"help": SEED})
    device: str = field(default="cpu", metadata={"help": "where the tensor engine works for CIFAR-10: cpu, cuda"})

    def parts(self) -> tuple[Problem, StochasticGradient, int]:
        """The problem with true labels, the method, and the steps of an epoch."""
        if self.data == "cifar":
            from netbp.engines.tensor import Tensor
            from netbp.experiments.cifar import CifarExperiment

            cifar = CifarExperiment(train_images=self.images, test_images=self.held_out, flips=False, preprocessing="standardise")
            train, held_out = cifar.prepared.train, cifar.prepared.held_out
            problem = Problem(cifar.network(), softmax_log_loss, train, held_out, engine=Tensor(device=self.device))
            per = -(-problem.N // 50)
            eta = self.rate or 0.01
            method = StochasticGradient(
                momentum, lambda t: eta * 0.97 ** ((t - 1) // per), 50, sampling="epochs", constants={"mu": 0.9}
            )
            return problem, method, per
        train = drawn_points(self.data, self.N, self.noise, self.seed)
        held_out = drawn_points(self.data, self.held_out, self.noise, self.seed + 1)
        network = Network.dense(2, self.width, self.width, 2, activation=[relu, relu, identity])
        problem = Problem(network, softmax_log_loss, train, held_out)
        batch = min(10, self.N)
        return problem, StochasticGradient(adam, self.rate or 0.003, batch, sampling="epochs"), -(-self.N // batch)

    def run(self, progress: Any = None, save: Any = None, resume: Any = None) -> RandomLabels:
        """All shares and replicates."""
        from netbp.analysis.random_labels import random_labels

        plane = self.data != "cifar"
        problem, method, per = self.parts()
        shares = _shares(self.shares or ("0,0.25,0.5,0.75,1" if plane else "0,1"))
        epochs, replicates = self.epochs or (3000 if plane else 100), self.replicates or (10 if plane else 1)
        return random_labels(problem, method, epochs * per, per, shares, replicates, he, self.seed, progress)

    def draw(self, result: RandomLabels | None = None) -> Any:
        """Training errors by epoch, epochs to fit, errors on unseen points, and margins; a Figure."""
        from netbp.figures import house_style, new_figure
        from netbp.figures.analysis_regularity import draw_fit_times, draw_fits, draw_margins, draw_unseen

        result = self.run() if result is None else result
        with house_style():
            figure, axes = new_figure(2, 2, size=(13.0, 9.6))
            draw_fits(axes[0, 0], result)
            draw_fit_times(axes[0, 1], result)
            draw_unseen(axes[1, 0], result)
            draw_margins(axes[1, 1], result)
        return figure


class Stabilities(NamedTuple):
    """Twins of logistic regression at a constant rate, and of a network with rates c/t and at a constant rate.

    gap: what theorem 3.12 allows as generalisation gap for the rates c/t.
    """

    convex: Stability
    falling: Stability
    constant: Stability
    gap: float

    def __str__(self) -> str:
        return (
            f"logistic regression, constant rate\n{self.convex}\n\nnetwork, rates c/t\n{self.falling}\n"
            f"theorem 3.12 allows a generalisation gap of {self.gap:.3g}; costs of a point are at most "
            f"{self.falling.constants.largest:.3g}\n\nnetwork, constant rate\n{self.constant}"
        )


@dataclass(frozen=True)
class StabilityExperiment:
    """Twin runs that differ in one point: Hardt, Recht & Singer, reference [15] of the paper.

    Logistic regression at the rate 1/beta, where theorem 3.7 holds; a network with rates c/t, where 3.12 does, and with its own
    constant rate.
    """

    name: ClassVar[str] = "stability"

    data: PlaneName = field(default="points", metadata={"help": PLANE})
    N: int = field(default=100, metadata={"help": "training points"})
    noise: float = field(default=0.1, metadata={"help": NOISE})
    twins: int = field(default=200, metadata={"help": "pairs of runs"})
    steps: int = field(default=30_000, metadata={"help": "steps of each"})
    layers: str = field(default="2-2-3-2", metadata={"help": f"{LAYERS}, of the network"})
    c: float = field(default=100.0, metadata={"help": "c of the rates min(1, c/t)"})
    rate: float = field(default=0.05, metadata={"help": "the network's constant rate"})
    seed: int = field(default=0, metadata={"help": SEED})

    def run(self, progress: Any = None, save: Any = None, resume: Any = None) -> Stabilities:
        """All three."""
        from netbp.analysis.stability import gap_bound, logistic_constants, twin_runs

        data, spare = (drawn_points(self.data, N, self.noise, self.seed + k) for k, N in enumerate((self.N, 1000)))
        line = Problem(Network.dense(2, 2, activation=identity), softmax_log_loss, data)
        network = Problem(network_of(self.layers), quadratic, data)
        known = logistic_constants(line, spare.x)
        settings: list[tuple[Problem, Any]] = [(line, 1.0 / known.smoothness)]
        settings += [(network, lambda t: min(1.0, self.c / t)), (network, self.rate)]
        found: list[Stability] = []
        for k, (problem, rate) in enumerate(settings):
            found.append(twin_runs(problem, spare, rate, _spread(self.steps), self.twins, rng=self.seed + k))
            if progress is not None:
                progress(k + 1, 3, found[-1].costs[0])
        return Stabilities(found[0], found[1], found[2], gap_bound(found[1].constants, self.N, self.c, self.steps))

    def draw(self, result: Stabilities | None = None) -> Any:
        """Distances and bounds of the three; a Figure."""
        from netbp.figures import house_style, new_figure
        from netbp.figures.analysis_regularity import draw_twins

        result = self.run() if result is None else result
        titles = ("logistic regression", "network, rates c/t", "network, constant rate")
        with house_style():
            figure, axes = new_figure(1, 3, size=(18.0, 5.4))
            for ax, found, title in zip(axes, result[:3], titles, strict=True):
                draw_twins(ax, found)
                ax.set_title(title)
        return figure


class Saturations(NamedTuple):
    """Flat and dead neurons along the runs of each activation."""

    runs: tuple[Saturated, ...]

    def __str__(self) -> str:
        return "\n\n".join(str(run) for run in self.runs)


@dataclass(frozen=True)
class SaturationExperiment:
    """Saturated and dead neurons by layer along runs with every activation: section 8, "Which nonlinearity?".

    All layers have the activation, as in sections 2 to 6; all networks have the same starts and the same points.
    """

    name: ClassVar[str] = "saturation"

    points: PointsName = field(default="ten", metadata={"help": POINTS})
    layers: str = field(default="2-10-10-2", metadata={"help": LAYERS})
    rate: float = field(default=0.05, metadata={"help": "learning rate eta"})
    steps: int = field(default=100_000, metadata={"help": "steps of the stochastic gradient"})
    scale: float = field(default=0.5, metadata={"help": "standard deviation of the normal starts"})
    starts: int = field(default=40, metadata={"help": "how many runs with each activation"})
    seed: int = field(default=0, metadata={"help": SEED})

    def run(self, progress: Any = None, save: Any = None, resume: Any = None) -> Saturations:
        """Every activation of the package."""
        from netbp.analysis.saturated import saturation_along

        at = [0, *_spread(self.steps)]
        names, found = ActivationName.__args__, []  # type: ignore[attr-defined]
        for k, name in enumerate(names):
            network = Network.dense(*widths(self.layers), activation=getattr(activations, name))
            problem = Problem(network, quadratic, points_of(self.points))
            starts = np.array([network.draw(np.random.default_rng([self.seed, m]), self.scale) for m in range(self.starts)])
            found.append(saturation_along(problem, StochasticGradient(rate=self.rate), at, starts, rng=self.seed, name=name))
            if progress is not None:
                progress(k + 1, len(names), float(np.median(found[-1].costs[-1])))
        return Saturations(tuple(found))

    def draw(self, result: Saturations | None = None) -> Any:
        """Costs, and flat and dead neurons by layer; a Figure."""
        from netbp.figures import house_style, new_figure
        from netbp.figures.analysis_regularity import draw_saturation, draw_saturation_costs

        result = self.run() if result is None else result
        layers = result.runs[0].layers
        with house_style():
            figure, axes = new_figure(2, 1 + len(layers), size=(5.0 * (1 + len(layers)), 9.0))
            draw_saturation_costs(axes[0, 0], result.runs)
            axes[1, 0].set_axis_off()
            for k, layer in enumerate(layers, start=1):
                draw_saturation(axes[0, k], result.runs, layer)
                draw_saturation(axes[1, k], result.runs, layer, "dead")
        return figure
