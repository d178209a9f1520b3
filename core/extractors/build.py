"""Building a frozen extractor: preprocessing, backbone and weights as one differentiable module."""

import hashlib
from collections.abc import Iterator
from itertools import chain

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.extractors import names
from core.extractors.networks import network
from core.extractors.registry import ExtractorInfo
from core.extractors.weights import state_dict
from core.system.errors import WeightsError


class Extractor(nn.Module):
    """f: images (N, C, H, W) in [0, 1], C = 1 or 3, to features (N, width).

    Always frozen and in eval mode: BatchNorm uses its running statistics, and parameters take no gradient.
    Gradients flow to the images, through the resize and the normalisation.

    Args:
        info: the record.
        backbone: images (N, 3, input_size, input_size), normalised, to features (N, width).
        input_size: side in pixels to which images are resized.
    """

    mean: Tensor
    std: Tensor
    hashed: dict[object, "hashlib._Hash"]
    """Hashes of the weights that `features.digest` reuses, by their version and the shape of the images."""

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
        """Address and modification count of every tensor: equal as long as nothing has written to a weight."""
        return tuple((tensor.data_ptr(), tensor._version) for tensor in self._tensors())

    @property
    def bytes(self) -> int:
        """Bytes of all weights."""
        return sum(tensor.nbytes for tensor in self._tensors())

    def _tensors(self) -> Iterator[Tensor]:
        return chain(self.parameters(), self.buffers())

    def train(self, mode: bool = True) -> "Extractor":
        """Stay in eval mode: a frozen extractor has no other."""
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

    Args:
        info: the record.
        input_size: side in pixels to which images are resized.
        device: where it computes.

    Raises:
        WeightsError: the weights are missing or do not fit the architecture.
    """
    backbone = _BUILDERS["file" if names.is_user_supplied(info.name) else info.library](info)
    extractor = Extractor(info, backbone, input_size)
    return extractor.to(device).to(memory_format=torch.channels_last)


# timm and torchvision take seconds to import, half of them for torch's compiler: only where a network is theirs.


def _file(info: ExtractorInfo) -> nn.Module:
    from core.extractors import files

    return files.build(info)


def _timm(info: ExtractorInfo) -> nn.Module:
    import timm

    from core.extractors.architectures import backbone as network_of

    # Random weights come from a separate, fixed seed: a control must be the same in every run.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        backbone = network_of(info.library, info.arch)
    if info.weights:
        with torch.device("meta"):  # names and shapes only
            whole = timm.create_model(info.arch, pretrained=False)
        load(backbone, map_in_order(state_dict(info), whole), info)
    return backbone


def _torchvision(info: ExtractorInfo) -> nn.Module:
    from core.extractors.architectures import backbone as network_of

    backbone = network_of(info.library, info.arch)
    if info.weights:
        load(backbone, state_dict(info), info)
    return backbone


def _own(info: ExtractorInfo) -> nn.Module:
    backbone = network(info.arch)
    load(backbone, state_dict(info), info)
    return backbone


_BUILDERS = {"file": _file, "timm": _timm, "torchvision": _torchvision, "own": _own}


def map_in_order(source: dict[str, Tensor], target: nn.Module) -> dict[str, Tensor]:
    """Weights renamed to another implementation's names, entry by entry; shapes stay as they are, (out, in, ...).

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
    """Load weights into a backbone; entries that it lacks, such as the classifier's, are ignored.

    Args:
        backbone: the module.
        weights: by name, in the shapes of the backbone's own.
        info: the record, for messages.

    Raises:
        WeightsError: an entry is missing or has another shape.
    """
    expected = backbone.state_dict()
    try:
        backbone.load_state_dict({key: weights[key] for key in expected})
    except (KeyError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise WeightsError(f"The weights of {info.name!r} do not fit {info.arch}: {reason}.") from error
