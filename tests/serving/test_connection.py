"""The line to a scheduler: who answers there, and what workers do before the first run."""

from pathlib import Path

import pytest

from core.serving import connection
from core.serving.engine import Engine
from core.storage.runs import Store
from core.system.errors import EngineError
from tests.fakes import marks, tiny_spec
from tests.patience import PATIENCE, until


def test_warming_up_reaches_the_worker(engine: Engine, house: Path) -> None:
    engine.warm_up()
    until(lambda: len(marks(house, "warm")) == 1)
    assert engine.submit(tiny_spec(91)).wait(PATIENCE).state == "done"


def test_a_failed_warm_up_is_logged(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(engine, "execute", "no.such.module:run")
    engine.warm_up()
    until(lambda: "Warming up failed" in caplog.text)


def test_an_engine_on_a_cluster_that_is_there(engine: Engine, house: Path) -> None:
    address = engine.connection.client.scheduler.address
    guest = Engine(engine.store, scheduler=address, execute="tests.fakes:quick")
    assert guest.submit(tiny_spec(92)).wait(PATIENCE).state == "done"
    guest.close()
    assert not guest.alive
    assert engine.alive
    assert engine.submit(tiny_spec(93)).wait(PATIENCE).state == "done"


def test_that_no_scheduler_answers_is_reported(house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "START_SECONDS", 0.5)
    with pytest.raises(EngineError, match=r"tcp://127\.0\.0\.1:9 .*POISON_LAB_SCHEDULER"):
        Engine(Store(house / "results", shipped=None), scheduler="tcp://127.0.0.1:9")


def test_without_an_answer_there_are_no_workers(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def late(*_: object, **__: object) -> None:
        raise TimeoutError("too late")

    monkeypatch.setattr(engine.connection.client, "sync", late)
    assert engine.status().workers == ()
    assert "too late" in caplog.text
