"""`netbp lab`: listen, print the address, and only then load what answers.

The socket listens before anything heavy is imported, so that the address is there at once; whoever opens it in the meantime
waits in the socket's queue.
"""

from __future__ import annotations

import secrets
import socket
import sys
import threading
import webbrowser
from dataclasses import dataclass, field
from pathlib import Path

from netbp.lab.codes import Codes

LOOPBACK = "127.0.0.1"
USUAL_PORT = 2019
"""The year of the paper; another one is taken when it is in use and none was asked for."""
EVERYWHERE = ("", "0.0.0.0", "::", "[::]", "*")
OPENING = 120.0
"""Seconds in which a browser that was started has to have opened the page."""


@dataclass(frozen=True)
class Launch:
    """A socket that listens, and the secret of this launch.

    names: the hosts that browsers may ask for. framed_by: the one origin whose pages may frame ours, or "".
    codes: what gets a page in once.
    """

    socket: socket.socket
    token: str
    names: tuple[str, ...]
    framed_by: str = ""
    codes: Codes = field(default_factory=Codes, repr=False, compare=False)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.socket.getsockname()[1])

    @property
    def address(self) -> str:
        """What to open in a browser, for this user's eyes only: the token is in the fragment, which browsers never send."""
        return f"http://{self.names[-1]}:{self.port}/#token={self.token}"

    def once(self, life: float = OPENING) -> str:
        """The same for a place that others may read: a code in the token's place, good once within `life` seconds."""
        return f"http://{self.names[-1]}:{self.port}/#code={self.codes.new(life)}"


def listen(port: int | None = None, host: str = "", framed_by: str = "") -> Launch:
    """Listen on loopback, or on `host`, a name or address of this machine. Raises ValueError for a port or host that cannot be."""
    if port is not None and not 0 <= port <= 65535:
        raise ValueError(f"a port is a number from 0 (any free one) to 65535, but {port} was asked for")
    if host in EVERYWHERE[1:]:
        raise ValueError(f"the lab does not listen on {host}: give the one name or address by which others reach this machine")
    names: tuple[str, ...] = ("localhost", "[::1]", LOOPBACK)
    where = LOOPBACK
    if host and host not in ("localhost", LOOPBACK):
        where, names = host, (host,)
    try:
        return Launch(_bound(where, USUAL_PORT if port is None else port), secrets.token_urlsafe(32), names, framed_by)
    except OSError as error:
        if port is None:
            return Launch(_bound(where, 0), secrets.token_urlsafe(32), names, framed_by)
        why = error.strerror or str(error)
        raise ValueError(f"the lab cannot listen on {where}:{port} ({why}): choose another port, or leave it out") from None


def _bound(host: str, port: int) -> socket.socket:
    # With its protocol named, asyncio turns off the delay of small packets; without, every answer of two parts waits 40 ms.
    out = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if sys.platform != "win32":
            out.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        out.bind((host, port))
        out.listen(128)
    except OSError:
        out.close()
        raise
    return out


def run_lab(port: int | None = None, browser: bool = True, host: str = "", runs: Path | None = None) -> int:
    """Serve the lab until Ctrl-C. browser: open it there, too. runs: the folder whose saved runs the second tab shows.

    Raises ValueError as `listen`, and when starlette or uvicorn is not installed.
    """
    launch = listen(port, host)
    if launch.names == (host,):
        print(f"netbp: whoever reaches {host}:{launch.port} and has the token can use this lab, unencrypted", file=sys.stderr)
    print(f"The lab: {launch.address}", flush=True)
    print("Stop it with Ctrl-C.", flush=True)
    if browser:
        threading.Thread(target=webbrowser.open, args=(launch.once(),), daemon=True).start()
    try:
        from netbp.lab.serving import serve

        serve(launch, runs)
    except KeyboardInterrupt:
        pass
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("netbp"):
            raise
        raise ValueError(f'the lab needs {error.name}, which is not installed: pip install "netbp[lab]"') from None
    finally:
        launch.socket.close()
    return 0
