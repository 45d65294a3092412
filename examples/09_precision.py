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
# # 9. How many digits are right?
#
# A million steps in double precision: is the curve of figure 7 the method's, or rounding's? Three tools of numerical analysis
# answer: condition numbers, running error bounds, and the same computation in a wider precision.

# %%
import numpy as np

import netbp as nb
from netbp.figures import new_figure
from netbp.figures.analysis_precision import draw_error_bounds

problem = nb.Problem(nb.Network.dense(2, 2, 3, 2), nb.quadratic, nb.data.ten_points())
stream = nb.MatlabRandom(5000)
p = problem.network.draw(stream)
u = np.finfo(float).eps / 2

# %% [markdown]
# ## A bound on every number's error
#
# In floating point $\mathrm{fl}(x \circ y) = (x \circ y)(1 + \delta)$ with $|\delta| \le u = 2^{-53}$. A running error analysis
# (Higham, *Accuracy and Stability of Numerical Algorithms*, section 3.3) carries a bound along with each number of the forward and
# the backward pass: of $z$, $a$, $\delta$ and each slope of Lemma 1.

# %%
bounds = nb.error_bound(problem.network, p, problem.data.x, problem.data.y)
print(bounds)
assert np.array_equal(bounds.gradient.value.shape, p.shape)
assert np.abs(bounds.gradient.value - problem.gradient(p)).max() <= 2 * bounds.gradient.error.max()
assert bounds.cost.error < 100 * u

# %% [markdown]
# A bound can be true and useless, or sharp and false. So it is confirmed by the same passes in 120 bits: no error exceeds its
# bound, and bounds are not a thousand times too large.

# %%
confirmed = bounds.confirmed(bits=120)
print(confirmed)
assert confirmed.holds
shares = [entry.worst for entry in confirmed.entries]
print(f"the largest error is {max(shares):.0%} of its bound")
assert 1e-3 < max(shares) <= 1.0

# %%
with nb.style():
    figure, ax = new_figure()
    draw_error_bounds(ax, confirmed)
figure

# %% [markdown]
# ## Engines beside long double
#
# A backward stable computation is as wrong as its data, rounded, would make it: an error of order $u$ times the condition number.
# The certificate holds every engine against a wider precision, and says the condition number at the worst entry.

# %%
certificate = nb.agreement(problem, p, steps=1000, slow_steps=10, rng=stream)
print(certificate)
multiples = [entry.gradient.multiple for entry in certificate.engines]
print(f"errors of the gradient are at most {max(multiples):.1f} u (condition + 1)")
assert max(multiples) < 64

# %% [markdown]
# ## When do two precisions part?
#
# Single precision has $u = 2^{-24}$. Listing 6.1 in both, with the same points drawn:

# %%
method, steps = nb.StochasticGradient(rate=0.05), 300
paths = {
    name: nb.train(problem.on(nb.Tensor(precision=name, compile=False)), method, steps=steps, start=p, rng=nb.MatlabRandom(1)).p
    for name in ("float32", "float64")
}
compiled = nb.train(problem, method, steps=steps, start=p, rng=nb.MatlabRandom(1)).p
off = {name: np.linalg.norm(q - compiled) / np.linalg.norm(compiled) for name, q in paths.items()}
print(f"after {steps:,} steps, from the compiled engine: single {off['float32']:.1e}, double {off['float64']:.1e}")
assert off["float64"] < 1e-13
assert 1e-8 < off["float32"] < 1e-4

# %% [markdown]
# ## Is the run chaotic?
#
# Rounding would matter if the iteration amplified it. Two starts that differ by $10^{-14}$, relatively, and the same million of
# points:

# %%
signs = np.random.default_rng(0).choice([-1.0, 1.0], problem.size)
ends = [nb.train(problem, method, steps=1_000_000, start=q, rng=nb.MatlabRandom(1)).p for q in (p, p * (1 + 1e-14 * signs))]
apart = np.linalg.norm(ends[1] - ends[0]) / np.linalg.norm(ends[0])
print(f"after a million steps they are {apart:.1e} apart, {apart / 1e-14:.1f} times as far as at the start")
assert apart < 1e-12
