"""The walk through the stages as a page: every attack, links to a step, stepping, playing, and runs without steps."""

from dataclasses import replace
from pathlib import Path

import pytest

from core.spec.registry import ATTACKS
from core.storage.runs import Store
from tests.apps import drawn, opened, own_store, query, rerun, shown_text, small


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    store = own_store(tmp_path, monkeypatch)
    store.put(drawn("gc-feature"))
    return store


@pytest.mark.parametrize("attack", sorted(ATTACKS))
def test_the_trajectory_of_every_attack_is_shown_to_its_end(attack: str, store: Store) -> None:
    store.put(drawn(attack))
    app = opened("stages.py", run=small(attack).hash)
    steps = len(app.select_slider[0].options)
    assert app.get("plotly_chart")
    assert "60.0 %" not in [metric.value for metric in app.metric]
    rerun(app.select_slider[0].set_value(steps - 1))
    assert query(app)["step"] == str(steps - 1)
    assert len(app.latex) == 1
    assert app.button(key="trajectory-next").disabled
    makes_images = attack not in ("gc-feature", "tgda-feature")
    assert ("makes features, not images" in shown_text(app)) == (not makes_images)
    poisons = len(drawn(attack).poison.y)
    assert len(app.get("image")) == min(poisons, 12)


def test_a_link_opens_its_step_and_buttons_turn_it() -> None:
    app = opened("stages.py", run=small("gc-feature").hash, step="2")
    assert app.select_slider[0].value == 2
    assert "GradPC" in shown_text(app)
    assert "There are no poisoned samples yet" in shown_text(app)
    rerun(app.button(key="trajectory-next").click())
    rerun(app.button(key="trajectory-next").click())
    assert query(app) == {"run": small("gc-feature").hash, "step": "4"}
    assert "Gradient Canceling" in shown_text(app)
    assert [metric.label for metric in app.metric] == ["Test accuracy"]
    rerun(app.button(key="trajectory-back").click())
    assert query(app)["step"] == "3"


def test_losses_between_stages_are_said() -> None:
    text = shown_text(opened("stages.py", run=small("gc-feature").hash))
    assert "**30.0 points are lost** between the target head (costs the defender 60.0)" in text
    assert "The target needs a budget of at least 60 %, and the attacker has 10 %." in text


def test_playing_goes_on_and_begins_anew() -> None:
    app = opened("stages.py", run=small("gc-feature").hash, step="6")
    rerun(app.toggle(key="trajectory-play").set_value(True))
    places = [int(app.select_slider[0].value)]
    for _ in range(3):
        places.append(int(rerun(app).select_slider[0].value))
    assert places == [7, 0, 1, 2]


def test_another_run_is_shown_from_its_first_step(store: Store) -> None:
    store.put(drawn("tgda-feature"))
    app = opened("stages.py", run=small("gc-feature").hash, step="5")
    rerun(app.selectbox(key="stages-run").set_value(small("tgda-feature").hash))
    assert query(app) == {"run": small("tgda-feature").hash, "step": "0"}
    assert "The defender trains a linear head" in shown_text(app)


@pytest.mark.parametrize("step", ["99", "-1", "x"])
def test_a_step_that_is_none_is_the_first(step: str) -> None:
    assert opened("stages.py", run=small("gc-feature").hash, step=step).select_slider[0].value == 0


def test_an_unknown_run_is_said_and_another_shown() -> None:
    app = opened("stages.py", run="0123456789abcdef")
    assert "is not stored here" in shown_text(app)
    assert app.select_slider


def test_a_run_without_steps_says_so(store: Store) -> None:
    store.put(replace(drawn("ft-donor"), trajectory=()))
    app = opened("stages.py", run=small("ft-donor").hash)
    assert "stored without its trajectory" in shown_text(app)


def test_an_empty_store_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own_store(tmp_path / "empty", monkeypatch)
    assert "No experiment has been run here yet" in shown_text(opened("stages.py"))


def test_a_step_that_is_not_there_is_named() -> None:
    app = opened("stages.py", run=small("gc-feature").hash, step="99")
    assert app.select_slider[0].value == 0
    assert "`step` is `99`; allowed: a whole number from 0 to" in app.warning[0].value
