"""Random views of a batch of images, each with its own crop, flip and colours."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class Augmentation:
    """What may change between two views of one image.

    Attributes:
        area: smallest fraction of the image's area that a crop keeps.
        flip: whether to mirror horizontally at random; not for digits.
        brightness, contrast: largest relative change.
        colour: largest relative change of a single channel; no effect on grey images.
        noise: standard deviation of the noise on each pixel.
    """

    area: float = 0.7
    flip: bool = True
    brightness: float = 0.4
    contrast: float = 0.4
    colour: float = 0.2
    noise: float = 0.02


class _Drawn(NamedTuple):
    """The random numbers of views of N images: crops (N, 2, 3), factors (N, ...) and noise (N, C, H, W)."""

    affine: Tensor
    colour: Tensor | None
    brightness: Tensor
    contrast: Tensor
    noise: Tensor

    def and_of(self, other: "_Drawn") -> "_Drawn":
        """Those of 2N views: these, then the others."""
        return _Drawn(
            torch.cat([self.affine, other.affine]),
            None if self.colour is None or other.colour is None else torch.cat([self.colour, other.colour]),
            torch.cat([self.brightness, other.brightness]),
            torch.cat([self.contrast, other.contrast]),
            torch.cat([self.noise, other.noise]),
        )


def view(x: Tensor, how: Augmentation, generator: torch.Generator) -> Tensor:
    """One random view (N, C, H, W) of each image.

    Args:
        x: (N, C, H, W) images in [0, 1].
        how: what may change.
        generator: source of randomness, on the images' device.
    """
    return _applied(x, how, _drawn(x, how, generator))


def two_views(x: Tensor, how: Augmentation, generator: torch.Generator, *, at_once: bool) -> Tensor:
    """Two random views (2N, C, H, W) of each image: first the first views of all images, then the second ones.

    Args:
        x, how, generator: see `view`.
        at_once: whether to make them in one pass. The views are the same: a GPU has half the kernels to start, and a
            CPU keeps less of them in its cache.
    """
    if not at_once:
        return torch.cat([view(x, how, generator) for _ in range(2)])
    first, second = (_drawn(x, how, generator) for _ in range(2))
    return _applied(x.repeat(2, 1, 1, 1), how, first.and_of(second))


def _drawn(x: Tensor, how: Augmentation, generator: torch.Generator) -> _Drawn:
    """The random numbers of one view of each image. Their order is part of a recipe: it decides the weights."""
    n, channels = x.shape[:2]

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(n, *shape, generator=generator, device=x.device)

    area, aspect = uniform(how.area, 1.0), uniform(-0.29, 0.29).exp()  # from 3:4 to 4:3
    width, height = ((area * ratio).sqrt().clamp(max=1.0) for ratio in (aspect, 1 / aspect))
    # In grid_sample's coordinates the image is [-1, 1]: a crop of half-width w is centred within 1 - w.
    shift_x, shift_y = (uniform(-1.0, 1.0) * (1 - side) for side in (width, height))
    sign = torch.where(uniform(0, 1) < 0.5, -1.0, 1.0) if how.flip else torch.ones_like(width)
    zero = torch.zeros_like(width)
    affine = torch.stack([torch.stack([sign * width, zero, shift_x], 1), torch.stack([zero, height, shift_y], 1)], 1)
    colour = uniform(1 - how.colour, 1 + how.colour, channels, 1, 1) if channels > 1 else None
    brightness = uniform(1 - how.brightness, 1 + how.brightness, 1, 1, 1)
    contrast = uniform(1 - how.contrast, 1 + how.contrast, 1, 1, 1)
    return _Drawn(affine, colour, brightness, contrast, torch.randn(x.shape, generator=generator, device=x.device))


def _applied(x: Tensor, how: Augmentation, drawn: _Drawn) -> Tensor:
    """Views (N, C, H, W) of images x (N, C, H, W) by random numbers that were drawn for each."""
    grid = F.affine_grid(drawn.affine, list(x.shape), align_corners=False)
    x = F.grid_sample(x, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
    # In place, as this tensor is ours: each new one would cost a pass through memory.
    if drawn.colour is not None:
        x.mul_(drawn.colour)
    x.mul_(drawn.brightness)
    mean = x.mean((1, 2, 3), keepdim=True)
    x.sub_(mean).mul_(drawn.contrast).add_(mean)
    x.add_(drawn.noise.mul_(how.noise))
    return x.clamp_(0.0, 1.0)
