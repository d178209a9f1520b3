"""Arrays cached on disk by content: there whole or not at all, and never needed."""

import logging
import os
import tempfile
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

log = logging.getLogger(__name__)

Array = NDArray[np.float32]


def read(path: Path, rows: int) -> Array | None:
    """A matrix (rows, any), or None where it is not there or damaged, to be computed anew and written over."""
    try:
        found: Array = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        return None
    return found if isinstance(found, np.ndarray) and found.ndim == 2 and len(found) == rows else None


def write(path: Path, array: Array) -> None:
    """Save a matrix atomically. A cache that can't be written costs time later, not the run: it is logged."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
        try:
            with os.fdopen(handle, "wb") as file:
                np.save(file, array, allow_pickle=False)
            os.replace(name, path)
        finally:
            Path(name).unlink(missing_ok=True)
    except OSError as error:
        log.warning("The cache can't be written to %s: %s", path, error)
