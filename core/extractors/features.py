"""Features of images: extracted once, in batches, cached on disk by content, and scaled once and for all."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.data.readers import Images
from core.extractors.build import Extractor
from core.system import cache, paths
from core.system import device as devices

FEATURE_NORM = 3.0
"""Root mean square norm of a scaled feature vector on the clean training set."""

STD_FLOOR = 0.25

SHAPES = 16
"""Shapes of images for which an extractor keeps its hash."""

BATCH = 250
"""Images per forward pass: features must not depend on who asks, so it is the same everywhere."""


@dataclass(frozen=True)
class Scale:
    """The fixed affine map after the backbone: each coordinate centred and divided, fitted on clean data.

    Linear probes converge, and one ridge λ means the same for every extractor, only on standardised
    features. The map is part of f: fitted once on the clean training images, then frozen.
    """

    mean: Tensor
    factor: Tensor

    @classmethod
    def fit(cls, raw: Tensor) -> "Scale":
        """Fit on raw features (n, d). A coordinate that never changes carries nothing and becomes 0.

        The deviation that divides is at least `STD_FLOOR` of the median one: a coordinate that fires on a
        single training image would otherwise throw every other image that it fires on far off.
        """
        mean, std = raw.mean(0), raw.std(0, correction=0)
        alive = std > 1e-6
        floor = STD_FLOOR * float(std[alive].median()) if bool(alive.any()) else 1.0
        scaled = torch.where(alive, std.clamp_min(floor).reciprocal(), 0.0)
        norm = float((std * scaled).square().sum().sqrt())
        return cls(mean, scaled * (FEATURE_NORM / max(norm, 1e-12)))

    def __call__(self, raw: Tensor) -> Tensor:
        """Scaled features (N, d) of raw ones."""
        return (raw - self.mean) * self.factor


class Pipeline(nn.Module):
    """The whole f: images (N, C, H, W) in [0, 1] to scaled features (N, d), differentiable in the images."""

    def __init__(self, extractor: Extractor, scale: Scale) -> None:
        super().__init__()
        self.extractor = extractor
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        """Scaled features (N, d)."""
        return self.scale(self.extractor(x))


def extract(
    extractor: Callable[[Tensor], Tensor],
    images: Images | NDArray[np.float32],
    device: torch.device,
    on_step: Callable[[int, int], None] | None = None,
) -> NDArray[np.float32]:
    """Features (N, d) float32 of images (N, C, H, W), in batches; uint8 ones are divided by 255.

    Args:
        extractor: an `Extractor`, or a whole `Pipeline`.
        on_step: told (images done, images in all) after each batch.
    """
    return np.concatenate(list(batches(extractor, images, device, on_step)))


@torch.inference_mode()  # as a decorator: a `with` would stay in force for whoever takes the batches
def batches(
    extractor: Callable[[Tensor], Tensor],
    images: Images | NDArray[np.float32],
    device: torch.device,
    on_step: Callable[[int, int], None] | None = None,
) -> Iterator[NDArray[np.float32]]:
    """The rows of `extract`, batch by batch: no more than two batches are in memory, however many images there are.

    A GPU is given its next batch before the features of the last one are waited for. Batches that are too large for its
    memory are halved, down to one image; on a GPU that may change the last digits.
    """
    waiting: Tensor | None = None
    start, size = 0, BATCH
    while start < len(images):
        part = torch.from_numpy(np.array(images[start : start + size]))
        if device.type == "cuda":
            part = part.pin_memory()
        try:
            batch = part.to(device, non_blocking=True)
            batch = batch.float() / 255.0 if batch.dtype == torch.uint8 else batch
            features = extractor(batch).float()
        except torch.OutOfMemoryError as error:
            size = devices.halved(size, error)
            continue
        if waiting is not None:
            yield waiting.cpu().numpy()
        waiting = features
        start += len(part)
        if on_step:
            on_step(start, len(images))
    if waiting is not None:
        yield waiting.cpu().numpy()


def cached(
    extractor: Extractor,
    images: Images,
    device: torch.device,
    on_step: Callable[[int, int], None] | None = None,
    name: str | None = None,
) -> tuple[NDArray[np.float32], bool]:
    """Like `extract`, kept on the disk and mapped from there, and answered where the same images were seen before.

    Args:
        name: their `digest`, where it is known already.

    Returns:
        The features, and whether they came from the cache.
    """
    path = paths.cache() / "features" / f"{name or digest(extractor, images)}-{device.type}.npy"
    found = cache.read_matrix(path, len(images))
    if found is not None:
        return found, True
    shape = (len(images), extractor.info.width)
    return cache.write_in_parts(path, lambda: batches(extractor, images, device, on_step), shape), False


def digest(extractor: Extractor, images: Images) -> str:
    """32 hexadecimal digits that name an extractor, weights and all, together with images (N, C, H, W) uint8."""
    found = _weights_hashed(extractor, images.shape).copy()
    for start in range(0, len(images), BATCH):
        found.update(np.ascontiguousarray(images[start : start + BATCH]).data)
    return found.hexdigest()[:32]


def _weights_hashed(extractor: Extractor, shape: tuple[int, ...]) -> "hashlib._Hash":
    """The hash of an extractor before any image; an extractor that nothing has written to since keeps it."""
    key = (shape, extractor.version)
    if key not in extractor.hashed:
        found = hashlib.sha256(f"1 {extractor.input_size} {extractor.info.arch} {shape}".encode())
        for name, value in extractor.state_dict().items():
            found.update(name.encode())
            found.update(value.cpu().contiguous().numpy().tobytes())
        if len(extractor.hashed) >= SHAPES:
            extractor.hashed.clear()
        extractor.hashed[key] = found
    return extractor.hashed[key]
