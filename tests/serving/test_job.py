"""A job from its start to its end: how far it is, and how people stop it."""

import time
from pathlib import Path

import numpy as np
import pytest

from core.serving import job as job_module
from core.serving.engine import Engine
from core.serving.job import Job
from core.serving.jobs import Jobs
from core.serving.messages import EventData
from tests.fakes import marks, tiny_spec
from tests.patience import PATIENCE, until
from tests.serving.live import let_the_scheduler_hear_of_it, running


def test_progress_moves(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "execute", "tests.fakes:slow")
    job = engine.submit(tiny_spec(10))
    until(lambda: running(job))
    early = job.status()
    time.sleep(0.6)
    later = job.status()
    assert (early.stage, early.total, later.state) == ("stage2", 100, "running")
    assert later.done > early.done
    assert later.fraction > early.fraction > 0
    assert later.elapsed > early.elapsed
    assert later.seconds_left is not None
    assert len(later.curve) > len(early.curve)


def test_a_running_job_stops_when_cancelled(engine: Engine, house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "execute", "tests.fakes:slow")
    job = engine.submit(tiny_spec(11))
    until(lambda: running(job))
    assert job.cancel()
    assert job.status().state == "cancelled"
    assert job.off_worker.wait(PATIENCE)
    assert marks(house, "ended-11") == []
    assert job.id not in engine.store
    monkeypatch.setattr(engine, "execute", "tests.fakes:quick")
    assert engine.submit(tiny_spec(12)).wait(PATIENCE).state == "done"
    assert marks(house, "ran-12") == marks(house, "ran-11"), "in the same process"
    again = engine.submit(tiny_spec(11))
    assert again is not job
    assert again.wait(PATIENCE).state == "done"
    assert again.cancel() is False


def test_a_running_job_shows_what_it_has_made(engine: Engine, house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "execute", "tests.fakes:shown")
    job = engine.submit(tiny_spec(13), "ada")
    until(lambda: job.preview is not None)
    first = job.preview
    until(lambda: job.preview is not first)
    later = job.preview
    assert first is not None
    assert later is not None
    assert later.done > first.done == 1
    for preview in (first, later):
        assert preview.poison_x is not None
        assert preview.poison_x.tolist() == np.full((4, 1, 8, 8), preview.done % 256).tolist()
        assert preview.train_xy is not None, "the clean points are sent once, and kept"
        assert preview.train_xy.shape == (20, 2)
    since = time.monotonic()
    assert job.cancel()
    assert job.off_worker.wait(PATIENCE)
    assert time.monotonic() - since < 1.0
    assert job.preview is None
    assert marks(house, "ended-13") == []


def test_a_run_that_nobody_asked_for_shows_nothing(engine: Engine) -> None:
    assert not engine._execution("topic").previews
    assert not engine.ahead._execution("topic").previews


def test_a_job_in_the_queue_is_gone_at_once(engine: Engine, house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "execute", "tests.fakes:slow")
    first = engine.submit(tiny_spec(20))
    until(lambda: running(first))
    monkeypatch.setattr(engine, "execute", "tests.fakes:quick")
    second, third = engine.submit(tiny_spec(21)), engine.submit(tiny_spec(22))
    assert [job.status().place for job in (first, second, third)] == [0, 1, 2]
    waits = [job.status().seconds_left for job in (first, second, third)]
    assert all(wait is not None for wait in waits)
    assert waits == sorted(waits)
    assert second.cancel()
    assert (second.status().state, third.status().place) == ("cancelled", 1)
    let_the_scheduler_hear_of_it()
    first.cancel()
    assert third.wait(PATIENCE).state == "done"
    assert marks(house, "ran-21") == []


def test_one_of_two_people_can_not_stop_the_others_run(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "execute", "tests.fakes:slow")
    job = engine.submit(tiny_spec(13), "ada")
    assert engine.submit(tiny_spec(13), "bob") is job
    assert job.cancel("ada") is False
    assert not job.status().finished
    assert job.cancel("bob") is True
    assert job.status().state == "cancelled"


@pytest.fixture
def job() -> Job:
    """A job that no worker knows."""
    jobs = Jobs(slots=lambda: 1, cancel=lambda job, _: job.end("cancelled"))
    job = Job(tiny_spec(90), "ada", jobs)
    jobs.add(job)
    return job


def event(done: int, total: int = 1000) -> EventData:
    return {"stage": "stage2", "done": done, "total": total, "values": {"objective": 1.0}}


def test_the_live_curve_is_bounded(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_module, "CURVE_POINTS", 10)
    job.begin("worker")
    for step in range(1000):
        job.advance(event(step))
        assert len(job.status().curve) <= 10
    dones = [point.step for point in job.status().curve]
    assert dones[0] == 0
    assert dones == sorted(dones)
    assert dones[-1] > 900 - 300


def test_a_job_that_is_over_begins_at_no_worker_and_says_so(job: Job) -> None:
    assert job.end("cancelled")
    assert job.begin("worker") is False
    assert (job.worker, job.off_worker.is_set()) == ("worker", False), "the worker has to be stopped"
    assert (job.state, job.attempts, job.status().started) == ("cancelled", 0, None)


def test_a_job_ends_once(job: Job) -> None:
    assert job.end("failed", "why")
    assert job.end("done") is False
    assert job.requeue() is False
    assert (job.status().state, job.status().error, job.finished) == ("failed", "why", True)


def test_a_job_that_is_queued_again_starts_anew(job: Job) -> None:
    assert job.begin("first")
    job.advance(event(500))
    assert job.status().fraction > 0
    assert job.requeue()
    job.advance(event(600))
    waiting = job.status()
    assert (waiting.state, waiting.place, waiting.stage, waiting.fraction) == ("queued", 1, "", 0.0)
    assert job.begin("second")
    assert (job.attempts, job.worker, job.status().curve) == (2, "second", [])


def test_a_job_is_wanted_as_long_as_one_person_wants_it(job: Job) -> None:
    job.people.add("bob")
    assert job.leave("ada") is False
    assert job.leave("eve") is False
    assert job.leave("bob") is True
