"""A model answer to exercise 3."""

import numpy as np


def forward(W, b, x):
    a = [x]
    for Wl, bl in zip(W, b, strict=True):
        a.append(1 / (1 + np.exp(-(Wl @ a[-1] + bl))))
    return a


def deltas(W, b, x, y):
    a = forward(W, b, x)
    D = [al * (1 - al) for al in a[1:]]
    delta = [D[-1] * (a[-1] - y)]
    for l in range(len(W) - 2, -1, -1):
        delta.insert(0, D[l] * (W[l + 1].T @ delta[0]))
    return delta


def gradients(W, b, x, y):
    a, delta = forward(W, b, x), deltas(W, b, x, y)
    return [np.outer(d, al) for d, al in zip(delta, a[:-1], strict=True)], delta
