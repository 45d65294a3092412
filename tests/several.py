"""What each process of a test with several runs: train a tiny network, with or without a file, and print p's digest."""

from __future__ import annotations

import hashlib
import sys
import time
from typing import Any

import numpy as np

import netbp as nb
from modules import KINDS, made
from netbp.rules import momentum


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
    method = nb.StochasticGradient(rule=momentum, rate=0.05, batch=5, sampling="epochs", constants={"mu": 0.9})
    return nb.train(problem(kind, parts), method, steps=steps, rng=3, until=Slow(pause) if pause else None, **where)


def digest(run: nb.Run) -> str:
    arrays = [run.p, *(run.state.memory[name] for name in sorted(run.state.memory)), *(c.values for c in run.series.values())]
    return hashlib.sha256(b"".join(np.asarray(a).tobytes() for a in arrays)).hexdigest()


if __name__ == "__main__":
    kind, steps, pause, save, resume = sys.argv[1:]
    run = trained(kind, 1, int(steps), float(pause), save=save or None, resume=resume or None)
    print("digest", digest(run), flush=True)
