"""Filling, harming and looking into a store."""

import os
import time
from pathlib import Path

from core.experiments.plot_data import PlotData
from core.storage.runs import Store, StoredRun
from tests.fakes import tiny_result, tiny_spec


def put(store: Store, seed: int, hours: float) -> StoredRun:
    """A run that was written so long ago, and not read since."""
    run = store.put(tiny_result(tiny_spec(seed)))
    then = time.time() - 3600 * hours
    os.utime(run.folder / "manifest.json", (then, then))
    return run


def plot_of(run: StoredRun) -> PlotData:
    """The arrays of a run with a map."""
    plot = run.plot()
    assert plot is not None
    return plot


def size(store: Store) -> int:
    """Bytes of all runs."""
    return sum(entry.size for entry in store.entries())


def seeds(store: Store) -> list[int]:
    """The seeds of the runs that a list shows."""
    return sorted(row.seed for row in store.list())


def hashes(store: Store) -> set[str]:
    """The hashes of the runs that a list shows."""
    return {row.hash for row in store.list()}


def flip_last_byte(path: Path) -> None:
    """Damage a file."""
    content = bytearray(path.read_bytes())
    content[-1] ^= 0xFF
    path.write_bytes(content)
