"""Several processes at one run: each takes its part of every batch, and one sum of all parts a step keeps them together."""

from __future__ import annotations

import atexit
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist

from netbp.engines.tensor.advance import Exchange
from netbp.processes import ProcessLostError, place

if TYPE_CHECKING:
    from netbp.engines.tensor import Tensor

PATIENT, QUICK = timedelta(minutes=10), timedelta(seconds=25)
"""How long the others are waited for: at first, and for batches of a new length, whose step is translated; and otherwise."""


class Processes(Exchange):
    """The sum over all processes by torch.distributed: gloo between processors, NCCL between GPUs.

    A sum of two is the same whichever comes first; of more, `ordered` adds them in the order of their ranks, for the same bits
    wherever the processes run, at the price of moving each part to every process.
    """

    def __init__(self, groups: tuple[Any, Any], ordered: bool) -> None:
        self.rank, self.size, _ = place()
        self.patient, self.quick = groups
        self.ordered = ordered and self.size > 2
        self.known: set[int] = set()

    def added(self, vector: torch.Tensor, m: int = 0) -> torch.Tensor:
        """The sum over all processes of a step with m points. Raises ProcessLostError when one is gone."""
        group = self.quick if m in self.known else self.patient
        self.known.add(m)
        try:
            if not self.ordered:
                dist.all_reduce(vector, group=group)
                return vector
            parts = [torch.empty_like(vector) for _ in range(self.size)]
            dist.all_gather(parts, vector, group=group)
        except RuntimeError as error:
            told = " ".join(str(error).split()).split("]: ")[-1][:160]
            raise ProcessLostError(f"process {self.rank} of {self.size} lost another one: it ended or hangs ({told})") from error
        total = parts[0]
        for part in parts[1:]:
            total = total + part
        return total


def exchange_of(engine: Tensor, device: torch.device) -> Exchange:
    """How the parts of a batch come together: by torch.distributed where torchrun has started several processes.

    Raises ValueError when the engine's parts are not as many as processes, ProcessLostError when the others do not come.
    """
    count = place().size
    if count == 1:
        return Exchange()
    if engine.parts not in (1, count):
        raise ValueError(f"with {count} processes a batch has {count} parts, but Tensor(parts={engine.parts}) was asked for")
    return Processes(groups(device.type), engine.deterministic)


def groups(kind: str) -> tuple[Any, Any]:
    """The patient and the quick group of all processes, made once."""
    if kind not in _made:
        backend = "nccl" if kind == "cuda" else "gloo"
        try:
            if not dist.is_initialized():
                dist.init_process_group(backend, timeout=PATIENT)
                atexit.register(_ended)
            _made[kind] = dist.new_group(backend=backend, timeout=PATIENT), dist.new_group(backend=backend, timeout=QUICK)
        except (RuntimeError, ValueError) as error:
            told = " ".join(str(error).split())[:200]
            raise ProcessLostError(
                f"the {place().size} processes did not find each other ({told}): start them together with torchrun"
            ) from error
    return _made[kind]


_made: dict[str, tuple[Any, Any]] = {}


def device_of(engine: Tensor) -> torch.device:
    """The engine's device; of "cuda", with several processes, the GPU of this one."""
    here = place()
    if engine.device == "cuda" and here.size > 1:
        return torch.device("cuda", here.local)
    return torch.device(engine.device)


def _ended() -> None:
    if dist.is_initialized():
        dist.destroy_process_group()
