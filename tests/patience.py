"""Waiting for what happens in other processes: for a condition, never for a time."""

import time
from collections.abc import Callable

PATIENCE = 120.0
"""Seconds that a test waits for what takes one: a busy machine may take many times as long."""


def until(condition: Callable[[], bool], seconds: float = PATIENCE) -> None:
    """Wait until something is true."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)
