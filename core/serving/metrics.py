"""What a server has to do, has done and takes up: numbers for its status page and for Prometheus; nobody's name."""

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from core.storage.runs import Store
from core.system import cache, paths, retention
from core.system.settings import Limits

if TYPE_CHECKING:
    from core.serving.engine import Census, Engine


@dataclass(frozen=True)
class Disk:
    """What a part of the home takes, in bytes, and what it may take.

    Attributes:
        count: how many runs or files that is.
        pinned: how many of these are never deleted.
    """

    size: int
    limit: int
    count: int
    pinned: int = 0


@dataclass(frozen=True)
class Snapshot:
    """A server at one moment.

    Attributes:
        time: in epoch seconds.
        census: the engine; None while there is none.
        store, cache: finished runs, what ships aside, and what can be made again.
        memory: bytes of the server's own process; None where the system does not say.
    """

    time: float
    census: "Census | None"
    store: Disk
    cache: Disk
    memory: int | None


def snapshot(engine: "Engine | None") -> Snapshot:
    """Look at everything; takes milliseconds, or seconds where the scheduler does not answer.

    Raises:
        SettingError: a limit is out of bounds.
        OSError: the home can't be read.
    """
    limits = Limits.read()
    store = engine.store if engine is not None else Store(paths.results())
    return Snapshot(
        time=time.time(),
        census=None if engine is None else engine.census(),
        store=_disk(store.pieces(), limits.store_megabytes),
        cache=_disk(cache.pieces(), limits.cache_megabytes),
        memory=_own_memory(),
    )


def as_text(found: Snapshot) -> str:
    """A snapshot in the text format of Prometheus, version 0.0.4."""
    lines: list[str] = []

    def tell(name: str, kind: str, help_: str, values: dict[str, float | None]) -> None:
        there = {labels: value for labels, value in values.items() if value is not None}
        if there:
            lines.append(f"# HELP poison_lab_{name} {help_}")
            lines.append(f"# TYPE poison_lab_{name} {kind}")
            lines.extend(f"poison_lab_{name}{labels} {value:.15g}" for labels, value in there.items())

    census = found.census
    tell("up", "gauge", "Whether runs can start.", {"": float(census is not None and census.alive)})
    if census is not None:
        tell("start_time_seconds", "gauge", "When the engine was started.", {"": census.since})
        in_flight = {_label("state", "queued"): census.queued, _label("state", "running"): census.running}
        tell("runs", "gauge", "Runs in flight.", {**in_flight})
        outcomes = {_label("outcome", name): count for name, count in census.outcomes.items()}
        tell("runs_total", "counter", "Runs since the engine was started, by how they ended.", {**outcomes})
        tell("slots", "gauge", "Runs that execute at a time.", {"": census.slots})
        tell("expected_wait_seconds", "gauge", "What a run asked for now is expected to wait.", {"": census.wait})
        tell("workers", "gauge", "Worker processes that answer.", {"": len(census.workers)})
    for name, disk, what in (("store", found.store, "Finished runs"), ("cache", found.cache, "Cached files")):
        tell(f"{name}_bytes", "gauge", f"{what} on the disk, in bytes.", {"": disk.size})
        tell(f"{name}_limit_bytes", "gauge", f"{what}: bytes that are allowed.", {"": disk.limit})
        tell(f"{name}_items", "gauge", f"{what} on the disk.", {"": disk.count})
    tell("store_pinned_items", "gauge", "Finished runs that are never deleted.", {"": found.store.pinned})
    workers = list(enumerate(() if census is None else census.workers))
    memory = {_label("process", f"worker-{i}"): worker.memory for i, worker in workers}
    tell("memory_bytes", "gauge", "Memory of the processes.", {_label("process", "server"): found.memory, **memory})
    for part, help_ in (("used", "taken, by whomever"), ("total", "there")):
        values = {_label("process", f"worker-{i}"): getattr(worker, f"gpu_{part}") for i, worker in workers}
        tell(f"gpu_memory_{part}_bytes", "gauge", f"Memory of the worker's GPU that is {help_}.", values)
    return "\n".join(lines) + "\n"


def _label(name: str, value: str) -> str:
    """A label of ours: its value needs no escape."""
    return f'{{{name}="{value}"}}'


def _disk(pieces: list[retention.Piece], megabytes: int) -> Disk:
    pinned = sum(piece.kept for piece in pieces)
    return Disk(sum(piece.size for piece in pieces), megabytes * retention.MEGABYTE, len(pieces), pinned)


def _own_memory() -> int | None:
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return None
