"""The lab's experiment: any small network on any points of the plane by any method; with its defaults it is Listing 6.1."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from math import isfinite
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from netbp.experiments.plane_limits import check
from netbp.experiments.plane_texts import Points, activations_of, changes_of, changes_text, constants_of, points_of
from netbp.experiments.settings import CostName, RuleName, StreamName, cost_of, rule_of, settings_of, stream_of, widths
from netbp.methods import Method
from netbp.methods.deterministic import LBFGS, NelderMead, NewtonCG, TrustRegion
from netbp.methods.least_squares import LevenbergMarquardt
from netbp.methods.schedules import by_step
from netbp.methods.stochastic import SteepestDescent, StochasticGradient
from netbp.network import Network
from netbp.problem import Problem
from netbp.types import Data, Vector

if TYPE_CHECKING:
    from netbp.run import Run

MethodName = Literal["stochastic", "steepest", "levenberg-marquardt", "l-bfgs", "newton-cg", "trust-region", "nelder-mead"]
HELD_OUT = 2_000_003  # tells the stream that chooses held-out points from the one that draws the start
GRADIENT, LM, QUASI = ["stochastic", "steepest"], ["levenberg-marquardt"], ["l-bfgs", "newton-cg", "trust-region", "nelder-mead"]


def _told(group: str, help: str, equation: str = "", **more: Any) -> dict[str, Any]:
    """What the page says of a field: help in a line, the equation behind it, the group of controls that it belongs to."""
    return {"help": help, "group": group} | ({"equation": equation} if equation else {}) | more


@dataclass(frozen=True)
class PlaneExperiment:
    """Train a small network on points of the plane, by any method: what the lab's page shows. The defaults are Listing 6.1.

    Raises ValueError, in a line, for fields that no run could use, or that go beyond the lab's limits.
    """

    name: ClassVar[str] = "plane"

    points: str = field(
        default="ten",
        metadata=_told(
            "points",
            "ten (figure 1), eleven (figure 5), a drawn set such as moons:100:0.03:0, or a list such as 0.1,0.1,A;0.6,0.3,B; "
            "a star, as in 0.5,0.4,A*, holds a point out",
            "(3), (5)",
            example="eleven",
        ),
    )
    held_out: float = field(
        default=0.0, metadata=_told("points", "share of the points that are only looked at, never trained on", "section 6")
    )
    layers: str = field(
        default="2-2-3-2",
        metadata=_told(
            "network", "widths of the layers, from the two inputs to one output for each category", "(7)", example="2-5-2"
        ),
    )
    activation: str = field(
        default="sigmoid",
        metadata=_told(
            "network",
            "activation of every layer, or one for each with commas between: sigmoid, tanh, relu, leaky_relu, identity, step",
            "(1), (31)",
            example="tanh,relu,identity",
        ),
    )
    cost: CostName = field(
        default="quadratic", metadata=_told("problem", "what is minimised: quadratic, or softmax log loss", "(9), (32)")
    )
    penalty: float = field(
        default=0.0, metadata=_told("problem", "lambda, which weighs the sum of the squared weights in the cost", "(33)")
    )
    method: MethodName = field(
        default="stochastic",
        metadata=_told(
            "method",
            "how the parameters move: gradient steps for points at random, for all points, or others",
            "(12), (15)",
        ),
    )
    rule: RuleName = field(
        default="sgd",
        metadata=_told("method", "what a step makes of the gradient: sgd takes it as it is", "(12)", methods=GRADIENT),
    )
    constants: str = field(
        default="",
        metadata=_told("method", "the rule's own constants, such as mu=0.9 for momentum", methods=GRADIENT, example="mu=0.5"),
    )
    rate: float = field(
        default=0.05,
        metadata=_told("method", "learning rate eta: how far a step goes against the gradient", "(12)", methods=GRADIENT),
    )
    changes: str = field(
        default="",
        metadata=_told(
            "method",
            "other rates from given steps on: 5000:0.01;10000:0.001 has 0.01 after step 5000",
            "(12)",
            methods=GRADIENT,
            example="5000:0.01",
        ),
    )
    batch: int = field(default=1, metadata=_told("method", "how many points a step uses, m", "(17)", methods=["stochastic"]))
    sampling: Literal["replacement", "epochs"] = field(
        default="replacement",
        metadata=_told(
            "method",
            "draw each step's points anew, or go through all in epochs",
            "(15), (16)",
            methods=["stochastic"],
        ),
    )
    decay: float = field(
        default=0.0, metadata=_told("method", "weight decay: adds decay times p to every gradient", "section 7", methods=GRADIENT)
    )
    residual: Literal["components", "norms"] = field(
        default="components",
        metadata=_told(
            "method",
            "squares the entries of y - a, or the norms that the paper gives lsqnonlin",
            "(6)",
            methods=LM,
        ),
    )
    damping: float = field(default=0.01, metadata=_told("method", "the first mu of (J'J + mu I) d = -J'r", "section 2", methods=LM))
    lm_tolerance: float = field(
        default=1e-6, metadata=_told("method", "stop when an iteration gains, or moves, relatively less", "section 2", methods=LM)
    )
    tolerance: float = field(
        default=1e-8, metadata=_told("method", "stop when the gradient, or the step, is smaller", "(12)", methods=QUASI)
    )
    pairs: int = field(
        default=10, metadata=_told("method", "how many steps and changes of the gradient it remembers", methods=["l-bfgs"])
    )
    scale: float = field(
        default=0.5, metadata=_told("start", "standard deviation of the normal numbers that the parameters start with", "section 6")
    )
    seed: int = field(
        default=5000, metadata=_told("start", "where the random numbers start; the same seed gives the same run", "section 6")
    )
    stream: StreamName = field(
        default="matlab", metadata=_told("start", "whose random numbers: MATLAB's, as in Listing 6.1, or NumPy's", "section 6")
    )
    start: int = field(default=0, metadata=_told("start", "0 draws it from the stream; k takes the k-th of multistart's"))
    steps: int = field(default=1_000_000, metadata=_told("run", "where the run ends, the listing's Niter", "section 6"))
    record: int = field(default=1, metadata=_told("run", "record the cost after every so many steps; 0 records none", "(9)"))

    def __post_init__(self) -> None:
        check(self)

    # -- what it is made of ----------------------------------------------------------------------------------------

    @property
    def labelled(self) -> Points:
        """All points, held out or not, with their categories."""
        return points_of(self.points)

    @cached_property
    def held(self) -> Any:
        """Which points are held out, (N,) of booleans: those with a star, or a share by a stream of its own from the seed."""
        if not self.held_out:
            return self.labelled.starred
        N = len(self.labelled.labels)
        count = min(N - 1, round(self.held_out * N))
        out = np.zeros(N, dtype=bool)
        out[np.random.default_rng([self.seed, HELD_OUT]).permutation(N)[:count]] = True
        return out

    def problem(self) -> Problem:
        """The cost on the points that are not held out."""
        sizes = widths(self.layers)
        network = Network.dense(*sizes, activation=activations_of(self.activation, len(sizes) - 1))
        (x, labels, _), held = self.labelled, self.held
        y = np.eye(sizes[-1])[labels]
        seen = Data(x[held], y[held]) if held.any() else None
        return Problem(network, cost_of(self.cost), Data(x[~held], y[~held]), seen, self.penalty)

    def chosen_method(self) -> Method:
        """The method with these settings."""
        rate = by_step(self.rate, *changes_of(self.changes)) if self.changes else self.rate
        gradient: dict[str, Any] = {
            "rule": rule_of(self.rule),
            "rate": rate,
            "constants": constants_of(self.constants),
            "weight_decay": self.decay,
        }
        most = max(1, self.steps)
        makers: dict[str, Any] = {
            "stochastic": lambda: StochasticGradient(batch=self.batch, sampling=self.sampling, **gradient),
            "steepest": lambda: SteepestDescent(**gradient),
            "levenberg-marquardt": lambda: LevenbergMarquardt(
                self.residual, most, damping=self.damping, function_tolerance=self.lm_tolerance, step_tolerance=self.lm_tolerance
            ),
            "l-bfgs": lambda: LBFGS(most, pairs=self.pairs, gradient_tolerance=self.tolerance),
            "newton-cg": lambda: NewtonCG(most, step_tolerance=self.tolerance),
            "trust-region": lambda: TrustRegion(most, gradient_tolerance=self.tolerance),
            "nelder-mead": lambda: NelderMead(most, parameter_tolerance=self.tolerance),
        }
        if self.method not in makers:
            raise ValueError(f"the method can be {', '.join(makers)}, but {self.method!r} was asked for")
        made: Method = makers[self.method]()
        return made

    def beginning(self, network: Network) -> tuple[Vector, Any]:
        """The start p (s,), and the random stream behind it, which serves the method."""
        if self.start:
            spawned = np.random.SeedSequence(self.seed, spawn_key=(self.start - 1,))  # what `multistart` spawns for this start
            rng: Any = np.random.default_rng(spawned)
        else:
            rng = stream_of(self.stream, self.seed)
        return network.draw(rng, self.scale), rng

    # -- running and drawing ---------------------------------------------------------------------------------------

    def run(self, progress: Any = None, save: Any = None, resume: Any = None) -> Run:
        """Train; with held-out points the costs are recorded at 1,000 steps at most, since both are looked at there."""
        from netbp.run import train

        problem = self.problem()
        start, rng = self.beginning(problem.network)
        record = self.record if problem.held_out is None else max(self.record, self.steps // 1000)
        return train(
            problem,
            self.chosen_method(),
            self.steps,
            start=None if resume is not None else start,
            rng=rng,
            record=record,
            save=save,
            resume=resume,
            settings=settings_of(self),
            progress=progress,
        )

    def draw(self, run: Run) -> Any:
        """The plane with its regions and points, and beside it the costs where some were recorded; a Figure."""
        from netbp.figures import draw_costs, draw_region, house_style, new_figure

        problem, curve = self.problem(), run.series.get("cost")
        with house_style():
            if curve is None or not len(curve.values):
                figure, ax = new_figure()
                axes = [ax]
            else:
                figure, axes = new_figure(columns=2, size=(12.0, 4.8))
                draw_costs(axes[1], run, points=min(1000, len(curve.values)), factor=self.factor)
            draw_region(axes[0], problem, run.p, extent=self.extent, data=problem.data)
        return figure

    @property
    def factor(self) -> float:
        """What makes the cost (9) the listing's sum of squares, 2 N; 1 for the log loss."""
        return 2.0 * float((~self.held).sum()) if self.cost == "quadratic" else 1.0

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """The part of the plane to show: the unit square, or a larger one where points lie outside."""
        x = self.labelled.x
        low, high = float(min(0.0, x.min())), float(max(1.0, x.max()))
        if low == 0.0 and high == 1.0:
            return (0.0, 1.0, 0.0, 1.0)
        middle, half = (x.min(axis=0) + x.max(axis=0)) / 2, 0.55 * float(np.ptp(x, axis=0).max() or 1.0)
        a, b = middle.tolist()
        if (np.abs(middle - 0.5) + half <= 1.0).all():  # near the unit square: keep it in sight
            a = b = 0.5
            half = 1.05 * max(0.5, float(np.abs(x - 0.5).max()))
        return (a - half, a + half, b - half, b + half)


def changed(experiment: PlaneExperiment, step: int, rate: float) -> PlaneExperiment:
    """The same experiment with another rate from `step` on, without the changes that were to come after it.

    Raises ValueError for a method without a rate.
    """
    if experiment.method not in GRADIENT:
        raise ValueError(f"{experiment.method} has no rate to change: choose the stochastic gradient or steepest descent")
    if not (isfinite(rate) and rate >= 0.0):
        raise ValueError(f"the rate must be a finite number of at least 0, but it is {rate!r}")
    if step == 0:
        return replace(experiment, rate=rate, changes="")
    kept = tuple(change for change in changes_of(experiment.changes) if change[0] < step)
    return replace(experiment, changes=changes_text((*kept, (step, rate))))
