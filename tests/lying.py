"""Run files that lie: whole and well sealed, but with a setting or an array that no run has."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import netbp as nb
from made_up import CLASSES, EXPERIMENT, made_up_images, made_up_run
from netbp.engines.reference import Reference
from netbp.experiments.images import Prepared
from netbp.experiments.least_squares import LeastSquaresExperiment
from netbp.experiments.plane import PlaneExperiment
from netbp.experiments.settings import settings_of
from netbp.experiments.stochastic import StochasticExperiment
from netbp.experiments.table import Fit
from netbp.provenance import plain, problem_settings
from netbp.run import Run, train
from netbp.runfile import pack, read

TABLE = "x1,x2,label,y\n.1,.1,A,1.5\n.3,.4,A,2\n.1,.5,A,3\n.6,.9,A,4\n.4,.2,A,5\n.6,.3,B,6\n.5,.6,B,7\n.9,.2,B,8\n.4,.4,B,9\n"
LONG = "a" * 10**6
NESTED: Any = None
for _ in range(60):
    NESTED = [NESTED]
DEEP = "(" * 300 + ")" * 300

VALUES: tuple[Any, ...] = (
    None, True, -1, 0, 3, 0.5, -0.5, 1e308, 10**18, 2**62, 2**80, "", "x", "0", "nan", "inf", LONG, DEEP, "\x1b[31m\u202e\n",
    [], [[]], [None], ["x"], [0], [-1], [2**40, 2**40], [1.5], [LONG], {}, {"x": 1}, {"x": {"step": -1}}, NESTED,
)  # fmt: skip
"""What stands in a setting's place."""

CHANGES: dict[str, Callable[[Any], Any]] = {
    "twice": lambda v: v + v,
    "but the last": lambda v: v[:-1],
    "backwards": lambda v: v[::-1],
    "and one": lambda v: v + 1,
    "negative": lambda v: -v,
    "a thousandfold": lambda v: v * 1000,
    "in a list": lambda v: [v],
    "as a key": lambda v: {"x": v},
    "as text": str,
    "with more": lambda v: {**v, "more": 1},
}
"""What is made of a setting."""

ARRAYS: dict[str, Callable[[Any], Any]] = {
    "empty": lambda a: a.ravel()[:0],
    "empty rows": lambda a: np.empty((3, 0), a.dtype),
    "a number": lambda a: np.float64(0.5),
    "one": lambda a: a.ravel()[:1],
    "but the last": lambda a: a.ravel()[:-1],
    "twice": lambda a: np.concatenate([a.ravel(), a.ravel()]),
    "two rows": lambda a: np.stack([a, a]),
    "a column": lambda a: a[..., None],
    "transposed": lambda a: np.asarray(a).T,
    "three axes": lambda a: np.reshape(a, (1, 1, -1)),
    "whole numbers": lambda a: np.asarray(a).astype(np.int64),
    "booleans": lambda a: np.asarray(a).astype(bool),
    "half precision": lambda a: np.asarray(a).astype(np.float16),
    "long doubles": lambda a: np.asarray(a).astype(np.longdouble),
    "big endian": lambda a: np.asarray(a).astype(np.asarray(a).dtype.newbyteorder(">")),
    "negative": lambda a: -np.abs(a.astype(float)) - 1,
    "zeros": np.zeros_like,
    "not numbers": lambda a: np.full(np.shape(a), np.nan),
    "infinite": lambda a: np.full(np.shape(a), np.inf),
    "huge": lambda a: np.full(np.shape(a), 1e308),
    "huge and whole": lambda a: np.full(np.shape(a), 2**62),
    "backwards": lambda a: a[::-1],
    "a million": lambda a: np.resize(a, 10**6) if a.size else np.ones(10**6),
}  # fmt: skip
"""What is made of an array."""

Lie = tuple[str, dict[str, Any], dict[str, Any]]


def whole_runs(folder: Path) -> dict[str, Path]:
    """One honest run of each kind, by its name, in the folder, where the table points.csv is, too."""
    table = folder / "points.csv"
    table.write_text(TABLE)
    runs: dict[str, Run] = {
        "stochastic": StochasticExperiment(steps=30, record=10, engine="reference").run(),
        "least-squares": LeastSquaresExperiment(engine="reference").run(),
        "plane": PlaneExperiment(steps=30, held_out=0.2, sampling="epochs", batch=2).run(),
        "labels": Fit(Path("points.csv"), ("label",), "3", drop=("y",), epochs=3, engine="reference").run(),
        "numbers": Fit(Path("points.csv"), ("y",), "3", drop=("label",), method="lbfgs", epochs=5, engine="reference").run(),
        "images": images(),
        "several": several(),
        "chain": chain(),
        "module": module(),
    }
    for name, run in runs.items():
        run.save(folder / f"{name}.npz")
    return {name: folder / f"{name}.npz" for name in runs}


def images() -> Run:
    """A run of images that no training gave, with all that a real one has."""
    run, found = made_up_run(), made_up_images()
    run = replace(run, state=run.state._replace(p=run.p.astype(np.float32)))
    made = EXPERIMENT.make(Prepared(found.train, found.test, None, nb.data.Preprocessing(), found.shape, CLASSES, ""))
    told = {"problem": problem_settings(made), "method": plain(EXPERIMENT.method()), "record": None, "rng": "Generator(PCG64)"}
    memory = {"u": np.zeros_like(run.p), "v": np.zeros_like(run.p)}
    state = run.state._replace(memory=memory, stream=np.random.default_rng(0).bit_generator.state)
    return replace(run, state=state, settings={**run.settings, **told}, best=state)


def several() -> Run:
    """A run of three networks at once."""
    problem = nb.Problem(nb.Network.dense(2, 2, 3, 2), nb.quadratic, nb.data.ten_points(), engine=Reference())
    start = np.random.default_rng(0).normal(size=(3, 23))
    return train(problem, nb.StochasticGradient(batch=3), 6, start=start, record=2, settings=settings_of(StochasticExperiment()))


def chain() -> Run:
    """A run of a program, of a network that is not dense."""
    network = nb.Network.chain((1, 4, 4), nb.Conv(2, 3), nb.relu, nb.Flatten(), nb.Dense(2))
    x = np.random.default_rng(0).normal(size=(6, 16))
    problem = nb.Problem(network, nb.softmax_log_loss, nb.Data(x, np.eye(2)[[0, 1] * 3]), engine=Reference())
    return train(problem, nb.StochasticGradient(rule=nb.adam, sampling="epochs", batch=2), 4, settings={"note": ["mine", 1]})


def module() -> Run:
    """A run of a torch.nn.Module."""
    from modules import mlp

    network = nb.TorchNetwork(mlp(), 4)
    x = np.random.default_rng(0).normal(size=(6, 4))
    problem = nb.Problem(network, nb.softmax_log_loss, nb.Data(x, np.eye(3)[[0, 1, 2] * 2]), engine=nb.Tensor(compile=False))
    return train(problem, nb.StochasticGradient(), 4, record=2)


def lies(path: Path) -> list[Lie]:
    """What a run's file could say instead, each in words, as a header and as arrays."""
    header, arrays = read(path)
    return list(lies_of({name: value for name, value in header.items() if name not in ("format", "version", "arrays")}, arrays))


def sealed(lie: Lie) -> bytes | None:
    """The file that tells a lie, or None where the format cannot say it."""
    try:
        return pack(json.loads(json.dumps(lie[1])), lie[2])
    except ValueError:
        return None


def lies_of(header: dict[str, Any], arrays: Mapping[str, Any]) -> Iterator[Lie]:
    """The lies about each setting and each array."""
    for place in places(header):
        name = ".".join(map(str, place))
        yield f"{name} is removed", changed(header, place, None), dict(arrays)
        for value in VALUES:
            yield f"{name} is {str(value)[:40]!r}", changed(header, place, lambda _, value=value: value), dict(arrays)
        for what, change in CHANGES.items():
            try:
                told = changed(header, place, change)
            except (TypeError, ValueError):
                continue
            yield f"{name} {what}", told, dict(arrays)
    for name, array in arrays.items():
        yield f"without the array {name}", header, {key: a for key, a in arrays.items() if key != name}
        for what, change in ARRAYS.items():
            try:
                with np.errstate(all="ignore"):
                    yield f"{name} is {what}", header, {**arrays, name: np.asarray(change(array))}
            except (TypeError, ValueError, IndexError):
                continue
    for name in ("memory.more", "best.p", "arrays.more", "series.more.steps", "arrays.preprocess.0.mean", "more", "best.memory.u"):
        for array in (np.zeros(3), np.empty(0), np.zeros((2, 2), np.int8)):
            yield f"with an array {name} of shape {array.shape}", header, {**arrays, name: array}


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in plain values; of a list its first two and its last."""
    if at:
        yield at
    if isinstance(value, dict):
        for key, entry in value.items():
            yield from places(entry, (*at, key))
    elif isinstance(value, list):
        for i in sorted({0, 1, len(value) - 1} & set(range(len(value)))):
            yield from places(value[i], (*at, i))


def changed(value: Any, at: tuple[Any, ...], change: Callable[[Any], Any] | None) -> Any:
    """The plain value with what stands at a place changed, or removed."""
    if not at:
        return change(value)
    copy = dict(value) if isinstance(value, dict) else list(value)
    if len(at) == 1 and change is None:
        del copy[at[0]]
    else:
        copy[at[0]] = changed(copy[at[0]], at[1:], change)
    return copy


def commands(kind: str, run: str) -> list[list[str]]:
    """Every command that reads a run of that kind, on the file of that name."""
    short = ["--engine", "reference"]
    fit = ["fit", "points.csv", "--network", "3", *short]
    own: dict[str, list[list[str]]] = {
        "stochastic": [
            ["figure", "7", "--run", run],
            ["figure", "8", "--run", run],
            ["run", "stochastic", "--steps", "32", "--record", "10", *short, "--resume", "--save", run],
            ["run", "stochastic", "--steps", "30", "--record", "10", *short, "--save", run],
            ["run", "spectrum", "--run", run],
        ],
        "least-squares": [["figure", "4", "--run", run], ["run", "least-squares", *short, "--resume", "--save", run]],
        "plane": [
            ["run", "plane", "--steps", "31", "--held-out", ".2", "--sampling", "epochs", "--batch", "2", "--resume", "--save", run]
        ],
        "labels": [
            ["predict", run, "points.csv", "--out", "out.csv"],
            [*fit, "--target", "label", "--drop", "y", "--epochs", "4", "--resume", "--save", run],
        ],
        "numbers": [
            ["predict", run, "points.csv", "--out", "out.csv"],
            [*fit, "--target", "y", "--drop", "label", "--method", "lbfgs", "--epochs", "6", "--resume", "--save", run],
        ],
        "images": [
            ["predict", run, "image.png"],
            ["figure", "11", "--run", run],
            ["figure", "maps", "--run", run, "--file", "image.png"],
            ["figure", "filters", "--run", run],
            ["run", "dropout-ensemble", "--run", run],
        ],
        "several": [["figure", "7", "--run", run]],
        "chain": [["figure", "7", "--run", run], ["predict", run, "points.csv"]],
        "module": [["predict", run, "points.csv"]],
    }
    looking = [["describe", run], *([] if kind == "images" else [["explain", run], ["check", run]])]
    written = [["export", run, f"out{kind}"] for kind in (".mat", ".safetensors")]
    return [*looking, *written, *own[kind]]
