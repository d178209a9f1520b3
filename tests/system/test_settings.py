"""Settings of a server: each from its variable, within its bounds, else one sentence."""

import pytest

from core.system.errors import SettingError
from core.system.settings import PERSON_RUNS, SETTINGS, Limits, Setting, log_form, scheduler

each = pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)


@each
def test_without_a_variable_the_default_counts(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(setting.name, raising=False)
    assert setting.read() == setting.default
    monkeypatch.setenv(setting.name, " ")
    assert setting.read() == setting.default
    assert setting.low <= setting.default <= setting.high


@each
def test_bounds_are_included(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    for value in (setting.low, setting.high):
        monkeypatch.setenv(setting.name, str(value))
        assert setting.read() == value


@each
@pytest.mark.parametrize("text", ["-1", "1.5", "many", "1e3", "9" * 30])
def test_anything_else_is_refused_by_name(setting: Setting, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(setting.name, text)
    with pytest.raises(SettingError, match=f"{setting.name} is '{text}'; allowed: a whole number from"):
        setting.read()


def test_limits_are_those_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for setting in SETTINGS:
        monkeypatch.delenv(setting.name, raising=False)
    assert Limits.read() == Limits()
    monkeypatch.setenv(PERSON_RUNS.name, "3")
    assert Limits.read().person_runs == 3


def test_the_address_of_a_scheduler_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POISON_LAB_SCHEDULER", " tcp://host:8786 ")
    assert scheduler() == "tcp://host:8786"


def test_the_form_of_the_log_is_one_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    for text, form in ((" ", "text"), ("text", "text"), (" json", "json")):
        monkeypatch.setenv("POISON_LAB_LOG", text)
        assert log_form() == form
    monkeypatch.setenv("POISON_LAB_LOG", "JSON")
    with pytest.raises(SettingError, match="POISON_LAB_LOG is 'JSON'; allowed: text or json"):
        log_form()
