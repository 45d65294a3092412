"""How often MNIST's training gets as far as Nielsen's book prints: many seeds, netbp beside a plain NumPy loop. Run by hand.

    NETBP_DATA=... nice python -m benchmarks.mnist_seeds [--seeds 100] [--epochs 3]

Method: netbp as in `mnist`, from the seeds 0, 1, ...; and a loop of a dozen lines written from the book's description alone, with
NumPy's older stream of random numbers and the pixels divided by 256 as in the book's file, from as many seeds. First both take
1,000 steps from one start in one order of the images: they must arrive at the same numbers. Then, if netbp drew its starts or its
orders otherwise than the book, the accuracies would be distributed differently: the two-sample Kolmogorov-Smirnov test gives
the probability of a difference at least as large between samples of one distribution. Nothing is timed.
"""

from __future__ import annotations

from statistics import mean, median, stdev
from typing import Any

import numpy as np

import netbp as nb
from benchmarks.mnist import BATCH, ETA, EXPECTED, TRAINING, Epoch, judged, nielsen, trained
from benchmarks.pairing import Report, Table, Target, arguments
from netbp.engines import Choices, Memory, Update

STEPS = 1000  # few enough that rounding is not yet amplified


def sigma(z: Any) -> Any:
    return 1.0 / (1.0 + np.exp(-z))


def drawn(draw: Any) -> tuple[Any, Any, Any, Any]:
    """The book's start: b2, b3, W2, W3."""
    return draw.randn(30), draw.randn(10), draw.randn(30, 784), draw.randn(10, 30)


def steps_of(p: tuple[Any, Any, Any, Any], x: Any, y: Any, order: Any) -> None:
    """The loop's steps, in place. x, y: the training images and targets. order: of the images."""
    b2, b3, W2, W3 = p
    shuffled, targets = x[order], y[order]
    for k in range(0, len(order), BATCH):
        a1, t = shuffled[k : k + BATCH], targets[k : k + BATCH]
        a2 = sigma(a1 @ W2.T + b2)
        a3 = sigma(a2 @ W3.T + b3)
        d3 = (a3 - t) * a3 * (1.0 - a3)
        d2 = (d3 @ W3) * a2 * (1.0 - a2)
        W3 -= ETA / BATCH * (d3.T @ a2)
        b3 -= ETA / BATCH * d3.sum(axis=0)
        W2 -= ETA / BATCH * (d2.T @ a1)
        b2 -= ETA / BATCH * d2.sum(axis=0)


def by_the_book(problem: nb.Problem, images: Any, digits: Any, seed: int, epochs: int) -> list[Epoch]:
    """Each epoch of the loop's run from this seed. images, digits: of the test."""
    draw = np.random.RandomState(seed)
    p, out = drawn(draw), []
    x, y = np.asarray(problem.data.x), np.asarray(problem.data.y)
    for _ in range(epochs):
        steps_of(p, x, y, draw.permutation(TRAINING))
        b2, b3, W2, W3 = p
        out.append(judged(sigma(sigma(images @ W2.T + b2) @ W3.T + b3).argmax(axis=1), digits))
    return out


def apart(problem: nb.Problem, seed: int) -> float:
    """The largest difference between the parameters of netbp and of the loop after STEPS steps from one start in one order."""
    draw = np.random.RandomState(seed)
    b2, b3, W2, W3 = drawn(draw)
    order, p = draw.permutation(TRAINING)[: STEPS * BATCH], np.zeros(problem.size)
    for (W, b), start in zip(problem.network.views(p), ((W2, b2), (W3, b3)), strict=True):
        W[...], b[...] = start
    choices = Choices(order, np.arange(0, STEPS * BATCH + 1, BATCH), np.full(STEPS, ETA))
    memory = Memory(np.zeros_like(p), np.zeros_like(p))
    arrived = problem.bound.advance(p, memory, 0, choices, Update(nb.sgd)).p
    steps_of((b2, b3, W2, W3), np.asarray(problem.data.x), np.asarray(problem.data.y), order)
    pairs = zip(problem.network.views(arrived), ((W2, b2), (W3, b3)), strict=True)
    return max(float(np.abs(ours - theirs).max()) for layer, start in pairs for ours, theirs in zip(layer, start, strict=True))


def main() -> None:
    from scipy.stats import ks_2samp

    options = arguments(__doc__, seeds=100, epochs=3)
    report = Report("mnist_seeds", "MNIST, many seeds", (__doc__ or "").strip())
    problem, method, test = nielsen()
    data, images, digits = problem.data, np.asarray(test.x) * 255 / 256, np.argmax(test.y, axis=1)
    as_in_the_book = nb.Problem(problem.network, nb.quadratic, nb.Data(np.asarray(data.x) * 255 / 256, data.y))
    same = apart(as_in_the_book, 0)
    claim = f"largest difference of a parameter after {STEPS:,} steps, same start and order, in units of 1e-9"
    report.targets.append(Target(claim, 1e9 * same, 1.0))
    loops: dict[str, list[list[Epoch]]] = {"netbp": [], "NumPy loop": []}
    for seed in range(options.seeds):
        loops["netbp"].append(trained(problem, method, test, seed, options.epochs))
        loops["NumPy loop"].append(by_the_book(as_in_the_book, images, digits, seed, options.epochs))
        print(seed, *(f"{runs[-1][-1].right:.2f}" for runs in loops.values()), flush=True)
    rows = [
        ["", "after epoch", "book, about", "least", "quarter", "median", "three quarters", "most", "mean", "sd", "reach the book's"]
    ]
    for epoch, book in EXPECTED.items():
        if epoch > options.epochs:
            continue
        columns = [[run[epoch - 1].right for run in runs] for runs in loops.values()]
        for name, column in zip(loops, columns, strict=True):
            low, high = np.quantile(column, (0.25, 0.75))
            numbers = (min(column), low, median(column), high, max(column), mean(column), stdev(column))
            reach = 100.0 * float(np.mean(np.array(column) >= book))
            rows.append([name, str(epoch), f"{book}", *(f"{value:.2f}" for value in numbers), f"{reach:.0f} %"])
        chance = float(ks_2samp(*columns).pvalue)
        claim = f"after epoch {epoch}: how probable so large a difference of the samples is by chance"
        report.targets.append(Target(claim, chance, 0.01, at_least=True))
    report.tables.append(Table(f"Test images right, in per cent, {options.seeds} seeds each", rows))
    counts = [["", *(f"after epoch {epoch + 1}" for epoch in range(options.epochs))]]
    for name, runs in loops.items():
        counts.append([name, *(str(sum(run[epoch].unlearnt > 0 for run in runs)) for epoch in range(options.epochs))])
        report.seconds[f"accuracies, seed by epoch: {name}"] = [[e.right for e in run] for run in runs]  # type: ignore[misc]
    report.tables.append(Table("Seeds with a digit of which under 5 % of the test images are right", counts))
    report.write()


if __name__ == "__main__":
    main()
