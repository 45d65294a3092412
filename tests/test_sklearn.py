"""The estimators: scikit-learn's own checks, MLPClassifier and MLPRegressor as referees, and what is refused."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import netbp as nb
from netbp.sklearn import NetworkClassifier, NetworkRegressor

same = np.testing.assert_array_equal
close = np.testing.assert_allclose

unconverged = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(scope="module")
def iris() -> Any:
    return load_iris(return_X_y=True)


@pytest.fixture(scope="module")
def curve() -> Any:
    """Two functions of one variable beside a column that says nothing."""
    x = np.linspace(-2.0, 2.0, 40)
    return np.column_stack([x, np.ones(40)]), np.column_stack([100.0 * np.sin(2.0 * x), x**2])


# -- scikit-learn's own checks -----------------------------------------------------------------------------------------


@unconverged
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@parametrize_with_checks(
    [
        NetworkClassifier(),
        NetworkRegressor(),
        NetworkClassifier((20,), method="stochastic", learning_rate_init=0.01),
        NetworkRegressor((20,), method="stochastic", learning_rate_init=0.01),
    ]
)
def test_scikit_learns_checks(estimator: Any, check: Any) -> None:
    check(estimator)


@unconverged
def test_it_works_in_a_pipeline_in_cross_validation_and_in_a_grid_search(iris: Any) -> None:
    X, y = iris
    network = NetworkClassifier((8,), max_iter=50, random_state=0)
    assert cross_val_score(make_pipeline(StandardScaler(), network), X, y, cv=3).mean() > 0.9
    search = GridSearchCV(network, {"hidden_layer_sizes": [(), (4, 4)], "activation": [nb.tanh, "logistic"]}, cv=2).fit(X, y)
    assert search.best_score_ > 0.9
    assert search.predict(X[:1]) == [0]


# -- the same function as scikit-learn's networks ----------------------------------------------------------------------


def as_ours(theirs: Any, estimator: Any) -> Any:
    """The estimator with the weights that scikit-learn's network has learnt; p lies as its arrays do."""
    estimator.p_ = np.concatenate([*(W.ravel() for W in theirs.coefs_), *theirs.intercepts_])
    return estimator


@unconverged
@pytest.mark.parametrize("activation", ["relu", "logistic", "tanh", "identity"])
@pytest.mark.parametrize("weighted", [False, True])
def test_with_mlp_classifiers_weights_it_has_its_cost_and_says_what_it_says(iris: Any, activation: str, weighted: bool) -> None:
    X, y = iris
    weight = 1.0 + np.arange(len(y)) % 3 if weighted else None
    theirs = MLPClassifier((5, 4), activation=activation, solver="lbfgs", alpha=0.3, max_iter=20, random_state=1)
    theirs.fit(X, y, sample_weight=weight)
    ours = NetworkClassifier((5, 4), activation, alpha=0.3, standardise=False, max_iter=1, random_state=1)
    ours = as_ours(theirs, ours.fit(X, y, sample_weight=weight))
    close(ours.problem_.value(ours.p_), theirs.loss_, rtol=1e-12)
    close(ours.predict_proba(X), theirs.predict_proba(X), rtol=1e-9, atol=1e-14)
    same(ours.predict(X), theirs.predict(X))


@unconverged
@pytest.mark.parametrize("columns", [1, 2])
def test_with_mlp_regressors_weights_it_has_its_cost_times_the_columns_of_y(curve: Any, columns: int) -> None:
    X, Y = curve
    y = Y[:, 0] if columns == 1 else Y
    theirs = MLPRegressor(hidden_layer_sizes=(6,), activation="tanh", solver="lbfgs", alpha=0.3, max_iter=20, random_state=1)
    theirs.fit(X, y)
    ours = NetworkRegressor((6,), "tanh", alpha=0.3, standardise=False, max_iter=1, random_state=1).fit(X, y)
    as_ours(theirs, ours)
    close(ours.problem_.value(ours.p_), columns * theirs.loss_, rtol=1e-12)
    close(ours.predict(X), theirs.predict(X), rtol=1e-9)
    assert ours.predict(X).shape == y.shape


@unconverged
def test_from_the_same_seed_it_takes_the_same_path(iris: Any, curve: Any) -> None:
    for ours, theirs, (X, y) in (
        (NetworkClassifier((7,)), MLPClassifier((7,)), iris),
        (NetworkRegressor((7,)), MLPRegressor(hidden_layer_sizes=(7,)), (curve[0], curve[1][:, 0])),
    ):
        theirs.set_params(activation="logistic", solver="lbfgs", max_iter=5, random_state=3).fit(X, y)
        ours.set_params(activation="logistic", standardise=False, max_iter=5, random_state=3).fit(X, y)
        close(ours.p_, as_ours(theirs, clone(ours)).p_, rtol=1e-5, atol=1e-7)
        assert ours.n_iter_ == theirs.n_iter_


# -- methods -------------------------------------------------------------------------------------------------------------

METHODS = {
    "lbfgs": "lbfgs",
    "stochastic": "stochastic",
    "newton-cg": nb.NewtonCG(),
    "descent": nb.SteepestDescent(rate=0.5),
    "epochs": nb.StochasticGradient(rate=0.1, batch=10, sampling="epochs"),
    "replacement": nb.StochasticGradient(rate=0.1, batch=10),
}


@unconverged
@pytest.mark.parametrize("name", METHODS)
def test_every_method_learns_and_counts_its_iterations(iris: Any, name: str) -> None:
    X, y = iris
    model = NetworkClassifier((8,), method=METHODS[name], max_iter=60, learning_rate_init=0.05, random_state=0).fit(X, y)
    assert model.score(X, y) > 0.9
    assert 0 < model.n_iter_ <= 60
    assert len(model.loss_curve_) == model.n_iter_
    assert model.loss_ < model.run_.initial_cost
    same(clone(model).fit(X, y).p_, model.p_)


def test_levenberg_marquardt_fits_curves(curve: Any) -> None:
    X, Y = curve
    model = NetworkRegressor((8,), "tanh", method="levenberg-marquardt", alpha=1e-3, random_state=0).fit(X, Y)
    assert model.score(X, Y) > 0.99
    assert model.run_.status == "converged"
    with pytest.raises(ValueError, match="sum of squares"):
        NetworkClassifier(method="levenberg-marquardt").fit(X, Y[:, 0] > 0)


@unconverged
def test_the_budget_that_was_too_small_is_told() -> None:
    X, y = load_iris(return_X_y=True)
    for method in ("lbfgs", "stochastic"):
        with pytest.warns(ConvergenceWarning, match="raise max_iter=3"):
            NetworkClassifier((4,), method=method, max_iter=3).fit(X, y)


def test_calls_of_partial_fit_are_the_epochs_of_a_fit(iris: Any, curve: Any) -> None:
    for model, (X, y), more in (
        (NetworkClassifier((6,)), iris, {"classes": [0, 1, 2]}),
        (NetworkRegressor((6,)), curve, {}),
    ):
        model.set_params(method="stochastic", batch_size=16, random_state=7, max_iter=3, tol=0.0)
        with pytest.warns(ConvergenceWarning):
            whole = clone(model).fit(X, y)
        for _ in range(3):
            model.partial_fit(X, y, **more)
        same(model.p_, whole.p_)
        same(model.loss_curve_, whole.loss_curve_)
        assert model.n_iter_ == 3


def test_partial_fit_is_for_batches_only(iris: Any) -> None:
    X, y = iris
    assert not hasattr(NetworkClassifier(), "partial_fit")
    model = NetworkClassifier((4,), method="stochastic", random_state=0)
    with pytest.raises(ValueError, match="first call of partial_fit needs classes"):
        model.partial_fit(X, y)
    with pytest.raises(ValueError, match="label 2 in row 100 is not among"):
        model.partial_fit(X, y, classes=[0, 1])
    model.partial_fit(X[:60], y[:60], classes=[0, 1, 2])
    with pytest.raises(ValueError, match="cannot change"):
        model.partial_fit(X, y, classes=[0, 1, 3])
    with pytest.raises(ValueError, match="early_stopping=False"):
        model.set_params(early_stopping=True).partial_fit(X, y)


@unconverged
@pytest.mark.parametrize("method", ["lbfgs", "stochastic"])
def test_early_stopping_keeps_the_best_of_the_held_out_costs(iris: Any, method: str) -> None:
    X, y = iris
    model = NetworkClassifier((20,), method=method, early_stopping=True, n_iter_no_change=5, learning_rate_init=0.1, random_state=1)
    model.fit(X, y)
    seen = model.run_.series["held_out"].values
    assert model.problem_.N == 135
    same(np.unique(model.problem_.held_out.y, axis=0, return_counts=True)[1], [5, 5, 5])
    close(model.problem_.held_out_value(model.p_), seen.min())
    assert model.n_iter_ < 200


@unconverged
def test_warm_start_goes_on_where_the_last_fit_ended(iris: Any) -> None:
    X, y = iris
    model = NetworkClassifier((5,), max_iter=4, warm_start=True, random_state=0).fit(X, y)
    before = model.loss_
    assert model.fit(X, y).run_.initial_cost == before > model.loss_
    with pytest.raises(ValueError, match="goes on with the classes"):
        model.fit(X, y + 1)
    with pytest.raises(ValueError, match="fit anew"):
        model.set_params(hidden_layer_sizes=(6,)).fit(X, y)


def test_a_pickle_says_the_same_and_leaves_the_data_out(iris: Any) -> None:
    X, y = iris
    model = NetworkClassifier((5,), activation=nb.tanh, alpha=1.0, random_state=0).fit(X, y)
    copy = pickle.loads(pickle.dumps(model))
    same(copy.predict_proba(X), model.predict_proba(X))
    assert not hasattr(copy, "problem_")
    assert len(pickle.dumps(model)) < 30_000
    same(model.run_.p, copy.run_.p)


def test_the_units_of_the_columns_do_not_matter(iris: Any, curve: Any) -> None:
    X, y = iris
    factors = np.array([2.0**-400, 1.0, 1024.0, 2.0**500])
    one, other = (NetworkClassifier((5,), alpha=1.0, random_state=0).fit(Z, y) for Z in (X, X * factors))
    same(one.predict_proba(X), other.predict_proba(X * factors))
    X, Y = curve
    one, other = (NetworkRegressor((5,), alpha=1.0, random_state=0).fit(X, Z) for Z in (Y, Y * 1024.0))
    same(one.predict(X) * 1024.0, other.predict(X))


# -- what is refused ---------------------------------------------------------------------------------------------------


def with_cell(value: Any, kind: Any = list) -> Any:
    rows = [[float(i), float(i % 3), 1.0] for i in range(8)]
    rows[5][1] = value
    return pd.DataFrame(rows, columns=["a", "b", "c"]) if kind is pd.DataFrame else kind(rows)


LABELS = ["x", "y"] * 4

BAD = {
    "nan": (with_cell(np.nan, np.array), LABELS, r"NaN.* in row 5, column 1\b"),
    "infinite": (with_cell(-np.inf), LABELS, r"infinity in row 5, column 1\b"),
    "too large": (with_cell(1e400, np.array), LABELS, r"infinity in row 5, column 1\b"),
    "text": (with_cell("abc"), LABELS, r"'abc', which is not a number, in row 5, column 1\b"),
    "missing": (with_cell(None), LABELS, r"NaN \(a missing cell\) in row 5, column 1\b"),
    "frame": (with_cell(np.nan, pd.DataFrame), LABELS, r"in row 5, column 1 \('b'\)"),
    "frame of text": (with_cell("abc", pd.DataFrame), LABELS, r"'abc'.* in row 5, column 1 \('b'\)"),
    "ragged": ([[1.0, 2.0]] * 3 + [[1.0]] + [[1.0, 2.0]] * 4, LABELS, r"ragged: row 3 has 1 cell, but row 0 has 2 cells"),
    "ragged below": ([[1.0, 2.0], 1.0] * 4, LABELS, r"ragged: row 1 has no cells"),
    "sparse": (csr_array(np.eye(8)), LABELS, "dense data is required"),
    "a label seen once": (with_cell(0.0), ["x", "y"] * 3 + ["z", "y"], r"label 'z' is seen once only, in row 6"),
    "one class": (with_cell(0.0), ["x"] * 8, "only one class, 'x'"),
    "no label": (with_cell(0.0), [0.0, 1.0] * 3 + [np.nan, 1.0], r"Input y contains NaN.* in row 6"),
    "numbers for labels": (with_cell(0.0), np.linspace(0.0, 1.0, 8), "continuous"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_classifier_refuses(name: str) -> None:
    X, y, told = BAD[name]
    with pytest.raises((ValueError, TypeError), match=told):
        NetworkClassifier((3,)).fit(X, y)


def test_a_regressor_refuses_and_so_does_prediction() -> None:
    X = with_cell(0.0, np.array)
    y = np.arange(16.0).reshape(8, 2)
    y[6, 1] = np.inf
    with pytest.raises(ValueError, match=r"Input y contains infinity in row 6, column 1\b"):
        NetworkRegressor().fit(X, y)
    model = NetworkRegressor((3,), alpha=10.0, random_state=0).fit(X, X[:, 0])
    with pytest.raises(ValueError, match=r"NaN.* in row 5, column 1\b"):
        model.predict(with_cell(np.nan))
    with pytest.raises(ValueError, match=r"weights.*(zero|0)"):
        model.fit(X, X[:, 0], sample_weight=np.zeros(8))


def test_one_class_is_left_when_the_others_weigh_nothing_and_one_point_may_weigh_much() -> None:
    X = with_cell(0.0, np.array)
    with pytest.raises(ValueError, match=r"only one class, 'x'.*weight above 0"):
        NetworkClassifier((3,)).fit(X, LABELS, sample_weight=[1.0, 0.0] * 4)
    model = NetworkClassifier((3,), alpha=1.0, random_state=0).fit(X, ["x"] * 7 + ["y"], sample_weight=[1.0] * 7 + [7.0])
    assert model.predict(X[7:]) == ["y"]


PARAMETERS = [
    ({"hidden_layer_sizes": (0,)}, "hidden_layer_sizes"),
    ({"hidden_layer_sizes": "wide"}, "hidden_layer_sizes"),
    ({"activation": "swish"}, "activation must be one of identity"),
    ({"method": "adam"}, "method must be one of lbfgs"),
    ({"method": 3}, "method must be one of lbfgs"),
    ({"alpha": -1.0}, "alpha"),
    ({"alpha": np.nan}, "alpha"),
    ({"max_iter": 0}, "max_iter"),
    ({"max_iter": 2.5}, "max_iter"),
    ({"tol": -1e-3}, "tol"),
    ({"method": "stochastic", "batch_size": 0}, "batch_size"),
    ({"method": "stochastic", "learning_rate_init": -1.0}, "learning_rate_init"),
    ({"early_stopping": True, "validation_fraction": 1.5}, "validation_fraction=1.5"),
    ({"early_stopping": True, "n_iter_no_change": 0}, "n_iter_no_change"),
]


@pytest.mark.parametrize(("parameters", "told"), PARAMETERS, ids=[str(p) for p, _ in PARAMETERS])
def test_parameters_that_make_no_sense_are_refused(parameters: Any, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        NetworkClassifier(**parameters).fit(with_cell(0.0, np.array), LABELS)


def test_what_diverges_is_told(curve: Any) -> None:
    X, Y = curve
    with pytest.raises(ValueError, match=r"diverged.*smaller rate"):
        NetworkRegressor((4,), method=nb.SteepestDescent(rate=1e6), max_iter=500, random_state=0).fit(X, Y)
