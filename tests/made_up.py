"""Images and runs that are made up, for tests: random pixels, random parameters, curves that no training gave."""

from __future__ import annotations

import numpy as np

import netbp as nb
from netbp.data.images import Images
from netbp.data.preprocess import Preprocessing
from netbp.data.steps import Fitted, Scale
from netbp.experiments import CifarExperiment, settings_of
from netbp.run import Run, Series
from netbp.types import State

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def made_up_images() -> Images:
    rng = np.random.default_rng(0)

    def some(N):
        return nb.Data(rng.integers(0, 256, (N, 3072), dtype=np.uint8), np.eye(10)[rng.integers(0, 10, N)])

    return Images("made-up images", some(60), some(40), (3, 32, 32), CLASSES)


EXPERIMENT = CifarExperiment(preprocessing="scale", epochs=3, batch=20, compile=False)


NAMES = ("cost", "held_out", "top1", "held_out_top1", "top5", "held_out_top5")


def made_up_run(experiment=EXPERIMENT, seed=1, curves=None) -> Run:
    """A run of an experiment on CIFAR-10; curves: by name, three values each."""
    network = experiment.network()
    values = {name: [0.9, 0.6, 0.5] for name in NAMES} | (curves or {})
    series = {name: Series(np.array([3, 6, 9]), np.array(values[name])) for name in NAMES}
    preprocessing = Preprocessing((Fitted(Scale(), {}),))
    settings = settings_of(experiment) | {
        "preprocessing": preprocessing.settings,
        "classes": list(CLASSES),
        "shape": [3, 32, 32],
        "problem": {"points": 60, "cost": "softmax_log_loss"},
        "method": {"batch": 20},
    }
    p = network.draw(np.random.default_rng(seed), nb.he)
    provenance = {"engine": "tensor", "seconds": 1.0}
    return Run(State(p, 9, {}, None), 2.3, 2.0, series=series, settings=settings, provenance=provenance)
