"""Curvature and noise at the ends of Listing 6.1 and along its path."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from netbp.experiments.settings import LAYERS, POINTS, STREAM, PointsName, StreamName, stream_of
from netbp.experiments.stochastic import StochasticExperiment

if TYPE_CHECKING:
    from netbp.analysis.curvature import CurvatureReport
    from netbp.analysis.path import Path


class Curvatures(NamedTuple):
    """The spectra at the start and at the end of a path, and what happens along it."""

    start: CurvatureReport
    end: CurvatureReport
    path: Path

    def __str__(self) -> str:
        return f"at the start\n{self.start}\n\nat the end\n{self.end}\n\nalong the path\n{self.path}"


@dataclass(frozen=True)
class CurvatureExperiment:
    """The Hessian, the Gauss-Newton matrix and the gradient's noise at the ends of Listing 6.1 and along its path."""

    name: ClassVar[str] = "curvature"

    rate: float = field(default=0.05, metadata={"help": "learning rate eta of (12)"})
    steps: int = field(default=1_000_000, metadata={"help": "number of steps"})
    places: int = field(
        default=40, metadata={"help": "how many places of the path to look at, evenly in the logarithm of the step"}
    )
    points: PointsName = field(default="ten", metadata={"help": POINTS})
    layers: str = field(default="2-2-3-2", metadata={"help": LAYERS})
    seed: int = field(default=5000, metadata={"help": "where the random numbers start"})
    stream: StreamName = field(default="matlab", metadata={"help": STREAM})

    def __post_init__(self) -> None:
        if self.places < 2 or self.steps < 1:
            raise ValueError(f"a path needs at least 2 places and 1 step, but got {self.places} and {self.steps}")

    def run(self, progress: Any = None, save: Any = None, resume: Any = None) -> Curvatures:
        """Train, and stop on the way to look."""
        from netbp.analysis.curvature import curvature
        from netbp.analysis.path import curvature_along

        listing = StochasticExperiment(rate=self.rate, points=self.points, layers=self.layers, picture="region", record=0)
        problem, rng = listing.problem(), stream_of(self.stream, self.seed)
        start = problem.network.draw(rng, listing.scale)
        at = np.unique([0, *np.geomspace(1, self.steps, self.places - 1).round().astype(int)])
        path = curvature_along(problem, listing.method(), at.tolist(), start, rng, progress)
        first, last = (curvature(problem, path.points[k], self.rate) for k in (0, -1))
        return Curvatures(first, last, path)

    def draw(self, result: Curvatures | None = None) -> Any:
        """The spectrum at the end, and the path; a Figure."""
        from netbp.figures import house_style, new_figure
        from netbp.figures.analysis_curvature import draw_curvature_path, draw_spectra

        result = self.run() if result is None else result
        with house_style():
            figure, axes = new_figure(2, 2, size=(14.0, 8.0))
            for ax, report, words in zip(axes[:, 0], (result.start, result.end), ("At the start", "At the end"), strict=True):
                draw_spectra(ax, (report.hessian, report.gauss_newton))
                ax.set_title(words)
            draw_curvature_path(axes[:, 1], result.path)
        return figure
