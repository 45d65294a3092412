"""Listing 6.1: the stochastic gradient method on the points of figure 1; figures 7, 8 and 9."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from netbp.experiments.settings import (
    LAYERS,
    POINTS,
    STREAM,
    ActivationName,
    CostName,
    EngineName,
    PointsName,
    RuleName,
    StreamName,
    cost_of,
    engine_of,
    network_of,
    points_of,
    rule_of,
    settings_of,
    stream_of,
)
from netbp.methods.stochastic import StochasticGradient
from netbp.problem import Problem

if TYPE_CHECKING:
    from netbp.run import Run


@dataclass(frozen=True)
class StochasticExperiment:
    """Train a small network on the points of figure 1 by the stochastic gradient method, as Listing 6.1 does.

    The defaults are the listing's. Raises ValueError when the picture asked for needs costs that are not recorded.
    """

    name: ClassVar[str] = "stochastic"

    rate: float = field(default=0.05, metadata={"help": "learning rate eta of (12)"})
    steps: int = field(default=1_000_000, metadata={"help": "number of steps, the listing's Niter"})
    points: PointsName = field(default="ten", metadata={"help": POINTS})
    layers: str = field(default="2-2-3-2", metadata={"help": LAYERS})
    activation: ActivationName = field(default="sigmoid", metadata={"help": "activation of every layer"})
    cost: CostName = field(default="quadratic", metadata={"help": "cost: quadratic (9) or softmax log loss (32)"})
    rule: RuleName = field(default="sgd", metadata={"help": "how the gradient moves the parameters"})
    batch: int = field(default=1, metadata={"help": "points per step, m of (17)"})
    sampling: Literal["replacement", "epochs"] = field(
        default="replacement", metadata={"help": "draw points with replacement (15) or by epochs (16)"}
    )
    decay: float = field(default=0.0, metadata={"help": "weight decay: adds decay times the parameters to the gradient"})
    penalty: float = field(default=0.0, metadata={"help": "lambda of (33), on the squared weights"})
    scale: float = field(default=0.5, metadata={"help": "standard deviation of the normal start"})
    seed: int = field(default=5000, metadata={"help": "where the random numbers start"})
    stream: StreamName = field(default="matlab", metadata={"help": STREAM})
    record: int = field(default=1, metadata={"help": "record the cost after every so many steps; 0 records none and is faster"})
    engine: EngineName = field(default="auto", metadata={"help": "who does the arithmetic"})
    picture: Literal["costs", "region"] = field(
        default="costs", metadata={"help": "draw the costs (figure 7) or where F_1 > F_2 (figures 8 and 9)"}
    )

    def __post_init__(self) -> None:
        if self.record < 0:
            raise ValueError(f"record must be at least 0, but it is {self.record}")
        if self.picture == "costs" and not self.record:
            raise ValueError("record 0 keeps no costs to draw: use record 1 (or more), or the picture region")

    def problem(self) -> Problem:
        """Cost (9) on the points."""
        network = network_of(self.layers, self.activation)
        return Problem(network, cost_of(self.cost), points_of(self.points), penalty=self.penalty, engine=engine_of(self.engine))

    def method(self) -> StochasticGradient:
        """The stochastic gradient method with these settings."""
        return StochasticGradient(
            rule=rule_of(self.rule), rate=self.rate, batch=self.batch, sampling=self.sampling, weight_decay=self.decay
        )

    def run(self, progress: Any = None, save: Any = None, resume: Any = None) -> Run:
        """Train, from the listing's start and with its choices of points, which come from one stream."""
        from netbp.run import train

        problem, rng = self.problem(), stream_of(self.stream, self.seed)
        start = None if resume is not None else problem.network.draw(rng, self.scale)
        return train(
            problem,
            self.method(),
            self.steps,
            start=start,
            rng=rng,
            record=self.record,
            save=save,
            resume=resume,
            settings=settings_of(self),
            progress=progress,
        )

    def draw(self, run: Run) -> Any:
        """The costs, scaled as in figure 7 to the sum of squares (20 x Cost (6)), or the region of category A; a Figure."""
        from netbp.figures import MARGINS, draw_costs, draw_region, house_style, new_figure

        problem = self.problem()
        with house_style():
            figure, ax = new_figure(margins=MARGINS if self.picture == "costs" else None)
            if self.picture == "costs":
                draw_costs(ax, run, factor=2.0 * problem.N if self.cost == "quadratic" else 1.0)
            else:
                draw_region(ax, problem, run.p)
        return figure
