"""Training as time stepping: the gradient flow, its discretisations, the diffusion of the stochastic gradient, first passages."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

import numpy as np

from netbp.activations import identity
from netbp.costs import quadratic
from netbp.experiments.settings import POINTS, STREAM, PointsName, StreamName, network_of, points_of, stream_of
from netbp.methods.least_squares import LevenbergMarquardt
from netbp.network import Network
from netbp.problem import Problem
from netbp.types import Data

if TYPE_CHECKING:
    from netbp.analysis.bands import Bands
    from netbp.analysis.escape import Escapes
    from netbp.analysis.flow import EulerOrder, Flow
    from netbp.analysis.timesteps import TimeSteps
    from netbp.analysis.weak import LinearOrders, WeakErrors

SEED = "where the random numbers start"


def _numbers(text: str, what: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise ValueError(f'{what} are numbers with commas between, as in "4,2,1", but got {text!r}') from None


class Flows(NamedTuple):
    """The gradient flow, steepest descent's errors against it, and a trust-region method's steps beside it."""

    flow: Flow
    euler: EulerOrder
    steps: TimeSteps

    def __str__(self) -> str:
        return f"gradient flow\n{self.flow}\n\nEuler's method\n{self.euler}\n\ntrust region\n{self.steps}"


@dataclass(frozen=True)
class FlowExperiment:
    """The gradient flow from Listing 6.1's start, steepest descent as Euler's method, trust-region steps as time steps."""

    name: ClassVar[str] = "flow"

    time: float = field(default=50_000.0, metadata={"help": "until when; the listing's million steps of 0.05 take 50,000"})
    integrator: Literal["LSODA", "Radau", "BDF", "RK45", "DOP853"] = field(default="LSODA", metadata={"help": "SciPy's integrator"})
    tolerance: float = field(default=1e-8, metadata={"help": "its relative tolerance"})
    euler_time: float = field(default=400.0, metadata={"help": "the time of Euler's errors"})
    rates: str = field(default="4,2,1,0.5,0.25", metadata={"help": "Euler's rates, with commas between"})
    points: PointsName = field(default="ten", metadata={"help": POINTS})
    seed: int = field(default=5000, metadata={"help": SEED})
    stream: StreamName = field(default="matlab", metadata={"help": STREAM})

    def run(self, progress: Any = None, save: Any = None, resume: Any = None) -> Flows:
        """All three."""
        from netbp.analysis.flow import euler_order, gradient_flow
        from netbp.analysis.timesteps import trust_steps

        problem = Problem(network_of("2-2-3-2"), quadratic, points_of(self.points))
        start = problem.network.draw(stream_of(self.stream, self.seed))
        times = np.concatenate([[0.0], np.geomspace(min(0.1, 1e-3 * self.time), self.time, 200)])
        flow = gradient_flow(problem, start, times, self.integrator, self.tolerance)
        euler = euler_order(problem, start, self.euler_time, _numbers(self.rates, "rates"))
        return Flows(flow, euler, trust_steps(problem, start, followed=self.time))

    def draw(self, result: Flows | None = None) -> Any:
        """The flow with the steps, the steps' lengths, and Euler's errors; a Figure."""
        from netbp.figures import house_style, new_figure
        from netbp.figures.analysis_dynamics import draw_flow, draw_orders, draw_time_steps

        result = self.run() if result is None else result
        with house_style():
            figure, axes = new_figure(1, 3, size=(17.0, 5.0))
            draw_flow(axes[0], result.flow, result.steps)
            draw_time_steps(axes[1], result.steps)
            draw_orders(axes[2], result.euler)
        return figure


class Diffusions(NamedTuple):
    """Exact orders on a linear problem, measured errors on the network, and bands."""

    linear: LinearOrders
    network: WeakErrors
    bands: Bands

    def __str__(self) -> str:
        return f"linear least squares\n{self.linear}\n\nnetwork\n{self.network}\n\nbands\n{self.bands}"


@dataclass(frozen=True)
class DiffusionExperiment:
    """The stochastic gradient beside the diffusion dp = -grad Cost dt + sqrt(eta) Sigma^(1/2) dW and the noise-free flow.

    First linear least squares on the ten points, a line fitted to their categories, where moments are known; then the paper's
    network from Listing 6.1's start.
    """

    name: ClassVar[str] = "diffusion"

    time: float = field(default=40.0, metadata={"help": "the time at which means are compared on the network"})
    rates: str = field(default="8,4,2", metadata={"help": "rates there, with commas between"})
    networks: int = field(default=1000, metadata={"help": "networks in each of those ensembles"})
    batch: int = field(default=1, metadata={"help": "points per step, m of (17)"})
    band_rate: float = field(default=2.0, metadata={"help": "the rate of the bands"})
    band_time: float = field(default=2000.0, metadata={"help": "until when they go"})
    band_networks: int = field(default=100, metadata={"help": "networks in each of the bands' ensembles"})
    seed: int = field(default=5000, metadata={"help": SEED})

    def run(self, progress: Any = None, save: Any = None, resume: Any = None) -> Diffusions:
        """All three."""
        from netbp.analysis.bands import cost_bands
        from netbp.analysis.weak import linear_orders, weak_errors

        data = points_of("ten")
        y = np.asarray(data.y)
        line = Problem(Network.dense(2, 1, activation=identity), quadratic, Data(data.x, y[:, :1]))
        linear = linear_orders(line, [1.0, -1.0, 0.5], 4.0, [0.5, 0.25, 0.125, 0.0625, 0.03125], self.batch)
        problem = Problem(network_of("2-2-3-2"), quadratic, data)
        start, rates = problem.network.draw(stream_of("matlab", self.seed)), _numbers(self.rates, "rates")
        network = weak_errors(problem, start, self.time, rates, self.networks, self.batch, rng=self.seed, progress=progress)
        times = self.band_rate * np.unique(np.rint(np.linspace(0, self.band_time, 81) / self.band_rate))
        bands = cost_bands(problem, start, self.band_rate, times, self.band_networks, self.batch, rng=self.seed)
        return Diffusions(linear, network, bands)

    def draw(self, result: Diffusions | None = None) -> Any:
        """Errors of means and covariances on the linear problem; errors and bands on the network; a Figure."""
        from netbp.figures import house_style, new_figure
        from netbp.figures.analysis_dynamics import draw_bands, draw_orders, draw_weak_errors

        result = self.run() if result is None else result
        with house_style():
            figure, axes = new_figure(2, 2, size=(14.0, 9.6))
            draw_orders(axes[0, 0], result.linear, "mean")
            draw_orders(axes[0, 1], result.linear, "covariance")
            draw_weak_errors(axes[1, 0], result.network)
            draw_bands(axes[1, 1], result.bands)
        return figure


@dataclass(frozen=True)
class EscapeExperiment:
    """How long the stochastic gradient takes to leave a poor minimum of the penalised problem, against eta/m.

    The start is the isolated minimum of second lowest cost that Levenberg-Marquardt and Newton's method find from 200 starts, and
    a network has left when steepest descent leads it below the middle between the two costs.
    """

    name: ClassVar[str] = "escape"

    layers: str = field(default="2-2-2", metadata={"help": "widths of the layers, from input to output"})
    points: PointsName = field(default="ten", metadata={"help": POINTS})
    penalty: float = field(default=1e-3, metadata={"help": "lambda of (33)"})
    strengths: str = field(default="0.2,0.3,0.4,0.6,0.8", metadata={"help": "values of eta/m, with commas between"})
    batches: str = field(default="1,2", metadata={"help": "batch sizes m, with commas between"})
    horizon: float = field(default=30_000.0, metadata={"help": "until when they are watched"})
    networks: int = field(default=60, metadata={"help": "how many for each rate and batch"})
    seed: int = field(default=0, metadata={"help": SEED})

    def run(self, progress: Any = None, save: Any = None, resume: Any = None) -> Escapes:
        """The first passages."""
        from netbp.analysis.atlas import atlas
        from netbp.analysis.escape import escape_times

        problem = Problem(network_of(self.layers), quadratic, points_of(self.points), penalty=self.penalty)
        found = atlas(problem, LevenbergMarquardt(), 200, rng=self.seed, scale=1.0).minima
        if len(found) < 2:
            raise ValueError(f"with the penalty {self.penalty:g} only {len(found)} isolated minima were found: try another")
        best, poor = found[0].costs[0], found[1]
        assert poor.minimum is not None
        settings = [(x * m, int(m)) for m in _numbers(self.batches, "batches") for x in _numbers(self.strengths, "strengths")]
        quench = (0.5 / poor.minimum.highest, 1000)
        level = 0.5 * (best + poor.costs[0])
        return escape_times(problem, poor.p, level, settings, self.horizon, self.networks, 50.0, quench, self.seed, progress)

    def draw(self, result: Escapes | None = None) -> Any:
        """Mean times against m/eta; a Figure."""
        from netbp.figures.analysis_dynamics import draw_escapes
        from netbp.figures.style import drawn

        return drawn(draw_escapes, self.run() if result is None else result, size=(7.4, 5.2))
