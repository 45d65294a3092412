"""Ensembles: M networks 2-2-3-2 trained in lockstep on the ten points, one point a step, each network with its own random stream.

Claim: at least 50 million net-steps per second per core, the drawing of the indices included.

    python -m benchmarks.ensembles [--rounds 5] [--net-steps 20000000]

Method: `nb.train` with `start` (M, 23), no monitoring, double precision, as one call; the same number of net-steps for
every M. A core-second is the larger of wall-clock time and the process's CPU time, so that threads cannot hide. The rival
is JAX: one jitted scan of a vmapped step, indices given beforehand (the networks first in memory and matrix products:
faster here than the networks last and products as sums, and than the scan unrolled); it may use all cores, and its
wall-clock time counts. Before timing, both end at the same parameters from the same indices (to 1e-9).
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter, process_time
from typing import Any

import numpy as np

import netbp as nb
from benchmarks.pairing import Contender, Report, Table, Target, arguments, in_turn, three
from netbp.engines import Choices, Memory, Update

SIZES = (64, 128, 256, 512, 1024)
ETA = 0.05


def core_seconds(run: Callable[[], Any]) -> float:
    """The larger of wall-clock and CPU time."""
    wall, cpu = perf_counter(), process_time()
    run()
    return max(perf_counter() - wall, process_time() - cpu)


def netbp_trains(problem: nb.Problem, M: int, steps: int) -> Callable[[], Any]:
    start = problem.network.draw(0)[None, :] + np.random.default_rng(1).normal(scale=0.1, size=(M, problem.size))
    return lambda: nb.train(problem, nb.StochasticGradient(rate=ETA), steps=steps, start=start, rng=0)


def jax_trains(problem: nb.Problem, start: Any, indices: Any) -> Callable[[], Any]:
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    x, y, draws = jnp.array(problem.data.x), jnp.array(problem.data.y), jnp.array(indices)
    first = tuple((jnp.array(W), jnp.array(b)) for W, b in problem.network.views(start))

    def step(p: Any, i: Any) -> Any:
        a = [x[i]]
        for W, b in p:
            a.append(jax.nn.sigmoid(W @ a[-1] + b))
        delta, moved = a[-1] * (1 - a[-1]) * (a[-1] - y[i]), []
        for l in (2, 1, 0):
            W, b = p[l]
            moved.append((W - ETA * jnp.outer(delta, a[l]), b - ETA * delta))
            delta = a[l] * (1 - a[l]) * (W.T @ delta)
        return tuple(reversed(moved))

    many = jax.vmap(step, in_axes=(0, 0))
    scan = jax.jit(lambda p, draws: jax.lax.scan(lambda p, i: (many(p, i), None), p, draws)[0])
    return lambda: jax.block_until_ready(scan(first, draws))


def same(problem: nb.Problem) -> None:
    """Raise SystemExit unless JAX and netbp agree after 500 steps of 8 networks."""
    rng = np.random.default_rng(2)
    start, indices = 0.5 * rng.standard_normal((8, problem.size)), rng.integers(problem.N, size=(8, 500))
    choices = Choices(indices, np.arange(501), np.full(500, ETA))
    memory = Memory(np.zeros_like(start), np.zeros_like(start))
    ours = problem.bound.advance(start.copy(), memory, 0, choices, Update(nb.sgd)).p
    theirs = jax_trains(problem, start, indices.T)()
    for (W, b), (V, c) in zip(problem.network.views(ours), theirs, strict=True):
        if max(np.abs(np.asarray(V) - W).max(), np.abs(np.asarray(c) - b).max()) > 1e-9:
            raise SystemExit("JAX and netbp do not take the same steps")


def discard(_: Any) -> None:
    """Nothing: only the time matters."""


def main() -> None:
    options = arguments(__doc__, net_steps=20_000_000)
    report = Report("ensembles", "Ensembles in lockstep", (__doc__ or "").strip())
    problem = nb.Problem(nb.Network.dense(2, 2, 3, 2), nb.quadratic, nb.data.ten_points())
    same(problem)
    rows = [
        [
            "M",
            "netbp, ns of a core per net-step",
            "least - most",
            "million net-steps/s per core",
            "JAX, ns of wall time",
            "JAX / netbp",
        ]
    ]
    for M in SIZES:
        steps = options.net_steps // M
        indices = np.random.default_rng(0).integers(problem.N, size=(steps // 4, M))
        ours = netbp_trains(problem, M, steps)
        theirs = jax_trains(problem, np.tile(problem.network.draw(0), (M, 1)), indices)
        timed = in_turn(
            [
                Contender("netbp", lambda ours=ours: core_seconds(ours), 1e9 / (M * steps)),
                Contender("JAX", lambda theirs=theirs: discard(theirs()), 1e9 / (M * (steps // 4))),
            ],
            options.rounds,
        )
        netbp, jax = timed
        spread = f"{three(min(netbp.seconds))} - {three(max(netbp.seconds))}"
        rate = 1e3 / netbp.median
        rows.append([str(M), three(netbp.median), spread, three(rate), three(jax.median), three(jax.over(netbp))])
        report.seconds |= {f"{t.name}, M = {M}, ns": list(t.seconds) for t in timed}
        report.targets.append(Target(f"M = {M}: million net-steps per second per core", rate, 50, at_least=True))
    report.tables.append(Table(f"{options.net_steps:,} net-steps, median of {options.rounds}", rows))
    report.write()


if __name__ == "__main__":
    main()
