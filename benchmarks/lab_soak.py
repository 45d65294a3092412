"""The lab under hostile and ordinary clients at once, for an hour: is it still answered, and does its memory stay flat?

Claims: of the ordinary questions (the page, its files, its fields, a problem that is opened, pictures of a run, a walk) 95 in 100
are answered within 0.2 s, each kind by itself, and none is refused; between the second quarter of the time and the last one the
server's memory grows by at most 50 MB, its threads by at most 20 and its descriptors by at most 50. In the first quarter the runs
fill up that it holds: at most 16, with up to 28 MB of costs and states each.

    python -m benchmarks.lab_soak [--minutes 60]

Method: the server is a process of its own with its default limits and one saved run of images. One reader goes through the page
over and over: opens a problem, trains it in 20 pictures, asks about a point and a far step, exports, begins some starts, classifies
an image; over a connection that is kept, with 0.1 s before each question, timed from its first byte to the answer's last.
Beside it, in a process that gives way to the others (nice 10), benchmarks/lab_clients.py: 64 idle connections, slow heads and
bodies, noise, wrong tokens, huge bodies, far steps from 16 at once, askers who leave, many starts that nobody asks about again,
readers who do not read, figures. Memory is the resident set as the system tells it, every 5 s.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from benchmarks.lab_driver import COMMAND, resident, server
from benchmarks.pairing import Report, Table, Target, arguments, three

EVERY = 5.0
"""Seconds between two looks at the server."""
ORDINARY = ("page", "file", "fields", "problem", "picture", "walk")
"""What is to be answered soon."""
LONG = ("far step", "figure", "table", "starts", "image")
PARTS = 12


class Look(NamedTuple):
    """At the server: seconds since the begin, MB, threads, descriptors."""

    at: float
    memory: float
    threads: int
    descriptors: int


class Reader:
    """One who uses the lab as it is meant to be used. times: seconds by kind of question. refused: what went wrong, by kind."""

    def __init__(self, port: int, token: str, pause: float = 0.1) -> None:
        self.port, self.pause = port, pause
        self.headers = {"X-Netbp-Token": token, "Origin": f"http://127.0.0.1:{port}", "X-Netbp-Page": "reader"}
        self.times: dict[str, list[float]] = defaultdict(list)
        self.refused: dict[str, list[str]] = defaultdict(list)
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        self.seed = 0

    def ask(self, kind: str, path: str, body: Any = None) -> Any:
        """The answer, timed; None, and it is noted, where there is none."""
        time.sleep(self.pause)
        content = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        form = "application/octet-stream" if isinstance(body, bytes) else "application/json"
        for last in (False, True):
            begun = perf_counter()
            try:
                self.connection.request("GET" if body is None else "POST", path, content, {**self.headers, "Content-Type": form})
                answer = self.connection.getresponse()
                got = answer.read()
            except (OSError, http.client.HTTPException) as error:  # a connection that was kept too long: browsers ask again, too
                self.connection.close()
                if last:
                    self.refused[kind].append(repr(error))
                    return None
                continue
            self.times[kind].append(perf_counter() - begun)
            if answer.status != 200:
                self.refused[kind].append(f"{answer.status} {got[:200]!r}")
                return None
            return json.loads(got) if answer.headers.get_content_type() == "application/json" else got
        return None

    def once(self, picture: bytes = b"", image_run: str = "") -> None:
        """Through the page once."""
        self.seed += 1
        self.ask("page", "/")
        for name in ("js/main.js", "js/views/plane.js", "style/layout.css", "icon.svg"):
            self.ask("file", f"/static/{name}")
        self.ask("fields", "/api/fields")
        opened = self.ask("problem", "/api/open", {"experiment": {"seed": 1 + self.seed % 7, "steps": 10**6}})
        if opened is None:
            return
        path = f"/api/run/{opened['run']}"
        at = 0
        for _ in range(20):
            frame = self.ask("picture", f"{path}/frame", {"after": at, "seen": at + 1, "steps": 500, "grid": 100})
            at = at if frame is None else json.loads(frame[8 : 8 + int.from_bytes(frame[4:8], "little")])["step"]
        for x in ([0.1, 0.1], [0.6, 0.3]):
            self.ask("walk", f"{path}/walk", {"step": at, "x": x, "category": 0})
        self.ask("far step", f"{path}/walk", {"step": at + 200_000, "x": [0.5, 0.5], "category": 0})
        self.ask("figure", f"{path}/export", {"what": "figure", "step": at, "view": "cost", "format": "png"})
        self.ask("table", f"{path}/export", {"what": "csv", "step": at})
        self.ask("starts", "/api/multistart", {"experiment": {}, "starts": 8, "steps": 500})
        if image_run:
            self.ask("image", f"/api/images/{image_run}/classify", picture)


def look(process: Any, begun: float) -> Look:
    told = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
    threads = int(next(line.split()[1] for line in told.splitlines() if line.startswith("Threads:")))
    return Look(perf_counter() - begun, resident(process), threads, len(os.listdir(f"/proc/{process.pid}/fd")))


def an_image_run(folder: Path) -> None:
    """A run of images as `netbp run mnist` would save it, of a network that was not trained."""
    from netbp.data.preprocess import Preprocessing
    from netbp.data.steps import Fitted, Scale
    from netbp.experiments import MnistExperiment, settings_of
    from netbp.record import Run
    from netbp.types import State

    experiment = MnistExperiment()
    told: dict[str, Any] = {
        "preprocessing": Preprocessing((Fitted(Scale(), {}),)).settings,
        "classes": [str(k) for k in range(10)],
        "shape": [1, 28, 28],
        "problem": {"points": 60_000, "cost": "softmax_log_loss"},
        "method": {"batch": 10},
    }
    p = experiment.network().draw(np.random.default_rng(0))
    run = Run(State(p, 0, {}, None), 2.3, 2.3, settings=settings_of(experiment) | told, provenance={"engine": "compiled"})
    replace(run, status="finished").save(folder / "digits.npz")


def a_picture() -> bytes:
    """A photograph's size, as PNG."""
    from PIL import Image

    out = io.BytesIO()
    Image.new("RGBA", (2000, 1500), (90, 120, 30, 200)).save(out, "PNG")
    return out.getvalue()


def soak(minutes: float) -> tuple[Reader, list[Look], dict[str, int]]:
    """Both kinds of clients at the lab for so long."""
    with tempfile.TemporaryDirectory() as folder:
        an_image_run(Path(folder))
        command = [*COMMAND, "--runs", folder]
        with server(command) as (process, address):
            port, token = address.rpartition(":")[2].split("/#token=")
            reader, looks, ended = Reader(int(port), token), [], threading.Event()
            (listed,) = reader.ask("fields", "/api/images")["runs"]
            picture, begun = a_picture(), perf_counter()

            def read() -> None:
                while not ended.is_set():
                    reader.once(picture, listed["id"])

            others = [sys.executable, "-m", "benchmarks.lab_clients", port, token]
            with subprocess.Popen(others, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as hostile:
                reading = threading.Thread(target=read)
                reading.start()
                try:
                    while perf_counter() - begun < 60.0 * minutes and process.poll() is None:
                        time.sleep(EVERY)
                        looks.append(look(process, begun))
                finally:
                    ended.set()
                    reading.join()
                    told, _ = hostile.communicate("")
            return reader, looks, json.loads(told)


def percentile(times: list[float], q: float) -> float:
    return float(np.quantile(times, q)) if times else float("nan")


def part(looks: list[Look], number: int) -> list[float]:
    """Means of memory, threads and descriptors over one of the PARTS of the time, counted from 0."""
    edges = np.linspace(0, len(looks), PARTS + 1).astype(int)
    some = looks[edges[number] : max(edges[number] + 1, edges[number + 1])]
    return [float(np.mean([one[k] for one in some])) for k in (1, 2, 3)]


def reported(reader: Reader, looks: list[Look], done: dict[str, int], minutes: float) -> Report:
    report = Report("lab_soak", "The lab under siege", (__doc__ or "").strip())
    rows = [["question", "asked", "median, s", "95 in 100, s", "99 in 100, s", "longest, s", "refused"]]
    for kind in (*ORDINARY, *LONG):
        times = reader.times[kind]
        shown = [three(percentile(times, q)) for q in (0.5, 0.95, 0.99, 1.0)]
        rows.append([kind, f"{len(times):,}", *shown, str(len(reader.refused[kind]))])
    report.tables.append(Table(f"What one reader asked in {minutes:g} minutes", rows))
    parts = [part(looks, number) for number in range(PARTS)]
    minute = [three(minutes * (number + 1) / PARTS) for number in range(PARTS)]
    rows = [["up to minute", *minute]]
    for k, name in enumerate(("MB", "threads", "descriptors")):
        rows.append([name, *(f"{one[k]:.0f}" for one in parts)])
    report.tables.append(Table("The server, on average over a twelfth of the time", rows))
    late = [one for one in looks if one.at > looks[-1].at / 4]
    slope = np.polyfit([one.at / 3600.0 for one in late], [one.memory for one in late], 1)[0] if len(late) > 2 else float("nan")
    report.notes.append(f"A line through the memory after the first quarter rises by {slope:.1f} MB an hour.")
    report.notes.append("Attempts of the others: " + ", ".join(f"{name} {count:,}" for name, count in done.items()) + ".")
    wrong = [f"{kind}: {lines[0]}" for kind, lines in reader.refused.items() if lines]
    report.notes += [f"The first refusal of each kind: {'; '.join(wrong)}."] if wrong else []
    for kind in ORDINARY:
        report.targets.append(Target(f"{kind}: 95 in 100 answered within, s", percentile(reader.times[kind], 0.95), 0.2))
    report.targets.append(Target("ordinary questions refused", sum(len(reader.refused[kind]) for kind in ORDINARY), 0.0))
    quarter = PARTS // 4
    growth = np.mean(parts[-quarter:], axis=0) - np.mean(parts[quarter : 2 * quarter], axis=0)
    for k, (name, limit) in enumerate((("MB", 50.0), ("threads", 20.0), ("descriptors", 50.0))):
        report.targets.append(Target(f"{name} more in the last quarter than in the second", float(growth[k]), limit))
    return report


def main() -> None:
    given = arguments(__doc__, minutes=60.0)
    with contextlib.suppress(KeyboardInterrupt):
        reader, looks, done = soak(given.minutes)
        reported(reader, looks, done, given.minutes).write()


if __name__ == "__main__":
    main()
