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
# # 10. What happens on unseen points
#
# A network is fitted to some points and used on others. Section 8 of the paper asks when this goes well. Two answers can be held
# against theorems: the risk of linear features, which falls, explodes and falls again, and algorithmic stability.

# %%
import numpy as np

import netbp as nb
from netbp.figures import new_figure
from netbp.figures.analysis_generalisation import draw_double_descent
from netbp.figures.analysis_regularity import draw_twins

# %% [markdown]
# ## Double descent is a theorem
#
# $N$ points, targets $y = w^T x + \varepsilon$ with $D$ normal features and noise of standard deviation $\sigma$. Least squares is
# given the first $p$ features only; beyond $p = N$, the solution of minimum norm. For fixed $|w|^2 = 1$ the expected error is,
# below $p = N - 1$ with what the other features add as further noise,
#
# $$\Bigl(1 - \frac pD\Bigr) + \Bigl(1 - \frac pD + \sigma^2\Bigr) \frac{p}{N - p - 1},$$
#
# infinite next to $p = N$, and finite again above (Belkin, Hsu & Xu, 2020).

# %%
found = nb.double_descent(N=30, D=120, features=(1, 8, 15, 22, 27, 30, 33, 45, 70, 120), replicates=100, rng=0)
print(found)
expected, measured = found.expected, found.intervals()
finite = np.isfinite(expected)
p, D, N, sigma = 15, 120, 30, 0.5
by_hand = (1 - p / D) + (1 - p / D + sigma**2) * p / (N - p - 1)
print(f"at p = 15: {by_hand:.4f} by the formula, {measured[2].value:.4f} measured in the interval {measured[2]}")
assert abs(expected[2] - by_hand) < 1e-12
assert abs(measured[2].value - by_hand) < 2 * (measured[2].high - measured[2].low)
assert not finite[found.features.index(30)]

# %%
with nb.style():
    figure, ax = new_figure(size=(9.0, 5.2))
    draw_double_descent(ax, found)
figure

# %% [markdown]
# The peak belongs to fitting the noise exactly, not to many features: ridge regression with the best penalty, (33) for a linear
# network, has none, and neither has the gradient flow that is stopped in time. Early stopping is a penalty.

# %%
ridge = np.array([at.value for at in found.intervals("ridge")])
stopped = np.array([at.value for at in found.intervals("stopped")])
least = np.array([at.value for at in measured])
print("largest risks:", f"least squares {least.max():.1f}, ridge {ridge.max():.3f}, stopped {stopped.max():.3f}")
assert least.max() > 5 * ridge.max()
assert np.abs(stopped / ridge - 1).max() < 0.1

# %% [markdown]
# ## Stability: two runs that differ in one point
#
# An algorithm that hardly depends on any single point cannot have learnt it by heart: if replacing one point changes the cost at
# any place by at most $\varepsilon$ in the mean, then the expected gap between unseen and training cost is at most $\varepsilon$.
# For convex costs with Lipschitz constant $M$ and $T$ steps with rates $\eta_t$ that are small enough, the stochastic gradient's
# twins obey
#
# $$E \|p_T - p_T'\| \le \frac{2 M}{n} \sum_{t \le T} \eta_t$$
#
# (Hardt, Recht & Singer, 2016, reference [15] of the paper). Logistic regression is convex:

# %%
rng = np.random.default_rng(0)


def cloud(count):
    """Two overlapping clouds: points (count, 2) and their category as targets."""
    category = rng.integers(2, size=count)
    x = rng.standard_normal((count, 2)) + np.where(category[:, None] == 1, 0.7, -0.7)
    return nb.Data(x, np.eye(2)[category])


train, spare = cloud(100), cloud(1000)
logistic = nb.Problem(nb.Network.dense(2, 2, activation=nb.identity), nb.softmax_log_loss, train)
twins = nb.twin_runs(logistic, spare, rate=0.05, at=[10, 100, 1000, 5000], twins=200, start=np.zeros(logistic.size), rng=0)
print(twins)
distance, bound = twins.column("distance"), 10 ** twins.column("bound")
assert (distance <= bound).all()
assert distance[-1] > distance[0]
print(f"after 5,000 steps the bound is {bound[-1] / distance[-1]:.0f} times what is measured")

# %%
with nb.style():
    figure, ax = new_figure(size=(8.0, 5.2))
    draw_twins(ax, twins)
figure

# %% [markdown]
# The bound is true and grows with time, as it must for a proof that looks at the worst case; the twins stop parting, since both
# approach minima of almost the same function. On unseen points the costs agree:

# %%
seen, unseen = twins.costs
print(f"costs at the end: {seen:.4f} of the training points, {unseen:.4f} of unseen ones; the gap {unseen - seen:.4f}")
assert abs(unseen - seen) < 0.1
assert distance[-1] < 5 * distance[-2]
