"""Sheets of images as a browser cuts them up: lossless and in full resolution, so that pixels can be compared."""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from PIL import Image

from core.system.arrays import Array

MOST_PIXELS = 1 << 20
"""Of a sheet, unless a single group of images has more."""
MOST_GROUPS = 512
COLUMNS = 8
"""Groups in a row of a sheet."""


@dataclass(frozen=True)
class ImageSheet:
    """Groups of images of one size in rows of `COLUMNS`, the images of a group beside each other.

    Attributes:
        content: a PNG.
        width: of an image in pixels.
        height: of an image in pixels.
        each: images in a group.
    """

    content: bytes
    width: int
    height: int
    each: int


def groups_per_sheet(height: int, width: int, each: int) -> int:
    """How many groups fit on one sheet, at least one.

    Args:
        height: of an image in pixels.
        width: of an image in pixels.
        each: images in a group.
    """
    return max(1, min(MOST_GROUPS, MOST_PIXELS // (height * width * each)))


def image_sheet(groups: Sequence[Sequence[Array]]) -> ImageSheet:
    """A sheet of groups of images.

    Args:
        groups: at least one, all of equally many images (C, H, W) uint8 of one size.
    """
    each, (channels, height, width) = len(groups[0]), groups[0][0].shape
    rows = -(-len(groups) // COLUMNS)
    pixels = np.zeros((rows * height, min(COLUMNS, len(groups)) * each * width, channels), np.uint8)
    for place, group in enumerate(groups):
        top, left = place // COLUMNS * height, place % COLUMNS * each * width
        for i, image in enumerate(group):
            start = left + i * width
            pixels[top : top + height, start : start + width] = image.transpose(1, 2, 0)
    buffer = BytesIO()
    Image.fromarray(pixels[..., 0] if channels == 1 else pixels).save(buffer, "PNG", compress_level=1)
    return ImageSheet(buffer.getvalue(), width, height, each)
