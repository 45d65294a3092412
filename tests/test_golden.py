"""The paper's run, to the digit: Listing 6.1's costs, parameters, grid, gradients and Hessians."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import netbp as nb
from netbp.engines import Advanced, Choices, Memory, Update
from netbp.engines.compiled import Compiled
from netbp.engines.reference import Reference

STEPS, ETA = 1_000_000, 0.05
MONITORED = 20.0  # sum_i ||y_i - a_i||^2 = 2 N x Cost (9)

# The monitored cost after so many steps, 15 digits.
TABLE = {
    **{0: 5.32881696990138, 1: 5.32431031504514, 10: 5.29368084387954, 100: 5.1169224518665, 1_000: 4.98551007566451},
    **{10_000: 4.76870600040045, 20_000: 2.939787084234, 50_000: 2.58072371363422, 100_000: 2.30693206943568},
    **{200_000: 0.0129711351157732, 300_000: 0.00484571355648695, 400_000: 0.00282910276289794, 500_000: 0.00196291012852032},
    **{600_000: 0.00149151547969974, 700_000: 0.00118959463488583, 800_000: 0.000988303703267818, 900_000: 0.00084164965577037},
    1_000_000: 0.000730353650528239,
}
# A relative change of 1e-14 in the start moves the last cost by less than 2e-14, so 1e-11 leaves room for every order of summation
# and for another exp, and none for another formula.
RTOL = 1e-11


def listing_6_1(engine: Any, steps: int) -> tuple[nb.Problem, Advanced, float]:
    """The problem, where (15) arrives after so many steps with the cost after every one, and the cost at the start."""
    network = nb.Network.dense(2, 2, 3, 2)
    problem = nb.Problem(network, nb.quadratic, nb.data.ten_points(), engine=engine)
    stream = nb.MatlabRandom(5000)
    p = network.draw(stream)
    choices = Choices(stream.integers(10, size=steps), np.arange(steps + 1), np.full(steps, ETA))
    memory = Memory(np.zeros_like(p), np.zeros_like(p))
    return problem, problem.bound.advance(p, memory, 0, choices, Update(nb.sgd), record=1), problem.value(p)


@pytest.fixture(scope="module")
def whole() -> tuple[nb.Problem, Advanced, float]:
    return listing_6_1(Compiled(), STEPS)


def test_the_first_thousand_steps_on_the_reference_engine(figure7_costs):
    _, run, initial = listing_6_1(Reference(), 1_000)
    costs = MONITORED * np.append(initial, run.costs)
    for step in (0, 1, 10, 100, 1_000):
        assert costs[step] == pytest.approx(TABLE[step], rel=1e-13)
    assert costs[1] == pytest.approx(figure7_costs[1][0], rel=1e-13)


def test_both_engines_take_the_same_thousand_steps(whole):
    _, run, _ = listing_6_1(Reference(), 1_000)
    np.testing.assert_allclose(whole[1].costs[:1_000], run.costs, rtol=1e-13)


def test_the_whole_listing_gives_the_table(whole):
    _, run, initial = whole
    costs = MONITORED * np.append(initial, run.costs)
    assert len(costs) == STEPS + 1
    for step, cost in TABLE.items():
        assert costs[step] == pytest.approx(cost, rel=RTOL), step


def test_figure_7s_hundred_points(whole, figure7_costs):
    steps, costs = figure7_costs
    assert steps.tolist() == list(range(1, STEPS, 10_000))
    np.testing.assert_allclose(MONITORED * whole[1].costs[steps - 1], costs, rtol=RTOL)


def test_the_paper_prints_these_costs(whole):
    _, run, initial = whole
    assert f"{MONITORED * initial:.1f}" == "5.3"
    assert f"{MONITORED * run.costs[-1]:.1e}" == "7.3e-04"


def test_the_trained_parameters(whole, reference_run):
    np.testing.assert_allclose(whole[1].p, reference_run["trained"], rtol=1e-10)
    assert MONITORED * whole[0].value(whole[1].p) == pytest.approx(reference_run["cost_1e6_sum_of_squares"], rel=RTOL)


def test_figure_8s_grid_points(whole):
    problem, run, _ = whole
    grid = np.arange(501) / 500
    x1, x2 = np.meshgrid(grid, grid)
    F = problem.predict(run.p, np.column_stack([x1.ravel(), x2.ravel()]))
    assert np.count_nonzero(F[:, 0] > F[:, 1]) == 134_972
    category = problem.classify(run.p, problem.data.x)
    assert category.tolist() == [0] * 5 + [1] * 5


def test_cost_is_decaying_algebraically_not_linearly(whole):
    costs = whole[1].costs
    late = costs[499_999:]
    ratios = late[1:] / late[:-1]
    assert np.mean(np.abs(ratios - 1) < 1e-6) == pytest.approx(0.61, abs=0.005)
    assert -np.log(late[-1] / late[0]) / 500_000 == pytest.approx(1.98e-6, rel=0.005)
    slopes = [
        np.log(costs[b - 1] / costs[a - 1]) / np.log(b / a) for a, b in ((200_000, 300_000), (500_000, 600_000), (900_000, 10**6))
    ]
    assert slopes == pytest.approx([-2.4, -1.5, -1.35], abs=0.05)


def hessian(problem: nb.Problem, p: np.ndarray) -> np.ndarray:
    return np.array([problem.hvp(p, e) for e in np.eye(len(p))])


@pytest.mark.parametrize("engine", [Reference(), Compiled()], ids=lambda e: e.name)
def test_gradients_and_hessians_at_both_ends(network, reference_run, engine):
    problem = nb.Problem(network, nb.quadratic, nb.data.ten_points(), engine=engine)
    start, end = reference_run["p0"], reference_run["trained"]
    assert problem.value(start) == pytest.approx(2.664408e-1, rel=2e-7)  # as many digits as are known
    assert problem.value(end) == pytest.approx(3.651768e-5, rel=2e-7)
    assert np.linalg.norm(problem.gradient(start)) == pytest.approx(5.733e-2, rel=1e-4)
    assert np.linalg.norm(problem.gradient(end)) == pytest.approx(3.105e-5, rel=2e-4)
    first, last = (np.linalg.eigvalsh(hessian(problem, p)) for p in (start, end))
    assert first[[0, -1]] == pytest.approx([-1.241e-2, 9.906e-2], rel=5e-4)
    assert np.count_nonzero(first < 0) == 10
    assert last[[0, -1]] == pytest.approx([-1.009e-6, 8.2095e-3], rel=5e-4)
    assert np.count_nonzero(last < 0) == 4
    assert ETA * last[-1] == pytest.approx(4.1e-4, rel=0.01)


@pytest.mark.parametrize("engine", [Reference(), Compiled()], ids=lambda e: e.name)
def test_gauss_newton_at_the_end_has_rank_17(network, reference_run, engine):
    problem = nb.Problem(network, nb.quadratic, nb.data.ten_points(), engine=engine)
    J = problem.jacobian(reference_run["trained"])
    singular = np.linalg.svd(J / np.sqrt(10), compute_uv=False)
    assert singular[0] ** 2 == pytest.approx(3.825e-3, rel=2e-4)
    assert np.count_nonzero(singular**2 > 1e-12 * singular[0] ** 2) == 17
