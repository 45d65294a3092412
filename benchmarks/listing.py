"""Listing 6.1: 1,000,000 stochastic gradient steps in double precision, without monitoring and with the cost after every step.

Claims: netbp takes at most 0.10 s and 0.30 s; it is at least 1,000 times as fast as PyTorch eager and 8 times as fast as a
jitted JAX scan in each mode; it takes at most 1.25 times (unmonitored) and 1.0 times (monitored) as long as C compiled with
gcc -O3 -march=native.

    python -m benchmarks.listing [--rounds 5] [--steps 1000000]

Method: all contenders take the same start and indices and give the same costs (checked to 1e-9, relatively). netbp is timed
twice: the whole `nb.train`, the drawing of the indices by MATLAB's stream included, and `advance` alone, to which the indices
are given, as they are to the rivals. JAX runs twice: as one writes it (matrix products, vmap over the points), and tuned
(products as sums, so that XLA fuses them, and the scan unrolled 4 times, the best of 1, 2, 4, 8 and 16). PyTorch, 1 thread,
runs twice: as one writes it (modules, autograd, torch.optim.SGD), and with Lemma 1 written out by hand, in place. C: sizes as
constants, libm's exp; in an extra row -Ofast, which may reorder sums and uses a vector exp. PyTorch and Octave are timed over
5,000 and 10,000 steps and extrapolated in proportion. The claims are about PyTorch and JAX as one writes them; the rows of their
tuned forms say what is left when a rival is written out by hand.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import netbp as nb
from benchmarks import listing_rivals as rivals
from benchmarks.listing_rivals import ETA, OCTAVE_STEPS, SEED, TORCH_STEPS, Costs, Setting, Trainer, setting
from benchmarks.pairing import Contender, Report, Target, arguments, in_turn
from netbp.engines import Choices, Memory, Update

SAME = 1e-9


def netbp_train(s: Setting) -> Trainer:
    def train(monitored: bool) -> Costs:
        method = nb.StochasticGradient(rate=ETA)
        run = nb.train(s.problem, method, steps=s.steps, rng=nb.MatlabRandom(SEED), record=1 if monitored else None)
        return np.asarray(run.costs) if monitored else None

    return train


def netbp_advance(s: Setting) -> Trainer:
    choices = Choices(s.indices, np.arange(s.steps + 1), np.full(s.steps, ETA))
    memory = Memory(np.zeros_like(s.p), np.zeros_like(s.p))

    def train(monitored: bool) -> Costs:
        return s.problem.bound.advance(s.p.copy(), memory, 0, choices, Update(nb.sgd), record=int(monitored)).costs

    return train


def check(name: str, costs: Costs, expected: NDArray[np.float64]) -> None:
    """Raise SystemExit unless the costs are those of netbp."""
    assert costs is not None
    worst = float(np.max(np.abs(costs / expected[: len(costs)] - 1)))
    print(f"{name}: {len(costs):,} costs, largest relative difference from netbp's {worst:.1e}")
    if not worst <= SAME:
        raise SystemExit(f"{name} does not compute the same: the costs differ by {worst:.1e}, relatively")


def main() -> None:
    options = arguments(__doc__, steps=1_000_000)
    s = setting(options.steps)
    report = Report("listing", "Listing 6.1", (__doc__ or "").strip())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        trainers: dict[str, Trainer] = {
            "netbp, the whole train": netbp_train(s),
            "netbp, advance": netbp_advance(s),
            "C, -O3": rivals.c(s, folder, "-O3", "-march=native"),
            "C, -Ofast (extra)": rivals.c(s, folder, "-Ofast", "-march=native"),
            "JAX scan, as one writes it": rivals.jax(s, tuned=False),
            "JAX scan, tuned": rivals.jax(s, tuned=True),
            "PyTorch eager, as one writes it": rivals.torch_by_autograd(s),
            "PyTorch eager, by hand": rivals.torch_by_hand(s),
        }
        expected = trainers["netbp, the whole train"](True)
        assert expected is not None
        for rival, train in trainers.items():
            check(rival, train(True), expected)
        run_octave = rivals.octave(s, folder) if shutil.which("octave-cli") else None
        if run_octave is None:
            report.notes.append("GNU Octave is not installed here: left out.")
        else:
            check("GNU Octave", run_octave(True)[1], expected)
        for monitored in (False, True):
            compare(report, trainers, run_octave, monitored, options.rounds, s.steps)
    report.write()


def compare(report: Report, trainers: dict[str, Trainer], run_octave: Any, monitored: bool, rounds: int, steps: int) -> None:
    """One mode: the table and its targets."""
    contenders = []
    for name, train in trainers.items():
        scale = steps / TORCH_STEPS if name.startswith("PyTorch") else 1.0
        contenders.append(Contender(name, lambda train=train: discard(train(monitored)), scale))
    if run_octave:
        contenders.append(Contender("GNU Octave", lambda: run_octave(monitored)[0], steps / OCTAVE_STEPS, warm=False))
    timed = in_turn(contenders, rounds)
    by_name = {t.name: t for t in timed}
    whole, alone = timed[0], timed[1]
    mode = "cost after every step" if monitored else "no monitoring"
    report.timings(f"{steps:,} steps, {mode}", timed)
    limit, against_c = (0.30, 1.0) if monitored else (0.10, 1.25)
    report.targets += [
        Target(f"{mode}: seconds per million steps, whole train", whole.median * 1e6 / steps, limit),
        Target(f"{mode}: times C's, whole train", whole.over(by_name["C, -O3"]), against_c),
        Target(f"{mode}: times C's, advance", alone.over(by_name["C, -O3"]), against_c),
    ]
    for rival, least, ours in (("PyTorch eager", 1000, (whole,)), ("JAX scan", 8, (whole, alone))):
        for name in [name for name in by_name if name == f"{rival}, as one writes it"]:
            for t in ours:
                what = t.name.removeprefix("netbp, ")
                report.targets.append(
                    Target(f"{mode}: times as fast as {name}, {what}", by_name[name].over(t), least, at_least=True)
                )


def discard(_: Any) -> None:
    """Nothing: the costs were checked before."""


if __name__ == "__main__":
    main()
