"""The rivals of `listing.py`: C, JAX, PyTorch and GNU Octave, each taking the same steps of the 2-2-3-2 network."""

from __future__ import annotations

import ctypes
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import netbp as nb
from benchmarks.pairing import FOLDER

ETA, SEED = 0.05, 5000
TORCH_STEPS, OCTAVE_STEPS = 5_000, 10_000


class Setting(NamedTuple):
    """What every contender is given."""

    problem: nb.Problem
    p: NDArray[np.float64]
    indices: NDArray[np.int64]
    steps: int

    @property
    def x(self) -> NDArray[np.float64]:
        return np.ascontiguousarray(self.problem.data.x)

    @property
    def y(self) -> NDArray[np.float64]:
        return np.ascontiguousarray(self.problem.data.y)


Costs = NDArray[np.float64] | None
Trainer = Callable[[bool], Costs]


def setting(steps: int) -> Setting:
    problem = nb.Problem(nb.Network.dense(2, 2, 3, 2), nb.quadratic, nb.data.ten_points())
    rng = nb.MatlabRandom(SEED)
    p = problem.network.draw(rng)
    return Setting(problem, p, rng.integers(problem.N, size=steps), steps)


def c(s: Setting, folder: Path, *flags: str) -> Trainer:
    """listing.c, compiled now with these flags."""
    library = folder / f"listing{''.join(flags)}.so"
    subprocess.run(["gcc", *flags, "-shared", "-fPIC", str(FOLDER / "listing.c"), "-o", str(library), "-lm"], check=True)
    function = ctypes.CDLL(str(library)).train
    pointer = np.ctypeslib.ndpointer(np.float64, flags="C")
    function.argtypes = [
        pointer,
        pointer,
        pointer,
        np.ctypeslib.ndpointer(np.int64),
        ctypes.c_int64,
        ctypes.c_double,
        ctypes.c_void_p,
    ]
    function.restype = None
    x, y = s.x, s.y

    def train(monitored: bool) -> Costs:
        costs = np.empty(s.steps) if monitored else None
        function(s.p.copy(), x, y, s.indices, s.steps, ETA, None if costs is None else costs.ctypes.data)
        return costs

    return train


def jax(s: Setting, tuned: bool) -> Trainer:
    """One jitted scan; tuned: products as sums, which XLA fuses, and the scan unrolled."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    x, y, indices = jnp.array(s.x), jnp.array(s.y), jnp.array(s.indices)
    start = tuple((jnp.array(W), jnp.array(b)) for W, b in s.problem.network.views(s.p))
    times = (lambda W, a: (W * a).sum(1)) if tuned else (lambda W, a: W @ a)

    def forward(p: Any, a: Any) -> Any:
        activations = [a]
        for W, b in p:
            activations.append(jax.nn.sigmoid(times(W, activations[-1]) + b))
        return activations

    def step(p: Any, i: Any, monitored: bool) -> tuple[Any, Any]:
        a = forward(p, x[i])
        delta = a[-1] * (1 - a[-1]) * (a[-1] - y[i])
        moved = []
        for l in (2, 1, 0):
            W, b = p[l]
            moved.append((W - ETA * jnp.outer(delta, a[l]), b - ETA * delta))
            delta = a[l] * (1 - a[l]) * times(W.T, delta)
        q = tuple(reversed(moved))
        if not monitored:
            return q, None
        outputs = jax.vmap(lambda point: forward(q, point)[-1])(x)
        return q, ((outputs - y) ** 2).sum() / (2 * len(x))

    def scan(monitored: bool) -> Any:
        return jax.jit(lambda p: jax.lax.scan(lambda p, i: step(p, i, monitored), p, indices, unroll=4 if tuned else 1))

    compiled = {monitored: scan(monitored) for monitored in (False, True)}

    def train(monitored: bool) -> Costs:
        _, costs = jax.block_until_ready(compiled[monitored](start))
        return np.asarray(costs) if monitored else None

    return train


def torch_by_autograd(s: Setting) -> Trainer:
    """PyTorch as its tutorials write it: modules, autograd and torch.optim."""
    import torch
    from torch import nn

    torch.set_num_threads(1)
    x, y = torch.from_numpy(s.x), torch.from_numpy(s.y)

    def train(monitored: bool) -> Costs:
        model = nn.Sequential(*[part for m, n in ((2, 2), (2, 3), (3, 2)) for part in (nn.Linear(m, n), nn.Sigmoid())]).double()
        with torch.no_grad():
            for layer, (W, b) in zip(model[::2], s.problem.network.views(s.p), strict=True):
                layer.weight.copy_(torch.tensor(W))
                layer.bias.copy_(torch.tensor(b))
        optimiser = torch.optim.SGD(model.parameters(), lr=ETA)
        costs = []
        for i in s.indices[:TORCH_STEPS]:
            optimiser.zero_grad()
            loss = 0.5 * ((y[i] - model(x[i])) ** 2).sum()
            loss.backward()
            optimiser.step()
            if monitored:
                with torch.no_grad():
                    costs.append(((y - model(x)) ** 2).sum().item() / (2 * len(x)))
        return np.array(costs) if monitored else None

    return train


def torch_by_hand(s: Setting) -> Trainer:
    """PyTorch without autograd: Lemma 1 written out, in place where it can be."""
    import torch

    torch.set_num_threads(1)
    x, y = torch.from_numpy(s.x), torch.from_numpy(s.y)
    points, targets = list(x), list(y)
    indices = s.indices[:TORCH_STEPS].tolist()

    @torch.no_grad()
    def train(monitored: bool) -> Costs:
        (W2, b2), (W3, b3), (W4, b4) = [(torch.tensor(W), torch.tensor(b)) for W, b in s.problem.network.views(s.p)]
        costs = []
        for i in indices:
            a1 = points[i]
            a2 = torch.addmv(b2, W2, a1).sigmoid_()
            a3 = torch.addmv(b3, W3, a2).sigmoid_()
            a4 = torch.addmv(b4, W4, a3).sigmoid_()
            d4 = a4 * (1 - a4) * (a4 - targets[i])
            d3 = a3 * (1 - a3) * (W4.T @ d4)
            d2 = a2 * (1 - a2) * (W3.T @ d3)
            for W, b, delta, a in ((W2, b2, d2, a1), (W3, b3, d3, a2), (W4, b4, d4, a3)):
                W.addr_(delta, a, alpha=-ETA)
                b.add_(delta, alpha=-ETA)
            if monitored:
                a = torch.addmm(b2, x, W2.T).sigmoid_()
                a = torch.addmm(b3, a, W3.T).sigmoid_()
                a = torch.addmm(b4, a, W4.T).sigmoid_()
                costs.append(float(((y - a) ** 2).sum()) / (2 * len(x)))
        return np.array(costs) if monitored else None

    return train


def octave(s: Setting, folder: Path) -> Callable[[bool], tuple[float, Costs]]:
    """listing.m, in a process that times itself."""
    from scipy.io import loadmat, savemat

    def train(monitored: bool) -> tuple[float, Costs]:
        file = folder / "listing.mat"
        fields: dict[str, Any] = {"x": s.x.T, "y": s.y.T, "eta": ETA, "monitored": float(monitored)}
        for l, (W, b) in enumerate(s.problem.network.views(s.p), start=2):
            fields |= {f"W{l}": W, f"b{l}": b}
        savemat(file, fields | {"indices": s.indices[None, :OCTAVE_STEPS] + 1.0})
        subprocess.run(
            ["octave-cli", "-qf", "--path", str(FOLDER), "--eval", f"listing('{file}')"], check=True, capture_output=True
        )
        out = loadmat(file)
        return float(out["seconds"].item()), out["costs"].ravel() if monitored else None

    return train
