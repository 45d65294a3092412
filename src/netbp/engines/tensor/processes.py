"""Several processes at one run: each takes its part of every batch, and one sum of all parts a step keeps them together."""

from __future__ import annotations

import atexit
from datetime import timedelta
from functools import cache
from itertools import count
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
from torch.distributed.rendezvous import rendezvous

from netbp.engines.tensor.advance import Exchange
from netbp.processes import ProcessLostError, place

if TYPE_CHECKING:
    from netbp.engines.tensor import Tensor

PATIENT, QUICK = timedelta(minutes=10), timedelta(seconds=25)
"""How long the others are waited for: at first, and for batches of a new length, whose step is translated; and otherwise."""


class Processes(Exchange):
    """The sum over all processes by torch.distributed: gloo between processors, NCCL between GPUs.

    A sum of two is the same whichever comes first; of more, `ordered` adds them in the order of their ranks, for the same bits
    wherever the processes run, at the price of moving each part to every process. kind: of the devices. refusal: why they cannot
    work together, which all of them are to say.
    """

    def __init__(self, kind: str, ordered: bool, refusal: str | None = None) -> None:
        self.rank, self.size, _ = place()
        self.kind, self.refusal = kind, refusal
        self.ordered = ordered and self.size > 2
        self.known: set[int] = set()

    def told(self, text: str) -> list[bytes]:
        """What every process tells, in the order of their ranks. Raises ProcessLostError when one does not come."""
        turn = f"netbp/{next(_turns)}"
        try:
            store = meeting()
            store.set(f"{turn}/{self.rank}", text)
            heard = [store.get(f"{turn}/{rank}") for rank in range(self.size)]
            if self.rank > 0 and store.add(f"{turn}/read", 1) == self.size - 1:
                store.set(f"{turn}/all", "read")
            if self.rank == 0:  # the store may be its own: it goes on, or ends, when the others have read
                store.get(f"{turn}/all")
        except (RuntimeError, ValueError) as error:
            raise _not_found(error) from error
        return heard

    def added(self, vector: torch.Tensor, m: int = 0) -> torch.Tensor:
        """The sum over all processes of a step with m points. Raises ProcessLostError when one is gone."""
        patient, quick = groups(self.kind)
        group = quick if m in self.known else patient
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
    """How the parts of a batch come together: by torch.distributed where torchrun has started several processes."""
    count = place().size
    if count == 1:
        return Exchange()
    refusal = None
    if engine.parts not in (1, count):
        refusal = f"with {count} processes a batch has {count} parts, but Tensor(parts={engine.parts}) was asked for"
    return Processes(device.type, engine.deterministic, refusal)


@cache
def meeting() -> Any:
    """Where the processes leave word for each other, before they have found out whether they can work together."""
    if dist.is_initialized():  # by the script itself
        return dist.distributed_c10d._get_default_store()
    store, _, _ = next(rendezvous("env://", timeout=PATIENT))
    store.set_timeout(PATIENT)
    return store


@cache
def groups(kind: str) -> tuple[Any, Any]:
    """The patient and the quick group of all processes, made once. Raises ProcessLostError when the others do not come."""
    backend = "nccl" if kind == "cuda" else "gloo"
    try:
        if not dist.is_initialized():
            rank, size, _ = place()
            dist.init_process_group(backend, store=meeting(), rank=rank, world_size=size, timeout=PATIENT)
            atexit.register(_ended)
        return dist.new_group(backend=backend, timeout=PATIENT), dist.new_group(backend=backend, timeout=QUICK)
    except (RuntimeError, ValueError) as error:
        raise _not_found(error) from error


def _not_found(error: Exception) -> ProcessLostError:
    told = " ".join(str(error).split())[:200]
    return ProcessLostError(f"the {place().size} processes did not find each other ({told}): start them together with torchrun")


_turns = count()


def device_of(engine: Tensor) -> torch.device:
    """The engine's device; of "cuda", with several processes, the GPU of this one."""
    here = place()
    if engine.device == "cuda" and here.size > 1:
        return torch.device("cuda", here.local)
    return torch.device(engine.device)


def _ended() -> None:
    if dist.is_initialized():
        dist.destroy_process_group()
