from pathlib import Path

import pytest

from core.storage import marks
from core.storage.runs import Store


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """An empty store without shipped runs, in a process that has noted no use yet."""
    monkeypatch.setattr(marks, "_NOTED", {})
    return Store(tmp_path / "results", shipped=None)
