"""What an experiment can be made of here."""

import shutil
from pathlib import Path

import pytest

from core.cli.checks import contents
from core.storage import assets
from core.system import paths
from tests.plugins import BLEND


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of what ships that may be damaged."""
    folder = tmp_path / "assets"
    shutil.copytree(paths.ASSETS, folder)
    monkeypatch.setattr(paths, "ASSETS", folder)
    return folder


@pytest.mark.usefixtures("plugins_for_a_test")
def test_plugins_are_listed_and_a_broken_one_is_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [check] = contents.plugins()
    assert (check.state, check.text) == ("ok", "none")
    broken = tmp_path / "broken.py"
    broken.write_text("INTERFACE = 1\nraise RuntimeError('no')\n")
    monkeypatch.setenv("POISON_LAB_PLUGINS", f"{broken}:{BLEND}:{tmp_path / 'none.py'}")
    fine, *faults = contents.plugins()
    assert fine.state == "ok"
    assert f"{BLEND} (blend; " in fine.text
    assert [fault.state for fault in faults] == ["fault", "fault"]
    assert f"{broken}, line 2: RuntimeError: no" in faults[0].text
    assert "none.py can't be read" in faults[1].text


def test_what_ships_is_whole() -> None:
    check = contents.assets()
    assert check.state == "ok", check.text


def test_what_is_missing_or_damaged_is_a_fault(copy: Path) -> None:
    assert contents.assets().state == "ok"
    (copy / "data" / "mnist10k.npz").unlink()
    images = next((copy / "gallery").glob("*/result.json"))
    images.write_text(images.read_text().replace("0", "1", 1))
    check = contents.assets()
    assert check.state == "fault"
    assert "data/mnist10k.npz is missing" in check.text
    assert f"gallery/{images.parent.name} result.json does not have the checksum of its manifest" in check.text
    assert "git checkout assets" in check.remedy


def test_a_run_that_is_gone_or_has_another_manifest_is_a_fault(copy: Path) -> None:
    first, second = sorted((copy / "gallery").glob("*/manifest.json"))[:2]
    shutil.rmtree(first.parent)
    second.write_text("{}")
    wrong = dict(assets.check(copy).wrong)
    assert wrong == {
        f"gallery/{first.parent.name}/manifest.json": "is missing",
        f"gallery/{second.parent.name}/manifest.json": "differs",
    }


def test_without_the_list_nothing_can_be_said(copy: Path) -> None:
    (copy / assets.NAME).unlink()
    assert assets.check(copy).wrong == ((assets.NAME, "can't be read"),)


def test_the_list_is_that_of_what_ships(copy: Path) -> None:
    shipped = (copy / assets.NAME).read_text()
    assets.write_checksums(copy)
    assert (copy / assets.NAME).read_text() == shipped, "renew it: python -m core gallery"


def test_data_and_weights_that_ship_must_be_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert [check.state for check in (*contents.data(), *contents.extractors())] == ["ok", "ok"]
    monkeypatch.setattr("core.data.readers._FOLDER", tmp_path)
    monkeypatch.setattr(paths, "EXTRACTORS", tmp_path)
    faults = [check.text for check in (*contents.data(), *contents.extractors()) if check.state == "fault"]
    assert "Data set emoji can't be read" in faults
    assert "The weights of resnet10-small-mnist are missing" in faults
