"""Laws of curvature: operators against dense matrices and torch, Lanczos and traces against NumPy and SciPy, the golden values."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.sparse.linalg import LinearOperator, eigsh

import netbp as nb
from netbp.analysis.curvature import curvature
from netbp.analysis.density import spectral_density
from netbp.analysis.lanczos import extreme_eigenvalues, lanczos
from netbp.analysis.noise import GradientNoise, effective_rank, gradient_noise, point_gradients
from netbp.analysis.operators import gauss_newton, hessian, layers_of
from netbp.analysis.path import curvature_along, visited
from netbp.analysis.trace import trace, trace_plus_plus
from netbp.engines.compiled import Compiled
from netbp.engines.reference import Reference
from netbp.experiments import CurvatureExperiment
from netbp.figures import encoded, house_style, new_figure
from netbp.figures.analysis_curvature import draw_density, draw_spectra

EPS = float(np.finfo(float).eps)
ENGINES = {"reference": Reference(), "compiled": Compiled()}
NETWORKS = {
    "paper": nb.Network.dense(2, 2, 3, 2),
    "tanh": nb.Network.dense(2, 5, 4, 2, activation=nb.tanh),
    "mixed": nb.Network.dense(2, 6, 2, activation=[nb.tanh, nb.identity]),
}
COSTS = {"quadratic": nb.quadratic, "softmax": nb.softmax_log_loss}
ACTIVATIONS = {"sigmoid": torch.sigmoid, "tanh": torch.tanh, "identity": lambda z: z}


def problem_of(network, cost="quadratic", engine="reference", weight=None, penalty=0.0):
    x, y, _ = nb.data.ten_points()
    return nb.Problem(NETWORKS[network], COSTS[cost], nb.Data(x, y, weight), penalty=penalty, engine=ENGINES[engine])


def torch_outputs(network, p, x):
    """a[L] for the points x, as torch computes it from the flat p."""
    a = x
    for layer, (w, b) in zip(network.layers, network.slices, strict=True):
        W = p[w].reshape(layer.inputs, layer.outputs)  # column by column
        a = ACTIVATIONS[layer.activation.name](a @ W + p[b])
    return a


def torch_cost(problem, p):
    x, y, weight = (None if part is None else torch.tensor(np.asarray(part), dtype=torch.float64) for part in problem.data)
    weight = torch.ones(len(x), dtype=torch.float64) if weight is None else weight
    a = torch_outputs(problem.network, p, x)
    each = 0.5 * ((y - a) ** 2).sum(1) if problem.cost is nb.quadratic else -(y * torch.log_softmax(a, 1)).sum(1)
    squares = sum((p[w] ** 2).sum() for w, _ in problem.network.slices)
    return ((weight * each).sum() + problem.penalty * squares) / weight.sum()


def dense_gauss_newton(problem, p):
    """(1/N) sum_i c_i J_i^T (d^2C/da^2) J_i from torch's Jacobian of the outputs."""
    x, y = (torch.tensor(np.asarray(part), dtype=torch.float64) for part in problem.data[:2])
    J = torch.func.jacrev(lambda q: torch_outputs(problem.network, q, x))(torch.tensor(p)).numpy()
    a = problem.output(p, problem.data.x)
    shares = np.ones(len(x)) if problem.data.weight is None else problem.data.weight / np.mean(problem.data.weight)
    bent = np.stack([problem.cost.curvature(a, y.numpy(), J[:, :, j]) for j in range(problem.size)], axis=2)
    G = np.einsum("i,iks,ikt->st", shares, J, bent) / len(x)
    for w, _ in problem.network.slices:
        G[np.r_[w], np.r_[w]] += 2.0 * problem.penalty / (len(x) if problem.data.weight is None else problem.data.weight.sum())
    return G


@pytest.fixture(scope="module")
def paper():
    return problem_of("paper", engine="compiled")


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")  # torch.func imports what torch itself gives up
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("cost", COSTS)
@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("penalty", [0.0, 0.3])
def test_both_matrices_are_those_of_torch(network, cost, engine, penalty):
    weight = np.linspace(0.5, 2.0, 10) if penalty else None
    problem = problem_of(network, cost, engine, weight, penalty)
    p = problem.network.draw(3)
    H = torch.func.hessian(lambda q: torch_cost(problem, q))(torch.tensor(p)).numpy()
    # Products of a few factors summed over ten points: some hundred roundings of the largest entry.
    np.testing.assert_allclose(hessian(problem, p).dense(), H, rtol=0, atol=300 * EPS * np.abs(H).max())
    G = dense_gauss_newton(problem, p)
    np.testing.assert_allclose(gauss_newton(problem, p).dense(), G, rtol=0, atol=300 * EPS * np.abs(G).max())


@pytest.mark.parametrize("make", [hessian, gauss_newton])
def test_an_operator_is_its_dense_matrix(make):
    problem = problem_of("tanh")
    p, rng = problem.network.draw(0), np.random.default_rng(0)
    operator, v = make(problem, p), rng.standard_normal((problem.size, 3))
    assert isinstance(operator, LinearOperator)
    A = operator.dense()
    assert np.array_equal(A, A.T)
    np.testing.assert_allclose(operator @ v, A @ v, rtol=0, atol=1e-14 * np.abs(A).sum())
    np.testing.assert_allclose(operator.T @ v[:, 0], A @ v[:, 0], rtol=0, atol=1e-14 * np.abs(A).sum())
    before = operator.products
    operator @ v
    assert operator.products == before + 3


@pytest.mark.parametrize("make", [hessian, gauss_newton])
def test_a_layers_matrix_is_its_block_of_the_whole(make):
    problem = problem_of("paper")
    p = problem.network.draw(1)
    whole = make(problem, p).dense()
    for layer, (w, b) in zip(layers_of(problem), problem.network.slices, strict=True):
        own = np.r_[w, b]
        np.testing.assert_allclose(make(problem, p, layer).dense(), whole[np.ix_(own, own)], rtol=0, atol=1e-16)
    assert layers_of(problem) == (2, 3, 4)


def test_gauss_newton_is_never_indefinite_and_is_the_hessian_where_all_is_fitted():
    problem = problem_of("tanh")
    p = problem.network.draw(2)
    fitted = nb.Problem(problem.network, nb.quadratic, nb.Data(problem.data.x, problem.output(p, problem.data.x)))
    G = gauss_newton(problem, p).dense()
    np.testing.assert_allclose(hessian(fitted, p).dense(), G, rtol=0, atol=1e-15)
    assert np.linalg.eigvalsh(G)[0] > -100 * EPS * np.linalg.norm(G)
    J = problem.jacobian(p)
    np.testing.assert_allclose(G, J.T @ J / 10, rtol=0, atol=1e-15)


# -- golden values -------------------------------------------------------------------------------------------------


def test_the_golden_values_of_listing_6_1(paper, reference_run):
    start, end = (curvature(paper, reference_run[name], rate=0.05, by_layer=False) for name in ("p0", "trained"))
    assert start.hessian.lowest.value == pytest.approx(-1.241e-2, abs=5e-6)
    assert start.hessian.highest.value == pytest.approx(9.906e-2, abs=5e-6)
    assert start.hessian.negative.value == 10
    assert end.hessian.lowest.value == pytest.approx(-1.009e-6, abs=5e-10)
    assert end.hessian.highest.value == pytest.approx(8.2095e-3, abs=5e-8)
    assert end.hessian.negative.value == 4
    assert 0.05 * end.hessian.highest.value == pytest.approx(4.1e-4, abs=5e-6)
    assert end.gauss_newton.highest.value == pytest.approx(3.825e-3, abs=5e-7)
    assert end.gauss_newton.rank == 17
    assert end.cost == pytest.approx(3.651768e-5, abs=5e-12)
    assert end.gradient == pytest.approx(3.105e-5, abs=5e-9)
    assert end.stability_limit == pytest.approx(2 / 8.2095e-3, rel=1e-4)
    assert "eta lambda_max = 0.00041" in str(end)


def test_estimates_and_dense_eigenvalues_agree_within_their_errors(paper, reference_run):
    p = reference_run["trained"]
    exact = curvature(paper, p)
    estimated = curvature(paper, p, exact=False, products=120)
    for a, b in zip(exact.spectra, estimated.spectra, strict=True):
        assert (a.matrix, a.layer, a.size) == (b.matrix, b.layer, b.size)
        assert not b.exact
        for end in ("lowest", "highest"):
            assert abs(getattr(a, end).value - getattr(b, end).value) <= getattr(b, end).error + getattr(a, end).error
        assert abs(a.trace.value - b.trace.value) <= 5 * b.trace.error + 1e-12 * abs(a.trace.value)


def test_a_report_is_a_table_and_a_frame(paper, reference_run):
    pandas = pytest.importorskip("pandas")
    report = curvature(paper, reference_run["p0"], rate=0.05)
    table = report.frame()
    assert isinstance(table, pandas.DataFrame)
    assert table.shape[0] == 8
    assert table.negative.iloc[0] == 10
    assert str(report).count("Gauss-Newton") == 4


# -- Lanczos, traces, densities ------------------------------------------------------------------------------------


def symmetric(eigenvalues, seed=0):
    Q, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((len(eigenvalues), len(eigenvalues))))
    A = (Q * eigenvalues) @ Q.T
    return 0.5 * (A + A.T)


SPECTRA = {
    "spread": np.linspace(-1.0, 3.0, 60),
    "decaying": np.concatenate([[-0.5], 10.0 ** -np.arange(0.0, 12.0, 0.2)]),
    "low rank": np.concatenate([np.zeros(50), [1.0, 2.0, 7.0]]),
    "one": np.array([2.5]),
    "equal": np.full(20, 3.0),
}


@pytest.mark.parametrize("name", SPECTRA)
def test_lanczos_relation_and_orthogonality_hold_to_rounding(name):
    A = symmetric(SPECTRA[name])
    s = len(A)
    T = lanczos(A, 25, np.random.default_rng(1).standard_normal(s))
    m, scale = len(T.alpha), np.abs(SPECTRA[name]).max()
    np.testing.assert_allclose(T.V @ T.V.T, np.eye(m), rtol=0, atol=100 * EPS)
    rest = A @ T.V.T - T.V.T @ T.T
    np.testing.assert_allclose(rest[:, :-1], 0.0, atol=100 * EPS * scale)
    assert np.linalg.norm(rest[:, -1]) == pytest.approx(T.beta[-1], abs=100 * EPS * scale)
    assert m <= len(np.unique(SPECTRA[name])) + 1


@pytest.mark.parametrize("name", SPECTRA)
@pytest.mark.parametrize("products", [10, 60])
def test_within_each_error_lies_an_eigenvalue(name, products):
    values = SPECTRA[name]
    highest = min(2, len(values) - 1)
    found = extreme_eigenvalues(symmetric(values), 1, highest, products=products)
    for value, error in zip(found.values, found.errors, strict=True):
        assert np.abs(values - value).min() <= error + 10 * EPS * np.abs(values).max()
    if products == 60:
        assert found.values[[0, -1]] == pytest.approx(np.sort(values)[[0, -1]], abs=1e-8 * np.abs(values).max())


def test_extreme_eigenvalues_are_those_of_scipy_and_stop_when_they_are_good_enough():
    problem = nb.Problem(nb.Network.dense(2, 12, 12, 2, activation=nb.tanh), nb.quadratic, nb.data.ten_points())
    H = hessian(problem, problem.network.draw(0))
    ours = extreme_eigenvalues(H, 2, 3, tolerance=1e-9)
    theirs = np.concatenate([np.sort(eigsh(H, 2, which="SA")[0]), np.sort(eigsh(H, 3, which="LA")[0])])
    np.testing.assert_allclose(ours.values, theirs, rtol=0, atol=1e-8 * np.abs(theirs).max())
    assert ours.products < H.shape[0]
    residual = H @ ours.vectors - ours.vectors * ours.values
    assert (np.linalg.norm(residual, axis=0) <= ours.errors * 1.01).all()
    assert "within" in str(ours)


def test_traces_cover_the_truth_as_often_as_they_say():
    A = symmetric(SPECTRA["decaying"])
    inside = {trace: 0, trace_plus_plus: 0}
    for f in inside:
        for seed in range(100):
            found = f(A, 30, seed)
            inside[f] += abs(found.value - np.trace(A)) <= 2 * found.error
            assert found.products <= 30
    # 95 % of normal estimates lie within 2 errors, and 92 % of those whose error is from 10 samples (Hutch++).
    assert all(count >= 80 for count in inside.values()), inside


def test_hutch_plus_plus_is_exact_for_low_rank_and_better_than_hutchinson():
    low = symmetric(SPECTRA["low rank"])
    assert trace_plus_plus(low, 12).value == pytest.approx(10.0, rel=1e-13)
    A = symmetric(10.0 ** -np.arange(0.0, 12.0, 0.2))
    errors = [[abs(f(A, 60, seed).value - np.trace(A)) for seed in range(20)] for f in (trace, trace_plus_plus)]
    assert np.mean(errors[1]) < 1e-2 * np.mean(errors[0])
    assert trace_plus_plus(np.diag([1.0, 2.0]), 6).value == pytest.approx(3.0)


def test_quadrature_has_the_moments_of_its_probes_exactly():
    A = symmetric(SPECTRA["spread"])
    density = spectral_density(A, probes=3, steps=5, rng=7)
    generator = np.random.default_rng(7)
    for row in range(3):
        v = generator.choice([-1.0, 1.0], 60) / np.sqrt(60)
        for k in range(10):  # degree up to 2 m - 1
            assert density.weights[row] @ density.nodes[row] ** k == pytest.approx(
                v @ np.linalg.matrix_power(A, k) @ v, abs=1e-12 * 3**k
            )


def test_densities_count_and_integrate_within_their_errors():
    values = SPECTRA["spread"]
    density = spectral_density(symmetric(values), probes=30, steps=40, rng=0)
    assert density.moment(0).value == pytest.approx(1.0, abs=1e-13)
    for estimate, truth in [
        (density.moment(1), values.mean()),
        (density.moment(2), (values**2).mean()),
        (density.number(high=0.0), np.count_nonzero(values <= 0)),
        (density.number(low=2.0), np.count_nonzero(values >= 2.0)),
    ]:
        assert abs(estimate.value - truth) <= 4 * estimate.error + 1e-12
    grid = np.linspace(-3.0, 5.0, 801)
    curve, error = density.curve(grid, 0.3)
    assert np.trapezoid(curve, grid) == pytest.approx(1.0, abs=1e-6)
    true = np.exp(-0.5 * ((grid[:, None] - values) / 0.3) ** 2).mean(axis=1) / (0.3 * np.sqrt(2 * np.pi))
    assert (np.abs(curve - true) <= 5 * error + 1e-3).all()
    assert "60 eigenvalues" in str(density)


# -- noise and paths -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cost", COSTS)
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("weighted", [False, True])
def test_noise_is_the_covariance_of_the_points_gradients(cost, engine, weighted):
    weight = np.linspace(0.0, 2.0, 10) if weighted else None
    problem = problem_of("paper", cost, engine, weight, penalty=0.2)
    p = problem.network.draw(4)
    bare = problem_of("paper", cost, engine, weight)
    rows = point_gradients(problem, p)
    shares = np.ones(10) if weight is None else weight / weight.mean()
    x, y, _ = problem.data
    for i in range(10):
        one = nb.Problem(problem.network, problem.cost, nb.Data(x[i : i + 1], y[i : i + 1]))
        np.testing.assert_allclose(rows[i], shares[i] * one.gradient(p), rtol=0, atol=1e-15)
    noise = gradient_noise(problem, p)
    np.testing.assert_allclose(noise.mean, bare.gradient(p), rtol=0, atol=1e-15)
    Sigma = np.cov(rows.T, bias=True)
    np.testing.assert_allclose(noise.factor.T @ noise.factor, Sigma, rtol=0, atol=1e-16)
    assert noise.rank <= 9
    assert noise.trace == pytest.approx(np.trace(Sigma))
    assert noise.effective_rank == pytest.approx(np.trace(Sigma) ** 2 / np.sum(Sigma**2))
    H = hessian(problem, p).dense()
    cosine = np.sum(H * Sigma) / np.linalg.norm(H) / np.linalg.norm(Sigma)
    assert noise.alignment(H) == pytest.approx(cosine)
    assert noise.alignment(hessian(problem, p)) == pytest.approx(cosine)
    assert noise.alignment(Sigma) == pytest.approx(1.0)
    u = np.random.default_rng(0).standard_normal(23)
    assert noise.along(u) == pytest.approx(u @ Sigma @ u / (u @ u) / np.trace(Sigma))


def test_noise_point_by_point_is_the_same_as_all_at_once(monkeypatch):
    problem = problem_of("paper", weight=np.linspace(0.5, 2.0, 10))
    p = problem.network.draw(4)
    at_once = point_gradients(problem, p)
    monkeypatch.setattr("netbp.analysis.noise.ENTRIES", 0)
    np.testing.assert_allclose(point_gradients(problem, p), at_once, rtol=0, atol=1e-15)


IMAGES = nb.Network.chain((2, 6, 6), nb.Conv(3, 3), nb.tanh, nb.Pool(2, 2), nb.Conv(2, 2), nb.tanh, nb.Dense(3))


@pytest.mark.parametrize("weighted", [False, True])
def test_gradients_of_images_point_by_point_are_those_of_the_reference_engine(weighted, monkeypatch):
    rng, N = np.random.default_rng(0), 14
    data = nb.Data(rng.random((N, 72)), np.eye(3)[rng.integers(3, size=N)], rng.random(N) if weighted else None)
    problem = nb.Problem(IMAGES, nb.softmax_log_loss, data, penalty=0.1, engine=nb.Tensor(precision="float64"))
    p = IMAGES.draw(rng)
    expected = point_gradients(problem.on(Reference()), p)  # one point's gradient after the other
    np.testing.assert_allclose(point_gradients(problem, p), expected, rtol=0, atol=1e-14)
    monkeypatch.setattr("netbp.engines.tensor.jacobian.POINTS_AT_ONCE", 4 * IMAGES.size)
    np.testing.assert_allclose(point_gradients(problem, p), expected, rtol=0, atol=1e-14)
    monkeypatch.setattr("netbp.analysis.noise.ENTRIES", 0)  # as if there were many numbers
    single = gradient_noise(problem.on(nb.Tensor()), p)
    exact = gradient_noise(problem.on(Reference()), p)
    assert (single.factor.dtype, exact.factor.dtype) == (np.float32, np.float64)
    for name in ("trace", "norm", "effective_rank", "rank"):
        assert getattr(single, name) == pytest.approx(getattr(exact, name), rel=1e-4)


def test_noise_of_a_sample_and_of_too_many_points():
    rng = np.random.default_rng(0)
    data = nb.Data(rng.standard_normal((500, 2)), rng.random((500, 2)))
    problem = nb.Problem(NETWORKS["paper"], nb.quadratic, data)
    p = problem.network.draw(1)
    whole, some = gradient_noise(problem, p), [gradient_noise(problem, p, 60, seed) for seed in range(40)]
    assert {len(noise.factor) for noise in some} == {60}
    traces = np.array([noise.trace for noise in some]) * 60 / 59 * 499 / 500
    assert abs(traces.mean() - whole.trace) < 3 * traces.std() / np.sqrt(40)
    H = hessian(problem, p)
    products = LinearOperator(H.shape, matvec=H.matvec, dtype=float)  # without dense(): estimates only
    assert whole.alignment(products) == pytest.approx(whole.alignment(H), abs=0.15)
    wide = nb.Problem(nb.Network.dense(2, 30_000, 2), nb.quadratic, nb.Data(np.zeros((5000, 2)), np.zeros((5000, 2))))
    with pytest.raises(ValueError, match=r"5,000 points by 150,002 parameters would take 6.0 GB, .* of at most 3,333, points="):
        gradient_noise(wide, np.zeros(wide.size))
    with pytest.raises(ValueError, match="at least 2 points, but 1 were asked for"):
        gradient_noise(problem, p, points=1)


def test_a_fitted_problem_has_no_noise():
    problem = problem_of("paper")
    p = problem.network.draw(0)
    fitted = nb.Problem(problem.network, nb.quadratic, nb.Data(problem.data.x, problem.output(p, problem.data.x)))
    noise = gradient_noise(fitted, p)
    assert noise.trace < 100 * EPS**2
    none = GradientNoise(np.zeros((10, 23)), np.zeros(23))
    assert (none.trace, none.rank, none.effective_rank, none.along(p), none.alignment(np.eye(23))) == (0.0, 0, 0.0, 0.0, 0.0)
    assert effective_rank(np.ones(7)) == pytest.approx(7.0)


def test_the_path_is_the_one_that_train_takes(paper):
    method, steps = nb.StochasticGradient(rate=0.05), [0, 3, 1000, 20_500]
    path = curvature_along(paper, method, steps, rng=nb.MatlabRandom(5000))
    for step, p, place in zip(steps, path.points, path.places, strict=True):
        run = nb.train(paper, method, step, rng=nb.MatlabRandom(5000))
        assert np.array_equal(p, run.p)
        assert (place.step, place.cost) == (step, run.final_cost)
        report = curvature(paper, p, rate=0.05, by_layer=False)
        assert place.highest == pytest.approx(report.hessian.highest.value)
        assert place.sharpness == pytest.approx(0.05 * place.highest)
        assert place.gauss_newton == pytest.approx(report.gauss_newton.highest.value)
        assert -1.0 <= place.with_hessian <= 1.0
        assert 0.0 <= place.along_top <= 1.0
    assert str(path).count("\n") == 4
    ended = list(visited(paper, nb.LevenbergMarquardt(), [0, 5, 10_000], rng=0))
    assert 5 < ended[-1][0] < 10_000


def test_large_problems_use_products_only(monkeypatch):
    problem = problem_of("tanh")
    exact = curvature_along(problem, nb.SteepestDescent(rate=0.1), [5], rng=0)
    monkeypatch.setattr("netbp.analysis.path.EXACT", 3)
    estimated = curvature_along(problem, nb.SteepestDescent(rate=0.1), [5], rng=0)
    for name in ("lowest", "highest", "gauss_newton"):
        assert estimated.column(name) == pytest.approx(exact.column(name), abs=1e-4 * exact.places[0].highest)
    monkeypatch.setattr("netbp.analysis.operators.LARGEST", 3)
    with pytest.raises(ValueError, match="use its products"):
        hessian(problem, problem.network.draw(0)).dense()


# -- figures -------------------------------------------------------------------------------------------------------


def test_the_experiment_has_numbers_first_and_a_figure_second():
    experiment = CurvatureExperiment(steps=200, places=4)
    result = experiment.run()
    assert [place.step for place in result.path.places] == [0, 1, 14, 200]
    assert "along the path" in str(result)
    assert encoded(experiment.draw(result), "png").startswith(b"\x89PNG")
    with pytest.raises(ValueError, match="at least 2 places"):
        CurvatureExperiment(places=1)


def test_pictures_show_the_eigenvalues(paper, reference_run):
    report = curvature(paper, reference_run["trained"], by_layer=False)
    with house_style():
        _, (left, right) = new_figure(1, 2)
        draw_spectra(left, report.spectra)
        draw_density(right, spectral_density(hessian(paper, reference_run["trained"]), probes=4, steps=20))
    negative = next(line for line in left.get_lines() if "negative" in str(line.get_label()))
    assert len(negative.get_ydata()) == 4
    assert negative.get_ydata().max() == pytest.approx(1.009e-6, abs=5e-10)
    estimate = curvature(paper, reference_run["trained"], by_layer=False, exact=False)
    with pytest.raises(ValueError, match="exact=True"):
        draw_spectra(left, estimate.spectra)


# -- bad input -----------------------------------------------------------------------------------------------------


def test_bad_input_is_one_clear_line(paper):
    p = paper.network.draw(0)
    with pytest.raises(ValueError, match="23 parameters, but p has shape"):
        hessian(paper, p[:-1])
    with pytest.raises(ValueError, match="1 entries that are not finite"):
        gauss_newton(paper, np.where(np.arange(23) == 4, np.nan, p))
    with pytest.raises(ValueError, match=r"layer 5 .* has no parameters: those that do are 2, 3, 4"):
        hessian(paper, p, layer=5)
    with pytest.raises(ValueError, match="no 20 lowest and 20 highest"):
        extreme_eigenvalues(hessian(paper, p), 20, 20)
    with pytest.raises(ValueError, match="at least 2 products"):
        trace(np.eye(3), 1)
    with pytest.raises(ValueError, match="at least 2 probes"):
        spectral_density(np.eye(3), probes=1)
    with pytest.raises(ValueError, match="its shape is"):
        trace(np.ones((2, 3)))
    with pytest.raises(ValueError, match="ascending order"):
        curvature_along(paper, nb.SteepestDescent(), [5, 2])
    own = nb.Cost("own", nb.quadratic.value, nb.quadratic.slope, nb.quadratic.curvature, nb.quadratic.predict)
    with pytest.raises(ValueError, match="use hessian"):
        gauss_newton(nb.Problem(paper.network, own, paper.data), p)
