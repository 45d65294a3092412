"""Image files of one's own: read one as a row of bytes, or refuse it by name (with Pillow)."""

from __future__ import annotations

import contextlib
import io
import os
import re
import threading
import warnings
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from netbp.files import named, open_regular

KINDS = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "PPM")
"""Formats that Pillow reads by itself: others call programs, or are read by code that few look at."""
PIXELS, OWN_PIXELS = 40_000_000, 80_000_000
"""The most pixels of an image of unknown origin, and of one of the user's own files: 8 bytes each are taken at a time."""
LARGEST = 2**29
"""The most bytes of an image file."""
BITS, SAMPLE_FORMAT = 258, 339  # tags of TIFF
ORIENTATION = 0x0112  # a tag of the camera's notes
UPRIGHT = ("FLIP_LEFT_RIGHT", "ROTATE_180", "FLIP_TOP_BOTTOM", "TRANSPOSE", "ROTATE_270", "TRANSVERSE", "ROTATE_90")
"""What turns an image upright whose orientation is 2, 3, ..., 8."""
LOCK = threading.RLock()


class _RefusedError(Exception):
    """An image, but one that is not read: the message says why, and what to do."""


def read_image(path: str | os.PathLike[str], shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    """An image file as a row (C H W,), uint8, in the order channel, row, column; shape: (C, H, W), C being 1 (grey) or 3 (colour).

    It is turned upright as its camera says, laid on white where it is transparent, cut to the middle that has the shape's
    proportions, and resized. Of several pictures in a file the first is taken. The file is a PNG, JPEG, GIF, WebP, BMP, TIFF or
    PPM, whatever its name. Raises ValueError when it is not an image, a damaged one, or one with more than 8 bits a channel;
    OSError when it cannot be read, or is no regular file.
    """
    with quiet():
        return read_picture(path, shape)


def image_from_bytes(
    content: bytes, shape: tuple[int, int, int], name: str = "the file", pixels: int = PIXELS
) -> NDArray[np.uint8]:
    """The same from an image file's content, of whose origin nothing is known: a row (C H W,), uint8.

    At most `pixels` pixels are read, and one image at a time. Raises ValueError, with `name` in it, as `read_image`.
    """
    with quiet():
        return decode(io.BytesIO(content), name, shape, pixels)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Without Pillow's warnings of a camera's damaged notes, which do no harm. One thread at a time: warnings are the process's."""
    with LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def read_picture(path: str | os.PathLike[str], shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    """As `read_image`, for several threads at once, inside `quiet`."""
    with open_regular(path, LARGEST) as file:
        return decode(file, named(path), shape, OWN_PIXELS)


def decode(file: BinaryIO, name: str, shape: tuple[int, int, int], most: int) -> NDArray[np.uint8]:
    """The image in a file as `read_image` has it, inside `quiet`; most: the pixels that it may have; name: for messages."""
    C, H, W = checked_shape(shape)
    try:
        from PIL import Image, ImageOps
    except ImportError:
        raise ImportError("reading image files needs Pillow: pip install 'netbp[images]'") from None
    try:
        image: Any = Image.open(file, formats=KINDS)
        if image.width * image.height > max(most, PIXELS):
            raise Image.DecompressionBombError
        _check_depth(image)
        image.draft(None, (2 * max(H, W), 2 * max(H, W)))  # a JPEG far larger is decoded at a fraction of its size
        if image.width * image.height > (most // 2 if image.format == "WEBP" else most):  # whose decoder needs twice the memory
            raise Image.DecompressionBombError
        image.load()
        if turn := _turn(image):
            image = image.transpose(Image.Transpose[turn])
        if image.has_transparency_data:
            image = image if image.mode == "RGBA" else image.convert("RGBA")
            white = Image.new("RGB", image.size, "white")
            white.paste(image, mask=image)
            image = white
        if image.mode != ("RGB" if C == 3 else "L"):
            image = image.convert("RGB" if C == 3 else "L")
        if image.size != (W, H):
            image = ImageOps.fit(image, (W, H), Image.Resampling.BICUBIC)
    except Image.DecompressionBombError:
        raise ValueError(f"{name} has too many pixels to be unpacked safely: make it smaller first") from None
    except _RefusedError as error:
        raise ValueError(f"{name} {error}") from None
    except Exception as error:  # Pillow meets damaged files with many kinds of exception
        raise ValueError(f"{name} is not an image that can be read: {_reason(error)}") from None
    return np.array(image, np.uint8).reshape(H, W, C).transpose(2, 0, 1).ravel()


def checked_shape(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """(C, H, W) as it is. Raises ValueError when no image could have it."""
    whole = len(shape) == 3 and all(isinstance(n, int | np.integer) for n in shape)
    if not whole or shape[0] not in (1, 3) or min(shape) < 1:
        raise ValueError(f"an image is read as 1 or 3 channels of at least one pixel, but (C, H, W) = {shape} was asked for")
    return shape[0], shape[1], shape[2]


def _check_depth(image: Any) -> None:
    """Refuse what has more than 8 bits a channel, as the file has them: Pillow cuts some of them to 8 without a word."""
    raw, numbers = _layout(image)
    bits = 32 if image.mode in ("I", "F") else 8
    if image.format == "TIFF":
        bits = max(image.tag_v2.get(BITS, (1,)))
        if not {1, 4}.issuperset(image.tag_v2.get(SAMPLE_FORMAT, (1,))):  # neither whole numbers from 0 nor undefined
            raise _RefusedError("has values that are signed or no whole numbers: save it with 8 bits a channel, 0 to 255")
    elif image.format == "PNG" and (marked := re.search(r";(\d+)", raw)):
        bits = int(marked[1])
        if image.mode == "L" and isinstance(grey := image.info.get("transparency"), int):  # the grey that is transparent
            image.info["transparency"] = grey % 2**bits * (255 // (2**bits - 1))  # scaled as the pixels are, which Pillow forgets
    elif image.format == "PPM" and numbers:
        bits = max(bits, max(numbers).bit_length())
    if bits > 8:
        raise _RefusedError(f"has more than 8 bits a channel ({bits}): save it with 8")


def _layout(image: Any) -> tuple[str, list[int]]:
    """How Pillow will read the pixels: its word for their layout, such as RGB;16B, and numbers such as a PPM's largest value."""
    given = image.tile[0][3] if image.tile else ()
    parts = given if isinstance(given, tuple) else (given,)
    return next((part for part in parts if isinstance(part, str)), ""), [part for part in parts if isinstance(part, int)]


def _turn(image: Any) -> str:
    """What turns an image upright, as its camera's notes say; "" for nothing, and where they are damaged or missing."""
    orientation: Any = None
    with contextlib.suppress(Exception):  # of as many kinds as there are damages
        orientation = image.getexif().get(ORIENTATION)
    return UPRIGHT[int(orientation) - 2] if orientation in range(2, 9) else ""


def _reason(error: Exception) -> str:
    name = type(error).__name__
    if name == "UnidentifiedImageError":
        return f"it is no {', '.join(KINDS[:-1])} or {KINDS[-1]}, or a damaged one"
    text = str(error).splitlines()[0] if str(error) else ""
    return named(text, 100) if text else name
