"""A bounded pool of extractors that a process reuses between runs, so that weights are read and hashed once."""

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
    """What identifies an extractor; a file that was modified is another one."""

    info: ExtractorInfo
    file: tuple[Path, int, int, int] | None
    input_size: int
    device: torch.device


_pool: OrderedDict[_Key, tuple[Extractor, object]] = OrderedDict()
"""Each extractor with its version when it was built; most recently used last."""
_lock = threading.Lock()


def extractor(info: ExtractorInfo, input_size: int, device: torch.device) -> Extractor:
    """An extractor on a device: from the pool, or built and added to it as far as the limit allows.

    Runs share it, so none may write to it; one that was written to nevertheless is rebuilt.

    Args:
        info: the record.
        input_size: side in pixels to which images are resized.
        device: where it computes.

    Raises:
        WeightsError: the weights are missing or do not fit the architecture.
        SettingError: `POISON_LAB_MODEL_MEGABYTES` can't be read.
    """
    limit = model_megabytes() * MEGABYTE
    with _lock:
        key = _Key(info, _identity(file_of(info)), input_size, device)
        pooled, version = _pool.pop(key, (None, None))
        if pooled is not None and pooled.version != version:
            log.warning("Extractor %s was written to by a run; it is rebuilt", info.name)
            pooled = None
        pooled = pooled or build(info, input_size, device)
        _pool[key] = (pooled, pooled.version)
        while sum(extractor.bytes for extractor, _ in _pool.values()) > limit:
            _pool.popitem(last=False)
    return pooled


def _identity(path: Path | None) -> tuple[Path, int, int, int] | None:
    """What changes when a file is modified or replaced; None if it is missing, which `build` reports."""
    if path is None or not path.is_file():
        return None
    status = path.stat()
    return path, status.st_mtime_ns, status.st_size, status.st_ino
