"""An image file as a square of pixels: one explicit conversion for each of pillow's modes.

| Mode | What becomes of it |
| --- | --- |
| `1`, `L`, `P`, `RGB`, `RGBX`, `CMYK`, `YCbCr`, `HSV` | RGB, by pillow |
| `LA`, `La`, `PA`, `RGBA`, `RGBa`, and any with a transparent colour | laid on white |
| `I;16` and its kinds; `I` of a PGM file, which holds 16 bits | divided by 257 and rounded: 65,535 becomes 255 |
| `I`, `F`, `LAB` and any other | refused: nothing says which of their values is white |

Of animations and files with several images, the first is read. Orientation in the metadata is applied.
"""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError
from PIL.BmpImagePlugin import DibImageFile
from PIL.IcoImagePlugin import IcoFile
from PIL.PngImagePlugin import PngImageFile

from core.spec.sides import SIDE
from core.system.errors import DataError

MAX_PIXELS = 50_000_000
"""Of one image: a small file can decompress to an image that fills the memory."""
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "PPM", "ICO", "JPEG2000", "QOI", "PCX")
"""Of pillow: those that are recognised by their first bytes and are no programs, documents or videos."""
_PLAIN = frozenset(("1", "L", "P", "RGB", "RGBX", "CMYK", "YCbCr", "HSV"))
_WITH_ALPHA = frozenset(("LA", "La", "PA", "RGBA", "RGBa"))
_STRAIGHT = {"La": "LA", "RGBa": "RGBA"}
"""Modes whose colours are multiplied by alpha, and the same with colours as they are."""
_SIXTEEN_BITS = frozenset(("I;16", "I;16L", "I;16B", "I;16N"))


@dataclass(frozen=True)
class Picture:
    """An image as it is read.

    Attributes:
        pixels: (3, side, side) uint8.
        own_side: shorter side of the image in its file, in pixels.
        is_transparent: whether any pixel was.
        is_animated: whether the file holds further images.
        is_deep: whether its channels have 16 bits.
        brightest: largest of its values, if they are grey ones of 16 bits, else 0.
        is_as_before: whether version 1 of the reader gave the same pixels.
    """

    pixels: NDArray[np.uint8]
    own_side: int
    is_transparent: bool
    is_animated: bool
    is_deep: bool
    brightest: int
    is_as_before: bool


def read(content: bytes, where: str, side: int = SIDE) -> Picture:
    """The middle square of an image, resized.

    Args:
        content: of the file.
        where: what it is called in messages.
        side: of the square, in pixels.

    Raises:
        DataError: it is no image of an allowed format, is damaged, too large, or of a mode without a defined white.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on size, where a limit of our own follows, and on oddities of the file
            if content[:4] == b"\0\0\1\0":  # pillow decodes icons while it opens them
                _check_size(_icon_sizes(content), where)
            with Image.open(BytesIO(content), formats=FORMATS) as image:
                _check_size([image.size], where)
                return _read(image, where, side)
    except (MemoryError, DataError):
        raise
    except Image.DecompressionBombError as error:
        raise DataError(f"{where} has more than the {MAX_PIXELS:,} pixels that are allowed.") from error
    except Exception as error:  # decoders raise many kinds, some of them only on malicious files
        reason = "not an image" if isinstance(error, UnidentifiedImageError) else " ".join(str(error).split())[:100]
        raise DataError(
            f"{where} can't be read as an image ({reason or type(error).__name__}): repair or remove it. Allowed: "
            f"{', '.join(FORMATS)}."
        ) from error


def to_rgb(image: Image.Image, where: str) -> tuple[Image.Image, bool, int]:
    """Convert an image of any mode with a defined white.

    Args:
        image: decoded.
        where: what it is called in messages.

    Returns:
        The image in mode RGB, whether any pixel was transparent, and the largest grey value of 16 bits (else 0).

    Raises:
        DataError: its mode has no defined white.
    """
    if image.mode in _SIXTEEN_BITS or (image.mode == "I" and image.format == "PPM"):
        return _from_sixteen_bits(image)
    if image.mode in _WITH_ALPHA or (image.mode in _PLAIN and image.has_transparency_data):
        straight = image.convert(_STRAIGHT[image.mode]) if image.mode in _STRAIGHT else image
        return *_on_white(straight if straight.mode == "RGBA" else straight.convert("RGBA")), 0
    if image.mode not in _PLAIN:
        raise DataError(
            f"{where} has pixels of the kind {image.mode}, of which nothing says what is black and what is white: "
            "convert it to grey or RGB, with 8 or 16 bits a channel."
        )
    return image.convert("RGB"), False, 0


def _read(image: ImageFile.ImageFile, where: str, side: int) -> Picture:
    is_deep = any(";16" in str(tile.args) for tile in image.tile)
    kind = image.format
    if is_deep and isinstance(key := image.info.get("transparency"), tuple):
        image.info["transparency"] = tuple(value >> 8 for value in key)  # pillow scales the pixels, but not the key
    ImageOps.exif_transpose(image, in_place=True)
    rgb, is_transparent, brightest = to_rgb(image, where)
    pixels = _fitted(rgb, side)
    is_as_before = not brightest and (not is_transparent or np.array_equal(pixels, _fitted(image.convert("RGB"), side)))
    is_animated = kind != "MPO" and bool(getattr(image, "is_animated", False))  # cameras add previews to a JPEG
    is_deep = is_deep or image.mode in _SIXTEEN_BITS
    return Picture(pixels, min(rgb.size), is_transparent, is_animated, is_deep, brightest, is_as_before)


def _fitted(rgb: Image.Image, side: int) -> NDArray[np.uint8]:
    fitted = ImageOps.fit(rgb, (side, side), Image.Resampling.BILINEAR)
    return np.asarray(fitted).transpose(2, 0, 1)


def _on_white(rgba: Image.Image) -> tuple[Image.Image, bool]:
    alpha = rgba.getchannel("A")
    laid = Image.new("RGB", rgba.size, "white")
    laid.paste(rgba.convert("RGB"), mask=alpha)
    return laid, bool((np.asarray(alpha) < 255).any())


def _from_sixteen_bits(image: Image.Image) -> tuple[Image.Image, bool, int]:
    values = np.asarray(image)
    eight_bits = ((np.arange(65_536) + 128) // 257).astype(np.uint8)
    grey = Image.fromarray(np.take(eight_bits, values))
    brightest = int(values.max())
    key = image.info.get("transparency")
    if not isinstance(key, int):
        return grey.convert("RGB"), False, brightest
    grey.putalpha(Image.fromarray(np.where(values == key, 0, 255).astype(np.uint8)))
    return *_on_white(grey.convert("RGBA")), brightest


def _check_size(sizes: Iterator[tuple[int, int]] | list[tuple[int, int]], where: str) -> None:
    for width, height in sizes:
        if width * height > MAX_PIXELS:
            raise DataError(f"{where} has {width} x {height} pixels; at most {MAX_PIXELS:,} are allowed.")


def _icon_sizes(content: bytes) -> Iterator[tuple[int, int]]:
    """Sizes of the images in an icon as they say themselves, which its directory may contradict."""
    for entry in IcoFile(BytesIO(content)).entry:
        frame = content[entry.offset :]
        kind = PngImageFile if frame.startswith(b"\x89PNG") else DibImageFile
        yield kind(BytesIO(frame)).size
