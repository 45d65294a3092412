"""What each process of a test with several runs: train a tiny network, with or without a file, and print p's digest."""

from __future__ import annotations

import hashlib
import os
import sys
import time
from dataclasses import replace
from typing import Any

import numpy as np

import netbp as nb
from modules import KINDS, made
from netbp.rules import momentum

METHOD = nb.StochasticGradient(rule=momentum, rate=0.05, batch=5, sampling="epochs", constants={"mu": 0.9})


REFUSED = ["rng", "method.rate", "method.batch", "engine.parts", "parts=3", "start.step"]


class Slow:
    """Says once that steps are under way, and leaves time to be killed."""

    def __init__(self, pause: float) -> None:
        self.pause = pause

    def __call__(self, snapshot: Any) -> None:
        print("step", snapshot.step, flush=True)
        time.sleep(self.pause)


def problem(kind: str, parts: int = 1) -> nb.Problem:
    rng = np.random.default_rng(1)
    if kind == "images":
        network: Any = nb.Network.chain(
            (1, 6, 6), nb.Flip(), nb.Conv(3, 3, activation=nb.relu), nb.Pool(2), nb.Dropout(0.4), nb.Dense(3)
        )
    else:
        network = nb.TorchNetwork(made(kind), *KINDS[kind][1:])
    n, outputs = network.sizes[0], network.sizes[-1]
    x, y = rng.standard_normal((23, n)), np.eye(outputs)[rng.integers(outputs, size=23)]
    cut = slice(0, 15), slice(15, 23)
    data, held_out = (nb.Data(x[part], y[part]) for part in cut)
    return nb.Problem(network, nb.softmax_log_loss, data, held_out, engine=nb.Tensor(parts=parts))


def trained(kind: str, parts: int, steps: int, pause: float = 0.0, **where: Any) -> nb.Run:
    return nb.train(problem(kind, parts), METHOD, steps=steps, rng=3, until=Slow(pause) if pause else None, **where)


def digest(run: nb.Run) -> str:
    arrays = [run.p, *(run.state.memory[name] for name in sorted(run.state.memory)), *(c.values for c in run.series.values())]
    return hashlib.sha256(b"".join(np.asarray(a).tobytes() for a in arrays)).hexdigest()


def refused_alone() -> None:
    """In processes that differ in one thing after the other: each must be refused, in every process, and nothing be saved."""
    rank = int(os.environ["RANK"])
    run = trained("images", 1, 2)
    other = replace(run, state=run.state._replace(step=run.step - rank))
    changes: list[dict[str, Any]] = [
        {"rng": rank},
        {"method": nb.StochasticGradient(rate=0.1 + rank, batch=5)},
        {"method": nb.StochasticGradient(rate=0.1, batch=5 + rank)},
        {"problem": problem("images", 2 + rank)},
        {"problem": problem("images", 3)},
        {"resume": other, "method": METHOD, "rng": 3},
    ]
    for what, change in zip(REFUSED, changes, strict=True):
        asked = {"problem": problem("images"), "method": nb.StochasticGradient(rate=0.1, batch=5), "steps": 5} | change
        try:
            nb.train(**asked, save="refused.npz")
        except ValueError as error:
            if what in str(error):
                print("refused", what, flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "refused":
        refused_alone()
        sys.argv[1] = "images"
    kind, steps, pause, save, resume = sys.argv[1:]
    run = trained(kind, 1, int(steps), float(pause), save=save or None, resume=resume or None)
    print("digest", digest(run), flush=True)
