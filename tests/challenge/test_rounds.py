"""The course of a challenge: rounds in order, each until its time, frozen boards and the reveal."""

import pytest

from core.challenge.rounds import Course
from core.challenge.rules import Rules, parse_rules
from core.system.errors import ChallengeError
from tests.challenge.conftest import EXPERIMENT


@pytest.fixture
def rules() -> Rules:
    return parse_rules({"experiment": EXPERIMENT, "rounds": ("attack", "defence"), "minutes": 2})


def test_rounds_follow_each_other_until_their_time(rules: Rules) -> None:
    course = Course()
    assert (course.phase(rules, 0.0), course.kind(rules)) == ("waiting", None)
    course = course.with_next_round(rules, 100.0)
    assert (course.phase(rules, 219.0), course.kind(rules)) == ("open", "attack")
    assert course.phase(rules, 220.0) == "over"
    with pytest.raises(ChallengeError, match="end it first"):
        course.with_next_round(rules, 150.0)
    course = course.with_end(150.0)
    assert course.phase(rules, 150.0) == "over"
    course = course.with_next_round(rules, 160.0)
    assert (course.phase(rules, 161.0), course.kind(rules), course.until(rules)) == ("open", "defence", 280.0)
    with pytest.raises(ChallengeError, match="last round"):
        course.with_next_round(rules, 300.0)
    course = course.with_reveal(300.0)
    assert (course.phase(rules, 170.0), course.frozen) == ("finished", None)
    with pytest.raises(ChallengeError, match="over"):
        course.with_next_round(rules, 300.0)


def test_a_course_is_read_as_it_was_written(rules: Rules) -> None:
    course = Course().with_next_round(rules, 1.5).with_board(frozen=2.0).with_person("a", hidden=True)
    course = course.with_predictions("head-1", shown=True)
    assert Course.from_json(course.to_json()) == course
    assert course.with_person("a", hidden=False).hidden == ()
    assert course.with_predictions("head-1", shown=False).shown == ()
