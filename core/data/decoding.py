"""Decoding many image files: what is to know of each, and its pixels at any side, kept on disk by content.

Few images are decoded into memory. More are decoded in blocks into the disk cache, under a name made of the content of
all files, the side and the version of the reader, and memory-mapped: see `core.system.cache`.
"""

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.data import pictures, sources
from core.data.pictures import Picture
from core.data.sources import File
from core.data.stored import Images
from core.spec.sides import SIDE
from core.system import cache, paths
from core.system.errors import DataError, shown
from core.system.retention import format_size

LEAST_BYTES = 4 << 20
"""Size of their pixels from which images are kept on disk: fewer are decoded sooner than they are found there."""
MOST_BYTES = 8 << 30
"""Of pixels: a small zip of many small files could else fill the disk."""
MOST_IN_MEMORY = 1 << 30
"""Of pixels, where the disk has no room for them."""
BLOCK = 64
"""Images that are decoded before they are written."""

FACTS = np.dtype(
    [
        ("is_transparent", "?"),
        ("is_animated", "?"),
        ("is_deep", "?"),
        ("is_as_before", "?"),
        ("is_plain", "?"),
        ("own_side", "<u4"),
        ("brightest", "<u4"),
        ("look", "<u8"),
    ]
)
"""What is to know of an image: see `core.data.pictures.Picture`. `is_plain`: whether its pixels are of one colour;
`look`: the beginning of a SHA-256 over its pixels, by which equal images are found. Both at `SIDE`."""


@dataclass(frozen=True)
class Scan:
    """What image files hold.

    Attributes:
        x: (N, 3, SIDE, SIDE) uint8 images.
        facts: (N,) of the dtype `FACTS`.
        digests: SHA-256 of each file.
    """

    x: Images
    facts: NDArray[np.void]
    digests: tuple[str, ...]


def scan(path: Path, files: Sequence[File], version: int) -> Scan:
    """Decode image files at `SIDE`, or find them among those kept.

    Args:
        path: of the folder or zip.
        files: those of images.
        version: of the reader.

    Raises:
        DataError: see `core.data.pictures.read` and `core.data.sources.opened`.
    """
    shape = _shape(files, SIDE)
    if not _is_kept(shape):
        decoder = _Decoder(path, files, SIDE)
        x = cache.in_memory(decoder.blocks(), shape)
        return Scan(x, decoder.facts, tuple(decoder.digests))
    with sources.opened(path) as content_of:
        digests = tuple(hashlib.sha256(content_of(file)).hexdigest() for file in files)
    kept = _place(digests, version, "facts")
    content, images = cache.read_bytes(kept), cache.read_images(_place(digests, version, str(SIDE)), shape)
    if images is not None and content is not None and len(content) == len(files) * FACTS.itemsize:
        return Scan(images, np.frombuffer(content, FACTS), digests)
    decoder = _Decoder(path, files, SIDE, digests)
    images = _write(_place(digests, version, str(SIDE)), decoder, shape)
    cache.write(kept, decoder.facts.tobytes())
    return Scan(images, decoder.facts, digests)


def pixels(path: Path, files: Sequence[File], digests: Sequence[str], side: int, version: int) -> Images:
    """Image files as pixels (N, 3, side, side) uint8, decoded or found among those kept; not to be changed.

    Args:
        path: of the folder or zip.
        files: those of images.
        digests: the SHA-256 of each.
        side: in pixels.
        version: of the reader.

    Raises:
        DataError: see `scan`, a file has changed since its digest was taken, or the images take too much room.
    """
    shape, decoder = _shape(files, side), _Decoder(path, files, side, digests)
    if (size := math.prod(shape)) > MOST_BYTES:
        raise DataError(
            f"{len(files):,} images of {path} at {side} × {side} pixels take {format_size(size)}; at most "
            f"{format_size(MOST_BYTES)} are allowed: choose a smaller side, or take fewer images."
        )
    if not _is_kept(shape):
        return cache.in_memory(decoder.blocks(), shape)
    place = _place(digests, version, str(side))
    images = cache.read_images(place, shape)
    return _write(place, decoder, shape) if images is None else images


def _write(place: Path, decoder: "_Decoder", shape: tuple[int, ...]) -> Images:
    """Decode images (N, 3, side, side) into the cache.

    Raises:
        DataError: it has no room, and they are too many for the memory.
    """
    try:
        return cache.write_images(place, decoder.blocks, shape, most=MOST_IN_MEMORY)
    except OSError as error:
        raise DataError(
            f"The images take {format_size(math.prod(shape))}, which can't be written to {place.parent} "
            f"({error.strerror}): make room, set POISON_LAB_HOME, or choose a smaller side."
        ) from error


def _shape(files: Sequence[File], side: int) -> tuple[int, int, int, int]:
    return (len(files), 3, side, side)


def _is_kept(shape: tuple[int, ...]) -> bool:
    return math.prod(shape) >= LEAST_BYTES


def _place(digests: Sequence[str], version: int, what: str) -> Path:
    """The file in the cache of what is known of images with these digests."""
    key = hashlib.sha256("\n".join((f"reader {version}", *digests)).encode()).hexdigest()[:32]
    return paths.cache() / "images" / f"{key}-{what}.npy"


class _Decoder:
    """Decodes image files in blocks, and notes the facts and the digest of each.

    Args:
        path: of the folder or zip.
        files: those of images.
        side: in pixels.
        expected: the SHA-256 of each file; None if they are not known yet.
    """

    def __init__(self, path: Path, files: Sequence[File], side: int, expected: Sequence[str] | None = None) -> None:
        self.facts = np.zeros(len(files), FACTS)
        self.digests = [""] * len(files)
        self._path, self._files, self._side, self._expected = path, files, side, expected

    def blocks(self) -> Iterator[Images]:
        """The images (some, 3, side, side) uint8, in order.

        Raises:
            DataError: a file is no image, or is not the one that was expected.
        """
        with sources.opened(self._path) as content_of:
            for start in range(0, len(self._files), BLOCK):
                rows = range(start, min(start + BLOCK, len(self._files)))
                yield np.stack([self._decoded(row, content_of(self._files[row])).pixels for row in rows])

    def _decoded(self, row: int, content: bytes) -> Picture:
        where = f"{shown(self._files[row].name)} of {self._path}"
        digest = hashlib.sha256(content).hexdigest()
        if self._expected is not None and digest != self._expected[row]:
            raise DataError(f"{where} has changed while it was read: read the images again.")
        picture = pictures.read(content, where, self._side)
        self.digests[row] = digest
        self.facts[row] = (
            picture.is_transparent,
            picture.is_animated,
            picture.is_deep,
            picture.is_as_before,
            bool((picture.pixels == picture.pixels[:, :1, :1]).all()),
            picture.own_side,
            picture.brightest,
            int.from_bytes(hashlib.sha256(picture.pixels.tobytes()).digest()[:8], "little"),
        )
        return picture
