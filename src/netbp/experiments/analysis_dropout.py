"""Dropout as an ensemble: predictions under dropout at test time, in the plane and of saved runs on images."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from netbp.activations import identity, relu
from netbp.costs import softmax_log_loss
from netbp.experiments.analysis_regularity import NOISE, PLANE, SEED, PlaneName, drawn_points
from netbp.layers import Dense, Dropout
from netbp.methods.stochastic import StochasticGradient
from netbp.network import Network, he
from netbp.problem import Problem
from netbp.rules import adam
from netbp.types import Data

if TYPE_CHECKING:
    from netbp.analysis.calibration import Calibration
    from netbp.analysis.uncertainty import DropoutEnsemble


class DropoutOpinions(NamedTuple):
    """An ensemble and its calibration.

    ensemble: at the test points. targets: theirs, (N, n_L). calibrations: of a network without dropout if there is one, with
    weights scaled, and of the mean of the passes. plain: the probabilities without dropout, or None. plane: (x, y, ensemble at
    their grid, training points), or None. geometric: the largest difference between scaled weights and the geometric mean of all
    sub-networks of a small network with dropout behind its hidden layer, and between scaled weights and their mean; or None.
    """

    ensemble: DropoutEnsemble
    targets: Any
    calibrations: tuple[Calibration, ...]
    plain: Any = None
    plane: Any = None
    geometric: tuple[float, float] | None = None

    def __str__(self) -> str:
        lines = [f"{one.name}: {one.line}" for one in self.calibrations]
        lines += [
            "",
            str(self.calibrations[-1]),
            "",
            "test points by the ensemble's entropy",
            self.ensemble.by_unsureness(self.targets),
        ]
        if self.geometric is not None:
            least, most = self.geometric
            lines += ["", "all 1,024 sub-networks of 2-10-2, dropout behind the hidden layer:"]
            lines.append(f"scaled weights are their geometric mean to {least:.1e}, and their mean to {most:.1e}")
        return "\n".join(lines)


@dataclass(frozen=True)
class DropoutEnsembleExperiment:
    """Dropout at test time: the spread of the predictions, and whether the network knows what it does not know.

    In the plane a ReLU network with dropout behind both hidden layers, and the same without; with --run a saved run of
    `netbp run cifar --dropout` on test images, and with --plain one without dropout beside it.
    """

    name: ClassVar[str] = "dropout-ensemble"

    run_: Path | None = field(
        default=None, metadata={"help": "a saved run of `netbp run cifar --dropout`, instead of the plane", "name": "--run"}
    )
    plain: Path | None = field(default=None, metadata={"help": "a saved run of `netbp run cifar`, to compare with"})
    images: int = field(default=2000, metadata={"help": "test images of the run's data, the first so many"})
    passes: int = field(default=50, metadata={"help": "predictions with dropout on"})
    points: PlaneName = field(default="points", metadata={"help": PLANE})
    N: int = field(default=100, metadata={"help": "training points of the plane"})
    noise: float = field(default=0.1, metadata={"help": NOISE})
    width: int = field(default=50, metadata={"help": "neurons in each of the two hidden layers"})
    dropout: float = field(default=0.2, metadata={"help": "probability of dropping a neuron"})
    epochs: int = field(default=1000, metadata={"help": "passes through the training points"})
    seed: int = field(default=0, metadata={"help": SEED})

    def run(self, progress: Any = None, save: Any = None, resume: Any = None) -> DropoutOpinions:
        """Train in the plane, or load the runs; then predict."""
        return self._of_run(progress) if self.run_ is not None else self._of_plane(progress)

    def _of_plane(self, progress: Any) -> DropoutOpinions:
        from netbp.analysis.uncertainty import dropout_ensemble, every_mask
        from netbp.engines.reference import Reference
        from netbp.run import train

        data, test = (drawn_points(self.points, N, self.noise, self.seed + k) for k, N in enumerate((self.N, 5000)))
        batch = min(20, self.N)
        method = StochasticGradient(adam, 0.003, batch, sampling="epochs")
        steps = self.epochs * -(-self.N // batch)

        def trained(network: Network) -> tuple[Problem, Any]:
            problem = Problem(network, softmax_log_loss, data, engine=Reference())
            start = network.draw(np.random.default_rng(self.seed), he)
            return problem, train(problem, method, steps, start=start, rng=self.seed, record=0, progress=progress).p

        w, drop = self.width, Dropout(self.dropout)
        problem, p = trained(Network.chain(2, Dense(w, relu), drop, Dense(w, relu), drop, Dense(2)))
        bare, q = trained(Network.dense(2, w, w, 2, activation=[relu, relu, identity]))
        small, r = trained(Network.chain(2, Dense(10, relu), drop, Dense(2)))
        members = every_mask(small, r, test.x)
        geometric = (
            float(np.abs(members.scaled - members.geometric).max()),
            float(np.abs(members.scaled - members.arithmetic).max()),
        )
        found = dropout_ensemble(problem, p, test.x, self.passes, self.seed)
        low, high = np.asarray(data.x).min(axis=0) - 0.3, np.asarray(data.x).max(axis=0) + 0.3
        across, up = np.linspace(low[0], high[0], 101), np.linspace(low[1], high[1], 101)
        grid = np.stack([part.ravel() for part in np.meshgrid(across, up)], axis=1)
        plane = (across, up, dropout_ensemble(problem, p, grid, self.passes, self.seed), data)
        return _opinions(found, np.asarray(test.y), bare.predict(q, test.x), plane, geometric)

    def _of_run(self, progress: Any) -> DropoutOpinions:
        from netbp.analysis.uncertainty import dropout_ensemble

        assert self.run_ is not None
        problem, p, x, y = _of_images(self.run_, self.images)
        found = dropout_ensemble(problem, p, x, self.passes, self.seed, progress)
        plain = None
        if self.plain is not None:
            other, q, others, _ = _of_images(self.plain, self.images)
            plain = other.predict(q, others)
        return _opinions(found, y, plain)

    def draw(self, result: DropoutOpinions | None = None) -> Any:
        """The reliability diagram, errors by entropy, and in the plane what the passes say and where they disagree; a Figure."""
        from netbp.figures import house_style, new_figure
        from netbp.figures.analysis_regularity import draw_reliability_diagram, draw_unsureness, draw_wrong_by_entropy

        result = self.run() if result is None else result
        with house_style():
            rows = 1 if result.plane is None else 2
            figure, axes = new_figure(rows, 2, size=(13.0, 5.2 * rows), squeeze=False)
            draw_reliability_diagram(axes[0, 0], result.calibrations)
            opinions = [] if result.plain is None else [("no dropout", result.plain, result.targets)]
            opinions.append(("weights scaled", result.ensemble.scaled, result.targets))
            draw_wrong_by_entropy(axes[0, 1], [*opinions, ("mean of passes", result.ensemble.mean, result.targets)])
            if result.plane is not None:
                x, y, found, data = result.plane
                for ax, values, words in zip(
                    axes[1],
                    (found.entropy, found.deviation[:, 0]),
                    ("entropy of the mean (nats)", "standard deviation of the passes"),
                    strict=True,
                ):
                    shown = draw_unsureness(ax, x, y, values.reshape(len(y), len(x)), words, data)
                    figure.colorbar(shown, ax=ax)
        return figure


def _opinions(found: DropoutEnsemble, y: Any, plain: Any, plane: Any = None, geometric: Any = None) -> DropoutOpinions:
    from netbp.analysis.calibration import calibration

    kinds = [] if plain is None else [calibration(plain, y, name="no dropout")]
    kinds += [calibration(found.scaled, y, name="weights scaled"), calibration(found.mean, y, name="mean of passes")]
    return DropoutOpinions(found, y, tuple(kinds), plain, plane, geometric)


def _of_images(path: Path, count: int) -> tuple[Problem, Any, Any, Any]:
    """The problem of a saved run, its parameters, and its first test images, preprocessed, with their targets."""
    from netbp.engines.tensor import Tensor
    from netbp.experiments.image_drawings import test_images
    from netbp.experiments.images import kept_of
    from netbp.run import Run

    run = Run.load(path)
    experiment, network, _, _, preprocessing = kept_of(run)
    x, y, _ = test_images(experiment).test
    prepared = preprocessing.apply(np.asarray(x)[:count])
    blank = Data(np.zeros((1, prepared.shape[1]), np.float32), np.eye(1, np.asarray(y).shape[1]))
    problem = Problem(network, softmax_log_loss, blank, engine=Tensor(compile=False))
    return problem, run.p, prepared, np.asarray(y)[:count]
