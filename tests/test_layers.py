"""Layers: shapes inferred, settings refused with what was got and what is needed, and the table of a network."""

from __future__ import annotations

import pickle
import re
from itertools import product
from typing import Any

import numpy as np
import pytest

import netbp as nb
from netbp.experiments.loaded import network_of_run
from netbp.layers import Elementwise
from netbp.provenance import network_settings
from netbp.run import Run
from netbp.types import State
from netbp.written import layer_written

EDGE = ((0, 1), (0, 1))

# Section 7.4's network, layer by layer.
CIFAR = nb.Network.chain(
    (3, 32, 32),
    nb.Flip(),
    nb.Conv(32, 5, pad=2),
    nb.Pool(3, 2, pad=EDGE),
    nb.relu,
    nb.Dropout(0.15),
    nb.Conv(32, 5, pad=2, activation=nb.relu),
    nb.Pool(3, 2, pad=EDGE, kind="average"),
    nb.Dropout(0.15),
    nb.Conv(64, 5, pad=2, activation=nb.relu),
    nb.Pool(3, 2, pad=EDGE, kind="average"),
    nb.Dropout(0.15),
    nb.Conv(64, 4, activation=nb.relu),
    nb.Dropout(0.35),
    nb.Dense(10),
)


# -- shapes ------------------------------------------------------------------------------------------------------------------


def test_the_number_of_windows_is_how_many_fit():
    for n, k, s, before, after in product(range(1, 9), range(1, 5), range(1, 4), range(3), range(3)):
        starts = [i for i in range(-before, n + after) if (i + before) % s == 0 and i + k <= n + after]
        for layer in (nb.Conv(2, k, s, ((before, after),)), nb.Pool(k, s, ((before, after),))):
            only_padding = isinstance(layer, nb.Pool) and max(before, after) >= k
            if not starts or only_padding:
                with pytest.raises(ValueError, match="layer 2 of 2"):
                    nb.Network.chain((3, n), layer)
            else:
                placed = nb.Network.chain((3, n), layer).layers[0]
                assert placed.output == (2 if isinstance(layer, nb.Conv) else 3, len(starts))


@pytest.mark.parametrize(
    ("input", "layer", "output", "parameters"),
    [
        ((3, 8, 6), nb.Conv(4, 3), (4, 6, 4), 4 * 27 + 4),
        ((3, 8, 6), nb.Conv(4, (3, 2), stride=(2, 1), pad=(1, 0)), (4, 4, 5), 4 * 18 + 4),
        ((3, 8), nb.Conv(4, 3, pad=((2, 0),)), (4, 8), 4 * 9 + 4),
        ((3, 8, 6), nb.Pool(2), (3, 4, 3), 0),
        ((3, 8, 6), nb.Pool(3, 2, EDGE, "average"), (3, 4, 3), 0),
        ((3, 8, 6), nb.Flatten(), (144,), 0),
        ((3, 8, 6), nb.Dropout(0.5), (3, 8, 6), 0),
        ((3, 8, 6), nb.Flip(), (3, 8, 6), 0),
        ((3, 8, 6), nb.Dense(5), (5,), 5 * 145),
        (7, nb.tanh, (7,), 0),
    ],
    ids=repr,
)
def test_outputs_and_parameters(input, layer, output, parameters):
    network = nb.Network.chain(input, layer)
    assert network.layers[0].output == output
    assert network.size == parameters
    assert network.sizes == (int(np.prod(input)), int(np.prod(output)))
    for W, b in network.views(np.arange(float(parameters))):
        assert W.shape == network.layers[0].weight_shape
        assert b.shape == W.shape[:1]


def test_filters_lie_in_p_one_after_the_other_channel_by_channel_and_row_by_row():
    network = nb.Network.chain((2, 4, 4), nb.Conv(3, (2, 2)), nb.Dense(2))
    (W, b), (V, c) = network.views(np.arange(network.size))
    assert W.ravel().tolist() == list(range(24))
    assert V.T.ravel().tolist() == list(range(24, 24 + 54))  # a dense layer's matrix: column by column
    assert (b.tolist(), c.tolist()) == ([78, 79, 80], [81, 82])


# -- values ------------------------------------------------------------------------------------------------------------------

LAYERS = [
    nb.Dense(3),
    nb.Dense(3, nb.relu),
    nb.Conv(4, 5),
    nb.Conv(4, (5, 3), stride=2, pad=((0, 1), (2, 2)), activation=nb.tanh),
    nb.Pool(2),
    nb.Pool(3, stride=2, pad=1, kind="average"),
    Elementwise(nb.sigmoid),
    nb.Flatten(),
    nb.Dropout(0.5),
    nb.Dropout(0.5, scaling="evaluation"),
    nb.Flip(),
    nb.Flip(0.25),
]


@pytest.mark.parametrize("layer", LAYERS, ids=repr)
def test_a_layer_is_a_value_whose_repr_makes_it_again(layer):
    known = {name: getattr(nb, name) for name in ("Dense", "Conv", "Pool", "Flatten", "Dropout", "Flip", "relu", "tanh", "sigmoid")}
    again = eval(repr(layer), known)
    again = Elementwise(again) if isinstance(again, nb.Activation) else again
    assert again == layer
    assert hash(again) == hash(layer)
    assert pickle.loads(pickle.dumps(layer)) == layer
    assert "input" not in repr(layer)


@pytest.mark.parametrize("layer", LAYERS, ids=repr)
def test_a_layer_is_read_from_what_its_repr_writes(layer):
    assert layer_written(repr(layer)) == layer


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Dense(10",
        "Dense()",
        "Dense(10, input=(3,))",
        "Dense(**{'width': 3})",
        "Strange(3)",
        "print(1)",
        "identity_value",
        "[3]",
        "relu(3)",
        "Dense(open('x'))",
        "__import__('os').getcwd()",
        "lambda: 3",
        "Dense.placed",
    ],
)
def test_other_text_is_no_layer_and_never_run(text):
    with pytest.raises(ValueError, match="is no layer of netbp"):
        layer_written(text)


def test_a_runs_settings_make_its_network_again():
    for network in (CIFAR, nb.Network.chain(7, nb.tanh, nb.Dense(2)), nb.Network.dense(2, 3, 1, activation=nb.relu)):
        told = {"problem": {"network": network_settings(network)}}
        assert network_of_run(Run(State(network.draw(0)), 1.0, 1.0, settings=told)) == network


def test_lists_and_numpys_numbers_make_the_same_layers():
    whole = np.int64
    assert nb.Conv(whole(4), [3, whole(2)], pad=[[0, 1], (1, whole(0))]) == nb.Conv(4, (3, 2), pad=((0, 1), (1, 0)))
    assert nb.Dropout(np.float32(0.5)) == nb.Dropout(0.5)
    one = nb.Network.chain(np.array([3, 8, 6]).tolist(), nb.Conv(whole(4), [3, 2]), nb.Dense(whole(5)))
    other = nb.Network.chain((3, 8, 6), nb.Conv(4, (3, 2)), nb.Dense(5))
    assert one == other
    assert hash(one) == hash(other)


# -- refusals ----------------------------------------------------------------------------------------------------------------

IMAGE, SIGNAL, VECTOR = (3, 8, 6), (3, 8), 10
NO_COUNT = [0, -1, 2.5, float("nan"), float("inf"), True, None, "2", (2,)]

# (input, layer, what the message must hold besides the layer's name and number, .* for anything between)
WRONG: list[tuple[Any, Any, str]] = [
    *[(VECTOR, nb.Dense(n), f"whole number, at least 1, but it is {n!r}") for n in NO_COUNT],
    *[(IMAGE, nb.Conv(n, 3), f"number of filters.* whole number, at least 1, but it is {n!r}") for n in NO_COUNT],
    *[(IMAGE, nb.Conv(2, n), "the window of .* on 3 x 8 x 6 must be a whole number, at least 1, or 2 of them") for n in NO_COUNT],
    *[(SIGNAL, nb.Pool(n), "the window of .* on 3 x 8 must be a whole number, at least 1") for n in NO_COUNT if n != (2,)],
    *[(IMAGE, nb.Conv(2, 3, n), "the stride of .* on 3 x 8 x 6 must be a whole number, at least 1") for n in NO_COUNT],
    *[(IMAGE, nb.Pool(3, n), "the stride of .* must be a whole number, at least 1") for n in NO_COUNT if n is not None],
    *[(IMAGE, nb.Conv(2, 3, 1, n), "pad of .* must be a whole number, at least 0") for n in NO_COUNT if n != 0],
    *[(IMAGE, nb.Conv(2, n), f"or 2 of them.* but it is {n!r}") for n in [(3,), (3, 3, 3), (3, 0), (3, 2.0)]],
    *[
        (IMAGE, nb.Conv(2, 3, pad=n), "before, after")
        for n in [(1,), ((1, 1),), ((1, 1, 1), (1, 1)), ((1, -1), (0, 0)), ((1, 1), True)]
    ],
    (SIGNAL, nb.Conv(2, 3, pad=(0, 1)), "as in ((0, 1),), but it is (0, 1)"),
    *[(VECTOR, layer, "needs a signal .* or an image .*, but gets 10") for layer in (nb.Conv(2, 3), nb.Pool(2), nb.Flip())],
    (IMAGE, nb.Conv(2, 9), "has a window of 9, but gets 3 x 8 x 6, 8 with its padding: take a smaller window or more padding"),
    (IMAGE, nb.Conv(2, (3, 9), pad=(0, 1)), "has a window of 9, but gets 3 x 8 x 6, 8 with its padding"),
    (IMAGE, nb.Pool((2, 7)), "has a window of 7, but gets 3 x 8 x 6, 6 with its padding"),
    (IMAGE, nb.Pool(2, pad=2), "windows that see only padding: pad must be below the window's size"),
    (IMAGE, nb.Pool(3, 2, pad=((0, 3), (0, 0))), "windows that see only padding"),
    *[(IMAGE, nb.Pool(2, kind=kind), f'kind {kind!r}: it can be "max" or "average"') for kind in ("mean", None, 2)],
    *[(VECTOR, nb.Dropout(r), f"rate {r!r}: it is a probability, at least 0 and below 1") for r in (-0.1, 1.0, 1, 5, True, False)],
    *[(VECTOR, nb.Dropout(r), "it is a probability, at least 0 and below 1") for r in (float("nan"), None, "0.5", (0.5,), 0.5j)],
    *[(VECTOR, nb.Dropout(0.5, s), f'scaling {s!r}: it can be "training" or "evaluation"') for s in ("test", None, True)],
    *[(IMAGE, nb.Flip(r), "must be a number from 0 to 1") for r in (-0.1, 1.1, float("nan"), None, "0.5", True)],
    *[(VECTOR, nb.Dense(2, s), f"activation {s!r}: it must be an Activation, such as nb.relu") for s in ("relu", None, 1)],
    (IMAGE, nb.Conv(2, 3, activation=np.tanh), "it must be an Activation"),
    (VECTOR, Elementwise("relu"), "it must be an Activation"),
]


@pytest.mark.parametrize("before", [(), (nb.tanh,), (nb.tanh, nb.Dropout(0.1))], ids=["first", "second", "third"])
def test_every_refusal_names_the_layer_what_it_got_and_what_it_needs(before):
    for input, layer, message in WRONG:
        number, of = len(before) + 2, len(before) + 3
        parts = [re.escape(part) for part in f"layer {number} of {of}: .*{message}".split(".*")]
        with pytest.raises(ValueError, match=".*".join(parts)) as caught:
            nb.Network.chain(input, *before, layer, nb.Dense(2))
        if not isinstance(layer, Elementwise):
            assert type(layer).__name__ in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("other", ["relu", nb.Dense, 10, [nb.Dense(2)], None, np.tanh], ids=str)
def test_what_is_no_layer_is_refused(other):
    with pytest.raises(ValueError, match=r"layer 3 of 3 is .*, which is no layer: give Dense, Conv, Pool"):
        nb.Network.chain(3, nb.Dense(2), other)


@pytest.mark.parametrize(
    "input", [0, -1, True, 2.5, "3", None, (), (3, 0), (3, 8.0, 6), (3, True), (1, 2, 3, 4), (3, float("nan"))], ids=str
)
def test_inputs_that_are_no_shape_are_refused(input):
    with pytest.raises(ValueError, match=r"the input must be n, .* whole numbers of at least 1: it is"):
        nb.Network.chain(input, nb.Dense(2))


def test_a_chain_needs_layers_and_not_too_many_parameters():
    with pytest.raises(ValueError, match="a network needs at least one layer behind its input 3 x 8"):
        nb.Network.chain((3, 8))
    with pytest.raises(ValueError, match="has 10,000,100,000 parameters, above the limit of 1,000,000,000"):
        nb.Network.chain(10**5, nb.Dense(10**5))
    assert nb.Network.chain(2, nb.Flatten()).size == 0


# -- the table ---------------------------------------------------------------------------------------------------------------


def test_section_7_4s_network_layer_by_layer():
    counted = [layer.size for layer in CIFAR.weighted]
    assert counted == [2_432, 25_632, 51_264, 65_600, 650]
    assert sum(counted) == CIFAR.size == CIFAR.table().parameters == 145_578
    rows = CIFAR.table().rows
    assert [row.l for row in rows] == list(range(1, 16))
    assert rows[0].output == (3, 32, 32)
    assert [row.output for row in rows if isinstance(row.layer, nb.Pool)] == [(32, 16, 16), (32, 8, 8), (64, 4, 4)]
    assert rows[12].output == (64, 1, 1)
    assert rows[-1].output == (10,)
    assert [row.multiply_adds for row in rows if row.parameters] == [
        75 * 32 * 32 * 32,
        800 * 32 * 16 * 16,
        800 * 64 * 8 * 8,
        1024 * 64,
        640,
    ]
    assert CIFAR.table().memory(4) == (4 * 145_578, 4 * sum(CIFAR.sizes))
    assert CIFAR.table().memory(8)[0] == 8 * 145_578


def seen_by(network: nb.Network, l: int, axis: int) -> tuple[int, int]:
    """How much of the input a neuron in the middle of layer l sees along an axis, and how far that moves to the next."""
    rng = np.random.default_rng(0)
    part = nb.Network(network.layers[: l - 1])
    p = np.abs(part.draw(rng))  # positive weights and inputs: nothing is off, and nothing cancels
    problem = nb.Problem(part, nb.quadratic, nb.Data(np.ones((1, part.sizes[0])), np.zeros((1, part.sizes[-1]))))
    output, windows = part.layers[-1].output, []
    for shift in (0, 1):
        place = [0, *(n // 2 for n in output[1:])]
        place[1 + axis] += shift
        neuron = np.ravel_multi_index(place, output)
        moved = []
        for i in range(network.input[1 + axis]):
            x = np.ones((1, *network.input))
            x[(0, slice(None), *(slice(None) if a != axis else i for a in range(len(network.input) - 1)))] += 1.0
            change = problem.output(p, x.reshape(1, -1)) - problem.output(p, np.ones((1, x.size)))
            if change[0, neuron]:
                moved.append(i)
        windows.append(moved)
    return len(windows[0]), windows[1][0] - windows[0][0]


@pytest.mark.parametrize(
    "network",
    [
        nb.Network.chain((2, 31), nb.Conv(2, 3), nb.Pool(2, kind="average"), nb.relu, nb.Conv(1, 4, stride=2)),
        nb.Network.chain((1, 30, 23), nb.Conv(2, (3, 2), stride=(2, 1)), nb.Pool(3, 2, kind="average"), nb.Conv(2, 2)),
    ],
    ids=["signal", "image"],
)
def test_what_a_neuron_sees_is_what_moves_it(network):
    for row in network.table().rows[1:]:
        for axis in range(len(network.input) - 1):
            assert (row.field[axis], row.step[axis]) == seen_by(network, row.l, axis)


def test_the_table_prints_a_line_for_each_layer_and_totals():
    lines = str(CIFAR.table()).splitlines()
    assert len(lines) == 1 + 15 + 2
    assert len({len(line) for line in lines[:-1]}) == 1
    assert " ".join(lines[3].split()) == "3 Conv(32, 5, pad=2) 32 x 32 x 32 2,432 2,457,600 5 x 5 1 x 1 131,072"
    assert lines[-2].split()[:3] == ["total", "145,578", "12,354,176"]
    assert "the parameters take 582,312 (1,164,624)" in lines[-1]


def test_a_chains_repr_is_its_title_and_its_table_and_a_dense_networks_one_line():
    assert repr(CIFAR) == f"{CIFAR.title}\n{CIFAR.table()}"
    assert "\n" not in CIFAR.title
    dense = nb.Network.dense(2, 2, 3, 2)
    assert repr(dense) == dense.title
    assert dense.table().parameters == 23
    assert [row.field for row in dense.table().rows] == [(1,), (), (), ()]
    short = nb.Network.chain((2, 3), nb.Conv(2, 2), nb.relu, nb.Dense(1))
    assert short.title == "Network.chain((2, 3), Conv(2, 2), relu, Dense(1))"
    names = {name: getattr(nb, name) for name in ("Network", "Conv", "Dense", "relu")}
    assert eval(short.title, names) == short


def test_long_chains_have_a_short_title():
    assert nb.Network.chain(3, *[nb.tanh] * 100).title == "Network.chain(3, " + "tanh, " * 9 + "..., tanh)"
