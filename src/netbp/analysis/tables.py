"""Tables: the numbers of an analysis as lines of text, and as pandas frames where pandas is there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def aligned(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Rows of words under a head, the first column to the left and the others to the right."""
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    return "\n".join(
        "  ".join(
            word.ljust(width) if i == 0 else word.rjust(width) for i, (word, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in (head, *rows)
    )


def frame(columns: Mapping[str, Any]) -> Any:
    """The columns as a pandas.DataFrame. Raises ImportError, with the remedy, where pandas is not installed."""
    try:
        import pandas
    except ImportError:
        raise ImportError(
            "a table as a frame needs pandas, which is not installed: pip install pandas, or print the table"
        ) from None
    return pandas.DataFrame(dict(columns))
