"""Data of one's own: two interleaved half moons, mini-batches without replacement, early stopping by held-out points."""

import numpy as np

import netbp as nb

rng = np.random.default_rng(3)


def half_moons(n):
    """n points on two noisy half circles, with one column of targets for each."""
    label = np.arange(n) % 2
    angle = np.pi * rng.random(n)
    x = np.column_stack([np.cos(angle), np.sin(angle)])
    x[label == 1] = [1.0, 0.5] - x[label == 1]
    return nb.Data(x + 0.15 * rng.standard_normal((n, 2)), np.eye(2)[label])


network = nb.Network.dense(2, 16, 16, 2, activation=(nb.tanh, nb.tanh, nb.identity))
problem = nb.Problem(network, nb.softmax_log_loss, half_moons(400), held_out=half_moons(400), penalty=0.05)
method = nb.StochasticGradient(rule=nb.adam, rate=0.01, batch=20, sampling="epochs")
run = nb.train(problem, method, steps=2_000, start=network.draw(rng, scale=nb.glorot), rng=3)

for name, data in (("training", problem.data), ("held out", problem.held_out)):
    right = problem.classify(run.p, data.x) == data.y.argmax(axis=1)
    print(f"{name}: {right.mean():.1%} of {len(right)} points are right")
