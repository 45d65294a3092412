"""Levenberg-Marquardt from 1,000 random starts on the ten points, both residuals, against scipy.optimize.least_squares.

Claim: at least 50 times as fast as method="trf" with the same Jacobian and tolerances, in time per start that reaches 1e-6,
on one core each. The ratio of `multistart` on all cores to SciPy on one stands beside it; it is not the claim.

    python -m benchmarks.least_squares [--rounds 5] [--starts 1000] [--sample 100]

Method: a start reaches 1e-6 when its Cost (9) ends at most there (its sum of squares at most 2e-5). Starts are 0.5 times
standard normal numbers. The time per start that reaches it is the whole time divided by their number. SciPy fits the first
`sample` of such starts; its residual and Jacobian are netbp's compiled ones (the norms' rows formed from the components' by
NumPy), ftol = xtol = 1e-6, gtol = 1e-10, at most 4,600 evaluations, one BLAS thread. An extra row uses all cores. (SciPy's
method="lm", MINPACK, needs at least as many residuals as unknowns: 20 or 10 for 23 do not do.)
"""

from __future__ import annotations

import os
from collections.abc import Callable
from time import perf_counter
from typing import Any, Literal

import numpy as np
from scipy.optimize import least_squares

import netbp as nb
from benchmarks.pairing import Contender, Report, Table, Target, arguments, in_turn, three

LEVEL, TOLERANCE, EVALUATIONS, SEED = 1e-6, 1e-6, 4600, 5000
Residual = Literal["components", "norms"]


def functions(problem: nb.Problem, residual: Residual) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
    """The residual and its Jacobian for SciPy, by netbp's compiled kernels."""
    bound, N = problem.bound, problem.N
    if residual == "components":
        return bound.residual, bound.jacobian

    def norms(p: Any) -> Any:
        return np.sqrt((bound.residual(p).reshape(N, -1) ** 2).sum(1))

    def jacobian(p: Any) -> Any:
        r = bound.residual(p).reshape(N, -1)
        length = np.sqrt((r * r).sum(1, keepdims=True))
        unit = np.divide(r, length, out=np.zeros_like(r), where=length > 0.0)
        return (unit[:, None, :] @ bound.jacobian(p).reshape(N, -1, problem.size))[:, 0]

    return norms, jacobian


def scipy_costs(problem: nb.Problem, residual: Residual, starts: Any) -> Any:
    """The final costs (9) of SciPy's fits."""
    f, J = functions(problem, residual)
    fits = [least_squares(f, p, J, method="trf", ftol=TOLERANCE, xtol=TOLERANCE, gtol=1e-10, max_nfev=EVALUATIONS) for p in starts]
    return np.array([problem.value(fit.x) for fit in fits])


def per_success(run: Callable[[], Any]) -> float:
    """Seconds for each start that ends at most at LEVEL."""
    start = perf_counter()
    costs = np.asarray(run())
    seconds = perf_counter() - start
    reached = int((costs <= LEVEL).sum())
    if not reached:
        raise SystemExit("no start reached the level: there is nothing to compare")
    return seconds / reached


def main() -> None:
    options = arguments(__doc__, starts=1000, sample=100)
    report = Report("least_squares", "Levenberg-Marquardt, many starts", (__doc__ or "").strip())
    problem = nb.Problem(nb.Network.dense(2, 2, 3, 2), nb.quadratic, nb.data.ten_points())
    cores = len(os.sched_getaffinity(0))
    shares = [["residual", "netbp, starts that reach 1e-6", f"SciPy trf, of the first {options.sample}", "netbp, of these"]]
    for residual in ("components", "norms"):
        method = nb.LevenbergMarquardt(residual=residual)

        def fits(workers: int, method: Any = method) -> Any:
            return nb.multistart(problem, method, starts=options.starts, rng=SEED, scale=0.5, level=LEVEL, workers=workers).costs

        starts = [problem.network.draw(rng, scale=0.5) for rng in np.random.default_rng(SEED).spawn(options.starts)]
        sample = starts[: options.sample]
        contenders = [
            Contender("netbp, 1 core", lambda fits=fits: per_success(lambda: fits(1))),
            Contender(f"netbp, {cores} cores", lambda fits=fits: per_success(lambda: fits(cores))),
            Contender("SciPy trf, 1 core", lambda r=residual, s=sample: per_success(lambda: scipy_costs(problem, r, s))),
        ]
        timed = in_turn(contenders, options.rounds)
        report.timings(f"Residual '{residual}', microseconds per start that reaches 1e-6", timed, 1e-6, "us")
        claim = f"{residual}: times as fast as SciPy trf"
        report.targets.append(Target(f"{claim}, {cores} cores, as multistart runs", timed[2].over(timed[1]), 50, at_least=True))
        report.targets.append(Target(f"{claim}, 1 core", timed[2].over(timed[0]), 50, at_least=True))
        ours, theirs = np.asarray(fits(1)), scipy_costs(problem, residual, sample)
        alike = np.array([nb.train(problem, method, start=p).final_cost for p in sample])
        share = [f"{three(100 * float((costs <= LEVEL).mean()))} %" for costs in (ours, theirs, alike)]
        shares.append([residual, *share])
    report.tables.append(Table("Success", shares))
    report.write()


if __name__ == "__main__":
    main()
