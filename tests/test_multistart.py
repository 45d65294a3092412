"""`multistart`: the same numbers whatever the workers, each start as it would move alone, and honest shares."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import netbp as nb
from netbp import sweep
from netbp.engines.compiled import Compiled
from netbp.engines.reference import Reference

same = np.testing.assert_array_equal
CASES = [
    (nb.StochasticGradient(rate=0.5), 50, Reference(), 7),
    (nb.StochasticGradient(rate=0.5, batch=3, sampling="epochs"), 50, Compiled(), 7),
    (nb.SteepestDescent(rate=0.5), 50, Compiled(), 7),
    (nb.LevenbergMarquardt(), None, Reference(), 5),
    (nb.LevenbergMarquardt(residual="norms"), 30, Compiled(), 7),
    (nb.LBFGS(), 10, Compiled(), 5),
]


@pytest.mark.parametrize(("method", "steps", "engine", "starts"), CASES, ids=lambda v: type(v).__name__)
def test_each_start_moves_as_it_would_alone(
    problem: nb.Problem, method: Any, steps: int | None, engine: Any, starts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "NETWORKS", 3)  # so that there are several blocks
    problem = problem.on(engine)
    many = nb.multistart(problem, method, starts=starts, steps=steps, rng=4, workers=1)
    assert many.p.shape == (starts, 23)
    assert len(many.costs) == len(many.messages) == starts
    for m, seed in enumerate(np.random.SeedSequence(4).spawn(starts)):
        alone = nb.train(problem, method, steps, rng=np.random.default_rng(seed), record=0)
        same(many.p[m], alone.p)
        assert many.costs[m] == alone.final_cost
    two = nb.multistart(problem, method, starts=starts, steps=steps, rng=4, workers=2)
    same(two.p, many.p)
    assert two.messages == many.messages


def test_shares_quantiles_and_the_table(problem: nb.Problem) -> None:
    many = nb.multistart(problem.on(Compiled()), nb.LevenbergMarquardt(), starts=60, level=1e-8, workers=1)
    assert many.success == np.mean(many.costs <= 1e-8)
    right = [(problem.classify(p, problem.data.x) == np.repeat([0, 1], 5)).all() for p in many.p]
    assert many.all_right == np.mean(right)
    assert problem.value(many.best) == pytest.approx(many.costs.min(), rel=1e-6)
    assert many.quantiles[0.0] == many.costs.min()
    assert many.quantiles[1.0] == many.costs.max()
    assert sum(many.costs <= many.quantiles[0.5]) >= 30
    table = str(many)
    assert "60 starts" in table
    assert f"{100 * many.success:.1f} %" in table
    assert "gradient" in table


def test_a_start_that_diverges_counts_as_a_failure() -> None:
    network = nb.Network.dense(2, 2, activation=nb.identity)
    problem = nb.Problem(network, nb.quadratic, nb.data.ten_points(), engine=Reference())
    many = nb.multistart(problem, nb.SteepestDescent(rate=50.0), starts=3, steps=500, workers=1)
    assert np.isinf(many.costs).all()
    assert (many.success, many.all_right) == (0.0, 0.0)
    assert all("diverged" in message for message in many.messages)


def test_targets_that_are_no_categories_are_not_counted_as_such() -> None:
    data = nb.Data([[0.0], [1.0]], [[0.3], [0.7]])
    problem = nb.Problem(nb.Network.dense(1, 2, 1), nb.quadratic, data, engine=Reference())
    many = nb.multistart(problem, nb.SteepestDescent(), starts=2, steps=3, workers=1)
    assert np.isnan(many.all_right)
    assert "all points right" not in str(many)
    one = nb.Problem(nb.Network.dense(1, 1), nb.quadratic, nb.Data([[-1.0], [1.0]], [[0.0], [1.0]]), engine=Reference())
    assert nb.multistart(one, nb.SteepestDescent(rate=5.0), starts=4, steps=200, workers=1).all_right == 1.0


def test_bad_arguments_are_refused(problem: nb.Problem) -> None:
    for change, words in [
        ({"starts": 0}, "starts"),
        ({"workers": 0}, "workers"),
        ({"starts": 1.5}, "starts"),
        ({"rng": -1}, "seed"),
    ]:
        with pytest.raises(ValueError, match=words):
            nb.multistart(problem, nb.LevenbergMarquardt(), **change)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="number of steps"):
        nb.multistart(problem, nb.StochasticGradient(), starts=2)
    softmax = nb.Problem(problem.network, nb.softmax_log_loss, nb.data.ten_points(), engine=Compiled())
    with pytest.raises(ValueError, match="sum of squares"):
        nb.multistart(softmax, nb.LevenbergMarquardt(), starts=2)
