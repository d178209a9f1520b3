"""Metrics of a server for its status page and for Prometheus, without names of users."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import psutil

from core.serving.status import EngineStatus, WorkerStatus
from core.storage.runs import Store
from core.system import cache, paths, retention
from core.system.settings import Limits

if TYPE_CHECKING:  # importing dask takes a second that the page should not wait for
    from core.serving.engine import Engine


@dataclass(frozen=True)
class DiskUsage:
    """Disk usage of a part of the home folder.

    Attributes:
        size: in bytes.
        limit: allowed bytes.
        count: number of runs or files.
        pinned: number of these that are never deleted.
    """

    size: int
    limit: int
    count: int
    pinned: int = 0


@dataclass(frozen=True)
class ServerMetrics:
    """Metrics of a server at one point in time.

    Attributes:
        time: in epoch seconds.
        engine: its status; None if it has not been started.
        store, cache: disk usage of finished runs, without shipped ones, and of the cache.
        memory: bytes of the server's own process; None if the system does not report it.
    """

    time: float
    engine: EngineStatus | None
    store: DiskUsage
    cache: DiskUsage
    memory: int | None


def measure(engine: "Engine | None") -> ServerMetrics:
    """Collect all metrics; takes milliseconds, or seconds if the scheduler does not answer.

    Raises:
        SettingError: a limit is out of bounds.
        OSError: the home folder can't be read.
    """
    limits = Limits.read()
    store = engine.store if engine is not None else Store(paths.results())
    return ServerMetrics(
        time=time.time(),
        engine=None if engine is None else engine.status(),
        store=_disk_usage(store.entries(), limits.store_megabytes),
        cache=_disk_usage(cache.entries(), limits.cache_megabytes),
        memory=_own_memory(),
    )


def as_text(server: ServerMetrics) -> str:
    """The metrics of a server in the text format of Prometheus, version 0.0.4."""
    text = _PrometheusText()
    engine = server.engine
    text.add("up", "gauge", "Whether runs can start.", float(engine is not None and engine.alive))
    if engine is not None:
        _add_engine(text, engine)
    for name, disk, what in (("store", server.store, "Finished runs"), ("cache", server.cache, "Cached files")):
        text.add(f"{name}_bytes", "gauge", f"{what} on the disk, in bytes.", disk.size)
        text.add(f"{name}_limit_bytes", "gauge", f"{what}: bytes that are allowed.", disk.limit)
        text.add(f"{name}_items", "gauge", f"{what} on the disk.", disk.count)
    text.add("store_pinned_items", "gauge", "Finished runs that are never deleted.", server.store.pinned)
    _add_memory(text, server.memory, () if engine is None else engine.workers)
    return text.content()


class _PrometheusText:
    """Text of metrics, one after the other; metrics without a value are left out."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def add(self, name: str, kind: Literal["gauge", "counter"], description: str, value: float) -> None:
        """Add a metric with a single value."""
        self._write(name, kind, description, {"": value})

    def add_labelled(
        self,
        name: str,
        kind: Literal["gauge", "counter"],
        description: str,
        label: str,
        values: Mapping[str, float | None],
    ) -> None:
        """Add a metric with one value per label.

        Args:
            name: without the common prefix.
            kind: a counter never decreases.
            description: one sentence.
            label: name of the label.
            values: by the value of the label, which must not need escaping.
        """
        known = {f'{{{label}="{key}"}}': value for key, value in values.items() if value is not None}
        if known:
            self._write(name, kind, description, known)

    def content(self) -> str:
        """The complete text."""
        return "\n".join(self._lines) + "\n"

    def _write(self, name: str, kind: str, description: str, values: Mapping[str, float]) -> None:
        self._lines.append(f"# HELP poison_lab_{name} {description}")
        self._lines.append(f"# TYPE poison_lab_{name} {kind}")
        self._lines.extend(f"poison_lab_{name}{labels} {value:.15g}" for labels, value in values.items())


def _add_engine(text: _PrometheusText, engine: EngineStatus) -> None:
    text.add("start_time_seconds", "gauge", "When the engine was started.", engine.since)
    in_flight = {"queued": engine.queued, "running": engine.running}
    text.add_labelled("runs", "gauge", "Runs in flight.", "state", in_flight)
    outcomes = "Runs since the engine was started, by how they ended."
    text.add_labelled("runs_total", "counter", outcomes, "outcome", engine.outcomes)
    text.add("slots", "gauge", "Runs that execute at a time.", engine.slots)
    text.add("expected_wait_seconds", "gauge", "What a run asked for now is expected to wait.", engine.wait)
    text.add("workers", "gauge", "Worker processes that answer.", len(engine.workers))


def _add_memory(text: _PrometheusText, server: int | None, workers: tuple[WorkerStatus, ...]) -> None:
    by_name = {f"worker-{i}": worker for i, worker in enumerate(workers)}
    memory = {"server": server, **{name: worker.memory for name, worker in by_name.items()}}
    text.add_labelled("memory_bytes", "gauge", "Memory of the processes.", "process", memory)
    used = {name: worker.gpu_used for name, worker in by_name.items()}
    description = "Memory of the worker's GPU that is taken, by whomever."
    text.add_labelled("gpu_memory_used_bytes", "gauge", description, "process", used)
    total = {name: worker.gpu_total for name, worker in by_name.items()}
    description = "Memory of the worker's GPU that is there."
    text.add_labelled("gpu_memory_total_bytes", "gauge", description, "process", total)


def _disk_usage(entries: list[retention.Entry], megabytes: int) -> DiskUsage:
    pinned = sum(entry.protected for entry in entries)
    return DiskUsage(sum(entry.size for entry in entries), megabytes * retention.MEGABYTE, len(entries), pinned)


def _own_memory() -> int | None:
    try:
        return int(psutil.Process().memory_info().rss)
    except (psutil.Error, OSError):
        return None
