"""Lemma 1 with numbers: what back propagation computes at one point, to print or to compute with."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from textwrap import wrap
from typing import Any

import numpy as np

from netbp.frames import Library, frame
from netbp.network import Network
from netbp.types import Matrix, Vector

WIDTH = 120
"""How wide the printed table may be."""


@dataclass(frozen=True, eq=False)
class Factor:
    """One factor of the long product: its name, its matrix and its 2-norm."""

    name: str
    matrix: Matrix
    norm: float


@dataclass(frozen=True, eq=False)
class Explanation:
    """One forward and one backward pass at a point x with target y.

    Tuples hold layer 1 (`a`) or layer 2 (the others) first. W: (n_l, n_(l-1)), the weights. a: (n_l,), l = 1, ..., L, by (7) and
    (20). z: (n_l,), l = 2, ..., L, by (19). slope: (n_l,), the diagonals of D[l], sigma'(z[l]). error: (n_L,), dC/da[L], for the
    quadratic cost a[L] - y. delta: (n_l,), dC/dz[l] by (22) and (23). cost: C at this point, (18).
    """

    network: Network
    cost: float
    W: tuple[Matrix, ...]
    a: tuple[Vector, ...]
    z: tuple[Vector, ...]
    slope: tuple[Vector, ...]
    error: Vector
    delta: tuple[Vector, ...]

    @property
    def D(self) -> tuple[Matrix, ...]:
        """The diagonal matrices D[l], (n_l, n_l), l = 2, ..., L."""
        return tuple(np.diag(d) for d in self.slope)

    @property
    def db(self) -> tuple[Vector, ...]:
        """dC/db[l] = delta[l], (24)."""
        return self.delta

    @property
    def dW(self) -> tuple[Matrix, ...]:
        """dC/dW[l] = delta[l] a[l-1]^T, the outer products of (25)."""
        return tuple(np.outer(dl, al) for dl, al in zip(self.delta, self.a[:-1], strict=True))

    @cached_property
    def gradient(self) -> Vector:
        """The gradient of C at this point, (s,), in the order of p."""
        g = np.empty(self.network.size)
        for (gW, gb), dW, db in zip(self.network.views(g), self.dW, self.db, strict=True):
            gW[...], gb[...] = dW, db
        return g

    def product(self, l: int = 2) -> tuple[Factor, ...]:
        """The factors of delta[l] = D[l] W[l+1]^T D[l+1] ... W[L]^T D[L] (a[L] - y), left to right.

        l: 2, ..., L; raises ValueError for another. The product of the norms bounds ||delta[l]||_2: where it is far below 1,
        gradients vanish. The last factor is the vector dC/da[L], as a column.
        """
        L = len(self.a)
        if not 2 <= l <= L:
            raise ValueError(f"the network has errors delta[2] to delta[{L}], but delta[{l}] was asked for")
        factors = []
        for m in range(l, L + 1):
            if m > l:
                factors.append((f"W[{m}]^T", self.W[m - 2].T))
            factors.append((f"D[{m}]", np.diag(self.slope[m - 2])))
        factors.append(("dC/da", self.error[:, None]))
        return tuple(Factor(name, matrix, float(np.linalg.norm(matrix, 2))) for name, matrix in factors)

    def frame(self, library: Library = "pandas") -> Any:
        """One row for each neuron of layers 2, ..., L: layer, neuron (from 1), z, a, slope sigma'(z), delta."""
        sizes = [len(z) for z in self.z]
        numbers = np.concatenate([np.arange(1, n + 1) for n in sizes])
        columns = {"layer": np.repeat(np.arange(2, len(sizes) + 2), sizes), "neuron": numbers}
        parts = {"z": self.z, "a": self.a[1:], "slope": self.slope, "delta": self.delta}
        return frame(columns | {name: np.concatenate(part) for name, part in parts.items()}, library)

    def __str__(self) -> str:
        L = len(self.a)
        lines = [
            f"Lemma 1 at x = ({', '.join(_shown(self.a[0], '.6g'))}): C = {self.cost:.6g}",
            "",
            f"{'layer':>5} {'neuron':>6} {'z  (19)':>14} {'a  (20)':>14} {'D':>14} {'delta (22,23)':>14}",
        ]
        for l in range(2, L + 1):
            columns = zip(self.z[l - 2], self.a[l - 1], self.slope[l - 2], self.delta[l - 2], strict=True)
            rows = [
                f"{j:>6} {z:>14.6g} {a:>14.6g} {d:>14.6g} {delta:>14.6g}" for j, (z, a, d, delta) in enumerate(columns, start=1)
            ]
            lines += [f"{l if j == 0 else '':>5} {row}" for j, row in enumerate(_cut(rows))]
        for l in range(2, L + 1):
            lines += ["", f"dC/dW[{l}] = delta[{l}] a[{l - 1}]^T  (25)        dC/db[{l}] = delta[{l}]  (24)"]
            rows = []
            for row, b in zip(self.dW[l - 2], self.db[l - 2], strict=True):
                rows.append("  " + " ".join(f"{w:>12}" for w in _shown(row, ".5g")) + f"   | {b:>12.5g}")
            lines += _cut(rows)
        return "\n".join([*lines, "", *self._product_in_words()])

    def _product_in_words(self) -> list[str]:
        factors = self.product(2)
        bound = float(np.prod([f.norm for f in factors]))
        return [
            *wrap("delta[2] = " + " ".join(f.name for f in factors), WIDTH, subsequent_indent="  "),
            *wrap("2-norms:   " + "  ".join(f"|{f.name}| = {f.norm:.4g};" for f in factors), WIDTH, subsequent_indent="  "),
            f"|delta[2]| = {np.linalg.norm(self.delta[0]):.4g}, at most the product of the norms, {bound:.4g}",
        ]


def _shown(v: Vector, form: str) -> list[str]:
    """The numbers in this format; of more than 8, the first six and the last."""
    shown = v if len(v) <= 8 else v[:6]
    texts = [format(value, form) for value in shown]
    return texts if len(v) <= 8 else [*texts, "...", format(v[-1], form)]


def _cut(rows: list[str]) -> list[str]:
    """Of more than 12 rows, the first ten and how many there are."""
    return rows if len(rows) <= 12 else [*rows[:10], f"         ... ({len(rows)} in all)"]
