"""The lab in a notebook: `problem.lab()` shows the page with the problem's points and network, framed, on a server of its own.

The server is one per process and origin, runs in a thread, and ends with the kernel. The frame is an <object>: unlike an <iframe>
it shows the text inside it where there is no such page, or none that may be framed, as in a notebook exported to HTML.
"""

from __future__ import annotations

import atexit
import html
import json
import os
import re
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import numpy as np

from netbp.lab.launch import OPENING, Launch, listen

if TYPE_CHECKING:
    from netbp.problem import Problem
    from netbp.types import Matrix

USUAL_ORIGIN = "http://localhost:8888"
ORIGIN = re.compile(r"https?://(\[[0-9a-f:]+\]|[a-z0-9.-]+)(:\d{1,5})?")
LINK = 3600.0
"""Seconds in which the link below a frame that is not shown is good."""
LAUNCHES: dict[str, Launch] = {}
"""The servers of this process, by the origin that may frame them."""
_LOCK = threading.Lock()


@dataclass(frozen=True)
class LabFrame:
    """The lab, to be shown by a notebook.

    about: the experiment, as in an address. origin: of the pages that may frame it. height: of the frame, in pixels.
    """

    launch: Launch = field(repr=False)
    about: str
    origin: str
    height: int = 860

    @property
    def address(self) -> str:
        """What to open in a browser instead. Who reads it can use the lab; the notebook's file does not hold it."""
        return self._at(self.launch.address)

    def _at(self, address: str) -> str:
        return f"{address}{'&' if self.about else ''}{self.about}"

    def _repr_html_(self) -> str:
        source, link = (html.escape(self._at(self.launch.once(life)), quote=True) for life in (OPENING, LINK))
        origin = html.escape(self.origin, quote=True)
        return (
            f'<object type="text/html" data="{source}" title="netbp lab" width="100%" height="{self.height}" style="border: 0">'
            f"<p>netbp's lab is shown here while the notebook's kernel runs, and in pages of {origin} only. If the kernel runs, "
            f'open <a href="{link}" target="_blank" rel="noopener">the lab in a tab of its own</a>, once within the hour, or give '
            "problem.lab(origin=...) what this page's address begins with.</p></object>"
        )


def show(problem: Problem, origin: str | None = None, height: int = 860, **fields: Any) -> LabFrame:
    """The lab's page for this problem; see `Problem.lab`."""
    origin = notebook_origin() if origin is None else origin
    if not ORIGIN.fullmatch(origin):
        raise ValueError(f'the notebook\'s origin is written as in "{USUAL_ORIGIN}", without a path, but it is {origin!r}')
    given = {**experiment_of(problem), **fields}
    from netbp.experiments.plane import PlaneExperiment
    from netbp.lab.address import address_of

    unknown = sorted(set(given) - set(PlaneExperiment.__dataclass_fields__))
    if unknown:
        raise ValueError(f"the lab has no field {unknown[0]}; it has {', '.join(PlaneExperiment.__dataclass_fields__)}")
    about = address_of(PlaneExperiment(**given))  # which says now what the page would say
    return LabFrame(_running(origin), about, origin, height)


def notebook_origin() -> str:
    """The origin of the Jupyter server that started this kernel, as the file that it keeps while it runs says; or the usual one."""
    paths = sys.modules.get("jupyter_core.paths")  # which every kernel has loaded, and nothing here needs otherwise
    parent = os.environ.get("JPY_PARENT_PID", "")
    if paths is None or not parent.isdecimal():
        return USUAL_ORIGIN
    try:
        said = (Path(paths.jupyter_runtime_dir()) / f"jpserver-{parent}.json").read_text(encoding="utf-8")
        parts = urlsplit(str(json.loads(said)["url"]))
    except (OSError, ValueError, KeyError, TypeError):
        return USUAL_ORIGIN
    found = f"{parts.scheme}://{parts.netloc}".lower()
    return found if ORIGIN.fullmatch(found) else USUAL_ORIGIN


def experiment_of(problem: Problem) -> dict[str, Any]:
    """The fields of the lab's experiment for this problem. Raises ValueError for what the plane cannot show."""
    from netbp.experiments.plane_texts import FIXED, points_of, points_text

    network, data = problem.network, problem.data
    if not network.is_dense or network.sizes[0] != 2:
        raise ValueError(f"the lab shows dense networks with two inputs, but this one is {network.title}")
    sets = [data] if problem.held_out is None else [data, problem.held_out]
    if not all(one.weight is None and _one_hot(np.asarray(one.y)) for one in sets):
        raise ValueError("the lab shows points of categories: targets with a 1 in one column and 0 in the others, without weights")
    x = np.concatenate([np.asarray(one.x, dtype=float) for one in sets])
    labels = np.concatenate([np.asarray(one.y).argmax(axis=1) for one in sets])
    points = points_text(x, labels, np.arange(len(x)) >= problem.N)
    activations = [activation.name for activation in network.activations]
    return {
        "points": next((name for name in FIXED if points_text(*points_of(name)) == points), points),
        "layers": "-".join(str(n) for n in network.sizes),
        "activation": ",".join(activations) if len(set(activations)) > 1 else activations[0],
        "cost": problem.cost.name,
        "penalty": problem.penalty,
    }


def _one_hot(y: Matrix) -> bool:
    return bool(np.isin(y, (0.0, 1.0)).all() and (y.sum(axis=1) == 1.0).all())


def _running(origin: str) -> Launch:
    with _LOCK:
        if origin not in LAUNCHES:
            from netbp.lab.answers import Lab
            from netbp.lab.serving import server_of

            launch, lab = listen(0, framed_by=origin), Lab()
            server = server_of(launch, lab)
            threading.Thread(target=server.run, kwargs={"sockets": [launch.socket]}, daemon=True, name="netbp lab server").start()
            threading.Thread(target=lab.warm, daemon=True).start()
            atexit.register(lab.close)
            LAUNCHES[origin] = launch
        return LAUNCHES[origin]
