"""Evidence for what the paper says in words, and for the errata: computed from the runs of this report, written as JSON."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from netbp.analysis.regions import grid_outputs, margin
from netbp.check import check_gradient
from netbp.costs import softmax_log_loss
from netbp.engines.reference import Reference
from netbp.experiments import FIGURES
from netbp.figures.plane import categories
from netbp.matlab import MatlabRandom
from netbp.problem import Problem
from netbp.report.results import Results, write_csv, write_json
from netbp.types import Array, Data, Vector

LEVEL = 1e-6
"""The Cost (9) at or below which a fit counts as having reached the infimum, 0."""

WINDOWS = ((200_000, 300_000), (500_000, 600_000), (900_000, 1_000_000))
FITTED = ("figure-4", "figure-5", "figure-7", "figure-8", "figure-9", "components-ten", "components-eleven")


def many_fits(folder: Path, n: int, residual: str, starts: int) -> None:
    """Levenberg-Marquardt from many random starts on the problem of figure n: data/fits-POINTS-RESIDUAL.json and .csv."""
    from netbp.sweep import multistart

    experiment = replace(FIGURES[n], residual=residual)
    problem = experiment.problem()
    fits = multistart(problem, experiment.method(), starts=starts, rng=0, level=LEVEL)
    costs = np.asarray(fits.costs, dtype=float)
    labels = categories(np.asarray(problem.data.y))
    right = np.array([np.count_nonzero(problem.classify(p, problem.data.x) == labels) for p in fits.p])
    name = f"fits-{experiment.points}-{residual}"
    write_csv(
        folder / "data" / f"{name}.csv", "start,cost,points_right", zip(range(starts), costs.tolist(), right.tolist(), strict=True)
    )
    found = {
        "points": problem.N,
        "residual": residual,
        "starts": starts,
        "success": float(np.mean(costs <= LEVEL)),
        "all_right": float(np.mean(right == problem.N)),
        "median_cost": float(np.median(costs[np.isfinite(costs)])),
        "largest_cost": float(costs[np.isfinite(costs)].max()),
    }
    write_json(folder / "data" / f"{name}.json", found)


def write_evidence(folder: Path) -> None:
    """Everything below, as data/evidence.json; and figure 7's points as data/costs.csv."""
    results = Results(folder)
    run = results.run("figure-7")
    curve = run.series["cost"]
    squares = results.squares("figure-7", 1.0) * curve.values
    write_csv(
        folder / "data" / "costs.csv",
        "iteration,cost",
        zip(curve.steps[::10_000].tolist(), squares[::10_000].tolist(), strict=True),
    )
    found = {
        "decay": decay(squares),
        "plateau": plateau(squares),
        "regions": regions(results),
        "streams": streams(results),
        "gradient": gradient(results),
        "norms": norms(results),
        "softmax": softmax(results),
    }
    write_json(folder / "data" / "evidence.json", found)


def slope(values: Vector, first: int, last: int) -> float:
    """d log(cost) / d log(step) between two steps, counted from 1."""
    return float(np.log(values[last - 1] / values[first - 1]) / np.log(last / first))


def decay(squares: Vector) -> dict[str, Any]:
    """How the cost falls: log-log slopes and the mean decay a step in three windows, and the ratios of successive costs."""
    half = squares[len(squares) // 2 :]
    changes = np.abs(half[1:] / half[:-1] - 1.0)
    nonzero = changes[changes > 0.0]
    windows = [
        {
            "first": first,
            "last": last,
            "slope": slope(squares, first, last),
            "per_step": float(np.log(squares[first - 1] / squares[last - 1]) / (last - first)),
        }
        for first, last in WINDOWS
    ]
    return {
        "windows": windows,
        "within_1e-6": float(np.mean(changes <= 1e-6)),
        "geometric_mean": float(np.exp(np.log(nonzero).mean())),
        "net": float(np.log(half[0] / half[-1]) / (len(half) - 1)),
    }


def plateau(squares: Vector) -> dict[str, float]:
    """How much the cost falls during the flat period and right after it, as factors."""
    at = {step: float(squares[step - 1]) for step in (20_000, 100_000, 200_000)}
    return {"during": at[20_000] / at[100_000], "after": at[100_000] / at[200_000]}


def regions(results: Results) -> dict[str, Any]:
    """For each fit: points rightly classified and grid points of category A; and where figures 4 and 8, 5 and 9 differ."""
    masks: dict[str, Array] = {}
    out: dict[str, Any] = {"grid": 501}
    for name in FITTED:
        problem, run = results.problem(name), results.run(name)
        masks[name] = margin(grid_outputs(problem, run.p, 501)[2]) > 0.0
        right = problem.classify(run.p, problem.data.x) == categories(np.asarray(problem.data.y))
        out[name] = {
            "points": problem.N,
            "right": int(np.count_nonzero(right)),
            "wrong_points": [[float(v) for v in x] for x in np.asarray(problem.data.x)[~right]],
            "category_a": int(np.count_nonzero(masks[name])),
            "squares": results.squares(name, run.final_cost),
            "steps": run.step,
        }
    out["differ"] = {f"{a}/{b}": float(np.mean(masks[f"figure-{a}"] != masks[f"figure-{b}"])) for a, b in ((4, 8), (5, 9))}
    return out


def streams(results: Results) -> dict[str, Any]:
    """Where Listing 6.1 arrives with other random choices of points, from the same start."""
    run, problem = results.run("other-streams"), results.problem("figure-7")
    squares = 2.0 * problem.N * np.asarray(run.final_cost)
    labels = categories(np.asarray(problem.data.y))
    right = [int(np.count_nonzero(problem.classify(p, problem.data.x) == labels)) for p in run.p]
    return {
        "streams": len(squares),
        "least": float(squares.min()),
        "median": float(np.median(squares)),
        "most": float(squares.max()),
        "all_right": int(sum(count == problem.N for count in right)),
        "below_0.01": int(np.count_nonzero(squares < 0.01)),
    }


def gradient(results: Results) -> dict[str, Any]:
    """Back propagation at the listing's start: against differences, the mean of single gradients (14), and Lemma 1's product."""
    problem = results.problem("figure-7")
    p = problem.network.draw(MatlabRandom(FIGURES[7].seed), FIGURES[7].scale)
    reference = problem.on(Reference())
    check = check_gradient(reference, p)
    x, y = np.asarray(problem.data.x), np.asarray(problem.data.y)
    singles = [reference.explain(p, x[i], y[i]) for i in range(problem.N)]
    whole = reference.gradient(p)
    mean = np.mean([single.gradient for single in singles], axis=0)
    product = singles[0].product(2)
    delta = product[-1].matrix
    for factor in reversed(product[:-1]):
        delta = factor.matrix @ delta
    z = np.linspace(-10.0, 10.0, 401)
    sigma = problem.network.activations[0]
    derivative = np.imag(sigma(z + 1e-30j)) / 1e-30
    return {
        "complex_step": check.total.complex_step,
        "slope": check.total.second,
        "mean_of_singles": relative(mean, whole),
        "product": relative(delta[:, 0], singles[0].delta[0]),
        "sigmoid_slope": float(np.abs(sigma(z) * (1.0 - sigma(z)) - derivative).max()),
        "engines": relative(problem.gradient(p), whole),
    }


def relative(a: Vector, b: Vector) -> float:
    """||a - b||_2 / ||b||_2."""
    return float(np.linalg.norm(a - b) / np.linalg.norm(b))


def norms(results: Results) -> dict[str, Any]:
    """Is the penalty of (33), whose gradient is 2W, the sum of squares or the 2-norm? By central differences of both."""
    run, problem = results.run("figure-7"), results.problem("figure-7")
    rng, layers = np.random.default_rng(0), []
    for l, (W, _) in enumerate(problem.network.views(run.p), start=2):
        D = rng.standard_normal(W.shape)
        h = float(1e-6 * np.linalg.norm(W) / np.linalg.norm(D))
        wanted = float(np.sum(2.0 * W * D))

        def error(kind: Any, W: Array = W, D: Array = D, h: float = h, wanted: float = wanted) -> float:
            difference = (np.linalg.norm(W + h * D, kind) ** 2 - np.linalg.norm(W - h * D, kind) ** 2) / (2.0 * h)
            return float(abs(difference - wanted) / abs(wanted))

        layers.append(
            {
                "layer": l,
                "spectral": float(np.linalg.norm(W, 2) ** 2),
                "frobenius": float(np.sum(W * W)),
                "spectral_error": error(2),
                "frobenius_error": error("fro"),
            }
        )
    return {"layers": layers}


def softmax(results: Results) -> dict[str, Any]:
    """(32) on the trained network's outputs: the sum over points and the mean, before and after taking every point twice."""
    run, problem = results.run("figure-7"), results.problem("figure-7")
    x, y = np.asarray(problem.data.x), np.asarray(problem.data.y)
    twice = Data(np.vstack([x, x]), np.vstack([y, y]))
    means = [Problem(problem.network, softmax_log_loss, data).value(run.p) for data in (problem.data, twice)]
    K = problem.network.sizes[-1]
    return {
        "N": problem.N,
        "K": K,
        "mean": means[0],
        "mean_twice": means[1],
        "sum": problem.N * means[0],
        "sum_twice": 2 * problem.N * means[1],
        "beyond_K": sum(i > K for i in range(1, problem.N + 1)),
    }
