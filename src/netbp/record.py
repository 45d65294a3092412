"""Run: the record of a run, which is one file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from netbp.claims import INTERRUPTED as INTERRUPTED  # noqa: PLC0414, for those who read runs
from netbp.claims import check_claims, check_header
from netbp.files import write_atomically
from netbp.frames import Library, frame
from netbp.messages import counted, named
from netbp.methods import FINISHED
from netbp.provenance import plain
from netbp.runfile import Held, RunFileError, pack, read
from netbp.streaming import Series
from netbp.types import Array, State


@dataclass(frozen=True, eq=False)
class Run:
    """The record of a run.

    state: where it stands. initial_cost, final_cost: Cost (9) at the start and at the end, a float or (M,); of a run that was
    interrupted, the one recorded last. series: every recorded curve by name ("cost", "top1", "held_out", ...). best: the state
    with the lowest held-out cost, or None. status: "finished", "converged", "stopped", "interrupted" or "diverged"; message:
    why it stopped, in words. result: plain numbers about the method's work (iterations, evaluations, gradient_norm). settings,
    provenance: what was run, and with what, when and where. arrays: further arrays kept with the run.
    """

    state: State
    initial_cost: Any
    final_cost: Any
    series: Mapping[str, Series] = field(default_factory=dict)
    best: State | None = None
    status: str = FINISHED
    message: str = ""
    result: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    arrays: Mapping[str, Array] = field(default_factory=dict)

    @property
    def p(self) -> Array:
        """The parameters, (s,) or (M, s)."""
        return self.state.p

    @property
    def step(self) -> int:
        """Steps done."""
        return self.state.step

    @property
    def costs(self) -> Array:
        """The recorded costs (9), (n,) or (n, M); empty when none were recorded."""
        return self.series["cost"].values if "cost" in self.series else np.empty((0, *self.p.shape[:-1]))

    def frame(self, library: Library = "pandas") -> Any:
        """One row for each step at which a curve was recorded: step, and each curve by name, NaN where it has no value there.

        Of M networks there is one row for each step and network, numbered from 1. cost: Cost (9); errors top1, top5: shares.
        """
        steps = np.unique(np.concatenate([np.empty(0, dtype=np.int64), *(curve.steps for curve in self.series.values())]))
        M = 1 if self.p.ndim == 1 else len(self.p)
        columns: dict[str, Array] = {"step": np.repeat(steps, M)}
        if self.p.ndim > 1:
            columns["network"] = np.tile(np.arange(1, M + 1), len(steps))
        for name, curve in self.series.items():
            values = np.full((len(steps), M), np.nan)
            values[np.searchsorted(steps, curve.steps)] = np.reshape(curve.values, (len(curve.steps), -1))
            columns[name] = values.ravel()
        return frame(columns, library)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the run to one file, atomically, without pickle. Raises NotWrittenError; what stood there is then untouched."""
        header = {
            "step": self.step,
            "stream": self.state.stream,
            "best": None if self.best is None else {"step": self.best.step, "stream": self.best.stream},
            "status": self.status,
            "message": self.message,
            **{name: plain(getattr(self, name)) for name in ("result", "settings", "provenance")},
        }
        arrays = {"initial_cost": np.asarray(self.initial_cost), "final_cost": np.asarray(self.final_cost)}
        arrays |= _state_arrays("", self.state) | ({} if self.best is None else _state_arrays("best.", self.best))
        for name, curve in self.series.items():
            arrays |= {f"series.{name}.steps": curve.steps, f"series.{name}.values": curve.values}
        arrays |= {f"arrays.{name}": np.asarray(array) for name, array in self.arrays.items()}
        write_atomically(path, pack(header, arrays))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Run:
        """The run in a file. Raises RunFileError, with one line, when it is damaged or no run, FileNotFoundError if missing."""
        header, arrays = read(path)
        try:
            check_header(header)
            check_claims(header, arrays)
        except RunFileError as error:
            raise RunFileError(f"{named(path)} {error}: restore it from a copy, or train anew") from None
        return _run_from(header, arrays, os.fspath(path))

    def __repr__(self) -> str:
        cost = f"{np.min(self.final_cost):.6g}" + ("" if self.p.ndim == 1 else f" at best, {counted(len(self.p), 'network')}")
        return f"Run({self.status} after {counted(self.step, 'step')}, cost {cost}: {self.message})"


def _state_arrays(prefix: str, state: State) -> dict[str, Array]:
    return {f"{prefix}p": state.p, **{f"{prefix}memory.{name}": np.asarray(array) for name, array in state.memory.items()}}


def _run_from(header: Mapping[str, Any], arrays: Mapping[str, Array], where: str) -> Run:
    best = header["best"]
    names = dict.fromkeys(name.split(".")[1] for name in arrays if name.startswith("series."))
    costs = [arrays[name] for name in ("initial_cost", "final_cost")]
    initial, final = (float(cost) if cost.ndim == 0 else cost for cost in costs)
    return Run(
        _state("", arrays, header),
        initial,
        final,
        series={name: Series(arrays[f"series.{name}.steps"], arrays[f"series.{name}.values"]) for name in names},
        best=None if best is None else _state("best.", arrays, best),
        arrays=Held.within(where, {name.partition(".")[2]: array for name, array in arrays.items() if name.startswith("arrays.")}),
        status=header["status"],
        message=header["message"],
        result=header["result"],
        settings=header["settings"],
        provenance=header["provenance"],
    )


def _state(prefix: str, arrays: Mapping[str, Array], header: Mapping[str, Any]) -> State:
    begin = f"{prefix}memory."
    memory = {name.removeprefix(begin): array for name, array in arrays.items() if name.startswith(begin)}
    return State(arrays[f"{prefix}p"], header["step"], memory, header["stream"])
