"""What a person has of version 0.1.0, unpacked: see `write_before.py`."""

import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parent


@pytest.fixture(scope="session")
def interface() -> dict[str, Any]:
    """What people relied on, and what the home folder holds."""
    content: dict[str, Any] = json.loads((FOLDER / "interface-0.1.0.json").read_text())
    return content


@pytest.fixture(scope="session")
def known(interface: dict[str, Any]) -> dict[str, Any]:
    """What the home folder holds, as the version that wrote it has said."""
    content: dict[str, Any] = interface["home"]
    return content


@pytest.fixture
def before(tmp_path: Path) -> Path:
    """The folder of `home` and `run`."""
    with tarfile.open(FOLDER / "results-0.1.0.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path


@pytest.fixture
def home(before: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home folder of before, in use; there is no GPU, as there was none."""
    monkeypatch.setenv("POISON_LAB_HOME", str(before / "home"))
    monkeypatch.delenv("POISON_LAB_WEIGHTS", raising=False)
    monkeypatch.delenv("POISON_LAB_DATA", raising=False)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.set_num_threads", lambda _: None)
    return before / "home"
