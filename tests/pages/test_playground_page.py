"""The page of the playground in Streamlit's own tester."""

import json
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from pages import _plane, _playground, _runs
from tests.apps import opened, query, rerun, shown_text

pytestmark = pytest.mark.pages


def handed_over(app: AppTest) -> dict[str, Any]:
    """What the component gets."""
    (element,) = app.get("bidi_component")
    assert element.proto.component_name == "poison-lab.playground"
    return json.loads(element.proto.json)


def test_it_opens_on_clothes_with_nothing_wrong() -> None:
    app = opened("playground.py")
    assert app.title[0].value == "Playground"
    data = handed_over(app)
    assert data["plane"]["classes"] == ["Trouser", "Coat", "Ankle boot"]
    assert len(data["plane"]["train"]) == 300
    assert data["view"]["poison"] == []
    assert data["locks"] == {"lock": [], "hide": []}
    assert query(app) == {}
    assert not app.warning


def test_a_link_opens_its_state_with_its_locks() -> None:
    link = {"data": "moons", "poison": "1_0.5_0.25_3", "budget": "2", "constraint": "none", "lock": "budget,data"}
    app = opened("playground.py", **link)
    data = handed_over(app)
    assert data["view"]["poison"] == [{"x": [0.5, 0.25], "label": 1, "base": 3}]
    assert data["view"]["budget"] == 2
    assert data["locks"]["lock"] == ["data", "budget"]
    assert query(app) == {**link, "lock": "data,budget"}
    assert app.get("button_group")[0].proto.disabled
    assert "To begin with" not in shown_text(app)  # a class with locks gets no way around them


def test_hidden_data_are_not_asked_for() -> None:
    assert not opened("playground.py", hide="data").get("button_group")


def test_what_is_wrong_in_a_link_is_said() -> None:
    app = opened("playground.py", data="ring", budget="99", lock="magic")
    assert len(app.warning) == 3
    assert query(app) == {}


def test_other_data_drop_the_poison_and_keep_the_rules() -> None:
    app = opened("playground.py", poison="1_0.5_0.25_3", defence="trim")
    first = app.get("bidi_component")[0].proto.id
    app = rerun(app.button_group(key="playground-data").set_value("blobs"))
    data = handed_over(app)
    assert data["plane"]["classes"] == ["A", "B"]
    assert data["view"]["poison"] == []
    assert data["view"]["defence"] == "trim"
    assert query(app) == {"data": "blobs", "defence": "trim"}
    assert app.get("bidi_component")[0].proto.id != first  # another element, which begins from the new state


def test_another_link_is_followed_and_ones_own_is_not_read_again() -> None:
    app = opened("playground.py", budget="3")
    first = app.get("bidi_component")[0].proto.id
    app = rerun(app)
    assert app.get("bidi_component")[0].proto.id == first
    app.query_params["budget"] = "5"
    app = rerun(app)
    assert handed_over(app)["view"]["budget"] == 5
    assert app.get("bidi_component")[0].proto.id != first


def test_the_state_stays_while_other_pages_are_shown() -> None:
    app = opened("playground.py", data="three", budget="3")
    app.switch_page("gallery.py").run()
    app.query_params.clear()
    app = rerun(app.switch_page("playground.py"))
    assert query(app) == {"data": "three", "budget": "3"}
    assert handed_over(app)["view"]["budget"] == 3


def test_scenes_to_begin_with_are_links_that_can_be_followed() -> None:
    source = (Path(_plane.__file__).parent / "playground.py").read_text()
    scope: dict[str, Any] = {}
    exec(source[source.index("SCENES = ") : source.index('"""Where to begin')], scope)
    assert len(scope["SCENES"]) >= 4
    for _, _, link in scope["SCENES"]:
        data, problems = _playground.read_data(link)
        assert problems == []
        assert _playground.from_query(link, data, 2, 200)[2] == []


def test_without_the_shipped_run_the_other_planes_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_runs, "default_run", lambda: None)
    app = opened("playground.py")
    assert handed_over(app)["plane"]["classes"] == ["A", "B"]
    assert "needs a run with a map" in app.warning[0].value
