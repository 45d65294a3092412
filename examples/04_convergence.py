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
# # 4. How fast does it converge?
#
# Of figure 7 the paper says that "the cost decayed at a very slow linear rate" and that "the ratio of successive costs was within
# around 1e-6 of unity". What kind of convergence is that, and is there a method that converges faster?

# %%
import numpy as np

import netbp as nb
from netbp.figures import new_figure
from netbp.figures.analysis_convergence import draw_comparison, draw_convergence, draw_profile

network = nb.Network.dense(2, 2, 3, 2)
problem = nb.Problem(network, nb.quadratic, nb.data.ten_points())
run = nb.train(problem, nb.StochasticGradient(rate=0.05), steps=1_000_000, rng=nb.MatlabRandom(5000), record=1)

# %% [markdown]
# ## Linear or algebraic?
#
# *Linear* convergence is $C_k \approx C\, e^{-r k}$: a straight line when the cost is on a logarithmic axis, and the ratio of
# successive costs is $e^{-r}$, always the same. *Algebraic* convergence is $C_k \approx c\, (k - k_0)^{-\alpha}$: straight when
# both axes are logarithmic, and the ratio tends to 1 by itself. Both look like "very slow linear" when one looks for a short
# time. The rate $r = -C'/C$ decides: along an algebraic decay it falls as the cost does, $r \sim C^{\gamma}$ with $\gamma =
# 1/\alpha$, along a linear one $\gamma = 0$.

# %%
found = nb.convergence(run)
print(found)
assert found.kind == "algebraic"
assert abs(found.decay.exponent.value - 1.15) < 0.02
assert found.decay.gamma.low > 0.8  # 0 would be linear

# %%
with nb.style():
    figure, axes = new_figure(1, 3, size=(17.0, 5.0))
    draw_convergence(axes, found)
figure

# %% [markdown]
# The tail is algebraic, with an exponent of about 1.15. The paper's remark about the ratio is right, too, in its way: most ratios
# are within 1e-6 of 1, and about a quarter of them are above 1. But the net decay is the work of few steps, and it slows down:

# %%
early, late = found.rate_between(200_000, 300_000), found.rate_between(900_000, 1_000_000)
ratios = found.ratios
print(f"net decay per step {early:.1e} between 200,000 and 300,000 steps, {late:.1e} between 900,000 and 1,000,000")
near = np.mean(np.abs(run.costs[1:] / run.costs[:-1] - 1)[500_000:] < 1e-6)
print(f"{near:.0%} of the last half million ratios are within 1e-6 of 1")
assert early > 5 * late
assert near > 0.5

# %% [markdown]
# ## Plateaus
#
# Before the tail the cost stands still twice. Levels are not arbitrary: a network that has the same output for all points does
# best with the mean of the targets, $(1/2, 1/2)$, at the cost $\frac12 \|(\frac12, \frac12)\|^2 = 1/4$.

# %%
for plateau in found.plateaus:
    print(f"steps {plateau.start:>7,} to {plateau.end:>7,}: cost {plateau.level:.4f}")
assert len(found.plateaus) == 2
assert abs(found.plateaus[0].level - 0.25) < 0.005

# %% [markdown]
# ## "Didn't my numerical analysis teacher tell me never to use steepest descent?"
#
# The paper asks this in section 8. Here is an answer for the ten points: methods from the same eight starts, counted in gradients
# of all points, until the cost is at most 1e-4 or the budget is used.

# %%
methods = {
    "steepest descent": nb.SteepestDescent(rate=1.0),
    "stochastic gradient": nb.StochasticGradient(rate=0.05),
    "Adam": nb.StochasticGradient(rule=nb.adam, rate=0.01),
    "L-BFGS": nb.LBFGS(),
    "Newton, trust region": nb.TrustRegion(),
    "Levenberg-Marquardt": nb.LevenbergMarquardt(),
}
compared = nb.compare(problem, methods, starts=8, budget=20_000, rng=0)
print(compared)

# %%
with nb.style():
    figure, (left, right) = new_figure(1, 2, size=(16.0, 5.2))
    draw_comparison(left, compared)
    draw_profile(right, compared.profile())
figure

# %%
table = compared.frame()
reached = table[np.isfinite(table["work"]) & (table["level"] == 1e-4)].groupby("method")["work"].agg(["count", "median"])
print(reached)
lm, adam = reached.loc["Levenberg-Marquardt"], reached.loc["Adam"]
print(f"Adam needs {adam['median'] / lm['median']:.0f} times the work of Levenberg-Marquardt")
assert lm["count"] == 8
assert lm["median"] < 100
assert adam["median"] > 20 * lm["median"]
assert "steepest descent" not in reached.index
assert "stochastic gradient" not in reached.index

# %% [markdown]
# On a small least squares problem the teacher is right: second derivatives, or the Jacobian of the residual, save two orders of
# magnitude, and descent with a constant rate has not arrived when the budget ends. But being fast is not all. L-BFGS uses
# gradients only, is as quick as Levenberg and Marquardt's method, and from most of these starts it is quick to arrive at the
# wrong place: where one point of A stands among the five of B, and all six get their mean. That costs $\frac{1}{10} (5
# (\frac16)^2 + (\frac56)^2) = \frac1{12}$.

# %%
ends = np.array([trace.costs.min() for trace in compared.traces[list(methods).index("L-BFGS")]])
print("lowest costs of L-BFGS:", np.array2string(np.sort(ends), precision=4))
level = (5 * (1 / 6) ** 2 + (5 / 6) ** 2) / 10  # two components, times 1/2
assert abs(level - 1 / 12) < 1e-15
assert (np.abs(ends - level) < 1e-3).sum() >= 4

# %% [markdown]
# Which share of starts ends where is the next notebook's question.
