"""Fixtures that several test files share: the golden data of Listing 6.1 and the paper's problem."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import netbp as nb
from netbp.engines.reference import Reference

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
