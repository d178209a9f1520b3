"""The process of scheduler and workers: it replaces workers that die, and ends with its server."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest

from core.serving import cluster
from core.serving.engine import Engine
from core.storage.runs import Store
from core.system.paths import ROOT
from tests.fakes import marks, tiny_spec
from tests.patience import PATIENCE, until
from tests.serving.live import alive

pytestmark = pytest.mark.processes


def workers_of(host: int) -> list[int]:
    """The worker processes that the host of an engine has, also those that are only starting."""
    result = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((place / "stat").read_text().rpartition(")")[2].split()[1])
            command = (place / "cmdline").read_bytes()
        except (OSError, ValueError):
            continue
        if parent == host and b"spawn_main" in command:
            result.append(int(place.name))
    return result


def test_a_worker_that_dies_again_after_a_while_is_started_again(house: Path) -> None:
    """Dask's own cluster gives up on a worker that is down 15 seconds after it has died, be it for another reason."""
    engine = Engine(Store(house / "results", shipped=None), execute="tests.fakes:quick", grace=0.5)
    try:
        assert engine.connection.host is not None
        host, born = engine.connection.host.pid, time.monotonic()
        for wait in (0.0, 14.7):
            time.sleep(max(0.0, born + wait - time.monotonic()))
            until(lambda: bool(workers_of(host)))
            if not wait:
                born = time.monotonic()
            for pid in workers_of(host):
                os.kill(pid, signal.SIGKILL)
        time.sleep(1)
        assert engine.submit(tiny_spec(143)).wait(30).state == "done"
    finally:
        engine.close()


def test_workers_use_the_cores_that_are_theirs(engine: Engine) -> None:
    [threads] = engine.connection.client.run(os.getenv, "OMP_NUM_THREADS").values()
    assert threads == str(cluster.CPU_COUNT)


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
        assert engine.submit(tiny_spec(194)).wait(PATIENCE).state == "done"
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
engine.submit(tiny_spec(195))
print(engine.connection.host.pid, flush=True)
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
        until(lambda: marks(house, "ran-195") != [])
        [worker] = marks(house, "ran-195")
        server.kill()
    until(lambda: not alive(host) and not alive(worker))
    # Whoever starts the next server sees what was interrupted, until it is asked for again.
    again = Engine(Store(house / "results", shipped=None), execute="tests.fakes:quick")
    try:
        assert again.was_interrupted(tiny_spec(195).hash)
        assert tiny_spec(195).hash not in [row.hash for row in again.store.list()]
        assert again.submit(tiny_spec(195)).wait(PATIENCE).state == "done"
        assert not again.was_interrupted(tiny_spec(195).hash)
        assert list((house / "results" / "in-flight").glob(f"{tiny_spec(195).hash}*")) == []
    finally:
        again.close()
