"""Which entries on disk to delete so that the rest fits a limit: least recently used first, never a protected one."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

MEGABYTE = 10**6


@dataclass(frozen=True)
class Entry:
    """A file or folder that is deleted as a whole or not at all.

    Attributes:
        name: path relative to the folder that is cleaned.
        size: in bytes.
        used: when it was last written or read, in epoch seconds.
        protected: whether it must never be deleted.
    """

    name: str
    size: int
    used: float
    protected: bool = False


@dataclass(frozen=True)
class CleanUp:
    """The outcome of freeing disk space.

    Attributes:
        deleted: the deleted entries, in order.
        size: bytes that the remaining entries take.
        limit: bytes that were allowed.
    """

    deleted: tuple[Entry, ...]
    size: int
    limit: int

    @property
    def freed(self) -> int:
        """Bytes that were freed."""
        return sum(entry.size for entry in self.deleted)


def evict(
    entries: Iterable[Entry], limit: int, remove: Callable[[Entry], bool], *, now: float, young: float
) -> CleanUp:
    """Remove entries, least recently used first, until the rest takes at most `limit` bytes.

    Args:
        entries: all entries.
        limit: in bytes; exceeded if the entries that are protected, young or can't be removed take more.
        remove: removes an entry; returns whether it is gone.
        now: epoch seconds.
        young: seconds after its last use during which an entry stays.
    """
    queue = sorted(entries, key=lambda entry: (entry.used, entry.name))
    size, deleted = sum(entry.size for entry in queue), []
    for entry in queue:
        if size <= limit:
            break
        if not entry.protected and now - entry.used >= young and remove(entry):
            deleted.append(entry)
            size -= entry.size
    return CleanUp(tuple(deleted), size, limit)


def size_of(path: Path) -> int:
    """Bytes that a file, or a folder with its contents, takes on disk; files that vanish meanwhile count as 0."""
    total = 0
    for file in (path, *path.rglob("*")) if path.is_dir() else (path,):
        try:
            stat = file.stat()
        except OSError:
            continue
        # The blocks of many small files take more than their content; some file systems don't count them at once,
        # and Windows never does.
        total += max(stat.st_size, 512 * getattr(stat, "st_blocks", 0))
    return total


def format_size(size: float) -> str:
    """A number of bytes as text: 12.3 MB."""
    return f"{size / MEGABYTE:,.0f} MB" if size >= 100 * MEGABYTE else f"{size / MEGABYTE:.1f} MB"
