"""Points in the plane: the ten of figure 1 and the eleventh of figures 5 and 9."""

from __future__ import annotations

import numpy as np

from netbp.types import Data

X1 = (0.1, 0.3, 0.1, 0.6, 0.4, 0.6, 0.5, 0.9, 0.4, 0.7)
X2 = (0.1, 0.4, 0.5, 0.9, 0.2, 0.3, 0.6, 0.2, 0.4, 0.6)


def ten_points() -> Data:
    """The points of figure 1: x (10, 2); y (10, 2), (1, 0) for category A, the first five, and (0, 1) for B, as in (5)."""
    y = np.zeros((10, 2))
    y[:5, 0] = 1.0
    y[5:, 1] = 1.0
    return Data(np.column_stack([X1, X2]), y)


def eleven_points() -> Data:
    """The ten points and one more of category B, (0.3, 0.7): figures 5 and 9."""
    ten = ten_points()
    return Data(np.vstack([np.asarray(ten.x), [0.3, 0.7]]), np.vstack([np.asarray(ten.y), [0.0, 1.0]]))
