"""Two servers with one store and one scheduler: what they share, and what each counts by itself."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.serving.engine import Engine
from core.storage.runs import Store
from core.system.errors import EngineError
from core.system.settings import Limits
from tests.fakes import marks, tiny_spec
from tests.patience import PATIENCE, until
from tests.serving.test_cluster import Cluster

pytestmark = [pytest.mark.processes, pytest.mark.slow]


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """A scheduler with one worker."""
    monkeypatch.setenv("POISON_LAB_HOME", str(tmp_path))
    for name in ("POISON_LAB_SCHEDULER", "POISON_LAB_WORKERS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    cluster = Cluster(tmp_path)
    try:
        cluster.start_scheduler()
        cluster.worker()
        yield cluster
    finally:
        for process in cluster.processes:
            if process.poll() is None:
                cluster.kill(process)


@pytest.fixture
def servers(shared: Cluster) -> Iterator[tuple[Engine, Engine]]:
    """The engines of two servers, which allow a person two runs."""
    first, second = (
        Engine(
            Store(shared.home / "results", shipped=None),
            scheduler=shared.address,
            execute="tests.fakes:held",
            limits=Limits(person_runs=2),
        )
        for _ in range(2)
    )
    until(lambda: (first.status().slots, second.status().slots) == (1, 1))
    yield first, second
    first.close()
    second.close()


def test_what_both_ask_for_is_computed_once_by_one_worker(shared: Cluster, servers: tuple[Engine, Engine]) -> None:
    first, second = servers
    jobs = [first.submit(tiny_spec(1))]
    until(lambda: jobs[0].status().state == "running")  # else the second server's may come first
    jobs.append(second.submit(tiny_spec(1)))
    assert jobs[1].status().state == "queued"
    (shared.home / "go").touch()
    assert [job.wait(PATIENCE).state for job in jobs] == ["done", "done"]
    assert len(marks(shared.home, "ran-1")) == 1
    assert [run.hash for run in first.store.list()] == [run.hash for run in second.store.list()] == [jobs[0].id]
    again = second.submit(tiny_spec(1), again=True)
    assert again.wait(PATIENCE).state == "done"
    assert len(marks(shared.home, "ran-1")) == 2, "who asks for it again gets it computed again"


def test_what_both_ask_for_of_two_workers_is_computed_by_each_and_stored_whole(
    shared: Cluster, servers: tuple[Engine, Engine]
) -> None:
    shared.worker()
    until(lambda: [server.status().slots for server in servers] == [2, 2])
    jobs = [server.submit(tiny_spec(2)) for server in servers]
    until(lambda: [job.status().state for job in jobs] == ["running", "running"])
    (shared.home / "go").touch()
    assert [job.wait(PATIENCE).state for job in jobs] == ["done", "done"]
    assert len(set(marks(shared.home, "ran-2"))) == 2
    assert [run.hash for run in servers[0].store.list()] == [jobs[0].id]


def test_people_of_both_servers_take_turns(shared: Cluster, servers: tuple[Engine, Engine]) -> None:
    first, second = servers
    held = first.submit(tiny_spec(10), "ada")
    until(lambda: held.status().state == "running")
    later = first.submit(tiny_spec(11), "ada")
    other = second.submit(tiny_spec(12), "grace")
    [worker] = first.connection.client.processing()
    until(lambda: sum(key.startswith("run-") for key in first.connection.client.processing()[worker]) == 3)
    (shared.home / "go").touch()
    assert [job.wait(PATIENCE).state for job in (held, later, other)] == ["done"] * 3
    written = {seed: (shared.home / f"ran-{seed}").stat().st_mtime for seed in (10, 11, 12)}
    assert written[10] < written[12] < written[11], "grace's first run comes before ada's second one"


def test_each_server_counts_its_own_runs_alone(shared: Cluster, servers: tuple[Engine, Engine]) -> None:
    first, second = servers
    jobs = [server.submit(tiny_spec(20 + 2 * i + j), "ada") for i, server in enumerate(servers) for j in range(2)]
    for server, seed in ((first, 30), (second, 31)):
        with pytest.raises(EngineError, match="You have 2 runs in flight, at most 2 are allowed"):
            server.submit(tiny_spec(seed), "ada")
    until(lambda: sum(server.status().running for server in servers) == 1)
    assert [server.status().queued + server.status().running for server in servers] == [2, 2]
    (shared.home / "go").touch()
    assert [job.wait(PATIENCE).state for job in jobs] == ["done"] * 4


def test_the_run_of_a_server_that_ends_is_seen_as_interrupted_by_the_other(
    shared: Cluster, servers: tuple[Engine, Engine]
) -> None:
    first, second = servers
    job = first.submit(tiny_spec(40))
    until(lambda: job.status().state == "running")
    assert not second.was_interrupted(job.id), "its server lives"
    first.close()
    until(lambda: second.was_interrupted(job.id))
    (shared.home / "go").touch()
    assert second.submit(tiny_spec(40)).wait(PATIENCE).state == "done"
    assert not second.was_interrupted(job.id)
