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
# # 2. Back propagation by hand
#
# Section 5 of the paper computes all partial derivatives of one point's cost for little more than the cost itself. Here are its
# formulas with numbers, a proof by differences that they are right, and what they cost.

# %%
import numpy as np

import netbp as nb
from netbp.figures import new_figure

network = nb.Network.dense(2, 2, 3, 2)
problem = nb.Problem(network, nb.quadratic, nb.data.ten_points())
p = network.draw(nb.MatlabRandom(5000))
x, y = problem.data.x[6], problem.data.y[6]
print(f"point 7 is {x} with the target {y}")

# %% [markdown]
# ## Forwards
#
# Write $z^{[l]} = W^{[l]} a^{[l-1]} + b^{[l]}$ for what goes into layer $l$, and $a^{[l]} = \sigma(z^{[l]})$ for what comes out,
# with $a^{[1]} = x$.

# %%
a = [x]
for W, b in network.views(p):
    z = W @ a[-1] + b
    a.append(1 / (1 + np.exp(-z)))
cost = 0.5 * np.sum((y - a[-1]) ** 2)
for l, al in enumerate(a, start=1):
    print(f"a[{l}] =", al)
print(f"C = {cost:.6f}")

# %% [markdown]
# ## Backwards
#
# Let $\delta^{[l]}_j = \partial C/\partial z^{[l]}_j$, the *error* of neuron $j$. Lemma 1 of the paper:
#
# $$\delta^{[L]} = D^{[L]} (a^{[L]} - y), \qquad \delta^{[l]} = D^{[l]} (W^{[l+1]})^T \delta^{[l+1]},$$
# $$\frac{\partial C}{\partial b^{[l]}} = \delta^{[l]}, \qquad \frac{\partial C}{\partial W^{[l]}} = \delta^{[l]} (a^{[l-1]})^T,$$
#
# where $D^{[l]}$ is the diagonal matrix of $\sigma'(z^{[l]}) = a^{[l]} (1 - a^{[l]})$. Why: $z^{[l+1]}_k$ depends on $z^{[l]}_j$
# through $w^{[l+1]}_{kj} \sigma(z^{[l]}_j)$ only, so that $\delta^{[l]}_j = \sum_k \delta^{[l+1]}_k w^{[l+1]}_{kj}
# \sigma'(z^{[l]}_j)$.

# %%
W = [W for W, _ in network.views(p)]
delta = [a[3] * (1 - a[3]) * (a[3] - y)]
for l in (2, 1):
    delta.insert(0, a[l] * (1 - a[l]) * (W[l].T @ delta[0]))
by_weights = [np.outer(d, below) for d, below in zip(delta, a[:-1], strict=True)]

# %% [markdown]
# The package shows the same for any network and point, as a table, and as a frame for pandas or polars:

# %%
explanation = problem.explain(p, x, y)
print(explanation)
for ours, theirs in zip(delta, explanation.delta, strict=True):
    assert np.allclose(ours, theirs, rtol=1e-13, atol=0)
for ours, theirs in zip(by_weights, explanation.dW, strict=True):
    assert np.allclose(ours, theirs, rtol=1e-13, atol=0)

# %%
frame = explanation.frame()
print(frame.to_string(index=False))
assert len(frame) == 2 + 3 + 2

# %% [markdown]
# ## A product of matrices
#
# Unrolled, $\delta^{[2]} = D^{[2]} (W^{[3]})^T D^{[3]} (W^{[4]})^T D^{[4]} (a^{[4]} - y)$. Every $D$ has a norm of at most 1/4,
# so errors shrink on the way back: the product of the norms bounds $\|\delta^{[2]}\|$. In a deep network of sigmoids that is the
# *vanishing gradient*:

# %%
bound = np.prod([factor.norm for factor in explanation.product(2)])
print(f"|delta[2]| = {np.linalg.norm(delta[0]):.2e}, at most {bound:.2e}")
assert np.linalg.norm(delta[0]) <= bound

by_layer = {}
for name, activation in (("sigmoid", nb.sigmoid), ("tanh", nb.tanh), ("relu", nb.relu)):
    chain = nb.Network.dense(2, *[24] * 12, 2, activation=(*[activation] * 12, nb.identity))
    q = chain.draw(1, scale=nb.he if activation is nb.relu else nb.glorot)
    told = nb.Problem(chain, nb.quadratic, nb.data.ten_points()).explain(q, x, y)
    by_layer[name] = [np.linalg.norm(d) for d in told.delta]
with nb.style():
    figure, ax = new_figure()
    for name, norms in by_layer.items():
        ax.semilogy(range(2, 2 + len(norms)), norms, marker="o", label=name)
    ax.set(xlabel="Layer", ylabel=r"$\|\delta^{[l]}\|$")
    ax.legend()
lost = {name: norms[-1] / norms[0] for name, norms in by_layer.items()}
print("from the last layer to the second the errors shrink by:", {name: f"{value:.1e}" for name, value in lost.items()})
assert lost["sigmoid"] > 1e5
assert lost["relu"] < 1e2
figure

# %% [markdown]
# ## Is it right?
#
# A gradient $g$ is right when $|\text{Cost}(p + h d) - \text{Cost}(p) - h\, g^T d|$ falls like $h^2$ for a random direction $d$;
# with a wrong $g$ it falls like $h$. The slope on two logarithmic axes tells.

# %%
check = nb.check_gradient(problem, p)
print(check)
assert check.passed
assert abs(check.total.second - 2) < 0.05

# %% [markdown]
# Here is the same by hand, with the gradient and with one entry of it changed by one per cent:

# %%
g, d = problem.gradient(p), np.random.default_rng(0).standard_normal(23)
wrong = g.copy()
wrong[4] *= 1.01
h = 10.0 ** -np.arange(1, 6)
slopes = {}
for name, used in (("right", g), ("wrong", wrong)):
    remainder = [abs(problem.value(p + t * d) - problem.value(p) - t * used @ d) for t in h]
    slopes[name] = np.polyfit(np.log(h[2:]), np.log(remainder[2:]), 1)[0]
print({name: f"slope {slope:.2f}" for name, slope in slopes.items()})
assert abs(slopes["right"] - 2) < 0.05
assert slopes["wrong"] < 1.5

# %% [markdown]
# ## The gradient of the cost
#
# $\text{Cost} = \frac1N \sum_i C_{x_i}$, so its gradient is the mean of the points' gradients. Differences would need 23 further
# costs for the same 23 numbers, and as many costs as there are parameters for any network; back propagation needs about two,
# whatever their number.

# %%
mean = np.mean([problem.explain(p, xi, yi).gradient for xi, yi in zip(problem.data.x, problem.data.y, strict=True)], axis=0)
t = 1e-6
central = np.array([(problem.value(p + t * e) - problem.value(p - t * e)) / (2 * t) for e in np.eye(23)])
print(
    f"off the mean of ten explanations by {np.abs(g - mean).max():.0e}, off central differences by {np.abs(g - central).max():.0e}"
)
assert np.allclose(g, mean, rtol=1e-12, atol=1e-16)
assert np.abs(g - central).max() < 1e-9
assert abs(np.linalg.norm(g) - 5.733e-2) < 1e-5  # the norm at the start of Listing 6.1
