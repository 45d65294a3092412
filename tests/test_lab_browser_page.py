"""The lab's page in Chromium, whatever the experiment: keyboard, sizes, themes, a server that goes, and other people's pages."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from netbp.lab.address import experiment_at
from patience import MILLISECONDS, SECONDS

if TYPE_CHECKING:
    from lab_pages import Lab, Server

pytest_plugins = ["lab_pages"]

SEEN = """
  const FOCUSABLE = "button, input, select, textarea, summary, a[href], [tabindex]";
  const there = (e) => e.tabIndex >= 0 && !e.disabled && e.checkVisibility({visibilityProperty: true});
  const seen = [...document.querySelectorAll(FOCUSABLE)].filter(there);
  const kind = (e) => e.className?.baseVal || e.className || e.tagName;
  const name = (e) => e.id || e.dataset.name || e.getAttribute("aria-label") || kind(e);
"""


# -- keyboard --------------------------------------------------------------------------------------------------------------


def test_tab_reaches_everything_and_the_focus_is_to_be_seen(lab: Lab) -> None:
    count = lab.page.evaluate(
        f"""() => {{ {SEEN}
        window.visited = new Set(); window.unseen = [];
        addEventListener("focusin", ({{target}}) => {{
          visited.add(target);
          const style = getComputedStyle(target), circle = target.querySelector(":scope > .disc");
          const ringed = circle && parseFloat(getComputedStyle(circle).strokeWidth) > 4;
          if (style.outlineStyle === "none" && style.boxShadow === "none" && !ringed) window.unseen.push(name(target));
        }});
        return seen.length; }}"""
    )
    assert count > 40
    for _ in range(count + 5):
        lab.page.keyboard.press("Tab")
    left = lab.page.evaluate(f"() => {{ {SEEN} return seen.filter((e) => !visited.has(e)).map(name); }}")
    assert left == []
    assert lab.page.evaluate("() => window.unseen") == []


def test_everything_has_a_name(lab: Lab) -> None:
    nameless = lab.page.evaluate(
        f"""() => {{ {SEEN}
        const labels = (e) => [...(e.labels ?? [])].map((label) => label.textContent);
        const said = (e) => [e.getAttribute("aria-label"), e.textContent, e.title, ...labels(e)];
        return seen.filter((e) => !said(e).some((text) => text?.trim())).map((e) => e.outerHTML.slice(0, 120)); }}"""
    )
    assert nameless == []


def test_the_shortcuts_do_what_the_list_says(lab: Lab) -> None:
    page, press = lab.page, lab.page.keyboard.press
    press("ArrowRight")
    lab.at(1)
    press("e")
    lab.at(10)
    press("ArrowLeft")
    lab.at(9)
    press("End")
    lab.at(10)
    press("r")
    lab.at(0)
    before = int(page.input_value("#speed"))
    press("-")
    press("-")
    press("+")
    lab.settled()
    assert int(page.input_value("#speed")) == before - 1
    for label in ("Pause", "Run"):
        press(" ")
        lab.until("(label) => document.getElementById('play').getAttribute('aria-label') === label", label)
    lab.settled()
    press("n")
    lab.becomes(seed="5001")
    press("u")
    lab.becomes(seed=None)
    press("U")
    lab.becomes(seed="5001")
    press("Control+z")
    lab.becomes(seed=None)
    for key, tab in zip("23451", ("walk", "compare", "multistart", "surface", "network"), strict=True):
        press(key)
        page.wait_for_selector(f"#panel-{tab}", state="visible")
    press("c")
    page.wait_for_selector("#controls", state="hidden")
    press("c")
    page.wait_for_selector("#controls", state="visible")
    press("g")
    page.wait_for_selector("#tour", state="visible")
    press("g")
    page.wait_for_selector("#tour", state="hidden")
    for key, box in (("s", "#takeaway"), ("?", "#keys")):
        press(key)
        page.wait_for_selector(box, state="visible")
        press("Escape")
        page.wait_for_selector(box, state="hidden")
    press("k")
    press("3")
    page.wait_for_selector("text=Pin this run instead")


def test_points_are_added_moved_and_deleted_without_a_pointer(lab: Lab) -> None:
    page, press = lab.page, lab.page.keyboard.press
    press("Tab")
    assert page.evaluate("() => document.activeElement.id") == "skip"
    press("Enter")
    press("Shift+ArrowRight")
    press("ArrowUp")
    press("Enter")
    lab.until("() => location.hash.includes('points=')")
    assert np.asarray(experiment_at(lab.fragment).labelled[0])[-1] == pytest.approx([0.6, 0.51])
    press("Tab")
    assert "Point 1 of 11" in page.evaluate("() => document.activeElement.getAttribute('aria-label')")
    press("ArrowRight")
    lab.until("() => decodeURIComponent(location.hash).includes('0.11,0.1,A')")
    press("b")
    lab.until("() => decodeURIComponent(location.hash).includes('0.11,0.1,B')")
    press("Delete")
    lab.until("() => !decodeURIComponent(location.hash).includes('0.11,0.1,')")
    assert len(experiment_at(lab.fragment).labelled[1]) == 10


# -- sizes and looks -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "height", "projector"), [(360, 780, False), (1280, 720, True), (3840, 2160, False)])
def test_all_is_within_reach_at_every_size(lab: Lab, width: int, height: int, projector: bool) -> None:
    page = lab.page
    usual = page.evaluate("() => parseFloat(getComputedStyle(document.querySelector('#reading-cost')).fontSize)")
    page.set_viewport_size({"width": width, "height": height})
    try:
        if projector:
            page.keyboard.press("p")
            page.wait_for_selector("html.projector")
            assert page.evaluate("() => parseFloat(getComputedStyle(document.querySelector('#reading-cost')).fontSize)") > usual
        page.evaluate("() => { for (const group of document.querySelectorAll('details')) group.open = true; }")
        lab.settled()
        lab.until("() => document.getAnimations().length === 0")
        assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
        hidden = page.evaluate(
            f"""() => {{ {SEEN} const out = [];
            for (const e of seen) {{
              if (e.id === "skip" || e.classList.contains("plane-point")) continue;
              e.scrollIntoView({{block: "center", inline: "center"}});
              const box = e.getBoundingClientRect(), x = box.left + box.width / 2, y = box.top + box.height / 2;
              const hit = document.elementFromPoint(x, y);
              if (box.left < -1 || box.right > innerWidth + 1) out.push(["wide", name(e), box.left, box.right]);
              else if (!hit || !(e.contains(hit) || hit.contains(e) || hit.closest("label, svg") || e.closest("label")))
                out.push(["covered", name(e), hit && name(hit)]);
            }}
            return out; }}"""
        )
        assert hidden == []
        plane = page.locator("#plane canvas").bounding_box()
        assert min(plane["width"], plane["height"]) > 0.3 * min(width, height)
    finally:
        page.set_viewport_size({"width": 1440, "height": 900})


CONTRAST = """() => {
  const canvas = document.createElement("canvas"); canvas.width = canvas.height = 1;
  const context = canvas.getContext("2d", {willReadFrequently: true});
  const rgba = (colour) => {
    context.clearRect(0, 0, 1, 1); context.fillStyle = colour; context.fillRect(0, 0, 1, 1);
    return [...context.getImageData(0, 0, 1, 1).data];
  };
  const linear = (v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4);
  const light = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  const behind = (e) => {
    for (; e; e = e.parentElement) { const c = rgba(getComputedStyle(e).backgroundColor); if (c[3] === 255) return c; }
    return [255, 255, 255, 255];
  };
  const aside = "[disabled], .visually-hidden, .row-help, .unseen, math", out = [];
  for (const e of document.body.querySelectorAll("*")) {
    const there = e.checkVisibility({opacityProperty: true, visibilityProperty: true});
    const seen = e instanceof HTMLElement && !e.closest(aside) && there;
    if (!seen || ![...e.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim())) continue;
    const [a, b] = [light(rgba(getComputedStyle(e).color)), light(behind(e))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) out.push([e.textContent.trim().slice(0, 30), e.className, Math.round(100 * ratio) / 100]);
  }
  return [light(behind(document.body)), out];
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_both_themes_can_be_read(lab: Lab, scheme: str) -> None:
    lab.page.emulate_media(color_scheme=scheme)
    lab.settled()
    lab.page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    lab.until("() => document.getAnimations().length === 0")  # colours pass from one theme to the other in a moment
    luminance, faint = lab.page.evaluate(CONTRAST)
    assert (luminance > 0.5) == (scheme == "light")
    assert faint == []
    lab.page.keyboard.press("t")  # light, whatever the system has
    lab.until("() => document.documentElement.dataset.theme === 'light'")
    assert lab.page.evaluate(CONTRAST)[0] > 0.5
    lab.page.keyboard.press("t")
    lab.until("() => document.documentElement.dataset.theme === 'dark'")  # and kept
    lab.page.reload()
    lab.ready()
    assert lab.page.evaluate("() => document.documentElement.dataset.theme") == "dark"
    lab.page.emulate_media(color_scheme="light")


def test_the_plane_stays_where_it_is_when_it_is_pointed_at(lab: Lab) -> None:
    before = lab.page.get_attribute("#plane canvas", "data-frame")
    lab.page.mouse.move(*lab.plane(0.75, 0.85))
    lab.until("() => document.querySelector('.plane-reading').textContent !== ''")
    lab.settled()
    assert lab.page.get_attribute("#plane canvas", "data-frame") == before


# -- a server that goes ----------------------------------------------------------------------------------------------------


def test_a_run_that_was_dropped_is_computed_again_with_the_same_digits(lab: Lab) -> None:
    lab.open("rate=0.1&seed=9")
    lab.page.click("#step")
    lab.at(1)
    shown = lab.frame(lambda: lab.page.click("#epoch"))
    lab.at(10)
    lab.server.forget()
    lab.expected = ["status of 410"]
    lab.page.click("#rewind")
    lab.until("() => /computed again/.test(document.getElementById('banners').textContent)")
    again = lab.frame(lambda: lab.go(10))
    assert again.header["run"] != shown.header["run"]
    np.testing.assert_array_equal(again.p, shown.p)


def test_a_server_started_anew_is_told_and_the_page_goes_on(
    new_lab: Callable[..., Lab], new_server: Callable[[int], Server]
) -> None:
    first = new_server(0)
    try:
        lab = new_lab(first).open("rate=0.1")
        shown = lab.frame(lambda: lab.page.click("#epoch"))
        lab.at(10)
    finally:
        first.stop()
    lab.expected = ["ERR_CONNECTION", "ERR_EMPTY", "status of 401", "status of 410"]
    lab.page.click("#step")
    lab.until("() => /does not answer/.test(document.getElementById('banners').textContent)")
    second = new_server(first.port)
    try:
        lab.until("() => /started anew/.test(document.getElementById('banners').textContent)")
        assert lab.fields == {"rate": "0.1"}
        other = lab.page.context.new_page()
        other.set_default_timeout(MILLISECONDS)
        other.goto(second.address)  # as its printed address is opened
        lab.until("() => /computed again/.test(document.getElementById('banners').textContent)")
        other.close()
        lab.page.bring_to_front()  # a page behind another draws nothing, and so asks for nothing
        lab.at(10)
        again = lab.frame(lambda: lab.page.click("#step"))
        assert again.header["step"] == 11
        back = lab.frame(lambda: lab.go(10))
        np.testing.assert_array_equal(back.p, shown.p)
    finally:
        lab.page.context.close()
        second.stop()


# -- other people's pages --------------------------------------------------------------------------------------------------


class Stranger(BaseHTTPRequestHandler):
    """A page that has nothing to do with the lab."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>stranger</title><link rel=icon href=data:,><body></body>")

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def stranger() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Stranger) as served:
        thread = threading.Thread(target=served.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{served.server_port}/"
        served.shutdown()
        thread.join(SECONDS)


def test_a_page_of_another_origin_changes_and_reads_nothing(chromium: Any, server: Server, stranger: str) -> None:
    context = chromium.new_context()
    page = context.new_page()
    page.set_default_timeout(MILLISECONDS)
    answers: list[tuple[str, str, int]] = []
    page.on("response", lambda a: answers.append((a.request.method, a.url, a.status)) if a.url.startswith(server.origin) else None)
    page.goto(stranger)
    got = page.evaluate(
        """async (lab) => {
        const body = JSON.stringify({experiment: {seed: 66}}), out = {};
        const tries = {
          get: ["/api/fields", {}], page: ["/", {}], blind: ["/api/fields", {mode: "no-cors"}],
          post: ["/api/open", {method: "POST", body}],
          json: ["/api/open", {method: "POST", body, headers: {"Content-Type": "application/json"}}],
          token: ["/api/open", {method: "POST", body, headers: {"X-Netbp-Token": "x"}}],
          blindPost: ["/api/open", {method: "POST", body, mode: "no-cors"}], module: ["/static/js/main.js", {}],
        };
        for (const [name, [path, how]] of Object.entries(tries)) {
          try { out[name] = (await (await fetch(lab + path, {credentials: "include", ...how})).text()).length; }
          catch { out[name] = "refused"; }
        }
        out.image = await new Promise((done) => {
          const image = Object.assign(new Image(), {onload: () => done("seen"), onerror: () => done("refused")});
          image.src = lab + "/static/icon.svg";
        });
        return out; }""",
        server.origin,
    )
    assert {name: value for name, value in got.items() if value not in ("refused", 0)} == {}
    with page.expect_response(lambda answer: answer.request.is_navigation_request() and answer.request.method == "POST"):
        page.evaluate(
            """(lab) => { const make = (tag, how) => Object.assign(document.createElement(tag), how);
        const form = make("form", {method: "POST", action: lab + "/api/open", enctype: "text/plain", target: "inner"});
        form.append(make("input", {name: '{"experiment": {"seed": 66}, "x', value: '": 1}'}));
        document.body.append(make("iframe", {name: "inner"}), form);
        form.submit(); }""",
            server.origin,
        )
    posts = [status for method, url, status in answers if method in ("POST", "OPTIONS")]
    assert posts
    assert all(400 <= status < 500 for status in posts), answers
    assert all(400 <= status < 500 for _, url, status in answers if "/api/" in url), answers
    page.evaluate(
        """(lab) => new Promise((done) => {
        const frame = Object.assign(document.createElement("iframe"), {src: lab, onload: done});
        document.body.append(frame); })""",
        server.origin,
    )
    for frame in page.frames[1:]:
        assert frame.locator("#plane, h1.brand").count() == 0
    context.close()


def test_a_name_that_was_rebound_to_this_machine_is_refused(chromium: Any, server: Server) -> None:
    context = chromium.new_context()
    page = context.new_page()
    page.set_default_timeout(MILLISECONDS)
    answer = page.goto(f"http://evil.test:{server.port}/")
    assert answer.status == 403
    assert page.locator("#plane").count() == 0
    got = page.evaluate(
        """async (token) => Promise.all(["GET /", "GET /static/js/main.js", "GET /api/fields", "POST /api/open"].map(
        async (line) => {
          const [method, path] = line.split(" ");
          const headers = {"X-Netbp-Token": token, "Content-Type": "application/json"};
          const answer = await fetch(path, {method, headers, body: method === "POST" ? "{}" : undefined});
          return [answer.status, Object.keys(await answer.json())];
        }))""",
        server.token,  # even with what it cannot know
    )
    assert got == [[403, ["error"]]] * 4
    context.close()
