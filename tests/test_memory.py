"""What a caller passes in is never written to, whatever foreign code computes with it, and the same call gives the same number."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import netbp as nb
from modules import made, mlp
from netbp.engines import Choices, Memory, Update
from netbp.engines.compiled import Compiled
from netbp.engines.reference import Reference


class Writing(nn.Module):
    """Its forward pass writes, where it can, into its input, its weights and its buffers."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how, self.line = how, nn.Linear(4, 2)
        self.register_buffer("seen", torch.zeros(4))
        self.register_buffer("calls", torch.tensor(0))
        self.fixed = nn.Parameter(torch.ones(4), requires_grad=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.how == "input":
            x.sub_(0.3)
        elif self.how == "array":
            x.numpy()[...] += 0.1
        elif self.how == "view":
            x[:, :2].mul_(0.5)
        elif self.how == "weights":
            with torch.no_grad():
                self.line.weight.mul_(0.5)
                self.fixed.mul_(0.5)
        elif self.how == "buffers":
            self.seen += x.mean(0)
            self.calls += 1
        return self.line(x * self.fixed + self.seen * self.calls)


class Words(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.table, self.head = nn.Embedding(7, 3, max_norm=0.5), nn.Linear(3, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.table(x).mean(1))


def hooked() -> nn.Module:
    module = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2))
    module.register_forward_pre_hook(lambda module, given: (given[0].add_(1.0),))
    module[0].register_forward_hook(lambda module, given, out: out.mul_(0.5))
    return module


MODULES = {
    "relu": (lambda: nn.Sequential(nn.ReLU(inplace=True), nn.Linear(4, 2)), 4, False),
    "flat": (lambda: nn.Sequential(nn.Flatten(), nn.Hardtanh(inplace=True), nn.Linear(4, 2)), (2, 2), False),
    "norm": (lambda: nn.Sequential(nn.BatchNorm1d(4), nn.ReLU(inplace=True), nn.Linear(4, 2)), 4, False),
    "words": (Words, 5, True),
    "hooks": (hooked, 4, False),
    **{how: ((lambda how=how: Writing(how)), 4, False) for how in ("input", "array", "view", "weights", "buffers")},
}
LAYOUTS = {
    "C": np.ascontiguousarray,
    "F": np.asfortranarray,
    "strided": lambda x: np.repeat(x, 2, axis=0)[::2],
    "reversed": lambda x: x[::-1].copy()[::-1],
    "read-only": lambda x: (x := x.copy()).setflags(write=False) or x,
}


def laid(values: np.ndarray, layout: str, dtype: str) -> np.ndarray:
    return LAYOUTS[layout](values.astype(dtype))


def used(problem: nb.Problem, p: np.ndarray, x: np.ndarray) -> None:
    """Every door through which arrays reach an engine: each gives the same twice."""
    calls = [
        lambda: problem.value(p),
        lambda: problem.value_and_gradient(p)[1],
        lambda: problem.hvp(p, p),
        lambda: problem.residual(p),
        lambda: problem.jacobian(p),
        lambda: problem.predict(p, x),
        lambda: problem.classify(p, x),
        lambda: problem.held_out_value(p),
    ]
    first = problem.value(p)
    for call in calls:
        np.testing.assert_array_equal(call(), call())
        assert problem.value(p) == first
    for method in (nb.StochasticGradient(rate=0.05, batch=3), nb.LBFGS(), nb.LevenbergMarquardt()):
        nb.train(problem, method, steps=2, start=p)
    assert problem.value(p) == first


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", MODULES)
def test_a_module_may_write_into_what_it_is_given(name, layout):
    make, shape, integers = MODULES[name]
    network = nb.TorchNetwork(make(), shape, integers)
    rng = np.random.default_rng(1)
    own = rng.integers(7, size=(6, 5)) if integers else rng.standard_normal((6, 4))
    for dtype, precision in (("float32", "float32"), ("float64", "float64"), ("float32", "float64")):
        x, y = laid(own, layout, dtype), laid(np.eye(2)[[0, 1, 1, 0, 1, 0]], layout, "float64")
        p, weight = laid(network.draw(), layout, dtype), laid(np.ones(6), layout, "float64")
        before = [a.tobytes() for a in (x, y, p, weight)]
        data = nb.Data(x, y, weight)
        used(nb.Problem(network, nb.quadratic, data, data, engine=nb.Tensor(precision=precision)), p, x)
        assert [a.tobytes() for a in (x, y, p, weight)] == before


def test_a_modules_start_is_its_own_whatever_trying_it_changes():
    module = Words()
    with torch.no_grad():
        module.table.weight.fill_(9.0)
    network = nb.TorchNetwork(module, 5, integers=True)
    assert network.named(network.draw())["table.weight"].min() == 9.0
    assert nb.TorchNetwork(Writing("buffers"), 4).buffers["calls"] == 0


def writing(f):
    """The function, which then writes zeros into all arrays that it was given."""

    def function(*arrays):
        out = f(*(a.clone() if isinstance(a, torch.Tensor) else 1.0 * a for a in arrays))
        for a in arrays:
            if np.ndim(a):
                a[...] = 0.0
        return out

    return function


softplus = nb.Activation(
    "softplus",
    writing(lambda z: z * z / 2 + z),
    writing(lambda z, a: z + 1.0),
    writing(lambda z, a: 1.0 + 0.0 * z),
)
still = nb.Activation("still", lambda z: z * z / 2 + z, lambda z, a: z + 1.0, lambda z, a: 1.0 + 0.0 * z)
squares = nb.Cost(
    "squares",
    writing(lambda a, y: 0.5 * ((a - y) ** 2).sum(axis=-1)),
    writing(lambda a, y: a - y),
    writing(lambda a, y, v: 1.0 * v),
    writing(lambda a: 1.0 * a),
    least_squares=True,
)


def sinking(p, g, u, v, eta, t, mu=0.5):
    """Momentum that writes in place, where arrays allow it."""
    u *= mu
    u += g
    p -= eta * u
    return p, u, v


def behind(sigma: nb.Activation) -> nb.Network:
    """The activation first, which sees the points themselves."""
    from netbp.layers import Elementwise

    return nb.Network.chain(4, Elementwise(sigma), nb.Dense(3, sigma), nb.Dense(2, nb.identity))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("engine", [Reference(), nb.Tensor(precision="float64")], ids=lambda e: e.name)
def test_functions_of_ones_own_may_write_into_what_they_are_given(engine, layout):
    own = np.random.default_rng(2).standard_normal((6, 4))
    x, y = laid(own, layout, "float64"), laid(np.eye(2)[[0, 1, 1, 0, 1, 0]], layout, "float64")
    network, cost = behind(softplus), squares if engine.name == "reference" else nb.quadratic
    p = laid(network.draw(1), layout, "float64")
    before = [a.tobytes() for a in (x, y, p)]
    problem = nb.Problem(network, cost, nb.Data(x, y), nb.Data(x, y), engine=engine)
    used(problem, p, x)
    assert [a.tobytes() for a in (x, y, p)] == before
    quiet = nb.Problem(behind(still), nb.quadratic, nb.Data(x, y), engine=engine)
    assert problem.value(p) == quiet.value(p)
    np.testing.assert_array_equal(problem.hvp(p, p), quiet.hvp(p, p))


@pytest.mark.parametrize("kind", ["reference", "tensor", "module", "compiled"])
def test_a_rule_may_write_in_place(kind):
    network = nb.TorchNetwork(mlp(), 4) if kind == "module" else nb.Network.dense(4, 3, 2)
    engine = {"reference": Reference(), "compiled": Compiled()}.get(kind, nb.Tensor(precision="float64"))
    n = network.sizes[-1]
    data = nb.Data(np.random.default_rng(0).standard_normal((6, 4)), np.eye(n)[np.arange(6) % n])
    problem = nb.Problem(network, nb.quadratic, data, engine=engine)
    p, u, v = network.draw(1), np.ones(network.size), np.ones(network.size)
    before = [a.tobytes() for a in (p, u, v)]
    choices = Choices(None, np.array([0, 6, 12, 18]), np.full(3, 0.1))
    one, two = (problem.bound.advance(p, Memory(u, v), 0, choices, Update(sinking, (0.5,))) for _ in range(2))
    assert [a.tobytes() for a in (p, u, v)] == before
    assert one.p.tobytes() == two.p.tobytes()
    plain = problem.bound.advance(p, Memory(u, v), 0, choices, Update(nb.rules.momentum, (0.5,)))
    np.testing.assert_allclose(one.p, plain.p, rtol=1e-14)


METHODS = [nb.StochasticGradient(batch=2), nb.SteepestDescent(), nb.LBFGS(), nb.NelderMead(), nb.LevenbergMarquardt()]


@pytest.mark.parametrize("engine", [Reference(), Compiled(), nb.Tensor(precision="float64")], ids=lambda e: e.name)
@pytest.mark.parametrize("method", METHODS, ids=lambda m: type(m).__name__)
def test_who_watches_a_run_cannot_change_it(method, engine):
    problem = nb.Problem(nb.Network.dense(2, 2, 2), nb.quadratic, nb.data.ten_points(), engine=engine)

    def until(snapshot: nb.Snapshot) -> None:
        with pytest.raises(ValueError, match="read-only"):
            snapshot.p[0] = 7.0
        for array in snapshot.state.memory.values():
            assert not array.flags.writeable

    run = nb.train(problem, method, steps=3, record=1, until=until)
    assert run.p.tobytes() == nb.train(problem, method, steps=3, record=1).p.tobytes()
    run.p[0] = 7.0  # a run that is over is its owner's


def test_a_module_made_for_a_caller_shares_nothing_with_p():
    network = nb.TorchNetwork(made("normed"), 4)
    for net in (network, nb.Network.dense(4, 3, 2)):
        p = net.draw(0)
        before = p.tobytes()
        module = nb.to_torch(net, p)
        with torch.no_grad():
            for q in module.parameters():
                q.fill_(5.0)
        assert p.tobytes() == before
