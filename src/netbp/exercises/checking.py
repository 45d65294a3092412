"""Checking an answer: the student's file runs in a process of its own, with a time limit, and its verdict comes back in words."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from netbp.exercises.sheet import EXERCISES
from netbp.files import read_regular
from netbp.folders import temporary_folder

SECONDS = 60.0
LARGEST, NOTES = 2**20, 2**24
"""The most bytes of an answer, and of what is written down while it is asked."""


@dataclass(frozen=True)
class Verdict:
    """What a check found. right: whether all answers were. lines: in words, the first says it all. asked: how many calls."""

    right: bool
    lines: tuple[str, ...]
    asked: int = 0

    def __str__(self) -> str:
        return "\n".join(self.lines)


def check(number: int, answer: Path, seconds: float = SECONDS) -> Verdict:
    """Run the checks of exercise `number` on the file `answer`; whatever is wrong with the file is part of the verdict.

    This executes the file, with the rights of the caller. seconds: for the file and all questions. Raises ValueError for an
    exercise that there is not and a time not above 0, OSError for what is no file that can be read, or one of more than a megabyte.
    """
    if number not in EXERCISES:
        raise ValueError(f"there are exercises {min(EXERCISES)} to {max(EXERCISES)}, but exercise {number} was asked for")
    if not seconds > 0.0:
        raise ValueError(f"the time limit must be above 0 seconds, but it is {seconds!r}")
    read_regular(answer, LARGEST)
    with tempfile.TemporaryDirectory(prefix="netbp-exercise-", dir=temporary_folder()) as folder:
        notes = Path(folder) / "notes.jsonl"
        words = [sys.executable, "-P", "-m", "netbp.exercises.asked", str(number), str(answer.resolve()), str(notes)]
        child = subprocess.Popen(words, stdin=subprocess.DEVNULL, start_new_session=True)
        try:
            while not notes.exists() and child.poll() is None:  # it loads our own modules first, however long that takes
                time.sleep(0.01)
            code = child.wait(seconds)
            late = False
        except subprocess.TimeoutExpired:
            late, code = True, 0
        finally:
            _ended(child)
        found = _notes(notes) if notes.exists() else []
    return _verdict(number, answer.name, found, late, seconds, code)


def _notes(path: Path) -> list[dict[str, str]]:
    """The whole lines of the process's notes: it may have ended within one, and the student's file can write there, too."""
    found = []
    with contextlib.suppress(OSError):
        for line in read_regular(path, NOTES).splitlines():
            with contextlib.suppress(ValueError, RecursionError):
                note = json.loads(line)
                if isinstance(note, dict) and all(isinstance(value, str) for value in note.values()):
                    found.append(note)
    return found


def _ended(child: subprocess.Popen[bytes]) -> None:
    """Make sure that the process is over, and whatever it has started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(child.pid, signal.SIGKILL)
        else:
            child.kill()
    child.wait()


def _verdict(number: int, name: str, found: list[dict[str, str]], late: bool, seconds: float, code: int) -> Verdict:
    asked = sum("asking" in note for note in found)
    last = found[-1] if found else {}
    if last.get("verdict") == "right":
        return Verdict(True, (f"exercise {number}: right, in all {asked} questions",), asked)
    if last.get("verdict") == "broken":
        return Verdict(False, (f"exercise {number}: {last['what']}",), asked)
    if last.get("verdict") == "wrong":
        parts = [f"  {part:<9} {last[part]}" for part in ("asked", "came", "expected", "hint") if last[part]]
        return Verdict(False, (f"exercise {number}: not yet right ({asked - 1} questions were, this one is not)", *parts), asked)
    where = f"while it was asked {last['asking']}" if "asking" in last else "while it was loaded"
    if late:
        return Verdict(False, (f"exercise {number}: {name} gave no answer within {seconds:g} seconds, {where}",), asked)
    return Verdict(False, (f"exercise {number}: {name} ended the process with code {code}, {where}",), asked)
