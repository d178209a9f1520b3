"""Marks beside the runs of a store: empty files, named by hash, which outlive a run that is made again."""

import time
from contextlib import suppress
from pathlib import Path

_NOTE_SECONDS = 60.0
"""A use is noted once in so long: finer than this the order of uses does not matter."""
_NOTED: dict[Path, float] = {}
"""When each mark of use was last written by this process, in monotonic seconds."""


class UseMarks:
    """When runs were last read: the times of the files in `used`.

    Args:
        root: the folder of runs.
    """

    def __init__(self, root: Path) -> None:
        self._folder = root / "used"

    def note(self, spec_hash: str) -> None:
        """Note that a run is used now; without a word where that can't be written."""
        path, now = self._folder / spec_hash, time.monotonic()
        if now - _NOTED.get(path, -_NOTE_SECONDS) < _NOTE_SECONDS:
            return
        _NOTED[path] = now
        with suppress(OSError):
            _touch(path)

    def last(self, spec_hash: str) -> float:
        """When a run was last read, in epoch seconds; 0 where it never was."""
        try:
            return (self._folder / spec_hash).stat().st_mtime
        except OSError:
            return 0.0

    def remove(self, spec_hash: str) -> None:
        """Forget the use of a run that is gone; without a word where there is no mark."""
        with suppress(OSError):
            (self._folder / spec_hash).unlink()


class Pins:
    """Runs that are never deleted: the files in `pinned`.

    Args:
        root: the folder of runs.
    """

    def __init__(self, root: Path) -> None:
        self._folder = root / "pinned"

    def __contains__(self, spec_hash: str) -> bool:
        return (self._folder / spec_hash).exists()

    def add(self, spec_hash: str) -> None:
        """Pin a run.

        Raises:
            OSError: the disk can't be written.
        """
        _touch(self._folder / spec_hash)

    def remove(self, spec_hash: str) -> None:
        """Unpin a run; nothing happens where it was not pinned.

        Raises:
            OSError: the disk can't be written.
        """
        (self._folder / spec_hash).unlink(missing_ok=True)


def _touch(path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    path.touch()
