"""What the file of a run says of the run, held against itself: types, shapes and counts, before anything is computed from it."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Literal

import numpy as np

from netbp.messages import shown
from netbp.methods import CONVERGED, DIVERGED, FINISHED, STOPPED
from netbp.runfile import RunFileError
from netbp.typed import is_deep, misfit
from netbp.types import Array

INTERRUPTED = "interrupted"
Status = Literal["finished", "converged", "stopped", "interrupted", "diverged"]
assert Status.__args__ == (FINISHED, CONVERGED, STOPPED, INTERRUPTED, DIVERGED)  # type: ignore[attr-defined]

NETWORK = {
    "sizes": tuple[int, ...],
    "activations": tuple[str, ...],
    "parameters": int,
    "input": tuple[int, ...],
    "layers": tuple[str, ...],
    "fingerprint": str,
}
PROBLEM = {
    "network": NETWORK,
    "cost": str,
    "penalty": float,
    "engine": str,
    "points": int,
    "data": str,
    "held_out": str | None,
}
SETTINGS = {"problem": PROBLEM, "record": int | None}
PROVENANCE = {"engine": str, "versions": dict, "machine": dict, "started": str, "seconds": float, "facts": dict}
POSITION = {"step": int, "stream": Any}
HEADER = {
    "step": int,
    "best": dict | None,
    "status": Status,
    "message": str,
    "result": dict,
    "settings": SETTINGS,
    "provenance": PROVENANCE,
}
"""What each entry of a header is; all are there, and of those within them any may be missing."""


def check_header(header: Mapping[str, Any]) -> None:
    """Raise RunFileError unless the header of a run's file has all its entries, each of its type."""
    for name in (*HEADER, "stream"):
        if name not in header:
            raise RunFileError(f"has no {name} in its header")
    told = misfit(header, HEADER, "its header")
    if told is None and header["best"] is not None:
        told = misfit(header["best"], POSITION, "its header.best")
        if told is None and not POSITION.keys() <= header["best"].keys():
            told = "its header.best lacks its step or its stream"
    if told is None and is_deep(header):
        told = "its header holds lists in lists more than 64 levels deep"
    if told is not None:
        raise RunFileError(f"says what no run does: {told}")


def check_claims(header: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
    """Raise RunFileError unless the arrays of a run's file fit together and fit what its header says; see `check_header`."""
    for name in ("p", "initial_cost", "final_cost"):
        if name not in arrays:
            raise RunFileError(f"has no array {name}")
    p = arrays["p"]
    _check_parameters("parameters", p)
    _check_step(header["step"])
    for name, finite in (("initial_cost", True), ("final_cost", header["status"] != DIVERGED)):
        cost = arrays[name]
        if cost.shape != p.shape[:-1] or cost.dtype.kind != "f" or (finite and not np.isfinite(cost).all()):
            raise RunFileError(
                f"has {_shape(cost)} as {name} of parameters of shape {p.shape}: it needs finite numbers, one a network"
            )
    _check_best(header["best"], arrays, p, header["step"])
    _check_curves(arrays, p, header["step"])
    _check_network(header["settings"].get("problem", {}).get("network"), p)


def _check_parameters(what: str, p: Array) -> None:
    if p.dtype not in (np.float32, np.float64) or p.ndim not in (1, 2) or not p.size or not np.isfinite(p).all():
        raise RunFileError(f"has {_shape(p)} as {what}: they are finite numbers in single or double precision, (s,) or (M, s)")


def _check_step(step: int) -> None:
    if step < 0:
        raise RunFileError(f"has the step {step}, which is no number of steps")


def _check_best(best: Mapping[str, Any] | None, arrays: Mapping[str, Array], p: Array, last: int) -> None:
    if (best is None) != ("best.p" not in arrays):
        raise RunFileError("has a best state in its header or in its arrays, but not in both")
    if best is not None:
        _check_parameters("best parameters", arrays["best.p"])
        if arrays["best.p"].shape != p.shape or not 0 <= best["step"] <= last:
            raise RunFileError(
                f"has best parameters of shape {arrays['best.p'].shape} and step {best['step']}, but the last ones have {p.shape} "
                f"and step {last}"
            )


def _check_curves(arrays: Mapping[str, Array], p: Array, last: int) -> None:
    for name in dict.fromkeys(name.split(".")[1] for name in arrays if name.startswith("series.")):
        if f"series.{name}.steps" not in arrays or f"series.{name}.values" not in arrays:
            raise RunFileError(f"has the steps or the values of the curve {name}, but not both")
        steps, values = arrays[f"series.{name}.steps"], arrays[f"series.{name}.values"]
        if (
            steps.dtype.kind != "i"
            or steps.ndim != 1
            or (np.diff(steps) <= 0).any()
            or (len(steps) and not 0 <= steps[0] <= steps[-1] <= last)
        ):
            raise RunFileError(
                f"has {_shape(steps)} as steps of the curve {name}: they are whole numbers that rise, to {last} at most"
            )
        if values.dtype.kind not in "fiub" or values.shape != (len(steps), *p.shape[:-1]):
            raise RunFileError(f"has {_shape(values)} as values of the curve {name}, which has {len(steps)} steps")


def _check_network(told: Mapping[str, Any] | None, p: Array) -> None:
    if not told:
        return
    sizes, known = told.get("sizes", []), told.get("parameters", p.shape[-1])
    if any(n < 1 for n in [*sizes, *told.get("input", [])]):
        raise RunFileError(f"says that its network has the widths {shown(str(sizes))}: each is 1 or more")
    if "layers" not in told:
        if "activations" in told and len(told["activations"]) != len(sizes) - 1:
            raise RunFileError(
                f"says that its network has {len(sizes)} widths and {len(told['activations'])} activations: one less"
            )
        known = known if not sizes else sum(n * (m + 1) for m, n in pairwise(sizes))
    if (known, told.get("parameters", known)) != (p.shape[-1], p.shape[-1]):
        raise RunFileError(f"has {p.shape[-1]:,} parameters, but the network that it describes has {known:,}")


def _shape(array: Array) -> str:
    return f"an array of {array.dtype} of shape {array.shape}"
