"""What counts as a use of a run, and marks that can't be written."""

from pathlib import Path

import pytest

from core.storage import marks
from core.storage.runs import Store
from core.system.errors import StoreError
from tests.storage.stores import put, seeds


@pytest.mark.parametrize("read", ["get", "file", "use"])
def test_a_run_that_was_read_is_as_good_as_new(store: Store, read: str) -> None:
    old, other = put(store, 0, hours=9), put(store, 1, hours=1)
    marks._NOTED.clear()
    created = store.written(old.hash)
    if read == "get":
        store.get(old.hash)
    elif read == "file":
        old.plot()
    else:
        store.use(old.hash)
    assert store.written(old.hash) == created
    assert [entry.name for entry in store.clean(0).deleted] == [other.hash]


def test_a_list_is_no_use_of_what_it_lists(store: Store) -> None:
    put(store, 0, hours=9)
    assert seeds(store) == [0]
    assert len(store.clean(0).deleted) == 1


def test_a_run_that_is_read_after_the_choice_stays(store: Store) -> None:
    run = put(store, 0, hours=9)
    [entry] = store.entries()
    marks._NOTED.clear()
    run.plot()
    assert store._retention.detach(entry) is None
    assert seeds(store) == [0]


@pytest.mark.parametrize("act", ["pin", "unpin"])
def test_a_disk_that_cannot_be_written_is_told(store: Store, act: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run = put(store, 0, hours=9)
    store.pin(run.hash)

    def refused(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "touch", refused)
    monkeypatch.setattr(Path, "unlink", refused)
    with pytest.raises(StoreError, match=f"can't be {act}ned: No space left"):
        getattr(store, act)(run.hash)
    marks._NOTED.clear()
    assert run.plot(), "a use that can't be noted is no error"
