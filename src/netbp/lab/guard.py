"""The guard that every request passes, whatever its route: who asks, from where, how much, and what the answer forbids.

A page of another site can make a browser send requests to a server on this machine, and by rebinding a name of its own to
127.0.0.1 even read the answers. Hence Host must be one of ours to the letter, Origin must be ours wherever something may change,
and everything but the page's shell needs this launch's token, which no other site can know. Comparing Origin with Host would not
do: after a rebinding they agree.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import re
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from time import monotonic
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

BODY = 4 * 2**20
"""Bytes that a request's body may have."""
HEADERS = 2**14
"""Bytes that its headers may have in all."""
PATIENCE = 30.0
"""Seconds that a reader or a writer at the other end may stand still."""
WHOLE = 60.0
"""Seconds that a body may take in all."""
ENTRY, CODE = b"/api/enter", 1024
"""Where a code is exchanged for the token, and the bytes that this may take."""
PLAIN_PATH = re.compile(rb"/(?!.*\.\.)[A-Za-z0-9/_.-]*")
TOKEN = b"x-netbp-token"


class RefusedError(Exception):
    """A request that goes no further. status: the HTTP status; the text is the line that the sender gets."""

    def __init__(self, status: int, line: str) -> None:
        super().__init__(line)
        self.status = status


@dataclass(frozen=True)
class Guard:
    """Wraps the whole application.

    app: what is guarded. token: this launch's secret. port: where we listen. names: the hosts that may be asked for.
    framed_by: the one origin whose pages may frame ours, "" for none.
    """

    app: Application
    token: str
    port: int
    names: tuple[str, ...] = ("localhost", "127.0.0.1", "[::1]")
    framed_by: str = ""

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer 4xx with one line, or let the request through, its body limited and its answer marked."""
        if scope["type"] != "http":
            return  # no sockets of another kind are spoken here
        marked = self._marked(send)
        try:
            self.check(scope)
        except RefusedError as error:
            await refuse(marked, error)
            return
        begun, body = False, _Body(scope, receive)

        async def sending(message: Message) -> None:
            nonlocal begun
            if not begun and body.unread:  # the rest of a body that nobody waits for is no next request
                message = {**message, "headers": [*message.get("headers", []), (b"connection", b"close")]}
            begun = True
            await marked(message)

        try:
            await self.app(scope, body, sending)
        except RefusedError as error:
            if not begun:
                await refuse(marked, error)

    def check(self, scope: MutableMapping[str, Any]) -> None:
        """Whether this request may go on. Raises RefusedError."""
        method, path = scope["method"], scope.get("raw_path") or scope["path"].encode()
        if method not in ("GET", "HEAD", "POST"):
            raise RefusedError(405, f"the method {method[:20]} is not spoken here: GET, HEAD or POST")
        if scope.get("http_version", "1.1") not in ("1.0", "1.1"):
            raise RefusedError(400, "HTTP/1.1 is spoken here")
        if not PLAIN_PATH.fullmatch(path):
            raise RefusedError(400, "the path has characters that no path here has")
        if sum(len(name) + len(value) for name, value in scope["headers"]) > HEADERS:
            raise RefusedError(431, f"the headers may have {HEADERS} bytes in all")
        _check_length(scope, CODE if path == ENTRY else BODY)
        host = _single(scope, b"host", "Host")
        if host not in {f"{name}:{self.port}".encode() for name in self.names}:
            raise RefusedError(403, f"Host must be {self.names[0]}:{self.port}, or another name of this server")
        origins = _all(scope, b"origin")
        changes = method == "POST"
        if (changes or origins) and origins != [b"http://" + host]:
            raise RefusedError(403, "Origin must be this server's own: open the address that `netbp lab` printed")
        entering = changes and path == ENTRY
        if not (entering or (not changes and _is_shell(path))):
            given = _single(scope, TOKEN, "X-Netbp-Token", 401)
            if not hmac.compare_digest(given, self.token.encode()):
                raise RefusedError(401, "the token is not this launch's: open the address that `netbp lab` printed")
            if connection := scope.get("state", {}).get("connection"):
                connection.known = True
        if changes:
            kind = b"".join(_all(scope, b"content-type")).split(b";")[0].strip().lower()
            if kind not in (b"application/json", b"application/octet-stream"):
                raise RefusedError(415, "the body must be application/json (or application/octet-stream for an image)")

    def _marked(self, send: Send) -> Send:
        framed = self.framed_by or "'none'"
        policy = (
            "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; form-action 'none'; "
            f"frame-ancestors {framed}"
        )
        headers = [
            (b"content-security-policy", policy.encode()),
            (b"x-content-type-options", b"nosniff"),
            (b"referrer-policy", b"no-referrer"),
            (b"cross-origin-resource-policy", b"same-origin"),
            (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
        ]
        if not self.framed_by:
            headers += [(b"x-frame-options", b"DENY"), (b"cross-origin-opener-policy", b"same-origin")]

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = list(message.get("headers", []))
                kept = any(name == b"cache-control" for name, _ in given)  # without it browsers keep old modules as they like
                message = {**message, "headers": [*given, *([] if kept else [(b"cache-control", b"no-cache")]), *headers]}
            await send(message)

        return marked


def _check_length(scope: MutableMapping[str, Any], most: int) -> None:
    length = _all(scope, b"content-length")
    if _all(scope, b"transfer-encoding"):  # two ends that disagree where a request ends take one for two
        raise RefusedError(400 if length else 411, "a body's length is said by Content-Length, and by nothing else")
    if length and (len(length) > 1 or not length[0].isdigit() or len(length[0]) > 12 or int(length[0]) > most):
        raise RefusedError(413, f"a body may have {most} bytes")


def _is_shell(path: bytes) -> bool:
    return path == b"/" or path.startswith(b"/static/")


def _all(scope: MutableMapping[str, Any], name: bytes) -> list[bytes]:
    return [value for key, value in scope["headers"] if key == name]


def _single(scope: MutableMapping[str, Any], name: bytes, shown: str, status: int = 403) -> bytes:
    values = _all(scope, name)
    if len(values) != 1:
        raise RefusedError(status, f"the header {shown} must be there once, but is there {len(values)} times")
    return values[0]


class _Body:
    """What is received of a request: refused when it is too long, when it stops coming, and when it takes too long in all."""

    def __init__(self, scope: MutableMapping[str, Any], receive: Receive) -> None:
        self.receive, self.read, self.until = receive, 0, monotonic() + WHOLE
        self.unread = any(length.strip(b"0") for length in _all(scope, b"content-length"))

    async def __call__(self) -> Message:
        """The next part."""
        if self.read < 0:  # the body is complete: what comes now is the end of the connection, however late
            return await self.receive()
        try:
            message = await asyncio.wait_for(self.receive(), min(PATIENCE, self.until - monotonic()))
        except TimeoutError:
            raise RefusedError(408, f"a body has {WHOLE:g} s in all, and {PATIENCE:g} s for its next byte") from None
        if message["type"] == "http.request":
            self.read += len(message.get("body", b""))
            if self.read > BODY:
                raise RefusedError(413, f"a body may have {BODY} bytes")
            if not message.get("more_body"):
                self.read, self.unread = -1, False
        return message


async def refuse(send: Send, error: RefusedError) -> None:
    """Send the refusal: {"error": the line}."""
    body = json.dumps({"error": str(error)}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
