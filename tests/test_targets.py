"""Cost, targets and network belong together: what is meaningless is refused, what is doubtful is told, and nothing else is."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from torch import nn

import netbp as nb
from netbp.engines.reference import Reference
from netbp.experiments.plane import PlaneExperiment
from netbp.layers import Dropout, Elementwise, Flatten, Pool

pytestmark = pytest.mark.filterwarnings("error")
X = np.array([[0.1, 0.2], [0.3, 0.4], [0.5, 0.9]])
ONE_HOT = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
THREE = np.eye(3)
LINEAR = nb.Network.dense(2, 3, 2, activation=(nb.sigmoid, nb.identity))


def dense(sigma: nb.Activation, outputs: int = 2) -> nb.Network:
    return nb.Network.dense(2, 3, outputs, activation=(nb.tanh, sigma))


def module(*last: nn.Module, outputs: int = 2) -> nb.TorchNetwork:
    return nb.TorchNetwork(nn.Sequential(nn.Linear(2, outputs), *last), 2)


REFUSED = {
    "one output": (dense(nb.identity, 1), np.array([[0.0], [1.0], [1.0]]), "has one output, whose probability is always 1"),
    "one sigmoid": (dense(nb.sigmoid, 1), np.array([[0.0], [1.0], [1.0]]), "or use nb.quadratic"),
    "one of a module": (module(outputs=1), np.array([[0.0], [1.0], [1.0]]), "has one output"),
    "minus one": (LINEAR, 2.0 * ONE_HOT - 1.0, r"y has -1 in row 0, column 1 \(counted from 0\)"),
    "a little below": (LINEAR, ONE_HOT - [[0.0, 0.0], [0.0, 0.0], [0.0, 1e-9]], r"y has -1e-09 in row 2, column 1"),
    "minus one of a module": (module(), 2.0 * ONE_HOT - 1.0, "the cost would fall without end: write categories as 1 and 0"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_means_nothing_to_the_softmax_is_refused(name):
    network, y, said = REFUSED[name]
    with pytest.raises(ValueError, match=said):
        nb.Problem(network, nb.softmax_log_loss, nb.Data(X, y))
    if network.sizes[-1] > 1:
        with pytest.raises(ValueError, match="the held-out data's y"):
            nb.Problem(network, nb.softmax_log_loss, nb.Data(X, ONE_HOT), nb.Data(X, y))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        nb.Problem(network, nb.quadratic, nb.Data(X, y))  # which has a meaning


Q, S = nb.quadratic, nb.softmax_log_loss
DOUBTFUL = {
    "sigmoid": (dense(nb.sigmoid), S, ONE_HOT, r"between 0 and 1 \(sigmoid\) cannot fall below 0.31 for 2 categories"),
    "three sigmoids": (dense(nb.sigmoid, 3), S, THREE, "cannot fall below 0.55 for 3 categories: leave the last layer linear"),
    "tanh": (dense(nb.tanh), S, ONE_HOT, r"\(tanh\) cannot fall below 0.13"),
    "pooled": (
        nb.Network.chain(2, nb.Dense(4), nb.sigmoid, Flatten(), Dropout(0.1)),
        S,
        np.eye(4)[:3],
        r"\(sigmoid\) cannot fall below 0.74 for 4",
    ),
    "elementwise": (nb.Network.chain(2, nb.Dense(2, nb.identity), Elementwise(nb.tanh)), S, ONE_HOT, r"\(tanh\) cannot"),
    "softmax twice": (module(nn.Softmax(1)), S, ONE_HOT, r"\(Softmax\) cannot fall below 0.31"),
    "nested": (module(nn.Sequential(nn.Sigmoid(), nn.Flatten())), S, ONE_HOT, r"\(Sigmoid\) cannot fall below 0.31"),
    "halves": (LINEAR, S, 0.5 * ONE_HOT, r"row 0 \(counted from 0\) sums to 0.5: divide each row by its sum"),
    "counts": (LINEAR, S, ONE_HOT * [[1.0], [3.0], [1.0]], r"row 1 \(counted from 0\) sums to 3"),
    "no category": (LINEAR, S, ONE_HOT * [[1.0], [1.0], [0.0]], "row 2"),
    "signs": (
        dense(nb.sigmoid),
        Q,
        2.0 * ONE_HOT - 1.0,
        r"-1 in row 0, column 1 \(counted from 0\), which outputs between 0",
    ),
    "numbers": (dense(nb.sigmoid), Q, 5.0 * ONE_HOT, "as 3 of 6 targets: scale the targets, or leave the last layer linear"),
    "beyond tanh": (dense(nb.tanh), Q, 1.5 * ONE_HOT, r"between -1 and 1 \(tanh\) never reach"),
    "below relu": (dense(nb.relu), Q, -ONE_HOT, r"of at least 0 \(relu\)"),
    "labels": (dense(nb.sigmoid, 1), Q, np.array([[1.0], [2.0], [3.0]]), "y has 2 in row 1, column 0"),
    "module": (module(nn.Sigmoid()), Q, 3.0 * ONE_HOT, r"\(Sigmoid\) never reach"),
    "autoencoder": (nb.Network.dense(2, 1, 2), Q, None, "y has 5 in row 0"),
}


def made(network: nb.Network, cost: nb.Cost, y: Any) -> nb.Problem:
    engine = None if isinstance(network, nb.TorchNetwork) else Reference()
    return nb.Problem(network, cost, nb.Data(X if y is not None else 50.0 * X, y), engine=engine)


@pytest.mark.parametrize("name", DOUBTFUL)
def test_what_is_doubtful_is_told_where_the_problem_is_made_once(name):
    network, cost, y, said = DOUBTFUL[name]
    with pytest.warns(UserWarning, match=said) as told:
        problem = made(network, cost, y)
    assert [w.filename for w in told] == [__file__]
    p = problem.network.draw(0)
    problem.value(p)  # what is derived from it is not told again
    nb.train(problem, nb.SteepestDescent(rate=0.01), steps=2)
    if network.is_dense:
        problem.on(Reference()).explain(p, problem.data.x[0], problem.data.y[0])
        nb.check_gradient(problem, p)


FINE = {
    "the paper's": (nb.Network.dense(2, 2, 3, 2), Q, ONE_HOT),
    "tanh and signs": (dense(nb.tanh), Q, 2.0 * ONE_HOT - 1.0),
    "a range": (dense(nb.sigmoid), Q, 0.1 + 0.8 * ONE_HOT),
    "linear": (LINEAR, Q, 50.0 * ONE_HOT - 20.0),
    "leaky": (dense(nb.leaky_relu), Q, -ONE_HOT),
    "softmax": (LINEAR, S, ONE_HOT),
    "probabilities": (LINEAR, S, np.array([[0.3, 0.7], [0.5, 0.5], [1.0, 0.0]])),
    "single precision": (LINEAR, S, np.array([[0.3, 0.7], [0.1, 0.9], [1.0, 0.0]], dtype=np.float32)),
    "relu": (dense(nb.relu), S, ONE_HOT),
    "module": (module(), S, ONE_HOT),
    "log softmax": (module(nn.LogSoftmax(1)), S, ONE_HOT),
    "one sigmoid": (dense(nb.sigmoid, 1), Q, np.array([[0.0], [1.0], [1.0]])),
    "convolutions": (
        nb.Network.chain((1, 1, 2), nb.Conv(2, 1, activation=nb.sigmoid), Pool(1), nb.Dense(2, nb.identity)),
        S,
        ONE_HOT,
    ),
}


@pytest.mark.parametrize("name", FINE)
def test_what_belongs_together_is_not_told(name):
    network, cost, y = FINE[name]
    replace(made(network, cost, y), penalty=0.1)  # warnings are errors here


def test_an_experiment_tells_it_as_a_problem_does():
    with pytest.warns(UserWarning, match="cannot fall below 0.31 for 2 categories"):
        PlaneExperiment(cost="softmax_log_loss", activation="sigmoid").problem()
    PlaneExperiment().problem()


def test_the_command_line_says_it_in_one_line_and_the_lab_before_the_first_step(tmp_path, capsys):
    from netbp.cli import main
    from netbp.lab.labrun import LabRun

    options = ["--cost", "softmax_log_loss", "--steps", "5", "--picture", "costs", "--out", str(tmp_path / "figure.png")]
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        assert main(["figure", "7", *options]) == 0
    told = [line for line in capsys.readouterr().err.splitlines() if "cannot fall below" in line]
    assert told == [line for line in told if line.startswith("netbp: the softmax log loss of outputs between 0 and 1")]
    assert len(told) == 1
    with pytest.warns(UserWarning, match="cannot fall below"):
        run = LabRun(PlaneExperiment(cost="softmax_log_loss", activation="sigmoid"), "one")
    assert run.opened()["status"] == "ready"
    assert "cannot fall below 0.31" in run.status(run.training.front.state)[1]
    run.training.close()
    fine = LabRun(PlaneExperiment(), "two")
    assert fine.status(fine.training.front.state) == ("ready", "")
    fine.training.close()
