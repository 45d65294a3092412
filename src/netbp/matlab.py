"""MATLAB's random stream: rng, rand, randn and randi, bit for bit.

The generator is the Mersenne Twister MT19937 (Matsumoto & Nishimura, ACM TOMACS 8(1), 1998); normal numbers come from the
ziggurat of Marsaglia & Tsang (J. Stat. Software 5(8), 2000) with 256 layers. The methods `standard_normal`, `integers`,
`random` and `permutation` have NumPy's names and meanings, so that a MatlabRandom serves wherever a numpy.random.Generator does.
"""

from __future__ import annotations

from functools import cache
from math import erfc, exp, floor, log, pi, sqrt
from typing import Any

import numpy as np

from netbp.types import Indices

DEFAULT_SEED = 5489  # what MATLAB's rng(0) and rng("default") stand for
R = 3.6541528853610088  # where the ziggurat's tail begins
LAYERS = 256
# Entries of the rounded recursion on a rounding edge, as MATLAB has them.
ON_THE_EDGE = {55: 1.02718196603564, 140: 1.61765686957301, 147: 1.66683029616166, 181: 1.92801233405266}


def density(x: float) -> float:
    """exp(-x^2/2), the normal density without its factor."""
    return exp(-0.5 * x * x)


@cache
def ziggurat() -> tuple[list[float], list[float]]:
    """The ziggurat's right edges X[0..256] and the density F = f(X) there (Marsaglia & Tsang 2000).

    The recursion f_i = f_(i+1) + v/X[i+1] runs in double precision; each X is then rounded to 15 significant digits,
    which is what gives MATLAB's last bits.
    """
    v = R * density(R) + sqrt(pi / 2) * erfc(R / sqrt(2))
    X = [0.0] * (LAYERS + 1)
    X[LAYERS] = float(f"{v / density(R):.15g}")
    X[LAYERS - 1] = x = R
    f = density(R)
    for i in range(LAYERS - 2, 0, -1):
        f += v / x
        x = sqrt(-2 * log(f))
        X[i] = float(f"{x:.15g}")
    for i, value in ON_THE_EDGE.items():
        X[i] = value
    return X, [density(x) for x in X]


class MatlabRandom:
    """The stream that MATLAB's `rng(seed)` starts; one stream serves rand, randn and randi.

    seed: an integer, 0 <= seed < 2^32; 0 means 5489, as in MATLAB. Raises ValueError for anything else.
    """

    def __init__(self, seed: int = 0) -> None:
        if not isinstance(seed, int | np.integer) or isinstance(seed, bool) or not 0 <= seed < 2**32:
            raise ValueError(f"MatlabRandom needs a whole seed from 0 to 2^32 - 1, but got {seed!r}: choose one in that range")
        self.seed = int(seed)
        self._words = np.random.RandomState(self.seed or DEFAULT_SEED)

    def __repr__(self) -> str:
        return f"MatlabRandom({self.seed})"

    # -- MATLAB's names --------------------------------------------------------------------------------------------

    def rand(self, *shape: int) -> Any:
        """Uniform numbers in (0, 1), filled column by column; without a shape, one float; rand(n) is n by n."""
        return self._filled(self.random, shape)

    def randn(self, *shape: int) -> Any:
        """Standard normal numbers, filled column by column; without a shape, one float; randn(n) is n by n."""
        return self._filled(self.standard_normal, shape)

    def randi(self, n: int, *shape: int) -> Any:
        """Whole numbers from 1 to n, floor(n rand) + 1, filled column by column; without a shape, one int."""
        values = self._filled(lambda size: self.integers(n, size=size) + 1, shape)
        return values if shape else int(values)

    # -- NumPy's names ---------------------------------------------------------------------------------------------

    def random(self, size: int | None = None) -> Any:
        """`size` uniform numbers in (0, 1), or one float."""
        return self._words.random_sample(size)

    def standard_normal(self, size: int | None = None) -> Any:
        """`size` standard normal numbers, or one float."""
        if size is None:
            return self._normal()
        return np.array([self._normal() for _ in range(size)])

    def integers(self, n: int, *, size: int | None = None) -> Any:
        """`size` whole numbers from 0 to n - 1, as MATLAB's randi(n) - 1, or one int. Raises ValueError when n < 1."""
        if n < 1:
            raise ValueError(f"randi needs an upper limit of at least 1, but got {n}")
        if size is None:
            return floor(n * self.random())
        numbers = self.random(size)
        numbers *= n
        return numbers.astype(np.int64)  # which rounds towards 0, as floor does here

    def permutation(self, n: int) -> Indices:
        """A random order of 0, ..., n - 1: MATLAB's randperm(n) is not documented, so this sorts n uniform numbers."""
        return np.argsort(self.random(n), kind="stable").astype(np.int64)

    # -- the state -------------------------------------------------------------------------------------------------

    @property
    def state(self) -> dict[str, Any]:
        """The stream's state: numbers, strings and lists only, so that it can be written to a file; may be assigned."""
        name, key, position, _, _ = self._words.get_state(legacy=True)
        return {"kind": "matlab", "seed": self.seed, "key": [int(word) for word in key], "position": int(position)}

    @state.setter
    def state(self, state: dict[str, Any]) -> None:
        self.seed = state["seed"]
        self._words.set_state(("MT19937", np.array(state["key"], dtype=np.uint32), state["position"], 0, 0.0))

    # -- how it is done --------------------------------------------------------------------------------------------

    def _filled(self, draw: Any, shape: tuple[int, ...]) -> Any:
        if not shape:
            return draw(None)
        if len(shape) == 1:
            shape = (shape[0], shape[0])
        return np.reshape(draw(int(np.prod(shape))), shape, order="F")

    def _normal(self) -> float:
        X, F = ziggurat()
        while True:
            a, b = (int(word) for word in self._words.randint(0, 2**32, size=2, dtype=np.uint32))
            i = b >> 24
            U = ((a >> 3) * 2**24 + (b & 0xFFFFFF)) * 2.0**-52 - 1.0
            x = U * X[i + 1]
            if abs(x) <= X[i]:
                return x
            if i < LAYERS - 1:
                if F[i + 1] + self._words.random_sample() * (F[i] - F[i + 1]) < density(x):
                    return x
            else:
                return self._tail(U)

    def _tail(self, U: float) -> float:
        """A normal number beyond r: r - t with the sign of U (Marsaglia 1964)."""
        while True:
            t = log(self._words.random_sample()) / R
            if -2 * log(self._words.random_sample()) > t * t:
                return R - t if U > 0 else t - R
