"""Random views of a batch of images, each with its own crop, flip and colours."""

from dataclasses import dataclass

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


def view(x: Tensor, how: Augmentation, generator: torch.Generator) -> Tensor:
    """One random view (N, C, H, W) of each image.

    Args:
        x: (N, C, H, W) images in [0, 1].
        how: what may change.
        generator: source of randomness, on the images' device.
    """
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
    grid = F.affine_grid(affine, list(x.shape), align_corners=False)
    x = F.grid_sample(x, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
    if channels > 1:
        x = x * uniform(1 - how.colour, 1 + how.colour, channels, 1, 1)
    x = x * uniform(1 - how.brightness, 1 + how.brightness, 1, 1, 1)
    mean = x.mean((1, 2, 3), keepdim=True)
    x = mean + (x - mean) * uniform(1 - how.contrast, 1 + how.contrast, 1, 1, 1)
    x = x + how.noise * torch.randn(x.shape, generator=generator, device=x.device)
    return x.clamp(0.0, 1.0)
