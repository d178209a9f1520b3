"""Runs at the workers: those that die, that fail, and that do not listen."""

import os
import signal
from pathlib import Path

import pytest

from core.serving.engine import Engine
from tests.fakes import marks, tiny_spec
from tests.patience import PATIENCE, until
from tests.serving.live import running


def test_a_run_that_does_not_listen_is_stopped_by_force(
    engine: Engine, house: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "execute", "tests.fakes:deaf")
    job = engine.submit(tiny_spec(30))
    until(lambda: job.status().stage == "load")
    monkeypatch.setattr(engine, "execute", "tests.fakes:quick")
    waiting = engine.submit(tiny_spec(31))
    job.cancel()
    assert waiting.wait(PATIENCE).state == "done"
    assert marks(house, "ran-31") != marks(house, "ran-30")
    assert job.id not in engine.store


def test_a_run_starts_again_when_its_worker_is_killed(
    engine: Engine, house: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "execute", "tests.fakes:slow")
    job = engine.submit(tiny_spec(40))
    until(lambda: running(job))
    os.kill(marks(house, "ran-40")[0], signal.SIGKILL)
    until(lambda: len(marks(house, "ran-40")) == 2)
    assert job.wait(PATIENCE).state == "done"
    assert job.id in engine.store
    assert len(marks(house, "ended-40")) == 1


def test_a_run_that_kills_its_workers_fails_and_spares_the_others(
    engine: Engine, house: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "execute", "tests.fakes:deadly")
    job = engine.submit(tiny_spec(41))
    innocent = engine.submit(tiny_spec(42))
    status = job.wait(2 * PATIENCE)
    assert status.state == "failed"
    assert status.error is not None
    assert "died 3 times" in status.error
    assert len(marks(house, "ran-41")) == 3
    assert innocent.wait(PATIENCE).state == "done"
    assert job.id not in engine.store


def test_errors_for_people_are_shown_and_others_logged(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(engine, "execute", "tests.fakes:broken")
    shown = engine.submit(tiny_spec(50)).wait(PATIENCE)
    assert (shown.state, shown.error) == ("failed", "Folder 'x' holds no images; put some there.")
    hidden = engine.submit(tiny_spec(51)).wait(PATIENCE)
    assert hidden.state == "failed"
    assert hidden.error is not None
    assert "ZeroDivisionError" in hidden.error
    assert "secret" not in hidden.error
    assert "secret detail" in caplog.text
    assert "in broken" in caplog.text, "with the traceback of the worker"
    monkeypatch.setattr(engine, "execute", "tests.fakes:quick")
    assert engine.submit(tiny_spec(50)).wait(PATIENCE).state == "done", "a failed run may be asked for again"
