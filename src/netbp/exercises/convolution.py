"""Checks of exercise 5: a convolution's matrix, its transpose, and the gradient of its filter."""

from __future__ import annotations

import numpy as np

from netbp.exercises.asking import Asking, shown


def check(asking: Asking, rng: np.random.Generator) -> None:
    """(29), (30), random filters; then transposes and gradients, by the definition of both."""
    from netbp.convolution import convolution_matrix

    cases = [(np.array([1.0, -1.0]), 6, 1), (rng.standard_normal(4), 10, 2)]
    cases += [(rng.standard_normal(k), n, s) for k, n, s in ((3, 3, 1), (3, 9, 3), (2, 8, 3), (1, 5, 1))]
    for g, n, s in cases:
        A = convolution_matrix(g, n, stride=s).toarray()
        words = f"g = {shown(g)}, n = {n}, s = {s}"
        came = asking.ask("matrix", f"matrix(g, n, s) with {words}", g, n, s)
        asking.same(came, A, "row i is the filter, s (i - 1) places to the right; a filter that would stick out has no row")
        delta, x = rng.standard_normal(len(A)), rng.standard_normal(n)
        came = asking.ask("transposed", f"transposed(g, delta, n, s) with {words}", g, delta, n, s)
        asking.same(came, A.T @ delta, "each delta_i goes back to the entries of x that its window has met, times the filter")
        came = asking.ask(
            "filter_gradient", f"filter_gradient(x, delta, k, s) with n = {n}, k = {len(g)}, s = {s}", x, delta, len(g), s
        )
        windows = np.lib.stride_tricks.sliding_window_view(x, len(g))[::s]
        asking.same(came, windows.T @ delta, "dC/dg_j = sum_i delta_i dy_i/dg_j: which entry of x does g_j meet in row i?")
