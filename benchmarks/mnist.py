"""MNIST, 784-30-10, with the settings of Nielsen's book: accuracy after some epochs, and the time of one.

Chapter 1 of M. A. Nielsen, Neural Networks and Deep Learning (2015, neuralnetworksanddeeplearning.com): sigmoid, quadratic cost,
rate 3.0, mini-batches of 10 by epochs, 50,000 training images.

Claims: about 91, 93 and 93.5 % of the 10,000 test images right after 1, 2 and 3 epochs, about 95 % after 30, within the
spread of 5 seeds; at least twice the speed of PyTorch eager in the same precision.

    NETBP_DATA=... python -m benchmarks.mnist [--rounds 5] [--seeds 5] [--epochs 30]

Method: as the book's network.py does: weights and biases start at independent standard normal numbers, the images are shuffled
for each epoch, a step moves against eta/10 times the sum of ten gradients, accuracy is taken at the end of each epoch (which the
book counts from 0). Pixels are divided by 255 (by 256 in the book's file). Double precision. Seeds 0, 1, ..., each in the
table; the book's value is held against their least and most, and against mean and standard deviation. `mnist_seeds` says how
the accuracies of many more seeds are distributed. For the speed, three epochs from the same start, the shuffling included (and
for netbp's `nb.train` the cost of all training images before and after), netbp and two PyTorch loops in turn, in one process
with 1 thread and one with 2 (OMP_NUM_THREADS, OPENBLAS_NUM_THREADS, torch.set_num_threads): as one writes it (autograd,
torch.optim.SGD; no DataLoader, batches cut from one shuffled tensor), and with Lemma 1 written out by hand, in place.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from statistics import mean, median, stdev
from typing import Any, NamedTuple

import numpy as np

import netbp as nb
from benchmarks.pairing import Contender, Report, Table, Target, Timed, arguments, in_turn

TRAINING, BATCH, ETA = 50_000, 10, 3.0
AN_EPOCH = TRAINING // BATCH
EPOCHS = 3  # timed together
EXPECTED = {1: 91.0, 2: 93.0, 3: 93.5, 30: 95.0}
UNLEARNT = 5.0  # per cent: a digit of which fewer test images are right is not learnt


def nielsen() -> tuple[nb.Problem, nb.StochasticGradient, nb.Data]:
    train, test = nb.data.mnist(training=TRAINING)
    problem = nb.Problem(nb.Network.dense(784, 30, 10), nb.quadratic, train)
    return problem, nb.StochasticGradient(rate=ETA, batch=BATCH, sampling="epochs"), test


class Epoch(NamedTuple):
    """After an epoch: the share of test images right, in per cent, and of how many digits hardly any is."""

    right: float
    unlearnt: int


def judged(found: Any, digits: Any) -> Epoch:
    """What the categories found for the test images are worth. found, digits: (10,000,)."""
    right = found == digits
    return Epoch(100.0 * float(right.mean()), sum(100.0 * right[digits == digit].mean() < UNLEARNT for digit in range(10)))


def trained(problem: nb.Problem, method: nb.StochasticGradient, test: nb.Data, seed: int, epochs: int) -> list[Epoch]:
    """Each epoch of a run from this seed."""
    rng = np.random.default_rng(seed)
    start = problem.network.draw(rng, scale=1.0)
    digits = np.argmax(test.y, axis=1)
    snapshots = nb.stream(problem, method, steps=epochs * AN_EPOCH, every=AN_EPOCH, start=start, rng=rng)
    return [judged(problem.classify(s.p, test.x), digits) for s in snapshots if s.step]


def between(book: float, column: list[float]) -> list[str]:
    """Whether the book's value lies among the seeds', in words: within the least and the most, and within mean +- sd."""
    least, most, middle, sd = min(column), max(column), mean(column), stdev(column)
    words = "within" if least <= book <= most else f"{book - most:.2f} above" if book > most else f"{least - book:.2f} below"
    return [words, "within" if abs(book - middle) <= sd else f"{'above' if book > middle else 'below'} it"]


def outside(book: float, column: list[float]) -> float:
    """By how much the book's value lies outside the least and the most."""
    return max(0.0, book - max(column), min(column) - book)


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
    options = arguments(__doc__, epochs=30, seeds=5)
    report = Report("mnist", "MNIST, 784-30-10", (__doc__ or "").strip())
    for threads in (1, 2):
        timed = with_threads(threads, options.rounds)
        report.timings(f"One epoch, float64, {threads} thread{'s' if threads > 1 else ''}", timed)
        for rival in timed[1:]:
            claim = f"times as fast as {rival.name}, {threads} thread{'s' if threads > 1 else ''}"
            report.targets.append(Target(claim, rival.over(timed[0]), 2.0, at_least=True))
    problem, method, test = nielsen()
    runs = [trained(problem, method, test, seed, options.epochs) for seed in range(options.seeds)]
    rows = [
        ["after epoch", "book, about", *(f"seed {seed}" for seed in range(options.seeds)), "least", "median", "most", "mean", "sd"]
    ]
    rows[0] += ["the book's and least - most", "the book's and mean +- sd"]
    for epoch, book in EXPECTED.items():
        if epoch <= options.epochs:
            column = [run[epoch - 1].right for run in runs]
            numbers = [*column, min(column), median(column), max(column), mean(column), stdev(column)]
            rows.append([str(epoch), f"{book}", *(f"{value:.2f}" for value in numbers), *between(book, column)])
            claim = f"per cent by which the book's value after epoch {epoch} is outside the least and most of {len(column)} seeds"
            report.targets.append(Target(claim, outside(book, column), 0.0))
            claim = f"standard deviations from the mean of {len(column)} seeds to the book's value after epoch {epoch}"
            report.targets.append(Target(claim, abs(book - mean(column)) / stdev(column), 1.0))
    report.tables.append(Table("Test images right, in per cent", rows))
    stuck = [str(seed) for seed, run in enumerate(runs) if run[min(EPOCHS, options.epochs) - 1].unlearnt]
    report.notes.append(
        f"Seeds with a digit unlearnt after {min(EPOCHS, options.epochs)} epochs (under {UNLEARNT:g} % of its test images right): "
        f"{', '.join(stuck) or 'none'}."
    )
    report.seconds["accuracies, seed by epoch"] = [[epoch.right for epoch in run] for run in runs]  # type: ignore[assignment]
    report.write()


if __name__ == "__main__":
    main()
