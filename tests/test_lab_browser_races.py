"""Clicks that come before the page has answered, and servers that answer badly: nothing is lost, nothing is asked for ever."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

import netbp as nb
from netbp.experiments import PlaneExperiment
from patience import MILLISECONDS

pytest_plugins = ["lab_pages"]


class Held:
    """Questions of the page that are kept from the server until they are let go."""

    def __init__(self, lab: Any, pattern: str) -> None:
        self.lab, self.pattern, self.waiting, self.open = lab, pattern, [], False
        lab.page.route(pattern, self._take)

    def _take(self, route: Any) -> None:
        if self.open:
            route.fallback()
        else:
            self.waiting.append(route)

    def come(self) -> Held:
        """Wait until the page has asked."""
        for _ in range(MILLISECONDS // 16):
            if self.waiting:
                return self
            self.lab.page.evaluate("() => new Promise((done) => requestAnimationFrame(done))")
        raise AssertionError(f"nothing like {self.pattern} was asked")

    def go(self) -> None:
        """Let all go, those held and those to come."""
        self.open = True
        while self.waiting:
            self.waiting.pop(0).fallback()


@contextmanager
def held(lab: Any, pattern: str) -> Iterator[Held]:
    """Hold what the page asks like this; in the end, all goes on."""
    made = Held(lab, pattern)
    try:
        yield made
    finally:
        made.go()
        lab.settled()
        lab.page.unroute(pattern)


# -- before the page has answered ------------------------------------------------------------------------------------------


def test_what_is_clicked_while_an_experiment_is_opened_is_done_with_it(lab: Any) -> None:
    page = lab.page
    lab.slide("#speed", 0)  # one step a frame
    with held(lab, "**/api/open") as opening:
        page.click("#new-start")
        opening.come()
        page.click("#step")
        page.click("#step")
        page.keyboard.press("e")  # to the end of the epoch
        opening.go()
        lab.becomes(seed="5001")
    lab.at(12)
    with held(lab, "**/api/open") as opening:
        page.click("#new-start")
        opening.come()
        page.click("#play")
        opening.go()
        lab.until("() => new URLSearchParams(location.hash.slice(1)).get('seed') === '5002'")
    lab.until("() => Number(document.getElementById('scrubber').value) > 3")
    with held(lab, "**/api/open") as opening:  # it plays
        page.click("#new-start")
        opening.come()
        page.click("#play")  # and is paused
        opening.go()
        lab.becomes(seed="5003")
    lab.at(0)
    assert page.get_attribute("#play", "aria-label") == "Run"


def test_steps_that_were_asked_of_the_last_experiment_are_not_those_of_the_next(lab: Any) -> None:
    with held(lab, "**/frame") as frames:
        lab.page.click("#step")
        frames.come()
        lab.page.click("#step")
        lab.page.click("#new-start")
        frames.go()
        lab.becomes(seed="5001")
    lab.at(0)


def test_a_step_asked_of_a_dropped_run_is_taken_when_it_is_there_again(lab: Any) -> None:
    lab.open("rate=0.1&seed=21")
    lab.page.click("#epoch")
    lab.at(10)
    lab.server.forget()
    lab.expected = ["status of 410"]
    lab.page.click("#step")
    lab.at(11)
    assert "computed again" in lab.page.text_content("#banners")
    wanted = PlaneExperiment(rate=0.1, seed=21, steps=11).run()
    assert float(lab.reading("cost")) == pytest.approx(wanted.final_cost, rel=1e-4)


def test_the_last_of_several_rates_holds(lab: Any) -> None:
    page = lab.page
    lab.to_step(1_000)
    with held(lab, "**/rate") as changing:
        lab.write("rate", "0.2")
        changing.come()
        lab.write("rate", "0.3")
        lab.write("rate", "0.05")  # as it was
        changing.go()
        lab.until("() => document.querySelector('#controls [data-name=rate]').value === '0.05'")
    lab.settled()
    assert lab.fields.get("changes", "1000:0.05") == "1000:0.05"
    page.click("#step")
    lab.at(1_001)
    wanted = nb.train(
        nb.Problem(nb.Network.dense(2, 2, 3, 2), nb.quadratic, nb.data.ten_points()),
        nb.StochasticGradient(rate=0.05), steps=1_001, rng=nb.MatlabRandom(5000),
    )  # fmt: skip
    np.testing.assert_array_equal(lab.frame(lambda: lab.go(1_001)).p, wanted.p)


def test_what_is_taken_away_is_what_the_fields_say(lab: Any, tmp_path: Any) -> None:
    page = lab.page
    page.keyboard.press("s")
    with held(lab, "**/api/open") as opening:
        page.evaluate("() => { location.hash = 'seed=77'; }")
        opening.come()
        with page.expect_download() as download:
            page.click("#export-json")
            opening.go()
        download.value.save_as(tmp_path / "run.json")
    assert '"address": "seed=77"' in (tmp_path / "run.json").read_text()
    lab.until("() => document.getElementById('link').value.endsWith('#seed=77')")


def test_the_tours_run_button_runs_the_stop_that_was_just_chosen(lab: Any) -> None:
    page = lab.page
    page.keyboard.press("g")
    lab.becomes()
    with held(lab, "**/api/open") as opening:
        page.click("#tour-next")
        opening.come()
        page.click("#tour-next")
        page.click("#tour-back")
        page.click("#tour-run")
        opening.go()
        lab.until("() => location.hash === '#points=eleven'")
    lab.until("() => Number(document.getElementById('scrubber').value) > 0")
    lab.pause()


def test_a_pause_that_comes_with_the_end_does_not_start_again(lab: Any) -> None:
    """The run has ended, and the button says Pause still, for the next picture is not drawn yet."""
    page = lab.open("steps=2000").page
    frames = Held(lab, "**/frame")
    page.click("#play")
    frames.come()
    page.wait_for_selector("#play[aria-label=Pause]")
    page.evaluate(
        "() => { window.put = []; window.soon = requestAnimationFrame; requestAnimationFrame = (call) => put.push(call); }"
    )
    frames.go()
    page.wait_for_function("() => window.asked === 0", polling=20)
    asked = len(lab.asked)
    page.evaluate("() => { document.getElementById('play').click(); requestAnimationFrame = soon; put.forEach(soon); }")
    lab.at(2_000)
    assert page.get_attribute("#play", "aria-label") == "Run"
    assert [url for url in lab.asked[asked:] if url.endswith("/frame")] == []


def test_a_run_goes_on_after_frames_that_are_no_further(lab: Any) -> None:
    """A busy server gives the step that it has come to when its patience ends, and that may be the one before."""
    page, stood = lab.page, []

    def stands(route: Any) -> None:
        if len(stood) == 3:
            return route.fallback()
        stood.append(json.loads(route.request.post_data))
        route.continue_(post_data=json.dumps({**stood[-1], "steps": 0}))

    lab.slide("#speed", 0)
    page.route("**/frame", stands)
    page.click("#play")
    lab.until("() => Number(document.getElementById('scrubber').value) > 3")
    lab.pause()
    page.unroute("**/frame")
    assert [asked["after"] for asked in stood] == [0, 0, 0]


def test_nothing_can_be_clicked_before_it_can_answer(new_lab: Any) -> None:
    """The page as it is before the server has said anything: what would be lost is off."""
    lab = new_lab()
    with held(lab, "**/api/**") as everything:
        lab.page.goto(lab.server.address)
        lab.page.wait_for_selector("#play")
        everything.come()
        for name in ("play", "step", "epoch", "rewind", "new-start", "open-tour", "open-takeaway"):
            assert lab.page.is_disabled(f"#{name}"), name
        lab.page.keyboard.press("s")
        lab.page.keyboard.press("g")
        assert lab.page.locator("dialog[open]").count() == 0
        everything.go()
        lab.ready()
    for name in ("play", "step", "epoch", "rewind", "new-start", "open-tour", "open-takeaway"):
        assert lab.page.is_enabled(f"#{name}"), name


def test_answers_about_another_state_are_not_shown(lab: Any) -> None:
    page = lab.page
    lab.to_step(1_000)
    page.keyboard.press("2")
    page.select_option("#walk select", "3")
    page.click('#walk [aria-label="Last step"]')
    with held(lab, "**/nudge") as nudge:
        page.click(".walk-take")
        nudge.come()
        page.click("#step")
        lab.until("() => document.getElementById('scrubber').value === '1001'")
        nudge.go()
        lab.settled()
    assert page.text_content(".walk-effect") == ""
    page.keyboard.press("5")
    with held(lab, "**/api/surface") as slicing:
        page.click("text=Slice the surface here")
        slicing.come()
        page.click("#new-start")
        lab.until("() => location.hash.includes('seed=5001')")
        slicing.go()
        lab.settled()
    assert "Around step" not in page.text_content(".surface-words")
    assert page.is_enabled("text=Slice the surface here")


def test_many_starts_stopped_before_they_began_are_stopped(lab: Any) -> None:
    page = lab.page
    page.keyboard.press("4")
    with held(lab, "**/api/multistart") as beginning:
        page.click("text=Train them all")
        beginning.come()
        page.click("#multistart >> text=Stop")
        with page.expect_request("**/cancel"):
            beginning.go()
    lab.until("() => /stopped/.test(document.querySelector('.start-done').textContent)")
    page.wait_for_selector("text=Train them all >> visible=true")
    assert page.is_enabled("text=Train them all")


# -- a server that answers badly -------------------------------------------------------------------------------------------


CUT = b'NBF1\x40\0\0\0{"sections": [{"name": "p", "dtype": "float64", "shape": [23]}]}'
BAD = {
    "an error": ({"status": 500, "body": '{"error": "this should not have happened"}'}, "this should not have happened"),
    "an error without a line": ({"status": 503, "body": "<html>"}, "the server answered 503"),
    "garbage": ({"status": 200, "body": "garbage, and not a frame"}, "a frame begins with NBF1"),
    "half a frame": ({"status": 200, "body": "NBF1"}, "a frame begins with NBF1"),
    "an empty answer": ({"status": 200, "body": ""}, "a frame begins with NBF1"),
    "a frame cut short": ({"status": 200, "body": b"NBF1\xff\0\0\0{}"}, "stops before its end"),
    "a frame without its numbers": ({"status": 200, "body": CUT}, "stops before its end"),
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("plays", [False, True])
def test_a_frame_that_is_none_is_said_once_and_the_page_goes_on(lab: Any, name: str, plays: bool) -> None:
    answer, said = BAD[name]
    page = lab.page
    lab.expected = ["status of 50[03]", re.escape(said)]
    lab.slide("#speed", 0)
    if plays:
        page.click("#play")
        lab.until("() => Number(document.getElementById('scrubber').value) > 3")
    page.route("**/frame", lambda route: route.fulfill(**answer))
    if not plays:
        page.click("#step")
    lab.until("(said) => document.getElementById('banners').textContent.includes(said)", said)
    lab.settled()
    asked = len(lab.times("/frame"))
    assert page.get_attribute("#play", "aria-label") == "Run"
    page.unroute("**/frame")
    before = lab.step
    page.click("#step")
    lab.at(before + 1)
    lab.until("() => document.getElementById('banners').childElementCount === 0")
    assert len(lab.times("/frame")) == asked + 1  # nothing was asked again meanwhile
    assert page.is_disabled("#undo")


def test_a_server_that_gives_no_frames_is_asked_ever_more_seldom(lab: Any) -> None:
    page, before = lab.page, len(lab.times("/frame"))
    lab.expected = ["ERR_FAILED"]
    page.route("**/frame", lambda route: route.abort())
    page.click("#step")
    lab.until("() => /does not answer/.test(document.getElementById('banners').textContent)")
    lab.until("(n) => questions.filter(([what]) => what.endsWith('/frame')).length > n", before + 4)
    waits = np.diff(lab.times("/frame")[before : before + 5])
    assert (waits >= [0, 299, 699, 1499]).all(), waits  # milliseconds of the page's clock
    page.unroute("**/frame")
    page.click("text=Try now")
    lab.until("() => document.getElementById('banners').childElementCount === 0")
    page.click("#step")
    lab.until("() => Number(document.getElementById('scrubber').value) >= 1")


def test_a_run_that_is_always_gone_is_not_asked_for_for_ever(lab: Any) -> None:
    page, asked = lab.page, []
    lab.expected = ["status of 410"]
    gone = {"status": 410, "body": '{"error": "no longer held", "gone": true}'}
    page.route("**/frame", lambda route: (asked.append(1), route.fulfill(**gone)))
    page.click("#step")
    lab.until("() => /drops this run/.test(document.getElementById('banners').textContent)")
    lab.settled()
    assert len(asked) <= 8
    page.unroute("**/frame")
    page.click("#step")
    lab.until("() => Number(document.getElementById('scrubber').value) >= 1")
    lab.until("() => !/drops this run/.test(document.getElementById('banners').textContent)")


def test_what_could_not_be_done_does_not_take_the_next_change_from_undo(lab: Any) -> None:
    page = lab.page
    lab.expected = ["status of 422"]
    page.route("**/export", lambda route: route.fulfill(status=422, body='{"error": "there is nothing to draw"}'))
    page.keyboard.press("s")
    page.click("#export-gradient-png")
    lab.until("() => /there is nothing to draw/.test(document.getElementById('banners').textContent)")
    assert page.locator("#banners >> text=Undo").count() == 0
    page.keyboard.press("Escape")
    lab.write("rate", "0.2")
    lab.becomes(rate="0.2")
    page.click("#undo")
    lab.becomes(rate=None)
    page.unroute("**/export")
