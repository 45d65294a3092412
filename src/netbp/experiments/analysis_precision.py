"""How well engines and precisions agree on Listing 6.1."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from netbp.experiments.settings import LAYERS, POINTS, STREAM, PointsName, StreamName, stream_of
from netbp.experiments.stochastic import StochasticExperiment

if TYPE_CHECKING:
    from netbp.analysis.precision import Agreement
    from netbp.analysis.precision_bounds import ErrorBounds


class Precisions(NamedTuple):
    """The certificate, and the error bounds at the start."""

    agreement: Agreement
    bounds: ErrorBounds

    def __str__(self) -> str:
        return f"{self.agreement}\n\n{self.bounds}"


@dataclass(frozen=True)
class PrecisionExperiment:
    """Every engine and precision at the start of Listing 6.1 and along its steps, and running error bounds."""

    name: ClassVar[str] = "precision"

    rate: float = field(default=0.05, metadata={"help": "learning rate eta of (12)"})
    steps: int = field(default=1_000_000, metadata={"help": "steps of the fastest engine, from two starts 1e-14 apart"})
    slow: int = field(default=2000, metadata={"help": "steps that every engine takes, in every precision"})
    points: PointsName = field(default="ten", metadata={"help": POINTS})
    layers: str = field(default="2-2-3-2", metadata={"help": LAYERS})
    seed: int = field(default=5000, metadata={"help": "where the random numbers start"})
    stream: StreamName = field(default="matlab", metadata={"help": STREAM})

    def __post_init__(self) -> None:
        if self.steps < 1 or self.slow < 1:
            raise ValueError(f"there must be at least one step, but steps is {self.steps} and slow is {self.slow}")

    def run(self, progress: Any = None, save: Any = None, resume: Any = None) -> Precisions:
        """Compare at the start, then along the steps."""
        from netbp.analysis.precision import agreement
        from netbp.analysis.precision_bounds import error_bound

        listing = StochasticExperiment(rate=self.rate, points=self.points, layers=self.layers, picture="region", record=0)
        problem, rng = listing.problem(), stream_of(self.stream, self.seed)
        start = problem.network.draw(rng, listing.scale)
        found = agreement(problem, start, listing.method(), self.steps, self.slow, rng)
        return Precisions(found, error_bound(problem.network, start, problem.data.x, problem.data.y))  # type: ignore[arg-type]

    def draw(self, result: Precisions | None = None) -> Any:
        """Differences by step, between precisions and from two starts; a Figure."""
        from netbp.figures import house_style, new_figure
        from netbp.figures.analysis_precision import draw_partings

        result = self.run() if result is None else result
        certificate = result.agreement
        with house_style():
            figure, (left, right) = new_figure(1, 2, size=(14.0, 5.5))
            draw_partings(left, certificate.partings)
            left.set_title("Between precisions and engines")
            draw_partings(right, [certificate.moved], [f"{certificate.moved.names[0]}"])
            right.set_title("From two starts, relatively 1e-14 apart")
        return figure
