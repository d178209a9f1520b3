"""The memory that a device has left, and that it has given away."""

from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest
import torch
from torch import nn

from core.extractors.features import extract

MEBIBYTE = 1 << 20


@contextmanager
def too_small_for(
    extractor: nn.Module, images: torch.Tensor, device: torch.device, most: int, patch: pytest.MonkeyPatch
) -> Iterator[None]:
    """A device whose memory is enough for a batch of `most` images, but not for one of all of them.

    On a GPU torch is allowed what lies in the middle between both batches, so that its allocator fails by itself. A CPU
    has no such limit: there the extractor fails.
    """
    if device.type == "cuda":
        peaks = [_peak(extractor, images[:count], device) for count in (most, len(images))]
        assert peaks[0] < 0.8 * peaks[1], "two sizes that differ, or the test shows nothing"
        torch.cuda.empty_cache()
        total = torch.cuda.get_device_properties(device).total_memory
        torch.cuda.set_per_process_memory_fraction(sum(peaks) / 2 / total)
        try:
            yield
        finally:
            torch.cuda.set_per_process_memory_fraction(1.0)
            torch.cuda.empty_cache()
        return
    forward = extractor.forward

    def bounded(x: torch.Tensor) -> torch.Tensor:
        if len(x) > most:
            raise torch.OutOfMemoryError("out of memory")
        return forward(x)

    with patch.context() as within:
        within.setattr(extractor, "forward", bounded)
        yield


def _peak(extractor: nn.Module, images: torch.Tensor, device: torch.device) -> int:
    """Most bytes that torch had reserved while it took the features of one batch."""
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats(device)
    with torch.inference_mode():
        extractor(images.to(device).float() / 255.0)
    return int(torch.cuda.max_memory_reserved(device))


def used(device: torch.device) -> int:
    """Bytes of a GPU that are taken, by whomever; on the CPU, those of the processes that this one has started."""
    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        return int(total - free)
    return sum(child.memory_info().rss for child in psutil.Process().children(recursive=True))


def features(extractor: nn.Module, images: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Features (N, d) of images (N, C, H, W) uint8, in host memory."""
    return torch.from_numpy(extract(extractor, images.numpy(), device))
