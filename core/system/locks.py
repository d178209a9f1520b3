"""Locks on files, which the kernel releases however their holder ends.

Linux and macOS have them as `flock`. Elsewhere locking fails as it does on a file system that knows no locks: those who
ask for one say what then holds.
"""

import errno
from typing import IO

try:
    import fcntl
except ImportError:  # Windows
    _flock = None
else:
    _flock = fcntl.flock


def lock(file: int | IO[str], *, wait: bool = True) -> None:
    """Hold the lock of an open file; closing the file releases it.

    Args:
        file: or its number.
        wait: until whoever holds it releases it; without, that is an error.

    Raises:
        OSError: somebody else holds it, or files can't be locked here.
    """
    if _flock is None:
        raise OSError(errno.ENOSYS, "files can't be locked on this system")
    _flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
