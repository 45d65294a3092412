"""Back propagation by hand and by slope: Lemma 1 at one point with numbers, then a check of the whole gradient."""

import netbp as nb

network = nb.Network.dense(2, 2, 3, 2)
problem = nb.Problem(network, nb.quadratic, nb.data.ten_points())
p = network.draw(nb.MatlabRandom(5000))

print(problem.explain(p, x=[0.1, 0.1], y=[1.0, 0.0]))
print()
print(nb.check_gradient(problem, p))
