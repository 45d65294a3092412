"""Laws of convergence: known decays are found, intervals cover, golden ratios come out, comparisons count honestly."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import lfilter

import netbp as nb
from netbp.analysis.comparison import compare
from netbp.analysis.convergence import convergence
from netbp.analysis.counting import Counting
from netbp.analysis.decay import decay
from netbp.analysis.plateaus import plateaus
from netbp.analysis.profiles import performance_profile
from netbp.analysis.rates import rate_range_test, stability_limits
from netbp.analysis.ratios import ratios
from netbp.analysis.regression import correlation, line
from netbp.cli import main
from netbp.engines.reference import Reference
from netbp.experiments import ComparisonExperiment, ConvergenceExperiment, RatesExperiment
from netbp.figures import encoded, house_style, new_figure
from netbp.figures.analysis_convergence import decades, draw_convergence

T = np.arange(1.0, 20_001.0)


def noisy(values, phi, deviation, seed=0):
    """Values times exp of a first-order autoregression."""
    white = np.random.default_rng(seed).standard_normal(len(values) + int(10 / (1 - phi)))
    errors = lfilter([np.sqrt(1 - phi**2)], [1, -phi], white)[-len(values) :]
    return values * np.exp(deviation * errors)


@pytest.fixture(scope="module")
def listing():
    """Listing 6.1, every cost recorded."""
    problem = nb.Problem(nb.Network.dense(2, 2, 3, 2), nb.quadratic, nb.data.ten_points())
    return nb.train(problem, nb.StochasticGradient(rate=0.05), steps=1_000_000, rng=nb.MatlabRandom(5000), record=1)


@pytest.fixture(scope="module")
def paper():
    return nb.Problem(nb.Network.dense(2, 2, 3, 2), nb.quadratic, nb.data.ten_points())


def linear_problem(seed=0, points=30):
    """Least squares: one layer without activation; its Hessian is constant."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((points, 3)) * [1.0, 0.5, 0.3]
    y = x @ rng.standard_normal((3, 2)) + 0.3
    return nb.Problem(nb.Network.dense(3, 2, activation=nb.identity), nb.quadratic, nb.Data(x, y))


# -- which decay ---------------------------------------------------------------------------------------------------

DECAYS = {
    "linear": (np.exp(-1e-3 * T), "linear", 0.0),
    "t^-1": (1.0 / T, "algebraic", 1.0),
    "t^-2": (T**-2.0, "algebraic", 0.5),
    "shifted": ((T + 5000.0) ** -1.5, "algebraic", 2 / 3),
    "finite": ((21_000.0 - T) ** 2, "superlinear", -0.5),
}


@pytest.mark.parametrize("name", DECAYS)
@pytest.mark.parametrize("deviation", [0.0, 0.002])
@pytest.mark.parametrize("units", [1.0, 1e-30])
def test_a_known_decay_is_found(name, deviation, units):
    costs, kind, gamma = DECAYS[name]
    found = decay(T[10_000:], units * noisy(costs, 0.9, deviation)[10_000:])
    assert found.kind == kind
    if deviation:
        assert found.gamma.low < gamma < found.gamma.high
    else:  # the model averaged over a batch by four Gauss points: next to exact
        assert found.gamma.value == pytest.approx(gamma, abs=1e-5)
    if kind == "algebraic":
        assert found.exponent.value == pytest.approx(1 / gamma, rel=0.2 if deviation else 1e-4)
        if not deviation:
            assert found.origin == pytest.approx(-5000.0 if name == "shifted" else 0.0, abs=3.0)
            fitted = found.curve(T[10_000:])
            np.testing.assert_allclose(fitted, units * costs[10_000:], rtol=1e-5)
    if kind == "linear":
        assert found.rate.low <= 1e-3 * (1 + 1e-9)
        assert found.rate.high >= 1e-3 * (1 - 1e-9)


def test_nothing_is_claimed_where_nothing_is_to_see():
    flat = noisy(np.ones(4000), 0.9, 0.1)
    assert decay(np.arange(1, 4001), flat).kind == "stalled"
    assert decay(np.arange(1, 4001), np.exp(np.arange(4000) / 1000) * flat).kind == "growing"
    rough = noisy(np.exp(-np.arange(4000) / 4000), 0.9, 0.5, seed=4)
    assert decay(np.arange(1, 4001), rough).kind in ("undecided", "stalled")


def test_the_answer_does_not_depend_on_where_time_begins():
    costs = noisy(1.0 / T, 0.9, 0.01)[10_000:]
    here, later = (decay(T[10_000:] + shift, costs) for shift in (0.0, 1e6))
    assert here.gamma == pytest.approx(later.gamma, rel=1e-6)
    assert later.origin - here.origin == pytest.approx(1e6, rel=1e-6)


def test_one_sigmoid_neuron_decays_algebraically_and_least_squares_linearly():
    """One neuron with target 1: d(error)/dt = -error^3 near 0, so Cost ~ 1/t. Least squares: a factor (1 - eta lambda)^2 a step."""
    neuron = nb.Problem(nb.Network.dense(1, 1), nb.quadratic, nb.Data([[1.0]], [[1.0]]))
    run = nb.train(neuron, nb.SteepestDescent(rate=1.0), 20_000, start=[0.0, 0.0], record=1)
    found = convergence(run, tail=0.2)
    assert found.kind == "algebraic"
    assert found.decay.exponent.value == pytest.approx(1.0, abs=0.03)
    problem = linear_problem()
    H = np.linalg.eigvalsh(np.array([problem.hvp(np.zeros(8), e) for e in np.eye(8)]))
    rate = 1.0 / H[-1]
    steps = int(14.0 / (rate * H[0]))
    run = nb.train(problem, nb.SteepestDescent(rate=rate), steps, start=np.zeros(8), record=1)
    floor = problem.value(np.linalg.lstsq(problem.jacobian(np.zeros(8)), -problem.residual(np.zeros(8)), rcond=None)[0])
    found = convergence(run, tail=0.3, floor=floor)
    assert found.kind == "linear"
    assert found.decay.rate.value == pytest.approx(-2 * np.log(1 - rate * H[0]), rel=1e-4)


# -- intervals -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("phi", [0.0, 0.99, 0.999])
def test_intervals_cover_whatever_the_correlation(phi):
    """95 % intervals of the slope: 200 draws, of which 190 +- 3 sigma = 9 should cover. The textbook's cover far fewer."""
    n, covered, naive = 8000, 0, 0
    t = np.arange(n) / n
    for seed in range(200):
        y = np.log(noisy(np.ones(n), phi, 1.0, seed))
        found, residual = line(t.reshape(32, -1).mean(1), y.reshape(32, -1).mean(1))
        covered += found.low <= 0.0 <= found.high
        slope = np.polyfit(t, y, 1)[0]
        deviation = np.std(y) / np.sqrt(n * np.var(t))
        naive += abs(slope) <= 1.96 * deviation
    assert covered >= 178
    assert naive <= 60 or phi == 0.0


def test_gamma_is_covered_too():
    covered = 0
    for seed in range(100):
        found = decay(T[10_000:], noisy(T[10_000:] ** -1.5, 0.99, 0.02, seed))
        covered += found.gamma.low <= 2 / 3 <= found.gamma.high
    assert covered >= 88  # of 95 +- 3 sigma


def test_correlation_is_that_of_the_autoregression():
    errors = np.log(noisy(np.ones(20_000), 0.6, 1.0))
    assert correlation(errors) == pytest.approx(0.6, abs=0.02)
    assert correlation(np.zeros(10)) == 0.0


# -- the paper's run -----------------------------------------------------------------------------------------------


def test_the_golden_ratios_and_slopes_of_section_6(listing):
    found = convergence(listing)
    assert (found.first, found.last) == (500_000, 1_000_000)
    assert 100 * found.ratios.within == pytest.approx(61, abs=0.5)
    assert found.ratios.typical == pytest.approx(9.2e-8, abs=0.05e-8)
    assert found.ratios.net == pytest.approx(-1.98e-6, abs=0.005e-6)
    assert found.rate_between(500_000, 1_000_000) == pytest.approx(1.98e-6, abs=0.005e-6)
    for first, last, slope in [(200_000, 300_000, -2.4), (500_000, 600_000, -1.5), (900_000, 1_000_000, -1.35)]:
        assert found.slope_between(first, last) == pytest.approx(slope, abs=0.05)
    assert found.at(0) == pytest.approx(2.664408e-1, rel=1e-6)


def test_the_paper_run_decays_algebraically_and_not_at_a_linear_rate(listing):
    found = convergence(listing)
    assert found.kind == "algebraic"
    # Exponent and origin are the same in tails that begin at 3e5, 5e5 and 7e5: they are the run's and not the tail's.
    exponents = [convergence(listing, tail=first).decay for first in (300_000, 500_000, 700_000)]
    for one in exponents:
        assert one.exponent.value == pytest.approx(1.155, abs=0.015)
        assert one.exponent.high - one.exponent.low < 0.1
        assert 1.1e5 < one.origin < 1.4e5
    # A linear rate would be the same early and late in the tail.
    assert found.rate_between(500_000, 600_000) > 1.8 * found.rate_between(900_000, 1_000_000)
    assert "algebraic decay over steps 500,000 to 1,000,000" in str(found)


def test_the_paper_run_has_two_plateaus(listing):
    first, second = convergence(listing).plateaus
    assert first.start == 0
    assert 8_000 < first.end < 14_000
    assert 15_000 < second.start < 30_000
    assert 60_000 < second.end < 120_000
    assert 20 * first.level == pytest.approx(4.9, abs=0.1)
    assert 20 * second.level == pytest.approx(2.6, abs=0.2)


def test_a_run_of_any_kind_is_taken(paper):
    pandas = pytest.importorskip("pandas")
    run = nb.train(paper, nb.LevenbergMarquardt(function_tolerance=0.0, step_tolerance=1e-12), rng=3)
    found = convergence(run, tail=0.6)
    assert found.costs[0] == run.initial_cost
    assert isinstance(found.frame(), pandas.DataFrame)
    series = convergence(nb.Series(np.arange(1, 101), 0.9 ** np.arange(100)))
    plain = convergence(0.9 ** np.arange(100))
    assert series.decay.rate.value == pytest.approx(plain.decay.rate.value) == pytest.approx(-np.log(0.9))
    epochs = nb.train(paper, nb.StochasticGradient(rate=1.0, sampling="epochs"), steps=1000, rng=0)
    assert convergence(epochs).steps[0] == 10  # an epoch's mean is not set beside the cost at the start


# -- ratios and plateaus -------------------------------------------------------------------------------------------


def test_ratios_of_a_geometric_sequence():
    found = ratios(np.arange(11), 2.0 * 0.5 ** np.arange(11))
    assert found == pytest.approx((0, 10, 0.0, 0.5, 0.0, np.log(0.5), 0.0, 0.5, 1), abs=1e-15)
    sparse = ratios(np.arange(0, 101, 10), 0.999 ** np.arange(0, 101, 10))
    assert sparse.net == pytest.approx(np.log(0.999))
    assert sparse.every == 10
    assert ratios(np.arange(3), np.ones(3)).within == 1.0


@pytest.mark.parametrize("name", DECAYS)
def test_pure_decays_have_no_plateau(name):
    assert plateaus(T, DECAYS[name][0]) == ()


@pytest.mark.parametrize("deviation", [0.0, 0.02])
def test_a_made_plateau_is_found(deviation):
    logs = -np.interp(T, [1, 2000, 4000, 14_000, 20_000], [0.0, 0.1, 5.0, 5.1, 12.0])
    found = plateaus(T, noisy(np.exp(logs), 0.9, deviation))
    assert len(found) == 2
    # The local slopes reach over five cells of 2.5 % on both sides.
    assert found[0].end == pytest.approx(2000, rel=0.15)
    assert (found[1].start, found[1].end) == (pytest.approx(4000, rel=0.15), pytest.approx(14_000, rel=0.15))
    assert found[1].level == pytest.approx(np.exp(-5.05), rel=0.1)


# -- comparisons ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", [None, Reference()])
def test_work_is_counted_as_the_methods_use_it(engine):
    network = nb.Network.dense(2, 2, 3, 2)
    counting = Counting(nb.Problem(network, nb.quadratic, nb.data.ten_points(), engine=engine).engine)
    problem = nb.Problem(network, nb.quadratic, nb.data.ten_points(), engine=counting)
    bare, p, work = problem.on(counting.engine), network.draw(0), counting.work

    def spent(method, steps):
        before = (work.values, work.gradients, work.products, work.rows)
        session = method.session(problem, nb.State(p), np.random.default_rng(0), 0)
        chunk = session.advance(steps)
        session.close()
        after = (work.values, work.gradients, work.products, work.rows)
        return chunk, [b - a for a, b in zip(before, after, strict=True)]

    assert spent(nb.StochasticGradient(batch=3), 7)[1] == [0, 21, 0, 0]
    assert spent(nb.SteepestDescent(), 7)[1] == [0, 70, 0, 0]
    chunk, found = spent(nb.LevenbergMarquardt(), 5)
    assert found == [10 * chunk.facts["evaluations"], 0, 0, 20 * 6]
    chunk, found = spent(nb.LBFGS(iterations=5), 10)
    assert found[2:] == [0, 0]
    assert found[0] + found[1] >= 60  # a gradient for each iteration and the start, with its value or beside it
    assert found[1] >= 60
    assert spent(nb.TrustRegion(), 5)[1][2] > 0
    assert spent(nb.NelderMead(), 5)[1][1:] == [0, 0, 0]
    for name in ("value", "gradient", "residual", "jacobian"):
        assert np.array_equal(getattr(problem, name)(p), getattr(bare, name)(p))
    assert np.array_equal(problem.hvp(p, p), bare.hvp(p, p))
    assert work.total == pytest.approx(work.values / 3 + work.gradients + 2 * work.products + 2 * work.rows / 3, rel=1e-14)


def test_levenberg_marquardt_costs_the_same_in_pieces(paper):
    totals = []
    for pieces in ([12], [1] * 12):
        counting = Counting(paper.engine)
        session = nb.LevenbergMarquardt().session(paper.on(counting), nb.State(paper.network.draw(1)), None, 0)
        for piece in pieces:
            session.advance(piece)
        totals.append(counting.work.total)
    assert totals[0] == totals[1]


METHODS = {
    "steepest": nb.SteepestDescent(rate=5.0),
    "stochastic": nb.StochasticGradient(rate=0.5),
    "LM": nb.LevenbergMarquardt(),
    "trust": nb.TrustRegion(),
}


@pytest.fixture(scope="module")
def compared(paper):
    return compare(paper, METHODS, starts=3, levels=(1e-1, 1e-2), budget=3000, rng=1)


def test_a_comparison_is_what_training_gives(paper, compared):
    assert compared.names == tuple(METHODS)
    starts = [row[0].costs[0] for row in compared.traces]
    assert len(set(starts)) == 1  # the same starts for all
    for name, row in zip(compared.names, compared.traces, strict=True):
        for trace in row:
            assert (np.diff(trace.work) > 0).all()
            assert (np.diff(trace.seconds) > 0).all()
            assert trace.work[-1] <= 3000 * 1.02
            assert trace.costs[-1] <= 1e-2 or trace.ended or trace.work[-1] > 2900
            if name == "steepest":
                assert np.array_equal(trace.work, trace.steps)
            if name == "stochastic":
                assert trace.work == pytest.approx(trace.steps / 10)
    effort = compared.effort(1e-2)
    assert np.median(effort[2]) < np.median(effort[0])  # Levenberg-Marquardt against steepest descent
    assert (compared.effort(1e-1) <= effort).all()
    assert compared.effort(1e-2, "seconds").shape == (4, 3)


def test_a_comparison_repeats_itself_from_given_starts(paper):
    p = np.stack([paper.network.draw(seed) for seed in (1, 2)])
    one, two = (compare(paper, METHODS, p, levels=(1e-1,), budget=500, rng=5) for _ in range(2))
    assert np.array_equal(one.effort(1e-1), two.effort(1e-1))
    run = nb.train(paper, METHODS["steepest"], 20, start=p[1], record=0)
    at = {int(step): cost for step, cost in zip(one.traces[0][1].steps, one.traces[0][1].costs, strict=True)}
    assert at[20] == run.final_cost


def test_a_comparison_is_a_table_and_a_frame(compared):
    assert str(compared).count("\n") == 6
    pytest.importorskip("pandas")
    table = compared.frame()
    assert table.shape == (4 * 3 * 2, 5)


def test_performance_profiles_by_hand():
    profile = performance_profile(["a", "b"], [[1.0, 4.0, np.inf, np.inf], [2.0, 2.0, 3.0, np.inf]])
    assert [profile.share("a", tau) for tau in (1.0, 1.9, 2.0, 1e9)] == [0.25, 0.25, 0.5, 0.5]
    assert [profile.share("b", tau) for tau in (1.0, 2.0)] == [0.5, 0.75]
    tau, rho = profile.steps("a", 10.0)
    assert tau.tolist() == [1.0, 1.0, 2.0, 10.0]
    assert rho.tolist() == [0.25, 0.25, 0.5, 0.5]


# -- rates ---------------------------------------------------------------------------------------------------------


def test_on_least_squares_the_stability_limit_is_what_works():
    problem = linear_problem()
    found = stability_limits(problem, np.ones(8), steps=4000)
    H = np.array([problem.hvp(np.zeros(8), e) for e in np.eye(8)])
    assert found.highest == pytest.approx(np.linalg.eigvalsh(H)[-1])
    assert found.works.works == pytest.approx(found.limit, rel=2e-3)
    assert found.monotone.works == pytest.approx(found.limit, rel=2e-3)
    assert found.works.works < found.works.fails <= found.works.works * 1.0011
    assert "2/lambda_max" in str(found)


def test_the_rates_of_listing_6_1(paper, reference_run):
    end = stability_limits(paper, reference_run["trained"], steps=500)
    assert end.limit == pytest.approx(2 / 8.2095e-3, rel=1e-4)
    assert 0.5 * end.limit < end.works.works < 2 * end.limit
    start = stability_limits(paper, reference_run["p0"], steps=500)
    assert start.monotone.works <= start.works.works


def test_the_range_test_finds_where_least_squares_diverges():
    problem = linear_problem()
    top = np.linalg.eigvalsh(np.array([problem.hvp(np.zeros(8), e) for e in np.eye(8)]))[-1]
    found = rate_range_test(problem, nb.SteepestDescent(), 1e-3 / top, 1e3 / top, steps=500, start=np.ones(8), smoothing=0.5)
    assert found.largest is not None
    # The top mode grows only while eta > 2/lambda_max, first from next to nothing.
    assert 2.0 / top < found.largest < 20.0 / top
    assert found.steepest <= found.lowest < found.largest
    assert found.suggested <= found.lowest
    assert "too large from" in str(found)
    pytest.importorskip("pandas")
    assert len(found.frame()) == len(found.rates)


def test_the_range_test_takes_any_rule_and_batch(paper):
    found = rate_range_test(paper, nb.StochasticGradient(rule=nb.adam, batch=2), 1e-5, 1.0, steps=2000, rng=1)
    assert 1e-5 < found.suggested < 1.0
    assert np.isfinite(found.costs).all()


# -- figures and commands ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "experiment",
    [
        ConvergenceExperiment(steps=30_000),
        ComparisonExperiment(starts=2, budget=50.0),
        ComparisonExperiment("spirals", starts=1, budget=2.0, by="seconds"),
        RatesExperiment(steps=1000, test_steps=200),
        RatesExperiment("stochastic", steps=1000, test_steps=200),
    ],
    ids=["convergence", "compare", "spirals", "rates", "stochastic"],
)
def test_an_experiment_has_numbers_first_and_a_figure_second(experiment):
    result = experiment.run()
    assert len(str(result).splitlines()) > 3
    assert encoded(experiment.draw(result), "png").startswith(b"\x89PNG")


def test_figures_show_the_numbers(listing):
    with house_style():
        _, axes = new_figure(1, 3)
        draw_convergence(axes, convergence(listing))
    words = [text.get_text() for ax in axes for text in ax.get_legend().get_texts()]
    assert "fit, $(t - 134{,}187)^{-1.15}$" in words
    fitted = next(line for line in axes[1].get_lines() if "fit" in str(line.get_label()))
    np.testing.assert_allclose(fitted.get_ydata()[-1], listing.costs[-1], rtol=5e-3)


@pytest.mark.parametrize(("low", "high", "labels"), [(1, 1e6, 7), (1e-10, 1e5, 6), (2.0, 30.0, 4), (0.012, 0.08, 2)])
def test_decades_are_few_and_plain(low, high, labels):
    with house_style():
        _, ax = new_figure()
        ax.loglog([low, high], [low, high])
        decades(ax.yaxis, low, high)
    ticks = [tick for tick in ax.get_yticks() if low <= tick <= high]
    assert 2 <= len(ticks) <= 7
    assert all("$" not in label.get_text() for label in ax.get_yticklabels())
    assert len(ticks) == labels


def test_a_command_prints_the_numbers_and_writes_the_picture(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["run", "convergence", "--steps", "3e4", "--out", "decay.png"]) == 0
    printed = capsys.readouterr().out
    assert "decay over steps 15,000 to 30,000" in printed
    assert "wrote decay.png" in printed
    assert (tmp_path / "decay.png").exists()


# -- bad input -----------------------------------------------------------------------------------------------------


def test_bad_input_is_one_clear_line(paper, listing):
    with pytest.raises(ValueError, match="no recorded costs: train with record=1"):
        convergence(nb.train(paper, nb.StochasticGradient(), 10, rng=0))
    with pytest.raises(ValueError, match="at least 8 recorded costs"):
        convergence(np.array([3.0, 2.0, 1.0]))
    with pytest.raises(ValueError, match="one network"):
        convergence(np.ones((10, 2)))
    with pytest.raises(ValueError, match="choose a lower floor"):
        convergence(listing, floor=1e-3)
    with pytest.raises(ValueError, match="tail must be"):
        convergence(listing, tail=1.5)
    with pytest.raises(ValueError, match="the last recorded step is 1,000,000"):
        convergence(listing, tail=2_000_000)
    with pytest.raises(ValueError, match="confidence"):
        convergence(listing, confidence=95)
    with pytest.raises(ValueError, match="different names"):
        compare(paper, [nb.LBFGS(), nb.LBFGS()])
    with pytest.raises(ValueError, match="must be above 0"):
        compare(paper, [nb.LBFGS()], levels=(0.0,))
    with pytest.raises(ValueError, match="starts must be"):
        compare(paper, [nb.LBFGS()], starts=0)
    with pytest.raises(ValueError, match="efforts must be above 0"):
        performance_profile(["a"], [[0.0]])
    with pytest.raises(ValueError, match="lowest < highest"):
        rate_range_test(paper, lowest=2.0, highest=1.0)
    linear = linear_problem()
    fitted = nb.Problem(linear.network, nb.quadratic, nb.Data(linear.data.x, linear.output(np.ones(8), linear.data.x)))
    with pytest.raises(ValueError, match="stationary"):
        stability_limits(fitted, np.ones(8))


def test_two_spirals_are_two_and_wind():
    data = nb.data.two_spirals(80, turns=2.0)
    assert data.x.shape == data.y.shape == (80, 2)
    assert np.array_equal(data.x[:40], -data.x[40:])
    angle = np.unwrap(np.arctan2(data.x[:40, 1], data.x[:40, 0]))
    assert angle[-1] - angle[0] == pytest.approx(4 * np.pi * 39 / 40)
    assert np.abs(nb.data.two_spirals(noise=0.1, rng=1).x - nb.data.two_spirals().x).max() > 0.01
    with pytest.raises(ValueError, match="even number"):
        nb.data.two_spirals(7)
