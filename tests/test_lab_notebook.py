"""The lab in a notebook: which problems it shows, with which experiment, framed by whom."""

from __future__ import annotations

import http.client
import re
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import numpy as np
import pytest

import netbp as nb
from netbp.data.planar import two_moons
from netbp.experiments.plane import PlaneExperiment
from netbp.lab.address import address_of, experiment_at
from netbp.lab.notebook import USUAL_ORIGIN, experiment_of, notebook_origin

TEN = nb.data.ten_points()
MOONS = two_moons(30, 0.05, 1)


def problem(**changes: Any) -> nb.Problem:
    network = changes.pop("network", nb.Network.dense(2, 4, 2, activation=(nb.tanh, nb.sigmoid)))
    return nb.Problem(network, changes.pop("cost", nb.quadratic), changes.pop("data", TEN), **changes)


@pytest.mark.parametrize(
    "given",
    [
        problem(),
        problem(cost=nb.softmax_log_loss, penalty=0.125),
        problem(data=nb.data.eleven_points()),
        problem(held_out=nb.data.eleven_points()),
        problem(data=MOONS, cost=nb.softmax_log_loss, penalty=0.5, held_out=TEN),
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
    assert re.search(r'<object type="text/html" data="http://127.0.0.1:\d+/#token=', again._repr_html_())
    assert "in pages of http://localhost:9999 only" in again._repr_html_()
    assert 'height="500"' in again._repr_html_()
    assert parts.port is not None
    connection = http.client.HTTPConnection("127.0.0.1", parts.port, timeout=60)
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
