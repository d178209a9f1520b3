"""The index: what a list shows, and what happens where the index is lost, damaged or can't be written."""

import os
import sqlite3
import time
from pathlib import Path

import pytest

from core.storage import index
from core.storage.index import RunRow
from core.storage.runs import Store
from core.system import retention
from tests.fakes import tiny_result, tiny_spec
from tests.storage.stores import hashes, put


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


@pytest.mark.parametrize("harm", ["delete", "garbage", "other columns"])
def test_a_lost_or_damaged_index_is_built_again(store: Store, harm: str) -> None:
    run = store.put(tiny_result(tiny_spec()))
    path = store.root / "index.sqlite"
    for file in store.root.glob("index.sqlite*"):
        file.unlink()
    if harm == "garbage":
        path.write_bytes(b"not a database at all " * 500)
    elif harm == "other columns":
        with sqlite3.connect(path) as connection:
            connection.execute("CREATE TABLE runs (hash PRIMARY KEY, colour)")
        connection.close()
    assert hashes(Store(store.root, shipped=None)) == {run.hash}


def test_a_run_is_measured_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[Path] = []

    def size_of(path: Path) -> int:
        measured.append(path)
        return 7

    monkeypatch.setattr(retention, "size_of", size_of)
    run = put(store, 0, hours=9)
    for _ in range(3):
        assert [entry.size for entry in Store(store.root, shipped=None).entries()] == [7]
    assert measured == [run.folder]
    put(store, 0, hours=8)
    store.entries()
    assert len(measured) == 2, "it was made again"


def test_an_index_that_fails_does_not_stand_in_the_way(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    run = put(store, 0, hours=9)

    def full(path: Path) -> sqlite3.Connection:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(index, "_connect", full)
    assert [entry.name for entry in store.clean(0).deleted] == [run.hash]
