"""What changes between versions, as the pages show it: defaults of links, images that are read otherwise, results."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from streamlit.testing.v1 import AppTest

from core.catalog.choices import resolve
from core.data import folders
from core.experiments.run import run
from core.presentation import provenance
from core.serving import engine as engine_module
from core.spec import defaults
from core.spec.defaults import CURRENT
from core.spec.experiment import ExperimentSpec, parse_spec
from core.storage import uploads
from core.storage.runs import Store
from pages import _state
from tests.apps import drawn, opened, own_store, query, rerun, shown_text
from tests.pictures import pets, zipped

THEN = {"budget": 0.1, "attack": "label-flip", "train_size": 100, "attack.tgda-feature.steps": 9}
"""As if these had been the defaults of version 1, and today's were those of version 2."""


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    idle = SimpleNamespace(job=lambda spec_hash: None, was_interrupted=lambda spec_hash: False)
    store = own_store(tmp_path, monkeypatch)
    monkeypatch.setattr(engine_module, "get_engine", lambda: idle)
    return store


@pytest.fixture
def changed(store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    _forget_defaults()
    monkeypatch.setattr(defaults, "CURRENT", 2)
    monkeypatch.setattr(defaults, "EARLIER", {1: THEN})
    yield
    _forget_defaults()


def _forget_defaults() -> None:
    """Forget what pages remember of the defaults, which no server changes while it runs."""
    _state.is_version_dependent.cache_clear()
    _state.parsed_default.cache_clear()


def meant(link: dict[str, str], own: tuple[str, ...] = ()) -> ExperimentSpec:
    values, problems = _state.from_query(link, own)
    assert problems == []
    return _state.to_spec(values)


@pytest.mark.usefixtures("changed")
@pytest.mark.parametrize(
    ("link", "own"),
    [
        ({"seed": "3"}, ()),
        ({"attack": "tgda-feature"}, ()),
        ({"attack": "ft-matching", "budget": "5"}, ()),
        ({"lock": "budget"}, ()),
        ({"map": "pca"}, ("map",)),
        ({"defaults": "1"}, ()),
    ],
)
def test_a_link_of_before_means_what_it_meant(link: dict[str, str], own: tuple[str, ...]) -> None:
    spec = meant(link, own)
    given = {"attack": "attack", "seed": "seed"}
    values = {given[key]: text for key, text in link.items() if key in given}
    budget = float(link["budget"]) / 100 if "budget" in link else THEN["budget"]
    assert spec == resolve(parse_spec({**values, "budget": budget}))
    assert spec.train_size == 100
    assert spec.attack.name == link.get("attack", "label-flip")
    if spec.attack.name == "tgda-feature":
        assert spec.attack.model_dump()["steps"] == 9


@pytest.mark.usefixtures("changed")
def test_a_bare_address_means_todays_defaults() -> None:
    assert meant({}) == meant({"defaults": "2"}) == resolve(ExperimentSpec())
    assert meant({"seed": "3", "defaults": "2"}) == resolve(ExperimentSpec(seed=3))


@pytest.mark.usefixtures("changed")
@pytest.mark.parametrize("text", ["3", "0", "x", "", "1.0", "-1"])
def test_a_bad_version_is_one_sentence(text: str) -> None:
    values, problems = _state.from_query({"defaults": text, "seed": "3"})
    (problem,) = problems
    allowed = "a version of the defaults that is known here, 1 to 2"
    assert problem == f"`defaults` is `{text}`; allowed: {allowed}. Using 1 instead."
    assert _state.to_spec(values).budget == 0.1


@pytest.mark.usefixtures("changed")
def test_links_written_now_name_the_version() -> None:
    spec = resolve(parse_spec({"seed": 4, "budget": 0.2, "defaults": 2}))
    link = _state.to_query(_state.from_spec(spec))
    assert link == {"budget": "20", "seed": "4", "defaults": "2"}
    assert meant(link) == spec
    assert _state.to_query(_state.from_spec(resolve(ExperimentSpec()))) == {}
    assert _state.versioned({"lock": "budget"}) == {"lock": "budget", "defaults": "2"}
    assert _state.versioned({"map": "pca"}, ("map",)) == {"map": "pca", "defaults": "2"}
    assert _state.versioned({"done": "gap2"}) == {"done": "gap2"}


def test_a_version_is_named_only_where_it_makes_a_difference() -> None:
    flips = {"attack": "label-flip", "seed": "4"}
    assert _state.to_query(_state.from_spec(resolve(parse_spec({**flips, "defaults": CURRENT})))) == flips
    assert _state.versioned({**flips, "lock": "budget"}) == {**flips, "lock": "budget"}
    assert _state.versioned({"lock": "budget"}) == {"lock": "budget", "defaults": str(CURRENT)}


@pytest.mark.usefixtures("store")
def test_links_to_images_of_ones_own_keep_their_side() -> None:
    """Links of before the side could be chosen mean 64 px; today's mean what data and extractor ask for."""
    name = uploads.add_images("pets.zip", zipped(pets(20))).name  # of 20 x 30 px
    link = {"data": name, "attack": "ft-matching", "train": "20", "test": "10"}
    assert meant(link).side == 64
    assert _state.to_query(_state.from_spec(meant(link))) == {**link, "side": "64"}
    assert meant({**link, "defaults": "2"}).side == 20
    assert _state.to_query(_state.from_spec(meant({**link, "defaults": "2"}))) == {
        **link,
        "defaults": str(CURRENT),
    }
    assert meant({**link, "side": "20"}) == meant({**link, "defaults": "2"})
    assert meant({**link, "side": "97"}).side == 97
    assert _state.from_query({**link, "side": "7"})[1] == [
        "`side` is `7`; allowed: 0 for automatic: 20 px, or a whole number from 8 to 224. Using 64 instead."
    ]
    assert "`side` does not apply" in _state.from_query({"side": "97"})[1][0]


def control(app: AppTest, key: str) -> object:
    return app.session_state.chosen[key]


@pytest.mark.usefixtures("changed")
def test_the_lab_follows_a_link_of_before_and_writes_one_of_now() -> None:
    app = opened("lab.py", seed="3", lock="budget")
    old = resolve(parse_spec({"seed": 3}))
    assert app.session_state.spec == old
    assert not app.session_state.problems
    link = query(app)
    assert (link["attack"], link["budget"], link["train"]) == ("label-flip", "10", "100")
    assert opened("lab.py", **link).session_state.spec == old
    assert query(rerun(app)) == link


@pytest.mark.usefixtures("changed")
def test_what_a_link_locks_stays_where_nothing_else_is_named() -> None:
    app = opened("lab.py", lock="budget")
    assert control(app, "budget") == 10.0
    assert meant({key: text for key, text in query(app).items() if key != "lock"}) == app.session_state.spec
    assert query(opened("lab.py")) == {}


@pytest.mark.usefixtures("changed")
def test_a_link_to_a_view_keeps_its_settings(store: Store) -> None:
    app = opened("sweep.py", attacks="label-flip", budgets="10")
    assert app.session_state.spec == resolve(parse_spec({}))
    assert opened("sweep.py", **query(app)).session_state.spec == resolve(parse_spec({}))
    now = opened("sweep.py", defaults="2", attacks="label-flip")
    assert now.session_state.spec == resolve(ExperimentSpec())
    assert query(now) == {"attacks": "label-flip", "defaults": "2"}


@pytest.mark.usefixtures("changed")
def test_a_step_of_a_lesson_has_its_own_settings() -> None:
    app = opened("lessons.py", lesson="gap", lock="attack")
    step = resolve(parse_spec({}))
    assert app.session_state.spec == step, "presets are of the first defaults"
    assert opened("lessons.py", **query(app)).session_state.spec == step


def test_the_lab_says_which_version_made_a_result(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    result = replace(drawn(), versions={"Poison Lab": "0.1.0"})
    store.put(result)
    link = _state.to_query(_state.from_spec(result.spec))
    monkeypatch.setattr(provenance, "__version__", "0.1.0")
    assert "made by" not in shown_text(opened("lab.py", **link))
    monkeypatch.setattr(provenance, "__version__", "0.2.0")
    assert "made by version 0.1.0 of Poison Lab; this is version 0.2.0" in shown_text(opened("lab.py", **link))


def test_results_on_images_of_an_earlier_reader_open(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """And are no answer: what is asked now is another experiment."""
    record = uploads.add_images("pets.zip", zipped(pets(40)))
    spec = resolve(parse_spec({"data": record.name, "attack": "label-flip", "train_size": 40, "test_size": 20}))
    store.put(run(spec, device="cpu"))
    before = opened("lab.py", data=record.name, attack="label-flip", train="40", test="20")
    assert before.session_state.spec == spec
    assert "Result of these settings" in shown_text(before)
    monkeypatch.setattr(folders, "READER_VERSION", 3)
    app = opened("lab.py")
    assert "Result of other settings" in shown_text(app)
    assert "it can't be rerun unchanged" in shown_text(app)
    assert not app.exception
    kept = opened("bring.py")
    assert "an earlier version of Poison Lab read these images differently" in shown_text(kept)
    assert not [button for button in kept.button if button.key == f"use-kept-{record.name}"]
    kept.button(key=f"remove-{record.name}").click()
    assert "No uploads yet" in shown_text(rerun(kept))
