"""Sheets of images for the map: many small images in one file, which the browser cuts up."""

from collections.abc import Sequence
from io import BytesIO
from typing import Protocol

import numpy as np
from PIL import Image

from core.system.arrays import Array

THUMB_PIXELS = 48
"""Largest side of a thumbnail; smaller images keep theirs."""
MOST_THUMBS = 4096
COLUMNS = 64
_BLOCK = 8
"""Side of the blocks of JPEG: cells are whole ones, so that no image bleeds into the next."""


class ImagesByRow(Protocol):
    """Images by row, such as `core.experiments.points.PointImages`, or a dictionary."""

    def __getitem__(self, row: int, /) -> Array:
        """The image (C, H, W) uint8 of a row."""


def thumb_rows(n: int, m: int, base_index: Sequence[int]) -> list[int]:
    """Rows of the points that get a thumbnail: the poison, its base images, then clean points, up to `MOST_THUMBS`.

    Args:
        n, m: numbers of clean and of poisoned points.
        base_index: rows of the base images.
    """
    order = [*range(n, n + m), *(int(row) for row in base_index), *range(n)]
    return list(dict.fromkeys(order))[:MOST_THUMBS]


def thumb_sheet(images: ImagesByRow, rows: Sequence[int]) -> tuple[bytes, int, int, int]:
    """A JPEG of small images, `COLUMNS` in a row.

    Returns:
        The file, width and height of an image in it, and the side of a cell, all in pixels.
    """
    first = _small(images[rows[0]])
    height, width = first.shape[:2]
    cell = -(-max(height, width) // _BLOCK) * _BLOCK
    pixels = np.zeros((-(-len(rows) // COLUMNS) * cell, min(COLUMNS, len(rows)) * cell, 3), np.uint8)
    for place, row in enumerate(rows):
        tile = _small(images[row])
        filled = np.pad(tile, ((0, cell - tile.shape[0]), (0, cell - tile.shape[1]), (0, 0)), mode="edge")
        top, left = place // COLUMNS * cell, place % COLUMNS * cell
        pixels[top : top + cell, left : left + cell] = filled
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=88, subsampling=0)
    return buffer.getvalue(), width, height, cell


def _small(image: Array) -> Array:
    """An image (C, H, W) as (h, w, 3) whose longer side is at most `THUMB_PIXELS`."""
    pixels = _colours(image[None])[0]
    factor = -(-max(pixels.shape[:2]) // THUMB_PIXELS)
    return np.asarray(Image.fromarray(pixels).reduce(factor)) if factor > 1 else pixels


def _colours(images: Array) -> Array:
    """Images (k, C, H, W) as (k, H, W, 3)."""
    wide = np.broadcast_to(images, (len(images), 3, *images.shape[2:]))
    return np.ascontiguousarray(wide.transpose(0, 2, 3, 1))
