"""The network of section 7.4 as one writes it in PyTorch and in JAX: the rivals of `benchmarks.cifar`.

Both train in single precision with momentum 0.9, weight decay 1e-4 and the rate's multipliers, and cut their batches from one
shuffled array that lies in memory; neither mirrors images.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

BATCH, RATE, MOMENTUM, DECAY = 100, 0.05, 0.9, 1e-4
FILTERS = ((32, 3, 5, 0.01), (32, 32, 5, 0.05), (64, 32, 5, 0.05), (64, 64, 4, 0.05))


def torch_eager(x: np.ndarray, labels: np.ndarray, layout: str = "default") -> Callable[[int], None]:
    """A function that takes so many steps: nn.Sequential, autograd and torch.optim.SGD. layout: "default" or "channels_last"."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    pool = {"kernel_size": 3, "stride": 2, "ceil_mode": True}
    model = nn.Sequential(
        nn.Conv2d(3, 32, 5, padding=2),
        nn.MaxPool2d(**pool),
        nn.ReLU(),
        nn.Conv2d(32, 32, 5, padding=2),
        nn.ReLU(),
        nn.AvgPool2d(**pool),
        nn.Conv2d(32, 64, 5, padding=2),
        nn.ReLU(),
        nn.AvgPool2d(**pool),
        nn.Conv2d(64, 64, 4),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(64, 10),
    )
    deviations = iter((0.01, 0.05, 0.05, 0.05, 0.05))
    for layer in model:
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.normal_(layer.weight, std=next(deviations))
            nn.init.zeros_(layer.bias)
    images, targets = torch.from_numpy(x).reshape(-1, 3, 32, 32), torch.from_numpy(labels)
    if layout == "channels_last":
        model = model.to(memory_format=torch.channels_last)
        images = images.to(memory_format=torch.channels_last)
    last = model[-1]
    convolutions = [layer for layer in model if isinstance(layer, nn.Conv2d)]
    optimiser = torch.optim.SGD(
        [
            {"params": [c.weight for c in convolutions], "lr": 0.1 * RATE},
            {"params": [c.bias for c in convolutions], "lr": 2.0 * RATE},
            {"params": [last.weight], "lr": 0.01 * RATE},
            {"params": [last.bias], "lr": 0.2 * RATE},
        ],
        momentum=MOMENTUM,
        weight_decay=DECAY,
    )
    loss_of = nn.CrossEntropyLoss()

    def steps(count: int) -> None:
        order = torch.randperm(len(images))
        for k in range(count):
            batch = order[k * BATCH % (len(images) - BATCH + 1) :][:BATCH]
            optimiser.zero_grad()
            loss = loss_of(model(images[batch]), targets[batch])
            loss.backward()
            optimiser.step()

    return steps


def jax_jitted(x: np.ndarray, labels: np.ndarray) -> Callable[[int], None]:
    """A function that takes so many steps of one jitted function, the update included (lax.conv_general_dilated, reduce_window)."""
    import jax
    import jax.numpy as jnp
    from jax import lax

    rng = np.random.default_rng(0)
    layout = ("NHWC", "HWIO", "NHWC")
    images, targets = jnp.asarray(x.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)), jnp.asarray(labels)
    weights = [(rng.standard_normal((k, k, c, f)) * s).astype(np.float32) for f, c, k, s in FILTERS] + [
        (rng.standard_normal((64, 10)) * 0.05).astype(np.float32)
    ]
    p = [(jnp.asarray(W), jnp.zeros(W.shape[-1], jnp.float32)) for W in weights]
    multipliers = [(0.1, 2.0)] * 4 + [(0.01, 0.2)]
    window, stride, pad = (1, 3, 3, 1), (1, 2, 2, 1), ((0, 0), (0, 1), (0, 1), (0, 0))

    def average(a: Any) -> Any:
        n = a.shape[1]
        seen = np.minimum(3, n - np.arange(0, n, 2)).astype(np.float32)  # rows and columns that a window sees
        return lax.reduce_window(a, 0.0, lax.add, window, stride, pad) / jnp.asarray(np.outer(seen, seen))[None, :, :, None]

    def convolved(a: Any, layer: Any, around: int) -> Any:
        W, b = layer
        return lax.conv_general_dilated(a, W, (1, 1), [(around, around)] * 2, dimension_numbers=layout) + b

    def loss(p: Any, a: Any, y: Any) -> Any:
        a = convolved(a, p[0], 2)
        a = jax.nn.relu(lax.reduce_window(a, -jnp.inf, lax.max, window, stride, pad))
        a = average(jax.nn.relu(convolved(a, p[1], 2)))
        a = average(jax.nn.relu(convolved(a, p[2], 2)))
        a = jax.nn.relu(convolved(a, p[3], 0)).reshape(len(a), -1)
        a = a @ p[4][0] + p[4][1]
        return -jnp.take_along_axis(jax.nn.log_softmax(a), y[:, None], axis=1).mean()

    @jax.jit
    def step(p: Any, v: Any, batch: Any) -> Any:
        g = jax.grad(loss)(p, images[batch], targets[batch])
        v = jax.tree.map(lambda v, g, w: MOMENTUM * v + g + DECAY * w, v, g, p)
        moved = [(W - RATE * m * vW, b - RATE * n * vb) for (W, b), (vW, vb), (m, n) in zip(p, v, multipliers, strict=True)]
        return moved, v

    state = {"p": p, "v": jax.tree.map(jnp.zeros_like, p)}

    def steps(count: int) -> None:
        order = rng.permutation(len(x))
        for k in range(count):
            batch = order[k * BATCH % (len(x) - BATCH + 1) :][:BATCH]
            state["p"], state["v"] = step(state["p"], state["v"], batch)
        jax.block_until_ready(state["p"])

    return steps
