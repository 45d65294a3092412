"""The picture of the README: the network with its trained weights, figure 7 and figure 8, from one run."""

import netbp as nb
from netbp.figures import draw_costs, draw_network, draw_region, house_style, new_figure, save

network = nb.Network.dense(2, 2, 3, 2)
problem = nb.Problem(network, nb.quadratic, nb.data.ten_points())
run = nb.train(problem, nb.StochasticGradient(rate=0.05), steps=1_000_000, rng=nb.MatlabRandom(5000), record=1)

with house_style():
    figure, (left, middle, right) = new_figure(1, 3, size=(19, 5.6), width_ratios=[1.15, 1.1, 0.9])
    draw_network(left, network, run.p)
    draw_costs(middle, run, factor=2 * problem.N)
    draw_region(right, problem, run.p)
print(save(figure, "overview.png"))
