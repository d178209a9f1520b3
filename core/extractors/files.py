"""Weights files that a person brings: `timm:ARCH@FILE`, `torchvision:ARCH@FILE`, or `own:ARCH@FILE` of `pretrain`.

A name that was resolved ends with `#` and 16 digits of the file's SHA-256: another content is another extractor.
"""

import hashlib
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated

import timm
import torch
import torchvision
from pydantic import BaseModel, Field, ValidationError
from safetensors import SafetensorError, safe_open
from timm.models.vision_transformer import VisionTransformer, checkpoint_filter_fn
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from core.extractors.networks import network
from core.extractors.registry import IMAGENET, ExtractorInfo
from core.extractors.weights import read_safetensors, unpickled
from core.system.errors import SpecError, WeightsError

LIBRARIES = ("timm", "torchvision", "own")
SUFFIXES = (".safetensors", ".pt", ".pth")
SIZES = (64, 128, 224)
INSIDE = ("state_dict", "model", "teacher", "student", "model_state_dict", "module", "net")
"""Keys under which published checkpoints keep their tensors; DINO's teacher goes before its student."""
PREFIXES = (
    "",
    "module.",
    "model.",
    "backbone.",
    "module.backbone.",
    "encoder.",
    "module.encoder.",
    "base_encoder.",
    "module.base_encoder.",
    "encoder_q.",
    "module.encoder_q.",
    "visual.",
    "module.visual.",
    "visual.trunk.",
)
"""Before the names of a backbone in checkpoints of SimCLR, MoCo (v3: `module.base_encoder.`), DINO and CLIP."""
_NAME = re.compile(rf"({'|'.join(LIBRARIES)}):([^@\s]+)@(.+?)(?:#([0-9a-f]{{16}}))?")
_PIXELS = 224
_Finite = Annotated[float, Field(allow_inf_nan=False)]
_Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
_Text = Annotated[str, Field(max_length=100)]


class _Record(BaseModel):
    """What is read of the record in a file of `pretrain`: anybody can write anything there."""

    arch: _Text = ""
    mean: tuple[_Finite, _Finite, _Finite]
    std: tuple[_Positive, _Positive, _Positive]
    input_size: int = Field(ge=8, le=1024)
    data: _Text = "unknown"
    method: _Text = "unknown"
    licence: _Text = "unknown"
    domain: _Text | None = None


def is_user_supplied(name: str) -> bool:
    """Whether a name asks for a person's file rather than for an entry of the registry."""
    return name.startswith(("upload:", *(f"{library}:" for library in LIBRARIES)))


def info(name: str) -> ExtractorInfo:
    """The record of a brought extractor, its name resolved.

    Raises:
        SpecError: the name is not LIBRARY:ARCH@FILE, or no such architecture.
        WeightsError: the file is missing, of an unknown kind, or has changed since the name was resolved.
    """
    match = _NAME.fullmatch(name)
    if match is None:
        allowed = ", ".join(f"{library}:ARCH@FILE" for library in LIBRARIES)
        raise SpecError(f"Extractor {name!r} can't be read. Allowed: {allowed}, e.g. timm:resnet18@weights.pth.")
    library, arch, file, expected = match.groups()
    path = Path(file).expanduser().absolute()
    if path.suffix not in SUFFIXES:
        raise WeightsError(f"Weights file {path} is not one of {', '.join(SUFFIXES)}.")
    if not path.is_file():
        raise WeightsError(f"Weights file {path} is missing: put it there, or name another.")
    status = path.stat()
    digest = _digest(path, status.st_mtime_ns, status.st_size)
    if expected not in (None, digest):
        raise WeightsError(f"Weights file {path} has changed since: its SHA-256 does not begin with {expected}.")
    about = _record(path) if library == "own" else None
    mean, std, sizes = _preprocessing(library, arch, about)
    width, macs = _measure(library, arch, sizes[0])
    return ExtractorInfo(
        name=f"{library}:{arch}@{path}#{digest}",
        title=f"{arch}, {path.name}",
        library=library,
        arch=arch,
        width=width,
        weights=str(path),
        mean=mean,
        std=std,
        input_sizes=sizes,
        macs=macs,
        pretrained_on="unknown" if about is None else about.data,
        method="unknown" if about is None else about.method,
        licence="unknown" if about is None else about.licence,
        paper="unknown",
        domain="" if about is None else about.domain or "",
    )


def backbone(library: str, arch: str) -> nn.Module:
    """An architecture without its classifier, with random weights."""
    if library == "own":
        return network(arch)
    if library == "timm":
        model: nn.Module = timm.create_model(arch, pretrained=False, num_classes=0)
        return model
    model = torchvision.models.get_model(arch, weights=None)
    last, _ = list(model.named_children())[-1]
    setattr(model, last, nn.Identity())
    return model


def build(info: ExtractorInfo) -> nn.Module:
    """The backbone of a brought file, with its weights.

    Raises:
        WeightsError: the file can't be read, carries code, or lacks entries of the architecture.
    """
    path = Path(info.weights)
    found = _tensors(path)
    with torch.device("meta"):  # a small file must not make room for a network of gigabytes
        model = backbone(info.library, info.arch)
    wanted = model.state_dict()
    fitting = _without_prefix(found, wanted)
    if isinstance(model, VisionTransformer) and wanted.keys() - fitting.keys():
        # timm knows how DINOv2 and CLIP name and shape what its own transformers have.
        try:
            converted = checkpoint_filter_fn(dict(found), model)
        except (KeyError, ValueError, RuntimeError, AttributeError):
            converted = {}
        fitting = _without_prefix(converted, wanted) or fitting
    missing = sorted(wanted.keys() - fitting.keys())
    if missing:
        raise WeightsError(
            f"Weights file {path} does not fit {info.library}:{info.arch}: {len(missing)} of {len(wanted)} entries are "
            f"missing or have another shape, such as {missing[0]!r}. Name the architecture that it was made with."
        )
    model = backbone(info.library, info.arch)
    model.load_state_dict(fitting)
    return model


def _without_prefix(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The entries that the model wants, under the prefix that gives the most of them."""

    def under(prefix: str) -> dict[str, Tensor]:
        named = ((name, found.get(prefix + name)) for name in wanted)
        return {name: value for name, value in named if value is not None and value.shape == wanted[name].shape}

    return max((under(prefix) for prefix in PREFIXES), key=len)


def _tensors(path: Path) -> dict[str, Tensor]:
    """All tensors of a file by name."""
    if path.suffix == ".safetensors":
        return read_safetensors(path)
    loaded = unpickled(path)
    for key in INSIDE:
        if isinstance(loaded, Mapping) and isinstance(loaded.get(key), Mapping):
            loaded = loaded[key]
    tensors = {k: v for k, v in loaded.items() if isinstance(v, Tensor)} if isinstance(loaded, Mapping) else {}
    if not tensors:
        raise WeightsError(f"Weights file {path} holds no dictionary of tensors.")
    return tensors


def recorded_arch(path: Path) -> str:
    """The architecture that a file of `pretrain` says it is of.

    Raises:
        WeightsError: the file has no record.
    """
    return _record(path).arch


def _record(path: Path) -> _Record:
    try:
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {})["record"]
    except (SafetensorError, OSError, KeyError) as error:
        raise WeightsError(f"Weights file {path} has no record: 'python -m core pretrain' did not make it.") from error
    try:
        return _Record.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "text"
        raise WeightsError(f"The record of weights file {path} can't be used: {where}: {first['msg']}.") from error


def _preprocessing(
    library: str, arch: str, about: _Record | None
) -> tuple[tuple[float, float, float], tuple[float, float, float], tuple[int, ...]]:
    """Mean, deviation and input sizes, the default first."""
    if about is not None:
        return about.mean, about.std, (about.input_size,)
    if library == "torchvision":
        fixed = arch.startswith(("vit", "swin"))
        return *IMAGENET, (_PIXELS,) if fixed else SIZES
    config = timm.get_pretrained_cfg(arch)
    if config is None:
        raise SpecError(f"timm has no architecture {arch!r}; see timm.list_models().")
    size = int(config.input_size[-1])
    sizes = (size,) if config.fixed_input_size else tuple(dict.fromkeys((*SIZES, size)))
    return tuple(config.mean), tuple(config.std), sizes


@lru_cache(maxsize=64)
def _measure(library: str, arch: str, size: int) -> tuple[int, float]:
    """Width, and multiply-adds at 224 pixels, of an architecture; nothing is allocated."""
    try:
        with torch.device("meta"):
            model = backbone(library, arch).eval()
    except (RuntimeError, ValueError, TypeError) as error:
        raise SpecError(f"{library} has no architecture {arch!r} that ends with features.") from error
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        features = model(torch.empty(1, 3, size, size, device="meta"))
    if features.dim() != 2:
        raise SpecError(f"{library}:{arch} gives {features.dim() - 1} dimensions for an image; a vector is needed.")
    return features.shape[1], counter.get_total_flops() / 2 * (_PIXELS / size) ** 2


@lru_cache(maxsize=64)
def _digest(path: Path, changed: int, size: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]
