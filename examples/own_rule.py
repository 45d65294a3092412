"""An update rule of one's own: one scalar recurrence, compiled into the training loop like the built-in ones."""

import netbp as nb


def normalised_momentum(p, g, u, v, eta, t, mu=0.9):
    """u -> mu u + (1 - mu) g, a mean of the gradients, with its start corrected."""
    u = mu * u + (1.0 - mu) * g
    return p - eta * u / (1.0 - mu**t), u, v


problem = nb.Problem(nb.Network.dense(2, 2, 3, 2), nb.quadratic, nb.data.ten_points())
for rule in (nb.sgd, nb.momentum, normalised_momentum, nb.adam):
    rate = 0.005 if rule is nb.adam else 0.05
    run = nb.train(problem, nb.StochasticGradient(rule=rule, rate=rate), steps=200_000, rng=1)
    print(f"{rule.__name__:>20}: Cost {run.initial_cost:.3e} -> {run.final_cost:.3e}")
