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
# # 1. Ten points in the plane
#
# Sections 2 and 3 of the paper: a smooth step, a network made of many such steps, and a curve that it draws between two kinds of
# points. (Figures 1 to 5.)

# %%
import numpy as np
from scipy.optimize import linprog

import netbp as nb
from netbp.figures import draw_activation, draw_costs, draw_network, draw_points, draw_region, new_figure

# %% [markdown]
# ## A step that is smooth
#
# The sigmoid $\sigma(x) = 1/(1 + e^{-x})$ goes from 0 to 1. Its slope needs no second exponential, $\sigma' = \sigma (1 -
# \sigma)$, and is largest in the middle, where it is 1/4. A weight makes the step steeper and a bias moves it: $\sigma(3 (x -
# 5))$ has its middle at 5, and is three times as steep.

# %%
with nb.style():
    figure, (upper, lower) = new_figure(2, 1, sharex=True)
    draw_activation(upper)
    draw_activation(lower, weight=3.0, shift=5.0)
figure

# %%
x = np.linspace(-10, 10, 2001)
slope = nb.sigmoid.slope(x, nb.sigmoid(x))
differences = np.gradient(nb.sigmoid(x), x)
off = np.abs(slope - differences)[1:-1].max()
print(f"largest slope {slope.max():.4f} at x = {abs(x[slope.argmax()]):.2f}; off central differences by {off:.1e}")
assert slope.max() == 0.25
assert off < 1e-5

# %% [markdown]
# ## The points
#
# Ten points in the unit square: five in category A, whose target is $y = (1, 0)^T$, and five in category B with $y = (0, 1)^T$.
# No straight line parts them. That is a claim about linear inequalities, and linear programming decides it: is there a $(w, b)$
# with $s_i (w^T x_i + b) \ge 1$ for all $i$, where $s_i = \pm 1$ says the category?

# %%
points = nb.data.ten_points()
with nb.style():
    figure, ax = new_figure()
    draw_points(ax, points)
figure

# %%
side = np.where(points.y[:, 0] == 1, 1.0, -1.0)
rows = -side[:, None] * np.column_stack([points.x, np.ones(10)])
line = linprog(np.zeros(3), A_ub=rows, b_ub=-np.ones(10), bounds=[(None, None)] * 3)
print("a line that parts them:", line.message)
assert line.status == 2  # infeasible

# %% [markdown]
# ## The network
#
# Layer 1 is the input, layers 2, 3 and 4 have two, three and two neurons:
#
# $$F(x) = \sigma(W^{[4]} \sigma(W^{[3]} \sigma(W^{[2]} x + b^{[2]}) + b^{[3]}) + b^{[4]}) \in \mathbb{R}^2, \qquad (4)$$
#
# with $4 + 6 + 6$ weights and $2 + 3 + 2$ biases: 23 parameters, one vector $p$.

# %%
network = nb.Network.dense(2, 2, 3, 2, activation=nb.sigmoid)
problem = nb.Problem(network, nb.quadratic, points)
p = network.draw(nb.MatlabRandom(5000))
with nb.style():
    figure, ax = new_figure()
    draw_network(ax, network, p)
print(network.table())
assert network.size == 23
figure

# %% [markdown]
# Formula (4), written out once with NumPy, is what `problem.predict` computes:


# %%
def F(x, p):
    a = np.asarray(x)
    for W, b in network.views(p):
        a = 1 / (1 + np.exp(-(W @ a + b)))
    return a


off = max(np.abs(F(x, p) - problem.predict(p, x[None])[0]).max() for x in points.x)
print(f"formula (4) by hand and by the package differ by at most {off:.0e}")
assert off < 1e-15

# %% [markdown]
# ## Training
#
# The parameters are chosen to make
#
# $$\text{Cost}(p) = \frac{1}{10} \sum_{i=1}^{10} \frac12 \| y_i - F(x_i) \|_2^2 \qquad (6)$$
#
# small: a nonlinear least squares problem with 23 unknowns. The paper hands it to MATLAB's `lsqnonlin`; here it is Levenberg and
# Marquardt's method, from the same start, which is what MATLAB draws after `rng(5000)`.

# %%
run = nb.train(problem, nb.LevenbergMarquardt(), rng=nb.MatlabRandom(5000), record=1)
print(f"Cost {run.initial_cost:.4f} -> {run.final_cost:.1e} in {run.step} iterations: {run.message}")
assert abs(20 * run.initial_cost - 5.32881696990138) < 1e-12  # the paper's 5.3
assert run.status == "converged"
assert 20 * run.final_cost < 1e-11

# %%
with nb.style():
    figure, (left, right) = new_figure(1, 2, size=(12.8, 4.8))
    draw_costs(left, run, points=1000)
    draw_region(right, problem, run.p)
figure

# %% [markdown]
# Grey is where $F_1 > F_2$: category A. All ten points are right, and the curve between is a choice that the data does not make:
# other starts end with other curves.

# %%
assert (problem.classify(run.p, points.x) == points.y.argmax(axis=1)).all()
grid = np.stack(np.meshgrid(*[np.linspace(0, 1, 101)] * 2), axis=-1).reshape(-1, 2)
others = nb.multistart(problem, nb.LevenbergMarquardt(), starts=20, rng=1, workers=1)
ends = others.p[others.costs < 1e-6]
shares = np.array([(problem.classify(end, grid) == 0).mean() for end in ends])
print(f"{len(ends)} of 20 starts fit all points; category A gets {shares.min():.0%} to {shares.max():.0%} of the square")
assert len(ends) >= 18
assert shares.max() - shares.min() > 0.05

# %% [markdown]
# ## One point more
#
# Figure 5 adds the point $(0.3, 0.7)$ to category B, in the middle of A's. The network can learn that, too; but not from every
# start:

# %%
eleven = nb.Problem(network, nb.quadratic, nb.data.eleven_points())
run = nb.train(eleven, nb.LevenbergMarquardt(), rng=nb.MatlabRandom(5000))
with nb.style():
    figure, ax = new_figure()
    draw_region(ax, eleven, run.p)
shares = [nb.multistart(at, nb.LevenbergMarquardt(), starts=500, rng=0, workers=1).success for at in (problem, eleven)]
print(f"{shares[0]:.1%} of 500 starts fit the ten points, {shares[1]:.1%} the eleven")
assert run.final_cost < 1e-11
assert shares[0] > 0.95 > shares[1]
figure
