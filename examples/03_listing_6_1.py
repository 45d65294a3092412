# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 3. Stochastic gradient and Listing 6.1
#
# Section 6 of the paper trains the network of figure 3 with forty lines of MATLAB and a million steps. Here is the same run, to
# the digits that MATLAB prints, and what is behind it. (Figures 6 to 8.)

# %%
import numpy as np

import netbp as nb
from netbp.figures import draw_costs, draw_network, draw_region, new_figure

network = nb.Network.dense(2, 2, 3, 2)
problem = nb.Problem(network, nb.quadratic, nb.data.ten_points())

# %% [markdown]
# Figure 6 says what a weight is called: $w^{[l]}_{jk}$ leads from neuron $k$ of layer $l - 1$ to neuron $j$ of layer $l$.

# %%
with nb.style():
    figure, ax = new_figure()
    draw_network(ax, nb.Network.dense(4, 3, 4, 5, 2), highlight=(4, 3, 3))
figure

# %% [markdown]
# ## A step
#
# Steepest descent goes against the gradient of the cost, $p \to p - \eta \nabla \text{Cost}(p)$. The stochastic gradient looks at
# one point only, drawn anew in each step:
#
# $$p \to p - \eta \nabla C_{x^{\{i\}}}(p). \qquad (15)$$
#
# On average over $i$ that is the same step, since Cost is the mean of the $C_{x^{\{i\}}}$:

# %%
p = network.draw(nb.MatlabRandom(5000))
eta = 0.05
points = [nb.Problem(network, nb.quadratic, nb.Data(x[None], y[None])) for x, y in zip(*problem.data[:2], strict=True)]
steps = np.array([-eta * at.gradient(p) for at in points])
mean = -eta * problem.gradient(p)
print(f"mean of the ten steps less steepest descent's: {np.abs(steps.mean(axis=0) - mean).max():.0e}")
lengths = np.linalg.norm(steps, axis=1)
print(f"steepest descent's step has length {np.linalg.norm(mean):.5f}, single ones {lengths.mean():.5f} on average")
assert np.allclose(steps.mean(axis=0), mean, rtol=1e-12, atol=1e-17)
assert lengths.mean() > 3 * np.linalg.norm(mean)

# %% [markdown]
# Single steps are several times as long as their mean: most of what they do cancels.
#
# ## The listing in Python
#
# MATLAB's `rng(5000)` starts a Mersenne twister, which first gives the 23 normal numbers of the start, and then the points,
# `randi(10)`. The loop below is Listing 6.1, for the first 1,000 steps:

# %%
rng = nb.MatlabRandom(5000)
W2, W3, W4 = 0.5 * rng.randn(2, 2), 0.5 * rng.randn(3, 2), 0.5 * rng.randn(2, 3)
b2, b3, b4 = 0.5 * rng.randn(2, 1), 0.5 * rng.randn(3, 1), 0.5 * rng.randn(2, 1)


def activate(x, W, b):
    return 1 / (1 + np.exp(-(W @ x + b)))


by_hand = []
for _ in range(1000):
    k = int(rng.randi(10)) - 1
    x, y = problem.data.x[k][:, None], problem.data.y[k][:, None]
    a2 = activate(x, W2, b2)  # forward pass
    a3 = activate(a2, W3, b3)
    a4 = activate(a3, W4, b4)
    delta4 = a4 * (1 - a4) * (a4 - y)  # backward pass
    delta3 = a3 * (1 - a3) * (W4.T @ delta4)
    delta2 = a2 * (1 - a2) * (W3.T @ delta3)
    W2, W3, W4 = W2 - eta * delta2 @ x.T, W3 - eta * delta3 @ a2.T, W4 - eta * delta4 @ a3.T  # gradient step
    b2, b3, b4 = b2 - eta * delta2, b3 - eta * delta3, b4 - eta * delta4
    outputs = activate(activate(activate(problem.data.x.T, W2, b2), W3, b3), W4, b4)
    by_hand.append(np.sum((problem.data.y.T - outputs) ** 2))

# %% [markdown]
# The listing monitors $\sum_i \|y_i - a^{[4]}(x_i)\|^2$, which is $2N = 20$ times Cost (9).
#
# ## A million steps
#
# One line; it takes a fraction of a second.

# %%
run = nb.train(problem, nb.StochasticGradient(rate=eta), steps=1_000_000, rng=nb.MatlabRandom(5000), record=1)
costs = 20 * run.costs
print(f"the loop by hand agrees for 1,000 steps within {np.abs(costs[:1000] / by_hand - 1).max():.0e}")
for step in (1, 10, 100, 1000, 10_000, 100_000, 1_000_000):
    print(f"after {step:>9,} steps: {costs[step - 1]:.6g}")
assert np.abs(costs[:1000] / by_hand - 1).max() < 1e-11
assert abs(20 * run.initial_cost - 5.3288) < 1e-4  # the paper: 5.3 at the start
assert abs(costs[-1] - 7.3035e-4) < 1e-8  # and 7.3e-4 in the end

# %%
with nb.style():
    figure, (left, right) = new_figure(1, 2, size=(12.8, 4.8))
    draw_costs(left, run, factor=20)
    draw_region(right, problem, run.p)
figure

# %% [markdown]
# Figures 7 and 8. The cost falls, stays, falls again; grey is where the network says A, and all ten points are right.

# %%
assert (problem.classify(run.p, problem.data.x) == problem.data.y.argmax(axis=1)).all()
rises = np.mean(np.diff(run.costs) > 0)
print(f"{rises:.0%} of all steps raise the cost")
assert 0.2 < rises < 0.5

# %% [markdown]
# ## With and without replacement
#
# Listing 6.1 draws each point from all ten. One may as well shuffle the points and take each once in an *epoch*. In practice that
# is the usual choice; here, eight runs of each say how much it matters on this problem after 200,000 steps:

# %%
medians = {}
for sampling in ("replacement", "epochs"):
    method = nb.StochasticGradient(rate=eta, sampling=sampling)
    ends = nb.multistart(problem, method, starts=8, steps=200_000, rng=0, workers=1)
    medians[sampling] = np.median(ends.costs)
    print(f"{sampling:<12} median cost {medians[sampling]:.2e}, lowest {ends.costs.min():.2e}, highest {ends.costs.max():.2e}")
assert 0.5 < medians["epochs"] / medians["replacement"] < 2

# %% [markdown]
# Not much: the median costs differ by less than a factor of two, the runs among themselves by more.
#
# ## The rate
#
# The step is $\eta$; smaller is slower, and too large does not settle. A range test raises the rate in each step until the cost
# blows up, and gives a number:

# %%
test = nb.rate_range_test(problem, nb.StochasticGradient(), start=run.p, rng=0, steps=5000, lowest=1e-2, highest=1e4)
print(test)
finals = {}
for rate in (0.005, 0.05, 0.5, 5.0):
    finals[rate] = nb.train(problem, nb.StochasticGradient(rate=rate), steps=100_000, rng=nb.MatlabRandom(5000)).final_cost
    print(f"rate {rate:<5}: Cost {finals[rate]:.2e} after 100,000 steps")
assert finals[0.5] < finals[0.05] < finals[0.005]
assert finals[5.0] > 0.08

# %% [markdown]
# Ten times the paper's rate would have been better by three orders of magnitude; a hundred times, still below what the test calls
# too large, ends at a cost of about one twelfth: one point is on the wrong side, and stays there. A range test says which rates
# move, not which arrive.
