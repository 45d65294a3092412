"""What random layers draw: uniform, independent, and the same for ever, since runs are resumed and compared by it."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from netbp.engines.masks import WORD, flips, hashed, keys, threshold, words

WORD64 = 2**64 - 1

# (seed, step, layer): the two keys, and the words at 0, 1 and 2^32 - 1. Changing one changes what saved runs go on with.
GOLDEN = {
    (0, 1, 2): ((2658246099, 3520582178), [3852610306, 4231422043, 185061543]),
    (1, 1, 2): ((1940524867, 81577476), [3938959553, 2551580745, 439822864]),
    (0, 2, 2): ((1773441782, 3616002147), [1487707850, 1377956406, 2415261609]),
    (0, 1, 3): ((3488091876, 417380566), [242616713, 395144707, 3799078340]),
    (2**63 - 1, 10**9, 40): ((1572124479, 2790029135), [3744947355, 3285864186, 4280990811]),
}


def philox(counter: tuple[int, ...], key: tuple[int, int]) -> list[int]:
    """Philox4x64-10, by its definition (Salmon, Moraes, Dror & Shaw, SC11) in Python's whole numbers."""
    (a, b, c, d), (k, j) = counter, key
    for _ in range(10):
        one, other = 0xD2E7470EE14C6C93 * a, 0xCA5A826395121157 * c
        a, b, c, d = (other >> 64) ^ b ^ k, other & WORD64, (one >> 64) ^ d ^ j, one & WORD64
        k, j = (k + 0x9E3779B97F4A7C15) & WORD64, (j + 0xBB67AE8584CAA73B) & WORD64
    return [a, b, c, d]


def hashed_slowly(x: int) -> int:
    x = ((x ^ x >> 16) * 0x21F0AAAD) % 2**32
    x = ((x ^ x >> 15) * 0x735A2D97) % 2**32
    return x ^ x >> 15


@pytest.mark.parametrize("where", GOLDEN, ids=str)
def test_keys_and_words_are_those_of_ever(where):
    given, drawn = GOLDEN[where]
    assert keys(*where) == given
    index = [0, 1, WORD]
    assert words(np.array(index), *given).tolist() == drawn
    assert [words(i, *given) for i in index] == drawn  # single numbers and arrays alike


@pytest.mark.parametrize("where", GOLDEN, ids=str)
def test_they_are_made_as_the_module_says(where):
    seed, step, layer = where
    assert philox((0, 0, 0, 0), (0, 0))[0] == 0x16554D9ECA36314C  # the published known answer
    first = philox((step + 1, 0, 0, 0), (seed, layer))[0]  # NumPy counts before it draws
    assert keys(*where) == (first & WORD, first >> 32)
    k, j = keys(*where)
    for index in (0, 1, 12345, WORD):
        assert words(index, k, j) == hashed_slowly(hashed_slowly(index ^ k) ^ j)


def test_the_hash_is_one_to_one_and_does_not_overflow():
    x = np.arange(2**16, dtype=np.int64) * 65537 + 13 & WORD
    assert len(np.unique(hashed(x))) == 2**16
    assert hashed(np.array([WORD], dtype=np.int64)).tolist() == [hashed_slowly(WORD)]
    drawn = words(np.arange(10**5, dtype=np.int64), WORD, WORD)
    assert drawn.min() >= 0
    assert drawn.max() <= WORD
    assert drawn.dtype == np.int64


def chi_square(counts: np.ndarray) -> float:
    """Pearson's statistic of counts that should be equal, in standard deviations from what it should be."""
    expected, freedom = counts.sum() / counts.size, counts.size - 1
    return float((((counts - expected) ** 2 / expected).sum() - freedom) / np.sqrt(2 * freedom))


@pytest.mark.parametrize("where", [(0, 1, 2), (0, 2, 2), (7, 1000, 5), (2**62, 3, 12)], ids=str)
def test_words_are_uniform_in_every_byte_and_bit(where):
    drawn = words(np.arange(2**18, dtype=np.int64), *keys(*where))
    for byte in range(4):
        assert abs(chi_square(np.bincount(drawn >> 8 * byte & 255, minlength=256))) < 5
    for bit in range(32):
        assert abs((drawn >> bit & 1).mean() - 0.5) < 5 * 0.5 / np.sqrt(len(drawn))


@pytest.mark.parametrize("rate", [0.0, 1e-3, 0.15, 0.35, 0.5, 0.99])
def test_the_share_below_the_threshold_is_the_rate(rate):
    n = 2**18
    for step in range(4):
        share = (words(np.arange(n, dtype=np.int64), *keys(1, step, 2)) < threshold(rate)).mean()
        assert abs(share - rate) <= 5 * np.sqrt(rate * (1 - rate) / n)


def test_masks_of_other_seeds_steps_layers_and_positions_are_independent():
    n, neurons, rate = 2**15, 64, 0.3
    index = np.arange(n, dtype=np.int64)
    wheres = [(s, t, l) for s in (0, 1, 2**40) for t in (1, 2, 3, 4, 1000) for l in (2, 3, 4)]
    masks = {where: words(index, *keys(*where)) < threshold(rate) for where in wheres}
    both = [np.mean(masks[one] & masks[other]) for one, other in combinations(wheres, 2)]
    spread = rate * np.sqrt((1 - rate**2) / n)
    z = (np.array(both) - rate**2) / spread
    assert np.abs(z).max() < 5.5  # the largest of 990
    assert 0.8 < z.std() < 1.2
    for mask in masks.values():  # neighbours: the next neuron, the same neuron of the next point, and further
        for lag in (1, 2, 32, neurons, 1024, 4096):
            assert abs(np.mean(mask[lag:] & mask[:-lag]) - rate**2) < 5.5 * np.sqrt(3) * spread


def test_steps_layers_and_seeds_all_have_keys_of_their_own():
    found = [keys(s, t, l) for s in range(20) for t in range(1, 41) for l in range(2, 22)]
    assert len(set(found)) == len(found)


@pytest.mark.parametrize("probability", [0.0, 0.3, 0.5, 1.0])
def test_coins_fall_as_often_as_they_should_and_step_by_step_independently(probability):
    n = 4000
    coins = np.array([flips(5, t, 2, probability) for t in range(1, n + 1)])
    allowed = 5 * np.sqrt(probability * (1 - probability) / n)
    assert abs(coins.mean() - probability) <= allowed
    assert abs((coins[1:] & coins[:-1]).mean() - probability**2) <= 2 * allowed
