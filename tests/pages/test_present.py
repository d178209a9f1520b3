"""A run in six plain slides: every attack, every outcome, no jargon, and a link to each step."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.defences.chain import parse_chain
from core.defences.registry import RECORDS as DEFENCES
from core.serving import engine as engine_module
from core.spec.registry import ATTACKS
from core.storage import defended, misread
from core.storage.runs import Store
from tests.apps import Tasks, drawn, opened, own_store, query, rerun, shown_text, small
from tests.storage.test_defended import separable

STEPS = 6
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
        assert f"{number} of 6" in words
        assert not re.findall(JARGON, words), number


def test_numbers_are_those_of_the_run() -> None:
    assert "80 of 100 right" in step(1)
    assert "10 of 110" in step(2)
    assert "1 in 5 more images is wrong" in step(4)
    assert "10 of 50" in step(4)
    assert "from 80 to 60 right of 100" in step(4)
    assert "10 of 110 came from one hand" in step(6)


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
    assert ("did no harm" in step(6)) == (poisoned >= 0.8)


def test_what_was_changed_is_told(store: Store) -> None:
    assert "Not one of them was retouched. All of them carry a label" in step(2)
    for attack in ("noise", "tgda-feature"):
        store.put(drawn(attack))
    assert "altered by a computer" in step(2, attack="noise")
    assert "no images were made" in step(2, attack="tgda-feature")
    assert "more access than a stranger" in step(6, attack="tgda-feature")


def test_right_labels_are_told(store: Store) -> None:
    result = drawn("noise")
    store.put(replace(result, plot=replace(result.plot, poison_y=result.plot.base_y)))
    assert "a check of labels finds nothing" in step(2, attack="noise")
    assert "second person" not in step(6, attack="noise")


def test_a_run_without_pictures_is_told_all_the_same(store: Store) -> None:
    store.put(replace(drawn(), plot=None))
    for number in range(1, STEPS + 1):
        assert f"{number} of 6" in step(number)


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
    assert query(app)["step"] == "5"


def test_the_default_is_told_without_a_link() -> None:
    assert "1 of 6" in shown_text(opened("present.py"))


@pytest.mark.parametrize("text", ["0", "7", "x", "-1", "1.5", "²"])
def test_a_step_that_is_not_there_is_the_first(text: str) -> None:
    told = shown_text(opened("present.py", run=small().hash, step=text))
    assert "1 of 6" in told
    assert f"There is no step `{text}`: steps go from 1 to 6." in told


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


def test_notes_and_slides_can_be_had() -> None:
    app = opened("present.py", run=small().hash, step="2")
    assert "Would they have noticed one of these among the others, in a list of 110?" in shown_text(app)
    assert [button.proto.label for button in app.get("download_button")] == ["Slides (HTML)"]


def test_a_defence_that_was_tried_is_shown(store: Store) -> None:
    run = store.put(separable())
    for name in ("loss", "range"):
        defended.judge(str(store.root), run.hash, [f"{name}:share=0.05" if name == "loss" else name])
    misread.look(str(store.root), run.hash)
    found = defended.find(run.hash, parse_chain(["loss:share=0.05"]))
    assert found is not None
    told = step(5)
    assert f"{found.whole.poison_removed} of 10" in told
    assert "the best of the 2 that were tried" in told
    assert "“Loss” found" in step(6)
    assert "No defence was in place" not in step(6)


def asked_on(number: int, monkeypatch: pytest.MonkeyPatch, store: Store, *, somebody_waits: bool) -> list[str]:
    """What a slide has asked of the workers once it was drawn twice."""
    engine = Tasks()
    engine.somebody_waits = somebody_waits
    monkeypatch.setattr(engine_module, "get_engine", lambda: engine)
    run = store.put(separable())
    rerun(opened("present.py", run=run.hash, step=str(number)))
    return engine.asked


def test_slides_before_the_defences_ask_for_one_piece_at_a_time(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = asked_on(1, monkeypatch, store, somebody_waits=False)
    assert asked[0] == "look"
    assert len(asked) <= 2


def test_they_ask_for_nothing_while_somebody_waits(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    assert asked_on(1, monkeypatch, store, somebody_waits=True) == []


def test_slides_of_defences_ask_for_all_of_them(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = asked_on(5, monkeypatch, store, somebody_waits=True)
    assert len(asked) == 1 + len(DEFENCES)
