"""Every door through which arrays come in refuses the same: what is no plain number, by name, place and what to give instead."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse
import torch

import netbp as nb
from netbp.engines.reference import Reference
from netbp.plain import plain
from netbp.sklearn import NetworkClassifier, NetworkRegressor

NET = nb.Network.dense(2, 2, activation=nb.identity)
X = [[0.25, 0.5], [1.0, 2.0], [0.5, 0.75]]
Y = [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]
PROBLEM = nb.Problem(NET, nb.quadratic, nb.Data(X, Y), engine=Reference())
P = NET.draw(1)


CLASSIFIER = NetworkClassifier((), max_iter=300).fit(np.repeat(X, 3, axis=0), np.repeat([0, 1, 0], 3))
REGRESSOR = NetworkRegressor((), max_iter=300).fit(np.repeat(X, 3, axis=0), np.repeat([0.0, 1.0, 0.5], 3))

# What is wrong with a matrix of points or a vector of parameters: how it is made from a plain one, and what is said.
BAD = {
    "masked": (lambda a: np.ma.masked_equal(a, a.flat[1]), "masked"),
    "objects": (lambda a: a.astype(object), "objects"),
    "fraction": (lambda a: _with(a, Fraction(1, 3)), "Fraction"),
    "none inside": (lambda a: _with(a, None), "None"),
    "text": (lambda a: a.astype(str), "no number"),
    "a word": (lambda a: _with(a, "seven"), "seven"),
    "bytes": (lambda a: a.astype("S8"), "no number"),
    "complex": (lambda a: a + 0.5j, "complex"),
    "dates": (lambda a: a.astype("int64").astype("datetime64[D]"), "dates"),
    "spans": (lambda a: a.astype("int64").astype("timedelta64[s]"), "spans of time"),
    "records": (lambda a: np.zeros(3, dtype=[("a", float), ("b", float)]), "records"),
    "pandas": (lambda a: pd.DataFrame(a) if a.ndim == 2 else pd.Series(a), "pandas"),
    "polars": (lambda a: pl.DataFrame(a) if a.ndim == 2 else pl.Series(a), "polars"),
    "sparse": (scipy.sparse.csr_matrix, "sparse"),
    "sparse array": (lambda a: scipy.sparse.coo_array(np.atleast_2d(a)), "sparse"),
    "gradient": (lambda a: torch.tensor(a, requires_grad=True), "gradient"),
    "meta": (lambda a: torch.empty(a.shape, device="meta"), "device 'meta'"),
    "bfloat16": (lambda a: torch.tensor(a, dtype=torch.bfloat16), "must be an array of numbers"),
    "truth": (lambda a: a > 0, "truth values"),
    "nan": (lambda a: _put(a, np.nan), "not finite"),
    "infinite": (lambda a: _put(a, -np.inf), "not finite"),
    "list of masked": (lambda a: [np.ma.masked_equal(row, row.flat[0]) for row in np.atleast_2d(a)], "masked"),
    "list of tensors": (lambda a: [torch.tensor(row, requires_grad=True) for row in np.atleast_2d(a)], "gradient"),
    "ragged": (lambda a: [[1.0, 2.0], [3.0], [1.0, 2.0]], "row 1 has 1 entry, but row 0 has 2 entries"),
    "none": (lambda a: None, "None"),
    "dictionary": (lambda a: {0: a}, "dict"),
    "generator": (lambda a: (row for row in a), "generator"),
}


def _with(a: np.ndarray, entry: Any) -> Any:
    rows = a.tolist()
    (rows[1] if a.ndim == 2 else rows)[1] = entry
    return rows


def _put(a: np.ndarray, value: float) -> np.ndarray:
    out = a.copy()
    out[(1, 1) if a.ndim == 2 else 1] = value
    return out


POINTS = {
    "Data": lambda x: nb.Problem(NET, nb.quadratic, nb.Data(x, Y)),
    "targets": lambda x: nb.Problem(NET, nb.quadratic, nb.Data(X, x)),
    "held out": lambda x: replace(PROBLEM, held_out=nb.Data(x, Y)),
    "output": lambda x: PROBLEM.output(P, x),
    "predict": lambda x: PROBLEM.predict(P, x),
    "classify": lambda x: PROBLEM.classify(P, x),
    "lab": lambda x: nb.Problem(NET, nb.quadratic, nb.Data(x, Y)).lab(),
}
VECTORS = {
    "value": PROBLEM.value,
    "gradient": PROBLEM.gradient,
    "value and gradient": PROBLEM.value_and_gradient,
    "residual": PROBLEM.residual,
    "jacobian": PROBLEM.jacobian,
    "hvp": lambda p: PROBLEM.hvp(p, P),
    "hvp's v": lambda v: PROBLEM.hvp(P, v),
    "held out value": lambda p: replace(PROBLEM, held_out=PROBLEM.data).held_out_value(p),
    "predict's p": lambda p: PROBLEM.predict(p, X),
    "explain's p": lambda p: PROBLEM.explain(p, X[0], Y[0]),
    "start": lambda p: nb.train(PROBLEM, nb.SteepestDescent(), 1, start=p),
    "check": lambda p: nb.check_gradient(PROBLEM, p),
}
WEIGHTS = {"weight": lambda w: nb.Problem(NET, nb.quadratic, nb.Data(X, Y, w))}
SINGLES = {
    "explain's x": lambda x: PROBLEM.explain(P, x, Y[0]),
    "explain's y": lambda y: PROBLEM.explain(P, X[0], y),
    "one point": lambda x: PROBLEM.predict(P, x),
}
MEANT = {("start", "none"), ("targets", "none"), ("targets", "truth"), ("weight", "truth"), ("weight", "none")}
DOORS = [
    *[(name, door, np.array(X)) for name, door in POINTS.items()],
    *[(name, door, P) for name, door in VECTORS.items()],
    *[(name, door, np.ones(3)) for name, door in WEIGHTS.items()],
    *[(name, door, np.array([0.25, 0.5])) for name, door in SINGLES.items()],
]
CASES = [
    pytest.param(door, make(good), said, id=f"{name}-{bad}")
    for name, door, good in DOORS
    for bad, (make, said) in BAD.items()
    if (name, bad) not in MEANT
]


@pytest.mark.parametrize(("door", "values", "said"), CASES)
def test_every_door_refuses_what_is_no_plain_number(door, values, said):
    with pytest.raises(ValueError, match=said):
        door(values)


ESTIMATORS = {
    "fit": lambda x: NetworkClassifier((), max_iter=2).fit(x, [0, 1, 0]),
    "fit the regressor": lambda x: NetworkRegressor((), max_iter=2).fit(x, [0.0, 1.0, 0.5]),
    "predict": CLASSIFIER.predict,
    "predict_proba": CLASSIFIER.predict_proba,
    "predict numbers": REGRESSOR.predict,
    "targets": lambda y: NetworkRegressor((), max_iter=2).fit(X, y),
}
SCIKIT_TAKES = {"objects", "fraction", "pandas", "polars", "truth"}
"""What scikit-learn's own rules have its estimators take."""


@pytest.mark.parametrize("bad", [bad for bad in BAD if bad not in SCIKIT_TAKES])
@pytest.mark.parametrize("door", ESTIMATORS)
def test_the_estimators_refuse_it_too(door, bad):
    with pytest.raises((ValueError, TypeError)):
        ESTIMATORS[door](BAD[bad][0](np.array(X)))


@pytest.mark.parametrize(
    "good",
    [X, tuple(map(tuple, X)), np.array(X, dtype=np.float16), np.ones((3, 2), dtype=np.uint8), torch.tensor(X), np.asmatrix(X)],
    ids=["list", "tuple", "float16", "uint8", "tensor", "matrix"],
)
def test_what_is_plain_is_taken(good):
    expected = np.asarray(good, dtype=float)
    np.testing.assert_array_equal(PROBLEM.predict(P, good), PROBLEM.predict(P, expected))
    np.testing.assert_array_equal(nb.Problem(NET, nb.quadratic, nb.Data(good, Y)).data.x, expected)


def test_targets_and_weights_may_be_truth_values():
    said = nb.Problem(NET, nb.quadratic, nb.Data(X, np.array(Y) > 0.5, [True, True, False]), engine=Reference())
    assert said.value(P) == nb.Problem(NET, nb.quadratic, nb.Data(X, Y, [1, 1, 0]), engine=Reference()).value(P)


def test_a_plain_array_is_not_copied_and_a_narrow_type_refuses_what_it_cannot_hold():
    x = np.array(X)
    assert plain(x, "x") is x
    with pytest.raises(ValueError, match=r"p has 1 entries that are not finite, the first in entry 1 \(counted from 0\)"):
        plain([1.0, 1e300], "p", along="entry", dtype=np.float32)
    with pytest.raises(ValueError, match=r"x must be an array of numbers, but it has 'b' in row 1, column 0 \(counted from 0\)"):
        plain([[1.0, 2.0], ["b", 1.0]], "x")
    with pytest.raises(ValueError, match="the first masked entry in row 1, column 0"):
        plain(np.ma.masked_equal(x, 1.0), "x")
