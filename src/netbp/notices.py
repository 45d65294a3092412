"""Lines on stderr that a process says once, for what it does without."""

from __future__ import annotations

import logging

from netbp.messages import one_line

log = logging.getLogger("netbp")
told: set[str] = set()


def tell(line: str, about: str | None = None) -> None:
    """Say the line, unless this process has said it, or another one about the same thing, before."""
    if (about or line) not in told:
        told.add(about or line)
        log.warning(one_line(line))
