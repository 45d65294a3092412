"""Dropout as an ensemble, and the spread of its predictions as a measure of uncertainty.

A network with dropout is as many networks as there are masks, all with the same p (section 7.2; Srivastava et al., JMLR 15, 2014).
In evaluation it answers once, with its weights scaled; here dropout stays on at test time, and T passes give a distribution of
answers (Gal & Ghahramani, ICML 2016): its mean is the ensemble's prediction, and the entropy of the mean splits into what every
member is unsure of and what they disagree about. Behind dropout of a softmax network's last layer, scaling the weights is not the
mean of the members but their geometric mean, normalised, exactly: the mean of the outputs over the masks is the output at the mean
mask.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from netbp.analysis.tables import aligned
from netbp.engines.reference.maps import Diagonal, Training, bias_of, map_of
from netbp.engines.reference.passes import forward, layers_of
from netbp.layers import Dropout, Flip
from netbp.network import Network
from netbp.plain import plain
from netbp.problem import Problem
from netbp.types import Array, Matrix, Vector

MOST_MASKS = 2**16
LARGEST = 2**32  # positions that masks can tell apart


@dataclass(frozen=True, eq=False)
class DropoutEnsemble:
    """Probabilities of N points under T dropout masks. passes: (T, N, n_L), of each pass. scaled: (N, n_L), with weights scaled."""

    passes: Array
    scaled: Matrix

    @property
    def mean(self) -> Matrix:
        """The ensemble's prediction, (N, n_L)."""
        return np.asarray(self.passes.mean(axis=0))

    @property
    def deviation(self) -> Matrix:
        """The standard deviation over the passes, (N, n_L)."""
        return np.asarray(self.passes.std(axis=0, ddof=1))

    @property
    def entropy(self) -> Vector:
        """The entropy of the mean, (N,), in nats: how unsure the ensemble is."""
        return entropy(self.mean)

    @property
    def expected_entropy(self) -> Vector:
        """The mean of the members' entropies, (N,): what each is unsure of, however the masks fall."""
        return np.asarray(entropy(self.passes).mean(axis=0))

    @property
    def information(self) -> Vector:
        """The difference, (N,), at least 0: what the members disagree about, the mutual information of answer and mask."""
        return np.maximum(self.entropy - self.expected_entropy, 0.0)

    def by_unsureness(self, targets: ArrayLike, parts: int = 5) -> str:
        """Errors in `parts` groups of points of ascending entropy, as a table: whether it knows where it is wrong."""
        wrong = self.mean.argmax(axis=1) != np.asarray(targets).argmax(axis=1)
        rows = []
        for k, group in enumerate(np.array_split(np.argsort(self.entropy, kind="stable"), parts)):
            share = 100 * float(np.mean(wrong[group]))
            rows.append([str(k + 1), f"{self.entropy[group].mean():.4f}", f"{self.information[group].mean():.4f}", f"{share:.1f}"])
        return aligned(["group", "entropy", "of it between members", "wrong (%)"], rows)


def entropy(probabilities: Array) -> Array:
    """-sum P log P over the last axis, in nats."""
    P = np.asarray(probabilities, dtype=float)
    return -np.where(P > 0.0, P * np.log(np.where(P > 0.0, P, 1.0)), 0.0).sum(axis=-1)


def dropout_ensemble(
    problem: Problem, p: ArrayLike, x: ArrayLike, passes: int = 50, seed: int = 0, progress: Any = None
) -> DropoutEnsemble:
    """Predictions at the points x (N, n_1) in `passes` passes with dropout on; flips stay off.

    Pass k draws the masks of training step k with this seed, so that every engine draws the same, a mask of its own for each point.
    Raises ValueError for a network without dropout, for fewer than two passes, and for more points than masks can be told apart.
    """
    network = without_flips(problem.network)
    if not any(isinstance(layer, Dropout) and layer.rate > 0.0 for layer in network.layers):
        raise ValueError(f"{network.title} has no dropout, so that every pass would say the same: train a network with nb.Dropout")
    if passes < 2:
        raise ValueError(f"a spread needs at least two passes, but {passes} were asked for")
    points = np.asarray(x)
    widest = max(layer.outputs for layer in network.layers if isinstance(layer, Dropout))
    if len(points) * widest >= LARGEST:
        raise ValueError(f"{len(points):,} points with {widest:,} neurons each are more than masks can tell apart: take fewer")
    vector = problem._vector(p)
    out = []
    for k in range(1, passes + 1):
        out.append(np.asarray(problem.cost.predict(_drawn(problem, network, vector, points, seed, k))))
        if progress is not None:
            progress(k, passes, None)
    return DropoutEnsemble(np.array(out), np.asarray(problem.predict(p, points), dtype=float))


def without_flips(network: Network) -> Network:
    """The network with flips that never happen; its other random layers keep their places, and so their masks."""
    return Network(tuple(replace(layer, probability=0.0) if isinstance(layer, Flip) else layer for layer in network.layers))


def _drawn(problem: Problem, network: Network, p: Vector, x: Matrix, seed: int, step: int) -> Matrix:
    """a[L] of all rows x as in a training step, (N, n_L)."""
    engine: Any = problem.engine
    if engine.name == "tensor":
        from netbp.engines.tensor.drawing import drawn_outputs

        bound: Any = problem.bound
        return drawn_outputs(bound, network, p, x, seed, step)
    with np.errstate(all="ignore"):
        return forward(network, plain(p, "p", along="entry"), np.asarray(x, dtype=float), Training(seed, step)).a[-1]


class Members(NamedTuple):
    """All members of a small ensemble.

    probabilities: (K, N, n_L), of each mask. weights: (K,), the masks' probabilities. arithmetic, geometric: their means, (N, n_L),
    the latter normalised. scaled: with weights scaled.
    """

    probabilities: Array
    weights: Vector
    arithmetic: Matrix
    geometric: Matrix
    scaled: Matrix


def every_mask(problem: Problem, p: ArrayLike, x: ArrayLike) -> Members:
    """Predictions at x (N, n_1) under every mask, one for all points, for networks of up to 2^16 masks.

    Raises ValueError for more masks than that, and for a network without dropout.
    """
    network, points, vector = problem.network, np.asarray(x, dtype=float), plain(p, "p", along="entry")
    places = [(l, layer) for l, layer in enumerate(network.layers, start=2) if isinstance(layer, Dropout)]
    bits = sum(layer.outputs for _, layer in places)
    if not 1 <= bits <= int(np.log2(MOST_MASKS)):
        raise ValueError(f"all masks are looked at for 1 to {np.log2(MOST_MASKS):.0f} neurons under dropout, but there are {bits}")
    outputs, weights = [], []
    for mask in product((1.0, 0.0), repeat=bits):
        kept, factors, weight, first = np.array(mask), {}, 1.0, 0
        for l, layer in places:
            own = kept[first : first + layer.outputs]
            first += layer.outputs
            keep = 1.0 - layer.rate
            factors[l] = own if layer.scaling == "evaluation" else own / keep
            weight *= float(np.prod(np.where(own > 0, keep, layer.rate)))
        outputs.append(with_masks(network, vector, points, factors))
        weights.append(weight)
    P, w = np.asarray(problem.cost.predict(np.array(outputs))), np.array(weights)
    with np.errstate(divide="ignore"):
        logs = np.einsum("k,kij->ij", w, np.log(P))
    geometric = np.exp(logs - logs.max(axis=1, keepdims=True))
    geometric /= geometric.sum(axis=1, keepdims=True)
    return Members(P, w, np.einsum("k,kij->ij", w, P), geometric, np.asarray(problem.predict(vector, points)))


def with_masks(network: Network, p: Vector, x: Matrix, factors: dict[int, Array]) -> Matrix:
    """a[L] of the rows x with given factors (n_l,) or (N, n_l) in the dropout layers l, and in evaluation otherwise."""
    a = x
    for l, (layer, W, b, sigma) in enumerate(layers_of(network, p), start=2):
        A = Diagonal(factors[l]) if l in factors else map_of(layer, l, W, a, None)
        z = A.apply(a)
        a = sigma.value(z if b is None else z + bias_of(layer, b))
    return a
