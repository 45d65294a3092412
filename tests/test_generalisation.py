"""Laws of generalisation: filters and risks in closed form beside runs, intervals that cover, curves, and what a sweep chooses."""

from __future__ import annotations

import csv
import os
import shutil
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binomtest

import netbp as nb
from netbp.analysis.generalisation import (
    GeneralisationCurve,
    Setting,
    mean_interval,
    measured,
    median_interval,
    streams_of,
    trained,
)
from netbp.analysis.generalisation_families import RULES, Family, varied
from netbp.analysis.linear_features import _fits, expected_risk, limiting_risk
from netbp.analysis.linear_filters import (
    descent_filter,
    flow_filter,
    largest_ratio,
    linear_problem,
    ridge_filter,
    run_beside,
    spectrum,
)
from netbp.cli import main
from netbp.cli.sweep import as_choice
from netbp.engines.compiled import Compiled
from netbp.engines.reference import Reference
from netbp.experiments import EXPERIMENTS
from netbp.experiments.selection import mean_of, select
from netbp.experiments.sweeps import Outcome
from netbp.figures.analysis_generalisation import draw_generalisation, places

EPS = float(np.finfo(float).eps)
ENGINES = {"reference": Reference(), "compiled": Compiled()}
ROBUST = nb.LevenbergMarquardt(iterations=60)


@pytest.fixture(scope="module")
def least_squares():
    """Centred x (25, 6) of very different columns, y (25,), and the spectrum of x."""
    rng = np.random.default_rng(3)
    x = rng.standard_normal((25, 6)) * 2.0 ** -np.arange(6)
    x -= x.mean(axis=0)
    return x, x @ rng.standard_normal(6) + 0.3 * rng.standard_normal(25), spectrum(x)


# -- early stopping as a penalty, on linear features ----------------------------------------------------------------


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("steps", [1, 7, 400])
def test_steepest_descent_on_a_linear_network_is_its_filter(engine, steps, least_squares):
    x, y, found = least_squares
    problem = linear_problem(x, y).on(ENGINES[engine])
    rate = 1.3 / float(found.values[0])
    run = nb.train(problem, nb.SteepestDescent(rate=rate), steps, start=np.zeros(problem.size), record=0)
    W, b = problem.network.views(run.p)[0]
    # Each step rounds entries of p of size 1 by a few eps, and the iteration contracts what was rounded before.
    np.testing.assert_allclose(W[0], found.filtered(x, y, descent_filter(found.values, rate, steps)), atol=100 * steps * EPS)
    assert b[0] == pytest.approx(y.mean() * (1.0 - (1.0 - rate) ** steps), abs=1e-12 * max(1.0, abs(1.0 - rate) ** steps))


def test_the_gradient_flow_is_its_filter_and_the_limit_of_steepest_descent(least_squares):
    x, y, found = least_squares
    problem, t = linear_problem(x, y), 5.0
    flow = nb.gradient_flow(problem, np.zeros(problem.size), [t], "DOP853", 1e-11)
    exact = found.filtered(x, y, flow_filter(found.values, t))
    np.testing.assert_allclose(problem.network.views(flow.p[-1])[0][0][0], exact, atol=1e-6)
    errors = [np.abs(descent_filter(found.values, t / k, k) - flow_filter(found.values, t)).max() for k in (1000, 2000, 4000)]
    assert np.log2(np.divide(errors[:-1], errors[1:])) == pytest.approx([1.0, 1.0], abs=0.01)


@pytest.mark.parametrize("penalty", [1e-3, 0.3, 20.0])
def test_the_minimum_with_the_penalty_of_33_is_the_ridges_filter(penalty, least_squares):
    x, y, found = least_squares
    problem = linear_problem(x, y, penalty)
    assert problem.penalty == pytest.approx(len(x) * penalty / 2)
    found_p = nb.newton(problem, np.zeros(problem.size)).p
    exact = found.filtered(x, y, ridge_filter(found.values, penalty))
    np.testing.assert_allclose(problem.network.views(found_p)[0][0][0], exact, atol=1e-12)


def test_filters_have_their_limits_and_the_same_small_end():
    s = np.array([0.0, 1e-9, 1e-3, 1.0, 50.0])
    np.testing.assert_allclose(ridge_filter(s, 0.0), [0, 1, 1, 1, 1])
    np.testing.assert_allclose(flow_filter(s, 1e300)[1:], 1.0)
    np.testing.assert_allclose(ridge_filter(s, 1e300), 0.0, atol=1e-290)
    np.testing.assert_allclose(flow_filter(s, 0.0), 0.0)
    t = 2.0
    for made in (flow_filter(s, t), ridge_filter(s, 1 / t), descent_filter(s, 0.01, 200)):
        assert made[1] == pytest.approx(t * s[1], rel=1e-6)
    everywhere = np.geomspace(1e-6, 1e6, 2001)
    assert (1 - flow_filter(everywhere, t) <= 1 - ridge_filter(everywhere, 1 / t)).all()
    ratios = (flow_filter(everywhere, t) / ridge_filter(everywhere, 1 / t)) ** 2
    assert ratios.max() <= largest_ratio() == pytest.approx(1.6859, abs=1e-4)
    assert ratios.max() == pytest.approx(largest_ratio(), rel=1e-4)


@pytest.mark.parametrize("kind", ["estimation", "prediction"])
@pytest.mark.parametrize("noise", [0.0, 0.1, 3.0])
@pytest.mark.parametrize("shape", [(30, 5), (12, 12), (8, 20)])
def test_the_stopped_flows_risk_is_below_169_times_the_ridges_at_all_times(kind, noise, shape):
    rng = np.random.default_rng(sum(shape))
    x = rng.standard_normal(shape) * rng.uniform(0.01, 3.0, shape[1])
    for w in (1.0, rng.standard_normal(shape[1])):
        found = nb.early_stopping(x, w, noise, np.geomspace(1e-4, 1e6, 300), kind=kind)
        assert (found.ratio <= largest_ratio() * (1 + 1e-12)).all()
        assert (found.bias["flow"] <= found.bias["ridge"] * (1 + 1e-12) + 1e-300).all()
        assert found.best_ratio <= 1.25
    assert "largest ratio" in str(found)


def test_exact_risks_are_the_means_of_runs():
    rng = np.random.default_rng(5)
    x = rng.standard_normal((20, 4)) * [3.0, 1.0, 0.3, 0.1]
    x -= x.mean(axis=0)
    found = nb.early_stopping(x, 1.0, 0.5, np.geomspace(0.1, 100, 5))
    beside = run_beside(found, x, 1.0, 0.5, [1, 5, 50, 1000], replicates=300)
    assert beside.runs is not None
    for exact, row in zip(*beside.runs[1:], strict=True):
        at = mean_interval(row, 0.9995)
        assert at.low <= exact <= at.high
    np.testing.assert_allclose(found.risk("descent")[-1], found.risk("flow")[-1], rtol=0.05)
    assert "runs of steepest descent, 300 replicates" in str(beside)


# -- double descent, on linear features ------------------------------------------------------------------------------


def test_measured_risks_lie_in_their_bands_of_the_exact_ones():
    """Where the variance of the risk is finite, |p - N| > 3. Of 8 intervals of 99.9 % all hold, but for 0.8 % of all seeds."""
    found = nb.double_descent(16, 60, (2, 6, 10, 12, 20, 24, 40, 60), replicates=400, rng=7)
    for row, exact in zip(found.measured["least squares"], found.expected, strict=True):
        at = mean_interval(row, 0.999)
        assert at.low <= exact <= at.high
    for name in ("ridge", "stopped"):  # no peak: below least squares everywhere, and falling with the features
        means = [at.value for at in found.intervals(name)]
        assert (np.array(means) < found.expected).all()
        assert means == sorted(means, reverse=True)
    assert str(found).startswith("16 points, 60 features, 400 replicates")


def test_exact_risks_have_the_peak_and_the_limits_of_the_theory():
    N, D = 20, 200
    risks = np.array([expected_risk(N, D, p).total for p in range(D + 1)])
    assert np.isinf(risks[N - 1 : N + 2]).all()
    assert np.isfinite(np.delete(risks, [N - 1, N, N + 1])).all()
    assert (np.diff(risks[: N - 1]) > 0).all()
    assert (np.diff(risks[N + 2 : 100]) < 0).all()
    assert expected_risk(N, D, 0, 2.0, 0.5).total == 2.0
    assert expected_risk(N, N, N, 1.0, 0.0).total == 0.0  # without noise, all features and as many points: w itself
    for gamma in (0.3, 0.8, 1.5, 4.0):
        exact, limit = expected_risk(100_000, round(100_000 * gamma), round(100_000 * gamma)), limiting_risk(gamma)
        np.testing.assert_allclose(exact, limit, rtol=1e-3)
    assert limiting_risk(1.0).total == np.inf
    for bad in ((10, 5, 6), (10, 5, -1), (0, 5, 1)):
        with pytest.raises(ValueError, match="features go from 0"):
            expected_risk(*bad)


def test_least_squares_of_minimum_norm_is_where_steepest_descent_from_0_ends():
    rng = np.random.default_rng(1)
    x = rng.standard_normal((5, 9))
    x -= x.mean(axis=0)
    y = rng.standard_normal(5)
    y -= y.mean()
    problem = linear_problem(x, y)
    rate = 1.0 / float(spectrum(x).values[0])
    run = nb.train(problem, nb.SteepestDescent(rate=rate), 20_000, start=np.zeros(problem.size), record=0)
    plain, ridge, _ = _fits(x, y, 1.0, 1e-9)
    np.testing.assert_allclose(problem.network.views(run.p)[0][0][0], plain, atol=1e-10)
    np.testing.assert_allclose(plain, np.linalg.pinv(x) @ y, atol=1e-12)
    np.testing.assert_allclose(ridge, plain, atol=1e-6)  # lambda -> 0


# -- intervals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("made", "truth"), [(mean_interval, 1.0), (median_interval, np.log(2.0))])
def test_intervals_cover_the_truth_as_often_as_they_say(made, truth):
    """Exponential numbers: Student's interval covers a little less than 95 %, that of the median a little more."""
    rng = np.random.default_rng(11)
    held = sum(at.low <= truth <= at.high for at in (made(rng.exponential(size=60)) for _ in range(2000)))
    assert 0.92 < held / 2000 < 0.985


def test_intervals_of_few_numbers_say_that_they_know_little():
    assert mean_interval(np.array([2.0])) == (2.0, -np.inf, np.inf)
    assert np.isnan(mean_interval(np.array([])).value)
    assert median_interval(np.arange(5.0)) == (2.0, -np.inf, np.inf)
    assert median_interval(np.arange(6.0)) == (2.5, 0.0, 5.0)
    assert np.isnan(median_interval(np.array([])).value)


# -- curves -------------------------------------------------------------------------------------------------------------


def line_of(p):
    """A linear regression on p standard normal inputs with noise 0.5, and 500 fresh points."""

    def make(points, rng):
        x, held = rng.standard_normal((points, p)), rng.standard_normal((500, p))
        w = np.arange(1.0, p + 1)
        data = nb.Data(x, (x @ w + 0.5 * rng.standard_normal(points))[:, None])
        return nb.Problem(nb.Network.dense(p, 1, activation=nb.identity), nb.quadratic, data, nb.Data(held, (held @ w)[:, None]))

    return make


def test_a_curve_of_linear_regressions_is_the_textbooks():
    """With an intercept: training sigma^2 (N - p - 1)/N, excess at new points sigma^2 ((N + 1)(N - 2)/(N (N - p - 2)) - 1)."""
    p, sizes, variance = 3, [8, 16, 40], 0.25
    curve = nb.generalisation_curve(line_of(p), sizes, ROBUST, 400, vary="points")
    for name, exact in {
        "cost": [variance * (N - p - 1) / N / 2 for N in sizes],
        "held_out": [variance * ((N + 1) * (N - 2) / (N * (N - p - 2)) - 1) / 2 for N in sizes],
    }.items():
        numbers = curve.numbers[name]
        for row, value in zip(numbers, exact, strict=True):
            at = mean_interval(row, 0.9995)
            assert at.low <= value <= at.high, name
    assert curve.best() == 2
    assert np.isnan(curve.numbers["error"]).all()
    assert curve.difference(0, 2).low > 0.0
    assert "wrong" not in str(curve)
    assert "lowest mean held-out cost at points 40" in str(curve)


def test_replicates_are_as_alone_paired_and_independent_of_the_workers():
    family = Family("moons", 3, points=20, noise=0.1, held_out=50)
    make = varied(family, "penalty")
    one = nb.generalisation_curve(make, [0.0, 1e-2], ROBUST, 3, rng=5, vary="penalty", workers=1)
    two = nb.generalisation_curve(make, [1e-2], ROBUST, 4, rng=5, vary="penalty", workers=3)
    for name, numbers in one.numbers.items():
        np.testing.assert_array_equal(numbers[1], two.numbers[name][0, :3])
    data, stream = streams_of(5, 2)
    problem = family.problem(data)
    p = trained(problem, ROBUST, problem.network.draw(stream), stream)
    assert measured(problem, p) == tuple(one.numbers[name][0, 2] for name in ("cost", "held_out", "error", "held_out_error"))
    assert measured(problem, p)[1] == pytest.approx(problem.held_out_value(p), rel=1e-12)
    assert measured(problem, p)[2] == np.mean(problem.classify(p, problem.data.x) != np.asarray(problem.data.y).argmax(axis=1))


def test_runs_without_a_finite_cost_are_counted_and_left_out():
    make = varied(Family("teacher", 2, points=10, held_out=20), "points")
    curve = nb.generalisation_curve(make, [10], nb.SteepestDescent(rate=1e6), 3, steps=200, vary="points")
    assert curve.diverged.tolist() == [3]
    assert np.isnan(curve.intervals()[0].value)
    assert "without a finite cost, and left out: 3 at 10" in str(curve)


@pytest.mark.parametrize("rule", RULES)
def test_families_draw_nested_points_with_the_noise_asked_for(rule):
    few, many = (Family(rule, 2, points=n, noise=0.25, held_out=30) for n in (40, 400))
    one, other = (family.problem(np.random.default_rng(2)) for family in (few, many))
    np.testing.assert_array_equal(one.data.x, other.data.x[:40])
    np.testing.assert_array_equal(one.held_out.x, other.held_out.x)
    clean = replace(many, noise=0.0).problem(np.random.default_rng(2))
    gap = np.asarray(other.data.y) - np.asarray(clean.data.y)
    if rule == "teacher":
        assert gap.std() == pytest.approx(0.25, rel=0.15)
    else:
        wrong = int((gap[:, 0] != 0).sum())
        assert binomtest(wrong, 400, 0.25).pvalue > 1e-4
        np.testing.assert_array_equal(np.asarray(other.data.y).sum(axis=1), 1.0)
        assert other.network.activations[-1] is nb.sigmoid
    assert replace(few, width=(3, 4)).problem(np.random.default_rng(0)).network.sizes[1:-1] == (3, 4)


def test_what_makes_no_sense_is_refused():
    make = line_of(2)
    with pytest.raises(ValueError, match="needs a value and a replicate"):
        nb.generalisation_curve(make, [], ROBUST)
    with pytest.raises(ValueError, match="no held-out data"):
        nb.generalisation_curve(lambda v, r: replace(make(v, r), held_out=None), [9], ROBUST, 1)
    with pytest.raises(ValueError, match="workers must be at least 1"):
        nb.generalisation_curve(make, [9], ROBUST, 1, workers=0)
    for bad, told in (({"rule": "rings"}, "can be ten"), ({"noise": -1.0}, "the noise"), ({"points": 0}, "needs points")):
        with pytest.raises(ValueError, match=told):
            Family(**bad)
    with pytest.raises(ValueError, match="probability of a wrong category"):
        Family("moons", noise=1.5).problem(np.random.default_rng(0))
    with pytest.raises(ValueError, match="what varies can be"):
        varied(Family(), "activation")
    with pytest.raises(ValueError, match="times must be ascending"):
        nb.stopping_and_penalty(varied(Family(), "penalty"), [1.0, 1.01], [0.1])
    with pytest.raises(ValueError, match="stability limit"):
        nb.early_stopping(np.eye(3), 1.0, 1.0, [1.0], rate=100.0)
    with pytest.raises(ValueError, match="above 0"):
        nb.early_stopping(np.eye(3), 1.0, 1.0, [0.0])
    with pytest.raises(ValueError, match="at least two replicates"):
        nb.double_descent(replicates=1)


def test_stopping_and_penalty_agree_with_the_ridge_where_both_are_linear():
    """On a linear network the best stopped and the best penalised error differ by little, and both gain on no regularisation."""

    def make(penalty, rng):
        x = rng.standard_normal((14, 10))
        held = rng.standard_normal((300, 10))
        data = nb.Data(x, (x[:, :1] + rng.standard_normal((14, 1))))
        network = nb.Network.dense(10, 1, activation=nb.identity)
        return nb.Problem(network, nb.quadratic, data, nb.Data(held, held[:, :1]), penalty)

    found = nb.stopping_and_penalty(make, [0.1, 0.4, 1.6, 6.4, 400.0], [1e-6, 1, 4, 16], 0.1, ROBUST, 30, scale=1e-9)
    assert found.gained_by_stopping.low > 0.0
    assert found.gained_by_penalty.low > 0.0
    assert abs(found.difference.value) < 0.25 * found.gained_by_penalty.value
    assert "best stopped less best penalised" in str(found)


# -- figures and experiments ---------------------------------------------------------------------------------------------


EXAMPLES = {
    "width": ("generalisation", {"values": "1,3", "points": 12, "replicates": 2, "held_out": 20, "iterations": 5}),
    "points": (
        "generalisation",
        {"vary": "points", "values": "9,12", "replicates": 2, "held_out": 20, "solver": "lbfgs", "iterations": 5},
    ),
    "noise": ("generalisation", {"vary": "noise", "rule": "teacher", "replicates": 2, "points": 9, "width": 2, "iterations": 5}),
    "penalty": (
        "generalisation",
        {"vary": "penalty", "rule": "ten", "replicates": 2, "points": 9, "width": 2, "solver": "descent", "iterations": 5},
    ),
    "stopping": ("early-stopping", {"points": 12, "features": 5, "replicates": 1}),
    "stopping of a network": ("early-stopping", {"model": "network", "points": 9, "width": 2, "horizon": 12.0, "replicates": 2}),
    "features": ("double-descent", {"points": 14, "features": 40, "replicates": 3}),
    "widths": ("double-descent", {"model": "network", "points": 9, "widths": "1,2,3", "replicates": 2, "iterations": 20}),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_experiments_run_print_and_draw(name, tmp_path):
    which, settings = EXAMPLES[name]
    experiment = EXPERIMENTS[which](**settings)
    seen = []
    result = experiment.run(progress=lambda step, steps, cost=None: seen.append((step, steps)))
    assert len(str(result).splitlines()) > 2
    experiment.draw(result).savefig(tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 5000
    assert seen == [] or seen[-1][0] == seen[-1][1]


def test_a_command_prints_and_draws(tmp_path, capsys):
    out = tmp_path / "a.png"
    words = "run generalisation --vary penalty --values 0,0.1 --rule ten --points 9 --width 2 --replicates 2 --iterations 5"
    assert main([*words.split(), "--out", str(out)]) == 0
    assert "lowest mean held-out cost at penalty" in capsys.readouterr().out
    assert out.exists()
    assert main(["run", "generalisation", "--values", "a,b"]) == 2
    assert "values are whole numbers with commas" in capsys.readouterr().err


def test_values_stand_where_they_can_be_seen():
    from matplotlib.figure import Figure

    def curve(vary, *values):
        numbers = {name: np.arange(2.0 * len(values)).reshape(-1, 2) for name in ("cost", "held_out", "error", "held_out_error")}
        settings = (
            Setting(value, "-".join(map(str, value)) if isinstance(value, tuple) else f"{value:g}", 9, 9) for value in values
        )
        return GeneralisationCurve(vary, tuple(settings), numbers)

    x, logarithmic, names = places(curve("penalty", 0.0, 1e-3, 1.0))
    assert (x.tolist(), logarithmic, names) == ([1e-4, 1e-3, 1.0], True, ["0", "0.001", "1"])
    deep = curve("width", 2, (2, 3))
    assert places(deep)[2] == ["2", "2-3"]
    figure = Figure()
    ax = figure.subplots()
    draw_generalisation(ax, deep, "error")
    assert [label.get_text() for label in ax.get_xticklabels()] == ["2", "2-3"]


# -- depth and widths chosen by held-out error -----------------------------------------------------------------------------


def outcome(network, seed, held_out, size, status="finished", wrong=None):
    return Outcome({"network": network, "seed": seed}, "f", status, "", 1, 0.1, 0.1, held_out, wrong, size=size)


def test_the_lowest_mean_and_the_smallest_within_a_standard_error_are_marked():
    rows = [
        ("2", 9, (0.50, 0.52, 0.54)),
        ("4", 17, (0.31, 0.36, 0.41)),
        ("8-8", 99, (0.28, 0.34, 0.40)),
        ("64", 300, (0.35, 0.4, 0.45)),
    ]
    found = select([outcome(network, k, c, size, wrong=c / 2) for network, size, costs in rows for k, c in enumerate(costs)])
    assert [one.lowest for one in found] == [False, False, True, False]
    assert [one.simplest for one in found] == [False, True, False, False]
    assert found[1].held_out == mean_of([0.31, 0.36, 0.41])
    assert found[1].held_out.error == pytest.approx(0.05 / np.sqrt(3))
    assert found[1].behind.value == pytest.approx(0.02)
    assert found[1].behind.error == pytest.approx(0.01 / np.sqrt(3))  # paired: below that of either mean
    table = as_choice(found).splitlines()
    assert table[4].endswith("smallest within a standard error")
    assert table[5].endswith("lowest")
    assert "36 ± 2.9" not in table[4]
    assert "18 ± 1.4" in table[4]


def test_a_setting_with_failed_runs_is_not_chosen_and_nothing_comes_of_nothing():
    runs = [outcome("2", k, 0.5, 9) for k in range(3)] + [outcome("4", k, 0.1, 9) for k in range(2)]
    found = select([*runs, outcome("4", 2, None, 0, "failed")])
    assert [(one.runs, one.lowest, one.simplest) for one in found] == [(3, True, True), (2, False, False)]
    assert select([]) == []
    assert select([outcome("2", 0, None, 9)]) == []
    assert as_choice(found[:1]) == ""


def test_a_sweep_of_fits_chooses_and_notices_other_rows(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = RULES["moons"](40, np.random.default_rng(0))
    rows = [f"{a:.4f},{b:.4f},{'yes' if y[0] else 'no'}" for (a, b), y in zip(data.x, data.y, strict=True)]
    (tmp_path / "m.csv").write_text("\n".join(["a,b,label", *rows, ""]))
    words = ["sweep", "fit", "m.csv", "--target", "label", "--network", "1,4-4", "--seed", "0:3", "--epochs", "8", "--workers", "1"]
    assert main(words) == 0
    told = capsys.readouterr().out
    assert "means over the seeds" in told
    assert "lowest" in told
    assert "6 of 6 runs, 6 of them computed now, in sweeps" + os.sep + "fit-m;" in told
    with (tmp_path / "sweeps" / "fit-m" / "results.csv").open() as file:
        written = list(csv.DictReader(file))
    for row in written:
        run = nb.Run.load(row["file"])
        assert float(row["held_out"]) == run.series["held_out"].values.min()
        assert run.settings["fields"]["table"] == "m.csv"
    means = {n: np.mean([float(row["held_out"]) for row in written if row["network"] == n]) for n in ("1", "4-4")}
    lowest = min(means, key=means.__getitem__)
    assert any(line.split()[:1] == [lowest] and "lowest" in line for line in told.splitlines())
    assert main(words) == 0
    assert "0 of them computed now" in capsys.readouterr().out
    shutil.copy(tmp_path / "m.csv", tmp_path / "kept.csv")
    (tmp_path / "m.csv").write_text("\n".join(["a,b,label", *rows[1:], ""]))
    assert main(words) == 1
    assert "holds a run on other rows" in capsys.readouterr().err
