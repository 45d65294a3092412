"""The command line's output: printable, in whatever encoding the stream has, and no reason to end a computation.

Everything that is printed goes through here. Control characters, which a terminal would obey, are written as escapes, wherever the
text came from; long lines are cut; what the stream cannot encode is escaped, too. A stream that is closed, absent or broken takes
nothing more, while the work goes on; in the end the exit code says so.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from netbp.messages import printable, shortened


class Tolerant:
    """A text stream that takes everything: what it cannot encode as escapes, and nothing more once it has failed.

    failure: the first error in writing.
    """

    def __init__(self, stream: Any) -> None:
        self.stream = stream
        self.failure: Exception | None = None

    def write(self, text: str) -> int:
        """Write as much as can be written."""
        encoding = getattr(self.stream, "encoding", None)
        if encoding is not None:
            text = text.encode(encoding, "backslashreplace").decode(encoding)
        self._attempt("write", text)
        return len(text)

    def flush(self) -> None:
        """Hand over what is buffered."""
        self._attempt("flush")

    def isatty(self) -> bool:
        """Whether somebody may be looking at it."""
        return self.stream is not None and not getattr(self.stream, "closed", False) and bool(self.stream.isatty())

    def _attempt(self, what: str, *arguments: Any) -> None:
        if self.stream is None or self.failure is not None:
            return
        try:
            getattr(self.stream, what)(*arguments)
        except (OSError, ValueError) as error:  # ValueError: it was closed
            self.failure = error

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


class Output(Tolerant):
    """Standard output or standard error for plain text; rich, which writes a terminal's control characters itself, goes past."""

    def __init__(self, stream: Any) -> None:
        super().__init__(stream)
        self.rich_proxied_file = Tolerant(stream)  # the name is rich's

    def write(self, text: str) -> int:
        """Write a text without its control characters; a carriage return at its beginning is a progress bar's."""
        begin = "\r" if text.startswith("\r") else ""
        super().write(begin + shortened(printable(text.removeprefix("\r"))))
        return len(text)

    def data(self, text: str) -> None:
        """Write a text for another program as it is, in UTF-8; for a terminal without control characters."""
        if self.isatty():
            super().write(printable(text))
        elif hasattr(self.stream, "buffer"):
            self.flush()
            self._attempt_bytes(text.encode("utf-8", "surrogateescape"))
        else:
            self._attempt("write", text)

    def _attempt_bytes(self, content: bytes) -> None:
        if self.failure is None:
            try:
                self.stream.buffer.write(content)
            except (OSError, ValueError) as error:
                self.failure = error


def write_data(text: str) -> None:
    """Write a table or the like on standard output."""
    if isinstance(sys.stdout, Output):
        sys.stdout.data(text)
    else:
        sys.stdout.write(text)


@contextmanager
def printing() -> Iterator[Output]:
    """While this lasts, standard output and standard error take only what is fit for a terminal; yields the former."""
    before = sys.stdout, sys.stderr
    out, err = Output(before[0]), Output(before[1])
    sys.stdout, sys.stderr = out, err
    try:
        yield out
    finally:
        out.flush()
        err.flush()
        sys.stdout, sys.stderr = before


def occupy_standard_streams() -> None:
    """Open the null device in place of standard streams that are closed: otherwise the next file would get their numbers.

    What a library then writes to number 1 or 2 would be written into that file.
    """
    if os.name != "posix":
        return
    while (descriptor := os.open(os.devnull, os.O_RDWR)) < 3:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)


def silence(stream: Any) -> None:
    """Let what is still buffered in a broken stream go nowhere, or it would fail once more at exit."""
    try:
        number = stream.fileno()
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, number)
        os.close(null)
    except (OSError, ValueError, AttributeError):
        return
