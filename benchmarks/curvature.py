"""Curvature: products with the Hessian on the network of section 7.4, Lanczos' process on 2,000 images, 23 parameters exactly.

Claims: a product with the Hessian of the network of section 7.4 takes at most 4 times as long as a gradient in the same eager
mode; 50 products on a fixed sample of 2,000 images, with the sample's error, take less than 3 minutes on 2 cores; the exact Hessian
of the 23-parameter problem of Listing 6.1 takes less than 1 ms.

    NETBP_DATA=... python -m benchmarks.curvature [--rounds 5] [--images 400] [--threads 2] [--points 2000] [--trained RUN]

Method: `problem.gradient` and `problem.hvp` take turns on the first `--images` whitened images, in single precision (and, as extra
rows, in double), on one thread; gradient and product go over the images in the same blocks. `nb.sampled_spectrum` is timed once, as
a whole, on `--threads` threads, at the parameters of the trained run that is given, otherwise at the start; it counts what it needs
for the errors, too: four more passes over as many images. The exact Hessian is `nb.hessian(problem, p).dense()`, 100 in a round.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch

import netbp as nb
from benchmarks.pairing import Contender, Report, Table, Target, Timed, arguments, in_turn
from netbp.experiments.cifar import CifarExperiment

LOTS = 100  # Hessians of the small problem in a round


def derivatives(problem: nb.Problem, p: Any, rounds: int, name: str) -> list[Timed]:
    """A gradient and a product with the Hessian, in turn."""
    v = np.random.default_rng(0).standard_normal(problem.size)
    v /= np.linalg.norm(v)
    run = {"gradient": lambda: discard(problem.gradient(p)), "product with the Hessian": lambda: discard(problem.hvp(p, v))}
    return in_turn([Contender(f"{what}, {name}", call) for what, call in run.items()], rounds)


def whole(rounds: int) -> Timed:
    """The exact Hessian of Listing 6.1's problem, in seconds each."""
    problem = nb.Problem(nb.Network.dense(2, 2, 3, 2), nb.quadratic, nb.data.ten_points())
    p = problem.network.draw(0)

    def many() -> None:
        for _ in range(LOTS):
            nb.hessian(problem, p).dense()

    return in_turn([Contender("exact Hessian, 23 by 23", many, 1.0 / LOTS)], rounds)[0]


def discard(_: Any) -> None:
    """Nothing: only the time matters."""


def main() -> None:
    options = arguments(__doc__, images=400, threads=2, points=2000, trained="")
    report = Report("curvature", "Curvature", (__doc__ or "").strip())
    experiment = CifarExperiment()
    problem = experiment.problem()
    p = nb.Run.load(Path(options.trained)).p if options.trained else experiment.start(np.random.default_rng(0))
    few = nb.Data(*(np.asarray(part)[: options.images] for part in problem.data[:2]))
    torch.set_num_threads(1)
    for precision in ("float32", "float64"):
        engine = nb.Tensor(compile=False, precision=precision)
        timed = derivatives(replace(problem, data=few, held_out=None, engine=engine), p, options.rounds, precision)
        report.timings(f"The network of section 7.4, {options.images} images, one thread, {precision}", timed)
        if precision == "float32":
            report.targets.append(Target("times a gradient's time, a product with the Hessian", timed[1].over(timed[0]), 4.0))
    torch.set_num_threads(options.threads)
    start = perf_counter()
    found = nb.sampled_spectrum(problem, p, points=options.points, products=50, rng=0)
    seconds = perf_counter() - start
    where = f"{options.threads} threads, at {'the trained run' if options.trained else 'the start'}"
    rows = [["eigenvalue", "on the sample", "Lanczos within", "sample's error", "v^T H v on all images", "its error"]]
    rows += [
        [at.end, *(f"{value:.4g}" for value in (at.value, at.within, at.error, at.others, at.others_error))]
        for at in (found.lowest, found.highest)
    ]
    report.tables.append(Table(f"50 products on {found.sample:,} of {found.N:,} images, {seconds:.0f} s on {where}", rows))
    report.seconds["Lanczos, 50 products"] = [seconds]
    report.targets.append(Target(f"seconds for 50 products on {found.sample:,} images, {where}", seconds, 180.0))
    exact = whole(options.rounds)
    report.timings("The problem of Listing 6.1", [exact], 1e-3, "ms")
    report.targets.append(Target("milliseconds for the exact Hessian of the 23-parameter problem", 1e3 * exact.median, 1.0))
    report.write()


if __name__ == "__main__":
    main()
