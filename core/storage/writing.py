"""Writing runs into a store that several processes share, and removing leftovers of killed writes."""

import errno
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from core.experiments import run_folder
from core.experiments.result import Result
from core.system.arrays import Array

_ATTEMPTS = 6
_RACE = {errno.ENOENT, errno.EEXIST, errno.ENOTEMPTY}
"""Errors of a write that raced with another one of the same run."""
_LEFTOVER_SECONDS = 3600.0


def write(result: Result, folder: Path) -> None:
    """Write a run; retries if another process writes the same one at the same time.

    Raises:
        OSError: the folder is not writable.
    """
    _retried(lambda: run_folder.write(result, folder))


def write_completed(files: Mapping[str, bytes], features: Mapping[str, Array], folder: Path) -> None:
    """See `core.experiments.run_folder.write_completed`; retries as `write` does."""
    _retried(lambda: run_folder.write_completed(files, features, folder))


def _retried(act: Callable[[], None]) -> None:
    for _ in range(_ATTEMPTS - 1):
        try:
            return act()
        except OSError as error:
            if error.errno not in _RACE:
                raise
    return act()


def remove_leftovers(root: Path) -> None:
    """Delete temporary folders of writes and deletions that were interrupted more than an hour ago."""
    for folder in root.glob(".*"):
        try:
            is_old = time.time() - folder.stat().st_mtime > _LEFTOVER_SECONDS
        except FileNotFoundError:  # the write has just finished
            continue
        if folder.is_dir() and is_old:
            shutil.rmtree(folder, ignore_errors=True)
