"""The lab's server: who is let in, attacked with raw sockets; what it refuses, in one line; and that it stays bounded."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from starlette.routing import Mount, Route

from netbp.analysis.regions import grid_neuron
from netbp.cli import main
from netbp.experiments import PlaneExperiment
from netbp.lab.answers import Lab
from netbp.lab.bodies import DEPTH
from netbp.lab.codes import MOST, Codes
from netbp.lab.guard import BODY, Guard
from netbp.lab.launch import USUAL_PORT, Launch, listen
from netbp.lab.server import application
from netbp.lab.serving import server_of
from patience import SECONDS


class Served(NamedTuple):
    launch: Launch
    lab: Lab

    @property
    def port(self) -> int:
        return self.launch.port

    @property
    def ours(self) -> dict[str, str]:
        origin = f"http://127.0.0.1:{self.port}"
        return {"X-Netbp-Token": self.launch.token, "Origin": origin, "Content-Type": "application/json"}

    def ask(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any, dict[str, str]]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        sent = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        connection.request(method, path, sent, self.ours if headers is None else headers)
        answer = connection.getresponse()
        content = answer.read()
        kind = answer.headers.get_content_type()
        connection.close()
        return answer.status, json.loads(content) if kind == "application/json" else content, dict(answer.headers)

    def post(self, path: str, body: Any = None) -> tuple[int, Any]:
        return self.ask("POST", path, {} if body is None else body)[:2]

    def raw(self, request: bytes) -> bytes:
        """What comes back for these bytes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=SECONDS) as connection:
            connection.sendall(request)
            return b"".join(iter(lambda: connection.recv(65536), b""))  # every request asks to close, or is refused and closed


def serving(launch: Launch) -> Iterator[Served]:
    lab = Lab()
    server = server_of(launch, lab)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [launch.socket]}, daemon=True)
    thread.start()
    try:
        yield Served(launch, lab)
    finally:
        server.should_exit = True
        thread.join(SECONDS)
        lab.close()
        launch.socket.close()
        assert not thread.is_alive()


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    yield from serving(listen(0))


def request(
    served: Served, *headers: str, method: str = "POST", path: str = "/api/open", body: bytes = b'{"experiment": {}}'
) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", *headers, "Connection: close", f"Content-Length: {len(body)}"]
    text = "\r\n".join(lines).replace("{port}", str(served.port)).replace("{token}", served.launch.token)
    return text.encode("latin-1") + b"\r\n\r\n" + body


HOST, ORIGIN = "Host: 127.0.0.1:{port}", "Origin: http://127.0.0.1:{port}"
TOKEN, KIND = "X-Netbp-Token: {token}", "Content-Type: application/json"
GOOD = (HOST, ORIGIN, TOKEN, KIND)


def status(answer: bytes) -> int:
    assert answer.startswith(b"HTTP/1.1 "), answer[:200]
    return int(answer.split()[1])


def one_line(answer: bytes) -> None:
    """The refusal says what is wrong, in a line, and no more than that."""
    head, _, body = answer.partition(b"\r\n\r\n")
    if b"application/json" in head:
        said = json.loads(body)["error"]
        assert "\n" not in said
        assert len(said) < 400
    assert b"Traceback" not in answer
    assert b"access-control" not in head.lower()


# -- who is let in -----------------------------------------------------------------------------------------------------------


def test_what_is_ours_passes(served: Served) -> None:
    for host in ("127.0.0.1", "localhost", "[::1]"):
        headers = (f"Host: {host}:{{port}}", f"Origin: http://{host}:{{port}}", TOKEN, KIND)
        assert status(served.raw(request(served, *headers))) == 200


HOSTS = {
    "another site": ["Host: evil.com"],
    "another site, our port": ["Host: evil.com:{port}"],
    "our name at the end": ["Host: localhost.evil.com:{port}"],
    "our name at the beginning": ["Host: evil.localhost:{port}"],
    "missing": [],
    "doubled": [HOST, HOST],
    "doubled, another": [HOST, "Host: evil.com"],
    "no port": ["Host: 127.0.0.1"],
    "another port": ["Host: 127.0.0.1:1"],
    "another number for it": ["Host: 127.1:{port}"],
    "everything": ["Host: 0.0.0.0:{port}"],
    "a user": ["Host: me@127.0.0.1:{port}"],
    "upper case": ["Host: LOCALHOST:{port}"],
    "a dot": ["Host: localhost.:{port}"],
    "empty": ["Host: "],
    "forwarded": ["Host: evil.com", "X-Forwarded-Host: 127.0.0.1:{port}"],
}


@pytest.mark.parametrize("path", ["/", "/static/js/main.js", "/api/fields", "/api/open"])
@pytest.mark.parametrize("name", HOSTS)
def test_another_host_is_refused_everywhere(served: Served, name: str, path: str) -> None:
    method = "POST" if path == "/api/open" else "GET"
    origin = [line.replace("Host: ", "Origin: http://") for line in HOSTS[name][:1]]  # as after a rebinding of a name
    for others in ([ORIGIN], origin):
        answer = served.raw(request(served, *HOSTS[name], *others, TOKEN, KIND, method=method, path=path))
        assert status(answer) in (400, 403)
        one_line(answer)


ORIGINS = {
    "null": ["Origin: null"],
    "missing": [],
    "https": ["Origin: https://127.0.0.1:{port}"],
    "another port": ["Origin: http://127.0.0.1:1"],
    "no port": ["Origin: http://127.0.0.1"],
    "another site": ["Origin: http://evil.com"],
    "our name at the end": ["Origin: http://127.0.0.1:{port}.evil.com"],
    "another of our names": ["Origin: http://localhost:{port}"],  # a page on localhost is not the page on 127.0.0.1
    "doubled": [ORIGIN, ORIGIN],
    "a path": [ORIGIN + "/"],
    "empty": ["Origin: "],
}


@pytest.mark.parametrize("name", ORIGINS)
def test_another_origin_changes_nothing(served: Served, name: str) -> None:
    answer = served.raw(request(served, HOST, *ORIGINS[name], TOKEN, KIND))
    assert status(answer) in (400, 403)
    one_line(answer)


@pytest.mark.parametrize("name", [name for name in ORIGINS if name != "missing"])
def test_another_origin_reads_nothing(served: Served, name: str) -> None:
    assert status(served.raw(request(served, HOST, *ORIGINS[name], TOKEN, method="GET", path="/api/fields", body=b""))) in (
        400,
        403,
    )


TOKENS = {
    "missing": [],
    "empty": ["X-Netbp-Token: "],
    "short": ["X-Netbp-Token: {short}"],
    "prefixed": ["X-Netbp-Token: x{token}"],
    "longer": ["X-Netbp-Token: {token}x"],
    "doubled": [TOKEN, TOKEN],
    "in another header": ["Authorization: Bearer {token}"],
    "not ASCII": ["X-Netbp-Token: \xe9\xe9"],
}


@pytest.mark.parametrize("name", TOKENS)
def test_without_the_token_there_is_the_shell_only(served: Served, name: str) -> None:
    token = [line.replace("{short}", served.launch.token[:-1]) for line in TOKENS[name]]
    for method, path in (("POST", "/api/open"), ("GET", "/api/fields"), ("POST", "/"), ("GET", "/staticx"), ("GET", "/api/none")):
        answer = served.raw(request(served, HOST, ORIGIN, *token, KIND, method=method, path=path))
        assert status(answer) == 401, (method, path)
        one_line(answer)
    assert served.launch.token.encode() not in served.raw(request(served, HOST, method="GET", path="/", body=b""))


def test_no_route_misses_the_guard(served: Served) -> None:
    guard = application(served.lab, served.launch)
    assert isinstance(guard, Guard)
    routes = [route for route in guard.app.routes if isinstance(route, Route)]  # type: ignore[attr-defined]
    assert [route.path for route in guard.app.routes if isinstance(route, Mount)] == ["/static"]  # type: ignore[attr-defined]
    assert len(routes) > 12
    for route in routes:
        path = re.sub(r"\{[a-z]+\}", "abc", route.path)
        (method,) = route.methods - {"HEAD"}
        assert method in ("GET", "POST")
        expected = 200 if path == "/" else 401
        assert status(served.raw(request(served, HOST, ORIGIN, KIND, method=method, path=path))) == expected, path
        assert status(served.raw(request(served, "Host: evil.com", ORIGIN, TOKEN, KIND, method=method, path=path))) == 403, path
        if method == "POST":
            assert status(served.raw(request(served, HOST, TOKEN, KIND, method=method, path=path))) == 403, path
            assert status(served.raw(request(served, HOST, ORIGIN, TOKEN, method=method, path=path))) == 415, path


PATHS = [
    "/static/..%2f..%2fpyproject.toml",
    "/static/../server.py",
    "/static/%2e%2e/server.py",
    "/static/js/main.js%00",
    "/%00",
    "//evil.com/",
]
PATHS += [
    "/static/..\\server.py",
    "/api/open?x=/etc/passwd/..",
    "http://evil.com/",
    "/static//etc/passwd",
    "/static/js/none.js",
    "/static/js",
]


@pytest.mark.parametrize("path", PATHS)
def test_no_path_leads_out(served: Served, path: str) -> None:
    answer = served.raw(request(served, HOST, TOKEN, method="GET", path=path, body=b""))
    assert status(answer) in (400, 403, 404, 405)
    assert b"def " not in answer
    assert b"root:" not in answer
    one_line(answer)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "CONNECT", "BREW"])
def test_other_methods_are_not_spoken(served: Served, method: str) -> None:
    path = "127.0.0.1:1" if method == "CONNECT" else "/api/open"
    answer = served.raw(request(served, *GOOD, method=method, path=path))
    assert status(answer) in (400, 405)
    one_line(answer)


def test_a_page_elsewhere_may_not_even_ask_whether_it_may(served: Served) -> None:
    headers = [
        HOST,
        "Origin: http://evil.com",
        "Access-Control-Request-Method: POST",
        "Access-Control-Request-Headers: x-netbp-token",
    ]
    answer = served.raw(request(served, *headers, method="OPTIONS"))
    assert status(answer) == 405
    one_line(answer)


def test_every_answer_forbids_what_it_should(served: Served) -> None:
    for method, path, headers in (
        ("GET", "/", {}),
        ("GET", "/static/none.js", {}),
        ("POST", "/api/open", None),
        ("GET", "/api/x", {}),
    ):
        _, _, got = served.ask(method, path, {"experiment": {}} if method == "POST" else None, headers)
        got = {name.lower(): value for name, value in got.items()}
        assert "default-src 'self'" in got["content-security-policy"]
        assert "frame-ancestors 'none'" in got["content-security-policy"]
        assert "unsafe" not in got["content-security-policy"]
        assert got["x-content-type-options"] == "nosniff"
        assert got["x-frame-options"] == "DENY"
        assert got["referrer-policy"] == "no-referrer"
        assert "server" not in got
        assert not any(name.startswith("access-control") for name in got)


def test_one_origin_may_frame_the_page_when_it_was_named() -> None:
    for framed in serving(listen(0, framed_by="http://localhost:8888")):
        headers = {name.lower(): value for name, value in framed.ask("GET", "/", None, {})[2].items()}
        assert "frame-ancestors http://localhost:8888" in headers["content-security-policy"]
        assert "x-frame-options" not in headers
        answer = framed.raw(request(framed, HOST, "Origin: http://localhost:8888", TOKEN, KIND))
        assert status(answer) == 403  # it may show the page, not speak for it


def test_a_socket_of_another_kind_is_not_opened(served: Served) -> None:
    headers = [
        HOST,
        ORIGIN,
        TOKEN,
        "Upgrade: websocket",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
    ]
    text = request(served, *headers, method="GET", path="/api/fields", body=b"").replace(
        b"Connection: close", b"Connection: Upgrade, close"
    )
    assert status(served.raw(text)) != 101


# -- what it refuses ---------------------------------------------------------------------------------------------------------


BODIES: dict[str, tuple[bytes, int]] = {
    "no JSON": (b"{", 400),
    "not UTF-8": (b'{"experiment": "\xff"}', 400),
    "a list": (b"[]", 400),
    "a string": (b'"x"', 400),
    "null": (b"null", 400),
    "NaN": (b'{"experiment": {"rate": NaN}}', 400),
    "Infinity": (b'{"experiment": {"rate": -Infinity}}', 400),
    "an infinite number": (b'{"experiment": {"rate": 1e999}}', 422),
    "deep": (b'{"experiment": ' + b"[" * (DEPTH + 1) + b"]" * (DEPTH + 1) + b"}", 400),
    "very deep": (b'{"experiment": ' + b'{"a":' * 200_000 + b"1" + b"}" * 200_000 + b"}", 400),
    "twice": (b'{"experiment": {}, "experiment": {}}', 400),
    "a long number": (b'{"step": ' + b"9" * 10_000 + b"}", 400),
    "a field too many": (b'{"experiment": {}, "path": "/etc/passwd"}', 422),
    "no experiment": (b"{}", 422),
    "experiment is a list": (b'{"experiment": []}', 422),
    "step is a text": (b'{"experiment": {}, "step": "1"}', 422),
    "step is true": (b'{"experiment": {}, "step": true}', 422),
    "step is negative": (b'{"experiment": {}, "step": -1}', 422),
    "step is broken": (b'{"experiment": {}, "step": 1.5}', 422),
    "step is huge": (b'{"experiment": {}, "step": 1e18}', 422),
    "an unknown field": (b'{"experiment": {"file": "/etc/passwd"}}', 422),
    "half a character": (b'{"experiment": {"points": "\\ud800"}}', 400),
    "half a character as a name": (b'{"\\udfff": 1}', 400),
    "both halves": (b'{"experiment": {"points": "\\ud83d\\ude00"}}', 422),
    "two bodies": (b"{}{}", 400),
    "a byte-order mark": (b"\xef\xbb\xbf{}", 400),
    "a zero byte": (b'{"experiment": {"points": "\\u0000"}}', 422),
    "another alphabet's digits": ('{"experiment": {"layers": "2-\N{ARABIC-INDIC DIGIT THREE}-2"}}'.encode(), 422),
    "Python's digits": (b'{"experiment": {"layers": "2-1_0-2"}}', 422),
    "all stars": (b'{"experiment": {"points": "0,0,A*;1,1,B*"}}', 422),
    "a million layers": (json.dumps({"experiment": {"layers": "2-" * 100_000 + "2"}}).encode(), 422),
    "a width of 0": (b'{"experiment": {"layers": "2-0-2"}}', 422),
    "a negative rate": (b'{"experiment": {"rate": -1}}', 422),
    "a wide network": (b'{"experiment": {"layers": "2-100000-2"}}', 422),
    "no such points": (b'{"experiment": {"points": "../secret"}}', 422),
    "points without end": (b'{"experiment": {"points": "spirals:100000000:0.1:0"}}', 422),
    "steps without end": (b'{"experiment": {"steps": 1000000000000}}', 422),
}


@pytest.mark.parametrize("name", BODIES)
def test_a_malformed_body_gets_a_line(served: Served, name: str) -> None:
    body, expected = BODIES[name]
    answer = served.raw(request(served, *GOOD, body=body))
    assert status(answer) == expected
    one_line(answer)


# Whatever stands in whatever place of whatever request: it is answered, or refused in a line. Each route with a body that is good.
ROUTES: dict[str, dict[str, Any]] = {
    "open": {"experiment": {"steps": 20}, "step": 0},
    "run/{run}/frame": {"after": 0, "seen": 0, "steps": 5, "grid": 5, "view": "margin", "extent": [0, 1, 0, 1]},
    "run/{run}/neurons": {"step": 0, "grid": 5},
    "run/{run}/rate": {"step": 1, "rate": 0.1},
    "run/{run}/walk": {"step": 1, "x": [0.5, 0.5], "category": 0},
    "run/{run}/difference": {"step": 1, "x": [0.5, 0.5], "category": 0, "layer": 2, "row": 1, "column": 1},
    "run/{run}/nudge": {"step": 1, "x": [0.5, 0.5], "category": 0, "rate": 0.1, "grid": 5, "view": "margin"},
    "run/{run}/convergence": {"step": 10},
    "run/{run}/curve": {"points": 10},
    "run/{run}/export": {"what": "json", "step": 5, "view": "plane", "format": "png"},
    "multistart": {"experiment": {}, "starts": 1, "steps": 1},
    "job/abc": {},
    "surface": {"run": "{run}", "step": 5, "kind": "random", "n": 3, "seed": 0, "other": {"run": "{run}", "step": 2}},
    "points": {"set": "moons", "n": 10, "noise": 0.1, "seed": 0},
    "images/abc/cell": {"row": 0, "column": 0, "first": 0, "count": 1},
    "images/abc/mistakes": {"first": 0, "count": 1, "order": "test"},
    "images/abc/maps": {"image": 1},
    "images/abc/confusion": {"fresh": 0},
}
STRANGE: list[Any] = [
    None, True, -1, 2, 3.5, 1.7e308, 5e-324, 2**53, 2**64, 10**400, "", "\0", "a\nb", "\u2028", "../../etc/passwd", "nan", "1e999",
    "\N{SUPERSCRIPT TWO}", "\N{ARABIC-INDIC DIGIT THREE}", "9" * 5000, "-" * 1000, "0,0,A*", "moons:10:0:0:", "neuron:0,0",
    "neuron:9,9", "neuron:2," + "9" * 5000, [], [[]], {}, {"a": 1}, [1e308, 1e308], [0.5, None], [True, 0.5], [0, 0, 0, 0],
    [1, 0, 1, 0], [-1e308, 1e308, -1e308, 1e308], [0, 5e-324, 0, 1], {"run": "x"}, {"run": "{run}", "step": "x"}, "x" * 100_000,
]  # fmt: skip


@pytest.mark.parametrize("route", ROUTES)
def test_whatever_stands_wherever_is_answered_or_refused_in_a_line(served: Served, route: str) -> None:
    run = served.post("/api/open", {"experiment": {"steps": 20}})[1]["run"]
    path, good = "/api/" + route.replace("{run}", run), json.loads(json.dumps(ROUTES[route]).replace("{run}", run))
    served.ask("POST", path, good)
    bodies = [{**good, name: value} for name in [*good, "else"] for value in STRANGE] + STRANGE
    if route == "open":
        bodies += [{"experiment": {field: value}} for field in PlaneExperiment.__dataclass_fields__ for value in STRANGE]
    for body in bodies:
        code, answer, headers = served.ask("POST", path, b"x" if body is None else body)
        assert code == 200 or 400 <= code < 500, (body, answer)
        if code != 200:
            assert len(answer["error"]) <= 300
            assert len(answer["error"].splitlines()) == 1
        if code == 410 and "{run}" in route:  # so many were opened meanwhile
            path = path.replace(run, run := served.post("/api/open", {"experiment": {"steps": 20}})[1]["run"])
        if code == 200 and "job" in str(answer)[:10]:
            served.post(f"/api/job/{answer['job']}/cancel")


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("application/JSON; charset=utf-8", 200),
        ("text/plain", 415),
        ("text/plain, application/json", 415),
        ("application/json, text/plain", 415),
        ("application/jsonp", 415),
        ("multipart/form-data; boundary=x", 415),
        ("application/x-www-form-urlencoded", 415),
        ("", 415),
    ],
)
def test_what_a_form_could_send_is_refused(served: Served, kind: str, expected: int) -> None:
    assert status(served.raw(request(served, HOST, ORIGIN, TOKEN, f"Content-Type: {kind}"))) == expected


def test_one_header_twice_or_too_long_is_refused(served: Served) -> None:
    assert status(served.raw(request(served, *GOOD, KIND))) == 415
    assert status(served.raw(request(served, *GOOD, "Content-Length: 3"))) in (400, 413)
    with contextlib.suppress(ConnectionError):  # hung up on before all of it was read, which takes the answer with it
        assert status(served.raw(request(served, *GOOD, "X-Long: " + "x" * 2**16))) in (400, 431)
    assert status(served.raw(request(served, *GOOD, *(f"X-{i}: {'x' * 500}" for i in range(40))))) == 431
    assert status(served.raw(request(served, *GOOD, "X-Long: " + "x" * 10_000))) == 200


def test_a_body_that_is_too_long_is_not_read(served: Served) -> None:
    head = request(served, *GOOD, body=b"").replace(b"Content-Length: 0", f"Content-Length: {BODY + 1}".encode())
    assert status(served.raw(head)) == 413
    chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
    with socket.create_connection(("127.0.0.1", served.port), timeout=SECONDS) as connection:
        connection.sendall(request(served, *GOOD, body=b"").replace(b"Content-Length: 0", b"Transfer-Encoding: chunked"))
        sent, answer = 0, b""
        try:
            while sent < 4 * BODY:
                connection.sendall(chunk)
                sent += len(chunk)
        except OSError:
            pass  # the other side has hung up
        connection.settimeout(SECONDS)
        try:
            answer = connection.recv(65536)
        except OSError:
            answer = b""
        assert not answer or status(answer) == 411
        assert sent < 4 * BODY or answer


NAMES = ["..", "%2e%2e", "..%2f..%2fetc%2fpasswd", "x%00", "%ff", "a" * 20_000, "con", "\\..\\x", "/", "abc;x", "{run}", "abc\x7f"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("path", ["/api/run/{}/frame", "/api/images/{}/curves", "/api/images/{}/classify", "/api/job/{}"])
def test_no_name_of_a_run_is_a_path(served: Served, path: str, name: str) -> None:
    answer = served.raw(request(served, *GOOD, path=path.replace("{}", name), body=b"{}"))
    assert status(answer) in (400, 404, 405, 410)
    one_line(answer)


def test_unknown_runs_and_jobs_are_gone(served: Served) -> None:
    for path in ("/api/run/abc/frame", "/api/run/abc/neurons", "/api/run/abc/export", "/api/job/abc", "/api/job/abc/cancel"):
        body = {"what": "json", "step": 0} if path.endswith("export") else {"step": 0} if path.endswith("neurons") else {}
        code, answer = served.post(path, body)
        assert code == 410, path
        assert answer["gone"] is True


def test_malformed_requests_are_4xx(served: Served) -> None:
    for text in (
        b"\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01",
        b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 20_000 + b"\r\n",
    ):
        try:
            answer = served.raw(text)
        except ConnectionError:
            continue  # hung up on before all of it was read
        assert not answer or 400 <= status(answer) < 500
        assert b"Traceback" not in answer


def test_a_run_by_its_frames(served: Served) -> None:
    code, opened = served.post("/api/open", {"experiment": {"steps": 300}})
    assert code == 200, opened
    code, frame = served.post(
        f"/api/run/{opened['run']}/frame", {"after": 0, "seen": 0, "steps": 200, "grid": 20, "view": "margin"}
    )
    assert code == 200
    header = json.loads(frame[8 : 8 + int.from_bytes(frame[4:8], "little")])
    assert frame[:4] == b"NBF1"
    assert header["step"] == 200


@pytest.mark.parametrize(("layers", "activation"), [("2-2-3-2", "sigmoid"), ("2-5-4-3", "tanh,relu,identity")])
@pytest.mark.parametrize("lately", [True, False])
def test_every_neuron_over_the_plane(served: Served, layers: str, activation: str, lately: bool) -> None:
    experiment = {"layers": layers, "activation": activation, "steps": 300, "scale": 2.0}
    opened = served.post("/api/open", {"experiment": experiment})[1]
    path = f"/api/run/{opened['run']}"
    step = 200
    served.lab.runs.get(opened["run"]).training.ready.wait(SECONDS)  # until then a frame may show an earlier step
    p = floats(served.post(f"{path}/frame", {"after": step, "steps": 0, "grid": 0})[1], "p")
    for other in range(0 if lately else 20):  # shown so long ago that it is computed again
        served.post(f"{path}/frame", {"after": other, "steps": 0, "grid": 0})
    code, answer = served.post(f"{path}/neurons", {"step": step, "grid": 7})
    assert code == 200
    network = PlaneExperiment(**experiment).problem().network  # type: ignore[arg-type]
    header = json.loads(answer[8 : 8 + int.from_bytes(answer[4:8], "little")])
    assert (header["run"], header["step"], header["sizes"]) == (opened["run"], step, list(network.sizes))
    expected = [
        grid_neuron(network, p, l, j, 7, tuple(opened["extent"])).astype(np.float32)  # type: ignore[arg-type]
        for l, n in enumerate(network.sizes, start=1)
        for j in range(1, n + 1)
    ]
    np.testing.assert_array_equal(floats(answer, "maps").reshape(-1, 7, 7), expected)
    np.testing.assert_allclose(floats(answer, "means"), [a.mean() for a in expected], rtol=1e-6)


def floats(frame: bytes, name: str) -> Any:
    """A section of a frame."""
    at = 8 + int.from_bytes(frame[4:8], "little")
    for section in json.loads(frame[8:at])["sections"]:
        size, kind = int(np.prod(section["shape"])), np.dtype(section["dtype"])
        if section["name"] == name:
            return np.frombuffer(frame, kind, size, at)
        at += -(-size * kind.itemsize // 8) * 8
    raise KeyError(name)


NEURONS: dict[str, Any] = {
    "no step": {},
    "a step before the first": {"step": -1},
    "a step beyond all": {"step": 1e9},
    "a text": {"step": "0"},
    "half a step": {"step": 0.5},
    "too coarse": {"step": 0, "grid": 1},
    "none": {"step": 0, "grid": 0},
    "too fine": {"step": 0, "grid": 65},
    "not whole": {"step": 0, "grid": 2.5},
    "another field": {"step": 0, "view": "margin"},
}


@pytest.mark.parametrize("name", NEURONS)
def test_maps_that_cannot_be_get_a_line(served: Served, name: str) -> None:
    opened = served.post("/api/open", {"experiment": {"steps": 300}})[1]
    code, answer = served.post(f"/api/run/{opened['run']}/neurons", NEURONS[name])
    assert code == 422
    assert len(answer["error"]) < 200
    assert "\n" not in answer["error"]


def test_a_reader_who_stops_holds_nothing_up(served: Served) -> None:
    _, opened = served.post("/api/open", {"experiment": {}})
    body = json.dumps({"after": 0, "seen": 0, "steps": 10, "grid": 300, "view": "margin"}).encode()
    path = f"/api/run/{opened['run']}/frame"
    with contextlib.ExitStack() as stalled:
        for _ in range(8):
            connection = stalled.enter_context(socket.create_connection(("127.0.0.1", served.port), timeout=SECONDS))
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.sendall(request(served, *GOOD, path=path, body=body) * 3)
        for _ in range(5):
            assert served.post(path, json.loads(body))[0] == 200


# -- how it begins and ends --------------------------------------------------------------------------------------------------


def test_a_port_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ValueError, match=f"cannot listen on 127.0.0.1:{port}.*another port"):
            listen(port)
    assert USUAL_PORT == 2019
    first, second = listen(), listen()  # the usual one is taken by the first at the latest
    try:
        assert first.port != second.port
        assert first.token != second.token
        assert len(first.token) * 6 >= 256
    finally:
        first.socket.close()
        second.socket.close()


@pytest.mark.parametrize("port", [-1, 65536])
def test_a_port_that_cannot_be(port: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lab", f"--port={port}", "--no-browser"]) == 2
    assert "0 (any free one) to 65535" in capsys.readouterr().err


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_listening_everywhere_is_refused(host: str) -> None:
    with pytest.raises(ValueError, match="does not listen on"):
        listen(0, host)


def test_another_host_must_be_this_machines() -> None:
    with pytest.raises(ValueError, match="cannot listen on 192\\.0\\.2\\.1"):
        listen(0, "192.0.2.1")


def test_the_command_prints_its_address_and_ends_with_ctrl_c() -> None:
    command = [sys.executable, "-m", "netbp", "lab", "--no-browser", "--port", "0"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    line = process.stdout.readline()
    address = re.search(r"http://(127\.0\.0\.1):(\d+)/#token=([\w-]{43})$", line)
    assert address, line
    connection = http.client.HTTPConnection(address[1], int(address[2]), timeout=SECONDS)
    connection.request("GET", "/")  # waits until what answers is loaded
    answer = connection.getresponse()
    assert answer.status == 200
    answer.read()
    connection.close()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, err
    assert "Traceback" not in err


def test_no_other_user_sees_the_token_in_the_browser_s_command_line(tmp_path: Path) -> None:
    seen, browser = tmp_path / "seen", tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\ntr "\\0" " " < /proc/$$/cmdline > "{seen}.part"; mv "{seen}.part" "{seen}"\n', encoding="utf-8")
    browser.chmod(0o755)
    command = [sys.executable, "-m", "netbp", "lab", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "BROWSER": f"{browser} %s"}) as process:
        assert process.stdout is not None
        try:
            found = re.search(r"(\d+)/#token=(\S+)", process.stdout.readline())
            assert found
            while not seen.exists() and process.poll() is None:
                time.sleep(0.05)
            line = seen.read_text(encoding="utf-8")
            code = re.search(rf"http://127\.0\.0\.1:{found[1]}/#code=([\w-]{{43}})\s*$", line)
            assert code, line
            assert found[2] not in line
            port = int(found[1])
            assert entered(port, code[1]) == (200, {"token": found[2]})
            assert entered(port, code[1])[0] == 401  # good once
        finally:
            process.send_signal(signal.SIGINT)


def entered(port: int, code: Any) -> tuple[int, Any]:
    """What comes for a code, from one who has no token."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    headers = {"Origin": f"http://127.0.0.1:{port}", "Content-Type": "application/json"}
    connection.request("POST", "/api/enter", json.dumps({"code": code}), headers)
    answer = connection.getresponse()
    told = json.loads(answer.read())
    connection.close()
    return answer.status, told


@pytest.mark.parametrize("code", ["", "x", None, 1, [], {}, True, "x" * 500, "x" * 2000])
def test_what_is_no_code_gets_nobody_in(served: Served, code: Any) -> None:
    served.launch.once()
    found, told = entered(served.port, code)
    assert found == (413 if code == "x" * 2000 else 401)
    assert served.launch.token not in str(told)


def test_codes_are_good_once_for_a_while_and_the_newest_only() -> None:
    codes = Codes()
    kept, late = codes.new(60.0), codes.new(0.0)
    assert (codes.used(kept), codes.used(kept), codes.used(late)) == (True, False, False)
    many = [codes.new(60.0) for _ in range(MOST + 1)]
    assert [codes.used(code) for code in many] == [False, *[True] * MOST]


def test_small_answers_are_not_held_back() -> None:
    with listen(0).socket as ours, socket.create_connection(ours.getsockname()), ours.accept()[0] as accepted:
        assert accepted.proto == socket.IPPROTO_TCP  # what asyncio asks before it sets TCP_NODELAY


def test_a_reader_who_stops_does_not_outlive_ctrl_c() -> None:
    command, pipe = [sys.executable, "-m", "netbp", "lab", "--no-browser", "--port", "0"], subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as process, contextlib.ExitStack() as stack:
        assert process.stdout is not None
        found = re.search(r"127\.0\.0\.1:(\d+)/#token=(.*)", process.stdout.readline())
        assert found is not None
        port = int(found[1])
        headers = {"X-Netbp-Token": found[2], "Origin": f"http://127.0.0.1:{port}", "Content-Type": "application/json"}
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
        connection.request("POST", "/api/open", '{"experiment": {}}', headers)
        run = json.loads(connection.getresponse().read())["run"]
        connection.close()
        reader = stack.enter_context(socket.socket())
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        reader.connect(("127.0.0.1", port))
        body = '{"after": 0, "seen": 0, "steps": 0, "grid": 300, "view": "margin"}'
        lines = [
            f"{name}: {value}" for name, value in {**headers, "Host": f"127.0.0.1:{port}", "Content-Length": len(body)}.items()
        ]
        asked = "\r\n".join([f"POST /api/run/{run}/frame HTTP/1.1", *lines]) + "\r\n\r\n" + body
        reader.sendall(asked.encode() * 20)  # 7 MB of answers, more than the buffers on the way hold
        time.sleep(2)
        process.send_signal(signal.SIGINT)
        try:
            _, err = process.communicate(timeout=SECONDS)
        finally:
            process.kill()
        assert (process.returncode, err) == (0, "")


def test_static_files_are_inside_the_package() -> None:
    import netbp.lab.server as module

    assert (module.STATIC / "index.html").is_file()
    assert not [path for path in module.STATIC.rglob("*") if path.is_symlink()]
