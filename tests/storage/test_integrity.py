"""Damage is found when a file is read, and set aside."""

import hashlib
from types import SimpleNamespace

import pytest

from core.storage.runs import Store
from core.system.errors import StoreError
from tests.fakes import tiny_result, tiny_spec
from tests.storage.stores import flip_last_byte


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
    assert run.plot()
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

    monkeypatch.setattr("core.storage.integrity.hashlib", SimpleNamespace(sha256=sha256))
    for _ in range(3):
        assert store.get(run.hash) is not None
        run.features()
    assert len(hashed) == 2  # result.json and features.npz
