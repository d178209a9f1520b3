"""Numbers of a server: right, in the text format of Prometheus, and without a word of who asked for what."""

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from starlette.responses import PlainTextResponse

import app
from core.serving import engine as engine_module
from core.serving import metrics
from core.serving.engine import Census, WorkerState
from core.storage.runs import Store
from core.system import cache, retention
from core.system.errors import EngineError, SettingError
from tests.fakes import tiny_result, tiny_spec

CENSUS = Census(
    **{"alive": True, "since": 1_700_000_000.5, "queued": 3, "running": 1, "slots": 2, "wait": 12.25},
    outcomes={"done": 5, "failed": 1, "cancelled": 0, "refused": 2},
    workers=(WorkerState(1000, 30, 80), WorkerState(2000)),
)


class FakeEngine:
    def __init__(self, store: Store) -> None:
        self.store = store

    def census(self) -> Census:
        return CENSUS


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("POISON_LAB_HOME", str(tmp_path))
    return tmp_path


def parsed(text: str) -> dict[str, float]:
    """Every sample; each line must be as the format says."""
    found: dict[str, float] = {}
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
        assert sample[1] not in found
        found[sample[1]] = float(sample[3])
    assert text.endswith("\n")
    return found


def test_disk_and_memory_are_told_without_an_engine(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(home / "results", shipped=None)
    runs = [store.put(tiny_result(tiny_spec(seed))) for seed in range(3)]
    store.pin(runs[0].hash)
    cache.write(home / "cache" / "maps" / "a.npy", np.ones((2, 2), np.float32))
    monkeypatch.setenv("POISON_LAB_STORE_MEGABYTES", "123")
    found = metrics.snapshot(None)
    assert found.census is None
    assert found.store == metrics.Disk(sum(retention.size_of(run.folder) for run in runs), 123_000_000, 3, 1)
    assert (found.cache.count, found.cache.limit) == (1, 20_000_000_000)
    assert found.memory is not None
    assert found.memory > 1e6
    told = parsed(metrics.as_text(found))
    assert told["poison_lab_up"] == 0
    assert told["poison_lab_store_bytes"] == found.store.size
    assert told["poison_lab_store_pinned_items"] == 1
    assert "poison_lab_runs_total" not in str(told)


def test_every_number_of_an_engine_is_told(home: Path) -> None:
    text = metrics.as_text(metrics.snapshot(FakeEngine(Store(home / "results", shipped=None))))  # type: ignore[arg-type]
    told = parsed(text)
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
    }.items() <= told.items()
    assert 'poison_lab_gpu_memory_used_bytes{process="worker-1"}' not in told


def test_big_numbers_keep_their_digits(home: Path) -> None:
    found = replace(metrics.snapshot(None), memory=123_456_789_012)
    assert 'poison_lab_memory_bytes{process="server"} 123456789012\n' in metrics.as_text(found)


def test_a_system_that_does_not_tell_its_memory_is_no_error(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "Path", lambda _: home / "none")
    assert "memory_bytes" not in metrics.as_text(metrics.snapshot(None))


def test_a_limit_that_is_none_is_told(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POISON_LAB_CACHE_MEGABYTES", "much")
    with pytest.raises(SettingError, match="POISON_LAB_CACHE_MEGABYTES"):
        metrics.snapshot(None)


def answered() -> PlainTextResponse:
    """What the route says, asked in a thread of its own: a browser of other tests keeps a loop in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, app.metrics(None)).result()  # type: ignore[arg-type]


def test_the_server_answers_in_the_format_or_says_what_is_wrong(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "_engine", None)
    answer = answered()
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert parsed(bytes(answer.body).decode())["poison_lab_up"] == 0
    monkeypatch.setenv("POISON_LAB_STORE_MEGABYTES", "much")
    answer = answered()
    assert answer.status_code == 503
    assert bytes(answer.body).startswith(b"POISON_LAB_STORE_MEGABYTES is 'much'; allowed")


class Cluster:
    """An engine whose cluster is there, or not."""

    def __init__(self, *, alive: bool) -> None:
        self.alive = alive


@pytest.mark.parametrize("failed", [False, True], ids=["started", "failed at first"])
@pytest.mark.parametrize(
    ("engine", "status"),
    [(Cluster(alive=True), 200), (Cluster(alive=False), 503), (None, 503)],
    ids=["there", "ended", "none"],
)
def test_ready_tells_whether_runs_can_start(
    engine: Cluster | None, status: int, failed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "_engine", engine)

    async def started() -> None:
        if failed:
            raise EngineError("No scheduler answers.")

    async def asked() -> int:
        starting = asyncio.create_task(started())
        await asyncio.wait([starting])
        monkeypatch.setattr(app.app, "_state", {"engine": starting}, raising=False)
        answer = await app.ready(None)  # type: ignore[arg-type]
        if failed and engine is None:
            assert b"No scheduler answers." in bytes(answer.body)
        return answer.status_code

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(asyncio.run, asked()).result() == status


@pytest.mark.parametrize("failed", [False, True], ids=["started", "failed at first"])
def test_the_end_of_the_server_ends_the_engine_that_is_there(failed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[Cluster] = []
    engine = Cluster(alive=True)
    monkeypatch.setattr(Cluster, "close", lambda self: closed.append(self), raising=False)
    monkeypatch.setattr(app, "send_at_once", lambda: None)

    def start() -> None:
        if failed:
            raise EngineError("No scheduler answers.")

    monkeypatch.setattr(app, "start", start)

    async def lived() -> None:
        async with app.lifespan(app.app):
            monkeypatch.setattr(engine_module, "_engine", engine)

    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, lived()).result()
    assert closed == [engine]
