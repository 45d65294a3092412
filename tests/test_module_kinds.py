"""What TorchNetwork takes works in use; what cannot be a network is refused in a sentence; what is odd is told."""

from __future__ import annotations

import copy
import warnings

import numpy as np
import pytest
import torch
from torch import nn

import netbp as nb
from netbp import notices


class Scaled(nn.Module):
    """x W with something between, to be overridden."""

    def __init__(self) -> None:
        super().__init__()
        self.line, self.calls = nn.Linear(4, 2), 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.between(self.line(x))

    def between(self, a: torch.Tensor) -> torch.Tensor:
        return a


class Counting(Scaled):
    def between(self, a):
        self.calls += 1
        return a * self.calls


LEDGER: list[int] = []


class Ledger(Scaled):
    def between(self, a):
        LEDGER.append(1)
        return a + len(LEDGER)


class Remembering(Scaled):
    """Keeps a tensor that is no buffer."""

    def between(self, a):
        self.last = a.detach() + getattr(self, "last", 0.0)
        return self.last + a


class NumpyNoise(Scaled):
    def between(self, a):
        return a + float(np.random.rand())  # noqa: NPY002, which is what it is about


class NumpyDropout(Scaled):
    def between(self, a):
        return a * float(np.random.rand() < 0.5) if self.training else a  # noqa: NPY002


class Detached(Scaled):
    def between(self, a):
        return a.detach()


class Elsewhere(Scaled):
    def between(self, a):
        return torch.from_numpy(np.tanh(a.detach().numpy()))


class WithoutGradients(Scaled):
    def forward(self, x):
        with torch.no_grad():
            return self.line(x)


class Refusing(torch.autograd.Function):
    """A function without derivatives."""

    @staticmethod
    def forward(ctx, a):
        return a.clone()

    @staticmethod
    def backward(ctx, g):
        raise NotImplementedError("no backward pass here")


class Underivable(Scaled):
    def between(self, a):
        return Refusing.apply(a)


class Uncopied(Scaled):
    def __deepcopy__(self, memo):
        raise RuntimeError("one of a kind")


def mlp() -> nn.Sequential:
    return nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2))


def scripted() -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.jit.script(mlp())


def traced() -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.jit.trace(mlp(), torch.ones(2, 4))


def pruned() -> nn.Module:
    module = mlp()
    nn.utils.prune.l1_unstructured(module[0], "weight", 0.5)
    return module


def parametrised() -> nn.Module:
    module = mlp()
    nn.utils.parametrizations.weight_norm(module[0])
    return module


def quantised() -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.ao.quantization.quantize_dynamic(mlp(), {nn.Linear}, dtype=torch.qint8)


REFUSED = {
    "TorchScript": (scripted, "TorchScript.*give the nn.Module"),
    "traced": (traced, "TorchScript"),
    "TorchScript inside": (lambda: nn.Sequential(scripted(), nn.Tanh()), "TorchScript"),
    "parallel": (lambda: nn.DataParallel(mlp()), "give its .module"),
    "compiled": (lambda: torch.compile(mlp(), backend="eager"), "been through torch.compile"),
    "meta": (lambda: mlp().to("meta"), "meta device"),
    "pruned": (pruned, "is pruned: make that permanent"),
    "parametrised": (parametrised, "is parametrised: .*remove_parametrizations"),
    "quantised": (quantised, "is quantised"),
    "counting": (Counting, "in evaluation the module gives other numbers when it is called again"),
    "ledger": (Ledger, "keep the state in buffers"),
    "remembering": (Remembering, "keeps a state outside of its parameters and buffers"),
    "noise": (NumpyNoise, "draws random numbers that are not PyTorch's"),
    "dropout": (NumpyDropout, "in training the module gives other numbers when it is called again"),
    "detached": (Detached, "in evaluation what the module gives does not depend on its parameters"),
    "elsewhere": (Elsewhere, "does not depend on its parameters"),
    "without gradients": (WithoutGradients, "does not depend on its parameters"),
    "underivable": (Underivable, "no derivatives in evaluation: no backward pass here"),
    "uncopied": (Uncopied, "the module cannot be copied: RuntimeError: one of a kind"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_a_network_is_refused_in_a_sentence(name):
    make, said = REFUSED[name]
    np.random.seed(7)  # noqa: NPY002, its first two draws are on either side of 1/2
    with pytest.raises(ValueError, match=said) as refused:
        nb.TorchNetwork(make(), 4)
    assert "\n" not in str(refused.value)


class Once(torch.autograd.Function):
    """tanh, whose backward pass can be taken once only."""

    @staticmethod
    def forward(ctx, a):
        ctx.save_for_backward(a)
        return torch.tanh(a)

    @staticmethod
    def backward(ctx, g):
        (a,) = ctx.saved_tensors
        return Refusing.apply(g * (1.0 - torch.tanh(a) ** 2))


class Lopsided(torch.autograd.Function):
    """a^2 with a backward pass that is not its derivative."""

    @staticmethod
    def forward(ctx, a):
        ctx.save_for_backward(a)
        return a * a

    @staticmethod
    def backward(ctx, g):
        (a,) = ctx.saved_tensors
        return g * torch.cumsum(a, -1)


class OnceOnly(Scaled):
    def between(self, a):
        return Once.apply(a)


class Skew(Scaled):
    def between(self, a):
        return Lopsided.apply(a)


def problem(module: nn.Module) -> nb.Problem:
    rng = np.random.default_rng(0)
    data = nb.Data(rng.standard_normal((6, 4)), np.eye(2)[[0, 1, 1, 0, 1, 0]])
    return nb.Problem(nb.TorchNetwork(module, 4), nb.quadratic, data, engine=nb.Tensor(precision="float64"))


def test_second_derivatives_that_are_not_there_are_told_and_the_first_serve():
    once = problem(OnceOnly())
    p = once.network.draw()
    assert nb.check_gradient(once, p).passed
    with pytest.raises(ValueError, match="has no second derivatives: take a method that needs none, such as L-BFGS"):
        once.hvp(p, p)
    assert nb.train(once, nb.LBFGS(), steps=3).final_cost < once.value(p)


def test_a_hessian_that_is_not_symmetric_is_told_once(monkeypatch, caplog):
    monkeypatch.setattr(notices, "told", set())
    skew, fine = problem(Skew()), problem(mlp())
    for one in (skew, fine):
        p = one.network.draw()
        for _ in range(2):
            one.hvp(p, np.arange(one.size) + 1.0)
    (line,) = caplog.messages
    assert line.startswith("the Hessian H of TorchNetwork(Skew, input=4) is not symmetric: u.Hv = ")


def test_a_module_that_changes_its_parameters_is_told_of_once(monkeypatch, caplog):
    monkeypatch.setattr(notices, "told", set())
    words = nn.Sequential(nn.Embedding(7, 3, max_norm=0.5), nn.Flatten(), nn.Linear(15, 2))
    for module in (words, copy.deepcopy(words), nn.Sequential(nn.Embedding(7, 3), nn.Flatten(), nn.Linear(15, 2))):
        nb.TorchNetwork(module, 5, integers=True)
    (line,) = caplog.messages
    assert "changes its parameter 0.weight as it computes" in line
