"""`netbp list`, `netbp describe`, `netbp explain` and `netbp check`: looking, without training."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import numpy as np

from netbp.check import check_gradient as checked_gradient
from netbp.cli.failures import FAILED
from netbp.data.points import ten_points
from netbp.experiments import EXPERIMENTS, FIGURES, PICTURES, TITLES, experiment_of
from netbp.experiments.loaded import best_of, network_of_run, problem_of
from netbp.experiments.settings import cost_of, network_of, told_of
from netbp.experiments.table import MethodName
from netbp.messages import counted
from netbp.network import Network
from netbp.problem import Problem
from netbp.run import Run
from netbp.types import Data


def list_all(folder: Path) -> int:
    """Print figures, experiments, methods and saved runs."""
    print("Figures: netbp figure N")
    for number in sorted(FIGURES):
        print(f"  {number:<12}{TITLES.get(number, '')}")
    for name, (_, title) in PICTURES.items():
        print(f"  {name:<12}{title}")
    print("\nExperiments: netbp run NAME")
    for name, cls in EXPERIMENTS.items():
        print(_wrapped(f"  {name:<14}", _first_line(cls)))
    print("\nMethods: netbp fit ... --method NAME")
    print(_wrapped(" ", ", ".join(get_args(MethodName))))
    runs = sorted(folder.glob("*.npz")) if folder.is_dir() else []
    print(f"\nSaved runs in {folder}/:" + ("" if runs else " none"))
    for path in runs:
        print(f"  {path.name:<36} {_one_line(path)}")
    return 0


def describe_it(what: str) -> int:
    """Print what a saved run holds, or a network, given by its widths or its experiment: its layers and where they lie in p."""
    network = None if Path(what).exists() else network_named(what)
    if network is not None:
        print(layout(network))
        return 0
    run = Run.load(what)
    told = run.settings
    name, fields = told_of(told)
    print(f"{what}: {name or 'a run'}, {run.status} after {counted(run.step, 'step')}")
    if run.message:
        print(f"  {run.message}")
    print(f"  cost {_costs(run.initial_cost)} -> {_costs(run.final_cost)}")
    for title, values in (("settings", fields), ("result", run.result), ("provenance", _flat(run.provenance))):
        if values:
            print(f"{title}:")
            for name, value in values.items():
                print(f"  {name:<20} {value}")
    for name, curve in run.series.items():
        print(
            f"recorded {name}: {counted(len(curve.values), 'value')}, of steps {curve.steps[0]:,} to {curve.steps[-1]:,}"
            if len(curve.steps)
            else ""
        )
    network = told["problem"]["network"]
    print(module_layout(network) if "fingerprint" in network else layout(network_trained(run)))
    return 0


def module_layout(network: Mapping[str, Any]) -> str:
    """What a run's settings tell of a torch.nn.Module: its parts with parameters."""
    shape = " x ".join(map(str, network["input"]))
    lines = [
        f"a torch.nn.Module on {shape}, {counted(network['parameters'], 'parameter')}, fingerprint {network['fingerprint'][:16]}"
    ]
    return "\n".join([*lines, *(f"  {layer}" for layer in network["layers"])])


def network_named(what: str) -> Network | None:
    """The network of these widths, 2-2-3-2, or the one that the experiment of this name trains; None for another word."""
    if what.replace("-", "").isdecimal():
        return network_of(what)
    if what not in EXPERIMENTS:
        return None
    experiment = EXPERIMENTS[what]()
    if hasattr(experiment, "network"):
        made: Network = experiment.network()
        return made
    return network_of(experiment.layers, getattr(experiment, "activation", "sigmoid")) if hasattr(experiment, "layers") else None


def network_trained(run: Run) -> Network:
    """The network that a run trained: its experiment's own, otherwise the dense one that its settings describe."""
    if "fingerprint" in run.settings["problem"]["network"]:
        raise ValueError("the run is of a torch.nn.Module, which its file does not hold: load it in Python, where the module is")
    experiment: Any = experiment_of(run) if told_of(run.settings)[0] in EXPERIMENTS else None
    network: Network = experiment.network() if hasattr(experiment, "network") else network_of_run(run)
    return network


def layout(network: Network) -> str:
    """The table of layers, and where each W[l] and b[l] lies in p."""
    weighted = [(l, layer) for l, layer in enumerate(network.layers, start=2) if layer.size]
    shapes = [" x ".join(str(n) for n in layer.weight_shape) for _, layer in weighted]
    width = max(12, *map(len, shapes)) if shapes else 12
    lines = [f"{network.title}: {counted(network.size, 'parameter')}", str(network.table()), ""]
    lines.append(f"{'':2}{'':<6} {'size':>{width}} {'in p (from 1)':>20}  activation")
    for (l, layer), shape, (w, b) in zip(weighted, shapes, network.slices, strict=True):
        sigma = network.activations[l - 2]
        lines.append(f"  {f'W[{l}]':<6} {shape:>{width}} {f'{w.start + 1:,}-{w.stop:,}':>20}  {sigma!r}")
        lines.append(f"  {f'b[{l}]':<6} {layer.biases:>{width}} {f'{b.start + 1:,}-{b.stop:,}':>20}")
    return "\n".join(lines)


def explain_point(path: Path, point: int) -> int:
    """Print Lemma 1 with numbers at one training point of a run."""
    run = Run.load(path)
    problem = problem_of(run)
    if not 1 <= point <= problem.N:
        raise ValueError(f"the run has training points 1 to {problem.N}, but --point {point} was asked for")
    print(problem.explain(best_of(run), np.asarray(problem.data.x)[point - 1], np.asarray(problem.data.y)[point - 1]))
    return 0


def check_gradient(path: Path | None, network: str, activation: str, cost: str, seed: int) -> int:
    """Print the check of the gradient, of a saved run or of a network at a random start; 1 when it does not hold."""
    if seed < 0:
        raise ValueError(f"seed must be at least 0, but it is {seed}")
    rng = np.random.default_rng(seed)
    if path is not None:
        run = Run.load(path)
        problem, p = problem_of(run), best_of(run)
    else:
        chain = network_of(network, activation)
        problem, p = Problem(chain, cost_of(cost), points_for(chain, rng)), chain.draw(rng)
    result = checked_gradient(problem, p, rng)
    print(result)
    return 0 if result.passed else FAILED


def points_for(network: Network, rng: np.random.Generator) -> Data:
    """The ten points where they fit the network, otherwise ten random ones, each in one category."""
    inputs, outputs = network.sizes[0], network.sizes[-1]
    if (inputs, outputs) == (2, 2):
        return ten_points()
    return Data(rng.standard_normal((10, inputs)), np.eye(outputs)[rng.integers(outputs, size=10)])


def _wrapped(begin: str, text: str) -> str:
    width = min(max(shutil.get_terminal_size().columns, 60), 120)
    return textwrap.fill(text, width, initial_indent=f"{begin} ", subsequent_indent=" " * (len(begin) + 1))


def _first_line(cls: type) -> str:
    return (cls.__doc__ or "").strip().partition("\n")[0]


def _one_line(path: Path) -> str:
    try:
        run = Run.load(path)
    except (ValueError, OSError) as error:
        return f"not readable: {error}"
    return f"{run.status}, {counted(run.step, 'step')}, cost {_costs(run.final_cost)}, {run.provenance.get('started', '')}"


def _costs(cost: Any) -> str:
    return f"{cost:.6g}" if np.ndim(cost) == 0 else f"{np.min(cost):.6g} (best of {len(cost)})"


def _flat(values: Any) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for name, value in values.items():
        out |= value if isinstance(value, dict) else {name: value}
    return out
