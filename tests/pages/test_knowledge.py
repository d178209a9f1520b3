"""What the attacker knows, in the sidebar and in links: what may be chosen, why something may not, what a run says."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.catalog.choices import resolve
from core.catalog.lookup import data_info
from core.spec import defaults
from core.spec.experiment import ExperimentSpec, parse_spec
from core.storage.runs import Store
from core.system.errors import SpecError
from pages import _knowledge, _state
from pages._controls import Choice, Number
from tests.apps import opened, own_store, query, rerun, shown_text
from tests.drawn import drawn_result

IMAGES = data_info("fashion-mnist")
FEATURES = replace(IMAGES, width=512)
CHOSEN = {"data": "fashion-mnist", "extractor": "resnet10-small-fashion-mnist", "attack": "fw-input"} | {
    "train": 2000,
    "ridge": 1e-3,
}
LESS = {"knows": "other", "expects": "10", "standin": "resnet10-small-mnist"}
FIELDS = {"attacker_data": "other", "attacker_ridge": 0.01, "attacker_extractor": "resnet10-small-mnist"}


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    return own_store(tmp_path, monkeypatch)


def spec(**values: Any) -> ExperimentSpec:
    return resolve(parse_spec({**values, defaults.KEY: defaults.CURRENT}))


def test_a_link_says_what_the_attacker_knows() -> None:
    values, problems = _state.from_query({**LESS, "defaults": str(defaults.CURRENT)})
    assert problems == []
    assert _state.to_spec(values) == spec(**FIELDS)
    assert _state.to_query(_state.from_spec(spec(**FIELDS))) == {**LESS, "defaults": str(defaults.CURRENT)}
    assert not LESS.keys() & _state.to_query(_state.from_spec(spec())).keys()


@pytest.mark.parametrize(("ridge", "expected"), [(0.03, 0.02), (1e-3, 0.0123456), (7e-4, 1e-3), (900.0, 1000.0)])
def test_any_expected_ridge_comes_back(ridge: float, expected: float) -> None:
    asked = spec(ridge=ridge, attacker_ridge=expected)
    link = _state.to_query(_state.from_spec(asked))
    assert _state.to_spec(_state.from_query(link | {"defaults": str(defaults.CURRENT)})[0]).hash == asked.hash


def test_an_expected_ridge_follows_the_true_one() -> None:
    values = _state.from_spec(spec(attacker_ridge=0.01))
    assert _state.to_spec({**values, "ridge": 0.1}).attacker_ridge == 1.0
    with pytest.raises(SpecError, match="can't be chosen in the sidebar"):
        _state.from_spec(spec(ridge=1e-5, attacker_ridge=1.0))  # beyond the control


def test_controls_offer_what_applies() -> None:
    points, ridge, extractor = (_knowledge.control(key, CHOSEN, IMAGES) for key in _knowledge.KEYS)
    assert isinstance(points, Choice)
    assert points.options == {"training": "Training set", "other": "Other images"}
    assert isinstance(ridge, Number)
    assert (ridge.low, ridge.high, ridge.default) == (1e-3, 1e3, 1.0)
    assert isinstance(extractor, Choice)
    assert next(iter(extractor.options)) == "none"
    assert "resnet10-small-mnist" in extractor.options
    assert CHOSEN["extractor"] not in extractor.options
    of_vectors = _knowledge.control("knows", CHOSEN, FEATURES)
    assert isinstance(of_vectors, Choice)
    assert of_vectors.options["other"] == "Other points"


@pytest.mark.parametrize(
    ("key", "changed", "data", "reason"),
    [
        ("knows", {"train": 30_001}, IMAGES, "With at most 30,000 training images, it could have others."),
        ("knows", {"train": 30_000}, IMAGES, ""),
        ("expects", {"train": 60_000}, FEATURES, ""),
        ("standin", {}, FEATURES, "the data are feature vectors already."),
        ("standin", {"attack": "tgda-feature"}, IMAGES, "makes feature vectors, which mean nothing to another one."),
    ],
)
def test_what_does_not_apply_has_its_reason(key: str, changed: dict[str, Any], data: Any, reason: str) -> None:
    found = _knowledge.why_not(key, {**CHOSEN, **changed}, data)
    assert reason in found
    assert bool(found) == bool(reason)
    assert (_knowledge.control(key, {**CHOSEN, **changed}, data) is None) == bool(reason)


def test_a_link_to_what_does_not_apply_is_told_why() -> None:
    values, problems = _state.from_query({"attack": "tgda-feature", "standin": "resnet10-small-mnist"})
    assert "standin" not in values
    (problem,) = problems
    assert problem.startswith("`standin` does not apply to the other settings and is ignored. The attacker has the ")


def test_the_sidebar_asks_for_it_and_the_link_follows() -> None:
    app = opened("lab.py")
    fold = next(fold for fold in app.sidebar.expander if fold.label == "What the attacker knows")
    assert not fold.proto.expanded
    app = rerun(app.sidebar.segmented_control(key="ask-knows").set_value("other"))
    app = rerun(app.sidebar.number_input(key="ask-expects").set_value(10.0))
    assert query(app) == {"knows": "other", "expects": "10", "defaults": str(defaults.CURRENT)}
    assert app.session_state.spec == spec(attacker_data="other", attacker_ridge=0.01)
    app = rerun(app.sidebar.selectbox(key="ask-attack").set_value("tgda-feature"))
    assert "mean nothing to another one" in shown_text(app)
    assert not [box for box in app.sidebar.selectbox if box.key == "ask-standin"]


def test_a_run_says_what_its_attacker_knew(store: Store) -> None:
    asked = spec(attacker_data="other")
    store.put(drawn_result(asked))
    app = opened("lab.py", knows="other", defaults=str(defaults.CURRENT))
    captions = [caption.value for caption in app.main.caption]
    assert "The attacker knew other images of the same kind, not the training set." in captions
    assert any(text.startswith("Result of these settings: ") and "other points" in text for text in captions)
