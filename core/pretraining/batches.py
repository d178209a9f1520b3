"""The images of a pretraining as batches on a device, from which no step waits for another copy."""

import torch
from torch import Tensor

SHARE = 0.25
"""Of a GPU's free memory, which the images may take; the network and its gradients need the rest."""


class Batches:
    """Batches of images on a device.

    The images lie on the device from the start if they fit there; a batch is then a gather. Else they stay in host
    memory, and batches are copied from pinned memory while the device computes on the one before.

    Args:
        x: (N, C, H, W) uint8 images in host memory.
        device: where batches are needed.
        resident: whether the images lie on the device; None: if they fit into `SHARE` of its free memory.
    """

    def __init__(self, x: Tensor, device: torch.device, *, resident: bool | None = None) -> None:
        self.resident = fits(x, device) if resident is None else resident
        self._x = x.to(device) if self.resident else x
        self._order = torch.arange(len(x), device=self._x.device)
        self._device = device

    def shuffle(self, order: Tensor) -> None:
        """Set the order (N,) of images, as rows of x, from which `take` slices."""
        self._order = order.to(self._x.device)

    def take(self, first: int, size: int) -> Tensor:
        """The images (size, C, H, W) in [0, 1] from a place in the order on."""
        batch = self._x.index_select(0, self._order[first : first + size])
        if not self.resident and self._device.type == "cuda":
            batch = batch.pin_memory()  # torch keeps it until the copy is done
        return batch.to(self._device, non_blocking=True).float() / 255.0


def fits(x: Tensor, device: torch.device) -> bool:
    """Whether images fit into `SHARE` of a GPU's free memory; True for a CPU, whose memory they are in."""
    if device.type != "cuda":
        return True
    free, _ = torch.cuda.mem_get_info(device)
    return x.nbytes <= SHARE * free
