"""When a network generalises: errors against a setting, early stopping beside the penalty, double descent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from netbp.methods.deterministic import LBFGS
from netbp.methods.least_squares import LevenbergMarquardt
from netbp.methods.stochastic import SteepestDescent
from netbp.network import glorot

if TYPE_CHECKING:
    from netbp.analysis.generalisation import GeneralisationCurve
    from netbp.analysis.generalisation_stopping import StoppingAndPenalty
    from netbp.analysis.linear_features import DoubleDescent
    from netbp.analysis.linear_filters import EarlyStopping

SEED = "where the random numbers start"
REPLICATES = "independent draws of data and start"
RULE = "what the points are drawn from: ten (nearest of the paper's), spirals, moons, or teacher, a regression"
MODEL = "features: linear, where it is a theorem; network: one hidden layer"
RuleName = Literal["ten", "spirals", "moons", "teacher"]
Vary = Literal["width", "points", "noise", "penalty"]
SolverName = Literal["levenberg", "lbfgs", "descent"]
Model = Literal["features", "network"]
VALUES: dict[str, str] = {
    "width": "1,2,3,4,6,8,12,16,24,32",
    "points": "20,40,80,160,320,640",
    "noise": "0,0.05,0.1,0.2,0.3,0.4",
    "penalty": "0,0.0001,0.001,0.003,0.01,0.03,0.1,0.3",
}


def numbers(text: str, whole: bool = False) -> list[Any]:
    """The numbers that `text` writes with commas between. Raises ValueError for anything else."""
    try:
        found: list[Any] = [int(part) if whole else float(part) for part in text.split(",")]
    except ValueError:
        kind = "whole numbers" if whole else "numbers"
        raise ValueError(
            f'values are {kind} with commas between, as in "{"1,2,4" if whole else "0.5,1"}", but got {text!r}'
        ) from None
    return found


@dataclass(frozen=True)
class GeneralisationExperiment:
    """Training and held-out error against the width, the number of points, the noise or the penalty of (33).

    One hidden layer of hyperbolic tangents and the quadratic cost (9); every replicate draws points and start anew.
    """

    name: ClassVar[str] = "generalisation"

    vary: Vary = field(default="width", metadata={"help": "what varies: width, points, noise or penalty"})
    values: str = field(default="", metadata={"help": "its values with commas between; without them, some that show the effect"})
    rule: RuleName = field(default="spirals", metadata={"help": RULE})
    width: int = field(default=16, metadata={"help": "neurons of the hidden layer"})
    points: int = field(default=100, metadata={"help": "training points"})
    noise: float = field(default=0.1, metadata={"help": "probability of a wrong label, or deviation of the teacher's numbers"})
    penalty: float = field(default=0.0, metadata={"help": "lambda of (33)"})
    replicates: int = field(default=20, metadata={"help": REPLICATES})
    solver: SolverName = field(default="levenberg", metadata={"help": "Levenberg-Marquardt, L-BFGS or steepest descent"})
    iterations: int = field(default=300, metadata={"help": "the most iterations of the solver"})
    rate: float = field(default=1.0, metadata={"help": "steepest descent's rate"})
    scale: float = field(default=1.0, metadata={"help": "standard deviation of the normal starts"})
    held_out: int = field(default=2000, metadata={"help": "held-out points"})
    seed: int = field(default=0, metadata={"help": SEED})

    def run(self, progress: Any = None, save: Any = None, resume: Any = None) -> GeneralisationCurve:
        """All replicates at all values."""
        from netbp.analysis.generalisation import generalisation_curve
        from netbp.analysis.generalisation_families import Family, varied

        family = Family(self.rule, self.width, self.points, self.noise, self.penalty, self.held_out)
        make = varied(family, self.vary)
        values = numbers(self.values or VALUES[self.vary], self.vary in ("width", "points"))
        steps = self.iterations if self.solver == "descent" else None
        settings = (self.replicates, steps, self.seed, self.scale, self.vary)
        return generalisation_curve(make, values, self.method(), *settings, progress=progress)

    def method(self) -> Any:
        """The solver. Raises ValueError for an unknown one."""
        known = {
            "levenberg": LevenbergMarquardt(iterations=self.iterations),
            "lbfgs": LBFGS(iterations=self.iterations),
            "descent": SteepestDescent(rate=self.rate),
        }
        if self.solver not in known:
            raise ValueError(f"the solver can be {', '.join(known)}, but {self.solver!r} was asked for")
        return known[self.solver]

    def draw(self, result: GeneralisationCurve | None = None) -> Any:
        """Costs, and shares of wrong categories where there are categories; a Figure."""
        from netbp.figures import house_style, new_figure
        from netbp.figures.analysis_generalisation import draw_generalisation

        result = self.run() if result is None else result
        labelled = np.isfinite(result.numbers["held_out_error"]).any()
        with house_style():
            figure, axes = new_figure(1, 2 if labelled else 1, size=(13.0 if labelled else 7.4, 5.0))
            for ax, what in zip(np.atleast_1d(axes), ("cost", "error"), strict=False):
                draw_generalisation(ax, result, what)  # type: ignore[arg-type]
        return figure


@dataclass(frozen=True)
class EarlyStoppingExperiment:
    """Early stopping beside the penalty of (33): the exact risks of linear least squares, or steepest descent on a network."""

    name: ClassVar[str] = "early-stopping"

    model: Model = field(default="features", metadata={"help": MODEL})
    points: int = field(default=60, metadata={"help": "training points N"})
    noise: float = field(default=0.5, metadata={"help": "standard deviation of the noise, or with labels the share of wrong ones"})
    features: int = field(default=40, metadata={"help": "inputs of the linear model, the j-th with deviation 1/sqrt(j)"})
    rule: RuleName = field(default="teacher", metadata={"help": RULE})
    width: int = field(default=16, metadata={"help": "the network's hidden neurons"})
    rate: float = field(default=0.1, metadata={"help": "the network's rate of steepest descent"})
    horizon: float = field(default=1000.0, metadata={"help": "the last time t = rate * steps"})
    penalties: str = field(default="0.001,0.01,0.03,0.1,0.3,1,3,10", metadata={"help": "lambda of (33), with commas between"})
    replicates: int = field(default=20, metadata={"help": REPLICATES})
    seed: int = field(default=0, metadata={"help": SEED})

    def run(self, progress: Any = None, save: Any = None, resume: Any = None) -> EarlyStopping | StoppingAndPenalty:
        """The exact risks with runs beside them, or the network's two curves."""
        if self.model == "features":
            return self._linear()
        from netbp.analysis.generalisation_families import Family, varied
        from netbp.analysis.generalisation_stopping import stopping_and_penalty

        make = varied(Family(self.rule, self.width, self.points, self.noise), "penalty")
        times = np.geomspace(1.0, self.horizon, 13).tolist()
        settings = (self.rate, None, self.replicates, self.seed, glorot)
        return stopping_and_penalty(make, times, numbers(self.penalties), *settings, progress=progress)

    def _linear(self) -> EarlyStopping:
        from netbp.analysis.linear_filters import early_stopping, run_beside

        rng = np.random.default_rng(self.seed)
        x = rng.standard_normal((self.points, self.features)) / np.sqrt(np.arange(1, self.features + 1))
        x -= x.mean(axis=0)
        found = early_stopping(x, 1.0, self.noise, np.geomspace(0.1, 1e4, 200))
        steps = np.unique(np.geomspace(1, self.horizon / found.rate, 9).round()).astype(int)
        return run_beside(found, x, 1.0, self.noise, steps, 10 * self.replicates, self.seed)

    def draw(self, result: EarlyStopping | StoppingAndPenalty | None = None) -> Any:
        """Filters and risks, or the errors against time and against the penalty; a Figure."""
        from netbp.figures import house_style, new_figure
        from netbp.figures.analysis_generalisation import draw_filters, draw_generalisation, draw_stopping_risks

        found: Any = self.run() if result is None else result
        with house_style():
            figure, (left, right) = new_figure(1, 2, size=(13.0, 5.0))
            if self.model == "features":
                draw_filters(left)
                draw_stopping_risks(right, found)
            else:
                draw_generalisation(left, found.stopping, lowest=1e-3)
                draw_generalisation(right, found.penalty, lowest=1e-3)
                low, high = (
                    side(*pair) for side, pair in zip((min, max), zip(left.get_ylim(), right.get_ylim(), strict=True), strict=True)
                )
                for ax in (left, right):
                    ax.set_ylim(low, high)
                right.invert_xaxis()  # less and less regularised to the right, as in time
        return figure


@dataclass(frozen=True)
class DoubleDescentExperiment:
    """Double descent: least squares of minimum norm with p of D features beside its exact risk, or a network against its width."""

    name: ClassVar[str] = "double-descent"

    model: Model = field(default="features", metadata={"help": MODEL})
    points: int = field(default=60, metadata={"help": "training points N"})
    noise: float = field(default=0.5, metadata={"help": "standard deviation of the noise, or with labels the share of wrong ones"})
    features: int = field(default=300, metadata={"help": "all features D of the linear model"})
    rule: RuleName = field(default="teacher", metadata={"help": RULE})
    widths: str = field(default="1,2,3,4,5,6,7,8,9,10,12,16,24,32,48,64,96,128", metadata={"help": "the network's, commas between"})
    penalty: float = field(default=0.0, metadata={"help": "lambda of (33), of the network"})
    replicates: int = field(default=100, metadata={"help": REPLICATES})
    iterations: int = field(default=500, metadata={"help": "the most iterations of Levenberg-Marquardt"})
    seed: int = field(default=0, metadata={"help": SEED})

    def run(self, progress: Any = None, save: Any = None, resume: Any = None) -> DoubleDescent | GeneralisationCurve:
        """Risks by number of features, or errors by width."""
        if self.model == "features":
            from netbp.analysis.linear_features import double_descent

            return double_descent(self.points, self.features, None, 1.0, self.noise, self.replicates, self.seed, progress=progress)
        from netbp.analysis.generalisation import generalisation_curve
        from netbp.analysis.generalisation_families import Family, varied

        make = varied(Family(self.rule, 1, self.points, self.noise, self.penalty, linear=True), "width")
        method = LevenbergMarquardt(iterations=self.iterations, function_tolerance=1e-9, step_tolerance=1e-9)
        settings = (self.replicates, None, self.seed, glorot, "width")
        return generalisation_curve(make, numbers(self.widths, True), method, *settings, progress=progress)

    def draw(self, result: DoubleDescent | GeneralisationCurve | None = None) -> Any:
        """Risks against the number of features, or costs against the width; a Figure."""
        from netbp.figures import house_style, new_figure
        from netbp.figures.analysis_generalisation import draw_double_descent, draw_width_sweep

        found: Any = self.run() if result is None else result
        with house_style():
            figure, ax = new_figure(size=(8.6, 5.4))
            if self.model == "features":
                draw_double_descent(ax, found)
            else:
                draw_width_sweep(ax, found, outputs=1 if self.rule == "teacher" else 2)
        return figure
