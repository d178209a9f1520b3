"""Features of images: extracted in batches, cached on disk by content, and standardised by a fixed map."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.data.stored import Images, StoredImages
from core.extractors import batches as batch_rule
from core.extractors.build import Extractor
from core.system import cache, paths
from core.system import device as devices
from core.system.arrays import is_finite
from core.system.errors import DataError, WeightsError

FEATURE_NORM = 3.0
"""Root mean square norm of a scaled feature vector on the clean training set."""

STD_FLOOR = 0.25
LEAST_STD = 1e-6
"""A coordinate with less deviation than this is constant..."""
LEAST_SHARE = 1e-5
"""...and so is one with less than this share of its mean, which is the rounding of float32."""

SHAPES = 16
"""Number of image shapes for which an extractor keeps the hash of its weights."""

READ = 250
"""Images that are read at once where they are only hashed or compared."""
IN_FLIGHT = 2
"""Batches that a GPU may have before it; more would only take memory."""


@dataclass(frozen=True)
class Scale:
    """The fixed affine map after the backbone, which standardises each coordinate; fitted on clean data.

    Only on standardised features do linear probes converge, and does one ridge λ mean the same for every
    extractor. The map is part of f: fitted once on the clean training images, then frozen.

    Attributes:
        mean: (d,) mean of each coordinate.
        factor: (d,) what each centred coordinate is multiplied by.
    """

    mean: Tensor
    factor: Tensor

    @classmethod
    def fit(cls, raw: Tensor) -> "Scale":
        """Fit on raw features (n, d). A constant coordinate becomes 0.

        A coordinate is divided by at least `STD_FLOOR` times the median deviation: one that is active on a
        single training image would otherwise dominate the features of any other image it is active on.
        """
        mean, std = raw.mean(0), raw.std(0, correction=0)
        alive = _varies(mean, std)
        floor = STD_FLOOR * float(std[alive].median()) if bool(alive.any()) else 1.0
        scaled = torch.where(alive, std.clamp_min(floor).reciprocal(), 0.0)
        norm = float((std * scaled).square().sum().sqrt())
        return cls(mean, scaled * (FEATURE_NORM / max(norm, 1e-12)))

    def __call__(self, raw: Tensor) -> Tensor:
        """Scaled features (N, d) of raw ones."""
        return (raw - self.mean) * self.factor


def _varies(mean: Tensor, std: Tensor) -> Tensor:
    """(d,) bool: whether coordinates with means (d,) and deviations (d,) vary by more than rounding."""
    return std > (LEAST_SHARE * mean.abs()).clamp_min(LEAST_STD)


def check_spread(raw: Tensor, images: Images | StoredImages, title: str) -> None:
    """Check that training images have features that differ; nothing can be learned otherwise.

    Args:
        raw: (n, d) features of the training images.
        images: (n, C, H, W) uint8, the training images.
        title: of the extractor, for the message.

    Raises:
        DataError: all images are equal.
        WeightsError: the extractor gives all of them the same features.
    """
    if bool(_varies(raw.mean(0), raw.std(0, correction=0)).any()):
        return
    parts = (images[start : start + READ] for start in range(0, len(images), READ))
    if all(bool((part == images[:1]).all()) for part in parts):
        raise DataError(f"All {len(images)} training images are equal, so that nothing can be learned from them.")
    raise WeightsError(
        f"The extractor {title!r} gives all {len(images)} training images the same features, so that nothing can be "
        "learned from them: its weights are damaged or of another architecture; choose another file or extractor."
    )


class AsGiven(nn.Module):
    """In place of the extractor of data that are feature vectors: there are no images to take features of."""

    def forward(self, x: Tensor) -> Tensor:
        """Never returns, for any images (N, C, H, W).

        Raises:
            DataError: always.
        """
        raise DataError("These data are feature vectors: no extractor is there that could take features of images.")


class Pipeline(nn.Module):
    """The whole f: images (N, C, H, W) in [0, 1] to scaled features (N, d), differentiable in the images."""

    def __init__(self, extractor: nn.Module, scale: Scale) -> None:
        super().__init__()
        self.extractor = extractor
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        """Scaled features (N, d)."""
        return self.scale(self.extractor(x))


def extract(
    extractor: Callable[[Tensor], Tensor],
    images: Images | StoredImages | NDArray[np.float32],
    device: torch.device,
    on_step: Callable[[int, int], None] | None = None,
) -> NDArray[np.float32]:
    """Features (N, d) float32 of images, computed in batches.

    Args:
        extractor: an `Extractor`, or a `Pipeline`.
        images: (N, C, H, W), in [0, 1] or uint8, which is divided by 255.
        device: where to compute.
        on_step: called with (images done, total) after each batch.
    """
    return _joined(extractor, images, device, on_step, on_host=True).numpy()


def extract_on(
    extractor: Callable[[Tensor], Tensor],
    images: Tensor | Images | StoredImages | NDArray[np.float32],
    device: torch.device,
) -> Tensor:
    """The features of `extract` as a tensor (N, d) on the device, which no host copy is made of.

    Args:
        extractor, device: see `extract`.
        images: (N, C, H, W), see `extract`, or a tensor on the device.
    """
    return _joined(extractor, images, device, None, on_host=False)


def _joined(
    extractor: Callable[[Tensor], Tensor],
    images: Tensor | Images | StoredImages | NDArray[np.float32],
    device: torch.device,
    on_step: Callable[[int, int], None] | None,
    *,
    on_host: bool,
) -> Tensor:
    """All features (N, d), in host memory or on the device; each batch is copied once, into its place."""
    joined: Tensor | None = None
    done = 0
    for part in _on_device(extractor, images, device, on_step):
        if joined is None:
            shape = (len(images), *part.shape[1:])
            joined = devices.empty(shape, part.dtype, device) if on_host else part.new_empty(shape)
        joined[done : done + len(part)].copy_(part, non_blocking=True)
        done += len(part)
    assert joined is not None, "no images"
    devices.wait(device)
    return joined


def batches(
    extractor: Callable[[Tensor], Tensor],
    images: Images | StoredImages | NDArray[np.float32],
    device: torch.device,
    on_step: Callable[[int, int], None] | None = None,
    kept: list[Tensor] | None = None,
) -> Iterator[NDArray[np.float32]]:
    """The rows of `extract` in batches (some rows, d) float32, of which at most three are in memory.

    A GPU gets its next batch before the features of the last one are copied back. How many images are in a batch is
    `batches.at_once`'s; those that are too many for its memory are halved, down to one image. On a GPU that may change
    the last digits.

    Args:
        extractor, device, on_step: see `extract`.
        images: (N, C, H, W), see `extract`.
        kept: gets the batches on the device, if it is no CPU, for whoever needs them there as well.
    """
    waiting: Tensor | None = None
    for part in _on_device(extractor, images, device, on_step):
        if kept is not None and device.type != "cpu":
            kept.append(part)
        if waiting is not None:
            yield devices.on_host(waiting).numpy()
        waiting = part
    if waiting is not None:
        yield devices.on_host(waiting).numpy()


def _on_device(
    extractor: Callable[[Tensor], Tensor],
    images: Tensor | Images | StoredImages | NDArray[np.float32],
    device: torch.device,
    on_step: Callable[[int, int], None] | None,
) -> Iterator[Tensor]:
    """Features in batches (some rows, d) on the device, which may still be computing them."""
    if not len(images):
        return
    size = batch_rule.at_once(extractor, tuple(images.shape[1:]), device)
    queue = devices.Queue(device, IN_FLIGHT)
    start = 0
    while start < len(images):
        count = batch_rule.next_count(start, len(images), size, device)
        try:
            features = _forward(extractor, _copied(images[start : start + count], device))
        except torch.OutOfMemoryError as error:
            size = batch_rule.halved(extractor, min(size, count), error)
            continue
        queue.add()
        start += count
        yield features
        if on_step:
            on_step(start, len(images))


@torch.inference_mode()
def _forward(extractor: Callable[[Tensor], Tensor], batch: Tensor) -> Tensor:
    batch = batch.float() / 255.0 if batch.dtype == torch.uint8 else batch
    return extractor(batch).float()


def _copied(part: Tensor | NDArray[np.uint8] | NDArray[np.float32], device: torch.device) -> Tensor:
    """Images on the device, which may still be copying them."""
    if isinstance(part, Tensor):
        return part
    if device.type == "cpu":
        return torch.from_numpy(np.array(part))
    host = devices.empty(part.shape, torch.uint8 if part.dtype == np.uint8 else torch.float32, device)
    np.copyto(host.numpy(), part)
    return host.to(device, non_blocking=True)


def cached(
    extractor: Extractor,
    images: Images | StoredImages,
    device: torch.device,
    on_step: Callable[[int, int], None] | None = None,
    name: str | None = None,
    kept: list[Tensor] | None = None,
) -> tuple[NDArray[np.float32], bool]:
    """Like `extract`, with the features in the disk cache, from which large ones are memory-mapped.

    Args:
        extractor: without a scale.
        images: (N, C, H, W) uint8.
        device: where to compute.
        on_step: see `extract`.
        name: the `digest` of extractor and images, if it is known.
        kept: see `batches`; stays empty if the features come from the cache.

    Returns:
        The features (N, d), and whether they came from the cache.

    Raises:
        WeightsError: the extractor gives features that are not finite; they are not cached.
    """
    path = paths.cache() / "features" / f"{name or digest(extractor, images)}-{device.type}.npy"
    features = cache.read_matrix(path, len(images))
    if features is not None:
        return features, True
    shape = (len(images), extractor.info.width_at(extractor.input_size))

    def parts() -> Iterator[NDArray[np.float32]]:
        if kept is not None:
            kept.clear()  # of a try that the cache could not take
        return _finite(batches(extractor, images, device, on_step, kept), extractor)

    return cache.write_in_parts(path, parts, shape), False


def cached_on(
    extractor: Extractor,
    images: Images | StoredImages,
    device: torch.device,
    on_step: Callable[[int, int], None] | None = None,
    name: str | None = None,
) -> tuple[Tensor, bool]:
    """The features of `cached` as a tensor (N, d) on the device; what was computed there is not copied back to it.

    Args:
        extractor, images, device, on_step, name: see `cached`.

    Returns:
        The features (N, d), and whether they came from the cache.

    Raises:
        WeightsError: see `cached`.
    """
    kept: list[Tensor] = []
    features, was_cached = cached(extractor, images, device, on_step, name, kept)
    return torch.cat(kept) if kept else torch.from_numpy(features).to(device), was_cached


def _finite(parts: Iterator[NDArray[np.float32]], extractor: Extractor) -> Iterator[NDArray[np.float32]]:
    """The same batches of features (some rows, d).

    Raises:
        WeightsError: a feature is not finite.
    """
    for part in parts:
        if not is_finite(part):
            raise WeightsError(
                f"The extractor {extractor.info.title!r} gives features that are not finite (NaN or infinite): its "
                "weights are damaged or of another architecture; choose another file or extractor."
            )
        yield part


def digest(extractor: Extractor, images: Images | StoredImages) -> str:
    """32 hexadecimal digits that identify an extractor with its weights, together with images (N, C, H, W) uint8."""
    sha256 = _weights_hashed(extractor, images.shape).copy()
    for start in range(0, len(images), READ):
        sha256.update(np.ascontiguousarray(images[start : start + READ]).data)
    return sha256.hexdigest()[:32]


def _weights_hashed(extractor: Extractor, shape: tuple[int, ...]) -> "hashlib._Hash":
    """The hash of an extractor before any image; cached until something writes to a weight."""
    key = (shape, extractor.version)
    if key not in extractor.hashed:
        info = extractor.info
        # Heads and activations are in no tensor. Registered extractors have no options, and keep their digests.
        options = f" {info.options}" if info.options else ""
        sha256 = hashlib.sha256(f"1 {extractor.input_size} {info.arch}{options} {shape}".encode())
        for name, value in extractor.state_dict().items():
            sha256.update(name.encode())
            sha256.update(value.cpu().contiguous().numpy().tobytes())
        if len(extractor.hashed) >= SHAPES:
            extractor.hashed.clear()
        extractor.hashed[key] = sha256
    return extractor.hashed[key]
