"""Marks beside the runs of a store: empty files, named by hash, that persist when a run is recomputed."""

import time
from contextlib import suppress
from pathlib import Path

_NOTE_SECONDS = 60.0
"""Minimum interval between two updates of a mark; the order of uses is not needed at a finer resolution."""
_NOTED: dict[Path, float] = {}
"""Time at which this process last wrote each mark, in monotonic seconds."""


class UseMarks:
    """Times at which runs were last read: the modification times of the files in `used`.

    Args:
        root: the folder of runs.
    """

    def __init__(self, root: Path) -> None:
        self._folder = root / "used"

    def note(self, spec_hash: str) -> None:
        """Note that a run is used now; failures to write are ignored."""
        path, now = self._folder / spec_hash, time.monotonic()
        if now - _NOTED.get(path, -_NOTE_SECONDS) < _NOTE_SECONDS:
            return
        _NOTED[path] = now
        with suppress(OSError):
            _touch(path)

    def last(self, spec_hash: str) -> float:
        """Time at which a run was last read, in epoch seconds; 0 if never."""
        try:
            return (self._folder / spec_hash).stat().st_mtime
        except OSError:
            return 0.0

    def remove(self, spec_hash: str) -> None:
        """Remove the mark of a deleted run, if there is one."""
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
            OSError: the disk is not writable.
        """
        _touch(self._folder / spec_hash)

    def remove(self, spec_hash: str) -> None:
        """Unpin a run; a no-op if it is not pinned.

        Raises:
            OSError: the disk is not writable.
        """
        (self._folder / spec_hash).unlink(missing_ok=True)


def _touch(path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    path.touch()
