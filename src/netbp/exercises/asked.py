"""The process in which a student's file runs: python -m netbp.exercises.asked 3 answer.py notes.jsonl.

Before each question, and at the end, it writes a line of JSON, so that the other process knows where this one hangs.
"""

from __future__ import annotations

import json
import sys
import traceback
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, TextIO

import numpy as np

from netbp.exercises.asking import Asking, StudentError, WrongError
from netbp.exercises.checking import LARGEST
from netbp.exercises.sheet import EXERCISES
from netbp.files import read_regular

CHECKS = {1: "sigmoid", 2: "forward", 3: "back", 4: "stochastic", 5: "convolution", 6: "softmax"}
"""The module of this package that checks each exercise."""

SEED = 20190861  # the same instances for all students


class BrokenError(Exception):
    """A file that cannot be asked, in words."""


def main(number: int, answer: Path, notes: Path) -> None:
    """Ask the file, and write what was found."""
    check = import_module(f"netbp.exercises.{CHECKS[number]}").check
    with notes.open("w", encoding="utf-8", buffering=1) as file:  # from now on the student's time counts
        try:
            asking = Asking(functions_in(number, answer), lambda words: note(file, asking=words))
            check(asking, np.random.default_rng(SEED))
        except BrokenError as error:
            note(file, verdict="broken", what=str(error))
        except StudentError as error:
            note(file, verdict="broken", what=f"{told(error.error, answer)}; it was asked {error.asked}")
        except WrongError as error:
            note(file, verdict="wrong", asked=error.asked, came=error.came, expected=error.expected, hint=error.hint)
        else:
            note(file, verdict="right")


def note(file: TextIO, **parts: str) -> None:
    """One line of JSON."""
    file.write(json.dumps(parts) + "\n")


def functions_in(number: int, answer: Path) -> dict[str, Any]:
    """The functions that the exercise asks for, of the file. Raises BrokenError."""
    module = ModuleType("answer")
    module.__file__ = str(answer)
    sys.modules["answer"] = module  # dataclasses look their module up
    sys.path.insert(0, str(answer.parent))
    try:
        exec(compile(read_regular(answer, LARGEST), str(answer), "exec"), module.__dict__)
    except BaseException as error:
        raise BrokenError(told(error, answer)) from None
    wanted = EXERCISES[number].functions
    for name, parameters in wanted.items():
        if not callable(getattr(module, name, None)):
            what = "defines no function" if not hasattr(module, name) else "has something else than a function"
            raise BrokenError(f"{answer.name} {what} `{name}`: this exercise asks for {name}{parameters}")
    return {name: getattr(module, name) for name in wanted}


def told(error: BaseException, answer: Path) -> str:
    """The student's error in one line: file, line, kind and message."""
    if isinstance(error, SyntaxError) and error.filename == str(answer):
        return f"{answer.name}, line {error.lineno}: {type(error).__name__}: {error.msg}"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(answer)]
    where = f", line {lines[-1]}" if lines else ""
    if isinstance(error, NotImplementedError):
        return f"{answer.name}{where}: this function is still to be written"
    if isinstance(error, SystemExit):
        return f"{answer.name}{where}: it ends the program; leave exit() out"
    text = " ".join(str(error).split())
    return f"{answer.name}{where}: {type(error).__name__}{f': {text}' if text else ''}"


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]))
