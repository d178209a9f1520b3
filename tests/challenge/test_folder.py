"""Challenges on disk: what is there survives, and what is no code leads nowhere."""

import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from core.challenge import folder
from core.challenge.people import NAME_LETTERS, clean_name, join, people, person_of
from core.challenge.rules import parse_rules
from core.system.errors import ChallengeError, SpecError
from tests.challenge.conftest import EXPERIMENT, opened


def test_a_challenge_is_found_by_its_code_with_its_rules() -> None:
    challenge, key = folder.open_challenge(parse_rules({"experiment": EXPERIMENT, "minutes": 7, "title": "Flip it"}))
    folder._content.cache_clear()  # as a server that starts again
    again = folder.find(challenge.code.lower())
    assert again == challenge
    assert (again.rules.title, again.rules.minutes, again.rules.experiment.train_size) == ("Flip it", 7, 100)
    assert again.is_teacher(key)
    assert not again.is_teacher("")
    assert key not in "".join(path.read_text() for path in challenge.folder.rglob("*.json"))


def test_the_login_of_whoever_opened_it_has_the_rights() -> None:
    challenge, _ = folder.open_challenge(parse_rules({"experiment": EXPERIMENT}), owner="login:ada")
    assert challenge.is_teacher("", "login:ada")
    assert not challenge.is_teacher("", "login:eve")
    assert not challenge.is_teacher("", "")


@pytest.mark.parametrize("code", ["../secret", "..", "/etc/passwd", "ABCD-EFGH", "", "%2e%2e"])
def test_no_other_code_leads_anywhere(code: str, own_home: Path) -> None:
    opened()
    with pytest.raises(ChallengeError, match="no challenge with this code"):
        folder.find(code)


@pytest.mark.parametrize("name", ["../secret", "a/b", ".", "", "ROOT", "a" * 65])
def test_no_part_of_a_path_leaves_the_folder(name: str) -> None:
    challenge = opened()
    with pytest.raises(ChallengeError):
        challenge.read("submissions", name)


def test_two_who_change_it_at_once_both_have_their_way() -> None:
    challenge = opened()

    def hide(number: int) -> None:
        challenge.change(lambda course: replace(course, hidden=(*course.hidden, str(number))))

    threads = [threading.Thread(target=hide, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(challenge.course().hidden, key=int) == [str(number) for number in range(20)]


def test_a_damaged_course_is_named() -> None:
    challenge = opened()
    (challenge.folder / "course.json").write_text("{")
    with pytest.raises(ChallengeError, match=r"course\.json"):
        challenge.course()


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ({"minutes": 0}, "minutes"),
        ({"tries": 0}, "tries"),
        ({"rounds": ["attack", "party"]}, "rounds"),
        ({"experiment": {"train_size": 5}}, "train_size"),
        ({"experiment": {"evade": "sphere"}}, "evade"),
        ({"experiment": "none"}, "experiment"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_rules_out_of_bounds_are_refused(rules: dict[str, object], words: str) -> None:
    with pytest.raises(SpecError, match=words):
        parse_rules({"experiment": EXPERIMENT, **rules})


def test_people_have_names_of_their_own() -> None:
    challenge = opened(people=2)
    person, key = join(challenge, "  Ada   Lovelace ")
    assert person.name == "Ada Lovelace"
    assert person_of(challenge, key) == person
    assert person_of(challenge, "") is None
    assert person_of(challenge, "0" * 32) is None
    with pytest.raises(ChallengeError, match="under this name"):
        join(challenge, "ADA LOVELACE")
    join(challenge, "Bob")
    with pytest.raises(ChallengeError, match="2 people"):
        join(challenge, "Cy")
    assert {person.name for person in people(challenge)} == {"Ada Lovelace", "Bob"}


@pytest.mark.parametrize("text", ["", "   ", "a" * (NAME_LETTERS + 1), "a\u202eb", "a\x00b"])
def test_what_can_not_be_printed_is_no_name(text: str) -> None:
    with pytest.raises(ChallengeError, match="A name has"):
        clean_name(text)


def test_nobody_joins_what_is_over() -> None:
    challenge = opened()
    challenge.change(lambda course: course.with_reveal(time.time()))
    with pytest.raises(ChallengeError, match="over"):
        join(challenge, "Ada")
