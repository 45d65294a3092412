"""The guided tour: the paper's story in five stops, each an address whose run shows what its text says."""

from __future__ import annotations

from typing import NamedTuple


class Stop(NamedTuple):
    """A stop of the tour. address: of the experiment to look at."""

    title: str
    text: str
    address: str


TOUR: tuple[Stop, ...] = (
    Stop(
        "Fit the ten points",
        "Listing 6.1: one point at random in each step. The sum of squares stays near 4.9 for about 10,000 steps and near "
        "2.6 until about 84,000, then falls; after a million steps it is 7.3035e-4, and all ten points are in their region.",
        "",
    ),
    Stop(
        "The eleventh point",
        "One more cross, at (0.3, 0.7), among the circles. The same network has to bend its boundary around it: for 460,000 steps "
        "ten of the eleven points are right, with a cost near 0.081; after a million the cost is 1.85e-4 and all eleven are right.",
        "points=eleven",
    ),
    Stop(
        "Least squares against stochastic gradient",
        "The same start and the same points by Levenberg-Marquardt, as in section 2: 128 iterations take the sum of squares to "
        "1.0e-11, where a million stochastic gradient steps leave 7.3e-4. But an iteration needs all points, and a linear system.",
        "method=levenberg-marquardt&residual=norms",
    ),
    Stop(
        "Too large a rate",
        "With rate 100 the first steps throw every output to 0 or 1: the sum of squares is 10.0, half of the points are wrong, "
        "all outputs are flat, and the gradient's norm is 3e-8, so that nothing moves any more. Sigmoids saturate; with "
        "activation relu,relu,identity and rate 3 the run leaves the finite numbers instead, at step 508.",
        "rate=100&steps=10000",
    ),
    Stop(
        "Overfitting",
        "36 noisy points to train on, 24 held out, and 62 parameters. After 2,000 steps the held-out cost is 0.210; after 100,000 "
        "the training cost is 1.2e-4 with all 36 points right, but the held-out cost has risen to 0.355, and 9 of the 24 are "
        "wrong: the boundary follows the noise.",
        "activation=tanh%2Csigmoid&held_out=0.4&layers=2-12-2&points=xor%3A60%3A0.15%3A1&rate=0.02&rule=adam&steps=100000",
    ),
)
"""The five stops; a test holds the numbers of the texts against the runs."""
