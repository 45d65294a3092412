"""Image files of one's own: read one as a row of bytes, or refuse it by name (with Pillow)."""

from __future__ import annotations

import io
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

KINDS = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF")
"""Formats that Pillow reads by itself: others call programs, or are read by code that few look at."""
PIXELS = 40_000_000
SIXTEEN_BIT = ("I", "F", "I;16", "I;16B", "I;16L", "I;16N")


def read_image(path: str | os.PathLike[str], shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    """An image file as a row (C H W,), uint8, in the order channel, row, column; shape: (C, H, W), C being 1 (grey) or 3 (colour).

    It is turned upright as its camera says, laid on white where it is transparent, cut to the middle that has the shape's
    proportions, and resized. Of several pictures in a file the first is taken. Raises ValueError when it is not an image, or a
    damaged one; OSError when it cannot be read.
    """
    path = Path(path)
    _check_shape(shape)
    _pillow()
    if path.is_dir():
        raise ValueError(f"{path} is a folder, not an image")
    with path.open("rb") as file:
        return _read(file, str(path), shape, None, None)


def image_from_bytes(content: bytes, shape: tuple[int, int, int], name: str = "the file") -> NDArray[np.uint8]:
    """The same from an image file's content, of whose origin nothing is known: a row (C H W,), uint8.

    Only the kinds in KINDS are read, of at most PIXELS pixels. Raises ValueError, with `name` in it, as `read_image`.
    """
    _check_shape(shape)
    return _read(io.BytesIO(content), name, shape, KINDS, PIXELS)


def _check_shape(shape: tuple[int, int, int]) -> None:
    C, H, W = shape
    if C not in (1, 3) or H < 1 or W < 1:
        raise ValueError(f"an image is read as 1 or 3 channels of at least one pixel, but (C, H, W) = {shape} was asked for")


def _read(
    file: Any, path: str, shape: tuple[int, int, int], kinds: tuple[str, ...] | None, pixels: int | None
) -> NDArray[np.uint8]:
    """The image in a file; kinds: the formats to be tried, None for all; pixels: the most it may have, None for Pillow's limit."""
    Image, ImageOps = _pillow()
    C, H, W = shape
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a camera's damaged notes do no harm
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            image = Image.open(file, formats=kinds)
            if pixels is not None and image.width * image.height > pixels:
                raise Image.DecompressionBombError
            image.draft(None, (2 * W, 2 * H))  # a JPEG far larger is decoded at a fraction of its size
            image.load()
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            raise ValueError(f"{path} has too many pixels to be unpacked safely: make it smaller first") from None
        except Exception as error:  # Pillow meets damaged files with many kinds of exception
            raise ValueError(f"{path} is not an image that can be read ({_first_line(error)})") from None
        if image.mode in SIXTEEN_BIT:
            raise ValueError(f"{path} has more than 8 bits a channel ({image.mode}): save it with 8")
        image = ImageOps.exif_transpose(image)
        if image.has_transparency_data:
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
        image = image.convert("RGB" if C == 3 else "L")
        if image.size != (W, H):
            image = ImageOps.fit(image, (W, H), Image.Resampling.BICUBIC)
    return np.array(image, np.uint8).reshape(H, W, C).transpose(2, 0, 1).ravel()


def _pillow() -> tuple[Any, Any]:
    try:
        from PIL import Image, ImageOps
    except ImportError:
        raise ImportError("reading image files needs Pillow: pip install 'netbp[images]'") from None
    return Image, ImageOps


def _first_line(error: Exception) -> str:
    name = type(error).__name__
    text = str(error).splitlines()[0] if str(error) else ""
    return name if not text or name == "UnidentifiedImageError" else text[:100]
