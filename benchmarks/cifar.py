"""The network of section 7.4 on CIFAR-10: batches of 100, momentum, weight decay, flips; the time of an epoch of 500 steps.

Claims: on 2 cores in single precision at most 0.65 times the time of the same network in plain eager PyTorch and at most 0.35
times that of JAX; with bfloat16 at most 0.45 times eager PyTorch in single precision. The last epoch takes at most 1.05 times as
long as the first, each against eager steps timed beside it. Training stays below 2.5 GB of memory.

    NETBP_DATA=... python -m benchmarks.cifar [--rounds 7] [--steps 20] [--trained RUN]

Method: all contenders train on the 50,000 whitened images, `--steps` steps each in turn, per epoch of 500; what each compiles is
compiled before. netbp's steps are those of `netbp run cifar`, mirroring, counting of errors and gathering of the batch included;
the rivals (cifar_rivals.py) cut batches from one array, do not mirror and count no errors. PyTorch runs in its default layout and,
as an extra row, with channels_last; JAX as one writes it, in NHWC. The last epoch's steps begin at the parameters of the trained
run that is given; the first epoch's at the start. Memory is the largest resident set (VmHWM) of one process that prepares the
images from the cache and trains for 100 steps, of all its threads; what the compiler's own processes take is not in it.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import netbp as nb
from benchmarks.cifar_rivals import jax_jitted, torch_eager
from benchmarks.pairing import Contender, Report, Target, arguments, in_turn
from netbp.engines import Choices, Memory, Update
from netbp.experiments.cifar import CifarExperiment

EPOCH = 500
MEMORY = """
import re
from netbp.experiments.cifar import CifarExperiment
from netbp.run import train
experiment = CifarExperiment()
train(experiment.problem(), experiment.method(), steps=100, start=experiment.start(0), record=0)
print(int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]))
"""


def ours(experiment: CifarExperiment, problem: nb.Problem, start: np.ndarray) -> Callable[[int], None]:
    """A function that takes so many of the training steps of `netbp run cifar`, going on from where the last call ended."""
    method, bound = experiment.method(), problem.bound
    spread = problem.network.spread
    update = Update(method.rule, (experiment.momentum,), spread(*method.multipliers), np.full(problem.size, method.weight_decay))
    rng, state = np.random.default_rng(0), {"p": start.astype(problem.engine.dtype), "t": 0}
    state["memory"] = Memory(np.zeros_like(state["p"]), np.zeros_like(state["p"]))

    def steps(count: int) -> None:
        indices = rng.permutation(problem.N)[: count * experiment.batch]
        offsets = np.arange(count + 1) * experiment.batch
        choices = Choices(indices, offsets, np.full(count, experiment.rates[0]), seed=1)
        out = bound.advance(state["p"], state["memory"], state["t"], choices, update, 0, True)
        state.update(p=out.p, memory=out.memory, t=state["t"] + count)

    return steps


def contender(name: str, steps: Callable[[int], None], count: int) -> Contender:
    def run() -> None:
        steps(count)

    return Contender(name, run, EPOCH / count)


def main() -> None:
    options = arguments(__doc__, steps=20, trained="")
    report = Report("cifar", "CIFAR-10, the network of section 7.4", (__doc__ or "").strip())
    experiment = CifarExperiment()
    problem = experiment.problem()
    x, labels = np.asarray(problem.data.x), np.argmax(problem.data.y, axis=1)
    start = experiment.start(np.random.default_rng(0))
    eager = torch_eager(x, labels)
    single = ours(experiment, problem, start)
    half = ours(experiment, problem.on(nb.Tensor(precision="bfloat16")), start)
    contenders = [
        contender("netbp", single, options.steps),
        contender("netbp, bfloat16", half, options.steps),
        contender("PyTorch eager", eager, options.steps),
        contender("PyTorch eager, channels_last (extra)", torch_eager(x, labels, "channels_last"), options.steps),
        contender("JAX, jitted", jax_jitted(x, labels), options.steps),
    ]
    timed = in_turn(contenders, options.rounds)
    report.timings("One epoch of 500 steps, float32 unless it says otherwise", timed)
    netbp, bfloat16, torch, _, jax = timed
    report.targets += [
        Target("times PyTorch eager's time", netbp.over(torch), 0.65),
        Target("times JAX's time", netbp.over(jax), 0.35),
        Target("times PyTorch eager's time, with bfloat16", bfloat16.over(torch), 0.45),
    ]
    if options.trained:
        report.targets.append(first_and_last(report, experiment, start, Path(options.trained), eager, options))
    peak = subprocess.run([sys.executable, "-c", MEMORY], capture_output=True, text=True, check=True).stdout
    report.targets.append(Target("GB of memory at most in training", float(peak) * 1024 / 1e9, 2.5))
    report.write()


def first_and_last(report: Report, experiment: CifarExperiment, start: Any, trained: Path, eager: Any, options: Any) -> Target:
    """How the last epoch's time compares with the first's."""
    problem, end = experiment.problem(), nb.Run.load(trained).p
    contenders = []
    for name, p in (("first epoch", start), ("last epoch", np.asarray(end))):
        contenders += [
            contender(name, ours(experiment, problem, p), options.steps),
            contender(f"PyTorch eager beside the {name}", eager, options.steps),
        ]
    timed = in_turn(contenders, options.rounds)
    report.timings("The first epoch and the last", timed)
    first, beside_first, last, beside_last = timed
    return Target("times the first epoch's time, the last epoch's", last.over(beside_last) / first.over(beside_first), 1.05)


if __name__ == "__main__":
    main()
