"""Curvature and noise at the ends of Listing 6.1 and along its path."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from netbp.experiments.settings import LAYERS, POINTS, STREAM, PointsName, StreamName, stream_of
from netbp.experiments.stochastic import StochasticExperiment

if TYPE_CHECKING:
    from netbp.analysis.curvature import CurvatureReport
    from netbp.analysis.density import SpectralDensity
    from netbp.analysis.path import Path as CurvaturePath
    from netbp.analysis.sampled import SampledSpectrum
    from netbp.problem import Problem
    from netbp.types import Vector


class Curvatures(NamedTuple):
    """The spectra at the start and at the end of a path, and what happens along it."""

    start: CurvatureReport
    end: CurvatureReport
    path: CurvaturePath

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


class SpectrumFound(NamedTuple):
    """The ends of the Hessian's spectrum with the sample's error, and its density on the same sample."""

    ends: SampledSpectrum
    density: SpectralDensity

    def __str__(self) -> str:
        negative = self.density.number(high=-1e-6 * abs(self.ends.highest.value))
        bent = self.density.number(low=0.01 * self.ends.highest.value)
        lines = [str(self.ends), str(self.density)]
        for words, count in (("below -1e-6 of the largest", negative), ("above 1 % of the largest", bent)):
            lines.append(f"  {words}: about {count.value:,.3g} +- {count.error:,.2g}")
        return "\n".join(lines)


@dataclass(frozen=True)
class SpectrumExperiment:
    """The Hessian's extreme eigenvalues and spectral density at a saved run's parameters, from a sample of its points.

    Without a run, at the end of Listing 6.1. Products with the Hessian only, so it is possible for the convolutional network of
    section 7.4: 50 of them on 2,000 images, the error against all images beside each eigenvalue.
    """

    name: ClassVar[str] = "spectrum"

    saved: Path | None = field(default=None, metadata={"help": "a saved run, such as that of `netbp run cifar`", "name": "--run"})
    sample: int = field(default=2000, metadata={"help": "points in the sample, drawn at random from all"})
    products: int = field(default=50, metadata={"help": "products with the Hessian, for its extreme eigenvalues"})
    probes: int = field(default=4, metadata={"help": "random vectors for the density"})
    degree: int = field(default=25, metadata={"help": "products with each of them"})
    seed: int = field(default=0, metadata={"help": "where the random numbers start: the sample and the vectors"})

    def __post_init__(self) -> None:
        if min(self.sample, self.products, self.probes) < 2 or self.degree < 1:
            found = f"{self.sample}, {self.products}, {self.probes} and {self.degree}"
            raise ValueError(f"sample, products and probes must be at least 2, and degree at least 1, but they are {found}")

    def place(self) -> tuple[Problem, Vector]:
        """The problem and the parameters."""
        if self.saved is None:
            listing = StochasticExperiment(picture="region", record=0)
            return listing.problem(), listing.run().p
        from netbp.experiments.loaded import best_of, problem_of
        from netbp.run import Run

        run = Run.load(self.saved)
        return problem_of(run), best_of(run)

    def run(self, progress: Any = None, save: Any = None, resume: Any = None) -> SpectrumFound:
        """The ends first, then the density on the same sample."""
        from netbp.analysis.density import spectral_density
        from netbp.analysis.operators import hessian
        from netbp.analysis.sampled import restricted, sampled_spectrum

        problem, p = self.place()
        ends = sampled_spectrum(problem, p, self.sample, self.products, rng=self.seed, progress=progress)
        H, most = hessian(restricted(problem, ends.indices), p), self.probes * self.degree
        if progress is not None:
            H.told = lambda done: progress(done - 1, most, "products for the density")
        return SpectrumFound(ends, spectral_density(H, self.probes, self.degree, self.seed))

    def draw(self, result: SpectrumFound | None = None) -> Any:
        """The density, with both ends; a Figure."""
        from netbp.figures import house_style, new_figure
        from netbp.figures.analysis_curvature import draw_density, draw_ends

        result = self.run() if result is None else result
        with house_style():
            figure, ax = new_figure(size=(9.0, 5.2))
            draw_density(ax, result.density)
            draw_ends(ax, result.ends)
        return figure
