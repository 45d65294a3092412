"""Running error bounds for the forward and the backward pass: how wrong each number may be, computed along with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from netbp.analysis.precision_engine import BoundIn
from netbp.analysis.precision_numbers import distance, multiple
from netbp.analysis.precision_running import Bounded, U, product
from netbp.analysis.tables import aligned
from netbp.costs import Cost, quadratic
from netbp.engines import Objective
from netbp.frames import Library, fields_of, frame
from netbp.network import Network
from netbp.plain import plain
from netbp.problem import checked
from netbp.types import Array, Data, Vector


class Compared(NamedTuple):
    """One array of the two passes: its bound beside the error that it really has.

    what: "z", "a", "delta", "dC/dW", "dC/db" or "C". layer: 2, ..., L, or None. bound, error: the largest. worst: the largest
    error/bound of an entry, at most 1 where the bound holds. ratio: bound/error, how much too large the bound is.
    """

    what: str
    layer: int | None
    bound: float
    error: float
    worst: float

    @property
    def ratio(self) -> float:
        """The largest bound over the largest error."""
        return self.bound / self.error if self.error else np.inf if self.bound else 1.0


class Confirmation(NamedTuple):
    """The bounds beside the true errors, from the same equations with many more bits."""

    bits: int
    entries: tuple[Compared, ...]

    @property
    def holds(self) -> bool:
        """Whether no error exceeds its bound."""
        return all(entry.worst <= 1.0 for entry in self.entries)

    def frame(self, library: Library = "pandas") -> Any:
        """One row for each array of the passes: the columns of `Compared`, and ratio, bound by error."""
        return frame(fields_of(self.entries, (*Compared._fields, "ratio")), library)

    def __str__(self) -> str:
        head = ("", "layer", "bound", "true error", "bound/error", "worst entry")
        rows = [
            (
                e.what,
                "" if e.layer is None else str(e.layer),
                f"{e.bound:.2e}",
                f"{e.error:.2e}",
                f"{e.ratio:.3g}",
                f"{e.worst:.2g}",
            )
            for e in self.entries
        ]
        end = "Every error is below its bound." if self.holds else "There are errors above their bounds."
        return f"{aligned(head, rows)}\n{end} True errors from {self.bits} bits."


@dataclass(frozen=True, eq=False)
class ErrorBounds:
    """The two passes with a bound on every number's rounding error; each Bounded has `value` and `error`.

    a: (N, n_l), layers 1, ..., L. z, delta: (N, n_l), layers 2, ..., L. gradient: (s,), of the mean cost. cost: the mean cost.
    """

    network: Network
    p: Vector
    data: Data
    measure: Cost
    a: tuple[Bounded, ...]
    z: tuple[Bounded, ...]
    delta: tuple[Bounded, ...]
    gradient: Bounded
    cost: Bounded

    def arrays(self) -> Iterator[tuple[str, int | None, Array, Array]]:
        """(what, layer, value, bound) of every array, layer by layer and forwards; then the gradient's, and the cost."""
        for l in range(2, len(self.a) + 1):
            for what, bounded in (("z", self.z[l - 2]), ("a", self.a[l - 1]), ("delta", self.delta[l - 2])):
                yield what, l, bounded.value, bounded.error
        pairs = zip(self.network.views(self.gradient.value), self.network.views(self.gradient.error), strict=True)
        for l, ((W, b), (dW, db)) in enumerate(pairs, start=2):
            yield "dC/dW", l, W, dW
            yield "dC/db", l, b, db
        yield "C", None, self.cost.value, self.cost.error

    def frame(self, library: Library = "pandas") -> Any:
        """One row for each array of the passes: what, layer, largest (absolute value), bound (the largest)."""
        rows = [(what, l, float(np.max(np.abs(value))), float(np.max(bound))) for what, l, value, bound in self.arrays()]
        return frame(dict(zip(("what", "layer", "largest", "bound"), zip(*rows, strict=True), strict=True)), library)

    def __str__(self) -> str:
        head = ("", "layer", "largest", "largest bound", "in u", "largest bound / |value|")
        rows = []
        for what, l, value, bound in self.arrays():
            size = np.abs(value)
            relative = np.max(np.divide(bound, size, out=np.full(np.shape(size), np.inf), where=size > 0))
            numbers = (f"{np.max(size):.4g}", f"{np.max(bound):.2e}", f"{np.max(bound) / U:.3g}", f"{relative:.2e}")
            rows.append((what, "" if l is None else str(l), *numbers))
        return f"running error bounds, {self.network.title}, {len(self.a[0])} points, double precision\n{aligned(head, rows)}"

    def confirmed(self, bits: int = 200) -> Confirmation:
        """The bounds beside the true errors, with numbers of so many bits. Raises ImportError where mpmath is missing."""
        x, y = np.asarray(self.data.x), np.asarray(self.data.y)
        exact = BoundIn(multiple(bits), Objective(self.network, self.measure, x, y, None, 0.0))
        p = exact.cast(self.p)
        passes, g = exact.passes(p, exact.objective.x, exact.objective.y), self.network.views(exact.gradient(p))
        entries = []
        for what, l, value, bound in self.arrays():
            match what:
                case "z" | "delta":
                    true = (passes.z if what == "z" else passes.delta)[(l or 2) - 2]
                case "a":
                    true = passes.a[(l or 2) - 1]
                case "C":
                    true = np.asarray(exact.number(p))
                case _:
                    true = g[(l or 2) - 2][what == "dC/db"]
            error = distance(true, value)
            share = np.divide(error, bound, out=np.where(error > 0.0, np.inf, 0.0), where=bound > 0.0)
            entries.append(Compared(what, l, float(np.max(bound)), float(np.max(error)), float(np.max(share))))
        return Confirmation(bits, tuple(entries))


def error_bound(
    network: Network, p: ArrayLike, x: ArrayLike, y: ArrayLike, cost: Cost = quadratic, elementary: float = 2.0
) -> ErrorBounds:
    """The forward and the backward pass, (19)-(25), with a bound on the rounding error of every a[l], z[l], delta[l], gradient.

    p: (s,). x: (N, n_1) or (n_1,); y: (N, n_L) or (n_L,). elementary: of how many ulps, 2u relatively each, exp, log and tanh may
    be wrong. p, x and y count as exact. The pass is in double precision, sums from the first term to the last, without fused
    multiply-adds. Raises ValueError for networks that are not dense, TypeError for activations with functions of unknown error.
    """
    if not network.is_dense:
        raise ValueError(f"the running error bound is for dense layers on vectors, but the network is {network.title}")
    data = checked(network, Data(np.atleast_2d(np.asarray(x)), np.atleast_2d(np.asarray(y))), "the data")
    vector = plain(p, "p", along="entry").copy()
    if not np.isfinite(vector).all():
        raise ValueError(f"p has {np.count_nonzero(~np.isfinite(vector))} entries that are not finite: every one must be")
    k = 2.0 * elementary
    a, z, N = [Bounded(data.x, 0.0, k)], [], len(np.asarray(data.x))
    pairs = [(Bounded(W, 0.0, k), Bounded(b, 0.0, k)) for W, b in network.views(vector)]
    for (W, b), sigma in zip(pairs, network.activations, strict=True):
        z.append(product(a[-1], W.T) + b)
        a.append(sigma.value(z[-1]))
    y_exact = Bounded(np.asarray(data.y), 0.0, k)
    each, back = cost.value(a[-1], y_exact), cost.slope(a[-1], y_exact)
    delta: list[Bounded] = []
    for l in range(len(z) - 1, -1, -1):
        delta.insert(0, network.activations[l].slope(z[l], a[l + 1]) * back)
        if l:
            back = product(delta[0], pairs[l][0])
    value, error = np.empty(network.size), np.empty(network.size)
    for (vW, vb), (eW, eb), d, before in zip(network.views(value), network.views(error), delta, a[:-1], strict=True):
        gW, gb = product(d.T, before) / float(N), d.sum(axis=0) / float(N)
        vW[...], vb[...], eW[...], eb[...] = gW.value, gb.value, gW.error, gb.error
    mean = each.sum(axis=0) / float(N)
    return ErrorBounds(network, vector, data, cost, tuple(a), tuple(z), tuple(delta), Bounded(value, error, k), mean)
