"""Steps of preprocessing: each is fitted on training images once and then changes any image the same way."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from netbp.types import Array, Matrix

BLOCK = 2_000  # images at a time: temporary arrays stay below 50 MB


def blocks(x: Matrix) -> Iterator[Matrix]:
    """Some images at a time, as views."""
    return (x[i : i + BLOCK] for i in range(0, len(x), BLOCK))


def rows(x: Matrix) -> Iterator[Matrix]:
    """Some images at a time, to read: in row order, whatever the order of x, so that sums are taken in one order."""
    return map(np.ascontiguousarray, blocks(x))


@dataclass(frozen=True, eq=False)
class Fitted:
    """A step with the arrays that it found in the training images.

    The arrays are kept as float32 in row order, whether they were found now or read from a file: a product of matrices rounds
    otherwise when one of them is in column order.
    """

    step: Step
    arrays: Mapping[str, Array]

    def __post_init__(self) -> None:
        object.__setattr__(self, "arrays", {name: np.array(a, np.float32, order="C") for name, a in self.arrays.items()})

    def apply(self, x: Array) -> Matrix:
        """The images x (N, n), or one (n,), after the step: float32, of the same shape; x stays as it is."""
        z = np.array(x, np.float32, order="C", ndmin=2)
        self.change(z)
        return z.reshape(np.shape(x))

    def change(self, z: Matrix) -> None:
        """Put images z (N, n), float32, through the step in place, some at a time."""
        for block in blocks(z):
            self.step.change(block, self.arrays)


@dataclass(frozen=True)
class Step(ABC):
    """One step of preprocessing: how it is fitted, and how it changes images."""

    def fit(self, x: Array, beside: Array | None = None) -> Fitted:
        """Fit the step on the training images x (N, n).

        beside: images that are not for training but count where MatConvNet's example counts all images (see each step); none
        unless given. Raises ValueError when x is not one image a row.
        """
        if np.ndim(x) != 2 or not len(x):
            raise ValueError(f"a step is fitted on one image a row, but x has shape {np.shape(x)}: reshape it to (N, n)")
        return Fitted(self, self.measure(x, x[:0] if beside is None else beside))

    @abstractmethod
    def measure(self, x: Matrix, beside: Matrix) -> dict[str, Array]:
        """What `change` needs to know, by name."""

    @abstractmethod
    def change(self, z: Matrix, arrays: Mapping[str, Array]) -> None:
        """Change a block of images z (some, n), float32, in place."""


@dataclass(frozen=True)
class Scale(Step):
    """Multiply by a factor: 1/255 takes bytes to [0, 1]."""

    factor: float = 1 / 255

    def measure(self, x: Matrix, beside: Matrix) -> dict[str, Array]:
        """Nothing."""
        return {}

    def change(self, z: Matrix, arrays: Mapping[str, Array]) -> None:
        """Z factor."""
        z *= np.float32(self.factor)


@dataclass(frozen=True)
class Standardise(Step):
    """Give each channel mean 0 and standard deviation 1 over the training images; a constant channel only loses its mean."""

    channels: int = 1

    def __post_init__(self) -> None:
        if self.channels < 1:
            raise ValueError(f"Standardise(channels={self.channels}): images have 1 channel or more")

    def measure(self, x: Matrix, beside: Matrix) -> dict[str, Array]:
        """Each channel's mean and deviation, (channels,)."""
        if x.shape[1] % self.channels:
            raise ValueError(f"Standardise(channels={self.channels}) does not divide images of {x.shape[1]} values: give channels=")
        total, squares = np.zeros(self.channels), np.zeros(self.channels)
        centre = float(np.mean(np.ascontiguousarray(x[0])))  # near the mean, so that the squares do not cancel
        for block in rows(x):
            z = np.asarray(block, float).reshape(len(block), self.channels, -1) - centre
            total += z.sum(axis=(0, 2))
            squares += (z * z).sum(axis=(0, 2))
        count = x.size // self.channels
        mean = total / count
        deviation = np.sqrt(np.maximum(squares / count - mean**2, 0.0))
        return {
            "mean": mean + centre,
            "deviation": np.where(deviation > 0.0, deviation, 1.0),
        }

    def change(self, z: Matrix, arrays: Mapping[str, Array]) -> None:
        """(z - mean) / deviation."""
        by_channel = z.reshape(len(z), self.channels, -1)
        by_channel -= arrays["mean"][:, None]
        by_channel /= arrays["deviation"][:, None]


@dataclass(frozen=True)
class MeanImage(Step):
    """Subtract the mean training image."""

    def measure(self, x: Matrix, beside: Matrix) -> dict[str, Array]:
        """The mean image, (n,)."""
        return {"mean": sum(block.sum(axis=0, dtype=float) for block in rows(x)) / len(x)}

    def change(self, z: Matrix, arrays: Mapping[str, Array]) -> None:
        """Z - mean."""
        z -= arrays["mean"]


@dataclass(frozen=True)
class ContrastNormalisation(Step):
    """Subtract an image's own mean and multiply by mean(n)/max(n, floor), where n is the image's standard deviation.

    mean(n) is over the training images and those beside them; n divides by one less than the image's number of values.
    """

    floor: float = 40.0

    def __post_init__(self) -> None:
        if not self.floor > 0.0:
            raise ValueError(f"ContrastNormalisation(floor={self.floor}): the floor must be positive, for it is divided by")

    def measure(self, x: Matrix, beside: Matrix) -> dict[str, Array]:
        """mean(n), ()."""
        total = sum(float(_centred(np.array(block, np.float32)).sum()) for images in (x, beside) for block in rows(images))
        return {"deviation": np.asarray(total / (len(x) + len(beside)))}

    def change(self, z: Matrix, arrays: Mapping[str, Array]) -> None:
        """(z - its mean) mean(n) / max(n, floor)."""
        z *= (arrays["deviation"] / np.maximum(_centred(z), self.floor)).astype(np.float32)[:, None]


def _centred(z: Matrix) -> Array:
    """Take from each image of z, in place, its own mean; answer their standard deviations, (len(z),) float64."""
    z -= z.mean(axis=1, dtype=float, keepdims=True).astype(np.float32)
    return np.sqrt(np.einsum("ij,ij->i", z, z, dtype=float) / max(z.shape[1] - 1, 1))
