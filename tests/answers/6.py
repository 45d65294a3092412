"""A model answer to exercise 6."""

import numpy as np


def loss(v, l):
    largest = v.max()
    return largest + np.log(np.sum(np.exp(v - largest))) - v[l]


def slope(v, l):
    e = np.exp(v - v.max())
    s = e / e.sum()
    s[l] -= 1
    return s
