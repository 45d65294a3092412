"""Network: the order of p, views that are views, starts, sizes and refusals."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import netbp as nb

NETWORKS = [(1, 1), (2, 2, 3, 2), (4, 3, 4, 5, 2), (3, 40, 20, 4), (2, *[3] * 10, 2), (784, 30, 10)]


@pytest.mark.parametrize("sizes", NETWORKS, ids=str)
def test_the_size_counts_every_weight_and_bias(sizes):
    network = nb.Network.dense(*sizes)
    assert network.size == sum((m + 1) * n for m, n in zip(sizes, sizes[1:], strict=False))
    assert network.sizes == sizes


def test_figure_3_has_23_parameters_in_the_listings_order():
    network = nb.Network.dense(2, 2, 3, 2)
    assert network.size == 23
    (W2, b2), (W3, b3), (W4, b4) = network.views(np.arange(1, 24))  # MATLAB's numbering, from 1
    assert W2.tolist() == [[1, 3], [2, 4]]
    assert W3.tolist() == [[5, 8], [6, 9], [7, 10]]
    assert W4.tolist() == [[11, 13, 15], [12, 14, 16]]
    assert (b2.tolist(), b3.tolist(), b4.tolist()) == ([17, 18], [19, 20, 21], [22, 23])


@pytest.mark.parametrize("sizes", NETWORKS, ids=str)
@pytest.mark.parametrize("leading", [(), (3,), (2, 3)], ids=["one", "ensemble", "many"])
def test_views_are_views_and_cover_p_once(sizes, leading):
    network = nb.Network.dense(*sizes)
    p = np.zeros((*leading, network.size))
    for l, (W, b) in enumerate(network.views(p), start=1):
        assert W.shape == (*leading, sizes[l], sizes[l - 1])
        assert b.shape == (*leading, sizes[l])
        assert np.shares_memory(W, p)
        assert np.shares_memory(b, p)
        W += 1.0
        b += 1.0
    assert np.all(p == 1.0)


def test_an_ensembles_views_are_those_of_its_members():
    network = nb.Network.dense(2, 2, 3, 2)
    p = np.random.default_rng(0).standard_normal((4, 23))
    for m in range(4):
        for (W, b), (Wm, bm) in zip(network.views(p), network.views(p[m]), strict=True):
            assert np.array_equal(W[m], Wm)
            assert np.array_equal(b[m], bm)


@pytest.mark.parametrize("shape", [(22,), (24,), (23, 1), (), (0,)], ids=str)
def test_views_of_a_wrong_p_are_refused(shape):
    with pytest.raises(ValueError, match="has 23 parameters, but p has shape"):
        nb.Network.dense(2, 2, 3, 2).views(np.zeros(shape))


# -- starts --------------------------------------------------------------------------------------------------------------------


def test_the_default_start_is_the_listings(network, reference_run):
    assert np.array_equal(network.draw(nb.MatlabRandom(5000)), reference_run["p0"])


def test_a_seed_a_generator_and_a_stream_serve(network):
    assert np.array_equal(network.draw(7), 0.5 * np.random.default_rng(7).standard_normal(23))
    assert np.array_equal(network.draw(np.random.default_rng(7), scale=2.0), 4 * network.draw(7))
    stream = nb.MatlabRandom(1)
    assert not np.array_equal(network.draw(stream), network.draw(stream))  # the stream moves on


@pytest.mark.parametrize(("scale", "std"), [(nb.glorot, lambda m, n: 2 / (m + n)), (nb.he, lambda m, n: 2 / m)])
def test_glorot_and_he_scale_weights_and_leave_biases_at_zero(scale, std):
    network = nb.Network.dense(50, 80, 60)
    p = network.draw(0, scale=scale)
    for (W, b), (m, n) in zip(network.views(p), [(50, 80), (80, 60)], strict=True):
        assert np.all(b == 0.0)
        assert abs(W.var() / std(m, n) - 1) < 5 * np.sqrt(2 / W.size)  # five standard deviations of a sample variance


def test_he_keeps_the_size_of_activations_through_relu_layers_and_glorot_through_tanh():
    x = np.random.default_rng(1).standard_normal((200, 256))
    for sigma, scale, bounds in ((nb.relu, nb.he, (0.5, 2.0)), (nb.tanh, nb.glorot, (0.04, 1.0))):
        network = nb.Network.dense(*[256] * 7, activation=sigma)
        problem = nb.Problem(network, nb.quadratic, nb.Data(x[:1], x[:1]))
        a = problem.output(network.draw(2, scale=scale), x)
        # ReLU keeps the mean square; under tanh it falls slowly, about like 1/(2l)
        assert bounds[0] < np.mean(a**2) / np.mean(x**2) < bounds[1]


def test_spread_gives_each_layer_its_value():
    network = nb.Network.dense(2, 2, 3, 2)
    pairs = network.views(network.spread([1, 2, 3], [4, 5, 6]))
    assert [(set(W.ravel()), set(b)) for W, b in pairs] == [({1.0}, {4.0}), ({2.0}, {5.0}), ({3.0}, {6.0})]
    assert network.spread(1, 0).sum() == 16
    with pytest.raises(ValueError, match="weights needs 1 or 3 values"):
        network.spread([1, 2], 0)


# -- descriptions --------------------------------------------------------------------------------------------------------------


def test_activations_one_for_all_or_one_per_layer():
    assert nb.Network.dense(2, 3, 1).activations == (nb.sigmoid, nb.sigmoid)
    assert nb.Network.dense(2, 3, 1, activation=[nb.relu, nb.identity]).activations == (nb.relu, nb.identity)
    with pytest.raises(ValueError, match="3 layers need 1 or 2 activations, but got 3"):
        nb.Network.dense(2, 3, 1, activation=[nb.relu] * 3)


@pytest.mark.parametrize("sigma", [nb.sigmoid, nb.relu], ids=repr)
def test_a_network_is_a_value(sigma):
    one, other = nb.Network.dense(2, 3, 1, activation=sigma), nb.Network.dense(2, 3, 1, activation=sigma)
    assert one == other
    assert hash(one) == hash(other)
    assert one != nb.Network.dense(2, 3, 2, activation=sigma)
    with pytest.raises(AttributeError):
        one.layers = ()


def test_a_network_travels_to_other_processes():
    network = nb.Network.dense(2, 3, 1, activation=[nb.relu, nb.tanh])
    assert pickle.loads(pickle.dumps(network)) == network


def test_its_repr_makes_it_again():
    network = nb.Network.dense(2, 3, 1, activation=[nb.relu, nb.identity])
    names = {sigma.name: sigma for sigma in (nb.relu, nb.identity)} | {"Network": nb.Network}
    assert eval(repr(network), names) == network
    assert repr(nb.Network.dense(*[2] * 1000)) == "Network.dense(2, 2, 2, 2, 2, ..., 2, 2, activation=sigmoid)"


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ((), "at least an input and an output layer"),
        ((3,), "at least an input and an output layer"),
        ((2, 0, 1), "layer 2 of widths .* has 0 neurons"),
        ((2, -3, 1), "layer 2 of widths .* has -3 neurons"),
        ((2, 2.5, 1), "has 2.5 neurons"),
        ((2, True), "layer 2 of widths .* has True neurons"),
        (([2, 3, 1],), "takes the widths one by one"),
        ((2, 10**6, 10**6, 1), "above the limit of 1,000,000,000"),
        ((1000, *[100000] * 2), "parameters, above the limit"),
    ],
)
def test_impossible_widths_are_refused_before_any_work(sizes, message):
    with pytest.raises(ValueError, match=message):
        nb.Network.dense(*sizes)


def test_a_million_layers_are_refused_or_counted_quickly():
    network = nb.Network.dense(*[1] * 10001)
    assert network.size == 20000
    assert len(network.views(np.zeros(20000))) == 10000


def test_numpys_whole_numbers_are_widths():
    assert nb.Network.dense(*np.array([2, 3, 1])).sizes == (2, 3, 1)
    assert all(type(n) is int for n in nb.Network.dense(*np.array([2, 3, 1])).sizes)
