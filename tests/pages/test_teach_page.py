"""What teachers get beside the lessons: whole groups locked, an address that students reach, sheets; students don't."""

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from streamlit.testing.v1 import AppTest

from pages import _runs, _state, _teach_address
from pages._teach_locks import GROUPS
from tests.apps import opened, own_store, rerun, shown_text


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own_store(tmp_path, monkeypatch)


def link_of(app: AppTest) -> dict[str, str]:
    return {key: value[0] for key, value in parse_qs(urlsplit(app.code[0].value).query).items()}


def test_whole_groups_are_locked_or_hidden() -> None:
    app = opened("teach.py")
    app = rerun(app.segmented_control(key="link-group-Data and extractor").set_value("Locked"))
    app = rerun(app.segmented_control(key="link-group-Sizes and seed").set_value("Hidden"))
    app = rerun(app.multiselect(key="link-lock").select("seed").select("budget"))
    given = link_of(app)
    assert given["lock"].split(",") == ["data", "from", "to", "extractor", "px", "side", "budget"]
    assert given["hide"].split(",") == ["train", "test", "ridge", "seed"]


def test_groups_hold_every_control_once() -> None:
    assert sorted(key for group in GROUPS.values() for key in group) == sorted(_state.all_keys())


def test_links_use_the_address_that_is_entered() -> None:
    app = rerun(opened("teach.py").text_input(key="link-address").set_value("https://lab.example.org/poison/"))
    assert app.code[0].value.startswith("https://lab.example.org/poison/lab")
    app = rerun(app.text_input(key="link-address").set_value("lab"))
    assert "An address begins with http://" in shown_text(app)
    app = rerun(app.text_input(key="link-address").set_value("http://127.0.0.1:8501"))
    assert "Only this machine reaches the server." in shown_text(app)


@pytest.mark.parametrize(
    ("here", "listens_at", "guess"),
    [
        ("http://127.0.0.1:8501/teach", None, "http://10.0.0.5:8501"),
        ("http://localhost:8501/teach", "0.0.0.0", "http://10.0.0.5:8501"),
        ("http://localhost:8501/under/teach", "", "http://10.0.0.5:8501/under"),
        ("http://127.0.0.1:8501/teach", "127.0.0.1", "http://127.0.0.1:8501"),
        ("https://lab.example.org/teach", "127.0.0.1", "https://lab.example.org"),
    ],
)
def test_the_address_is_found(here: str, listens_at: str | None, guess: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_teach_address, "network_address", lambda: "10.0.0.5")
    assert _teach_address.guessed(here, listens_at) == guess


def test_every_lesson_has_a_sheet() -> None:
    app = opened("teach.py")
    buttons = app.get("download_button")
    assert [button.key for button in buttons] == [f"sheet-{lesson.id}" for lesson in _runs.lessons()]
    assert {button.proto.label for button in buttons} == {"Work sheet to print (HTML)"}


def test_students_under_locks_see_no_notes() -> None:
    app = opened("teach.py", lock="budget")
    text = shown_text(app)
    assert "This page is not part of the link that you were given." in text
    assert "Expected answers" not in text
    assert not app.get("download_button")
    assert not app.code
