"""The lab's experiment: its fields, their texts, addresses, and that with its defaults it is Listing 6.1."""

from __future__ import annotations

import json
from dataclasses import asdict, fields, replace

import numpy as np
import pytest

import netbp as nb
from netbp.data.planar import blobs, exclusive_or, two_circles, two_moons
from netbp.experiments import PlaneExperiment, StochasticExperiment, from_settings, settings_of
from netbp.experiments.plane import changed
from netbp.experiments.plane_texts import SETS, changes_of, changes_text, constants_of, points_of, points_text
from netbp.lab.address import address_of, different, experiment_at, experiment_of, text_of
from netbp.lab.csvpoints import points_from, points_of_set
from netbp.lab.fields import fields as told_fields
from netbp.methods.schedules import by_step, values_at

OTHERS = [
    {},
    {"rate": 0.1, "layers": "2-4-2"},
    {"points": "moons:40:0.05:3", "held_out": 0.25, "method": "l-bfgs", "tolerance": 1e-5},
    {"points": "0.1,0.2,A;0.5,-0.25,B;1e-07,2,C", "layers": "2-3-3", "activation": "tanh,identity", "cost": "softmax_log_loss"},
    {"rule": "adam", "constants": "beta1=0.8,beta2=0.99", "rate": 1e-05, "changes": "10:0.01;20:1e-06", "batch": 3},
    {"method": "levenberg-marquardt", "residual": "norms", "damping": 1.5, "start": 7, "seed": 2},
    {"sampling": "epochs", "stream": "numpy", "decay": 0.001, "penalty": 0.5, "scale": 2.0, "record": 10, "steps": 500},
]


# -- Listing 6.1 -------------------------------------------------------------------------------------------------------


def test_the_default_is_listing_6_1_digit_for_digit():
    ours, listing = PlaneExperiment(steps=3000), StochasticExperiment(steps=3000)
    mine, theirs = ours.run(), listing.run()
    np.testing.assert_array_equal(mine.p, theirs.p)
    np.testing.assert_array_equal(mine.costs, theirs.costs)
    assert PlaneExperiment().steps == listing.__class__().steps == 1_000_000


def test_a_run_is_drawn_again_from_its_settings(tmp_path):
    experiment = PlaneExperiment(points="moons:30:0.05:1", held_out=0.2, layers="2-5-2", steps=400)
    experiment.run(save=tmp_path / "run.npz")
    run = nb.Run.load(tmp_path / "run.npz")
    again = from_settings(run.settings)
    assert again == experiment
    assert {"cost", "held_out"} <= set(run.series)
    assert len(again.draw(run).axes) == 2
    assert len(again.draw(replace(run, series={})).axes) == 1


# -- texts -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["ten", "eleven", *(f"{name}:37:0.1:5" for name in SETS if name != "spirals"), "spirals:36:0.01:2"]
)
def test_points_written_as_a_list_are_the_same_points(text):
    found = points_of(text)
    again = points_of(points_text(found.x, found.labels))
    np.testing.assert_array_equal(again.x, found.x)
    np.testing.assert_array_equal(again.labels, found.labels)


@pytest.mark.parametrize(
    "text",
    ["", ";", "nine", "0.1,0.2", "0.1,0.2,a", "0.1,0.2,I", "0.1,0.2,AB", "0.1,0.2,", "nan,0.2,A", "1e7,0,A", "0.1,0.2,A;x",
     "0,0,A*", "0,0,A*;1,1,B*", "0,0,*;0,0,A", "0,0,A**;0,0,A", "0,0,*A;0,0,A", "0,0*,A;0,0,A",
     "moons:0:0:0", "moons:10:2:0", "moons:10:nan:0", "moons:ten", "spirals:7:0:0", "moons:10:0:0:0", "moons:20000:0:0",
     ";".join(["0,0,A"] * 10_001)],
)  # fmt: skip
def test_points_that_are_none_are_refused_in_one_line(text):
    with pytest.raises(ValueError) as refused:
        PlaneExperiment(points=text)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 400


@pytest.mark.parametrize("draw", [two_moons, two_circles, exclusive_or, lambda n, noise, rng: blobs(n, 4, noise, rng)])
@pytest.mark.parametrize("n", [4, 101])
def test_planar_sets_are_drawn_alike_from_a_seed_with_balanced_categories(draw, n):
    (x, y, _), (again, _, _) = draw(n, 0.0, 3), draw(n, 0.0, 3)
    np.testing.assert_array_equal(x, again)
    assert x.shape == (n, 2)
    assert x.min() >= 0.0
    assert x.max() <= 1.0
    assert set(np.unique(y)) <= {0.0, 1.0}
    assert (y.sum(axis=1) == 1.0).all()
    if draw is not exclusive_or:
        assert np.ptp(y.sum(axis=0)) <= 1
    noisy, _, _ = draw(n, 0.1, 3)
    assert not np.array_equal(noisy, x)


def test_exclusive_or_is_what_its_name_says():
    x, y, _ = exclusive_or(500, rng=1)
    above = x > 0.5
    np.testing.assert_array_equal(y[:, 0] == 1.0, above[:, 0] ^ above[:, 1])
    assert np.abs(x - 0.5).min() >= 0.03


@pytest.mark.parametrize(
    "wrong",
    [
        {"layers": "3-2"}, {"layers": "2-3-9"}, {"layers": "2-65-2"}, {"layers": "2-2-2-2-2-2-2-2-2"},
        {"layers": "2-64-64-64-2"}, {"layers": "2-1"}, {"layers": "2-x-2"}, {"points": "0,0,C"}, {"activation": "sigmoid,tanh"},
        {"activation": "swish"}, {"rate": float("nan")}, {"rate": -1.0}, {"rate": float("inf")}, {"steps": 10**8 + 1},
        {"steps": -1}, {"held_out": 0.95}, {"changes": "5"}, {"changes": "5:x"}, {"changes": "5:0.1;5:0.2"},
        {"changes": "5:-1"}, {"changes": "5:inf"}, {"constants": "mu"}, {"constants": "mu=x"}, {"constants": "mu=1,mu=2"},
        {"batch": 0}, {"seed": -1}, {"seed": 2**32}, {"start": -1}, {"scale": -0.1},
        {"method": "levenberg-marquardt", "cost": "softmax_log_loss"}, {"penalty": -1.0}, {"record": -1}, {"damping": 0.0},
        {"method": "levenberg-marquardt", "points": "moons:10000:0.1:0", "layers": "2-64-16-2"},
        {"method": "nelder-mead", "layers": "2-16-32-2"},
    ],
    ids=str,
)  # fmt: skip
def test_experiments_that_no_run_could_use_are_refused_in_one_line(wrong):
    with pytest.raises(ValueError) as refused:
        PlaneExperiment(**wrong)
    assert "\n" not in str(refused.value)


def test_what_a_method_can_do_in_a_second_or_two_is_not_refused():
    PlaneExperiment(method="levenberg-marquardt", points="moons:10000:0.1:0", layers="2-64-10-2")
    PlaneExperiment(method="nelder-mead", layers="2-16-16-2")


def test_categories_beyond_the_outputs_are_refused_with_the_remedy():
    with pytest.raises(ValueError, match="end it with -3"):
        PlaneExperiment(points="blobs")
    assert PlaneExperiment(points="blobs", layers="2-4-3").problem().network.sizes == (2, 4, 3)


# -- held-out points ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.0, 0.1, 0.25, 0.9])
def test_held_out_points_are_a_share_of_all_and_the_rest_is_trained_on(share):
    experiment = PlaneExperiment(points="moons:40:0.05:0", held_out=share)
    problem, all_of_them = experiment.problem(), {tuple(row) for row in experiment.labelled.x.tolist()}
    seen = {tuple(row) for row in np.asarray(problem.data.x).tolist()}
    held = set() if problem.held_out is None else {tuple(row) for row in np.asarray(problem.held_out.x).tolist()}
    assert len(held) == round(share * 40)
    assert seen | held == all_of_them
    assert not seen & held
    other = replace(experiment, seed=experiment.seed + 1)
    assert share in (0.0,) or not np.array_equal(other.held, experiment.held)
    np.testing.assert_array_equal(replace(experiment, scale=3.0).held, experiment.held)


@pytest.mark.parametrize("seed", range(8))
def test_points_with_a_star_are_held_out_and_those_alone(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 40))
    x, labels, starred = rng.standard_normal((n, 2)), rng.integers(0, 3, n), rng.random(n) < 0.4
    starred[int(rng.integers(n))] = False
    text = points_text(x, labels, starred)
    found = points_of(text)
    np.testing.assert_array_equal(found.starred, starred)
    assert points_text(*found) == text
    experiment = PlaneExperiment(points=text, layers="2-4-3", steps=30, seed=seed)
    assert experiment_at(address_of(experiment)) == experiment
    problem, p = experiment.problem(), rng.standard_normal(experiment.problem().size)
    of = {one: nb.Problem(problem.network, nb.quadratic, nb.Data(x[rows], np.eye(3)[labels[rows]]))
          for one, rows in (("seen", ~starred), ("held", starred)) if rows.any()}  # fmt: skip
    assert problem.value(p) == of["seen"].value(p)
    assert (problem.held_out is not None) == starred.any()
    if starred.any():
        assert problem.held_out_value(p) == of["held"].value(p)
        with pytest.raises(ValueError, match="star"):
            replace(experiment, held_out=0.1)
    alone = replace(experiment, points=points_text(x[~starred], labels[~starred]))  # what is held out moves nothing
    np.testing.assert_array_equal(experiment.run().p, alone.run().p)


def test_one_point_always_stays():
    assert PlaneExperiment(points="0.1,0.1,A;0.2,0.2,B", held_out=0.9).problem().N == 1


# -- the start ---------------------------------------------------------------------------------------------------------


def test_start_k_is_multistart_s():
    experiment = PlaneExperiment(start=3, seed=11, steps=50)
    ends = nb.multistart(experiment.problem(), experiment.chosen_method(), starts=5, steps=50, rng=11, workers=1)
    np.testing.assert_array_equal(experiment.run().p, ends.p[2])


# -- schedules ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("changes", [(), ((0, 0.5),), ((3, 0.2), (4, 0.1), (10, 0.0))])
def test_by_step_gives_what_it_says_one_by_one_and_in_pieces(changes):
    rate = by_step(0.7, *changes)
    expected = [next((value for step, value in reversed(changes) if t > step), 0.7) for t in range(1, 21)]
    assert [rate(t) for t in range(1, 21)] == expected
    for cut in range(20):
        pieces = np.concatenate([values_at(rate, 0, cut, "rate"), values_at(rate, cut, 20 - cut, "rate")])
        assert pieces.tolist() == expected


def test_by_step_trains_as_the_array_of_its_values_does():
    problem = PlaneExperiment().problem()
    rate = by_step(0.5, (7, 0.1), (31, 0.9))
    ones = nb.StochasticGradient(rate=[rate(t) for t in range(1, 61)])
    (a, b) = (nb.train(problem, method, 60, rng=1, record=1) for method in (nb.StochasticGradient(rate=rate), ones))
    np.testing.assert_array_equal(a.p, b.p)


@pytest.mark.parametrize(
    "wrong", [(0.1, (5, 0.1), (5, 0.2)), (0.1, (-1, 0.1)), (0.1, (2.5, 0.1)), (0.1, (5, -1.0)), (-0.1,), (float("nan"),)]
)
def test_by_step_refuses_what_no_step_could_use(wrong):
    with pytest.raises(ValueError):
        by_step(*wrong)


def test_changing_the_rate_keeps_what_was_and_forgets_what_was_to_come():
    experiment = PlaneExperiment(changes="10:0.1;20:0.2;30:0.3")
    assert changed(experiment, 20, 0.7).changes == "10:0.1;20:0.7"
    assert changed(experiment, 25, 0.7).changes == "10:0.1;20:0.2;25:0.7"
    assert (changed(experiment, 0, 0.7).rate, changed(experiment, 0, 0.7).changes) == (0.7, "")
    with pytest.raises(ValueError, match="no rate"):
        changed(PlaneExperiment(method="l-bfgs"), 5, 0.1)
    with pytest.raises(ValueError, match="finite"):
        changed(experiment, 5, float("nan"))


# -- addresses ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", OTHERS, ids=str)
def test_an_address_says_all_that_is_not_the_default(given):
    experiment = PlaneExperiment(**given)
    address = address_of(experiment)
    assert experiment_at(address) == experiment_at(f"#{address}") == experiment
    assert experiment_of(different(experiment)) == experiment_of(asdict(experiment)) == experiment
    assert experiment_of(json.loads(json.dumps(settings_of(experiment)["fields"]))) == experiment
    assert address.count("=") >= len(given)
    assert [part.split("=")[0] for part in address.split("&") if part] == sorted(given)
    assert address.isascii()
    assert not set(address) & set(" ;,:#")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.05, "0.05"), (1.0, "1"), (-0.0, "0"), (1e-5, "0.00001"), (1.25e-6, "0.00000125"), (1e-7, "1e-7"), (1e21, "1e+21"),
     (1e20, "100000000000000000000"), (123456.75, "123456.75"), (1.5e300, "1.5e+300"), (-2.5e-6, "-0.0000025"),
     (0.1 + 0.2, "0.30000000000000004")],
)  # fmt: skip
def test_numbers_are_written_as_javascript_writes_them(value, text):
    assert text_of(value) == text
    assert float(text) == value


@pytest.mark.parametrize(
    "address",
    [
        "rat=1",
        "rate",
        "rate=x",
        "rate=1&rate=2",
        "rate=nan",
        "steps=1.5",
        "steps=1e400",
        "method=sgd",
        "cost=mse",
        "layers=2-2",
        "&&",
        "=1",
    ],
)
def test_addresses_that_say_nothing_are_refused(address):
    if address == "layers=2-2":
        assert experiment_at(address).layers == "2-2"
        return
    with pytest.raises(ValueError) as refused:
        experiment_at(address)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("value", [None, True, [1], {"a": 1}, 10**400, float("inf")])
@pytest.mark.parametrize("name", ["rate", "steps", "points"])
def test_fields_of_the_wrong_kind_are_refused(name, value):
    with pytest.raises(ValueError):
        experiment_of({name: value})


# -- what the page is told ---------------------------------------------------------------------------------------------


def test_every_field_is_told_with_help_and_a_group():
    told = told_fields()
    json.dumps(told, allow_nan=False)
    assert [entry["name"] for entry in told["fields"]] == [field.name for field in fields(PlaneExperiment)]
    for entry in told["fields"]:
        assert entry["help"]
        assert "\n" not in entry["help"]
        assert entry["group"] in ("points", "network", "problem", "method", "start", "run")
        assert entry["type"] in ("int", "float", "choice", "text")
        assert entry["default"] == getattr(PlaneExperiment, entry["name"])
        assert (entry["type"] == "choice") == ("choices" in entry)
        assert set(entry.get("methods", ())) <= set(told["methods"])
    for name, one in told["sets"].items():
        assert points_of_set(name, one["n"], one["noise"], 0)["N"] == one["n"]
        assert len(points_of_set(name, one["n"], one["noise"], 0)["categories"]) == one["categories"]
    for rule in told["rules"]:
        PlaneExperiment(
            rule=rule, constants=",".join(f"{k}={v}" for k, v in told["rules"][rule]["constants"].items())
        ).chosen_method()


def test_every_stop_of_the_tour_can_be_opened():
    tour = told_fields()["tour"]
    assert len(tour) == 5
    for stop in tour:
        assert address_of(experiment_at(stop["address"])) == stop["address"]
        assert stop["title"]
        assert stop["text"]


# -- tables ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("csv", "points"),
    [
        ("0.1,0.2,A\n0.3,0.4,B\n", "0.1,0.2,A;0.3,0.4,B"),
        ("x;y;kind\n0.1;0.2;cat\n1;-1;dog", "0.1,0.2,A;1,-1,B"),
        ("kind,x,y\ncat,0.1,0.2\ndog,1,-1", "0.1,0.2,A;1,-1,B"),
        ("0.1\t0.2\t1\n0.3\t0.4\t0\n", "0.1,0.2,B;0.3,0.4,A"),
        ("0.1,0.2\n0.3,0.4\n", "0.1,0.2,A;0.3,0.4,A"),
        ("0.1,0.2,C\n0.3,0.4,A\n", "0.1,0.2,C;0.3,0.4,A"),
    ],
)
def test_tables_become_points(csv, points):
    assert points_from(csv)["points"] == points


@pytest.mark.parametrize(
    ("csv", "words"),
    [
        ("", "empty"), ("x,y\n", "no rows"), ("x\n1\n", "1 columns"), ("x,y,c\n1,two,A\n", "two"), ("1,2,A\n3,4\n", "row 2"),
        ("1,nan,A\n", "missing value"), ("1,1e9,A\n", "larger"), ("\n".join(f"{i},0,k{i}" for i in range(9)), "9 categories"),
        ("x,y,c\n1,2,\n", "row 2"), ('"', "CSV"),
    ],
)  # fmt: skip
def test_tables_that_are_none_are_refused_with_row_and_column(csv, words):
    with pytest.raises(ValueError, match=words):
        points_from(csv)


def test_texts_of_changes_and_constants_go_there_and_back():
    pairs = ((0, 0.5), (10, 1e-7), (20, 3.0))
    assert changes_of(changes_text(pairs)) == pairs
    assert changes_of("") == ()
    assert constants_of("mu=0.9, b=1e-3") == {"mu": 0.9, "b": 1e-3}
