"""MATLAB's random stream: published numbers, and an independent, slow ziggurat on an MT19937 of the tests' own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from math import erf, erfc, exp, log, pi, sqrt

import numpy as np
import pytest

from netbp import MatlabRandom
from netbp.matlab import R, ziggurat

SEEDS = [1, 42, 5489, 2**32 - 1]
RAND_0 = [0.8147, 0.9058, 0.1270, 0.9134, 0.6324]
RANDN_0 = [
    *[0.537667139546100, 1.833885014595086, -2.258846861003648, 0.862173320368121, 0.318765239858981],
    *[-1.307688296305273, -0.433592022305684, 0.342624466538650, 3.578396939725760, 2.769437029884877],
]
RANDI_0 = [9, 10, 2, 10, 7, 1, 3, 6, 10, 10]
RANDN_5000 = [
    *[-0.37270434884815207, -0.4664618699295322, 0.4102194317136738, -1.6062900686411556, 0.46235409780556447],
    *[0.838231831926649, 0.6982700391377238, -1.826495333887433, 1.5535371027293117, -1.7923241248015307],
    *[-0.2442599906359448, 0.8267516513832822, 2.473455881621158, -0.04599902833549739, -0.24999837832866934],
    *[0.1696674259745169, -1.5484845973249182, 0.3503063785077404, -0.1392262518721559, 0.15810101861495704],
    *[0.1557964142433156, -0.4998801613291679, 0.8644807425299905],
]
RANDI_5000 = [1, 2, 3, 2, 4, 4, 7, 7, 10, 5, 6, 8, 2, 4, 4, 7, 4, 2, 1, 9]


# -- an independent implementation -------------------------------------------------------------------------------------------


def mersenne_twister(seed: int) -> Iterator[int]:
    """The 32-bit words of MT19937 from its recurrence x[k+624] = x[k+397] ^ (x[k] upper, x[k+1] lower) A, tempered."""
    x = [seed]
    for i in range(1, 624):
        x.append((1812433253 * (x[-1] ^ (x[-1] >> 30)) + i) % 2**32)
    while True:
        y = (x[0] & 0x80000000) | (x[1] & 0x7FFFFFFF)
        x.append(x[397] ^ (y >> 1) ^ (0x9908B0DF if y % 2 else 0))
        x.pop(0)
        y = x[-1]
        y ^= y >> 11
        y ^= (y << 7) & 0x9D2C5680
        y ^= (y << 15) & 0xEFC60000
        yield y ^ (y >> 18)


def edges() -> list[float]:
    """X[0..256] by the recursion of the areas, each rounded to 15 digits, the four entries on a rounding edge as published."""
    v = R * exp(-R * R / 2) + sqrt(pi / 2) * erfc(R / sqrt(2))
    x, f = [v / exp(-R * R / 2), R], exp(-R * R / 2)
    while len(x) < 256:
        f += v / x[-1]
        x.append(sqrt(-2 * log(f)))
    rounded = [float(f"{value:.14e}") for value in x]
    rounded[1] = R  # the tail begins at r itself
    table = [0.0, *rounded[::-1]]
    for i, published in ((55, 1.02718196603564), (140, 1.61765686957301), (147, 1.66683029616166), (181, 1.92801233405266)):
        table[i] = published
    return table


class SlowMatlab:
    """Words, uniform and normal numbers one at a time; `tails` and `wedges` count the rare branches."""

    def __init__(self, seed: int) -> None:
        self.words, self.X = mersenne_twister(seed or 5489), edges()
        self.tails = self.wedges = 0

    def rand(self) -> float:
        a, b = next(self.words), next(self.words)
        return ((a >> 5) * 67108864 + (b >> 6)) / 9007199254740992

    def randn(self) -> float:
        while True:
            a, b = next(self.words), next(self.words)
            layer, low = divmod(b, 1 << 24)
            U = ((a >> 3) * (1 << 24) + low) / (1 << 52) - 1
            inner, outer = self.X[layer], self.X[layer + 1]
            x = U * outer
            if abs(x) <= inner:
                return x
            if layer == 255:
                self.tails += 1
                return self.tail(1 if U > 0 else -1)
            self.wedges += 1
            top, bottom = exp(-inner * inner / 2), exp(-outer * outer / 2)
            if bottom + self.rand() * (top - bottom) < exp(-x * x / 2):
                return x

    def tail(self, sign: int) -> float:
        while True:
            t = log(self.rand()) / R
            if -2 * log(self.rand()) > t * t:
                return sign * (R - t)


# -- published numbers ---------------------------------------------------------------------------------------------------------


def test_rng_0_gives_the_published_numbers():
    np.testing.assert_allclose([MatlabRandom(0).rand(5, 1).ravel()], [RAND_0], atol=5e-5)  # four digits are published
    np.testing.assert_allclose(MatlabRandom(0).randn(10, 1).ravel(), RANDN_0, atol=5.1e-16 * 4, rtol=0)  # to the 15th decimal
    assert MatlabRandom(0).randi(10, 1, 10).ravel().tolist() == RANDI_0


def test_rng_0_gives_the_published_statistics():
    sample = 5 * MatlabRandom(0).randn(1000, 1) + 500
    assert f"{sample.mean():.4f} {sample.std(ddof=1):.4f} {sample.var(ddof=1):.4f}" == "499.8368 4.9948 24.9483"


def test_rng_5000_gives_the_start_and_the_indices_of_listing_6_1(reference_run):
    stream = MatlabRandom(5000)
    assert stream.randn(23, 1).ravel().tolist() == RANDN_5000  # bit for bit
    assert stream.randi(10, 20, 1).ravel().tolist() == RANDI_5000  # from the same stream
    assert (0.5 * np.array(RANDN_5000)).tolist() == reference_run["p0"].tolist()


# -- every seed ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, *SEEDS])
def test_rand_is_numpys_mersenne_twister(seed):
    assert np.array_equal(MatlabRandom(seed).rand(1000, 1).ravel(), np.random.RandomState(seed or 5489).random_sample(1000))


@pytest.mark.parametrize("seed", [0, *SEEDS])
def test_the_mixed_stream_equals_an_independent_implementation_bit_for_bit(seed):
    fast, slow = MatlabRandom(seed), SlowMatlab(seed)
    assert fast.randn(15000, 1).ravel().tolist() == [slow.randn() for _ in range(15000)]
    assert slow.wedges > 0
    assert [fast.rand() for _ in range(100)] == [slow.rand() for _ in range(100)]
    assert fast.randi(7, 100, 1).ravel().tolist() == [int(7 * slow.rand()) + 1 for _ in range(100)]
    assert [fast.randn() for _ in range(100)] == [slow.randn() for _ in range(100)]


def test_the_tail_beyond_r_is_reached_on_both_sides_and_agrees():
    fast, slow = MatlabRandom(7), SlowMatlab(7)
    values = fast.randn(40000, 1).ravel()
    assert values.tolist() == [slow.randn() for _ in range(40000)]
    assert slow.tails == np.count_nonzero(np.abs(values) > R)  # 2 Q(r) n = 10 are expected
    assert values.max() > R
    assert values.min() < -R


def test_the_tails_own_rejections_agree():
    fast, slow, words = MatlabRandom(3), SlowMatlab(3), 0
    for k in range(500):
        sign = 1 if k % 2 else -1
        assert fast._tail(0.5 * sign) == slow.tail(sign)  # both read the same words, also when they start again
        words += 4
    ahead = mersenne_twister(3)
    straight = [next(ahead) for _ in range(words + 1)][-1]
    assert next(slow.words) != straight  # some did start again


def test_the_tables_layers_have_equal_areas():
    X, F = ziggurat()
    areas = [X[i + 1] * (F[i] - F[i + 1]) for i in range(255)]
    v = R * F[255] + sqrt(pi / 2) * erfc(R / sqrt(2))
    np.testing.assert_allclose(areas[1:], v, rtol=1e-11)  # X is rounded to 15 digits, and F[i] - F[i+1] loses three of them
    np.testing.assert_allclose(areas[0], v, rtol=1e-8)  # r is chosen so that the last layer closes the ziggurat
    assert X[256] * F[255] == pytest.approx(v, rel=1e-14)
    assert edges() == X


@pytest.mark.parametrize("seed", SEEDS)
def test_normal_numbers_have_the_normal_distributions_moments(seed):
    n = 20000
    x = MatlabRandom(seed).standard_normal(n)
    for k, moment, variance in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)):
        assert abs((x**k).mean() - moment) < 5 * sqrt(variance / n)  # five standard deviations of the sample moment
    share = np.count_nonzero(np.abs(x) < 1) / n
    assert abs(share - erf(1 / sqrt(2))) < 5 * sqrt(0.25 / n)


# -- arrays, states, refusals --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "draw", [MatlabRandom.rand, MatlabRandom.randn, lambda s, *n: s.randi(6, *n)], ids=["rand", "randn", "randi"]
)
def test_arrays_fill_column_by_column(draw):
    flat = draw(MatlabRandom(3), 24, 1).ravel()
    assert np.array_equal(draw(MatlabRandom(3), 4, 6), flat.reshape(6, 4).T)
    assert np.array_equal(draw(MatlabRandom(3), 2, 3, 4), flat.reshape(4, 3, 2).T)
    assert np.array_equal(draw(MatlabRandom(3), 4), flat[:16].reshape(4, 4).T)  # rand(n) is n by n
    assert draw(MatlabRandom(3)) == flat[0]
    assert np.ndim(draw(MatlabRandom(3))) == 0
    assert draw(MatlabRandom(3), 0, 5).shape == (0, 5)


def test_randi_gives_whole_numbers_from_1_to_n():
    values = MatlabRandom(1).randi(6, 600, 1)
    assert values.dtype == np.int64
    assert set(values.ravel()) == {1, 2, 3, 4, 5, 6}
    assert isinstance(MatlabRandom(1).randi(6), int)
    assert MatlabRandom(1).randi(1) == 1
    with pytest.raises(ValueError, match="at least 1, but got 0"):
        MatlabRandom(1).randi(0)


@pytest.mark.parametrize("drawn", [0, 1, 623, 624, 625, 1000])
def test_the_state_survives_a_file_and_continues_bit_for_bit(drawn):
    stream = MatlabRandom(11)
    stream.random(drawn)
    stream.randn()  # so that an odd number of words may be left
    state = json.loads(json.dumps(stream.state))
    other = MatlabRandom(99)
    other.state = state
    assert other.state == state
    assert np.array_equal(other.randn(50, 1), stream.randn(50, 1))
    assert np.array_equal(other.randi(10, 700, 1), stream.randi(10, 700, 1))
    assert repr(other) == "MatlabRandom(11)"


def test_reading_the_state_does_not_move_the_stream():
    looked, blind = MatlabRandom(2), MatlabRandom(2)
    for _ in range(5):
        assert looked.state
        assert looked.rand() == blind.rand()


def test_numpys_names_mean_what_numpy_means():
    assert np.array_equal(MatlabRandom(4).standard_normal(9), MatlabRandom(4).randn(9, 1).ravel())
    assert np.array_equal(MatlabRandom(4).integers(5, size=9), MatlabRandom(4).randi(5, 9, 1).ravel() - 1)
    assert MatlabRandom(4).integers(5) == MatlabRandom(4).randi(5) - 1
    assert MatlabRandom(4).random() == MatlabRandom(4).rand()
    order = MatlabRandom(4).permutation(50)
    assert sorted(order) == list(range(50))
    assert order.tolist() != list(range(50))


@pytest.mark.parametrize("seed", [-1, 2**32, 1.5, "5000", True, None])
def test_a_seed_that_is_none_is_refused(seed):
    with pytest.raises(ValueError, match="whole seed from 0 to 2\\^32 - 1"):
        MatlabRandom(seed)
