"""Numbers are what they are, wherever they lie: no layout of a caller's arrays changes a bit of what is computed of them."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import netbp as nb
import netbp.sklearn as estimators
from layouts import LAYOUTS
from netbp.engines.reference import Reference

ENGINES = {"reference": Reference(), "compiled": None, "tensor": nb.Tensor(precision="float64"), "single": nb.Tensor()}
NETWORKS = {"small": nb.Network.dense(2, 2, 3, 2), "wide": nb.Network.dense(6, 70, 70, 3, activation=nb.tanh)}
same = np.testing.assert_array_equal


def numbers(network: nb.Network, kind: type = float) -> nb.Data:
    rng = np.random.default_rng(0)
    n, outputs = network.sizes[0], network.sizes[-1]
    return nb.Data(rng.standard_normal((40, n)).astype(kind), rng.random((40, outputs)), rng.uniform(0.5, 2.0, 40))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("name", "kind"), [("small", np.float64), ("wide", np.float64), ("wide", np.float32)])
@pytest.mark.parametrize("engine", ENGINES)
def test_a_problem_of_any_layout(layout: str, name: str, engine: str, kind: type) -> None:
    laid, network = LAYOUTS[layout], NETWORKS[name]
    data = numbers(network, kind)
    one = nb.Problem(network, nb.quadratic, data, data, 0.1, ENGINES[engine])
    other = replace(one, data=nb.Data(*map(laid, data)), held_out=nb.Data(*map(laid, data)))
    p, v = network.draw(1), network.draw(2)
    q, w, x, y = laid(p), laid(v), laid(data.x), laid(data.y)
    before = [a.tobytes() for a in (q, w, x, y)]
    for f in ("value", "gradient", "residual", "held_out_value"):
        same(getattr(other, f)(q), getattr(one, f)(p))
    for mine, theirs in zip(other.value_and_gradient(q), one.value_and_gradient(p), strict=True):
        same(mine, theirs)
    same(other.hvp(q, w), one.hvp(p, v))
    same(other.jacobian(q)[:6], one.jacobian(p)[:6])
    for f in ("output", "predict", "classify"):
        same(getattr(other, f)(q, x), getattr(one, f)(p, data.x))
        same(getattr(other, f)(q, x[3]), getattr(one, f)(p, data.x[3]))
    same(other.explain(q, x[3], y[3]).gradient, one.explain(p, data.x[3], data.y[3]).gradient)
    assert before == [a.tobytes() for a in (q, w, x, y)]


@pytest.mark.parametrize("engine", ENGINES)
def test_large_products_from_anywhere_in_memory(engine: str) -> None:
    """Vector instructions load what begins at a multiple of 16 bytes otherwise, and some products then add in another order."""
    network = nb.Network.dense(20, 150, 151, 5, activation=nb.tanh)
    rng = np.random.default_rng(0)
    problem = nb.Problem(network, nb.quadratic, nb.Data(rng.random((601, 20)), rng.random((601, 5))), engine=ENGINES[engine])
    p, v = network.draw(1), network.draw(2)
    for layout in ("inside", "unaligned"):
        same(problem.gradient(LAYOUTS[layout](p)), problem.gradient(p))
        same(problem.hvp(p, LAYOUTS[layout](v)), problem.hvp(p, v))


METHODS = {
    "one point": nb.StochasticGradient(rate=0.05),
    "batches": nb.StochasticGradient(nb.momentum, 0.05, batch=8, sampling="epochs"),
    "L-BFGS": nb.LBFGS(),
    "Levenberg-Marquardt": nb.LevenbergMarquardt(),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("engine", ["reference", "compiled", "tensor"])
def test_a_run_from_a_start_of_any_layout(layout: str, method: str, engine: str) -> None:
    laid, network = LAYOUTS[layout], NETWORKS["small"]
    data = numbers(network)
    one = nb.Problem(network, nb.quadratic, data, engine=ENGINES[engine])
    other = replace(one, data=nb.Data(*map(laid, data)))
    starts = np.stack([network.draw(seed) for seed in range(3)])
    for start in (starts[0], starts) if method in ("one point", "batches") else (starts[0],):
        mine, theirs = (nb.train(p, METHODS[method], 6, a, rng=5) for p, a in ((other, laid(start)), (one, start)))
        same(mine.p, theirs.p)
        same(mine.costs, theirs.costs)


@pytest.mark.parametrize("layout", [*LAYOUTS, "frame"])
@pytest.mark.parametrize("name", ["NetworkClassifier", "NetworkRegressor"])
@pytest.mark.parametrize("weighted", [False, True])
def test_an_estimator_of_any_layout(layout: str, name: str, weighted: bool) -> None:
    """A frame of pandas holds its columns one after the other, an array its rows."""
    laid = LAYOUTS.get(layout, lambda a: pd.DataFrame({str(j): column.copy() for j, column in enumerate(np.atleast_2d(a.T))}))
    data = numbers(nb.Network.dense(3, 2))
    x, y, weight = np.asarray(data.x), np.asarray(data.y), data.weight if weighted else None
    targets, laid_targets = (y, laid(y)) if name == "NetworkRegressor" else [y.argmax(axis=1)] * 2
    make = getattr(estimators, name)
    with warnings.catch_warnings(action="ignore"):  # two iterations do not converge
        one, other = (
            make(hidden_layer_sizes=(4,), max_iter=2, random_state=0).fit(*pair, sample_weight=weight)
            for pair in ((x, targets), (laid(x), laid_targets))
        )
        same(other.p_, one.p_)
        same(other.predict(laid(x)), one.predict(x))
