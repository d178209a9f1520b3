"""Engine as the pages use it: what is asked for is computed once, and ends in the store."""

import os
import signal
import threading
from pathlib import Path

import pytest

from core.experiments.summary import CurvePoint
from core.serving import connection, jobs
from core.serving import engine as engine_module
from core.serving.engine import Engine, get_engine
from core.serving.job import Job
from core.serving.journal import Journal
from core.storage.runs import Store
from core.system.errors import EngineError, SettingError, SpecError
from core.system.settings import Limits
from tests.fakes import marks, tiny_result, tiny_spec
from tests.patience import PATIENCE, until
from tests.serving.live import alive, running


def test_a_run_ends_in_the_store(engine: Engine, house: Path) -> None:
    job = engine.submit(tiny_spec(1), "ada")
    status = job.wait(PATIENCE)
    assert (status.state, status.error, status.fraction, status.place) == ("done", None, 1.0, 0)
    assert status.finished
    assert status.seconds_left is None
    assert status.started is not None
    assert status.elapsed > 0
    assert status.curve[-1] == CurvePoint("stage2", 5, {"objective": pytest.approx(0.2)})
    run = engine.store.get(job.id)
    assert run is not None
    assert run.summary == tiny_result(tiny_spec(1)).summary()
    assert engine.job(job.id) is job
    assert job in engine.jobs()
    assert marks(house, "ran-1")[0] != os.getpid()


def test_a_finished_run_teaches_its_cost(engine: Engine, house: Path) -> None:
    (house / "rates.json").unlink(missing_ok=True)
    engine.submit(tiny_spec(2)).wait(PATIENCE)
    assert "cpu/map/" in (house / "rates.json").read_text()


def test_what_is_stored_is_computed_again_where_that_is_asked(engine: Engine, house: Path) -> None:
    engine.submit(tiny_spec(171)).wait(PATIENCE)
    written = engine.store.written(tiny_spec(171).hash)
    job = engine.submit(tiny_spec(171), "ada", again=True)
    assert engine.submit(tiny_spec(171), "bob", again=True) is job
    assert job.wait(PATIENCE).state == "done"
    assert len(marks(house, "ran-171")) == 2
    again = engine.store.written(tiny_spec(171).hash)
    assert written is not None
    assert again is not None
    assert again > written


def test_what_is_stored_is_done_at_once(engine: Engine, house: Path) -> None:
    engine.store.put(tiny_result(tiny_spec(3)))
    status = engine.submit(tiny_spec(3)).status()
    assert (status.state, status.fraction, status.started, status.curve) == ("done", 1.0, None, [])
    assert marks(house, "ran-3") == []


def test_a_result_that_is_lost_is_computed_again(engine: Engine, house: Path) -> None:
    first = engine.submit(tiny_spec(4))
    first.wait(PATIENCE)
    assert engine.submit(tiny_spec(4)).status().state == "done"
    (engine.store.root / first.id / "manifest.json").unlink()
    assert engine.submit(tiny_spec(4)).wait(PATIENCE).state == "done"
    assert len(marks(house, "ran-4")) == 2


def test_a_spec_is_resolved_first(engine: Engine) -> None:
    vague = tiny_spec(6).model_copy(update={"input_size": None})
    assert engine.submit(vague).id == tiny_spec(6).hash != vague.hash
    with pytest.raises(SpecError, match="Unknown extractor"):
        engine.submit(tiny_spec(6).model_copy(update={"extractor": "nope"}))


def test_the_same_experiment_in_flight_is_computed_once(engine: Engine, house: Path) -> None:
    jobs: list[Job] = []
    threads = [
        threading.Thread(target=lambda who=f"p{i}": jobs.append(engine.submit(tiny_spec(5), who))) for i in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {job.wait(PATIENCE).state for job in jobs} == {"done"}
    assert len(marks(house, "ran-5")) == 1


@pytest.mark.processes
def test_there_is_one_engine_and_a_new_one_when_its_cluster_dies(house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "_engine", None)
    monkeypatch.setenv("POISON_LAB_WORKERS", "0")
    with pytest.raises(SettingError, match="POISON_LAB_WORKERS is '0'"):
        get_engine()
    monkeypatch.setenv("POISON_LAB_WORKERS", "1")
    seen: list[Engine] = []
    threads = [threading.Thread(target=lambda: seen.append(get_engine())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    first = get_engine()
    try:
        assert {id(engine) for engine in seen} == {id(first)}
        monkeypatch.setattr(first, "execute", "tests.fakes:slow")
        job = first.submit(tiny_spec(96))
        until(lambda: running(job))
        assert first.connection.host is not None
        os.kill(first.connection.host.pid, signal.SIGKILL)
        status = job.wait(PATIENCE)
        assert status.state == "failed"
        assert status.error is not None
        assert "lost" in status.error
        until(lambda: not first.alive)
        with monkeypatch.context() as away:
            away.setenv("POISON_LAB_SCHEDULER", "tcp://127.0.0.1:1")
            away.setattr(connection, "START_SECONDS", 0.5)
            with pytest.raises(EngineError, match="No scheduler answers"):
                get_engine()
        second = get_engine()
        assert second is not first
        assert second.alive
        # Whoever waited for the run sees how it ended, and can ask again.
        known = second.job(job.id)
        assert known is not None
        assert known.status().error == status.error
        monkeypatch.setattr(second, "execute", "tests.fakes:quick")
        assert second.submit(tiny_spec(96)).wait(PATIENCE).state == "done"
        second.close()
    finally:
        first.close()


@pytest.mark.processes
def test_a_closed_engine_leaves_nothing_running(house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(Store(house / "results", shipped=None), execute="tests.fakes:slow")
    for seed in (94, 95, 96):
        engine.store.put(tiny_result(tiny_spec(seed)))
        assert engine.submit(tiny_spec(seed)).status().state == "done"
    monkeypatch.setattr(jobs, "REMEMBERED", 1)  # so that the end of one lets it forget others
    job, queued = engine.submit(tiny_spec(97)), engine.submit(tiny_spec(98))
    until(lambda: running(job))
    engine.close()
    assert {job.status().state, queued.status().state} == {"cancelled"}
    assert set(Journal(house / "results").interrupted()) >= {job.id, queued.id}
    assert engine.connection.host is not None
    assert not engine.connection.host.alive
    until(lambda: not alive(marks(house, "ran-97")[0]), 2)
    assert not engine.alive
    with pytest.raises(EngineError, match="has stopped"):
        engine.submit(tiny_spec(99))


def log_lines(caplog: pytest.LogCaptureFixture, job_id: str) -> list[tuple[str, str]]:
    """Of a run, every line of the log: how it begins after the run's name, and what its fields are."""
    records = [record for record in caplog.records if vars(record).get("run") == job_id]
    assert all(vars(record)["attack"] == "ft-matching" for record in records)
    assert "ada" not in caplog.text
    return [(record.getMessage().partition(") ")[2].split()[0], record.levelname) for record in records]


def test_the_log_has_a_line_for_each_turn_of_a_run(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "core.serving")
    done = engine.submit(tiny_spec(211), "ada")
    done.wait(PATIENCE)
    engine.submit(tiny_spec(211), "ada")
    assert log_lines(caplog, done.id) == [("started", "INFO"), ("ended", "INFO")]
    assert vars(caplog.records[-1])["seconds"] >= 0
    monkeypatch.setattr(engine, "execute", "tests.fakes:broken")
    failures = [engine.submit(tiny_spec(seed), "ada") for seed in (212, 213)]
    for job in failures:
        job.wait(PATIENCE)
        assert log_lines(caplog, job.id) == [("started", "INFO"), ("failed", "ERROR")]
    monkeypatch.setattr(engine, "execute", "tests.fakes:slow")
    cancelled = engine.submit(tiny_spec(214), "ada")
    until(lambda: running(cancelled))
    cancelled.cancel()
    assert log_lines(caplog, cancelled.id) == [("started", "INFO"), ("cancelled", "INFO")]
    monkeypatch.setattr(engine, "limits", Limits(all_runs=0))
    with pytest.raises(EngineError, match="at most 0"):
        engine.submit(tiny_spec(215), "ada")
    assert log_lines(caplog, tiny_spec(215).hash) == [("refused:", "INFO")]


def test_the_status_counts_what_is_in_flight_and_how_it_ended(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    before = engine.status()
    assert (before.queued, before.running, before.wait, before.slots) == (0, 0, 0.0, 1)
    engine.submit(tiny_spec(221)).wait(PATIENCE)
    engine.submit(tiny_spec(221)).wait(PATIENCE)
    monkeypatch.setattr(engine, "execute", "tests.fakes:slow")
    first, second = engine.submit(tiny_spec(222)), engine.submit(tiny_spec(223))
    until(lambda: running(first))
    busy = engine.status()
    assert (busy.queued, busy.running) == (1, 1)
    assert busy.wait > 0
    second.cancel()
    first.cancel()
    after = engine.status()
    assert (after.queued, after.running) == (0, 0)
    assert {name: after.outcomes[name] - before.outcomes[name] for name in after.outcomes} == {
        **{"done": 1, "failed": 0},  # what was there already is no run
        **{"cancelled": 2, "refused": 0},
    }
    [worker] = after.workers
    assert worker.memory > 1e6
    assert worker.gpu_total is None
