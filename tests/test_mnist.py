"""MNIST's IDX files: what is read, and what is refused."""

from __future__ import annotations

import gzip
import os
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

import netbp as nb
from netbp.data.mnist import FILES, IMAGES_MAGIC, LABELS_MAGIC, TEST, TRAINING, mnist, read_images, read_labels
from netbp.files import NotReadError


def packed(header: tuple[int, ...], content: bytes) -> bytes:
    return gzip.compress(np.array(header, ">u4").tobytes() + content, compresslevel=1)


def images(count: int, rng: np.random.Generator) -> bytes:
    return rng.integers(0, 256, count * 784, dtype=np.uint8).tobytes()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of the right sizes: image i is grey i mod 256 all over, its label i mod 10."""
    where = tmp_path_factory.mktemp("mnist")
    for name, count in zip(FILES, (TRAINING, TRAINING, TEST, TEST), strict=True):
        i = np.arange(count)
        if "images" in name:
            content = packed((IMAGES_MAGIC, count, 28, 28), np.repeat((i % 256).astype(np.uint8), 784).tobytes())
        else:
            content = packed((LABELS_MAGIC, count), (i % 10).astype(np.uint8).tobytes())
        (where / name).write_bytes(content)
    return where


@pytest.fixture
def few(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same with 60 images to train on and 10 to test."""
    module, where = sys.modules["netbp.data.mnist"], tmp_path / "few"
    where.mkdir()
    for name, count in zip(FILES, (60, 60, 10, 10), strict=True):
        rng = np.random.default_rng(count)
        header = (IMAGES_MAGIC, count, 28, 28) if "images" in name else (LABELS_MAGIC, count)
        content = images(count, rng) if "images" in name else rng.integers(0, 10, count, np.uint8).tobytes()
        (where / name).write_bytes(packed(header, content))
    monkeypatch.setattr(module, "TRAINING", 60)
    monkeypatch.setattr(module, "TEST", 10)
    return where


def test_sizes_scale_and_targets(folder: Path) -> None:
    train, test = mnist(folder, training=300)
    assert np.shape(train.x) == (300, 784)
    assert np.shape(train.y) == (300, 10)
    assert np.shape(test.x) == (TEST, 784)
    assert np.shape(test.y) == (TEST, 10)
    i = np.arange(300)
    np.testing.assert_array_equal(train.x, np.repeat((i % 256)[:, None] / 255.0, 784, axis=1))
    np.testing.assert_array_equal(np.argmax(train.y, axis=1), i % 10)
    np.testing.assert_array_equal(np.sum(train.y, axis=1), 1.0)
    assert np.asarray(train.x).dtype == np.float64


def test_the_environment_names_the_folder(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mnist").symlink_to(folder)
    monkeypatch.setenv("NETBP_DATA", str(tmp_path))
    train, _ = nb.data.mnist(training=1)
    assert np.shape(train.x) == (1, 784)


PLAIN = [name.removesuffix(".gz") for name in FILES]
DOTTED = [name.replace("-idx", ".idx") for name in PLAIN]
NAMES = {
    "packed": FILES,
    "unpacked": PLAIN,
    "with a dot": DOTTED,
    "with a dot, packed": [f"{name}.gz" for name in DOTTED],
    "unpacked by the browser, named as before": FILES,
    "mixed": [FILES[0], PLAIN[1], DOTTED[2], f"{DOTTED[3]}.gz"],
    "each in a folder of its name": [f"{name}/{name}" for name in PLAIN],
    "unpacked beside empty folders of the packed names": PLAIN,
}


@pytest.mark.parametrize("way", NAMES)
def test_names_and_packing(few: Path, tmp_path: Path, way: str) -> None:
    for name, original in zip(NAMES[way], FILES, strict=True):
        content = (few / original).read_bytes()
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content if name.endswith(".gz") and "browser" not in way else gzip.decompress(content))
        if "beside" in way:
            (tmp_path / original).mkdir()
    found, expected = mnist(tmp_path, training=7, scaled=False), mnist(few, training=7, scaled=False)
    for part, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(part.x, other.x)
        np.testing.assert_array_equal(part.y, other.y)
    assert [name for name, _ in found.source.files] == [Path(name).name for name in NAMES[way]]


@pytest.mark.parametrize("place", ["mnist", "mnist/raw", "MNIST/raw", "MNIST", "fashion-mnist", "FashionMNIST/raw"])
def test_places_under_the_data_folder(few: Path, tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As torchvision lays them out, too."""
    (tmp_path / place).parent.mkdir(exist_ok=True)
    (tmp_path / place).symlink_to(few)
    monkeypatch.setenv("NETBP_DATA", str(tmp_path))
    load = nb.data.fashion_mnist if "ash" in place else nb.data.mnist
    assert load(training=1).source.place == str(tmp_path / place)
    if "raw" in place:
        assert load((tmp_path / place).parent, training=1).shape == (1, 28, 28)
        assert load(tmp_path / place, training=1).shape == (1, 28, 28)


def test_one_of_four_files_missing_is_named(few: Path, tmp_path: Path) -> None:
    for name in FILES[:3]:
        (tmp_path / name).write_bytes(gzip.decompress((few / name).read_bytes()))
    with pytest.raises(FileNotFoundError, match=r"t10k-labels-idx1-ubyte\.gz was not found: MNIST's four files"):
        mnist(tmp_path, training=1)


@pytest.mark.skipif(os.name != "posix", reason="pipes with names")
def test_what_is_no_regular_file_of_its_size_is_refused(few: Path, tmp_path: Path) -> None:
    for name in FILES[1:]:
        (tmp_path / name).symlink_to(few / name)
    os.mkfifo(tmp_path / FILES[0])
    with pytest.raises(NotReadError, match=r"gz is a pipe"):
        mnist(tmp_path, training=1)
    (tmp_path / FILES[0]).unlink()
    (tmp_path / FILES[0]).touch()
    os.truncate(tmp_path / FILES[0], 2**40)
    with pytest.raises(NotReadError, match="holds 1,099,511,627,776 bytes, but no more than"):
        mnist(tmp_path, training=1)


def test_bombs_are_not_unpacked(tmp_path: Path) -> None:
    """A packed file that goes on for gigabytes is read up to a byte beyond its size."""
    path = tmp_path / "images.gz"
    path.write_bytes(packed((IMAGES_MAGIC, 3, 28, 28), bytes(8 * 2**20)))
    tracemalloc.start()
    with pytest.raises(ValueError, match="has more than 2368"):
        read_images(path, 3)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**20


def test_it_makes_a_problem(folder: Path) -> None:
    train, test = mnist(folder, training=5)
    problem = nb.Problem(nb.Network.dense(784, 3, 10), nb.quadratic, train, held_out=test)
    assert problem.N == 5


def test_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that are not where they were looked for; what happens without a folder is in test_download.py."""
    with pytest.raises(FileNotFoundError, match=r"train-images-idx3-ubyte\.gz was not found"):
        mnist(tmp_path)
    (tmp_path / "mnist").mkdir()
    monkeypatch.setenv("NETBP_DATA", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="belong in that folder"):
        mnist()


def test_bytes(folder: Path) -> None:
    """Unscaled, as the other image sets are; and what is read belongs to the reader."""
    images = mnist(folder, training=300, scaled=False)
    x = np.asarray(images.train.x)
    assert x.dtype == np.uint8
    assert x.flags.writeable
    np.testing.assert_array_equal(x / 255.0, mnist(folder, training=300).train.x)
    assert images.shape == (1, 28, 28)
    assert images.classes == tuple("0123456789")
    assert not images.source.official
    assert [name for name, _ in images.source.files] == list(FILES)


@pytest.mark.parametrize("training", [0, -1, TRAINING + 1])
def test_the_number_of_training_images(training: int) -> None:
    with pytest.raises(ValueError, match="choose 1 to 60000"):
        mnist(training=training)


WRONG_IMAGES = {
    "wrong magic": ((LABELS_MAGIC, 3, 28, 28), 3 * 784, "magic number should be 2051 but is 2049"),
    "one image short": ((IMAGES_MAGIC, 2, 28, 28), 2 * 784, "the count should be 3 but is 2"),
    "wrong rows": ((IMAGES_MAGIC, 3, 29, 28), 3 * 784, "the number of rows should be 28 but is 29"),
    "wrong columns": ((IMAGES_MAGIC, 3, 28, 2**31), 3 * 784, "the number of columns should be 28 but is 2147483648"),
    "a pixel short": ((IMAGES_MAGIC, 3, 28, 28), 3 * 784 - 1, "should have 2368 bytes but has 2367"),
    "a pixel more": ((IMAGES_MAGIC, 3, 28, 28), 3 * 784 + 1, "has more than 2368"),
    "half a header": ((IMAGES_MAGIC, 3), 0, "should have 2368 bytes but has 8"),
    "nothing": ((), 0, "should have 2368 bytes but has 0"),
}


@pytest.mark.parametrize(("header", "size", "message"), WRONG_IMAGES.values(), ids=WRONG_IMAGES)
def test_other_images_are_refused(tmp_path: Path, header: tuple[int, ...], size: int, message: str) -> None:
    (tmp_path / "images.gz").write_bytes(packed(header, bytes(size)))
    with pytest.raises(ValueError, match=message):
        read_images(tmp_path / "images.gz", 3)


@pytest.mark.parametrize("label", [10, 255])
def test_labels_beyond_nine_are_refused(tmp_path: Path, label: int) -> None:
    path = tmp_path / "labels.gz"
    path.write_bytes(packed((LABELS_MAGIC, 4), bytes([0, 9, label, 3])))
    with pytest.raises(ValueError, match=f"label 3 is {label}"):
        read_labels(path, 4)
    path.write_bytes(packed((LABELS_MAGIC, 4), bytes([0, 9, 5, 3])))
    np.testing.assert_array_equal(read_labels(path, 4), [0, 9, 5, 3])


def test_truncated_or_damaged_archives_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "images.gz"
    whole = packed((IMAGES_MAGIC, 3, 28, 28), images(3, np.random.default_rng(0)))
    path.write_bytes(whole)
    assert read_images(path, 3).shape == (3, 784)
    for size in (1, 5, 12, 20, 500, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(ValueError, match="not a whole gzip file"):
            read_images(path, 3)
    for position in (0, 2, 400, len(whole) - 10, len(whole) - 6, len(whole) - 1):  # magic, method, content, sum, length
        damaged = bytearray(whole)
        damaged[position] ^= 0x55
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match="get the original file again"):
            read_images(path, 3)


@pytest.mark.skipif("NETBP_DATA" not in os.environ, reason="needs MNIST's files in $NETBP_DATA/mnist")
def test_the_real_files(tmp_path: Path) -> None:
    train, test = images = mnist()
    assert images.source.official
    for name in FILES:
        (tmp_path / name.removesuffix(".gz")).write_bytes(gzip.decompress(Path(images.source.place, name).read_bytes()))
    assert mnist(tmp_path, training=1).source.official
    counts = np.sum(train.y, axis=0)
    assert counts.tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert np.argmax(train.y, axis=1)[:5].tolist() == [5, 0, 4, 1, 9]
    assert np.argmax(test.y, axis=1)[:3].tolist() == [7, 2, 1]
    assert np.min(train.x) == 0.0
    assert np.max(train.x) == 1.0
