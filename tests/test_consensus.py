"""What decides about a run must be the same in all of its processes: each such thing, changed in one of them, is named."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import numpy as np
import pytest
import torch

import netbp as nb
from netbp.consensus import disagreement
from netbp.engines.compiled import Compiled
from netbp.engines.tensor.processes import Processes
from netbp.stopping import no_improvement

rng = np.random.default_rng(1)
x, y = rng.standard_normal((12, 3)), np.eye(2)[np.arange(12) % 2]
METHOD = nb.StochasticGradient(rate=0.1, batch=4)
PROBLEM = nb.Problem(nb.Network.dense(3, 4, 2), nb.quadratic, nb.Data(x, y), engine=nb.Tensor())
RUN = nb.train(PROBLEM, METHOD, steps=4, settings={"experiment": "own"})


class HeardError(Exception):
    """Ends a run where it would wait for others; holds what it told them."""


@pytest.fixture
def facts(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """What a process tells the others of a run with these changes."""
    monkeypatch.setenv("RANK", "0")

    def told(self: Processes, text: str) -> list[bytes]:
        raise HeardError(text)

    def facts(run: Callable[..., Any] = nb.train, processes: int = 2, **changes: Any) -> Any:
        monkeypatch.setenv("WORLD_SIZE", str(processes))
        asked = {"problem": PROBLEM, "method": METHOD, "steps": 9, **changes}
        again = {"problem": dataclasses.replace(asked["problem"]), "rng": deepcopy(asked.get("rng", 0))}  # as another makes them
        with pytest.raises(HeardError) as heard:
            run(**asked | again)
        return json.loads(str(heard.value))

    monkeypatch.setattr(Processes, "told", told)
    return facts


def changed(**fields: Any) -> dict[str, Any]:
    return {"problem": dataclasses.replace(PROBLEM, **fields)}


def stepped(**fields: Any) -> dict[str, Any]:
    return {"method": dataclasses.replace(METHOD, **fields)}


def resumed(**fields: Any) -> dict[str, Any]:
    return {"resume": dataclasses.replace(RUN, state=RUN.state._replace(**fields))}


def module(seed: int) -> nb.TorchNetwork:
    torch.manual_seed(0)
    layers = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 2))
    layers[1].running_mean += seed
    return nb.TorchNetwork(layers, (3,))


MODULE = {"start": np.zeros(module(0).size)}
CHANGES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("processes", {}, {"processes": 3}),
    ("steps", {}, {"steps": 10}),
    ("record", {}, {"record": 3}),
    ("rng", {}, {"rng": 1}),
    ("start.stream", {"rng": np.random.default_rng(0)}, {"rng": np.random.default_rng(1)}),
    ("start.p", {"start": np.zeros(PROBLEM.size)}, {"start": np.full(PROBLEM.size, 1e-9)}),
    ("until.patience", {"until": no_improvement(3)}, {"until": no_improvement(4)}),
    ("until", {"until": lambda s: s.step > 1}, {"until": lambda s: s.step > 2}),
    ("settings.fields.seed", {"settings": {"fields": {"seed": 1}}}, {"settings": {"fields": {"seed": 2}}}),
    ("settings.experiment", {"settings": {"experiment": "cifar"}}, {"settings": {"experiment": "mnist"}}),
    ("method.rate", {}, stepped(rate=0.2)),
    ("method.rate", {}, stepped(rate=lambda t: 0.1 / t)),
    ("method.batch", {}, stepped(batch=5)),
    ("method.sampling", {}, stepped(sampling="epochs")),
    ("method.weight_decay", {}, stepped(weight_decay=1e-3)),
    ("method.rule", {}, stepped(rule=nb.rules.momentum, constants={"mu": 0.9})),
    ("method.kind", {}, {"method": nb.LBFGS()}),
    ("problem.network.sizes", {}, changed(network=nb.Network.dense(3, 5, 2))),
    ("problem.network.activations", {}, changed(network=nb.Network.dense(3, 4, 2, activation=nb.tanh))),
    ("problem.cost", {}, changed(cost=nb.softmax_log_loss)),
    ("problem.penalty", {}, changed(penalty=1e-4)),
    ("problem.data", {}, changed(data=nb.Data(x[::-1], y))),
    ("problem.data", {}, changed(data=nb.Data(x, y, np.arange(1.0, 13.0)))),
    ("problem.points", {}, changed(data=nb.Data(x[1:], y[1:]))),
    ("problem.held_out", {}, changed(held_out=nb.Data(x[:3], y[:3]))),
    ("problem.kept", changed(network=module(0)) | MODULE, changed(network=module(1)) | MODULE),
    ("engine.precision", {}, changed(engine=nb.Tensor(precision="float64"))),
    ("engine.parts", {}, changed(engine=nb.Tensor(parts=2))),
    ("engine.compile", {}, changed(engine=nb.Tensor(compile=False))),
    ("engine.deterministic", {}, changed(engine=nb.Tensor(deterministic=True))),
    ("start.step", {"resume": RUN}, {"resume": None}),
    ("start.step", {"resume": RUN}, resumed(step=3)),
    ("start.p", {"resume": RUN}, resumed(p=RUN.p + 1)),
    ("start.stream", {"resume": RUN}, resumed(stream=np.random.default_rng(3).bit_generator.state)),
    ("start.memory.u", {"resume": RUN}, resumed(memory={"u": RUN.p})),
    ("rng", {"run": nb.stream}, {"run": nb.stream, "rng": 1}),
    ("method.rate", {"run": nb.stream}, {"run": nb.stream} | stepped(rate=0.2)),
]


@pytest.mark.parametrize(("what", "one", "other"), CHANGES, ids=[f"{i}-{what}" for i, (what, *_) in enumerate(CHANGES)])
def test_what_differs_is_named(what: str, one: dict[str, Any], other: dict[str, Any], facts: Callable[..., Any]) -> None:
    told = [facts(**one), facts(**one), facts(**one | other)]
    assert disagreement(told[:2]) is None
    refusal = disagreement(told)
    assert refusal is not None
    assert f" {what}" in refusal
    assert "in process 0, but" in refusal
    assert "in process 2" in refusal
    assert len(refusal) < 1000


@pytest.mark.parametrize("name", ["netbp", "numpy", "torch"])
def test_versions_are_named(name: str, facts: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    one = facts()
    monkeypatch.setattr(f"{name}.__version__", "0.0.1")
    assert f"versions.{name} is '{one['versions'][name]}' in process 0, but '0.0.1' in process 1" in str(
        disagreement([one, facts()])
    )


@pytest.mark.parametrize(
    "apart",
    [
        {"save": "here.npz"},
        {"progress": lambda step, steps, cost: None},
        {"settings": {"fields": {"device": "cuda:1", "picture": "none"}}},
    ],
)
def test_what_each_may_have_for_itself_is_none(apart: dict[str, Any], facts: Callable[..., Any]) -> None:
    one = {"settings": {"fields": {"device": "cuda:0", "picture": "curves"}}}
    assert disagreement([facts(**one), facts(**one | apart)]) is None


def test_many_differences_are_counted(facts: Callable[..., Any]) -> None:
    refusal = disagreement([facts(), facts(steps=1, record=2, rng=3, **stepped(rate=9.0, batch=2))])
    assert refusal is not None
    assert refusal.count("in process 1") == 3
    assert "; and 5 more; start all" in refusal


def test_as_many_parts_as_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr(Processes, "told", lambda self, text: [text, text])
    with pytest.raises(ValueError, match=r"with 2 processes a batch has 2 parts, but Tensor\(parts=3\)"):
        nb.train(**changed(engine=nb.Tensor(parts=3)), method=METHOD, steps=1)


def test_engines_with_which_every_process_computes_all_need_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert nb.train(PROBLEM.on(Compiled()), METHOD, steps=1).step == 1
