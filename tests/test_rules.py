"""Update rules: closed forms on a scalar quadratic, and torch.optim where it has them."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import netbp as nb
from conftest import EPS
from netbp.rules import constants_of

LAMBDA, ETA, START = 3.0, 0.05, 2.0


def iterate(rule: Any, steps: int, gradient: Any, p: Any = START, eta: Any = ETA, decay: float = 0.0, **constants: float) -> Any:
    """p after each step of the rule."""
    given, u, v, path = constants_of(rule, constants), 0.0 * p, 0.0 * p, []
    for t in range(1, steps + 1):
        p, u, v = rule(p, gradient(p) + decay * p, u, v, eta, float(t), *given)
        path.append(p)
    return np.array(path)


def slope(p: Any) -> Any:
    """The derivative of LAMBDA p^2/2."""
    return LAMBDA * p


# -- closed forms. A few roundings a step, damped by the contraction: 50 steps stay below 50 x 4 roundings of the start. -----------


def test_sgd_multiplies_by_one_minus_eta_lambda():
    exact = START * (1 - ETA * LAMBDA) ** np.arange(1, 51)
    np.testing.assert_allclose(iterate(nb.sgd, 50, slope), exact, rtol=200 * EPS)


@pytest.mark.parametrize("mu", [0.0, 0.5, 0.9])
def test_momentum_solves_its_two_term_recurrence(mu):
    # p_(k+1) = (1 + mu - eta lambda) p_k - mu p_(k-1): powers of the companion matrix
    M = np.array([[1 + mu - ETA * LAMBDA, -mu], [1.0, 0.0]])
    exact = [(np.linalg.matrix_power(M, k) @ [START, START])[0] for k in range(1, 51)]
    np.testing.assert_allclose(iterate(nb.momentum, 50, slope, mu=mu), exact, atol=200 * EPS * START)


@pytest.mark.parametrize("mu", [0.0, 0.5, 0.9])
def test_nesterov_is_momentum_at_the_point_ahead(mu):
    # Nesterov's own form: y_(k+1) = x_k - eta f'(x_k), x_(k+1) = y_(k+1) + mu (y_(k+1) - y_k), with y_0 = x_0
    x, y, ahead = START, START, []
    for _ in range(50):
        y, before = x - ETA * slope(x), y
        x = y + mu * (y - before)
        ahead.append(x)
    np.testing.assert_allclose(iterate(nb.nesterov, 50, slope, mu=mu), ahead, atol=200 * EPS * START)


def test_adagrad_of_a_constant_gradient_slows_like_one_over_sqrt_k():
    exact = START - ETA * np.cumsum(1 / np.sqrt(np.arange(1, 51)))
    path = iterate(nb.adagrad, 50, lambda p: 7.0, epsilon=0.0)
    np.testing.assert_allclose(path, exact, rtol=200 * EPS)


def test_rmsprop_of_a_constant_gradient_has_the_geometric_mean_square():
    k = np.arange(1, 51)
    exact = START - ETA * np.cumsum(1 / np.sqrt(1 - 0.9**k))
    # 1 - 0.9^k loses at most a digit to cancellation
    np.testing.assert_allclose(iterate(nb.rmsprop, 50, lambda p: -7.0, alpha=0.9, epsilon=0.0), 2 * START - exact, rtol=2000 * EPS)


@pytest.mark.parametrize("g", [1e-8, -3.0, 1e8])
def test_adam_of_a_constant_gradient_moves_by_eta_whatever_its_size(g):
    exact = START - np.sign(g) * ETA * np.arange(1, 51)
    # the corrections divide by 1 - beta2^t >= 1e-3, which loses three digits
    np.testing.assert_allclose(iterate(nb.adam, 50, lambda p: g, epsilon=0.0), exact, atol=2e4 * EPS * START)


# -- torch ---------------------------------------------------------------------------------------------------------------------

TORCH = [
    ("SGD", {}, nb.sgd, {}),
    ("SGD", {"momentum": 0.8}, nb.momentum, {"mu": 0.8}),
    ("SGD", {"momentum": 0.8, "nesterov": True}, nb.nesterov, {"mu": 0.8}),
    ("Adagrad", {}, nb.adagrad, {}),
    ("RMSprop", {}, nb.rmsprop, {}),
    ("RMSprop", {"alpha": 0.9, "eps": 1e-4}, nb.rmsprop, {"alpha": 0.9, "epsilon": 1e-4}),
    ("Adam", {}, nb.adam, {}),
    ("Adam", {"betas": (0.8, 0.9), "eps": 1e-4}, nb.adam, {"beta1": 0.8, "beta2": 0.9, "epsilon": 1e-4}),
]


def torch_path(name: str, settings: dict[str, Any], A: np.ndarray, start: np.ndarray, steps: int, decay: float) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own, on import
        torch = pytest.importorskip("torch")
        p = torch.tensor(start, dtype=torch.float64, requires_grad=True)
        matrix = torch.tensor(A, dtype=torch.float64)
        optimiser = getattr(torch.optim, name)([p], lr=ETA, weight_decay=decay, **settings)
        path = []
        for _ in range(steps):
            optimiser.zero_grad()
            (0.5 * p @ matrix @ p + torch.cos(p).sum()).backward()
            optimiser.step()
            path.append(p.detach().numpy().copy())
    return np.array(path)


@pytest.mark.parametrize("decay", [0.0, 0.3])
@pytest.mark.parametrize(("name", "settings", "rule", "constants"), TORCH, ids=lambda v: getattr(v, "__name__", str(v)))
def test_fifty_steps_agree_with_torch(name, settings, rule, constants, decay):
    rng = np.random.default_rng(5)
    B = rng.standard_normal((6, 6))
    A, start = B @ B.T / 6 + np.eye(6), rng.standard_normal(6)
    ours = iterate(rule, 50, lambda p: A @ p - np.sin(p), start, decay=decay, **constants)
    # The two round differently a few times a step; the minimum attracts, so these do not grow: 50 steps x 10 roundings, and
    # where a rule divides by the root of small squared gradients as much again.
    np.testing.assert_allclose(ours, torch_path(name, settings, A, start, 50, decay), atol=1000 * EPS)


# -- constants -----------------------------------------------------------------------------------------------------------------


def test_constants_come_in_the_signatures_order():
    assert constants_of(nb.sgd) == ()
    assert constants_of(nb.momentum, {"mu": 0.5}) == (0.5,)
    assert constants_of(nb.adam, {"epsilon": 1e-3, "beta1": 0.5}) == (0.5, 0.999, 1e-3)


def needs_one(p, g, u, v, eta, t, gamma):
    return p - gamma * g, u, v


def another(x, g):
    return x - g


@pytest.mark.parametrize(
    ("rule", "given", "message"),
    [
        (nb.momentum, {"beta": 1.0}, "the rule momentum has mu, but was given beta"),
        (nb.sgd, {"mu": 1.0}, "the rule sgd has no constants, but was given mu"),
        (needs_one, {}, "needs a value for gamma: give constants"),
        (another, {}, r"a rule takes \(p, g, u, v, eta, t, \*constants\), but another takes \(x, g\)"),
    ],
)
def test_what_is_no_rule_or_no_constant_is_refused(rule, given, message):
    with pytest.raises(ValueError, match=message):
        constants_of(rule, given)
