"""Functions of tensors translated into machine code by torch.compile, or left as they are."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch.fx.experimental.proxy_tensor import make_fx

from netbp.engines.tensor.kept import kept, workshop
from netbp.notices import tell

PAYS = 10**8
"""Multiply-adds of one forward pass from which translating pays: it takes up to a minute the first time, seconds later."""


class Translated:
    """A function that is translated when it is first called; where that fails it runs as it is, or `otherwise()` in its place.

    reason: why it was not translated, or None. It is first recorded as a plain list of operations, with the shapes and settings
    that it has now, since torch.compile would take two functions made by the same factory, of two networks, for one. It may be
    called again with tensors of the same shapes only; neither rates nor step numbers, being tensors, are translated anew.
    """

    def __init__(self, function: Callable[..., Any], otherwise: Callable[[], Callable[..., Any]] | None = None) -> None:
        self.function, self.otherwise = function, otherwise
        self.translated: Callable[..., Any] | None = None
        self.reason: str | None = None

    def __call__(self, *arguments: Any) -> Any:
        """The function's result."""
        if self.translated is not None:
            return self.translated(*arguments)
        if self.reason is None:
            try:
                with warnings.catch_warnings():  # torch.compile warns of its own workings, which are nobody's here
                    warnings.simplefilter("ignore")
                    with workshop() as place:
                        graph = make_fx(self.function)(*arguments)
                        with kept(graph.code, arguments, place):
                            translated = torch.compile(graph, fullgraph=True, dynamic=False)
                            out = translated(*arguments)
                self.translated = translated
                return out
            except Exception as error:  # no compiler, or one that fails; an error of the step itself comes again below
                self.reason = f"{type(error).__name__}: {' '.join(str(error).split())[:160]}" if str(error) else repr(error)
                self.function = self.function if self.otherwise is None else self.otherwise()
                tell(f"torch.compile could not translate the training step, which runs as it is, slower: {self.reason}")
        return self.function(*arguments)
