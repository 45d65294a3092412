"""A model answer to exercise 5."""

import numpy as np


def matrix(g, n, s):
    k = len(g)
    A = np.zeros(((n - k) // s + 1, n))
    for i in range(len(A)):
        A[i, s * i : s * i + k] = g
    return A


def transposed(g, delta, n, s):
    out = np.zeros(n)
    for i, d in enumerate(delta):
        out[s * i : s * i + len(g)] += d * g
    return out


def filter_gradient(x, delta, k, s):
    return sum(d * x[s * i : s * i + k] for i, d in enumerate(delta))
