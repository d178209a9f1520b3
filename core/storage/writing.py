"""Writing runs into a store that several processes share, and clearing what killed writes have left."""

import errno
import shutil
import time
from pathlib import Path

from core.experiments import run_folder
from core.experiments.result import Result

_ATTEMPTS = 6
_RACE = {errno.ENOENT, errno.EEXIST, errno.ENOTEMPTY}
"""Errors of a write that met another one of the same run."""
_LEFTOVER_SECONDS = 3600.0


def write(result: Result, folder: Path) -> None:
    """Write a run, again where another process wrote the same one at the same moment.

    Raises:
        OSError: the folder can't be written.
    """
    for _ in range(_ATTEMPTS - 1):
        try:
            return run_folder.write(result, folder)
        except OSError as error:
            if error.errno not in _RACE:
                raise
    return run_folder.write(result, folder)


def remove_leftovers(root: Path) -> None:
    """Delete the work folders of writes and deletions that were killed more than an hour ago."""
    for folder in root.glob(".*"):
        try:
            is_old = time.time() - folder.stat().st_mtime > _LEFTOVER_SECONDS
        except FileNotFoundError:  # the write just ended
            continue
        if folder.is_dir() and is_old:
            shutil.rmtree(folder, ignore_errors=True)
