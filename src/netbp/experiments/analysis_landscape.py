"""Where methods end on the paper's points, how often they succeed, and what the cost looks like between and around the ends."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from netbp.costs import quadratic
from netbp.experiments.settings import LAYERS, POINTS, PointsName, network_of, points_of
from netbp.experiments.stochastic import StochasticExperiment
from netbp.methods.least_squares import LevenbergMarquardt
from netbp.methods.stochastic import StochasticGradient
from netbp.problem import Problem

if TYPE_CHECKING:
    from netbp.analysis.atlas import Atlas
    from netbp.analysis.modes import Connection
    from netbp.analysis.reliability import Reliability
    from netbp.analysis.slices import Slice

SEED = "where the random numbers start"
MethodName = Literal["levenberg", "norms", "stochastic"]


def _method(name: str, rate: float) -> Any:
    known = {
        "levenberg": LevenbergMarquardt(),
        "norms": LevenbergMarquardt(residual="norms"),
        "stochastic": StochasticGradient(rate=rate),
    }
    if name not in known:
        raise ValueError(f"the method can be {', '.join(known)}, but {name!r} was asked for")
    return known[name]


def _problem(points: str, layers: str = "2-2-3-2", penalty: float = 0.0) -> Problem:
    return Problem(network_of(layers), quadratic, points_of(points), penalty=penalty)


@dataclass(frozen=True)
class AtlasExperiment:
    """The end states of a method from many random starts, up to the network's symmetries.

    Section 5 of the paper: the optimisation "cannot always find an acceptable solution". Levenberg-Marquardt on the components of
    the residual, on their norms as the paper's code has it, or the stochastic gradient. With a penalty, Newton's method follows.
    """

    name: ClassVar[str] = "atlas"

    points: PointsName = field(default="ten", metadata={"help": POINTS})
    solver: MethodName = field(default="levenberg", metadata={"help": "Levenberg-Marquardt on components or norms, or stochastic"})
    starts: int = field(default=10_000, metadata={"help": "how many random starts"})
    scale: float = field(default=0.5, metadata={"help": "standard deviation of the normal starts"})
    penalty: float = field(default=0.0, metadata={"help": "lambda of (33); above 0, minima are refined and counted"})
    layers: str = field(default="2-2-3-2", metadata={"help": LAYERS})
    rate: float = field(default=0.05, metadata={"help": "the stochastic gradient's rate"})
    steps: int = field(default=1_000_000, metadata={"help": "the stochastic gradient's steps"})
    level: float = field(default=1e-3, metadata={"help": "the cost that counts as success"})
    tolerance: float = field(default=0.1, metadata={"help": "difference of outputs below which ends are the same"})
    seed: int = field(default=0, metadata={"help": SEED})

    def run(self, progress: Any = None, save: Any = None, resume: Any = None) -> Atlas:
        """All starts, sorted."""
        from netbp.analysis.atlas import atlas

        problem, method = _problem(self.points, self.layers, self.penalty), _method(self.solver, self.rate)
        steps = self.steps if self.solver == "stochastic" else None
        return atlas(problem, method, self.starts, steps, self.seed, self.scale, self.level, self.tolerance, progress=progress)

    def draw(self, result: Atlas | None = None) -> Any:
        """Final costs in order, and the shares of the end states; a Figure."""
        from netbp.figures import house_style, new_figure
        from netbp.figures.analysis_landscape import draw_atlas, draw_end_costs

        result = self.run() if result is None else result
        with house_style():
            figure, (left, right) = new_figure(1, 2, size=(15.0, 5.2))
            draw_end_costs(left, result)
            draw_atlas(right, result)
        return figure


@dataclass(frozen=True)
class ReliabilityExperiment:
    """How often methods find an acceptable solution for the ten and the eleven points, by the scale of the start."""

    name: ClassVar[str] = "reliability"

    scales: str = field(default="0.25,0.5,1,2,4", metadata={"help": "standard deviations of the starts, with commas between"})
    starts: int = field(default=10_000, metadata={"help": "starts for Levenberg-Marquardt"})
    stochastic_starts: int = field(default=1000, metadata={"help": "starts for the stochastic gradient"})
    rate: float = field(default=0.05, metadata={"help": "the stochastic gradient's rate"})
    steps: int = field(default=1_000_000, metadata={"help": "the stochastic gradient's steps"})
    level: float = field(default=1e-3, metadata={"help": "the cost that counts as success"})
    seed: int = field(default=0, metadata={"help": SEED})

    def run(self, progress: Any = None, save: Any = None, resume: Any = None) -> Reliability:
        """Every method on both problems from starts of every scale."""
        from netbp.analysis.reliability import reliability

        methods = {
            "LM, components": (_method("levenberg", self.rate), None, self.starts),
            "LM, norms": (_method("norms", self.rate), None, self.starts),
            "stochastic": (_method("stochastic", self.rate), self.steps, self.stochastic_starts),
        }
        try:
            scales = [float(part) for part in self.scales.split(",")]
        except ValueError:
            raise ValueError(f'scales are numbers with commas between, as in "0.5,1", but got {self.scales!r}') from None
        problems = {f"{points} points": _problem(points) for points in ("ten", "eleven")}
        return reliability(problems, methods, scales, self.level, self.seed, progress=progress)

    def draw(self, result: Reliability | None = None) -> Any:
        """Shares against the scale; a Figure."""
        from netbp.figures.analysis_landscape import draw_reliability
        from netbp.figures.style import drawn

        return drawn(draw_reliability, self.run() if result is None else result, size=(10.0, 5.2))


@dataclass(frozen=True)
class SliceExperiment:
    """The cost on a plane: along the path of Listing 6.1, through three solutions, or in random directions around its end."""

    name: ClassVar[str] = "slice"

    plane: Literal["path", "solutions", "random"] = field(default="path", metadata={"help": "which plane"})
    points: PointsName = field(default="ten", metadata={"help": POINTS})
    steps: int = field(default=1_000_000, metadata={"help": "steps of the path"})
    places: int = field(default=400, metadata={"help": "places of the path, evenly spread"})
    resolution: int = field(default=101, metadata={"help": "places along each side of the plane"})
    seed: int = field(default=5000, metadata={"help": SEED})

    def run(self, progress: Any = None, save: Any = None, resume: Any = None) -> Slice:
        """The costs on the plane."""
        from netbp.analysis.path import visited
        from netbp.analysis.slices import plane_of_path, plane_through, random_directions, slice_plane
        from netbp.matlab import MatlabRandom
        from netbp.sweep import multistart

        problem = _problem(self.points)
        if self.plane == "solutions":
            many = multistart(problem, LevenbergMarquardt(), 20, rng=self.seed)
            return plane_through(problem, many.p[np.argsort(many.costs, kind="stable")[:3]], self.resolution)
        listing = StochasticExperiment(steps=self.steps, points=self.points, seed=self.seed, record=0, picture="region")
        rng = MatlabRandom(self.seed)
        start = problem.network.draw(rng, listing.scale)
        at = np.unique(np.linspace(0, self.steps, self.places).astype(int)).tolist()
        path = np.array([p for _, p in visited(problem, listing.method(), at, start, rng)])
        if self.plane == "path":
            return plane_of_path(problem, path, self.resolution)
        return slice_plane(problem, path[-1], random_directions(problem.network, path[-1], rng=self.seed), n=self.resolution)

    def draw(self, result: Slice | None = None) -> Any:
        """Contours of the logarithm of the cost; a Figure."""
        from netbp.figures.analysis_landscape import draw_slice
        from netbp.figures.style import drawn

        return drawn(draw_slice, self.run() if result is None else result, size=(7.4, 6.0))


@dataclass(frozen=True)
class ConnectExperiment:
    """A quadratic Bezier curve of low cost between two solutions, and the segments between them up to symmetries."""

    name: ClassVar[str] = "connect"

    points: PointsName = field(default="ten", metadata={"help": POINTS})
    align: bool = field(default=False, metadata={"help": "replace the second solution by its image nearest to the first"})
    steps: int = field(default=20_000, metadata={"help": "steps of the curve's training"})
    rate: float = field(default=0.02, metadata={"help": "rate of the curve's training, by Adam"})
    penalty: float = field(default=0.0, metadata={"help": "lambda of (33)"})
    seed: int = field(default=0, metadata={"help": SEED})

    def run(self, progress: Any = None, save: Any = None, resume: Any = None) -> Connection:
        """The best two of 20 solutions, connected."""
        from netbp.analysis.modes import connect
        from netbp.sweep import multistart

        problem = _problem(self.points, penalty=self.penalty)
        many = multistart(problem, LevenbergMarquardt(), 20, rng=self.seed)
        p, q = many.p[np.argsort(many.costs, kind="stable")[:2]]
        return connect(problem, p, q, self.align, self.steps, self.rate, rng=self.seed, progress=progress)

    def draw(self, result: Connection | None = None) -> Any:
        """Costs along the paths; a Figure."""
        from netbp.figures.analysis_landscape import draw_connection
        from netbp.figures.style import drawn

        return drawn(draw_connection, self.run() if result is None else result, size=(7.4, 5.2))
