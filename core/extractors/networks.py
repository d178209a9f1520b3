"""Small residual networks that work at the resolution of small images (He et al. 2016, arXiv 1512.03385)."""

from dataclasses import dataclass

from timm.models.resnet import BasicBlock, ResNet
from torch import nn

from core.system.errors import unknown

STEM = 64


@dataclass(frozen=True)
class Arch:
    """One network.

    Attributes:
        layers, channels: of each of the four stages.
        stride: of the first convolution.
        last_stride: of the fourth stage; the second and the third always halve the feature map.
        pool: side of the pooled feature map; the features of its positions are concatenated.
    """

    layers: tuple[int, int, int, int]
    channels: tuple[int, int, int, int]
    stride: int
    last_stride: int = 2
    pool: int = 1

    @property
    def width(self) -> int:
        """Number of features."""
        return self.channels[-1] * self.pool**2


ARCHS: dict[str, Arch] = {
    # The position of a sleeve or a heel distinguishes classes: pooling by quarters keeps what a global mean would lose.
    "resnet10-small": Arch((1, 1, 1, 1), (32, 64, 128, 128), stride=2, last_stride=1, pool=2),
    "resnet18-small": Arch((2, 2, 2, 2), (32, 64, 128, 256), stride=1),
}


def network(name: str) -> nn.Module:
    """A network with random weights: images (N, 3, H, W) to features (N, width of its `Arch`).

    Raises:
        SpecError: no architecture has this name.
    """
    if name not in ARCHS:
        raise unknown("architecture", name, ARCHS)
    arch = ARCHS[name]
    model: nn.Module = ResNet(BasicBlock, arch.layers, num_classes=0, channels=arch.channels)
    # The usual stem, 7 x 7 at stride 2 and a pool, would leave too little of 28 pixels.
    model.conv1 = nn.Conv2d(3, STEM, 3, stride=arch.stride, padding=1, bias=False)
    model.maxpool = nn.Identity()
    for part in model.get_submodule("layer4").modules():
        if isinstance(part, nn.Conv2d) and part.stride != (1, 1):
            part.stride = (arch.last_stride, arch.last_stride)
    model.global_pool = nn.Sequential(nn.AdaptiveAvgPool2d(arch.pool), nn.Flatten())
    return model
