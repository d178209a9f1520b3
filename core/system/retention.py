"""What has to go so that the rest fits: what was used least recently first, never what is kept or young."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

MEGABYTE = 10**6


@dataclass(frozen=True)
class Piece:
    """Something on disk that is deleted whole or not at all.

    Attributes:
        name: what it is called where it lies.
        size: in bytes.
        used: when it was last written or read, in epoch seconds.
        kept: it may never go.
    """

    name: str
    size: int
    used: float
    kept: bool = False


@dataclass(frozen=True)
class Cleaned:
    """What making room has come to.

    Attributes:
        gone: what was deleted, in this order.
        size: bytes of what stays.
        limit: bytes that were allowed.
    """

    gone: tuple[Piece, ...]
    size: int
    limit: int

    @property
    def freed(self) -> int:
        """Bytes that are free now."""
        return sum(piece.size for piece in self.gone)


def free(pieces: Iterable[Piece], limit: int, remove: Callable[[Piece], bool], *, now: float, young: float) -> Cleaned:
    """Remove pieces, the one that was used least recently first, until the rest takes at most `limit` bytes.

    Args:
        pieces: all that there are.
        limit: in bytes; it is passed where what is kept, young or can't be removed takes more.
        remove: takes a piece away; says whether it is gone.
        now: epoch seconds.
        young: seconds after its last use in which a piece stays.
    """
    queue = sorted(pieces, key=lambda piece: (piece.used, piece.name))
    size, gone = sum(piece.size for piece in queue), []
    for piece in queue:
        if size <= limit:
            break
        if not piece.kept and now - piece.used >= young and remove(piece):
            gone.append(piece)
            size -= piece.size
    return Cleaned(tuple(gone), size, limit)


def size_of(path: Path) -> int:
    """Bytes that a file, or a folder with all in it, takes on the disk; what vanishes meanwhile counts as nothing."""
    total = 0
    for file in (path, *path.rglob("*")) if path.is_dir() else (path,):
        try:
            stat = file.stat()
        except OSError:
            continue
        # Of many small files the blocks are more than the content; some file systems do not count them at once.
        total += max(stat.st_size, 512 * stat.st_blocks)
    return total


def words(size: float) -> str:
    """A number of bytes for a person: 12.3 MB."""
    return f"{size / MEGABYTE:,.0f} MB" if size >= 100 * MEGABYTE else f"{size / MEGABYTE:.1f} MB"
