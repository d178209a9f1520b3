"""All jobs of an engine: whose turn it is, and what is forgotten."""

import pytest

from core.serving import jobs as jobs_module
from core.serving.engine import Engine
from core.serving.job import Job, Position
from core.serving.jobs import Jobs
from tests.fakes import tiny_spec
from tests.patience import PATIENCE, until
from tests.serving.live import let_the_scheduler_hear_of_it, running


def test_one_persons_many_runs_do_not_keep_another_waiting(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "execute", "tests.fakes:slow")
    first = engine.submit(tiny_spec(60), "ada")
    until(lambda: running(first))
    monkeypatch.setattr(engine, "execute", "tests.fakes:quick")
    adas = [engine.submit(tiny_spec(seed), "ada") for seed in range(61, 66)]
    bobs = engine.submit(tiny_spec(66), "bob")
    assert bobs.status().place == 1
    assert [job.status().place for job in adas] == [2, 3, 4, 5, 6]
    let_the_scheduler_hear_of_it()
    first.cancel()
    statuses = [job.wait(PATIENCE) for job in (bobs, *adas)]
    started = [status.started or 0.0 for status in statuses]
    assert started == sorted(started), "the scheduler takes them up in the order of their places"


def test_finished_jobs_are_forgotten_in_the_end(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs_module, "REMEMBERED", 3)
    jobs = []
    for seed in range(80, 86):
        jobs.append(engine.submit(tiny_spec(seed)))
        jobs[-1].wait(PATIENCE)
    assert [job.spec.seed for job in engine.jobs()] == [85, 84, 83]
    assert engine.job(jobs[0].id) is None
    assert len(engine._jobs) == 3


def test_without_workers_nobody_knows_when_a_turn_comes() -> None:
    jobs = Jobs(slots=lambda: 0, cancel=lambda *_: False)
    first, second = (Job(tiny_spec(seed), "", jobs, number=jobs.next_number()) for seed in (300, 301))
    for job in (second, first):
        jobs.add(job)
    assert jobs.position(second) == Position(2, None)
    assert second.status().lacks_workers
    assert second.status().seconds_left is None
    assert jobs.newest_first() == [second, first]


@pytest.mark.parametrize(
    ("slots", "running", "tasks", "behind"),
    [
        (1, 0, 0, [False, False]),
        (1, 0, 1, [True, False]),
        (2, 0, 1, [False, True]),
        (2, 0, 2, [True, True]),
        (2, 1, 1, [True, False]),
        (2, 1, 5, [True, False]),
        (2, 2, 1, [False, False]),
        (3, 0, 1, [False, False]),
    ],
)
def test_a_run_that_only_tasks_keep_waiting_knows_no_time(
    slots: int, running: int, tasks: int, behind: list[bool]
) -> None:
    """A slot is free of runs, but tasks go first, and nobody knows how long they take."""
    jobs = Jobs(lambda: slots, lambda *_: False, lambda: tasks)
    for seed in range(320, 320 + running + 2):
        jobs.add(Job(tiny_spec(seed), "", jobs, number=jobs.next_number()))
    for job in jobs.all()[:running]:
        job.begin("worker")
    statuses = [job.status() for job in jobs.all()[running:]]
    assert [status.behind_tasks for status in statuses] == behind
    assert [status.seconds_left is None for status in statuses] == behind


def test_the_wait_is_shared_out_among_the_slots() -> None:
    slots = 1
    jobs = Jobs(slots=lambda: slots, cancel=lambda *_: False)
    assert jobs.expected_wait() == 0
    for seed in (302, 303, 304):
        jobs.add(Job(tiny_spec(seed), "", jobs, number=jobs.next_number()))
    seconds = sum(jobs.all()[0].expected.values())
    assert jobs.expected_wait() == pytest.approx(3 * seconds)
    assert jobs.position(jobs.all()[2]).wait == pytest.approx(2 * seconds)
    slots = 3
    assert jobs.expected_wait() == pytest.approx(seconds)
    slots = 4
    assert jobs.expected_wait() == 0


def test_the_wait_is_what_running_jobs_have_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each waiting job takes the slot that is free first; what is nearly over does not count as a whole run."""
    slots = 2
    jobs = Jobs(slots=lambda: slots, cancel=lambda *_: False)
    left = {310: 3.0, 311: 50.0, 312: 20.0, 313: 20.0}
    monkeypatch.setattr(Job, "seconds_left", lambda job, now: left[job.spec.seed])
    for seed in left:
        jobs.add(Job(tiny_spec(seed), "", jobs, number=jobs.next_number()))
    running, also_running, first, second = jobs.all()
    for job in (running, also_running):
        job.begin("worker")
    assert jobs.position(first) == Position(1, 3.0)
    assert jobs.position(second) == Position(2, 23.0)
    assert jobs.expected_wait() == 43.0
    slots = 3
    assert jobs.position(first) == Position(1, 0.0)
    assert jobs.expected_wait() == 20.0
    slots = 1
    assert jobs.position(first).wait == 50.0, "a worker has left, while both still run"


def test_jobs_of_an_engine_before_are_known_unless_they_were_asked_for_again() -> None:
    before, after = (Jobs(slots=lambda: 1, cancel=lambda *_: False) for _ in range(2))
    old, kept = (Job(tiny_spec(seed), "", before) for seed in (305, 306))
    new = Job(tiny_spec(305), "", after)
    for job in (old, kept):
        before.add(job)
    after.add(new)
    after.adopt(before)
    assert (after.latest(old.id), after.latest(kept.id), len(after)) == (new, kept, 3)
