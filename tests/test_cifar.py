"""CIFAR's binary files: what is read, in which order, and what is refused."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest

import netbp as nb
from netbp.data import archive, cifar
from netbp.data.cifar import CIFAR10, CIFAR100, PIXELS, records

COUNT = 20  # records a file, instead of 10,000


def content(layout: cifar.Layout, file: int) -> bytes:
    """COUNT records that can be told apart: labels and pixels drawn from the file's number."""
    rng = np.random.default_rng(file)
    out = rng.integers(0, 256, (COUNT, len(layout.classes) + PIXELS), dtype=np.uint8)
    for byte, names in enumerate(layout.classes):
        out[:, byte] = rng.integers(0, len(names), COUNT)
    return out.tobytes()


def small(layout: cifar.Layout) -> tuple[cifar.Layout, dict[str, bytes]]:
    """The same layout with COUNT records a file, and its files."""
    contents = {name: content(layout, i) for i, name in enumerate(layout.archive.members)}
    members = {
        name: archive.Member(len(c), hashlib.sha256(c).hexdigest(), len(layout.classes) + PIXELS) for name, c in contents.items()
    }
    return layout._replace(archive=layout.archive._replace(members=members)), contents


@pytest.fixture(params=["CIFAR10", "CIFAR100"])
def laid_out(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> tuple[str, Path, dict[str, bytes]]:
    """A small set in a folder that NETBP_DATA knows: its name, the folder, its files."""
    layout, contents = small(getattr(cifar, request.param))
    monkeypatch.setattr(cifar, request.param, layout)
    folder = tmp_path / layout.archive.folder
    folder.mkdir()
    for name, file in contents.items():
        (folder / name).write_bytes(file)
    monkeypatch.setenv("NETBP_DATA", str(tmp_path))
    monkeypatch.setenv("NETBP_CACHE", str(tmp_path / "cache"))
    return request.param.lower(), folder, contents


def load(name: str) -> nb.data.Images:
    return getattr(nb.data, name)()


def test_the_layouts_are_the_official_ones() -> None:
    for layout, classes in ((CIFAR10, (10,)), (CIFAR100, (20, 100))):
        assert tuple(len(names) for names in layout.classes) == classes
        assert all(len(set(names)) == len(names) for names in layout.classes)
        counts = {name: member.size / (len(classes) + PIXELS) for name, member in layout.archive.members.items()}
        assert counts.pop(layout.test) == 10_000
        assert sum(counts.values()) == 50_000


def test_what_is_read_is_what_the_files_hold(laid_out: tuple[str, Path, dict[str, bytes]]) -> None:
    name, folder, contents = laid_out
    images = load(name)
    labels = 1 if name == "cifar10" else 2
    *train, test = (np.frombuffer(file, np.uint8).reshape(COUNT, -1) for file in contents.values())
    for data, expected in ((images.train, np.concatenate(train)), (images.test, test)):
        x = np.asarray(data.x)
        assert x.dtype == np.uint8
        assert x.flags.writeable
        np.testing.assert_array_equal(x, expected[:, labels:])
        np.testing.assert_array_equal(nb.data.labels(data), expected[:, labels - 1])
        np.testing.assert_array_equal(np.sum(data.y, axis=1), 1.0)
    assert images.shape == (3, 32, 32)
    assert len(images.classes) == np.shape(images.train.y)[1]
    assert images.source.place == str(folder)
    assert images.source.files == tuple((file, hashlib.sha256(c).hexdigest()) for file, c in contents.items())
    first, second = images
    assert first is images.train
    assert second is images.test


def test_red_comes_first_and_rows_before_columns(laid_out: tuple[str, Path, dict[str, bytes]]) -> None:
    x = np.asarray(load(laid_out[0]).train.x)
    drawn = nb.data.pictures(x, (3, 32, 32))
    assert drawn.shape == (len(x), 32, 32, 3)
    for channel, row, column in ((0, 0, 1), (1, 5, 0), (2, 31, 30)):
        np.testing.assert_array_equal(drawn[:, row, column, channel], x[:, 1024 * channel + 32 * row + column])
    np.testing.assert_array_equal(nb.data.rows(drawn), x)


def test_coarse_labels(laid_out: tuple[str, Path, dict[str, bytes]]) -> None:
    name, _, contents = laid_out
    if name == "cifar10":
        pytest.skip("CIFAR-10 has one label an image")
    coarse = nb.data.cifar100(labels="coarse")
    assert np.shape(coarse.test.y) == (COUNT, 20)
    np.testing.assert_array_equal(
        nb.data.labels(coarse.test), np.frombuffer(contents["test.bin"], np.uint8).reshape(COUNT, -1)[:, 0]
    )
    with pytest.raises(ValueError, match="'fine' or 'coarse', not 'medium'"):
        nb.data.cifar100(labels="medium")  # type: ignore[arg-type]


def flipped(file: bytes) -> bytes:
    return file[:-1] + bytes([file[-1] ^ 1])


def one_less(file: bytes) -> bytes:
    return file[: -(len(file) // COUNT)]


DAMAGES = {
    "a flipped bit": (flipped, "is damaged: its SHA-256 is"),
    "a byte short": (lambda file: file[:-1], r"has 19 records of 3,07\d bytes and 3,07\d bytes more, but should have 20 records"),
    "a byte more": (lambda file: file + b"\0", "has 20 records of .* and 1 byte more, but should have 20 records"),
    "a record short": (one_less, "has 19 records of .*, but should have 20 records"),
    "a record more": (lambda file: file + file[: len(file) // COUNT], "has 21 records of .*, but should have 20"),
    "nothing": (lambda file: b"", "has 0 records of .*, but should have 20"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_files_are_refused_by_name(laid_out: tuple[str, Path, dict[str, bytes]], damage: str) -> None:
    name, folder, contents = laid_out
    change, message = DAMAGES[damage]
    for file in contents:
        (folder / file).write_bytes(change(contents[file]))
        with pytest.raises(ValueError, match=message) as caught:
            load(name)
        (folder / file).write_bytes(contents[file])
        assert file in str(caught.value)
        assert str(folder) in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("label", [10, 20, 100, 255])
def test_labels_beyond_the_classes_are_refused(laid_out: tuple[str, Path, dict[str, bytes]], label: int) -> None:
    name, folder, contents = laid_out
    file, layout = next(iter(contents)), getattr(cifar, name.upper())
    for byte, names in enumerate(layout.classes):
        if label < len(names):
            continue
        damaged = bytearray(contents[file])
        damaged[7 * len(damaged) // COUNT + byte] = label
        (folder / file).write_bytes(damaged)
        with pytest.raises(ValueError, match=rf"{file}: record 8 has the label {label}, but they are 0 to {len(names) - 1}"):
            load(name)


def test_part_of_a_record_is_refused() -> None:
    with pytest.raises(ValueError, match="3,072 bytes, which are not whole records of 3,073"):
        records(bytes(PIXELS), "x.bin", [10])


def test_a_missing_file_is_named(laid_out: tuple[str, Path, dict[str, bytes]]) -> None:
    name, folder, contents = laid_out
    for file in contents:
        (folder / file).unlink()
        with pytest.raises(FileNotFoundError, match=f"{file} was not found"):
            load(name)
        (folder / file).write_bytes(contents[file])
    with pytest.raises(FileNotFoundError, match="nowhere was not found"):
        getattr(nb.data, name)(folder / "nowhere")
    assert len(getattr(nb.data, name)(folder).train.x) == COUNT * (len(contents) - 1)


def test_the_first_ones_and_a_split(laid_out: tuple[str, Path, dict[str, bytes]]) -> None:
    images = load(laid_out[0])
    x = np.asarray(images.train.x)
    few = images.first(7, 3)
    np.testing.assert_array_equal(few.train.x, x[:7])
    np.testing.assert_array_equal(few.test.y, np.asarray(images.test.y)[:3])
    for count in (1, 5, len(x) - 1):
        train, held = images.split(count, seed=3)
        assert len(np.asarray(held.x)) == count
        np.testing.assert_array_equal(np.sort(np.concatenate([train.x, held.x]), axis=0), np.sort(x, axis=0))
        again = images.split(count, seed=3)
        np.testing.assert_array_equal(again.test.x, held.x)
        np.testing.assert_array_equal(again.test.y, held.y)
    assert not np.array_equal(images.split(5, seed=4).test.x, images.split(5, seed=3).test.x)
    for wrong in (0, len(x)):
        with pytest.raises(ValueError, match="can be set aside"):
            images.split(wrong)
    for train, test in ((0, 1), (len(x) + 1, 1), (1, 0), (1, COUNT + 1)):
        with pytest.raises(ValueError, match="were asked for"):
            images.first(train, test)


@pytest.mark.skipif("NETBP_DATA" not in os.environ, reason="needs CIFAR-10's files in $NETBP_DATA/cifar-10-batches-bin")
def test_the_real_files() -> None:
    images = nb.data.cifar10()
    assert images.source.official
    for data, count in ((images.train, 5_000), (images.test, 1_000)):
        assert np.sum(data.y, axis=0).tolist() == [count] * 10
    means = nb.data.pictures(images.train.x, images.shape).mean(axis=(0, 1, 2)) / 255
    np.testing.assert_allclose(means, [0.4914, 0.4822, 0.4465], atol=5e-5)  # as everybody's code has them
    assert [images.classes[k] for k in nb.data.labels(images.test)[:4]] == ["cat", "ship", "ship", "airplane"]
