"""Figures 4 and 5 by Levenberg-Marquardt, and what lsqnonlin "cannot always find": success over many random starts."""

import netbp as nb

network = nb.Network.dense(2, 2, 3, 2)
for points in (nb.data.ten_points(), nb.data.eleven_points()):
    problem = nb.Problem(network, nb.quadratic, points)
    for residual in ("components", "norms"):
        method = nb.LevenbergMarquardt(residual=residual)
        run = nb.train(problem, method, rng=nb.MatlabRandom(5000))
        many = nb.multistart(problem, method, starts=200, rng=0, workers=1)
        print(f"{problem.N} points, {residual}: sum of squares {2 * problem.N * run.final_cost:.3e}, {run.status}: {run.message}")
        print(
            f"    of {len(many.costs)} starts, {many.success:.0%} end below Cost 1e-6, {many.all_right:.0%} get every point right"
        )
