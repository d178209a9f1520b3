"""Finished runs are put, got back and listed; processes and threads may share a store."""

import os
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.storage.runs import Store
from core.system.errors import StoreError
from core.system.paths import ROOT
from tests.fakes import tiny_result, tiny_spec
from tests.storage.stores import flip_last_byte, plot_of


def test_what_is_put_is_got_back(store: Store) -> None:
    result = tiny_result(tiny_spec())
    store.put(result)
    run = store.get(result.spec.hash)
    assert run is not None
    assert run.spec == result.spec
    assert run.summary == result.summary()
    assert result.plot is not None
    for stored, given in ((run.features(), result.features), (plot_of(run).to_arrays(), result.plot.to_arrays())):
        assert stored.keys() == given.keys()
        for name in given:
            np.testing.assert_array_equal(stored[name], given[name])
    np.testing.assert_array_equal(run.poison()["x"], result.poison.x)
    assert [path.name for path in run.images()] == ["00000.png", "00001.png"]


def test_results_of_two_gets_are_not_shared(store: Store) -> None:
    run = store.put(tiny_result(tiny_spec()))
    run.summary.clean.per_class[0] = 0.0
    again = store.get(run.hash)
    assert again is not None
    assert again.summary.clean.per_class[0] == 0.9


def test_shipped_runs_are_listed_read_only_and_may_lack_features(tmp_path: Path) -> None:
    result = tiny_result(tiny_spec())
    bare = replace(result, poison=replace(result.poison, x=None))  # without images there is nothing to extract from
    shipped = Store(tmp_path / "gallery", shipped=None).put(bare)
    (shipped.folder / "features.npz").unlink()
    store = Store(tmp_path / "results", shipped=tmp_path / "gallery")
    run = store.get(shipped.hash)
    assert run is not None
    assert run.shipped
    assert run.plot()
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
