"""The page of challenges: opening, joining, handing in, the board, and who may do what."""

import time
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.challenge import codes, folder, predictions
from core.challenge.folder import Challenge
from core.challenge.hidden import hidden_rows
from core.challenge.judging import judge
from core.challenge.people import join, people
from core.challenge.rules import parse_rules
from core.challenge.submissions import all_submissions, hand_in_attack
from core.challenge.verdicts import Pair, Verdict
from pages import _class, _runs
from tests.apps import opened, own_store, query, rerun, shown_text

EXPERIMENT = {
    "train_size": 100,
    "test_size": 60,
    "budget": 0.1,
    "attack": {"name": "label-flip"},
    "label_rule": "chosen",
}
EVIL = "<b>[x](//y)</b>*"


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own_store(tmp_path, monkeypatch)


def new_challenge(*rounds: str, is_open: bool = True) -> tuple[Challenge, str]:
    challenge, key = folder.open_challenge(parse_rules({"rounds": rounds or ("attack",), "experiment": EXPERIMENT}))
    if is_open:
        challenge.change(lambda course: course.with_next_round(challenge.rules, time.time()))
    return challenge, key


def keys(app: AppTest) -> set[str]:
    kinds = ("button", "text_input", "multiselect", "toggle", "button_group")
    return {element.key for kind in kinds for element in app.get(kind) if element.key}


def test_a_teacher_opens_one_and_has_its_secret_link() -> None:
    app = opened("challenge.py", train="200", test="100", attack="label-flip", budget="5")
    app.text_input(key="open-title").set_value("Flip it")
    rerun(next(button for button in app.button if button.label == "Open the challenge").click())
    (challenge,) = folder.all_challenges()
    assert (challenge.rules.title, challenge.rules.rounds) == ("Flip it", ("attack",))
    assert (challenge.rules.experiment.train_size, challenge.rules.experiment.budget) == (200, 0.05)
    link = query(app)
    assert link["code"] == challenge.code
    assert challenge.is_teacher(link["teacher"])
    assert codes.shown(challenge.code) in [metric.value for metric in app.metric]
    rerun(app.button(key="challenge-start").click())
    assert challenge.course().phase(challenge.rules, time.time()) == "open"
    rerun(app.button(key="challenge-freeze").click())
    assert challenge.course().frozen is not None
    rerun(app.button(key="challenge-end").click())
    assert challenge.course().phase(challenge.rules, time.time()) == "over"
    rerun(app.button(key="challenge-reveal").click())
    assert challenge.course().revealed


def test_without_the_key_nobody_is_the_teacher() -> None:
    challenge, key = new_challenge()
    for wrong in ({}, {"teacher": "0" * 32}, {"teacher": challenge.teacher}, {"teacher": key.upper()}):
        app = opened("challenge.py", code=challenge.code, **wrong)
        assert not {"challenge-end", "challenge-reveal", "challenge-freeze"} & keys(app)
        assert key not in shown_text(app)
    assert "challenge-end" in keys(opened("challenge.py", code=challenge.code, teacher=key))


def test_a_student_joins_by_the_code_and_hands_in_the_sidebar_s_attack() -> None:
    challenge, _ = new_challenge()
    app = opened("challenge.py")
    app.text_input(key="join-code").set_value(codes.shown(challenge.code).lower())
    app.text_input(key="join-name").set_value(EVIL)
    rerun(next(button for button in app.button if button.label == "Take part").click())
    (person,) = people(challenge)
    assert person.name == EVIL
    link = query(app)
    assert link["code"] == challenge.code
    assert codes.digest(link["me"]) == person.id
    assert "train" in link["lock"].split(",")
    assert "attack" not in link["lock"].split(",")
    assert app.session_state["spec"].train_size == 100
    rerun(app.button(key="hand-in-attack").click())
    (entry,) = all_submissions(challenge)
    assert (entry.name, entry.kind, entry.attack and entry.attack["name"]) == (EVIL, "attack", "label-flip")
    assert "Confirmed" in "".join(success.value for success in app.success)
    judge(challenge.code, entry.id, device="cpu")
    again = opened("challenge.py", **link)
    assert "points" in shown_text(again)
    assert again.dataframe[0].value["By"].tolist() == [EVIL]
    markdown = "\n".join(element.value for element in [*again.markdown, *again.caption])
    markdown += "\n".join(metric.delta for metric in again.metric)
    assert EVIL not in markdown, "a name must have no effect as Markdown"
    rows = set(hidden_rows(challenge).tolist())
    assert not any(str(sorted(rows)[:3])[1:-1] in element.value for element in again.markdown)


def test_a_defence_round_takes_chains() -> None:
    challenge, _ = new_challenge("defence")
    _, key = join(challenge, "Bob")
    app = opened("challenge.py", code=challenge.code, me=key)
    app.button_group(key="challenge-with").set_value(["sphere"])
    rerun(app)
    rerun(app.button(key="hand-in-defence").click())
    (entry,) = all_submissions(challenge)
    assert (entry.kind, [text.partition(":")[0] for text in entry.chain]) == ("defence", ["sphere"])


def test_a_wrong_code_and_a_taken_name_are_said() -> None:
    challenge, _ = new_challenge()
    join(challenge, "Ada")
    app = opened("challenge.py", code=challenge.code)
    app.text_input(key="join-name").set_value("ada")
    rerun(next(button for button in app.button if button.label == "Take part").click())
    assert "under this name" in shown_text(app)
    assert "no challenge with this code" in shown_text(opened("challenge.py", code="ABCDEFGH"))


def test_codes_can_not_be_tried_one_after_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codes, "WRONG_OF_PERSON", 3)
    monkeypatch.setattr(_runs, "person", lambda: "eve")  # the cookie, which the tester does not have
    challenge, _ = new_challenge()
    app = opened("challenge.py")
    for _ in range(codes.WRONG_OF_PERSON):
        app.text_input(key="join-code").set_value("ABCD-EFGH")
        app.text_input(key="join-name").set_value("Eve")
        rerun(next(button for button in app.button if button.label == "Take part").click())
    app.text_input(key="join-code").set_value(challenge.code)
    rerun(next(button for button in app.button if button.label == "Take part").click())
    assert "Too many wrong codes" in shown_text(app)
    assert people(challenge) == []


def test_who_is_in_a_challenge_stays_in_it_while_others_try_codes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codes, "WRONG_OF_ALL", 5)
    monkeypatch.setattr(_class, "_GUESSES", codes.Guesses())
    challenge, _ = new_challenge()
    _, key = join(challenge, "Ada")
    app = opened("challenge.py", code=challenge.code, me=key)
    for number in range(codes.WRONG_OF_ALL):
        _class._GUESSES.note(f"eve-{number}")
    assert "You are Ada" in shown_text(rerun(app))
    assert "Too many wrong codes" in shown_text(opened("challenge.py", code=challenge.code))


def test_the_projector_shows_the_board_until_it_freezes() -> None:
    challenge, _ = new_challenge()
    person, _ = join(challenge, "Ada")
    entry = hand_in_attack(challenge, person, {"name": "label-flip"}, None)
    challenge.write("verdicts", entry.id, _verdict(entry.id, 12.3).to_json())
    text = shown_text(opened("projector.py", code=challenge.code))
    assert codes.shown(challenge.code) in text
    assert "Ada" in text
    assert "12.3" in text
    challenge.change(lambda course: course.with_board(frozen=entry.time - 1))
    frozen = shown_text(opened("projector.py", code=challenge.code))
    assert "frozen until the reveal" in frozen
    assert "Ada" not in frozen
    assert "no challenge with this code" in shown_text(opened("projector.py", code="../../x"))


def _verdict(submission: str, damage: float) -> Verdict:
    return Verdict(submission, "judged", clean=0.9, pairs=(Pair(submission, "", 0.9 - damage / 100, damage),))


def test_predictions_of_a_class_come_in_and_show_when_the_teacher_says_so() -> None:
    challenge, key = new_challenge()
    app = opened("lessons.py", **{"lesson": "head", "class": challenge.code})
    answer = next(element for element in [*app.radio, *app.number_input] if element.key == "answer-head-0")
    answer.set_value(0 if answer.type == "radio" else answer.min)
    rerun(app)
    rerun(app.button(key="predict").click())
    assert predictions.tally(challenge, "head-1").count == 1
    assert query(app)["class"].startswith(f"{challenge.code}.")
    assert "your teacher decides" in shown_text(app)
    teacher = opened("challenge.py", code=challenge.code, teacher=key)
    assert "1 answer" in shown_text(teacher)
    rerun(teacher.toggle(key="show-head-1").set_value(True))
    assert challenge.course().shown == ("head-1",)
    assert "1 answer" in shown_text(opened("projector.py", code=challenge.code))
    assert "What your class predicted" in shown_text(rerun(app))
