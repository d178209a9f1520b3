"""What a class predicted: the first answer of each person counts, as words and as bars."""

import pytest

from core.challenge import predictions
from core.challenge.prediction_words import bars, sentence, step_named
from core.challenge.predictions import Tally, key_of, predict, steps, tally
from core.presentation.lessons import load
from core.system.errors import ChallengeError
from tests.challenge.conftest import opened

LESSONS = load()


def test_the_first_answer_of_each_person_counts() -> None:
    challenge = opened()
    for person, answer in (("a1", "0"), ("b2", "1"), ("c3", "0"), ("a1", "1")):
        predict(challenge, person, key_of("plane", 0), answer)
    predict(challenge, "a1", key_of("plane", 1), "12.5")
    assert tally(challenge, "plane-1") == Tally({"0": 2, "1": 1}, 3)
    assert tally(challenge, "plane-1").share("0") == 2 / 3
    assert tally(challenge, "plane-2") == Tally({"12.5": 1}, 1)
    assert tally(challenge, "head-1") == Tally({}, 0)
    assert steps(challenge) == ["plane-1", "plane-2"]


def test_answers_to_a_question_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    challenge = opened()
    monkeypatch.setattr(predictions, "MOST_ANSWERS", 2)
    for person in ("a1", "b2", "c3"):
        predict(challenge, person, "plane-1", "0")
    assert tally(challenge, "plane-1").count == 2


@pytest.mark.parametrize(("lesson", "step"), [("../x", 0), ("PLANE", 0), ("plane", -1), ("plane", 100), ("", 0)])
def test_other_steps_have_no_name(lesson: str, step: int) -> None:
    with pytest.raises(ChallengeError):
        key_of(lesson, step)


def test_a_choice_in_words() -> None:
    found = step_named("plane-1", LESSONS)
    assert found is not None
    counts = Tally({"0": 5, "1": 2, "2": 1, "99": 3}, 11)
    shown = bars(counts, found[1])
    assert [(bar.label, bar.count) for bar in shown] == [("Less than 1", 5), ("From 1 to 5", 2), ("5 or more", 1)]
    assert shown[0].share == 5 / 8
    assert sentence(counts, found[1]) == "11 answers; 62 % said: Less than 1."
    assert sentence(Tally({}, 0), found[1]) == "Nobody has answered yet."


def test_a_number_in_words() -> None:
    found = step_named("plane-2", LESSONS)
    assert found is not None
    counts = Tally({"0": 1, "10": 2, "12": 1, "junk": 1}, 5)
    shown = bars(counts, found[1])
    assert [bar.count for bar in shown] == [1, 0, 0, 0, 0, 3]
    assert shown[0].label == "0 to 2 points"
    assert sentence(counts, found[1]) == "5 answers; half said at most 10 points."
    assert [bar.count for bar in bars(Tally({"7": 3}, 3), found[1])] == [3]


@pytest.mark.parametrize("name", ["plane-9", "nothing-1", "plane", "plane-x", ""])
def test_what_is_no_step_has_no_words(name: str) -> None:
    assert step_named(name, LESSONS) is None
