"""A cluster as people start one: a scheduler and workers, each a process of its own, that come late and die."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dask
import pytest
from distributed.system import MEMORY_LIMIT

from core.serving import cluster
from core.serving.engine import Engine
from core.storage.runs import Store
from core.system.errors import SettingError
from core.system.paths import ROOT
from pages._running import progress_words
from tests.fakes import marks, tiny_spec
from tests.patience import PATIENCE, until

pytestmark = pytest.mark.processes


class Cluster:
    """Processes of `python -m core`, and the folder that they share."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.processes: list[subprocess.Popen[bytes]] = []
        self.address = ""

    def start_scheduler(self) -> None:
        scheduler_file = self.home / "scheduler.json"
        self.start("scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(scheduler_file))
        until(
            lambda: scheduler_file.exists() and scheduler_file.read_text().endswith("\n}")
        )  # dask writes it where it lies
        self.address = json.loads(scheduler_file.read_text())["address"]

    def start(self, *command: str) -> "subprocess.Popen[bytes]":
        with (self.home / "cluster.log").open("a") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "core", *command], cwd=ROOT, stdout=log, stderr=log, start_new_session=True
            )
        self.processes.append(process)
        return process

    def worker(self, *options: str) -> "subprocess.Popen[bytes]":
        return self.start("worker", self.address, "--host", "127.0.0.1", *options)

    @staticmethod
    def kill(process: "subprocess.Popen[bytes]") -> None:
        """As when its machine fails: the worker and what would start another, at once."""
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("POISON_LAB_HOME", str(tmp_path))
    for name in ("POISON_LAB_SCHEDULER", "POISON_LAB_WORKERS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def there(house: Path) -> Iterator[Cluster]:
    result = Cluster(house)
    try:
        result.start_scheduler()
        yield result
    finally:
        for process in result.processes:
            if process.poll() is None:
                result.kill(process)


@pytest.fixture
def engine(there: Cluster) -> Iterator[Engine]:
    result = Engine(
        Store(there.home / "results", shipped=None), scheduler=there.address, execute="tests.fakes:held", grace=0.5
    )
    yield result
    result.close()


def test_runs_wait_for_workers_that_come_late_and_outlive_one_that_is_killed(there: Cluster, engine: Engine) -> None:
    engine.warm_up()
    jobs = [engine.submit(tiny_spec(seed)) for seed in range(6)]

    def busy() -> dict[str, int]:
        return {job.worker: job.spec.seed for job in jobs if job.status().state == "running"}

    alone = jobs[0].status()
    assert (alone.state, alone.seconds_left, engine.status().slots) == ("queued", None, 0)
    assert progress_words(alone) == "Waiting: no worker is available yet"
    first, _ = there.worker("--name", "first"), there.worker("--name", "second")
    until(lambda: len(busy()) == 2)
    until(lambda: engine.status().slots == 2)
    waiting = next(status for job in jobs if (status := job.status()).state == "queued")
    assert waiting.seconds_left is not None
    assert "position 1" in progress_words(waiting)
    there.worker()
    until(lambda: len(busy()) == 3)
    until(lambda: engine.status().slots == 3)
    workers = engine.connection.client.scheduler_info(n_workers=-1)["workers"]
    lost = next(seed for address, seed in busy().items() if workers[address]["name"] == "first")
    there.kill(first)
    until(lambda: engine.status().slots == 2)
    (there.home / "go").touch()
    assert [job.wait(PATIENCE).state for job in jobs] == ["done"] * 6
    assert {run.hash for run in engine.store.list()} == {job.id for job in jobs}
    ran = {seed: marks(there.home, f"ran-{seed}") for seed in range(6)}
    assert {seed: len(processes) for seed, processes in ran.items()} == {seed: 1 + (seed == lost) for seed in range(6)}
    assert len(set(ran[lost])) == 2
    assert len({process for processes in ran.values() for process in processes}) == 3
    until(lambda: len(set(marks(there.home, "warm"))) >= 2)  # of the one that died it depends on the moment


def test_a_run_that_does_not_listen_is_stopped_by_force_and_its_worker_replaced(
    there: Cluster, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    there.worker("--workers", "2")
    monkeypatch.setattr(engine, "execute", "tests.fakes:deaf")
    job, other = engine.submit(tiny_spec(30)), engine.submit(tiny_spec(31))
    until(lambda: {job.status().stage, other.status().stage} == {"load"})
    monkeypatch.setattr(engine, "execute", "tests.fakes:quick")
    waiting = engine.submit(tiny_spec(32))
    job.cancel()
    assert waiting.wait(PATIENCE).state == "done"
    assert marks(there.home, "ran-32") != marks(there.home, "ran-30")
    assert other.status().state == "running"
    until(lambda: engine.status().slots == 2)


def test_scheduler_and_workers_have_our_settings(there: Cluster, engine: Engine) -> None:
    there.worker("--workers", "2", "--name", "ours")
    until(lambda: engine.status().slots == 2)

    def config() -> dict[str, object]:
        return {name: dask.config.get(name) for name in cluster.SETTINGS}

    assert engine.connection.client.run_on_scheduler(config) == cluster.SETTINGS
    assert list(engine.connection.client.run(config).values()) == [cluster.SETTINGS] * 2
    threads = engine.connection.client.run(os.getenv, "OMP_NUM_THREADS").values()
    assert set(threads) == {cluster.threads(2)["OMP_NUM_THREADS"]}
    workers = engine.connection.client.scheduler_info(n_workers=-1)["workers"].values()
    assert {(worker["nthreads"], worker["name"]) for worker in workers} == {(1, "ours-0"), (1, "ours-1")}
    memory = sum(worker["memory_limit"] for worker in workers)
    assert memory == pytest.approx(MEMORY_LIMIT, rel=0.01), "all of the machine's, in equal parts"


@pytest.mark.parametrize("address", ["", "host", "host:8786", "tcp://host"])
def test_an_address_that_cannot_be_read_is_refused(address: str) -> None:
    with pytest.raises(SettingError, match="allowed: tcp://HOST:PORT or tls://HOST:PORT"):
        cluster.become_workers(address, 1)
