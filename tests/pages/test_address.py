"""What is shown, given what the session holds and what the address says: every way to leave and to come back."""

import pytest

from pages import _address, _own, _playground, _state
from pages._address import Address, Held, Shown, follow

LAB = {"attack": "label-flip", "budget": "5"}
VIEWS = {"defend": {"run": "a", "with": "knn"}, "features": {"map": "pca"}, "lab": {}}


def held(page: str = "lab", link: dict[str, str] = LAB, *, is_touched: bool = False) -> Held:
    return Held(page, link, VIEWS, is_touched)


@pytest.mark.parametrize("page", ["lab", "lessons", "features"])
def test_a_new_session_follows_its_address_alone(page: str) -> None:
    assert follow(None, Address(page, LAB)) == Shown(LAB, {})
    assert follow(None, Address(page, {})) == Shown({}, {})


def test_a_reload_elsewhere_brings_the_settings_of_the_lab_along() -> None:
    query = _address.carrying({"run": "a"}, LAB)
    assert follow(None, Address("defend", query)) == Shown(LAB, {"run": "a"})
    assert follow(None, Address("defend", {"run": "a"})) == Shown({}, {"run": "a"})
    assert _address.carrying({"run": "a"}, {}) == {"run": "a"}


def test_what_a_page_carries_is_read_by_its_keys_alone() -> None:
    assert _address.carried({"lab": "budget=5&magic=1&run=a"}) == {"budget": "5"}
    assert _address.carried({"lab": "%%%"}) == {}


def test_the_page_that_wrote_its_address_goes_on() -> None:
    assert follow(held(), Address("lab", LAB)) == Shown(None, None)


def test_a_change_of_a_control_is_newer_than_the_address() -> None:
    assert follow(held(is_touched=True), Address("lab", {"budget": "9"})) == Shown(None, None)
    assert follow(held("gallery", is_touched=True), Address("lab", {"budget": "9"})) == Shown(None, {})


def test_back_on_the_same_page_is_followed() -> None:
    assert follow(held(), Address("lab", {"budget": "3"}, is_history=True)) == Shown({"budget": "3"}, {})
    assert follow(held(), Address("lab", {}, is_history=True)) == Shown({}, {})
    there = held("defend", {"run": "b"})
    assert follow(there, Address("defend", {"run": "a", "lab": "budget=9"}, is_history=True)) == Shown(
        None, {"run": "a"}
    )


@pytest.mark.parametrize("page", ["defend", "features"])
def test_the_navigation_leads_to_what_was_left(page: str) -> None:
    assert follow(held(), Address(page, {})) == Shown(None, VIEWS[page], is_kept=True)
    assert follow(held("status", {}), Address("lab", {})) == Shown(None, {}, is_kept=True)


def test_a_link_to_another_page_is_followed_and_leaves_the_settings() -> None:
    assert follow(held(), Address("defend", {"run": "b"})) == Shown(None, {"run": "b"})
    assert follow(held("compare", {}), Address("lab", {"budget": "9"})) == Shown({"budget": "9"}, {})
    assert follow(held(), Address("features", {"run": "b"})) == Shown(None, {"run": "b"})


def test_back_to_another_page_is_followed_to_the_letter() -> None:
    assert follow(held("gallery"), Address("lab", {}, is_history=True)) == Shown({}, {})
    assert follow(held(), Address("features", {"map": "pca", "budget": "9"}, is_history=True)) == Shown(
        {"budget": "9"}, {"map": "pca"}
    )
    assert follow(held(), Address("defend", {}, is_history=True)) == Shown(None, {})


def test_a_view_without_a_version_is_of_the_first_defaults() -> None:
    view = {"map": "pca"}
    assert follow(None, Address("features", view)) == Shown({"defaults": "1"}, view)
    assert follow(None, Address("features", {**view, "defaults": "2"})) == Shown({"defaults": "2"}, view)
    assert follow(held(), Address("features", view)) == Shown(None, view), "the settings that are there stay"
    young = {"show": "misread"}
    assert follow(None, Address("lab", young)) == Shown({}, young), "no link of before versions has it"


def test_what_a_page_without_controls_does_not_know_is_named() -> None:
    assert follow(None, Address("present", {"step": "2", "budget": "5", "lab": ""})).unknown == ("budget",)
    assert follow(held(), Address("compare", {"run": "a"})).unknown == ("run",)
    assert follow(None, Address("lab", {"magic": "1"})).unknown == (), "the reader of settings says it"


def test_every_page_has_its_keys() -> None:
    assert set(_address.VIEWS["playground"]) == {*_playground.KEYS, *_state.LOCKS}
    with_controls = set(_address.VIEWS) - set(_address.WITHOUT_CONTROLS)
    assert with_controls == {"lab", "features", "challenge", "lessons", "gallery", "sweep", "extractors"}
    assert all(_own.keys(page) == _address.VIEWS[page] for page in with_controls)
    assert _own.keys("defend") == ("with", "share", "group", "page", "heads", "bad")
    assert _own.keys("compare") == ("view", "page", "measure", "head")
    assert [_own.keys(page) for page in ("playground", "stages", "present", "status")] == [()] * 4
    assert all(_address.CARRIED not in keys for keys in _address.VIEWS.values())
