"""Fixtures that several test files share: the golden data of Listing 6.1 and the paper's problem."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import netbp as nb
from netbp.engines.reference import Reference

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell leaves it for what it runs in the background
    signal.signal(signal.SIGINT, signal.default_int_handler)

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # as netbp.engines.tensor.onnx_graph does


def pytest_configure(config: pytest.Config) -> None:
    """Laws of the arithmetic hold for targets and outputs that training would be told about; test_targets.py is about these."""
    for line in ("ignore:the softmax log loss", "ignore:the (held-out )?data's y has"):
        config.addinivalue_line("filterwarnings", line)


DATA = Path(__file__).parent / "data"
EPS = float(np.finfo(float).eps)


@pytest.fixture(scope="session")
def reference_run() -> dict[str, Any]:
    """Listing 6.1 at its two ends: `p0` and `trained`, (23,) each, and the monitored costs there (2 N x Cost)."""
    content = json.loads((DATA / "netbp_reference.json").read_text())
    return content | {name: np.array(content[name]) for name in ("p0", "trained")}


@pytest.fixture(scope="session")
def figure7_costs() -> tuple[np.ndarray, np.ndarray]:
    """Figure 7's 100 points: the steps 1, 10001, ..., 990001 and the monitored cost (2 N x Cost) after each."""
    table = np.loadtxt(DATA / "netbp_costs.csv", delimiter=",", skiprows=1)
    return table[:, 0].astype(int), table[:, 1]


@pytest.fixture(scope="session")
def network() -> nb.Network:
    """The network of figure 3."""
    return nb.Network.dense(2, 2, 3, 2)


@pytest.fixture
def problem(network: nb.Network) -> nb.Problem:
    """The paper's problem (6) on the reference engine."""
    return nb.Problem(network, nb.quadratic, nb.data.ten_points(), engine=Reference())


def condition(f: Callable[[np.ndarray], np.ndarray], p: np.ndarray, draws: int = 8) -> np.ndarray:
    """How far each entry of f(p) moves, per unit, when all of p moves relatively by a little at random: sums over `draws`.

    Times eps, this is the error that rounding p alone would make; a stable algorithm's error is a modest multiple of it.
    """
    rng, delta, here = np.random.default_rng(99), 1e-7, np.asarray(f(p))
    moves = [np.abs(np.asarray(f(p * (1.0 + delta * rng.choice([-1.0, 1.0], p.shape)))) - here) / delta for _ in range(draws)]
    return np.sum(moves, axis=0) + np.abs(here)


def agree(asked: np.ndarray, f: Callable[[np.ndarray], np.ndarray], p: np.ndarray, multiple: float) -> None:
    """Assert that `asked` is f(p) within `multiple` times eps times the condition of f at p, entry by entry."""
    expected, allowed = np.asarray(f(p)), multiple * EPS * condition(f, p)
    worst = np.max(np.abs(np.asarray(asked) - expected) / np.maximum(allowed, np.finfo(float).tiny), initial=0.0)
    assert np.shape(asked) == expected.shape
    assert worst <= 1.0, f"{worst * multiple:.3g} eps x condition, where {multiple:g} are allowed"


@pytest.fixture
def one_thread() -> Any:
    """PyTorch with one thread, as in the processes that tests start."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
