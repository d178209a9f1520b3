import gc
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from core.experiments import cost
from core.serving import cluster
from core.serving import engine as engine_module
from core.serving.engine import (
    Engine,
    Job,
    Reporter,
    WorkerState,
    _give_back_memory,
    _gpu_memory,
    _make_room,
    get_engine,
)
from core.serving.journal import Journal
from core.spec.events import Event
from core.storage.runs import Store
from core.system.errors import Cancelled, DataError, EngineError, SettingError, SpecError
from core.system.paths import ROOT
from core.system.settings import Limits
from tests.fakes import Large, marks, tiny_result, tiny_spec
from tests.patience import PATIENCE, until


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("house")
        patch.setenv("POISON_LAB_HOME", str(folder))
        for name in ("POISON_LAB_SCHEDULER", "OMP_NUM_THREADS"):  # the latter is conftest's, and workers would heed it
            patch.delenv(name, raising=False)
        yield folder


@pytest.fixture(scope="module")
def shared(house: Path) -> Iterator[Engine]:
    engine = Engine(Store(house / "results", shipped=None), execute="tests.fakes:quick", grace=0.5)
    yield engine
    engine.close()


@pytest.fixture
def engine(shared: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """The engine of this module, empty again after the test; `_execute` may be set to another fake."""
    monkeypatch.setattr(shared, "_execute", "tests.fakes:quick")
    yield shared
    for job in shared.jobs():
        job.cancel()
    until(lambda: all(job._off_worker.is_set() for job in shared.jobs()))


def let_the_scheduler_hear_of_it() -> None:
    time.sleep(0.3)


def running(job: Job) -> bool:
    return job.status().state == "running" and job.status().done > 0


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False


def test_the_server_side_is_free_of_torch_and_streamlit() -> None:
    code = (
        "import core.serving.engine, core.storage.runs, core.experiments.cost, core.serving.metrics, sys; "
        "print({'torch', 'streamlit'} & set(sys.modules))"
    )
    output = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert output.stdout == "set()\n"


def test_a_run_ends_in_the_store(engine: Engine, house: Path) -> None:
    job = engine.submit(tiny_spec(1), "ada")
    status = job.wait(PATIENCE)
    assert (status.state, status.error, status.fraction, status.place) == ("done", None, 1.0, 0)
    assert status.over
    assert status.seconds_left is None
    assert status.started is not None
    assert status.elapsed > 0
    assert status.curve[-1] == {"stage": "stage2", "done": 5, "objective": pytest.approx(0.2)}
    run = engine.store.get(job.id)
    assert run is not None
    assert run.result == tiny_result(tiny_spec(1)).summary()
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


def test_progress_moves(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "_execute", "tests.fakes:slow")
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
    monkeypatch.setattr(engine, "_execute", "tests.fakes:slow")
    job = engine.submit(tiny_spec(11))
    until(lambda: running(job))
    assert job.cancel()
    assert job.status().state == "cancelled"
    assert job._off_worker.wait(PATIENCE)
    assert marks(house, "ended-11") == []
    assert job.id not in engine.store
    monkeypatch.setattr(engine, "_execute", "tests.fakes:quick")
    assert engine.submit(tiny_spec(12)).wait(PATIENCE).state == "done"
    assert marks(house, "ran-12") == marks(house, "ran-11"), "in the same process"
    again = engine.submit(tiny_spec(11))
    assert again is not job
    assert again.wait(PATIENCE).state == "done"
    assert again.cancel() is False


def test_a_job_in_the_queue_is_gone_at_once(engine: Engine, house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "_execute", "tests.fakes:slow")
    first = engine.submit(tiny_spec(20))
    until(lambda: running(first))
    monkeypatch.setattr(engine, "_execute", "tests.fakes:quick")
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
    monkeypatch.setattr(engine, "_execute", "tests.fakes:slow")
    job = engine.submit(tiny_spec(13), "ada")
    assert engine.submit(tiny_spec(13), "bob") is job
    assert job.cancel("ada") is False
    assert not job.status().over
    assert job.cancel("bob") is True
    assert job.status().state == "cancelled"


def test_a_run_that_does_not_listen_is_stopped_by_force(
    engine: Engine, house: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "_execute", "tests.fakes:deaf")
    job = engine.submit(tiny_spec(30))
    until(lambda: job.status().stage == "load")
    monkeypatch.setattr(engine, "_execute", "tests.fakes:quick")
    waiting = engine.submit(tiny_spec(31))
    job.cancel()
    assert waiting.wait(PATIENCE).state == "done"
    assert marks(house, "ran-31") != marks(house, "ran-30")
    assert job.id not in engine.store


def test_a_run_starts_again_when_its_worker_is_killed(
    engine: Engine, house: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "_execute", "tests.fakes:slow")
    job = engine.submit(tiny_spec(40))
    until(lambda: running(job))
    os.kill(marks(house, "ran-40")[0], signal.SIGKILL)
    until(lambda: len(marks(house, "ran-40")) == 2)
    assert job.wait(PATIENCE).state == "done"
    assert job.id in engine.store
    assert len(marks(house, "ended-40")) == 1


def workers_of(host: int) -> list[int]:
    """The worker processes that the host of an engine has, also those that are only starting."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((place / "stat").read_text().rpartition(")")[2].split()[1])
            command = (place / "cmdline").read_bytes()
        except (OSError, ValueError):
            continue
        if parent == host and b"spawn_main" in command:
            found.append(int(place.name))
    return found


@pytest.mark.slow
def test_a_worker_that_dies_again_after_a_while_is_started_again(house: Path) -> None:
    """Dask's own cluster gives up on a worker that is down 15 seconds after it has died, be it for another reason."""
    engine = Engine(Store(house / "results", shipped=None), execute="tests.fakes:quick", grace=0.5)
    try:
        assert engine._host is not None
        host, born = engine._host.pid, time.monotonic()
        for wait in (0.0, 14.7):
            time.sleep(max(0.0, born + wait - time.monotonic()))
            until(lambda: bool(workers_of(host)))
            if not wait:
                born = time.monotonic()
            for pid in workers_of(host):
                os.kill(pid, signal.SIGKILL)
        time.sleep(1)
        assert engine.submit(tiny_spec(43)).wait(30).state == "done"
    finally:
        engine.close()


def test_a_run_that_kills_its_workers_fails_and_spares_the_others(
    engine: Engine, house: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "_execute", "tests.fakes:deadly")
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
    monkeypatch.setattr(engine, "_execute", "tests.fakes:broken")
    shown = engine.submit(tiny_spec(50)).wait(PATIENCE)
    assert (shown.state, shown.error) == ("failed", "Folder 'x' holds no images; put some there.")
    hidden = engine.submit(tiny_spec(51)).wait(PATIENCE)
    assert hidden.state == "failed"
    assert hidden.error is not None
    assert "ZeroDivisionError" in hidden.error
    assert "secret" not in hidden.error
    assert "secret detail" in caplog.text
    assert "in broken" in caplog.text, "with the traceback of the worker"
    monkeypatch.setattr(engine, "_execute", "tests.fakes:quick")
    assert engine.submit(tiny_spec(50)).wait(PATIENCE).state == "done", "a failed run may be asked for again"


def test_one_persons_many_runs_do_not_keep_another_waiting(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "_execute", "tests.fakes:slow")
    first = engine.submit(tiny_spec(60), "ada")
    until(lambda: running(first))
    monkeypatch.setattr(engine, "_execute", "tests.fakes:quick")
    adas = [engine.submit(tiny_spec(seed), "ada") for seed in range(61, 66)]
    bobs = engine.submit(tiny_spec(66), "bob")
    assert bobs.status().place == 1
    assert [job.status().place for job in adas] == [2, 3, 4, 5, 6]
    let_the_scheduler_hear_of_it()
    first.cancel()
    statuses = [job.wait(PATIENCE) for job in (bobs, *adas)]
    started = [status.started or 0.0 for status in statuses]
    assert started == sorted(started), "the scheduler takes them up in the order of their places"


def test_a_person_has_a_limit(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "limits", Limits(person_runs=2))
    monkeypatch.setattr(engine, "_execute", "tests.fakes:slow")
    jobs = [engine.submit(tiny_spec(70), "ada"), engine.submit(tiny_spec(71), "ada")]
    with pytest.raises(EngineError, match="2 runs in flight"):
        engine.submit(tiny_spec(72), "ada")
    assert engine.submit(tiny_spec(70), "ada") is jobs[0]
    assert engine.submit(tiny_spec(72), "bob").status().state == "queued"
    jobs[1].cancel()
    assert engine.submit(tiny_spec(73), "ada").status().state == "queued"


def test_all_people_together_have_a_limit(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "limits", Limits(all_runs=2))
    monkeypatch.setattr(engine, "_execute", "tests.fakes:slow")
    jobs = [engine.submit(tiny_spec(174), "ada"), engine.submit(tiny_spec(175), "bob")]
    with pytest.raises(EngineError, match="2 runs are in flight on this server, at most 2 are allowed"):
        engine.submit(tiny_spec(176), "cyd")
    assert engine.submit(tiny_spec(175), "cyd") is jobs[1], "what runs already is shared all the same"
    jobs[0].cancel()
    assert engine.submit(tiny_spec(176), "cyd").status().state == "queued"


def test_what_would_take_too_long_is_refused_with_the_number(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = cost.total(tiny_spec(177))
    monkeypatch.setattr(engine, "limits", Limits(run_seconds=expected / 2))
    with pytest.raises(EngineError, match=f"expected to take {expected:,.0f} s .* at most {expected / 2:,.0f} s"):
        engine.submit(tiny_spec(177), "ada")
    assert engine.job(tiny_spec(177).hash) is None, "nothing is left of it"
    monkeypatch.setattr(engine, "limits", Limits(run_seconds=expected * 2))
    assert engine.submit(tiny_spec(177), "ada").wait(PATIENCE).state == "done"


def test_finished_jobs_are_forgotten_in_the_end(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "REMEMBERED", 3)
    jobs = []
    for seed in range(80, 86):
        jobs.append(engine.submit(tiny_spec(seed)))
        jobs[-1].wait(PATIENCE)
    assert [job.spec.seed for job in engine.jobs()] == [85, 84, 83]
    assert engine.job(jobs[0].id) is None
    assert len(engine._runs) == 3


def test_the_live_curve_is_bounded(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "CURVE_POINTS", 10)
    job = Job(engine, tiny_spec(90), "", 0, 0)
    for step in range(1000):
        engine_module._advance(job, {"stage": "stage2", "done": step, "total": 1000, "values": {"a": 1.0}})
        assert len(job._curve) <= 10
    dones = [point["done"] for point in job._curve]
    assert dones[0] == 0
    assert dones == sorted(dones)
    assert dones[-1] > 900 - 300


def test_warming_up_reaches_the_worker(engine: Engine, house: Path) -> None:
    engine.warm_up()
    until(lambda: len(marks(house, "warm")) == 1)
    assert engine.submit(tiny_spec(91)).wait(PATIENCE).state == "done"


def test_a_failed_warm_up_is_logged(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(engine, "_execute", "no.such.module:run")
    engine.warm_up()
    until(lambda: "Warming up failed" in caplog.text)


def test_workers_use_the_cores_that_are_theirs(engine: Engine) -> None:
    [threads] = engine._client.run(os.getenv, "OMP_NUM_THREADS").values()
    assert threads == str(cluster.CPU_COUNT)


def test_an_engine_on_a_cluster_that_is_there(engine: Engine, house: Path) -> None:
    address = engine._client.scheduler.address
    guest = Engine(engine.store, scheduler=address, execute="tests.fakes:quick")
    assert guest.submit(tiny_spec(92)).wait(PATIENCE).state == "done"
    guest.close()
    assert not guest.alive
    assert engine.alive
    assert engine.submit(tiny_spec(93)).wait(PATIENCE).state == "done"


def test_no_scheduler_is_said(house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "_START_SECONDS", 0.5)
    with pytest.raises(EngineError, match=r"tcp://127\.0\.0\.1:9 .*POISON_LAB_SCHEDULER"):
        Engine(Store(house / "results", shipped=None), scheduler="tcp://127.0.0.1:9")


def test_the_page_is_not_run_again_in_the_worker(house: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Streamlit makes the page the main module of its process, and multiprocessing would run that."""
    page = tmp_path / "page.py"
    page.write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    main = ModuleType("__main__")
    main.__file__ = str(page)
    monkeypatch.setitem(sys.modules, "__main__", main)
    monkeypatch.chdir(tmp_path)
    engine = Engine(Store(house / "results", shipped=None), execute="tests.fakes:quick")
    try:
        assert engine.submit(tiny_spec(94)).wait(PATIENCE).state == "done"
        assert not (tmp_path / "ran").exists()
    finally:
        engine.close()


SERVER = """
import sys, time
from pathlib import Path
import core.serving.engine
from core.storage.runs import Store
from tests.fakes import Large, marks, tiny_spec
engine = core.serving.engine.Engine(Store(Path(sys.argv[1]), shipped=None), execute="tests.fakes:deaf")
engine.submit(tiny_spec(95))
print(engine._host.pid, flush=True)
time.sleep(60)
"""


def test_no_process_outlives_a_server_that_is_killed(house: Path) -> None:
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(house / "results")],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert server.stdout is not None
    with server:
        host = int(server.stdout.readline())
        until(lambda: marks(house, "ran-95") != [])
        [worker] = marks(house, "ran-95")
        server.kill()
    until(lambda: not alive(host) and not alive(worker))
    # Whoever starts the next server sees what was interrupted, until it is asked for again.
    again = Engine(Store(house / "results", shipped=None), execute="tests.fakes:quick")
    try:
        assert again.was_interrupted(tiny_spec(95).hash)
        assert tiny_spec(95).hash not in [row.hash for row in again.store.list()]
        assert again.submit(tiny_spec(95)).wait(PATIENCE).state == "done"
        assert not again.was_interrupted(tiny_spec(95).hash)
        assert list((house / "results" / "in-flight").glob(f"{tiny_spec(95).hash}*")) == []
    finally:
        again.close()


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
        monkeypatch.setattr(first, "_execute", "tests.fakes:slow")
        job = first.submit(tiny_spec(96))
        until(lambda: running(job))
        assert first._host is not None
        os.kill(first._host.pid, signal.SIGKILL)
        status = job.wait(PATIENCE)
        assert status.state == "failed"
        assert status.error is not None
        assert "lost" in status.error
        until(lambda: not first.alive)
        with monkeypatch.context() as away:
            away.setenv("POISON_LAB_SCHEDULER", "tcp://127.0.0.1:1")
            away.setattr(engine_module, "_START_SECONDS", 0.5)
            with pytest.raises(EngineError, match="No scheduler answers"):
                get_engine()
        second = get_engine()
        assert second is not first
        assert second.alive
        # Whoever waited for the run sees how it ended, and can ask again.
        known = second.job(job.id)
        assert known is not None
        assert known.status().error == status.error
        monkeypatch.setattr(second, "_execute", "tests.fakes:quick")
        assert second.submit(tiny_spec(96)).wait(PATIENCE).state == "done"
        second.close()
    finally:
        first.close()


def test_a_closed_engine_leaves_nothing_running(house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(Store(house / "results", shipped=None), execute="tests.fakes:slow")
    for seed in (94, 95, 96):
        engine.store.put(tiny_result(tiny_spec(seed)))
        assert engine.submit(tiny_spec(seed)).status().state == "done"
    monkeypatch.setattr(engine_module, "REMEMBERED", 1)  # so that the end of one lets it forget others
    job, queued = engine.submit(tiny_spec(97)), engine.submit(tiny_spec(98))
    until(lambda: running(job))
    engine.close()
    assert {job.status().state, queued.status().state} == {"cancelled"}
    assert set(Journal(house / "results").interrupted()) >= {job.id, queued.id}
    assert engine._host is not None
    assert engine._host.poll() is not None
    until(lambda: not alive(marks(house, "ran-97")[0]), 2)
    assert not engine.alive
    with pytest.raises(EngineError, match="has stopped"):
        engine.submit(tiny_spec(99))


def test_reporter_limits_its_messages_but_never_drops_the_last_of_a_stage(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 0.0
    monkeypatch.setattr(engine_module.time, "monotonic", lambda: now)
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
    _make_room(engine.store, "", Limits())
    assert "No room could be made" in caplog.text


def told(caplog: pytest.LogCaptureFixture, job_id: str) -> list[tuple[str, str]]:
    """Of a run, every line of the log: how it begins after the run's name, and what its fields are."""
    records = [vars(record) for record in caplog.records if vars(record).get("run") == job_id]
    assert all(record["attack"] == "ft-matching" for record in records)
    assert "ada" not in caplog.text
    return [(record["message"].partition(") ")[2].split()[0], record["levelname"]) for record in records]


def test_the_log_has_a_line_for_each_turn_of_a_run(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "core.serving.engine")
    done = engine.submit(tiny_spec(211), "ada")
    done.wait(PATIENCE)
    engine.submit(tiny_spec(211), "ada")
    assert told(caplog, done.id) == [("started", "INFO"), ("ended", "INFO")]
    assert vars(caplog.records[-1])["seconds"] >= 0
    monkeypatch.setattr(engine, "_execute", "tests.fakes:broken")
    failures = [engine.submit(tiny_spec(seed), "ada") for seed in (212, 213)]
    for job in failures:
        job.wait(PATIENCE)
        assert told(caplog, job.id) == [("started", "INFO"), ("failed", "ERROR")]
    monkeypatch.setattr(engine, "_execute", "tests.fakes:slow")
    cancelled = engine.submit(tiny_spec(214), "ada")
    until(lambda: running(cancelled))
    cancelled.cancel()
    assert told(caplog, cancelled.id) == [("started", "INFO"), ("cancelled", "INFO")]
    monkeypatch.setattr(engine, "limits", Limits(all_runs=0))
    with pytest.raises(EngineError, match="at most 0"):
        engine.submit(tiny_spec(215), "ada")
    assert told(caplog, tiny_spec(215).hash) == [("refused:", "INFO")]


def test_the_census_counts_what_is_in_flight_and_how_it_ended(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    before = engine.census()
    assert (before.queued, before.running, before.wait, before.slots) == (0, 0, 0.0, 1)
    engine.submit(tiny_spec(221)).wait(PATIENCE)
    engine.submit(tiny_spec(221)).wait(PATIENCE)
    monkeypatch.setattr(engine, "_execute", "tests.fakes:slow")
    first, second = engine.submit(tiny_spec(222)), engine.submit(tiny_spec(223))
    until(lambda: running(first))
    busy = engine.census()
    assert (busy.queued, busy.running) == (1, 1)
    assert busy.wait > 0
    second.cancel()
    first.cancel()
    after = engine.census()
    assert (after.queued, after.running) == (0, 0)
    assert {name: after.outcomes[name] - before.outcomes[name] for name in after.outcomes} == {
        **{"done": 1, "failed": 0},  # what was there already is no run
        **{"cancelled": 2, "refused": 0},
    }
    [worker] = after.workers
    assert worker.memory > 1e6
    assert worker.gpu_total is None


def test_without_an_answer_there_are_no_workers(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def late(*_: object, **__: object) -> None:
        raise TimeoutError("too late")

    monkeypatch.setattr(engine._client, "sync", late)
    assert engine.census().workers == ()
    assert "too late" in caplog.text


class FakeCuda:
    started = True
    emptied = 0

    def empty_cache(self) -> None:
        self.emptied += 1

    def is_initialized(self) -> bool:
        return self.started

    def mem_get_info(self) -> tuple[int, int]:
        return 30, 80


def test_a_worker_tells_the_memory_of_a_gpu_that_it_has_used(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = ModuleType("torch")
    monkeypatch.setitem(sys.modules, "torch", torch)
    assert _gpu_memory(None) == {}, "torch is just being imported"
    torch.cuda = FakeCuda()  # type: ignore[attr-defined]
    assert WorkerState(1, **_gpu_memory(None)) == WorkerState(1, gpu_used=50, gpu_total=80)
    torch.cuda.started = False
    assert _gpu_memory(None) == {}, "asking would take memory there"
    monkeypatch.delitem(sys.modules, "torch")
    assert _gpu_memory(None) == {}


def test_a_run_gives_back_the_memory_of_a_gpu_that_it_has_used(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = ModuleType("torch")
    torch.cuda = FakeCuda()  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch", torch)
    _give_back_memory()
    assert torch.cuda.emptied == 1
    torch.cuda.started = False
    _give_back_memory()
    assert torch.cuda.emptied == 1, "there is nothing to give back, and asking would take memory"


def test_what_a_failed_run_has_made_is_gone_before_memory_is_given_back(
    house: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def count() -> None:
        gc.collect()
        left.append(sum(type(one) is Large for one in gc.get_objects()))

    left: list[int] = []
    worker = SimpleNamespace(address="", log_event=lambda *_: None)
    monkeypatch.setattr(engine_module, "get_worker", lambda: worker)
    monkeypatch.setattr(engine_module, "_prepare", lambda *_: None)
    monkeypatch.setattr(engine_module, "_give_back_memory", count)
    told = (tiny_spec(180).to_json(), "run", "topic", "tests.fakes:broken", str(house / "results"), "cpu", Limits())
    with pytest.raises(DataError):
        engine_module._run_in_worker(*told, "text")
    assert left == [0]


def test_an_errand_is_run_once_for_all_who_ask(house: Path, engine: Engine) -> None:
    one = engine.ask("once", "tests.fakes:mark", "errand")
    assert engine.ask("once", "tests.fakes:mark", "errand") is one
    until(lambda: one.over)
    assert one.error is None
    assert engine.ask("once", "tests.fakes:mark", "errand") is one
    assert len(marks(house, "errand")) == 1


@pytest.mark.parametrize(
    ("work", "words"), [("tests.fakes:refuse", "put some there"), ("tests.fakes:no_such", "internal error (Attribute")]
)
def test_an_errand_that_fails_says_so_and_can_be_asked_again(work: str, words: str, engine: Engine) -> None:
    errand = engine.ask(work, work)
    until(lambda: errand.over)
    assert errand.error is not None
    assert words in errand.error
    assert "secret" not in errand.error
    assert engine.ask(work, work) is not errand
