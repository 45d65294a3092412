"""The number of BLAS's and PyTorch's threads: what keeps every bit, and how far all else may move."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_limits

import netbp as nb
from conftest import agree
from netbp.engines.reference import Reference
from netbp.methods import Method

ENGINES = {"reference": Reference(), "compiled": None, "tensor": nb.Tensor(precision="float64")}
METHODS = [
    nb.StochasticGradient(rate=0.05),
    nb.StochasticGradient(nb.adam, 0.05, batch=32, sampling="epochs"),
    nb.SteepestDescent(rate=0.5),
]


def problem(*sizes: int, N: int, engine: Any = None) -> nb.Problem:
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((N, sizes[0])), rng.random((N, sizes[-1]))
    return nb.Problem(nb.Network.dense(*sizes, activation=nb.tanh), nb.quadratic, nb.Data(x, y), engine=engine)


@pytest.mark.parametrize(("sizes", "method"), [*(((2, 2, 3, 2), method) for method in METHODS), ((4, 10, 10, 8), METHODS[2])])
def test_small_networks_move_the_same_with_any_number_of_threads(sizes: tuple[int, ...], method: Method) -> None:
    asked = problem(*sizes, N=3000)
    assert asked.size <= 256
    runs = []
    for threads in (1, 2, 3):
        with threadpool_limits(threads):
            runs.append(nb.train(asked, method, 40, rng=2, record=10))
    for run in runs[1:]:
        np.testing.assert_array_equal(run.p, runs[0].p)
        np.testing.assert_array_equal(run.costs, runs[0].costs)


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("engine", ENGINES)
def test_another_number_of_threads_is_within_rounding(engine: str) -> None:
    asked = problem(20, 150, 150, 5, N=600, engine=ENGINES[engine])
    p = asked.network.draw(1, scale=nb.glorot)
    for threads in (2, 3):
        torch.set_num_threads(threads)
        with threadpool_limits(threads):
            value, gradient = asked.value_and_gradient(p)
        torch.set_num_threads(1)
        with threadpool_limits(1):
            agree(value, asked.value, p, 64.0)
            agree(gradient, asked.gradient, p, 64.0)
