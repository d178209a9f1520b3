"""What the tests of the command line share."""

from pathlib import Path
from urllib.error import URLError

import pytest


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, no weights but the packaged ones, no network and no GPU."""
    home = tmp_path / "home"
    monkeypatch.setenv("POISON_LAB_HOME", str(home))
    monkeypatch.delenv("POISON_LAB_WEIGHTS", raising=False)
    monkeypatch.delenv("POISON_LAB_DATA", raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.set_num_threads", lambda _: None)

    def no_network(*_: object, **__: object) -> None:
        raise URLError("no network")

    monkeypatch.setattr("torch.hub.download_url_to_file", no_network)
    monkeypatch.setattr("urllib.request.urlopen", no_network)
    return home
