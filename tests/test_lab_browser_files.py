"""What the page gives to take away, downloaded through it: every file holds what the library has, every picture opens."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

import netbp as nb
from netbp.experiments import PlaneExperiment
from netbp.lab.address import experiment_at

pytest_plugins = ["lab_pages"]
VIEWS = ("plane", "cost", "network", "gradient", "weights", "surface")
FIELDS = {
    "the paper's": "",
    "held out": "points=moons:60:0.15:1&held_out=0.25&activation=tanh,sigmoid&layers=2-6-2&rule=adam&rate=0.02&batch=5",
    "three categories": "points=blobs:30:0.1:2&layers=2-5-3&cost=softmax_log_loss&activation=relu,identity&stream=numpy",
    "another method": "method=levenberg-marquardt&residual=norms&points=eleven",
    "a rate changed on the way": "rate=0.1&changes=100:0.3&record=10&sampling=epochs",
}


def taken(lab: Any, what: str) -> tuple[str, bytes]:
    """The file that a button of the dialog gives: its name and content."""
    if not lab.page.is_visible("#takeaway"):
        lab.page.keyboard.press("s")
    with lab.page.expect_download() as download:
        lab.page.click(f"#export-{what}")
    with open(download.value.path(), "rb") as file:
        return download.value.suggested_filename, file.read()


def trained(lab: Any, fragment: str, steps: int = 300) -> Any:
    """A page that stands at this step of an experiment, and the frame it shows."""
    lab.open(fragment)
    return lab.to_step(steps if "method=" not in fragment else 20)


@pytest.mark.parametrize("name", FIELDS)
def test_every_file_holds_the_run(lab: Any, tmp_path: Any, name: str) -> None:
    shown = trained(lab, FIELDS[name])
    step, experiment = shown.header["step"], experiment_at(lab.fragment)
    reference = replace(experiment, steps=step, record=1).run()
    np.testing.assert_array_equal(shown.p, reference.p)

    _, content = taken(lab, "run")
    (tmp_path / "run.npz").write_bytes(content)
    run = nb.Run.load(tmp_path / "run.npz")
    np.testing.assert_array_equal(run.p, reference.p)
    assert (run.step, run.final_cost) == (step, reference.final_cost)

    _, content = taken(lab, "csv")
    rows = list(csv.DictReader(io.StringIO(content.decode())))
    found = {int(row["step"]): float(row["cost"]) for row in rows if row["cost"]}
    wanted = {int(k): float(c) for k, c in zip(*reference.series["cost"], strict=True)}
    assert set(found) - {0} <= set(wanted)
    assert {k for k in wanted if k % experiment.record == 0} <= set(found)
    assert list(found) == sorted(found)
    problem = experiment.problem()
    assert found.pop(0) == pytest.approx(reference.initial_cost, rel=1e-14)
    for k, cost in found.items():
        assert cost == pytest.approx(wanted[k], rel=1e-13, abs=0.0), k
    norms = {int(row["step"]): float(row["gradient_norm"]) for row in rows if row["gradient_norm"]}
    assert norms
    for k in list(norms)[:: len(norms) // 3 + 1]:
        p = replace(experiment, steps=k).run().p if k else experiment.beginning(problem.network)[0]
        assert norms[k] == pytest.approx(np.linalg.norm(problem.gradient(p)), rel=1e-9), k
    held = [(int(row["step"]), float(row["held_out_cost"])) for row in rows if row.get("held_out_cost")]
    assert bool(held) == (experiment.held_out > 0)

    _, content = taken(lab, "json")
    told = json.loads(content)
    assert (told["step"], told["address"]) == (step, lab.fragment)
    assert PlaneExperiment(**told["experiment"]) == PlaneExperiment(**told["fields"]) == experiment

    file, content = taken(lab, "script")
    assert file.endswith(".py")
    (tmp_path / "run.py").write_bytes(content)
    done = subprocess.run([sys.executable, "run.py"], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=300)
    assert float(done.stdout.split()[-1]) == shown.header["cost"]
    lab.until("() => /Saved run.py/.test(document.getElementById('status').textContent)")


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_is_a_picture_in_both_formats(lab: Any, view: str) -> None:
    trained(lab, FIELDS["held out"])
    name, content = taken(lab, f"{view}-png")
    assert name == f"{view}.png"
    picture = Image.open(io.BytesIO(content))
    picture.load()
    width, height = picture.size
    assert min(width, height) >= 300
    colours = len(picture.convert("RGB").getcolors(width * height))
    assert colours > 8
    name, content = taken(lab, f"{view}-svg")
    assert name == f"{view}.svg"
    root = ElementTree.fromstring(content)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    left, top, w, h = map(float, root.attrib["viewBox"].split())
    assert (left, top) == (0, 0)
    assert w / h == pytest.approx(width / height, rel=0.02)  # the same figure
    assert len(list(root.iter("{http://www.w3.org/2000/svg}path"))) > 5
    size = lab.page.evaluate(  # and a browser draws it
        """(text) => new Promise((done) => {
          const image = new Image();
          image.onload = () => done([image.naturalWidth, image.naturalHeight]);
          image.onerror = () => done(null);
          image.src = URL.createObjectURL(new Blob([text], {type: "image/svg+xml"}));
        })""",
        content.decode(),
    )
    assert size is not None
    assert size[0] / size[1] == pytest.approx(w / h, rel=0.02)


def test_a_picture_of_the_plane_has_the_step_that_is_shown(lab: Any) -> None:
    trained(lab, "", 2_000)
    late = taken(lab, "plane-png")[1]
    lab.page.keyboard.press("Escape")
    lab.go(100)
    lab.at(100)
    early = taken(lab, "plane-png")[1]
    lab.page.keyboard.press("Escape")
    lab.go(2_000)
    lab.at(2_000)
    assert taken(lab, "plane-png")[1] == late != early


def test_the_link_is_copied_and_opens_the_same(new_lab: Any) -> None:
    lab = new_lab(permissions=["clipboard-read", "clipboard-write"]).open("rate=0.1&seed=9")
    lab.page.keyboard.press("s")
    lab.page.click("#copy-link")
    lab.until("() => /Copied/.test(document.querySelector('#takeaway .row-note').textContent)")
    link = lab.page.evaluate("() => navigator.clipboard.readText()")
    assert link == f"{lab.server.origin}/#rate=0.1&seed=9"
    lab.page.keyboard.press("Escape")
    cost = lab.reading("cost")
    lab.page.goto("about:blank")
    lab.page.goto(link)
    lab.ready()
    assert (lab.fields, lab.reading("cost")) == ({"rate": "0.1", "seed": "9"}, cost)
