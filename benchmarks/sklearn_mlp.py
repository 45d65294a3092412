"""scikit-learn's own examples of multi-layer perceptrons: netbp.sklearn's estimators and MLPClassifier.

Claim: at least twice the speed at the same accuracy, for up to 10,000 rows and 100 columns, with the same budget of iterations.

    python -m benchmarks.sklearn_mlp [--rounds 5] [--largest 10000]

Method: the data, layers and settings of scikit-learn's examples "Varying regularization in MLP" (L-BFGS), "Compare Stochastic
learning strategies" (Adam, and gradient with momentum) and "Classifier comparison" (Adam with alpha = 1), then L-BFGS on its
built-in tables and on 10,000 rows of `make_classification`. Both see the same scaled data (standardise=False) and never stop
early: in Adam's and momentum's rows each takes exactly the epochs that are given; L-BFGS has the same max_iter and tolerances
(tol = 0, and SciPy's own for the cost) and may end earlier, so seconds are divided by the iterations taken, which are in the table.
A fit is timed as a whole, from data to estimator, in seconds of the processor, all threads, for which other work on the machine
hardly matters; BLAS has one thread. Three seeds a round, the two in turn; accuracy is the mean over the seeds of held-out points
(40 %). Both start from the same p where there are more than two classes (with two, MLPClassifier has one output, netbp two). The
last table has netbp's seconds for Cost and gradient beside those of the products of matrices in it alone, which both sides leave
to BLAS.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from statistics import mean, median
from time import process_time
from typing import Any, NamedTuple

import numpy as np
from sklearn import datasets
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import MinMaxScaler, StandardScaler

import netbp as nb
from benchmarks.pairing import Contender, Report, Table, Target, Timed, arguments, in_turn, three
from netbp.sklearn import NetworkClassifier

SEEDS = 3
LBFGS, ADAM, MOMENTUM = "L-BFGS", "Adam", "momentum"


class Case(NamedTuple):
    """A data set with the layers and settings of an example."""

    name: str
    X: Any
    y: Any
    solver: str
    hidden: tuple[int, ...] = (100,)
    iterations: int = 200
    alpha: float = 1e-4
    rate: float = 0.001
    example: bool = True
    scaler: Any = StandardScaler


def planar() -> dict[str, tuple[Any, Any]]:
    """The three data sets of the plane that scikit-learn's examples share."""
    X, y = datasets.make_classification(
        n_features=2, n_redundant=0, n_informative=2, random_state=1, n_clusters_per_class=1, n_samples=100
    )
    X += 2 * np.random.RandomState(2).uniform(size=X.shape)
    return {
        "moons": datasets.make_moons(n_samples=100, noise=0.3, random_state=0),
        "circles": datasets.make_circles(n_samples=100, noise=0.2, factor=0.5, random_state=1),
        "linearly separable": (X, y),
    }


def cases(largest: int) -> Iterator[Case]:
    """The examples, and beyond them L-BFGS on larger tables."""
    for name, (X, y) in planar().items():
        yield Case(f"varying regularization: {name}", X, y, LBFGS, (10, 10), 2000, alpha=1.0)
        yield Case(f"classifier comparison: {name}", X, y, ADAM, iterations=1000, alpha=1.0)
    tables = {"iris": datasets.load_iris(return_X_y=True), "digits": datasets.load_digits(return_X_y=True)}
    for name, (X, y) in (*tables.items(), ("moons", planar()["moons"]), ("circles", planar()["circles"])):
        epochs = 15 if name == "digits" else 400
        for solver, rate in ((ADAM, 0.01), (MOMENTUM, 0.2)):
            yield Case(f"learning strategies: {name}", X, y, solver, iterations=epochs, rate=rate, scaler=MinMaxScaler)
    tables |= {"wine": datasets.load_wine(return_X_y=True), "breast cancer": datasets.load_breast_cancer(return_X_y=True)}
    for name, (X, y) in tables.items():
        yield Case(name, X, y, LBFGS, example=False)
    X, y = datasets.make_classification(largest, 100, n_informative=30, n_classes=5, random_state=0)
    yield Case(f"made up, {largest:,} x 100", X, y, LBFGS, iterations=20, example=False)
    yield Case(f"made up, {largest:,} x 100", X, y, ADAM, iterations=2, example=False)


def ours(case: Case, N: int, seed: int) -> NetworkClassifier:
    method: Any = "lbfgs"
    if case.solver != LBFGS:
        rule, constants = (nb.adam, {}) if case.solver == ADAM else (nb.momentum, {"mu": 0.9})
        method = nb.StochasticGradient(rule, case.rate, min(200, N), "epochs", constants)
    return NetworkClassifier(
        case.hidden, method=method, alpha=case.alpha, max_iter=case.iterations, tol=0.0, standardise=False, random_state=seed
    )


def theirs(case: Case, N: int, seed: int) -> MLPClassifier:
    solver = {LBFGS: "lbfgs", ADAM: "adam", MOMENTUM: "sgd"}[case.solver]
    return MLPClassifier(
        case.hidden,
        solver=solver,
        alpha=case.alpha,
        learning_rate_init=case.rate,
        momentum=0.9,
        nesterovs_momentum=False,
        max_iter=case.iterations,
        max_fun=10**9,
        tol=0.0,
        n_iter_no_change=case.iterations,
        random_state=seed,
    )


class Fits(NamedTuple):
    """What the fits of a case gave: seconds per iteration of each round, iterations and held-out accuracy of each fit."""

    seconds: list[float]
    iterations: list[int]
    right: list[float]


def timed(case: Case, rounds: int) -> tuple[Fits, Fits]:
    """Both in turn; a fit of each is not counted."""
    X, X_test, y, y_test = train_test_split(case.X, case.y, test_size=0.4, random_state=42)
    scaler = case.scaler().fit(X)
    X, X_test = scaler.transform(X), scaler.transform(X_test)
    both: tuple[Callable[..., Any], ...] = (ours, theirs)
    found = (Fits([], [], []), Fits([], [], []))
    for make in both:
        make(case._replace(iterations=2), len(X), 0).fit(X, y)
    for _ in range(rounds):
        totals = [[0.0, 0], [0.0, 0]]
        for seed in range(SEEDS):
            for make, fits, total in zip(both, found, totals, strict=True):
                start = process_time()
                model = make(case, len(X), seed).fit(X, y)
                total[0] += process_time() - start
                total[1] += model.n_iter_
                fits.iterations.append(model.n_iter_)
                fits.right.append(100.0 * model.score(X_test, y_test))
        for fits, (seconds, iterations) in zip(found, totals, strict=True):
            fits.seconds.append(seconds / iterations)
    return found


def evaluation(N: int, columns: int, classes: int, rounds: int) -> list[Timed]:
    """Cost and gradient of a network with 100 hidden neurons, and its five products alone, in blocks of 512 points."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(N, columns)), np.eye(classes)[rng.integers(classes, size=N)]
    network = nb.Network.dense(columns, 100, classes, activation=[nb.relu, nb.identity])
    problem, p = nb.Problem(network, nb.softmax_log_loss, nb.Data(x, y)), network.draw(0, scale=nb.glorot)
    (W2, _), (W3, _) = network.views(p)
    a, d, e = np.maximum(rng.normal(size=(512, 100)), 0.0), rng.normal(size=(512, 100)), rng.normal(size=(512, classes))
    hidden, out = np.empty((512, 100)), np.empty((512, classes))

    def products() -> None:
        for first in range(0, N, 512):
            m = min(512, N - first)
            rows = x[first : first + m]
            np.dot(rows, W2.T, hidden[:m])
            np.dot(a[:m], W3.T, out[:m])
            np.dot(e[:m], W3, hidden[:m])
            np.dot(a[:m].T, e[:m])
            np.dot(rows.T, d[:m])

    def clocked(name: str, work: Callable[[], Any]) -> Contender:
        def run() -> float:
            start = process_time()
            work()
            return process_time() - start

        return Contender(name, run)

    whole = clocked("Cost and gradient", lambda: problem.value_and_gradient(p))
    return in_turn([whole, clocked("its products alone", products)], 10 * rounds)


def main() -> None:
    options = arguments(__doc__, largest=10_000)
    warnings.simplefilter("ignore")
    report = Report("sklearn_mlp", "scikit-learn's MLPClassifier", (__doc__ or "").strip())
    header = ["", "by", "netbp, CPU us an iteration", "MLPClassifier", "times as fast", "least - most"]
    header += ["iterations", "MLPClassifier's", "right, %", "MLPClassifier's"]
    rows, ratios = {True: [header], False: [header]}, []
    for case in cases(options.largest):
        mine, other = timed(case, options.rounds)
        each = [b / a for a, b in zip(mine.seconds, other.seconds, strict=True)]
        ratio = median(each)
        micro = [three(1e6 * median(fits.seconds)) for fits in (mine, other)]
        counts = [f"{mean(fits.iterations):.0f}" for fits in (mine, other)]
        right = [f"{mean(fits.right):.1f}" for fits in (mine, other)]
        spread = f"{three(min(each))} - {three(max(each))}"
        row = [case.name, case.solver, *micro, three(ratio), spread, *counts, *right]
        print(*row, sep=" | ", flush=True)
        rows[case.example].append(row)
        report.seconds[f"{case.name}, {case.solver}: netbp"] = mine.seconds
        report.seconds[f"{case.name}, {case.solver}: MLPClassifier"] = other.seconds
        ratios.append((case, ratio, mean(mine.right) - mean(other.right)))
    report.tables = [Table("scikit-learn's examples", rows[True]), Table("Beyond its examples", rows[False])]
    for N, columns, classes in ((1_797, 64, 10), (options.largest, 100, 5)):
        found = evaluation(N, columns, classes, options.rounds)
        report.timings(f"Cost and gradient, {N:,} x {columns}, 100 hidden, {classes} classes", found, 1e-6, "CPU us")
    examples = [ratio for case, ratio, _ in ratios if case.example]
    report.targets.append(Target("times as fast as MLPClassifier, the slowest of its examples", min(examples), 2.0, at_least=True))
    for case, ratio, _ in ratios:
        if not case.example:
            report.targets.append(Target(f"times as fast: {case.name}, {case.solver}", ratio, 2.0, at_least=True))
    gaps = [gap for case, _, gap in ratios if case.example]
    report.targets.append(Target("per cent of test points fewer right than MLPClassifier, mean of its examples", -mean(gaps), 1.0))
    report.write()


if __name__ == "__main__":
    main()
