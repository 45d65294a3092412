"""Image files of one's own: single ones, folders of them, and a copy of ImageNet."""

from __future__ import annotations

import io
import os
import re
import shutil
import struct
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import netbp as nb
from netbp.data import image_folder, imagenet, read_image
from netbp.data.imagenet import AHEAD
from netbp.files import NotReadError
from users import posix


def picture(seed: int = 0, H: int = 8, W: int = 6, C: int = 3) -> np.ndarray:
    """Pixels (H, W, C)."""
    return np.random.default_rng(seed).integers(0, 256, (H, W, C), dtype=np.uint8)


def save(path: Path, pixels: np.ndarray, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels.squeeze()).save(path, **options)
    return path


@pytest.mark.parametrize("kind", ["png", "bmp", "tiff", "webp", "gif"])
@pytest.mark.parametrize("C", [1, 3])
def test_an_image_of_the_right_size_is_read_as_it_is(tmp_path: Path, kind: str, C: int) -> None:
    """Channel, row, column; formats that lose nothing."""
    if kind == "gif" and C == 3:
        pytest.skip("a palette has fewer colours")
    pixels = picture(C=C)
    options = {"lossless": True} if kind == "webp" else {}
    if kind == "webp" and C == 1:
        pixels[:] = pixels[..., :1]
    row = read_image(save(tmp_path / f"a.{kind}", pixels, **options), (C, 8, 6))
    assert row.dtype == np.uint8
    np.testing.assert_array_equal(row, nb.data.rows(pixels[None])[0])
    if C == 1:
        grey = read_image(tmp_path / f"a.{kind}", (3, 8, 6))
        np.testing.assert_array_equal(grey, np.tile(row, 3))


@pytest.mark.parametrize("size", [(1, 1), (4, 4), (32, 32), (7, 13), (100, 30)])
def test_any_size_becomes_the_size_asked_for(tmp_path: Path, size: tuple[int, int]) -> None:
    """A picture of one colour stays so; its middle is what is kept."""
    flat = np.empty((40, 60, 3), np.uint8)
    flat[:] = (200, 100, 50)
    row = read_image(save(tmp_path / "a.png", flat), (3, *size))
    np.testing.assert_array_equal(row.reshape(3, -1), np.repeat([[200], [100], [50]], size[0] * size[1], axis=1))
    wide = np.zeros((10, 30, 3), np.uint8)
    wide[:, 10:20] = 255  # the middle square
    np.testing.assert_array_equal(read_image(save(tmp_path / "b.png", wide), (3, 10, 10)), 255)


def test_a_large_photograph_is_close_to_its_average(tmp_path: Path) -> None:
    """A JPEG decoded at a fraction of its size is what it would be at the whole."""
    ramp = np.repeat(np.linspace(0, 255, 640).astype(np.uint8)[None, :, None], 640, axis=0).repeat(3, axis=2)
    row = read_image(save(tmp_path / "a.jpg", ramp, quality=95), (3, 8, 8)).reshape(3, 8, 8).astype(float)
    np.testing.assert_allclose(row, np.broadcast_to(np.linspace(16, 239, 8), (3, 8, 8)), atol=6)


def test_transparency_lies_on_white_and_cameras_are_turned_upright(tmp_path: Path) -> None:
    clear = np.zeros((4, 4, 4), np.uint8)
    clear[0] = (10, 20, 30, 255)
    row = read_image(save(tmp_path / "a.png", clear), (3, 4, 4)).reshape(3, 4, 4)
    assert row[:, 0, 0].tolist() == [10, 20, 30]
    assert (row[:, 1:] == 255).all()
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    pixels = picture(H=8, W=6)
    row = read_image(save(tmp_path / "b.png", pixels, exif=exif), (3, 6, 8))
    np.testing.assert_array_equal(row, nb.data.rows(np.rot90(pixels, -1)[None])[0])


def test_other_colour_spaces(tmp_path: Path) -> None:
    for mode in ("1", "L", "P", "LA", "RGBA", "CMYK", "YCbCr", "LAB", "HSV"):
        kind = "tiff" if mode in ("CMYK", "YCbCr", "LAB") else "png"
        if mode == "HSV":
            continue
        image = Image.new(mode, (6, 8))
        image.save(tmp_path / f"{mode}.{kind}")
        assert read_image(tmp_path / f"{mode}.{kind}", (3, 8, 6)).shape == (144,)


def bomb(side: int) -> bytes:
    """A PNG that says it has so many pixels a side."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")


def encoded(kind: str) -> bytes:
    out = io.BytesIO()
    Image.fromarray(picture(H=40, W=40)).save(out, kind)
    return out.getvalue()


NOT_IMAGES = {
    "nothing": b"",
    "text": b"Dear image,\n",
    "a page": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    "numbers": bytes(range(256)) * 20,
    "half a PNG": encoded("PNG")[:2000],
    "half a JPEG": encoded("JPEG")[:500],
    "a PNG's head": encoded("PNG")[:30],
    "a damaged PNG": encoded("PNG")[:900] + bytes(50) + encoded("PNG")[950:],
}


@pytest.mark.parametrize("case", NOT_IMAGES)
def test_what_is_not_an_image_is_refused_by_name(tmp_path: Path, case: str) -> None:
    (tmp_path / "x.png").write_bytes(NOT_IMAGES[case])
    with pytest.raises(ValueError, match=r"x\.png is not an image that can be read") as caught:
        read_image(tmp_path / "x.png", (3, 8, 8))
    assert "\n" not in str(caught.value)


def test_bombs_depth_folders_and_shapes_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for side in (10_000, 60_000):  # Pillow warns of the first and refuses the second
        (tmp_path / "bomb.png").write_bytes(bomb(side))
        with pytest.raises(ValueError, match="too many pixels to be unpacked safely"):
            read_image(tmp_path / "bomb.png", (3, 8, 8))
    Image.fromarray(np.zeros((4, 4), np.uint16)).save(tmp_path / "deep.png")
    with pytest.raises(ValueError, match="more than 8 bits a channel"):
        read_image(tmp_path / "deep.png", (1, 4, 4))
    with pytest.raises(NotReadError, match="is a folder: give the name of a regular file"):
        read_image(tmp_path, (1, 4, 4))
    with pytest.raises(FileNotFoundError):
        read_image(tmp_path / "gone.png", (1, 4, 4))
    for shape in ((2, 4, 4), (3, 0, 4), (3, 4, -1)):
        with pytest.raises(ValueError, match="1 or 3 channels of at least one pixel"):
            read_image(tmp_path / "deep.png", shape)
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ImportError, match=r"pip install 'netbp\[images\]'"):
        read_image(tmp_path / "deep.png", (1, 4, 4))


CLASSES = ("cat", "dog", "owl")


def fill(folder: Path, each: int, H: int = 4, W: int = 5) -> list[tuple[np.ndarray, int]]:
    """A sub-folder for each class with `each` images; what they hold, in the order of the names."""
    out = []
    for k, name in enumerate(CLASSES):
        for i in range(each):
            pixels = picture(1000 * k + i + len(folder.name), H, W)
            save(folder / name / f"{i:03d}.png", pixels)
            out.append((pixels, k))
    return out


def expect(data: nb.Data, expected: list[tuple[np.ndarray, int]]) -> None:
    np.testing.assert_array_equal(data.x, nb.data.rows(np.array([pixels for pixels, _ in expected])))
    np.testing.assert_array_equal(nb.data.labels(data), [k for _, k in expected])


def test_a_folder_with_a_sub_folder_for_each_class(tmp_path: Path) -> None:
    held = fill(tmp_path / "pets", 4)
    images = image_folder(tmp_path / "pets", (4, 5))
    expect(images.train, held)
    assert images.classes == CLASSES
    assert images.name == "pets"
    assert images.shape == (3, 4, 5)
    assert np.shape(images.test.x) == (0, 60)
    assert len(images.source.files) == 12
    drawn = image_folder(tmp_path / "pets", (4, 5), test=5, seed=1)
    assert np.shape(drawn.test.x) == (5, 60)
    both = np.concatenate([drawn.train.x, drawn.test.x])
    np.testing.assert_array_equal(np.sort(both, axis=0), np.sort(np.asarray(images.train.x), axis=0))
    assert image_folder(tmp_path / "pets", (4, 5), channels=1).shape == (1, 4, 5)
    assert images.card().counts == tuple((name, 4, 0) for name in CLASSES)


def test_a_folder_with_train_and_test(tmp_path: Path) -> None:
    train, test = fill(tmp_path / "train", 3), fill(tmp_path / "test", 2)
    images = image_folder(tmp_path, (4, 5))
    expect(images.train, train)
    expect(images.test, test)
    with pytest.raises(ValueError, match="has a test folder of its own"):
        image_folder(tmp_path, (4, 5), test=1)
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(ValueError, match=r"notes\.txt lies beside train and test"):
        image_folder(tmp_path, (4, 5))
    (tmp_path / "notes.txt").unlink()
    save(tmp_path / "test" / "yak" / "0.png", picture())
    with pytest.raises(ValueError, match="train has the classes cat, dog, owl, but test cat, dog, owl, yak"):
        image_folder(tmp_path, (4, 5))


def no_image(folder: Path) -> None:
    (folder / "dog" / "notes.txt").write_bytes(b"\xd0\xcf\x11\xe0")


def beside(folder: Path) -> None:
    save(folder / "stray.png", picture())


def nested(folder: Path) -> None:
    (folder / "owl" / "more").mkdir()


def empty(folder: Path) -> None:
    (folder / "yak").mkdir()


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (no_image, r"notes\.txt is not an image"),
        (beside, r"stray\.png lies beside the classes' sub-folders"),
        (nested, "more is a folder within the class 'owl': move its images up"),
        (empty, "yak is empty: put the images of class 'yak' there"),
    ],
)
def test_nothing_that_can_be_seen_is_skipped(tmp_path: Path, fault: Callable[[Path], None], message: str) -> None:
    fill(tmp_path, 2)
    fault(tmp_path)
    with pytest.raises(ValueError, match=message):
        image_folder(tmp_path, (4, 5))


LITTER = [".DS_Store", "Thumbs.db", "desktop.ini", "._photo.jpg", ".directory", "Icon\r", "THUMBS.DB", ".nomedia"]
LITTERED = [".ipynb_checkpoints", "__MACOSX", ".git", "@eaDir", "$RECYCLE.BIN", "System Volume Information", ".thumbnails"]


@pytest.mark.parametrize("parts", [False, True])
def test_hidden_entries_are_skipped_and_said(tmp_path: Path, parts: bool) -> None:
    """Wherever they lie: beside the classes, among the images, beside train and test."""
    folder = tmp_path / "pets"
    held = fill(folder / "train" if parts else folder, 2)
    if parts:
        fill(folder / "test", 1)
    places = {folder, *(path for path in folder.rglob("*") if path.is_dir())}
    for place in places:
        for name in LITTER:
            (place / name).write_bytes(b"\0\x05\x16\x07")
        for name in LITTERED:
            save(place / name / "copy-checkpoint.png", picture())
    count = len(places) * (len(LITTER) + len(LITTERED))
    with pytest.warns(UserWarning, match=rf"^{re.escape(str(folder))}: {count} hidden entries are skipped: ") as told:
        images = image_folder(folder, (4, 5))
    assert len(told) == 1
    assert told[0].filename == __file__
    expect(images.train, held)
    assert images.classes == CLASSES
    assert len(images.source.skipped) == count
    assert str(Path("cat", ".DS_Store") if not parts else Path("train", "cat", ".DS_Store")) in images.source.skipped
    assert f"skipped     {count} hidden: " in str(images.card())
    assert images.card().to_dict()["source"]["skipped"] == images.source.skipped


def test_a_class_of_hidden_files_only_is_empty(tmp_path: Path) -> None:
    fill(tmp_path, 1)
    (tmp_path / "yak").mkdir()
    (tmp_path / "yak" / ".DS_Store").write_bytes(b"")
    with pytest.raises(ValueError, match="yak is empty"):
        image_folder(tmp_path, (4, 5))


def test_the_names_of_classes(tmp_path: Path) -> None:
    """Blanks, commas, other scripts; one name for é, however the system writes it; files of the same name."""
    names = ["with blank", "a,b; c", "γάτα", "猫", "e\u0301tang", "100 %", "it's", "emoji 🐈\u200d⬛"]
    for name in names:
        save(tmp_path / "train" / name / "0.png", picture())
        save(tmp_path / "test" / name.replace("e\u0301", "é") / "0.png", picture(1))
    images = image_folder(tmp_path, (4, 5))
    assert images.classes == tuple(sorted(name.replace("e\u0301", "é") for name in names))
    assert f"{'étang':30s}         1         1" in str(images.card())
    save(tmp_path / "train" / "étang" / "0.png", picture())
    with pytest.raises(ValueError, match="tang has the same name as another class, written differently"):
        image_folder(tmp_path / "train", (4, 5))


@pytest.mark.skipif(os.name != "posix", reason="names that other systems do not have")
@pytest.mark.parametrize("name", ["two\nlines", "\x1b[31mred", "\udcff"])
def test_names_that_cannot_be_written_are_refused(tmp_path: Path, name: str) -> None:
    fill(tmp_path, 1)
    save(tmp_path / name / "0.png", picture())
    with pytest.raises(ValueError, match="cannot name a class") as caught:
        image_folder(tmp_path, (4, 5))
    assert str(caught.value).isprintable()


def test_one_class_alone(tmp_path: Path) -> None:
    save(tmp_path / "cat" / "0.png", picture())
    images = image_folder(tmp_path, (4, 5))
    assert images.classes == ("cat",)
    assert np.asarray(images.train.y).tolist() == [[1.0]]


@pytest.mark.skipif(os.name != "posix", reason="pipes and links")
def test_what_is_no_regular_file_in_a_folder_of_images(tmp_path: Path) -> None:
    fill(tmp_path, 1)
    odd = tmp_path / "dog" / "zzz.png"
    for make, error, words in (
        (lambda: os.mkfifo(odd), NotReadError, "zzz.png is a pipe"),
        (lambda: odd.symlink_to("/dev/null"), NotReadError, "zzz.png is a device"),
        (lambda: odd.symlink_to("nowhere"), FileNotFoundError, "zzz.png"),
        (lambda: odd.symlink_to(odd.name), OSError, "zzz.png"),
        (lambda: odd.symlink_to(".."), ValueError, "zzz.png is a folder within the class 'dog'"),
    ):
        make()
        with pytest.raises(error, match=words):
            image_folder(tmp_path, (4, 5))
        odd.unlink()
    odd.touch()
    os.truncate(odd, 2**40)
    with pytest.raises(NotReadError, match=r"zzz\.png holds 1,099,511,627,776 bytes, but no more than"):
        image_folder(tmp_path, (4, 5))


@pytest.mark.parametrize("size", [(0, 5), (4, -1), (4.0, 5), (4, 5, 6), (4,)])
def test_sizes_that_no_image_has(tmp_path: Path, size: Any) -> None:
    fill(tmp_path, 1)
    with pytest.raises(ValueError, match="at least one pixel"):
        image_folder(tmp_path, size)


def test_folders_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere was not found, or is not a folder"):
        image_folder(tmp_path / "nowhere", (4, 5))
    with pytest.raises(ValueError, match="is empty: it needs a sub-folder of images for each class"):
        image_folder(tmp_path, (4, 5))
    fill(tmp_path, 1)
    for test in (-1, 3):
        with pytest.raises(ValueError, match="0 to 2 can be test images"):
            image_folder(tmp_path, (4, 5), test=test)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NETBP_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "imagenet"


@pytest.mark.parametrize("table", [False, True])
def test_imagenet_is_read_once_and_mapped(tmp_path: Path, cache: Path, table: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "copy"
    train, test = fill(folder / "train", AHEAD // 3 + 4), fill(folder / "val", 2)
    if table:  # as the challenge has it: one folder of images and a table of their classes
        flat, test = test, []
        for i, (pixels, k) in enumerate(flat):
            (folder / "val" / CLASSES[k] / f"{i % 2:03d}.png").unlink()
            save(folder / "val" / f"{i}.png", pixels)
            test.append((pixels, k))
        for name in CLASSES:
            (folder / "val" / name).rmdir()
        rows = [f"{i},{CLASSES[k]} 1 2 3 4" for i, (_, k) in enumerate(flat)]
        (folder / "LOC_val_solution.csv").write_text("ImageId,PredictionString\n" + "\n".join(rows) + "\n")
        (folder / "LOC_synset_mapping.txt").write_text("cat tabby, tabby cat\nowl great grey owl\n")
    images = imagenet(folder, (4, 5))
    expect(images.train, train)
    expect(images.test, test)
    assert images.classes == (("tabby, tabby cat", "dog", "great grey owl") if table else CLASSES)
    for part in images:
        assert np.asarray(part.x).dtype == np.asarray(part.y).dtype == np.uint8
        base = np.asarray(part.x).base
        while not isinstance(base, np.memmap):
            base = base.base
    files = sorted(cache.iterdir())
    assert [path.name[-6:] for path in files] == ["-x.npy", "-y.npy"]
    monkeypatch.setattr(sys.modules["netbp.data.imagenet"], "read_picture", lambda *_: pytest.fail("read again"))
    again = imagenet(folder, (4, 5))
    np.testing.assert_array_equal(again.train.x, images.train.x)
    monkeypatch.undo()
    monkeypatch.setenv("NETBP_CACHE", str(cache.parent))
    save(folder / "train" / "cat" / "000.png", np.zeros((4, 5, 3), np.uint8))  # another image, of another size in bytes
    assert not np.asarray(imagenet(folder, (4, 5)).train.x)[0].any()
    save(folder / "train" / "cat" / "new.png", picture())
    assert len(np.asarray(imagenet(folder, (4, 5)).train.x)) == len(train) + 1
    assert imagenet(folder, (2, 2)).shape == (3, 2, 2)


def test_imagenet_skips_hidden_entries(tmp_path: Path, cache: Path) -> None:
    folder = tmp_path / "copy"
    train, test = fill(folder / "train", 2), fill(folder / "val", 1)
    for place in (folder / "train", folder / "val", folder / "train" / "cat", folder / "val" / "owl"):
        (place / ".DS_Store").touch()
    with pytest.warns(UserWarning, match="4 hidden entries are skipped"):
        images = imagenet(folder, (4, 5))
    expect(images.train, train)
    expect(images.test, test)


def test_imagenets_tables_are_read_strictly(tmp_path: Path, cache: Path) -> None:
    fill(tmp_path / "train", 1)
    save(tmp_path / "val" / "7.png", picture())
    table = tmp_path / "LOC_val_solution.csv"
    for content, words in (
        (b"7,\xff\xfe 1\n", "is not text in UTF-8"),
        (b"7," + b"owl" * 100_000, "is not CSV"),
        (b"8,owl 1\n", "gives it no class"),
        (b"7,\x1b[31m" + b"x" * 500, r"gives it the class '\\x1b"),
    ):
        table.write_bytes(content)
        with pytest.raises(ValueError, match=words) as caught:
            imagenet(tmp_path, (4, 5))
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 400
    table.write_text("7,owl 1 2 3 4\n")
    (tmp_path / "LOC_synset_mapping.txt").write_bytes(b"\xff")
    with pytest.raises(ValueError, match=r"LOC_synset_mapping\.txt is not text"):
        imagenet(tmp_path, (4, 5))


@posix
@pytest.mark.parametrize("part", ["-x.npy", "-y.npy"])
def test_imagenet_in_a_cache_that_is_damaged_is_read_again(
    tmp_path: Path, cache: Path, part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    train, test = fill(tmp_path / "train", 2), fill(tmp_path / "val", 1)
    said: list[str] = []
    monkeypatch.setattr(sys.modules["netbp.data.imagenet"], "tell", lambda line, about: said.append(line))
    imagenet(tmp_path, (4, 5))
    (path,) = cache.glob(f"*{part}")
    whole = path.read_bytes()
    other = io.BytesIO()
    np.save(other, np.zeros(3))
    for content in (b"", whole[:-1], whole[:60], b"garbage", b"\0" + whole[1:], other.getvalue(), None, "folder", "pipe"):
        path.unlink()
        if isinstance(content, bytes):
            path.write_bytes(content)
        elif content is not None:
            (path.mkdir if content == "folder" else lambda: os.mkfifo(path))()
        images = imagenet(tmp_path, (4, 5))
        expect(images.train, train)
        expect(images.test, test)
        assert path.read_bytes() == whole
        assert len(said) == (content is not None), content
        assert all(line.startswith(f"images that were kept on the disk are damaged, and read again ({path}: ") for line in said)
        said.clear()


@posix
def test_imagenet_is_kept_where_nobody_else_can_write(tmp_path: Path, cache: Path) -> None:
    for part in ("train", "val"):
        fill(tmp_path / part, 2)
    imagenet(tmp_path, (4, 5))
    assert cache.stat().st_mode & 0o777 == 0o700
    cache.chmod(0o777)
    with pytest.raises(OSError, match="can be written to by others: set NETBP_CACHE to a folder of your own"):
        imagenet(tmp_path, (4, 5))


def test_imagenet_that_is_not_one(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FileNotFoundError, match="train was not found"):
        imagenet(tmp_path)
    fill(tmp_path / "train", 2)
    with pytest.raises(FileNotFoundError, match="val was not found"):
        imagenet(tmp_path)
    save(tmp_path / "val" / "7.png", picture())
    with pytest.raises(FileNotFoundError, match=r"LOC_val_solution\.csv was not found"):
        imagenet(tmp_path)
    (tmp_path / "LOC_val_solution.csv").write_text("7,yak 1 2 3 4\n")
    with pytest.raises(ValueError, match=r"7\.png: LOC_val_solution\.csv gives it the class 'yak'"):
        imagenet(tmp_path)
    (tmp_path / "LOC_val_solution.csv").write_text("7,owl 1 2 3 4\n")
    (tmp_path / "train" / "dog" / "zzz.JPEG").write_bytes(b"no image")
    with pytest.raises(ValueError, match=r"zzz\.JPEG is not an image"):
        imagenet(tmp_path, (4, 5))
    assert [path for path in cache.iterdir() if "-x" in path.name] == [], "no half file is left"
    (tmp_path / "train" / "dog" / "zzz.JPEG").unlink()
    (tmp_path / "val" / "7.png").unlink()
    fill(tmp_path / "val", 1)
    save(tmp_path / "val" / "yak" / "0.png", picture())
    with pytest.raises(ValueError, match="other sub-folders than train"):
        imagenet(tmp_path)
    (tmp_path / "val" / "yak" / "0.png").unlink()
    (tmp_path / "val" / "yak").rmdir()
    full = shutil.disk_usage(tmp_path)._replace(free=5)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: full)
    with pytest.raises(OSError, match=r"has 5 bytes of room, but 567 are needed: set NETBP_CACHE"):
        imagenet(tmp_path, (4, 5))


@pytest.mark.skipif(os.name != "posix", reason="pipes with names")
def test_imagenet_says_which_file_cannot_be_read(tmp_path: Path, cache: Path) -> None:
    """It is not taken for a fault of the cache that is being written."""
    fill(tmp_path / "train", 1)
    fill(tmp_path / "val", 1)
    os.mkfifo(tmp_path / "train" / "owl" / "zzz.JPEG")
    with pytest.raises(NotReadError, match=r"zzz\.JPEG is a pipe"):
        imagenet(tmp_path, (4, 5))
    assert [path for path in cache.iterdir() if "-y" not in path.name] == []
