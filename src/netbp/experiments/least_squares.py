"""The nonlinear least squares fits of section 2: figures 4 and 5."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from netbp.costs import quadratic
from netbp.experiments.settings import (
    LAYERS,
    POINTS,
    STREAM,
    ActivationName,
    EngineName,
    PointsName,
    StreamName,
    engine_of,
    network_of,
    points_of,
    settings_of,
    stream_of,
)
from netbp.methods.least_squares import LevenbergMarquardt
from netbp.problem import Problem

if TYPE_CHECKING:
    from netbp.run import Run


@dataclass(frozen=True)
class LeastSquaresExperiment:
    """Fit a small network to the points of figure 1 by Levenberg-Marquardt, as MATLAB's lsqnonlin does in section 2.

    The defaults are the paper's: the N norms as residuals, the start of Listing 6.1, and lsqnonlin's tolerances.
    """

    name: ClassVar[str] = "least-squares"

    points: PointsName = field(default="ten", metadata={"help": POINTS})
    residual: Literal["norms", "components"] = field(
        default="norms", metadata={"help": "residuals: the N norms ||y - a||, or the N n_L entries of y - a"}
    )
    layers: str = field(default="2-2-3-2", metadata={"help": LAYERS})
    activation: ActivationName = field(default="sigmoid", metadata={"help": "activation of every layer"})
    iterations: int = field(default=400, metadata={"help": "the most iterations"})
    damping: float = field(default=0.01, metadata={"help": "the first damping mu"})
    function_tolerance: float = field(default=1e-6, metadata={"help": "stop when an iteration gains relatively less than this"})
    step_tolerance: float = field(default=1e-6, metadata={"help": "stop when a step is relatively shorter than this"})
    scale: float = field(default=0.5, metadata={"help": "standard deviation of the normal start"})
    seed: int = field(default=5000, metadata={"help": "where the random numbers start"})
    stream: StreamName = field(default="matlab", metadata={"help": STREAM})
    engine: EngineName = field(default="auto", metadata={"help": "who does the arithmetic"})
    picture: Literal["region", "costs"] = field(
        default="region", metadata={"help": "draw where F_1 > F_2 (figures 4 and 5) or the costs"}
    )

    def problem(self) -> Problem:
        """Cost (6) on the points."""
        return Problem(network_of(self.layers, self.activation), quadratic, points_of(self.points), engine=engine_of(self.engine))

    def method(self) -> LevenbergMarquardt:
        """Levenberg-Marquardt with these settings."""
        return LevenbergMarquardt(
            residual=self.residual,
            iterations=self.iterations,
            damping=self.damping,
            function_tolerance=self.function_tolerance,
            step_tolerance=self.step_tolerance,
        )

    def run(self, progress: Any = None, save: Any = None, resume: Any = None) -> Run:
        """Fit, recording the cost of every iteration."""
        from netbp.run import train

        problem, rng = self.problem(), stream_of(self.stream, self.seed)
        start = None if resume is not None else problem.network.draw(rng, self.scale)
        return train(
            problem, self.method(), start=start, rng=rng, save=save, resume=resume, settings=settings_of(self), progress=progress
        )

    def draw(self, run: Run) -> Any:
        """The region of category A, or the sum of squares after each iteration; a Figure."""
        from netbp.figures import MARGINS, draw_costs, draw_region, house_style, new_figure

        problem = self.problem()
        with house_style():
            figure, ax = new_figure(margins=MARGINS if self.picture == "costs" else None)
            if self.picture == "region":
                draw_region(ax, problem, run.p)
            else:
                draw_costs(ax, run, points=len(run.costs), factor=2.0 * problem.N)
        return figure
