"""Locks on files."""

import os
from pathlib import Path

import pytest

from core.serving.journal import Journal
from core.storage.runs import Store
from core.system import locks
from tests.fakes import tiny_result, tiny_spec


def test_only_one_holds_a_lock_and_closing_the_file_releases_it(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with path.open("w") as first, path.open("w") as second:
        locks.lock(first)
        with pytest.raises(OSError, match="unavailable"):
            locks.lock(second, wait=False)
        first.close()
        locks.lock(second, wait=False)


def test_where_a_system_has_no_locks_an_error_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "_flock", None)
    with (tmp_path / "lock").open("w") as file, pytest.raises(OSError, match="can't be locked on this system"):
        locks.lock(file)


def test_without_locks_a_store_is_cleaned_on_trust(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "_flock", None)
    store = Store(tmp_path / "results", shipped=None)
    run = store.put(tiny_result(tiny_spec()))
    for path in run.folder.rglob("*"):
        os.utime(path, (1, 1))
    assert [entry.name for entry in store.clean(0).deleted] == [run.hash]


def test_without_locks_no_run_counts_as_interrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What can't be told apart is taken for alive: nobody's run is taken from them."""
    monkeypatch.setattr(locks, "_flock", None)
    first = Journal(tmp_path)
    first.begin(tiny_spec())
    first.close()
    assert Journal(tmp_path).interrupted() == {}
