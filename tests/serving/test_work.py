"""Work that queues with the runs: it takes turns, leaves nothing in the store, and no list of runs has it."""

from pathlib import Path

from core.serving.engine import Engine
from core.serving.messages import Work
from tests.fakes import mark, marks, tiny_spec
from tests.patience import PATIENCE


def work(house: Path, key: str, function: str = "tests.fakes:work") -> Work:
    return Work(key, function, (key,), lambda: bool(marks(house, key)))


def test_work_is_done_and_leaves_nothing_in_the_store(engine: Engine, house: Path) -> None:
    spec = tiny_spec(900)
    job = engine.submit_work(work(house, "work-1"), spec, "ada")
    status = job.wait(PATIENCE)
    assert (status.state, status.error) == ("done", None)
    assert len(marks(house, "work-1")) == 1
    assert spec.hash not in engine.store
    assert job not in engine.jobs()
    assert engine.job(spec.hash) is None


def test_work_that_refuses_says_why(engine: Engine, house: Path) -> None:
    job = engine.submit_work(work(house, "work-2", "tests.fakes:refused_work"), tiny_spec(901), "ada")
    status = job.wait(PATIENCE)
    assert (status.state, status.error) == ("failed", "These files are damaged.")


def test_work_without_a_result_is_a_failure(engine: Engine, house: Path) -> None:
    nothing = Work("work-3", "tests.fakes:work", ("other",), lambda: False)
    status = engine.submit_work(nothing, tiny_spec(902), "ada").wait(PATIENCE)
    assert status.state == "failed"
    assert "POISON_LAB_HOME" in str(status.error)


def test_who_has_work_in_flight_waits_longer(engine: Engine, house: Path) -> None:
    going = work(house, "work-4", "tests.fakes:held_work")
    first = engine.submit_work(going, tiny_spec(903), "ada")
    assert engine.submit_work(going, tiny_spec(903), "ada") is first
    second = engine.submit_work(work(house, "work-5"), tiny_spec(904), "ada")
    assert (first.priority, second.priority) == (0, -1)
    mark("work-4-on")
    assert first.wait(PATIENCE).state == "done"
    assert second.wait(PATIENCE).state == "done"
