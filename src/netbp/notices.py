"""Lines on stderr that a process says once, for what it does without, and whether somebody may be looking there."""

from __future__ import annotations

import logging
import sys

from netbp.messages import one_line

log = logging.getLogger("netbp")
told: set[str] = set()


def tell(line: str, about: str | None = None) -> None:
    """Say the line, unless this process has said it, or another one about the same thing, before."""
    if (about or line) not in told:
        told.add(about or line)
        log.warning(one_line(line))


def watched() -> bool:
    """Whether standard error is a terminal, where a progress bar may be drawn; without one, or with a closed one, it is not."""
    return sys.stderr is not None and not getattr(sys.stderr, "closed", False) and sys.stderr.isatty()
