"""Laws of the analysis as a whole: every function works on a problem of any engine, to its precision, or says why it is absurd."""

from __future__ import annotations

import numpy as np
import pytest

import netbp as nb
from netbp.analysis.noise import point_gradients
from netbp.engines.compiled import Compiled
from netbp.engines.reference import Reference

TINY = nb.Network.dense(2, 3, 2, activation=[nb.tanh, nb.identity])
ENGINES = {"reference": Reference(), "compiled": Compiled(), "tensor": nb.Tensor(precision="float64"), "single": nb.Tensor()}
CLOSE = {"reference": 1e-12, "compiled": 1e-9, "tensor": 1e-9, "single": 2e-3}
METHOD = nb.SteepestDescent(rate=0.5)
START = TINY.draw(3)
PAIR = np.array([START, TINY.draw(4)])


def problem_on(engine):
    x, y, _ = nb.data.ten_points()
    return nb.Problem(TINY, nb.quadratic, nb.Data(x, y), penalty=0.01, engine=ENGINES[engine])


def finals(comparison):
    return [trace.costs[-1] for traces in comparison.traces for trace in traces]


def highest(problem):
    return nb.sampled_spectrum(problem, START, points=6, products=17).highest.value


FUNCTIONS = {
    "hessian": lambda q: nb.hessian(q, START).dense(),
    "gauss_newton": lambda q: nb.gauss_newton(q, START).dense(),
    "extreme_eigenvalues": lambda q: nb.extreme_eigenvalues(nb.hessian(q, START), products=17).values,
    "trace": lambda q: nb.trace(nb.hessian(q, START), 20).value,
    "trace_plus_plus": lambda q: nb.trace_plus_plus(nb.gauss_newton(q, START), 20).value,
    "spectral_density": lambda q: nb.spectral_density(nb.hessian(q, START), 3, 5).moment(1).value,
    "sampled_spectrum": highest,
    "curvature": lambda q: [s.highest.value for s in nb.curvature(q, START).spectra],
    "gradient_noise": lambda q: nb.gradient_noise(q, START).factor,
    "point_gradients": lambda q: point_gradients(q, START),
    "curvature_along": lambda q: nb.curvature_along(q, METHOD, [0, 5], START).column("highest"),
    "convergence": lambda q: nb.convergence(nb.train(q, METHOD, steps=400, start=START)).costs[-1],
    "compare": lambda q: finals(nb.compare(q, {"descent": METHOD}, starts=PAIR, budget=20)),
    "rate_range_test": lambda q: nb.rate_range_test(q, nb.StochasticGradient(), steps=50, start=START, rng=0).costs[:10],
    "atlas": lambda q: nb.atlas(q, METHOD, 4, 20, rng=0).costs,
    "reliability": lambda q: nb.reliability({"q": q}, {"m": (METHOD, 20, 3)}).trials[0].median,
    "newton": lambda q: nb.newton(q, START, 3).cost,
    "slice_line": lambda q: nb.slice_line(q, START, PAIR[1] - START, np.linspace(0.0, 1.0, 5)).costs,
    "slice_plane": lambda q: nb.plane_of_path(q, np.array([START, PAIR[1], -START]), 3).costs,
    "connect": lambda q: nb.connect(q, *PAIR, steps=10).straight,
    "gradient_flow": lambda q: nb.gradient_flow(q, START, [1.0, 2.0]).costs,
    "euler_order": lambda q: nb.euler_order(q, START, 1.0, [0.5, 0.25], tolerance=1e-6).errors[-1].cost,
    "trust_steps": lambda q: nb.trust_steps(q, START, steps=3).column("cost"),
    "ensemble": lambda q: nb.ensemble(q, START, 0.1, [0.5], 3, rng=0).p,
    "cost_bands": lambda q: nb.cost_bands(q, START, 0.1, [0.0, 0.5], 3, rng=0).mean["stochastic gradient"],
    "escape_times": lambda q: nb.escape_times(q, START, 1e-9, [(0.1, 1)], 1.0, 3, 0.5, rng=0).escapes[0].left,
}


@pytest.fixture(scope="module")
def expected():
    return {}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_works_on_every_engine(name, engine, expected):
    found = np.asarray(FUNCTIONS[name](problem_on(engine)), dtype=float)
    reference = expected.setdefault(name, np.asarray(FUNCTIONS[name](problem_on("reference")), dtype=float))
    np.testing.assert_allclose(found, reference, rtol=0, atol=CLOSE[engine] * (1.0 + np.abs(reference).max()))


LARGE = nb.Network.dense(2, 30_000, 2)  # 150,002 parameters
ABSURD = {
    "the whole Hessian": (lambda q, p: nb.hessian(q, p).dense(), r"150,002 rows, above the limit of 5,000: use its products"),
    "all eigenvalues": (lambda q, p: nb.curvature(q, p, exact=True), r"150,002 rows, above the limit of 5,000"),
    "Newton's method": (nb.newton, r"150,002 rows, above the limit of 5,000"),
    "gradients of all points": (nb.gradient_noise, r"150,002 parameters would take 6.0 GB, .* points="),
    "wide numbers": (nb.agreement, r"600,000,000 multiply-adds, beyond 300,000,000 .* a sample of the points"),
}


@pytest.mark.parametrize("name", ABSURD)
def test_what_a_size_makes_absurd_is_refused_with_the_size_and_a_way_out(name):
    call, message = ABSURD[name]
    problem = nb.Problem(LARGE, nb.quadratic, nb.Data(np.zeros((5000, 2)), np.zeros((5000, 2))), engine=Reference())
    with pytest.raises(ValueError, match=message):  # at once, before any pass over the points
        call(problem, np.zeros(LARGE.size))


def test_the_large_problem_still_has_products_and_estimates():
    problem = nb.Problem(LARGE, nb.quadratic, nb.Data(np.ones((8, 2)), np.ones((8, 2))), engine=nb.Tensor())
    p = LARGE.draw(0, scale=0.01)
    found = nb.sampled_spectrum(problem, p, points=4, products=4)
    assert found.highest.value > 0.0
    assert nb.gradient_noise(problem, p).factor.shape == (8, 150_002)
    assert nb.spectral_density(nb.hessian(problem, p), 2, 3).products == 6
