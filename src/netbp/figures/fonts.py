"""Matplotlib, loaded whatever state its own files are in: what it has kept of the fonts it found is looked for anew if damaged."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from pathlib import Path
from typing import Any

from netbp.files import KINDS, NotReadError, named
from netbp.notices import tell

__all__ = ["Figure", "check_fonts", "mpl"]

FACES = {"DejaVu Sans": "DejaVuSans", "DejaVu Sans:bold": "DejaVuSans-Bold", "DejaVu Sans:italic": "DejaVuSans-Oblique"}
"""The letters that are drawn, and their files, which Matplotlib brings along."""


def settings_file() -> None:
    """Refuse a file of settings in the current folder, or named by the user, that cannot be read; it may belong to anybody.

    Raises NotReadError. That it is text is found out when Matplotlib is loaded.
    """
    for path in filter(None, ("matplotlibrc", os.environ.get("MATPLOTLIBRC"))):
        _check_readable(path, "mend or remove it, for Matplotlib reads its settings there")


def _check_readable(path: str, remedy: str) -> None:
    try:
        kind = stat.S_IFMT(os.stat(path).st_mode)
    except OSError:  # nor can Matplotlib read it
        return
    if kind not in (stat.S_IFREG, stat.S_IFDIR):  # it may be a pipe, for which Matplotlib would wait
        raise NotReadError(errno.EINVAL, f"{named(os.path.abspath(path))} is {KINDS.get(kind, 'no regular file')}: {remedy}")


settings_file()
try:
    import matplotlib as mpl
except ValueError as error:
    told = f"Matplotlib cannot read its settings ({type(error).__name__}: {error})"
    raise ValueError(f"{told}: mend or remove the file matplotlibrc, here or in its own folder") from None

KEPT = Path(mpl.get_cachedir())
for file in KEPT.glob("fontlist-*"):
    if file.exists() and not file.is_file() and not file.is_dir():  # it lies in Matplotlib's own folder of what can be made anew
        with contextlib.suppress(OSError):
            file.unlink()
    _check_readable(os.fspath(file), "remove it, for Matplotlib reads there which fonts it has found")

from matplotlib import font_manager as fonts  # noqa: E402, after it is known that it will not wait
from matplotlib.figure import Figure as Figure  # noqa: E402, PLC0414, for those who draw


def check_fonts() -> None:
    """Let Matplotlib look for fonts anew where it does not find its own, or cannot use them; a line on stderr says so."""
    try:
        for letters, face in FACES.items():
            found = fonts.fontManager.findfont(letters, fallback_to_default=False)
            if Path(found).stem != face:
                raise ValueError(f"{named(Path(found).name)} was found for {face}.ttf")
            fonts.get_font(found)
    except Exception as error:  # whatever a damaged list leads to
        tell(f"what Matplotlib has kept of its fonts is damaged, and made anew ({type(error).__name__}: {error})", about="fonts")
        manager: Any = fonts.FontManager
        new = manager()
        fonts.fontManager.__dict__.clear()  # the modules of Matplotlib have taken functions of the one that there is
        fonts.fontManager.__dict__.update(new.__dict__)
        manager._findfont_cached.cache_clear()
        fonts.json_dump(new, KEPT / f"fontlist-v{manager.__version__}.json")


check_fonts()
