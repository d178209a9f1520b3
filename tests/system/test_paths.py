"""Where things lie: in a checkout, in an installed copy, and where a person says."""

from pathlib import Path

import pytest

from core.system import paths


def test_a_checkout_keeps_its_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("POISON_LAB_HOME", raising=False)
    assert paths.home() == paths.ROOT / ".poison_lab"


def test_an_installed_copy_writes_to_the_data_folder_of_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("POISON_LAB_HOME", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setattr(paths, "ROOT", tmp_path)  # where there is no pyproject.toml
    assert paths.home() == tmp_path / "data" / "poison-lab"


def test_a_person_says_where_the_home_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POISON_LAB_HOME", str(tmp_path / "mine"))
    assert paths.home() == tmp_path / "mine"
