"""The store makes room: what goes, what never does, and what readers and other processes see of it."""

import logging
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from core.storage import marks
from core.storage.retention import YOUNG_SECONDS
from core.storage.runs import Store
from core.system.errors import StoreError
from core.system.paths import ROOT
from tests.storage.stores import plot_of, put, seeds, size


def test_a_store_that_fits_is_left_alone(store: Store) -> None:
    put(store, 0, hours=5)
    cleaned = store.clean(size(store))
    assert (cleaned.deleted, cleaned.size) == ((), size(store))
    assert seeds(store) == [0]


def test_the_oldest_go_first_and_whole(store: Store) -> None:
    runs = [put(store, seed, hours=9 - seed) for seed in range(4)]
    cleaned = store.clean(size(store) // 2)
    assert [entry.name for entry in cleaned.deleted] == [runs[0].hash, runs[1].hash]
    assert cleaned.size == size(store)
    assert seeds(store) == [2, 3]
    assert {path.name for path in store.root.iterdir()} >= {runs[2].hash, runs[3].hash}
    assert not [path for path in store.root.iterdir() if runs[0].hash in path.name or runs[1].hash in path.name]


def test_young_and_named_runs_stay_however_little_room_there_is(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    put(store, 0, hours=0)
    put(store, 1, hours=(YOUNG_SECONDS - 30) / 3600)
    named = put(store, 2, hours=9)
    put(store, 3, hours=(YOUNG_SECONDS + 30) / 3600)
    cleaned = store.clean(0, keep=[named.hash])
    assert seeds(store) == [0, 1, 2]
    assert cleaned.size > cleaned.limit
    assert "those left are pinned or in use" in caplog.text


def test_pinned_runs_stay_until_they_are_unpinned(store: Store) -> None:
    pinned = put(store, 0, hours=9)
    store.pin(pinned.hash)
    put(store, 1, hours=1)
    assert store.is_pinned(pinned.hash)
    assert [entry.protected for entry in store.entries() if entry.name == pinned.hash] == [True]
    store.clean(0)
    assert seeds(store) == [0]
    put(store, 0, hours=9)
    assert store.is_pinned(pinned.hash), "it was made again"
    store.unpin(pinned.hash)
    store.unpin(pinned.hash)
    store.clean(0)
    assert seeds(store) == []


def test_shipped_runs_are_neither_counted_nor_deleted_nor_pinned(tmp_path: Path) -> None:
    shipped = put(Store(tmp_path / "gallery", shipped=None), 0, hours=9)
    store = Store(tmp_path / "results", shipped=tmp_path / "gallery")
    assert store.entries() == []
    assert store.clean(0).deleted == ()
    with pytest.raises(StoreError, match="ships with Poison Lab"):
        store.pin(shipped.hash)
    store.use(shipped.hash)
    run = store.get(shipped.hash)
    assert run is not None
    assert run.plot()
    assert [path.name for path in (tmp_path / "gallery").iterdir() if path.is_dir()] == [shipped.hash]
    own = put(store, 0, hours=9)
    assert [entry.name for entry in store.clean(0).deleted] == [own.hash]
    assert store.get(shipped.hash) is not None, "what ships is there again"


@pytest.mark.parametrize("name", ["", "../x", "0" * 16, "A" * 16])
def test_what_is_not_stored_can_be_neither_pinned_nor_unpinned(store: Store, name: str) -> None:
    with pytest.raises(StoreError, match="isn't stored"):
        store.pin(name)
    with pytest.raises(StoreError, match="isn't stored"):
        store.unpin(name)
    assert not store.is_pinned(name)


def test_a_dry_run_says_the_same_and_deletes_nothing(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    for seed in range(3):
        put(store, seed, hours=9 - seed)
    limit = size(store) // 2
    output = store.clean(limit, dry_run=True)
    assert seeds(store) == [0, 1, 2]
    assert "deleted to free space" not in caplog.text
    assert store.clean(limit) == output
    assert "Runs deleted to free space: 2, " in caplog.text


def test_damaged_runs_go_first_unless_they_are_pinned(store: Store) -> None:
    broken, pinned = put(store, 0, hours=1), put(store, 1, hours=1)
    put(store, 2, hours=9)
    store.pin(pinned.hash)
    for run in (broken, pinned):
        (run.folder / "result.json").write_text("{}")
        assert store.get(run.hash) is None
    cleaned = store.clean(size(store) - 1)
    assert [entry.name.partition("-")[0] for entry in cleaned.deleted] == [f"damaged/{broken.hash}"]
    assert [path.name.partition("-")[0] for path in (store.root / "damaged").iterdir()] == [pinned.hash]
    assert seeds(store) == [2]


def test_runs_of_another_version_take_room_too(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    run = put(store, 0, hours=9)
    monkeypatch.setattr("core.spec.experiment.SPEC_VERSION", 99)
    assert store.list() == []
    assert [entry.name for entry in store.clean(0).deleted] == [run.hash]
    assert not run.folder.exists()


def test_what_cannot_be_deleted_stays_and_the_next_one_goes(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    stuck, other = put(store, 0, hours=9), put(store, 1, hours=8)
    rename = Path.rename

    def refused(path: Path, target: Path) -> Path:
        if path.name == stuck.hash:
            raise PermissionError(13, "Permission denied")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refused)
    assert [entry.name for entry in store.clean(size(store) - 1).deleted] == [other.hash]
    assert f"Run {stuck.hash} can't be deleted" in caplog.text
    assert seeds(store) == [0]


def test_half_of_a_deletion_is_no_run_and_is_ended_later(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    run = put(store, 0, hours=9)
    os.utime(run.folder, (time.time() - 7200,) * 2)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", lambda *_, **__: None)
        store.clean(0)
    assert "trying again later" in caplog.text
    assert seeds(store) == []
    assert list(store.root.glob(f".{run.hash}.gone.*"))
    Store(store.root, shipped=None)
    assert not list(store.root.glob(f".{run.hash}.gone.*"))


SERVER = """
import sys
from pathlib import Path
import core.storage.retention
from core.storage.runs import Store
from tests.fakes import tiny_result, tiny_spec
core.storage.retention.YOUNG_SECONDS = 0.05
store = Store(Path(sys.argv[1]), shipped=None)
deleted = 0
for step in range(3000):
    run = store.put(tiny_result(tiny_spec(step % 8)))
    deleted += len(store.clean(int(sys.argv[2]), keep=[run.hash]).deleted)
    if step >= 30 and deleted > 10:
        break
print(deleted)
"""


def test_two_servers_clean_one_store_while_others_read(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    pinned = put(store, 99, hours=9)
    store.pin(pinned.hash)
    limit = 4 * size(store)
    command = [sys.executable, "-c", SERVER, str(store.root), str(limit)]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen(command, env=env, **pipes) for _ in range(2)]
    failures: list[Exception] = []
    read = 0

    def reader() -> None:
        nonlocal read
        while any(process.poll() is None for process in processes):
            for row in store.list():
                try:
                    run = store.get(row.hash)
                    if run is not None:
                        assert plot_of(run).poison_y.shape == (2,)
                        read += 1
                except StoreError as error:
                    if "isn't stored" not in str(error):
                        failures.append(error)
                except Exception as error:
                    failures.append(error)

    thread = threading.Thread(target=reader)
    thread.start()
    output = [process.communicate(timeout=120) for process in processes]
    thread.join()
    assert [process.returncode for process in processes] == [0, 0], output
    assert sum(int(deleted) for deleted, _ in output) > 10
    assert failures == []
    assert read > 0
    assert not (store.root / "damaged").exists()
    assert "damaged" not in caplog.text
    time.sleep(0.1)
    marks._NOTED.clear()
    assert 99 in seeds(store)
    assert not list(store.root.glob(".*.gone.*"))
