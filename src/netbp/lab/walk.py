"""Back propagation at one point, step by step: the numbers of `problem.explain`, with the equations that they come from."""

from __future__ import annotations

from typing import Any

import numpy as np

from netbp.differences import check_entry
from netbp.lab.frames import number
from netbp.lab.naming import parameter_name
from netbp.network import Network
from netbp.problem import Problem
from netbp.types import Data, Vector


def at_point(problem: Problem, x: Any, category: int) -> Problem:
    """The problem whose cost is C_x of one point with the target of its category, (5) and (18).

    Raises ValueError for anything but two finite numbers, and for a category that the network has no output for.
    """
    point, outputs = np.asarray(x, dtype=float), problem.network.sizes[-1]
    if point.shape != (2,) or not np.isfinite(point).all():
        raise ValueError(f"a point of the plane has two finite coordinates, but x is {x!r:.60}")
    if not 0 <= category < outputs:
        raise ValueError(f"the network has categories 0 to {outputs - 1}, but category {category} was asked for")
    return Problem(problem.network, problem.cost, Data(point[None], np.eye(outputs)[[category]]), engine=problem.engine)


def walk(problem: Problem, p: Vector, step: int, x: Any, category: int) -> dict[str, Any]:
    """Forward and backward through the network at x, as plain values; lists hold layer 1 (`a`) or layer 2 (the others) first."""
    one = at_point(problem, x, category)
    point, target = np.asarray(one.data.x)[0], np.asarray(one.data.y)[0]
    told = one.explain(p, point, target)
    network = problem.network
    return {
        "step": step,
        "x": point.tolist(),
        "y": target.tolist(),
        "category": category,
        "said": int(one.classify(p, point)),
        "output": _plain(one.predict(p, point)),
        "layers": [{"l": l, "width": n} for l, n in enumerate(network.sizes, start=1)],
        "activations": [sigma.name for sigma in network.activations],
        "cost": number(told.cost),
        "error": _plain(told.error),
        "a": [_plain(a) for a in told.a],
        "z": [_plain(z) for z in told.z],
        "D": [_plain(d) for d in told.slope],
        "delta": [_plain(d) for d in told.delta],
        "W": [_plain(W) for W in told.W],
        "b": [_plain(b) for _, b in network.views(p)],
        "dW": [_plain(dW) for dW in told.dW],
        "db": [_plain(db) for db in told.db],
        "captions": captions(network, problem.cost.least_squares),
    }


def captions(network: Network, least_squares: bool) -> list[dict[str, Any]]:
    """The walk's stations in their order. what, l: which list of the walk a station shows, and for which layer."""
    L = len(network.sizes)
    out = [_caption("a", 1, "a[1] = x", "(7)", "The input is the point itself.")]
    for l in range(2, L + 1):
        name = network.activations[l - 2].name
        out += [
            _caption("z", l, f"z[{l}] = W[{l}] a[{l - 1}] + b[{l}]", "(19)", f"The weighted inputs of layer {l}."),
            _caption("a", l, f"a[{l}] = σ(z[{l}])", "(20)", f"Its outputs; σ is {name.replace('_', ' ')}."),
        ]
    if least_squares:
        out.append(_caption("error", L, f"a[{L}] − y", "(18)", "What the output misses the target by."))
    else:
        out.append(_caption("error", L, f"dC/da[{L}] = softmax(a[{L}]) − y", "(32)", "What the probabilities miss the target by."))
    out += [
        _caption("D", L, f"D[{L}] = diag(σ'(z[{L}]))", "(21)", "The slopes at the outputs."),
        _caption(
            "delta", L, f"δ[{L}] = D[{L}] ({f'a[{L}] − y' if least_squares else f'dC/da[{L}]'})", "(22)", "The error, backward."
        ),
    ]
    for l in range(L - 1, 1, -1):
        text = "One layer back: the transposed weights, then the slopes."
        out.append(_caption("delta", l, f"δ[{l}] = D[{l}] (W[{l + 1}])ᵀ δ[{l + 1}]", "(23)", text))
    for l in range(2, L + 1):
        out += [
            _caption("db", l, f"∂C/∂b[{l}] = δ[{l}]", "(24)", f"The gradient by the biases of layer {l}."),
            _caption("dW", l, f"∂C/∂W[{l}] = δ[{l}] (a[{l - 1}])ᵀ", "(25)", "By its weights: an outer product."),
        ]
    return out


def difference(problem: Problem, p: Vector, x: Any, category: int, l: int, row: int, column: int | None) -> dict[str, Any]:
    """A weight's derivative of C_x by back propagation and by a central difference; row and column from 1, None for a bias.

    Raises ValueError when the network has no such parameter.
    """
    network = problem.network
    one = at_point(problem, x, category)
    index = entry(network, l, row, column)
    found = check_entry(one, p, index)
    return {
        "name": parameter_name(network, index),
        "value": number(p[index]),
        "derivative": number(found.derivative),
        "difference": number(found.difference),
        "h": found.h,
        "error_bound": number(found.bound),
        "relative": number(found.relative),
        "agree": found.agree,
    }


def entry(network: Network, l: int, row: int, column: int | None) -> int:
    """The place in p of w_(row, column)^[l], or of b_row^[l] for column None; all from 1."""
    sizes = network.sizes
    if not (2 <= l <= len(sizes) and 1 <= row <= sizes[l - 1] and (column is None or 1 <= column <= sizes[l - 2])):
        place = f"row {row}" + ("" if column is None else f", column {column}")
        raise ValueError(f"{network.title} has no parameter in layer {l}, {place}: layers count from 2, rows and columns from 1")
    w, b = network.slices[l - 2]
    return b.start + row - 1 if column is None else w.start + (column - 1) * sizes[l - 1] + row - 1


def _caption(what: str, l: int, text: str, equation: str, words: str) -> dict[str, Any]:
    return {"what": what, "l": l, "text": text, "equation": equation, "words": words}


def _plain(values: Any) -> Any:
    array = np.asarray(values, dtype=float)
    if np.isfinite(array).all():
        return array.tolist()
    return [_plain(row) if array.ndim > 1 else number(float(row)) for row in array]
