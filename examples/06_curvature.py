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
# # 6. Curvature
#
# A gradient says which way is down; the Hessian $H = \nabla^2 \mathrm{Cost}(p)$ says how far one may go. Its largest eigenvalue
# limits the rate of steepest descent, its signs tell a minimum from a saddle, and none of it needs the matrix: products $Hv$ do.

# %%
import numpy as np

import netbp as nb
from netbp.figures import new_figure
from netbp.figures.analysis_curvature import draw_density, draw_ends, draw_spectra

# %% [markdown]
# ## A product with the Hessian costs no more than a few gradients
#
# $Hv$ is the derivative of the gradient along $v$, $\frac{d}{dt} \nabla \mathrm{Cost}(p + t v)$ at $t = 0$, and back propagation
# can be differentiated like anything else (Pearlmutter, 1994). Beside it a central difference, which is right to $O(t^2)$ only.

# %%
problem = nb.Problem(nb.Network.dense(2, 2, 3, 2), nb.quadratic, nb.data.ten_points())
stream = nb.MatlabRandom(5000)
p = problem.network.draw(stream)
v = np.random.default_rng(0).standard_normal(problem.size)
v /= np.linalg.norm(v)
exact = problem.hvp(p, v)
errors = [np.linalg.norm((problem.gradient(p + t * v) - problem.gradient(p - t * v)) / (2 * t) - exact) for t in (1e-1, 1e-2)]
print(f"differences are off by {errors[0]:.1e} for t = 0.1 and {errors[1]:.1e} for t = 0.01")
assert 90 < errors[0] / errors[1] < 110

# %% [markdown]
# ## Listing 6.1 does not end at a minimum
#
# The Gauss-Newton matrix $G = \frac1N \sum_i J_i^T J_i$, where $J_i$ is the Jacobian of the outputs at point $i$, is what is left
# of $H$ when the residuals vanish; it is never indefinite. With 23 parameters both are small enough for all their eigenvalues.

# %%
run = nb.train(problem, nb.StochasticGradient(rate=0.05), steps=1_000_000, start=p, rng=stream)
start, end = (nb.curvature(problem, q, rate=0.05, by_layer=False) for q in (p, run.p))
print("at the start", start, "\nat the end", end, sep="\n")
assert (start.hessian.negative.value, end.hessian.negative.value) == (10, 4)
assert end.gauss_newton.rank == 17
assert end.gauss_newton.lowest.value > -1e-15

# %%
with nb.style():
    figure, axes = new_figure(1, 2, size=(14.0, 5.0))
    for ax, found, words in zip(axes, (start, end), ("At the start", "At the end"), strict=True):
        draw_spectra(ax, found.spectra)
        ax.set_title(words)
figure

# %% [markdown]
# Four eigenvalues are negative, though tiny: the cost still falls along them. On ten points the infimum is at infinity, and the
# run is on its way there.
#
# ## The stability limit
#
# Near a minimum $p^*$ steepest descent is the linear iteration $e_{k+1} = (I - \eta H) e_k$, which contracts if and only if $\eta <
# 2/\lambda_{\max}(H)$. A penalty (33) makes minima isolated; Newton's method finds one to rounding. From a point close to it,
# rates of 0.98 and of 1.02 times the limit:

# %%
penalised = nb.Problem(problem.network, nb.quadratic, problem.data, penalty=1e-3)
fitted = nb.train(penalised, nb.LevenbergMarquardt(), start=run.p)
minimum = nb.newton(penalised, fitted.p)
report = nb.curvature(penalised, minimum.p, by_layer=False)
top = np.linalg.eigh(nb.hessian(penalised, minimum.p).dense())[1][:, -1]
growth = {}
for factor in (0.98, 1.02):
    q = minimum.p + 1e-8 * top
    for _ in range(100):
        q = q - factor * report.stability_limit * penalised.gradient(q)
    growth[factor] = (np.linalg.norm(q - minimum.p) / 1e-8) ** (1 / 100)
print(
    f"limit 2/lambda_max = {report.stability_limit:.4f}; a step multiplies the error by "
    + ", ".join(f"{g:.4f}" for g in growth.values())
)
assert report.hessian.lowest.value > 0
assert abs(growth[0.98] - 0.96) < 1e-3  # |1 - 0.98 * 2|
assert abs(growth[1.02] - 1.04) < 1e-3

# %% [markdown]
# ## Lanczos' process: the ends of a spectrum from a few products
#
# $m$ products give an orthonormal $V$ and a tridiagonal $T$ with $H V = V T + \beta_m v_{m+1} e_m^T$. Eigenvalues $\theta$ of $T$
# with eigenvectors $s$ are close to eigenvalues of $H$: there is one within $\beta_m |s_m|$. The extremes come first.

# %%
spirals = nb.Problem(nb.Network.dense(2, 20, 20, 2, activation=nb.tanh), nb.quadratic, nb.data.two_spirals(100, rng=0))
q = nb.train(spirals, nb.LBFGS(), steps=100, rng=1).p
H = nb.hessian(spirals, q)
true = np.linalg.eigvalsh(H.dense())
for products in (4, 8, 16):
    found = nb.extreme_eigenvalues(H, tolerance=0, products=products)
    print(
        f"{products} products: {found.values[-1]:.10f} within {found.errors[-1]:.0e}; off by {abs(found.values[-1] - true[-1]):.0e}"
    )
    assert abs(found.values[-1] - true[-1]) <= found.errors[-1] + 1e-12
assert found.errors[-1] < 1e-10
print(f"of {H.shape[0]} eigenvalues {np.sum(true > 0.01 * true[-1])} exceed 1 % of the largest")
assert np.sum(true > 0.01 * true[-1]) < 60

# %% [markdown]
# ## From a sample of the points
#
# For a large problem even one product is expensive, and the Hessian of a sample $H_n$ stands for that of all points. It is wrong in
# a direction that is known: $\lambda_{\max}$ is a convex function of the matrix, so $E \lambda_{\max}(H_n) \ge \lambda_{\max}(H)$,
# while $v^T H v \le \lambda_{\max}(H)$ for the sample's eigenvector $v$, tried on points that it has not seen.

# %%
rng = np.random.default_rng(0)
x = rng.standard_normal((2000, 2))
y = np.eye(2)[(np.sin(2 * x[:, 0]) + x[:, 1] > 0.3 * rng.standard_normal(2000)).astype(int)]
many = nb.Problem(nb.Network.dense(2, 10, 2, activation=[nb.tanh, nb.identity]), nb.softmax_log_loss, nb.Data(x, y))
q = nb.train(many, nb.LBFGS(), steps=50, rng=0).p
largest = nb.extreme_eigenvalues(nb.hessian(many, q)).values[-1]
samples = [nb.sampled_spectrum(many, q, points=100, rng=seed).highest for seed in range(20)]
above, below = np.mean([at.value for at in samples]), np.mean([at.others for at in samples])
print(nb.sampled_spectrum(many, q, points=100))
print(f"lambda_max of all points {largest:.4f}; means of 20 samples: {above:.4f} on them, {below:.4f} beyond them")
assert below < largest < above

# %%
H = nb.hessian(many, q)
with nb.style():
    figure, ax = new_figure(size=(9.0, 5.2))
    draw_density(ax, nb.spectral_density(H, probes=10, steps=30))
    draw_ends(ax, nb.sampled_spectrum(many, q, points=200))
figure
