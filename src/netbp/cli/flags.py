"""Flags from fields: an experiment's dataclass fields become a command's flags, with their types, defaults and help."""

from __future__ import annotations

import csv
import inspect
from collections.abc import Callable, Sequence
from dataclasses import fields
from math import inf
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from cyclopts import Group, Parameter, Token

from netbp.messages import counted, named

SETTINGS = Group("Settings of the experiment", sort_key=1)
TOO_LARGE = 1e50
"""Numbers of flags are below it: their squares and products are numbers, too."""
COUNTS = frozenset(
    {"N", "band_networks", "batch", "features", "images", "iterations", "networks", "neurons", "passes", "places", "points"}
    | {"resolution", "starts", "stochastic_starts", "stride", "twins", "width"}
)
"""Fields that count what must be there, unless 0 is their default, which has a meaning of its own; others are at least 0."""
RUNNING = Group("Options", sort_key=2)


def flags(experiment: Any) -> list[inspect.Parameter]:
    """One keyword parameter for each field of an experiment (a dataclass, or an instance whose values are the defaults)."""
    cls = experiment if isinstance(experiment, type) else type(experiment)
    hints = get_type_hints(cls)
    out = []
    for field in fields(cls):
        if not field.init or field.metadata.get("flag") is False:
            continue
        default = field.default if isinstance(experiment, type) else getattr(experiment, field.name)
        named = {"name": field.metadata["name"]} if "name" in field.metadata else {}  # where the field's own says less
        out.append(flag(field.name, hints[field.name], default, field.metadata.get("help", ""), SETTINGS, **named))
    return out


def flag(field: str, hint: Any, default: Any, help: str, group: Group = RUNNING, **more: Any) -> inspect.Parameter:
    """A keyword parameter that cyclopts reads as the flag --name; more: what else cyclopts.Parameter is to know."""
    reading = {"help": help, "group": group, "negative_iterable": (), **_reading(hint, default), **more}
    if plain_number(hint):
        reading["converter"] = lambda _, tokens: number_of(field, tokens[0].value, hint, default)
    described = Parameter(**reading)
    return inspect.Parameter(field, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[hint, described])


def plain_number(hint: Any) -> bool:
    """Whether a type is that of one number."""
    return _without_none(hint) in (int, float)


def number_of(field: str, text: str, hint: Any, default: Any = None) -> int | float:
    """The number that `text` writes for a field of this type. Raises ValueError for one that no such field can have."""
    if _without_none(hint) is float:
        value = _float(text)
        if not abs(value) < (TOO_LARGE if field != "rate" else inf):  # nor is NaN; what too large a rate does is worth seeing
            raise ValueError(
                f"{field.replace('_', '-')} should be a number below {TOO_LARGE:g} in size, but {named(text)} was asked for"
            )
        return value
    count = whole(text)
    least = 1 if field in COUNTS and default != 0 else 0
    if field != "port" and count < least:
        raise ValueError(f"{field.replace('_', '-')} must be at least {least}, but it is {count}")
    return count


def with_flags(function: Callable[..., Any], parameters: Sequence[inspect.Parameter], doc: str) -> Callable[..., Any]:
    """`function`, which takes keywords, as cyclopts is to see it: with these parameters and this help."""

    def command(*arguments: Any, **keywords: Any) -> Any:
        return function(*arguments, **keywords)

    command.__signature__ = inspect.Signature(list(parameters))  # type: ignore[attr-defined]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    command.__doc__ = doc
    return command


def shown(value: Any) -> str:
    """A value as it would be typed."""
    if isinstance(value, tuple):
        return ",".join(shown(v) for v in value)
    return f"{value:g}" if isinstance(value, float) and float(f"{value:g}") == value else str(value)


def _reading(hint: Any, default: Any) -> dict[str, Any]:
    """How the text after the flag is read: whole numbers also as 1e6, tuples as 0.3,0.7 (whole ones also as 2-2-3-2)."""
    plain = _without_none(hint)
    settings: dict[str, Any] = {"show_default": False if default is None or default is False or default in ((), "") else shown}
    if plain is int:
        return settings | {"n_tokens": 1, "metavar": "INT"}
    if plain is float:
        return settings | {"n_tokens": 1}
    if get_origin(plain) is tuple:
        kinds = get_args(plain)
        metavar = ",".join(kind.__name__.upper() for kind in kinds if kind is not Ellipsis) + (",..." if Ellipsis in kinds else "")
        reading = {"converter": lambda _, tokens: _tuple(tokens, kinds), "n_tokens": 1, "allow_leading_hyphen": True}
        return settings | reading | {"metavar": metavar}
    return settings


def whole(text: str) -> int:
    """The whole number that `text` writes: 1000000, 1_000_000 or 1e6. Raises ValueError for anything else, or 2^63 and more."""
    try:
        number = int(text)
    except ValueError:
        value = _float(text)
        if not value.is_integer():  # nor are NaN and the infinities
            raise ValueError(f"{text!r} is not a whole number") from None
        number = int(value)
    if not -(2**63) <= number < 2**63:
        raise ValueError(f"{named(text)} is too large: a whole number here is below 2^63")
    return number


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a number") from None


def _tuple(tokens: Sequence[Token], kinds: tuple[Any, ...]) -> tuple[Any, ...]:
    text = tokens[0].value.strip()
    if kinds[0] is str:
        return names_in(in_utf8(text))
    text = text.strip("()[]")
    separator = "-" if kinds[0] is int and "," not in text else ","
    words = [word.strip() for word in text.split(separator) if word.strip()]
    if Ellipsis not in kinds and len(words) != len(kinds):
        raise ValueError(f"{text!r} has {counted(len(words), 'value')} where {len(kinds)} are needed, separated by commas")
    wanted = [kinds[0]] * len(words) if Ellipsis in kinds else kinds
    readers: dict[Any, Any] = {int: whole, float: lambda word: number_of("each number", word, float)}
    return tuple(readers.get(kind, kind)(word) for kind, word in zip(wanted, words, strict=True))


def names_in(text: str) -> tuple[str, ...]:
    """Names that are written as a line of CSV: a,"b, c"; all of it is one where that is none, as with a new line."""
    try:
        return tuple(word.strip() for word in next(csv.reader([text], skipinitialspace=True), []))
    except csv.Error:
        return (text,)


def in_utf8(word: str) -> str:
    """An argument that is a name and not a path, as UTF-8 where Python took its bytes for another encoding, as in the C locale."""
    try:
        return word.encode("ascii", "surrogateescape").decode() if any("\udc80" <= c <= "\udcff" for c in word) else word
    except UnicodeError:
        return word


def _without_none(hint: Any) -> Any:
    if get_origin(hint) in (Union, UnionType):
        rest = [kind for kind in get_args(hint) if kind is not NoneType]
        return rest[0] if len(rest) == 1 else hint
    return hint
