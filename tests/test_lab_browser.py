"""The lab's page in Chromium: every control does what it says, and every number on the page is the library's."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import netbp as nb
from netbp.analysis.regions import grid_outputs, margin
from netbp.experiments import PlaneExperiment
from netbp.lab.address import address_of, experiment_at
from netbp.lab.fields import fields

pytest_plugins = ["lab_pages"]
TEN = nb.Problem(nb.Network.dense(2, 2, 3, 2), nb.quadratic, nb.data.ten_points())
FIELDS = {field["name"]: field for field in fields()["fields"]}

OTHER = {
    "held_out": "0.25", "cost": "softmax_log_loss", "penalty": "0.002", "rule": "adam", "rate": "0.02", "changes": "500:0.01",
    "batch": "3", "sampling": "epochs", "decay": "0.001", "residual": "norms", "damping": "0.5", "lm_tolerance": "0.001",
    "tolerance": "0.0001", "pairs": "4", "scale": "0.25", "seed": "17", "stream": "numpy", "start": "3", "steps": "5000",
    "record": "10",
}  # fmt: skip
"""Another value for every field that has an input of its own."""
EDITED = {"points", "layers", "activation", "method", "constants"}
"""Fields with editors, or on which the others depend: tests of their own."""


# -- controls --------------------------------------------------------------------------------------------------------------


def test_every_field_is_either_here_or_has_a_test_of_its_own() -> None:
    assert set(OTHER) | EDITED == set(FIELDS)
    assert not set(OTHER) & EDITED


@pytest.mark.parametrize("method", FIELDS["method"]["choices"])
def test_every_field_of_a_method_has_a_control_that_sets_it_alone(lab: Any, method: str) -> None:
    lab.write("method", method)
    alone = {} if method == "stochastic" else {"method": method}
    lab.becomes(method=alone.get("method"))
    for name, value in OTHER.items():
        control, meant = lab.control(name), FIELDS[name].get("methods") or [method]
        assert control.is_visible() == (method in meant), name
        # those that all methods share are tried with the first
        if method not in meant or (len(meant) == 1 and "methods" not in FIELDS[name] and method != "stochastic"):
            continue
        lab.write(name, value)
        lab.becomes(**{name: value})
        assert lab.fields == {**alone, name: value}
        lab.page.keyboard.press("u")
        lab.becomes(**{name: None})
        assert lab.fields == alone


def test_constants_of_a_rule_are_set_by_name_and_forgotten_at_their_defaults(lab: Any) -> None:
    lab.write("rule", "adam")
    lab.becomes(rule="adam")
    lab.write("constant-beta1", "0.8")
    lab.becomes(constants="beta1=0.8")
    lab.write("constant-beta1", "0.9")
    lab.becomes(constants=None)


def test_layers_widths_and_activations(lab: Any) -> None:
    page = lab.page
    page.click("text=hidden layer")
    lab.becomes(layers="2-2-3-3-2")
    page.get_by_label("One neuron more in layer 2").first.click()
    lab.becomes(layers="2-3-3-3-2")
    page.get_by_label("One neuron fewer in layer 3").first.click()
    lab.becomes(layers="2-3-2-3-2")
    lab.write("width-4", "7")
    lab.becomes(layers="2-3-2-7-2")
    lab.write("activation-3", "tanh")
    lab.becomes(activation="sigmoid,tanh,sigmoid,sigmoid")
    page.get_by_label("Take layer 3 out").click()
    lab.becomes(layers="2-3-7-2", activation=None)
    lab.control("width-2").fill("0")
    lab.control("width-2").press("Enter")
    assert lab.fields == {"layers": "2-3-7-2"}
    assert "from 1 to 64 neurons" in page.text_content(".layers-editor [role=alert]")


def points_of(lab: Any) -> list[list[float]]:
    """The points in the address, or the ten."""
    x, labels, _ = experiment_at(lab.fragment).labelled
    return [[*map(float, row), int(label)] for row, label in zip(x, labels, strict=True)]


def test_points_are_added_moved_deleted_and_all_of_it_undone(lab: Any) -> None:
    page, ten = lab.page, points_of(lab)
    page.click("#add-C")
    page.mouse.click(*lab.plane(0.75, 0.85))
    lab.becomes(layers="2-2-3-3")
    eleven, with_eleven = points_of(lab), lab.fragment
    assert eleven[:10] == ten
    assert eleven[10] == pytest.approx([0.75, 0.85, 2], abs=0.005)
    page.mouse.move(*lab.plane(*ten[0][:2]))
    page.mouse.down()
    page.mouse.move(*lab.plane(0.2, 0.25))
    page.mouse.up()
    lab.until("(before) => location.hash.slice(1) !== before", with_eleven)
    moved, with_moved = points_of(lab), lab.fragment
    assert moved[0] == pytest.approx([0.2, 0.25, 0], abs=0.005)
    assert moved[1:] == eleven[1:]
    page.click("#tool-delete")
    page.mouse.click(*lab.plane(*ten[1][:2]))
    lab.until("(before) => location.hash.slice(1) !== before", with_moved)
    assert points_of(lab) == [moved[0], *moved[2:]]
    for wanted in (with_moved, with_eleven, ""):
        page.click("#undo")
        lab.until("(wanted) => location.hash.slice(1) === wanted", wanted)
    page.click("#redo")
    lab.until("(wanted) => location.hash.slice(1) === wanted", with_eleven)


def test_sets_and_tables_give_their_points(lab: Any) -> None:
    page = lab.page
    lab.write("points", "blobs")
    lab.becomes(points="blobs:120:0.08:0", layers="2-2-3-3")
    lab.write("set-n", "30")
    lab.becomes(points="blobs:30:0.08:0")
    page.click("#csv-open")
    page.fill('[data-name="csv"]', "x,y,kind\n0.25,0.5,left\n0.75,0.5,right\n0.5,0.125,left\n")
    page.click("text=Use these points")
    lab.becomes(points="0.25,0.5,A;0.75,0.5,B;0.5,0.125,A")
    lab.expected = [r"status of 422"]
    page.click("#csv-open")
    page.fill('[data-name="csv"]', "0.25,0.5,left\n0.75,oops,right\n")
    page.click("text=Use these points")
    lab.until("() => /row 2/.test(document.getElementById('status').textContent)")
    assert points_of(lab) == [[0.25, 0.5, 0], [0.75, 0.5, 1], [0.5, 0.125, 0]]


def test_a_number_that_is_none_is_told_and_changes_nothing(lab: Any) -> None:
    lab.write("rate", "fast")
    lab.until("() => /Rate is a number, but \"fast\"/.test(document.querySelector('.row [role=alert]')?.textContent)")
    assert lab.control("rate").get_attribute("aria-invalid") == "true"
    lab.write("seed", "-4")
    lab.until("() => document.querySelectorAll('.row [role=alert]').length === 2")
    assert lab.fragment == ""


# -- the run ---------------------------------------------------------------------------------------------------------------


def test_step_epoch_scrub_rewind_speed_and_a_new_start(lab: Any) -> None:
    page = lab.page
    start = lab.reading("cost")
    page.click("#step")
    lab.at(1)
    page.click("#epoch")
    lab.at(10)
    ten = lab.reading("cost")
    lab.slide("#speed", 2)
    lab.settled()
    assert page.get_attribute("#speed", "aria-valuetext") == "5 steps a frame"
    page.click("#play")
    lab.until("() => Number(document.getElementById('scrubber').value) > 40")
    lab.pause()
    assert lab.step % 5 == 0
    assert lab.reading("cost") != ten
    lab.slide("#scrubber", 10)
    lab.at(10)
    assert lab.reading("cost") == ten
    page.click("#rewind")
    lab.at(0)
    assert lab.reading("cost") == start
    page.click("#new-start")
    lab.becomes(seed="5001")
    assert lab.reading("cost") != start


def test_a_rate_changed_on_the_way_joins_the_experiment(lab: Any) -> None:
    lab.slide("#speed", 6)
    lab.page.click("#play")
    lab.until("() => Number(document.getElementById('scrubber').value) > 100")
    lab.write("rate", "0.2")  # while it runs
    lab.until("() => location.hash.includes('changes=')")
    step, rate = lab.fields["changes"].split(":")
    assert float(rate) == 0.2
    after = int(step) + 50
    lab.until("(step) => Number(document.getElementById('scrubber').value) > step", after)
    lab.pause()
    assert lab.control("rate").input_value() == "0.2"
    shown = lab.frame(lambda: lab.go(after))
    assert shown.header["step"] == after
    method = nb.StochasticGradient(rate=nb.by_step(0.05, (int(step), 0.2)))
    np.testing.assert_array_equal(shown.p, nb.train(TEN, method, steps=after, rng=nb.MatlabRandom(5000)).p)
    lab.slide("#scrubber", int(step) - 1)
    lab.until("() => document.querySelector('#controls [data-name=rate]').value === '0.05'")


def test_the_default_run_ends_at_the_papers_cost(lab: Any) -> None:
    lab.flat_out()
    lab.page.click("#play")
    lab.at(1_000_000)
    assert lab.reading("listing") == "7.3035e-4"
    assert lab.reading("right") == "10/10"
    lab.until("() => /7.3035e-4/.test(document.getElementById('headline').textContent)")


def test_the_regions_are_the_librarys_pixel_by_pixel(lab: Any) -> None:
    shown = lab.to_step(300_000)
    lab.at(300_000)
    assert shown.header["step"] == 300_000
    n = 200
    F = grid_outputs(TEN, shown.p, n)[2]
    first = margin(F) > 0
    colours = lab.page.evaluate(
        """(n) => { const canvas = document.querySelector("#plane canvas");
        const ratio = canvas.width / canvas.getBoundingClientRect().width;
        const [left, top, w, h] = canvas.dataset.frame.split(" ").map(Number);
        const {data, width} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height), out = [];
        for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) {
          const x = Math.min(Math.floor(ratio * (left + w * j / (n - 1))), Math.ceil(ratio * (left + w)) - 2);
          const y = Math.min(Math.floor(ratio * (top + h * (1 - i / (n - 1)))), Math.ceil(ratio * (top + h)) - 2);
          const k = 4 * (y * width + x);
          out.push((data[k] << 16) | (data[k + 1] << 8) | data[k + 2]);
        }
        return out; }""",
        n,
    )
    drawn = np.reshape(colours, (n, n))
    usual = [np.bincount(drawn[side]).argmax() for side in (first, ~first)]
    assert usual[0] & 0xFF > usual[0] >> 16  # blue where F_1 > F_2
    assert usual[1] & 0xFF < usual[1] >> 16
    shaded = (drawn == usual[0]) | (drawn == usual[1])
    # what is neither has a mark, the boundary or the frame on it
    x1, x2 = np.meshgrid(np.linspace(0, 1, n), np.linspace(0, 1, n))
    near = np.minimum(np.minimum(x1, 1 - x1), np.minimum(x2, 1 - x2)) < 0.01
    for a, b in np.asarray(TEN.data.x):
        near |= np.hypot(x1 - a, x2 - b) < 0.04
    for axis in (0, 1):
        for by in range(-4, 5):
            near |= np.roll(first, by, axis) != first
    assert np.mean(shaded) > 0.9
    assert not np.any(~shaded & ~near)
    interior = shaded & ~(np.minimum(np.minimum(x1, 1 - x1), np.minimum(x2, 1 - x2)) < 0.006)
    np.testing.assert_array_equal(drawn[interior] == usual[0], first[interior])


def test_what_is_taken_away_gives_the_same_digits(lab: Any, tmp_path: Any) -> None:
    lab.open("points=eleven&rate=0.1&rule=momentum&seed=8")
    shown = lab.to_step(3_000)
    lab.page.keyboard.press("s")
    files = {}
    for what in ("script", "json", "csv", "run", "plane-svg", "cost-png"):
        with lab.page.expect_download() as download:
            lab.page.click(f"#export-{what}")
        files[what] = tmp_path / download.value.suggested_filename
        download.value.save_as(files[what])
    done = subprocess.run([sys.executable, str(files["script"])], capture_output=True, text=True, check=True, timeout=300)
    assert float(done.stdout.split()[-1]) == shown.header["cost"]
    told = json.loads(files["json"].read_text())
    assert {
        name: str(value) for name, value in told["experiment"].items() if str(FIELDS[name]["default"]) != str(value)
    } == lab.fields
    np.testing.assert_array_equal(nb.Run.load(files["run"]).p, shown.p)
    rows = list(csv.DictReader(files["csv"].read_text().splitlines()))
    (cost,) = {float(row["cost"]) for row in rows if row["step"] == "3000"}
    assert cost == pytest.approx(shown.header["cost"], rel=1e-14, abs=0.0)  # recorded in the loop, which sums in another order
    assert "<svg" in files["plane-svg"].read_text()
    assert files["cost-png"].read_bytes()[:4] == b"\x89PNG"
    link = lab.page.input_value("#link")
    assert link == f"{lab.server.origin}/#{lab.fragment}"
    assert lab.server.token not in link


# -- the address -----------------------------------------------------------------------------------------------------------


ADDRESSES = [
    PlaneExperiment(),
    PlaneExperiment(
        points="0.25,0.5,A;0.75,0.125,B;0.1,0.2,C", layers="2-4-3", activation="tanh,sigmoid", rate=1e-3, changes="10:0.01"
    ),
    PlaneExperiment(method="levenberg-marquardt", residual="norms", points="eleven"),
    PlaneExperiment(rule="adam", constants="beta1=0.5", stream="numpy", start=2, steps=77, cost="softmax_log_loss", penalty=1e-4),
]


def test_an_address_is_an_experiment_and_the_other_way_round(lab: Any) -> None:
    for experiment in ADDRESSES:
        address = address_of(experiment)
        with lab.page.expect_request(lambda request: request.url.endswith("/api/open")) as request:
            lab.open(address)
        asked = PlaneExperiment(**json.loads(request.value.post_data)["experiment"])
        assert asked == experiment
        assert lab.fragment == address
        assert experiment_at(lab.fragment) == experiment
        assert lab.server.token not in lab.page.url
        assert lab.server.token not in json.dumps(lab.page.evaluate("() => ({...sessionStorage})"))


def test_a_reload_returns_to_the_same_experiment_and_step(lab: Any) -> None:
    lab.open("rate=0.1")
    shown = lab.to_step(4_321)
    lab.at(4_321)
    most = lab.page.get_attribute("#scrubber", "max")
    again = lab.frame(lab.page.reload)
    lab.ready()
    lab.at(4_321)
    assert lab.fields == {"rate": "0.1"}
    assert lab.page.get_attribute("#scrubber", "max") == most
    np.testing.assert_array_equal(again.p, shown.p)
    assert lab.page.locator("#banners > *").count() == 0


def test_an_address_that_cannot_be_is_told_and_listing_6_1_is_shown(lab: Any) -> None:
    lab.open("speed=3")
    lab.until("""() => /the address has "speed", which is no field/.test(document.getElementById("banners").textContent)""")
    assert lab.reading("cost") == "0.26644"


def test_the_tours_stops_open_their_experiments(lab: Any) -> None:
    page, stops = lab.page, fields()["tour"]
    page.click("#open-tour")
    for number, stop in enumerate(stops, start=1):
        lab.until("(address) => location.hash.slice(1) === address", stop["address"])
        assert page.text_content(".tour-title") == f"{number}. {stop['title']}"
        assert experiment_at(lab.fragment) == experiment_at(stop["address"])
        if number < len(stops):
            page.click("#tour-next")
    assert page.is_disabled("#tour-next")
    page.click("#tour-close")
    assert not page.is_visible("#tour")
