"""How a check asks a student's functions: every call has words, and every answer is compared or the first wrong one explained."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any

import numpy as np

from netbp.types import Array

RELATIVE = 1e-8
"""What an answer may be off by, of its largest entry: many roundings, where a wrong formula is off by its first digits."""


class WrongError(Exception):
    """An answer that is not right. asked, came, expected, hint: in words."""

    def __init__(self, asked: str, came: str, expected: str, hint: str = "") -> None:
        super().__init__(asked)
        self.asked, self.came, self.expected, self.hint = asked, came, expected, hint


class StudentError(Exception):
    """An error that the student's function raised. asked: in which call."""

    def __init__(self, asked: str, error: BaseException) -> None:
        super().__init__(asked)
        self.asked, self.error = asked, error


class Asking:
    """The functions of one answer. note: told what is being asked, before each call."""

    def __init__(self, functions: dict[str, Callable[..., Any]], note: Callable[[str], None]) -> None:
        self.functions, self.note, self.asked, self.count = functions, note, "", 0

    def ask(self, name: str, words: str, *arguments: Any) -> Any:
        """What the student's function returns for copies of these arguments. Raises StudentError when it raises."""
        self.asked = words
        self.count += 1
        self.note(words)
        try:
            return self.functions[name](*deepcopy(arguments))
        except BaseException as error:
            raise StudentError(words, error) from None

    def numbers(self, came: Any, shape: tuple[int, ...], what: str = "the answer") -> Array:
        """The answer as an array of this shape. Raises WrongError for anything else, and for entries that are not finite."""
        want = f"{what}: {'a number' if not shape else f'an array of shape {shape}'}"
        if came is None:
            raise WrongError(self.asked, f"{what} is None", want, "a function without a return statement returns None")
        try:
            got = np.asarray(came, dtype=float)
        except (TypeError, ValueError):
            raise WrongError(self.asked, f"{what} is {_short(came)}", want) from None
        if got.shape != shape:
            raise WrongError(self.asked, f"{what} has shape {got.shape}", want)
        if not np.isfinite(got).all():
            raise WrongError(self.asked, f"{what} = {shown(got)}", f"{what}: finite numbers")
        return got

    def same(
        self, came: Any, expected: Any, hint: str = "", what: str = "the answer", relative: float = RELATIVE, least: float = 0.0
    ) -> None:
        """Compare an answer with an array or a number, relative to its largest entry or to `least`. Raises WrongError."""
        want = np.asarray(expected, dtype=float)
        got = self.numbers(came, want.shape, what)
        if np.abs(got - want).max(initial=0.0) > relative * max(np.abs(want).max(initial=0.0), least):
            raise WrongError(self.asked, f"{what} = {shown(got)}", f"{what} = {shown(want)}", hint)

    def same_list(self, came: Any, expected: Sequence[Any], hint: str, names: Sequence[str]) -> None:
        """Compare a list of arrays, entry by entry. Raises WrongError."""
        if not isinstance(came, list | tuple) or len(came) != len(expected):
            found = f"a list of {len(came)}" if isinstance(came, list | tuple) else _short(came)
            raise WrongError(self.asked, found, f"a list of {len(expected)} arrays: {', '.join(names)}", hint)
        for one, want, name in zip(came, expected, names, strict=True):
            self.same(one, want, hint, name)

    def holds(self, condition: bool, came: str, expected: str, hint: str = "") -> None:
        """Raise WrongError unless the condition holds."""
        if not condition:
            raise WrongError(self.asked, came, expected, hint)


def shown(values: Any) -> str:
    """Numbers in words, of many the first."""
    a = np.asarray(values)
    if a.ndim == 0:
        return f"{float(a):.10g}"
    flat = [f"{float(value):.8g}" for value in a.ravel()[:6]]
    return f"[{', '.join([*flat, *(['...'] if a.size > 6 else [])])}]" + (f" of shape {a.shape}" if a.ndim > 1 else "")


def _short(value: Any) -> str:
    text = " ".join(repr(value).split())
    return f"{type(value).__name__} {text if len(text) <= 60 else text[:57] + '...'}"
