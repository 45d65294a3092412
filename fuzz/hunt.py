"""Feed a parser in a process of its own, so that one that crashes, hangs or fills the memory is told, too, with what did it."""

from __future__ import annotations

import mmap
import os
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import hypothesis
from hypothesis import HealthCheck, Phase
from hypothesis.errors import HypothesisWarning

from fuzz.changes import changed

LARGEST = 2**22
"""Bytes of an input that are kept to be told."""
MEMORY = 2**31
"""Bytes that a parser may take beyond what its process has at the start."""
PATIENCE = 120
"""Seconds that one input may take: a parser of some kilobytes that needs longer never ends."""
ROUND = 100
"""Inputs between two looks at the clock."""


class Parser(NamedTuple):
    """What is fuzzed: examples that it reads, what reads them, and the exceptions with which it refuses others."""

    examples: tuple[bytes, ...]
    read: Callable[[bytes], object]
    refuses: tuple[type[Exception], ...] = (ValueError,)


class Outcome(NamedTuple):
    """How many inputs were tried, and where one was neither read nor refused, how that ended, and the input."""

    tried: int
    failure: str | None = None
    content: bytes = b""


def hunt(make: Callable[[Path], Parser], seconds: float, seed: int = 0) -> Outcome:
    """Try inputs for so many seconds, or until one is neither read nor refused. make: gives the parser, which may use a folder."""
    shared = mmap.mmap(-1, 16 + LARGEST)
    sys.stdout.flush()
    sys.stderr.flush()
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile("w+") as told:
        process = os.fork()
        if process == 0:
            failed = True
            try:
                _search(make(Path(folder)), seconds, seed, lambda content: _note(shared, content))
                failed = False
            except BaseException as error:
                error.__notes__ = []  # Hypothesis's, which print the input
                traceback.print_exc(file=told)
                told.flush()
            finally:
                os._exit(int(failed))
        status = os.waitpid(process, 0)[1]
        told.seek(0)
        words = told.read()
    tried, size = (int.from_bytes(shared[i : i + 8], "little") for i in (0, 8))
    if os.WIFSIGNALED(status):
        words = f"the process ended by {signal.Signals(os.WTERMSIG(status)).name}"
    return Outcome(tried, words or None, shared[16 : 16 + size] if words else b"")


def _note(shared: mmap.mmap, content: bytes) -> None:
    shared[:8] = (int.from_bytes(shared[:8], "little") + 1).to_bytes(8, "little")
    shared[8:16] = min(len(content), LARGEST).to_bytes(8, "little")
    shared[16 : 16 + min(len(content), LARGEST)] = content[:LARGEST]


def _search(parser: Parser, seconds: float, seed: int, note: Callable[[bytes], None]) -> None:
    """Raise what a parser raises that is no refusal, after Hypothesis has looked for fewer changes that do it."""
    for example in parser.examples:
        note(example)
        parser.read(example)  # what it refuses is no example
    if sys.platform == "linux":
        taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (taken + MEMORY, taken + MEMORY))

    def holds(content: bytes) -> None:
        note(content)
        signal.alarm(PATIENCE)
        try:
            parser.read(content)
        except parser.refuses:
            pass
        finally:
            signal.alarm(0)

    settings = hypothesis.settings(
        max_examples=ROUND,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink),
        report_multiple_bugs=False,
    )
    warnings.simplefilter("ignore", HypothesisWarning)  # that inputs are long
    end, turn = time.monotonic() + seconds, 0
    while turn == 0 or time.monotonic() < end:
        hypothesis.seed(1_000_003 * seed + turn)(settings(hypothesis.given(changed(parser.examples))(holds)))()
        turn += 1
