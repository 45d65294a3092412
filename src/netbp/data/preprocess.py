"""Preprocessing of images: a chain of fitted steps that a run can keep and `predict` can apply.

The paper's network (section 7.4) sees images less their mean, of even contrast, and whitened, as MatConvNet's example has it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_type_hints

import numpy as np

from netbp.data import keeping
from netbp.data.images import Images
from netbp.data.steps import ContrastNormalisation, Fitted, MeanImage, Scale, Standardise, Step, blocks
from netbp.data.whitening import Whitening
from netbp.messages import listed, shown
from netbp.typed import misfit
from netbp.types import Array, Data, Matrix

STEPS: dict[str, type[Step]] = {step.__name__: step for step in (Scale, Standardise, MeanImage, ContrastNormalisation, Whitening)}

PAPER: tuple[Step, ...] = (MeanImage(), ContrastNormalisation(), Whitening())
"""What the paper's network is trained on."""


@dataclass(frozen=True, eq=False)
class Preprocessing:
    """Fitted steps, applied in their order."""

    steps: tuple[Fitted, ...] = ()

    def apply(self, x: Array) -> Matrix:
        """The images x (N, n), or one (n,), after all steps: float32, of the same shape; x stays as it is."""
        z = np.array(x, np.float32, order="C", ndmin=2)
        for block in blocks(z):
            for fitted in self.steps:
                fitted.step.change(block, fitted.arrays)
        return z.reshape(np.shape(x))

    @property
    def settings(self) -> list[dict[str, Any]]:
        """The steps' names and fields as plain values, for a file's header."""
        return settings_of([fitted.step for fitted in self.steps])

    def arrays(self) -> dict[str, Array]:
        """All arrays by the name "preprocess.<number of the step>.<name>", for a run's file."""
        return {f"preprocess.{i}.{name}": a for i, fitted in enumerate(self.steps) for name, a in fitted.arrays.items()}

    @classmethod
    def from_arrays(
        cls, arrays: Mapping[str, Array], settings: Sequence[Mapping[str, Any]], values: int | None = None
    ) -> Preprocessing:
        """What `arrays` and `settings` were taken from; values: of an image, where it is known.

        Raises ValueError when an array is missing or of another shape, or `settings` are none; other arrays are left alone.
        """
        steps = []
        for i, (step, entry) in enumerate(zip(steps_from(settings), settings, strict=True)):
            prefix = f"preprocess.{i}."
            own = {name.removeprefix(prefix): a for name, a in arrays.items() if name.startswith(prefix)}
            missing = AXES[type(step)].keys() - own.keys()
            if missing:
                raise ValueError(f"step {i} of the preprocessing, {entry['step']}, lacks {', '.join(sorted(missing))}")
            _check_shapes(i, step, own, values)
            steps.append(Fitted(step, own))
        return cls(tuple(steps))


AXES: dict[type[Step], dict[str, tuple[str, ...]]] = {
    Scale: {},
    Standardise: {"mean": ("channels",), "deviation": ("channels",)},
    MeanImage: {"mean": ("n",)},
    ContrastNormalisation: {"deviation": ()},
    Whitening: {"vectors": ("n", "kept"), "factors": ("kept",), "rest": ()},
}
"""The arrays of each step and their axes."""


def _check_shapes(i: int, step: Step, own: Mapping[str, Array], values: int | None) -> None:
    """Raise ValueError where arrays are not of the shapes, or numbers, that a step can have on images of n values."""
    sizes = {} if values is None else {"n": values}
    if isinstance(step, Standardise):
        sizes["channels"] = step.channels
        if values is not None and values % step.channels:
            raise ValueError(f"step {i} of the preprocessing has {step.channels} channels, but an image has {values} values")
    for name, axes in AXES[type(step)].items():
        array = own[name] if axes else np.reshape(own[name], () if np.size(own[name]) == 1 else -1)
        expected = tuple(sizes.setdefault(axis, n) for axis, n in zip(axes, array.shape, strict=False))
        if array.shape != expected or array.ndim != len(axes) or array.dtype.kind != "f" or not np.isfinite(array).all():
            what = f"{array.dtype} of shape {array.shape}"
            raise ValueError(f"step {i} of the preprocessing, {type(step).__name__}, has {what} as its {name}, not finite {axes}")
        if isinstance(step, Standardise) and (own["deviation"] <= 0.0).any():
            raise ValueError(f"step {i} of the preprocessing, {type(step).__name__}, divides by a deviation that is not positive")


def preprocessed(
    images: Images,
    steps: Sequence[Step] = PAPER,
    fitted_on: Literal["training", "all"] = "training",
    keep: bool = True,
) -> tuple[Data, Data, Preprocessing]:
    """Fit the steps on the training images and apply them to all: training data, test data (x float32), and the fitted steps.

    fitted_on: "all" lets the test images count where MatConvNet's example counts all 60,000 (see each step), as the paper's
    experiment did; "training" keeps them unseen. keep: whether to keep the answer in the cache, by the images' checksum, and to
    take it from there the next time: x then lies in the cache's file, memory-mapped, and writing to it changes only the copy in
    memory. A cache that cannot be written is done without.
    """
    if fitted_on not in ("training", "all"):
        raise ValueError(f"preprocessing is fitted on the 'training' images or on 'all', not on {fitted_on!r}")
    x, beside = np.asarray(images.train.x), np.asarray(images.test.x)
    N, settings = len(x), settings_of(steps)
    key = keeping.key(x, beside, {"settings": settings, "fitted_on": fitted_on}) if keep else ""
    found = keeping.load(key, (N + len(beside), x.shape[1])) if keep else None
    if found:
        z, done = found.z, Preprocessing.from_arrays(found.arrays, settings)
    else:
        z = np.empty((N + len(beside), x.shape[1]), np.float32)
        z[:N], z[N:] = x, beside
        done = fit_in_place(steps, z, N, fitted_on == "all")
        if keep:
            keeping.save(key, z, done.arrays())
    return Data(z[:N], images.train.y), Data(z[N:], images.test.y), done


def settings_of(steps: Sequence[Step]) -> list[dict[str, Any]]:
    """The steps' names and fields as plain values; `steps_from` is the inverse."""
    return [{"step": type(step).__name__, **asdict(step)} for step in steps]


def steps_from(settings: Sequence[Mapping[str, Any]]) -> tuple[Step, ...]:
    """The steps that `settings` describes. Raises ValueError when they describe none, or one is unknown."""
    if told := misfit(settings, tuple[dict[str, Any], ...], "the preprocessing"):
        raise ValueError(told)
    steps = []
    for entry in settings:
        fields = dict(entry)
        name = str(fields.pop("step", None))
        if name not in STEPS:
            raise ValueError(f"there is no step of preprocessing called {shown(name)}: there are {', '.join(STEPS)}")
        hints = get_type_hints(STEPS[name])
        if told := misfit(fields, hints, name):
            raise ValueError(f"a step of the preprocessing is none: {told}")
        if strange := fields.keys() - hints.keys():
            raise ValueError(f"{name} of the preprocessing has other fields: {listed(sorted(strange))}")
        steps.append(STEPS[name](**fields))
    return tuple(steps)


def fit_in_place(steps: Sequence[Step], z: Matrix, N: int, beside: bool) -> Preprocessing:
    """Fit the steps on the first N images of z (float32), one after the other, and leave all of z preprocessed.

    beside: whether the other images of z count where a step counts images beside the training images.
    """
    done = []
    for step in steps:
        fitted = step.fit(z[:N], z[N:] if beside else None)
        fitted.change(z)
        done.append(fitted)
    return Preprocessing(tuple(done))
