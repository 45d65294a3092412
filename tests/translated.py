"""A process of tests/test_translated.py: `begin` trains a network by a translated step and saves it on the way, `go_on` goes on."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from torch._inductor.runtime import cache_dir_utils

import netbp as nb
from netbp.engines.tensor import bound

PER_EPOCH, STEPS = 4, 10
STOPPED = {"end of an epoch": PER_EPOCH, "middle of an epoch": PER_EPOCH + 2}


def problem() -> nb.Problem:
    """Random layers, all kinds of pooling, and batches of one length."""
    rng = np.random.default_rng(0)
    edge = ((0, 1), (0, 1))
    network = nb.Network.chain(
        (3, 8, 8),
        nb.Flip(),
        nb.Conv(4, 3, pad=1),
        nb.Pool(3, 2, edge),
        nb.relu,
        nb.Dropout(0.3),
        nb.Pool(2, kind="average"),
        nb.Dense(3),
    )
    data = nb.Data(rng.standard_normal((5 * PER_EPOCH, 192)).astype(np.float32), np.eye(3)[rng.integers(3, size=5 * PER_EPOCH)])
    return nb.Problem(network, nb.softmax_log_loss, data, engine=nb.Tensor())


def run(steps: int, resume: Path | None = None) -> nb.Run:
    """A run of so many steps in all."""
    method = nb.StochasticGradient(rule=nb.momentum, rate=0.05, batch=5, sampling="epochs")
    made = problem()
    out = nb.train(made, method, steps=steps, rng=3, resume=resume)
    assert all(f.translated is not None for f in made.bound.functions.values()), "the step was not translated"
    return out


def watch(folder: str, touched: set[str]) -> None:
    """Note whatever this process does from now on to files in the folder."""

    def note(event: str, arguments: tuple[object, ...]) -> None:
        if any(isinstance(argument, str) and argument.startswith(folder) for argument in arguments):
            touched.add(f"{event} {arguments}")

    sys.addaudithook(note)


def main(what: str, folder: Path) -> None:
    """Begin, or go on; print what was done in the folder where torch.compile would work of its own accord."""
    touched: set[str] = set()
    watch(cache_dir_utils.default_cache_dir(), touched)
    compute(what, folder)
    print(*sorted(touched), sep="\n", end="")


def compute(what: str, folder: Path) -> None:
    """The runs of one process."""
    torch.set_num_threads(1)
    bound.PAYS = 0
    if what == "begin":
        for name, steps in STOPPED.items():
            run(steps).save(folder / f"{name}.npz")
        run(STEPS).save(folder / "whole.npz")
        return
    for name in STOPPED:
        run(STEPS, folder / f"{name}.npz").save(folder / f"{name}, gone on.npz")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
