"""What is cached on disk by content: there whole or not at all, checked before it is used, and never needed.

A file ends with the checksum of what comes before, which NumPy does not mind. What ships has none.
"""

import logging
import os
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from core.system import paths, retention
from core.system.files import replacing

log = logging.getLogger(__name__)

Array = NDArray[np.float32]

MAPPED = 64 << 20
"""Bytes from which a matrix is mapped from the disk instead of read into memory."""

_CHECKSUM_MARK = b"\nCRC32 "
_TRAILER_BYTES = len(_CHECKSUM_MARK) + 8
_CHUNK_BYTES = 1 << 22
"""Bytes that are read at a time."""

YOUNG_SECONDS = 3600.0
"""After its last use a file stays for so long: a run that takes its time may still read it, mapped from the disk."""


def read_matrix(path: Path, rows: int) -> Array | None:
    """A matrix (rows, any), or None where it is missing, damaged or of another shape: to be recomputed, written over.

    One of `MAPPED` bytes or more is mapped, not read: only what is used of it takes memory. Writing to it changes this
    copy alone.
    """
    if not _is_sound(path):
        return None
    try:
        large = path.stat().st_size >= MAPPED
        matrix: Array = np.load(path, mmap_mode="c" if large else None, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    _note_use(path)
    return matrix if isinstance(matrix, np.ndarray) and matrix.ndim == 2 and len(matrix) == rows else None


def read_bytes(path: Path) -> bytes | None:
    """What `write` was given, or None where it is not there or damaged."""
    if not _is_sound(path):
        return None
    try:
        content = path.read_bytes()
    except OSError:
        return None
    _note_use(path)
    return content if _ships(path) else content[:-_TRAILER_BYTES]


_VERIFIED: dict[Path, tuple[int, int]] = {}
"""Size and time of files whose checksum was right, in this process: a large one takes a second a gigabyte."""


def _is_sound(path: Path) -> bool:
    """Whether a file is there and is what was written; one that is damaged is set aside."""
    try:
        stat = path.stat()
        if _ships(path) or _VERIFIED.get(path) == (stat.st_size, stat.st_mtime_ns):
            return True
        with path.open("rb") as file:
            left, checksum = stat.st_size - _TRAILER_BYTES, 0
            while left > 0 and (chunk := file.read(min(left, _CHUNK_BYTES))):
                left, checksum = left - len(chunk), zlib.crc32(chunk, checksum)
            trailer = file.read(_TRAILER_BYTES + 1)
    except OSError:
        return False
    if trailer == _trailer(checksum):
        _VERIFIED[path] = (stat.st_size, stat.st_mtime_ns)
        return True
    aside = paths.cache() / "damaged" / path.name
    log.warning("%s is not what was written; it is computed anew, and moved to %s", path, aside)
    with suppress(OSError):
        aside.parent.mkdir(parents=True, exist_ok=True)
        os.replace(path, aside)
    return False


def _trailer(checksum: int) -> bytes:
    return _CHECKSUM_MARK + f"{checksum:08x}".encode()


def _ships(path: Path) -> bool:
    return any(path.is_relative_to(folder) for folder in (paths.ASSETS, paths.MAPS, paths.DECODERS))


def _note_use(path: Path) -> None:
    """Note that a file was read now; nothing where it ships, or where that can't be written."""
    if path.is_relative_to(paths.cache()):
        with suppress(OSError):
            os.utime(path)
            stat = path.stat()
            _VERIFIED[path] = (stat.st_size, stat.st_mtime_ns)


def entries() -> list[retention.Entry]:
    """All that can be deleted."""
    files = []
    for path in paths.cache().rglob("*"):
        with suppress(OSError):  # just deleted by another process
            stat = path.stat()
            if path.is_file():
                name = path.relative_to(paths.cache()).as_posix()
                files.append(retention.Entry(name, retention.size_of(path), stat.st_mtime))
    return files


def clean(limit: int, *, dry_run: bool = False) -> retention.CleanUp:
    """Delete what was used least recently until the rest takes `limit` bytes.

    What is read meanwhile is read to its end. Several processes may clean at once: what is gone is as good as deleted.

    Args:
        limit: in bytes.
        dry_run: only say what would go.
    """

    def remove(entry: retention.Entry) -> bool:
        if dry_run:
            return True
        path = paths.cache() / entry.name
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            log.warning("%s can't be deleted: %s", path, error)
        return not path.exists()

    cleaned = retention.evict(entries(), limit, remove, now=time.time(), young=YOUNG_SECONDS)
    if cleaned.deleted and not dry_run:
        count, freed = len(cleaned.deleted), retention.format_size(cleaned.freed)
        log.info("Cached files deleted to make room: %d, %s", count, freed, extra={"bytes": cleaned.freed})
    return cleaned


class _ChecksummedFile:
    """A file that is being written, and the checksum of what has been."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._checksum = 0

    def write(self, content: "bytes | memoryview") -> int:
        self._checksum = zlib.crc32(content, self._checksum)
        return self._file.write(content)

    def write_checksum(self) -> None:
        """End the file with the checksum of all before."""
        self._file.write(_trailer(self._checksum))


def write(path: Path, content: Array | bytes) -> None:
    """Save a matrix, or bytes. A cache that can't be written costs time later, not the run: it is logged."""
    try:
        with replacing(path) as file:
            checksummed = _ChecksummedFile(file)
            if isinstance(content, bytes):
                checksummed.write(content)
            else:
                np.lib.format.write_array(checksummed, content, allow_pickle=False)
            if not _ships(path):
                checksummed.write_checksum()
    except OSError as error:
        log.warning("The cache can't be written to %s: %s", path, error)


def write_in_parts(path: Path, parts: Callable[[], Iterator[Array]], shape: tuple[int, int]) -> Array:
    """Save a matrix that comes in parts of some rows each, and `read_matrix` it: a large one is never whole in memory.

    Args:
        path: the file.
        parts: begins to make the parts, float32 (some rows, columns); called again where the cache can't be written,
            to have the matrix in memory.
        shape: rows and columns of the whole.
    """
    try:
        with replacing(path) as file:
            checksummed = _ChecksummedFile(file)
            header = {"descr": "<f4", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(checksummed, header)
            for part in parts():
                checksummed.write(np.ascontiguousarray(part, "<f4").data)
            checksummed.write_checksum()
    except OSError as error:
        log.warning("The cache can't be written to %s: %s", path, error)
        return np.concatenate(list(parts()))
    matrix = read_matrix(path, shape[0])
    return np.concatenate(list(parts())) if matrix is None else matrix
