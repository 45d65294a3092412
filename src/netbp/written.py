"""Layers from the text that stands for them, `Conv(32, 5, pad=2)` or `relu`: what repr writes is read, and nothing executed."""

from __future__ import annotations

import ast
from typing import Any

from netbp import activations, layers
from netbp.activations import Activation
from netbp.layers import Elementwise, Layer
from netbp.messages import shown

LONGEST = 1000
"""Letters of a layer that is read: longer texts are nested deeper than Python's reader goes."""
LARGEST = 2**40
"""Whole numbers in a layer are below it."""
LAYERS = ("Dense", "Conv", "Pool", "Flatten", "Dropout", "Flip")


def layer_written(text: str) -> Layer:
    """The layer of netbp that `repr` writes as this text. Raises ValueError for any other text."""
    try:
        written = ast.parse(text if len(text) <= LONGEST else "", mode="eval").body
        numbers = [node.value for node in ast.walk(written) if isinstance(node, ast.Constant) and isinstance(node.value, int)]
        found = _value(written) if max(map(abs, numbers), default=0) < LARGEST else None
    except (SyntaxError, TypeError, ValueError, ArithmeticError, AttributeError, MemoryError, RecursionError):
        found = None
    if isinstance(found, Activation):
        return Elementwise(found)
    if not isinstance(found, Layer):
        raise ValueError(f"{shown(text)} is no layer of netbp: it must read as in Conv(32, 5, pad=2), or be an activation")
    return found


def _value(node: ast.expr) -> Any:
    """A layer, an activation by its name, or a literal."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in LAYERS:
        named = {keyword.arg: _value(keyword.value) for keyword in node.keywords if keyword.arg is not None}
        if len(named) == len(node.keywords) and "input" not in named:
            return getattr(layers, node.func.id)(*map(_value, node.args), **named)
    if isinstance(node, ast.Name) and isinstance(getattr(activations, node.id, None), Activation):
        return getattr(activations, node.id)
    return ast.literal_eval(node)
