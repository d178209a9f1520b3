"""What breaks in a real house: a full disk, two servers on one store, a scheduler that goes and comes back."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from core.experiments import cost
from core.serving import connection
from core.serving.engine import Engine
from core.serving.journal import Journal
from core.storage import uploads
from core.storage.runs import Store
from core.system import cache
from core.system.errors import DataError, EngineError, StoreError
from core.system.paths import ROOT
from tests.fakes import marks, tiny_result, tiny_spec
from tests.patience import PATIENCE, until
from tests.serving.live import running

MEGABYTE = 1 << 20


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, of one megabyte."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", place], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.decode().strip()}")
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


def fill(place: Path) -> None:
    """Leave no room at all."""
    with (place / "filler").open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))
    assert os.statvfs(place).f_bavail == 0


def test_a_full_disk_costs_what_is_new_and_nothing_that_is_there(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("POISON_LAB_HOME", str(small_disk))
    store = Store(small_disk / "results", shipped=None)
    kept = store.put(tiny_result(tiny_spec(0)))
    fill(small_disk)
    with pytest.raises(StoreError, match="free space"):
        store.put(tiny_result(tiny_spec(1)))
    fresh = Store(small_disk / "results", shipped=None)
    assert [row.hash for row in fresh.list()] == [kept.hash], "without room for an index"
    assert fresh.get(kept.hash) is not None
    assert fresh.get(tiny_spec(1).hash) is None
    assert [path for path in fresh.root.glob(".*") if path.is_dir()] == []

    array = np.ones((200, 200), np.float32)
    np.testing.assert_array_equal(
        cache.write_in_parts(small_disk / "cache" / "a.npy", lambda: iter([array]), (200, 200)), array
    )
    cache.write(small_disk / "cache" / "b.npy", array)
    assert not (small_disk / "cache" / "b.npy").exists()
    with pytest.raises(DataError, match="make room"), (ROOT / "assets" / "icon.png").open("rb") as file:
        uploads.add_images("pets.zip", file)
    cost.record(kept.summary)
    Journal(small_disk / "results").begin(tiny_spec(2))
    assert "can't be written" in caplog.text
    (small_disk / "filler").unlink()
    assert store.put(tiny_result(tiny_spec(1))).hash in [row.hash for row in store.list()]


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("POISON_LAB_HOME", str(tmp_path))
    for name in ("POISON_LAB_SCHEDULER", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.mark.processes
def test_two_servers_share_a_store(house: Path) -> None:
    root = house / "results"
    engines = [Engine(Store(root, shipped=None), execute="tests.fakes:quick") for _ in range(2)]
    try:
        jobs = [engine.submit(tiny_spec(seed)) for seed in range(4) for engine in engines]
        assert {job.wait(PATIENCE).state for job in jobs} == {"done"}
        wanted = {tiny_spec(seed).hash for seed in range(4)}
        for engine in engines:
            assert {row.hash for row in engine.store.list()} == wanted
            assert not any(engine.was_interrupted(one) for one in wanted)
        # One cleans while the other writes: what is young stays.
        cleaning = threading.Thread(target=engines[0].store.clean, args=(0,))
        late = engines[1].submit(tiny_spec(9))
        cleaning.start()
        cleaning.join()
        assert late.wait(PATIENCE).state == "done"
        assert {row.hash for row in engines[0].store.list()} == wanted | {tiny_spec(9).hash}
        assert all(engines[0].store.get(one) is not None for one in wanted)
    finally:
        for engine in engines:
            engine.close()


def _cluster(port: int) -> "subprocess.Popen[str]":
    """A scheduler with one worker, at a port of its own (0: any), in a process that prints its address."""
    code = (
        "import sys\n"
        "from distributed import LocalCluster\n"
        "if __name__ == '__main__':\n"
        "    cluster = LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address='127.0.0.1:0',\n"
        "                           scheduler_port=int(sys.argv[1]), host='127.0.0.1')\n"
        "    print(cluster.scheduler_address, flush=True)\n"
        "    sys.stdin.read()\n"
    )
    script = Path(os.environ["POISON_LAB_HOME"]) / "cluster.py"
    script.write_text(code)
    return subprocess.Popen(
        [sys.executable, str(script), str(port)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        start_new_session=True,
    )


@pytest.mark.processes
def test_a_scheduler_that_goes_fails_its_runs_and_serves_again_when_it_is_back(
    house: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "START_SECONDS", 5.0)  # it is also how long a client looks for it
    cluster = _cluster(0)
    assert cluster.stdout is not None
    address = cluster.stdout.readline().strip()
    engine = Engine(Store(house / "results", shipped=None), scheduler=address, execute="tests.fakes:slow")
    job = engine.submit(tiny_spec(1))
    until(lambda: running(job))
    os.killpg(cluster.pid, 9)
    cluster.wait()
    status = job.wait(PATIENCE)
    assert status.state == "failed"
    assert status.error is not None
    assert "scheduler" in status.error
    until(lambda: not engine.alive)
    with pytest.raises(EngineError, match="has stopped"):
        engine.submit(tiny_spec(2))
    assert engine.store.list() == []
    engine.close()

    back = _cluster(int(address.rpartition(":")[2]))
    assert back.stdout is not None
    assert back.stdout.readline().strip() == address
    try:
        again = Engine(Store(house / "results", shipped=None), scheduler=address, execute="tests.fakes:quick")
        assert again.submit(tiny_spec(1)).wait(PATIENCE).state == "done"
        assert len(marks(house, "ran-1")) == 2
        again.close()
    finally:
        os.killpg(back.pid, 9)
        back.wait()
