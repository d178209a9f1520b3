"""The clean training images as attacks get them: in memory, or read as they are asked for where they are too many."""

import numpy as np
import torch
from torch import Tensor

from core.data.stored import Images, StoredImages
from core.system.errors import AttackError

MOST_BYTES = 1 << 30
"""Size in float32 up to which stored images are read into memory: attacks touch them again and again."""


class ReadImages:
    """Clean training images (n, C, H, W) in [0, 1] that stay on disk; indexing reads some of them to the device.

    Args:
        images: the images.
        device: where the attack computes.
    """

    def __init__(self, images: StoredImages, device: torch.device) -> None:
        self._images = images
        self.device = device

    @property
    def shape(self) -> tuple[int, ...]:
        """(n, C, H, W)."""
        return self._images.shape

    def __len__(self) -> int:
        """Number n of images."""
        return len(self._images)

    def __getitem__(self, rows: Tensor) -> Tensor:
        """Images (k, C, H, W) float32 of rows (k,) int64, or where a mask (n,) is true."""
        return _as_floats(self._images[rows.cpu().numpy()], self.device)


class NoImages:
    """In place of the images of data that are feature vectors; whatever asks for pixels is told that there are none.

    Args:
        count: number n of training points.
        device: where the attack computes.
    """

    def __init__(self, count: int, device: torch.device) -> None:
        self._count = count
        self.device = device

    @property
    def shape(self) -> tuple[int, ...]:
        """(n,)."""
        return (self._count,)

    def __len__(self) -> int:
        """Number n of training points."""
        return self._count

    def __getitem__(self, rows: Tensor) -> Tensor:
        """Nothing, for any rows (k,).

        Raises:
            AttackError: always.
        """
        raise AttackError("The attack asks for images, and these data are feature vectors: choose one that needs none.")


def training_images(images: Images | StoredImages, device: torch.device) -> Tensor | ReadImages:
    """Clean training images (n, C, H, W) uint8 as an attack gets them, in [0, 1] on a device."""
    if isinstance(images, StoredImages):
        if images.nbytes * np.dtype(np.float32).itemsize > MOST_BYTES:
            return ReadImages(images, device)
        images = images[:]
    return _as_floats(images, device)


def _as_floats(images: Images, device: torch.device) -> Tensor:
    return torch.from_numpy(images).to(device).float() / 255.0
