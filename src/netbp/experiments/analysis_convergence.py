"""How fast Listing 6.1 converges, which method needs least, and which rates work."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

from netbp.costs import quadratic, softmax_log_loss
from netbp.data.planar import two_spirals
from netbp.experiments.settings import POINTS, STREAM, PointsName, StreamName, network_of, points_of, stream_of
from netbp.experiments.stochastic import StochasticExperiment
from netbp.methods.deterministic import LBFGS, NelderMead, NewtonCG, TrustRegion
from netbp.methods.least_squares import LevenbergMarquardt
from netbp.methods.stochastic import SteepestDescent, StochasticGradient
from netbp.problem import Problem
from netbp.rules import adam, momentum

if TYPE_CHECKING:
    from netbp.analysis.comparison import Comparison
    from netbp.analysis.convergence import Convergence
    from netbp.analysis.rates import RateRange, StabilityLimits


@dataclass(frozen=True)
class ConvergenceExperiment:
    """How the cost of Listing 6.1 decays: linear or algebraic, its rate, its plateaus, the ratios of successive costs.

    The defaults are the listing's. Section 6 of the paper: "within around 1e-6 of unity", "very slow linear rate".
    """

    name: ClassVar[str] = "convergence"

    rate: float = field(default=0.05, metadata={"help": "learning rate eta of (12)"})
    steps: int = field(default=1_000_000, metadata={"help": "number of steps"})
    points: PointsName = field(default="ten", metadata={"help": POINTS})
    tail: float = field(default=0.5, metadata={"help": "the last share of the steps, to which the decay is fitted"})
    floor: float = field(default=0.0, metadata={"help": "the infimum of the cost, where it is known"})
    seed: int = field(default=5000, metadata={"help": "where the random numbers start"})
    stream: StreamName = field(default="matlab", metadata={"help": STREAM})

    def run(self, progress: Any = None, save: Any = None, resume: Any = None) -> Convergence:
        """Train and look at the costs."""
        from netbp.analysis.convergence import convergence

        listing = StochasticExperiment(
            rate=self.rate, steps=self.steps, points=self.points, seed=self.seed, stream=self.stream, record=1
        )
        return convergence(listing.run(progress=progress), tail=self.tail, floor=self.floor)

    def draw(self, result: Convergence | None = None) -> Any:
        """Semilogarithmic, doubly logarithmic, and the ratios; a Figure."""
        from netbp.figures import house_style, new_figure
        from netbp.figures.analysis_convergence import draw_convergence

        result = self.run() if result is None else result
        with house_style():
            figure, axes = new_figure(1, 3, size=(17.0, 5.0))
            draw_convergence(axes, result)
        return figure


@dataclass(frozen=True)
class ComparisonExperiment:
    """Every method from the same starts, against the work and the time that it takes.

    It answers the reader of section 4: "Didn't my numerical analysis teacher tell me never to use steepest descent?" The ten
    or eleven points with the paper's network; two spirals, 100 points, with 2-10-10-2 and tanh; or MNIST, its first 1,000 images
    with 784-30-10 and the softmax log loss, which takes minutes.
    """

    name: ClassVar[str] = "compare"

    problem_set: Literal["ten", "eleven", "spirals", "mnist"] = field(default="ten", metadata={"help": "which problem"})
    starts: int = field(default=10, metadata={"help": "how many random starts"})
    budget: float = field(default=20_000.0, metadata={"help": "the most work of each, in gradients of all points"})
    level: float = field(default=1e-4, metadata={"help": "the cost to reach"})
    by: Literal["work", "seconds"] = field(default="work", metadata={"help": "count gradients or time"})
    seed: int = field(default=0, metadata={"help": "where the random numbers start"})

    def run(self, progress: Any = None, save: Any = None, resume: Any = None) -> Comparison:
        """Every method from every start."""
        from netbp.analysis.comparison import compare

        problem, methods, scale = self.setting()
        levels = tuple(self.level * 10.0**k for k in range(3, -1, -1))
        return compare(problem, methods, self.starts, levels, self.budget, self.seed, scale, progress)

    def draw(self, result: Comparison | None = None) -> Any:
        """The costs against the effort, and the performance profile; a Figure."""
        from netbp.figures import house_style, new_figure
        from netbp.figures.analysis_convergence import draw_comparison, draw_profile

        result = self.run() if result is None else result
        with house_style():
            figure, (left, right) = new_figure(1, 2, size=(14.0, 5.2))
            draw_comparison(left, result, self.by)
            draw_profile(right, result.profile(by=self.by))
            left.get_legend().remove()
        return figure

    def setting(self) -> tuple[Problem, dict[str, Any], Any]:
        """The problem, the methods by name, and the scale of the starts. Rates are the best of 1, 2, 5, ... tried for each."""
        from netbp.network import Network, glorot

        second = {"L-BFGS": LBFGS(), "Newton-CG": NewtonCG(), "trust region": TrustRegion()}
        marquardt = {"Levenberg-Marquardt": LevenbergMarquardt(function_tolerance=0.0, step_tolerance=1e-12, iterations=10_000)}
        if self.problem_set in ("ten", "eleven"):
            problem = Problem(network_of("2-2-3-2"), quadratic, points_of(self.problem_set))
            first = {
                "steepest descent, 0.05": SteepestDescent(rate=0.05),
                "steepest descent, 10": SteepestDescent(rate=10.0),
                "stochastic gradient, 0.05": StochasticGradient(rate=0.05),
                "stochastic gradient, 1": StochasticGradient(rate=1.0),
                "momentum, 0.1": StochasticGradient(rate=0.1, rule=momentum),
                "Adam, 0.01": StochasticGradient(rate=0.01, rule=adam),
            }
            return problem, first | second | marquardt | {"Nelder-Mead": NelderMead(iterations=10**6)}, 0.5
        if self.problem_set == "spirals":
            from netbp.activations import tanh

            problem = Problem(Network.dense(2, 10, 10, 2, activation=tanh), quadratic, two_spirals(100, 1.0))
            first = {
                "steepest descent, 0.5": SteepestDescent(rate=0.5),
                "stochastic gradient, 0.05": StochasticGradient(rate=0.05),
                "momentum, 0.005": StochasticGradient(rate=0.005, rule=momentum),
                "Adam, 0.002": StochasticGradient(rate=0.002, rule=adam),
            }
            return problem, first | second | marquardt, glorot
        from netbp.activations import identity, sigmoid
        from netbp.data.mnist import mnist

        data = mnist(training=1000).train
        problem = Problem(Network.dense(784, 30, 10, activation=(sigmoid, identity)), softmax_log_loss, data)
        first = {
            "steepest descent, 0.5": SteepestDescent(rate=0.5),
            "stochastic gradient, 0.05": StochasticGradient(rate=0.05, batch=10),
            "momentum, 0.01": StochasticGradient(rate=0.01, batch=10, rule=momentum),
            "Adam, 0.002": StochasticGradient(rate=0.002, batch=10, rule=adam),
        }
        return problem, first | second, glorot


class Rates(NamedTuple):
    """A range test from the start, and the limits at the start and at the end of Listing 6.1."""

    range: RateRange
    start: StabilityLimits
    end: StabilityLimits

    def __str__(self) -> str:
        return f"{self.range}\nat the start\n{self.start}\nat the end\n{self.end}"


@dataclass(frozen=True)
class RatesExperiment:
    """Learning rates for the paper's problem: the range test, the stability limit 2/lambda_max, and the largest that works."""

    name: ClassVar[str] = "rates"

    method: Literal["steepest", "stochastic"] = field(default="steepest", metadata={"help": "whose range test"})
    lowest: float = field(default=1e-2, metadata={"help": "the range test's first rate"})
    highest: float = field(default=1e3, metadata={"help": "the range test's last rate"})
    test_steps: int = field(default=5000, metadata={"help": "steps of the range test"})
    steps: int = field(default=1_000_000, metadata={"help": "steps of Listing 6.1, at whose end the limits are looked at again"})
    points: PointsName = field(default="ten", metadata={"help": POINTS})
    seed: int = field(default=5000, metadata={"help": "where the random numbers start"})

    def run(self, progress: Any = None, save: Any = None, resume: Any = None) -> Rates:
        """The test and the two limits."""
        from netbp.analysis.rates import rate_range_test, stability_limits

        listing = StochasticExperiment(steps=self.steps, points=self.points, seed=self.seed, record=0, picture="region")
        problem = listing.problem()
        start = problem.network.draw(stream_of("matlab", self.seed), listing.scale)
        method = SteepestDescent() if self.method == "steepest" else StochasticGradient()
        found = rate_range_test(problem, method, self.lowest, self.highest, self.test_steps, start)
        end = listing.run(progress=progress).p
        return Rates(found, stability_limits(problem, start), stability_limits(problem, end))

    def draw(self, result: Rates | None = None) -> Any:
        """The range test with the limits at the start; a Figure."""
        from netbp.figures import house_style, new_figure
        from netbp.figures.analysis_convergence import draw_rate_range

        result = self.run() if result is None else result
        with house_style():
            figure, ax = new_figure(size=(7.4, 5.2))
            draw_rate_range(ax, result.range, result.start.limit, result.start.works.works)
        return figure
