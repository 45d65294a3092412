"""Listing 6.1 of the paper: a million stochastic gradient steps on ten points, to the digit that MATLAB prints."""

import numpy as np

import netbp as nb

network = nb.Network.dense(2, 2, 3, 2, activation=nb.sigmoid)
problem = nb.Problem(network, nb.quadratic, nb.data.ten_points())
run = nb.train(problem, nb.StochasticGradient(rate=0.05), steps=1_000_000, rng=nb.MatlabRandom(5000), record=1)

scale = 2 * problem.N  # the listing monitors sum_i ||y_i - a_i||^2 = 2 N Cost
print(f"cost at the start {scale * run.initial_cost:.4f}, at the end {scale * run.costs[-1]:.4e} (the paper: 5.3 and 7.3e-4)")

side = np.linspace(0.0, 1.0, 501)
grid = np.column_stack([axis.ravel() for axis in np.meshgrid(side, side)])
count = (problem.classify(run.p, grid) == 0).sum()
print(f"figure 8: {count:,} of {len(grid):,} grid points are in category A")
