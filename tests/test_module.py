"""Laws of TorchNetwork: any torch.nn.Module under every method, with PyTorch's own training loop as referee."""

from __future__ import annotations

import copy
import pickle
import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

import netbp as nb
from modules import BUFFERED, KINDS, RANDOM, Autoencoder, made, mlp
from netbp.engines import Choices, Memory, Update, masks
from netbp.engines.tensor import module_bound
from netbp.rules import momentum, sgd

NAMES = list(KINDS)
METHODS = [
    *[nb.LBFGS(), nb.NewtonCG(), nb.TrustRegion(), nb.NelderMead(), nb.LevenbergMarquardt()],
    *[nb.SteepestDescent(rate=0.05), nb.StochasticGradient(rate=0.02, batch=10)],
]
DOUBLE = nb.Tensor(precision="float64")


def network_of(name: str, seed: int = 0) -> nb.TorchNetwork:
    return nb.TorchNetwork(made(name, seed), *KINDS[name][1:])


def points(network: nb.TorchNetwork, N: int = 10, seed: int = 3) -> nb.Data:
    rng = np.random.default_rng(seed)
    n, outputs = network.sizes
    x = rng.integers(7, size=(N, n)).astype(float) if network.integers else rng.standard_normal((N, n))
    return nb.Data(x, np.eye(outputs)[rng.integers(outputs, size=N)])


def problem_of(name: str, cost: nb.Cost = nb.quadratic, engine: nb.Tensor = DOUBLE, **more: object) -> nb.Problem:
    network = network_of(name)
    return nb.Problem(network, cost, points(network), points(network, 6, 5), engine=engine, **more)


def method(batch: int = 4) -> nb.StochasticGradient:
    return nb.StochasticGradient(rule=momentum, rate=0.1, batch=batch, sampling="epochs", constants={"mu": 0.9})


def inputs(module: nn.Module, name: str, x: np.ndarray) -> torch.Tensor:
    shape = KINDS[name][1]
    rows = torch.from_numpy(x).reshape(-1, *(shape if isinstance(shape, tuple) else (shape,)))
    return rows.long() if KINDS[name][2] else rows


# -- what it is -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_p_holds_every_parameter_once_and_the_outputs_are_the_modules(name):
    module, problem = made(name).double(), problem_of(name)
    network, p = problem.network, problem.network.draw(0)
    assert network.size == len(p) == sum(q.numel() for q in module.parameters())
    assert {k: v.shape for k, v in network.named(p).items()} == {k: tuple(q.shape) for k, q in module.named_parameters()}
    for key, own in module.named_parameters():
        np.testing.assert_array_equal(network.named(p)[key], own.detach().float().double().numpy())
    with torch.no_grad():
        expected = module.eval()(inputs(module, name, problem.data.x)).flatten(1).numpy()
    np.testing.assert_allclose(problem.output(p, problem.data.x), expected, rtol=1e-12, atol=1e-13)
    assert network.random == (name in RANDOM)
    assert bool(network.buffers) == (name in BUFFERED)
    assert sum(w.size + b.size for w, b in network.views(p)) == network.size
    for part in (type(network.module).__name__, *(row.name for row in network.layers)):
        assert part in repr(network)


@pytest.mark.parametrize("name", NAMES)
def test_weights_are_the_parameters_with_two_axes_and_only_they_are_penalised(name):
    network = network_of(name)
    spread = network.named(network.spread(1.0, 0.0))
    assert all(np.all(values == (values.ndim > 1)) for values in spread.values())
    plain, penalised = problem_of(name), problem_of(name, penalty=0.7)
    p = network.draw(0)
    w = network.spread(1.0, 0.0)
    assert penalised.value(p) == pytest.approx(plain.value(p) + 0.7 / plain.N * float((w * p * p).sum()))
    np.testing.assert_allclose(penalised.gradient(p), plain.gradient(p) + 1.4 / plain.N * w * p, rtol=1e-12)


def test_a_tied_parameter_stands_in_p_once_and_moves_both_uses():
    network = nb.TorchNetwork(Autoencoder(), 5)
    assert network.size == 10 + 2 + 10 + 5
    assert "turned.weight" not in network.named(network.draw())
    module = network.module_at(network.draw() + 1.0)
    assert module.turned.weight is module.inwards.weight


def test_frozen_parameters_stay_and_are_not_in_p():
    module = mlp()
    module[0].requires_grad_(False)
    network = nb.TorchNetwork(module, 4)
    assert set(network.named(network.draw())) == {"2.weight", "2.bias"}
    data = points(network)
    run = nb.train(nb.Problem(network, nb.quadratic, data, engine=DOUBLE), method(), steps=5)
    trained = network.module_at(run.p)
    assert torch.equal(trained[0].weight.float(), module[0].weight)
    assert not torch.equal(trained[2].weight.float(), module[2].weight)


def test_training_touches_neither_the_users_module_nor_the_network():
    module = made("normed")
    before = copy.deepcopy(module.state_dict())
    network = nb.TorchNetwork(module, 4)
    start, buffers = network.draw(), network.buffers
    nb.train(nb.Problem(network, nb.quadratic, points(network), engine=DOUBLE), method(), steps=7)
    assert all(torch.equal(before[key], value) for key, value in module.state_dict().items())
    with torch.no_grad():
        module[0].weight.fill_(9.0)
    np.testing.assert_array_equal(network.draw(), start)
    for key, array in network.buffers.items():
        np.testing.assert_array_equal(array, buffers[key])


def test_a_scale_draws_weights_and_leaves_the_rest():
    network = network_of("normed")
    own = network.draw()
    w = network.spread(1.0, 0.0) > 0
    for scale in (0.5, nb.he, [1.0, 2.0, 3.0]):
        drawn = network.draw(1, scale)
        np.testing.assert_array_equal(drawn[~w], own[~w])
        assert not np.any(drawn[w] == own[w])
        np.testing.assert_array_equal(drawn, network.draw(1, scale))
    with pytest.raises(ValueError, match="3 modules with parameters, but scale has 2"):
        network.draw(1, [1.0, 2.0])


@pytest.mark.parametrize("name", NAMES)
def test_it_travels_through_pickle(name):
    problem = problem_of(name)
    again = pickle.loads(pickle.dumps(problem))
    p = problem.network.draw()
    assert again.value(p) == problem.value(p)
    assert again.network.fingerprint == problem.network.fingerprint
    assert again.network != problem.network


# -- derivatives ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cost", [nb.quadratic, nb.softmax_log_loss], ids=lambda cost: cost.name)
@pytest.mark.parametrize("name", NAMES)
def test_gradients_and_hessians_are_right(name, cost):
    problem = problem_of(name, cost)
    rng = np.random.default_rng(8)
    p = problem.network.draw()
    assert nb.check_gradient(problem, p).passed
    v, h = rng.standard_normal(problem.size), 1e-5
    difference = (problem.gradient(p + h * v) - problem.gradient(p - h * v)) / (2 * h)
    np.testing.assert_allclose(problem.hvp(p, v), difference, atol=1e-7 * np.abs(difference).max())


@pytest.mark.parametrize("name", NAMES)
def test_the_jacobian_times_the_residual_is_the_gradient(name):
    plain = problem_of(name)
    weight = np.random.default_rng(2).uniform(0.5, 2.0, plain.N)
    problem = nb.Problem(plain.network, nb.quadratic, plain.data._replace(weight=weight), engine=DOUBLE)
    p = problem.network.draw()
    gradient = problem.jacobian(p).T @ problem.residual(p) / problem.N
    np.testing.assert_allclose(gradient, problem.gradient(p), rtol=1e-9, atol=1e-13)


def test_a_jacobian_that_does_not_fit_is_refused_with_its_size(monkeypatch):
    problem = problem_of("mlp")
    monkeypatch.setattr(module_bound, "available", lambda: 1000.0)
    with pytest.raises(ValueError, match=r"30 residuals by 43 parameters would take 0\.0 GB"):
        problem.jacobian(problem.network.draw())


# -- training -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cost", [nb.quadratic, nb.softmax_log_loss], ids=lambda cost: cost.name)
@pytest.mark.parametrize("name", NAMES)
def test_steps_are_those_of_pytorchs_own_loop(name, cost):
    """Momentum with weight decay on the same batches: the same parameters and the same running means, masks included."""
    problem, module = problem_of(name, cost), made(name).double().train()
    network, p = problem.network, problem.network.draw()
    optimiser = torch.optim.SGD(module.parameters(), lr=0.05, momentum=0.9, weight_decay=0.01)
    batches = [np.array([0, 3, 4, 9]), np.array([1, 2]), np.array([8, 7, 6, 5, 5])]
    for t, batch in enumerate(batches, start=1):
        with torch.random.fork_rng(devices=[]):
            low, high = masks.keys(77, t, 2)
            torch.manual_seed(low | high << 32)
            a = module(inputs(module, name, problem.data.x[batch])).flatten(1)
        y = torch.from_numpy(problem.data.y[batch])
        each = 0.5 * ((y - a) ** 2).sum(1) if cost is nb.quadratic else nn.functional.cross_entropy(a, y, reduction="none")
        optimiser.zero_grad()
        each.mean().backward()
        optimiser.step()
    choices = Choices(np.concatenate(batches), np.cumsum([0, *map(len, batches)]), np.full(3, 0.05), 77)
    decay = np.full(len(p), 0.01)
    zero = np.zeros_like(p)
    out = problem.bound.advance(p, Memory(zero, zero), 0, choices, Update(momentum, (0.9,), None, decay))
    found = network.named(out.p)
    for key, own in module.named_parameters():
        np.testing.assert_allclose(found[key], own.detach().numpy(), rtol=1e-11, atol=1e-13)
    assert set(out.memory.buffers) == {key for key, _ in module.named_buffers()}
    for key, own in module.named_buffers():
        np.testing.assert_allclose(out.memory.buffers[key], own.numpy(), rtol=1e-11)


@pytest.mark.parametrize("name", NAMES)
def test_a_run_goes_on_with_the_same_bits_through_a_file(name, tmp_path):
    problem = problem_of(name, nb.softmax_log_loss, nb.Tensor())
    whole = nb.train(problem, method(), steps=9, rng=4)
    nb.train(problem, method(), steps=4, rng=4, save=tmp_path / "run.npz")
    again = nb.train(problem_of(name, nb.softmax_log_loss, nb.Tensor()), method(), steps=9, rng=4, resume=tmp_path / "run.npz")
    assert again.p.tobytes() == whole.p.tobytes()
    assert again.state.memory.keys() == whole.state.memory.keys()
    for key, array in whole.state.memory.items():
        assert np.asarray(array).tobytes() == np.asarray(again.state.memory[key]).tobytes(), key
    for key, curve in whole.series.items():
        np.testing.assert_array_equal(curve.values, again.series[key].values)


@pytest.mark.parametrize("name", sorted(BUFFERED))
def test_costs_are_told_with_the_buffers_of_their_moment(name):
    problem = problem_of(name)
    snapshots = list(nb.stream(problem, method(), steps=6, every=1, rng=4, record=1))
    for snapshot in snapshots:
        here = problem.at(snapshot)
        assert snapshot.cost == pytest.approx(here.value(snapshot.p), rel=1e-13)
        assert snapshot.held_out == pytest.approx(here.held_out_value(snapshot.p), rel=1e-12)
        assert abs(snapshot.cost - problem.value(snapshot.p)) > 1e-6
    run = nb.train(problem, method(), steps=6, rng=4)
    assert run.final_cost == problem.at(run).value(run.p)
    assert run.state.memory["buffers.norm.num_batches_tracked" if name == "residual" else "buffers.1.num_batches_tracked"] == 6


@pytest.mark.parametrize("name", ["mlp", "normed", "dropout"])
def test_networks_of_an_ensemble_move_as_they_would_alone(name):
    problem = problem_of(name)
    start = np.stack([problem.network.draw(), problem.network.draw(1, 0.3)])
    together = nb.train(problem, method(), steps=7, start=start, rng=[5, 6], record=1)
    for m, seed in enumerate((5, 6)):
        alone = nb.train(problem, method(), steps=7, start=start[m], rng=seed, record=1)
        assert together.p[m].tobytes() == alone.p.tobytes()
        np.testing.assert_array_equal(together.costs[:, m], alone.costs)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("how", METHODS, ids=lambda m: type(m).__name__)
def test_every_method_descends(name, how):
    run = nb.train(problem_of(name), how, steps=4)
    assert run.final_cost < run.initial_cost


@pytest.mark.parametrize("how", [nb.LBFGS(), nb.StochasticGradient(rate=0.1, batch=4)], ids=lambda m: type(m).__name__)
def test_many_starts_in_many_processes_are_the_same(how):
    problem = problem_of("residual")
    one, two = (nb.multistart(problem, how, starts=3, steps=2, workers=workers) for workers in (1, 2))
    np.testing.assert_array_equal(one.p, two.p)
    np.testing.assert_array_equal(one.costs, two.costs)
    assert len(set(one.costs)) == 3


def test_the_command_line_tells_what_a_run_of_a_module_is(tmp_path, capsys):
    from netbp.cli import main

    path = tmp_path / "run.npz"
    nb.train(problem_of("residual"), method(), steps=3, save=path)
    assert main(["describe", str(path)]) == 0
    told = capsys.readouterr().out
    assert "a torch.nn.Module on 1 x 4 x 4, 215 parameters" in told
    assert "norm: BatchNorm2d(4" in told
    assert main(["export", str(path), str(tmp_path / "out.onnx")]) == 2
    assert "its file does not hold" in capsys.readouterr().err


def test_figures_draw_its_runs_and_regions():
    from netbp.figures import draw_costs, draw_region, new_figure

    network = nb.TorchNetwork(made("normed"), 4)
    flat = nb.TorchNetwork(nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 2)), 2)
    problem = nb.Problem(flat, nb.quadratic, nb.data.ten_points(), engine=DOUBLE)
    figure, ax = new_figure()
    draw_region(ax, problem, flat.draw())
    figure, ax = new_figure()
    draw_costs(ax, nb.train(nb.Problem(network, nb.quadratic, points(network), engine=DOUBLE), method(), steps=20))
    figure.canvas.draw()


def test_dropout_is_a_function_of_seed_and_step_and_leaves_pytorchs_stream_alone():
    problem = problem_of("dropout")
    p = problem.network.draw()
    zero = np.zeros_like(p)

    def stepped(seed: int, t: int) -> bytes:
        choices = Choices(np.arange(4), np.array([0, 4]), np.array([0.1]), seed)
        return problem.bound.advance(p, Memory(zero, zero), t, choices, Update(sgd)).p.tobytes()

    state = torch.random.get_rng_state()
    first = stepped(1, 0)
    torch.rand(3)
    assert stepped(1, 0) == first
    assert len({first, stepped(2, 0), stepped(1, 1)}) == 3
    torch.random.set_rng_state(state)
    with pytest.raises(ValueError, match="give Choices a seed"):
        problem.bound.advance(p, Memory(zero, zero), 0, Choices(None, np.array([0, 1]), np.array([0.1])), Update(sgd))


@pytest.mark.parametrize("parts", [2, 3])
def test_parts_of_a_batch_make_the_same_gradient_where_points_do_not_meet(parts):
    one, cut = (problem_of("lstm", engine=nb.Tensor(precision="float64", parts=n)) for n in (1, parts))
    p, q = (nb.train(problem, method(), steps=6, rng=1).p for problem in (one, cut))
    np.testing.assert_allclose(p, q, rtol=1e-11, atol=1e-13)


# -- refusals ------------------------------------------------------------------------------------------------------------


class Tuple(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.LSTM(4, 2)

    def forward(self, x):
        return self.cell(x)


class Noise(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.ones(4))

    def forward(self, x):
        return self.w * x + torch.randn_like(x)


class Summed(Noise):
    def forward(self, x):
        return (self.w * x).sum()


def frozen() -> nn.Module:
    return mlp().requires_grad_(False)


@pytest.mark.parametrize(
    ("make", "shape", "told"),
    [
        (lambda: "module", 4, "takes a torch.nn.Module"),
        (mlp, 5, r"cannot take points of shape \(5,\) in evaluation: RuntimeError"),
        (mlp, 0, "must be the shape of one point"),
        (mlp, (), "must be the shape of one point"),
        (frozen, 4, "no parameters to train"),
        (nn.Identity, 4, "no parameters to train"),
        (Tuple, (3, 4), "gives a tuple, not one tensor"),
        (Noise, 4, "draws random numbers in evaluation"),
        (Summed, 4, r"gives \(\) of torch.float32 for 2 points"),
        (lambda: nn.LazyLinear(3), 4, "apply it to a batch once"),
    ],
)
def test_what_cannot_be_a_network_is_refused(make, shape, told):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that lazy modules are new
        module = make()
    with pytest.raises((ValueError, TypeError), match=told):
        nb.TorchNetwork(module, shape)


def test_other_engines_refuse_a_module_and_the_tensor_engine_is_chosen():
    network = network_of("mlp")
    problem = nb.Problem(network, nb.quadratic, points(network))
    assert isinstance(problem.engine, nb.Tensor)
    from netbp.engines.compiled import Compiled
    from netbp.engines.reference import Reference

    for engine in (Reference(), Compiled()):
        with pytest.raises(ValueError, match="engine has"):
            nb.Problem(network, nb.quadratic, points(network), engine=engine)


def translating(problem: nb.Problem) -> nb.Problem:
    network = nb.TorchNetwork(problem.network.module, problem.network.shape, translate=True)
    return nb.Problem(network, problem.cost, problem.data, engine=problem.engine)


def test_a_translated_step_of_a_module_is_the_same_step():
    """With batch normalisation, whose running means move as well; a module that draws is not translated."""
    problem = problem_of("residual", nb.softmax_log_loss)
    asked = translating(problem)
    run, again = (nb.train(one, method(batch=5), steps=6) for one in (problem, asked))
    (step,) = asked.bound.functions.values()
    assert step.reason is None
    np.testing.assert_allclose(again.p, run.p, rtol=1e-9, atol=1e-12)
    assert again.state.memory.keys() == run.state.memory.keys()
    for name, array in run.state.memory.items():
        np.testing.assert_allclose(again.state.memory[name], array, rtol=1e-9, atol=1e-12)
    drawing = translating(problem_of("normed", nb.softmax_log_loss))
    nb.train(drawing, method(batch=5), steps=2)
    assert not drawing.bound.functions


def test_a_batch_that_normalisation_cannot_take_is_refused_in_words():
    problem = problem_of("normed")
    with pytest.raises(ValueError, match="cannot take a training step on 1 points: Expected more than 1 value"):
        nb.train(problem, method(batch=3), steps=4)  # 10 points: the last batch has one


def test_another_module_does_not_resume_a_run(tmp_path):
    problem = problem_of("mlp")
    nb.train(problem, method(), steps=2, save=tmp_path / "run.npz")
    other = nb.TorchNetwork(nn.Sequential(nn.Linear(4, 5), nn.Sigmoid(), nn.Linear(5, 3)), 4)
    assert other.size == problem.size
    with pytest.raises(ValueError, match="run of another network"):
        nb.train(replace(problem, network=other), method(), steps=3, resume=tmp_path / "run.npz")


@pytest.mark.parametrize("found", [{"nothing": np.zeros(3)}, {"1.running_mean": np.zeros(7)}])
def test_buffers_that_do_not_fit_are_refused(found):
    with pytest.raises(ValueError, match="has no buffer"):
        network_of("normed").at(found)
    with pytest.raises(TypeError, match="taken from a Run"):
        network_of("normed").at(3)


def test_a_vector_of_another_length_is_refused():
    with pytest.raises(ValueError, match="43 parameters"):
        network_of("mlp").named(np.zeros(3))
