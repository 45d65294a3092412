"""How methods end: saturation is told of every one, an overflow is a divergence, and a signal ends what is under way."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import netbp as nb
from netbp import processes
from netbp.engines.reference import Reference
from netbp.interrupts import requested
from netbp.methods.iterates import TooLargeError, from_overflow
from patience import SECONDS

SCIPY = {
    "L-BFGS": nb.LBFGS(),
    "Newton-CG": nb.NewtonCG(),
    "ncg": nb.TrustRegion(),
    "krylov": nb.TrustRegion(subproblem="krylov"),
    "exact": nb.TrustRegion(subproblem="exact"),
    "Nelder-Mead": nb.NelderMead(),
}
METHODS = {
    **SCIPY,
    "Levenberg-Marquardt": nb.LevenbergMarquardt(),
    "norms": nb.LevenbergMarquardt(residual="norms"),
    "steepest": nb.SteepestDescent(rate=0.1),
    "stochastic": nb.StochasticGradient(rate=0.1),
    "epochs": nb.StochasticGradient(rate=0.1, sampling="epochs", batch=5),
}
TEN = nb.data.ten_points()


def problem(sigma: nb.Activation = nb.sigmoid, cost: nb.Cost = nb.quadratic) -> nb.Problem:
    return nb.Problem(nb.Network.dense(2, 2, activation=sigma), cost, TEN, engine=Reference())


# -- saturation --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sigma", [nb.sigmoid, nb.tanh], ids=lambda s: s.name)
@pytest.mark.parametrize("name", METHODS)
def test_saturation_is_told_however_a_run_ends(name, sigma):
    plateau = problem(sigma)
    start = np.array([0.0, 0.0, 0.0, 0.0, 40.0, -40.0])  # both outputs stand still, and are wrong at half of the points
    run = nb.train(plateau, METHODS[name], steps=3, start=start)
    assert run.message.count("it is saturated: ") == 1, run
    again = nb.train(plateau, METHODS[name], steps=run.step, start=None, resume=run)
    assert again.message.count("it is saturated: ") == 1, again
    fine = nb.train(plateau, METHODS[name], steps=3, rng=1)
    assert "saturated" not in fine.message


# -- overflow ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sigma", [nb.identity, nb.relu, nb.leaky_relu], ids=lambda s: s.name)
@pytest.mark.parametrize("scale", [1e20, 1e50, 1e75, 1e76])
@pytest.mark.parametrize("name", [*SCIPY, "Levenberg-Marquardt"])
def test_numbers_too_large_for_a_method_end_it_and_raise_nothing(name, scale, sigma):
    network = nb.Network.dense(2, 3, 2, activation=sigma)
    large = nb.Problem(network, nb.quadratic, TEN, engine=Reference())
    run = nb.train(large, METHODS[name], steps=5, start=scale * network.draw(0))
    assert np.isfinite(run.p).all()
    assert run.final_cost <= run.initial_cost
    if name in ("Newton-CG", "ncg", "krylov", "exact") and scale >= 1e75 and sigma == nb.identity:
        assert run.status == "diverged", run
        assert "the last state before them is kept; try a smaller start (iteration 0)" in run.message


def raising(error: Exception) -> nb.Cost:
    """A cost that raises at its third evaluation."""
    count = iter(range(10**9))

    def value(a, y):
        if next(count) == 2:
            raise error
        return nb.quadratic.value(a, y)

    return nb.Cost("own", value, nb.quadratic.slope, nb.quadratic.curvature, nb.quadratic.predict)


@pytest.mark.parametrize("name", SCIPY)
def test_errors_of_ones_own_functions_are_not_taken_for_divergence(name):
    for error in (ValueError, TypeError, OverflowError, ZeroDivisionError, np.linalg.LinAlgError):
        with pytest.raises(error, match="a fault of my own"):
            nb.train(problem(cost=raising(error("a fault of my own"))), METHODS[name], steps=20)


def test_what_scipy_raises_itself_is_an_overflow():
    for error in (
        ValueError("array must not contain infs or NaNs"),
        np.linalg.LinAlgError("singular"),
        OverflowError("range"),
        TooLargeError("Hv"),
    ):
        assert from_overflow(error)


# -- signals -----------------------------------------------------------------------------------------------------------


class Signalled:
    """A cost that sends a signal to the process at some evaluation, and counts how many come after it."""

    def __init__(self, at: int, number: int = signal.SIGTERM, waits: bool = True) -> None:
        self.at, self.number, self.waits, self.seen = at, number, waits, 0

    def cost(self) -> nb.Cost:
        return nb.Cost("own", self.value, nb.quadratic.slope, nb.quadratic.curvature, nb.quadratic.predict, least_squares=True)

    def value(self, a: np.ndarray, y: np.ndarray) -> np.ndarray:
        self.seen += 1
        if self.seen == self.at:
            os.kill(os.getpid(), self.number)
            while self.waits and not requested():  # the main thread, to which signals come, has its turn
                time.sleep(0.001)
        return nb.quadratic.value(a, y)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda n: n.name)
@pytest.mark.parametrize("name", [*SCIPY, "steepest"])
def test_a_signal_ends_a_method_at_its_next_evaluation(name, number, tmp_path: Path):
    signalled = Signalled(40, number)
    run = nb.train(problem(cost=signalled.cost()), METHODS[name], steps=10**6, rng=1, save=tmp_path / "run.npz")
    if run.status == "converged":  # before the fortieth evaluation
        assert signalled.seen < 40
        return
    assert run.status == "interrupted", run
    if name in SCIPY:
        assert signalled.seen <= 40 + 3  # the one under way, and the cost at the end
    assert nb.Run.load(tmp_path / "run.npz").step == run.step


@pytest.mark.parametrize("name", ["L-BFGS", "Nelder-Mead"])
def test_a_signal_ends_a_run_that_is_being_run_again(name):
    """A run that goes on with one of SciPy's methods takes its iterations again, which may take as long as they did."""
    network = nb.Network.dense(2, 2, 3, 2)
    before = nb.train(nb.Problem(network, nb.quadratic, TEN, engine=Reference()), METHODS[name], steps=30, rng=1)
    signalled = Signalled(10)
    # A cost of the same name with the same code, for which the run is the same
    again = nb.Problem(network, nb.quadratic, TEN, engine=Counted(signalled))
    run = nb.train(again, METHODS[name], steps=60, resume=before)
    assert (run.status, run.step) == ("interrupted", 30)
    assert signalled.seen <= 13
    assert run.p.tobytes() == before.p.tobytes()


class Counted(Reference):
    """The reference engine, whose evaluations are counted."""

    def __init__(self, signalled: Signalled) -> None:
        object.__setattr__(self, "signalled", signalled)

    def bind(self, objective):
        return super().bind(objective._replace(cost=self.signalled.cost()))


def test_a_signal_to_the_main_thread_leaves_other_threads_their_iterates():
    runs: list[nb.Run] = []
    thread = threading.Thread(target=lambda: runs.append(nb.train(problem(), nb.LBFGS(), steps=5, rng=1)))

    def until(snapshot: nb.Snapshot) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        thread.start()
        thread.join()

    run = nb.train(problem(), nb.SteepestDescent(), steps=100, record=1, until=until)
    assert (run.status, runs[0].status, runs[0].step) == ("interrupted", "finished", 5)


def test_an_ensemble_in_threads_ends_with_a_ctrl_c():
    signalled = Signalled(5, signal.SIGINT, waits=False)
    many = nb.Problem(nb.Network.dense(2, 2), signalled.cost(), TEN, engine=Reference())
    with pytest.raises(KeyboardInterrupt):
        nb.multistart(many, nb.SteepestDescent(), starts=2, steps=30_000, workers=2)
    assert signalled.seen < 2 * 30_000


def test_a_worker_ends_with_its_parent(monkeypatch):
    ended, here = threading.Event(), os.getppid()
    parents = iter([here, here, 1])
    monkeypatch.setattr(processes, "LOOKS", 0.0)
    monkeypatch.setattr(processes, "_watched", set())
    monkeypatch.setattr(processes.os, "getppid", lambda: next(parents, 1))
    monkeypatch.setattr(processes.os, "_exit", lambda code: ended.set())
    processes.end_with(here)
    assert ended.wait(SECONDS)
    processes.end_with(here)
    processes.end_with(-1)
