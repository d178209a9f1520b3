"""What is cached on disk by content: there whole or not at all, and never needed."""

import logging
import os
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core import paths, room
from core.files import replacing

log = logging.getLogger(__name__)

Array = NDArray[np.float32]

MAPPED = 64 << 20
"""Bytes from which a matrix is mapped from the disk instead of read into memory."""

YOUNG_SECONDS = 3600.0
"""After its last use a file stays for so long: a run that takes its time may still read it, mapped from the disk."""


def read(path: Path, rows: int) -> Array | None:
    """A matrix (rows, any), or None where it is not there or damaged, to be computed anew and written over.

    A large one is mapped, not read: memory is taken by what is used of it. Writing to it changes this copy alone.
    """
    try:
        large = path.stat().st_size >= MAPPED
        found: Array = np.load(path, mmap_mode="c" if large else None, allow_pickle=False)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        return None
    use(path)
    return found if isinstance(found, np.ndarray) and found.ndim == 2 and len(found) == rows else None


def use(path: Path) -> None:
    """Note that a file was read now; nothing where it ships, or where that can't be written."""
    if path.is_relative_to(paths.cache()):
        with suppress(OSError):
            os.utime(path)


def pieces() -> list[room.Piece]:
    """All that can be deleted."""
    found = []
    for path in paths.cache().rglob("*"):
        with suppress(OSError):  # just deleted by another process
            stat = path.stat()
            if path.is_file():
                name = path.relative_to(paths.cache()).as_posix()
                found.append(room.Piece(name, room.size_of(path), stat.st_mtime))
    return found


def clean(limit: int, *, dry_run: bool = False) -> room.Cleaned:
    """Delete what was used least recently until the rest takes `limit` bytes.

    What is read meanwhile is read to its end. Several processes may clean at once: what is gone is as good as deleted.

    Args:
        limit: in bytes.
        dry_run: only say what would go.
    """

    def remove(piece: room.Piece) -> bool:
        if dry_run:
            return True
        path = paths.cache() / piece.name
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            log.warning("%s can't be deleted: %s", path, error)
        return not path.exists()

    cleaned = room.make(pieces(), limit, remove, now=time.time(), young=YOUNG_SECONDS)
    if cleaned.gone and not dry_run:
        count, freed = len(cleaned.gone), room.words(cleaned.freed)
        log.info("Cached files deleted to make room: %d, %s", count, freed, extra={"bytes": cleaned.freed})
    return cleaned


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
