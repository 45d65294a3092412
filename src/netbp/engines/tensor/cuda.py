"""A whole training step as one CUDA graph: the GPU repeats it without being told each operation again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from netbp.notices import tell

MOVING = ("p", "u", "v", "index", "keys", "eta", "t", "multiplier", "decay")
"""The arguments of a step that may be other tensors, of the same shape, at the next step; all others must stay the same ones."""
NAMES = ("p", "u", "v", "x", "y", "shares", "index", "first", "keys", "scale", "eta", "t", "multiplier", "decay", "weights")
WARM_UP = 3

Replay = Callable[[], Any]


def graph_of(body: Replay, warm_up: Replay) -> Replay:
    """The body's operations on the present device as a graph; calling the result repeats them on the same memory.

    warm_up: the same without lasting effect; what is set up at a first call (translation, cuDNN's plans) must not be in the graph.
    """
    aside: Any = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        for _ in range(WARM_UP):
            warm_up()
    torch.cuda.current_stream().wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        body()
    return graph.replay


class Captured:
    """A step, as `netbp.engines.tensor.step.whole_step` makes it, captured when it is first called.

    p, u and v are handed out as the graph's own memory, in which the next call finds them without copying.
    """

    def __init__(self, step: Callable[..., Any], capture: Callable[[Replay, Replay], Replay] = graph_of) -> None:
        self.step, self.capture = step, capture
        self.replay: Replay | None = None
        self.reason: str | None = None
        self.own: dict[str, Any] = {}
        self.seen: dict[str, Any] = {}
        self.told: Any = None

    def __call__(self, *arguments: Any) -> Any:
        """The step's result."""
        if self.reason is not None:
            return self.step(*arguments)
        given = dict(zip(NAMES, arguments, strict=True))
        if self.replay is None:
            self._prepare(given)
        self._take(given)
        if self.replay is None:
            try:
                self.replay = self.capture(self._body, lambda: self.step(*self.own.values()))
            except RuntimeError as error:
                self.reason = str(error).strip().splitlines()[0]
                tell(f"the training step could not be captured in a CUDA graph, and runs operation by operation: {self.reason}")
                return self.step(*arguments)
        self.replay()
        return self.own["p"], self.own["u"], self.own["v"], self.told.clone()

    def _prepare(self, given: dict[str, Any]) -> None:
        self.own = {name: q.clone() if name in MOVING and q is not None else q for name, q in given.items()}
        self.told = torch.zeros(3, dtype=torch.float64, device=given["p"].device)

    def _take(self, given: dict[str, Any]) -> None:
        for name in MOVING:
            q = given[name]
            if q is None or q is self.own[name] or (name in ("multiplier", "decay") and q is self.seen.get(name)):
                continue
            self.own[name].copy_(q)
            self.seen[name] = q

    def _body(self) -> None:
        p, u, v, told = self.step(*self.own.values())
        for own, new in zip((self.own["p"], self.own["u"], self.own["v"], self.told), (p, u, v, told), strict=True):
            own.copy_(new)
