"""What the paper prints in section 7: the confusion matrices of figures 13 and 14."""

from __future__ import annotations

import numpy as np

from netbp.confusion import Confusion

CLASSES = ("airplane", "auto", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")

FIGURE_13 = """
814 21 39 14 15 9 5 5 42 24
13 869 2 3 1 2 5 2 23 60
45 7 747 44 43 39 40 20 7 4
17 4 49 618 44 139 44 37 8 6
12 2 48 57 795 39 20 42 6 0
6 2 43 146 31 706 19 39 5 1
7 7 41 63 28 21 855 2 8 3
10 5 23 31 37 37 5 844 2 7
44 25 4 11 3 2 6 3 883 13
32 58 4 13 3 6 1 6 16 882
"""
FIGURE_14 = """
847 10 51 17 18 10 9 14 41 19
15 905 1 4 1 2 3 2 9 56
27 2 714 52 33 40 27 28 2 2
14 1 35 618 36 154 28 22 6 11
13 1 66 56 823 49 21 58 2 3
1 1 45 135 10 684 9 29 0 0
5 6 53 68 39 23 893 9 8 5
9 0 24 21 33 32 2 828 2 5
41 19 3 14 2 2 6 3 915 19
28 55 8 15 5 4 2 7 15 880
"""


def printed(figure: int) -> Confusion:
    """The confusion matrix that the paper prints as figure 13 or 14."""
    rows = {13: FIGURE_13, 14: FIGURE_14}[figure].split()
    return Confusion(np.array([int(word) for word in rows]).reshape(10, 10), CLASSES)
