"""Checkpoints whose making is known from their names: what their networks need although no tensor shows it."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from timm.data import OPENAI_CLIP_MEAN, OPENAI_CLIP_STD
from timm.models.vision_transformer import VisionTransformer
from torch import nn

from core.extractors.checkpoints import Checkpoint
from core.extractors.registry import IMAGENET

MOCO_HEADS = 12
"""Heads of all vision transformers of MoCo v3; timm's small ones have 6."""
_PUBLISHED = {
    "inception_v3": ("inception_v3_google-", "0cc3c7bd"),
    "googlenet": ("googlenet-1378be20", "1378be20"),
}
"""What the file names and the SHA-256 of torchvision's own weights begin with that expect transform_input."""


@dataclass(frozen=True)
class Source:
    """A kind of checkpoint.

    Attributes:
        title: its name for people.
        fits: whether a file, the architecture's name and its network belong to it.
        needs: options by name that its networks need.
    """

    title: str
    fits: Callable[["Context"], bool]
    needs: dict[str, Any]


@dataclass(frozen=True)
class Context:
    """What a source is recognised by: the file, its SHA-256, and the architecture that it is loaded into."""

    checkpoint: Checkpoint
    digest: str
    library: str
    arch: str
    model: nn.Module

    @property
    def is_transformer(self) -> bool:
        """Whether the network is a vision transformer of timm."""
        return isinstance(self.model, VisionTransformer)

    def has(self, *beginnings: str) -> bool:
        """Whether, for each beginning, a name of the file begins with it."""
        names = [name for dictionary in self.checkpoint.dictionaries for name in dictionary.tensors]
        return all(any(name.startswith(beginning) for name in names) for beginning in beginnings)

    def holds(self, *keys: str) -> bool:
        """Whether the file nests dictionaries under all these keys."""
        return set(keys) <= {dictionary.keys[0] for dictionary in self.checkpoint.dictionaries if dictionary.keys}


def _is_moco(context: Context) -> bool:
    pairs = [(f"{prefix}base_encoder.", f"{prefix}momentum_encoder.") for prefix in ("", "module.")]
    return context.is_transformer and any(context.has(*pair) for pair in pairs)


def _is_small_moco(context: Context) -> bool:
    return _is_moco(context) and context.arch.startswith("vit_small")


def _is_dino(context: Context) -> bool:
    return context.is_transformer and context.holds("student", "teacher")


def _is_mae(context: Context) -> bool:
    return context.is_transformer and context.has("decoder_embed.", "mask_token")


def _is_openai_clip(context: Context) -> bool:
    # open_clip's own networks have the same names and GELU: its training checkpoints begin with module., the tag of the
    # architecture may name their data, and the largest of OpenAI's is "large".
    base, _, tag = context.arch.partition(".")
    is_other = tag not in ("", "openai") or re.search(r"huge|giant|gigantic", base)
    has_names = context.has("visual.class_embedding", "visual.transformer.resblocks.")
    return context.is_transformer and has_names and not is_other


def _is_published(context: Context) -> bool:
    name, digest = _PUBLISHED.get(context.arch, ("", "-"))
    is_named = bool(name) and context.checkpoint.path.name.startswith(name)
    return context.library == "torchvision" and (is_named or context.digest.startswith(digest))


_IMAGENET = {"mean": IMAGENET[0], "std": IMAGENET[1]}
SOURCES = (
    Source("MoCo v3", _is_small_moco, {"heads": MOCO_HEADS, **_IMAGENET}),
    Source("MoCo v3", _is_moco, _IMAGENET),
    Source("DINO", _is_dino, _IMAGENET),
    Source("MAE", _is_mae, _IMAGENET),
    Source("OpenAI's CLIP", _is_openai_clip, {"act": "quick_gelu", "mean": OPENAI_CLIP_MEAN, "std": OPENAI_CLIP_STD}),
    Source("torchvision's own weights", _is_published, {"transform_input": "true"}),
)
"""Kinds of checkpoints; the first that fits is taken."""


def source_of(context: Context) -> Source | None:
    """The kind of a checkpoint; None if it is not known."""
    return next((source for source in SOURCES if source.fits(context)), None)
