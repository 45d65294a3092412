"""The lab: from the command to the picture, in headless Chromium.

Claims: the address is printed at most 0.6 s after the interpreter could have printed something; the first paint comes at most
0.5 s after the page is asked for, numba loading behind it; a click in the plane changes the picture within 0.1 s; at 200 x 200
points, training flat out, there are at least 30 pictures a second and the 95th percentile of the gaps is under 40 ms; a million
steps are shown from start to end in under 3 s; with three pages open, one of them stalled, the other two keep at least 0.8 of the
pictures that two pages alone get, and the server's memory stays flat (over an hour's frames: lab_hour.py).

    python -m benchmarks.lab [--rounds 5]

Method: Chromium without a display (software drawing) through playwright, on the machine that also trains. A picture counts when
the plane's colours are written to their canvas. A click adds a point: it counts from the browser's own time stamp of it to the
picture of the run that has the point. Every round has a
server of its own, except for the memory, which is the server's resident set as the system tells it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from statistics import median
from time import perf_counter
from typing import Any

from benchmarks.lab_driver import COMMAND, FLAT_OUT, Asker, address_of, browser, page_of, resident, server, until
from benchmarks.pairing import Contender, Report, Table, Target, arguments, in_turn, three


def first_line() -> None:
    process = subprocess.Popen(COMMAND, stdout=subprocess.PIPE, text=True)
    address_of(process)
    process.kill()
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


def bare_line() -> None:
    subprocess.run([sys.executable, "-c", "print(1, flush=True)"], stdout=subprocess.PIPE, check=True)


def first_paint(opened: Any) -> float:
    """Seconds from the request for the page to the first paint, on a server that has just said its address."""
    with server() as (_, address):
        page = opened.new_page(viewport={"width": 1440, "height": 900})
        page.goto(address)
        until(page, "() => performance.getEntriesByName('first-contentful-paint').length > 0")
        out = page.evaluate("() => performance.getEntriesByName('first-contentful-paint')[0].startTime")
        page.close()
    return float(out) / 1e3


def place(page: Any, x1: float, x2: float) -> tuple[float, float]:
    """Where a point of the unit square lies on the page, in pixels."""
    canvas = page.locator("canvas.plane-canvas")
    box = canvas.bounding_box()
    left, top, width, height = (float(part) for part in canvas.get_attribute("data-frame").split())
    return box["x"] + left + x1 * width, box["y"] + top + (1.0 - x2) * height


def click(page: Any, x: float, y: float) -> float:
    """Seconds from a click in the plane, which adds a point, to the picture of the run with that point."""
    page.wait_for_timeout(700)
    page.evaluate("() => { window.before = window.runs.at(-1); window.drawn = []; window.runs = []; window.clicked = []; }")
    page.mouse.click(x, y)
    until(page, "() => window.clicked.length > 0 && window.runs.some((run) => run !== window.before)")
    found = "window.drawn[window.runs.findIndex((run) => run !== window.before)]"
    return float(page.evaluate(f"() => {found} - window.clicked[0]")) / 1e3


def pictures(pages: list[Any], seconds: float) -> list[list[float]]:
    """The gaps in seconds between the pictures of each page, training flat out."""
    for page in pages:
        page.evaluate(FLAT_OUT)
        page.click("#rewind")  # a hundred million steps last for ten seconds or so
        page.wait_for_timeout(500)
        page.click("#play")
    pages[0].wait_for_timeout(1000)
    for page in pages:
        page.evaluate("() => { window.drawn = []; }")
    pages[0].wait_for_timeout(1000 * seconds)
    times = [page.evaluate("() => window.drawn") for page in pages]
    for page in pages:
        page.click("#play")
    return [[(b - a) / 1e3 for a, b in zip(each, each[1:], strict=False)] for each in times]


def flat_out(opened: Any) -> list[float]:
    """The gaps between the pictures of a page whose run is new: what was trained once is shown at once."""
    with server() as (_, address):
        page = page_of(opened, address, "steps=100000000")
        page.wait_for_timeout(1500)
        gaps = pictures([page], 5.0)[0]
        page.close()
    return gaps


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def a_million(opened: Any) -> float:
    """Seconds from the start button to the last step's picture."""
    with server() as (_, address):
        page = page_of(opened, address)
        page.evaluate(FLAT_OUT)
        page.wait_for_timeout(1500)  # the kernels are loaded
        begun = perf_counter()
        page.click("#play")
        until(page, "() => document.getElementById('scrubber').value === '1000000'")
        took = perf_counter() - begun
        page.close()
    return took


def three_pages(opened: Any, seconds: float) -> tuple[float, float, list[float]]:
    """Pictures a second of two pages, alone and beside a third that has stalled; the server's memory in MB before and after."""
    with server() as (process, address):
        pages = [page_of(opened, address, f"seed={i}&steps=100000000") for i in (1, 2)]
        for page in pages:  # until the history of the costs is as large as it will be
            page.evaluate(FLAT_OUT)
            page.click("#play")
            until(page, "() => Number(document.getElementById('scrubber').max) > 3000000")
            page.click("#play")
        alone = pictures(pages, seconds)
        stalled = Asker(address)
        for _ in range(20):  # asks, and never reads
            body = json.dumps({"after": 0, "seen": 0, "steps": 0, "grid": 300, "view": "margin"})
            lines = [f"{name}: {value}" for name, value in stalled.headers.items()]
            head = f"POST /api/run/{stalled.run}/frame HTTP/1.1\r\nHost: {stalled.connection.host}:{stalled.connection.port}\r\n"
            head += "\r\n".join([*lines, f"Content-Length: {len(body)}"]) + "\r\n\r\n"
            assert stalled.connection.sock is not None
            stalled.connection.sock.sendall((head + body).encode())
        before = resident(process)
        beside = pictures(pages, seconds)
        after = resident(process)
    rate = [median(len(gaps) / seconds for gaps in both) for both in (alone, beside)]
    return rate[0], rate[1], [before, after]


def main() -> None:
    options = arguments(__doc__)
    rounds = max(options.rounds, 5)
    report = Report("lab", "The lab in the browser", (__doc__ or "").strip())
    timed = in_turn(
        [Contender("an interpreter that prints", bare_line), Contender("netbp lab, until its address", first_line)], rounds
    )
    report.timings("Until the first line, whole processes", timed)
    beyond = median(b - a for a, b in zip(timed[0].seconds, timed[1].seconds, strict=True))
    report.targets.append(Target("seconds until the address, beyond the interpreter's own start", beyond, 0.6))
    rows = [["", "median", "least - most", "n"]]

    def row(name: str, values: list[float], unit: str = "s") -> None:
        rows.append([name, f"{three(median(values))} {unit}", f"{three(min(values))} - {three(max(values))}", str(len(values))])
        report.seconds[name] = values

    with browser() as opened:
        report.notes.append(f"Chromium {opened.version}, without a display.")
        paints = [first_paint(opened) for _ in range(rounds)]
        row("first paint after the page's request", paints)
        report.targets.append(Target("seconds from the page's request to the first paint", median(paints), 0.5))

        with server() as (_, address):
            page = page_of(opened, address)
            page.wait_for_timeout(2000)
            clicks = [click(page, *place(page, 0.08 + 0.075 * i, 0.75)) for i in range(2 * rounds + 1)]  # where no point is near
            row("a click in the plane, until the picture has changed", clicks)
            report.targets.append(Target("seconds from a click to the changed picture", median(clicks), 0.1))
            page.close()

        gaps = [flat_out(opened) for _ in range(rounds)]
        rates = [1.0 / (sum(each) / len(each)) for each in gaps]
        tails = [percentile(each, 0.95) for each in gaps]
        row("pictures a second, 200 x 200, training flat out (5 s each)", rates, "1/s")
        row("95th percentile of the gaps", tails)
        report.targets.append(Target("pictures a second while training flat out", median(rates), 30.0, at_least=True))
        report.targets.append(Target("seconds, 95th percentile of the gaps between pictures", median(tails), 0.04))

        millions = [a_million(opened) for _ in range(rounds)]
        row("a million steps, shown from start to end", millions)
        report.targets.append(Target("seconds for a million steps, shown from start to end", median(millions), 3.0))

        several = [three_pages(opened, 5.0) for _ in range(rounds)]
        row("pictures a second and page, two pages", [alone for alone, _, _ in several], "1/s")
        row("the same beside a third that has stalled", [beside for _, beside, _ in several], "1/s")
        row("MB that the server grows by beside a stalled page", [after - before for _, _, (before, after) in several], "MB")
        kept = median(beside / alone for alone, beside, _ in several)
        report.targets.append(Target("share of pictures kept beside a stalled page", kept, 0.8, at_least=True))
        grown = median(after - before for _, _, (before, after) in several)
        report.targets.append(Target("MB that the server grew by meanwhile", grown, 20.0))
    report.tables.append(Table("In the browser", rows))
    report.write()


if __name__ == "__main__":
    main()
