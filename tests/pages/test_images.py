"""The card of images in the lab: pairs of base and poison, and the test images that a worker finds misread."""

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core.heads.scores import Score
from core.presentation import image_cards
from core.serving import engine as engine_module
from core.spec.defaults import CURRENT
from core.storage import misread
from core.storage.misread import Misread
from core.storage.runs import Store
from pages import _map
from tests.apps import Tasks, drawn, opened, own_store, query, rerun, shown_text, small
from tests.storage.test_defended import separable

LINK = {"attack": "label-flip", "train": "100", "test": "50", "budget": "10"}


@pytest.fixture
def engine() -> Tasks:
    return Tasks()


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: Tasks) -> Store:
    store = own_store(tmp_path, monkeypatch)
    monkeypatch.setattr(engine_module, "get_engine", lambda: engine)
    return store


def component(app: AppTest) -> dict[str, Any]:
    (element,) = (part for part in app.get("bidi_component") if part.proto.component_name == "poison-lab.images")
    data: dict[str, Any] = json.loads(element.proto.json)
    return data


def misread_view(app: AppTest) -> AppTest:
    return rerun(app.button_group(key="lab-show").set_value("misread"))


def test_pairs_come_first_with_what_no_pixel_shows(store: Store) -> None:
    run = store.put(drawn())
    shown = component(opened("lab.py", **LINK))
    assert (shown["cards"]["kind"], shown["cards"]["run"], shown["cards"]["count"]) == ("poison", run.hash, 10)
    assert shown["cards"]["remark"] == "No pixel is changed, only the labels are wrong."
    assert (shown["sheet"]["width"], shown["sheet"]["each"], shown["selected"]) == (28, 2, None)


def test_misread_images_are_found_once_and_shown(store: Store, engine: Tasks) -> None:
    result = separable()
    run = store.put(result)
    answer = Misread(3, (4, 9, 11), (0, 1, 2), (1, 2, 0))
    app = opened("lab.py", **LINK)
    engine.works = False
    misread_view(app)
    assert engine.asked == ["look"]
    assert "Comparing the two heads on the test images" in shown_text(app)
    misread._MISREAD.write(misread._MISREAD.key(run.hash), answer.to_json())
    shown = component(rerun(app))
    assert engine.asked == ["look"]
    assert (shown["cards"]["kind"], shown["cards"]["count"], shown["sheet"]["each"]) == ("misread", 3, 1)
    assert "3 test images are newly misread" in shown["cards"]["remark"]


def test_nothing_misread_is_said(store: Store) -> None:
    run = store.put(replace(drawn(), clean=Score(0.6, [0.6] * 10)))
    misread._MISREAD.write(misread._MISREAD.key(run.hash), Misread(0, (), (), ()).to_json())
    app = misread_view(opened("lab.py", **LINK))
    assert "0 test images are newly misread" in shown_text(app)


def test_why_misread_images_can_not_be_found_is_said(store: Store, engine: Tasks) -> None:
    store.put(drawn())
    engine.works, engine.error = False, "The worker was lost; try again."
    app = misread_view(opened("lab.py", **LINK))
    assert "The worker was lost; try again." in shown_text(app)


def test_a_point_selected_on_the_map_turns_to_its_pair(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    run = store.put(drawn())
    plot = run.plot()
    assert plot is not None
    app = opened("lab.py", **LINK)
    for row, item in ((plot.n_clean + 4, 4), (int(plot.base_index[7]), 7), (plot.n_clean + 99, None)):
        app.session_state["images-row"] = [run.hash, row]
        assert component(rerun(app))["selected"] == item
    app.session_state["images-row"] = ["other", plot.n_clean + 4]
    assert component(rerun(app))["selected"] is None


def test_the_sheet_follows_the_place_that_the_browser_lacks(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    run = store.put(drawn("noise"))
    monkeypatch.setattr(image_cards, "groups_per_sheet", lambda *_: 3)
    link = {**LINK, "attack": "noise"}
    wanted: list[object] = []
    monkeypatch.setattr(_map, "told", lambda key, event: wanted[0] if event == "wanted" and wanted else None)

    def items() -> list[int]:
        text = component(opened("lab.py", **link))["sheet"]["items"]
        return np.frombuffer(base64.b64decode(text), "<i4").tolist()

    assert items() == [9, 8, 7]
    for odd in ([run.hash, "row", 10], [run.hash, "magic", 4], ["other", "row", 4], "row", [run.hash, "row"], None):
        wanted[:] = [odd]
        assert items() == [9, 8, 7]
    wanted[:] = [[run.hash, "row", 4]]
    assert items() == [3, 4, 5]
    assert small("noise").hash == run.hash


def test_the_view_is_in_the_link_and_comes_back(store: Store) -> None:
    run = store.put(drawn())
    misread._MISREAD.write(misread._MISREAD.key(run.hash), Misread(2, (4, 9), (0, 1), (1, 2)).to_json())
    app = misread_view(opened("lab.py", **LINK))
    assert query(app) == {**LINK, "show": "misread"}
    link = query(app)
    again = opened("lab.py", **link)  # a reload, or the link in another browser
    assert (query(again), component(again)["cards"]["kind"]) == (link, "misread")
    app = rerun(app.switch_page("gallery.py"))
    for key in list(app.query_params):
        del app.query_params[key]
    app = rerun(app.switch_page("lab.py"))  # by the navigation
    assert (query(app), component(app)["cards"]["kind"]) == (link, "misread")
    del app.query_params["show"]  # back in the browser
    assert component(rerun(app))["cards"]["kind"] == "poison"
    assert query(app) == LINK


def test_a_view_that_there_is_not_is_said(store: Store) -> None:
    store.put(drawn())
    app = opened("lab.py", **LINK, show="all")
    assert [box.value for box in app.error] == ["`show` is `all`; allowed: poison, misread. Using poison instead."]
    assert query(app) == LINK
    assert component(app)["cards"]["kind"] == "poison"


def test_a_bare_link_to_a_view_says_which_defaults_it_means(store: Store) -> None:
    store.put(drawn())
    app = misread_view(opened("lab.py"))
    assert query(app) == {"show": "misread", "defaults": str(CURRENT)}
    for link in (query(app), {"show": "misread"}):
        assert opened("lab.py", **link).session_state.spec == app.session_state.spec


def test_targets_of_stage_2_are_in_the_link(store: Store) -> None:
    for attack in ("label-flip", "ft-matching"):
        store.put(drawn(attack))
    link = {**LINK, "attack": "ft-matching"}
    app = opened("lab.py", **link)
    app = rerun(app.toggle(key="lab-targets").set_value(True))
    assert query(app) == {**link, "targets": "on"}
    again = opened("lab.py", **query(app))
    assert again.toggle(key="lab-targets").value
    without = opened("lab.py", **LINK, targets="on")
    assert not without.session_state.own
