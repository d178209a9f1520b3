"""Settings of a server: each from its variable, within its bounds, else one sentence."""

import os
from pathlib import Path

import pytest
from annotated_types import Ge, Le

from core.system.errors import SettingError
from core.system.settings import (
    DEFAULTS,
    PLUGINS,
    Limits,
    Settings,
    UploadLimits,
    frame_ancestors,
    is_allowed,
    log_form,
    model_megabytes,
    plugins,
    read,
    scheduler,
    variable,
    workers,
)

NUMBERS = [name for name, setting in Settings.model_fields.items() if isinstance(setting.default, int)]

each = pytest.mark.parametrize("name", NUMBERS)


def bounds(name: str) -> tuple[int, int]:
    rules = Settings.model_fields[name].metadata
    [low] = [rule.ge for rule in rules if isinstance(rule, Ge)]
    [high] = [rule.le for rule in rules if isinstance(rule, Le)]
    assert isinstance(low, int)
    assert isinstance(high, int)
    return low, high


@pytest.fixture(autouse=True)
def _unset(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(variable(name), raising=False)


def test_every_number_of_a_server_is_here() -> None:
    limits = ["person_runs", "all_runs", "run_seconds", "store_megabytes", "cache_megabytes"]
    uploads = ["image_upload_megabytes", "weights_upload_megabytes", "upload_memory_megabytes"]
    assert ["workers", *limits, "model_megabytes", *uploads, "ahead"] == NUMBERS


@each
def test_without_a_variable_the_default_counts(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    default, (low, high) = getattr(DEFAULTS, name), bounds(name)
    assert getattr(read(name), name) == default
    monkeypatch.setenv(variable(name), " ")
    assert getattr(read(name), name) == default
    assert low <= default <= high


@each
def test_bounds_are_included(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for value in bounds(name):
        monkeypatch.setenv(variable(name), f" {value} ")
        assert getattr(read(name), name) == value


@each
@pytest.mark.parametrize("text", ["-1", "1.5", "1.0", "many", "1e3", "9" * 30])
def test_anything_else_is_refused_by_name(name: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable(name), text)
    low, high = bounds(name)
    sentence = f"^{variable(name)} is '{text}'; allowed: a whole number from {low} to {high}.$"
    with pytest.raises(SettingError, match=sentence):
        read(name)


@each
def test_what_is_just_out_of_bounds_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    low, high = bounds(name)
    for value in (low - 1, high + 1):
        monkeypatch.setenv(variable(name), str(value))
        with pytest.raises(SettingError, match=f"{variable(name)} is '{value}'"):
            read(name)


def test_a_wrong_setting_stops_nothing_that_does_not_need_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POISON_LAB_WORKERS", "0")
    monkeypatch.setenv("POISON_LAB_LOG", "xml")
    monkeypatch.setenv("POISON_LAB_ALLOWED", "school.example")
    monkeypatch.setenv("POISON_LAB_MODEL_MEGABYTES", "7")
    assert Limits.read() == Limits()
    assert model_megabytes() == 7
    assert not is_allowed("eve@other.example")
    with pytest.raises(SettingError, match="POISON_LAB_WORKERS"):
        workers()


def test_settings_are_read_anew_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    for number in (2, 3):
        monkeypatch.setenv("POISON_LAB_WORKERS", str(number))
        assert workers() == number


def test_limits_are_those_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Limits.read() == Limits()
    for number, name in enumerate(NUMBERS, start=200):
        monkeypatch.setenv(variable(name), "3" if name == "workers" else str(number))
    assert Limits.read() == Limits(201, 202, 203, 204, 205)


@pytest.mark.parametrize(
    ("images", "weights", "memory", "limits"),
    [
        ("", "", "", UploadLimits(500, 2000, 2000)),
        ("70", "300", "400", UploadLimits(70, 300, 400)),
        ("", "", "400", UploadLimits(400, 400, 400)),  # a file takes its whole size in memory
        ("3", "2", "", UploadLimits(3, 2, 2000)),
    ],
)
def test_no_upload_may_be_larger_than_the_memory_for_all(
    images: str, weights: str, memory: str, limits: UploadLimits, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {"image_upload_megabytes": images, "weights_upload_megabytes": weights, "upload_memory_megabytes": memory}
    for name, text in given.items():
        monkeypatch.setenv(variable(name), text)
    assert UploadLimits.read() == limits
    assert (limits.of("images"), limits.of("weights")) == (limits.images, limits.weights)
    assert limits.largest == max(limits.images, limits.weights)
    monkeypatch.setenv(variable("upload_memory_megabytes"), "much")
    with pytest.raises(SettingError, match="POISON_LAB_UPLOAD_MEMORY_MEGABYTES is 'much'"):
        UploadLimits.read()


def test_the_address_of_a_scheduler_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POISON_LAB_SCHEDULER", " tcp://host:8786 ")
    assert scheduler() == "tcp://host:8786"


def test_plugins_are_separated_as_folders_of_the_path_are(monkeypatch: pytest.MonkeyPatch) -> None:
    assert plugins() == []
    monkeypatch.setenv(PLUGINS, os.pathsep.join(["one.py", " ", " /two/Two.py "]))
    assert plugins() == [Path("one.py"), Path("/two/Two.py")]


def test_the_form_of_the_log_is_one_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    for text, form in ((" ", "text"), ("text", "text"), (" json", "json")):
        monkeypatch.setenv("POISON_LAB_LOG", text)
        assert log_form() == form
    monkeypatch.setenv("POISON_LAB_LOG", "JSON")
    with pytest.raises(SettingError, match="POISON_LAB_LOG is 'JSON'; allowed: text or json"):
        log_form()


def test_sites_that_may_frame_the_lab_are_origins(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "POISON_LAB_FRAME_ANCESTORS"
    assert frame_ancestors() == ()
    monkeypatch.setenv(name, " https://huggingface.co, https://*.school.example:8443 ,")
    assert frame_ancestors() == ("https://huggingface.co", "https://*.school.example:8443")
    for wrong in ("*", "huggingface.co", "https://a.example/path", "https://a.example; script-src *", "javascript:x"):
        monkeypatch.setenv(name, f"https://huggingface.co,{wrong}")
        with pytest.raises(SettingError, match=rf"^{name} is .*; allowed: origins such as https://huggingface.co, "):
            frame_ancestors()


@pytest.mark.parametrize("name", Settings.model_fields)
def test_a_variable_that_is_called_as_a_field_is_somebody_elses(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "7")
    assert getattr(read(name), name) == getattr(DEFAULTS, name)
