"""The tensor engine on networks of any layers: against the reference engine, against torch.nn, and against itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import netbp as nb
from conftest import condition
from netbp import notices
from netbp.costs import missed
from netbp.engines import Advanced, Choices, Memory, Update, masks
from netbp.engines.reference import Reference
from netbp.engines.tensor import Tensor, translation
from netbp.engines.tensor import advance as training
from netbp.engines.tensor.advance import pieces_of
from netbp.engines.tensor.cuda import Captured
from netbp.engines.tensor.jacobian import available
from netbp.engines.tensor.layers import blocks, outputs
from netbp.engines.tensor.random import deleted, keys_of
from netbp.rules import constants_of
from test_chains import CHAINS, COSTS, problem_on, start

PRECISIONS = ["float64", "float32"]
NAMED = [pytest.param(network, id=name) for name, network in CHAINS.items()]
EDGE = ((0, 1), (0, 1))
ROUNDINGS = 64.0


def close(asked: Any, f: Any, p: np.ndarray, precision: str, multiple: float = ROUNDINGS) -> None:
    """f(p) within a multiple of the precision's eps times the condition; in float32 p itself is rounded first."""
    eps = float(np.finfo(precision).eps)
    p = p.astype(precision).astype(float)
    expected = np.asarray(f(p))
    allowed = multiple * eps * (condition(f, p) + np.abs(expected).max(initial=0.0))
    assert np.shape(asked) == expected.shape
    worst = np.max(np.abs(np.asarray(asked) - expected) / np.maximum(allowed, np.finfo(float).tiny), initial=0.0)
    assert worst <= 1.0, f"{worst * multiple:.3g} eps x condition, where {multiple:g} are allowed"


def engine(precision: str = "float64", **more: Any) -> Tensor:
    return Tensor(precision=precision, **{"compile": False, **more})


def choices_of(network: nb.Network, N: int, K: int = 6, full: bool = False) -> Choices:
    rng = np.random.default_rng(K)
    sizes = np.full(K, N) if full else np.resize([3, 1, 4, 2, N], K)
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    seed = 77 if network.random else None
    return Choices(None if full else rng.integers(N, size=offsets[-1]), offsets, np.geomspace(0.05, 0.01, K), seed)


def advanced(problem: nb.Problem, p: np.ndarray, choices: Choices, rule: Any = nb.momentum, t: int = 0, **more: Any) -> Advanced:
    network, memory = problem.network, more.pop("memory", Memory(np.zeros_like(p), np.zeros_like(p)))
    update = Update(rule, constants_of(rule), network.spread(0.5, 1.5), network.spread(0.02, 0.01))
    return problem.bound.advance(p, memory, t, choices, update, more.pop("record", 2), True)


def flat(a: Advanced) -> np.ndarray:
    return np.concatenate([a.p, a.memory.u, a.memory.v, a.costs, a.batch_costs])


# -- against the reference engine ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("network", NAMED)
@pytest.mark.parametrize("cost", COSTS, ids=repr)
def test_the_function_and_its_derivatives_agree_with_the_reference(network, cost, precision):
    reference, p = problem_on(network, cost, penalty=0.1), start(network)
    problem = reference.on(engine(precision))
    v, x = np.random.default_rng(1).standard_normal((2, max(network.size, 5 * network.sizes[0])))
    v, x = v[: network.size], x[: 5 * network.sizes[0]].reshape(5, -1)
    close(problem.value(p), reference.value, p, precision)
    close(problem.value_and_gradient(p)[0], reference.value, p, precision)
    close(problem.gradient(p), reference.gradient, p, precision)
    close(problem.output(p, x), lambda q: reference.output(q, x), p, precision)
    close(problem.hvp(p, v), lambda q: reference.hvp(q, v), p, precision)
    if cost.least_squares:
        close(problem.residual(p), reference.residual, p, precision)
        close(problem.jacobian(p), reference.jacobian, p, precision)
    for array in (problem.gradient(p), problem.output(p, x), problem.hvp(p, v)):
        assert array.dtype == np.dtype(precision)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("network", NAMED)
@pytest.mark.parametrize("full", [False, True], ids=["batches", "all points"])
def test_training_steps_agree_with_the_reference(network, full, precision):
    """The same random numbers too: dropout and flips delete and mirror the same."""
    reference, p = problem_on(network, nb.softmax_log_loss, penalty=0.1), start(network)
    problem, choices = reference.on(engine(precision)), choices_of(network, 6, full=full)
    asked = advanced(problem, p.astype(precision), choices)
    close(flat(asked), lambda q: flat(advanced(reference, q, choices)), p, precision, 8 * ROUNDINGS)
    assert np.allclose(asked.batch_errors, advanced(reference, p, choices).batch_errors)
    assert asked.p.dtype == np.dtype(precision)


@pytest.mark.parametrize("kind", ["max", "average"])
@pytest.mark.parametrize("shape", [(2, 9), (2, 7, 6)], ids=["signal", "image"])
@pytest.mark.parametrize(
    ("window", "stride", "pad"), [(2, None, 0), (3, 2, 1), (3, 1, 2), (3, 2, (0, 1)), (3, 3, (2, 0)), (4, 3, (1, 3))]
)
def test_clipped_pooling_has_the_references_windows(kind, shape, window, stride, pad):
    sides = (pad,) * (len(shape) - 1) if isinstance(pad, tuple) else pad
    network = nb.Network.chain(shape, nb.Conv(2, 2, pad=1), nb.Pool(window, stride, sides, kind), nb.tanh)
    problem, p = problem_on(network), start(network)
    close(problem.on(engine()).gradient(p), problem.gradient, p, "float64")


@pytest.mark.parametrize("kind", ["max", "average"])
@pytest.mark.parametrize("shape", [(2, 9), (2, 7, 6)], ids=["signal", "image"])
@pytest.mark.parametrize(
    ("window", "stride", "pad"), [(2, None, 0), (3, 2, 1), (3, 1, 2), (3, 2, (0, 1)), (3, 3, (2, 0)), (4, 3, (1, 3))]
)
@pytest.mark.parametrize("activation", [nb.tanh, nb.relu], ids=repr)
def test_the_form_for_the_compiler_is_the_same_function(kind, shape, window, stride, pad, activation):
    """Outputs and slopes, also where entries of a window are equal, as behind a ReLU; a window that is the whole image."""
    sides = (pad,) * (len(shape) - 1) if isinstance(pad, tuple) else pad
    placed = nb.Network.chain(shape, nb.Conv(2, 2, pad=1, activation=activation), nb.Pool(window, stride, sides, kind))
    network = nb.Network.chain(shape, *placed.layers, nb.Conv(3, placed.layers[-1].output[1:], activation=nb.tanh), nb.Dense(2))
    p, x = (
        torch.tensor(start(network)),
        torch.randn(5, network.sizes[0], dtype=torch.float64, generator=torch.Generator().manual_seed(1)),
    )
    found = []
    for translated in (False, True):
        run = outputs(network, True, "cpu", translated)
        f = torch.func.grad_and_value(lambda p, run=run: (run(tuple(blocks(network, p)), x, None, None) ** 3).sum())
        found.append(f(p))
    torch.testing.assert_close(found[1], found[0], rtol=1e-10, atol=1e-12)


def test_what_is_no_number_goes_through_pooling_for_the_compiler():
    network = nb.Network.chain((1, 4, 4), nb.Pool(2, 2))
    x = torch.arange(16.0)
    x[[2, 5]] = torch.nan
    plain, other = (outputs(network, True, "cpu", translated)((), x[None], None, None) for translated in (False, True))
    assert plain.isnan().tolist() == other.isnan().tolist() == [[True, True, False, False]]


def test_the_random_words_are_the_references():
    network = CHAINS["all"]
    keys = keys_of(network, 5, 3, 2)
    layers = [l for l, layer in enumerate(network.layers, start=2) if layer.random]
    assert keys.tolist() == [[list(masks.keys(5, step, l)) for l in layers] for step in (4, 5)]
    first, second = masks.keys(5, 4, 9)
    index = np.arange(7 * 12, dtype=np.int64).reshape(7, 3, 4)
    expected = masks.words(index, first, second) < masks.threshold(0.3)
    asked = deleted(torch.zeros(7, 3, 4), torch.tensor(0), torch.tensor([first, second]), 0.3)
    assert np.array_equal(asked.numpy(), expected)
    later = deleted(torch.zeros(3, 3, 4), torch.tensor(4), torch.tensor([first, second]), 0.3)
    assert np.array_equal(later.numpy(), expected[4:])


def test_points_missed_are_counted_as_netbp_counts_them():
    from netbp.engines.tensor.step import wrong

    rng = np.random.default_rng(0)
    a = rng.integers(0, 4, (500, 9)).astype(float)  # many are equal
    a[rng.random(a.shape) < 0.05] = np.nan
    y = np.eye(9)[rng.integers(9, size=500)]
    assert [int(n) for n in wrong(torch.tensor(a), torch.tensor(y))] == missed(a, y).sum(axis=0).tolist()


# -- against torch.nn ------------------------------------------------------------------------------------------------------------


def paper_network(dropout: bool = False) -> nb.Network:
    def block(*layers: Any) -> list[Any]:
        return [*layers, *([nb.Dropout(0.2)] if dropout else [])]

    return nb.Network.chain(
        (3, 32, 32),
        *([nb.Flip()] if dropout else []),
        *block(nb.Conv(32, 5, pad=2), nb.Pool(3, 2, pad=EDGE), nb.relu),
        *block(nb.Conv(32, 5, pad=2), nb.relu, nb.Pool(3, 2, pad=EDGE, kind="average")),
        *block(nb.Conv(64, 5, pad=2), nb.relu, nb.Pool(3, 2, pad=EDGE, kind="average")),
        *block(nb.Conv(64, 4), nb.relu),
        nb.Dense(10),
    )


def test_the_papers_network_is_what_torch_nn_makes_of_it():
    module = nn.Sequential(
        nn.Conv2d(3, 32, 5, padding=2),
        nn.MaxPool2d(3, 2, ceil_mode=True),
        nn.ReLU(),
        nn.Conv2d(32, 32, 5, padding=2),
        nn.ReLU(),
        nn.AvgPool2d(3, 2, ceil_mode=True),
        nn.Conv2d(32, 64, 5, padding=2),
        nn.ReLU(),
        nn.AvgPool2d(3, 2, ceil_mode=True),
        nn.Conv2d(64, 64, 4),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(64, 10),
    ).double()
    network = paper_network()
    parameters = list(module.parameters())
    p = network.draw(1, scale=nb.he)
    with torch.no_grad():
        for (W, b), w, c in zip(network.views(p), parameters[::2], parameters[1::2], strict=True):
            w.copy_(torch.tensor(W))
            c.copy_(torch.tensor(b))
    rng = np.random.default_rng(0)
    x, labels = rng.standard_normal((4, 3072)), rng.integers(10, size=4)
    problem = nb.Problem(network, nb.softmax_log_loss, nb.Data(x, np.eye(10)[labels]), engine=engine())
    a = module(torch.tensor(x).view(-1, 3, 32, 32))
    loss = nn.functional.cross_entropy(a, torch.tensor(labels))
    loss.backward()
    np.testing.assert_allclose(problem.output(p, x), a.detach().numpy(), rtol=1e-10, atol=1e-12)
    assert problem.value(p) == pytest.approx(loss.item(), rel=1e-12)
    for (W, b), w, c in zip(network.views(problem.gradient(p)), parameters[::2], parameters[1::2], strict=True):
        np.testing.assert_allclose(W, w.grad.numpy(), rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(b, c.grad.numpy(), rtol=1e-9, atol=1e-12)


# -- laws ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("parts", [1, 2])
@pytest.mark.parametrize("full", [False, True], ids=["batches", "all points"])
def test_splitting_and_repeating_change_no_bit(precision, parts, full):
    network = CHAINS["all"]
    problem = problem_on(network, nb.softmax_log_loss, penalty=0.1).on(engine(precision, parts=parts))
    choices, p = choices_of(network, 6, full=full), start(network).astype(precision)
    whole, again = advanced(problem, p, choices, nb.adam), advanced(problem, p, choices, nb.adam)
    first, second = (cut(choices, a, b) for a, b in ((0, 4), (4, 6)))
    half = advanced(problem, p, first, nb.adam)
    rest = advanced(problem, half.p, second, nb.adam, t=4, memory=half.memory)
    assert np.array_equal(flat(whole), flat(again))
    assert np.array_equal(whole.p, rest.p)
    assert np.array_equal(whole.memory.u, rest.memory.u)
    assert np.array_equal(whole.costs, np.append(half.costs, rest.costs))
    assert np.array_equal(whole.batch_errors, np.append(half.batch_errors, rest.batch_errors, axis=0))


def cut(choices: Choices, k: int, j: int) -> Choices:
    o = choices.offsets
    indices = None if choices.indices is None else choices.indices[o[k] : o[j]]
    return choices._replace(indices=indices, offsets=o[k : j + 1] - o[k], rates=choices.rates[k:j])


def test_networks_side_by_side_move_as_each_alone():
    network, M = CHAINS["all"], 3
    problem = problem_on(network, nb.softmax_log_loss).on(engine())
    starts, single = np.stack([network.draw(m, scale=nb.he) for m in range(M)]), choices_of(network, 6)
    many = advanced(problem, starts, single._replace(indices=np.stack([single.indices] * M), seed=np.array([1, 2, 3])))
    assert many.batch_errors.shape == (6, M, 2)
    for m in range(M):
        alone = advanced(problem, starts[m], single._replace(seed=m + 1))
        assert np.array_equal(many.p[m], alone.p)
        assert np.array_equal(many.costs[:, m], alone.costs)
        assert np.array_equal(many.batch_errors[:, m], alone.batch_errors)


@pytest.mark.parametrize("parts", [2, 3, 5])
def test_a_batch_in_parts_is_the_batch(parts):
    network = CHAINS["all"]
    whole = problem_on(network, nb.softmax_log_loss, penalty=0.1).on(engine())
    p, choices = start(network), choices_of(network, 6)
    one, cut = advanced(whole, p, choices), advanced(whole.on(engine(parts=parts)), p, choices)
    np.testing.assert_allclose(flat(cut), flat(one), rtol=1e-11, atol=1e-13)
    assert np.allclose(cut.batch_errors, one.batch_errors)


def test_pieces_cover_a_batch_once_in_order():
    for m in (1, 5, 6, 100):
        for parts in (1, 2, 3):
            for block in (1, 4, 1000):
                pieces = pieces_of(m, parts, block)
                assert [i for _, start, stop in pieces for i in range(start, stop)] == list(range(m))
                assert all(0 < stop - start <= block for _, start, stop in pieces)
                assert [part for part, *_ in pieces] == sorted(part for part, *_ in pieces)


def test_blocks_of_points_give_what_all_points_give(monkeypatch):
    network, p = CHAINS["all"], start(CHAINS["all"])
    problem = problem_on(network, nb.quadratic, penalty=0.1).on(engine())
    v, choices = np.ones(network.size), choices_of(network, 6, full=True)
    values = [problem.value(p), problem.gradient(p), problem.hvp(p, v), problem.residual(p), flat(advanced(problem, p, choices))]
    problem.bound.block = 4
    blocks = [problem.value(p), problem.gradient(p), problem.hvp(p, v), problem.residual(p), flat(advanced(problem, p, choices))]
    for one, other in zip(values, blocks, strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("kind", [np.uint8, np.float32, np.float64])
def test_points_stay_as_they_came_and_share_their_memory(kind):
    network = CHAINS["all"]
    x = np.random.default_rng(0).integers(0, 255, (6, network.sizes[0])).astype(kind)
    x.flags.writeable = False
    y = np.eye(3)[[0, 1, 2, 0, 1, 2]]
    problem = nb.Problem(network, nb.softmax_log_loss, nb.Data(x, y), engine=engine("float32"))
    assert np.shares_memory(problem.bound.x.numpy(), np.asarray(problem.data.x))
    p = 0.01 * start(network)
    expected = problem.on(Reference()).value(p)
    assert problem.value(p) == pytest.approx(expected, rel=1e-5)


def test_subnormal_numbers_are_flushed_inside_only():
    problem = problem_on(CHAINS["relu"]).on(engine("float32"))
    problem.value(start(CHAINS["relu"]))
    tiny = np.float64(5e-324)
    assert tiny * np.float64(1.0) > 0.0


# -- translation -----------------------------------------------------------------------------------------------------------------


def test_a_translated_step_is_the_same_step(monkeypatch):
    """Two networks whose parameters are alike must not share a translation; without a compiler the steps run as they are."""
    monkeypatch.setattr("netbp.engines.tensor.bound.PAYS", 0)
    for layer in (nb.tanh, nb.relu):
        network = nb.Network.chain((1, 6, 6), nb.Conv(2, 3), layer, nb.Dropout(0.3), nb.Dense(3))
        reference, p = problem_on(network, nb.softmax_log_loss), start(network)
        choices = choices_of(network, 6, full=True)
        asked = advanced(reference.on(engine("float32", compile=True)), p.astype(np.float32), choices, record=0)
        close(flat(asked), lambda q, f=reference, c=choices: flat(advanced(f, q, c, record=0)), p, "float32", 8 * ROUNDINGS)


def test_what_cannot_be_translated_runs_as_it_is_and_says_so_once(monkeypatch, caplog):
    monkeypatch.setattr(translation.torch, "compile", lambda *a, **b: (_ for _ in ()).throw(RuntimeError("no C++ compiler")))
    monkeypatch.setattr(notices, "told", set())
    one, other = (translation.Translated(lambda x: x + 1) for _ in range(2))
    for function in (one, one, other):
        assert function(torch.tensor(1.0)) == 2.0
    assert "no C++ compiler" in one.reason
    assert translation.Translated(lambda x: x + 1, lambda: lambda x: x + 2)(torch.tensor(1.0)) == 3.0  # the form for no compiler
    assert len(caplog.records) == 1


def test_small_steps_are_not_translated():
    network = paper_network()
    problem = nb.Problem(network, nb.softmax_log_loss, nb.Data(np.zeros((4, 3072), np.uint8), np.eye(10)[:4]), engine=Tensor())
    assert problem.bound.pays(100)
    assert not problem.bound.pays(2)
    assert not problem.on(engine()).bound.pays(100)


# -- capture ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", [nb.sgd, nb.momentum, nb.adam], ids=lambda rule: rule.__name__)
def test_a_captured_step_copies_in_and_out_what_it_should(monkeypatch, rule):
    """The graph's memory without a GPU: what would be replayed is run again."""
    network = CHAINS["all"]
    problem = problem_on(network, nb.softmax_log_loss, penalty=0.1).on(engine())
    p, choices = start(network), choices_of(network, 6)
    expected = flat(advanced(problem, p, choices, rule))
    function = training.Steps.function
    kept: dict[Any, Any] = {}

    def captured(self: Any, kind: str, m: int, pays: bool) -> Any:
        step = function(self, kind, m, pays)
        return kept.setdefault((m, step), Captured(step, lambda body, warm_up: (warm_up(), body)[1]))

    monkeypatch.setattr(training.Steps, "function", captured)
    for _ in range(2):  # the second time into the same memory, from the start again
        assert np.array_equal(flat(advanced(problem, p, choices, rule)), expected)
    assert len(kept) == 5


def test_what_cannot_be_captured_runs_as_it_is(monkeypatch, caplog):
    def refuse(body: Any, warm_up: Any) -> Any:
        raise RuntimeError("operation not permitted when stream is capturing")

    monkeypatch.setattr(notices, "told", set())
    number = torch.tensor(1.0)
    step = Captured(lambda *arguments: arguments[:3], refuse)
    assert step(*[number] * 15) == (number,) * 3
    assert "not permitted" in step.reason
    assert len(caplog.records) == 1


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("full", [False, True], ids=["batches", "all points"])
def test_a_gpu_takes_the_same_steps(precision, full):
    network = CHAINS["all"]
    reference, p = problem_on(network, nb.softmax_log_loss, penalty=0.1), start(network)
    problem, choices = reference.on(engine(precision, device="cuda", deterministic=True)), choices_of(network, 6, full=full)
    asked = advanced(problem, p.astype(precision), choices)
    close(flat(asked), lambda q: flat(advanced(reference, q, choices)), p, precision, 8 * ROUNDINGS)
    assert np.array_equal(flat(asked), flat(advanced(problem, p.astype(precision), choices)))
    assert all(f.reason is None for f in problem.bound.functions.values())
    close(problem.gradient(p), reference.gradient, p, precision)


# -- settings, refusals and the choice ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"device": "tpu"}, 'can be "cpu", "cuda" or "cuda:1", but it is \'tpu\''),
        ({"precision": "float16"}, "can be float32, float64, bfloat16, tf32, but it is 'float16'"),
        ({"precision": "tf32"}, 'use precision="float32"'),
        ({"parts": 0}, "at least 1, but it is 0"),
    ],
)
def test_settings_that_do_not_exist_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        Tensor(**settings)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_its_device_is_refused():
    problem = problem_on(CHAINS["conv"]).on(Tensor(device="cuda"))
    with pytest.raises(ValueError, match="sees 0 GPUs"):
        _ = problem.bound


def test_networks_that_are_not_dense_choose_it_where_torch_is(monkeypatch):
    assert problem_on(CHAINS["conv"]).on(None).engine.name == "tensor"
    monkeypatch.setattr("netbp.engines.tensor.find_spec", lambda name: None)
    assert problem_on(CHAINS["conv"]).on(None).engine.name == "reference"
    with pytest.raises(ValueError, match="needs PyTorch"):
        problem_on(CHAINS["conv"]).on(Tensor())


def test_costs_and_activations_of_ones_own():
    network = nb.Network.chain(2, nb.Dense(2))
    own = nb.Cost("own", *(getattr(nb.quadratic, name) for name in ("value", "slope", "curvature", "predict")))
    assert "costs quadratic and softmax_log_loss, but not own" in str(Tensor().refusal(network, own))
    square = nb.Activation("square", lambda z: z * z, lambda z, a: 2.0 * z, lambda z, a: 2.0 + 0.0 * z)
    sine = nb.Activation("sine", np.sin, lambda z, a: np.cos(z), lambda z, a: -a)
    squares = nb.Network.chain(3, nb.Dense(2), square, nb.Dense(2, square))
    problem, p = problem_on(squares), start(squares)
    close(problem.on(engine()).gradient(p), problem.gradient, p, "float64")
    refusal = Tensor().refusal(nb.Network.chain(3, sine), nb.quadratic)
    assert "sine to tensors: write its value with operators only" in str(refusal)


def test_a_network_that_draws_needs_a_seed():
    problem = problem_on(CHAINS["flip"]).on(engine())
    with pytest.raises(ValueError, match="give Choices a seed"):
        advanced(problem, start(CHAINS["flip"]), choices_of(CHAINS["flip"], 6)._replace(seed=None))


def test_a_jacobian_too_large_for_the_memory_is_refused_with_its_size(monkeypatch):
    problem = problem_on(CHAINS["conv"]).on(engine())
    assert available() > 0
    monkeypatch.setattr("netbp.engines.tensor.jacobian.available", lambda: 1000.0)
    with pytest.raises(ValueError, match=r"18 residuals by \d+ parameters would take 0.0 GB, but 0.0 GB"):
        problem.jacobian(start(CHAINS["conv"]))


def test_what_it_lacks_it_says():
    problem = problem_on(CHAINS["conv"]).on(engine())
    with pytest.raises(NotImplementedError, match="use the reference engine"):
        problem.bound.explain(None, None, None)


def test_bfloat16_is_probed_and_otherwise_told(monkeypatch):
    network = CHAINS["all"]
    problem = problem_on(network, nb.softmax_log_loss)
    p, choices = start(network).astype(np.float32), choices_of(network, 6)
    single = advanced(problem.on(engine("float32")), p, choices)
    monkeypatch.setattr("netbp.engines.tensor.settings.has_bfloat16", lambda device: True)
    half = problem.on(engine("bfloat16"))
    assert half.bound.facts["precision"] == "bfloat16"
    coarse = advanced(half, p, choices)
    assert coarse.p.dtype == np.float32
    assert 0.0 < np.abs(coarse.p - single.p).max() < 0.05
    assert half.value(p) == problem.on(engine("float32")).value(p)  # only training steps are coarse
    monkeypatch.setattr("netbp.engines.tensor.settings.has_bfloat16", lambda device: False)
    without = problem.on(engine("bfloat16"))
    assert "no bfloat16" in without.bound.facts["precision"]
    assert np.array_equal(flat(advanced(without, p, choices)), flat(single))


BITS = """
import sys; sys.path[:0] = {paths}
from test_tensor import *
network = CHAINS["all"]
problem = problem_on(network, nb.softmax_log_loss).on(engine("float32", deterministic=True))
print(flat(advanced(problem, start(network).astype(np.float32), choices_of(network, 6))).tobytes().hex())
"""


def test_two_processes_give_the_same_bits():
    code = BITS.format(paths=[str(Path(__file__).parent)])
    first, second = (subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True) for _ in range(2))
    assert first.stdout == second.stdout
    assert len(first.stdout) > 1000
