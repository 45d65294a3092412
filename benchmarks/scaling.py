"""How the time of a training step grows with width, depth, the number of points and the number of networks, and what limits it.

Claim: none in numbers; the plot shows how far each time lies above the two limits of this machine.

    python -m benchmarks.scaling [--rounds 5]

Method: `advance` on one network of sigmoids, quadratic cost, double precision, one core; medians of the rounds, each the
time by which 3 K steps exceed K steps, K steps taking at least 0.02 s. Width n: n-n-n-n, batches of 1 and of 100. Depth:
layers of 10 neurons, one point a step. Points N: 2-2-3-2, steepest descent (12), all N points in every step. Networks M:
2-2-3-2, one point a step, time per step of all M. The limits, measured in the same run: arithmetic, 6 flop for each
parameter and point (2 forward, 2 back, 2 for the gradient; the 2 back of the first layer are not needed and not counted),
at the rate of NumPy's dgemm on one core; latency, each layer's sigmoid waits for the layer before: L - 1 times the time of
one link in a chain of sigmoids, compiled by Numba.
"""

from __future__ import annotations

from collections.abc import Callable
from math import ceil
from statistics import median
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

import netbp as nb
from benchmarks.pairing import FOLDER, Contender, Report, Table, arguments, in_turn, three
from netbp.engines import Choices, Memory, Update

ETA, LEAST = 1e-3, 0.02


class Point(NamedTuple):
    """One measurement: what grew, seconds per step, and the two limits."""

    size: int
    seconds: float
    arithmetic: float
    latency: float


def stepper(sizes: tuple[int, ...], N: int, batch: int | None, networks: int = 1) -> Callable[[int], Any]:
    """A function that takes so many steps."""
    rng = np.random.default_rng(0)
    problem = nb.Problem(nb.Network.dense(*sizes), nb.quadratic, nb.Data(rng.random((N, sizes[0])), rng.random((N, sizes[-1]))))
    shape = (networks, problem.size) if networks > 1 else (problem.size,)
    p = rng.standard_normal(shape) / np.sqrt(max(sizes))
    memory = Memory(np.zeros(shape), np.zeros(shape))

    def run(steps: int) -> Any:
        offsets = np.arange(steps + 1) * (batch or 0)
        drawn = (networks, steps * (batch or 0)) if networks > 1 else (steps * (batch or 0),)
        indices = rng.integers(N, size=drawn) if batch else None
        choices = Choices(indices, offsets, np.full(steps, ETA))
        start = perf_counter()
        problem.bound.advance(p.copy(), memory, 0, choices, Update(nb.sgd))
        return perf_counter() - start

    return run


def seconds_per_step(run: Callable[[int], Any], rounds: int) -> float:
    """The median over rounds of the time by which 3 K steps exceed K, so that what each call costs once drops out."""
    run(2)
    steps, took = 4, run(4)
    while took < LEAST:
        steps = ceil(steps * min(10.0, 1.5 * LEAST / max(took, 1e-9)))
        took = run(steps)
    short, long = in_turn([Contender(f"{k} K", lambda k=k: run(k * steps)) for k in (1, 3)], rounds)
    return median(b - a for a, b in zip(short.seconds, long.seconds, strict=True)) / (2 * steps)


def dgemm_rate(rounds: int, n: int = 1200) -> float:
    """Flop per second of one core in a product of two n by n matrices."""
    a, b = np.random.default_rng(0).random((2, n, n))
    timed = in_turn([Contender("dgemm", lambda: discard(a @ b))], rounds)
    return 2.0 * n**3 / min(timed[0].seconds)


def sigmoid_latency(rounds: int, links: int = 1_000_000) -> float:
    """Seconds of one link in a chain of sigmoids."""
    from numba import njit

    @njit
    def chain(z: float, links: int) -> float:
        for _ in range(links):
            z = 1.0 / (1.0 + np.exp(-z))
        return z

    return min(in_turn([Contender("chain", lambda: discard(chain(0.5, links)), 1.0 / links)], rounds)[0].seconds)


def discard(_: Any) -> None:
    """Nothing: only the time matters."""


def arithmetic(sizes: tuple[int, ...], points: int, rate: float) -> float:
    """Seconds of a step's matrix products at the rate."""
    weights = [m * n for m, n in zip(sizes, sizes[1:], strict=False)]
    return points * (6 * sum(weights) - 2 * weights[0]) / rate


def measure(rounds: int, rate: float, link: float) -> dict[str, list[Point]]:
    """All the curves."""
    curves: dict[str, list[Point]] = {}
    for batch in (1, 100):
        points = []
        for n in (2, 4, 8, 16, 32, 64, 128, 256, 512, 1024):
            sizes = (n, n, n, n)
            seconds = seconds_per_step(stepper(sizes, 200, batch), rounds)
            points.append(Point(n, seconds, arithmetic(sizes, batch, rate), 3 * link))
        curves[f"width n of n-n-n-n, batch {batch}"] = points
    points = []
    for layers in (2, 4, 8, 16, 32, 64, 128, 256):
        sizes = (10,) * layers
        points.append(
            Point(layers, seconds_per_step(stepper(sizes, 10, 1), rounds), arithmetic(sizes, 1, rate), (layers - 1) * link)
        )
    curves["layers L of 10 neurons, batch 1"] = points
    small, points = (2, 2, 3, 2), []
    for N in (1, 10, 100, 1000, 10_000, 100_000):
        points.append(Point(N, seconds_per_step(stepper(small, N, None), rounds), arithmetic(small, N, rate), 3 * link))
    curves["points N, 2-2-3-2, steepest descent"] = points
    points = []
    for M in (1, 4, 16, 64, 256, 1024, 4096):
        points.append(Point(M, seconds_per_step(stepper(small, 10, 1, M), rounds), arithmetic(small, M, rate), 3 * link))
    curves["networks M, 2-2-3-2, batch 1"] = points
    return curves


def draw(curves: dict[str, list[Point]]) -> list[str]:
    """The plot, PNG and SVG; the names of the files."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, grid = plt.subplots(2, 3, figsize=(11, 7), sharey=True, layout="constrained")
    axes = grid.ravel()
    for ax, (title, points) in zip(axes, curves.items(), strict=False):
        sizes = [point.size for point in points]
        ax.loglog(sizes, [point.seconds for point in points], "o-", color="tab:blue", lw=2, label="netbp, one step")
        ax.loglog(sizes, [point.arithmetic for point in points], "--", color="tab:red", label="arithmetic at dgemm's rate")
        ax.loglog(sizes, [point.latency for point in points], ":", color="black", lw=2, label="latency of the sigmoids")
        limit = [max(point.arithmetic, point.latency) for point in points]
        ax.fill_between(sizes, limit, 1e-10, color="0.9", zorder=0, label="out of reach")
        ax.set(xlabel=title, ylim=(1e-8, 1.0))
        ax.grid(alpha=0.3)
    for ax in grid[:, 0]:
        ax.set_ylabel("seconds per step, one core")
    axes[-1].axis("off")
    axes[-1].legend(*axes[0].get_legend_handles_labels(), loc="center", fontsize=12, frameon=False)
    (FOLDER / "figures").mkdir(exist_ok=True)
    names = [f"figures/scaling.{kind}" for kind in ("png", "svg")]
    for name in names:
        figure.savefig(FOLDER / name, dpi=150, metadata={"Date": None} if name.endswith("svg") else None)
    return names


def main() -> None:
    options = arguments(__doc__)
    report = Report("scaling", "How the time grows", (__doc__ or "").strip())
    rate, link = dgemm_rate(options.rounds), sigmoid_latency(options.rounds)
    curves = measure(options.rounds, rate, link)
    report.figures = draw(curves)[:1]
    report.notes.append(f"dgemm on one core: {rate / 1e9:.1f} GFLOP/s; one link of the chain of sigmoids: {link * 1e9:.1f} ns.")
    for title, points in curves.items():
        rows = [["size", "us per step", "limit, us", "times the limit"]]
        for point in points:
            limit = max(point.arithmetic, point.latency)
            rows.append([f"{point.size:,}", three(point.seconds * 1e6), three(limit * 1e6), three(point.seconds / limit)])
        report.tables.append(Table(title[0].upper() + title[1:], rows))
        report.seconds[title] = [point.seconds for point in points]
    report.write()


if __name__ == "__main__":
    main()
