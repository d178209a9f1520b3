"""The user's own weights files: `timm:ARCH@FILE`, `torchvision:ARCH@FILE`, or `own:ARCH@FILE` of `pretrain`.

A resolved name ends with `#` and 16 digits of the file's SHA-256: different content is a different extractor.
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
"""Keys under which published checkpoints nest their tensors; DINO's teacher takes precedence over its student."""
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
"""Prefixes of a backbone's names in checkpoints of SimCLR, MoCo (v3: `module.base_encoder.`), DINO and CLIP."""
_NAME = re.compile(rf"({'|'.join(LIBRARIES)}):([^@\s]+)@(.+?)(?:#([0-9a-f]{{16}}))?")
_PIXELS = 224
_Finite = Annotated[float, Field(allow_inf_nan=False)]
_Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
_Text = Annotated[str, Field(max_length=100)]


class _Record(BaseModel):
    """The record in a file of `pretrain`, as far as it is read; untrusted."""

    arch: _Text = ""
    mean: tuple[_Finite, _Finite, _Finite]
    std: tuple[_Positive, _Positive, _Positive]
    input_size: int = Field(ge=8, le=1024)
    data: _Text = "unknown"
    method: _Text = "unknown"
    licence: _Text = "unknown"
    domain: _Text | None = None


def is_user_supplied(name: str) -> bool:
    """Whether a name is of a user-supplied file rather than of an entry of the registry."""
    return name.startswith(("upload:", *(f"{library}:" for library in LIBRARIES)))


def info(name: str) -> ExtractorInfo:
    """The record of a user-supplied extractor, with its name resolved.

    Raises:
        SpecError: the name is not LIBRARY:ARCH@FILE, or the architecture is unknown.
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
    record = _record(path) if library == "own" else None
    mean, std, sizes = _preprocessing(library, arch, record)
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
        pretrained_on="unknown" if record is None else record.data,
        method="unknown" if record is None else record.method,
        licence="unknown" if record is None else record.licence,
        paper="unknown",
        domain="" if record is None else record.domain or "",
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
    """The backbone of a user-supplied file, with its weights.

    Raises:
        WeightsError: the file can't be read, carries code, or lacks entries of the architecture.
    """
    path = Path(info.weights)
    tensors = _tensors(path)
    with torch.device("meta"):  # a small file must not allocate a network of gigabytes
        model = backbone(info.library, info.arch)
    expected = model.state_dict()
    fitting = _without_prefix(tensors, expected)
    if isinstance(model, VisionTransformer) and expected.keys() - fitting.keys():
        # timm knows how DINOv2 and CLIP name and shape the entries of its own transformers.
        try:
            converted = checkpoint_filter_fn(dict(tensors), model)
        except (KeyError, ValueError, RuntimeError, AttributeError):
            converted = {}
        fitting = _without_prefix(converted, expected) or fitting
    missing = sorted(expected.keys() - fitting.keys())
    if missing:
        raise WeightsError(
            f"Weights file {path} does not fit {info.library}:{info.arch}: {len(missing)} of {len(expected)} entries "
            f"are missing or have another shape, such as {missing[0]!r}. Name the architecture that it was made with."
        )
    model = backbone(info.library, info.arch)
    model.load_state_dict(fitting)
    return model


def _without_prefix(tensors: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The entries that the model expects, under the prefix that matches most of them."""

    def under(prefix: str) -> dict[str, Tensor]:
        named = ((name, tensors.get(prefix + name)) for name in expected)
        return {name: value for name, value in named if value is not None and value.shape == expected[name].shape}

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
    """The architecture that the record in a file of `pretrain` names.

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
    library: str, arch: str, record: _Record | None
) -> tuple[tuple[float, float, float], tuple[float, float, float], tuple[int, ...]]:
    """Mean, deviation and input sizes, the default first."""
    if record is not None:
        return record.mean, record.std, (record.input_size,)
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
    """Width of an architecture, and its multiply-adds at 224 pixels; allocates nothing."""
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
