"""Records of the extractors: weights, preprocessing, width, licence and paper. Without torch."""

from dataclasses import dataclass

from core.spec.sides import SIDE
from core.spec.vectors import NO_EXTRACTOR
from core.system import paths

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


@dataclass(frozen=True)
class ExtractorInfo:
    """One frozen extractor f: images (N, C, H, W) in [0, 1] to features (N, width).

    Attributes:
        library: "timm" or "torchvision", which builds `arch`; "own" for networks of `core.pretraining`.
        weights: file name of the weights; "" for random ones.
        mean, std: per channel, of images in [0, 1]; part of f, as is the resize to the input size.
        input_sizes: sides in pixels that are offered; the first is the default.
        macs: multiply-adds of one forward pass at 224 × 224, for cost estimates.
        pretrained_on: the data set of the pretraining, "" for none, "unknown" if it is not known.
        domain: the domain of that data set; "" for all of them.
        notes: what was assumed of a user's weights file because its tensors can't show it, one sentence each.
        options: what its name says of a user's weights file, and what the file's names show that it needs: see
            `core.extractors.overrides`.
        widths, macs_of_sizes: `width`, and multiply-adds, at each of `input_sizes`, as measured; empty where all sizes
            have one width, and multiply-adds follow from the area.
    """

    name: str
    title: str
    library: str
    arch: str
    width: int
    weights: str
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    input_sizes: tuple[int, ...]
    macs: float
    pretrained_on: str
    method: str
    licence: str
    paper: str
    domain: str = ""
    notes: tuple[str, ...] = ()
    options: str = ""
    widths: tuple[int, ...] = ()
    macs_of_sizes: tuple[float, ...] = ()

    def macs_at(self, input_size: int) -> float:
        """Multiply-adds of one forward pass at another input size."""
        measured = dict(zip(self.input_sizes, self.macs_of_sizes, strict=False))
        return measured.get(input_size, self.macs * (input_size / 224) ** 2)

    def width_at(self, input_size: int) -> int:
        """Number of features at an input size: a network without a pool has more of larger images."""
        return dict(zip(self.input_sizes, self.widths, strict=False)).get(input_size, self.width)


def _torchvision(
    name: str,
    title: str,
    arch: str,
    width: int,
    weights: str,
    sizes: tuple[int, ...],
    macs: float,
    paper: str,
) -> ExtractorInfo:
    return ExtractorInfo(
        name=name,
        title=title,
        library="torchvision",
        arch=arch,
        width=width,
        weights=weights,
        mean=IMAGENET[0],
        std=IMAGENET[1],
        input_sizes=sizes,
        macs=macs,
        pretrained_on="imagenet",
        method="supervised",
        licence="BSD-3-Clause",
        paper=paper,
    )


def _lite0(name: str, title: str, weights: str, pretrained_on: str, method: str) -> ExtractorInfo:
    return ExtractorInfo(
        name=name,
        title=title,
        library="timm",
        arch="tf_efficientnet_lite0",
        width=1280,
        weights=weights,
        mean=(127 / 255,) * 3,
        std=(128 / 255,) * 3,
        input_sizes=(64, 128, 224),
        macs=0.385e9,
        pretrained_on=pretrained_on,
        method=method,
        licence="Apache-2.0",
        paper="Tan, Le 2019 (arXiv 1905.11946)",
    )


def _own(
    name: str,
    title: str,
    pretrained_on: str,
    mean: tuple[float, float, float],
    std: tuple[float, float, float],
    licence: str,
    *,
    input_size: int = 28,
    macs: float = 1.128e9,
    domain: str = "",
) -> ExtractorInfo:
    return ExtractorInfo(
        name=name,
        title=title,
        library="own",
        arch="resnet10-small",
        width=512,
        weights=f"{name}.safetensors",
        mean=mean,
        std=std,
        input_sizes=(input_size,),
        macs=macs,
        pretrained_on=pretrained_on,
        method="simclr",
        licence=licence,
        paper="Chen, Kornblith, Norouzi, Hinton 2020 (arXiv 2002.05709)",
        domain=domain,
    )


EXTRACTORS: dict[str, ExtractorInfo] = {
    record.name: record
    for record in (
        _own(
            "resnet10-small-fashion-mnist",
            "Small ResNet-10, Fashion-MNIST",
            "fashion-mnist",
            (0.286,) * 3,
            (0.353,) * 3,
            "MIT",
        ),
        _own(
            "resnet10-small-mnist",
            "Small ResNet-10, MNIST",
            "mnist",
            (0.131,) * 3,
            (0.309,) * 3,
            "MIT; see MNIST's terms",
        ),
        _own(
            "resnet10-small-emoji-google",
            "Small ResNet-10, emoji of Google",
            "emoji",
            (0.821, 0.77, 0.709),
            (0.287, 0.288, 0.354),
            "MIT; images Apache-2.0",
            input_size=64,
            macs=0.998e9,
            domain="google",
        ),
        _lite0(
            "efficientnet-lite0-imagenet",
            "EfficientNet-Lite0, ImageNet",
            "efficientnet-lite0-57934424.pth",
            "imagenet",
            "supervised",
        ),
        _lite0("efficientnet-lite0-random", "EfficientNet-Lite0, random weights", "", "", "random"),
        _torchvision(
            "resnet18-imagenet",
            "ResNet-18, ImageNet",
            "resnet18",
            512,
            "resnet18-f37072fd.pth",
            (64, 128, 224),
            1.82e9,
            "He, Zhang, Ren, Sun 2016 (arXiv 1512.03385)",
        ),
        _torchvision(
            "resnet50-imagenet",
            "ResNet-50, ImageNet",
            "resnet50",
            2048,
            "resnet50-11ad3fa6.pth",
            (64, 128, 224),
            4.09e9,
            "He, Zhang, Ren, Sun 2016 (arXiv 1512.03385)",
        ),
        _torchvision(
            "vit-b16-imagenet",
            "ViT-B/16, ImageNet",
            "vit_b_16",
            768,
            "vit_b_16-c867db91.pth",
            (224,),
            17.56e9,
            "Dosovitskiy et al. 2021 (arXiv 2010.11929)",
        ),
    )
}


AS_GIVEN = ExtractorInfo(
    name=NO_EXTRACTOR,
    title="Features as given",
    library="none",
    arch="none",
    width=0,
    weights="",
    mean=(0.0, 0.0, 0.0),
    std=(1.0, 1.0, 1.0),
    input_sizes=(SIDE,),
    macs=0.0,
    pretrained_on="unknown",
    method="unknown",
    licence="yours",
    paper="",
)
"""Of data that are feature vectors, which no extractor sees; no choice for images, so that it is not registered."""


def present(record: ExtractorInfo) -> bool:
    """Whether the weights are on this machine, so that no download is needed."""
    if not record.weights or record.library == "timm":
        return True
    folders = [paths.EXTRACTORS] if record.library == "own" else [paths.weights(), paths.hub()]
    return any((folder / record.weights).is_file() for folder in folders)
