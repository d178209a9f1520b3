"""Small work beside the runs."""

from pathlib import Path

import pytest

from core.serving.engine import Engine
from tests.fakes import marks, tiny_spec
from tests.patience import PATIENCE, until


def test_a_task_is_run_once_for_all_who_ask(house: Path, engine: Engine) -> None:
    task = engine.run_task("once", "tests.fakes:mark", "task")
    assert engine.run_task("once", "tests.fakes:mark", "task") is task
    until(lambda: task.finished)
    assert task.error is None
    assert engine.run_task("once", "tests.fakes:mark", "task") is task
    assert len(marks(house, "task")) == 1


@pytest.mark.parametrize(
    ("work", "words"), [("tests.fakes:refuse", "put some there"), ("tests.fakes:no_such", "internal error (Attribute")]
)
def test_a_task_that_fails_says_so_and_can_be_asked_again(work: str, words: str, engine: Engine) -> None:
    task = engine.run_task(work, work)
    until(lambda: task.finished)
    assert task.error is not None
    assert words in task.error
    assert "secret" not in task.error
    assert engine.run_task(work, work) is not task


def test_a_run_says_that_a_task_keeps_it_waiting(house: Path, engine: Engine) -> None:
    for worker in range(engine.connection.slots):
        engine.run_task(f"long-{worker}", "tests.fakes:wait_for", "let-go")
    job = engine.submit(tiny_spec(340))
    assert job.status().behind_tasks
    assert job.status().seconds_left is None
    (house / "let-go").touch()
    assert job.wait(PATIENCE).state == "done"
    assert not job.status().behind_tasks
