"""What the lab answers: a body comes in, plain values or bytes go out. No mathematics, no paths, no addresses.

A method takes what it needs out of the body by name and kind, and hands it to the core.
"""

from __future__ import annotations

import sys
import threading
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from netbp.lab.asking import Desk
from netbp.lab.bodies import Fields

if TYPE_CHECKING:
    from netbp.lab.image_runs import ImageRuns
    from netbp.lab.jobs import Jobs
    from netbp.lab.runs import Runs

STEPS = 10**8
POINTS_TEXT = 2**20
GRID = 300
MAP = 64


class Lab:
    """The core behind the handlers, made when it is first needed: importing it takes longer than answering the first page."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder
        self.desk = Desk()
        self._lock = threading.Lock()
        self._runs: Runs | None = None
        self._jobs: Jobs | None = None
        self._images: ImageRuns | None = None

    @property
    def runs(self) -> Runs:
        """The runs that are held."""
        with self._lock:
            if self._runs is None:
                from netbp.lab.runs import Runs

                self._runs = Runs()
            return self._runs

    @property
    def jobs(self) -> Jobs:
        """The work that goes on in the background."""
        with self._lock:
            if self._jobs is None:
                from netbp.lab.jobs import Jobs

                self._jobs = Jobs()
            return self._jobs

    @property
    def images(self) -> ImageRuns:
        """The saved runs of images."""
        with self._lock:
            if self._images is None:
                from netbp.lab.image_runs import ImageRuns

                self._images = ImageRuns(Path("runs") if self.folder is None else self.folder)
            return self._images

    def warm(self) -> None:
        """Load the engine and take a first step, so that the first click need not."""
        try:
            run = self.runs.open({}, 0)
            self.runs.get(run["run"]).frame(0, 0, 1, 20, "margin")
        except Exception:  # whatever it is, the first request will meet it and say so
            traceback.print_exc(file=sys.stderr)

    def close(self) -> None:
        """Stop what goes on."""
        self.desk.close()
        for held in (self._runs, self._jobs, self._images):
            if held is not None:
                held.close()

    # -- experiments and their runs ---------------------------------------------------------------------------------------

    def fields(self, body: dict[str, Any], **_: str) -> Any:
        """What an experiment has: names, defaults, help, limits; and the tour."""
        from netbp.lab.fields import fields

        return fields()

    def open(self, body: dict[str, Any], **_: str) -> Any:
        """A run of an experiment, standing at a step."""
        given = Fields(body, "experiment", "step")
        return self.runs.open(given.mapping("experiment"), given.whole("step", 0, high=STEPS))

    def frame(self, body: dict[str, Any], run: str) -> Any:
        """The next picture of a run."""
        given = Fields(body, "after", "seen", "steps", "grid", "view", "extent")
        return self.runs.get(run).frame(
            given.whole("after", 0, high=STEPS),
            given.whole("seen", 0),
            given.whole("steps", 0, low=-1, high=STEPS),
            given.whole("grid", 0, high=GRID),
            given.text("view", "margin"),
            given.numbers("extent", 4) if "extent" in given else None,
        )

    def neurons(self, body: dict[str, Any], run: str) -> Any:
        """Every neuron over the plane, in little."""
        given = Fields(body, "step", "grid")
        return self.runs.get(run).maps(given.whole("step", high=STEPS), given.whole("grid", 24, low=2, high=MAP))

    def rate(self, body: dict[str, Any], run: str) -> Any:
        """The same run with another rate from a step on."""
        given = Fields(body, "step", "rate")
        return self.runs.change_rate(run, given.whole("step", high=STEPS), given.number("rate"))

    def walk(self, body: dict[str, Any], run: str) -> Any:
        """Forward and backward at one point, with all numbers."""
        given = Fields(body, "step", "x", "category")
        return self.runs.get(run).walk(given.whole("step", high=STEPS), given.numbers("x", 2), given.whole("category"))

    def difference(self, body: dict[str, Any], run: str) -> Any:
        """A derivative beside its finite difference."""
        given = Fields(body, "step", "x", "category", "layer", "row", "column")
        return self.runs.get(run).difference(
            given.whole("step", high=STEPS),
            given.numbers("x", 2),
            given.whole("category"),
            given.whole("layer", low=2),
            given.whole("row"),
            given.whole("column") if "column" in given else None,
        )

    def nudge(self, body: dict[str, Any], run: str) -> Any:
        """The picture after one gradient step at one point."""
        given = Fields(body, "step", "x", "category", "rate", "grid", "view")
        return self.runs.get(run).nudge(
            given.whole("step", high=STEPS),
            given.numbers("x", 2),
            given.whole("category"),
            given.number("rate"),
            given.whole("grid", 0, high=GRID),
            given.text("view", "margin"),
        )

    def convergence(self, body: dict[str, Any], run: str) -> Any:
        """How fast, and the plateaus."""
        return self.runs.get(run).convergence(Fields(body, "step").whole("step", high=STEPS))

    def curve(self, body: dict[str, Any], run: str) -> Any:
        """The whole history of the cost."""
        return self.runs.get(run).curve(Fields(body, "points").whole("points", 2000, low=2, high=20_000))

    def export(self, body: dict[str, Any], run: str) -> Any:
        """Something to take away."""
        given = Fields(body, "what", "step", "view", "format")
        name, kind, content = self.runs.get(run).export(
            given.text("what"), given.whole("step", high=STEPS), given.text("view", "plane"), given.text("format", "png")
        )
        return Response(content, media_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'})

    def multistart(self, body: dict[str, Any], **_: str) -> Any:
        """Begin many starts."""
        given = Fields(body, "experiment", "starts", "steps")
        starts, steps = given.whole("starts", 1000, low=1, high=1000), given.whole("steps", 10_000, low=1, high=100_000)
        return {"job": self.jobs.multistart(given.mapping("experiment"), starts, steps)}

    def job(self, body: dict[str, Any], job: str) -> Any:
        """How far it is, and what came out."""
        Fields(body)
        return self.jobs.state(job)

    def cancel(self, body: dict[str, Any], job: str) -> Any:
        """Stop it."""
        Fields(body)
        self.jobs.cancel(job)
        return {"cancelled": job}

    def surface(self, body: dict[str, Any], **_: str) -> Any:
        """A slice through the cost."""
        from netbp.lab.surface import surface

        Fields(body, "run", "step", "kind", "other", "n", "seed")
        return surface(self.runs, body)

    def points(self, body: dict[str, Any], **_: str) -> Any:
        """The points of a table, or of a set that is drawn, as an experiment writes them."""
        from netbp.lab.csvpoints import points_from, points_of_set

        given = Fields(body, "csv", "set", "n", "noise", "seed")
        if "csv" in given:
            return points_from(given.text("csv", limit=POINTS_TEXT))
        return points_of_set(
            given.text("set"), given.whole("n", 100, low=1, high=10_000), given.number("noise", 0.1), given.whole("seed", 0)
        )

    # -- saved runs of images ---------------------------------------------------------------------------------------------

    def listed(self, body: dict[str, Any], **_: str) -> Any:
        """The saved runs of images."""
        return self.images.listed()

    def curves(self, body: dict[str, Any], run: str) -> Any:
        """Objective and errors by epoch."""
        Fields(body)
        return self.images.curves(run)

    def confusion(self, body: dict[str, Any], run: str) -> Any:
        """Which classes the network takes for which; fresh: of the newest state of a run that trains."""
        given = Fields(body, "fresh")
        return self.images.confusion(run, given.whole("fresh", 0, high=1) == 1)

    def cell(self, body: dict[str, Any], run: str) -> Any:
        """The images of a cell of the confusion matrix."""
        given = Fields(body, "row", "column", "first", "count")
        return self.images.cell(run, given.whole("row"), given.whole("column"), given.whole("first", 0), given.whole("count", 24))

    def mistakes(self, body: dict[str, Any], run: str) -> Any:
        """Images that are taken for something else."""
        given = Fields(body, "first", "count", "order")
        return self.images.mistakes(run, given.whole("first", 0), given.whole("count", 24), given.text("order", "test"))

    def filters(self, body: dict[str, Any], run: str) -> Any:
        """The weights of the first layer."""
        Fields(body)
        return self.images.filters(run)

    def maps(self, body: dict[str, Any], run: str) -> Any:
        """What the layers make of a test image."""
        return self.images.maps(run, Fields(body, "image").whole("image", low=1))

    def classify(self, content: bytes, run: str) -> Any:
        """What the network makes of an image file, which is the body."""
        return self.images.classify(run, content)
