"""What is computed while nobody waits: it ends as soon as somebody does, and counts in nothing."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.serving import ahead
from core.serving.engine import Engine
from core.spec.experiment import ExperimentSpec
from core.storage.runs import Store
from tests.fakes import marks, tiny_spec
from tests.patience import PATIENCE, until


@pytest.fixture(scope="module")
def own_engine(house: Path) -> Iterator[Engine]:
    engine = Engine(Store(house / "ahead", shipped=None), execute="tests.fakes:quick", grace=0.5, ahead=50)
    yield engine
    engine.close()


@pytest.fixture
def idle(own_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    monkeypatch.setattr(ahead, "IDLE_SECONDS", 0.05)
    monkeypatch.setattr(own_engine, "execute", "tests.fakes:quick")
    yield own_engine
    own_engine.ahead.wish([])
    own_engine.ahead.stop()
    for job in own_engine.jobs():
        job.cancel()
    until(lambda: own_engine.ahead.computing() is None)
    until(lambda: all(job.off_worker.is_set() for job in own_engine.jobs()))


def stored(engine: Engine, *specs: ExperimentSpec) -> bool:
    return all(spec.hash in engine.store for spec in specs)


def test_wishes_are_computed_in_order_and_count_in_nothing(idle: Engine, house: Path) -> None:
    (house / "rates.json").unlink(missing_ok=True)
    wanted = [tiny_spec(seed) for seed in (601, 602)]
    before = idle.status()
    idle.ahead.wish(wanted)
    until(lambda: stored(idle, *wanted))
    until(lambda: idle.ahead.computing() is None)
    assert idle.jobs() == []
    assert idle.status().outcomes == before.outcomes
    assert not (house / "rates.json").exists()
    first, second = (idle.store.written(spec.hash) for spec in wanted)
    assert first is not None
    assert second is not None
    assert first <= second
    assert idle.submit(wanted[0], "ada").status().state == "done"
    assert len(marks(house, "ran-601")) == 1


def test_a_persons_run_ends_it_within_a_second_and_it_is_taken_up_later(idle: Engine, house: Path) -> None:
    idle.execute = "tests.fakes:slow"
    idle.ahead.wish([tiny_spec(611)])
    until(lambda: marks(house, "ran-611") != [])
    idle.execute = "tests.fakes:quick"
    start = time.monotonic()
    job = idle.submit(tiny_spec(612), "ada")
    assert idle.status().queued + idle.status().running <= 1
    until(lambda: job.attempts > 0)
    assert time.monotonic() - start < 1.0
    assert job.wait(PATIENCE).state == "done"
    assert marks(house, "ended-611") == []
    until(lambda: stored(idle, tiny_spec(611)))
    assert len(marks(house, "ran-611")) == 2


def test_whoever_wants_just_that_gets_it_as_a_run_of_their_own(idle: Engine, house: Path) -> None:
    idle.execute = "tests.fakes:slow"
    idle.ahead.wish([tiny_spec(621)])
    until(lambda: marks(house, "ran-621") != [])
    idle.execute = "tests.fakes:quick"
    job = idle.submit(tiny_spec(621), "ada")
    assert job.wait(PATIENCE).state == "done"
    assert marks(house, "ended-621") == []


def test_a_task_ends_it_too(idle: Engine, house: Path) -> None:
    idle.execute = "tests.fakes:slow"
    idle.ahead.wish([tiny_spec(631)])
    until(lambda: marks(house, "ran-631") != [])
    task = idle.run_task("ahead-warm", "tests.fakes:warm_up")
    until(lambda: task.finished)
    assert task.error is None
    assert marks(house, "ended-631") == []


def test_nothing_begins_while_somebody_waits(idle: Engine, house: Path) -> None:
    (house / "go").unlink(missing_ok=True)
    idle.execute = "tests.fakes:held"
    job = idle.submit(tiny_spec(641), "ada")
    until(lambda: job.attempts > 0)
    idle.execute = "tests.fakes:quick"
    idle.ahead.wish([tiny_spec(642)])
    time.sleep(0.5)
    assert idle.ahead.computing() is None
    assert marks(house, "ran-642") == []
    (house / "go").touch()
    assert job.wait(PATIENCE).state == "done"
    until(lambda: stored(idle, tiny_spec(642)))
    (house / "go").unlink()


def test_what_fails_is_not_tried_again(idle: Engine, house: Path) -> None:
    idle.execute = "tests.fakes:broken"
    idle.ahead.wish([tiny_spec(652)])
    until(lambda: marks(house, "ran-652") != [] or 652 in _failed(idle))
    until(lambda: idle.ahead.computing() is None)
    idle.execute = "tests.fakes:quick"
    idle.ahead.wish([tiny_spec(652), tiny_spec(653)])
    until(lambda: stored(idle, tiny_spec(653)))
    assert not stored(idle, tiny_spec(652))


def _failed(engine: Engine) -> set[int]:
    return {seed for seed in (652,) if tiny_spec(seed).hash in engine.ahead._failed}


def test_what_takes_long_is_passed_over(idle: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead.cost, "total", lambda spec: 61.0 if spec.seed == 661 else 1.0)
    idle.ahead.wish([tiny_spec(661), tiny_spec(662)])
    until(lambda: stored(idle, tiny_spec(662)))
    assert not stored(idle, tiny_spec(661))


def test_a_limit_bounds_what_is_computed_and_none_is_without_one(idle: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idle.ahead, "_left", 1)
    idle.ahead.wish([tiny_spec(671), tiny_spec(672)])
    until(lambda: stored(idle, tiny_spec(671)))
    time.sleep(0.3)
    assert not stored(idle, tiny_spec(672))
    idle.ahead.wish([tiny_spec(673)])
    assert not any(isinstance(thread, threading.Timer) for thread in threading.enumerate())
    time.sleep(0.2)
    assert not stored(idle, tiny_spec(673))
    monkeypatch.setattr(idle.ahead, "_left", 50)
