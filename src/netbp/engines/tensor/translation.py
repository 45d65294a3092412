"""Functions of tensors translated into machine code by torch.compile, or left as they are."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import torch

PAYS = 10**8
"""Multiply-adds of one forward pass from which translating pays: it takes up to a minute the first time, seconds later."""
SHAPES = 256
"""How many translations one function may have in a process: one for each batch size of each problem."""

log = logging.getLogger("netbp")
told: set[str] = set()


class Translated:
    """A function that is translated when it is first called; where that fails it runs as it is.

    reason: why it was not translated, or None. Neither learning rates nor step numbers, being tensors, are translated anew.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function, self.ready = function, False
        self.reason: str | None = None
        torch._dynamo.config.recompile_limit = max(torch._dynamo.config.recompile_limit, SHAPES)
        self.translated = torch.compile(function, fullgraph=True, dynamic=False)

    def __call__(self, *arguments: Any) -> Any:
        """The function's result."""
        if self.ready:
            return self.translated(*arguments)
        if self.reason is None:
            try:
                out = self.translated(*arguments)
                self.ready = True
                return out
            except Exception as error:  # no compiler, or one that fails; an error of the step itself comes again below
                self.reason = f"{type(error).__name__}: {str(error).strip().splitlines()[0]}" if str(error) else repr(error)
                tell(f"torch.compile could not translate the training step, which runs as it is, slower: {self.reason}")
        return self.function(*arguments)


def tell(line: str) -> None:
    """One line on stderr, once per process."""
    if line not in told:
        told.add(line)
        log.warning(line)
