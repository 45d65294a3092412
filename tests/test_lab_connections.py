"""The lab's connections, attacked with raw sockets: what is no proper request, who takes too long, who comes in great numbers."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest

from netbp.lab import connections, guard
from netbp.lab.answers import Lab
from netbp.lab.connections import MOST, UNKNOWN, give_way
from netbp.lab.launch import Launch, listen
from netbp.lab.serving import server_of
from patience import SECONDS


class Served(NamedTuple):
    launch: Launch
    server: Any

    @property
    def held(self) -> list[Any]:
        return list(self.server.server_state.connections)

    def socket(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.launch.port), timeout=SECONDS)

    def text(self, text: str) -> bytes:
        """A request with {good} for the headers that let it in, and {token} and {port}."""
        good = (
            "Host: 127.0.0.1:{port}\r\nOrigin: http://127.0.0.1:{port}\r\nX-Netbp-Token: {token}\r\nContent-Type: application/json"
        )
        for name, value in (("good", good), ("token", self.launch.token), ("port", str(self.launch.port))):
            text = text.replace(f"{{{name}}}", value)
        return text.encode("latin-1")

    def raw(self, text: str, answered: bool) -> bytes:
        """What comes back for a request until the connection is closed, by us if no answer is due."""
        with self.socket() as connection:
            with contextlib.suppress(OSError):
                connection.sendall(self.text(text))
                if not answered:
                    connection.shutdown(socket.SHUT_WR)
            return everything(connection)

    def client(self) -> contextlib.closing[http.client.HTTPConnection]:
        return contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.launch.port, timeout=SECONDS))

    def asked(self, kept: http.client.HTTPConnection | None = None) -> int:
        """The status of an ordinary question."""
        with contextlib.nullcontext(kept) if kept else self.client() as client:
            client.request("GET", "/api/fields", headers={"X-Netbp-Token": self.launch.token})
            answer = client.getresponse()
            answer.read()
            return answer.status


def everything(connection: socket.socket) -> bytes:
    out = b""
    with contextlib.suppress(OSError):  # the other end may have hung up in the middle
        while piece := connection.recv(65536):
            out += piece
    return out


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    launch, lab = listen(0), Lab()
    server = server_of(launch, lab)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [launch.socket]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield Served(launch, server)
    server.should_exit = True
    thread.join(SECONDS)
    lab.close()
    assert not thread.is_alive()


def test_the_end_closes_what_outlasts_the_server_s_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections.Connection, "shutdown", lambda self: None)  # as one whose last bytes nobody takes
    launch, lab = listen(0), Lab()
    server = server_of(launch, lab)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [launch.socket]}, daemon=True)
    thread.start()
    with socket.create_connection(("127.0.0.1", launch.port)):
        while not server.server_state.connections:
            time.sleep(0.01)
        (one,) = server.server_state.connections
        server.should_exit = True
        thread.join(SECONDS)
        assert one.transport.get_extra_info("socket").fileno() == -1
    lab.close()


POST = "POST /api/points HTTP/1.1\r\n{good}\r\n"
BODY = '{"set": "moons"}'
GET = "GET /api/fields HTTP/1.1\r\n{good}\r\n"
LAST = "Connection: close\r\n"
SECOND = "GET /api/images HTTP/1.1\r\n{good}\r\n" + LAST + "\r\n"
REQUESTS: dict[str, tuple[str, tuple[int, ...]]] = {
    "right": (POST + LAST + "Content-Length: 16\r\n\r\n" + BODY, (200,)),
    "two, one after the other": (GET + "\r\n" + SECOND, (200, 200)),
    "two, the first refused": ("GET /api/fields HTTP/1.1\r\nHost: x\r\n\r\n" + SECOND, (403,)),
    "length and chunks": (POST + "Content-Length: 16\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SECOND, (400,)),
    "chunks and length": (POST + "Transfer-Encoding: chunked\r\nContent-Length: 16\r\n\r\n0\r\n\r\n" + SECOND, (400,)),
    "chunks": (POST + "Transfer-Encoding: chunked\r\n\r\n10\r\n" + BODY + "\r\n0\r\n\r\n" + SECOND, (411,)),
    "chunks of a reader": (GET + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SECOND, (411,)),
    "chunks, one byte each": (POST + "Transfer-Encoding: chunked\r\n\r\n" + "1\r\n \r\n" * 50_000, (411,)),
    "another encoding": (POST + "Transfer-Encoding: gzip\r\n\r\nx", (400,)),
    "two encodings": (POST + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", (400,)),
    "hidden encoding": (POST + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", (400,)),
    "two lengths": (POST + "Content-Length: 16\r\nContent-Length: 17\r\n\r\n" + BODY, (400,)),
    "two lengths in one": (POST + "Content-Length: 16, 17\r\n\r\n" + BODY, (400,)),
    "one length twice": (POST + LAST + "Content-Length: 16\r\nContent-Length: 16\r\n\r\n" + BODY, (200,)),  # RFC 9112, 6.3
    "a signed length": (POST + "Content-Length: +16\r\n\r\n" + BODY, (400,)),
    "a length below zero": (POST + "Content-Length: -1\r\n\r\n" + BODY, (400,)),
    "a length in another base": (POST + "Content-Length: 0x10\r\n\r\n" + BODY, (400,)),
    "a length with a gap": (POST + "Content-Length: 1 6\r\n\r\n" + BODY, (400,)),
    "a broken length": (POST + "Content-Length: 16.0\r\n\r\n" + BODY, (400,)),
    "no length": (POST + "Content-Length: \r\n\r\n" + BODY, (400,)),
    "a huge length": (POST + "Content-Length: 99999999999999\r\n\r\n" + BODY, (413,)),
    "a reader's body": (GET + "Content-Length: 16\r\n\r\n" + BODY + SECOND, (200, 200)),
    "the shell's body": ("GET / HTTP/1.1\r\n{good}\r\nContent-Length: 16\r\n\r\n" + BODY + SECOND, (200,)),
    "half a body": (POST + "Content-Length: 16\r\n\r\n{", ()),
    "a reader's huge body": (GET + "Content-Length: 99999999\r\n\r\n", (413,)),
    "a line folded": (GET + LAST + "X-Folded: a\r\n b\r\n\r\n", (200,)),  # read as a gap: RFC 9112, 5.2
    "a length folded": (POST + "Content-Length: 1\r\n 6\r\n\r\n" + BODY, (400,)),
    "lines without a return": ((GET + LAST).replace("\r\n", "\n") + "\n", (200,)),  # RFC 9112, 2.2
    "returns only": (GET.replace("\r\n", "\r") + "\r\r\r\n\r\n", (400,)),
    "a zero in a header": (GET + "X-Zero: a\0b\r\n\r\n", (400,)),
    "a zero in a name": (GET + "X-Ze\0ro: a\r\n\r\n", (400,)),
    "a zero in the path": ("GET /\0 HTTP/1.1\r\n{good}\r\n\r\n", (400,)),
    "a gap in a name": (GET + "X Gap: a\r\n\r\n", (400,)),
    "no colon": (GET + "X-None\r\n\r\n", (400,)),
    "a name without letters": (GET + ": a\r\n\r\n", (400,)),
    "a huge header": (GET + "X-Long: " + "x" * 2**17 + "\r\n\r\n", (400,)),
    "many headers": (GET + "".join(f"X-{i}: y\r\n" for i in range(20_000)) + "\r\n", (400,)),
    "headers of 20 kB": (GET + "".join(f"X-{i}: {'y' * 500}\r\n" for i in range(40)) + "\r\n", (431,)),
    "HTTP/0.9": ("GET /\r\n\r\n", (400,)),
    "HTTP/1.0": ("GET /api/fields HTTP/1.0\r\n{good}\r\n\r\n", (200,)),
    "HTTP/1.0 without Host": ("GET / HTTP/1.0\r\n\r\n", (403,)),
    "HTTP/2.0": ("GET / HTTP/2.0\r\n{good}\r\n\r\n", (400,)),
    "HTTP/2's preface": ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", (405,)),
    "TLS": ("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", (400,)),
    "noise": ("\x00\x01\xff\xfe" * 100 + "\r\n\r\n", (400,)),
    "nothing": ("", ()),
    "a line": ("\r\n", (400,)),
    "half a head": (GET, ()),
    "another's address": ("GET http://evil.com/ HTTP/1.1\r\n{good}\r\n\r\n", (400,)),
    "a star": ("OPTIONS * HTTP/1.1\r\n{good}\r\n\r\n", (405,)),
    "a long method": ("G" * 40_000 + " / HTTP/1.1\r\n{good}\r\n\r\n", (405,)),
    "a code that is too long": (
        "POST /api/enter HTTP/1.1\r\n{good}\r\nContent-Length: 2000\r\n\r\n" + "x" * 2000,
        (413,),
    ),
}


def statuses(answers: bytes) -> tuple[int, ...]:
    return tuple(int(found) for found in re.findall(rb"HTTP/1\.1 (\d{3}) ", answers))


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_is_right_or_refused(served: Served, name: str) -> None:
    text, expected = REQUESTS[name]
    answers = served.raw(text, bool(expected))
    assert b"Traceback" not in answers
    long = len(text) > 30_000  # what is hung up on before it is read may take the answer with it
    assert statuses(answers) == expected or (long and not answers)
    assert served.asked() == 200


def test_a_crowd_without_the_token_takes_no_places_from_those_who_have_it(served: Served) -> None:
    with served.client() as kept, contextlib.ExitStack() as stack:
        assert served.asked(kept) == 200
        for i in range(4 * MOST):
            one = stack.enter_context(served.socket())
            if i % 3:
                with contextlib.suppress(OSError):
                    one.sendall(b"GET / HTTP/1.1\r\nHost: x" if i % 3 == 1 else b"GET /static/none.js HTTP/1.1\r\n\r\n")
        assert served.asked() == 200
        assert served.asked(kept) == 200
        assert sum(not one.known for one in served.held) <= UNKNOWN
        assert len(served.held) <= MOST


def test_more_with_the_token_than_there_are_places_for_do_not_lock_out_the_next(served: Served) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(MOST + 20):
            assert served.asked(stack.enter_context(served.client())) == 200
            assert len(served.held) <= MOST


def one(known: bool = False, at_work: bool = False, since: float = 0.0) -> Any:
    made = SimpleNamespace(known=known, at_work=at_work, since=since, closed=False)
    made.transport = SimpleNamespace(abort=lambda: setattr(made, "closed", True))
    return made


@pytest.mark.parametrize(
    ("there", "new", "closed"),
    [
        ([one(since=i) for i in range(UNKNOWN - 1)], one(), None),
        ([one(since=i) for i in range(UNKNOWN)], one(since=99.0), 0),
        ([one(True), one(since=5.0), one(at_work=True), *[one(since=9.0) for _ in range(UNKNOWN - 2)]], one(since=99.0), 1),
        ([one(True, since=i) for i in range(MOST)], one(since=999.0), 0),
        ([*[one(True, since=i) for i in range(1, MOST)], one(since=50.0)], one(since=999.0), MOST - 1),
        ([one(True, True) for _ in range(MOST)], one(since=999.0), MOST),
        ([*[one(True, True) for _ in range(MOST - 1)], one(True)], one(since=999.0), MOST - 1),
    ],
)
def test_who_gives_way(there: list[Any], new: Any, closed: int | None) -> None:
    everyone = {id(each): each for each in [*there, new]}

    class Held(list[Any]):
        def discard(self, gone: Any) -> None:
            self[:] = [each for each in self if each is not gone]

    held = Held(everyone.values())
    give_way(held, new)
    assert [i for i, each in enumerate([*there, new]) if each.closed] == ([] if closed is None else [closed])
    assert len(held) == len(everyone) - (closed is not None)


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("sent", ["", "GET /", GET])
def test_who_does_not_come_to_a_request_is_hung_up_on(
    served: Served, monkeypatch: pytest.MonkeyPatch, known: bool, sent: str
) -> None:
    monkeypatch.setattr(connections, "IDLE" if known else "HEAD", 0.3)
    with served.socket() as connection:
        if known:
            connection.sendall(served.text(GET + "\r\n"))
            assert connection.recv(65536)
        dripped = served.text(sent) + b"X-Drip: "
        with contextlib.suppress(OSError):
            for i in range(6000):  # ten minutes: each byte would start the time anew, if it did
                connection.sendall(dripped[i : i + 1] or b"x")
                time.sleep(0.1)
                connection.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    if connection.recv(65536) == b"":
                        break
                connection.settimeout(SECONDS)
        assert i < 5999


def test_a_body_has_a_time_as_a_whole(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "WHOLE", 0.5)
    with served.socket() as connection:
        connection.sendall(served.text(POST + "Content-Length: 4000\r\n\r\n"))
        with contextlib.suppress(OSError):
            for _ in range(4000):  # one that dripped on would be done at some time
                connection.sendall(b" ")
                time.sleep(0.05)
        answer = everything(connection)
    assert not answer or statuses(answer) == (408,)


@pytest.mark.parametrize("taken", [0, 1])
def test_a_reader_who_takes_no_more_than_drops_is_hung_up_on(served: Served, monkeypatch: pytest.MonkeyPatch, taken: int) -> None:
    monkeypatch.setattr(connections, "PATIENCE", 0.3)
    headers = {"X-Netbp-Token": served.launch.token, "Origin": f"http://127.0.0.1:{served.launch.port}"}
    with served.client() as client:
        client.request("POST", "/api/open", '{"experiment": {}}', {**headers, "Content-Type": "application/json"})
        run = json.loads(client.getresponse().read())["run"]
    body = '{"after": 0, "seen": 0, "steps": 0, "grid": 300, "view": "margin"}'
    asked = served.text(f"POST /api/run/{run}/frame HTTP/1.1\r\n{{good}}\r\nContent-Length: {len(body)}\r\n\r\n{body}")
    with socket.socket() as reader:
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        reader.connect(("127.0.0.1", served.launch.port))
        ours = reader.getsockname()
        while not (begun := [each for each in served.held if each.client == ours]):
            time.sleep(0.01)
        reader.sendall(asked * 30)  # 10 MB, more than the buffers on the way hold
        for _ in range(600):
            if begun[0] not in served.held:
                break
            time.sleep(0.1)
            if taken:
                with contextlib.suppress(OSError):
                    reader.recv(taken)
        assert begun[0] not in served.held
