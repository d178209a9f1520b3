"""What is cached on disk by content: there whole or not at all, and never needed."""

import logging
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.files import replacing

log = logging.getLogger(__name__)

Array = NDArray[np.float32]


def read(path: Path, rows: int) -> Array | None:
    """A matrix (rows, any), or None where it is not there or damaged, to be computed anew and written over."""
    try:
        found: Array = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        return None
    return found if isinstance(found, np.ndarray) and found.ndim == 2 and len(found) == rows else None


def write(path: Path, content: Array | bytes) -> None:
    """Save a matrix, or bytes. A cache that can't be written costs time later, not the run: it is logged."""
    try:
        with replacing(path) as file:
            if isinstance(content, bytes):
                file.write(content)
            else:
                np.save(file, content, allow_pickle=False)
    except OSError as error:
        log.warning("The cache can't be written to %s: %s", path, error)
