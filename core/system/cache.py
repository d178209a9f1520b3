"""A disk cache keyed by content: files are complete or absent, verified before use, and can be deleted at any time.

Each file ends with a checksum of its content, which NumPy ignores. Files that ship with the project have none. Matrices
with a number that is not finite are neither written nor read: what comes of them would fail on the second run alone.
"""

import logging
import math
import os
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

from core.system import paths, retention
from core.system.arrays import is_finite
from core.system.files import replacing

log = logging.getLogger(__name__)

Array = NDArray[np.float32]
Images = NDArray[np.uint8]

MEMORY_MAP_BYTES = 64 << 20
"""Size from which a matrix is memory-mapped instead of read."""

_CHECKSUM_MARK = b"\nCRC32 "
_TRAILER_BYTES = len(_CHECKSUM_MARK) + 8
_CHUNK_BYTES = 1 << 22
"""Bytes read at a time."""

YOUNG_SECONDS = 3600.0
"""Time after its last use during which a file is not deleted: a long run may still have it memory-mapped."""


def read_matrix(path: Path, rows: int) -> Array | None:
    """The cached matrix (rows, any) float32, or None: recompute it then.

    None means that it is missing, damaged, of another shape, or not finite, as earlier versions may have written it.
    A matrix of `MEMORY_MAP_BYTES` or more is memory-mapped copy-on-write: only the used parts take memory.
    """
    matrix = _read_array(path, "c")
    is_usable = matrix is not None and matrix.ndim == 2 and len(matrix) == rows and is_finite(matrix)
    return matrix if is_usable else None


def read_images(path: Path, shape: tuple[int, ...]) -> Images | None:
    """The cached images (N, C, H, W) uint8, not to be changed, or None: make them then.

    None means that they are missing, damaged or of another shape. `MEMORY_MAP_BYTES` or more are memory-mapped.
    """
    images = _read_array(path, "r")
    if images is None or images.shape != shape or images.dtype != np.uint8:
        return None
    images.flags.writeable = False
    return images


def _read_array(path: Path, mode: Literal["c", "r"]) -> NDArray[Any] | None:
    """The array in a sound file, or None; `mode` is that of `numpy.memmap` for a large one."""
    if not _is_sound(path):
        return None
    try:
        large = path.stat().st_size >= MEMORY_MAP_BYTES
        array = np.load(path, mmap_mode=mode if large else None, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    _note_use(path)
    return array if isinstance(array, np.ndarray) else None


def read_bytes(path: Path) -> bytes | None:
    """The bytes that were passed to `write`, or None if the file is missing or damaged."""
    if not _is_sound(path):
        return None
    try:
        content = path.read_bytes()
    except OSError:
        return None
    _note_use(path)
    return content if _ships(path) else content[:-_TRAILER_BYTES]


_VERIFIED: dict[Path, tuple[int, int]] = {}
"""Size and modification time of files that this process has verified: a checksum takes a second per gigabyte."""


def _is_sound(path: Path) -> bool:
    """Whether a file exists and its checksum matches; a damaged file is moved out of the cache."""
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
    quarantine = paths.cache() / "damaged" / path.name
    log.warning("%s is damaged: it is recomputed, and moved to %s", path, quarantine)
    with suppress(OSError):
        quarantine.parent.mkdir(parents=True, exist_ok=True)
        os.replace(path, quarantine)
    return False


def _trailer(checksum: int) -> bytes:
    return _CHECKSUM_MARK + f"{checksum:08x}".encode()


def _ships(path: Path) -> bool:
    return any(path.is_relative_to(folder) for folder in (paths.ASSETS, paths.MAPS, paths.DECODERS))


def _note_use(path: Path) -> None:
    """Record that a cached file was just read, by its modification time; does nothing if that can't be written."""
    if path.is_relative_to(paths.cache()):
        with suppress(OSError):
            os.utime(path)
            stat = path.stat()
            _VERIFIED[path] = (stat.st_size, stat.st_mtime_ns)


def entries() -> list[retention.Entry]:
    """All cached files."""
    files = []
    for path in paths.cache().rglob("*"):
        with suppress(OSError):  # just deleted by another process
            stat = path.stat()
            if path.is_file():
                name = path.relative_to(paths.cache()).as_posix()
                files.append(retention.Entry(name, retention.size_of(path), stat.st_mtime))
    return files


def clean(limit: int, *, dry_run: bool = False) -> retention.CleanUp:
    """Delete the least recently used files until the rest takes at most `limit` bytes.

    Readers of a deleted file are not disturbed, and several processes may clean at the same time.

    Args:
        limit: in bytes.
        dry_run: return what would be deleted, without deleting it.
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
        log.info("Cached files deleted to free space: %d, %s", count, freed, extra={"bytes": cleaned.freed})
    return cleaned


class _ChecksummedFile:
    """A file that is being written, with the checksum of its content so far."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._checksum = 0

    def write(self, content: "bytes | memoryview") -> int:
        self._checksum = zlib.crc32(content, self._checksum)
        return self._file.write(content)

    def write_checksum(self) -> None:
        """Append the checksum of everything written so far."""
        self._file.write(_trailer(self._checksum))


def write(path: Path, content: Array | bytes) -> None:
    """Save a finite matrix (rows, columns) or bytes. Failures are only logged: without the cache a run is slower."""
    if not isinstance(content, bytes) and not is_finite(content):
        log.warning("%s is not cached: its numbers are not all finite", path)
        return
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


class _NotFiniteError(Exception):
    """A part of a matrix holds NaN or an infinity."""

    def __str__(self) -> str:
        return "its numbers are not all finite"


def write_in_parts(path: Path, parts: Callable[[], Iterator[Array]], shape: tuple[int, int]) -> Array:
    """Save a finite matrix that comes in blocks of rows, then read it: a large one is never in memory as a whole.

    Args:
        path: the file.
        parts: returns an iterator over the blocks, (some rows, columns) float32; called again if the cache can't be
            written, to compute the matrix in memory.
        shape: (rows, columns) of the matrix.

    Returns:
        The matrix, see `read_matrix`.
    """
    try:
        with _writing(path, "<f4", shape) as file:
            for part in parts():
                if not is_finite(part):
                    raise _NotFiniteError
                file.write(np.ascontiguousarray(part, "<f4").data)
    except (OSError, _NotFiniteError) as error:
        log.warning("The cache can't be written to %s: %s", path, error)
        return np.concatenate(list(parts()))
    matrix = read_matrix(path, shape[0])
    return np.concatenate(list(parts())) if matrix is None else matrix


def write_images(path: Path, parts: Callable[[], Iterator[Images]], shape: tuple[int, ...], *, most: int) -> Images:
    """Save images that come in blocks, then read them: many are never in memory together.

    Args:
        path: the file.
        parts: returns an iterator over the blocks, (some, C, H, W) uint8; called again if the cache can't be written,
            to make the images in memory.
        shape: (N, C, H, W) of all images.
        most: bytes of images that may be made in memory then.

    Returns:
        The images, see `read_images`.

    Raises:
        OSError: the cache can't be written, and the images take more than `most`.
    """
    try:
        with _writing(path, "|u1", shape) as file:
            for part in parts():
                file.write(np.ascontiguousarray(part).data)
    except OSError as error:
        if math.prod(shape) > most:
            raise
        log.warning("The cache can't be written to %s: %s", path, error)
    images = read_images(path, shape)
    if images is None:
        images = in_memory(parts(), shape)
    return images


def in_memory(parts: Iterator[Images], shape: tuple[int, ...]) -> Images:
    """Images (N, C, H, W) uint8 of a shape from their blocks, without a second copy of them; not to be changed."""
    images, row = np.empty(shape, np.uint8), 0
    for part in parts:
        images[row : row + len(part)] = part
        row += len(part)
    images.flags.writeable = False
    return images


@contextmanager
def _writing(path: Path, kind: str, shape: tuple[int, ...]) -> Iterator[_ChecksummedFile]:
    """A file for an array of a dtype and a shape, which the block fills; it replaces `path` at the end."""
    with replacing(path) as file:
        checksummed = _ChecksummedFile(file)
        np.lib.format.write_array_header_1_0(checksummed, {"descr": kind, "fortran_order": False, "shape": shape})
        yield checksummed
        checksummed.write_checksum()
