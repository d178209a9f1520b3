"""Test images that a run makes the head misread: found once, kept, and the same as the score counts."""

from pathlib import Path

import numpy as np
import pytest

from core.storage import misread
from core.storage.runs import Store
from core.system.errors import StoreError
from tests.storage.test_defended import separable


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("POISON_LAB_HOME", str(tmp_path))
    return Store(tmp_path / "results", shipped=None)


def test_what_scikit_learn_finds_is_found_and_kept(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    from sklearn.linear_model import LogisticRegression

    result = separable()
    rng = np.random.default_rng(3)
    f = result.features
    # Poison that moves much: on the other classes' corners, and five times as heavy.
    poison_z = (5 * f["poison_z"] + rng.normal(0, 0.1, f["poison_z"].shape)).astype(np.float32)
    test_z = (f["test_z"] + rng.normal(0, 1.2, f["test_z"].shape)).astype(np.float32)
    result = type(result)(**{**vars(result), "features": {**f, "poison_z": poison_z, "test_z": test_z}})
    run = store.put(result)
    assert misread.find(run.hash) is None
    found = misread.look(str(store.root), run.hash)

    def predicted(z: np.ndarray, y: np.ndarray) -> np.ndarray:
        head = LogisticRegression(C=1 / (run.spec.ridge * len(y)), tol=1e-10, max_iter=10_000).fit(z, y)
        return np.asarray(head.predict(test_z))

    before = predicted(f["train_z"], f["train_y"])
    after = predicted(np.concatenate([f["train_z"], poison_z]), np.concatenate([f["train_y"], f["poison_y"]]))
    wanted = np.flatnonzero((before == f["test_y"]) & (after != f["test_y"]))
    assert len(wanted) > 0
    assert found.count == len(wanted)
    assert found.rows == tuple(wanted)
    assert found.true == tuple(f["test_y"][wanted])
    assert found.read_as == tuple(after[wanted])
    monkeypatch.setattr(misread, "run_with_features", lambda *_: pytest.fail("computed twice"))
    assert misread.look(str(store.root), run.hash) == misread.find(run.hash) == found


def test_a_run_that_is_not_stored_is_said(store: Store) -> None:
    with pytest.raises(StoreError, match="isn't stored"):
        misread.look(str(store.root), "0123456789abcdef")
