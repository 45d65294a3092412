"""Laws of frames: every public result that is a table becomes one of pandas and of polars, with the same numbers in both."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas
import polars
import pytest

import netbp as nb
from netbp.analysis.calibration import calibration
from netbp.analysis.random_labels import random_labels
from netbp.analysis.saturated import saturation_along
from netbp.analysis.stability import twin_runs
from netbp.engines.compiled import Compiled
from netbp.engines.reference import Reference
from netbp.experiments.prediction import Predictions, predict
from netbp.experiments.sweeps import Outcome, outcomes_frame
from netbp.experiments.table import Fit
from netbp.frames import frame

SOURCE = Path(nb.__file__).parent
NETWORK = nb.Network.dense(2, 2, 3, 2)
PROBLEM = nb.Problem(NETWORK, nb.quadratic, nb.data.ten_points())
P = NETWORK.draw(nb.MatlabRandom(5000))
METHOD = nb.LevenbergMarquardt()


class Case(NamedTuple):
    """How to make a result, how many rows its frame has, and some of its columns."""

    make: Callable[[], Any]
    rows: Callable[[Any], int]
    columns: tuple[str, ...]


@cache
def trained() -> nb.Run:
    return nb.train(PROBLEM, nb.StochasticGradient(rate=0.5), steps=3000, start=P, rng=1, record=1)


def affine() -> nb.LinearOrders:
    network = nb.Network.dense(2, 1, activation=nb.identity)
    x = np.random.default_rng(0).standard_normal((6, 2))
    problem = nb.Problem(network, nb.quadratic, nb.Data(x, x[:, :1] - 0.3))
    return nb.linear_orders(problem, np.zeros(3), 1.0, [0.1, 0.05])


def predictions() -> Predictions:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "points.csv"
        table.write_text("a,b,c\n" + "".join(f"{i},{i * i % 7},{'yes' if i % 2 else 'no'}\n" for i in range(30)))
        run = Fit(table=table, target=("c",), network="2-3-2", epochs=5).run()
        return predict(run, table)


def card() -> Any:
    from netbp.data.card import data_card
    from netbp.data.images import Images, Source

    x, y = np.random.default_rng(0).integers(0, 255, (6, 12)).astype(np.uint8), np.eye(2)[[0, 1, 0, 1, 0, 1]]
    return data_card(Images("six", nb.Data(x[:4], y[:4]), nb.Data(x[4:], y[4:]), (3, 2, 2), ("cat", "dog"), Source("here")))


def with_held_out() -> nb.Problem:
    network = nb.Network.dense(2, 3, 2)
    return nb.Problem(network, nb.quadratic, nb.data.ten_points(), held_out=nb.data.eleven_points())


CASES: dict[str, Case] = {
    "Agreement": Case(
        lambda: nb.agreement(PROBLEM, P, steps=200, slow_steps=20, engines=[Reference(), Compiled()]),
        lambda r: len(r.engines),
        ("name", "gradient"),
    ),
    "Atlas": Case(lambda: nb.atlas(PROBLEM, METHOD, starts=40, workers=1), lambda r: len(r.states), ("count", "share", "cost")),
    "Bands": Case(lambda: nb.cost_bands(PROBLEM, P, 0.05, [1.0, 2.0], M=8), lambda r: len(r.t), ("t", "flow", "median")),
    "Comparison": Case(
        lambda: nb.compare(PROBLEM, {"LM": METHOD, "L-BFGS": nb.LBFGS()}, 3, budget=200),
        lambda r: 6 * len(r.levels),
        ("method", "work", "seconds"),
    ),
    "Confirmation": Case(
        lambda: nb.error_bound(NETWORK, P, PROBLEM.data.x, PROBLEM.data.y).confirmed(120),
        lambda r: len(r.entries),
        ("what", "bound", "ratio"),
    ),
    "Confusion": Case(lambda: nb.Confusion.counted([0, 1, 1, 2], [0, 1, 2, 2], "abc"), lambda r: 9, ("predicted", "true", "count")),
    "Connection": Case(lambda: nb.connect(PROBLEM, P, -P, steps=20, n=11), lambda r: 11, ("t", "curve", "straight")),
    "Convergence": Case(lambda: nb.convergence(trained()), lambda r: len(r.steps), ("step", "cost", "fitted")),
    "CurvatureReport": Case(lambda: nb.curvature(PROBLEM, P), lambda r: len(r.spectra), ("matrix", "layer", "highest_error")),
    "DataCard": Case(card, lambda r: 2, ("class", "training", "test")),
    "Eigenvalues": Case(lambda: nb.extreme_eigenvalues(nb.hessian(PROBLEM, P), 2, 3), lambda r: 5, ("value", "error")),
    "ErrorBounds": Case(lambda: nb.error_bound(NETWORK, P, PROBLEM.data.x, PROBLEM.data.y), lambda r: 16, ("what", "bound")),
    "Escapes": Case(
        lambda: nb.escape_times(PROBLEM, P, 0.2, [(0.1, 1), (0.5, 2)], 20.0, M=5), lambda r: 2, ("rate", "noise", "mean")
    ),
    "EulerOrder": Case(lambda: nb.euler_order(PROBLEM, P, 1.0, [0.1, 0.05]), lambda r: 2, ("rate", "order")),
    "Explanation": Case(lambda: PROBLEM.explain(P, [0.5, 0.6], [0.0, 1.0]), lambda r: 7, ("layer", "neuron", "delta")),
    "Flow": Case(lambda: nb.gradient_flow(PROBLEM, P, [1.0, 2.0]), lambda r: 2, ("t", "cost", "gradient")),
    "GradientCheck": Case(lambda: nb.check_gradient(PROBLEM, P), lambda r: 4, ("layer", "verdict")),
    "LayerTable": Case(NETWORK.table, lambda r: 4, ("l", "layer", "parameters", "bytes")),
    "LinearOrders": Case(affine, lambda r: len(r.errors), ("rate", "model", "mean_order")),
    "Multistart": Case(lambda: nb.multistart(PROBLEM, METHOD, starts=7, workers=1), lambda r: 7, ("start", "cost", "success")),
    "Path": Case(lambda: nb.curvature_along(PROBLEM, nb.SteepestDescent(), [0, 5], P), lambda r: 2, ("step", "sharpness")),
    "Predictions": Case(predictions, lambda r: 30, ("predicted c",)),
    "Profile": Case(
        lambda: nb.performance_profile(["a", "b"], np.array([[1.0, 2.0], [3.0, np.inf]])), lambda r: 3, ("solver", "tau", "rho")
    ),
    "RateRange": Case(lambda: nb.rate_range_test(PROBLEM, start=P, steps=100), lambda r: len(r.rates), ("rate", "smoothed")),
    "Reliability": Case(
        lambda: nb.reliability({"ten": PROBLEM}, {"LM": (METHOD, None, 5)}, [0.5, 1], workers=1),
        lambda r: 2,
        ("problem", "success_low"),
    ),
    "Calibration": Case(
        lambda: calibration(nb.softmax_log_loss.predict(PROBLEM.data.x), PROBLEM.data.y, bins=2),
        lambda r: len(r.bins),
        ("name", "right"),
    ),
    "RandomLabels": Case(
        lambda: random_labels(with_held_out(), nb.StochasticGradient(), 20, 10), lambda r: 2, ("share", "unseen", "margins_median")
    ),
    "SampledSpectrum": Case(lambda: nb.sampled_spectrum(PROBLEM, P, 5, 10), lambda r: 2, ("end", "value", "error")),
    "Saturated": Case(
        lambda: saturation_along(PROBLEM, nb.StochasticGradient(), [0, 10], P), lambda r: 6, ("step", "layer", "flat", "dead")
    ),
    "Stability": Case(
        lambda: twin_runs(PROBLEM, nb.data.eleven_points(), 0.5, [5, 10], 3), lambda r: 2, ("step", "distance", "bound")
    ),
    "Run": Case(trained, lambda r: 3000, ("step", "cost")),
    "Slice": Case(lambda: nb.slice_line(PROBLEM, P, P, np.linspace(-1, 1, 5)), lambda r: 5, ("t1", "cost")),
    "SpectralDensity": Case(lambda: nb.spectral_density(nb.hessian(PROBLEM, P), 3, 4), lambda r: 12, ("probe", "node", "weight")),
    "DoubleDescent": Case(
        lambda: nb.double_descent(6, 9, (2, 9), replicates=3), lambda r: 6, ("features", "estimator", "exact", "mean")
    ),
    "EarlyStopping": Case(
        lambda: nb.early_stopping(np.eye(3), 1.0, 0.5, [1.0, 2.0]), lambda r: 2, ("t", "flow_bias", "ridge_variance")
    ),
    "GeneralisationCurve": Case(
        lambda: nb.generalisation_curve(nb.varied(nb.Family("ten", 2, held_out=9), "points"), [5, 9], METHOD, 2, vary="points"),
        lambda r: 4,
        ("points", "replicate", "cost", "held_out", "held_out_error"),
    ),
    "Symmetries": Case(lambda: nb.symmetries(NETWORK), lambda r: 2, ("layer", "neurons", "order")),
    "TimeSteps": Case(lambda: nb.trust_steps(PROBLEM, P, steps=5), lambda r: len(r.steps), ("time", "length")),
    "WeakErrors": Case(lambda: nb.weak_errors(PROBLEM, P, 1.0, [0.5, 0.25], M=20), lambda r: 6, ("rate", "model", "error")),
}


@cache
def result(name: str) -> Any:
    return CASES[name].make()


@pytest.mark.parametrize("name", CASES)
def test_both_libraries_hold_the_same_columns_and_numbers(name: str) -> None:
    found, case = result(name), CASES[name]
    assert type(found).__name__ == name
    one, other = found.frame(), found.frame("polars")
    assert isinstance(one, pandas.DataFrame)
    assert isinstance(other, polars.DataFrame)
    assert list(one.columns) == other.columns
    assert set(case.columns) <= set(other.columns)
    assert len(one) == len(other) == case.rows(found) > 0
    for column in one.columns:
        left, right = one[column].to_list(), other[column].to_list()
        assert [missing(a) or a for a in left] == [missing(b) or b for b in right], column


def missing(value: Any) -> str:
    """Nothing and NaN are the same here: pandas makes the first the second in a column of numbers."""
    return "missing" if value is None or (isinstance(value, float) and np.isnan(value)) else ""


@pytest.mark.parametrize("name", CASES)
def test_its_docstring_says_what_a_row_is_and_the_library_has_a_default(name: str) -> None:
    method = type(result(name)).frame
    assert (inspect.getdoc(method) or "").startswith("One")
    library = inspect.signature(method).parameters["library"]
    assert library.default == "pandas"
    with pytest.raises(ValueError, match="pandas or polars, but 'excel'"):
        result(name).frame("excel")


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_library_that_is_not_installed_is_named_with_the_remedy(library: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ImportError, match=f"needs {library}, which is not installed: pip install {library}, or print"):
        NETWORK.table().frame(library)


def classes_with(name: str) -> set[str]:
    """The classes of the package, but for scikit-learn's and those on PyTorch, that define this method."""
    found = set()
    for module in pkgutil.walk_packages(nb.__path__, "netbp."):
        if module.name.startswith(("netbp.engines.tensor", "netbp.sklearn", "netbp.lab", "netbp.__main__")):
            continue
        members = inspect.getmembers(importlib.import_module(module.name), inspect.isclass)
        found |= {cls.__name__ for _, cls in members if name in vars(cls) and cls.__module__ == module.name}
    return found


def test_every_class_with_a_frame_has_a_case_here() -> None:
    assert sorted(classes_with("frame") - set(CASES)) == [], "add a case to CASES for each of these"


def test_everything_that_prints_as_a_table_has_a_frame() -> None:
    lacking = []
    for path in (SOURCE / "analysis").glob("*.py"):
        for cls in (node for node in ast.parse(path.read_text()).body if isinstance(node, ast.ClassDef)):
            methods = {node.name: node for node in cls.body if isinstance(node, ast.FunctionDef)}
            if "__str__" in methods and "frame" not in methods and "aligned(" in ast.unparse(methods["__str__"]):
                lacking.append(cls.name)
    assert lacking == []


def test_a_run_of_several_networks_has_a_row_for_each_step_and_network() -> None:
    start = np.stack([P, -P])
    run = nb.train(PROBLEM, nb.StochasticGradient(), steps=20, start=start, rng=1, record=5)
    table = run.frame()
    assert table["step"].tolist() == np.repeat(run.series["cost"].steps, 2).tolist()
    assert table["network"].tolist() == [1, 2] * len(run.series["cost"].steps)
    assert table["cost"].to_numpy().reshape(-1, 2).tolist() == run.costs.tolist()


def test_curves_recorded_at_different_steps_share_a_frame() -> None:
    series = {
        "cost": nb.Series(np.array([1, 2, 4]), np.array([3.0, 2.0, 1.0])),
        "held_out": nb.Series(np.array([2, 6]), np.array([5.0, 4.0])),
    }
    table = nb.Run(nb.State(np.zeros(2)), 3.0, 1.0, series).frame("polars")
    assert table["step"].to_list() == [1, 2, 4, 6]
    np.testing.assert_array_equal(table["cost"], [3.0, 2.0, 1.0, np.nan])
    np.testing.assert_array_equal(table["held_out"], [np.nan, 5.0, np.nan, 4.0])
    assert nb.Run(nb.State(np.zeros(2)), 3.0, 1.0).frame().columns.to_list() == ["step"]


def test_an_agreement_has_three_tables() -> None:
    found = result("Agreement")
    assert len(found.frame("polars", "layers")) == len(found.layers)
    steps = found.frame("polars", "steps")
    assert len(steps) == len(found.partings) + 1
    assert steps["relative"].to_list()[-1] == found.moved.relative[-1]
    with pytest.raises(ValueError, match="engines, layers and steps, but 'all'"):
        found.frame(table="all")


def test_a_sweep_has_a_row_for_each_run() -> None:
    outcomes = [
        Outcome({"rate": 1, "seed": 0}, "a.npz", "finished", "done", 5, 0.1, 2.0),
        Outcome({"rate": 0.5, "seed": 0}, "b.npz", "failed", "no"),
    ]
    for library in ("pandas", "polars"):
        table = outcomes_frame(outcomes, library)
        assert list(table.columns)[:3] == ["rate", "seed", "path"]
        assert table["rate"].to_list() == [1.0, 0.5]
        assert table["status"].to_list() == ["finished", "failed"]


def test_whole_numbers_and_others_may_be_mixed_and_missing() -> None:
    table = frame({"a": [1, 2.5, None], "b": [None, "x", "y"], "c": np.arange(3), "d": (True, False, True)}, "polars")
    assert table["a"].to_list() == [1.0, 2.5, None]
    assert table["d"].dtype == polars.Boolean
