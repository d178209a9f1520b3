"""Building a frozen extractor: preprocessing, backbone and weights as one differentiable module."""

import hashlib
from collections.abc import Iterator
from itertools import chain

import timm
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.extractors import files
from core.extractors.registry import ExtractorInfo
from core.extractors.weights import state_dict
from core.system.errors import WeightsError


class Extractor(nn.Module):
    """f: images (N, C, H, W) in [0, 1], C = 1 or 3, to features (N, width).

    Frozen and in eval mode for good: BatchNorm uses its running statistics, parameters take no gradient.
    The images' own gradient flows, through the resize and the normalisation.
    """

    mean: Tensor
    std: Tensor
    hashed: dict[object, "hashlib._Hash"]
    """What `features.digest` has seen of the weights, by their version and the shape of the images."""

    def __init__(self, info: ExtractorInfo, backbone: nn.Module, input_size: int) -> None:
        super().__init__()
        self.info = info
        self.input_size = input_size
        self.backbone = backbone
        self.register_buffer("mean", torch.tensor(info.mean)[:, None, None])
        self.register_buffer("std", torch.tensor(info.std)[:, None, None])
        self.requires_grad_(False)
        self.train(False)
        self.hashed = {}

    @property
    def version(self) -> tuple[tuple[int, int], ...]:
        """Equal as long as nothing has written to a weight: where each tensor lies, and how often it was changed."""
        return tuple((tensor.data_ptr(), tensor._version) for tensor in self._tensors())

    @property
    def bytes(self) -> int:
        """Bytes of all weights."""
        return sum(tensor.nbytes for tensor in self._tensors())

    def _tensors(self) -> Iterator[Tensor]:
        return chain(self.parameters(), self.buffers())

    def train(self, mode: bool = True) -> "Extractor":
        """Stay in eval mode whatever is asked for: a frozen extractor has no other."""
        super().train(False)
        return self

    def forward(self, x: Tensor) -> Tensor:
        """Features (N, width) of images (N, C, H, W) in [0, 1]."""
        if x.shape[1] == 1:
            x = x.expand(-1, 3, -1, -1)
        size = (self.input_size, self.input_size)
        if x.shape[-2:] != size:
            shrinks = x.shape[-1] > self.input_size
            x = F.interpolate(x, size=size, mode="bilinear", align_corners=False, antialias=shrinks)
        x = ((x - self.mean) / self.std).contiguous(memory_format=torch.channels_last)
        features: Tensor = self.backbone(x)
        return features


def build(info: ExtractorInfo, input_size: int, device: torch.device) -> Extractor:
    """Build an extractor with its weights on a device.

    Raises:
        WeightsError: the weights are missing or do not fit the architecture.
    """
    backbone = files.build(info) if files.is_user_supplied(info.name) else _BUILDERS[info.library](info)
    extractor = Extractor(info, backbone, input_size)
    return extractor.to(device).to(memory_format=torch.channels_last)


def _timm(info: ExtractorInfo) -> nn.Module:
    # Random weights are drawn from a generator of their own: a control must be the same in every run.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        backbone = files.backbone(info.library, info.arch)
    if info.weights:
        with torch.device("meta"):  # names and shapes only
            whole = timm.create_model(info.arch, pretrained=False)
        load(backbone, map_in_order(state_dict(info), whole), info)
    return backbone


def _torchvision(info: ExtractorInfo) -> nn.Module:
    backbone = files.backbone(info.library, info.arch)
    if info.weights:
        load(backbone, state_dict(info), info)
    return backbone


def _own(info: ExtractorInfo) -> nn.Module:
    backbone = files.backbone(info.library, info.arch)
    load(backbone, state_dict(info), info)
    return backbone


_BUILDERS = {"timm": _timm, "torchvision": _torchvision, "own": _own}


def map_in_order(source: dict[str, Tensor], target: nn.Module) -> dict[str, Tensor]:
    """Rename weights to another implementation's names, entry by entry.

    Two implementations of one architecture register their layers in the same order, so that the n-th entry
    of one is the n-th of the other; every shape is checked.

    Raises:
        WeightsError: the two do not line up.
    """
    names = target.state_dict()
    same = len(source) == len(names) and all(
        a.shape == b.shape for a, b in zip(source.values(), names.values(), strict=True)
    )
    if not same:
        raise WeightsError("The weights file does not line up with the architecture, entry by entry.")
    return dict(zip(names, source.values(), strict=True))


def load(backbone: nn.Module, weights: dict[str, Tensor], info: ExtractorInfo) -> None:
    """Load weights; entries of the classifier that the backbone was built without are left out.

    Raises:
        WeightsError: an entry is missing or has another shape.
    """
    wanted = backbone.state_dict()
    try:
        backbone.load_state_dict({key: weights[key] for key in wanted})
    except (KeyError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise WeightsError(f"The weights of {info.name!r} do not fit {info.arch}: {reason}.") from error
