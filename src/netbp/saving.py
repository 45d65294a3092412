"""A run's file while the run goes on and at its end: what cannot be saved is told at once, and in the end kept elsewhere."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from netbp.files import NotWrittenError
from netbp.folders import private_folder, state_folder, temporary_folder
from netbp.messages import named, one_line
from netbp.notices import log
from netbp.record import Run

TRIES = 100


class Saving:
    """Saves the states of one run in its file."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = path
        self.told: set[int | None] = set()

    def interim(self, run: Run) -> None:
        """Save a state on the way. Where that fails a line says so, once for each reason, and the run goes on."""
        try:
            run.save(self.path)
        except NotWrittenError as error:
            if error.errno not in self.told:
                self.told.add(error.errno)
                log.warning(one_line(f"{error.strerror}. The run goes on, and is saved in the end, there or elsewhere"))
            return
        if self.told:
            self.told.clear()
            log.warning(one_line(f"{named(self.path)} is saved again, as of step {run.step:,}"))

    def final(self, run: Run) -> None:
        """Save the last state. Raises NotWrittenError where that fails, which says where it is instead, and has the `run`."""
        try:
            run.save(self.path)
        except NotWrittenError as error:
            place = kept_elsewhere(run, self.path)
            where = "and no other place could be found: it is lost unless you are in Python, where the error has it as `run`"
            if place is not None:
                where = f"but is kept in {str(place)!r}: move it to where you want it, or go on with resume={str(place)!r}"
            told = f"{error.strerror}. The run, after step {run.step:,}, could not be saved there, {where}"
            lost = NotWrittenError(error.errno, told)
            lost.run, lost.place = run, place  # type: ignore[attr-defined]  # so that nothing computed is lost to the caller
            raise lost from None


def kept_elsewhere(run: Run, path: str | os.PathLike[str]) -> Path | None:
    """Where the run is saved that could not be saved at its own place, or None: the user's folder, this one, the temporary one."""
    stem = Path(path).stem[:100] or "run"
    clock = time.strftime("%Y%m%d-%H%M%S")
    for folder in _folders():
        for k in range(TRIES):
            place = folder / f"{stem}-{clock}-{os.getpid()}{f'-{k}' if k else ''}.npz"
            try:
                if place.exists():
                    continue
                run.save(place)
            except (OSError, ValueError):
                break
            return place
    return None


def _folders() -> Iterator[Path]:
    """Where a run may be kept, the best place first; a place that is not there is left out."""
    places: tuple[Callable[[], Path], ...] = (_own_folder, Path.cwd, lambda: Path(temporary_folder()))
    for find in places:
        with contextlib.suppress(OSError):
            yield find()


def _own_folder() -> Path:
    return private_folder(state_folder() / "kept")
