"""Image files of every kind, depth and damage: read as they are meant, or refused in one line."""

from __future__ import annotations

import io
import struct
import subprocess
import threading
import warnings
import zlib
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from netbp.data import picture, read_image
from netbp.data.picture import KINDS, OWN_PIXELS, PIXELS, image_from_bytes

RNG = np.random.default_rng(0)
Pixels = np.ndarray


def row(pixels: Pixels) -> Pixels:
    """Pixels (H, W) or (H, W, 3) as a row of three channels."""
    colours = pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=2)
    return colours.astype(np.uint8).transpose(2, 0, 1).ravel()


def on_white(colours: Pixels, alpha: Pixels) -> Pixels:
    """Colours (..., 3) or grey (...,) with an opacity of 0 to 255, on white."""
    share = alpha[..., None] / 255 if colours.ndim > alpha.ndim else alpha / 255
    return np.rint(colours * share + 255.0 * (1.0 - share))


def read(content: bytes, H: int, W: int) -> Pixels:
    return image_from_bytes(content, (3, H, W), "x")


# -- PNG, PPM and TIFF made by hand, of every depth ----------------------------------------------------------------------


def png(bits: int, colour: int, samples: Pixels, W: int, transparent: bytes = b"", palette: bytes = b"") -> bytes:
    """samples: (H, W x channels), whole numbers of so many bits."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", W, len(samples), bits, colour, 0, 0, 0)
    rows = b"".join(b"\0" + packed(line, bits) for line in samples)
    parts = [chunk(b"IHDR", header)]
    parts += [chunk(b"PLTE", palette)] * bool(palette) + [chunk(b"tRNS", transparent)] * bool(transparent)
    return b"\x89PNG\r\n\x1a\n" + b"".join([*parts, chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")])


def packed(line: Pixels, bits: int, order: str = ">") -> bytes:
    """Whole numbers one after the other, so many bits each, the row filled up to whole bytes."""
    if bits >= 8:
        return line.astype(f"{order}u{bits // 8}").tobytes()
    text = "".join(format(int(value), f"0{bits}b") for value in line)
    text += "0" * (-len(text) % 8)
    return int(text, 2).to_bytes(len(text) // 8, "big")


CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # of PNG's kinds of colour: grey, RGB, a palette, grey and RGB with opacity
PNGS = [(b, c) for c, depths in {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}.items() for b in depths]


@pytest.mark.parametrize(("bits", "colour"), PNGS)
def test_png_of_every_depth_and_colour(bits: int, colour: int) -> None:
    H, W, C = 3, 5, CHANNELS[colour]
    samples = RNG.integers(0, 2**bits, (H, W * C))
    palette = RNG.integers(0, 256, (2**bits, 3)) if colour == 3 else np.empty((0, 3))
    content = png(bits, colour, samples, W, palette=palette.astype(np.uint8).tobytes())
    if bits == 16:
        with pytest.raises(ValueError, match=r"^x has more than 8 bits a channel \(16\): save it with 8$"):
            read(content, H, W)
        return
    values = samples.reshape(H, W, C)
    if colour == 3:
        expected = palette[values[..., 0]]
    elif colour in (0, 2):
        expected = (values * (255 // (2**bits - 1))).squeeze(-1) if colour == 0 else values
    else:
        expected = on_white(values[..., :-1].squeeze() if colour == 4 else values[..., :3], values[..., -1])
    np.testing.assert_array_equal(read(content, H, W), row(expected))


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_one_grey_or_one_colour_of_a_png_can_be_transparent(bits: int) -> None:
    """In 2 and 4 bits Pillow takes another grey for it."""
    count, scale = 2 ** min(bits, 4), 255 // (2**bits - 1)
    greys = np.arange(count)[None] * (17 if bits == 8 else 1)
    for key in {0, 1, int(greys.max())}:
        expected = np.where(greys == key, 255, greys * scale)
        np.testing.assert_array_equal(read(png(bits, 0, greys, count, struct.pack(">H", key)), 1, count), row(expected))
    palette = RNG.integers(0, 250, (count, 3), dtype=np.uint8)
    opacity = RNG.integers(0, 256, count - 1)  # the last has none, and is opaque
    content = png(bits, 3, np.arange(count)[None], count, opacity.astype(np.uint8).tobytes(), palette.tobytes())
    expected = on_white(palette.astype(float), np.append(opacity, 255))[None]
    np.testing.assert_array_equal(read(content, 1, count), row(expected))
    if bits == 8:
        colours = np.array([[1, 2, 3, 1, 2, 4]])
        content = png(8, 2, colours, 2, struct.pack(">HHH", 1, 2, 3))
        np.testing.assert_array_equal(read(content, 1, 2), row(np.array([[[255, 255, 255], [1, 2, 4]]])))


@pytest.mark.parametrize("largest", [1, 7, 15, 200, 255, 256, 1023, 65535])
@pytest.mark.parametrize(("magic", "C", "text"), [("P2", 1, True), ("P3", 3, True), ("P5", 1, False), ("P6", 3, False)])
def test_ppm_of_every_depth(magic: str, C: int, text: bool, largest: int) -> None:
    values = RNG.integers(0, largest + 1, (3, 4, C))
    numbers = " ".join(map(str, values.ravel())).encode() if text else values.astype(">u2" if largest > 255 else "u1").tobytes()
    content = f"{magic}\n# a comment\n4 3\n{largest}\n".encode() + numbers
    if largest > 255:
        with pytest.raises(ValueError, match="x has more than 8 bits a channel"):
            read(content, 3, 4)
        return
    expected = row((values * 255 / largest).squeeze(-1) if C == 1 else values * 255 / largest).astype(int)
    assert np.abs(read(content, 3, 4).astype(int) - expected).max() <= 1  # rounded up or down


def test_the_rest_of_ppm() -> None:
    bits = np.array([[1, 0, 1, 1], [0, 0, 1, 0]])
    for content in (b"P4 4 2\n" + packed(bits[0], 1) + packed(bits[1], 1), b"P1 4 2\n1 0 1 1 0 0 1 0"):
        np.testing.assert_array_equal(read(content, 2, 4), row(255 * (1 - bits)))
    for content in (b"Pf 2 2 -1.0\n" + bytes(16), b"PF 2 2 -1.0\n" + bytes(48), b"P7\nWIDTH 1\n"):
        with pytest.raises(ValueError, match=r"more than 8 bits|not an image"):
            read(content, 2, 2)


def tiff(values: Pixels, bits: int, photometric: int, order: str = "<", kind: int = 1, more: tuple[Any, ...] = ()) -> bytes:
    """values: (H, W, C), as many bits a channel; kind: of sample, 1 whole numbers from 0, 2 signed, 3 floating point."""
    H, W, C = values.shape
    data = b"".join(packed(line.ravel(), bits, order) for line in values)
    tags = [(256, 4, [W]), (257, 4, [H]), (258, 3, [bits] * C), (259, 3, [1]), (262, 3, [photometric]), (273, 4, [8])]
    tags += [(277, 3, [C]), (278, 4, [H]), (279, 4, [len(data)]), *more]
    tags += [(339, 3, [kind] * C)] if kind != 1 else []
    tags.sort()
    start = 8 + len(data) + len(data) % 2
    extra = start + 2 + 12 * len(tags) + 4
    table, beyond = struct.pack(f"{order}H", len(tags)), b""
    for tag, size, numbers in tags:
        content = struct.pack(f"{order}{len(numbers)}{'H' if size == 3 else 'I'}", *numbers)
        if len(content) > 4:
            content, beyond = struct.pack(f"{order}I", extra + len(beyond)), beyond + content + bytes(len(content) % 2)
        table += struct.pack(f"{order}HHI", tag, size, len(numbers)) + content.ljust(4, b"\0")
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", start)
    return head + data.ljust(start - 8, b"\0") + table + bytes(4) + beyond


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16, 32])
@pytest.mark.parametrize("photometric", [0, 1])
def test_grey_tiff_of_every_depth(bits: int, photometric: int, order: str) -> None:
    """Photometric 0: zero is white."""
    values = RNG.integers(0, 2**bits, (3, 5, 1))
    content = tiff(values, bits, photometric, order)
    if bits > 8:
        with pytest.raises(ValueError, match=r"x has more than 8 bits a channel|x is not an image"):
            read(content, 3, 5)
        return
    expected = values[..., 0] * (255 // (2**bits - 1))
    np.testing.assert_array_equal(read(content, 3, 5), row(expected if photometric else 255 - expected))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", [2, 3])
@pytest.mark.parametrize("bits", [8, 16, 32])
def test_signed_and_floating_point_tiff_is_refused(bits: int, kind: int, order: str) -> None:
    values = RNG.integers(0, 2**bits, (3, 5, 1))
    with pytest.raises(ValueError, match=r"x has values that are signed or no whole numbers|x is not an image"):
        read(tiff(values, bits, 1, order, kind), 3, 5)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize(("photometric", "C", "extra"), [(2, 3, ()), (2, 4, (0,)), (2, 4, (1,)), (2, 4, (2,)), (5, 4, ())])
def test_colour_tiff_of_every_depth(photometric: int, C: int, extra: tuple[int, ...], bits: int, order: str) -> None:
    """The fourth channel: nothing, opacity that the colours have been multiplied with, opacity, or black."""
    values = RNG.integers(0, 2**bits, (3, 5, C))
    if extra == (1,):
        values[..., 3] = 2**bits - 1
    content = tiff(values, bits, photometric, order, more=((338, 3, list(extra)),) if extra else ())
    if bits == 16:
        with pytest.raises(ValueError, match=r"x has more than 8 bits a channel \(16\)"):
            read(content, 3, 5)
        return
    expected = values[..., :3].astype(float)
    if extra == (2,):
        expected = on_white(expected, values[..., 3])
    elif photometric == 5:
        expected = np.maximum(255 - expected - values[..., 3:], 0)
        assert np.abs(read(content, 3, 5).astype(int) - row((255 - values[..., :3]) * (255 - values[..., 3:]) / 255)).max() <= 1
        return
    np.testing.assert_array_equal(read(content, 3, 5), row(expected))


# -- what Pillow writes ----------------------------------------------------------------------------------------------------


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


LOSSLESS = {
    "PNG": {},
    "BMP": {},
    "TIFF": {"compression": "tiff_lzw"},
    "WEBP": {"lossless": True, "exact": True},
    "GIF": {},
    "PPM": {},
}


@pytest.mark.parametrize("kind", LOSSLESS)
@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "PA", "RGB", "RGBA", "CMYK", "I", "F", "I;16"])
def test_every_mode_in_every_format_that_has_it(mode: str, kind: str) -> None:
    """What is written is what is read, on white; or it has more than 8 bits a channel, and is refused."""
    pixels = RNG.integers(0, 256, (6, 7, 4), dtype=np.uint8)
    if kind == "GIF":
        pixels = pixels // 128 * 255  # few colours, either opaque or not
    image = Image.fromarray(pixels)
    image = image.convert("L").convert(mode) if mode in ("I", "F", "I;16") else image.convert("RGB" if mode == "CMYK" else "RGBA")
    image = image if image.mode == mode else image.convert(mode)
    try:
        content = saved(image, kind, **LOSSLESS[kind])
    except (OSError, KeyError, ValueError):
        return  # a format that does not have this mode
    if mode in ("I", "F", "I;16") and kind not in ("WEBP", "GIF"):  # which are written with 8
        with pytest.raises(ValueError, match=r"more than 8 bits|signed or no whole numbers"):
            read(content, 6, 7)
        return
    with Image.open(io.BytesIO(content)) as again:
        rgba = np.asarray(again.convert("RGBA")).astype(float)
    np.testing.assert_array_equal(read(content, 6, 7), row(on_white(rgba[..., :3], rgba[..., 3])))


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
def test_of_several_pictures_the_first_is_taken(kind: str) -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "lime", "blue")]
    content = saved(frames[0], kind, save_all=True, append_images=frames[1:], **({"lossless": True} if kind == "WEBP" else {}))
    np.testing.assert_array_equal(read(content, 4, 4), row(np.full((4, 4, 3), (255, 0, 0))))


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP", "JPEG"])
@pytest.mark.parametrize("orientation", range(10))
def test_cameras_are_turned_upright(orientation: int, kind: str) -> None:
    """What was turned and is marked so is read like what was never turned; 0 and 9 mean nothing."""
    upright = RNG.integers(0, 256, (8, 6, 3), dtype=np.uint8)
    turns: dict[int, Any] = {
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.transpose(1, 0, 2),
        6: np.rot90,
        7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
        8: lambda a: np.rot90(a, -1),
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = Image.fromarray(np.ascontiguousarray(turns.get(orientation, lambda a: a)(upright)))
    if kind == "JPEG":  # loses some: compared with the pixels that are in the file
        content = saved(stored, kind, exif=exif, quality=100, subsampling=0)
        with Image.open(io.BytesIO(content)) as again:
            pixels = np.asarray(again)
        back = {6: 8, 8: 6}.get(orientation, orientation)
        upright = turns.get(back, lambda a: a)(pixels)
    else:
        content = saved(stored, kind, exif=exif, **({"lossless": True} if kind == "WEBP" else {}))
    np.testing.assert_array_equal(read(content, 8, 6), row(upright))


def test_a_cameras_damaged_notes_do_no_harm(recwarn: pytest.WarningsRecorder) -> None:
    pixels = RNG.integers(0, 256, (4, 4, 3), dtype=np.uint8)
    for notes in (b"Exif\0\0no notes", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM\0*\0\0\0\x08\0\x02" + bytes(20), b"Exif\0\0"):
        for kind in ("PNG", "WEBP"):
            content = saved(Image.fromarray(pixels), kind, exif=notes, **({"lossless": True} if kind == "WEBP" else {}))
            np.testing.assert_array_equal(read(content, 4, 4), row(pixels))
    assert not recwarn.list


# -- what is refused -------------------------------------------------------------------------------------------------------


def foreign() -> dict[str, bytes]:
    """An image in every format that Pillow writes and that is not read here."""
    Image.init()
    found = {}
    for kind in sorted(set(Image.SAVE) - set(KINDS) - {"MPO"}):  # MPO: a JPEG of several pictures
        for mode in ("RGB", "L", "1", "RGBA"):
            try:
                found[kind] = saved(Image.new(mode, (16, 16)), kind)
            except Exception:  # it has not this mode, or needs a program or another library to write
                continue
            break
    return found


def test_formats_that_are_not_on_the_list_are_refused_whatever_their_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An EPS would start Ghostscript."""
    cases = foreign()
    assert {"EPS", "PDF", "ICO", "TGA", "PCX"} <= set(cases)
    for name in ("Popen", "run", "call", "check_call"):
        monkeypatch.setattr(subprocess, name, lambda *_, **__: pytest.fail("a program was started"))
    cases |= {
        "another EPS": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n(photo) run\n%%EOF\n",
        "PSD": b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", 3, 4, 4, 8, 3) + bytes(100),
        "SVG": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        "HEIC": b"\0\0\0\x18ftypheic" + bytes(100),
        "FITS": b"SIMPLE  =                    T".ljust(2880),
        "WMF": b"\xd7\xcd\xc6\x9a\0\0" + bytes(100),
    }
    for kind, content in cases.items():
        for ending in ("jpg", "png", kind.lower()):
            path = tmp_path / f"photo.{ending}"
            path.write_bytes(content)
            with pytest.raises(ValueError, match=r"is not an image that can be read: it is no PNG, JPEG"):
                read_image(path, (3, 8, 8))


def test_a_jpeg_of_twelve_bits_is_refused() -> None:
    content = bytearray(saved(Image.new("RGB", (8, 8)), "JPEG"))
    content[content.index(b"\xff\xc0") + 4] = 12
    with pytest.raises(ValueError, match="not an image that can be read"):
        read(bytes(content), 8, 8)


def huge(kind: str, side: int) -> bytes:
    """A small file that says it has so many pixels a side."""
    if kind == "TIFF":
        whole = tiff(np.zeros((1, 1, 1)), 8, 1)
        for tag in (256, 257):
            whole = whole.replace(struct.pack("<HHII", tag, 4, 1, 1), struct.pack("<HHII", tag, 4, 1, side))
        return whole
    content = bytearray(saved(Image.new("RGB", (8, 8)), kind, **({"lossless": True} if kind == "WEBP" else {})))
    if kind == "PNG":
        content[16:24] = struct.pack(">II", side, side)
        content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    elif kind == "JPEG":
        at = content.index(b"\xff\xc0") + 5
        content[at : at + 4] = struct.pack(">HH", side, side)
    elif kind == "GIF":
        content[6:10] = struct.pack("<HH", side, side)
    elif kind == "BMP":
        content[18:26] = struct.pack("<ii", side, side)
    elif kind == "WEBP":  # lossless: 14 bits for each side
        side = min(side, 2**14) - 1
        content[21:25] = (side | side << 14).to_bytes(4, "little")
    elif kind == "PPM":
        return f"P6 {side} {side} 255\n".encode()
    return bytes(content)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "PPM", "WEBP", "TIFF"])
def test_too_many_pixels_are_refused_before_they_are_unpacked(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where another library has switched Pillow's own limit off."""
    for side in (9_000, 20_000, 65_000):
        assert side**2 > OWN_PIXELS > PIXELS
        for limit in (Image.MAX_IMAGE_PIXELS, None):
            monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
            with pytest.raises(ValueError, match="x has too many pixels to be unpacked safely: make it smaller first"):
                read(huge(kind, side), 8, 8)


def test_what_lies_between_is_refused_from_strangers_only(tmp_path: Path) -> None:
    content = png(1, 0, np.zeros((1, 8), int), 8).replace(struct.pack(">II", 8, 1), struct.pack(">II", 7000, 7000))
    content = content[:29] + struct.pack(">I", zlib.crc32(content[12:29])) + content[33:]
    with pytest.raises(ValueError, match="too many pixels"):
        read(content, 8, 8)
    (tmp_path / "x.png").write_bytes(content)
    with pytest.raises(ValueError, match="not an image that can be read"):  # but it is cut short
        read_image(tmp_path / "x.png", (3, 8, 8))


def outcome(content: bytes) -> str:
    try:
        return f"read: {read(content, 8, 8).shape}"
    except ValueError as error:
        return str(error)


DAMAGES = list(product([*LOSSLESS, "JPEG"], range(4)))


@pytest.mark.parametrize(("kind", "seed"), DAMAGES)
def test_damaged_images_are_read_or_refused_in_one_line(kind: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    pixels = np.cumsum(rng.integers(0, 3, (24, 24, 3)), axis=0).astype(np.uint8)
    whole = saved(Image.fromarray(pixels), kind, **LOSSLESS.get(kind, {}))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for at in rng.integers(0, len(whole), 25):
            flipped = bytearray(whole)
            flipped[at] ^= 1 << rng.integers(8)
            for content in (whole[:at], bytes(flipped), whole[:at] + rng.bytes(9) + whole[at + 9 :]):
                told = outcome(content)
                assert told.isprintable()
                assert len(told) < 300


def test_one_thread_at_a_time_reads_an_image(monkeypatch: pytest.MonkeyPatch) -> None:
    """The filters of warnings are the process's, and eight large pictures at once would take eight times the memory."""
    free: list[bool] = []

    def another() -> None:
        free.append(picture.LOCK.acquire(blocking=False))

    def looking(*_: Any) -> Pixels:
        thread = threading.Thread(target=another)
        thread.start()
        thread.join()
        return np.zeros(192, np.uint8)

    monkeypatch.setattr(picture, "decode", looking)
    before = list(warnings.filters)
    read(b"", 8, 8)
    assert free == [False]
    assert warnings.filters == before
