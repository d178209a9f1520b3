"""The home folder and the environment."""

import os
import tarfile
from pathlib import Path

import pytest

from core.cli.checks import home as checks
from core.storage.runs import Store
from core.system import paths, settings
from tests.fakes import tiny_result, tiny_spec


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable but that of an empty home."""
    for name in [name for name in os.environ if name.startswith("POISON_LAB_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("POISON_LAB_HOME", str(tmp_path / "home"))


def test_a_home_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    check = checks.home()
    assert check.state == "ok"
    assert f"{tmp_path / 'home'}, made by the first run" in check.text
    assert checks.runs().state == "ok"
    assert not (tmp_path / "home").exists()


def test_a_home_that_can_not_be_written_is_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths.home().mkdir()
    monkeypatch.setattr(os, "access", lambda place, _: Path(place) != paths.home())
    check = checks.home()
    assert check.state == "fault"
    assert "can't be written to" in check.text
    assert "POISON_LAB_HOME" in check.remedy


def test_a_home_below_a_file_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    assert checks.home().state == "fault"
    assert "is a file" in checks.home().text


def test_little_space_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    real = checks.shutil.disk_usage
    monkeypatch.setattr(checks.shutil, "disk_usage", lambda place: real(place)._replace(free=10**8))
    assert checks.home().state == "warning"
    assert "100 MB free" in checks.home().text


def test_runs_are_counted_and_checked_and_left_as_they_are() -> None:
    store = Store(paths.results(), shipped=None)
    runs = [store.put(tiny_result(tiny_spec(seed))) for seed in range(3)]
    check = checks.runs()
    assert check.state == "ok"
    assert check.text.startswith("3 in ")
    assert check.text.endswith("in the format of this version")
    result = runs[0].folder / "result.json"
    result.write_text(result.read_text() + " ")
    before = sorted(paths.home().rglob("*"))
    check = checks.runs()
    assert check.state == "warning"
    assert f"1 damaged ({runs[0].hash})" in check.text
    assert sorted(paths.home().rglob("*")) == before, "a damaged run is not set aside here"


def test_a_home_of_the_release_before_is_known(tmp_path: Path) -> None:
    with tarfile.open(Path(__file__).parents[2] / "compat" / "results-0.1.0.tar.xz") as archive:
        archive.extractall(tmp_path / "old", filter="data")
    (tmp_path / "old" / "home").rename(paths.home())
    check = checks.runs()
    assert check.text.startswith(f"6 in {paths.results()}, ")
    assert check.text.endswith("; 1 set aside as damaged before"), "none is of another version or damaged now"


def test_a_run_of_another_version_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    Store(paths.results(), shipped=None).put(tiny_result(tiny_spec()))
    monkeypatch.setattr("core.storage.integrity.is_current", lambda _: False)
    assert checks.runs().state == "warning"
    assert "1 of another version" in checks.runs().text


def test_variables_are_shown_but_no_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POISON_LAB_WORKERS", "2")
    monkeypatch.setenv("POISON_LAB_ALLOWED", "ada@example.org")
    monkeypatch.setenv("POISON_LAB_SCHEDULER", "tcp://secret.example:8786")
    [check] = checks.environment()
    assert check.state == "ok"
    assert "POISON_LAB_WORKERS=2" in check.text
    assert "POISON_LAB_ALLOWED=(set, not shown)" in check.text
    assert "example" not in check.text.replace(str(paths.home()), "")


@pytest.mark.parametrize(
    ("name", "value", "state", "text"),
    [
        ("POISON_LAB_WORKERS", "many", "fault", "allowed: a whole number from 1 to 64"),
        ("POISON_LAB_LOG", "xml", "fault", "allowed: text or json"),
        ("POISON_LAB_WORKER", "hunter2", "warning", "POISON_LAB_WORKER means nothing"),
        ("POISON_LAB_DATA", "/nowhere/at/all", "warning", "which is no folder"),
    ],
)
def test_a_variable_that_can_not_be_used_is_said(
    name: str, value: str, state: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    [check] = [check for check in checks.environment() if check.state != "ok"]
    assert (check.state, text in check.text) == (state, True)
    assert "hunter2" not in "".join(check.text for check in checks.environment()), "it may be a secret"


def test_every_setting_is_shown_or_hidden_on_purpose() -> None:
    assert {settings.variable(name) for name in settings.Settings.model_fields} > checks.HIDDEN
