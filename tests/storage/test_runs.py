import hashlib
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from core.storage.runs import RunRow, Store, load
from core.system.errors import StoreError
from core.system.paths import ROOT
from tests.fakes import tiny_result, tiny_spec


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "results", shipped=None)


def hashes(store: Store) -> set[str]:
    return {row.hash for row in store.list()}


def flip_last_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 0xFF
    path.write_bytes(content)


def test_what_is_put_is_got_back(store: Store) -> None:
    result = tiny_result(tiny_spec())
    store.put(result)
    run = store.get(result.spec.hash)
    assert run is not None
    assert run.spec == result.spec
    assert run.result == result.summary()
    for stored, given in ((run.features(), result.features), (run.view(), result.view)):
        assert stored.keys() == given.keys()
        for name in given:
            np.testing.assert_array_equal(stored[name], given[name])
    np.testing.assert_array_equal(run.poison()["x"], result.poison.x)
    assert [path.name for path in run.images()] == ["00000.png", "00001.png"]


def test_results_of_two_gets_are_not_shared(store: Store) -> None:
    run = store.put(tiny_result(tiny_spec()))
    run.result["clean"]["accuracy"] = 0.0
    again = store.get(run.hash)
    assert again is not None
    assert again.result["clean"]["accuracy"] == 0.9


def test_list_is_newest_first_and_filtered(store: Store) -> None:
    for age, spec in enumerate([tiny_spec(0), tiny_spec(1, attack="label-flip"), tiny_spec(2, data="emoji")], start=-3):
        run = store.put(tiny_result(spec))
        os.utime(run.folder / "manifest.json", (time.time() + age, time.time() + age))
    assert [row.seed for row in store.list()] == [2, 1, 0]
    assert [row.seed for row in store.list(limit=2)] == [2, 1]
    assert [row.seed for row in store.list(attack="label-flip")] == [1]
    assert [row.seed for row in store.list(data="emoji", attack="ft-matching")] == [2]
    assert store.list(extractor="resnet18") == []


def test_a_row_tells_the_run(store: Store) -> None:
    spec = tiny_spec(7)
    before = time.time()
    run = store.put(tiny_result(spec))
    [row] = store.list()
    assert before - 1 <= row.created <= time.time() + 1
    assert row == RunRow(
        hash=run.hash,
        data="fashion-mnist",
        extractor="resnet10-small-fashion-mnist",
        attack="ft-matching",
        budget=0.1,
        constraint="valid",
        label_rule="adversarial",
        seed=7,
        clean_accuracy=0.9,
        poisoned_accuracy=0.6,
        created=row.created,
        shipped=False,
    )
    assert row.shipped is False


@pytest.mark.parametrize("name", ["", "..", "0" * 15, "0" * 17, "0" * 16 + "\n", "../" + "0" * 13, "A" * 16])
def test_only_hashes_touch_the_file_system(store: Store, name: str) -> None:
    if name.strip():
        folder = store.root / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "manifest.json").write_text("{}")
    assert name not in store
    assert store.get(name) is None
    assert store.list() == []


@pytest.mark.parametrize("harm", ["delete", "garbage", "other columns"])
def test_a_lost_or_damaged_index_is_built_again(store: Store, harm: str) -> None:
    run = store.put(tiny_result(tiny_spec()))
    index = store.root / "index.sqlite"
    for path in store.root.glob("index.sqlite*"):
        path.unlink()
    if harm == "garbage":
        index.write_bytes(b"not a database at all " * 500)
    elif harm == "other columns":
        with sqlite3.connect(index) as connection:
            connection.execute("CREATE TABLE runs (hash PRIMARY KEY, colour)")
        connection.close()
    assert hashes(Store(store.root, shipped=None)) == {run.hash}


def test_folders_are_the_truth(store: Store) -> None:
    gone, copied = store.put(tiny_result(tiny_spec(0))), store.put(tiny_result(tiny_spec(1)))
    other = Store(store.root.parent / "other", shipped=None)
    shutil.copytree(copied.folder, other.root / copied.hash)
    shutil.rmtree(gone.folder)
    assert hashes(store) == hashes(other) == {copied.hash}


@pytest.mark.parametrize("name", ["result.json", "manifest.json"])
def test_a_damaged_run_is_set_aside(store: Store, name: str, caplog: pytest.LogCaptureFixture) -> None:
    run = store.put(tiny_result(tiny_spec()))
    flip_last_byte(run.folder / name)
    assert store.get(run.hash) is None
    assert run.hash not in store
    [aside] = (store.root / "damaged").iterdir()
    assert {path.name for path in aside.iterdir()} >= {"result.json", "features.npz"}
    assert run.hash in caplog.text
    assert store.list() == []
    store.put(tiny_result(tiny_spec()))
    assert run.hash in store


def test_a_missing_file_is_damage(store: Store) -> None:
    run = store.put(tiny_result(tiny_spec()))
    run.images()[0].unlink()
    assert store.get(run.hash) is None


def test_damaged_arrays_are_found_when_they_are_read(store: Store) -> None:
    run = store.put(tiny_result(tiny_spec()))
    flip_last_byte(run.folder / "features.npz")
    assert run.view()
    with pytest.raises(StoreError, match=r"damaged.*features\.npz"):
        run.features()
    assert run.hash not in store
    assert (store.root / "damaged").is_dir()


def test_a_file_is_hashed_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    run = store.put(tiny_result(tiny_spec()))
    hashed: list[int] = []

    def sha256(content: bytes) -> object:
        hashed.append(len(content))
        return hashlib.sha256(content)

    monkeypatch.setattr("core.storage.runs.hashlib", SimpleNamespace(sha256=sha256))
    for _ in range(3):
        assert store.get(run.hash) is not None
        run.features()
    assert len(hashed) == 2  # result.json and features.npz


def test_shipped_runs_are_listed_read_only_and_may_lack_features(tmp_path: Path) -> None:
    shipped = Store(tmp_path / "gallery", shipped=None).put(tiny_result(tiny_spec()))
    (shipped.folder / "features.npz").unlink()
    store = Store(tmp_path / "results", shipped=tmp_path / "gallery")
    run = store.get(shipped.hash)
    assert run is not None
    assert run.shipped
    assert run.view()
    with pytest.raises(StoreError, match="isn't stored"):
        run.features()
    assert [(row.hash, row.shipped) for row in store.list()] == [(shipped.hash, True)]
    flip_last_byte(shipped.folder / "result.json")
    assert store.get(shipped.hash) is None
    assert shipped.folder.exists()


def test_a_run_of_another_version_is_neither_offered_nor_called_damaged(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = store.put(tiny_result(tiny_spec()))
    monkeypatch.setattr("core.spec.experiment.SPEC_VERSION", 99)
    assert store.get(run.hash) is None
    assert Store(store.root.parent / "new", shipped=store.root).list() == []
    assert run.folder.exists()


def test_leftovers_of_killed_writes_go_after_an_hour(store: Store) -> None:
    old, young = store.root / ".0123456789abcdef.a", store.root / ".0123456789abcdef.b"
    for folder in (old, young):
        folder.mkdir()
    os.utime(old, (time.time() - 3700,) * 2)
    Store(store.root, shipped=None)
    assert not old.exists()
    assert young.exists()


WRITER = """
import sys, time
from pathlib import Path
import core.experiments.result
from core.storage.runs import Store
from tests.fakes import tiny_result, tiny_spec

written = core.experiments.result.write_json
def stall(path, value):
    if path.name == sys.argv[2]:
        print("half-way", flush=True)
        time.sleep(60)
    written(path, value)
core.experiments.result.write_json = stall
Store(Path(sys.argv[1]), shipped=None).put(tiny_result(tiny_spec()))
"""


@pytest.mark.parametrize("at", ["result.json", "manifest.json"])
def test_a_killed_write_leaves_no_half_result(store: Store, at: str) -> None:
    spec = tiny_spec()
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(store.root), at],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None
    with process:
        assert process.stdout.readline() == b"half-way\n"
        process.send_signal(signal.SIGKILL)
    assert list(store.root.glob(".*/poison.npz")), "the write had begun"
    assert spec.hash not in store
    assert store.get(spec.hash) is None
    assert store.list() == []
    assert store.put(tiny_result(spec)).features()


CROWD = """
import sys
from pathlib import Path
from core.storage.runs import Store
from tests.fakes import tiny_result, tiny_spec
store = Store(Path(sys.argv[1]), shipped=None)
for round in range(6):
    for seed in range(3):
        assert store.put(tiny_result(tiny_spec(seed))).spec.seed == seed
        assert len(store.list()) >= seed + 1 or round == 0
"""


def test_several_processes_and_threads_write_the_same_runs(store: Store) -> None:
    command = [sys.executable, "-c", CROWD, str(store.root)]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    processes = [subprocess.Popen(command, env=env) for _ in range(2)]
    failures: list[Exception] = []

    def read() -> None:
        while any(process.poll() is None for process in processes):
            try:
                for row in store.list():
                    store.get(row.hash)
            except Exception as error:
                failures.append(error)
            time.sleep(0.01)

    threads = [threading.Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [process.returncode for process in processes] == [0, 0]
    assert failures == []
    assert not (store.root / "damaged").exists()
    assert {row.seed for row in store.list()} == {0, 1, 2}


def test_a_file_is_handed_out_only_as_its_manifest_says(tmp_path: Path) -> None:
    run = Store(tmp_path, shipped=None).put(tiny_result(tiny_spec()))
    assert run.file("poison/labels.csv") == (run.folder / "poison" / "labels.csv").read_bytes()
    (run.folder / "poison" / "labels.csv").write_text("other")
    with pytest.raises(StoreError, match="damaged"):
        run.file("poison/labels.csv")


def test_a_run_is_read_from_a_folder_of_any_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = tiny_result(tiny_spec())
    result.write(tmp_path / "first try")
    run = load(tmp_path / "first try")
    assert (run.hash, run.spec) == (result.spec.hash, result.spec)
    np.testing.assert_array_equal(run.view()["poison_y"], result.poison.y)
    (run.folder / "view.npz").write_bytes(b"no archive")
    with pytest.raises(StoreError, match="damaged"):
        run.view()
    assert (tmp_path / "first try").is_dir(), "a person's own folder is never moved"
    monkeypatch.setattr("core.spec.experiment.SPEC_VERSION", 99)
    with pytest.raises(StoreError, match="another version"):
        load(tmp_path / "first try")
    with pytest.raises(StoreError, match="not a run's folder"):
        load(tmp_path)
