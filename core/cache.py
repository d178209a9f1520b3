"""What is cached on disk by content: there whole or not at all, and never needed."""

import logging
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.files import replacing

log = logging.getLogger(__name__)

Array = NDArray[np.float32]

MAPPED = 64 << 20
"""Bytes from which a matrix is mapped from the disk instead of read into memory."""


def read(path: Path, rows: int) -> Array | None:
    """A matrix (rows, any), or None where it is not there or damaged, to be computed anew and written over.

    A large one is mapped, not read: memory is taken by what is used of it. Writing to it changes this copy alone.
    """
    try:
        large = path.stat().st_size >= MAPPED
        found: Array = np.load(path, mmap_mode="c" if large else None, allow_pickle=False)
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


def keep(path: Path, parts: Callable[[], Iterator[Array]], shape: tuple[int, int]) -> Array:
    """Save a float32 matrix that comes in parts of some rows each, and `read` it: a large one is never whole in memory.

    Args:
        parts: begins to make the parts; called again where the cache can't be written, to keep the matrix in memory.
    """
    try:
        with replacing(path) as file:
            header = {"descr": "<f4", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            for part in parts():
                file.write(np.ascontiguousarray(part, "<f4").data)
    except OSError as error:
        log.warning("The cache can't be written to %s: %s", path, error)
        return np.concatenate(list(parts()))
    found = read(path, shape[0])
    return np.concatenate(list(parts())) if found is None else found
