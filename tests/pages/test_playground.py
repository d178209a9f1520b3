"""Links to the playground: read, written, and refused in a sentence."""

from dataclasses import replace

import pytest

from core.defences.registry import RECORDS as DEFENCES
from core.presentation import plane
from core.spec.experiment import CONSTRAINTS
from pages import _playground, _state
from pages._plane import FOLDER
from pages._playground import DEFENCE_NAMES, LOCKABLE, OWN, PoisonPoint, View
from pages._state import Locks

SIZES = (3, 300)
POISON = (PoisonPoint(2, (0.5, -1.25), 17), PoisonPoint(0, (1.0, 2.0), 299))
FULL = View("three", POISON, 1, 4, "perturbation", "trim", 0.01, False)
NO_LOCKS = Locks()


def test_a_state_is_the_same_after_its_link() -> None:
    locks = Locks(("data", "budget"), ("search",))
    link = _playground.to_query(FULL, locks, *SIZES)
    assert link == {
        "data": "three",
        "poison": "2_0.5_-1.25_17~0_1_2_299",
        "label": "1",
        "budget": "4",
        "constraint": "perturbation",
        "defence": "trim",
        "ridge": "0.01",
        "field": "off",
        "lock": "data,budget",
        "hide": "search",
    }
    assert set(link) == {*_playground.KEYS, *_state.LOCKS}
    data, problems = _playground.read_data(link)
    assert problems == []
    assert _playground.from_query(link, data, *SIZES) == (FULL, locks, [])


def test_what_is_as_it_begins_is_left_out() -> None:
    assert _playground.to_query(View(), NO_LOCKS, *SIZES) == {}
    assert _playground.from_query({}, View.data, *SIZES) == (View(), NO_LOCKS, [])


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("poison", "3_0_0_0", "a label below 3"),
        ("poison", "0_0_0_300", "a base below 300"),
        ("poison", "0_nan_0_0", "allowed: at most 30 points"),
        ("poison", "0_1e9_0_0", "allowed: at most 30 points"),
        ("poison", "0_0_0", "allowed: at most 30 points"),
        ("poison", "~".join(["0_0_0_0"] * 31), "at most 30 points"),
        ("label", "3", "`label` is `3`; allowed: 0, 1, 2. Using 0 instead."),
        ("budget", "31", "allowed: a whole number from 1 to 30"),
        ("constraint", "some", "allowed: none, valid, perturbation"),
        ("defence", "knn", "allowed: none, sphere, loss, trim"),
        ("ridge", "2", "allowed: 0.0001, 0.001, 0.01, 0.1"),
        ("field", "yes", "allowed: on, off"),
        ("attack", "noise", "Unknown: `attack`. Known: data, poison"),
        ("lock", "budget,magic", "`lock` names `magic`, which is no control. Known: data, poison"),
        ("hide", "<b>", "`hide` names `<b>`"),
    ],
)
def test_what_a_link_says_wrongly_is_named_and_not_followed(key: str, value: str, words: str) -> None:
    view, locks, problems = _playground.from_query({key: value}, View.data, *SIZES)
    assert len(problems) == 1
    assert words in problems[0]
    assert view == View()
    assert locks.hide == ()
    assert locks.lock == (("budget",) if key == "lock" else ())


def test_a_plane_that_is_not_there_is_named() -> None:
    assert _playground.read_data({"data": "ring"}) == (
        "components",
        ["`data` is `ring`; allowed: blobs, three, moons, components. Using components instead."],
    )


def test_poison_beyond_the_budget_raises_it_and_says_so() -> None:
    view, _, problems = _playground.from_query({"poison": "0_0_0_0~1_1_1_1", "budget": "1"}, View.data, *SIZES)
    assert view.budget == 2
    assert problems == ["`poison` has 2 points, which is more than the budget; it is raised to that."]


def test_what_the_browser_says_is_read_like_a_link_and_past_no_lock() -> None:
    said = {"poison": "1_0.5_0.5_3", "budget": "12", "defence": "magic", "data": "moons", "label": "9"}
    assert _playground.changed(View(), said, NO_LOCKS, *SIZES) == replace(
        View(), poison=(PoisonPoint(1, (0.5, 0.5), 3),), budget=12
    )
    locked = _playground.changed(View(), said, Locks(("budget",), ("poison",)), *SIZES)
    assert locked == View()


def test_the_component_knows_the_rules_of_core_by_their_names() -> None:
    html = (FOLDER / "playground.html").read_text()
    for name in CONSTRAINTS:
        assert f'<option value="{name}">' in html
    for name in DEFENCE_NAMES:
        assert f'<option value="{name}">{DEFENCES[name].title}</option>' in html
    for ridge in _playground.RIDGES:
        assert f"<option>{ridge:.10g}</option>" in html
    assert f'max="{_playground.MOST_POISON}"' in html
    assert set(OWN) < {*LOCKABLE}


def test_every_control_of_the_component_can_be_locked() -> None:
    html = (FOLDER / "playground.html").read_text()
    assert {name for name in LOCKABLE if f'data-lock="{name}"' in html} == {*LOCKABLE} - {"data"}


def test_the_component_needs_no_other_server() -> None:
    for path in FOLDER.iterdir():
        assert "http" not in path.read_text(), path.name


def test_every_plane_has_words() -> None:
    assert set(plane.TITLES) == {*plane.DRAWN, plane.COMPONENTS}
