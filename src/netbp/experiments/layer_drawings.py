"""Drawings of section 7 that need no training: the architecture (figure 10), convolution as a matrix, what dropout changes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from netbp import activations
from netbp.experiments.drawings import Drawing
from netbp.experiments.settings import LAYERS, ActivationName, chosen, network_of
from netbp.network import Network

if TYPE_CHECKING:
    from netbp.run import Run


@dataclass(frozen=True)
class ArchitectureDrawing(Drawing):
    """Draw a network's layers as blocks of neurons with their sizes (figure 10)."""

    name: ClassVar[str] = "architecture"
    reads_run: ClassVar[bool] = True

    layers: str = field(default="cifar", metadata={"help": f"cifar, for the network of section 7.4, mnist, or {LAYERS}"})
    dropout: bool = field(default=False, metadata={"help": "show the cifar network with its dropout"})

    def network(self) -> Network:
        """The network that is drawn. Raises ValueError when the layers make none."""
        if self.layers == "cifar":
            from netbp.experiments.cifar import CifarExperiment

            return CifarExperiment(dropout=self.dropout).network()
        if self.layers == "mnist":
            from netbp.experiments.mnist import MnistExperiment

            return MnistExperiment(layers="conv").network()
        return network_of(self.layers)

    def draw(self, run: Any = None) -> Any:
        """The architecture, of a run's network if one is given; a Figure as large as it needs to be."""
        from netbp.figures import architecture_size, draw_architecture, house_style, new_figure

        network = self.network() if run is None else network_behind(run)
        with house_style():
            figure, ax = new_figure(size=architecture_size(network), margins=(0.0, 0.0, 1.0, 1.0))
            draw_architecture(ax, network)
        return figure


def network_behind(run: Run) -> Network:
    """The network of an experiment's run. Raises ValueError when no experiment of ours made it."""
    from netbp.experiments import experiment_of

    made = experiment_of(run)
    network: Network = made.network() if hasattr(made, "network") else made.problem().network
    return network


@dataclass(frozen=True)
class ConvolutionDrawing(Drawing):
    """Draw the matrix of a convolution and its singular values (section 7.1); the default is (29)."""

    name: ClassVar[str] = "convolution"

    kernel: str = field(default="1,-1", metadata={"help": 'the filter: "1,-1", or with rows "0,1,0;1,-4,1;0,1,0"'})
    entries: str = field(default="6", metadata={"help": "entries of the signal, or height,width of the image"})
    stride: int = field(default=1, metadata={"help": "how far the filter advances after each use"})
    pad: int = field(default=0, metadata={"help": "zeros around the input"})

    def filter(self) -> Any:
        """The filter as an array, (k,) or (h, w). Raises ValueError for text that is no such array."""
        rows = [row.split(",") for row in self.kernel.split(";")]
        try:
            kernel = np.array([[float(word) for word in row] for row in rows])
        except ValueError:
            raise ValueError(f'the kernel is written "1,-1", or with rows "1,0;0,-1", but got {self.kernel!r}') from None
        return kernel[0] if len(rows) == 1 and "," not in self.entries else kernel

    def shape(self) -> tuple[int, ...]:
        """The input's shape. Raises ValueError for anything but one or two whole numbers."""
        try:
            sizes = tuple(int(word) for word in self.entries.split(","))
        except ValueError:
            sizes = ()
        if len(sizes) not in (1, 2):
            raise ValueError(f'entries are written "6" or "12,12", but got {self.entries!r}')
        return sizes

    def draw(self, run: Any = None) -> Any:
        """Two panels; a Figure."""
        from netbp.figures import draw_convolution_matrix, house_style, new_figure

        with house_style():
            figure, (left, right) = new_figure(1, 2, size=(10.0, 4.4))
            draw_convolution_matrix((left, right), self.filter(), self.shape(), self.stride, self.pad)
        return figure


@dataclass(frozen=True)
class DropoutDrawing(Drawing):
    """Draw what dropout leaves equal, the mean of the next layer's weighted input, and what not (section 7.2).

    The neurons' outputs are the positive parts of normal random numbers, and so are the weights normal, with variance 1/neurons.
    """

    name: ClassVar[str] = "dropout"

    rate: float = field(default=0.35, metadata={"help": "the probability p that a neuron is deleted"})
    neurons: int = field(default=64, metadata={"help": "how many neurons the weighted input sums over"})
    activation: ActivationName = field(default="relu", metadata={"help": "the nonlinearity after the weighted input"})
    seed: int = field(default=9, metadata={"help": "where the random numbers start"})

    def __post_init__(self) -> None:
        if not 0.0 < self.rate < 1.0:
            raise ValueError(f"the rate is a probability between 0 and 1, but it is {self.rate!r}")
        if self.neurons < 1:
            raise ValueError(f"neurons must be at least 1, but it is {self.neurons}")

    def draw(self, run: Any = None) -> Any:
        """Four panels; a Figure."""
        from netbp.figures import draw_dropout, house_style, new_figure

        rng = np.random.default_rng(self.seed)
        a = np.maximum(rng.standard_normal(self.neurons), 0.0)
        w = rng.standard_normal(self.neurons) / np.sqrt(self.neurons)
        with house_style():
            figure, axes = new_figure(2, 2, size=(9.0, 6.4))
            draw_dropout(axes, a, w, 0.0, self.rate, chosen(activations, ActivationName, self.activation, "activation"))
        return figure
