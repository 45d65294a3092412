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
# # 5. The landscape
#
# A nonlinear least squares solver "cannot always find an acceptable solution", says the paper, and a non-convex function may have
# many minima. How many are there for the ten points, how often are they found, and what lies between them?

# %%
from dataclasses import replace

import numpy as np

import netbp as nb
from netbp.figures import draw_region, new_figure
from netbp.figures.analysis_landscape import draw_atlas, draw_connection, draw_slice

network = nb.Network.dense(2, 2, 3, 2)
ten = nb.Problem(network, nb.quadratic, nb.data.ten_points())
eleven = replace(ten, data=nb.data.eleven_points())
method = nb.LevenbergMarquardt()

# %% [markdown]
# ## Where do the starts end?
#
# Two thousand random starts of Levenberg and Marquardt's method, sorted by what their networks say of the points:

# %%
found = {name: nb.atlas(problem, method, starts=2000, rng=0, workers=1) for name, problem in (("ten", ten), ("eleven", eleven))}
print(found["ten"], found["eleven"], sep="\n\n")
success = {name: at.success.value for name, at in found.items()}
assert success["ten"] > 0.97
assert 0.9 < success["eleven"] < 0.96

# %%
with nb.style():
    figure, (left, right) = new_figure(1, 2, size=(20.0, 5.2))
    draw_atlas(left, found["ten"])
    draw_atlas(right, found["eleven"])
figure

# %% [markdown]
# The costs of the failures are not arbitrary. If the outputs take one value on each part of a partition of the points, the best
# value is the mean of the part's targets. A part with $a$ points of category A and $b$ of B then costs
#
# $$\frac1N \Big( a \big(\tfrac{b}{a+b}\big)^2 + b \big(\tfrac{a}{a+b}\big)^2 \Big) = \frac1N \frac{ab}{a+b}.$$
#
# With the eleventh point there is but one kind of failure: point 4 of A among the six of B, at $\frac1{11} \cdot \frac67 = 6/77$.

# %%
failure = found["eleven"].states[1]
print(f"{failure.starts} starts end at {failure.costs[1]:.6f}, with point {failure.wrong} wrong; 6/77 = {6 / 77:.6f}")
assert failure.wrong == (4,)
assert abs(failure.costs[1] - 6 / 77) < 1e-5
with nb.style():
    figure, ax = new_figure()
    draw_region(ax, eleven, failure.p)
figure

# %% [markdown]
# ## One solution is 384
#
# Two neurons of layer 2 can change places, and so can the three of layer 3. And since $\sigma(-z) = 1 - \sigma(z)$, a neuron can
# have all its signs changed, if the next layer's biases make up for it: $v\, \sigma(z) = v - v\, \sigma(-z)$. Together that makes
# $2!\, 3!\, 2^5 = 384$ vectors $p$ with the same outputs.

# %%
best = nb.multistart(ten, method, starts=4, rng=0, workers=1)
p, q = best.p[:2]
copies = nb.orbit(network, p)
grid = np.random.default_rng(0).random((50, 2))
spread = max(np.abs(ten.predict(copy, grid) - ten.predict(p, grid)).max() for copy in copies)
print(f"{nb.symmetries(network)}; outputs of all copies differ by at most {spread:.0e}")
assert len(copies) == len(np.unique(copies.round(6), axis=0)) == 384
assert spread < 1e-10

# %% [markdown]
# ## What lies between two solutions?
#
# On the straight line from $p$ to $q$, two solutions from different starts, the cost rises to 0.2. But $q$ is one of 384; on the
# line to its copy nearest to $p$ there is hardly any rise:

# %%
path = nb.connect(ten, p, q, align=True, steps=100)
print(path)
with nb.style():
    figure, ax = new_figure()
    draw_connection(ax, path)
assert path.barrier(path.before) > 0.1
assert path.barrier(path.straight) < 1e-4
figure

# %% [markdown]
# So these two are points of one valley, seen through a symmetry. A plane through $p$, $q$ and the copy shows both valleys, and
# the hill:

# %%
nearest, distance = nb.nearest(network, p, q)
plane = nb.plane_through(ten, [p, q, nearest], n=61)
print(plane)
print(f"|p - q| = {np.linalg.norm(p - q):.1f}, to the nearest copy {distance:.1f}")
with nb.style():
    figure, ax = new_figure(size=(7.4, 6.0))
    draw_slice(ax, plane)
assert distance < np.linalg.norm(p - q)
assert plane.costs.max() > 0.2
figure

# %% [markdown]
# ## Is a solution a point?
#
# Not without a penalty. The sigmoid never reaches 0 or 1, so the infimum, 0, is not attained: scale the last layer up, and the
# cost falls for ever.

# %%
values = []
for factor in (1, 2, 4):
    longer = p.copy()
    W, b = network.views(longer)[-1]
    W *= factor
    b *= factor
    values.append(ten.value(longer))
print("Cost with the last layer times 1, 2, 4:", ", ".join(f"{value:.1e}" for value in values))
assert values[0] > values[1] > values[2]

# %% [markdown]
# The penalty $\frac{\lambda}{N} \sum_l \|W^{[l]}\|_F^2$ of (33) forbids that. Then Newton's method goes on from every end, and
# the eigenvalues of the Hessian say what was found: an isolated minimum has none that is 0 or negative.

# %%
penalised = nb.atlas(replace(ten, penalty=1e-3), method, starts=60, scale=1.0, workers=1)
print(penalised)
minimum = penalised.minima[0]
assert len(penalised.minima) == 1
assert abs(minimum.costs[0] - 0.047056522) < 1e-8
assert minimum.starts > 40
assert min(minimum.minimum.lowest, minimum.minimum.highest) > 1e-6

# %% [markdown]
# One isolated minimum up to symmetries, and four of five starts lead there. The "degenerate" ends have a neuron that died: its
# weights are 0, its bias is free, and so they are lines and not points.
#
# The table is a frame, too, for those who would rather count themselves:

# %%
frame = penalised.frame()
print(frame[["count", "share", "cost", "kind"]].to_string(index=False))
assert frame["count"].sum() == 60
