"""MNIST, 784-30-10, as in Nielsen's book: sigmoid, quadratic cost, rate 3.0, mini-batches of 10 by epochs, 50,000 training images.

Claims: about 91, 93 and 93.5 % of the 10,000 test images right after 1, 2 and 3 epochs, about 95 % after 30, within the
spread of seeds; at least twice the speed of PyTorch eager in the same precision.

    NETBP_DATA=... python -m benchmarks.mnist [--rounds 5] [--seeds 20] [--late 5] [--epochs 30]

Method: pixels in [0, 1], weights and biases start at independent standard normal numbers, double precision. Accuracy is
taken at the end of each epoch; the first 3 epochs from seeds 0 to 19, all 30 from seeds 0 to 4. The book took the best of
three runs, so the best seed is held against it, "about" meaning half a point. From some starts one digit or two stay
unlearnt for the first epochs (their output neurons saturate near 0), which a plain NumPy loop shows, too, to all digits:
then 1 or 2 tenths are lost. For the speed, three epochs from the same start, the shuffling included (and for netbp's
`nb.train` the cost of all training images before and after), netbp and two PyTorch loops in turn, in one process with 1
thread and one with 2 (OMP_NUM_THREADS, OPENBLAS_NUM_THREADS, torch.set_num_threads): as one writes it (autograd,
torch.optim.SGD; no DataLoader, batches cut from one shuffled tensor), and with Lemma 1 written out by hand, in place.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from statistics import median
from typing import Any

import numpy as np

import netbp as nb
from benchmarks.pairing import Contender, Report, Table, Target, Timed, arguments, in_turn

TRAINING, BATCH, ETA = 50_000, 10, 3.0
AN_EPOCH = TRAINING // BATCH
EPOCHS = 3  # timed together
EXPECTED = {1: 91.0, 2: 93.0, 3: 93.5, 30: 95.0}
ABOUT = 0.5  # per cent


def nielsen() -> tuple[nb.Problem, nb.StochasticGradient, nb.Data]:
    train, test = nb.data.mnist(training=TRAINING)
    problem = nb.Problem(nb.Network.dense(784, 30, 10), nb.quadratic, train)
    return problem, nb.StochasticGradient(rate=ETA, batch=BATCH, sampling="epochs"), test


def accuracies(problem: nb.Problem, method: nb.StochasticGradient, test: nb.Data, seed: int, epochs: int) -> list[float]:
    """The share of test images right after each epoch, in per cent."""
    rng = np.random.default_rng(seed)
    start = problem.network.draw(rng, scale=1.0)
    digits = np.argmax(test.y, axis=1)
    snapshots = nb.stream(problem, method, steps=epochs * AN_EPOCH, every=AN_EPOCH, start=start, rng=rng)
    return [100.0 * float(np.mean(problem.classify(s.p, test.x) == digits)) for s in snapshots if s.step]


def batches(x: Any, y: Any) -> Iterator[tuple[Any, Any]]:
    """The batches of EPOCHS epochs, cut from one shuffled tensor each."""
    import torch

    for _ in range(EPOCHS):
        order = torch.randperm(TRAINING)
        yield from zip(x[order].split(BATCH), y[order].split(BATCH), strict=True)


def torch_by_autograd(x: Any, y: Any, start: Any, network: nb.Network) -> Callable[[], None]:
    import torch
    from torch import nn

    def epochs() -> None:
        model = nn.Sequential(nn.Linear(784, 30), nn.Sigmoid(), nn.Linear(30, 10), nn.Sigmoid()).double()
        with torch.no_grad():
            for layer, (W, b) in zip((model[0], model[2]), network.views(start), strict=True):
                layer.weight.copy_(torch.tensor(W))
                layer.bias.copy_(torch.tensor(b))
        optimiser = torch.optim.SGD(model.parameters(), lr=ETA)
        for inputs, targets in batches(x, y):
            optimiser.zero_grad()
            loss = ((targets - model(inputs)) ** 2).sum() / (2 * BATCH)
            loss.backward()
            optimiser.step()

    return epochs


def torch_by_hand(x: Any, y: Any, start: Any, network: nb.Network) -> Callable[[], None]:
    import torch

    @torch.no_grad()
    def epochs() -> None:
        (W2, b2), (W3, b3) = [(torch.tensor(W), torch.tensor(b)) for W, b in network.views(start)]
        for a1, targets in batches(x, y):
            a2 = torch.addmm(b2, a1, W2.T).sigmoid_()
            a3 = torch.addmm(b3, a2, W3.T).sigmoid_()
            d3 = a3 * (1 - a3) * (a3 - targets)
            d2 = a2 * (1 - a2) * (d3 @ W3)
            W3.addmm_(d3.T, a2, alpha=-ETA / BATCH)
            W2.addmm_(d2.T, a1, alpha=-ETA / BATCH)
            b3.sub_(d3.sum(0), alpha=ETA / BATCH)
            b2.sub_(d2.sum(0), alpha=ETA / BATCH)

    return epochs


def speeds(threads: int, rounds: int) -> list[Timed]:
    """EPOCHS epochs of each, in turn, per epoch; run in a process that was started with so many threads."""
    import torch

    torch.set_num_threads(threads)
    problem, method, _ = nielsen()
    start = problem.network.draw(0, scale=1.0)
    x, y = torch.from_numpy(np.asarray(problem.data.x)), torch.from_numpy(np.asarray(problem.data.y))
    contenders = [
        Contender("netbp", lambda: discard(nb.train(problem, method, steps=EPOCHS * AN_EPOCH, start=start, rng=0)), 1 / EPOCHS),
        Contender("PyTorch eager, as one writes it", torch_by_autograd(x, y, start, problem.network), 1 / EPOCHS),
        Contender("PyTorch eager, by hand", torch_by_hand(x, y, start, problem.network), 1 / EPOCHS),
    ]
    return in_turn(contenders, rounds)


def discard(_: Any) -> None:
    """Nothing: only the time matters."""


def with_threads(threads: int, rounds: int) -> list[Timed]:
    """`speeds` in a new process whose libraries start with so many threads."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ[name] = str(threads)
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(speeds, threads, rounds).result()


def main() -> None:
    options = arguments(__doc__, epochs=30, seeds=20, late=5)
    report = Report("mnist", "MNIST, 784-30-10", (__doc__ or "").strip())
    for threads in (1, 2):
        timed = with_threads(threads, options.rounds)
        report.timings(f"One epoch, float64, {threads} thread{'s' if threads > 1 else ''}", timed)
        for rival in timed[1:]:
            claim = f"times as fast as {rival.name}, {threads} thread{'s' if threads > 1 else ''}"
            report.targets.append(Target(claim, rival.over(timed[0]), 2.0, at_least=True))
    problem, method, test = nielsen()
    early = [accuracies(problem, method, test, seed, 3) for seed in range(options.seeds)]
    late = [accuracies(problem, method, test, seed, options.epochs) for seed in range(options.late)]
    rows = [["after epoch", "book, about", "seeds", "median", "least - most", "one by one"]]
    for epoch, book in EXPECTED.items():
        column = [run[epoch - 1] for run in (early if epoch <= 3 else late) if len(run) >= epoch]
        if column:
            spread = f"{min(column):.2f} - {max(column):.2f}"
            each = " ".join(f"{value:.2f}" for value in column)
            rows.append([str(epoch), f"{book}", str(len(column)), f"{median(column):.2f}", spread, each])
            report.targets.append(Target(f"best seed's per cent after epoch {epoch}", max(column), book - ABOUT, at_least=True))
    report.tables.append(Table("Test images right, in per cent", rows))
    stuck = sum(run[0] < 86.0 for run in early)
    report.notes.append(f"{stuck} of {len(early)} seeds are below 86 % after the first epoch: see the method.")
    report.seconds["accuracies, seed by epoch"] = early + late
    report.write()


if __name__ == "__main__":
    main()
