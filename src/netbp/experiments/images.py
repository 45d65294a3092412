"""What the experiments with images have in common: epochs, the engine, the record of a run, and what a run says of pictures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

import numpy as np

from netbp.data.preprocess import Preprocessing
from netbp.experiments.settings import settings_of, told_of
from netbp.messages import counted, named
from netbp.network import Network
from netbp.problem import Problem
from netbp.typed import misfit
from netbp.types import Data, Matrix, Vector
from netbp.validation import categories, error_shares

if TYPE_CHECKING:
    from netbp.methods.stochastic import StochasticGradient
    from netbp.run import Run

EngineChoice = Literal["auto", "tensor", "compiled", "reference"]
PrecisionName = Literal["float32", "float64", "bfloat16", "tf32"]
BLOCK = 2000  # images that are preprocessed and classified at a time


class Prepared(NamedTuple):
    """Images made ready for a network.

    train, held_out: preprocessed; test: test images as they come, where they are not the held-out ones, or None. shape: (channels,
    height, width). classes: their names. told: one line about the images.
    """

    train: Data
    held_out: Data
    test: Data | None
    preprocessing: Preprocessing
    shape: tuple[int, int, int]
    classes: tuple[str, ...]
    told: str


@dataclass(frozen=True)
class ImageExperiment:
    """An experiment that trains on labelled images by epochs; a subclass says on which, and with which network and method."""

    name: ClassVar[str] = "images"

    epochs: int = field(default=1, metadata={"help": "passes through the training images"}, kw_only=True)
    batch: int = field(default=100, metadata={"help": "images per step, m of (17)"}, kw_only=True)
    patience: int = field(
        default=0, metadata={"help": "stop after so many epochs without a lower validation cost; 0: never"}, kw_only=True
    )
    seed: int = field(
        default=0, metadata={"help": "where the random numbers start: the start, the order, dropout, flips"}, kw_only=True
    )
    engine: EngineChoice = field(default="auto", metadata={"help": "who does the arithmetic"}, kw_only=True)
    device: str = field(default="cpu", metadata={"help": "where the tensor engine works: cpu, cuda, cuda:1"}, kw_only=True)
    precision: PrecisionName = field(default="float32", metadata={"help": "the tensor engine's numbers"}, kw_only=True)
    compile: bool = field(default=True, metadata={"help": "whether the tensor engine compiles its steps"}, kw_only=True)
    deterministic: bool = field(
        default=False, metadata={"help": "the same bits from run to run, also on a GPU, at some cost in time"}, kw_only=True
    )

    def __post_init__(self) -> None:
        for name, least in (("epochs", 1), ("batch", 1), ("patience", 0), ("seed", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least}, but it is {getattr(self, name)}")

    # -- what a subclass gives -------------------------------------------------------------------------------------

    def prepare(self) -> Prepared:
        """The images, read and preprocessed; seconds of work."""
        raise NotImplementedError

    def network(self) -> Network:
        """The network."""
        raise NotImplementedError

    def method(self) -> StochasticGradient:
        """The method."""
        raise NotImplementedError

    def make(self, prepared: Prepared) -> Problem:
        """The problem on these images."""
        raise NotImplementedError

    def start(self, rng: Any) -> Vector:
        """Where p begins."""
        raise NotImplementedError

    # -- what is made from it --------------------------------------------------------------------------------------

    @cached_property
    def prepared(self) -> Prepared:
        """The images, prepared once."""
        return self.prepare()

    @cached_property
    def made(self) -> Problem:
        """The problem, made once: its data are large."""
        return self.make(self.prepared)

    def problem(self) -> Problem:
        """The cost of the training images, with the validation images beside it."""
        return self.made

    def check_engine(self) -> None:
        """Raise ValueError, before any image is read, when the engine cannot do it, or its device or PyTorch is missing."""
        sizes = self.network().sizes
        blank = Data(np.zeros((1, sizes[0]), np.float32), np.eye(1, sizes[-1]))
        _ = self.make(Prepared(blank, blank, None, Preprocessing(), (1, 1, sizes[0]), (), "a blank image")).bound

    @property
    def per_epoch(self) -> int:
        """Steps in an epoch."""
        return -(-self.made.N // self.batch)

    def chosen_engine(self) -> Any:
        """The engine of these fields; for "auto" the tensor engine."""
        from netbp.experiments.settings import engine_of

        if self.engine in ("auto", "tensor"):
            from netbp.engines.tensor import Tensor

            return Tensor(device=self.device, precision=self.precision, compile=self.compile, deterministic=self.deterministic)
        return engine_of(self.engine)

    def run(self, progress: Any = None, save: Any = None, resume: Any = None) -> Run:
        """Train, recording every epoch, and keep with the run what `predict` needs: preprocessing, classes and shape."""
        from netbp.run import train
        from netbp.stopping import no_improvement

        problem, prepared, rng = self.made, self.prepared, np.random.default_rng(self.seed)
        kept = {"preprocessing": prepared.preprocessing.settings, "classes": prepared.classes, "shape": prepared.shape}
        return train(
            problem,
            self.method(),
            self.epochs * self.per_epoch,
            start=None if resume is not None else self.start(rng),
            rng=rng,
            until=no_improvement(self.patience) if self.patience else None,
            save=save,
            resume=resume,
            settings=settings_of(self) | kept,
            arrays=prepared.preprocessing.arrays(),
            progress=progress,
        )

    def introduction(self) -> str:
        """What is about to be trained on what, in two lines."""
        problem = self.made
        engine = f"{problem.engine.name} engine" if problem.engine is not None else ""
        facts = getattr(problem.bound, "facts", None)  # what it really is: a device without bfloat16 says so
        if facts:
            engine = f"{engine} on {facts['device']} in {facts['precision']}"
        return (
            f"{self.prepared.told}\n"
            f"{counted(problem.size, 'parameter')}, {problem.cost!r} cost, {counted(self.epochs, 'epoch')} of "
            f"{counted(self.per_epoch, 'step')}, {engine}"
        )

    def summary(self, run: Run) -> str:
        """How right the network is, in a line for each set of images that was not trained on."""
        lines = []
        if "held_out_top1" in run.series and len(run.series["held_out_top1"].values):
            errors = [run.series[name].values[-1] for name in ("held_out_top1", "held_out_top5") if name in run.series]
            lines.append(_line("validation", len(np.asarray(self.prepared.held_out.x)), errors))
            epoch, lowest = run.series["held_out"].values.argmin() + 1, run.series["held_out"].values.min()
            lines.append(f"lowest validation cost: {lowest:.4f}, after epoch {epoch}; the run keeps that state beside its last")
        if self.prepared.test is not None:
            x, y = np.asarray(self.prepared.test.x), np.asarray(self.prepared.test.y)
            outputs = outputs_of(self.made, self.prepared.preprocessing, run.p, x)
            numbers = categories(self.made.cost, y)
            assert numbers is not None
            lines.append(_line("test", len(x), error_shares(outputs, numbers)[: 1 + (y.shape[1] > 5)]))
        return "\n".join(lines)


def outputs_of(problem: Problem, preprocessing: Preprocessing, p: Vector, x: Matrix) -> Matrix:
    """What a network says of images x (N, C H W) as they come, (N, n_L): preprocessed first, some at a time."""
    return np.concatenate([problem.predict(p, preprocessing.apply(x[i : i + BLOCK])) for i in range(0, len(x), BLOCK)])


class Opinions(NamedTuple):
    """What a run says of pictures: classes, their names; outputs (N, classes); whether these are probabilities."""

    classes: tuple[str, ...]
    outputs: Matrix
    probabilities: bool


class Kept(NamedTuple):
    """What a run of images keeps beside its parameters: shape (channels, height, width), the classes, the preprocessing."""

    experiment: ImageExperiment
    network: Network
    shape: tuple[int, int, int]
    classes: tuple[str, ...]
    preprocessing: Preprocessing


def kept_of(run: Run) -> Kept:
    """What a run of images keeps. Raises ValueError for another run, and when shape, classes and network do not fit together."""
    from netbp.experiments import experiment_of

    settings = run.settings
    if not is_of_images(settings):
        name = told_of(settings)[0]
        of = named(name) if name else "a program"
        raise ValueError(f"the run is not of images but of {of}: images need a run of `netbp run cifar`")
    wrong = misfit(settings, {"shape": tuple[int, int, int], "classes": tuple[str, ...]}, "settings")
    if wrong is not None:
        raise ValueError(f"the run says of itself what no run of images does: {wrong}")
    experiment = experiment_of(run)
    if run.p.ndim != 1 or not isinstance(experiment, ImageExperiment):
        raise ValueError(f"the run is not of one network for images but of {counted(len(run.p), 'network')}: name another")
    network, shape, classes = experiment.network(), settings["shape"], settings["classes"]
    if (math.prod(shape), len(classes)) != (network.sizes[0], network.sizes[-1]) or min(shape) < 1:
        found = f"images of shape {tuple(shape)} in {counted(len(classes), 'class')}"
        raise ValueError(f"the run is of {found}, but its network has {network.sizes[0]} inputs and {network.sizes[-1]} outputs")
    preprocessing = Preprocessing.from_arrays(run.arrays, settings["preprocessing"], network.sizes[0])
    return Kept(experiment, network, tuple(shape), tuple(classes), preprocessing)


def opinions(run: Run, x: Matrix) -> Opinions:
    """What the run's network says of images x (N, C H W), uint8, preprocessed as the run was, with its last parameters.

    Raises ValueError when the run is not of an experiment with images.
    """
    from netbp.experiments.settings import cost_of

    _, network, _, classes, preprocessing = kept_of(run)
    cost = cost_of(run.settings["problem"]["cost"])
    point = Data(np.zeros((1, network.sizes[0])), np.zeros((1, network.sizes[-1])))  # stands in for data that are not needed
    problem = Problem(network, cost, point, engine=_light_engine(network))
    return Opinions(classes, outputs_of(problem, preprocessing, run.p, x), cost.categories)


def is_of_images(settings: Mapping[str, Any]) -> bool:
    """Whether a run's settings are those of an experiment with images."""
    return {"preprocessing", "classes", "shape"} <= settings.keys()


def _light_engine(network: Network) -> Any:
    """An engine that starts at once: for a few images nothing need be compiled."""
    from importlib.util import find_spec

    from netbp.engines.reference import Reference

    if network.is_dense or find_spec("torch") is None:
        return Reference()
    from netbp.engines.tensor import Tensor

    return Tensor(compile=False)


def _line(what: str, N: int, errors: Sequence[float]) -> str:
    right = f"{what}: {100.0 * (1.0 - errors[0]):.2f} % of {N:,} images right"
    return right if len(errors) == 1 else f"{right}, {100.0 * (1.0 - errors[1]):.2f} % among the first five"
