"""The view of a page in its own link: it comes back as it was, and what can't be followed is said."""

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core.experiments import sweep
from core.serving import engine as engine_module
from core.storage.runs import Store
from core.system.errors import EngineError
from pages import _address, _own, _progress, _state
from pages._own import Rows, Several
from tests.apps import drawn, opened, own_store, query, rerun, shown_text, small

SETTINGS = {"attack": "label-flip", "budget": "10", "train": "100", "test": "50"}
NOISE = small("noise").hash
VIEW = {
    "map": "plane",
    "left": "Sandal",
    "right": "Coat",
    "colour": "loss",
    "head": "clean",
    "moves": "off",
    "lasso": "3,7,101",
    "pin": "101,3",
}
SWEEP = {
    "attacks": "noise,label-flip",
    "budgets": "5,20",
    "seeds": "2",
    "turn": "label-flip",
    "at": "20",
}


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    store = own_store(tmp_path, monkeypatch)
    idle = SimpleNamespace(job=lambda spec_hash: None, was_interrupted=lambda spec_hash: False)
    monkeypatch.setattr(engine_module, "get_engine", lambda: idle)
    for result in (drawn(), drawn("noise")):
        store.put(result)
    return store


def features(**values: str) -> AppTest:
    return opened("features.py", **SETTINGS, **values)


def errors(app: AppTest) -> list[str]:
    return [box.value for box in app.error]


def pinned(app: AppTest) -> str:
    return next((text.value for text in app.markdown if text.value.startswith(("training image", "poison"))), "")


def test_no_own_key_is_a_key_of_the_sidebar_or_of_lessons() -> None:
    taken = {*_state.all_keys(), _state.VERSION, *_state.LOCKS, *_progress.KEYS}
    assert not any(taken & set(keys) for keys in map(_own.keys, _address.VIEWS))


def test_a_link_to_features_opens_the_same_view() -> None:
    app = features(**VIEW)
    assert query(app) == {**SETTINGS, **VIEW}
    assert not app.error
    values = {key: app.session_state[f"features-{key}"] for key in VIEW}
    assert values == {**VIEW, "moves": False, "lasso": [3, 7, 101], "pin": [101, 3]}
    assert app.selectbox(key="features-left").value == "Sandal"
    assert not app.toggle(key="features-moves").value
    assert "**3** lassoed, **1** of them poisoned" in shown_text(app)
    assert re.fullmatch(r"training image 3\\: [\w /\\-]+(\. predicted [\w /\\-]+)?", pinned(app))


def test_what_is_chosen_on_features_makes_a_link_to_it() -> None:
    app = features()
    assert query(app) == SETTINGS
    app = rerun(app.segmented_control(key="features-map").select("plane"))
    app = rerun(app.selectbox(key="features-left").select("Sandal"))
    app = rerun(app.segmented_control(key="features-head").select("clean"))
    app = rerun(app.toggle(key="features-moves").set_value(False))
    app.session_state["features-pin"] = [4]
    app = rerun(app)
    link = query(app)
    assert link == {**SETTINGS, "map": "plane", "left": "Sandal", "head": "clean", "moves": "off", "pin": "4"}
    again = opened("features.py", **link)
    assert (query(again), shown_text(again)) == (link, shown_text(app))
    app = rerun(app.segmented_control(key="features-map").select("pca"))
    assert "left" not in query(app)
    assert not app.error
    assert "pin" not in query(rerun(app.button(key="features-unpin").click()))


def test_history_moves_the_view() -> None:
    app = features(map="pca", pin="3")
    app = rerun(app.segmented_control(key="features-map").select("umap"))
    assert query(app) == {**SETTINGS, "pin": "3"}
    app.query_params["map"] = "pca"
    del app.query_params["pin"]
    app = rerun(app)
    assert app.segmented_control(key="features-map").value == "pca"
    assert pinned(app) == ""


def test_pins_stay_while_the_table_is_paged_and_lassoed() -> None:
    app = features(pin="108")
    assert app.session_state["features-table"]["selection"]["rows"] == [1]
    app.session_state["features-page"] = 2
    app = rerun(app)
    assert app.session_state["features-table"]["selection"]["rows"] == []
    assert pinned(app).startswith("poisoned sample 8")
    assert query(app) == {**SETTINGS, "page": "2", "pin": "108"}


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("map", "moon", "`map` is `moon`; allowed: umap, pca, plane. Using umap instead."),
        ("moves", "1", "`moves` is `1`; allowed: on, off. Using on instead."),
        ("pin", "110", "`pin` is `110`; allowed: numbers of points, from 0 to 109. Using none instead."),
        ("pin", "-1", "numbers of points"),
        ("pin", "²", "numbers of points"),
        ("lasso", "~junk", "numbers of points"),
        ("page", "9", "a whole number from 1 to 3"),
        ("left", "Bag", "`left` does not apply to the other settings and is ignored."),
        ("run", "../../etc", "`run` is `../../etc`; allowed: a run that is stored here."),
        ("kind", "matrix", "Unknown: `kind`."),
        ("hat", "1", "pin."),
    ],
)
def test_a_bad_link_says_what_is_allowed_and_goes_on(key: str, value: str, words: str) -> None:
    app = features(**{key: value}, colour="loss")
    assert len(app.error) == 1
    assert words in app.error[0].value
    assert query(app) == {**SETTINGS, "colour": "loss"}
    assert errors(rerun(app.toggle(key="features-moves").set_value(False))) == []


def test_bad_settings_and_a_bad_view_stand_in_one_box() -> None:
    app = opened("features.py", **{**SETTINGS, "budget": "99"}, map="moon")
    assert len(app.error) == 1
    assert "`budget` is `99`" in app.error[0].value
    assert "`map` is `moon`" in app.error[0].value


def test_a_view_does_not_follow_to_another_page_and_is_found_again() -> None:
    app = features(map="pca", pin="3", colour="moon")
    assert len(app.error) == 1
    app.switch_page("lab.py")
    app = rerun(app)
    assert query(app) == SETTINGS
    assert not app.error
    app.switch_page("features.py")
    app = rerun(app)
    assert query(app) == {**SETTINGS, "map": "pca", "pin": "3"}
    assert pinned(app) != ""
    assert not app.error
    app = opened("lab.py", **SETTINGS, map="pca")
    assert "Unknown: `map`" in app.error[0].value


def test_a_link_names_the_run_where_the_settings_have_none() -> None:
    app = opened("features.py", **{**SETTINGS, "seed": "9"}, run=NOISE, pin="3")
    assert "This run does not have the settings of the sidebar." in shown_text(app)
    assert "Noise" in shown_text(app)
    assert query(app) == {**SETTINGS, "seed": "9", "run": NOISE, "pin": "3"}
    app = rerun(app.sidebar.number_input(key="ask-seed").set_value(0))
    assert query(app) == SETTINGS  # the pinned row was one of another run
    assert "another run" not in shown_text(app)


def test_a_link_to_a_sweep_opens_the_same_view(store: Store) -> None:
    for cell in sweep.cells(small(), ["noise", "label-flip"], [0.05, 0.2], [0]):
        store.put(drawn({"name": cell.specs[0].attack.name}, label_rule=cell.specs[0].label_rule, budget=cell.budget))
    app = opened("sweep.py", **SETTINGS, **SWEEP)
    assert not app.error
    assert query(app) == {**SETTINGS, **SWEEP}
    assert app.multiselect(key="sweep-attacks").value == ["noise", "label-flip"]
    assert app.session_state["sweep-budgets"] == [5, 20]
    assert app.number_input(key="sweep-seeds").value == 2
    assert {metric.label: metric.value for metric in app.metric}["Poisoned images"] == "20"
    app = rerun(app.select_slider(key="sweep-at").set_value(5.0))
    assert "at" not in query(app)
    app = rerun(app.select_slider(key="sweep-at").set_value(20.0))
    app = rerun(app.segmented_control(key="sweep-kind").select("matrix"))
    assert not {"at", "turn", "budgets"} & query(app).keys()
    assert not app.error


def test_what_is_chosen_on_a_sweep_makes_a_link_to_it() -> None:
    app = opened("sweep.py", **SETTINGS)
    assert query(app) == SETTINGS
    app = rerun(app.multiselect(key="sweep-attacks").set_value(["noise"]))
    app = rerun(app.segmented_control(key="sweep-kind").select("matrix"))
    app = rerun(app.multiselect(key="sweep-extractors").set_value(["resnet10-small-mnist"]))
    link = query(app)
    view = {"attacks": "noise", "kind": "matrix", "extractors": "resnet10-small-mnist"}
    assert link == {**SETTINGS, **view}
    again = opened("sweep.py", **link)
    assert (query(again), shown_text(again)) == (link, shown_text(app))
    app = rerun(app.multiselect(key="sweep-attacks").set_value([]))
    assert query(app)["attacks"] == ""
    assert "Choose at least one of each" in shown_text(opened("sweep.py", **query(app)))


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("attacks", "noise,magic", "allowed: some of label-flip, "),
        ("budgets", "4", "allowed: some of 0.5, 1, 2, 3, 5, 10, 20, 30. Using 1,3,10 instead."),
        ("seeds", "11", "a whole number from 1 to 10"),
        ("kind", "pie", "allowed: budget, matrix"),
        ("extractors", "vit", "`extractors` does not apply"),
    ],
)
def test_a_bad_link_to_a_sweep_says_what_is_allowed(key: str, value: str, words: str) -> None:
    app = opened("sweep.py", **SETTINGS, **{key: value})
    assert len(app.error) == 1
    assert words in app.error[0].value
    assert query(app) == SETTINGS


@pytest.mark.parametrize("rows", [[], [5], [9, 2], list(range(0, 2060, 3)), list(range(2060)), [*range(30), 2059]])
def test_rows_come_back_from_a_link(rows: list[int]) -> None:
    some = Rows(2060, [])
    text = some.text(rows)
    assert some.parse(text) == rows
    assert len(text) < 400


@pytest.mark.parametrize("count", [1, 8, 2053])
def test_a_mask_of_other_points_is_refused(count: int) -> None:
    text = Rows(2060, []).text(list(range(2030, 2060)))
    assert Rows(count, []).parse(text) is None


def test_a_mask_can_not_fill_the_memory() -> None:
    bomb = Rows(400_000_000, []).text(np.arange(30).tolist())
    assert Rows(2060, []).parse(bomb) is None


def test_several_keep_the_order_of_the_link() -> None:
    some: Any = Several((0.5, 1, 10), [1])
    assert some.parse("10,0.5") == [10, 0.5]
    assert some.text([10, 0.5]) == "10,0.5"
    assert some.parse("") == []
    assert some.parse("10,10") == [10]
    assert some.parse("2") is None


def test_a_sweep_without_an_engine_says_so_and_shows_what_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_engine() -> None:
        raise EngineError("No scheduler answers.")

    monkeypatch.setattr(engine_module, "get_engine", no_engine)
    app = opened("sweep.py", **SETTINGS, budgets="10")
    assert errors(app) == ["No scheduler answers."]
    assert len(app.get("plotly_chart")) == 1


def test_several_stand_in_their_own_order_where_it_matters() -> None:
    some: Any = Several(("range", "slab", "trim"), ["slab"], is_ordered=True)
    assert some.parse("trim,range") == ["range", "trim"]
    assert some.near(["trim", "magic", "range"]) == ["range", "trim"]
    assert Several(("range", "trim"), ["trim"]).near(["trim", "range"]) == ["trim", "range"]
