"""Convolution as linear algebra: the layer, the sparse matrix and the FFT agree, and every linear layer has its adjoint."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from scipy.fft import fftn, ifftn
from scipy.sparse import issparse

import netbp as nb
from conftest import EPS
from netbp.convolution import places
from netbp.engines.reference import Reference
from netbp.engines.reference.maps import Average, Choice, Filters, map_of
from netbp.engines.reference.windows import largest
from netbp.layers import geometry

# (input, filters, window, stride, pad): signals and images, all sizes of padding, also on one side only.
SIGNALS = [
    ((c, n), f, k, s, pad)
    for c, n, f, k, s, pad in product((1, 3), (5, 8), (1, 2), (1, 3, 4), (1, 2, 3), (0, 1, ((0, 2),), ((3, 0),)))
]
IMAGES = [
    ((c, *sizes), f, k, s, pad)
    for c, sizes, f, k, s, pad in product(
        (1, 2), ((5, 5), (4, 7)), (1, 3), (2, (3, 2), 4), (1, (2, 1), 3), (0, 1, (0, 2), ((0, 1), (2, 0)))
    )
]
CASES = SIGNALS + IMAGES


def case_id(case: Any) -> str:
    return " ".join(str(part).replace(" ", "") for part in case)


def placed(case: Any) -> Any:
    shape, filters, window, stride, pad = case
    return nb.Conv(filters, window, stride, pad).placed(shape)


def drawn(layer: Any, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.standard_normal(layer.weight_shape), rng.standard_normal((4, layer.inputs))


def by_fft(layer: Any, W: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Each channel's correlation as a product of transforms: the whole input, padded, then every stride-th place."""
    window, stride, pad = geometry(layer)
    images = np.pad(x.reshape(len(x), *layer.input), [(0, 0), (0, 0), *pad])
    axes = tuple(range(2, images.ndim))
    sizes = images.shape[2:]
    transformed = fftn(images, axes=axes)[:, None] * np.conj(fftn(W, s=sizes, axes=axes))[None]
    summed = ifftn(transformed.sum(axis=2), axes=axes).real
    kept = (slice(None), slice(None), *(slice(0, n - k + 1, s) for n, k, s in zip(sizes, window, stride, strict=True)))
    return summed[kept].reshape(len(x), -1)


@pytest.mark.parametrize("group", [SIGNALS, IMAGES], ids=["signals", "images"])
def test_the_layer_the_matrix_and_the_fft_agree_to_rounding(group):
    for case in group:
        layer = placed(case)
        W, x = drawn(layer)
        network = nb.Network.chain(case[0], nb.Conv(*case[1:]))
        p = np.concatenate([W.ravel(), np.zeros(layer.filters)])
        bound = nb.Problem(network, nb.quadratic, nb.Data(x, np.zeros((4, layer.outputs))), engine=Reference()).bound
        A = nb.convolution_matrix(W, case[0], case[3], case[4])
        assert issparse(A)
        assert A.shape == (layer.outputs, layer.inputs)
        matrix, conv = (A @ x.T).T, bound.forward(p, x)
        # a sum of n products in any order: at most n roundings of the sum of their sizes
        n = np.prod(layer.weight_shape[1:]) + 1
        allowed = n * EPS * (abs(A) @ np.abs(x.T)).T
        assert np.all(np.abs(conv - matrix) <= allowed), case_id(case)
        # the transforms mix all entries: their rounding is a small multiple of eps times the norms (observed below 2)
        scale = np.linalg.norm(x, axis=1)[:, None] * np.linalg.norm(W)
        assert np.all(np.abs(conv - by_fft(layer, W, x)) <= 8 * EPS * scale), case_id(case)


def test_29_comes_out_as_printed():
    A = nb.convolution_matrix([1, -1], 6).toarray()
    assert A.tolist() == (np.eye(5, 6) - np.eye(5, 6, k=1)).tolist()
    x = np.array([3.0, 1.0, 4.0, 1.0, 5.0, 9.0])
    assert (A @ x).tolist() == (-np.diff(x)).tolist()  # differences between neighbouring values


def test_30_comes_out_as_printed_with_and_without_the_column_of_the_padding():
    a, b, c, d = 2, 3, 5, 7
    printed = [
        [a, b, c, d, 0, 0, 0, 0, 0, 0],
        [0, 0, a, b, c, d, 0, 0, 0, 0],
        [0, 0, 0, 0, a, b, c, d, 0, 0],
        [0, 0, 0, 0, 0, 0, a, b, c, d],
    ]
    assert nb.convolution_matrix([a, b, c, d], 10, stride=2).toarray().tolist() == printed
    padded = nb.convolution_matrix([a, b, c, d], 9, stride=2, pad=((0, 1),))
    assert padded.toarray().tolist() == [row[:-1] for row in printed]


def test_one_filter_of_one_channel_needs_no_channels():
    kernel = np.arange(6.0).reshape(2, 3)
    for stride, pad in product((1, 2), (0, 1)):
        one = nb.convolution_matrix(kernel, (4, 5), stride, pad).toarray()
        assert np.array_equal(one, nb.convolution_matrix(kernel[None, None], (1, 4, 5), stride, pad).toarray())
    assert np.array_equal(
        nb.convolution_matrix(kernel[0], 5).toarray(), nb.convolution_matrix(kernel[0][None, None], (1, 5)).toarray()
    )


def test_every_weight_stands_once_for_each_place_inside():
    layer = nb.Conv(3, 3, 2, 1).placed((2, 5, 6))
    A = nb.convolution_matrix(np.arange(1.0, 55.0).reshape(layer.weight_shape), layer.input, 2, 1)
    inside = (places((5, 6), geometry(layer)) < 30).sum()
    assert A.nnz == 3 * 2 * inside
    assert set(A.data) == set(range(1, 55))


@pytest.mark.parametrize(
    ("kernel", "shape", "more", "message"),
    [
        ("abc", 6, {}, "must be an array of numbers"),
        ([], 6, {}, "must be an array of numbers"),
        (np.ones((2, 3, 3)), (2, 8), {}, r"kernel of shape \(2, 3, 3\) does not fit the input 2 x 8"),
        (np.ones((2, 3)), (3, 4, 5), {}, r"does not fit the input 3 x 4 x 5"),
        (np.ones(3), 0, {}, "whole numbers of at least 1"),
        (np.ones(3), (4.5,), {}, "whole numbers of at least 1"),
        (np.ones(7), 6, {}, "take a smaller window or more padding"),
        (np.ones(3), 6, {"stride": 0}, "the stride of .* must be a whole number"),
        (np.ones(3), 6, {"pad": -1}, "pad of .* must be a whole number"),
    ],
)
def test_what_does_not_fit_is_refused(kernel, shape, more, message):
    with pytest.raises(ValueError, match=message):
        nb.convolution_matrix(kernel, shape, **more)


# -- pooling ---------------------------------------------------------------------------------------------------------------

POOLS = [
    (shape, window, stride, pad)
    for shape, window, stride, pad in [
        *product(((2, 7), (1, 4)), (2, 3), (None, 1, 2), (0, 1, ((0, 1),), ((1, 0),))),
        *product(((2, 5, 6), (1, 4, 4)), (2, (3, 2)), (None, 1, (2, 3)), (0, 1, ((0, 1), (0, 1)), ((1, 0), (0, 0)))),
    ]
]


def pooled_slowly(layer: Any, x: np.ndarray, f: Any) -> np.ndarray:
    """Every window, cut out and clipped, one after the other."""
    window, stride, pad = geometry(layer)
    out = np.empty((len(x), *layer.output))
    images = x.reshape(len(x), *layer.input)
    for place in np.ndindex(*layer.output[1:]):
        begin = [s * q - before for q, s, (before, _) in zip(place, stride, pad, strict=True)]
        cut = tuple(slice(max(0, b), b + k) for b, k in zip(begin, window, strict=True))
        out[(..., *place)] = f(images[(..., *cut)].reshape(*images.shape[:2], -1))
    return out.reshape(len(x), -1)


@pytest.mark.parametrize("kind", ["max", "average"])
def test_pools_are_clipped_to_the_input(kind):
    for shape, window, stride, pad in POOLS:
        layer = nb.Pool(window, stride, pad, kind).placed(shape)
        x = -1.0 - np.random.default_rng(0).random((3, layer.inputs))  # negative: padding of zeros would win a maximum
        A = map_of(layer, 2, None, x, None)
        expected = pooled_slowly(layer, x, lambda cut: cut.max(axis=-1) if kind == "max" else cut.mean(axis=-1))
        assert np.abs(A.apply(x) - expected).max() <= (0.0 if kind == "max" else 8 * EPS), layer


def test_of_equal_entries_the_first_in_the_window_is_chosen_row_by_row():
    layer = nb.Pool(2).placed((1, 2, 4))
    x = np.array([[0.0, 1.0, 5.0, 5.0, 1.0, 1.0, 5.0, 5.0]])
    assert largest(layer, x).tolist() == [[1, 2]]
    padded = nb.Pool(3, 2, pad=1).placed((1, 4, 4))
    assert largest(padded, np.zeros((1, 16))).tolist() == [[0, 1, 4, 5]]  # the first that is there, not the padding
    assert largest(padded, np.full((1, 16), -np.inf)).tolist() == [[0, 1, 4, 5]]


# -- adjoints ----------------------------------------------------------------------------------------------------------------


def adjoint(A: Any, layer: Any, seed: int = 1) -> None:
    """<A x, y> = <x, A'y>, to a few roundings for each of the terms of the two sums."""
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((4, layer.inputs)), rng.standard_normal((4, layer.outputs))
    Ax, Aty = A.apply(x), A.transpose(y)
    assert Ax.shape == y.shape
    assert Aty.shape == x.shape
    one, other = (Ax * y).sum(axis=1), (x * Aty).sum(axis=1)
    size = np.abs(Ax * y).sum(axis=1) + np.abs(x * Aty).sum(axis=1)
    assert np.all(np.abs(one - other) <= 32 * EPS * size), layer


def test_convolution_without_bias_has_its_adjoint():
    for case in CASES:
        layer = placed(case)
        W, _ = drawn(layer)
        adjoint(Filters(layer, W), layer)
        A = nb.convolution_matrix(W, case[0], case[3], case[4])
        y = np.random.default_rng(2).standard_normal((3, layer.outputs))
        np.testing.assert_allclose(Filters(layer, W).transpose(y), (A.T @ y.T).T, rtol=0, atol=1e3 * EPS)


def test_average_pooling_has_its_adjoint_and_max_pooling_that_of_its_derivative():
    for shape, window, stride, pad in POOLS:
        average, most = (nb.Pool(window, stride, pad, kind).placed(shape) for kind in ("average", "max"))
        adjoint(Average(average), average)
        x = np.random.default_rng(3).standard_normal((4, most.inputs))
        A = map_of(most, 2, None, x, None)
        assert isinstance(A, Choice)
        adjoint(A, most)
        # near x, away from ties, max pooling is linear and A is its derivative
        v, h = np.random.default_rng(4).standard_normal(x.shape), 1e-9
        moved = map_of(most, 2, None, x + h * v, None).apply(x + h * v)
        assert np.abs(moved - A.apply(x) - h * A.apply(v)).max() <= 8 * EPS * np.abs(x).max()
