"""Points of stored runs: scored once, kept by run, found again; damaged scores are computed again."""

from pathlib import Path

import numpy as np
import pytest

from core.storage import scored
from core.storage.runs import Store
from core.system import paths
from core.system.errors import StoreError
from tests.storage.test_defended import separable


def test_a_run_is_scored_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POISON_LAB_HOME", str(tmp_path))
    store = Store(tmp_path / "results", shipped=None)
    run = store.put(separable())
    assert scored.find(run.hash) is None
    assert not scored.is_there(run.hash)
    scored.score(str(store.root), run.hash)
    first = scored.find(run.hash)
    assert first is not None
    assert scored.is_there(run.hash)
    features = run.features()
    np.testing.assert_array_equal(first.y, np.concatenate([features["train_y"], features["poison_y"]]))
    assert first.is_poison.sum() == len(features["poison_y"])
    # Each class lies around a corner of its own, and the poison around another.
    disagrees = first.held_out != first.y
    assert disagrees[first.is_poison].mean() > 0.7
    assert disagrees[~first.is_poison].mean() < 0.1
    monkeypatch.setattr(scored, "score_run", lambda _: pytest.fail("scored twice"))
    scored.score(str(store.root), run.hash)
    (path,) = (paths.cache() / "points").iterdir()
    path.write_bytes(path.read_bytes()[:-30])
    assert scored.find(run.hash) is None
    with pytest.raises(StoreError, match="isn't stored"):
        scored.score(str(store.root), "0" * 16)
