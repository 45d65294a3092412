"""Words of messages: how many of what, and texts from files and arguments made short and printable."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

LONGEST_NAME, LONGEST_LINE = 60, 2_000
"""Letters of a name in a message, and of a line of output."""


def counted(n: int, what: str) -> str:
    """1 row, 2 rows, 1,000 categories."""
    if n != 1:
        irregular = re.search(r"[^aeiou]y$", what)
        what = f"{what[:-1]}ies" if irregular else f"{what}es" if re.search(r"(s|x|sh|[nt]ch)$", what) else f"{what}s"
    return f"{n:,} {what}"


def took_all(steps: int) -> str:
    """What is said of a run that took all its steps."""
    return "it took its only step" if steps == 1 else f"it took all {counted(steps, 'step')}"


def shown(text: str, most: int = LONGEST_NAME) -> str:
    """A text in quotes, with what cannot be printed as escapes, cut where it is longer than `most` letters."""
    return repr(text if len(text) <= most else f"{text[: most - 3]}...")


def named(name: str | os.PathLike[str], most: int = 160) -> str:
    """A name, or another text from a file, without quotes: with what cannot be printed as escapes, and cut in its middle."""
    text = "".join(c if c.isprintable() else repr(c)[1:-1] for c in os.fsdecode(name))
    return text if len(text) <= most else f"{text[: most // 2 - 2]}...{text[1 - most // 2 :]}"


def listed(names: Sequence[str], most: int = 12) -> str:
    """The names in quotes, shortened where they are many or long."""
    few = names if len(names) <= most else [*names[: most - 2], None, names[-1]]
    return ", ".join("..." if name is None else shown(name) for name in few)


def printable(text: str) -> str:
    """The text with escapes for all that is neither printable nor a new line or a tabulator.

    A terminal obeys control characters, and direction marks change the order of what is read: neither is to come from a file.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in "\n\t" else repr(c)[1:-1] for c in text)


def shortened(text: str, most: int = LONGEST_LINE) -> str:
    """The text with lines of more than `most` letters cut in their middle, where it is said how long they were."""
    if len(text) <= most:
        return text
    return "\n".join(line if len(line) <= most else _cut(line, most) for line in text.split("\n"))


def one_line(text: str, most: int = LONGEST_LINE) -> str:
    """The text as one printable line of at most about `most` letters."""
    return shortened(printable(" ".join(text.split())), most)


def _cut(line: str, most: int) -> str:
    half = most // 2
    return f"{line[:half]} ... ({counted(len(line), 'letter')} in all) ... {line[-half:]}"
