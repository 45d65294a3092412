"""The card of a data set: counts, statistics, copies, checksums, as a table and as plain values."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest

import netbp as nb
from netbp.data import Images, Source, data_card
from netbp.data.images import one_hot


def some(train: np.ndarray, labels: list[int], test: np.ndarray, test_labels: list[int], shape: tuple[int, int, int]) -> Images:
    names = ("cat", "dog", "nothing of the kind")
    source = Source("there", (("a.bin", "0" * 64),), False, "https://there", "free", "nobody", ("blurred",))
    return Images("some", nb.Data(train, one_hot(labels, 3)), nb.Data(test, one_hot(test_labels, 3)), shape, names, source)


@pytest.mark.parametrize("shape", [(1, 2, 3), (3, 4, 5), (2, 1, 1)])
@pytest.mark.parametrize("dtype", [np.uint8, np.float64])
@pytest.mark.parametrize("N", [1, 5, 4_001])
def test_statistics_are_those_of_the_pixels(shape: tuple[int, int, int], dtype: type, N: int) -> None:
    rng = np.random.default_rng(N)
    x = rng.integers(0, 256, (N, int(np.prod(shape)))).astype(dtype)
    labels = rng.integers(0, 2, N).tolist()
    images = some(x, labels, x[:0], [], shape)
    card = data_card(images)
    pixels = nb.data.pictures(x.astype(float), shape)
    np.testing.assert_allclose(card.means, pixels.mean(axis=(0, 1, 2)), rtol=1e-12)
    np.testing.assert_allclose(card.deviations, pixels.std(axis=(0, 1, 2)), rtol=1e-9, atol=1e-5)  # a single value has deviation 0
    assert card.range == (x.min(), x.max())
    assert card.counts == (("cat", labels.count(0), 0), ("dog", labels.count(1), 0), ("nothing of the kind", 0, 0))
    assert card.images == (N, 0)


def test_copies_are_found_within_across_and_with_other_labels() -> None:
    a, b, c, d, e = np.arange(30, dtype=np.uint8).reshape(5, 6)
    cases = [
        # training, labels, test, labels -> training, test, across, disagreeing, examples
        ([a, b, c], [0, 0, 1], [d, e], [0, 1], (0, 0, 0, 0, ())),
        ([a, b, a, a], [0, 0, 0, 0], [d, d], [1, 1], (2, 1, 0, 0, ())),
        ([a, b, a], [0, 0, 1], [d], [1], (1, 0, 0, 2, ())),
        ([a, b, c], [0, 0, 0], [c, d, b], [0, 0, 0], (0, 0, 2, 0, ((0, 2), (2, 1)))),
        ([a, b, b], [0, 0, 0], [b, b], [1, 0], (1, 1, 2, 4, ((0, 1), (1, 1)))),
        ([a] * 9, [0] * 9, [a] * 7, [0] * 7, (8, 6, 7, 0, tuple((i, 0) for i in range(5)))),
    ]
    for train, labels, test, test_labels, expected in cases:
        found = data_card(some(np.array(train), labels, np.array(test), test_labels, (1, 2, 3))).duplicates
        assert (found.training, found.test, found.across, found.disagreeing, found.examples) == expected


def test_the_checksum_is_of_the_values_in_their_order() -> None:
    x = np.arange(24, dtype=np.uint8).reshape(4, 6)

    def of(train: np.ndarray, test: np.ndarray) -> str:
        return data_card(some(train, [0] * len(train), test, [0] * len(test), (1, 2, 3))).sha256

    changed = x.copy()
    changed[3, 5] ^= 1
    assert of(x[:2], x[2:]) == of(x[:2].copy(), x[2:].copy())
    assert len({of(x[:2], x[2:]), of(x[2:], x[:2]), of(x[::-1], x[:0]), of(changed[:2], changed[2:])}) == 4


def test_it_prints_as_a_table_and_gives_plain_values() -> None:
    x = np.arange(24, dtype=np.uint8).reshape(4, 6)
    card = some(x, [0, 1, 1, 1], x[:1], [0], (1, 2, 3)).card()
    text = str(card)
    for part in (
        "some: 4 training and 1 test images, 1 x 2 x 3, 3 classes",
        "read from   there",
        "licence     free",
        f"{'0' * 64}  a.bin",
        "not known to be official",
        "1 test images also in training",
        "test image 0 is training image 0",
        "dog                                    3         0",
        "known: blurred",
        card.sha256,
    ):
        assert part in text, part
    values = json.loads(json.dumps(card.to_dict()))
    assert values["counts"][1] == ["dog", 3, 0]
    assert values["source"]["address"] == "https://there"
    assert values["duplicates"]["across"] == 1
    many = card.source._replace(files=tuple((f"{i}.png", "1" * 64) for i in range(20)))
    assert "... and 8 more" in str(type(card)(**{**{f: getattr(card, f) for f in card.__dataclass_fields__}, "source": many}))


def test_nothing_has_no_card() -> None:
    x = np.zeros((0, 6), np.uint8)
    with pytest.raises(ValueError, match="some has no training images"):
        data_card(some(x, [], x, [], (1, 2, 3)))


@pytest.mark.skipif("NETBP_DATA" not in os.environ, reason="needs CIFAR-10's files in $NETBP_DATA/cifar-10-batches-bin")
def test_the_card_of_cifar10() -> None:
    card = nb.data.cifar10().card()
    assert card.duplicates == type(card.duplicates)(0, 0, 0, 0, ())
    assert [(train, test) for _, train, test in card.counts] == [(5_000, 1_000)] * 10
    np.testing.assert_allclose(np.divide(card.means, 255), [0.4914, 0.4822, 0.4465], atol=5e-5)
    np.testing.assert_allclose(np.divide(card.deviations, 255), [0.2470, 0.2435, 0.2616], atol=5e-5)
    assert "the official contents" in str(card)
