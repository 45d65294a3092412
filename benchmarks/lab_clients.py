"""Clients of the lab that mean no good, or have forgotten that they asked; as a process of its own, which gives way to all others.

    python -m benchmarks.lab_clients HOST:PORT TOKEN [KIND ...]

Each kind goes on in threads of its own until the process is ended. None needs an answer; some have no token.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import socket
import sys
import threading
from collections.abc import Callable
from typing import Any

FAR = 10**8
ROOM = 65536


class Hostile:
    """What they do. pause: the seconds that they wait between two attempts are multiplied by it."""

    def __init__(self, port: int, token: str, pause: float = 1.0) -> None:
        self.port, self.token, self.pause = port, token, pause
        self.rng = random.Random(0)
        self.done: dict[str, int] = {}
        self.ended = threading.Event()

    def start(self, *kinds: str) -> None:
        """Begin, each kind with as many threads as it has."""
        for name in kinds or KINDS:
            count, work = KINDS[name]
            self.done[name] = 0
            for _ in range(count):
                threading.Thread(target=self._on, args=(name, work), daemon=True).start()

    def _on(self, name: str, work: Callable[[Hostile], None]) -> None:
        while not self.ended.is_set():
            with contextlib.suppress(OSError, ValueError, KeyError):  # they are hung up on, and come again
                work(self)
            self.done[name] += 1
            self.wait(1.0)

    def wait(self, seconds: float) -> None:
        self.ended.wait(seconds * self.pause)

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=90)

    def head(self, path: str, length: int, token: str | None = None) -> bytes:
        """The head of a request that is let in, unless it has another token."""
        lines = [f"POST {path} HTTP/1.1", f"Host: 127.0.0.1:{self.port}", f"Origin: http://127.0.0.1:{self.port}"]
        lines += [f"X-Netbp-Token: {self.token if token is None else token}", "Content-Type: application/json"]
        return "\r\n".join([*lines, f"Content-Length: {length}", "", ""]).encode()

    def ask(self, path: str, body: Any, token: str | None = None) -> bytes:
        """An answer's body, as far as it goes."""
        with self.connect() as connection:
            return self.asked(connection, path, body, token)

    def asked(self, connection: socket.socket, path: str, body: Any, token: str | None = None) -> bytes:
        """The same over a connection that is there."""
        content = json.dumps(body).encode()
        connection.sendall(self.head(path, len(content), token) + content)
        got = b""
        while b"\r\n\r\n" not in got:
            got += connection.recv(ROOM) or b"\r\n\r\n"
        top, _, rest = got.partition(b"\r\n\r\n")
        length = next((int(line.split(b":")[1]) for line in top.lower().split(b"\r\n") if line.startswith(b"content-length")), 0)
        while len(rest) < length and (more := connection.recv(ROOM)):
            rest += more
        return rest

    def run(self) -> str:
        """A run of an experiment that hardly anybody else has."""
        fields = {"steps": FAR, "rate": 0.01, "seed": self.rng.randrange(1000)}
        return str(json.loads(self.ask("/api/open", {"experiment": fields}))["run"])


def idle(all_: Hostile) -> None:
    """A connection that says nothing."""
    with all_.connect() as connection:
        connection.recv(1)


def slow_head(all_: Hostile) -> None:
    """A head that comes byte by byte."""
    with all_.connect() as connection:
        for byte in all_.head("/api/open", 5):
            connection.sendall(bytes([byte]))
            all_.wait(1.0)


def slow_body(all_: Hostile) -> None:
    """A body that comes byte by byte."""
    with all_.connect() as connection:
        connection.sendall(all_.head("/api/open", 4000))
        for _ in range(4000):
            connection.sendall(b" ")
            all_.wait(1.0)


def noise(all_: Hostile) -> None:
    """Bytes that are no request."""
    with all_.connect() as connection:
        connection.sendall(all_.rng.randbytes(all_.rng.randrange(1, 50_000)))
        connection.recv(ROOM)


def wrong_token(all_: Hostile) -> None:
    """A question with a token that is not this launch's."""
    all_.ask("/api/open", {"experiment": {}}, token=str(all_.rng.random()))


def huge_body(all_: Hostile) -> None:
    """A body as long as it may be, and one longer."""
    all_.ask("/api/open", {"experiment": {"points": "0.1,0.1,A;" * 400_000}})
    with all_.connect() as connection:
        connection.sendall(all_.head("/api/open", 10**9) + b" " * 10**6)


def far_step(all_: Hostile) -> None:
    """Questions about a step that takes longer than one waits."""
    all_.ask(f"/api/run/{all_.run()}/walk", {"step": FAR, "x": [0.5, 0.5], "category": 0})


def gone(all_: Hostile) -> None:
    """The same from one who does not wait."""
    run = all_.run()
    with all_.connect() as connection:
        body = json.dumps({"what": "csv", "step": FAR}).encode()
        connection.sendall(all_.head(f"/api/run/{run}/export", len(body)) + body)
        all_.wait(0.5)


def many_starts(all_: Hostile) -> None:
    """Many starts that nobody asks about again."""
    all_.ask("/api/multistart", {"experiment": {}, "starts": 1000, "steps": 20_000})
    all_.wait(5.0)


def slow_reader(all_: Hostile) -> None:
    """Many pictures, which are not read."""
    run, body = all_.run(), json.dumps({"after": 0, "seen": 0, "steps": 0, "grid": 300}).encode()
    with all_.connect() as connection:
        connection.sendall((all_.head(f"/api/run/{run}/frame", len(body)) + body) * 20)
        all_.wait(60.0)


def drawings(all_: Hostile) -> None:
    """Figures, one after the other."""
    run = all_.run()
    for view in ("plane", "network", "weights", "cost"):
        all_.ask(f"/api/run/{run}/export", {"what": "figure", "step": 2000, "view": view, "format": "svg"})


KINDS: dict[str, tuple[int, Callable[[Hostile], None]]] = {
    "idle connections": (64, idle),
    "slow heads": (8, slow_head),
    "slow bodies": (4, slow_body),
    "noise": (2, noise),
    "wrong tokens": (2, wrong_token),
    "huge bodies": (1, huge_body),
    "far steps": (16, far_step),
    "asked and gone": (4, gone),
    "many starts": (2, many_starts),
    "readers who do not read": (4, slow_reader),
    "figures": (2, drawings),
}


def main() -> None:
    os.nice(10)
    port, token, *kinds = sys.argv[1:]
    hostile = Hostile(int(port), token)
    hostile.start(*kinds)
    sys.stdin.read()  # until whoever started this closes it, or ends
    print(json.dumps(hostile.done))


if __name__ == "__main__":
    main()
