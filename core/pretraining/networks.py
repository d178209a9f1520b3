"""Small residual networks that work at the resolution of small images (He et al. 2016, arXiv 1512.03385)."""

from dataclasses import dataclass

from timm.models.resnet import BasicBlock, ResNet
from torch import nn

from core.errors import unknown

CHANNELS = (32, 64, 128, 256)
WIDTH = CHANNELS[-1]
"""Features that every network here ends with."""
STEM = 64


@dataclass(frozen=True)
class Arch:
    """Blocks in each of four stages, and the stride of the first convolution."""

    layers: tuple[int, int, int, int]
    stride: int


ARCHS: dict[str, Arch] = {
    "resnet10-small": Arch((1, 1, 1, 1), 2),
    "resnet18-small": Arch((2, 2, 2, 2), 1),
}


def network(name: str) -> nn.Module:
    """A network with fresh weights: images (N, 3, H, W) to features (N, 256).

    Raises:
        SpecError: no architecture has this name.
    """
    if name not in ARCHS:
        raise unknown("architecture", name, ARCHS)
    arch = ARCHS[name]
    model: nn.Module = ResNet(BasicBlock, arch.layers, num_classes=0, channels=CHANNELS)
    # The usual stem, 7 x 7 at stride 2 and a pool, would leave next to nothing of 28 pixels.
    model.conv1 = nn.Conv2d(3, STEM, 3, stride=arch.stride, padding=1, bias=False)
    model.maxpool = nn.Identity()
    return model
