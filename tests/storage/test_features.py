"""A run that ships without its features gets them once, where they are needed: from its images, or it is run again."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.experiments.result import Result
from core.spec.experiment import ExperimentSpec
from core.storage.features import are_at_hand, run_with_features
from core.storage.runs import Store
from core.storage.stored_run import StoredRun
from core.system.errors import StoreError
from tests.fakes import tiny_result, tiny_spec


@pytest.fixture
def shipped(store: Store, monkeypatch: pytest.MonkeyPatch) -> StoredRun:
    """A run without its features that ships, and is not in the store."""
    run = Store(store.root.parent / "gallery", shipped=None).put(tiny_result(tiny_spec()))
    (run.folder / "features.npz").unlink()
    monkeypatch.setattr("core.storage.features.Store", lambda root: Store(root, shipped=run.folder.parent))
    return run


def test_they_are_extracted_from_images_once_and_stored(
    store: Store, shipped: StoredRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    result, extracted = tiny_result(tiny_spec()), []

    def features_of(spec: ExperimentSpec, poison: dict[str, Any], *, device: str) -> Any:
        assert (poison["x"] == result.poison.x).all()
        extracted.append(spec)
        return result.features

    monkeypatch.setattr("core.experiments.restored.features_of", features_of)
    monkeypatch.setattr("core.storage.features._come_to_what_is_stated", lambda *_: True)  # the result is made up
    monkeypatch.setattr("core.experiments.run.run", lambda *_: pytest.fail("its attack is repeated"))
    assert not shipped.has_features
    assert are_at_hand(shipped)
    for _ in range(2):
        whole = run_with_features(str(store.root), shipped.hash)
        assert whole.folder.parent == store.root
        assert {name: array.tobytes() for name, array in whole.features().items()} == {
            name: array.tobytes() for name, array in result.features.items()
        }
        assert whole.summary.to_json() == shipped.summary.to_json()
    assert extracted == [shipped.spec]


def test_a_run_whose_heads_come_to_something_else_is_computed_again(
    store: Store, shipped: StoredRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = tiny_result(tiny_spec())
    monkeypatch.setattr("core.experiments.restored.features_of", lambda *_, **__: result.features)
    monkeypatch.setattr("core.experiments.run.run", lambda spec: replace(result, seconds={"clean": 7.0}))
    run = run_with_features(str(store.root), shipped.hash)
    assert run.summary.seconds == {"clean": 7.0}


def test_a_run_without_images_is_computed_once_and_stored(
    store: Store, shipped: StoredRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = tiny_result(tiny_spec())
    bare = replace(result, poison=replace(result.poison, x=None))
    shutil.rmtree(shipped.folder)
    shipped = Store(shipped.folder.parent, shipped=None).put(bare)
    (shipped.folder / "features.npz").unlink()
    assert not are_at_hand(shipped)
    computed: list[ExperimentSpec] = []

    def compute(spec: ExperimentSpec) -> Result:
        computed.append(spec)
        return tiny_result(spec)

    monkeypatch.setattr("core.experiments.run.run", compute)
    for _ in range(2):
        whole = run_with_features(str(store.root), shipped.hash)
        assert whole.has_features
        assert whole.folder.parent == store.root
    assert computed == [shipped.spec]


def test_a_run_with_a_damaged_file_is_computed_again(
    store: Store, shipped: StoredRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    (shipped.folder / "poison" / "00000.png").write_bytes(b"no image")
    monkeypatch.setattr("core.experiments.run.run", tiny_result)
    run = run_with_features(str(store.root), shipped.hash)
    assert run.file("poison/00000.png") != b"no image"


def test_a_full_disk_is_said(store: Store, shipped: StoredRun, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr("core.experiments.run_folder.write_npz", full)
    with pytest.raises(StoreError, match="No space left on device"):
        store.put_completed(shipped, shipped.files(), tiny_result(tiny_spec()).features)
    assert list(store.root.glob("*")) == []


def test_a_run_that_is_not_stored_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="isn't stored; run the experiment first"):
        run_with_features(str(tmp_path), "0" * 16)
