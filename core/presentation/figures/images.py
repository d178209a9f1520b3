"""Images of a run as PNG: base, poison and their amplified difference side by side."""

from collections.abc import Iterable
from io import BytesIO

import numpy as np
from PIL import Image

from core.system.arrays import Array

STRIP_PIXELS = 80
"""Minimum height of an image in a strip; small images are enlarged by integer factors."""
GAP = 4
MAX_AMPLIFICATION = 64


def amplification(base: Array, poison: Array) -> int:
    """The integer factor that amplifies the largest difference to full contrast; 0 without any difference.

    Args:
        base, poison: (m, C, H, W) uint8.
    """
    largest = int(np.abs(poison.astype(np.int16) - base).max(initial=0))
    return min(MAX_AMPLIFICATION, max(1, 127 // largest)) if largest else 0


def strip(base: Array, poison: Array | None, factor: int) -> bytes:
    """A PNG of base, poison and their difference (grey is no change) side by side.

    Args:
        base: (C, H, W) uint8.
        poison: (C, H, W) uint8; if None, only the base is shown.
        factor: amplification of the difference.
    """
    images = [base]
    if poison is not None:
        difference = 128 + factor * (poison.astype(np.int16) - base)
        images += [poison, np.clip(difference, 0, 255).astype(np.uint8)]
    return image_row(images, STRIP_PIXELS)


def thumbnail(image: Array, least: int) -> bytes:
    """A PNG of an image (C, H, W) uint8 for a list: at least `least` pixels high, and less than twice that."""
    factor = max(1, image.shape[1] // least)
    if factor > 1:
        pixels = np.broadcast_to(image, (3, *image.shape[1:])).transpose(1, 2, 0)
        image = np.asarray(Image.fromarray(np.ascontiguousarray(pixels)).reduce(factor)).transpose(2, 0, 1)
    return image_row([image], least, gap=0)


def image_row(images: Iterable[Array], least: int = 0, gap: int = GAP) -> bytes:
    """A PNG of images side by side.

    Args:
        images: each (C, H, W) uint8.
        least: minimum height in pixels; small images are enlarged by integer factors.
        gap: pixels between them, for each `STRIP_PIXELS` of their height.
    """
    tiles: list[Array] = []
    for image in images:
        scale = max(1, -(-least // image.shape[1]))
        pixels = np.broadcast_to(image, (3, *image.shape[1:])).transpose(1, 2, 0)
        opaque = np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)])
        tile = opaque.repeat(scale, axis=0).repeat(scale, axis=1)
        between = gap * max(1, tile.shape[0] // STRIP_PIXELS)  # pages shrink rows of large images to their width
        tiles += [tile, np.zeros((tile.shape[0], between, 4), np.uint8)]
    buffer = BytesIO()
    Image.fromarray(np.hstack(tiles)).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()
