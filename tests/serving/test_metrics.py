"""Numbers of a server: right, in the text format of Prometheus, and without a word of who asked for what."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.serving import metrics
from core.serving.job import Job
from core.serving.status import EngineStatus, WorkerStatus
from core.storage.runs import Store
from core.system import cache, retention
from core.system.errors import SettingError
from tests.fakes import tiny_result, tiny_spec

STATUS = EngineStatus(
    **{"alive": True, "since": 1_700_000_000.5, "queued": 3, "running": 1, "slots": 2, "wait": 12.25},
    outcomes={"done": 5, "failed": 1, "cancelled": 0, "refused": 2},
    workers=(WorkerStatus(1000, 30, 80), WorkerStatus(2000)),
)


class FakeEngine:
    def __init__(self, store: Store) -> None:
        self.store = store

    def status(self) -> EngineStatus:
        return STATUS

    def jobs(self) -> list[Job]:
        return []


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("POISON_LAB_HOME", str(tmp_path))
    return tmp_path


def parsed(text: str) -> dict[str, float]:
    """Every sample; each line must be as the format says."""
    samples: dict[str, float] = {}
    described: set[str] = set()
    for line in text.splitlines():
        head = re.fullmatch(r"# (HELP|TYPE) (poison_lab_[a-z_]+) (.+)", line)
        if head:
            described.add(head[2])
            assert head[1] == "HELP" or head[3] in {"gauge", "counter"}
            continue
        sample = re.fullmatch(r'((poison_lab_[a-z_]+)(?:\{[a-z]+="[a-z0-9-]+"\})?) (\S+)', line)
        assert sample, line
        assert sample[2] in described
        assert sample[1] not in samples
        samples[sample[1]] = float(sample[3])
    assert text.endswith("\n")
    return samples


def test_disk_and_memory_are_measured_without_an_engine(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(home / "results", shipped=None)
    runs = [store.put(tiny_result(tiny_spec(seed))) for seed in range(3)]
    store.pin(runs[0].hash)
    cache.write(home / "cache" / "maps" / "a.npy", np.ones((2, 2), np.float32))
    monkeypatch.setenv("POISON_LAB_STORE_MEGABYTES", "123")
    server = metrics.measure(None)
    assert server.engine is None
    assert server.store == metrics.DiskUsage(sum(retention.size_of(run.folder) for run in runs), 123_000_000, 3, 1)
    assert (server.cache.count, server.cache.limit) == (1, 20_000_000_000)
    assert server.memory is not None
    assert server.memory > 1e6
    samples = parsed(metrics.as_text(server))
    assert samples["poison_lab_up"] == 0
    assert samples["poison_lab_store_bytes"] == server.store.size
    assert samples["poison_lab_store_pinned_items"] == 1
    assert "poison_lab_runs_total" not in str(samples)


def test_every_number_of_an_engine_is_measured(home: Path) -> None:
    text = metrics.as_text(metrics.measure(FakeEngine(Store(home / "results", shipped=None))))  # type: ignore[arg-type]
    samples = parsed(text)
    assert {
        "poison_lab_up": 1.0,
        "poison_lab_start_time_seconds": 1_700_000_000.5,
        'poison_lab_runs{state="queued"}': 3.0,
        'poison_lab_runs{state="running"}': 1.0,
        'poison_lab_runs_total{outcome="done"}': 5.0,
        'poison_lab_runs_total{outcome="refused"}': 2.0,
        "poison_lab_slots": 2.0,
        "poison_lab_expected_wait_seconds": 12.25,
        "poison_lab_workers": 2.0,
        'poison_lab_memory_bytes{process="worker-1"}': 2000.0,
        'poison_lab_gpu_memory_used_bytes{process="worker-0"}': 30.0,
        'poison_lab_gpu_memory_total_bytes{process="worker-0"}': 80.0,
    }.items() <= samples.items()
    assert 'poison_lab_gpu_memory_used_bytes{process="worker-1"}' not in samples


def test_big_numbers_keep_their_digits(home: Path) -> None:
    server = replace(metrics.measure(None), memory=123_456_789_012)
    assert 'poison_lab_memory_bytes{process="server"} 123456789012\n' in metrics.as_text(server)


def test_a_system_that_does_not_say_its_memory_is_no_error(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise metrics.psutil.AccessDenied

    monkeypatch.setattr(metrics.psutil, "Process", refuse)
    assert "memory_bytes" not in metrics.as_text(metrics.measure(None))


def test_a_limit_that_is_no_number_is_refused(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POISON_LAB_CACHE_MEGABYTES", "much")
    with pytest.raises(SettingError, match="POISON_LAB_CACHE_MEGABYTES"):
        metrics.measure(None)
