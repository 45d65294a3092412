"""What the page's controls are made of: the experiment's fields with their words, what they may hold, and the tour."""

from __future__ import annotations

import contextlib
import inspect
from dataclasses import fields as fields_of
from typing import Any, get_args

from netbp import __version__, rules
from netbp.experiments.plane import MethodName, PlaneExperiment
from netbp.experiments.plane_limits import BOUNDS, MOST_LAYERS, MOST_PARAMETERS, MOST_STEPS, WIDEST
from netbp.experiments.plane_texts import MOST_CATEGORIES, MOST_POINTS, SETS, PlaneSet
from netbp.experiments.settings import ActivationName, RuleName
from netbp.lab.address import LINKED, choices_of
from netbp.lab.tour import TOUR

METHODS: dict[str, str] = {
    "stochastic": "Stochastic gradient (15)",
    "steepest": "Steepest descent (12)",
    "levenberg-marquardt": "Levenberg-Marquardt",
    "l-bfgs": "L-BFGS",
    "newton-cg": "Newton-CG",
    "trust-region": "Trust region",
    "nelder-mead": "Nelder-Mead",
}
KINDS = {int: "int", float: "float", str: "text"}


def fields() -> dict[str, Any]:
    """The answer of /api/fields, as plain values."""
    names: tuple[str, ...] = get_args(MethodName)
    listed = [_field(field) for field in fields_of(PlaneExperiment)]
    return {
        "fields": listed,
        "rules": {name: {"constants": _constants(name)} for name in get_args(RuleName)},
        "activations": list(get_args(ActivationName)),
        "sets": {
            name: {"n": one.points, "noise": one.noise, "categories": one.categories} | _counts(one) for name, one in SETS.items()
        },
        "methods": {
            name: {"title": METHODS[name], "fields": [entry["name"] for entry in listed if name in entry.get("methods", ())]}
            for name in names
        },
        "limits": {
            "layers": MOST_LAYERS,
            "width": WIDEST,
            "parameters": MOST_PARAMETERS,
            "points": MOST_POINTS,
            "points_in_address": LINKED,
            "categories": MOST_CATEGORIES,
            "steps": MOST_STEPS,
            "starts": 1000,
            "start_steps": 100_000,
            "grid": 300,
            "surface": 101,
        },
        "tour": [{"title": stop.title, "text": stop.text, "address": stop.address} for stop in TOUR],
        "version": __version__,
    }


def _field(field: Any) -> dict[str, Any]:
    choices = choices_of(field.name)
    told = {key: value for key, value in field.metadata.items() if key in ("help", "equation", "group", "methods", "rules")}
    return {
        "name": field.name,
        "type": "choice" if choices else KINDS[type(field.default)],
        "default": field.default,
        **({"choices": list(choices)} if choices else {}),
        **dict(zip(("least", "most"), BOUNDS.get(field.name, ()), strict=False)),
        **told,
    }


def _counts(one: PlaneSet) -> dict[str, int]:
    """The least number of points that a set can be drawn with, and what their number has to be a multiple of, by trying."""
    can = []
    for n in range(1, 9):
        with contextlib.suppress(ValueError):
            one.draw(n, 0.0, 0)
            can.append(n)
    return {"least": can[0], "multiple": can[1] - can[0]}


def _constants(rule: str) -> dict[str, float]:
    """A rule's constants with their defaults, from its signature."""
    parameters = list(inspect.signature(getattr(rules, rule)).parameters.values())[len(rules.FIXED) :]
    return {parameter.name: float(parameter.default) for parameter in parameters}
