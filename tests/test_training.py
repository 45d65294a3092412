"""Laws of training by epochs: random layers, error shares, schedules, what is remembered, and what is not computed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import netbp as nb
from netbp import run as running
from netbp.engines.reference import Reference
from netbp.engines.tensor import Tensor
from netbp.methods.schedules import by_epoch, values_at
from netbp.methods.streams import seed_from
from netbp.provenance import plain
from netbp.stopping import NoImprovement
from netbp.validation import categories, error_shares, held_out_of, ranks

same = np.testing.assert_array_equal
STEPS, N, BATCH = 14, 13, 5  # epochs of 3 steps, the last of which has 3 points
ENGINES = [Reference(), Tensor(precision="float64", compile=False), Tensor(compile=False)]
METHOD = nb.StochasticGradient(nb.momentum, 0.05, BATCH, "epochs", weight_decay=1e-3, multipliers=((1.0, 0.5), (2.0, 0.2)))


def images(count: int, seed: int) -> nb.Data:
    rng = np.random.default_rng(seed)
    return nb.Data(rng.normal(size=(count, 36)), np.eye(6)[rng.integers(6, size=count)])


def chain(dropout: float = 0.3, flips: float = 0.5) -> nb.Network:
    layers = (nb.Conv(2, 3), nb.relu, nb.Dropout(dropout), nb.Dense(6))
    return nb.Network.chain((1, 6, 6), *([nb.Flip(flips)] if flips else []), *layers)


def random_problem(engine: Any = Reference(), network: nb.Network | None = None) -> nb.Problem:  # noqa: B008
    return nb.Problem(network or chain(), nb.softmax_log_loss, images(N, 0), images(7, 1), engine=engine)


def curves_agree(one: nb.Run, other: nb.Run) -> None:
    assert one.series.keys() == other.series.keys() == {"cost", "top1", "top5", "held_out", "held_out_top1", "held_out_top5"}
    for name in one.series:
        same(one.series[name].steps, other.series[name].steps)
        same(one.series[name].values, other.series[name].values)


def states_agree(one: nb.State, other: nb.State) -> None:
    same(one.p, other.p)
    assert (one.step, one.stream) == (other.step, other.stream)
    assert one.memory.keys() == other.memory.keys()
    for name in one.memory:
        same(one.memory[name], other.memory[name])


# -- going on, and looking -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ENGINES, ids=repr)
def test_with_dropout_and_flips_a_file_of_any_step_goes_on_as_if_never_stopped(engine: Any, tmp_path: Path) -> None:
    problem, path = random_problem(engine), tmp_path / "run.npz"
    for rng in (lambda: 5, lambda: nb.MatlabRandom(5)):
        whole = nb.train(problem, METHOD, STEPS, rng=rng())
        for stop in range(STEPS + 1):
            nb.train(problem, METHOD, stop, rng=rng(), save=path)
            run = nb.train(problem, METHOD, STEPS, resume=path)
            curves_agree(run, whole)
            states_agree(run.state, whole.state)
            assert run.final_cost == whole.final_cost
            assert run.best is not None
            assert whole.best is not None
            states_agree(run.best, whole.best)


@pytest.mark.parametrize("engine", ENGINES, ids=repr)
def test_neither_p_nor_curves_depend_on_how_often_one_looks(engine: Any) -> None:
    problem, seen = random_problem(engine), []
    for every in (None, 1, 2, 3, 7):
        snapshots = list(nb.stream(problem, METHOD, STEPS, every=every, rng=3))
        curves = {name: np.concatenate([s.series[name].values for s in snapshots if name in s.series]) for name in ("cost", "top1")}
        seen.append((snapshots[-1].state, curves))
    for state, curves in seen[1:]:
        states_agree(state, seen[0][0])
        for name, values in curves.items():
            same(values, seen[0][1][name])


def test_a_seed_is_drawn_with_the_first_step_of_a_random_network_only() -> None:
    problem = random_problem()
    seeds = {int(s.state.memory["seed"]) for s in nb.stream(problem, METHOD, STEPS, every=1, rng=3)}
    assert len(seeds) == 1
    assert 0 <= seeds.pop() < 2**63
    still = random_problem(network=nb.Network.chain((1, 6, 6), nb.Conv(2, 3), nb.Dense(6)))
    rng = np.random.default_rng(3)
    run = nb.train(still, METHOD, 1, start=np.zeros(still.size), rng=rng)
    assert "seed" not in run.state.memory
    expected = np.random.default_rng(3)
    expected.permuted(np.arange(N))  # the order of one epoch, and nothing else
    assert run.state.stream == expected.bit_generator.state
    starts = [np.zeros(still.size) if p is still else p.network.draw(0) for p in (still, problem)]
    assert nb.train(problem, METHOD, 0, start=starts[1]).state.memory == {}
    others = [int(nb.train(problem, METHOD, 1, rng=seed).state.memory["seed"]) for seed in range(20)]
    assert len(set(others)) == 20


def test_seeds_have_63_bits_from_every_stream() -> None:
    for make in (np.random.default_rng, nb.MatlabRandom):
        seeds = np.array([int(seed_from(make(k))) for k in range(200)])
        assert seeds.min() >= 0
        bits = (seeds[:, None] >> np.arange(63)) & 1
        assert np.abs(bits.mean(axis=0) - 0.5).max() < 0.2  # 5.7 deviations of a mean of 200 coins
    assert seed_from([np.random.default_rng(1), np.random.default_rng(2)]).shape == (2,)


def test_each_network_of_an_ensemble_has_its_own_seed_and_moves_as_it_would_alone() -> None:
    problem = random_problem()
    starts = np.random.default_rng(0).normal(size=(3, problem.size)) / 5
    together = nb.train(problem, METHOD, STEPS, start=starts, rng=[7, 8, 9])
    assert together.state.memory["seed"].shape == (3,)
    for m in range(3):
        alone = nb.train(problem, METHOD, STEPS, start=starts[m], rng=7 + m)
        same(together.p[m], alone.p)
        for name, curve in alone.series.items():
            same(together.series[name].values[:, m], curve.values)


def test_dropout_and_flips_are_never_active_in_evaluation() -> None:
    p = random_problem().network.draw(1)
    bare = random_problem(network=nb.Network.chain((1, 6, 6), nb.Conv(2, 3), nb.relu, nb.Dense(6)))
    for engine in ENGINES:
        problem, without = random_problem(engine), bare.on(engine)
        assert problem.value(p) == without.value(p)
        assert problem.held_out_value(p) == without.held_out_value(p)
        assert held_out_of(problem, p) == held_out_of(without, p)
        same(problem.predict(p, problem.data.x), without.predict(p, problem.data.x))
        trained, still = (nb.train(q, METHOD, 3, start=p, rng=1) for q in (problem, without))
        assert trained.initial_cost == still.initial_cost
        assert not np.array_equal(trained.p, still.p)
        assert trained.final_cost == problem.value(trained.p) == without.value(trained.p)


# -- what is recorded ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ENGINES, ids=repr)
def test_where_p_stays_the_curves_are_those_of_all_points(engine: Any) -> None:
    problem = random_problem(engine, nb.Network.chain((1, 6, 6), nb.Conv(2, 3), nb.tanh, nb.Dense(6)))
    p = problem.network.draw(2)
    run = nb.train(problem, replace(METHOD, rate=0.0), 6, start=p, rng=1)
    top1, top5 = error_shares(problem.output(p, problem.data.x), np.asarray(problem.data.y).argmax(axis=1))
    tolerance = 1e-6 if engine.dtype == np.float32 else 1e-14
    same(run.series["cost"].steps, [3, 6])
    np.testing.assert_allclose(run.costs, problem.value(run.p), rtol=tolerance)
    np.testing.assert_allclose(run.series["top1"].values, top1, rtol=1e-14)
    np.testing.assert_allclose(run.series["top5"].values, top5, rtol=1e-14)
    seen = held_out_of(problem, run.p)
    for name, value in seen.items():
        same(run.series[name].values, [value, value])
    np.testing.assert_allclose(seen["held_out"], problem.held_out_value(p), rtol=tolerance)


def test_ranks_are_places_in_a_stable_order() -> None:
    rng = np.random.default_rng(0)
    a, numbers = rng.integers(4, size=(200, 7)).astype(float), rng.integers(7, size=200)
    order = np.argsort(-a, axis=1, kind="stable")
    same(ranks(a, numbers), [row.tolist().index(k) for row, k in zip(order, numbers, strict=True)])
    top1, top5 = error_shares(a, numbers)
    assert top1 == np.mean(a.argmax(axis=1) != numbers)
    assert top5 == np.mean([k not in row[:5] for row, k in zip(order, numbers, strict=True)])
    a[:, 2] = np.nan
    assert (ranks(a, np.full(200, 2)) == 7).all()


@pytest.mark.parametrize(
    ("cost", "y", "expected"),
    [
        (nb.quadratic, [[1.0, 0.0], [0.0, 1.0]], [0, 1]),
        (nb.quadratic, [[1.0, 0.0], [0.5, 0.5]], None),
        (nb.quadratic, [[1.0, 0.0], [1.0, 1.0]], None),
        (nb.quadratic, [[1.0], [0.0]], None),
        (nb.softmax_log_loss, [[0.3, 0.7], [0.6, 0.4]], [1, 0]),
    ],
)
def test_categories_are_found_where_there_are_some(cost: nb.Cost, y: Any, expected: Any) -> None:
    found = categories(cost, np.array(y))
    assert (None if found is None else found.tolist()) == expected


def test_weights_of_held_out_points_count_as_copies(network: nb.Network) -> None:
    ten, p = nb.data.ten_points(), network.draw(4)
    weight = np.array([1.0, 2, 0, 1, 1, 3, 1, 1, 1, 1])
    copies = nb.Data(np.repeat(ten.x, weight.astype(int), axis=0), np.repeat(np.asarray(ten.y), weight.astype(int), axis=0))
    weighted = nb.Problem(network, nb.quadratic, ten, ten._replace(weight=weight), engine=Reference())
    copied = nb.Problem(network, nb.quadratic, ten, copies, engine=Reference())
    for problem in (weighted, copied):
        assert held_out_of(problem, p)["held_out"] == pytest.approx(problem.held_out_value(p), rel=1e-15)
    assert held_out_of(weighted, p)["held_out"] == pytest.approx(held_out_of(copied, p)["held_out"], rel=1e-14)
    assert held_out_of(weighted, np.stack([p, p]))["held_out"].shape == (2,)


def test_two_categories_have_no_top_five(network: nb.Network) -> None:
    problem = nb.Problem(network, nb.softmax_log_loss, nb.data.ten_points(), nb.data.ten_points(), engine=Reference())
    run = nb.train(problem, nb.StochasticGradient(batch=4, sampling="epochs"), 6)
    assert run.series.keys() == {"cost", "top1", "held_out", "held_out_top1"}


# -- schedules and stopping ----------------------------------------------------------------------------------------------


def test_a_schedule_by_epoch_is_the_list_of_its_rates() -> None:
    schedule = by_epoch((3, 0.5), (2, 0.25), (1, 0.125), steps=4)
    listed = [0.5] * 12 + [0.25] * 8 + [0.125] * 4 + [0.125] * 9  # the last goes on
    same(values_at(schedule, 0, 33, "rate"), listed)
    same(values_at(schedule, 11, 3, "rate"), listed[11:14])
    told = plain(nb.StochasticGradient(rate=schedule))["rate"]
    assert told == {"kind": "ByEpoch", "parts": [[3, 0.5], [2, 0.25], [1, 0.125]], "steps": 4}
    for parts, steps in [((), 1), (((1, 0.1),), 0), (((0, 0.1),), 1), (((1.5, 0.1),), 1), (((1, -0.1),), 1), (((1, np.nan),), 1)]:
        with pytest.raises(ValueError, match="schedule"):
            by_epoch(*parts, steps=steps)


def test_a_run_goes_on_with_its_schedule_only(problem: nb.Problem) -> None:
    method = nb.StochasticGradient(rate=by_epoch((1, 0.5), (1, 0.05), steps=4), batch=3, sampling="epochs")
    first = nb.train(problem, method, 5)
    listed = replace(method, rate=[0.5] * 4 + [0.05] * 8)
    same(nb.train(problem, method, 12, resume=first).p, nb.train(problem, listed, 12).p)
    with pytest.raises(ValueError, match=r"method\.rate"):
        nb.train(problem, replace(method, rate=by_epoch((2, 0.5), (1, 0.05), steps=4)), 12, resume=first)


def test_early_stopping_looks_at_the_curve_it_is_told() -> None:
    problem = random_problem()
    stop = nb.no_improvement(2, of="held_out_top1")
    whole = nb.train(problem, METHOD, 300, rng=3, until=stop)
    errors = whole.series["held_out_top1"].values
    best = int(errors.argmin())
    assert whole.status == "stopped"
    assert f"held_out_top1 has not gone below its {errors[best]:.6g} of step {3 * (best + 1)} in 2 looks" in whole.message
    assert len(errors) == best + 3
    half = nb.train(problem, METHOD, whole.step - 4, rng=3)
    again = nb.train(problem, METHOD, 300, resume=half, until=nb.no_improvement(2, of="held_out_top1"))
    assert (again.step, again.message) == (whole.step, whole.message)
    with pytest.raises(ValueError, match=r"'top7'.*held_out_top1"):
        nb.train(problem, METHOD, 30, until=NoImprovement(2, 0.0, "top7"))


# -- what is kept, and what is not computed ------------------------------------------------------------------------------


def test_buffers_of_layers_travel_in_the_state(problem: nb.Problem, monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine whose layers keep arrays of their own finds them where it left them, also after a file."""
    advance: Callable[..., Any] = problem.bound.advance

    def counting(p: Any, memory: Any, t: int, *rest: Any) -> Any:
        out = advance(p, memory, t, *rest)
        taken = len(rest[0].rates)
        means = {"mean.1": memory.buffers.get("mean.1", np.zeros(2)) + taken}
        return out._replace(memory=out.memory._replace(buffers=means))

    monkeypatch.setattr(problem.bound, "advance", counting)
    monkeypatch.setattr(problem.bound, "at", lambda buffers: problem.bound, raising=False)  # the costs do not depend on them
    method = nb.StochasticGradient()
    half = nb.train(problem, method, 7)
    same(half.state.memory["buffers.mean.1"], [7.0, 7.0])
    same(nb.train(problem, method, 18, resume=half).state.memory["buffers.mean.1"], [18.0, 18.0])


@pytest.mark.parametrize("record", [0, None])
def test_saving_as_it_goes_computes_no_cost_of_all_points(
    record: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem = random_problem()
    value, calls, saved = problem.bound.value, [], []
    monkeypatch.setattr(problem.bound, "value", lambda p: calls.append(0) or value(p))  # type: ignore[func-returns-value]
    monkeypatch.setattr(running, "SAVE_EVERY", 0.0)
    monkeypatch.setattr(running, "SAVING", 0.0)
    save = nb.Run.save
    monkeypatch.setattr(nb.Run, "save", lambda run, path: saved.append(run) or save(run, path))  # type: ignore[func-returns-value]
    run = nb.train(problem, METHOD, STEPS, record=record, save=tmp_path / "run.npz")
    assert len(calls) == 2  # at the start and at the end
    assert len(saved) > 3
    for before in saved[:-1]:
        assert before.status == "interrupted"
        assert before.final_cost == (before.costs[-1] if len(before.costs) else run.initial_cost)
    assert run.final_cost == value(run.p)


def test_whoever_watches_sees_every_record() -> None:
    class Watcher:
        def __init__(self) -> None:
            self.seen: list[Any] = []

        def __call__(self, step: int, steps: int, cost: Any) -> None:
            pass

        def recorded(self, snapshot: nb.Snapshot) -> None:
            self.seen.append((snapshot.step, snapshot.series["held_out_top1"].values[-1]))

    watcher = Watcher()
    run = nb.train(random_problem(), METHOD, STEPS, progress=watcher)
    assert [step for step, _ in watcher.seen] == [3, 6, 9, 12]
    same([value for _, value in watcher.seen], run.series["held_out_top1"].values)
