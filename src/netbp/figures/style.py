"""The house style: figures made, drawn and saved without pyplot and without touching the user's matplotlib settings."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from io import BytesIO
from pathlib import Path
from typing import Any, Literal, get_args
from weakref import WeakKeyDictionary

from netbp.figures.fonts import Figure, mpl

HERE = Path(__file__).parent.parent
"""Where the style's files lie, so that Matplotlib finds them: `plt.style.use("netbp.style")`."""

Size = Literal["slide", "column"]

STYLE = mpl.rc_params_from_file(HERE / "style.mplstyle", use_default_template=False)
"""The settings of `netbp.style`."""

BLUE, RED, GREEN, OCHRE, VIOLET, INK = ("#" + colour.removeprefix("#") for colour in STYLE["axes.prop_cycle"].by_key()["color"])
"""The cycle. RED is category A, BLUE category B, INK lines and letters; shapes differ too, for the colour-blind."""

GREY = "0.8"
"""The region of category A (figure 8)."""

FORMATS: dict[str, dict[str, Any]] = {
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "ModDate": None},
    "svg": {"Date": None},
}
"""The formats that figures are saved in, and the metadata that would differ from one day to the next."""


_one_at_a_time = threading.RLock()
_in_force: ContextVar[Size | None] = ContextVar("the size of the style in force", default=None)
_sizes: WeakKeyDictionary[Figure, Size | None] = WeakKeyDictionary()  # ticks are made late: a figure is saved in its own size


@contextmanager
def style(size: Size | None = None) -> Iterator[None]:
    """Draw in the house style inside `with nb.style():`, whatever the user's settings are; they are restored afterwards.

    size: "slide" for larger letters and lines on 16 by 9, "column" for one column of a journal. Raises ValueError for another.
    Matplotlib's settings are those of the whole process: other threads that want a style wait until this one is over.
    """
    if size is not None and size not in get_args(Size):
        raise ValueError(f"the style comes in the sizes {', '.join(get_args(Size))}, but {size!r} was asked for")
    with _one_at_a_time, mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE)
        if size is not None:
            mpl.rcParams.update(mpl.rc_params_from_file(HERE / f"{size}.mplstyle", use_default_template=False))
        token = _in_force.set(size)
        try:
            yield
        finally:
            _in_force.reset(token)


house_style = style


def letters(points: float) -> float:
    """The size of letters that are so many points in `netbp.style`, in proportion to the style in force."""
    return points * float(mpl.rcParams["font.size"]) / float(STYLE["font.size"])


def new_figure(
    rows: int = 1,
    columns: int = 1,
    size: tuple[float, float] | None = None,
    margins: tuple[float, float, float, float] | None = None,
    **layout: Any,
) -> tuple[Figure, Any]:
    """A figure without pyplot and its axes: one, or an array of (rows, columns) without the axes of length 1.

    size: in inches, the style's if None. margins: where the axes lie, (left, bottom, right, top) as shares of the figure, which
    draws in half the time; None fits them around the labels.
    """
    figure = Figure(figsize=size, layout="constrained" if margins is None else None)
    if margins is not None:
        figure.subplots_adjust(*margins)
    _sizes[figure] = _in_force.get()
    return figure, figure.subplots(rows, columns, **layout)


def drawn(draw: Callable[..., Any], *numbers: Any, size: tuple[float, float]) -> Figure:
    """A figure in the house style with one axes, on which draw(ax, *numbers) has drawn."""
    with house_style():
        figure, ax = new_figure(size=size)
        draw(ax, *numbers)
    return figure


def encoded(figure: Figure, kind: str, dpi: float | None = None) -> bytes:
    """The figure as a file, the same bytes each time: "png" (200 dots an inch, in a column 600), "pdf" (fonts embedded), "svg".

    dpi: another number of dots an inch. Raises ValueError for another kind.
    """
    if kind not in FORMATS:
        raise ValueError(f"figures are saved as {', '.join(FORMATS)}, but {kind!r} was asked for: end the name in one of these")
    out = BytesIO()
    with style(_sizes.get(figure)):
        figure.savefig(out, format=kind, metadata=FORMATS[kind], dpi=mpl.rcParams["savefig.dpi"] if dpi is None else dpi)
    return out.getvalue()


def save(figure: Figure, path: str | Path, dpi: float | None = None) -> Path:
    """Write the figure to `path`, whose ending says the format; returns the path. Raises ValueError for another ending.

    dpi: as in `encoded`.
    """
    from netbp.files import write_atomically

    path = Path(path)
    write_atomically(path, encoded(figure, path.suffix.lower().removeprefix("."), dpi))
    return path
