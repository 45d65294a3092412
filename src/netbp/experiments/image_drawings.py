"""Pictures of runs on images: figures 11 to 15, the first layer's filters, an image's feature maps."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from netbp.confusion import Confusion
from netbp.data.images import Images, labels, pictures
from netbp.data.whitening import Whitening
from netbp.experiments.drawings import Drawing
from netbp.experiments.images import kept_of, opinions
from netbp.network import Network
from netbp.types import Array, Indices, Matrix, Vector

if TYPE_CHECKING:
    from netbp.experiments.images import ImageExperiment
    from netbp.run import Run

SHOWN = 16
"""Misclassified images that figure 15 shows."""


class Mistakes(NamedTuple):
    """Images that a network takes for something else. pictures: (n, H, W, C); predicted, true: (n,); classes: their names."""

    pictures: Array
    predicted: Indices
    true: Indices
    classes: tuple[str, ...]


def draw_run(experiment: Any, run: Run) -> Any:
    """The picture of the run that the experiment's field `picture` names; the curves where it has none; a Figure."""
    drawn = {"curves": curves, "confusion": confusion, "mistakes": mistakes, "filters": filters}
    return drawn[getattr(experiment, "picture", "curves")](experiment, run)


# -- the numbers ---------------------------------------------------------------------------------------------------------


def test_images(experiment: Any) -> Images:
    """The images of the experiment, its test images being those that the paper tests on, not a part of the training images."""
    if hasattr(experiment, "validation"):
        experiment = replace(experiment, validation="test")
    images: Images = experiment.images()
    return images


def test_outputs(experiment: Any, run: Run) -> Matrix:
    """What the run's network, with its last parameters, says of each test image, (N, classes)."""
    return opinions(run, np.asarray(test_images(experiment).test.x)).outputs


def confusion_of(experiment: Any, run: Run) -> Confusion:
    """The confusion matrix of the run's network on the test images: figures 13 and 14."""
    images = test_images(experiment)
    return Confusion.ranked(test_outputs(experiment, run), labels(images.test), images.classes)


def mistakes_of(experiment: Any, run: Run, count: int = SHOWN, seed: int = 0) -> Mistakes:
    """At most `count` test images, drawn at random from those that the network misclassifies: figure 15."""
    images = test_images(experiment)
    predicted, true = test_outputs(experiment, run).argmax(axis=1), labels(images.test)
    wrong = np.flatnonzero(predicted != true)
    chosen = np.sort(np.random.default_rng(seed).permutation(wrong)[:count])
    return Mistakes(
        pictures(np.asarray(images.test.x)[chosen], images.shape), predicted[chosen], true[chosen], tuple(images.classes)
    )


class Stage(NamedTuple):
    """What comes out of a block of a network: `a`, of the shape that its last layer gives, for one image."""

    title: str
    a: Array


def stages(network: Network, p: Vector, x: Vector) -> list[Stage]:
    """The outputs of each block of a network for one input x (n_1,): a block is a layer with parameters and what follows it."""
    from netbp.costs import quadratic
    from netbp.engines.reference import Reference
    from netbp.problem import Problem
    from netbp.types import Data

    starts = [l for l, layer in enumerate(network.layers) if layer.size]
    ends = [*starts[1:], len(network.layers)]
    out = []
    for block, end in enumerate(ends, start=1):
        part = Network(network.layers[:end])
        taken = network.slices[: len(part.weighted)]
        q = np.concatenate([p[w] for w, _ in taken] + [p[b] for _, b in taken]).astype(float)
        nothing = Data(np.zeros((1, part.sizes[0])), np.zeros((1, part.sizes[-1])))  # stands in for data that are not needed
        a = Problem(part, quadratic, nothing, engine=Reference()).output(q, x)
        shape = part.layers[-1].output
        size = f": {' × '.join(str(n) for n in shape[1:])}, {shape[0]} maps" if len(shape) > 1 and max(shape[1:]) > 1 else ""
        out.append(Stage(f"{'outputs' if end == len(network.layers) else f'block {block}'}{size}", a.reshape(shape)))
    return out


# -- the pictures --------------------------------------------------------------------------------------------------------


def curves(experiment: Any, run: Run) -> Any:
    """Objective and errors by epoch, as far as they were recorded: figures 11 and 12."""
    from netbp.figures import draw_training, house_style, new_figure
    from netbp.figures.training import PANELS

    count = next((k for k, (name, _) in enumerate(PANELS) if name not in run.series), len(PANELS)) or 1
    with house_style():
        figure, axes = new_figure(1, count, size=(3.7 * count, 4.0), squeeze=False)
        draw_training(axes[0], run)
    return figure


def confusion(experiment: Any, run: Run) -> Any:
    """Figures 13 and 14."""
    return draw_matrix(confusion_of(experiment, run))


def draw_matrix(counted: Confusion) -> Any:
    """A confusion matrix as a Figure."""
    from netbp.figures import draw_confusion, house_style, new_figure

    with house_style():
        figure, ax = new_figure(size=(8.4, 7.8))
        draw_confusion(ax, counted)
    return figure


def mistakes(experiment: Any, run: Run) -> Any:
    """Figure 15."""
    return draw_mistakes(mistakes_of(experiment, run))


def draw_mistakes(found: Mistakes) -> Any:
    """Misclassified images as a Figure, four in a row."""
    from netbp.figures import draw_misclassified, house_style, new_figure

    rows = max(1, -(-len(found.true) // 4))
    with house_style():
        figure, axes = new_figure(rows, 4, size=(6.4, 1.95 * rows))
        draw_misclassified(axes, *found)
    return figure


def filters(experiment: ImageExperiment, run: Run) -> Any:
    """The filters of the first layer. Raises ValueError when that is no convolution."""
    from netbp.figures import draw_filters, house_style, new_figure

    network = experiment.network()
    W = np.asarray(network.views(run.p)[0][0])
    if W.ndim != 4:
        raise ValueError(f"filters are those of a convolution, but the first layer with weights is {network.weighted[0]!r}")
    whitened = any(isinstance(fitted.step, Whitening) for fitted in kept_of(run).preprocessing.steps)
    with house_style():
        figure, ax = new_figure(size=(6.4, 3.9))
        draw_filters(ax, W, whitened)
    return figure


@dataclass(frozen=True)
class FeatureMaps(Drawing):
    """Draw what the layers of a trained network make of an image: its feature maps, block by block."""

    name: ClassVar[str] = "maps"
    reads_run: ClassVar[bool] = True

    image: int = field(default=1, metadata={"help": "which test image, counted from 1"})
    file: Path | None = field(default=None, metadata={"help": "an image file instead of a test image"})

    def draw(self, run: Any = None) -> Any:
        """The image and its maps; a Figure. Raises ValueError without a run of images, and when there is no such image."""
        from netbp.figures import draw_feature_maps, house_style, new_figure

        if run is None:
            raise ValueError("feature maps need a trained network: train one with `netbp run cifar`, and name its file with --run")
        experiment, network, shape, classes, preprocessing = kept_of(run)
        x = self._row(experiment, shape)
        found = stages(network, run.p, preprocessing.apply(x))
        columns = 3 if len(found) > 3 else len(found) + 1
        rows = -(-(len(found) + 1) // columns)
        with house_style():
            figure, axes = new_figure(rows, columns, size=(3.4 * columns, 3.45 * rows), squeeze=False)
            draw_feature_maps(axes.flat[: len(found) + 1], pictures(x[None], shape)[0], found, classes)
            for ax in axes.flat[len(found) + 1 :]:
                ax.set_axis_off()
        return figure

    def _row(self, experiment: Any, shape: tuple[int, int, int]) -> Array:
        if self.file is not None:
            from netbp.data.picture import read_image

            return np.asarray(read_image(self.file, shape))
        x = np.asarray(test_images(experiment).test.x)
        if not 1 <= self.image <= len(x):
            raise ValueError(f"there are {len(x):,} test images, counted from 1, but image {self.image} was asked for")
        return np.asarray(x[self.image - 1])
