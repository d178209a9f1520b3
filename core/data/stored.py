"""Images that may be more than fit the memory: rows of pixels on disk, which are read when they are asked for."""

from collections.abc import Iterator
from typing import overload

import numpy as np
from numpy.typing import DTypeLike, NDArray

Images = NDArray[np.uint8]
Rows = NDArray[np.intp]


class StoredImages:
    """Some images, in some order, of a matrix that stays where it is; read-only.

    Indexing reads: an integer gives an image, a slice or an array of rows gives an array of images. `select` reads
    nothing. `numpy.asarray` reads everything.

    Args:
        pixels: (M, C, H, W) uint8, memory-mapped if there are many.
        rows: (N,) rows of `pixels`; None for all of them.
    """

    def __init__(self, pixels: Images, rows: Rows | None = None) -> None:
        self._pixels = pixels
        self._rows: Rows = np.arange(len(pixels)) if rows is None else rows

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, C, H, W)."""
        return (len(self._rows), *self._pixels.shape[1:])

    @property
    def dtype(self) -> np.dtype[np.uint8]:
        """Of pixels."""
        return self._pixels.dtype

    @property
    def nbytes(self) -> int:
        """Bytes that all N images would take in memory."""
        return len(self) * int(np.prod(self._pixels.shape[1:]))

    def __len__(self) -> int:
        """Number N of images."""
        return len(self._rows)

    def __getitem__(self, key: int | np.integer | slice | Rows) -> Images:
        """An image (C, H, W), or images (k, C, H, W), read into memory."""
        return np.asarray(self._pixels[self._rows[key]])

    def __iter__(self) -> Iterator[Images]:
        """Each image (C, H, W)."""
        return (np.asarray(self._pixels[row]) for row in self._rows)

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[np.generic]:
        """All images (N, C, H, W), read into memory."""
        if copy is False:
            raise ValueError("stored images can't be an array without a copy")
        return self[:].astype(dtype or np.uint8, copy=False)

    def select(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> "StoredImages":
        """The images of some rows (k,), or where a mask (N,) is true; nothing is read."""
        return StoredImages(self._pixels, self._rows[rows])


@overload
def select(images: Images, rows: Rows) -> Images: ...
@overload
def select(images: StoredImages, rows: Rows) -> StoredImages: ...
@overload
def select(images: Images | StoredImages, rows: Rows) -> Images | StoredImages: ...
def select(images: Images | StoredImages, rows: Rows) -> Images | StoredImages:
    """Some rows (k,) of images (N, C, H, W): a copy of those in memory; of stored ones, nothing is read."""
    return images.select(rows) if isinstance(images, StoredImages) else images[rows]
