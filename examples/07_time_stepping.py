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
# # 7. Training as time stepping
#
# Steepest descent $p_{k+1} = p_k - \eta \nabla \mathrm{Cost}(p_k)$ is Euler's method with step $\eta$ for the gradient flow $p' =
# -\nabla \mathrm{Cost}(p)$, and the stochastic gradient looks like Euler-Maruyama's for a stochastic differential equation. A
# numerical analyst asks at once: of which order, and in which sense?

# %%
import numpy as np

import netbp as nb
from netbp.figures import new_figure
from netbp.figures.analysis_dynamics import draw_bands, draw_orders

problem = nb.Problem(nb.Network.dense(2, 2, 3, 2), nb.quadratic, nb.data.ten_points())
start = problem.network.draw(nb.MatlabRandom(5000))

# %% [markdown]
# ## The flow, and Euler's order
#
# The cost never rises along the flow: $\frac{d}{dt} \mathrm{Cost}(p(t)) = -\|\nabla \mathrm{Cost}\|^2$. With $T/\eta$ steps to a
# fixed time $T$, Euler's global error is $O(\eta)$.

# %%
flow = nb.gradient_flow(problem, start, np.linspace(0.0, 200.0, 41))
euler = nb.euler_order(problem, start, 100.0, [4.0, 2.0, 1.0, 0.5])
print(f"the flow's cost falls from {flow.costs[0]:.4f} to {flow.costs[-1]:.4f}")
print(euler)
assert (np.diff(flow.costs) <= 1e-12).all()
assert abs(euler.errors[-1].order - 1.0) < 0.04

# %% [markdown]
# ## What does steepest descent really follow?
#
# Backward error analysis: to second order, the iterates lie on another flow, that of
#
# $$\mathrm{Cost}(p) + \tfrac{\eta}{4} \|\nabla \mathrm{Cost}(p)\|^2.$$
#
# A finite step therefore acts like a penalty on steep places. The column "to the modified flow" above has order 2:

# %%
print("orders to the modified flow:", ", ".join(f"{at.modified_order:.3f}" for at in euler.errors[1:]))
assert abs(euler.errors[-1].modified_order - 2.0) < 0.05
with nb.style():
    figure, ax = new_figure()
    draw_orders(ax, euler)
figure

# %% [markdown]
# ## The stochastic gradient: weak orders where they are a theorem
#
# With one random point a step the gradient has the mean $\nabla \mathrm{Cost}$ and a covariance $\Sigma(p)$, and the candidate is
#
# $$dp = -\nabla \mathrm{Cost}(p)\, dt + \sqrt{\eta}\, \Sigma(p)^{1/2}\, dW.$$
#
# "Close" means that expectations are close: weak convergence. For linear least squares first and second moments obey a linear
# recurrence (the method) and a linear differential equation (the model), so that errors are known to rounding. A line is fitted to
# the ten points' first target.

# %%
points = nb.data.ten_points()
line = nb.Problem(nb.Network.dense(2, 1, activation=nb.identity), nb.quadratic, nb.Data(points.x, points.y[:, :1]))
linear = nb.linear_orders(line, [1.0, -1.0, 0.5], 4.0, [0.25, 0.125, 0.0625, 0.03125, 0.015625])
print(linear)
last = {model: linear.of(model)[-1] for model in ("flow", "diffusion", "modified")}
assert abs(last["flow"].mean_order - 1.0) < 0.02
assert abs(last["diffusion"].mean_order - 1.0) < 0.02
assert abs(last["modified"].mean_order - 2.0) < 0.1

# %% [markdown]
# The flow without any noise is weakly of order 1, too, since the noise has a variance of order $\eta$; so a diffusion earns its
# name only by more than its order. It does: its covariance is right where the flow has none, and with the drift of the modified
# cost the mean is of order 2.

# %%
print(f"error of Cov p at the smallest rate: flow {last['flow'].covariance:.1e}, diffusion {last['diffusion'].covariance:.1e}")
assert last["diffusion"].covariance < 0.1 * last["flow"].covariance

# %% [markdown]
# ## The noise of the network
#
# $\Sigma = F^T F$ with one row of $F$ per point, so its rank is at most $N - 1 = 9$ among 23 parameters. It is far from alike in
# all directions.

# %%
noise = nb.gradient_noise(problem, start)
print(f"rank {noise.rank}, effective rank {noise.effective_rank:.2f} of {problem.size}")
assert noise.rank <= 9
assert noise.effective_rank < 5

# %%
bands = nb.cost_bands(problem, start, 2.0, np.arange(0.0, 402.0, 20.0), 100, rng=0)
print(bands)
difference = np.abs(bands.mean["stochastic gradient"] - bands.mean["diffusion"])
within = difference <= 2 * (bands.error["stochastic gradient"] + bands.error["diffusion"]) + 1e-12
print(f"means of method and diffusion agree within their errors at {within.mean():.0%} of the times")
assert within.mean() > 0.8
with nb.style():
    figure, ax = new_figure()
    draw_bands(ax, bands)
figure
