"""Methods: what each promises, over a product of methods and problems whose minimum is known."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import netbp as nb
from netbp.engines.compiled import Compiled
from netbp.engines.reference import Reference
from netbp.methods import Chunk, recorded
from netbp.methods.sampling import Epochs
from netbp.methods.streams import permutations, restored, state_of, stream_from, streams_from

EPS = np.finfo(float).eps
GENERATORS: list[Callable[[int], Any]] = [
    nb.MatlabRandom,
    np.random.default_rng,
    *(lambda seed, kind=kind: np.random.Generator(kind(seed)) for kind in (np.random.MT19937, np.random.Philox, np.random.SFC64)),
    lambda seed: np.random.Generator(np.random.PCG64DXSM(seed)),
]


def halving(t: int) -> float:
    return 0.5 / t


def growing(t: int) -> int:
    return 1 + t // 10


METHODS = {
    "replacement": nb.StochasticGradient(rate=0.5),
    "mini-batches": nb.StochasticGradient(rule=nb.adam, rate=0.01, batch=12),
    "functions": nb.StochasticGradient(rate=halving, batch=growing),
    "arrays": nb.StochasticGradient(rate=np.linspace(0.5, 0.1, 40), batch=[1, 2, 3, 4] * 10),
    "epochs": nb.StochasticGradient(rate=0.5, sampling="epochs"),
    "epochs, a short last batch": nb.StochasticGradient(rule=nb.momentum, rate=0.1, batch=3, sampling="epochs"),
    "epochs, changing batches": nb.StochasticGradient(rate=0.1, batch=growing, sampling="epochs"),
    "decay": nb.StochasticGradient(rate=0.1, weight_decay=(0.1, 0.0), multipliers=([1.0, 2.0, 3.0], 0.5)),
    "descent": nb.SteepestDescent(rate=2.0),
    "components": nb.LevenbergMarquardt(),
    "norms": nb.LevenbergMarquardt(residual="norms", damping=0.1),
    "l-bfgs": nb.LBFGS(),
    "newton-cg": nb.NewtonCG(),
    "trust-region": nb.TrustRegion(),
    "trust-region, exact": nb.TrustRegion(subproblem="exact"),
    "nelder-mead": nb.NelderMead(),
}
STEPS = 40

same = np.testing.assert_array_equal


# -- the two laws --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("record", [None, 0, 1, 7])
@pytest.mark.parametrize("name", METHODS)
def test_neither_p_nor_costs_depend_on_how_often_snapshots_are_taken(problem: nb.Problem, name: str, record: int | None) -> None:
    whole = nb.train(problem, METHODS[name], STEPS, rng=3, record=record)
    for every in (1, 7, None):
        snapshots = list(nb.stream(problem, METHODS[name], STEPS, every=every, rng=3, record=record))
        same(snapshots[-1].p, whole.p)
        costs = [s.series["cost"].values for s in snapshots if "cost" in s.series]
        same(np.concatenate([[], *costs]), whole.costs)
        steps = [s.series["cost"].steps for s in snapshots if "cost" in s.series]
        assert snapshots[-1].step == whole.step
        if record:
            same(np.concatenate([[], *steps]), np.arange(record, whole.step + 1, record))


@pytest.mark.parametrize("name", METHODS)
def test_a_session_on_any_state_goes_on_as_the_one_that_made_it(problem: nb.Problem, name: str) -> None:
    states = [s.state for s in nb.stream(problem, METHODS[name], STEPS, every=1, rng=3)]
    expected = states[-1]
    for state in states[:-1:5]:
        last = list(nb.stream(problem, METHODS[name], STEPS, every=9, resume=state))[-1].state
        same(last.p, expected.p)
        assert last.step == expected.step
        assert last.stream == expected.stream
        assert last.memory.keys() == expected.memory.keys()
        for key, array in expected.memory.items():
            same(last.memory[key], array)


@pytest.mark.parametrize("name", ["replacement", "mini-batches", "epochs, a short last batch", "descent", "components"])
def test_the_laws_hold_on_the_compiled_engine(problem: nb.Problem, name: str) -> None:
    compiled = problem.on(Compiled())
    whole = nb.train(compiled, METHODS[name], STEPS, rng=3)
    for every in (1, 7):
        parts = list(nb.stream(compiled, METHODS[name], STEPS, every=every, rng=3))
        same(parts[-1].p, whole.p)
        same(np.concatenate([[], *(s.series["cost"].values for s in parts if "cost" in s.series)]), whole.costs)
        same(nb.train(compiled, METHODS[name], STEPS, resume=None, rng=3).p, whole.p)


# -- where the methods arrive --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def line() -> tuple[nb.Problem, np.ndarray]:
    """Linear least squares: a network without a bend, and its minimum from numpy.linalg.lstsq."""
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=(30, 3)), rng.normal(size=(30, 2))
    solution = np.linalg.lstsq(np.column_stack([x, np.ones(30)]), y, rcond=None)[0]
    problem = nb.Problem(nb.Network.dense(3, 2, activation=nb.identity), nb.quadratic, nb.Data(x, y), engine=Reference())
    return problem, np.concatenate([solution[:3].ravel(), solution[3]])  # W(:) column by column is the transpose, row by row


CONVERGENT = [
    (nb.SteepestDescent(rate=0.5), 2000),
    (nb.SteepestDescent(rate=0.3, rule=nb.nesterov, constants={"mu": 0.5}), 2000),
    (nb.StochasticGradient(rate=0.5, batch=30, sampling="epochs"), 2000),
    (nb.StochasticGradient(rule=nb.momentum, rate=0.1, batch=30, sampling="epochs"), 3000),
    (nb.LevenbergMarquardt(function_tolerance=1e-14, step_tolerance=1e-14), None),
    (nb.LBFGS(gradient_tolerance=1e-12), None),
    (nb.NewtonCG(step_tolerance=1e-12), None),
    (nb.TrustRegion(gradient_tolerance=1e-12), None),
    (nb.TrustRegion(subproblem="krylov", gradient_tolerance=1e-12), 60),
    (nb.TrustRegion(subproblem="exact", gradient_tolerance=1e-12), None),
    (nb.NelderMead(parameter_tolerance=1e-10, function_tolerance=1e-14), None),
]


@pytest.mark.parametrize(("method", "steps"), CONVERGENT, ids=lambda value: type(value).__name__)
def test_linear_least_squares_ends_at_the_minimum(line: tuple[nb.Problem, np.ndarray], method: Any, steps: int | None) -> None:
    problem, minimum = line
    run = nb.train(problem, method, steps, rng=1)
    # The cost is known to eps, so a method that compares costs finds p to sqrt(eps) times sqrt of the condition, about 10.
    np.testing.assert_allclose(run.p, minimum, rtol=0, atol=30 * np.sqrt(EPS))
    assert run.final_cost <= problem.value(minimum) * (1 + 100 * EPS) + 1e-12


EXACT = {"components": 3.13421610077e-12, "norms": 1.00647444427e-11}
"""The sums of squares where the algorithm of docs/methods.md stops in 40-digit arithmetic, after 26 and 128 iterations."""


@pytest.mark.parametrize("engine", [Reference(), Compiled()], ids=lambda e: e.name)
@pytest.mark.parametrize("residual", ["components", "norms"])
def test_levenberg_marquardt_on_the_ten_points_is_that_of_exact_arithmetic(problem: nb.Problem, residual: Any, engine: Any) -> None:
    run = nb.train(problem.on(engine), nb.LevenbergMarquardt(residual=residual), rng=nb.MatlabRandom(5000))
    assert run.step == {"components": 26, "norms": 128}[residual]
    assert 20 * run.final_cost == pytest.approx(EXACT[residual], rel=1e-5)


@pytest.mark.parametrize("residual", ["components", "norms"])
def test_levenberg_marquardt_agrees_with_scipy_on_the_ten_points(problem: nb.Problem, residual: Any) -> None:
    from scipy.optimize import least_squares

    start = problem.network.draw(nb.MatlabRandom(5000))
    run = nb.train(problem, nb.LevenbergMarquardt(residual=residual), start=start)
    assert run.status == "converged"
    assert 20 * run.final_cost < 1.01 * EXACT[residual]
    assert run.result["iterations"] == run.step == len(run.costs)
    assert run.result["evaluations"] > run.step
    referee = least_squares(problem.residual, start, problem.jacobian, method="trf", ftol=1e-6, xtol=1e-6, gtol=1e-15, max_nfev=500)
    assert abs(run.final_cost - referee.cost / 10) < 1e-5  # both near the infimum 0, which is not attained
    assert (problem.classify(run.p, problem.data.x) == np.repeat([0, 1], 5)).all()


def test_levenberg_marquardt_says_why_it_stopped(problem: nb.Problem) -> None:
    few = nb.train(problem, nb.LevenbergMarquardt(iterations=3), rng=nb.MatlabRandom(5000))
    assert (few.status, few.step) == ("stopped", 3)
    assert "all the 3 iterations" in few.message
    cut = nb.train(problem, nb.LevenbergMarquardt(evaluations=10), rng=nb.MatlabRandom(5000))
    assert (cut.status, cut.result["evaluations"]) == ("stopped", 10)
    assert "evaluations" in cut.message
    loose = nb.train(problem, nb.LevenbergMarquardt(function_tolerance=0.5), rng=nb.MatlabRandom(5000))
    assert loose.status == "converged"
    assert f"(iteration {loose.step})" in loose.message


@pytest.mark.parametrize("engine", [Reference(), Compiled()], ids=lambda e: e.name)
@pytest.mark.parametrize("name", ["replacement", "mini-batches", "epochs", "epochs, a short last batch"])
def test_an_ensemble_moves_as_single_networks(problem: nb.Problem, engine: Any, name: str) -> None:
    problem, M = problem.on(engine), 5
    start = np.random.default_rng(1).normal(size=(M, problem.size))
    run = nb.train(problem, METHODS[name], STEPS, start=start, rng=11, record=3)
    assert run.p.shape == (M, problem.size)
    assert run.costs.shape == (STEPS // 3, M)
    assert np.shape(run.initial_cost) == np.shape(run.final_cost) == (M,)
    for m, seed in enumerate(np.random.SeedSequence(11).spawn(M)):
        alone = nb.train(problem, METHODS[name], STEPS, start=start[m], rng=np.random.default_rng(seed), record=3)
        same(run.p[m], alone.p)
        same(run.costs[:, m], alone.costs)
    listed = nb.train(problem, METHODS[name], STEPS, start=start, rng=[np.random.default_rng(m) for m in range(M)])
    same(listed.p[2], nb.train(problem, METHODS[name], STEPS, start=start[2], rng=2).p)


def test_without_a_start_an_ensemble_draws_from_its_streams(problem: nb.Problem) -> None:
    run = nb.train(problem, nb.StochasticGradient(), 20, rng=[nb.MatlabRandom(1), nb.MatlabRandom(2)])
    same(run.p[1], nb.train(problem, nb.StochasticGradient(), 20, rng=nb.MatlabRandom(2)).p)


# -- closed forms --------------------------------------------------------------------------------------------------------


def bowl() -> nb.Problem:
    """Cost(w, b) = (w + b - 3)^2 / 2 with one point x = 1, y = 3: the same gradient g = w + b - 3 for both."""
    network = nb.Network.dense(1, 1, activation=nb.identity)
    return nb.Problem(network, nb.quadratic, nb.Data([[1.0]], [[3.0]]), engine=Reference())


def test_steepest_descent_follows_its_closed_form() -> None:
    run = nb.train(bowl(), nb.SteepestDescent(rate=0.1), 50, start=[1.0, 0.0])
    error = -2.0 * (1 - 2 * 0.1) ** np.arange(1, 51)  # each step takes eta g from w and from b
    # w + b - 3 is known to a few eps of 3, and an error made on the way shrinks with the rest.
    np.testing.assert_allclose(np.sqrt(2 * run.costs), -error, rtol=0, atol=20 * EPS)
    assert run.initial_cost == 2.0


def test_decay_and_multipliers_are_torchs_parameter_groups(problem: nb.Problem) -> None:
    torch = pytest.importorskip("torch")
    network, start = problem.network, problem.network.draw(1)
    decay, multipliers = ([0.3, 0.2, 0.1], [0.0, 0.05, 0.1]), ([0.1, 1.0, 2.0], [2.0, 0.5, 0.0])
    method = nb.SteepestDescent(rate=0.5, rule=nb.momentum, weight_decay=decay, multipliers=multipliers)
    run = nb.train(problem, method, 30, start=start)
    pairs = [
        [torch.tensor(W.copy(), requires_grad=True), torch.tensor(b.copy(), requires_grad=True)] for W, b in network.views(start)
    ]
    groups = [
        {"params": [pairs[l][kind]], "weight_decay": decay[kind][l], "lr": 0.5 * multipliers[kind][l]}
        for l in range(3)
        for kind in (0, 1)
    ]
    optimiser = torch.optim.SGD(groups, momentum=0.9)
    a0, y = torch.tensor(problem.data.x), torch.tensor(problem.data.y)
    for _ in range(30):
        optimiser.zero_grad()
        a = a0
        for W, b in pairs:
            a = torch.sigmoid(a @ W.T + b)
        (0.5 * ((y - a) ** 2).sum(dim=1).mean()).backward()
        optimiser.step()
    for (W, b), (V, c) in zip(network.views(run.p), pairs, strict=True):
        np.testing.assert_allclose(W, V.detach().numpy(), rtol=1e4 * EPS, atol=100 * EPS)  # 30 steps in another order of sums
        np.testing.assert_allclose(b, c.detach().numpy(), rtol=1e4 * EPS, atol=100 * EPS)


def test_a_rate_of_zero_stays_where_it_is(problem: nb.Problem) -> None:
    run = nb.train(problem, nb.StochasticGradient(rate=0.0), 10, rng=1)
    same(run.p, problem.network.draw(1))


# -- the choice of points ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", GENERATORS)
def test_draws_and_orders_are_the_same_however_they_are_cut(make: Callable[[int], Any]) -> None:
    whole, parts = make(7), make(7)
    expected = whole.integers(10, size=1001)
    same(np.concatenate([parts.integers(10, size=n) for n in (1, 3, 0, 97, 900)]), expected)
    same(np.concatenate([permutations(parts, 7, n) for n in (1, 9, 0, 40)]), permutations(whole, 7, 50))
    again = restored(state_of(whole))
    same(again.integers(10, size=5), whole.integers(10, size=5))
    same(again.standard_normal(3), whole.standard_normal(3))


def test_every_epoch_uses_every_point_once() -> None:
    for batch in (1, 3, 7, growing):
        rng = np.random.default_rng(2)
        epochs, t, points, ends = Epochs(7, batch, rng, {}), 0, [], []
        for steps in (1, 2, 5, 11, 3):
            chosen = epochs.choose(t, steps)
            assert (np.diff(chosen.offsets) >= 1).all()
            points.append(chosen.indices)
            ends.append(chosen.ends + t)
            t += steps
        drawn = np.concatenate(points)
        whole = drawn[: len(drawn) // 7 * 7].reshape(-1, 7)
        same(np.sort(whole, axis=1), np.tile(np.arange(7), (len(whole), 1)))
        assert len(np.concatenate(ends)) == len(whole)
        assert len({tuple(order) for order in whole}) > 1  # a new order each time


def test_an_epochs_cost_is_the_mean_over_its_points_while_p_moves(problem: nb.Problem) -> None:
    method = nb.StochasticGradient(rate=0.3, batch=4, sampling="epochs")
    run = nb.train(problem, method, 9, rng=5)
    rng = np.random.default_rng(5)
    p, means = problem.network.draw(rng), []
    for _ in range(3):
        order, total = rng.permutation(10), 0.0
        for points in (order[:4], order[4:8], order[8:]):
            part = nb.Problem(
                problem.network, nb.quadratic, nb.Data(problem.data.x[points], problem.data.y[points]), engine=Reference()
            )
            total += len(points) * part.value(p)
            p = p - 0.3 * part.gradient(p)
        means.append(total / 10)
    same(run.series["cost"].steps, [3, 6, 9])
    np.testing.assert_allclose(run.costs, means, rtol=100 * EPS)  # 9 steps of a few roundings each
    np.testing.assert_allclose(run.p, p, rtol=1000 * EPS)


def test_batches_with_replacement_may_exceed_the_data(problem: nb.Problem) -> None:
    assert nb.train(problem, nb.StochasticGradient(batch=25), 3).status == "finished"


def test_recorded_steps() -> None:
    same(recorded(0, 10, 3), [3, 6, 9])
    same(recorded(3, 3, 3), [6])
    same(recorded(5, 0, 1), [])
    same(recorded(5, 9, 0), [])


# -- what is refused -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [np.nan, np.inf, -0.1, [0.1, np.nan], [], [[0.1]], "fast", True, None])
@pytest.mark.parametrize("kind", [nb.StochasticGradient, nb.SteepestDescent])
def test_bad_rates_are_refused_before_any_work(kind: Any, rate: Any) -> None:
    with pytest.raises(ValueError, match="rate"):
        kind(rate=rate)


@pytest.mark.parametrize("batch", [0, -1, 1.5, np.nan, 2**63 - 1, [1, 0], "all"])
def test_bad_batches_are_refused_before_any_work(batch: Any) -> None:
    with pytest.raises(ValueError, match="batch size"):
        nb.StochasticGradient(batch=batch)


def test_bad_settings_are_refused(problem: nb.Problem) -> None:
    for make, words in [
        (lambda: nb.StochasticGradient(sampling="both"), "sampling"),  # type: ignore[arg-type]
        (lambda: nb.StochasticGradient(constants={"mu": 0.9}), "no constants"),
        (lambda: nb.LevenbergMarquardt(residual="squares"), "residual"),  # type: ignore[arg-type]
        (lambda: nb.LevenbergMarquardt(iterations=0), "iterations"),
        (lambda: nb.LevenbergMarquardt(damping=0.0), "damping"),
        (lambda: nb.LevenbergMarquardt(decrease=1.0), "decrease"),
        (lambda: nb.LevenbergMarquardt(step_tolerance=np.nan), "step_tolerance"),
        (lambda: nb.LBFGS(gradient_tolerance=-1.0), "gradient_tolerance"),
        (lambda: nb.NewtonCG(iterations=0), "iterations"),
        (lambda: nb.TrustRegion(subproblem="cg"), "subproblem"),  # type: ignore[arg-type]
        (lambda: nb.train(problem, nb.StochasticGradient(batch=11, sampling="epochs"), 5), "10 points has no batch of 11"),
        (lambda: nb.train(problem, nb.StochasticGradient(batch=[3, 11], sampling="epochs"), 2), "no batch of 11"),
        (lambda: nb.train(problem, nb.StochasticGradient(batch=lambda t: 11, sampling="epochs"), 2), "no batch of 11"),
        (lambda: nb.train(problem, nb.StochasticGradient(rate=[0.1] * 5), 6), "5 steps"),
        (lambda: nb.train(problem, nb.StochasticGradient(rate=lambda t: 1.0 / (t - 3)), 5), "for step 1"),
        (lambda: nb.train(problem, nb.StochasticGradient(weight_decay=-1.0), 5), "weight_decay"),
        (lambda: nb.train(problem, nb.StochasticGradient(multipliers=(1.0, 1.0, 1.0)), 5), "pair"),  # type: ignore[arg-type]
        (lambda: nb.train(problem, nb.LevenbergMarquardt(), start=np.zeros((2, 23))), "multistart"),
        (lambda: nb.train(problem, nb.LBFGS(), start=np.zeros((2, 23))), "multistart"),
        (lambda: nb.train(problem, nb.StochasticGradient()), "number of steps"),
    ]:
        with pytest.raises(ValueError, match=words):
            make()
    softmax = nb.Problem(problem.network, nb.softmax_log_loss, nb.data.ten_points(), engine=Reference())
    with pytest.raises(ValueError, match="sum of squares"):
        nb.train(softmax, nb.LevenbergMarquardt())


def test_bad_streams_are_refused() -> None:
    for rng, error in [(-1, ValueError), (True, TypeError), ("seed", TypeError), (1.5, TypeError)]:
        with pytest.raises(error):
            stream_from(rng)
    with pytest.raises(ValueError, match="3 networks need 3"):
        streams_from([1, 2], 3)
    with pytest.raises(ValueError, match="MatlabRandom"):
        streams_from(nb.MatlabRandom(1), 3)
    for state in ({"bit_generator": "os.system"}, {"kind": "matlab"}, 5, {}):
        with pytest.raises(ValueError, match="restored"):
            restored(state)
    seeds = np.random.SeedSequence(4)
    same(streams_from(seeds, 2)[1].random(3), streams_from(4, 2)[1].random(3))
    same(stream_from(np.random.SeedSequence(4)).random(2), np.random.default_rng(4).random(2))


# -- SciPy's thread ------------------------------------------------------------------------------------------------------


def threads() -> int:
    return sum(thread.name == "netbp iterates" for thread in threading.enumerate())


def test_a_paused_session_ends_its_thread(problem: nb.Problem) -> None:
    for method in (nb.LBFGS(), nb.NewtonCG(), nb.TrustRegion(), nb.NelderMead()):
        paused = nb.stream(problem, method, 100, every=1)
        next(paused)
        next(paused)
        assert threads() == 1
        paused.close()
        assert threads() == 0
    forgotten = nb.stream(problem, nb.LBFGS(), 100, every=1)
    next(forgotten)
    del forgotten
    assert threads() == 0


def test_an_error_in_the_thread_reaches_the_one_who_waits(problem: nb.Problem, monkeypatch: pytest.MonkeyPatch) -> None:
    session = nb.LBFGS().session(problem, nb.State(problem.network.draw(1)), None, None)
    session.advance(2)

    def broken(x: np.ndarray) -> float:
        raise ZeroDivisionError("no cost")

    monkeypatch.setattr(problem.bound, "value_and_gradient", broken)
    with pytest.raises(ZeroDivisionError):
        session.advance(5)
    with pytest.raises(ValueError, match="closed"):
        session.advance(1)
    session.close()
    session.close()
    assert threads() == 0


def test_scipys_own_iterates_are_the_steps(problem: nb.Problem) -> None:
    from scipy.optimize import minimize

    start = problem.network.draw(2)
    run = nb.train(problem, nb.LBFGS(), 30, start=start)
    options = {"maxiter": 30, "maxcor": 10, "gtol": 1e-8, "ftol": 1e-15}
    same(run.p, minimize(problem.value, start, jac=problem.gradient, method="L-BFGS-B", options=options).x)
    assert run.costs[-1] == run.final_cost


def test_resuming_scipys_methods_runs_them_again_and_says_so(problem: nb.Problem) -> None:
    first = nb.train(problem, nb.TrustRegion(), 10, rng=2)
    run = nb.train(problem, nb.TrustRegion(), 20, resume=first)
    assert "first 10 iterations were run again" in run.message
    same(run.p, nb.train(problem, nb.TrustRegion(), 20, rng=2).p)
    moved = first.state._replace(p=first.p + 1e-9)
    with pytest.raises(ValueError, match="not the same"):
        list(nb.stream(problem, nb.TrustRegion(), 20, resume=moved))


def test_a_method_of_ones_own_needs_only_a_session(problem: nb.Problem) -> None:
    class Still:
        def session(self, problem: nb.Problem, state: nb.State, rng: Any, record: int | None) -> Any:
            class Session:
                step = state.step

                def advance(self, steps: int, to_record: bool = False) -> Chunk:
                    self.step += steps
                    return Chunk(state._replace(step=self.step))

                def close(self) -> None:
                    pass

            return Session()

    run = nb.train(problem, Still(), 12, rng=4)
    assert run.step == 12
    same(run.p, problem.network.draw(4))
