"""Addresses: an experiment as the text behind # in the page's address, "layers=2-4-2&rate=0.1"; only what is not the default."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, get_type_hints
from urllib.parse import parse_qsl, quote_plus

from netbp.experiments.plane import PlaneExperiment

LINKED = 500
"""The most points that an address may hold; more go into a JSON file."""
LONGEST = 2**20
"""Characters of a field, at most: of all the points that there may be."""
KINDS: dict[str, Any] = {field.name: type(field.default) for field in fields(PlaneExperiment)}
HINTS = get_type_hints(PlaneExperiment)


def experiment_of(given: Mapping[str, Any]) -> PlaneExperiment:
    """The experiment with these fields, numbers as numbers or as their text. Raises ValueError, naming the field, for others."""
    values = {}
    for name, value in given.items():
        if name not in KINDS:
            raise ValueError(f"an experiment has no field {str(name)[:40]!r}: its fields are {', '.join(KINDS)}")
        values[name] = _value(name, value)
    return PlaneExperiment(**values)


def different(experiment: PlaneExperiment) -> dict[str, Any]:
    """The fields that are not the default, by name in alphabetical order."""
    found = {field.name: getattr(experiment, field.name) for field in fields(experiment)}
    return {name: found[name] for name in sorted(found) if found[name] != getattr(PlaneExperiment, name)}


def address_of(experiment: PlaneExperiment) -> str:
    """The address, as JavaScript's URLSearchParams writes it; "" for the default experiment."""
    return "&".join(f"{name}={_percent(text_of(value))}" for name, value in different(experiment).items())


def experiment_at(address: str) -> PlaneExperiment:
    """The experiment of an address. Raises ValueError for a field that there is not, or twice, and for values it cannot have."""
    try:
        pairs = parse_qsl(address.lstrip("#"), keep_blank_values=True, strict_parsing=bool(address.lstrip("#")))
    except ValueError:
        raise ValueError(f"an address is name=value, joined by &, but got {address[:60]!r}") from None
    if len(dict(pairs)) < len(pairs):
        raise ValueError("an address names each field once")
    return experiment_of(dict(pairs))


def text_of(value: Any) -> str:
    """A value as JavaScript writes it: 1 for 1.0, the shortest digits that give the same number."""
    if not isinstance(value, float):
        return str(value)
    if value.is_integer() and abs(value) < 1e21:
        return str(int(value))
    text = repr(value)
    if "e" not in text:
        return text
    digits, exponent = text.split("e")
    if -7 < int(exponent) < 0:  # Python changes to powers of ten at 1e-5, JavaScript at 1e-7
        sign, bare = ("-", digits[1:]) if digits.startswith("-") else ("", digits)
        return f"{sign}0.{'0' * (-int(exponent) - 1)}{bare.replace('.', '')}"
    return f"{digits}e{int(exponent):+d}"


def _percent(text: str) -> str:
    return quote_plus(text, safe="*-._")


def _value(name: str, value: Any) -> Any:
    kind = KINDS[name]
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"{name} must be {'a text' if kind is str else 'a number'}, but it is {value!r:.60}")
    if isinstance(value, str) and len(value) > LONGEST:
        raise ValueError(f"{name} may have {LONGEST:,} characters, but it has {len(value):,}")
    if kind is str:
        return _choice(name, str(value) if isinstance(value, str) else text_of(value))
    try:
        number = float(value)
    except (ValueError, OverflowError):
        raise ValueError(f"{name} must be a number, but it is {value!r:.60}") from None
    if kind is float:
        return number
    if not number.is_integer():  # nor are NaN and the infinities
        raise ValueError(f"{name} must be a whole number, but it is {value!r:.60}")
    return int(value) if isinstance(value, int) else int(number)


def _choice(name: str, value: str) -> str:
    choices = choices_of(name)
    if choices and value not in choices:
        raise ValueError(f"{name.replace('_', ' ')} can be {', '.join(choices)}, but it is {value[:60]!r}")
    return value


def choices_of(name: str) -> tuple[str, ...]:
    """The words that a field may hold, where they are given; otherwise ()."""
    return tuple(getattr(HINTS[name], "__args__", ()))
