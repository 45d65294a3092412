"""A lab and a browser for the tests of the page: a server and a Chromium for each module, and a page that forgives no error.

A test that takes `lab` fails when the page wrote an error, threw one, or asked anything of another origin.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import numpy as np
import pytest

from patience import MILLISECONDS, SECONDS

COUNTED = """(() => {
  const send = window.fetch;
  window.asked = 0; // questions whose answers the page has not read yet
  window.questions = []; // [address, milliseconds of the page's clock] of each
  window.fetch = async (...request) => {
    window.asked++;
    window.questions.push([String(request[0]), performance.now()]);
    try {
      const answer = await send(...request);
      for (const kind of ["json", "arrayBuffer", "blob"]) {
        const read = answer[kind].bind(answer);
        answer[kind] = () => read().finally(() => window.asked--);
      }
      return answer;
    } catch (error) {
      window.asked--;
      throw error;
    }
  };
})()"""
"""Counts in the page itself what it asks: what the browser tells of requests comes later."""

QUIET = """(patience) => new Promise((done, never) => {
  const last = performance.now() + patience;
  let calm = 0; // animation frames in which nothing was asked: some questions follow a frame after an answer
  const look = () => {
    const plays = document.getElementById("play")?.getAttribute("aria-label") === "Pause";
    calm = window.asked === 0 || plays ? calm + 1 : 0;
    if (calm > 3) done();
    else if (performance.now() > last) never(new Error("the page asks and asks"));
    else requestAnimationFrame(look);
  };
  look();
})"""
"""Resolves when nothing is asked, or the run goes on, and what was answered has been drawn."""


class Server:
    """`netbp lab` as a process of its own, started again at will."""

    def __init__(self, port: int = 0) -> None:
        command = [sys.executable, "-m", "netbp", "lab", "--no-browser", "--port", str(port)]
        quiet = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=quiet)
        assert self.process.stdout is not None
        found = re.search(r"(http://[^/]+)/#token=(\S+)", self.process.stdout.readline())
        assert found is not None, "the lab printed no address"
        self.origin, self.token = found[1], found[2]
        self.port = int(self.origin.rpartition(":")[2])

    @property
    def address(self) -> str:
        return f"{self.origin}/#token={self.token}"

    def post(self, path: str, body: dict[str, Any], page: str = "") -> Any:
        """What the server answers, asked from outside of the browser; page: the name under which a page would ask."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        headers = {"X-Netbp-Token": self.token, "Origin": self.origin, "Content-Type": "application/json", "X-Netbp-Page": page}
        connection.request("POST", path, json.dumps(body), headers)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        assert answer.status == 200, content
        return json.loads(content) if answer.headers.get_content_type() == "application/json" else content

    def forget(self) -> None:
        """Open so many other runs, each by another page, that those which were held are dropped: one page drives out nobody's."""
        for seed in range(20):
            self.post("/api/open", {"experiment": {"seed": 100 + seed}, "step": 0}, f"another page {seed}")

    def stop(self) -> str:
        """End it; what it wrote to its error stream."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            _, said = self.process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            _, said = self.process.communicate()
        return str(said)


class Frame:
    """A frame as the page got it: its header and parameters."""

    def __init__(self, content: bytes) -> None:
        length = struct.unpack("<I", content[4:8])[0]
        self.header: dict[str, Any] = json.loads(content[8 : 8 + length])
        (size,) = self.header["sections"][0]["shape"]
        self.p = np.frombuffer(content, np.float64, size, 8 + length)


class Lab:
    """A page of the lab. expected: what the console may say in this test."""

    def __init__(self, page: Any, server: Server) -> None:
        self.page, self.server = page, server
        self.problems: list[str] = []
        self.asked: list[str] = []
        self.expected: list[str] = []
        page.set_default_timeout(MILLISECONDS)
        page.set_default_navigation_timeout(MILLISECONDS)
        page.on("console", lambda message: self.problems.append(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: self.problems.append(f"uncaught: {error}"))
        page.on("request", lambda request: self.asked.append(request.url))
        page.add_init_script(COUNTED)

    def open(self, fragment: str = "") -> Lab:
        """The page with this experiment, ready. A page that is there already is loaded anew."""
        if self.page.url.startswith(f"{self.server.origin}/"):  # another fragment alone would not load it
            self.page.goto("about:blank")
        self.page.goto(f"{self.server.address}{'&' if fragment else ''}{fragment}")
        return self.ready()

    def ready(self) -> Lab:
        self.until("() => /\\d/.test(document.getElementById('reading-cost')?.textContent ?? '')")
        self.settled()
        return self

    def until(self, condition: str, given: Any = None) -> None:
        """Wait until a function of the page is true."""
        self.page.wait_for_function(condition, arg=given)

    def settled(self) -> None:
        """Wait until nothing is asked any more, unless the run goes on, and what was answered has been drawn."""
        self.page.evaluate(QUIET, MILLISECONDS)

    def times(self, end: str) -> list[float]:
        """When the page has asked for what ends like this, in milliseconds of its own clock."""
        return [when for address, when in self.page.evaluate("() => questions") if address.endswith(end)]

    @property
    def fragment(self) -> str:
        return str(self.page.evaluate("() => location.hash.slice(1)"))

    @property
    def fields(self) -> dict[str, str]:
        """What of the experiment the address holds."""
        return dict(parse_qsl(self.fragment, keep_blank_values=True))

    def becomes(self, **fields: str | None) -> None:
        """Wait until the address holds these fields with these values; None: not at all."""
        self.until(
            """(wanted) => { const here = new URLSearchParams(location.hash.slice(1));
            return Object.entries(wanted).every(([name, value]) => here.get(name) === value); }""",
            fields,
        )
        self.settled()

    def control(self, name: str) -> Any:
        """The input of a field, its group unfolded."""
        found = self.page.locator(f'#controls [data-name="{name}"]')
        found.evaluate(
            "(input) => { for (let at = input; at; at = at.parentElement) if (at.tagName === 'DETAILS') at.open = true; }"
        )
        return found

    def write(self, name: str, value: str) -> None:
        """Give a control a value, as one who types or chooses does."""
        control = self.control(name)
        if control.evaluate("(input) => input.tagName") == "SELECT":
            control.select_option(value)
        else:
            control.fill(value)
            control.press("Enter")
            control.evaluate("(input) => input.blur()")

    def slide(self, selector: str, value: float | str) -> None:
        """Move a slider."""
        script = "(input, value) => { input.value = value; input.dispatchEvent(new Event('input', {bubbles: true})); }"
        self.page.locator(selector).evaluate(script, str(value))

    def flat_out(self) -> None:
        self.slide("#speed", 99)

    @property
    def step(self) -> int:
        return int(self.page.input_value("#scrubber"))

    def at(self, step: int) -> None:
        """Wait until this step is shown."""
        self.until("(step) => document.getElementById('scrubber').value === String(step)", step)
        self.settled()

    def reading(self, name: str) -> str:
        return str(self.page.text_content(f"#reading-{name}"))

    def frame(self, cause: Callable[[], object]) -> Frame:
        """The frame that the page asks for when `cause` is done."""
        with self.page.expect_response(lambda answer: answer.url.endswith("/frame")) as found:
            cause()
        return Frame(found.value.body())

    def to_step(self, step: int) -> Frame:
        """Train up to a step and no further: as one who writes its number after the run has passed it."""
        self.flat_out()
        self.page.click("#play")
        self.until("(step) => Number(document.getElementById('scrubber').value) >= step", step)
        self.pause()
        return self.frame(lambda: self.go(step))

    def pause(self) -> None:
        """Click on Pause if it is there: looked for and clicked at once, for a run may end in between."""
        self.page.evaluate("() => document.querySelector('#play[aria-label=Pause]')?.click()")
        self.until("() => document.getElementById('play').getAttribute('aria-label') === 'Run'")
        self.settled()

    def go(self, step: int) -> None:
        self.page.fill("#step-shown", f"{step} ")  # other text than is there, or nothing has changed
        self.page.press("#step-shown", "Enter")

    def plane(self, x1: float, x2: float) -> tuple[float, float]:
        """Where a place of the unit square lies in the window."""
        box = self.page.locator("#plane canvas").bounding_box()
        left, top, width, height = map(float, self.page.get_attribute("#plane canvas", "data-frame").split())
        return box["x"] + left + x1 * width, box["y"] + top + (1.0 - x2) * height

    def check(self) -> None:
        """Nothing went wrong that was not expected, and nothing was asked of anybody else."""
        problems = [line for line in self.problems if not any(re.search(pattern, line) for pattern in self.expected)]
        assert problems == []
        own = urlsplit(self.server.origin)
        others = [
            url for url in self.asked if urlsplit(url)[:2] != own[:2] and urlsplit(url).scheme not in ("blob", "data", "about")
        ]
        assert others == []


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A lab for the module's tests."""
    made = Server()
    yield made
    said = made.stop()
    assert "Traceback" not in said, said


@pytest.fixture
def new_server() -> Callable[[int], Server]:
    """Starts other labs, at a port of one's choice; who starts one ends it."""
    return Server


@contextmanager
def chromium_with(*arguments: str) -> Iterator[Any]:
    """A Chromium with arguments of its own."""
    api = pytest.importorskip("playwright.sync_api")
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip("chromium is not installed")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", *arguments])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A Chromium for the module's tests."""
    with chromium_with("--host-resolver-rules=MAP evil.test 127.0.0.1") as browser:
        yield browser


@pytest.fixture
def new_lab(chromium: Any, server: Server) -> Iterator[Callable[..., Lab]]:
    """Makes pages with settings of their own, each with a memory of its own; all are checked at the end."""
    made: list[Lab] = []

    def make(of: Server | None = None, width: int = 1440, height: int = 900, **settings: Any) -> Lab:
        context = chromium.new_context(viewport={"width": width, "height": height}, **settings)
        made.append(Lab(context.new_page(), of or server))
        return made[-1]

    yield make
    for lab in made:
        lab.page.context.close()
    for lab in made:
        lab.check()


@pytest.fixture(scope="module")
def shared(chromium: Any, server: Server) -> Lab:
    """The page that the module's tests use one after the other."""
    return Lab(chromium.new_context(viewport={"width": 1440, "height": 900}).new_page(), server)


@pytest.fixture
def lab(shared: Lab) -> Iterator[Lab]:
    """A page at 1440 by 900 that remembers nothing, ready, with Listing 6.1."""
    if shared.page.url.startswith(f"{shared.server.origin}/"):  # the lab's page keeps its place when it is left: not now
        shared.page.evaluate("() => { localStorage.clear(); sessionStorage.clear(); Storage.prototype.setItem = () => {}; }")
        shared.page.goto("about:blank")
    shared.page.unroute_all(behavior="ignoreErrors")
    shared.problems, shared.asked, shared.expected = [], [], []
    yield shared.open()
    shared.check()
