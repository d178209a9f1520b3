"""A run in five plain steps: every attack, every outcome, no jargon, and a link to each step."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.spec.registry import ATTACKS
from core.storage.runs import Store
from pages import _present_figures
from tests.apps import drawn, opened, own_store, query, rerun, shown_text, small

STEPS = 5
JARGON = r"(?i)\b(umap|heads?|λ|ridge|ε|epsilon|features?|extractors?|hyperparameters?|poison|tgda|gradient|stage)\b"


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    store = own_store(tmp_path, monkeypatch)
    store.put(drawn())
    return store


def step(number: int, **values: Any) -> str:
    return shown_text(opened("present.py", run=small(**values).hash, step=str(number)))


@pytest.mark.parametrize("attack", sorted(ATTACKS))
def test_every_attack_is_told_in_plain_words(attack: str, store: Store) -> None:
    store.put(drawn(attack))
    for number in range(1, STEPS + 1):
        words = step(number, attack=attack)
        assert f"{number} of 5" in words
        assert not re.findall(JARGON, words), number


def test_numbers_are_those_of_the_run() -> None:
    assert "80 of 100 right" in step(1)
    assert "10 of 110" in step(2)
    assert "1 in 5 more images is wrong" in step(4)
    assert "10 of 50" in step(4)
    assert "from 80 to 60 right of 100" in step(4)
    assert "10 of 110 came from one hand" in step(5)


@pytest.mark.parametrize(
    ("poisoned", "words", "denied"),
    [
        (0.8, "It cost nothing that this test can see", "Hit hardest"),
        (0.82, "It failed: 1 in 50 more images is right", "Hit hardest"),
        (0.78, "This is close to luck", "It failed"),
        (0.6, "1 in 5 more images is wrong", "This is close to luck"),
    ],
)
def test_every_outcome_is_told_as_it_is(poisoned: float, words: str, denied: str, store: Store) -> None:
    store.put(drawn(poisoned=poisoned))
    told = step(4)
    assert words in told
    assert denied not in told
    assert ("did no harm" in step(5)) == (poisoned >= 0.8)


def test_what_was_changed_is_told(store: Store) -> None:
    assert "Not one of them was retouched. All of them carry a label" in step(2)
    for attack in ("noise", "tgda-feature"):
        store.put(drawn(attack))
    assert "altered by a computer" in step(2, attack="noise")
    assert "no images were made" in step(2, attack="tgda-feature")
    assert "more access than a stranger" in step(5, attack="tgda-feature")


def test_right_labels_are_told(store: Store) -> None:
    result = drawn("noise")
    store.put(replace(result, plot=replace(result.plot, poison_y=result.plot.base_y)))
    assert "a check of labels finds nothing" in step(2, attack="noise")
    assert "second person" not in step(5, attack="noise")


def test_a_run_without_pictures_is_told_all_the_same(store: Store) -> None:
    store.put(replace(drawn(), plot=None))
    for number in range(1, STEPS + 1):
        assert f"{number} of 5" in step(number)


def test_damaged_pictures_are_said(store: Store) -> None:
    (store.root / small().hash / "view.npz").write_bytes(b"no archive")
    assert "damaged" in step(1)


def test_buttons_turn_the_pages() -> None:
    app = opened("present.py", run=small().hash)
    assert app.button(key="back-step").disabled
    for number in range(2, STEPS + 1):
        app = rerun(app.button(key="next-step").click())
        assert query(app) == {"run": small().hash, "step": str(number)}
    assert app.button(key="next-step").disabled
    app = rerun(app.button(key="back-step").click())
    assert query(app)["step"] == "4"


def test_the_default_is_told_without_a_link() -> None:
    assert "1 of 5" in shown_text(opened("present.py"))


@pytest.mark.parametrize("text", ["0", "6", "x", "-1", "1.5", "²"])
def test_a_step_that_is_not_there_is_the_first(text: str) -> None:
    assert "1 of 5" in shown_text(opened("present.py", run=small().hash, step=text))


def test_a_run_that_is_not_stored_is_said() -> None:
    assert "`0123456789abcdef` is not stored here" in shown_text(opened("present.py", run="0123456789abcdef"))


def test_nothing_stored_leads_to_the_lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own_store(tmp_path / "empty", monkeypatch)
    assert "No experiment has been run here yet" in shown_text(opened("present.py"))


def test_another_run_can_be_picked(store: Store) -> None:
    other = store.put(drawn("noise"))
    app = opened("present.py", run=small().hash, step="3")
    app = rerun(app.selectbox(key="present-run").select(other.hash))
    assert query(app) == {"run": other.hash, "step": "1"}


def test_the_lab_is_one_click_away() -> None:
    app = rerun(opened("present.py", run=small().hash, step="3").button(key="leave").click())
    assert app.title[0].value == "Poison Lab"
    assert app.session_state.spec == small()


def test_the_crowd_fits_whatever_its_size() -> None:
    assert _present_figures.crowd(2000, 60)[1] == 1
    assert _present_figures.crowd(60_000, 600)[1] == 26
    assert _present_figures.crowd(20, 1)[1] == 1


def test_a_map_of_many_kinds_names_none() -> None:
    plot = drawn().plot
    ten = [f"kind {i}" for i in range(10)]
    assert len(_present_figures.simple_map(plot, ten, "#000000", "#ffffff").layout.annotations) == 10
    many = ten + [f"more {i}" for i in range(90)]
    assert not _present_figures.simple_map(plot, many, "#000000", "#ffffff").layout.annotations


def test_cost_has_the_wrong_ones() -> None:
    from core.presentation.story import ClassChange

    before, after = _present_figures.cost_bars([ClassChange("shoe", 90.0, 80.5)]).data
    assert np.allclose([before.x[0], after.x[0]], [10.0, 19.5])
    assert list(after.text) == ["19.5"]
