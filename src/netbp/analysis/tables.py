"""Tables: the numbers of an analysis as lines of text. As frames they are made in `netbp.frames`."""

from __future__ import annotations

from collections.abc import Sequence

from netbp.frames import Library, frame

__all__ = ["Library", "aligned", "frame"]


def aligned(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Rows of words under a head, the first column to the left and the others to the right."""
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    return "\n".join(
        "  ".join(
            word.ljust(width) if i == 0 else word.rjust(width) for i, (word, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in (head, *rows)
    )
