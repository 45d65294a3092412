"""The lab's server: which path is answered by what, and how answers and refusals travel.

Every request has passed the guard. Its body is read, handed to `Lab` in a thread, and what comes is sent back, as JSON or bytes; a
ValueError is an answer of one line (422), a run no longer held is 410.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from netbp.lab.answers import Lab
from netbp.lab.asking import Desk
from netbp.lab.bodies import parsed
from netbp.lab.guard import ENTRY, Guard, RefusedError
from netbp.lab.launch import Launch
from netbp.lab.turns import AbandonedError, BusyError

STATIC = Path(__file__).parent / "static"
LINE = 300
"""Characters that a refusal may have."""
NOT_KEPT = {"Cache-Control": "no-store"}

Handler = Callable[[Request], Awaitable[Response]]


def application(lab: Lab, launch: Launch) -> Guard:
    """The guarded application."""

    def route(path: str, work: Callable[..., Any], method: str = "POST") -> Route:
        return Route(path, _answering(lab.desk, work), methods=[method])

    def enter(body: dict[str, Any], **_: str) -> Any:
        if not launch.codes.used(str(body.get("code"))):
            raise RefusedError(401, "this code was used already, is too old, or is not this launch's: open the address anew")
        return {"token": launch.token}

    of_a_run = (lab.frame, lab.neurons, lab.rate, lab.walk, lab.difference, lab.nudge, lab.convergence, lab.curve, lab.export)
    routes = [
        Route("/", _page, methods=["GET"]),
        Mount("/static", StaticFiles(directory=STATIC)),
        route(ENTRY.decode(), enter),
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
        Route("/api/images/{run}/classify", _answering(lab.desk, lab.classify, bytes), methods=["POST"]),
    ]
    unknown = {404: _unknown, 405: _unknown}
    app = Starlette(routes=routes, exception_handlers=unknown)
    return Guard(app, launch.token, launch.port, launch.names, launch.framed_by)


async def _page(request: Request) -> Response:
    return FileResponse(STATIC / "index.html")


async def _unknown(request: Request, error: Any) -> Response:
    return JSONResponse({"error": f"there is no {request.method} {request.url.path[:100]} here"}, error.status_code)


def _answering(desk: Desk, work: Callable[..., Any], read: Callable[[bytes], Any] = parsed) -> Handler:
    """A handler: the body, read, goes to `work` in a thread, and what that gives is the answer."""

    async def left(request: Request) -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    async def handler(request: Request) -> Response:
        try:
            body, named = await request.body(), request.path_params
            owner = request.headers.get("x-netbp-page", "")
            return _response(await desk.answer(owner, partial(left, request), lambda: work(read(body), **named)))
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
    from netbp.lab.runs import GONE
    from netbp.lab.training import DroppedError

    line = " ".join(str(error).split()) or (GONE if isinstance(error, DroppedError) else type(error).__name__)
    line = line if len(line) <= LINE else f"{line[: LINE - 3]}..."  # it may quote what was sent
    if isinstance(error, RefusedError):
        return JSONResponse({"error": line}, error.status)
    if isinstance(error, DroppedError):
        return JSONResponse({"error": line, "gone": True}, 410)
    if isinstance(error, BusyError | AbandonedError):
        return JSONResponse({"error": line}, 503)
    if isinstance(error, ValueError | OverflowError | MemoryError):
        return JSONResponse({"error": line}, 422)
    traceback.print_exception(error, file=sys.stderr)
    return JSONResponse({"error": f"this should not have happened: {type(error).__name__}: {line}; the terminal has more"}, 500)
