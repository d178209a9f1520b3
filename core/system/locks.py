"""Locks on files, which the kernel releases however their holder ends.

They are `flock` of Linux and macOS. On other systems locking fails, as it does on a file system without locks; callers
define what happens then.
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
    """Acquire the lock of an open file; closing the file releases it.

    Args:
        file: the file, or its descriptor.
        wait: whether to wait until another holder releases it.

    Raises:
        OSError: another holder has it and `wait` is false, or files can't be locked here.
    """
    if _flock is None:
        raise OSError(errno.ENOSYS, "files can't be locked on this system")
    _flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
