"""Lemma 1 with numbers: every equation holds between the parts of an Explanation."""

from __future__ import annotations

import numpy as np
import pytest

import netbp as nb
from conftest import EPS
from netbp.engines.reference import Reference

NETWORKS = {
    "figure 3": nb.Network.dense(2, 2, 3, 2),
    "mixed": nb.Network.dense(3, 4, 2, 5, 2, activation=[nb.tanh, nb.relu, nb.leaky_relu, nb.identity]),
    "one layer": nb.Network.dense(3, 2),
}


@pytest.fixture(params=NETWORKS)
def net(request):
    return NETWORKS[request.param]


@pytest.fixture(params=[nb.quadratic, nb.softmax_log_loss], ids=repr)
def explained(request, net):
    rng = np.random.default_rng(3)
    x, y, p = rng.standard_normal(net.sizes[0]), np.eye(net.sizes[-1])[0], net.draw(5)
    problem = nb.Problem(net, request.param, nb.Data([x], [y]), engine=Reference())
    return problem.explain(p, x, y), problem, p, x, y


def test_the_forward_pass_is_7_19_and_20(explained, net):
    e, _, p, x, _ = explained
    assert np.array_equal(e.a[0], x)  # (7)
    assert len(e.a) == len(e.z) + 1 == len(net.sizes)
    for l, ((W, b), sigma) in enumerate(zip(net.views(p), net.activations, strict=True)):
        np.testing.assert_allclose(e.z[l], W @ e.a[l] + b, atol=8 * EPS)  # (19); 5 products in another order
        assert np.array_equal(e.a[l + 1], sigma(e.z[l]))  # (20)
        assert np.array_equal(e.W[l], W)
        assert not np.shares_memory(e.W[l], p)


def test_the_backward_pass_is_22_to_25(explained, net):
    e, problem, _, _, y = explained
    if problem.cost is nb.quadratic:
        assert np.array_equal(e.error, e.a[-1] - y)
        assert e.cost == pytest.approx(0.5 * np.sum((y - e.a[-1]) ** 2), rel=4 * EPS)  # (18)
    for D, slope in zip(e.D, e.slope, strict=True):
        assert np.array_equal(D, np.diag(slope))
    np.testing.assert_allclose(e.delta[-1], e.D[-1] @ e.error, atol=EPS)  # (22)
    for l in range(len(e.delta) - 1):
        np.testing.assert_allclose(e.delta[l], e.D[l] @ e.W[l + 1].T @ e.delta[l + 1], atol=8 * EPS)  # (23)
    for l, (dW, db) in enumerate(zip(e.dW, e.db, strict=True)):
        assert np.array_equal(db, e.delta[l])  # (24)
        assert np.array_equal(dW, np.outer(e.delta[l], e.a[l]))  # (25)


def test_its_gradient_is_the_problems(explained):
    e, problem, p, _, _ = explained
    np.testing.assert_allclose(e.gradient, problem.gradient(p), atol=8 * EPS * max(1.0, np.abs(e.gradient).max()))
    assert e.cost == pytest.approx(problem.value(p), rel=8 * EPS)


def test_the_long_product_multiplies_out_to_delta_and_its_norms_bound_it(explained, net):
    e = explained[0]
    for l in range(2, len(net.sizes) + 1):
        factors = e.product(l)
        L = len(net.sizes)
        names = [f"D[{l}]"] + [name for m in range(l + 1, L + 1) for name in (f"W[{m}]^T", f"D[{m}]")] + ["dC/da"]
        assert [f.name for f in factors] == names
        whole = np.linalg.multi_dot([*(f.matrix for f in factors)]) if len(factors) > 1 else factors[0].matrix
        np.testing.assert_allclose(whole[:, 0], e.delta[l - 2], atol=32 * EPS)
        assert np.linalg.norm(e.delta[l - 2]) <= np.prod([f.norm for f in factors]) * (1 + 32 * EPS)
        for f in factors:
            assert f.norm == pytest.approx(np.linalg.svd(f.matrix, compute_uv=False)[0], rel=32 * EPS)


@pytest.mark.parametrize("l", [1, 0, 9])
def test_only_layers_with_an_error_have_a_product(explained, l):
    with pytest.raises(ValueError, match=rf"delta\[2\] to delta\[\d\], but delta\[{l}\] was asked for"):
        explained[0].product(l)


def test_it_prints_as_a_table_of_its_numbers(explained, net):
    e = explained[0]
    text = str(e)
    for l in range(2, len(net.sizes) + 1):
        assert f"dC/dW[{l}] = delta[{l}] a[{l - 1}]^T  (25)" in text
        for value in (*e.z[l - 2], *e.a[l - 1], *e.delta[l - 2]):
            assert f"{value:.6g}" in text
    assert f"|delta[2]| = {np.linalg.norm(e.delta[0]):.4g}" in text
    assert max(map(len, text.splitlines())) <= 132


def test_wide_and_deep_networks_print_shortened():
    net = nb.Network.dense(100, 50, *[3] * 12, 2)
    e = nb.Problem(net, nb.quadratic, nb.Data(np.ones((1, 100)), np.ones((1, 2)))).explain(net.draw(0), np.ones(100), np.ones(2))
    text = str(e)
    assert max(map(len, text.splitlines())) <= 132
    assert "... (50 in all)" in text
    assert f"{e.z[0][9]:.6g}" in text
    assert f"{e.z[0][10]:.6g}" not in text


def test_every_engines_problem_explains(network):
    point, target = [0.1, 0.4], [1.0, 0.0]
    p = network.draw(0)
    chosen = nb.Problem(network, nb.quadratic, nb.data.ten_points())
    one, other = chosen.explain(p, point, target), chosen.on(Reference()).explain(p, point, target)
    assert np.array_equal(one.gradient, other.gradient)
    with pytest.raises(ValueError, match="Network expects 2 inputs but the point has 3 columns"):
        chosen.explain(p, [1, 2, 3], target)
