"""Section 7.4: a convolutional network on CIFAR-10, with and without dropout; figures 11 to 15."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args

import numpy as np

from netbp.activations import Activation, relu
from netbp.costs import softmax_log_loss
from netbp.experiments.images import ImageExperiment, Prepared
from netbp.layers import Conv, Dense, Dropout, Flip, Layer, Pool
from netbp.methods.schedules import by_epoch
from netbp.methods.stochastic import StochasticGradient
from netbp.network import Network
from netbp.problem import Problem
from netbp.rules import momentum
from netbp.types import Vector

if TYPE_CHECKING:
    from netbp.data.images import Images
    from netbp.run import Run

ValidationName = Literal["test", "split"]
PreprocessingName = Literal["paper", "standardise", "scale"]
PictureName = Literal["curves", "confusion", "mistakes", "filters"]
SHARE = 10  # one training image in so many is set aside to validate on


@dataclass(frozen=True)
class CifarExperiment(ImageExperiment):
    """Train the convolutional network of section 7.4 on CIFAR-10, by momentum, as MatConvNet's example does.

    The defaults are the paper's, without dropout; --dropout adds it at the end of blocks 1 to 4, as in section 7.2.
    """

    name: ClassVar[str] = "cifar"

    dropout: bool = field(default=False, metadata={"help": "whether neurons are dropped out in training, section 7.2"})
    dropout_rates: tuple[float, ...] = field(
        default=(0.15, 0.15, 0.15, 0.35), metadata={"help": "probability of dropping a neuron at the end of blocks 1 to 4"}
    )
    dropout_scaling: Literal["training", "evaluation"] = field(
        default="training", metadata={"help": "where the scaling that keeps the mean is done, see section 7.2"}
    )
    flips: bool = field(default=True, metadata={"help": "whether batches are mirrored in training, one coin for each"})
    epochs: int = field(default=45, metadata={"help": "passes through the training images"})
    rates: tuple[float, ...] = field(default=(0.05, 0.005, 0.0005), metadata={"help": "learning rates eta, one after the other"})
    rate_epochs: tuple[int, ...] = field(
        default=(30, 10, 5), metadata={"help": "epochs that each rate is used for; the last goes on"}
    )
    momentum: float = field(default=0.9, metadata={"help": "mu of the momentum rule"})
    decay: float = field(default=1e-4, metadata={"help": "weight decay: adds decay times the parameters to the gradient"})
    weight_multipliers: tuple[float, ...] = field(
        default=(0.1, 0.1, 0.1, 0.1, 0.01), metadata={"help": "eta's multiplier for each block's filters"}
    )
    bias_multipliers: tuple[float, ...] = field(
        default=(2.0, 2.0, 2.0, 2.0, 0.2), metadata={"help": "eta's multiplier for each block's biases"}
    )
    deviations: tuple[float, ...] = field(
        default=(0.01, 0.05, 0.05, 0.05, 0.05), metadata={"help": "standard deviation of each block's filters at the start"}
    )
    validation: ValidationName = field(
        default="test",
        metadata={"help": "validate on the test images, as the paper did, or on a tenth of the training images, set aside"},
    )
    preprocessing: PreprocessingName = field(
        default="paper", metadata={"help": "the paper's (mean image, contrast, whitening), or only scaled channels or pixels"}
    )
    whitening_floor: float = field(
        default=10.0, metadata={"help": "the paper's whitening amplifies nothing by more than its mean deviation over this"}
    )
    train_images: int = field(default=0, metadata={"help": "use only the first so many training images; 0: all"})
    test_images: int = field(default=0, metadata={"help": "use only the first so many test images; 0: all"})
    picture: PictureName = field(
        default="curves", metadata={"help": "draw the curves, the confusion matrix, images taken for others, or the filters"}
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.rates) != len(self.rate_epochs):
            raise ValueError(f"there are {len(self.rates)} rates, but epochs for {len(self.rate_epochs)}: give one number for each")
        for name, count in (("dropout_rates", 4), ("weight_multipliers", 5), ("bias_multipliers", 5), ("deviations", 5)):
            if len(getattr(self, name)) != count:
                raise ValueError(f"{name} needs {count} numbers, one for each block, but got {len(getattr(self, name))}")
        for name, choice in (("validation", ValidationName), ("preprocessing", PreprocessingName)):
            if getattr(self, name) not in get_args(choice):
                raise ValueError(f"{name} can be {' or '.join(get_args(choice))}, but {getattr(self, name)!r} was asked for")
        if not self.whitening_floor > 0.0:
            raise ValueError(f"the whitening's floor must be positive, for it is divided by, but it is {self.whitening_floor}")
        if min(self.train_images, self.test_images) < 0:
            raise ValueError("train_images and test_images must be at least 0, which means all")

    def network(self) -> Network:
        """The network of part 7.4: five blocks, 145,578 parameters; a pool's window may reach one pixel over the edge."""
        edge = ((0, 1), (0, 1))
        blocks: list[list[Layer | Activation]] = [
            [Conv(32, 5, pad=2), Pool(3, 2, pad=edge), relu],
            [Conv(32, 5, pad=2), relu, Pool(3, 2, pad=edge, kind="average")],
            [Conv(64, 5, pad=2), relu, Pool(3, 2, pad=edge, kind="average")],
            [Conv(64, 4), relu],
        ]
        layers: list[Layer | Activation] = [Flip()] if self.flips else []
        for block, rate in zip(blocks, self.dropout_rates, strict=True):
            layers += [*block, Dropout(rate, self.dropout_scaling)] if self.dropout else block
        return Network.chain((3, 32, 32), *layers, Dense(10))

    def images(self) -> Images:
        """Training and validation images, as they come; the test images unless they are set aside."""
        images = self._all()
        N = len(np.asarray(images.train.x))
        return images.split(max(1, N // SHARE), self.seed) if self.validation == "split" else images

    def prepare(self) -> Prepared:
        """The images, preprocessed: on the test images as the paper did, or fitted on what is trained on alone."""
        from netbp.data.preprocess import PAPER, preprocessed
        from netbp.data.steps import Scale, Standardise
        from netbp.data.whitening import Whitening

        images, split = self.images(), self.validation == "split"
        paper = (*PAPER[:-1], Whitening(self.whitening_floor))
        steps = {"paper": paper, "standardise": (Standardise(channels=3),), "scale": (Scale(),)}[self.preprocessing]
        train, held_out, preprocessing = preprocessed(images, steps, "training" if split else "all")
        test = self._all().test if split else None
        N, M = len(np.asarray(train.x)), len(np.asarray(held_out.x))
        which = "set aside from them" if split else "the test images"
        told = f"{images.name}: {N:,} images to train on, {M:,} to validate on ({which})"
        return Prepared(train, held_out, test, preprocessing, images.shape, images.classes, told)

    def make(self, prepared: Prepared) -> Problem:
        """The softmax log loss (32) of the training images."""
        engine = self.chosen_engine()
        return Problem(self.network(), softmax_log_loss, prepared.train, prepared.held_out, engine=engine)

    def method(self) -> StochasticGradient:
        """Momentum by epochs, with the rate's schedule and multipliers, and weight decay on filters and biases."""
        return StochasticGradient(
            rule=momentum,
            rate=by_epoch(*zip(self.rate_epochs, self.rates, strict=True), steps=self.per_epoch),
            batch=self.batch,
            sampling="epochs",
            constants={"mu": self.momentum},
            weight_decay=self.decay,
            multipliers=(self.weight_multipliers, self.bias_multipliers),
        )

    def start(self, rng: Any) -> Vector:
        """Normal filters, biases 0."""
        return self.network().draw(rng, self.deviations)

    def draw(self, run: Run) -> Any:
        """The picture of the run; a Figure."""
        from netbp.experiments.image_drawings import draw_run

        return draw_run(self, run)

    def _all(self) -> Images:
        from netbp.data.cifar import cifar10

        images = cifar10()
        counts = (
            len(np.asarray(data.x)) if asked == 0 else asked
            for data, asked in ((images.train, self.train_images), (images.test, self.test_images))
        )
        return images.first(*counts) if self.train_images or self.test_images else images
