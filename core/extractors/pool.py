"""Extractors that a process holds from run to run: weights are read and hashed once, and what is held is bounded."""

import logging
import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

import torch

from core.extractors.build import Extractor, build
from core.extractors.registry import ExtractorInfo
from core.extractors.weights import file_of
from core.system.retention import MEGABYTE
from core.system.settings import model_megabytes

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Key:
    """What makes an extractor: a file that was written to since is another one."""

    info: ExtractorInfo
    file: tuple[Path, int, int, int] | None
    input_size: int
    device: torch.device


_held: OrderedDict[_Key, tuple[Extractor, object]] = OrderedDict()
"""With the version at which each was built, what was used last at the end."""
_lock = threading.Lock()


def extractor(info: ExtractorInfo, input_size: int, device: torch.device) -> Extractor:
    """An extractor on a device: the one that is held, else a new one, which is then held while there is room.

    Runs share it, so none may write to it; one that was written to all the same is built anew.

    Raises:
        WeightsError: the weights are missing or do not fit the architecture.
        SettingError: `POISON_LAB_MODEL_MEGABYTES` can't be read.
    """
    limit = model_megabytes() * MEGABYTE
    with _lock:
        key = _Key(info, _identity(file_of(info)), input_size, device)
        found, version = _held.pop(key, (None, None))
        if found is not None and found.version != version:
            log.warning("Extractor %s was written to by a run; it is built anew", info.name)
            found = None
        found = found or build(info, input_size, device)
        _held[key] = (found, found.version)
        while sum(one.bytes for one, _ in _held.values()) > limit:
            _held.popitem(last=False)
    return found


def _identity(path: Path | None) -> tuple[Path, int, int, int] | None:
    """What changes when a file is written to or replaced; of one that is missing `build` knows what to say."""
    if path is None or not path.is_file():
        return None
    status = path.stat()
    return path, status.st_mtime_ns, status.st_size, status.st_ino
