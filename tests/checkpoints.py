"""Small weights files for tests: real ones of tiny networks, and hollow ones of large networks, which take no room."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import timm
import torch
import torchvision
from torch import Tensor

Tensors = dict[str, Tensor]


def whole(arch: str, **settings: Any) -> Tensors:
    """The entries of an architecture with its classifier, with weights of its own."""
    library, _, name = arch.partition(":")
    torch.manual_seed(7)
    if library == "timm":
        return dict(timm.create_model(name, pretrained=False, **settings).state_dict())
    return dict(torchvision.models.get_model(name, weights=None, **settings).state_dict())


def hollow(arch: str, **settings: Any) -> Tensors:
    """Entries of the names and shapes of an architecture that all share one number: a file of them is small."""
    with torch.device("meta"):
        shapes = whole(arch, **settings)
    return {name: torch.zeros((), dtype=value.dtype).expand(value.shape) for name, value in shapes.items()}


def prefixed(prefix: str, tensors: Mapping[str, Tensor]) -> Tensors:
    return {prefix + name: value for name, value in tensors.items()}


def saved(path: Path, content: Any) -> Path:
    torch.save(content, path)
    return path


def as_openai_clip(tensors: Mapping[str, Tensor]) -> Tensors:
    """A CLIP tower of timm by the names and in the shapes of OpenAI's; views, so that a hollow one stays hollow."""
    names = (
        (r"^patch_embed\.proj", "conv1"),
        (r"^pos_embed", "positional_embedding"),
        (r"^cls_token", "class_embedding"),
        (r"^norm_pre", "ln_pre"),
        (r"^norm\.", "ln_post."),
        (r"^blocks\.", "transformer.resblocks."),
        (r"\.norm", ".ln_"),
        (r"qkv\.", "in_proj_"),
        (r"attn\.proj", "attn.out_proj"),
        (r"mlp\.fc1", "mlp.c_fc"),
        (r"mlp\.fc2", "mlp.c_proj"),
        (r"^head\.weight", "proj"),
    )
    tower = {}
    for name, value in tensors.items():
        if name == "head.bias":
            continue
        renamed = name
        for pattern, new in names:
            renamed = re.sub(pattern, new, renamed)
        shaped = {"proj": lambda v: v.T, "class_embedding": lambda v: v[0, 0], "positional_embedding": lambda v: v[0]}
        tower[f"visual.{renamed}"] = shaped.get(renamed, lambda v: v)(value)
    text = {"positional_embedding": torch.ones(77, 8), "logit_scale": torch.ones(()), "ln_final.weight": torch.ones(8)}
    return {**tower, **text}
