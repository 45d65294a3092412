"""Bodies of requests: JSON objects, without NaN, of limited depth; and what a handler takes out of them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NoReturn

from netbp.lab.guard import RefusedError

DEPTH = 16
"""Objects and lists inside one another that a body may have."""
MARKS = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?|[\[{\]}]', re.DOTALL)
"""Strings, and the brackets between them."""
WHOLE = 2**53
"""Whole numbers stay below this in size: beyond it JSON's readers no longer agree."""


def parsed(body: bytes) -> dict[str, Any]:
    """The object that a body holds, {} for an empty one.

    Raises RefusedError when it is not JSON, not an object, not Unicode, or too deep.
    """
    if not body:
        return {}
    try:
        text = body.decode("utf-8")
        if _depth(text) > DEPTH:
            raise RefusedError(400, f"the body has more than {DEPTH} objects and lists inside one another")
        value = json.loads(text, parse_constant=_no_constant, object_pairs_hook=_once)
    except UnicodeDecodeError:
        raise RefusedError(400, "the body is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise RefusedError(400, f"the body is not JSON: {error.msg} at character {error.pos + 1}") from None
    except ValueError as error:  # a whole number of thousands of digits
        raise RefusedError(400, f"the body is not JSON that can be used: {error}") from None
    if "\\u" in text and not _is_unicode(value):
        raise RefusedError(400, "the body has half a character: a surrogate without its other half")
    if not isinstance(value, dict):
        raise RefusedError(400, f"the body must be a JSON object, but it is {_kind(value)}")
    return value


def _depth(text: str) -> int:
    """How deep the brackets go, in time linear in the text; brackets in strings do not count. Not followed beyond DEPTH + 1."""
    depth = deepest = 0
    for found in MARKS.finditer(text):
        mark = found[0]
        if mark in "[{":
            depth += 1
            deepest = max(deepest, depth)
            if deepest > DEPTH:
                break
        elif mark in "]}":
            depth -= 1
    return deepest


def _is_unicode(value: Any) -> bool:
    """Whether all texts in a value can be sent back: escapes may write halves of characters."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _no_constant(name: str) -> NoReturn:
    raise RefusedError(400, f"the body has {name}, which is not JSON")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    if len(out) < len(pairs):
        names = [name for name, _ in pairs]
        raise RefusedError(400, f"the body has {max(names, key=names.count)[:60]!r} twice")
    return out


def _kind(value: Any) -> str:
    return {list: "a list", str: "a string", bool: "true or false", type(None): "null"}.get(type(value), "a number")


class Fields:
    """What a handler takes out of a body: each entry by name and kind. Raises RefusedError for what is missing or wrong."""

    def __init__(self, body: Mapping[str, Any], *known: str) -> None:
        strange = sorted(set(body) - set(known))
        if strange:
            raise RefusedError(422, f"there is no {strange[0][:60]!r} here; there is {', '.join(known) or 'nothing'}")
        self.body = body

    def whole(self, name: str, default: int | None = None, low: int = 0, high: int = WHOLE) -> int:
        """A whole number between low and high."""
        value = self._get(name, default)
        if isinstance(value, float) and value.is_integer() and abs(value) < WHOLE:
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise RefusedError(422, f"{name} must be a whole number from {low} to {high}, but it is {_short(value)}")
        return value

    def number(self, name: str, default: float | None = None) -> float:
        """A finite number."""
        value = self._get(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e308:
            raise RefusedError(422, f"{name} must be a finite number, but it is {_short(value)}")
        return float(value)

    def text(self, name: str, default: str | None = None, limit: int = 200) -> str:
        """A string of at most `limit` characters."""
        value = self._get(name, default)
        if not isinstance(value, str) or len(value) > limit:
            raise RefusedError(422, f"{name} must be a text of at most {limit} characters, but it is {_short(value)}")
        return value

    def numbers(self, name: str, count: int) -> tuple[float, ...]:
        """A list of `count` finite numbers."""
        value = self._get(name, None)
        if not isinstance(value, list) or len(value) != count:
            raise RefusedError(422, f"{name} must be a list of {count} numbers, but it is {_short(value)}")
        return tuple(Fields({name: entry}, name).number(name) for entry in value)

    def mapping(self, name: str) -> dict[str, Any]:
        """An object."""
        value = self._get(name, None)
        if not isinstance(value, dict):
            raise RefusedError(422, f"{name} must be an object, but it is {_short(value)}")
        return value

    def __contains__(self, name: str) -> bool:
        return self.body.get(name) is not None

    def _get(self, name: str, default: Any) -> Any:
        value = self.body.get(name)
        if value is None:
            if default is None:
                raise RefusedError(422, f"{name} is missing")
            return default
        return value


def _short(value: Any) -> str:
    shown = repr(value) if not isinstance(value, list | dict) else _kind(value) if isinstance(value, list) else "an object"
    return shown if len(shown) <= 60 else f"{shown[:57]}..."
