"""What executes in a worker: reports, room on the disk, memory of a GPU."""

import gc
import os
import sys
import time
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from core.serving import worker as worker_module
from core.serving.engine import Engine
from core.serving.messages import Execution
from core.serving.status import WorkerStatus
from core.serving.worker import Reporter, enforce_limits, gpu_memory, release_memory
from core.spec.events import Event
from core.spec.experiment import ExperimentSpec
from core.spec.preview import Preview
from core.storage.runs import Store
from core.system.errors import Cancelled, DataError
from core.system.settings import Limits
from tests.fakes import Large, drawn_preview, tiny_result, tiny_spec
from tests.patience import PATIENCE


def test_reporter_limits_its_messages_but_never_drops_the_last_of_a_stage(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 0.0
    monkeypatch.setattr(worker_module.time, "monotonic", lambda: now)
    sent: list[tuple[str, int]] = []
    reporter = Reporter(lambda event: sent.append((event["stage"], event["done"])), lambda: False)
    for done in range(1, 101):
        reporter(Event("stage2", done, 100))
        now += 0.01
    assert sent[0] == ("stage2", 1)
    assert sent[-1] == ("stage2", 100)
    assert 10 <= len(sent) <= 12
    sent.clear()
    for done in range(5):
        reporter(Event("invert", done, 0))
    reporter(Event("evaluate"))
    reporter(Event("evaluate", 1, 9))
    reporter.flush()
    assert sent == [("invert", 0), ("invert", 4), ("evaluate", 0), ("evaluate", 1)]


def test_reporter_sends_plain_numbers_and_ends_a_cancelled_run() -> None:
    sent: list[dict] = []
    cancelled = False
    reporter = Reporter(sent.append, lambda: cancelled)
    reporter(Event("stage2", np.int64(1), 1, {"objective": np.float32(0.5)}))  # type: ignore[arg-type]
    assert sent == [{"stage": "stage2", "done": 1, "total": 1, "values": {"objective": 0.5}}]
    assert type(sent[0]["values"]["objective"]) is float
    assert type(sent[0]["done"]) is int
    cancelled = True
    with pytest.raises(Cancelled):
        reporter(Event("stage2", 1, 1))
    assert len(sent) == 1


def test_previews_are_rare_and_never_a_reason_to_fail(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    now, cost = 0.0, 0.0
    monkeypatch.setattr(worker_module.time, "monotonic", lambda: now)
    sent: list[tuple[float, int]] = []

    def make(done: int) -> Preview:
        nonlocal now
        now += cost
        return drawn_preview(done)

    def follow(seconds: float) -> None:
        nonlocal now
        reporter = Reporter(lambda event: None, lambda: False, lambda raw: sent.append((now, done_of(raw))))
        end = now + seconds
        while now < end:
            done = round(100 * now)
            reporter(Event("pixels", done, 10_000, preview=lambda done=done: make(done)))
            now += 0.01

    follow(5)
    assert [round(at, 2) for at, _ in sent] == pytest.approx([0, 1, 2, 3, 4], abs=0.05)
    assert [done for _, done in sent] == pytest.approx([0, 100, 200, 300, 400], abs=5)
    sent.clear()
    cost = 0.5
    follow(30)
    assert len(sent) == 3, "they take a twentieth of the time at most"
    sent.clear()
    Reporter(lambda event: None, lambda: False)(Event("pixels", 1, 2, preview=lambda: pytest.fail("nobody looks")))
    events: list[object] = []
    reporter = Reporter(events.append, lambda: False, lambda raw: sent.append((now, 0)))
    for done in (1, 2):
        now += 100
        reporter(Event("pixels", done, 9, preview=lambda: drawn_preview(1 // 0)))
    assert (len(events), sent) == (2, [])
    assert caplog.text.count("No previews of this run can be made") == 1


def done_of(raw: bytes) -> int:
    return Preview.from_bytes(raw).done


def test_a_run_makes_room_for_itself_when_it_is_stored(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    old, pinned = (engine.store.put(tiny_result(tiny_spec(seed))) for seed in (201, 202))
    for run in (old, pinned):
        os.utime(run.folder / "manifest.json", (time.time() - 3600,) * 2)
    engine.store.pin(pinned.hash)
    monkeypatch.setattr(engine, "limits", Limits(store_megabytes=0, cache_megabytes=0))
    assert engine.submit(tiny_spec(203)).wait(PATIENCE).state == "done"
    assert engine.store.get(tiny_spec(203).hash) is not None
    assert old.hash not in engine.store
    assert pinned.hash in engine.store


def test_a_run_is_done_though_no_room_can_be_made(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("no")

    monkeypatch.setattr(Store, "clean", broken)
    enforce_limits(engine.store, "", Limits())
    assert "can't be cleaned" in caplog.text


class FakeCuda:
    started = True
    emptied = 0

    def empty_cache(self) -> None:
        self.emptied += 1

    def is_initialized(self) -> bool:
        return self.started

    def mem_get_info(self) -> tuple[int, int]:
        return 30, 80


def test_a_worker_reports_the_memory_of_a_gpu_that_it_has_used(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = ModuleType("torch")
    monkeypatch.setitem(sys.modules, "torch", torch)
    assert gpu_memory(None) == {}, "torch is just being imported"
    torch.cuda = FakeCuda()  # type: ignore[attr-defined]
    assert WorkerStatus(1, **gpu_memory(None)) == WorkerStatus(1, gpu_used=50, gpu_total=80)
    torch.cuda.started = False
    assert gpu_memory(None) == {}, "asking would take memory there"
    monkeypatch.delitem(sys.modules, "torch")
    assert gpu_memory(None) == {}


def test_a_run_gives_back_the_memory_of_a_gpu_that_it_has_used(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = ModuleType("torch")
    torch.cuda = FakeCuda()  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch", torch)
    release_memory()
    assert torch.cuda.emptied == 1
    torch.cuda.started = False
    release_memory()
    assert torch.cuda.emptied == 1, "there is nothing to give back, and asking would take memory"


def test_what_a_failed_run_has_made_is_gone_before_memory_is_given_back(
    house: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def count() -> None:
        gc.collect()
        left.append(sum(type(one) is Large for one in gc.get_objects()))

    left: list[int] = []
    worker = SimpleNamespace(address="", log_event=lambda *_: None)
    monkeypatch.setattr(worker_module, "get_worker", lambda: worker)
    monkeypatch.setattr(worker_module, "prepare", lambda *_: None)
    monkeypatch.setattr(worker_module, "release_memory", count)
    execution = Execution("tests.fakes:broken", "topic", str(house / "results"), "cpu", Limits(), "text")
    with pytest.raises(DataError):
        worker_module.run(tiny_spec(180).to_json(), "run", execution)
    assert left == [0]


def test_a_worker_runs_images_of_before_there_was_a_side_at_their_side(
    house: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A spec leaves it out of its JSON at 64 px, which is not what is asked for today where nothing is said."""
    ran = []

    def note(spec: ExperimentSpec, *_: object, **__: object) -> None:
        ran.append(spec)
        raise DataError("that is all")

    monkeypatch.setattr(worker_module, "get_worker", lambda: SimpleNamespace(address="", log_event=lambda *_: None))
    monkeypatch.setattr(worker_module, "prepare", lambda *_: None)
    monkeypatch.setattr(worker_module, "load", lambda _: note)
    execution = Execution("tests.fakes:broken", "topic", str(house / "results"), "cpu", Limits(), "text")
    specs = [ExperimentSpec(data="upload:gone-0123456789abcdef", side=side) for side in (64, 97)]
    for spec in specs:
        with pytest.raises(DataError, match="that is all"):
            worker_module.run(spec.to_json(), "run", execution)
    assert ran == specs
