"""MNIST's handwritten digits: the network of Nielsen's book, or a small convolutional one.

M. A. Nielsen, Neural Networks and Deep Learning, 2015, neuralnetworksanddeeplearning.com, chapter 1.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from netbp.activations import relu
from netbp.costs import quadratic, softmax_log_loss
from netbp.experiments.images import ImageExperiment, Prepared
from netbp.layers import Conv, Dense, Pool
from netbp.methods.stochastic import StochasticGradient
from netbp.network import Network, he
from netbp.problem import Problem
from netbp.types import Data, Vector

if TYPE_CHECKING:
    from netbp.data.images import Images
    from netbp.run import Run

SHAPE = (1, 28, 28)
CLASSES = tuple("0123456789")


@dataclass(frozen=True)
class MnistExperiment(ImageExperiment):
    """Train a network on MNIST's handwritten digits: 784-30-10 with the settings of Nielsen's book, or a convolutional one.

    The book: sigmoid layers, the quadratic cost (9), batches of 10 by epochs, a standard normal start. With --layers conv:
    two convolutional layers with ReLU and pooling, the softmax log loss (32).
    """

    name: ClassVar[str] = "mnist"

    layers: str = field(default="784-30-10", metadata={"help": "widths of dense layers, or conv for a convolutional network"})
    rate: float = field(default=0.0, metadata={"help": "learning rate eta; 0: the book's 3.0 for dense layers, 0.1 for conv"})
    epochs: int = field(default=30, metadata={"help": "passes through the training images"})
    batch: int = field(default=10, metadata={"help": "images per step, m of (17)"})
    train_images: int = field(default=50_000, metadata={"help": "use the first so many of the 60,000 training images"})

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (np.isfinite(self.rate) and self.rate >= 0.0):
            raise ValueError(f"the rate must be a finite number of at least 0, but it is {self.rate}")

    @property
    def convolutional(self) -> bool:
        """Whether the network is the convolutional one."""
        return self.layers == "conv"

    def network(self) -> Network:
        """784-30-10, or the widths asked for; or 20 and 40 filters of 5 by 5, each pooled 2 by 2, and two dense layers."""
        from netbp.experiments.settings import network_of

        if not self.convolutional:
            return network_of(self.layers)
        filters = (Conv(20, 5, activation=relu), Pool(2), Conv(40, 5, activation=relu), Pool(2))
        return Network.chain(SHAPE, *filters, Dense(100, relu), Dense(10))

    def images(self) -> Images:
        """Training and test images, as they come."""
        from netbp.data.mnist import mnist

        return mnist(training=self.train_images, scaled=False)

    def prepare(self) -> Prepared:
        """Grey values in [0, 1]; the 10,000 test images to validate on."""
        from netbp.data.mnist import mnist
        from netbp.data.preprocess import Preprocessing
        from netbp.data.steps import Fitted, Scale

        train, test = mnist(training=self.train_images)
        if self.convolutional:
            train, test = (Data(np.asarray(data.x, np.float32), data.y) for data in (train, test))
        told = f"MNIST: {self.train_images:,} images to train on, {len(np.asarray(test.x)):,} to validate on (the test images)"
        return Prepared(train, test, None, Preprocessing((Fitted(Scale(), {}),)), SHAPE, CLASSES, told)

    def make(self, prepared: Prepared) -> Problem:
        """Cost (9) of the training images, or (32) for the convolutional network."""
        cost = softmax_log_loss if self.convolutional else quadratic
        return Problem(self.network(), cost, prepared.train, prepared.held_out, engine=self.chosen_engine())

    def chosen_engine(self) -> Any:
        """For "auto" what fits the network: the compiled engine for dense layers, the tensor engine for convolutions."""
        return None if self.engine == "auto" and not self.convolutional else super().chosen_engine()

    def method(self) -> StochasticGradient:
        """The stochastic gradient method by epochs."""
        rate = self.rate or (0.1 if self.convolutional else 3.0)
        return StochasticGradient(rate=rate, batch=self.batch, sampling="epochs")

    def start(self, rng: Any) -> Vector:
        """Standard normal numbers for weights and biases; for the convolutional network `he`'s, biases 0."""
        return self.network().draw(rng, he if self.convolutional else 1.0)

    def draw(self, run: Run) -> Any:
        """The costs and the errors by epoch; a Figure."""
        from netbp.experiments.image_drawings import draw_run

        return draw_run(self, run)
