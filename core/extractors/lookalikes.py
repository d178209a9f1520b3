"""The architecture that a weights file looks like, for the message that refuses it."""

import difflib
import re
from collections.abc import Callable, Iterator, Mapping

import timm
import torchvision
from torch import Tensor

from core.extractors.checkpoints import Checkpoint
from core.system.errors import PoisonLabError

MOST = 24
"""Architectures that are compared at most: a message must not take longer than a run."""
_RESNETS = (
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet101",
    "resnet152",
    "wide_resnet50_2",
    "resnext50_32x4d",
    "wide_resnet101_2",
    "resnext101_32x8d",
    "resnext101_64x4d",
)
_SIZES = {
    192: "tiny",
    384: "small",
    768: "base",
    1024: "large",
    1152: "so400m",
    1280: "huge",
    1408: "giant",
    1536: "giant",
}
"""Names of vision transformers by their width."""
_BLOCK = re.compile(r"(?:^|\.)(?:blocks|transformer\.resblocks)\.(\d+)\.")
_LAYER = re.compile(r"(?:^|\.)layer([1-4])\.(\d+)\.")


def looks_like(checkpoint: Checkpoint, library: str, arch: str, is_whole: Callable[[str, str], bool]) -> str:
    """The architecture that a file was probably made with, as part of a sentence; "" if nothing is known.

    Args:
        checkpoint: the content of the file.
        library, arch: what it was taken for.
        is_whole: whether it fits an architecture of a library, with nothing left over.
    """
    tensors = {name: value for dictionary in checkpoint.dictionaries for name, value in dictionary.tensors.items()}
    if library == "own":
        return ""
    for candidate in _candidates(tensors, library, arch):
        try:
            if candidate != arch and is_whole(library, candidate):
                return f"{library}:{candidate}"
        except PoisonLabError:
            continue
    return _transformer(tensors) or _resnet(tensors)


def _candidates(tensors: Mapping[str, Tensor], library: str, arch: str) -> list[str]:
    """Architectures of a library to compare, the most likely first."""
    known = set(timm.list_models()) if library == "timm" else set(torchvision.models.list_models(torchvision.models))
    if any(_LAYER.search(name) for name in tensors):
        return [name for name in _RESNETS if name in known]
    if library == "timm" and (size := _SIZES.get(_width(tensors), "")):
        patch = _patch(tensors)
        names = [
            name for name in known if re.match(rf"vit_(\w+_)?{size}_patch{patch}_|deit3?_{size}_patch{patch}_", name)
        ]
    else:
        stem = re.match(r"[a-z]+", arch)
        names = [name for name in known if stem and name.startswith(stem[0])]
    return sorted(names, key=lambda name: -difflib.SequenceMatcher(None, arch, name).ratio())[:MOST]


def _transformer(tensors: Mapping[str, Tensor]) -> str:
    """A vision transformer in words; "" for other networks."""
    width, patch = _width(tensors), _patch(tensors)
    depth = 1 + max((int(match[1]) for name in tensors if (match := _BLOCK.search(name))), default=-1)
    if not (width and patch and depth):
        return ""
    registers = next((value.shape[1] for name, value in _ending(tensors, "register_tokens", "reg_token")), 0)
    scale = any(name.endswith(("ls1.gamma", "gamma_1")) for name in tensors)
    more = [*([f"{registers} register tokens"] if registers else []), *(["LayerScale"] if scale else [])]
    return " and ".join(
        [f"a vision transformer of width {width} with {depth} blocks, patches of {patch} × {patch}", *more]
    )


def _resnet(tensors: Mapping[str, Tensor]) -> str:
    """A ResNet in words; "" for other networks."""
    blocks: dict[int, int] = {}
    for name in tensors:
        if match := _LAYER.search(name):
            layer, block = int(match[1]), int(match[2])
            blocks[layer] = max(blocks.get(layer, 0), block + 1)
    if sorted(blocks) != [1, 2, 3, 4]:
        return ""
    kind = "bottleneck" if any(_ending(tensors, "layer1.0.conv3.weight")) else "basic"
    return f"a ResNet with {', '.join(str(blocks[i]) for i in (1, 2, 3))} and {blocks[4]} {kind} blocks"


def _width(tensors: Mapping[str, Tensor]) -> int:
    """Width of a vision transformer; 0 for other networks."""
    if not any(_BLOCK.search(name) for name in tensors):
        return 0
    return next((value.shape[0] for _, value in _embedding(tensors)), 0)


def _patch(tensors: Mapping[str, Tensor]) -> int:
    return next((value.shape[-1] for _, value in _embedding(tensors)), 0)


def _embedding(tensors: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    found = _ending(tensors, "patch_embed.proj.weight", "visual.conv1.weight")
    return ((name, value) for name, value in found if value.dim() == 4)


def _ending(tensors: Mapping[str, Tensor], *names: str) -> Iterator[tuple[str, Tensor]]:
    return ((name, value) for name, value in tensors.items() if name.endswith(names))
