"""A run that ships without its features is computed once more where they are needed."""

from pathlib import Path

import pytest

from core.experiments.result import Result
from core.spec.experiment import ExperimentSpec
from core.storage.features import has_features, run_with_features
from core.storage.runs import Store
from core.system.errors import StoreError
from tests.fakes import tiny_result, tiny_spec


def test_missing_features_are_computed_once_and_stored(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Store(store.root.parent / "gallery", shipped=None).put(tiny_result(tiny_spec()))
    (run.folder / "features.npz").unlink()
    assert not has_features(run)
    computed: list[ExperimentSpec] = []

    def compute(spec: ExperimentSpec) -> Result:
        computed.append(spec)
        return tiny_result(spec)

    monkeypatch.setattr("core.experiments.run.run", compute)
    monkeypatch.setattr("core.storage.features.Store", lambda root: Store(root, shipped=run.folder.parent))
    for _ in range(2):
        whole = run_with_features(str(store.root), run.hash)
        assert has_features(whole)
        assert whole.folder.parent == store.root
    assert computed == [run.spec]


def test_a_run_that_is_not_stored_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="isn't stored; run the experiment first"):
        run_with_features(str(tmp_path), "0" * 16)
