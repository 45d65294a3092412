"""Laws of precision: the same equations in any number of bits, bounds that hold, and certificates that say what happened."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import mpmath
import numpy as np
import pytest

import netbp as nb
from netbp.analysis import precision as certificate
from netbp.analysis.precision_condition import by_signs, gradient_moves, output_moves
from netbp.analysis.precision_numbers import DOUBLE, SINGLE, distance, extended, multiple, precision_of
from netbp.analysis.precision_running import Bounded, product
from netbp.analysis.precision_steps import KEPT, looks
from netbp.engines.compiled import Compiled
from netbp.engines.reference import Reference
from netbp.experiments import EXPERIMENTS
from netbp.figures import house_style, new_figure
from netbp.figures.analysis_precision import draw_error_bounds, draw_partings
from netbp.types import State

EXACT = nb.InPrecision(300)
WIDE = extended().hardware is not None
SMOOTH = [nb.sigmoid, nb.tanh, nb.identity]
ACTIVATIONS = [*SMOOTH, nb.relu, nb.leaky_relu, nb.step]
CHAIN = nb.Network.chain(
    (1, 5, 4), nb.Conv(2, 3, pad=1), nb.tanh, nb.Pool(2, 1, kind="average"), nb.Pool(2), nb.Dense(2, nb.sigmoid)
)


def made(network: nb.Network, cost: nb.Cost = nb.quadratic, points: int = 5, scale: float = 0.5, seed: int = 1, **more):
    """A problem with random points, and a place."""
    rng = np.random.default_rng(seed)
    x, n = rng.standard_normal((points, network.sizes[0])), network.sizes[-1]
    data = nb.Data(x, np.eye(n)[rng.integers(n, size=points)], more.pop("weight", None))
    return nb.Problem(network, cost, data, engine=Reference(), **more), network.draw(rng, scale)


PROBLEMS = {
    "paper": lambda: made(nb.Network.dense(2, 2, 3, 2)),
    "tanh": lambda: made(nb.Network.dense(3, 4, 2, activation=nb.tanh), nb.softmax_log_loss, penalty=0.1),
    "relu": lambda: made(nb.Network.dense(3, 6, 2, activation=[nb.relu, nb.identity]), weight=np.arange(1.0, 6.0)),
    "leaky": lambda: made(nb.Network.dense(2, 3, 3, activation=[nb.leaky_relu, nb.sigmoid]), nb.softmax_log_loss),
    "convolution": lambda: made(CHAIN, points=3),
}


@pytest.fixture(params=PROBLEMS)
def case(request):
    return PROBLEMS[request.param]()


# -- the equations in any precision ------------------------------------------------------------------------------------


def steps(problem: nb.Problem, p: np.ndarray, rule=nb.momentum, count: int = 15) -> np.ndarray:
    method = nb.StochasticGradient(rule=rule, rate=0.05, batch=2, weight_decay=0.01)
    start = p if not hasattr(problem.bound, "cast") else problem.bound.cast(p)
    return method.session(problem, State(start), np.random.default_rng(3), 0).advance(count).state.p


def test_in_double_precision_the_reference_engine_gives_its_own_bits(case):
    problem, p = case
    double, x = problem.on(nb.InPrecision("double")), problem.data.x
    assert double.value(p) == problem.value(p)
    assert np.array_equal(double.gradient(p), problem.gradient(p))
    assert np.array_equal(double.output(p, x), problem.output(p, x))
    assert np.array_equal(steps(double, p), steps(problem, p))


@pytest.mark.parametrize("precision", ["single", "double", "long double", 40, 100], ids=str)
def test_an_answer_is_as_good_as_the_precision(case, precision):
    problem, p = case
    engine, exact = nb.InPrecision(precision), problem.on(EXACT)
    u = engine.arithmetic.unit
    g, true, moves = problem.on(engine).gradient(p), exact.gradient(p), gradient_moves(problem, p)
    # A few roundings at each of some ten operations in a row; the data and sums count beside p, so 64 of what p's rounding does.
    floor = 64 * u * np.abs(true).astype(float).max()
    assert (distance(g, true) <= 64 * u * moves + floor).all()
    a, outputs = problem.on(engine).bound.forward(p, problem.data.x), exact.bound.forward(p, problem.data.x)
    assert (distance(a, outputs) <= 64 * u * (output_moves(problem, p) + 1.0)).all()
    assert distance(g, true).max() > 0.0  # and it is another arithmetic, not the same one under two names


@pytest.mark.parametrize("precision", ["single", "double", "long double", 80], ids=str)
def test_nothing_on_the_way_is_in_another_type(case, precision):
    problem, p = case
    bound = problem.on(nb.InPrecision(precision)).bound
    passes = bound.passes(bound.cast(p), bound.objective.x, bound.objective.y)
    for array in (*passes.a, *passes.z, *passes.delta, bound.gradient(p), steps(problem.on(nb.InPrecision(precision)), p, count=2)):
        assert array.dtype == bound.precision.dtype


def test_many_bits_give_what_mpmath_gives_by_hand():
    network = nb.Network.dense(1, 1)
    problem = nb.Problem(network, nb.quadratic, nb.Data([[0.7]], [[0.2]]), engine=nb.InPrecision(200))
    with mpmath.workprec(200):
        w, b, x, y = (mpmath.mpf(v) for v in (1.3, -0.4, 0.7, 0.2))
        a = 1 / (1 + mpmath.exp(-(w * x + b)))
        delta = (a - y) * a * (1 - a)
        for found, true in zip(problem.gradient([1.3, -0.4]), (delta * x, delta), strict=True):
            assert abs(found.m - true) <= 2.0**-190 * abs(true)


@pytest.mark.parametrize("rule", [nb.sgd, nb.nesterov, nb.adagrad, nb.adam], ids=lambda r: r.__name__)
def test_every_rule_steps_in_every_precision(rule):
    problem, p = PROBLEMS["paper"]()
    exact = steps(problem.on(EXACT), p, rule)
    for engine in (nb.InPrecision("single"), nb.InPrecision("double"), nb.InPrecision("long double")):
        # Adam and AdaGrad divide a gradient by its own size: its relative error, some hundred u, comes through.
        assert distance(steps(problem.on(engine), p, rule), exact).max() <= 2000 * engine.arithmetic.unit


def test_a_long_double_becomes_a_wide_number_without_rounding():
    third = np.longdouble(1) / 3
    wide = multiple(120).cast(third)[()]
    assert wide * np.float64(3.0) != 1.0
    assert float(wide - float(third)) == float(third - np.longdouble(float(third)))
    assert float(multiple(20).cast(1.0 / 3.0)[()] - 1.0 / 3.0) != 0.0


def test_ulps_are_the_distances_of_neighbours():
    values = np.array([1.0, -1.0, 3.7, 1e-300, 1e300, 0.0, 5e-324])
    assert np.array_equal(DOUBLE.ulp(values), np.spacing(np.abs(values)))
    assert np.array_equal(
        SINGLE.ulp(np.array([1.0, 2.5e7, 0.0])), np.spacing(np.array([1.0, 2.5e7, 0.0], np.float32)).astype(float)
    )


def test_where_long_double_is_no_wider_than_double_mpmath_takes_its_place(monkeypatch):
    assert (extended(np.float64).bits, extended(np.float64).hardware) == (113, None)
    monkeypatch.setattr(certificate, "extended", partial(extended, np.float64))
    problem, p = PROBLEMS["paper"]()
    found = nb.agreement(problem, p, steps=5, slow_steps=3, engines=[Reference()])
    assert found.widest == "mpmath, 113 bits"
    assert "mpmath, 113 bits" in str(found)
    assert 0.0 < found.engines[0].gradient.multiple < 20


@pytest.mark.parametrize("asked", ["half", 1, None, 2.5])
def test_precisions_that_do_not_exist_are_refused(asked):
    with pytest.raises(ValueError, match="precision"):
        precision_of(asked)


def test_what_is_not_there_in_other_precisions_says_so():
    problem, p = PROBLEMS["paper"]()
    for ask in (problem.on(nb.InPrecision()).jacobian, lambda p: problem.on(nb.InPrecision()).hvp(p, p)):
        with pytest.raises(NotImplementedError, match="reference engine"):
            ask(p)


# -- condition ---------------------------------------------------------------------------------------------------------


def test_condition_is_the_sum_over_the_parameters(case):
    problem, p = case
    H = np.array([problem.hvp(p, unit) for unit in np.eye(problem.size)]).T
    assert np.allclose(gradient_moves(problem, p), np.abs(H) @ np.abs(p), rtol=1e-12, atol=1e-300)
    estimate = by_signs(problem.gradient, p)
    assert (estimate <= 8.01 * gradient_moves(problem, p) + 1e-5).all()  # each draw moves at most that far
    assert estimate.sum() > 0.5 * gradient_moves(problem, p).sum()
    outputs = by_signs(lambda q: problem.output(q, problem.data.x), p)
    assert (outputs <= 8.01 * output_moves(problem, p) + 1e-5).all()


# -- running error bounds ----------------------------------------------------------------------------------------------

EXPRESSIONS = {
    "sum": lambda x, y: x + y,
    "cancellation": lambda x, y: (1.0 + x) - 1.0,
    "product": lambda x, y: x * y * x,
    "quotient": lambda x, y: x / (3.0 + y * y) / 7.0,
    "exp": lambda x, y: np.exp(x * y),
    "log": lambda x, y: np.log(1.5 + x * x),
    "tanh": lambda x, y: np.tanh(x / 3.0 + y),
    "sigmoid": lambda x, y: nb.sigmoid.value(9.0 * x - y / 3.0),
    "slope": lambda x, y: nb.sigmoid.slope(x, nb.sigmoid.value(5.0 * x + 0.1)),
    "larger": lambda x, y: np.maximum(x / 3.0, y) * (x > y / 3.0),
    "square": lambda x, y: (x / 3.0) ** 2 - np.square(y) + abs(x),
    "powers of two": lambda x, y: 2.0 * (x - 0.5 * y),
}


@pytest.mark.parametrize("expression", EXPRESSIONS)
@pytest.mark.parametrize("scale", [1e-9, 1.0, 30.0])
def test_no_expression_is_further_off_than_its_bound(expression, scale):
    x, y = scale * np.random.default_rng(5).standard_normal((2, 300))
    f, cast = EXPRESSIONS[expression], multiple(3000 if scale > 1.0 else 400).cast
    found = f(Bounded(x), Bounded(y))
    error = distance(found.value, f(cast(x), cast(y)))
    with np.errstate(over="ignore"):
        plain = f(x, y)
    assert np.array_equal(found.value, plain)  # the bound goes beside the computation and changes none of it
    assert (error <= found.error).all()
    assert error.max() > 0.0 or expression == "larger"


def test_a_bound_is_of_the_size_of_the_error_of_long_sums():
    x, y = np.random.default_rng(6).standard_normal((2, 1, 400))
    found = product(Bounded(x), Bounded(y.T))
    terms = (x * y)[0]
    # Algorithm 3.2: u (|s_1| + |s_2| + ... + the products); never more than n u times the sum of the sizes.
    assert found.error[0, 0] <= 1.01 * 400 * 2.0**-53 * np.abs(terms).sum()
    assert found.error[0, 0] >= 2.0**-53 * np.abs(np.cumsum(terms)).sum()
    exact = (multiple(300).cast(x) @ multiple(300).cast(y.T))[0, 0]
    assert abs(float(exact - found.value[0, 0])) <= found.error[0, 0]


@pytest.mark.parametrize("f", [np.exp, np.log, np.tanh], ids=lambda f: f.__name__)
def test_elementary_functions_are_as_good_as_the_bounds_assume(f):
    rng = np.random.default_rng(7)
    z = np.concatenate([rng.uniform(-40, 40, 1500), rng.standard_normal(1000), rng.uniform(-1e-3, 1e-3, 500)])
    z = np.abs(z) if f is np.log else z
    true = f(multiple(120).cast(z))
    assert (distance(f(z), true) <= 4.0 * 2.0**-53 * np.abs(true).astype(float)).all()


@pytest.mark.parametrize("cost", [nb.quadratic, nb.softmax_log_loss], ids=repr)
@pytest.mark.parametrize("activation", ACTIVATIONS, ids=repr)
@pytest.mark.parametrize("sizes", [(2, 2, 3, 2), (3, 7, 2)], ids=str)
def test_every_number_of_both_passes_is_within_its_bound(sizes, activation, cost):
    for scale in (0.5, 5.0):  # the larger one saturates
        problem, p = made(nb.Network.dense(*sizes, activation=activation), cost, 3, scale)
        found = nb.error_bound(problem.network, p, problem.data.x, problem.data.y, cost)
        confirmed = found.confirmed()
        assert confirmed.holds, str(confirmed)
        assert {e.what for e in confirmed.entries} == {"z", "a", "delta", "dC/dW", "dC/db", "C"}
        # The engine adds in another order: its error has the same kind of bound, so both together a few times this one.
        assert (np.abs(problem.gradient(p) - found.gradient.value) <= 4.0 * found.gradient.error).all()
        assert abs(problem.value(p) - float(found.cost.value)) <= 4.0 * float(found.cost.error)


@pytest.mark.parametrize("activation", SMOOTH, ids=repr)
def test_bounds_are_not_absurd(activation):
    problem, p = made(nb.Network.dense(2, 2, 3, 2, activation=activation), points=10)
    entries = nb.error_bound(problem.network, p, *problem.data[:2]).confirmed().entries
    assert max(e.ratio for e in entries if e.what in ("z", "a")) < 30  # measured: 1.5 to 8
    assert max(e.ratio for e in entries) < 3000  # sums over the points of errors of either sign: measured: up to 300


def test_bounds_hold_where_exp_overflows_and_where_it_underflows():
    network = nb.Network.dense(1, 1, 1)
    for weight in (-1000.0, 1000.0, -740.0, 740.0):
        found = nb.error_bound(network, [weight, 1.0, 0.0, 0.0], [1.0], [0.0])
        assert np.isfinite(found.gradient.error).all()
        assert found.confirmed(4000).holds


def test_a_slope_on_the_wrong_side_of_a_kink_is_allowed_for():
    network = nb.Network.dense(3, 1, activation=nb.relu)
    p, x, y = [1.0, 1.0, 1.0, 0.0], [1.0, 1e-20, -1.0], [-1.0]  # z is 1e-20, but computed it is 0, where the slope is 0
    found = nb.error_bound(network, p, x, y)
    assert (float(found.z[0].value[0, 0]), float(found.delta[0].value[0, 0])) == (0.0, 0.0)
    assert found.confirmed().holds
    assert [e.error for e in found.confirmed().entries if e.what == "delta"] == [1.0]


def test_a_bound_knows_when_it_knows_nothing():
    found = Bounded([1.0, 1e-20]) / (Bounded([1.0, 1.0]) / 3.0 - 1.0 / 3.0 + [0.0, 1.0])
    assert np.isinf(found.error[0])
    assert np.isfinite(found.error[1])
    assert np.isinf(np.log(Bounded([0.1], [0.2])).error[0])
    assert np.isinf((Bounded([1e300]) * 1e300).error[0])


def test_error_bounds_refuse_what_they_do_not_know():
    sine = replace(nb.identity, name="sine", value=np.sin)
    with pytest.raises(TypeError, match="sin"):
        nb.error_bound(nb.Network.dense(1, 1, activation=sine), [1.0, 0.0], [1.0], [0.0])
    with pytest.raises(TypeError, match="squares"):
        Bounded([2.0]) ** 3
    with pytest.raises(ValueError, match="dense layers"):
        nb.error_bound(CHAIN, np.zeros(CHAIN.size), np.zeros(20), np.zeros(2))
    with pytest.raises(ValueError, match="not finite"):
        nb.error_bound(nb.Network.dense(1, 1), [np.nan, 0.0], [1.0], [0.0])


# -- agreement ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["paper", "relu", "convolution"])  # each dense one compiles kernels of its own
def test_every_engine_agrees_within_its_precision(name):
    problem, p = PROBLEMS[name]()
    found = nb.agreement(problem, p, steps=30, slow_steps=12)
    compiled = ["compiled, double"] if problem.network.is_dense else []
    names = ["reference, double", *compiled, "tensor, double", "tensor, single", "reference, single"]
    assert [e.name for e in found.engines] == names
    for entry in found.engines:
        # Rounding p and the result make 1; what a stable algorithm adds is a modest multiple of that.
        assert 0.0 < entry.output.multiple < 64
        assert 0.0 < entry.gradient.multiple < 256
    assert [(d.precision, d.layer) for d in found.layers] == [
        (name, l) for name in ("single", "double") for l in range(2, len(problem.network.layers) + 2)
    ]
    for d in found.layers:
        assert (d.weights is None) == (problem.network.layers[d.layer - 2].size == 0)
    assert all(name in str(found) for name in names)


def test_a_wrong_engine_is_found_and_the_place_named():
    problem, p = PROBLEMS["paper"]()

    class Off(Reference):
        name = "off"

        def bind(self, objective):
            bound = super().bind(objective)
            right = bound.gradient
            bound.gradient = lambda p: right(p) + np.where(np.arange(len(p)) == 7, 1e-9, 0.0)
            return bound

    (entry,) = nb.agreement(problem, p, steps=2, slow_steps=2, engines=[Off()]).engines
    assert entry.gradient.multiple > 1e4
    assert entry.gradient.where == "W[3]_1,2"  # p[7]: the fourth of W[3](:), column by column: row 1 of column 2
    assert entry.output.multiple < 64


@pytest.mark.skipif(not WIDE, reason="long double is no wider than double here")
@pytest.mark.parametrize("engine", [Reference(), Compiled(), nb.InPrecision("single")], ids=lambda e: e.name)
def test_the_step_at_which_two_part_is_the_first(engine):
    problem, p = PROBLEMS["paper"]()
    found = nb.agreement(problem, p, steps=2, slow_steps=40, beyond=2.0, rng=4, engines=[engine]).partings[0]
    method, ends = nb.StochasticGradient(rate=0.05), []
    for one in (engine, nb.InPrecision("long double")):
        bound = problem.on(one)
        session = method.session(bound, State(p.astype(one.dtype)), np.random.default_rng(4), 0)
        ends.append([session.advance(1).state.p for _ in range(40)])
    dtype = np.float32 if isinstance(engine, nb.InPrecision) else float
    bit = next((k for k, (a, b) in enumerate(zip(*ends, strict=True), 1) if (a != b.astype(dtype)).any()), None)
    off = [np.max(np.abs(a - b) / np.spacing(np.abs(b.astype(dtype)))) for a, b in zip(*ends, strict=True)]
    assert (found.bit, found.complete) == (bit, True)
    firsts = []
    for beyond in (0.99 * np.unique(np.maximum.accumulate(off))[:6]).tolist():  # each just below a new record
        again = nb.agreement(problem, p, steps=2, slow_steps=40, beyond=beyond, rng=4, engines=[engine]).partings[0]
        firsts.append(next((k for k, ulps in enumerate(off, 1) if ulps > beyond), None))
        assert again.far == firsts[-1]
    assert len(set(firsts)) == len(firsts) > 1
    assert found.steps.tolist() == list(range(1, 41))


def test_the_same_engine_never_parts_from_itself():
    problem, p = PROBLEMS["paper"]()
    same = nb.agreement(problem, p, steps=3, slow_steps=9, engines=[Reference(), nb.InPrecision("double")]).partings[-1]
    assert same.names == ("reference, double", "reference, double")
    assert (same.bit, same.far, same.ulps) == (None, None, 0.0)


@pytest.mark.parametrize(("count", "size"), [(1, 1), (50, 23), (10**6, 23), (10**6, 145_578), (30, 10**9)])
def test_looks_are_in_order_from_the_first_step_to_the_last(count, size):
    at = looks(count, size)
    assert (np.diff(at) > 0).all()
    assert (at[0], at[-1]) == (1, count)
    assert len(at) * size <= max(KEPT, 30 * size)


def test_agreement_refuses_in_one_line():
    problem, p = PROBLEMS["paper"]()
    with pytest.raises(ValueError, match="shape"):
        nb.agreement(problem, p[:3])
    with pytest.raises(ValueError, match="at least one step"):
        nb.agreement(problem, p, slow_steps=0)
    with pytest.raises(ValueError, match="one network"):
        nb.agreement(problem, [p, p])
    large = nb.Network.dense(2000, 2000, 2)
    with pytest.raises(ValueError, match="sample of the points"):
        nb.agreement(nb.Problem(large, nb.quadratic, nb.Data(np.zeros((100, 2000)), np.zeros((100, 2)))), np.zeros(large.size))


# -- Listing 6.1: the golden evidence ----------------------------------------------------------------------------------


def listing(engine, moved: float = 0.0, count: int = 1000) -> float:
    problem = nb.Problem(nb.Network.dense(2, 2, 3, 2), nb.quadratic, nb.data.ten_points(), engine=engine)
    stream = nb.MatlabRandom(5000)
    p = problem.network.draw(stream) * (1.0 + moved * np.random.default_rng(0).choice([-1.0, 1.0], 23))
    start = problem.bound.cast(p) if hasattr(problem.bound, "cast") else p
    end = nb.StochasticGradient(rate=0.05).session(problem, State(start), stream, 0).advance(count).state.p
    return 20.0 * problem.value(end)


def test_thirteen_digits_of_the_last_cost_are_firm():
    here = listing(Compiled(), count=1_000_000)
    assert here == pytest.approx(0.000730353650528239, rel=1e-13)
    assert abs(listing(Compiled(), 1e-14, 1_000_000) - here) < 2e-14 * here
    # The long double run, a million steps by hand (docs/precision.md), ended at 7.303536505284067e-4.
    assert abs(here - 7.303536505284067e-4) < 1e-12 * here


def test_a_thousand_steps_in_three_precisions():
    golden = 4.98551007566451
    assert listing(nb.InPrecision("long double")) == pytest.approx(golden, rel=2e-14)
    assert listing(nb.InPrecision("double")) == pytest.approx(golden, rel=2e-14)
    assert 1e-9 < abs(listing(nb.InPrecision("single")) / golden - 1.0) < 1e-5


# -- figure and experiment ---------------------------------------------------------------------------------------------


def test_the_experiment_compares_draws_and_prints():
    experiment = EXPERIMENTS["precision"](steps=60, slow=25)
    found = experiment.run()
    assert [len(ax.lines) for ax in experiment.draw(found).axes] == [7, 1]
    assert "dC/dW" in str(found)
    assert "tensor, single" in str(found)
    with pytest.raises(ValueError, match="at least one step"):
        EXPERIMENTS["precision"](slow=0)


def test_figures_show_what_was_found():
    problem, p = PROBLEMS["paper"]()
    found = nb.agreement(problem, p, steps=3, slow_steps=9, engines=[Reference(), nb.InPrecision("double")])
    bounds = nb.error_bound(problem.network, p, *problem.data[:2]).confirmed()
    with house_style():
        _, (left, right) = new_figure(1, 2)
        draw_partings(left, found.partings)
        draw_error_bounds(right, bounds)
    assert left.get_yscale() == right.get_yscale() == "log"
    assert [line.get_label() for line in left.lines][-1] == "reference, double / reference, double"
    assert np.allclose(right.lines[0].get_ydata(), [e.bound for e in bounds.entries if e.bound > 0])
    with pytest.raises(ValueError, match="no partings"):
        draw_partings(left, [])
