"""Small residual networks that work at the resolution of small images (He et al. 2016, arXiv 1512.03385)."""

from dataclasses import dataclass

from torch import Tensor, nn

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


class _Block(nn.Module):
    """Two convolutions and a shortcut; the names of all parts are those of timm and torchvision."""

    def __init__(self, inputs: int, outputs: int, stride: int, downsample: nn.Module | None) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.act1 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.act2 = nn.ReLU(inplace=True)
        self.downsample = downsample

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        x = self.act1(self.bn1(self.conv1(x)))
        x = self.bn2(self.conv2(x))
        x += shortcut
        return self.act2(x)  # type: ignore[no-any-return]


class _Network(nn.Module):
    """A residual network of an `Arch`.

    Weights are drawn in the order in which timm's `ResNet` draws them, which these networks were made of before: a seed
    still means the same weights, and a recipe the same extractor.
    """

    def __init__(self, arch: Arch) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, STEM, 7, bias=False)  # timm's stem, for what it draws
        self.bn1 = nn.BatchNorm2d(STEM)
        self.act1 = nn.ReLU(inplace=True)
        inputs = STEM
        strides = (1, 2, 2, arch.last_stride)
        for stage, (layers, outputs, stride) in enumerate(zip(arch.layers, arch.channels, strides, strict=True)):
            blocks = []
            for layer in range(layers):
                step = stride if layer == 0 else 1
                downsample = None
                if layer == 0 and (stage > 0 or inputs != outputs):
                    convolution = nn.Conv2d(inputs, outputs, 1, stride=step, bias=False)
                    downsample = nn.Sequential(convolution, nn.BatchNorm2d(outputs))
                blocks.append(_Block(inputs, outputs, step, downsample))
                inputs = outputs
            self.add_module(f"layer{stage + 1}", nn.Sequential(*blocks))
        self.global_pool = nn.Sequential(nn.AdaptiveAvgPool2d(arch.pool), nn.Flatten())
        for part in self.modules():
            if isinstance(part, nn.Conv2d):
                nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(part, _Block):
                nn.init.zeros_(part.bn2.weight)
        # The usual stem, 7 x 7 at stride 2 and a pool, would leave too little of 28 pixels.
        self.conv1 = nn.Conv2d(3, STEM, 3, stride=arch.stride, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.act1(self.bn1(self.conv1(x)))
        for stage in range(1, 5):
            x = self.get_submodule(f"layer{stage}")(x)
        return self.global_pool(x)  # type: ignore[no-any-return]


def network(name: str) -> nn.Module:
    """A network with random weights: images (N, 3, H, W) to features (N, width of its `Arch`).

    Raises:
        SpecError: no architecture has this name.
    """
    if name not in ARCHS:
        raise unknown("architecture", name, ARCHS)
    return _Network(ARCHS[name])
