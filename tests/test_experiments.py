"""Experiments: the paper's settings are the defaults, they survive the run file, and every figure can be drawn."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import FrozenInstanceError, fields, replace
from typing import get_type_hints

import numpy as np
import pytest

import netbp as nb
from netbp.experiments import EXPERIMENTS, FIGURES, TITLES, from_settings, settings_of
from netbp.experiments.drawings import NetworkDrawing
from netbp.experiments.least_squares import LeastSquaresExperiment
from netbp.experiments.settings import widths
from netbp.experiments.stochastic import StochasticExperiment
from netbp.figures import encoded
from netbp.run import Run

SHORT = StochasticExperiment(steps=40, engine="reference")


def test_every_figure_of_the_paper_has_an_experiment_and_a_title():
    assert sorted(FIGURES) == sorted(TITLES) == list(range(1, 16))
    assert {type(experiment) for experiment in FIGURES.values()} <= set(EXPERIMENTS.values())


@pytest.mark.parametrize("cls", EXPERIMENTS.values(), ids=EXPERIMENTS)
def test_fields_have_types_defaults_and_help_for_flags(cls):
    hints = get_type_hints(cls)
    assert cls.__doc__.strip()
    for field in fields(cls):
        assert field.metadata["help"]
        assert field.name in hints
    with pytest.raises(FrozenInstanceError):
        setattr(cls(), fields(cls)[0].name, 1)


@pytest.mark.parametrize("experiment", FIGURES.values(), ids=str)
def test_an_experiment_is_rebuilt_from_its_settings(experiment):
    through_a_file = json.loads(json.dumps(settings_of(experiment)))
    assert from_settings(through_a_file) == experiment


def test_settings_of_other_programs_are_refused():
    with pytest.raises(ValueError, match="not made by an experiment"):
        from_settings({})
    with pytest.raises(ValueError, match="has no 'colour'"):
        from_settings({"experiment": "stochastic", "fields": {"colour": 1}})


def test_importing_experiments_loads_nothing_heavy():
    code = (
        "import sys, netbp.experiments; print([m for m in ('matplotlib', 'numba', 'scipy', 'torch', 'jinja2') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_listing_6_1_starts_and_chooses_as_matlab_does(reference_run):
    experiment = replace(SHORT, steps=1)
    run = experiment.run()
    assert 20 * run.initial_cost == pytest.approx(reference_run["cost0_sum_of_squares"], rel=1e-13)
    problem, p0 = experiment.problem(), reference_run["p0"]
    first = nb.Problem(problem.network, nb.quadratic, nb.Data(problem.data.x[:1], problem.data.y[:1]))  # randi(10) gives 1 first
    # One step: 23 subtractions of products of a few factors.
    np.testing.assert_allclose(run.p, p0 - 0.05 * first.gradient(p0), rtol=1e-14, atol=1e-16)


def test_every_field_of_the_stochastic_experiment_reaches_problem_or_method():
    experiment = StochasticExperiment(
        rate=0.1, points="eleven", layers="2-4-2", activation="tanh", cost="softmax_log_loss", rule="adam", batch=3,
        sampling="epochs", decay=0.01, penalty=0.5, engine="reference",
    )  # fmt: skip
    problem, method = experiment.problem(), experiment.method()
    assert (problem.N, problem.network.sizes, problem.penalty, problem.engine.name) == (11, (2, 4, 2), 0.5, "reference")
    assert (problem.cost, problem.network.activations[0]) == (nb.softmax_log_loss, nb.tanh)
    assert (method.rate, method.rule, method.batch, method.sampling, method.weight_decay) == (0.1, nb.adam, 3, "epochs", 0.01)


def test_scale_seed_and_stream_make_the_start():
    for stream, rng in (("matlab", nb.MatlabRandom(7)), ("numpy", np.random.default_rng(7))):
        run = replace(SHORT, steps=0, seed=7, stream=stream, scale=2.0).run()
        np.testing.assert_array_equal(run.p, 2.0 * rng.standard_normal(23))


def test_a_run_is_saved_resumed_and_drawn_from_its_file(tmp_path):
    whole = SHORT.run()
    replace(SHORT, steps=15).run(save=tmp_path / "part.npz")
    resumed = SHORT.run(resume=tmp_path / "part.npz", save=tmp_path / "whole.npz")
    np.testing.assert_array_equal(resumed.p, whole.p)
    np.testing.assert_array_equal(resumed.costs, whole.costs)
    loaded = Run.load(tmp_path / "whole.npz")
    assert encoded(SHORT.draw(loaded), "svg") == encoded(SHORT.draw(whole), "svg")


@pytest.mark.parametrize("residual", ["norms", "components"])
def test_least_squares_fits_the_ten_points(residual):
    experiment = LeastSquaresExperiment(residual=residual, engine="reference")
    run, problem = experiment.run(), experiment.problem()
    assert run.status == "converged"
    assert 20 * run.final_cost < 1.01e-11  # norms: 1.0065e-11 in exact arithmetic, see tests/test_methods.py; components: less
    assert (problem.classify(run.p, problem.data.x) == np.repeat([0, 1], 5)).all()
    for picture in ("region", "costs"):
        assert encoded(replace(experiment, picture=picture).draw(run), "png")


@pytest.mark.parametrize("n", [1, 2, 3, 6])
def test_drawings_need_no_run(n):
    assert FIGURES[n].run() is None
    assert encoded(FIGURES[n].draw(), "svg") == encoded(FIGURES[n].draw(None), "svg")


def test_a_network_drawing_shows_the_weights_of_a_saved_run(tmp_path):
    replace(SHORT, layers="2-5-2").run(save=tmp_path / "run.npz")
    shown = NetworkDrawing(weights=tmp_path / "run.npz").draw()
    circles = [patch for patch in shown.axes[0].patches if type(patch).__name__ == "Circle"]
    assert len(circles) == 9
    assert shown.axes[0].get_legend() is not None


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"layers": "2"}, "2-2-3-2"),
        ({"layers": "2-x-2"}, "2-2-3-2"),
        ({"layers": "3-2"}, "Network expects 3 inputs"),
        ({"layers": "2-3"}, "3 outputs"),
        ({"points": "nine"}, "ten or eleven"),
        ({"activation": "sigmoid_value"}, "sigmoid, tanh"),
        ({"cost": "softmax"}, "quadratic, softmax_log_loss"),
        ({"rule": "constants_of"}, "sgd, momentum"),
        ({"engine": "quantum"}, "compiled or reference"),
        ({"stream": "dice"}, "matlab or numpy"),
        ({"rate": -1.0}, "rate"),
        ({"record": -1}, "record"),
        ({"record": 0}, "record 0 keeps no costs"),
    ],
    ids=str,
)
def test_wrong_settings_are_refused_with_what_is_possible(wrong, message):
    with pytest.raises(ValueError, match=message):
        replace(SHORT, **wrong).run()


def test_wrong_highlights_and_reaches_are_refused():
    with pytest.raises(ValueError, match="4,3,3"):
        NetworkDrawing(highlight="4-3").draw()
    with pytest.raises(ValueError, match="reach"):
        EXPERIMENTS["activation"](reach=0.0)
    assert widths("784-30-10") == (784, 30, 10)
