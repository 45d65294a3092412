"""ZCA whitening of images (Bell & Sejnowski, 1997), with a floor under the eigenvalues."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from netbp.data.steps import Step, rows
from netbp.types import Array, Matrix


@dataclass(frozen=True)
class Whitening(Step):
    """ZCA whitening: z <- V diag(en / max(sqrt(d), floor)) V' z, with en = sqrt(mean(d)).

    d and V: eigenvalues and eigenvectors of Z'Z / count, Z the training images by rows; count is their number and that of the
    images beside them. Nothing is subtracted. Only eigenvectors with sqrt(d) > floor are kept, for all others have one factor.
    """

    floor: float = 10.0

    def __post_init__(self) -> None:
        if not self.floor > 0.0:
            raise ValueError(f"Whitening(floor={self.floor}): the floor must be positive, for it is divided by")

    def measure(self, x: Matrix, beside: Matrix) -> dict[str, Array]:
        """The k eigenvectors kept, (n, k); their factors, (k,); the factor of everything orthogonal to them, ()."""
        count = len(x) + len(beside)
        d, V, mean = _spectrum(x, count, self.floor**2)
        en = np.sqrt(mean)
        factors, rest = en / np.sqrt(d), en / self.floor
        return {"vectors": V, "factors": factors, "rest": np.asarray(rest)}

    def change(self, z: Matrix, arrays: Mapping[str, Array]) -> None:
        """Rest z + V diag(factors - rest) V' z."""
        V = arrays["vectors"]
        kept = z @ V
        kept *= arrays["factors"] - arrays["rest"]
        z *= arrays["rest"]
        z += kept @ V.T


def _spectrum(x: Matrix, count: int, least: float) -> tuple[Array, Matrix, float]:
    """The eigenvalues above `least` of X'X/count, their eigenvectors as columns, and the mean of all n eigenvalues.

    The sums within a block are single precision, all else double. With fewer images than values, the smaller matrix XX'/count has
    the same eigenvalues but zeros, and X'u gives the eigenvectors.
    """
    N, n = x.shape
    few = n > N
    if few:
        X = np.asarray(x, float, order="C")
        C = X @ X.T
    else:
        C = np.zeros((n, n))
        for block in rows(x):
            block = np.asarray(block, np.float32)
            C += block.T @ block  # a product with itself: NumPy computes one triangle
    C /= count
    mean = float(np.trace(C)) / n
    d, V = np.linalg.eigh(C)
    kept = d > least
    d, V = d[kept], V[:, kept]
    return d, X.T @ (V / np.sqrt(count * d)) if few else V, mean
