"""The folders are the truth, and only hashes become paths."""

import shutil

import pytest

from core.storage.runs import Store
from tests.fakes import tiny_result, tiny_spec
from tests.storage.stores import hashes


@pytest.mark.parametrize("name", ["", "..", "0" * 15, "0" * 17, "0" * 16 + "\n", "../" + "0" * 13, "A" * 16])
def test_only_hashes_touch_the_file_system(store: Store, name: str) -> None:
    if name.strip():
        folder = store.root / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "manifest.json").write_text("{}")
    assert name not in store
    assert store.get(name) is None
    assert store.list() == []


def test_folders_are_the_truth(store: Store) -> None:
    deleted, copied = store.put(tiny_result(tiny_spec(0))), store.put(tiny_result(tiny_spec(1)))
    other = Store(store.root.parent / "other", shipped=None)
    shutil.copytree(copied.folder, other.root / copied.hash)
    shutil.rmtree(deleted.folder)
    assert hashes(store) == hashes(other) == {copied.hash}
