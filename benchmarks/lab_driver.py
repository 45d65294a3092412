"""The lab as a process, its pages in Chromium, and a client that asks for frames as a page does: what its benchmarks drive."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter, sleep
from typing import Any

COMMAND = [sys.executable, "-m", "netbp", "lab", "--no-browser", "--port", "0"]
FLAT_OUT = (
    """() => { const dial = document.getElementById("speed"); dial.value = dial.max; dial.dispatchEvent(new Event("input")); }"""
)
DRAWN = """
  window.drawn = []; window.runs = []; window.clicked = [];
  let answered = "";
  const bytes = Response.prototype.arrayBuffer;
  Response.prototype.arrayBuffer = async function () {
    const content = await bytes.call(this);
    answered = (/run\\/([^/]+)\\/frame/.exec(this.url) || [])[1] || answered;
    return content;
  };
  const put = CanvasRenderingContext2D.prototype.putImageData;
  CanvasRenderingContext2D.prototype.putImageData = function (...all) {
    if (this.canvas.width >= 100) { // the plane, not a picture inside a neuron
      window.drawn.push(performance.now());
      window.runs.push(answered);
    }
    return put.apply(this, all);
  };
  document.addEventListener("pointerdown", (event) => window.clicked.push(event.timeStamp), true);
"""


@contextmanager
def server(command: Sequence[str] = COMMAND) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The lab as a process, and its address."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield process, address_of(process)
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:  # a reader that has stalled holds it up
            process.kill()
            process.wait()
        if process.stdout:
            process.stdout.close()


def address_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    found = re.search(r"http\S+", process.stdout.readline())
    if not found:
        raise SystemExit("the lab printed no address")
    return found[0]


@contextmanager
def browser() -> Iterator[Any]:
    """Chromium."""
    from playwright.sync_api import sync_playwright

    executable = shutil.which("chromium")
    if not executable:
        raise SystemExit("this benchmark needs chromium on the path")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield opened
        opened.close()


def page_of(opened: Any, address: str, fields: str = "") -> Any:
    """A page with the lab, ready: the first picture is there."""
    page = opened.new_page(viewport={"width": 1440, "height": 900})
    page.add_init_script(DRAWN)
    page.goto(f"{address}&{fields}" if fields else address)
    until(page, "() => window.drawn.length > 0")
    return page


def until(page: Any, condition: str) -> None:
    """Wait until the condition holds in the page, asked from outside: the page's own rules forbid text that is run."""
    begun = perf_counter()
    while not page.evaluate(condition):
        if perf_counter() - begun > 60.0:
            raise SystemExit(f"after a minute this did not hold: {condition}")
        sleep(0.01)


def resident(process: subprocess.Popen[str]) -> float:
    """The process's resident set in MB."""
    pages = int(Path(f"/proc/{process.pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


class Asker:
    """Asks for frames as a page does, over one connection."""

    def __init__(self, address: str) -> None:
        found = re.fullmatch(r"http://([\d.]+):(\d+)/#token=(.*)", address)
        assert found is not None
        origin = f"http://{found[1]}:{found[2]}"
        self.connection = http.client.HTTPConnection(found[1], int(found[2]), timeout=60)
        self.headers = {"Origin": origin, "X-Netbp-Token": found[3], "Content-Type": "application/json"}
        self.after = self.seen = 0
        self.run = self.post("/api/open", {"experiment": {"steps": 100_000_000, "rate": 0.01}})["run"]

    def post(self, path: str, body: dict[str, Any]) -> Any:
        self.connection.request("POST", path, json.dumps(body), self.headers)
        answer = self.connection.getresponse()
        content = answer.read()
        if answer.status != 200:
            raise SystemExit(f"{path}: {content[:300]!r}")
        return json.loads(content) if content[:1] == b"{" else content

    def frame(self, steps: int = -1, grid: int = 60) -> None:
        body = {"after": self.after, "seen": self.seen, "steps": steps, "grid": grid, "view": "margin"}
        content = self.post(f"/api/run/{self.run}/frame", body)
        header = json.loads(content[8 : 8 + int.from_bytes(content[4:8], "little")])
        self.after, self.seen = header["step"], header["seen"]
