"""Whether plain values, as JSON has them, are of a type: what is read from a file is believed only as far as it is looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from netbp.messages import shown

WORDS: dict[Any, str] = {
    NoneType: "nothing",
    bool: "true or false",
    int: "a whole number below 2^63",
    float: "a finite number",
    str: "a text",
    Path: "a path",
    dict: "a group of named values",
    tuple: "a list",
}
LARGEST = 2**63
DEEPEST = 64
"""Levels of lists and groups in lists and groups."""


def misfit(value: Any, hint: Any, at: str = "it") -> str | None:
    """What is wrong with a plain value of which a type hint says what it should be, or None; at: its name.

    hint: Any, None, bool, int, float (whole ones, too), str, Path, dict, a Literal, a union, a tuple, or a dictionary of hints by
    name, where each name may be missing. Numbers are finite, and whole ones below 2^63.
    """
    if isinstance(hint, Mapping):
        if not isinstance(value, Mapping):
            return _told(value, dict, at)
        return next(
            (told for name, one in hint.items() if name in value and (told := misfit(value[name], one, f"{at}.{name}"))), None
        )
    origin = get_origin(hint)
    if origin is tuple and isinstance(value, list | tuple):
        return _misfit_within(value, get_args(hint), at)
    if origin is Literal:
        fits, words = value in get_args(hint), ", ".join(map(str, get_args(hint)))
        return None if fits else f"{at} should be {words}, but is {shown(repr(value))}"
    if origin in (Union, UnionType):
        wrong = [misfit(value, one, at) for one in get_args(hint)]
        return None if None in wrong else wrong[0]
    return None if origin is not tuple and _is_of(value, origin or hint) else _told(value, origin or hint, at)


def _misfit_within(values: Sequence[Any], kinds: tuple[Any, ...], at: str) -> str | None:
    kinds = (kinds[0],) * len(values) if Ellipsis in kinds else kinds
    if len(kinds) != len(values):
        return f"{at} should have {len(kinds)} entries, but has {len(values)}"
    return next((told for i, one in enumerate(values) if (told := misfit(one, kinds[i], f"{at}[{i}]"))), None)


def _is_of(value: Any, kind: Any) -> bool:
    if kind is Any:
        return True
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool) and abs(value) < LARGEST
    if kind is float:
        return _is_of(value, int) or (isinstance(value, float) and isfinite(value))
    if kind is Path:
        return isinstance(value, str) and "\0" not in value
    return isinstance(value, Mapping if kind is dict else NoneType if kind is None else kind)


def _told(value: Any, kind: Any, at: str) -> str:
    return f"{at} should be {WORDS.get(kind, str(kind))}, but is {shown(repr(value))}"


def is_deep(value: Any, deepest: int = DEEPEST) -> bool:
    """Whether lists and groups lie more than so many levels deep in a plain value."""
    if not isinstance(value, dict | list):
        return False
    entries = value.values() if isinstance(value, dict) else value
    return not deepest or any(is_deep(entry, deepest - 1) for entry in entries)
