"""Figures that need no training: the points (1), the sigmoid (2) and pictures of networks (3 and 6)."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from netbp import activations
from netbp.experiments.settings import LAYERS, POINTS, ActivationName, PointsName, chosen, network_of, points_of
from netbp.network import Network


def dense_of(run: Any) -> Network:
    """The dense network of a run. Raises ValueError for a run of another one, or of several."""
    told = run.settings["problem"]["network"]
    if "layers" in told or run.p.ndim != 1:
        raise ValueError("the weights of one dense network are drawn, but the run is of another one, or of several: name another")
    return Network.dense(*told["sizes"])


class Drawing:
    """An experiment without a run: `run` does nothing, `draw` needs nothing."""

    def run(self, progress: Any = None, save: Any = None, resume: Any = None) -> None:
        """Nothing is trained: returns None, which `draw` takes."""


@dataclass(frozen=True)
class PointsDrawing(Drawing):
    """Draw the labelled points: circles for category A, crosses for category B (figure 1)."""

    name: ClassVar[str] = "points"

    points: PointsName = field(default="ten", metadata={"help": POINTS})

    def draw(self, run: Any = None) -> Any:
        """The points in the unit square; a Figure."""
        from netbp.figures import draw_points, house_style, new_figure

        with house_style():
            figure, ax = new_figure()
            draw_points(ax, points_of(self.points))
        return figure


@dataclass(frozen=True)
class ActivationDrawing(Drawing):
    """Draw an activation sigma(x), and below it sigma(weight (x - shift)) (figure 2)."""

    name: ClassVar[str] = "activation"

    activation: ActivationName = field(default="sigmoid", metadata={"help": "which activation"})
    weight: float = field(default=3.0, metadata={"help": "the factor that sharpens the lower curve"})
    shift: float = field(default=5.0, metadata={"help": "where the lower curve's changeover is"})
    reach: float = field(default=10.0, metadata={"help": "draw from -reach to reach"})

    def __post_init__(self) -> None:
        if not 0.0 < self.reach < 1e6:
            raise ValueError(f"reach must be above 0 and below a million, but it is {self.reach!r}")

    def draw(self, run: Any = None) -> Any:
        """Two panels; a Figure."""
        from netbp.figures import draw_activation, house_style, new_figure

        activation = chosen(activations, ActivationName, self.activation, "activation")
        interval = (-self.reach, self.reach)
        with house_style():
            figure, (upper, lower) = new_figure(2, 1, sharex=True)
            draw_activation(upper, activation, interval=interval)
            draw_activation(lower, activation, self.weight, self.shift, interval)
        return figure


@dataclass(frozen=True)
class NetworkDrawing(Drawing):
    """Draw a network as circles and arrows, with one weight highlighted or all shown by colour and width (figures 3 and 6)."""

    name: ClassVar[str] = "network"

    layers: str = field(default="2-2-3-2", metadata={"help": f"{LAYERS}; not used with weights"})
    highlight: str = field(
        default="", metadata={"help": 'weight to highlight: "4,3,3" for w_43^[3], from neuron 3 of layer 2 to neuron 4 of layer 3'}
    )
    weights: Path | None = field(
        default=None, metadata={"help": "saved run whose weights are shown: red positive, blue and dashed negative"}
    )

    def weight(self) -> tuple[int, int, int] | None:
        """(j, k, l) of the highlighted weight w_jk^[l]. Raises ValueError when the text is not three whole numbers."""
        if not self.highlight:
            return None
        try:
            j, k, l = (int(part) for part in self.highlight.split(","))
        except ValueError:
            raise ValueError(f'highlight is written "j,k,l", as in "4,3,3" for w_43^[3], but got {self.highlight!r}') from None
        return j, k, l

    def draw(self, run: Any = None) -> Any:
        """The network, with the weights of `run`, or of the run in the file `weights`, if there is one; a Figure."""
        from netbp.figures import draw_network, house_style, new_figure

        if run is None and self.weights is not None:
            from netbp.run import Run

            run = Run.load(self.weights)
        network = network_of(self.layers) if run is None else dense_of(run)
        p = None if run is None else run.p
        with house_style():
            figure, ax = new_figure()
            draw_network(ax, network, p, self.weight())
        return figure
