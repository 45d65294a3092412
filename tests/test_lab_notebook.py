"""The lab in a notebook: which problems it shows, with which experiment, framed by whom."""

from __future__ import annotations

import http.client
import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import numpy as np
import pytest

import netbp as nb
from netbp.data.planar import two_moons
from netbp.experiments.plane import PlaneExperiment
from netbp.experiments.plane_texts import points_text
from netbp.lab.address import address_of, experiment_at
from netbp.lab.notebook import USUAL_ORIGIN, experiment_of, notebook_origin
from patience import MILLISECONDS, SECONDS

pytest_plugins = ["lab_pages"]

TEN = nb.data.ten_points()
MOONS = two_moons(30, 0.05, 1)

LINEAR = nb.Network.dense(2, 4, 2, activation=(nb.tanh, nb.identity))


def problem(**changes: Any) -> nb.Problem:
    network = changes.pop("network", nb.Network.dense(2, 4, 2, activation=(nb.tanh, nb.sigmoid)))
    return nb.Problem(network, changes.pop("cost", nb.quadratic), changes.pop("data", TEN), **changes)


@pytest.mark.parametrize(
    "given",
    [
        problem(),
        problem(network=LINEAR, cost=nb.softmax_log_loss, penalty=0.125),
        problem(data=nb.data.eleven_points()),
        problem(held_out=nb.data.eleven_points()),
        problem(network=LINEAR, data=MOONS, cost=nb.softmax_log_loss, penalty=0.5, held_out=TEN),
    ],
)
def test_the_experiment_is_the_problem(given: nb.Problem) -> None:
    experiment = PlaneExperiment(**experiment_of(given))
    made = experiment_at(address_of(experiment)).problem()
    p = np.random.default_rng(0).standard_normal(given.size)
    assert made.value(p) == given.value(p)
    assert np.array_equal(made.gradient(p), given.gradient(p))
    assert (made.held_out is None) == (given.held_out is None)
    if given.held_out is not None:
        assert made.held_out_value(p) == given.held_out_value(p)


def test_the_frame_is_on_a_server_that_its_origin_may_frame() -> None:
    frame = problem().lab(origin="http://localhost:9999", rate=0.25)
    again = problem().lab(origin="http://localhost:9999", height=500)
    parts = urlsplit(frame.address)
    fields = dict(parse_qsl(parts.fragment))
    assert fields["rate"] == "0.25"
    assert fields["activation"] == "tanh,sigmoid"
    assert fields["token"] == dict(parse_qsl(urlsplit(again.address).fragment))["token"]
    shown = again._repr_html_()
    assert re.search(r'<object type="text/html" data="http://127.0.0.1:\d+/#code=', shown)
    assert len({*re.findall('#code=([^&"]+)', shown + again._repr_html_())}) == 4  # each is good once
    assert fields["token"] not in shown + repr(again) + str(again)  # which the notebook keeps in its file
    assert "in pages of http://localhost:9999 only" in again._repr_html_()
    assert 'height="500"' in again._repr_html_()
    assert parts.port is not None
    connection = http.client.HTTPConnection("127.0.0.1", parts.port, timeout=SECONDS)
    connection.request("GET", "/")
    answer = connection.getresponse()
    policy = answer.headers["Content-Security-Policy"]
    answer.read()
    connection.close()
    assert "frame-ancestors http://localhost:9999" in policy


def test_listing_6_1_is_written_as_nothing() -> None:
    given = problem(network=nb.Network.dense(2, 2, 3, 2))
    assert address_of(PlaneExperiment(**experiment_of(given))) == ""
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/#token=[\w-]{43}", given.lab().address)


@pytest.mark.parametrize(
    ("said", "origin"),
    [
        ('{"url": "http://127.0.0.1:8899/"}', "http://127.0.0.1:8899"),
        ('{"url": "https://Hub.example:8000/user/a/"}', "https://hub.example:8000"),
        ('{"url": "http://[::1]:8888/"}', "http://[::1]:8888"),
        ('{"url": "http://a b; script-src */"}', USUAL_ORIGIN),
        ('{"url": "http+unix://socket/"}', USUAL_ORIGIN),
        ('{"url": 5}', USUAL_ORIGIN),
        ('{"url": "http://[::"}', USUAL_ORIGIN),
        ("{}", USUAL_ORIGIN),
        ("[]", USUAL_ORIGIN),
        ("no JSON", USUAL_ORIGIN),
        (None, USUAL_ORIGIN),
    ],
)
def test_the_origin_is_that_of_the_kernel_s_own_server(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, said: str | None, origin: str
) -> None:
    monkeypatch.setitem(sys.modules, "jupyter_core.paths", SimpleNamespace(jupyter_runtime_dir=lambda: str(tmp_path)))
    monkeypatch.setenv("JPY_PARENT_PID", "123")
    if said is not None:
        (tmp_path / "jpserver-123.json").write_text(said, encoding="utf-8")
    assert notebook_origin() == origin
    for parent in ("", "124", "../123", "\N{SUPERSCRIPT TWO}"):
        monkeypatch.setenv("JPY_PARENT_PID", parent)
        assert notebook_origin() == USUAL_ORIGIN


def test_the_page_keeps_the_stars_whatever_is_done_to_the_points(lab: Any) -> None:
    """Add, move and delete, and the points that were held out are held out still, and no others."""
    x = np.array([[0.1, 0.1], [0.5, 0.5], [0.9, 0.1], [0.1, 0.9]])
    lab.open(address_of(PlaneExperiment(points=points_text(x, np.array([0, 1, 1, 0]), np.arange(4) == 1))))

    def changed(stars: list[bool], before: str) -> str:
        lab.until("(before) => location.hash.slice(1) !== before", before)
        lab.settled()
        experiment = experiment_at(lab.fragment)
        assert experiment.labelled.starred.tolist() == stars
        assert f"/{stars.count(False)}" in lab.page.text_content("#reading-right")
        return str(lab.fragment)

    before = lab.fragment
    assert "%2CB*%3B" in before
    lab.page.click("#add-A")
    lab.page.mouse.click(*lab.plane(0.75, 0.85))
    before = changed([False, True, False, False, False], before)
    lab.page.mouse.move(*lab.plane(0.5, 0.5))
    lab.page.mouse.down()
    lab.page.mouse.move(*lab.plane(0.25, 0.75))
    lab.page.mouse.up()
    before = changed([False, True, False, False, False], before)
    lab.page.click("#tool-delete")
    lab.page.mouse.click(*lab.plane(0.1, 0.1))
    before = changed([True, False, False, False], before)
    lab.page.mouse.click(*lab.plane(0.25, 0.75))
    changed([False, False, False], before)


class Notebook(ThreadingHTTPServer):
    """A page with what a notebook shows of `shown`, under the names localhost and 127.0.0.1: two origins."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Shown)
        self.shown = ""


class Shown(BaseHTTPRequestHandler):
    server: Notebook

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(f"<!doctype html><link rel=icon href=data:,>{self.server.shown}".encode())

    def log_message(self, *_: Any) -> None:
        """Nothing."""


def test_the_frame_trains_in_its_origin_s_pages_and_is_a_text_elsewhere(chromium: Any) -> None:
    with Notebook() as notebook:
        threading.Thread(target=notebook.serve_forever, daemon=True).start()
        port, given = notebook.server_address[1], problem(held_out=nb.data.eleven_points())
        frame = given.lab(origin=f"http://localhost:{port}", steps=500)
        notebook.shown = frame._repr_html_()
        said: list[str] = []
        page = chromium.new_page()
        page.set_default_timeout(MILLISECONDS)
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(f"http://localhost:{port}/")
        page.wait_for_selector("object")
        inner = page.frames[1]
        inner.wait_for_selector("#play")
        inner.click("#play")
        inner.wait_for_function("() => document.querySelector('#step-shown').value.replace(/\\D/g, '') === '500'")
        assert not page.locator("object p").is_visible()
        assert said == []
        assert inner.text_content("#reading-right").split("/")[1] == str(given.N)
        assert "token" not in inner.evaluate("location.hash")
        page.goto(f"http://127.0.0.1:{port}/")  # another origin
        page.locator("object p").wait_for(state="visible")
        assert "frame-ancestors" in said.pop()
        page.goto("data:text/html," + quote(frame._repr_html_()))  # none at all, as a file or a panel of an editor
        page.locator("object p").wait_for(state="visible")
        gone = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:9", frame._repr_html_())  # no server there any more
        page.goto("data:text/html," + quote(gone))
        page.locator("object p").wait_for(state="visible")
        page.close()
        notebook.shutdown()


@pytest.mark.parametrize(
    ("given", "fields", "says"),
    [
        (problem(data=nb.Data(np.zeros((3, 2)), np.full((3, 2), 0.5))), {}, "categories"),
        (problem(data=nb.Data(TEN.x, TEN.y, np.arange(10.0))), {}, "without weights"),
        (problem(held_out=TEN), {"held_out": 0.2}, "star are held out already"),
        (problem(held_out=nb.Data(TEN.x, TEN.y, np.arange(10.0))), {}, "without weights"),
        (problem(held_out=nb.Data(TEN.x, TEN.y / 2)), {}, "categories"),
        (problem(network=nb.Network.dense(3, 2), data=nb.Data(np.zeros((1, 3)), np.eye(2)[:1])), {}, "two inputs"),
        (problem(), {"speed": 1}, "no field speed"),
        (problem(), {"rate": -1.0}, "rate"),
        (problem(), {"origin": "localhost"}, "origin is written"),
        (problem(), {"origin": "http://localhost:8888/tree"}, "origin is written"),
        (problem(), {"origin": "http://a; script-src *"}, "origin is written"),
    ],
)
def test_what_the_plane_cannot_show_is_refused(given: nb.Problem, fields: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        given.lab(**fields)
