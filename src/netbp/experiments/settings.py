"""An experiment's fields: the words they may hold, and how they travel as plain values in a run's file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, Literal, get_type_hints

import numpy as np

from netbp import activations, costs, rules
from netbp.data.points import eleven_points, ten_points
from netbp.matlab import MatlabRandom
from netbp.messages import listed, shown
from netbp.network import Network
from netbp.typed import misfit
from netbp.types import Data

ActivationName = Literal["sigmoid", "tanh", "relu", "leaky_relu", "identity", "step"]
CostName = Literal["quadratic", "softmax_log_loss"]
EngineName = Literal["auto", "compiled", "reference"]
PointsName = Literal["ten", "eleven"]
RuleName = Literal["sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam"]
StreamName = Literal["matlab", "numpy"]

LAYERS = "widths of the layers, from input to output"
POINTS = "the ten points of figure 1, or with the eleventh of figures 5 and 9"
LARGEST = 2**40  # widths are below it
STREAM = "whose random numbers: MATLAB's rng(seed) or NumPy's default_rng(seed)"


def widths(layers: str) -> tuple[int, ...]:
    """(2, 2, 3, 2) from "2-2-3-2". Raises ValueError for anything but whole numbers below 2^40 with hyphens between."""
    try:
        sizes = tuple(int(part) for part in layers.split("-"))
    except ValueError:
        sizes = ()
    if len(sizes) < 2 or max(sizes) >= LARGEST:
        raise ValueError(f'layers are written as widths with hyphens between, as in "2-2-3-2", but got {shown(layers)}')
    return sizes


def network_of(layers: str, activation: str = "sigmoid") -> Network:
    """The dense network with these widths and this activation. Raises ValueError for an unknown activation."""
    return Network.dense(*widths(layers), activation=chosen(activations, ActivationName, activation, "activation"))


def points_of(name: str) -> Data:
    """The ten or the eleven points."""
    known = {"ten": ten_points, "eleven": eleven_points}
    if name not in known:
        raise ValueError(f"points can be {' or '.join(known)}, but {name!r} was asked for")
    return known[name]()


def cost_of(name: str) -> Any:
    """The cost of that name."""
    return chosen(costs, CostName, name, "cost")


def rule_of(name: str) -> Any:
    """The update rule of that name."""
    return chosen(rules, RuleName, name, "rule")


def engine_of(name: str) -> Any:
    """The engine of that name, or None for "auto", which lets the network decide."""
    if name == "auto":
        return None
    if name == "compiled":
        from netbp.engines.compiled import Compiled

        return Compiled()
    if name == "reference":
        from netbp.engines.reference import Reference

        return Reference()
    raise ValueError(f"the engine can be auto, compiled or reference, but {name!r} was asked for")


def stream_of(name: str, seed: int) -> Any:
    """MATLAB's or NumPy's random stream started from seed."""
    if name not in ("matlab", "numpy"):
        raise ValueError(f"the stream can be matlab or numpy, but {name!r} was asked for")
    return MatlabRandom(seed) if name == "matlab" else np.random.default_rng(seed)


def chosen(module: Any, names: Any, name: str, what: str) -> Any:
    """The object called `name` in a module, if it is one of the names of a Literal."""
    if name not in names.__args__:
        raise ValueError(f"the {what} can be {', '.join(names.__args__)}, but {shown(str(name))} was asked for")
    return getattr(module, name)


def settings_of(experiment: Any) -> dict[str, Any]:
    """The experiment's name and fields as plain values, for a run's file: {"experiment": ..., "fields": {...}}."""
    values = {f.name: getattr(experiment, f.name) for f in fields(experiment)}
    return {"experiment": experiment.name, "fields": {name: plain(value) for name, value in values.items()}}


def plain(value: Any) -> Any:
    """A field's value as JSON has it."""
    if isinstance(value, tuple):
        return [plain(entry) for entry in value]
    return str(value) if isinstance(value, Path) else value


def told_of(settings: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """What `settings_of` wrote into a run's settings: the experiment's name, "" for a program's run, and its fields.

    Raises ValueError where that is no name and no fields.
    """
    name, values = settings.get("experiment") or "", settings.get("fields", {})
    told = misfit({"experiment": name, "fields": values}, {"experiment": str, "fields": dict}, "settings")
    if told is not None:
        raise ValueError(f"the run says of itself what no run of netbp does: {told}")
    return name, values


def rebuilt(cls: Any, values: Mapping[str, Any]) -> Any:
    """An experiment of class `cls` with the fields that `settings_of` wrote. Raises ValueError for a field it cannot have."""
    known = {f.name for f in fields(cls)}
    strange = sorted(set(values) - known)
    if strange:
        raise ValueError(f"the experiment {cls.name} has no {listed(strange)}; it has {', '.join(sorted(known))}")
    missing = [f.name for f in fields(cls) if f.default is MISSING and f.name not in values]
    told = f"{missing[0]} is missing" if missing else misfit(dict(values), get_type_hints(cls), "fields")
    if told is not None:
        raise ValueError(f"the settings are none of the experiment {cls.name}: {told}")
    return cls(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})
