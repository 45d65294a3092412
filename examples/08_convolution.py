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
# # 8. Convolution is linear algebra
#
# Section 7.1 of the paper: a convolutional layer is a dense layer whose matrix has few numbers, each of them in many places. First
# the matrix, (29) and (30); then a network of such layers, which learns to tell two textures apart.

# %%
import numpy as np

import netbp as nb
from netbp.figures import draw_convolution_matrix, draw_filters, new_figure

# %% [markdown]
# ## The matrix
#
# A filter $[1, -1]$ on six numbers gives five differences, (29); a filter of four with a stride of two gives (30). Every row is the
# same, moved along.

# %%
A = nb.convolution_matrix([1.0, -1.0], 6)
print(A.toarray())
x = np.array([3.0, 1.0, 4.0, 1.0, 5.0, 9.0])
assert np.array_equal(A @ x, x[:-1] - x[1:])
B = nb.convolution_matrix([1.0, 2.0, 3.0, 4.0], 10, stride=2)
print(B.toarray().astype(int))
assert B.shape == (4, 10)
assert B.nnz == 16

# %% [markdown]
# What does such a filter do to a signal? Complex waves $x_k = e^{i \omega k}$ are almost its singular vectors, so that its singular
# values sample the symbol $|1 - e^{i \omega}| = 2 \sin(\omega/2)$. For the differences on $n$ numbers they are $2 \sin(k \pi/(2
# n))$, exactly.

# %%
n = 40
singular = np.linalg.svd(nb.convolution_matrix([1.0, -1.0], n).toarray(), compute_uv=False)
symbol = np.sort(2 * np.sin(np.arange(1, n) * np.pi / (2 * n)))[::-1]
print(f"largest singular value {singular[0]:.6f}, smallest {singular[-1]:.6f}; off by {np.abs(singular - symbol).max():.0e}")
assert np.allclose(singular, symbol, atol=1e-12)

# %%
with nb.style():
    figure, axes = new_figure(1, 2, size=(12.0, 5.0))
    draw_convolution_matrix(axes, np.ones((3, 3)), (6, 6))
figure

# %% [markdown]
# ## Back propagation through it
#
# For $z = A a + b$, Lemma 1 sends the error back by $A^T$: a convolution again, now spread out instead of gathered. The slope by
# the filter is a sum over all places where a weight stands. One layer with the identity, beside the matrix:

# %%
layer = nb.Network.chain((1, 6), nb.Conv(1, 2), nb.identity)
rng = np.random.default_rng(0)
inputs, targets = rng.standard_normal((1, 6)), rng.standard_normal((1, 5))
one = nb.Problem(layer, nb.quadratic, nb.Data(inputs, targets), engine=nb.Tensor(precision="float64"))
p = np.array([1.0, -1.0, 0.25])  # the filter and its bias
delta = (A @ inputs[0] + 0.25) - targets[0]
by_hand = [delta @ inputs[0][:-1], delta @ inputs[0][1:], delta.sum()]
print("gradient", one.gradient(p), "by hand", np.array(by_hand))
assert np.allclose(one.gradient(p), by_hand, atol=1e-12)

# %% [markdown]
# ## Few numbers
#
# A dense layer from an image of $12 \times 12$ to four maps of the same size would have 83,520 parameters; four filters of $3
# \times 3$ have 40.

# %%
image = (1, 12, 12)
network = nb.Network.chain(image, nb.Conv(4, 3, pad=1), nb.relu, nb.Pool(2), nb.Conv(4, 3, pad=1), nb.relu, nb.Pool(2), nb.Dense(2))
print(network.table())
assert network.layers[0].size == 40
assert nb.Network.dense(144, 576).size == 83_520

# %% [markdown]
# ## A network that learns textures
#
# Stripes across or stripes down, of random phase and width, under noise. No single pixel says which: its mean is zero in both
# categories. The network has to look at neighbours.

# %%


def stripes(count, rng):
    """Images of stripes (count, 144) and their direction as targets (count, 2)."""
    down = rng.integers(2, size=count)
    phase, width = rng.uniform(0, 2 * np.pi, count), rng.uniform(2.5, 5.0, count)
    place = np.where(down[:, None, None] == 1, np.arange(12)[None, :, None], np.arange(12)[None, None, :])
    waves = np.sin(2 * np.pi * place / width[:, None, None] + phase[:, None, None])
    return nb.Data((waves + 0.5 * rng.standard_normal((count, 12, 12))).reshape(count, 144), np.eye(2)[down])


train, unseen = stripes(300, rng), stripes(1000, rng)
problem = nb.Problem(network, nb.softmax_log_loss, train, engine=nb.Tensor(compile=False))
run = nb.train(problem, nb.StochasticGradient(rule=nb.adam, rate=0.01, batch=30), steps=200, rng=0)
right = np.mean(problem.classify(run.p, unseen.x) == unseen.y.argmax(axis=1))
print(f"cost {run.initial_cost:.3f} -> {run.final_cost:.3f}; {right:.1%} of 1,000 unseen images right")
assert right > 0.9

# %% [markdown]
# A linear classifier has the same pixels, and no chance: changing the sign of an image changes its answer, but not the stripes.

# %%
linear = nb.Problem(nb.Network.dense(144, 2, activation=nb.identity), nb.softmax_log_loss, train)
fitted = nb.train(linear, nb.LBFGS(), steps=200, rng=0)
guessed = np.mean(linear.classify(fitted.p, unseen.x) == unseen.y.argmax(axis=1))
print(f"a linear classifier has {guessed:.1%} right")
assert abs(guessed - 0.5) < 0.1

# %%
with nb.style():
    figure, ax = new_figure(size=(6.4, 3.0))
    draw_filters(ax, network.views(run.p)[0][0])
figure
