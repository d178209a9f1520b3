"""The user's own weights files: their records, and their networks. How they are named is in `core.extractors.names`."""

import hashlib
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

import timm
from pydantic import BaseModel, Field, ValidationError
from safetensors import SafetensorError, safe_open
from torch import nn

from core.extractors import assumptions, checkpoints, names, overrides, sources
from core.extractors.architectures import PIXELS, backbone, check_known, measures, skeleton
from core.extractors.assumptions import Reading, Triple
from core.extractors.fitting import fit
from core.extractors.names import FileName
from core.extractors.overrides import Overrides
from core.extractors.registry import IMAGENET, ExtractorInfo
from core.system.errors import WeightsError

SIZES = (64, 128, 224)
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


@dataclass(frozen=True)
class _Preprocessing:
    """Mean, deviation and input sizes, the default first, and whose they are, for people; "" for a file's own."""

    mean: Triple
    std: Triple
    sizes: tuple[int, ...]
    whose: str = ""


def info(name: str) -> ExtractorInfo:
    """The record of a user-supplied extractor, with its name resolved.

    Raises:
        SpecError: the name is not LIBRARY:ARCH@FILE, or the architecture or an option is unknown.
        WeightsError: the file is missing, of an unknown kind, does not fit the architecture, or has changed since the
            name was resolved.
    """
    named = names.parse(name)
    path = named.path
    if path.suffix.lower() not in names.SUFFIXES:
        raise WeightsError(f"Weights file {path} is not one of {', '.join(names.SUFFIXES)}.")
    if not path.is_file():
        raise WeightsError(f"Weights file {path} is missing: put it there, or name another.")
    status = path.stat()
    digest = _digest(path, status.st_mtime_ns, status.st_size)
    if named.digest not in (None, digest):
        raise WeightsError(f"Weights file {path} has changed since: its SHA-256 does not begin with {named.digest}.")
    return _info(replace(named, digest=digest))


@lru_cache(maxsize=64)
def _info(named: FileName) -> ExtractorInfo:
    """The record of a file, which its digest identifies."""
    library, arch, path = named.library, named.arch, named.path
    check_known(library, arch)
    record = _record(path) if library == "own" else None
    preprocessing = _preprocessing(library, arch, record)
    checkpoint = checkpoints.read(path)
    source = sources.source_of(sources.Context(checkpoint, named.digest or "", library, arch, skeleton(library, arch)))
    options = _needed(named.options, source, library, arch, preprocessing)
    found = fit(checkpoint, library, arch, options)
    if found.tree.is_ema and not all(other.is_ema for other in found.others):
        options = options.filled(weights="ema")  # a file that holds both was once read otherwise
    mean, std = options.mean or preprocessing.mean, options.std or preprocessing.std
    of_architecture = options.of_architecture
    reading = Reading(
        checkpoint=checkpoint,
        fit=found,
        model=skeleton(library, arch, of_architecture),
        given=named.options,
        source=source,
        mean=mean,
        std=std,
        normalised_by=preprocessing.whose,
    )
    measured = measures(library, arch, preprocessing.sizes, of_architecture)
    sizes = tuple(measured)
    return ExtractorInfo(
        name=str(replace(named, options=options)),
        title=f"{arch}, {path.name}",
        library=library,
        arch=arch,
        width=measured[sizes[0]].width,
        weights=str(path),
        mean=mean,
        std=std,
        input_sizes=sizes,
        macs=measured[sizes[0]].macs * (PIXELS / sizes[0]) ** 2,
        pretrained_on="unknown" if record is None else record.data,
        method="unknown" if record is None else record.method,
        licence="unknown" if record is None else record.licence,
        paper="unknown",
        domain="" if record is None else record.domain or "",
        notes=assumptions.notes(reading),
        options=options.to_query(),
        widths=tuple(measure.width for measure in measured.values()),
        macs_of_sizes=tuple(measure.macs for measure in measured.values()),
    )


def build(info: ExtractorInfo) -> nn.Module:
    """The backbone of a user-supplied file, with its weights.

    Raises:
        WeightsError: the file can't be read, carries code, or does not fit the architecture.
    """
    # An upload of an earlier version, which took no averaged weights, was not measured at each size.
    options = overrides.parse(info.options) if info.widths else Overrides(weights="raw")
    found = fit(checkpoints.read(Path(info.weights)), info.library, info.arch, options)
    model = backbone(info.library, info.arch, options.of_architecture)
    state = model.state_dict()
    # Updated rather than replaced: it holds the versions of the modules, and counters that old files lack.
    state.update(found.weights)
    model.load_state_dict(state)
    return model


def recorded_arch(path: Path) -> str:
    """The architecture that the record in a file of `pretrain` names.

    Raises:
        WeightsError: the file has no record.
    """
    return _record(path).arch


def _needed(
    given: Overrides, source: sources.Source | None, library: str, arch: str, preprocessing: _Preprocessing
) -> Overrides:
    """Options with what the source of a file needs, as far as the architecture does not have it already."""
    model = skeleton(library, arch)
    present: dict[str, Any] = {
        "heads": assumptions.heads(model),
        "act": assumptions.activation(model),
        "mean": preprocessing.mean,
        "std": preprocessing.std,
    }
    needs = {} if source is None else source.needs
    return given.filled(**{key: value for key, value in needs.items() if present.get(key) != value})


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


def _preprocessing(library: str, arch: str, record: _Record | None) -> _Preprocessing:
    if record is not None:
        return _Preprocessing(record.mean, record.std, (record.input_size,))
    if library == "torchvision":
        fixed = arch.startswith(("vit", "swin"))
        return _Preprocessing(*IMAGENET, (PIXELS,) if fixed else SIZES, "torchvision's values for ImageNet")
    config = timm.get_pretrained_cfg(arch)
    if config is None:
        return _Preprocessing(*IMAGENET, SIZES, "the values for ImageNet, as timm names none")
    size = int(config.input_size[-1])
    sizes = (size,) if config.fixed_input_size else tuple(dict.fromkeys((*SIZES, size)))
    tag = f" {config.tag}" if config.tag else ""
    return _Preprocessing(
        tuple(config.mean), tuple(config.std), sizes, f"the values of timm's {config.architecture}{tag}"
    )


@lru_cache(maxsize=64)
def _digest(path: Path, changed: int, size: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]
