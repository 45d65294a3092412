"""The lab's server: experiments, their fields, runs and frames, as JSON and bytes. No mathematics, no paths, no addresses.

Every request has passed the guard. A handler takes what it needs out of the body by name and kind, hands it to the core in a
thread, and sends back what comes; a ValueError of the core is an answer of one line (422), a run no longer held is 410.
"""

from __future__ import annotations

import sys
import threading
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from netbp.lab.bodies import Fields, parsed
from netbp.lab.guard import Guard, RefusedError
from netbp.lab.launch import Launch

if TYPE_CHECKING:
    from netbp.lab.image_runs import ImageRuns
    from netbp.lab.jobs import Jobs
    from netbp.lab.runs import Runs

STATIC = Path(__file__).parent / "static"
STEPS = 10**8
POINTS_TEXT = 2**20
GRID = 300
MAP = 64
NOT_KEPT = {"Cache-Control": "no-store"}

Handler = Callable[[Request], Awaitable[Response]]


class Lab:
    """The core behind the handlers, made when it is first needed: importing it takes longer than answering the first page."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder
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
        for held in (self._runs, self._jobs, self._images):
            if held is not None:
                held.close()

    # -- handlers: a body in, plain values or bytes out; they run in threads ----------------------------------------------

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


def application(lab: Lab, launch: Launch) -> Guard:
    """The guarded application."""

    def route(path: str, work: Callable[..., Any], method: str = "POST") -> Route:
        return Route(path, _answering(work), methods=[method])

    of_a_run = (lab.frame, lab.neurons, lab.rate, lab.walk, lab.difference, lab.nudge, lab.convergence, lab.curve, lab.export)
    routes = [
        Route("/", _page, methods=["GET"]),
        Mount("/static", StaticFiles(directory=STATIC)),
        route("/api/fields", lab.fields, "GET"),
        route("/api/open", lab.open),
        *(route(f"/api/run/{{run}}/{work.__name__}", work) for work in of_a_run),
        route("/api/multistart", lab.multistart),
        route("/api/job/{job}", lab.job),
        route("/api/job/{job}/cancel", lab.cancel),
        route("/api/surface", lab.surface),
        route("/api/points", lab.points),
        route("/api/images", lab.listed, "GET"),
        *(
            route(f"/api/images/{{run}}/{work.__name__}", work)
            for work in (lab.curves, lab.confusion, lab.cell, lab.mistakes, lab.filters, lab.maps)
        ),
        Route("/api/images/{run}/classify", _answering(lab.classify, bytes), methods=["POST"]),
    ]
    unknown = {404: _unknown, 405: _unknown}
    app = Starlette(routes=routes, exception_handlers=unknown)
    return Guard(app, launch.token, launch.port, launch.names, launch.framed_by)


async def _page(request: Request) -> Response:
    return FileResponse(STATIC / "index.html")


async def _unknown(request: Request, error: Any) -> Response:
    return JSONResponse({"error": f"there is no {request.method} {request.url.path[:100]} here"}, error.status_code)


def _answering(work: Callable[..., Any], read: Callable[[bytes], Any] = parsed) -> Handler:
    """A handler: the body, read, goes to `work` in a thread, and what that gives is the answer."""

    async def handler(request: Request) -> Response:
        try:
            body = read(await request.body())
            return _response(await run_in_threadpool(work, body, **request.path_params))
        except ClientDisconnect:
            return Response(status_code=400)
        except Exception as error:
            return _refusal(error)

    return handler


def _response(answer: Any) -> Response:
    if isinstance(answer, Response):
        return answer
    if isinstance(answer, bytes | bytearray | memoryview):
        return Response(bytes(answer), media_type="application/octet-stream", headers=NOT_KEPT)
    return JSONResponse(answer, headers=NOT_KEPT)


def _refusal(error: Exception) -> Response:
    """What a failure looks like from outside: one line, and a status that says whose fault it is."""
    from netbp.lab.runs import Gone

    line = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, RefusedError):
        return JSONResponse({"error": line}, error.status)
    if isinstance(error, Gone):
        return JSONResponse({"error": line, "gone": True}, 410)
    if isinstance(error, ValueError | OverflowError | MemoryError):
        return JSONResponse({"error": line}, 422)
    traceback.print_exception(error, file=sys.stderr)
    return JSONResponse({"error": f"this should not have happened: {type(error).__name__}: {line}; the terminal has more"}, 500)
