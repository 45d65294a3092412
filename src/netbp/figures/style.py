"""The house style: figures made, drawn and saved without pyplot and without touching the user's matplotlib settings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

RED, BLUE, INK, GREY = "#c1121f", "#0b5fa5", "#1a1a1a", "0.8"
"""Category A, category B, lines and letters, and the region of category A (figure 8); shapes differ too, for the colour-blind."""

SIZE = (6.4, 4.8)
"""Inches: with the letters below, legible on a slide and in a column of text."""

STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib, so that pictures look alike everywhere
    "mathtext.fontset": "stix",
    "font.size": 14,
    "axes.labelsize": 17,
    "axes.labelweight": "bold",
    "axes.titlesize": 16,
    "axes.linewidth": 1.2,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": 14,
    "ytick.labelsize": 14,
    "xtick.major.size": 5,
    "ytick.major.size": 5,
    "xtick.major.width": 1.2,
    "ytick.major.width": 1.2,
    "legend.fontsize": 12,
    "legend.frameon": False,
    "lines.linewidth": 2.0,
    "figure.figsize": SIZE,
    "figure.constrained_layout.w_pad": 0.08,
    "figure.constrained_layout.h_pad": 0.08,
    "savefig.dpi": 200,
    "pdf.fonttype": 42,  # embedded as TrueType, which journals ask for
    "svg.hashsalt": "netbp",  # the same drawing gives the same bytes
}

FORMATS: dict[str, dict[str, Any]] = {
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "ModDate": None},
    "svg": {"Date": None},
}
"""The formats that figures are saved in, and the metadata that would differ from one day to the next."""


@contextmanager
def house_style() -> Iterator[None]:
    """Draw in the house style inside `with house_style():`, whatever the user's settings are; they are restored afterwards."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE)  # type: ignore[arg-type]  # the keys are checked by matplotlib when it runs
        yield


def new_figure(
    rows: int = 1,
    columns: int = 1,
    size: tuple[float, float] = SIZE,
    margins: tuple[float, float, float, float] | None = None,
    **layout: Any,
) -> tuple[Figure, Any]:
    """A figure without pyplot and its axes: one, or an array of (rows, columns) without the axes of length 1.

    margins: where the axes lie, (left, bottom, right, top) as shares of the figure, which draws in half the time; None fits them
    around the labels.
    """
    figure = Figure(figsize=size, layout="constrained" if margins is None else None)
    if margins is not None:
        figure.subplots_adjust(*margins)
    return figure, figure.subplots(rows, columns, **layout)


def encoded(figure: Figure, kind: str) -> bytes:
    """The figure as a file of kind "png" (200 dots an inch), "pdf" (fonts embedded) or "svg"; the same bytes each time."""
    if kind not in FORMATS:
        raise ValueError(f"figures are saved as {', '.join(FORMATS)}, but {kind!r} was asked for: end the name in one of these")
    out = BytesIO()
    with house_style():
        figure.savefig(out, format=kind, metadata=FORMATS[kind])
    return out.getvalue()


def save(figure: Figure, path: str | Path) -> Path:
    """Write the figure to `path`, whose ending says the format; returns the path. Raises ValueError for another ending."""
    from netbp.files import write_atomically

    path = Path(path)
    write_atomically(path, encoded(figure, path.suffix.lower().removeprefix(".")))
    return path
