"""What a run's network says of all test images: the numbers behind confusion matrices and galleries of mistakes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from netbp.confusion import Confusion
from netbp.data.images import Images, labels
from netbp.experiments.images import BLOCK, opinions
from netbp.types import Array, Indices, Matrix

if TYPE_CHECKING:
    from netbp.run import Run

Order = Literal["test", "surest"]


class Answers(NamedTuple):
    """A network's answers to N images of K classes.

    x: (N, C H W), the images as they come; shape: (C, H, W). true: (N,), numbers of classes. outputs: (N, K), which are
    probabilities or not.
    """

    x: Array
    shape: tuple[int, int, int]
    true: Indices
    outputs: Matrix
    classes: tuple[str, ...]
    probabilities: bool

    @property
    def predicted(self) -> Indices:
        """The class with the largest output, (N,)."""
        return np.asarray(self.outputs.argmax(axis=1))

    def confusion(self) -> Confusion:
        """The confusion matrix: figures 13 and 14."""
        return Confusion.ranked(self.outputs, self.true, self.classes)

    def taken(self, row: int, column: int) -> Indices:
        """Which images of class `column` the network takes for `row`, both counted from 0: a cell of the confusion matrix."""
        return np.flatnonzero((self.predicted == row) & (self.true == column))

    def mistakes(self, order: Order = "test") -> Indices:
        """Which images the network takes for something else, as they come, or those first of whose answer it is surest."""
        predicted = self.predicted
        wrong = np.flatnonzero(predicted != self.true)
        if order == "test":
            return wrong
        return wrong[np.argsort(-self.outputs[wrong, predicted[wrong]], kind="stable")]


def answers_of(run: Run, images: Images, told: Callable[[int, int], bool] | None = None) -> Answers | None:
    """What the run's network, with its last parameters, says of each test image, some at a time.

    told: called with how many of how many images are done; False stops the work, and the answer is None. Raises ValueError when
    the run is not of images.
    """
    x, parts, classes, probabilities = np.asarray(images.test.x), [], images.classes, False
    for first in range(0, len(x), BLOCK):
        said = opinions(run, x[first : first + BLOCK])
        parts.append(said.outputs)
        classes, probabilities = said.classes, said.probabilities
        if told is not None and not told(min(first + BLOCK, len(x)), len(x)):
            return None
    return Answers(x, images.shape, labels(images.test), np.concatenate(parts), classes, probabilities)
