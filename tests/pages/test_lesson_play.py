"""The lesson that is played in the playground, and the teacher's link to it, in Streamlit's own tester."""

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from core.presentation.lessons import LessonStep, load
from core.serving import engine as engine_module
from pages import _plane, _playground
from pages._playground import View
from tests.apps import opened, query, rerun, shown_text
from tests.pages.test_manners import IdleEngine

pytestmark = pytest.mark.pages
PLAYED = [(lesson.id, i, step) for lesson in load() for i, step in enumerate(lesson.steps) if step.play is not None]
POISON = "1_-1.9_-2.1_3~1_-2_-2_4"


@pytest.fixture(autouse=True)
def _idle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "get_engine", IdleEngine)


def say(monkeypatch: pytest.MonkeyPatch, poisoned: float, poison: str = POISON) -> None:
    """Let the component say that some poison leaves an accuracy, of 0.945."""
    said = {"link": {"poison": poison}, "result": {"clean": 0.945, "poisoned": poisoned}}
    monkeypatch.setattr(_plane, "mount", lambda *_, **__: said)


def test_the_first_lesson_and_those_before_a_challenge_are_played() -> None:
    assert [(lesson, i) for lesson, i, _ in PLAYED] == [
        (name, i) for name in ("plane", "duel", "hidden") for i in range(3)
    ]


@pytest.mark.parametrize("step", [step for _, _, step in PLAYED])
def test_every_played_step_is_a_link_that_can_be_followed(step: LessonStep) -> None:
    link = step.play or {}
    data, problems = _playground.read_data(link)
    points = _plane.find_plane(data)
    _, locks, more = _playground.from_query(link, data, len(points.classes), len(points.train_y))
    assert [*problems, *more] == []
    assert {"data", "budget", "defence"} <= set(locks.lock)


def test_the_plane_is_there_once_predicted_and_poison_completes_the_step(monkeypatch: pytest.MonkeyPatch) -> None:
    app = opened("lessons.py", lesson="plane")
    assert app.title[0].value == "Poison by hand"
    assert not app.get("bidi_component")
    app = rerun(app.radio(key="answer-plane-0").set_value(0))
    app = rerun(app.button(key="predict").click())
    assert app.get("bidi_component")
    assert "Your poisoned points" not in shown_text(app)
    assert app.button(key="next").disabled
    say(monkeypatch, 0.94)
    app = rerun(app)
    result = "Your poisoned points: 2; points of accuracy lost: 0.5 (94.5 % to 94.0 %)."
    assert app.success[0].value == result
    assert query(app)["done"] == "plane1"
    assert not app.button(key="next").disabled


def test_a_goal_has_to_be_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    say(monkeypatch, 0.90)
    app = opened("lessons.py", lesson="plane", step="2", answers="~10", done="plane1")
    assert query(app)["done"] == "plane1"
    say(monkeypatch, 0.89)
    assert query(rerun(app))["done"] == "plane2"


@pytest.mark.parametrize("result", [{}, {"clean": 1, "poisoned": "0"}, {"clean": 2.0, "poisoned": 0.5}, None])
def test_what_is_no_accuracy_completes_nothing(result: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_plane, "mount", lambda *_, **__: {"link": {"poison": POISON}, "result": result})
    assert "done" not in query(opened("lessons.py", lesson="plane", answers="0"))


def test_a_teacher_locks_the_playground() -> None:
    app = opened("playground.py", data="moons", budget="5")
    app = rerun(app.switch_page("teach.py"))
    app = rerun(app.selectbox(key="link-target").set_value("playground"))
    app = rerun(app.multiselect(key="link-play-lock").set_value(["data", "budget"]))
    app = rerun(app.multiselect(key="link-play-hide").set_value(["budget", "search"]))
    (link,) = [code.value for code in app.code if "/playground" in code.value]
    given = dict(parse_qsl(urlsplit(link).query))
    assert given == {"data": "moons", "budget": "5", "lock": "data", "hide": "budget,search"}
    assert _playground.from_query(given, "moons", 2, 200)[0] == View(data="moons", budget=5)
